"""Which generation of Keras decides where the same call has meant different things.

`CORNU_GENERATION` says it for the process; "3" unless set. Names never depend on it: they are
always the union of all generations.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from cornu.errors import UsageError, listed, shown, suggestion

GENERATIONS = ("0.3", "1.0", "1.2", "2.0", "2.2", "2.3", "3")
"""In order of time; they mean what 0.3.3, 1.0.8, 1.2.2, 2.0.8, 2.2.4, 2.3.1 and 3.15 did."""

_within: ContextVar[str | None] = ContextVar("generation", default=None)


def current() -> str:
    """The generation in force. Raises UsageError where the environment names none."""
    chosen = _within.get()
    return _checked(os.environ.get("CORNU_GENERATION") or "3") if chosen is None else chosen


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
