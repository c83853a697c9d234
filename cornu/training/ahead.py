"""Ahead: batches that are computed before the callbacks are told of those before them.

A callback that must see every batch mostly reads the figures it is shown. So some small batches
are run in one call, and the callbacks are told of them one by one. The Variables hold no values
meanwhile: who reads or sets one finds those after the batch that callbacks have just been told of,
for then the batches up to it are run again from a copy of the state, which gives the same bits. All
that can be seen is when a batch was computed; `Callback.timely` asks for each in its turn.
"""

import time
from collections.abc import Iterable
from contextlib import nullcontext
from functools import partial
from itertools import repeat
from operator import is_
from typing import Any, NamedTuple

import numpy as np

from cornu import engine, state
from cornu.state import Later, Variable
from cornu.training.data import Part
from cornu.training.guard import Guard
from cornu.training.step import Program

SECONDS = 0.005  # that batches may take which are computed ahead: a few may be in vain
MOST = 32  # batches in one call
BYTES = 2 * 2**20  # of a state that is copied for it
TRIAL = 256  # batches of a model before anything is compiled for it
FIRST = 4  # batches in the first call
CALM = 8  # batches in which nobody looks at the model, for the next ones to be worth trying
REST = 255  # most batches that are run in their turn before it is tried again


class Stretch(NamedTuple):
    """Batches that were computed in one call, and what they made.

    Attributes:
        part, fresh: what was run.
        before: the state before it.
        figures: the figures after each batch, by name.
        moved: the values after the last one of the Variables that a step changes.
        held: those of all others, which are in their cells.
    """

    part: Part
    fresh: bool
    before: list[np.ndarray]
    figures: dict[str, np.ndarray]
    moved: list
    held: list


class Ahead:
    """Runs the batches of callbacks that must see each.

    Args:
        program: of which the state is.
        guard: runs what is run in its turn, and judges what is not.
        callbacks: those that must see each batch.
    """

    def __init__(self, program: Program, guard: Guard, callbacks: Iterable[Any]):
        self.program, self.guard = program, guard
        timely = any(getattr(callback, "timely", False) for callback in callbacks)
        self.active = not timely and program.loops and program.nbytes <= BYTES
        self.stretch: Stretch | None = None
        self.told = 0  # batches of the stretch that callbacks have been told of
        self.moved: list[Variable] = []
        self.held: list[Variable] = []
        self.inside: list[dict] = []  # of the moved Variables: where a value is, or none
        self.later: list[Later] = []
        self.most = FIRST
        self.calm = 0  # batches since somebody was last found to have looked at the model
        self.period = 0  # how many that were when somebody did; every n-th batch is usual
        self.rest = self.patience = 0
        self.seconds = float("inf")  # that a batch takes

    def train(self, part: Part, fresh: bool, left: int) -> tuple[dict, Any]:
        """Figures after the one batch of `part`; `left` are there from it on."""
        with state.cells_lock:
            if self.stretch is not None and self._is_untouched(self.stretch):
                return self._following(self.stretch), None
            self.settle()
            count = self._count(left)
            ran = self._ran(part._replace(count=count), fresh) if count > 1 else None
            if ran is not None:
                return self._following(ran), None
        begun = time.perf_counter()
        made = self.guard.train(part, fresh, 0)
        self.seconds = time.perf_counter() - begun
        self.program.lone += 1
        self.calm += 1
        self.rest = max(self.rest - 1, 0)
        return made

    def settle(self) -> None:
        """Let the Variables hold the values after the batch of which callbacks were told last."""
        with state.cells_lock:
            if self.stretch is not None:
                self._go_back(self.stretch)

    # ---------------------------------------------------------------- one stretch

    def _count(self, left: int) -> int:
        """How many batches to run in the next call."""
        if not self.active or self.rest or self.program.lone < TRIAL:
            return 1
        count = min(self.most, left, int(SECONDS / self.seconds))
        if self.period:  # who looks after the last batch of a stretch finds what is there
            count = min(count, self.period - self.calm % self.period)
        return count

    def _ran(self, part: Part, fresh: bool) -> Stretch | None:
        """Run batches and take the Variables' values away; None where a number is not finite."""
        program = self.program
        if not program.is_silent(part):
            self.active = False
            return None
        begun = time.perf_counter()
        before = program.copied(None)
        _, kept = program.train(part, fresh, MOST)
        figures = {name: engine.numpy(kept[name]) for name in program.names}
        if not self.guard.accepts(figures):
            program.restore(before)
            self.rest = part.count
            return None
        self._find()
        moved, held = _values(self.moved), _values(self.held)
        self.told = 0
        self.stretch = stretch = Stretch(part, fresh, before, figures, moved, held)
        for inside, later in zip(self.inside, self.later, strict=True):
            inside["_later"] = later
            del inside["_value"]
        self.seconds = (time.perf_counter() - begun) / part.count
        return stretch

    def _find(self) -> None:
        """Find the Variables that a step changes; the first step was traced to know them."""
        program = self.program
        moved = [cell for cell in program.cells if cell in program.moved]
        if moved != self.moved:
            self.moved = moved
            self.inside = [cell.__dict__ for cell in moved]
            self.later = [Later(partial(self._wanted, c), c.shape, c.dtype) for c in moved]
        self.held = [cell for cell in program.cells if cell not in program.moved]

    def _is_untouched(self, stretch: Stretch) -> bool:
        """Whether nobody has read or set a Variable that a step changes, or set another one."""
        anybody = any(map(dict.__contains__, self.inside, repeat("_value")))
        return not anybody and all(map(is_, _values(self.held), stretch.held))

    def _following(self, stretch: Stretch) -> dict[str, Any]:
        """The figures after the next batch of the stretch."""
        place = self.told
        self.told = place + 1
        self.guard.done += 1
        if self.told == stretch.part.count:
            self._fill(stretch.moved)
            self.calm += self.told
            self.most = min(2 * self.most, MOST)
        return {name: rows[place] for name, rows in stretch.figures.items()}

    def _fill(self, values: list) -> None:
        """The stretch is over: let the Variables that have no value hold these."""
        for inside, value in zip(self.inside, values, strict=True):
            inside.setdefault("_value", value)
            inside.pop("_later", None)
        self.stretch = None

    # ---------------------------------------------------------------- going back

    def _wanted(self, cell: Variable, shape: Any, dtype: Any) -> Any:
        """The value of a Variable that somebody reads."""
        self.settle()
        return cell.__dict__["_value"]

    def _go_back(self, stretch: Stretch) -> None:
        """Make the state after the batches told of, but for what somebody has set since."""
        program = self.program
        cells, made = [*self.moved, *self.held], [*stretch.moved, *stretch.held]
        set_since = [
            (cell, cell._value)
            for cell, value in zip(cells, made, strict=True)
            if "_value" in cell.__dict__ and cell._value is not value
        ]
        self._fill(stretch.moved)
        tracing = engine.is_traced(engine.array(0.0))  # who reads it may be compiling something
        with engine.at_once() if tracing else nullcontext():
            program.restore(stretch.before)
            program.train(stretch.part._replace(count=self.told), stretch.fresh, MOST)
        for cell, value in set_since:
            cell._value = value
        self.period = self.calm + self.told
        self.patience = 0 if self.period >= CALM else min(4 * self.patience + 3, REST)
        self.most, self.calm, self.rest = FIRST, 0, self.patience


def _values(cells: list[Variable]) -> list:
    return [cell._value for cell in cells]
