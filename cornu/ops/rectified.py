"""Relu of what a kernel computes, by the same kernel.

A layer that normalizes does not know that relu comes next, or that something is added before it. So
an op whose engine can do all of it in one go leaves in the Frame how, beside its result; `relu`, if
it is called on that very result, takes this way. Nobody reads the result then and a compiler leaves
it out; where somebody does, it is there.
"""

import functools
from collections.abc import Callable
from typing import Any

from cornu import engine, state
from cornu.ops.arithmetic import add


def remember(y: Any, above: Callable | None) -> None:
    """That `above(*beside)` gives relu of `y` plus all `beside`, arrays of its shape and dtype."""
    frame = state.frame()
    if above is not None and frame is not None and engine.is_traced(y):
        frame.rectified[id(y)] = (y, above)


def added(a: Any, b: Any) -> Any:
    """a + b, two arrays, whose relu may be found by `of`."""
    y = add(a, b)
    frame = state.frame()
    if frame is None or (a.shape, a.dtype) != (b.shape, b.dtype):
        return y
    for one, other in ((a, b), (b, a)):
        found = frame.rectified.get(id(one))
        if found is not None:
            remember(y, functools.partial(found[1], other))
            return y
    return y


def of(x: Any) -> Any:
    """Relu of `x` where a kernel gives it that computes `x`, else None."""
    frame = state.frame()
    found = None if frame is None else frame.rectified.get(id(x))
    return None if found is None else found[1]()
