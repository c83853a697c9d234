"""Where the samples of `Arrays` live: on the device, or on the host, from where they are copied."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from cornu import engine, tree
from cornu.training.batches import Batch, Part
from cornu.training.columns import Column


class OnDevice:
    """All samples on the device, put there at the first use."""

    def __init__(self, batch: Batch):
        self.batch = batch
        self.placed: Batch | None = None

    def parts(self, order: Any, first: int, count: int, rows: int) -> Iterator[Part]:
        """One part, cut on the device."""
        placed = self.placed = self.placed or self.batch.map(engine.put)
        yield Part(placed, order if order is None else engine.put(order), first, count, rows)


class OnHost:
    """Samples left where they are; some batches at a time are copied to where the device reads.

    The copy goes into one of two buffers that are used by turns, so there is never a second copy
    of all data, and the next chunk is copied while the device computes. The shape of a buffer does
    not depend on how many samples there are: nothing is compiled anew for other data.
    """

    CHUNK = 16 * 2**20  # bytes

    def __init__(self, batch: Batch, rows: int):
        self.batch, self.rows = batch, rows
        size = sum(a.nbytes // max(len(a), 1) for a in _distinct(batch).values()) * rows
        most = min(64, self.CHUNK // max(size, 1), max(batch.rows // rows, 1))  # of batches
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
        buffers = dict(
            zip(_distinct(self.batch), _distinct(self.buffers[turn]).values(), strict=True)
        )

        def fill(source: Any) -> Any:
            buffer = buffers[id(source)]
            if isinstance(where, slice) or isinstance(source, Column):
                buffer[:rows] = source[where]
            else:
                np.take(source, where, axis=0, out=buffer[:rows], mode="clip")
            return engine.put(buffer)

        return self.batch.map(fill)


def _distinct(batch: Batch) -> dict[int, Any]:
    """The arrays of a batch in their order, each once, by what is theirs alone."""
    return {id(a): a for a in tree.leaves(batch) if a is not None}


def _rows(order: Any, first: int, rows: int) -> Any:
    """Which rows: those that `order` names, or the next ones."""
    return slice(first, first + rows) if order is None else order[first : first + rows]
