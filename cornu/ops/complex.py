"""Ops that take complex numbers apart and put them together."""

from typing import Any

from cornu import engine
from cornu.errors import UsageError, shown
from cornu.graph import op
from cornu.ops.array import as_array, as_float

__all__ = [
    "angle",
    "conj",
    "conjugate",
    "imag",
    "isreal",
    "polar",
    "real",
    "view_as_complex",
    "view_as_real",
]


def wide_enough(x: Any) -> Any:
    """`x` as floats that complex numbers can be made of: float32 at least."""
    x = as_float(x)
    return engine.cast(x, "float32") if x.dtype.itemsize < 4 else x


@op
def real(x: Any) -> Any:
    """The real part; real numbers as they are."""
    x = as_array(x)
    return engine.np.real(x) if x.dtype.kind == "c" else x


@op
def imag(x: Any) -> Any:
    """The imaginary part; 0 for real numbers, in their dtype."""
    x = as_array(x)
    return engine.np.imag(x) if x.dtype.kind == "c" else engine.np.zeros_like(x)


@op
def conj(x: Any) -> Any:
    """The complex conjugate; real numbers as they are."""
    x = as_array(x)
    return engine.np.conj(x) if x.dtype.kind == "c" else x


@op
def conjugate(x: Any) -> Any:
    """As `conj`."""
    return conj(x)


@op
def isreal(x: Any) -> Any:
    """Where the imaginary part is 0."""
    return imag(x) == 0


@op
def angle(x: Any) -> Any:
    """The angle of a complex number, from -pi to pi; pi for negative real ones."""
    x = as_float(x)
    if x.dtype.kind == "c":
        return engine.np.angle(x)
    return engine.np.arctan2(engine.np.zeros_like(x), x)


@op
def polar(abs_: Any, angle: Any) -> Any:
    """abs_ * exp(i * angle), as complex numbers."""
    size, angle = wide_enough(abs_), wide_enough(angle)
    return engine.complex(size * engine.np.cos(angle), size * engine.np.sin(angle))


@op
def view_as_complex(x: Any) -> Any:
    """Pairs (real, imaginary) along a last axis of size 2 as complex numbers.

    Raises `UsageError` for another size.
    """
    x = wide_enough(x)
    if not x.ndim or x.shape[-1] != 2:
        raise UsageError(
            "E-COMPLEX", f"view_as_complex needs a last axis of size 2; got {shown(x)}."
        )
    return engine.complex(x[..., 0], x[..., 1])


@op
def view_as_real(x: Any) -> Any:
    """Complex numbers as pairs (real, imaginary) along a new last axis."""
    x = as_float(x)
    return engine.np.stack([real(x), imag(x)], -1)
