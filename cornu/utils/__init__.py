"""Small things that users call by `cornu.utils`: seeds, labels, files, data sets, drawings.

Each is loaded when it is first used.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cornu.callbacks.progress import Progbar
    from cornu.config import custom_object_scope, register_keras_serializable
    from cornu.state import set_random_seed
    from cornu.utils.arrays import normalize, to_categorical
    from cornu.utils.audio import audio_dataset_from_directory
    from cornu.utils.batches import Batches
    from cornu.utils.downloads import get_file
    from cornu.utils.drawing import Drawing, model_to_dot, plot_model
    from cornu.utils.feature_space import FeatureSpace
    from cornu.utils.folders import text_dataset_from_directory
    from cornu.utils.hdf5_matrix import HDF5Matrix
    from cornu.utils.image_files import array_to_img, img_to_array, load_img, save_img
    from cornu.utils.image_folders import image_dataset_from_directory
    from cornu.utils.pydataset import PyDataset, Sequence
    from cornu.utils.sequences import pad_sequences
    from cornu.utils.series import timeseries_dataset_from_array
    from cornu.utils.splitting import (
        pack_x_y_sample_weight,
        split_dataset,
        unpack_x_y_sample_weight,
    )

_HOMES = {
    "Batches": "cornu.utils.batches",
    "Drawing": "cornu.utils.drawing",
    "FeatureSpace": "cornu.utils.feature_space",
    "HDF5Matrix": "cornu.utils.hdf5_matrix",
    "Progbar": "cornu.callbacks.progress",
    "PyDataset": "cornu.utils.pydataset",
    "Sequence": "cornu.utils.pydataset",
    "array_to_img": "cornu.utils.image_files",
    "audio_dataset_from_directory": "cornu.utils.audio",
    "custom_object_scope": "cornu.config",
    "get_file": "cornu.utils.downloads",
    "image_dataset_from_directory": "cornu.utils.image_folders",
    "img_to_array": "cornu.utils.image_files",
    "load_img": "cornu.utils.image_files",
    "model_to_dot": "cornu.utils.drawing",
    "normalize": "cornu.utils.arrays",
    "pack_x_y_sample_weight": "cornu.utils.splitting",
    "pad_sequences": "cornu.utils.sequences",
    "plot_model": "cornu.utils.drawing",
    "register_keras_serializable": "cornu.config",
    "save_img": "cornu.utils.image_files",
    "set_random_seed": "cornu.state",
    "split_dataset": "cornu.utils.splitting",
    "text_dataset_from_directory": "cornu.utils.folders",
    "timeseries_dataset_from_array": "cornu.utils.series",
    "to_categorical": "cornu.utils.arrays",
    "unpack_x_y_sample_weight": "cornu.utils.splitting",
}

__all__ = [
    "Batches",
    "Drawing",
    "FeatureSpace",
    "HDF5Matrix",
    "Progbar",
    "PyDataset",
    "Sequence",
    "array_to_img",
    "audio_dataset_from_directory",
    "custom_object_scope",
    "get_file",
    "image_dataset_from_directory",
    "img_to_array",
    "load_img",
    "model_to_dot",
    "normalize",
    "pack_x_y_sample_weight",
    "pad_sequences",
    "plot_model",
    "register_keras_serializable",
    "save_img",
    "set_random_seed",
    "split_dataset",
    "text_dataset_from_directory",
    "timeseries_dataset_from_array",
    "to_categorical",
    "unpack_x_y_sample_weight",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'cornu.utils' has no attribute '{name}'")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
