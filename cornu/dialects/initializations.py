"""`keras.initializations` of Keras 0 and 1: functions of a shape that give a variable.

`scale` is the bound of the uniform ones and the deviation of the normal ones. Shapes of kernels are
(inputs, outputs), or those of `dim_ordering`: "th" for (filters, channels, *window).
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cornu import initializers
from cornu.dialects.backend_state import data_format_of
from cornu.dialects.backend_tensors import (
    random_normal_variable,
    random_uniform_variable,
    variable,
)
from cornu.errors import UsageError, shown, unknown
from cornu.state import Variable

__all__ = [
    "get",
    "get_fans",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "identity",
    "lecun_uniform",
    "normal",
    "one",
    "orthogonal",
    "uniform",
    "zero",
]

Shape = Sequence[int]


def get_fans(shape: Shape, dim_ordering: str | None = "th") -> tuple[float, float]:
    """How many inputs an output of a kernel has, and how many outputs an input has."""
    if len(shape) == 2:
        return shape[0], shape[1]
    if len(shape) in (4, 5):
        first = data_format_of(dim_ordering) == "channels_first"
        window = math.prod(shape[2:] if first else shape[:-2])
        inputs, outputs = (shape[1], shape[0]) if first else (shape[-2], shape[-1])
        return inputs * window, outputs * window
    root = math.sqrt(math.prod(shape))
    return root, root


def uniform(
    shape: Shape, scale: float = 0.05, name: str | None = None, dim_ordering: str | None = "th"
) -> Variable:
    """A variable of numbers spread evenly from -scale to scale."""
    return random_uniform_variable(shape, -scale, scale, name=name)


def normal(
    shape: Shape, scale: float = 0.05, name: str | None = None, dim_ordering: str | None = "th"
) -> Variable:
    """A variable of normal numbers of deviation `scale`."""
    return random_normal_variable(shape, 0.0, scale, name=name)


def lecun_uniform(
    shape: Shape, name: str | None = None, dim_ordering: str | None = "th"
) -> Variable:
    """`uniform` of scale sqrt(3 / inputs). Source: LeCun et al., "Efficient BackProp", 1998."""
    return uniform(shape, math.sqrt(3 / get_fans(shape, dim_ordering)[0]), name)


def glorot_normal(
    shape: Shape, name: str | None = None, dim_ordering: str | None = "th"
) -> Variable:
    """`normal` of scale sqrt(2 / (inputs + outputs)). Source: Glorot and Bengio, 2010."""
    return normal(shape, math.sqrt(2 / sum(get_fans(shape, dim_ordering))), name)


def glorot_uniform(
    shape: Shape, name: str | None = None, dim_ordering: str | None = "th"
) -> Variable:
    """`uniform` of scale sqrt(6 / (inputs + outputs)). Source: Glorot and Bengio, 2010."""
    return uniform(shape, math.sqrt(6 / sum(get_fans(shape, dim_ordering))), name)


def he_normal(shape: Shape, name: str | None = None, dim_ordering: str | None = "th") -> Variable:
    """`normal` of scale sqrt(2 / inputs). Source: He et al., 2015, arXiv:1502.01852."""
    return normal(shape, math.sqrt(2 / get_fans(shape, dim_ordering)[0]), name)


def he_uniform(shape: Shape, name: str | None = None, dim_ordering: str | None = "th") -> Variable:
    """`uniform` of scale sqrt(6 / inputs). Source: He et al., 2015, arXiv:1502.01852."""
    return uniform(shape, math.sqrt(6 / get_fans(shape, dim_ordering)[0]), name)


def orthogonal(
    shape: Shape, scale: float = 1.1, name: str | None = None, dim_ordering: str | None = "th"
) -> Variable:
    """`scale` times a matrix of orthogonal rows or columns; more axes are taken as columns.

    Source: Saxe et al., 2014, arXiv:1312.6120.
    """
    columns = initializers.Orthogonal(gain=scale)((shape[0], math.prod(shape[1:])))
    return variable(np.reshape(np.asarray(columns), tuple(shape)), name=name)


def identity(
    shape: Shape, scale: float = 1.0, name: str | None = None, dim_ordering: str | None = "th"
) -> Variable:
    """`scale` times the identity. Raises UsageError where the shape is no square matrix."""
    if len(shape) != 2 or shape[0] != shape[1]:
        raise UsageError("E-SHAPE", f"identity is for square matrices; got shape {shown(shape)}.")
    return variable(scale * np.eye(shape[0]), name=name)


def zero(shape: Shape, name: str | None = None, dim_ordering: str | None = "th") -> Variable:
    """A variable of zeros."""
    return variable(np.zeros(tuple(shape)), name=name)


def one(shape: Shape, name: str | None = None, dim_ordering: str | None = "th") -> Variable:
    """A variable of ones."""
    return variable(np.ones(tuple(shape)), name=name)


def get(identifier: Any, **kwargs: Any) -> Callable:
    """The function of a name; a function stays as it is. `kwargs` are given at every call.

    Raises UsageError for an unknown name.
    """
    found = {name: globals()[name] for name in __all__ if name not in ("get", "get_fans")}
    if callable(identifier):
        return identifier
    if identifier not in found:
        raise unknown("initializer", identifier, found)
    chosen = found[identifier]
    return (lambda shape, **more: chosen(shape, **{**kwargs, **more})) if kwargs else chosen
