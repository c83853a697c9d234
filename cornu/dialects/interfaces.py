"""`keras.legacy.interfaces`: decorators by which Keras 2 took the arguments of Keras 1.

Layers copied from Keras 2 and changed carry them. Here every constructor takes old spellings, so
they give back what they decorate.
"""

from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["as_it_is", "decorator", "decorators"]

Decorated = TypeVar("Decorated", bound=Callable)

CALLS = (
    "add_weight batchnorm conv1d conv2d conv3d convlstm2d cropping2d cropping3d deconv2d dense "
    "dropout embedding gaussiandropout gaussiannoise generator_methods get_updates global_pooling "
    "input lambda model_constructor pooling1d pooling2d pooling3d prelu recurrent "
    "separable_conv2d spatialdropout1d spatialdropoutNd upsampling1d upsampling2d upsampling3d "
    "zeropadding2d zeropadding3d"
).split()
"""What each of them was for."""


def as_it_is(function: Decorated) -> Decorated:
    """What is decorated."""
    return function


def decorator(*args: Any, **kwargs: Any) -> Callable[[Decorated], Decorated]:
    """A decorator that gives back what it decorates, whatever it is to convert."""
    return as_it_is


decorators: dict[str, Callable] = {
    "generate_legacy_interface": decorator,
    "generate_legacy_method_interface": decorator,
    **{f"legacy_{call}_support": as_it_is for call in CALLS},
}
"""Name in Keras -> what stands for it."""
