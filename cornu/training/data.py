"""Where batches come from.

Arrays at hand are `Arrays`, which live on the device or stay on the host; anything that yields
batches is a `Stream`. Both hand out `Part`s: some batches to be run in one go.
What users pass becomes arrays in `arrays.py` and is checked in `checks.py` before anything is
compiled.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from cornu import engine, tree
from cornu.errors import UsageError


class Batch(NamedTuple):
    """Inputs in the model's structure; targets and sample weights a list by output."""

    x: Any
    y: list
    weights: list

    @property
    def rows(self) -> int:
        """Number of samples."""
        return next(int(leaf.shape[0]) for leaf in tree.leaves(self.x))

    def map(self, fn: Callable) -> "Batch":
        """`fn` over all arrays; None stays None."""
        return Batch(*(tree.map_structure(lambda a: None if a is None else fn(a), s) for s in self))

    def take(self, order: Any, first: Any, rows: int) -> "Batch":
        """`rows` rows: those that `order` names from `first` on, or the next ones without it."""
        if order is None:
            if self.rows == rows:
                return self
            return self.map(
                lambda a: engine.slice(a, (first, *[0] * (a.ndim - 1)), (rows, *a.shape[1:]))
            )
        where = engine.slice(order, (first,), (rows,))
        return self.map(lambda a: engine.np.take(a, where, axis=0, mode="clip"))


class Part(NamedTuple):
    """`count` batches of `rows` rows, from row `first` of `order` on."""

    batch: Batch
    order: Any
    first: int
    count: int
    rows: int

    def cut(self, done: int, count: int) -> "Part":
        """`count` of its batches, after the first `done`."""
        return self._replace(first=self.first + done * self.rows, count=count)

    def singly(self) -> Iterator["Part"]:
        """Its batches, each a part of its own."""
        return (self.cut(i, 1) for i in range(self.count))


class OnDevice:
    """All samples on the device, put there at the first use."""

    def __init__(self, batch: Batch):
        self.batch = batch
        self.placed: Batch | None = None

    def parts(self, order: Any, first: int, count: int, rows: int) -> Iterator[Part]:
        """One part, cut on the device."""
        placed = self.placed = self.placed or engine.put(self.batch)
        yield Part(placed, order if order is None else engine.array(order), first, count, rows)


class OnHost:
    """Samples left where they are; some batches at a time are copied to where the device reads.

    The copy goes into one of two buffers that are used by turns, so there is never a second copy
    of all data, and the next chunk is copied while the device computes. The shape of a buffer does
    not depend on how many samples there are: nothing is compiled anew for other data.
    """

    CHUNK = 32 * 2**20  # bytes

    def __init__(self, batch: Batch, rows: int):
        self.batch, self.rows = batch, rows
        arrays = [a for a in tree.leaves(batch) if a is not None]
        size = sum(a.nbytes // max(len(a), 1) for a in arrays) * rows  # bytes of one batch
        most = min(64, self.CHUNK // max(size, 1), max(batch.rows // rows, 1))
        self.steps = 1 << max(most.bit_length() - 1, 0)  # a power of two: few different shapes
        self.buffers: list[Batch] = []

    def parts(self, order: Any, first: int, count: int, rows: int) -> Iterator[Part]:
        """Parts of at most `steps` batches, cut on the host."""
        if rows != self.rows:
            where = _rows(order, first, rows)
            yield Part(self.batch.map(lambda a: a[where]), None, 0, count, rows)
            return
        chunks = [
            (_rows(order, first + done * rows, now * rows), now)
            for done in range(0, count, self.steps)
            for now in [min(self.steps, count - done)]
        ]
        if len(chunks) == 1:
            where, now = chunks[0]
            yield Part(self._filled(0, where, now * rows), None, 0, now, rows)
            return
        with ThreadPoolExecutor(1) as ahead:
            following = ahead.submit(self._filled, 0, chunks[0][0], chunks[0][1] * rows)
            for i, (_, now) in enumerate(chunks):
                filled = following.result()
                if i + 1 < len(chunks):
                    where, length = chunks[i + 1]
                    following = ahead.submit(self._filled, (i + 1) % 2, where, length * rows)
                yield Part(filled, None, 0, now, rows)

    def _filled(self, turn: int, where: Any, rows: int) -> Batch:
        """Buffer `turn`, with the rows `where` copied to its beginning."""
        length = self.steps * self.rows
        while len(self.buffers) <= turn:
            shaped = self.batch.map(lambda a: engine.buffer((length, *a.shape[1:]), str(a.dtype)))
            self.buffers.append(shaped)

        def fill(buffer: Any, source: Any) -> Any:
            if buffer is None:
                return None
            if isinstance(where, slice):
                buffer[:rows] = source[where]
            else:
                np.take(source, where, axis=0, out=buffer[:rows], mode="clip")
            return engine.put(buffer)

        pairs = zip(self.buffers[turn], self.batch, strict=True)
        return Batch(*(tree.map_structure(fill, *pair) for pair in pairs))


def _rows(order: Any, first: int, rows: int) -> Any:
    """Which rows: those that `order` names, or the next ones."""
    return slice(first, first + rows) if order is None else order[first : first + rows]


class Arrays:
    """All samples at hand.

    Training arrays live on the device if there is room, and every batch is gathered there by an
    order of rows; all others stay on the host.

    Args:
        batch: all samples, NumPy or engine arrays.
        batch_size: rows of a batch; the last one of a pass may have fewer.
        shuffle: whether every pass has its own order, see `follow`; "batch" for an order of whole
            batches.
        steps: batches of a pass, running on into the next order; all rows once if None.
        resident: whether to keep the arrays on the device, if there is room.
    """

    def __init__(
        self,
        batch: Batch,
        batch_size: int,
        shuffle: bool | str = False,
        steps: int | None = None,
        resident: bool = False,
    ):
        self.rows, self.limit = batch.rows, batch_size
        self.batch_size = min(batch_size, max(self.rows, 1))
        self.shuffle, self.seed, self.passes = shuffle, 0, 0
        self.whole = -(-self.rows // self.batch_size)
        self.steps = self.whole if steps is None else steps
        self.host = batch
        self.position = 0  # batches taken since the beginning
        self.home: OnDevice | OnHost | None = None
        self.resident = resident
        self._order: tuple[int, Any] = (-1, None)

    def _settle(self) -> "OnDevice | OnHost":
        """Decide where the arrays live, at the first use."""
        arrays = [a for a in tree.leaves(self.host) if a is not None]
        there = all(engine.is_array(a) for a in arrays)
        if there or (self.resident and sum(a.nbytes for a in arrays) <= engine.room()):
            return OnDevice(self.host)
        host = self.host.map(lambda a: engine.numpy(a) if engine.is_array(a) else a)
        return OnHost(host, self.batch_size)

    def first_host(self) -> Batch:
        """Samples as they were passed."""
        return self.host

    def close(self) -> None:
        """Nothing is held."""

    def follow(self, seed: int, passes: int) -> None:
        """Make the orders of rows from `seed`, counting passes on from `passes`."""
        self.seed, self.passes = seed, passes

    def order(self, number: int) -> Any:
        """The order of rows in pass `number`, the same for the same seed; None unless shuffled.

        NumPy's Philox makes it in a twentieth of the time that XLA takes to sort on a CPU.
        """
        if not self.shuffle:
            return None
        if self._order[0] != number:
            counter = self.passes + number
            generator = np.random.Generator(np.random.Philox(key=self.seed, counter=counter))
            self._order = (number, self._permutation(generator).astype("int32"))
        return self._order[1]

    def _permutation(self, generator: np.random.Generator) -> np.ndarray:
        """A new order of all rows. One of batches leaves the smaller one at the end."""
        if self.shuffle != "batch":
            return generator.permutation(self.rows)
        rows = np.arange(self.rows)
        cut = self.rows // self.batch_size * self.batch_size
        whole = generator.permutation(rows[:cut].reshape(-1, self.batch_size))
        return np.concatenate([whole.ravel(), rows[cut:]])

    def parts(self) -> Iterator[Part]:
        """The parts of one pass: runs of equal batches, cut where the rows end."""
        home = self.home = self.home or self._settle()
        left = self.steps
        full = self.rows // self.batch_size
        while left:
            number, done = divmod(self.position, self.whole)
            rows, count = self.batch_size, min(full - done, left)
            if done == full:
                rows, count = self.rows - full * self.batch_size, 1
            self.position += count
            left -= count
            yield from home.parts(self.order(number), done * self.batch_size, count, rows)

    @property
    def first(self) -> Batch:
        """One batch, to look at shapes."""
        return self.host.map(lambda a: a[: self.batch_size])

    def padded(self, mixes_rows: bool) -> Iterator[tuple[Any, int]]:
        """Inputs of every batch, cut on the host, with the number of rows that count.

        The last batch is filled up to a power of two by repeating its last row, so that few
        shapes are compiled, unless rows might influence each other.
        """
        size = self.batch_size
        for first in range(0, self.rows, size):
            x = tree.map_structure(lambda a, at=first: a[at : at + size], self.host.x)
            rows = min(size, self.rows - first)
            wanted = rows if mixes_rows else min(self.limit, 1 << (rows - 1).bit_length())
            yield (x if wanted == rows else _filled(x, wanted)), rows


def _filled(x: Any, rows: int) -> Any:
    """`x` with its last row repeated until there are `rows`."""

    def fill(a: Any) -> Any:
        namespace = np if isinstance(a, np.ndarray) else engine.np
        return namespace.concatenate([a, namespace.repeat(a[-1:], rows - len(a), axis=0)])

    return tree.map_structure(fill, x)


STEPS = {"fit": "steps_per_epoch", "validation_data": "validation_steps"}
"""What says how many batches a pass has; "steps" elsewhere."""


class Stream:
    """Batches from an iterable, one at a time.

    Args:
        make: called at the beginning of each pass that does not go on with the last iterator.
        convert: turns what the iterable yields into a `Batch`, given its number.
        steps: batches of a pass, or None for all there are.
        forever: whether passes go on with one iterator (a Python generator).
        doing: what the batches are for, for messages: "fit", "validation_data" …
    """

    def __init__(
        self,
        make: Callable[[int], Iterable],
        convert: Callable[[Any, int], Batch],
        steps: int | None,
        forever: bool,
        doing: str = "fit",
    ):
        self.doing = doing
        self.make, self.convert, self.steps, self.forever = make, convert, steps, forever
        self.passes = 0
        self.number = 0
        self._iterator: Iterator | None = None
        self._peeked: list[Batch] = []

    def _begin(self) -> Iterator:
        if self._iterator is None or not self.forever:
            self._iterator = iter(self.make(self.passes))
        return self._iterator

    def _next(self, iterator: Iterator) -> Batch | None:
        """The next batch; None at the end. An error of the user's own tells which batch."""
        try:
            item = next(iterator)
            batch = self.convert(item, self.number)
        except StopIteration:
            return None
        except Exception as error:
            error.add_note(f"while reading batch {self.number} of {self._pass()}")
            raise
        self.number += 1
        return batch

    def _pass(self) -> str:
        """The present pass, in words."""
        return f"epoch {self.passes + 1}" if self.doing == "fit" else self.doing

    def _nothing(self) -> UsageError:
        what = self.doing if self.doing == "validation_data" else "x"
        return UsageError(
            "E-EMPTY", f"{what} yields no batches: a generator must yield at least one batch."
        )

    @property
    def first(self) -> Batch:
        """The first batch, kept for the first pass."""
        if not self._peeked:
            batch = self._next(self._begin())
            if batch is None:
                raise self._nothing()
            self._peeked.append(batch)
        return self._peeked[0]

    def follow(self, seed: int, passes: int) -> None:
        """Streams come in their own order."""

    def first_host(self) -> Batch:
        """The first batch of what comes next."""
        return self.last

    def close(self) -> None:
        """Close a Python generator, so that its own clean-up runs now."""
        close = getattr(self._iterator, "close", None)
        if close is not None and not self.forever:
            close()

    def padded(self, mixes_rows: bool) -> Iterator[tuple[Any, int]]:
        """Inputs of every batch with its number of rows."""
        for part in self.parts():
            yield part.batch.x, part.rows

    def parts(self) -> Iterator[Part]:
        """One part for each batch of a pass. Raises UsageError where the data end too early."""
        iterator = self._iterator if self._peeked else self._begin()
        assert iterator is not None
        done = 0
        while self.steps is None or done < self.steps:
            batch = self._peeked.pop() if self._peeked else self._next(iterator)
            if batch is None:
                break
            done += 1
            self.last = batch
            yield Part(batch, None, 0, 1, batch.rows)
        if self.steps is not None and done < self.steps:
            raise UsageError(
                "E-DATA-ENDED",
                f"generator ended after {done} of {self.steps} steps in {self._pass()}. Lower "
                f"{STEPS.get(self.doing, 'steps')}, or let it loop for ever (while True).",
            )
        if not done:
            raise self._nothing()
        self.passes, self.number = self.passes + 1, 0
        if not self.forever:
            self._iterator = None
