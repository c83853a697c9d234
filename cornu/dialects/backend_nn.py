"""Activations, crossentropies, dropout and normalization of `K`."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cornu import ops, state
from cornu.dialects.backend_math import unary
from cornu.dialects.backend_record import recorded
from cornu.dialects.backend_state import data_format_of
from cornu.dialects.generations import before
from cornu.errors import UsageError

__all__ = [
    "batch_normalization",
    "bias_add",
    "binary_crossentropy",
    "categorical_crossentropy",
    "dropout",
    "elu",
    "hard_sigmoid",
    "in_top_k",
    "l2_normalize",
    "normalize_batch_in_training",
    "relu",
    "sigmoid",
    "softmax",
    "softplus",
    "softsign",
    "sparse_categorical_crossentropy",
    "tanh",
]

# ---------------------------------------------------------------- activations

sigmoid = unary("sigmoid", ops.sigmoid, "1 / (1 + exp(-x)).")
softplus = unary("softplus", ops.softplus, "log(1 + exp(x)).")
softsign = unary("softsign", ops.softsign, "x / (1 + |x|).")
tanh = unary("tanh", ops.tanh, "The hyperbolic tangent.")
hard_sigmoid = unary(
    "hard_sigmoid",
    lambda x: ops.clip(ops.convert_to_tensor(x) * 0.2 + 0.5, 0.0, 1.0),
    "0.2 x + 0.5 within 0 and 1, as in every generation before 3.",
)


@recorded
def relu(x: Any, alpha: Any = 0.0, max_value: Any = None, threshold: float = 0.0) -> Any:
    """`max_value` where x >= `max_value`, x where x >= `threshold`, else alpha (x - threshold)."""
    return ops.relu(x, alpha, max_value, threshold)


@recorded
def elu(x: Any, alpha: Any = 1.0) -> Any:
    """x where x > 0, else alpha (exp(x) - 1)."""
    return ops.elu(x, alpha)


@recorded
def softmax(x: Any, axis: int = -1) -> Any:
    """exp(x) / sum(exp(x)) along `axis`."""
    return ops.softmax(x, axis)


@recorded
def l2_normalize(x: Any, axis: Any = None) -> Any:
    """x / sqrt(max(sum(x^2), 1e-12)) over `axis`, over all elements for None."""
    x = ops.convert_to_tensor(x)
    axes = tuple(range(x.ndim)) if axis is None else axis
    return ops.normalize(x, axes, epsilon=1e-6)


# ---------------------------------------------------------------- crossentropies


def _ordered(fn: Callable) -> Callable:
    """`fn(target, output, …)`; before 2.0 positional arguments are (output, target).

    2.0.7 changed it, so scripts of 2.0.0 to 2.0.6 must name them. Names of arguments mean what
    they say in every generation.
    """
    run = recorded(fn)

    @functools.wraps(fn)
    def call(*args: Any, **kwargs: Any) -> Any:
        if len(args) > 1 and before("2.0"):
            args = (args[1], args[0], *args[2:])
        elif len(args) == 1 and before("2.0") and "target" in kwargs:
            args, kwargs = (), {"output": args[0], **kwargs}
        return run(*args, **kwargs)

    return call


@_ordered
def binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Any:
    """`-t log(p) - (1 - t) log(1 - p)`, entry by entry.

    In a generation before 2.0 positional arguments are (output, target).
    """
    return ops.binary_crossentropy(target, output, from_logits)


@_ordered
def categorical_crossentropy(
    target: Any, output: Any, from_logits: bool = False, axis: int = -1
) -> Any:
    """`-sum(t log(p))` over the classes on `axis`; argument order as in `binary_crossentropy`."""
    return ops.categorical_crossentropy(target, output, from_logits, axis)


@_ordered
def sparse_categorical_crossentropy(
    target: Any, output: Any, from_logits: bool = False, axis: int = -1
) -> Any:
    """`-log(p[t])` for class numbers `target`, of any shape that has one for each prediction.

    The result has the shape of `output` without its classes. Argument order as in
    `binary_crossentropy`.
    """
    output = ops.convert_to_tensor(output)
    shape = list(output.shape)
    del shape[axis]
    target = ops.reshape(ops.convert_to_tensor(target), shape)
    return ops.sparse_categorical_crossentropy(target, output, from_logits, axis)


@recorded
def in_top_k(predictions: Any, targets: Any, k: Any) -> Any:
    """Whether each class number of `targets` is among the `k` largest of its row."""
    return ops.in_top_k(ops.cast(targets, "int32"), predictions, k)


# ---------------------------------------------------------------- dropout and normalization


@recorded(sizes=("noise_shape",), draws=True)
def _dropped(x: Any, level: Any, noise_shape: Any, seed: int | None) -> Any:
    shape = None if noise_shape is None else [None if n is None else int(n) for n in noise_shape]
    return ops.dropout(x, level, shape, state.draw_key(seed))


def dropout(x: Any, level: float, noise_shape: Any = None, seed: int | None = None) -> Any:
    """`x` with a share `level` of its entries 0 and the others divided by 1 - level.

    Before 1.0.8 the seed came third: a single number there is one.
    """
    if isinstance(noise_shape, (int, np.integer)):
        noise_shape, seed = None, int(noise_shape)
    return _dropped(x, level, noise_shape, seed)


def _along(v: Any, ndim: int, axis: int) -> Any:
    """A vector so that it broadcasts along `axis`; other shapes broadcast as they are."""
    v = ops.convert_to_tensor(v)
    if v.ndim != 1:
        return v
    shape = [1] * ndim
    shape[axis] = -1
    return ops.reshape(v, shape)


@recorded
def _normalized(
    x: Any, mean: Any, var: Any, beta: Any, gamma: Any, axis: int, epsilon: float
) -> Any:
    x = ops.convert_to_tensor(x)
    factor = ops.rsqrt(_along(var, x.ndim, axis) + epsilon)
    if gamma is not None:
        factor = factor * _along(gamma, x.ndim, axis)
    y = (x - _along(mean, x.ndim, axis)) * factor
    y = y if beta is None else y + _along(beta, x.ndim, axis)
    return ops.cast(y, x.dtype)


def batch_normalization(
    x: Any,
    mean: Any,
    var: Any = None,
    beta: Any = None,
    gamma: Any = None,
    axis: Any = -1,
    epsilon: float = 1e-3,
    std: Any = None,
) -> Any:
    """(x - mean) / sqrt(var + epsilon) * gamma + beta.

    Args:
        x: array.
        mean: vector along `axis`, or what broadcasts against `x`; so are the others.
        var: as `mean`.
        beta: as `mean`, or None for 0.
        gamma: as `mean`, or None for 1.
        axis: of the vectors. Before 2.2 `epsilon` came here: a float is that.
        epsilon: keeps the division finite.
        std: deviation in place of `var`, as in 1.0.6: then (x - mean) / (std + epsilon).
    """
    if isinstance(axis, float):
        axis, epsilon = -1, axis
    if std is not None:
        return _normalized(x, mean, _widened(std, epsilon), beta, gamma, axis, 0.0)
    if var is None:
        raise UsageError("E-ARGUMENT", "K.batch_normalization needs var, the variance of x.")
    return _normalized(x, mean, var, beta, gamma, axis, epsilon)


@recorded
def _widened(std: Any, epsilon: float) -> Any:
    return ops.square(ops.convert_to_tensor(std) + epsilon)


@recorded
def normalize_batch_in_training(
    x: Any, gamma: Any, beta: Any, reduction_axes: Sequence[int], epsilon: float = 1e-3
) -> tuple:
    """`x` normalized by its own mean and variance over `reduction_axes`; then these two."""
    x = ops.convert_to_tensor(x)
    axes = tuple(reduction_axes)
    mean, var = ops.moments(x, axes)
    kept = [1 if i in axes else n for i, n in enumerate(x.shape)]

    def wide(v: Any) -> Any:
        return None if v is None else ops.reshape(v, kept)

    factor = ops.rsqrt(wide(var) + epsilon)
    y = (x - wide(mean)) * (factor if gamma is None else factor * wide(gamma))
    return (y if beta is None else y + wide(beta)), mean, var


@recorded
def _biased(x: Any, bias: Any, first: bool) -> Any:
    x, bias = ops.convert_to_tensor(x), ops.convert_to_tensor(bias)
    if bias.ndim not in (1, x.ndim - 1):
        raise UsageError(
            "E-RANK",
            f"K.bias_add: bias must have 1 axis, or {x.ndim - 1} as a sample of x has; got shape "
            f"{tuple(bias.shape)}.",
        )
    if bias.ndim == 1:
        return x + (bias.reshape((-1, *[1] * (x.ndim - 2))) if first else bias)
    return x + (bias.reshape((bias.shape[-1], *bias.shape[:-1])) if first else bias)


def bias_add(x: Any, bias: Any, data_format: Any = None) -> Any:
    """`x` plus a bias for each channel, or for each entry of a sample.

    A bias of a whole sample is (*space, channels); channels-first it is read row by row as
    (channels, *space), as Keras did.
    """
    return _biased(x, bias, data_format_of(data_format) == "channels_first")
