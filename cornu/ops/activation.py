"""Activation functions as ops: every one keeps the shape and the float dtype of its input.

Integers become `settings.floatx()`, save in `linear` and plain `relu`. All but `exponential` are
finite, with finite gradients, for |x| up to 1e4, and a NaN stays a NaN. At a kink the gradient is
that of the cut or bent side: 0 for `relu` at 0, the slope for `leaky_relu`. Names by string and
configs are in `cornu/activations.py`.
"""

import math
from typing import Any

from cornu import engine
from cornu.errors import UsageError
from cornu.graph import op
from cornu.ops import again, rectified
from cornu.ops.arithmetic import tanh
from cornu.ops.array import as_array, as_arrays, as_float

__all__ = [
    "celu",
    "elu",
    "exponential",
    "gelu",
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

SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946
GELU_FAR = 16.0  # from here on tanh of the cubic is 1 in every dtype; the cubic might overflow


# ---------------------------------------------------------------- piecewise linear


@op
def linear(x: Any) -> Any:
    """`x` itself."""
    return x


@op
def relu(x: Any, negative_slope: Any = 0.0, max_value: Any = None, threshold: float = 0.0) -> Any:
    """`max(x, 0)`; in full:

    `max_value` where `x >= max_value`, `x` where `threshold < x < max_value`, and
    `negative_slope * (x - threshold)` elsewhere.

    Source: Nair & Hinton, ICML 2010.
    """
    np = engine.np
    plain = isinstance(negative_slope, (int, float)) and negative_slope == 0
    if plain and max_value is None and isinstance(threshold, (int, float)) and threshold == 0:
        found = rectified.of(x)
        if found is not None:
            return found
    x, negative_slope = (as_array(x), 0) if plain else as_arrays(as_float(x), negative_slope)
    below = 0 if plain else negative_slope * (x - threshold)
    y = np.where(x <= threshold, below, x)
    return y if max_value is None else np.where(x >= max_value, max_value, y).astype(y.dtype)


@op
def relu6(x: Any) -> Any:
    """`min(max(x, 0), 6)`. Source: Krizhevsky, CIFAR-10 report, 2010."""
    np, x = engine.np, as_float(x)
    return np.where(x <= 0, 0.0, np.where(x >= 6, 6.0, x))


@op
def leaky_relu(x: Any, negative_slope: Any = 0.2) -> Any:
    """`x` where positive, `negative_slope * x` elsewhere. Source: Maas et al., ICML 2013."""
    x, negative_slope = as_arrays(as_float(x), negative_slope)
    return engine.np.where(x > 0, x, negative_slope * x)


@op
def hard_sigmoid(x: Any) -> Any:
    """`relu6(x + 3) / 6`: 0 up to -3, 1 from 3 on, a line between."""
    np, x = engine.np, as_float(x)
    return np.where(x <= -3, 0.0, np.where(x >= 3, 1.0, x / 6 + 0.5))


@op
def hard_silu(x: Any) -> Any:
    """`x * hard_sigmoid(x)`. Source: Howard et al., MobileNetV3, 2019."""
    np, x = engine.np, as_float(x)
    return np.where(x <= -3, 0.0, np.where(x >= 3, x, x * (x / 6 + 0.5)))


@op
def hard_tanh(x: Any) -> Any:
    """`x` cut at -1 and 1."""
    np, x = engine.np, as_float(x)
    return np.where(x <= -1, -1.0, np.where(x >= 1, 1.0, x))


@op
def hard_shrink(x: Any, threshold: float = 0.5) -> Any:
    """`x` where `|x| > threshold`, else 0."""
    np, x = engine.np, as_float(x)
    return np.where(np.abs(x) <= threshold, 0.0, x)


@op
def soft_shrink(x: Any, threshold: float = 0.5) -> Any:
    """`x` moved towards 0 by `threshold`, 0 where it would cross it."""
    np, x = engine.np, as_float(x)
    return np.where(np.abs(x) <= threshold, 0.0, x - threshold * np.sign(x))


@op
def sparse_sigmoid(x: Any) -> Any:
    """`(x + 1) / 2` cut at 0 and 1. Source: Martins & Astudillo, ICML 2016 (sparsemax in 2-D)."""
    np, x = engine.np, as_float(x)
    return np.where(x <= -1, 0.0, np.where(x >= 1, 1.0, 0.5 * (x + 1)))


@op
def sparse_plus(x: Any) -> Any:
    """0 up to -1, `(x + 1)**2 / 4` up to 1, `x` from there: the integral of `sparse_sigmoid`."""
    np, x = engine.np, as_float(x)
    return np.where(x <= -1, 0.0, np.where(x >= 1, x, 0.25 * (x + 1) * (x + 1)))


@op
def threshold(x: Any, threshold: Any, default_value: Any) -> Any:
    """`x` where `x > threshold`, else `default_value`."""
    x = as_float(x)
    return engine.np.where(x <= threshold, default_value, x).astype(x.dtype)


# ---------------------------------------------------------------- smooth


def _softplus(x: Any) -> Any:
    return engine.np.logaddexp(x, 0.0).astype(x.dtype)


@op
def sigmoid(x: Any) -> Any:
    """`1 / (1 + exp(-x))`."""
    return engine.sigmoid(as_float(x))


@op
def log_sigmoid(x: Any) -> Any:
    """`log(sigmoid(x))`, exact for large `|x|`."""
    return -_softplus(-as_float(x))


@op
def tanh_shrink(x: Any) -> Any:
    """`x - tanh(x)`."""
    x = as_float(x)
    return x - engine.np.tanh(x)


@op
def softplus(x: Any) -> Any:
    """`log(1 + exp(x))`, exact for large `|x|`. Source: Dugas et al., NIPS 2000."""
    return _softplus(as_float(x))


@op
def softsign(x: Any) -> Any:
    """`x / (1 + |x|)`."""
    x = as_float(x)
    return x / (1.0 + engine.np.abs(x))


@op
def silu(x: Any) -> Any:
    """`x * sigmoid(x)`, also known as swish. Source: Elfwing et al., Neural Networks 2018."""
    x = as_float(x)
    return x * engine.sigmoid(x)


@op
def mish(x: Any) -> Any:
    """`x * tanh(softplus(x))`. Source: Misra, BMVC 2020."""
    x = as_float(x)
    return x * engine.np.tanh(_softplus(x))


@op
def gelu(x: Any, approximate: bool = True) -> Any:
    """`x` times the normal distribution function at `x`; by tanh of a cubic if `approximate`.

    Source: Hendrycks & Gimpel, 2016.
    """
    np, x = engine.np, as_float(x)
    if not approximate:
        y = engine.gelu(x)
        if y is None:
            return 0.5 * x * (1.0 + engine.erf(x * math.sqrt(0.5)))
        again.remember(y, x)
        return y
    near = np.where(x <= -GELU_FAR, -GELU_FAR, np.where(x >= GELU_FAR, GELU_FAR, x))
    inner = math.sqrt(2.0 / math.pi) * (near + 0.044715 * near * near * near)
    return 0.5 * x * (1.0 + np.tanh(inner))


@op
def elu(x: Any, alpha: Any = 1.0) -> Any:
    """`x` where positive, `alpha * (exp(x) - 1)` elsewhere. Source: Clevert et al., ICLR 2016."""
    np = engine.np
    x, alpha = as_arrays(as_float(x), alpha)
    return np.where(x > 0, x, alpha * np.expm1(np.where(x > 0, 0.0, x)))


@op
def celu(x: Any, alpha: Any = 1.0) -> Any:
    """`x` where positive, `alpha * (exp(x / alpha) - 1)` elsewhere. Source: Barron, 2017."""
    np = engine.np
    x, alpha = as_arrays(as_float(x), alpha)
    return np.where(x > 0, x, alpha * np.expm1(np.where(x > 0, 0.0, x) / alpha))


@op
def selu(x: Any) -> Any:
    """`1.0507 * elu(x, 1.67326)`: keeps mean 0 and variance 1. Source: Klambauer et al., 2017."""
    np, x = engine.np, as_float(x)
    below = SELU_SCALE * SELU_ALPHA * np.expm1(np.where(x > 0, 0.0, x))
    return np.where(x > 0, SELU_SCALE * x, below)


@op
def squareplus(x: Any, b: Any = 4) -> Any:
    """`(x + sqrt(x**2 + b)) / 2`, without cancellation for negative `x`. Source: Barron, 2021."""
    np, x = engine.np, as_float(x)
    size = np.where(x > 0, x, -x)
    both = size + np.hypot(x, np.asarray(b, x.dtype) ** 0.5)
    return np.where(x > 0, 0.5 * both, (0.5 * b) / both)


@op
def exponential(x: Any) -> Any:
    """`exp(x)`; infinite from about 89 on in float32."""
    return engine.np.exp(as_float(x))


# ---------------------------------------------------------------- along an axis


@op
def softmax(x: Any, axis: Any = -1) -> Any:
    """`exp(x) / sum(exp(x))` along `axis` (an int, several, or None for all)."""
    np, x = engine.np, as_float(x)
    axis = tuple(axis) if isinstance(axis, list) else axis
    y = engine.softmax_rows(x) if axis in (-1, x.ndim - 1) else None
    if y is not None:
        return y
    top = engine.stop_gradient(np.max(x, axis=axis, keepdims=True))
    powers = np.exp(x - top)
    return powers / np.sum(powers, axis=axis, keepdims=True)


@op
def log_softmax(x: Any, axis: Any = -1) -> Any:
    """`log(softmax(x))` along `axis`, exact for large `|x|`."""
    np, x = engine.np, as_float(x)
    axis = tuple(axis) if isinstance(axis, list) else axis
    shifted = x - engine.stop_gradient(np.max(x, axis=axis, keepdims=True))
    return shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))


@op
def sparsemax(x: Any, axis: int = -1) -> Any:
    """The point of the simplex nearest to `x` along `axis`: like softmax, with true zeros.

    Source: Martins & Astudillo, ICML 2016.
    """
    np, x = engine.np, as_float(x)
    z = np.moveaxis(x, axis, -1)
    z = z - engine.stop_gradient(np.max(z, axis=-1, keepdims=True))
    fixed = engine.stop_gradient(z)
    ordered = -np.sort(-fixed, axis=-1)  # (..., n), largest first
    sums = np.cumsum(ordered, axis=-1)
    count = np.arange(1, z.shape[-1] + 1, dtype=z.dtype)
    size = np.sum((1 + count * ordered > sums).astype(z.dtype), axis=-1, keepdims=True)
    last = np.take_along_axis(ordered, size.astype("int32") - 1, axis=-1)
    outside = fixed < last
    # ties at the edge of the support all belong to it, so it is counted again
    size = np.sum(1.0 - outside.astype(z.dtype), axis=-1, keepdims=True)
    shift = (np.sum(np.where(outside, 0.0, z), axis=-1, keepdims=True) - 1.0) / size
    return np.moveaxis(np.where(outside, 0.0, z - shift), -1, axis)


@op
def glu(x: Any, axis: int = -1) -> Any:
    """`a * sigmoid(b)` for the halves `a`, `b` of `x` along `axis`, which so halves its size.

    Raises UsageError where that size is odd. Source: Dauphin et al., ICML 2017.
    """
    x = as_float(x)
    if x.shape[axis] % 2:
        raise UsageError(
            "E-GLU", f"glu halves axis {axis}, so its size must be even; got shape {x.shape}."
        )
    a, b = engine.np.split(x, 2, axis=axis)
    return a * engine.sigmoid(b)


swish = silu
hard_swish = hard_silu
