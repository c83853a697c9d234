"""Guard: a step that makes the loss or a weight infinite or no number is taken back.

Compiled steps pay nothing for it. The state is kept now and then, which on a CPU copies nothing,
and the loss that a chunk reports anyway is looked at. When it is not finite, the chunk is repeated
from the state kept, batch by batch, up to the first bad one (repeated steps give the same bits).
"""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from cornu import engine
from cornu.errors import UsageError, shown, suggestion, warn
from cornu.training.culprit import culprit
from cornu.training.data import Part
from cornu.training.step import Program

POLICIES = ("raise", "skip", "stop", "ignore")
SHARE = 100  # keeping the state takes at most this fraction of the time
GONE_SHARE = 20  # the same where batches cannot be run again without a state kept since
MOST = 512 * 2**20  # bytes of a state that is kept

WAYS_OUT = (
    "Lower the learning rate, clip gradients (clipnorm=1.0) or look at the data. "
    'fit(..., on_nonfinite="skip") leaves such batches out, "stop" ends training without an error.'
)


class NonFiniteError(UsageError, ArithmeticError, RuntimeError):
    """Training met a number that is infinite or none.

    Attributes:
        step: the batch of the epoch, counted from 0, before which the weights are now those.
        exact: whether that is the batch which made it, and not one shortly before.
    """

    def __init__(self, message: str, step: int, exact: bool):
        super().__init__("E-NONFINITE", message)
        self.step, self.exact = step, exact


def policy(said: Any, stops: bool, usual: str) -> str:
    """What `fit` was told to do. `stops`: whether a callback asks to stop; `usual`: else."""
    if said is None:
        return "stop" if stops else usual
    if said not in POLICIES:
        raise UsageError(
            "E-ON-NONFINITE",
            f"on_nonfinite must be one of {', '.join(POLICIES)}; got {shown(said)}. "
            f"{suggestion(str(said), POLICIES)}",
        )
    return said


class Chunk(NamedTuple):
    """Batches that were run: whether they began the figures anew, and where they belong."""

    part: Part
    fresh: bool
    epoch: int
    first: int

    def singly(self) -> Iterator["Chunk"]:
        """Its batches, each a chunk of its own."""
        for i, one in enumerate(self.part.singly()):
            yield Chunk(one, self.fresh and not i, self.epoch, self.first + i)


class Guard:
    """Runs chunks of training, and takes back what is not finite.

    Args:
        program: whose state is kept.
        policy: "raise", "skip" the batch, "stop" training, or "ignore" it (with one warning).
        watched: whether somebody may look at the state after every chunk, and change it: it is
            looked at after each, and kept anew where it was changed.
        stop: called to end training.
    """

    def __init__(self, program: Program, policy: str, watched: bool, stop: Callable[[], None]):
        self.program, self.policy, self.watched, self.stop = program, policy, watched, stop
        self.active = policy != "ignore" and program.nbytes <= MOST
        self.checks_weights = self.active and program.is_finite()
        self.kept: list | None = None
        self.chunks: list[Chunk] = []  # run since the state was kept
        self.exact = False  # whether these can be run again: nothing else has happened since
        self.counted = False  # whether batches of this epoch are in the figures, for certain
        self.at = self.cost = 0.0
        self.warned = False
        self.epoch = self.done = 0

    def begin(self, epoch: int, done: int, changed: bool) -> None:
        """An epoch begins, or goes on after `done` batches.

        `changed`: whether somebody may have changed the state since the last chunk.
        """
        self.epoch, self.done, self.counted = epoch, done, done > 0
        if changed:
            self.kept, self.chunks = None, []

    def train(self, part: Part, fresh: bool, record: int) -> tuple[dict, Any]:
        """`Program.train`, waited for and looked at."""
        if self.active:
            self._keep(part)
            self.chunks.append(Chunk(part, fresh, self.epoch, self.done))
        figures, rows = self.program.train(part, fresh, record, watched=self.watched)
        self.done += part.count
        fine = is_finite(figures)
        if fine and (not self.watched or self._are_weights_fine()):
            return figures, rows
        if not self.active:
            self._warn_once()
            return figures, rows
        good = self._went_back()
        return (good[-1] if good else self.figures()), _columns(good[-part.count :])

    def accepts(self, figures: Mapping[str, Any]) -> bool:
        """Whether batches that were run without `train` may stay, by the figures after each."""
        fine = is_finite(figures) and self._are_weights_fine()
        if not fine and (self.active or not self.warned):
            return False
        self.kept, self.chunks, self.counted = None, [], True
        return True

    def figures(self) -> dict[str, Any]:
        """The running figures after steps were taken back; NaN where none of this epoch is left."""
        found = self.program.results()
        return found if self.counted else dict.fromkeys(found, np.float32(np.nan))

    def settle(self) -> bool:
        """Look at the weights themselves, before somebody keeps them.

        Returns whether steps were taken back, so that the running figures are others now.
        """
        bad = bool(self.chunks) and not self._are_weights_fine()
        if bad:
            self._went_back()
        return bad

    def _are_weights_fine(self) -> bool:
        return not self.checks_weights or self.program.is_finite()

    # ---------------------------------------------------------------- the state kept

    def _keep(self, part: Part) -> None:
        """Keep the state, unless that was done a moment ago."""
        gone = bool(self.chunks) and self.chunks[0].part.batch is not part.batch
        if gone:
            self.exact = False  # where those batches were, others may be read by now
        share = SHARE if not gone else GONE_SHARE
        lately = time.perf_counter() - self.at <= share * self.cost
        stale = self.watched and (gone or not self.program.is_untouched())
        if self.kept is not None and lately and not stale:
            return
        if not self.watched:  # else every step was looked at
            self.settle()
        self.counted = self.counted or any(one.epoch == self.epoch for one in self.chunks)
        begun = time.perf_counter()
        self.kept, self.chunks, self.exact = self.program.copied(self.kept), [], True
        self.at = time.perf_counter()
        self.cost = self.at - begun

    # ---------------------------------------------------------------- going back

    def _went_back(self) -> list[dict]:
        """Leave out what was bad in the chunks since the state was kept; the figures of the rest.

        They are run again batch by batch, where nothing else happened in between.
        """
        assert self.kept is not None
        self.program.restore(self.kept)
        ones = [one for chunk in self.chunks for one in chunk.singly()]
        self.kept, self.chunks = None, []
        good = self._repeated(ones) if self.exact else self._left_out(ones)
        if not good and any(one.fresh and one.epoch == self.epoch for one in ones):
            self.program.begin_figures()  # the batch that was to do so is left out
        self.counted = self.counted or bool(good)
        return good

    def _left_out(self, ones: list[Chunk]) -> list[dict]:
        """Leave out batches that are gone."""
        one = ones[0]
        if len(ones) == 1:
            self._tell(f"the update of step {one.first + 1} of epoch {one.epoch + 1}", one, True)
        else:
            self._tell(f"a step before step {self.done} of epoch {self.epoch + 1}", one, False)
        return []

    def _repeated(self, ones: list[Chunk]) -> list[dict]:
        """Run batches again; the figures after each good one of this epoch."""
        good: list[dict] = []
        fresh = False
        for one in ones:
            before = self.program.snapshot()
            fresh = fresh or one.fresh
            figures, _ = self.program.train(one.part, fresh)
            if is_finite(figures) and self._are_weights_fine():
                if one.epoch == self.epoch:
                    good.append(figures)
                fresh = False
                continue
            self.program.restore(before)
            why = culprit(self.program, one.part)
            self._tell(f"step {one.first + 1} of epoch {one.epoch + 1}: {why}", one, True)
            if self.policy == "stop":
                break
        return good

    def _tell(self, what: str, one: Chunk, exact: bool) -> None:
        """Raise, or warn and stop where that is the policy. The state is as before `one`."""
        now = "as before it" if exact else f"those before step {one.first + 1}"
        text = f"training met a number that is not finite in {what}. The weights are {now}."
        if self.policy == "raise":
            raise NonFiniteError(f"{text} {WAYS_OUT}", one.first, exact)
        if self.policy == "stop":
            warn(f"{text} Training stops here.")
            self.stop()
        else:
            warn(f"{text} {'The batch is' if exact else 'The batches since then are'} left out.")

    def _warn_once(self) -> None:
        if not self.warned:
            self.warned = True
            warn(
                f"the loss is not finite since step {self.done} of epoch {self.epoch + 1}, or some "
                'steps before; training goes on. fit(..., on_nonfinite="raise") names the step.'
            )


def is_finite(figures: Mapping[str, Any]) -> bool:
    """Whether the loss is a number; all figures, where a step of the user's own gives no loss."""
    looked_at = [figures["loss"]] if "loss" in figures else figures.values()
    return all(np.isfinite(engine.numpy(value)).all() for value in looked_at)


def _columns(rows: list[dict]) -> dict[str, list] | None:
    """Figures after each batch, by name."""
    return {name: [row[name] for row in rows] for name in rows[0]} if rows else None
