"""What a config that somebody else wrote may cost: how many layers, weights and tables are made.

A few words can ask for any amount of memory and time. While a model is made from plain data, a
`Budget` is in force (`state.Frame.initial`, `state.Frame.spend`), and asks for each array what it
takes before it is there. What people build by their own calls is not bounded.
"""

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from cornu import state
from cornu.errors import UsageError, UsageTypeError, shown

WITHOUT_WEIGHTS, AT_ONCE = 2**36, 2**32
"""Most bytes of weights that a config may ask for when none come with it, and of those that cannot
wait until they are used."""

SLACK = 2**26
"""Bytes of weights that a config may ask for beyond those that come with it."""

MOST_IN_TABLES = 2**24
"""Numbers in a table that a config may have made and that is no weight, and in all of metrics."""

SMALL, SOON = 2**18, 2**22
"""Numbers of a weight, and of all, that do not wait although they could."""

MOST_LAYERS, MOST_ITEMS = 2**14, 2**21
"""Layers and further calls of them that a config may have, and values of any kind."""

LISTS = {"layers": 0, "cells": 0, "inbound_nodes": 1}
"""Where a config lists what takes time to make, and how many of each cost nothing more."""


NUMBERS = frozenset(
    "bool bfloat16 float16 float32 float64 int8 int16 int32 int64 uint8 uint16 uint32 "
    "uint64".split()
)
"""Dtypes of arrays in plain data: NumPy knows names for others, of any size, and for objects."""


def array_of(form: Any) -> np.ndarray:
    """The array that a plain form holds. Raises UsageError for anything but numbers."""
    dtype = form.get("dtype") if isinstance(form, Mapping) else None
    if dtype not in NUMBERS or "value" not in form:
        raise UsageError(
            "E-CONFIG", f"an array has numbers as its value, and their dtype; got {shown(form)}."
        )
    return np.array(form["value"], dtype="float32" if dtype == "bfloat16" else dtype)


@contextlib.contextmanager
def bounded(plain: Any, known: int | None = None) -> Iterator[None]:
    """While it lasts, plain data are made into objects; `known` bytes of weights come with them.

    Within a load that has begun already its budget stays in force.
    """
    frame = state.frame()
    if frame is not None and frame.spend is not None and known is None:
        yield
        return
    _check_count(plain)
    budget = Budget(known)
    with state.within(initial=budget, spend=budget.spend):
        yield


@contextlib.contextmanager
def as_usage_errors(what: str) -> Iterator[None]:
    """Let every error that comes of `what`, which is not the caller's own code, be a UsageError."""
    try:
        yield
    except (UsageError, UsageTypeError):
        raise
    except Exception as error:
        reason = f"{what} describes nothing that can be made: {type(error).__name__}"
        raise UsageError("E-CONFIG", f"{reason}: {str(error)[:300]}.") from error


def _check_count(plain: Any) -> None:
    """Raise UsageError for more layers, or values, than can be made in reasonable time."""
    todo, count, items = [plain], 0, 0
    while todo:
        value = todo.pop()
        items += 1
        if isinstance(value, Mapping):
            for key, inner in value.items():
                if isinstance(inner, list) and key in LISTS:
                    count += max(len(inner) - LISTS[key], 0)
                if isinstance(inner, (Mapping, list)):
                    todo.append(inner)
        elif isinstance(value, list):
            todo += [inner for inner in value if isinstance(inner, (Mapping, list))]
        if count > MOST_LAYERS or items > MOST_ITEMS:
            raise UsageError(
                "E-FILE-SIZE",
                f"the config has more than {MOST_LAYERS} layers and calls, or {MOST_ITEMS} values.",
            )


class Budget:
    """Makes the first values of Variables while a model is loaded, up to a number of bytes.

    With weights to come they are zeros; without, they are what the initializers make.
    """

    def __init__(self, known: int | None):
        self.known = known
        self.most = WITHOUT_WEIGHTS if known is None else known + SLACK
        self.left = self.most
        self.soon, self.at_once = SOON, AT_ONCE
        self.tables = MOST_IN_TABLES

    def __call__(self, make: Callable, shape: Sequence[int], dtype: str) -> Any:
        self.left -= math.prod(shape) * 4
        if self.left < 0:
            raise self.too_much(shape, self.most)
        if self.known is None:
            return self._made(make, tuple(shape), dtype)
        return np.broadcast_to(np.asarray(state.settled(0.0, dtype)), shape)  # takes no memory

    def spend(self, count: float, lasting: bool) -> None:
        """Look at the numbers of a table. Raises UsageError where they are too many."""
        self.tables -= count if lasting else 0
        if count > MOST_IN_TABLES or self.tables < 0:
            raise UsageError(
                "E-FILE-SIZE",
                f"the config asks for a table of {count:.0f} numbers; {MOST_IN_TABLES} are made at "
                "most while a model is loaded.",
            )

    def too_much(self, shape: Sequence[int], most: int) -> UsageError:
        """The error for a weight that goes beyond `most` bytes of weights."""
        much = "comes without weights" if self.known is None else f"has {self.known} bytes"
        return UsageError(
            "E-FILE-SIZE",
            f"the config asks for a weight of shape {tuple(shape)}, and more than {most} bytes in "
            f"all, but the file {much}.",
        )

    def _made(self, make: Callable, shape: tuple[int, ...], dtype: str) -> Any:
        """What the initializer makes; large arrays of the library's own when they are wanted."""
        count = math.prod(shape)
        self.soon -= count
        if _waits(make, dtype) and (count > SMALL or self.soon < 0):
            return state.Later(make, shape, dtype)
        self.at_once -= count * 4
        if self.at_once < 0:
            raise self.too_much(shape, AT_ONCE)
        return state.settled(make(shape, dtype=dtype), dtype)


def _waits(make: Callable, dtype: str) -> bool:
    """Whether it is an initializer that gives what it is asked for, whenever it is asked."""
    ours = type(make).__module__ == "cornu.initializers"
    return ours and dtype != "bfloat16"  # the engine's, which must not be made amid a trace
