"""Makers of ops of one form, from the engine's NumPy-named namespace.

The name is looked up when an op is called, so that importing Cornu loads no framework.
"""

from collections.abc import Callable
from typing import Any

from cornu import engine
from cornu.graph import op
from cornu.ops.array import as_array, as_arrays, as_float


def named(fn: Callable, name: str, doc: str) -> Callable:
    """`fn` as an op of that name."""
    fn.__name__ = fn.__qualname__ = name
    fn.__module__ = "cornu.ops"  # where pickle finds it again
    fn.__doc__ = doc
    return op(fn)


def unary(name: str, doc: str, take_in: Callable = as_float) -> Callable[[Any], Any]:
    """An op of one array, `take_in` bringing it in."""

    def fn(x: Any) -> Any:
        return getattr(engine.np, name)(take_in(x))

    return named(fn, name, doc)


def binary(name: str, doc: str, whole: bool = True) -> Callable[[Any, Any], Any]:
    """An op of two arrays that broadcast; not `whole`: of floats only."""

    def fn(x1: Any, x2: Any) -> Any:
        x1, x2 = as_arrays(x1, x2)
        if not whole:
            x1, x2 = floats(x1, x2)
        return getattr(engine.np, name)(x1, x2)

    return named(fn, name, doc)


def reduction(name: str, doc: str, take_in: Callable = as_array) -> Callable[..., Any]:
    """An op over axes, with `keepdims`."""

    def fn(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
        return getattr(engine.np, name)(take_in(x), axis=axes_of(axis), keepdims=keepdims)

    return named(fn, name, doc)


def axes_of(axis: Any) -> Any:
    """A list of axes as a tuple."""
    return tuple(axis) if isinstance(axis, list) else axis


def floats(*values: Any) -> list:
    """Operands as floats; Python numbers beside a float array stay weakly typed."""
    return [x if isinstance(x, (bool, int, float)) else as_float(x) for x in values]
