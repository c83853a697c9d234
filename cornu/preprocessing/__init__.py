"""Data made ready for a model: texts, sequences, series and images, beside the layers for it.

Each module is loaded when it is first used.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cornu.preprocessing import image, sequence, text, timeseries
    from cornu.utils.folders import text_dataset_from_directory
    from cornu.utils.image_folders import image_dataset_from_directory
    from cornu.utils.series import timeseries_dataset_from_array

_HOMES = {
    "image_dataset_from_directory": "cornu.utils.image_folders",
    "text_dataset_from_directory": "cornu.utils.folders",
    "timeseries_dataset_from_array": "cornu.utils.series",
}

__all__ = [
    "image",
    "image_dataset_from_directory",
    "sequence",
    "text",
    "text_dataset_from_directory",
    "timeseries",
    "timeseries_dataset_from_array",
]

_MODULES = frozenset(__all__) - _HOMES.keys()


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"cornu.preprocessing.{name}")
    if name in _HOMES:
        value = getattr(importlib.import_module(_HOMES[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'cornu.preprocessing' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
