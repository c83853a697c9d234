"""Types for the fields of layers: what may be given, and what it becomes.

`kernel_initializer: Initializer = "glorot_uniform"` declares a field that takes a name, a config,
an object or a function and holds the object. Every error names the layer and the field. A type
that takes a shorthand (a name, None, one int for several) reads as `Any` to a type checker.
"""

from collections.abc import Callable
from typing import Annotated, Any

import numpy as np

from cornu import activations, constraints, initializers, regularizers, settings
from cornu.config import Convert, OneOf, Within
from cornu.errors import UsageError, UsageTypeError, shown

__all__ = [
    "Activation",
    "Axis",
    "CausalPadding",
    "Constraint",
    "DataFormat",
    "Initializer",
    "Padding",
    "Positive",
    "Rate",
    "Regularizer",
    "Shape",
    "StrictRate",
    "window",
]


class _Named(Convert):
    """A conversion `fn(value, who)` whose messages begin with `who`: "Conv2D: kernel_size"."""

    def __init__(self, fn: Callable[[Any, str], Any]):
        self.named = fn

    def __call__(self, value: Any, owner: str, name: str) -> Any:
        return self.named(value, f"{owner}: {name}")


def _is_whole(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _given(value: Any, who: str) -> Any:
    if value is None:
        raise UsageTypeError("E-TYPE", f"{who} must be an int >= 1, as in 32; got None.")
    return value


def _real(value: Any, who: str) -> Any:
    if value is None or isinstance(value, (int, float, np.integer, np.floating)):
        return value
    raise UsageTypeError("E-TYPE", f"{who} must be a number; got {shown(value)}.")


def _data_format(value: Any, owner: str, name: str) -> str:
    chosen = settings.image_data_format() if value is None else value
    return OneOf(*settings.DATA_FORMATS)(chosen, owner, name)


class _DataFormat(Convert):
    def __call__(self, value: Any, owner: str, name: str) -> Any:
        return _data_format(value, owner, name)


def _axis(value: Any, who: str) -> Any:
    if value is None or _is_whole(value):
        return value if value is None else int(value)
    if isinstance(value, (list, tuple)) and value and all(_is_whole(v) for v in value):
        return tuple(int(v) for v in value)
    raise UsageTypeError(
        "E-AXIS",
        f"{who} must be an int or a tuple of ints, as in -1 or (1, 2); got {shown(value)}.",
    )


def _shape(value: Any, who: str) -> Any:
    if value is None:
        return None
    sizes = value if isinstance(value, (list, tuple)) else (value,)
    for size in sizes:
        if size is not None and not _is_whole(size):
            raise UsageTypeError(
                "E-SHAPE",
                f"{who} must be a tuple of ints, None for an unknown size, as in (None, 28); "
                f"got {shown(value)}.",
            )
        if size is not None and size < -1:
            raise UsageError("E-SHAPE", f"{who} cannot hold the size {size}; got {shown(value)}.")
    return tuple(None if size is None else int(size) for size in sizes)


def window(rank: int, least: int = 1, optional: bool = False) -> Convert:
    """The mark of a size per space axis: `kernel_size: Annotated[Any, window(2)] = (3, 3)`.

    Takes one int for all axes or `rank` ints, and makes a tuple of `rank` ints. Each must be at
    least `least`. None stays None where the size is `optional`.
    """
    example = ", ".join(["2"] * rank) + ("," if rank == 1 else "")

    def convert(value: Any, who: str) -> Any:
        if value is None and optional:
            return None
        several = isinstance(value, (list, tuple, np.ndarray))
        sizes: tuple[Any, ...] = tuple(value) if several else (value,) * rank
        if not all(_is_whole(size) for size in sizes):
            raise UsageTypeError(
                "E-WINDOW",
                f"{who} must be an int or {_ints(rank)}, as in 2 or ({example}); "
                f"got {shown(value)}.",
            )
        if len(sizes) != rank:
            raise UsageError(
                "E-WINDOW",
                f"{who} must be an int or {_ints(rank)}, as in 2 or ({example}); "
                f"got {len(sizes)} in {shown(value)}.",
            )
        if any(size < least for size in sizes):
            raise UsageError("E-WINDOW", f"{who} must be >= {least}; got {shown(value)}.")
        return tuple(int(size) for size in sizes)

    return _Named(convert)


def _ints(rank: int) -> str:
    return "a tuple of one int" if rank == 1 else f"a tuple of {rank} ints"


Activation = Annotated[Any, Convert(activations.get)]
"""A name, config, function or layer -> function; None -> `linear`."""

Initializer = Annotated[Any, Convert(initializers.get)]
"""A name, config, object or function `(shape, dtype) -> array` -> that object."""

Regularizer = Annotated[Any, Convert(regularizers.get)]
"""A name, config, object or function `x -> scalar` -> that object; None stays."""

Constraint = Annotated[Any, Convert(constraints.get)]
"""A name, config, object or function `w -> w` -> that object; None stays."""

Positive = Annotated[int, _Named(_given), Within(1)]
"""A whole number >= 1. Where None is allowed too: `Annotated[int | None, Within(1)]`."""

Rate = Annotated[float, _Named(_real), Within(0, 1)]
"""A number in [0, 1]."""

StrictRate = Annotated[float, _Named(_real), Within(0, 1, open=")")]
"""A number in [0, 1)."""

Padding = Annotated[str, OneOf("valid", "same")]
"""How windows meet the edge: "valid" stays inside, "same" pads with zeros."""

CausalPadding = Annotated[str, OneOf("valid", "same", "causal")]
"""As `Padding`; "causal" pads before the first time step only."""

DataFormat = Annotated[Any, _DataFormat(lambda value: value)]
""""channels_last" or "channels_first"; None -> the one set in `settings`."""

Axis = Annotated[Any, _Named(_axis)]
"""An int, or several as a tuple."""

Shape = Annotated[Any, _Named(_shape)]
"""A tuple of sizes, None where unknown; one int is a shape of one axis."""
