"""Less common ops, element by element; the common ones are in `ops.arithmetic`.

Floats keep their dtype, whole numbers become `settings.floatx()` where the result is not whole.
"""

from typing import Any

import numpy as np

from cornu import engine
from cornu.errors import UsageTypeError, shown
from cornu.graph import op
from cornu.ops.array import as_array, as_arrays, as_float, dtype_named
from cornu.ops.families import binary, unary

__all__ = [
    "allclose",
    "cbrt",
    "deg2rad",
    "erfc",
    "erfinv",
    "exp2",
    "fabs",
    "fmax",
    "fmin",
    "fmod",
    "heaviside",
    "hypot",
    "i0",
    "isneginf",
    "isposinf",
    "ldexp",
    "logaddexp2",
    "nextafter",
    "rad2deg",
    "saturate_cast",
    "signbit",
    "sinc",
    "trunc",
]

# ---------------------------------------------------------------- of one argument

cbrt = unary("cbrt", "The cube root, negative for negative `x`.")
deg2rad = unary("deg2rad", "Degrees as radians.")
rad2deg = unary("rad2deg", "Radians as degrees.")
exp2 = unary("exp2", "2 to the power of `x`.")
fabs = unary("fabs", "`x` without its sign, always floats.")
sinc = unary("sinc", "sin(pi x) / (pi x), and 1 at 0.")
i0 = unary("i0", "The modified Bessel function of the first kind and order 0.")
signbit = unary("signbit", "Where the sign bit is set: negative numbers, and -0.0.")
isposinf = unary("isposinf", "Where `x` is positive infinity.")
isneginf = unary("isneginf", "Where `x` is negative infinity.")


@op
def trunc(x: Any) -> Any:
    """`x` without its fraction; whole numbers stay as they are."""
    x = as_array(x)
    return x if x.dtype.kind in "iub" else engine.np.trunc(x)


@op
def erfc(x: Any) -> Any:
    """1 - erf(x), exact for large `x`."""
    return engine.erfc(as_float(x))


@op
def erfinv(x: Any) -> Any:
    """The number whose error function is `x`, for -1 < x < 1."""
    return engine.erfinv(as_float(x))


# ---------------------------------------------------------------- of two arguments

fmax = binary("fmax", "The larger of two elements; where one is NaN, the other.")
fmin = binary("fmin", "The smaller of two elements; where one is NaN, the other.")
hypot = binary("hypot", "sqrt(x1**2 + x2**2), without overflow on the way.", whole=False)
heaviside = binary("heaviside", "0, `x2` or 1, as `x1` is below, at or above 0.", whole=False)
logaddexp2 = binary("logaddexp2", "log2(2**x1 + 2**x2), safe for large values.", whole=False)
nextafter = binary("nextafter", "The next float after `x1` towards `x2`.", whole=False)


@op
def fmod(x1: Any, x2: Any) -> Any:
    """What remains of `x1` after truncated division by `x2`, with the sign of `x1`."""
    x1, x2 = (_no_bool(x) for x in as_arrays(x1, x2))
    return engine.np.fmod(x1, x2)


def _no_bool(x: Any) -> Any:
    return engine.cast(x, "int32") if getattr(x, "dtype", None) == "bool" else x


@op
def ldexp(x1: Any, x2: Any) -> Any:
    """x1 * 2**x2 for whole numbers `x2`. Raises `UsageTypeError` for others."""
    x1, x2 = as_float(x1), as_array(x2)
    if x2.dtype.kind not in "iu":
        raise UsageTypeError(
            "E-DTYPE", f"ldexp: x2 must hold whole numbers; got {shown(x2)}. See ops.exp2."
        )
    return engine.np.ldexp(x1, x2)


@op
def allclose(
    x1: Any, x2: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Any:
    """Whether |x1 - x2| <= atol + rtol * |x2| everywhere, as one boolean array."""
    return engine.np.allclose(as_array(x1), as_array(x2), rtol, atol, equal_nan)


# ---------------------------------------------------------------- casting


@op
def saturate_cast(x: Any, dtype: Any) -> Any:
    """`x` in another dtype, with what lies beyond the range of `dtype` put to its nearest end."""
    x, dtype = as_array(x), dtype_named(dtype)
    least, most = _range(dtype)
    own_least, own_most = _range(str(x.dtype))
    if own_least >= least and own_most <= most:
        return engine.cast(x, dtype)
    whole = x.dtype.kind in "iub"
    ends = [max(least, own_least), min(most, own_most)]
    y = engine.cast(engine.np.clip(x, *(map(int, ends) if whole else ends)), dtype)
    if whole or "float" in dtype:
        return y
    # the ends of an integer range need not be floats, so they are put in afterwards
    y = engine.np.where(x >= most, np.array(most, dtype), y)
    return engine.np.where(x <= least, np.array(least, dtype), y)


def _range(dtype: str) -> tuple[Any, Any]:
    if dtype == "bool":
        return 0, 1
    info = engine.np.iinfo(dtype) if "int" in dtype else engine.np.finfo(dtype)
    kind = int if "int" in dtype else float
    return kind(info.min), kind(info.max)
