"""Reader: a thread that reads batches ahead and lays small ones of one shape next to each other."""

import os
import threading
from collections import deque
from collections.abc import Callable
from contextvars import copy_context
from typing import Any

import numpy as np

from cornu import engine, tree
from cornu.training.batches import Batch, Part

MOST = 16
"""Batches that are put next to each other, and so read ahead, at most."""

TOGETHER = 2**20
"""Bytes of batches that are put next to each other: a step on larger ones is long anyway."""

ALONE = 2
"""Batches read ahead where each is by itself."""

SLOW = float(os.environ.get("CORNU_SLOW_BATCH_SECONDS", "60"))
"""Seconds after which a batch that does not come is warned of."""


class Group:
    """Batches of one shape in one buffer, the last of them still to come."""

    def __init__(self, host: Batch, rows: int, most: int):
        self.host, self.rows, self.most = host, rows, most
        self.count = 0
        self.placed: Batch | None = None
        self.state: Any = None
        self.reusable = False

    def add(self, batch: Batch, state: Any) -> None:
        """Copy a batch to the next place; the last one goes to the device at once."""
        at = slice(self.count * self.rows, (self.count + 1) * self.rows)
        for to, one in zip(tree.leaves(self.host), tree.leaves(batch), strict=True):
            if to is not None and to is not one:
                to[at] = one
        self.count, self.state = self.count + 1, state
        if self.count == self.most:
            self.placed = engine.put(self.host)

    def part(self) -> Part:
        """All batches so far, to be run in one go."""
        placed = engine.put(self.host) if self.placed is None else self.placed
        return Part(placed, None, 0, self.count, self.rows)

    @property
    def first(self) -> Batch:
        """The first batch, on the host."""
        return self.host.map(lambda a: a[: self.rows])


class Reader:
    """The thread that reads ahead, and what it has read.

    Args:
        read: gives the next batch and the feed's state after it; raises StopIteration at the end
            of a pass.
        most: how many batches may lie next to each other.
        threaded: False to read when a batch is asked for.
        late: called when a batch does not come for `SLOW` seconds.
        room: how many batches to read ahead; as many as lie together, and at least `ALONE`, if
            None.
    """

    def __init__(
        self,
        read: Callable[[], tuple[Batch, Any]],
        most: int,
        threaded: bool,
        late: Callable[[], Any],
        room: int | None = None,
    ):
        self.read, self.most, self.threaded, self.late = read, most, threaded, late
        self.room = room
        self.turn = threading.Condition()
        self.groups: deque[Group] = deque()
        self.free: list[Batch] = []
        self.like: tuple | None = None  # shapes and dtypes of the batches that lie together
        self.together = 1
        self.ready = 0  # batches read and not taken
        self.ahead = 0  # how many there may be
        self.over, self.stopped = True, False
        self.error: BaseException | None = None
        self.thread: threading.Thread | None = None
        self.taken: Group | None = None

    def begin(self) -> None:
        """A pass begins; nothing is read before `look` or `take`."""
        with self.turn:
            self.over, self.error, self.ahead = False, None, 0

    def look(self) -> Group | None:
        """The next batches, at least one, which stay; None at the end. Reads one at most."""
        return self._await(1)

    def take(self) -> Group | None:
        """The next batches; None at the end of the pass. What was taken before is over."""
        with self.turn:
            if self.taken is not None and self.taken.reusable:
                self.free.append(self.taken.host)
            self.taken = None
        group = self._await(self._reach(self.most if self.like is None else self.together))
        if group is not None:
            with self.turn:
                self.taken = self.groups.popleft()
                self.ready -= group.count
                self.turn.notify_all()
        return group

    def drop(self) -> None:
        """Forget what was read and not taken."""
        with self.turn:
            self.groups.clear()
            self.ready = 0

    def rest(self) -> None:
        """Read no further."""
        with self.turn:
            self.ahead = 0

    def close(self) -> None:
        """End the thread, once it has read what it is reading now."""
        with self.turn:
            self.stopped = True
            self.turn.notify_all()
        if self.thread is not None and self.thread is not threading.current_thread():
            self.thread.join(1.0)
        self.thread = None

    # ---------------------------------------------------------------- the side that takes

    def _reach(self, together: int) -> int:
        """How many batches to read ahead where so many lie together."""
        return max(together, ALONE) if self.room is None else self.room

    def _await(self, ahead: int) -> Group | None:
        told = False
        with self.turn:
            self.ahead = ahead
            self.turn.notify_all()
            while not self.groups and not self.over and not self.stopped:
                if self.threaded:
                    self._start()
                    if not self.turn.wait(SLOW) and not told:
                        told = True
                        self.late()
                else:
                    self._read_one()
            if self.groups:
                return self.groups[0]
            if self.error is not None:
                error, self.error = self.error, None
                raise error
            return None

    def _start(self) -> None:
        if self.thread is None:
            self.thread = threading.Thread(
                target=copy_context().run, args=(self._run,), name="data reader", daemon=True
            )
            self.thread.start()

    # ---------------------------------------------------------------- the side that reads

    def _run(self) -> None:
        while True:
            with self.turn:
                self.turn.wait_for(self._may_read)
                if self.stopped:
                    return
            self._read_one()

    def _may_read(self) -> bool:
        return self.stopped or (not self.over and self.ready < self.ahead)

    def _read_one(self) -> None:
        try:
            batch, state = self.read()
        except StopIteration:
            found, error = None, None
        except BaseException as wrong:
            found, error = None, wrong
        else:
            found, error = (batch, state), None
        with self.turn:
            if found is None:
                self.over, self.error = True, error
            else:
                self._add(*found)
                self.ready += 1
            self.turn.notify_all()

    def _add(self, batch: Batch, state: Any) -> None:
        """Put a batch behind those of its shape, or by itself."""
        kinds = _kinds(batch)
        if self.like is None:
            self.like, self.together = kinds, self._room(batch)
            if state is not None:
                self.together = 1  # it is that of the batch which was given out last
            self.ahead = min(self.ahead, self._reach(self.together))
        last = self.groups[-1] if self.groups else None
        if kinds == self.like and last is not None and last.reusable and last.count < last.most:
            last.add(batch, state)
            return
        if kinds != self.like or self.together == 1:
            group = Group(_room_for(batch, 1), batch.rows, 1)
        else:
            host = self.free.pop() if self.free else _room_for(batch, self.together)
            group = Group(host, batch.rows, self.together)
            group.reusable = True
        group.add(batch, state)
        self.groups.append(group)

    def _room(self, batch: Batch) -> int:
        """How many batches like this one lie together: a power of two."""
        arrays = [a for a in tree.leaves(batch) if a is not None]
        if not all(isinstance(a, np.ndarray) for a in arrays):
            return 1
        size = sum(a.nbytes for a in arrays)
        most = max(1, min(self.most, TOGETHER // max(size, 1)))
        return 1 << (most.bit_length() - 1)


def _kinds(batch: Batch) -> tuple:
    return tuple((a.shape, a.dtype) if a is not None else None for a in tree.leaves(batch))


def _room_for(batch: Batch, count: int) -> Batch:
    """Room for `count` batches where the device reads without a copy.

    The user may fill one array again and again, so nothing of theirs is kept; what is an array of
    the engine cannot change and stays as it is.
    """

    def room(a: Any) -> Any:
        if not isinstance(a, np.ndarray):
            return a
        return engine.buffer((count * a.shape[0], *a.shape[1:]), str(a.dtype))

    return batch.map(room)
