"""Streams: batches of anything that yields them, made ready while the device computes.

The thread takes items from a feed, makes checked batches of them and copies these to where the
device reads; small ones of one shape next to each other, so that several are run in one go. It
never reads beyond the end of a pass, so no batch is lost between passes.
"""

import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from cornu.errors import UsageError, warn
from cornu.training import reader
from cornu.training.batches import Batch, Part
from cornu.training.feeds import ByIndex, Feed, queued
from cornu.training.reader import MOST, Group, Reader

STEPS = {"fit": "steps_per_epoch", "validation_data": "validation_steps"}
"""What says how many batches a pass has; "steps" elsewhere."""


class Items:
    """Reads checked batches from a feed, and says which one an error is about.

    Args:
        feed: gives raw items.
        convert: `(item, number, looked at) -> Batch`.
        doing: what the batches are for: "fit", "validation_data" …
    """

    def __init__(self, feed: Feed, convert: Callable[[Any, int, bool], Batch], doing: str):
        self.feed, self.convert, self.doing = feed, convert, doing
        self.passes = self.number = 0
        self.left: int | None = None  # batches to be read in this pass
        self.looking = False

    def __call__(self) -> tuple[Batch, Any]:
        if self.left == 0:
            raise StopIteration
        try:
            item = self.feed.read()
            batch = self.convert(item, self.number, self.looking)
            state = self.feed.state()
        except StopIteration:
            raise
        except BaseException as error:
            self.note(error)
            raise
        self.number += 1
        self.left = None if self.left is None else self.left - 1
        return batch, state

    def note(self, error: BaseException) -> None:
        """Have an error say which batch it is about."""
        error.add_note(f"while reading batch {self.number} of {self.where()}")

    def where(self) -> str:
        """The present pass, in words."""
        return f"epoch {self.passes + 1}" if self.doing == "fit" else self.doing

    def late(self) -> None:
        """Warn of a batch that does not come."""
        warn(
            f"batch {self.number} of {self.where()} has not come for {reader.SLOW:g} s; still "
            "waiting. Ctrl-C ends it."
        )


class Stream:
    """Batches from a feed.

    Args:
        feed: what yields them.
        convert: makes a checked batch of an item; see `Items`.
        steps: batches of a pass, or None for all there are.
        asked: whether the user said so, and a pass with fewer batches is an error.
        doing: what the batches are for, for messages.
        threaded: whether to read ahead.
    """

    def __init__(
        self,
        feed: Feed,
        convert: Callable[[Any, int, bool], Batch],
        steps: int | None,
        asked: bool = True,
        doing: str = "fit",
        threaded: bool = True,
    ):
        self.feed, self.steps, self.asked, self.doing = feed, steps, asked, doing
        self.items = Items(feed, convert, doing)
        self.longest = MOST if doing != "predict" else 1
        pool = feed.pool if isinstance(feed, ByIndex) else None
        room = queued(feed) if pool is None else pool.room
        self.longest = min(self.longest, room or self.longest)
        ahead = room if pool is None else None
        self.reader = Reader(self.items, self.longest, threaded, self.items.late, ahead)
        self._length = None if asked else feed.length
        self.begun = False
        self.over = 0  # batches of the next pass that are over
        self._state: Any = None
        self._sample: Batch | None = None
        self._last: Group | None = None
        self._end = weakref.finalize(self, _close, self.reader, feed)

    @property
    def restarts(self) -> bool:
        """Whether `go_to` finds any place."""
        return self.feed.restarts

    def follow(self, seed: int, passes: int) -> None:
        """Make the orders of batches from `seed`, counting passes on from `passes`."""
        self.feed.follow(seed, passes)

    def go_to(self, passes: int, batches: int, state: Any = None) -> None:
        """Have the next pass be number `passes`, from 0, after its first `batches` batches.

        A feed that cannot return, such as a generator, goes on where it is.
        """
        if not passes and not batches and state is None:
            return
        if self.feed.restarts:
            self.reader.drop()
            self.feed.go_to(passes, batches, self.steps, state)
            self._look_at_length()
            self.begun = False
        elif self.begun and self.steps is not None:
            self.items.left = self.steps - batches - self.reader.ready
        self.items.passes, self.items.number = passes, batches
        self.over, self._state = batches, state

    def state(self) -> Any:
        """What the feed said of its place after the last batch given out; None where it cannot."""
        return self._state

    def described(self) -> list:
        """What must be the same for `go_to` to find the same batches."""
        return ["batches", self.steps]

    def _begin(self) -> None:
        if not self.begun:
            self.begun = True
            left = None if self.steps is None else self.steps - self.over
            self.items.left, self.items.number = left, self.over
            try:
                self.feed.begin(left)
            except Exception as error:
                self.items.note(error)
                raise
            self.reader.begin()

    @property
    def first(self) -> Batch:
        """A batch to look at: the first one, kept for the first pass if that can begin."""
        if self._sample is None:
            self.items.looking = True
            waits = self.feed.waits and self.doing == "fit"
            self._sample = self._sampled() if waits else self._looked_at()
            self.items.looking = False
        return self._sample

    def _sampled(self) -> Batch:
        assert isinstance(self.feed, ByIndex)
        if self.feed.length == 0:
            raise self._nothing()
        try:
            return self.items.convert(self.feed.sample(), 0, True)
        except Exception as error:
            self.items.note(error)
            raise

    def _looked_at(self) -> Batch:
        self._begin()
        group = self.reader.look()
        if group is None:
            raise self._nothing()
        return group.first.map(lambda a: a.copy() if isinstance(a, np.ndarray) else a)

    def _nothing(self) -> UsageError:
        what = self.doing if self.doing == "validation_data" else "x"
        return UsageError(
            "E-EMPTY", f"{what} yields no batches: a generator must yield at least one batch."
        )

    def first_host(self) -> Batch:
        """The first batch of the part given out last."""
        return self.first if self._last is None else self._last.first

    def close(self) -> None:
        """End threads and processes, and what was begun here."""
        self._end()

    def padded(self, mixes_rows: bool) -> Iterator[tuple[Any, int]]:
        """Inputs of every batch with its number of rows."""
        for part in self.parts():
            yield part.batch.x, part.rows

    def parts(self) -> Iterator[Part]:
        """The parts of a pass. Raises UsageError where the data end too early."""
        self._begin()
        done = self.over
        try:
            while (group := self.reader.take()) is not None:
                done += group.count
                self._state, self._last = group.state, group
                yield group.part()
        finally:
            self.reader.rest()
            if self.doing in ("evaluate", "predict"):
                self.close()
        if self.asked and self.steps is not None and done < self.steps:
            raise self._short(done)
        if not done:
            raise self._nothing()
        self.feed.end()
        self._look_at_length()
        self.begun, self.over = False, 0
        self.items.passes += 1
        self.items.number = 0

    def _look_at_length(self) -> None:
        """Data may have another number of batches after a pass."""
        if self.steps == self._length:
            self.steps = self._length = None if self._length is None else self.feed.length

    def _short(self, done: int) -> UsageError:
        return UsageError(
            "E-DATA-ENDED",
            f"generator ended after {done} of {self.steps} steps in {self.items.where()}. Lower "
            f"{STEPS.get(self.doing, 'steps')}, or let it loop for ever (while True).",
        )


def _close(ahead: Reader, feed: Feed) -> None:
    """End what a stream had begun."""
    feed_waits = isinstance(feed, ByIndex)  # its reader waits for workers: they end first
    if feed_waits:
        feed.close()
    ahead.close()
    if not feed_waits and ahead.thread is None:
        try:
            feed.close()
        except ValueError:
            pass  # a generator that is still running cannot be closed
