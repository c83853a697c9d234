"""Small things that users call by `cornu.utils`: seeds, labels, the progress bar."""

from cornu.callbacks.progress import Progbar
from cornu.config import custom_object_scope, register_keras_serializable
from cornu.state import set_random_seed
from cornu.utils.arrays import normalize, to_categorical

__all__ = [
    "Progbar",
    "custom_object_scope",
    "normalize",
    "register_keras_serializable",
    "set_random_seed",
    "to_categorical",
]
