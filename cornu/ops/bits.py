"""Ops on whole numbers and their bits: logic, shifts, divisors, and the same bytes seen anew."""

from collections.abc import Callable
from typing import Any

from cornu import engine
from cornu.errors import UsageError, UsageTypeError, shown
from cornu.graph import op
from cornu.ops.array import as_array, as_arrays, dtype_named

__all__ = [
    "bitwise_and",
    "bitwise_invert",
    "bitwise_left_shift",
    "bitwise_not",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
    "gcd",
    "lcm",
    "left_shift",
    "right_shift",
    "view",
]


def _whole(name: str, x: Any, bools: bool = True) -> Any:
    """`x`, which must hold whole numbers. Booleans count as such, or become int32."""
    kind = "biu" if isinstance(x, (bool, int)) else getattr(x, "dtype", as_array(x).dtype).kind
    if kind not in "biu":
        raise UsageTypeError(
            "E-DTYPE",
            f'{name} works on whole numbers; got {shown(x)}. Use ops.cast(x, "int32") first.',
        )
    return engine.cast(x, "int32") if kind == "b" and not bools else x


def _pair(name: str, doc: str, bools: bool = True, of: str = "") -> Callable[[Any, Any], Any]:
    def fn(x: Any, y: Any) -> Any:
        x, y = (_whole(name, v, bools) for v in as_arrays(x, y))
        return getattr(engine.np, of or name)(x, y)

    fn.__name__ = fn.__qualname__ = name
    fn.__doc__ = doc
    return op(fn)


bitwise_and = _pair("bitwise_and", "Bits that are set in both.")
bitwise_or = _pair("bitwise_or", "Bits that are set in one at least.")
bitwise_xor = _pair("bitwise_xor", "Bits that are set in one and not in the other.")
left_shift = _pair("left_shift", "`x` with its bits moved up by `y`: x * 2**y.", False)
right_shift = _pair("right_shift", "`x` with its bits moved down by `y`, its sign kept.", False)
bitwise_left_shift = _pair("bitwise_left_shift", "As `left_shift`.", False, "left_shift")
bitwise_right_shift = _pair("bitwise_right_shift", "As `right_shift`.", False, "right_shift")


@op
def bitwise_not(x: Any) -> Any:
    """`x` with every bit turned round: -x - 1 for signed numbers."""
    return engine.np.invert(_whole("bitwise_not", as_array(x)))


@op
def bitwise_invert(x: Any) -> Any:
    """As `bitwise_not`."""
    return engine.np.invert(_whole("bitwise_invert", as_array(x)))


@op
def gcd(x1: Any, x2: Any) -> Any:
    """The greatest common divisor, >= 0."""
    x1, x2 = (_whole("gcd", x, False) for x in as_arrays(x1, x2))
    return engine.np.gcd(x1, x2)


@op
def lcm(x1: Any, x2: Any) -> Any:
    """The least common multiple, >= 0."""
    x1, x2 = (_whole("lcm", x, False) for x in as_arrays(x1, x2))
    return engine.np.lcm(x1, x2)


@op
def view(x: Any, dtype: Any = None) -> Any:
    """The bytes of `x` read as another dtype; the last axis grows or shrinks with its size.

    Raises `UsageError` where the bytes of the last axis do not divide evenly.
    """
    x = as_array(x)
    if dtype is None:
        return x
    wanted = engine.np.dtype(dtype_named(dtype))
    if wanted.itemsize > x.dtype.itemsize and (
        not x.ndim or x.shape[-1] * x.dtype.itemsize % wanted.itemsize
    ):
        raise UsageError(
            "E-VIEW",
            f"view: the last axis of {shown(x)} does not divide into {wanted.itemsize} bytes each, "
            f"as {wanted} needs.",
        )
    return x.view(wanted)
