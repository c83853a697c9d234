"""Which generation of Keras decides where the same call has meant different things.

`CORNU_GENERATION` says it for the process; "3" unless set. Names never depend on it: they are
always the union of all generations.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from cornu.errors import UsageError, listed, shown, suggestion

GENERATIONS = ("0.3", "1.0", "1.2", "2.0", "2.2", "2.3", "3")
"""In order of time; they mean what 0.3.3, 1.0.8, 1.2.2, 2.0.8, 2.2.4, 2.3.1 and 3.15 did."""

_within: ContextVar[str | None] = ContextVar("generation", default=None)

# Each layer asks for the generation, and `os.environ.get` would take longer than all the rest.
_environment: Any = os.environ
_told, _name = _environment._data, _environment.encodekey("CORNU_GENERATION")
_said: dict[Any, str] = {None: "3"}
"""What the environment may hold -> the generation that it names."""


def current() -> str:
    """The generation in force. Raises UsageError where the environment names none."""
    chosen = _within.get()
    if chosen is None:
        told = _told.get(_name)
        if told not in _said:
            _said[told] = _checked(os.environ["CORNU_GENERATION"] or "3")
        chosen = _said[told]
    return chosen


def before(generation: str) -> bool:
    """Whether the generation in force is older than this one."""
    return GENERATIONS.index(current()) < GENERATIONS.index(_checked(generation))


@contextmanager
def within(generation: str) -> Iterator[None]:
    """Have `generation` in force for a while. Raises UsageError where there is none such."""
    token = _within.set(_checked(generation))
    try:
        yield
    finally:
        _within.reset(token)


def _checked(generation: str) -> str:
    if generation not in GENERATIONS:
        raise UsageError(
            "E-GENERATION",
            f"the generation must be one of {listed(GENERATIONS)}; got {shown(generation)}. "
            f"{suggestion(str(generation), GENERATIONS)}".rstrip(),
        )
    return generation
