"""Activations by name: the table behind `activation="relu"`, and the functions to call directly.

The formulas are ops (`cornu/ops/activation.py`); here are only the names, the default arguments
that differ from the ops', and the way to and from plain data.
"""

from collections.abc import Callable, Mapping
from typing import Any

from cornu import config as _config
from cornu import engine as _engine
from cornu.config import Family
from cornu.errors import warn
from cornu.ops import activation as _ops
from cornu.ops.activation import (
    celu,
    elu,
    exponential,
    glu,
    hard_shrink,
    hard_sigmoid,
    hard_silu,
    hard_tanh,
    leaky_relu,
    linear,
    log_sigmoid,
    log_softmax,
    mish,
    relu,
    relu6,
    selu,
    sigmoid,
    silu,
    soft_shrink,
    softplus,
    softsign,
    sparse_plus,
    sparse_sigmoid,
    sparsemax,
    squareplus,
    tanh,
    tanh_shrink,
    threshold,
)

__all__ = [
    "celu",
    "deserialize",
    "elu",
    "exponential",
    "gelu",
    "get",
    "glu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "serialize",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "squareplus",
    "swish",
    "tanh",
    "tanh_shrink",
    "threshold",
]


def gelu(x: Any, approximate: bool = False) -> Any:
    """`x` times the normal distribution function at `x`; by tanh of a cubic if `approximate`.

    Source: Hendrycks & Gimpel, 2016.
    """
    return _ops.gelu(x, approximate)


def softmax(x: Any, axis: Any = -1) -> Any:
    """`exp(x) / sum(exp(x))` along `axis`. Warns where that axis has size 1."""
    shape: Any = getattr(x, "shape", ())
    known = bool(shape) and isinstance(axis, int) and -len(shape) <= axis < len(shape)
    if known and shape[axis] == 1 and not _engine.is_traced(x):  # a model names the layer instead
        warn(
            f"softmax over axis {axis} of shape {tuple(shape)}, which has size 1, always returns "
            "1. Did you mean sigmoid?"
        )
    return _ops.softmax(x, axis)


hard_swish = hard_silu
swish = silu

family = Family("activation")
family.register(
    celu,
    elu,
    exponential,
    gelu,
    glu,
    hard_shrink,
    hard_sigmoid,
    hard_silu,
    hard_tanh,
    leaky_relu,
    linear,
    log_sigmoid,
    log_softmax,
    mish,
    relu,
    relu6,
    selu,
    sigmoid,
    silu,
    soft_shrink,
    softmax,
    softplus,
    softsign,
    sparse_plus,
    sparse_sigmoid,
    sparsemax,
    squareplus,
    tanh,
    tanh_shrink,
    threshold,
    hard_swish=hard_silu,
    swish=silu,
)


def get(identifier: Any) -> Callable:
    """The function for a name, a config, a layer or a function; `linear` for None.

    Raises UsageError for an unknown name, with the nearest one.
    """
    if identifier is None:
        return linear
    if isinstance(identifier, Mapping):
        return deserialize(identifier)
    return family.get(identifier)


def serialize(activation: Any) -> Any:
    """The plain form of an activation: its name, or a config where it is an object."""
    return family.serialize(activation)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Callable:
    """The activation that a plain form describes. Raises UsageError for an unknown name."""
    if isinstance(config, Mapping) and config.get("class_name", "function") != "function":
        return _config.deserialize(config, custom_objects)  # a layer used as an activation
    return linear if config is None else family.deserialize(config, custom_objects)
