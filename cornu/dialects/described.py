"""Whether an object is described by a file or a config, or made by a call of a script.

Only a call means what its generation meant; what was written down says itself what it is.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from cornu import state

__all__ = ["describing", "is_described"]

_now: ContextVar[Any] = ContextVar("described", default=None)
"""The class of which an object is being made from a config."""


def is_described(cls: Any) -> bool:
    """Whether what is being made of this class comes from a file or a config."""
    frame = state.frame()
    return _now.get() is cls or (frame is not None and frame.spend is not None)


@contextmanager
def describing(cls: Any) -> Iterator[None]:
    """While an object of this class is made from a config."""
    token = _now.set(cls)
    try:
        yield
    finally:
        _now.reset(token)
