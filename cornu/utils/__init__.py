"""Small things that users call by `cornu.utils`: seeds, labels, files, progress, drawings."""

from cornu.callbacks.progress import Progbar
from cornu.config import custom_object_scope, register_keras_serializable
from cornu.state import set_random_seed
from cornu.utils.arrays import normalize, to_categorical
from cornu.utils.downloads import get_file
from cornu.utils.drawing import Drawing, model_to_dot, plot_model

__all__ = [
    "Drawing",
    "Progbar",
    "custom_object_scope",
    "get_file",
    "model_to_dot",
    "normalize",
    "plot_model",
    "register_keras_serializable",
    "set_random_seed",
    "to_categorical",
]
