"""Models as estimators of scikit-learn: for its pipelines, searches and scores.

They need the extra `sklearn`, which is loaded when one of them is first used.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cornu.wrappers.estimators import SKLearnClassifier, SKLearnRegressor, SKLearnTransformer

__all__ = ["SKLearnClassifier", "SKLearnRegressor", "SKLearnTransformer"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'cornu.wrappers' has no attribute '{name}'")
    try:
        import sklearn  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f'{name} needs scikit-learn: pip install "cornu[sklearn]" or pip install scikit-learn.'
        ) from error
    value = getattr(importlib.import_module("cornu.wrappers.estimators"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
