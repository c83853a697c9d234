"""Feeds: what users pass that yields batches, each kind with its own way to begin and to return.

A feed gives raw items, one `read()` at a time, in passes that `begin` and `end`. What becomes of
the items is `streams`' to say.
"""

import base64
import sys
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from cornu.errors import UsageError, UsageTypeError, shown
from cornu.training.workers import Pool


class Once:
    """An iterator, such as a Python generator: what it has given is gone.

    Only one with `get_state` and `set_state` can be brought to another place.
    """

    length: int | None = None
    waits = False

    def __init__(self, data: Any):
        self.data, self.length = data, length(data)
        self.stateful = self.restarts = _is_stateful(data)

    def follow(self, seed: int, passes: int) -> None:
        """It comes in its own order."""

    def begin(self, count: int | None) -> None:
        """It goes on."""

    def read(self) -> Any:
        """The next item."""
        return next(self.data)

    def end(self) -> None:
        """Nothing ends with a pass."""

    def state(self) -> Any:
        """What it says of its place."""
        return _plain(self.data.get_state()) if self.stateful else None

    def go_to(self, passes: int, batches: int, steps: int | None, state: Any) -> None:
        """Go where `state` says."""
        if state is not None:
            _set_state(self.data, state)

    def close(self) -> None:
        """It belongs to the user."""


class Rounds:
    """What can be iterated again and again: a DataLoader, a Dataset, an object with `__iter__`.

    Args:
        goes_on: whether a pass goes on where the last one ended, as one shorter than a round does.
    """

    restarts = True
    waits = False

    def __init__(self, data: Iterable, goes_on: bool):
        self.data, self.goes_on, self.length = data, goes_on, length(data)
        self.iterator: Iterator | None = None
        self.taken = self.in_round = 0  # items of this pass, and of this round
        self.placed = False  # whether the next pass has been begun by `go_to`

    def follow(self, seed: int, passes: int) -> None:
        """It comes in its own order."""

    def begin(self, count: int | None) -> None:
        """A pass begins."""
        if self.placed:
            self.placed = False
            return
        self.taken = 0
        if self.iterator is None or not self.goes_on:
            self._begin_round()

    def _begin_round(self) -> None:
        self.close()
        self.iterator, self.in_round = iter(self.data), 0

    def read(self) -> Any:
        """The next item, of the next round where this one is over and passes go on."""
        assert self.iterator is not None
        try:
            item = next(self.iterator)
        except StopIteration:
            if not self.goes_on or not self.in_round:
                raise
            self._begin_round()
            return self.read()
        self.taken += 1
        self.in_round += 1
        return item

    def end(self) -> None:
        """Nothing ends with a pass."""

    @property
    def stateful(self) -> bool:
        """Whether the present iterator says where it is."""
        return self.iterator is not None and _is_stateful(self.iterator)

    def state(self) -> Any:
        """What the iterator says of its place, where it does."""
        return _plain(self.iterator.get_state()) if self.stateful else None  # type: ignore

    def go_to(self, passes: int, batches: int, steps: int | None, state: Any) -> None:
        """Go where `state` says, else past all that comes before, which is read."""
        if self.iterator is None:
            self.begin(None)
        if state is not None:
            self._begin_round()
            _set_state(self.iterator, state)
        elif self.goes_on:
            self._skip(passes * (steps or 0) + batches)
        else:
            for _ in range(passes):
                self._skip(sys.maxsize if steps is None else steps)
                self.begin(None)
            self._skip(batches)
        self.placed = True

    def _skip(self, count: int) -> None:
        """Read up to and with item number `count` of this pass."""
        while self.taken < count:
            try:
                self.read()
            except StopIteration:
                return

    def close(self) -> None:
        """Close a generator that was made here, so that its own clean-up runs now."""
        close = getattr(self.iterator, "close", None)
        if close is not None and self.iterator is not self.data:
            close()


class ByIndex:
    """Batches by number: a `PyDataset` (`Sequence`), or anything with `__getitem__` and a length.

    Batch `i` of round `r` is the same whoever reads it, so threads and processes may share the
    work, and any place is found again.

    Args:
        shuffle: whether every round has an order of batches of its own.
        goes_on: whether a pass goes on where the last one ended.
    """

    restarts = True

    def __init__(self, data: Any, shuffle: bool, goes_on: bool):
        self.data, self.goes_on = data, goes_on
        self.length = batches_of(data)
        self.shuffles = shuffle and self.length is not None
        self.pool = Pool.serving(data)
        self.stateful = self.pool is None and _is_stateful(data)  # workers change theirs ahead
        self.seed = self.passes = 0
        self.round = self.offset = self.taken = 0
        self.begun = False  # whether the data have been told that a pass begins
        self.placed = False  # whether `go_to` has said where the next pass begins
        self.ended = 0  # passes whose end the data have been told
        self.beyond = bool(getattr(data, "goes_beyond", False))  # data[length] is of a next round
        self.places: Iterator[tuple[int, int]] = iter(())

    @property
    def waits(self) -> bool:
        """Whether a pass cannot begin before `follow` has said the seed."""
        return self.shuffles or (self.pool is not None and self.pool.pickled is not None)

    def follow(self, seed: int, passes: int) -> None:
        """Make the orders of batches from `seed`, counting rounds on from `passes`."""
        self.seed, self.passes = seed, passes

    def sample(self) -> Any:
        """A batch to look at, which is no part of any pass."""
        self._tell_begin()
        before = self.data.get_state() if self.stateful else None
        item = self.data[0]
        if self.stateful:
            self.data.set_state(before)
        return item

    def begin(self, count: int | None) -> None:
        """A pass of `count` batches begins."""
        if self.offset and not self.goes_on and not self.placed:
            self.round, self.offset = self.round + 1, 0
        self.placed = False
        self._tell_begin()
        self.taken = 0
        self.places = self._places(count)
        if self.pool is not None:
            self.pool.begin(self.places, self.seed)

    def _places(self, count: int | None) -> Iterator[tuple[int, int]]:
        """(round, index) of the next `count` batches."""
        number, offset, length = self.round, self.offset, self.length
        order = self._order(number)
        while count is None or count > 0:
            if length is not None and offset >= length:
                if count is None:
                    return
                number, offset = number + 1, 0
                order = self._order(number)
            later = max(number - self.ended, 0) * length if self.beyond and length else 0
            index = offset if order is None else int(order[offset])
            yield number + self.passes, later + index
            offset += 1
            count = None if count is None else count - 1

    def _order(self, number: int) -> np.ndarray | None:
        if not self.shuffles or self.length is None:
            return None
        generator = np.random.Generator(
            np.random.Philox(key=self.seed, counter=self.passes + number)
        )
        return generator.permutation(self.length)

    def read(self) -> Any:
        """The next batch."""
        if self.pool is not None:
            item = self.pool.next()
        else:
            _, index = next(self.places)
            try:
                item = self.data[index]
            except StopIteration as error:
                raise RuntimeError(f"__getitem__({index}) raised StopIteration") from error
        self.taken += 1
        return item

    def _advance(self) -> None:
        """Have the next pass begin after what was read in this one."""
        self.offset += self.taken
        self.taken = 0
        if self.length:
            rounds, self.offset = divmod(self.offset, self.length)
            self.round += rounds

    def end(self) -> None:
        """A pass is over; the data are told, and may change."""
        self._advance()
        self.ended += 1
        self._tell("on_epoch_end")
        self.begun = False
        now = batches_of(self.data)
        if now != self.length and not self.goes_on:
            self.length = now

    def _tell_begin(self) -> None:
        if not self.begun:
            self._tell("on_epoch_begin")
        self.begun = True

    def _tell(self, hook: str) -> None:
        """Call a hook of the user's; workers are sent what may have changed."""
        method = getattr(self.data, hook, None)
        if method is not None:
            method()
        if self.pool is not None and _is_own(self.data, hook):
            self.pool.renew()

    def state(self) -> Any:
        """What the data say of their place, where they do."""
        return _plain(self.data.get_state()) if self.stateful else None

    def go_to(self, passes: int, batches: int, steps: int | None, state: Any) -> None:
        """Find the place by its number; hooks run as often as they did on the way there."""
        if state is None:
            for _ in range(passes):
                self._tell_begin()
                self._tell("on_epoch_end")
                self.begun = False
            self._tell_begin()
        self.taken = self.offset = 0
        self.round = self.ended = passes
        self.length = batches_of(self.data) if not self.goes_on else self.length
        if self.goes_on and self.length and steps:
            self.round, self.offset = divmod(passes * steps, self.length)
        elif self.length is None:
            self.offset = passes * (steps or 0)
        self.taken = batches
        self._advance()
        self.placed = True
        if state is not None:
            _set_state(self.data, state)
            self.begun = True

    def close(self) -> None:
        """End threads and processes."""
        if self.pool is not None:
            self.pool.close()


Feed = Once | Rounds | ByIndex
ENDLESS = 2**48
"""A number of batches that nobody has: Grain says "for ever" by the largest one."""


def length(data: Any) -> int | None:
    """Number of batches, if `data` know it (some have `__len__` only to say that they do not)."""
    try:
        found = len(data)
    except (TypeError, NotImplementedError):
        return None
    return None if found >= ENDLESS else found


def queued(feed: Feed) -> int | None:
    """How many batches to read ahead, where what yields them says so by `max_queue_size`.

    A dataset by index means its workers. Raises UsageTypeError for what is no number of batches.
    """
    found = None if isinstance(feed, ByIndex) else getattr(feed.data, "max_queue_size", None)
    if found is None:
        return None
    if not isinstance(found, (int, np.integer)) or isinstance(found, bool) or found < 0:
        raise UsageTypeError("E-TYPE", f"max_queue_size must be an int >= 0; got {shown(found)}.")
    return int(found) or None


def is_endless(data: Any) -> bool:
    """Whether what can be iterated says that it never ends."""
    cardinality: Any = getattr(data, "cardinality", None)
    if callable(cardinality):
        found: Any = cardinality()
        return int(found) == -1  # what tf.data says
    try:
        return len(data) >= ENDLESS
    except (TypeError, NotImplementedError):
        return False


def batches_of(data: Any) -> int | None:
    """Batches in a round by `num_batches` or `__len__`; None where there is no end.

    Raises UsageTypeError where neither says so.
    """
    found = getattr(data, "num_batches", Ellipsis)
    if found is None or isinstance(found, (int, np.integer)):
        return None if found is None else int(found)
    if length(data) is None:
        raise UsageTypeError(
            "E-DATA-TYPE",
            f"x is {shown(data)}, which gives batches by index but has no length. Write __len__.",
        )
    return length(data)


def is_by_index(data: Any) -> bool:
    """Whether batches are asked for by number: a `PyDataset`, or what cannot be iterated."""
    if is_dataset(data):
        return True  # also where it is an endless iterator besides, as those over pictures are
    return hasattr(data, "__getitem__") and not isinstance(data, Iterable)


def is_dataset(data: Any) -> bool:
    """Whether it is written as Keras's datasets are, whose order of batches `fit` shuffles."""
    return hasattr(data, "__getitem__") and hasattr(data, "on_epoch_end")


def _is_own(data: Any, hook: str) -> bool:
    """Whether a hook does something: whether it is the user's, not the base class's."""
    method = getattr(type(data), hook, None) or getattr(data, hook, None)
    return method is not None and not getattr(method, "does_nothing", False)


# ---------------------------------------------------------------- places as plain data


def _is_stateful(data: Any) -> bool:
    return callable(getattr(data, "get_state", None)) and callable(getattr(data, "set_state", None))


def _plain(state: Any) -> Any:
    """A state as plain data: bytes, which Grain gives, as text."""
    if isinstance(state, bytes):
        return {"bytes": base64.b64encode(state).decode("ascii")}
    return state


def _set_state(data: Any, state: Any) -> None:
    """What `_plain` made of a state, given back. Raises UsageError where it is refused."""
    if isinstance(state, dict) and set(state) == {"bytes"}:
        state = base64.b64decode(state["bytes"])
    try:
        data.set_state(state)
    except Exception as error:
        raise UsageError(
            "E-RESUME",
            f"{type(data).__name__}.set_state refused the place that a run was kept at: "
            f"{shown(str(error))}. Are these the same data?",
        ) from error
