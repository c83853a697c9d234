"""Where batches come from.

Arrays at hand are `Arrays`, which live on the device or stay on the host; anything that yields
batches is a `Stream`. Both are a `Source`: they hand out `Part`s, some batches to be run in one go.
What users pass becomes arrays in `arrays.py` and is checked in `checks.py` before anything is
compiled.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from cornu import engine, tree
from cornu.training.batches import Batch, Part, filled, room_for
from cornu.training.columns import Column
from cornu.training.homes import OnDevice, OnHost
from cornu.training.streams import Stream

__all__ = ["Arrays", "Batch", "OnDevice", "OnHost", "Part", "Stream"]


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
        anew: whether every pass begins at the first row, however many steps it has.
    """

    restarts = True  # whether `go_to` finds any place

    def __init__(
        self,
        batch: Batch,
        batch_size: int,
        shuffle: bool | str = False,
        steps: int | None = None,
        resident: bool = False,
        anew: bool = False,
    ):
        self.rows, self.limit = batch.rows, batch_size
        self.batch_size = min(batch_size, max(self.rows, 1))
        self.shuffle, self.seed, self.passes = shuffle, 0, 0
        self.whole = -(-self.rows // self.batch_size)
        self.steps = self.whole if steps is None else steps
        self.host = batch
        self.position = 0  # batches taken since the beginning
        self.home: OnDevice | OnHost | None = None
        self.resident, self.anew = resident, anew
        self.over = 0  # batches of the next pass that are over
        self._order: tuple[int, Any] = (-1, None)

    def _settle(self) -> "OnDevice | OnHost":
        """Decide where the arrays live, at the first use."""
        arrays = [a for a in tree.leaves(self.host) if a is not None]
        there = all(engine.is_array(a) for a in arrays)
        if any(isinstance(a, Column) for a in arrays):
            there = self.resident = False
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

    @property
    def longest(self) -> int:
        """The most batches that a part can have."""
        return self.whole

    def go_to(self, passes: int, batches: int, state: Any = None) -> None:
        """Have the next pass be number `passes`, from 0, after its first `batches` batches."""
        self.position = (0 if self.anew else passes * self.steps) + batches
        self.over = batches

    def state(self) -> None:
        """Nothing but the place is needed to go on."""

    def described(self) -> list:
        """What must be the same for `go_to` to find the same batches."""
        shapes = [list(a.shape) for a in tree.leaves(self.host) if a is not None]
        return ["arrays", shapes, self.batch_size, self.steps, str(self.shuffle)]

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
        left, self.over = self.steps - self.over, 0
        if self.anew and left == self.steps:
            self.position = 0
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

    def regroup(self) -> None:
        """Take batches of a size that is compiled for many: rows that do not know of each other."""
        most = room_for(self.limit)
        self.limit = most if most <= max(self.limit, 16) else most // 2
        self.batch_size = min(self.limit, max(self.rows, 1))

    def padded(self, mixes_rows: bool) -> Iterator[tuple[Any, int]]:
        """Inputs of every batch, cut on the host, with the number of rows that count.

        Unless rows might influence each other, the last batch is filled up by repeating its last
        row, so that few shapes are compiled.
        """
        size = self.batch_size
        for first in range(0, self.rows, size):
            x = tree.map_structure(lambda a, at=first: a[at : at + size], self.host.x)
            rows = min(size, self.rows - first)
            wanted = rows if mixes_rows else min(self.limit, room_for(rows))
            yield (x if wanted == rows else filled(x, wanted)), rows
