"""The one pass over the data, in chunks, and the pass that only judges.

How long a chunk may be is decided by `Pace`: one batch where a live callback must see each, else
about a tenth of a second. So the device hardly ever waits for Python, a bar moves, Ctrl-C is never
far, and other threads get their turn.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

from cornu import engine
from cornu.callbacks import CallbackList
from cornu.training.data import Arrays, Part, Stream
from cornu.training.step import Program

Source = Arrays | Stream

CHUNK = 0.1  # seconds


class Pace:
    """How many batches the next chunk may have.

    Args:
        program: keeps what is known of the time of a step.
        kind: which step: "train" or "test"; the one takes several times as long as the other.
        seconds: how long a chunk should take; 0 for one batch at a time.
    """

    def __init__(self, program: Program, kind: str, seconds: float):
        self.known, self.kind, self.seconds = program.seconds, kind, seconds
        self.most: int | None = None  # batches, whatever their time
        self.left = 0  # batches of the part that is being run

    def next(self, left: int) -> int:
        """Batches for the next chunk, at most `left`."""
        self.left = left
        known = self.known.get(self.kind)
        if not self.seconds or known is None:
            return 1
        left = left if self.most is None else min(left, self.most)
        return max(1, min(left, int(self.seconds / max(known, 1e-9))))

    def saw(self, count: int, seconds: float) -> None:
        """A chunk of `count` batches took this long (the first one's time is compilation)."""
        known, now = self.known.get(self.kind), seconds / count
        if known is None:
            self.known[self.kind] = now if count > 1 else now / 8
        elif count > 1 or now < known:  # a single slow one was compiled, most likely
            self.known[self.kind] = now


def run_pass(
    source: Source,
    run: Callable[[Part, bool], Any],
    pace: Pace,
    before: Callable[[int], None] | None = None,
    after: Callable[[int, int, Any], None] | None = None,
    stop: Callable[[], bool] | None = None,
    done: int = 0,
) -> dict[str, float]:
    """Run every part of a pass in chunks; returns the figures at its end as numbers.

    `before(batch)` and `after(first batch, count, result)` surround each chunk; `stop()` after a
    chunk ends the pass. `done`: batches that are over, where a pass goes on.
    """
    figures: dict[str, Any] = {}
    for part in source.parts():
        taken = 0
        while taken < part.count:
            count = pace.next(part.count - taken)
            if before is not None:
                before(done)
            begun = time.perf_counter()
            result = run(part.cut(taken, count), done == 0)
            figures = result[0] if isinstance(result, tuple) else result
            if pace.seconds:
                engine.wait(figures)
                pace.saw(count, time.perf_counter() - begun)
            if after is not None:
                after(done, count, result)
            taken += count
            done += count
            if stop is not None and stop():
                return numbers(figures)
    return numbers(figures)


def numbers(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Figures as Python floats (waits for them); arrays stay arrays."""
    found = {name: engine.numpy(value) for name, value in figures.items()}
    return {name: float(v) if v.ndim == 0 else v for name, v in found.items()}


def judge(
    program: Program,
    source: Source,
    callbacks: CallbackList | None,
    stop: Callable[[], bool] | None = None,
) -> dict[str, Any]:
    """One pass of test steps; `stop()` after a chunk ends it."""
    batchwise = callbacks.on_test_batches if callbacks is not None else []

    def before(batch: int) -> None:
        for callback in batchwise:
            callback.on_test_batch_begin(batch, {})

    def after(done: int, count: int, figures: Any) -> None:
        for callback in batchwise:
            callback.on_test_batch_end(done, numbers(figures))

    if callbacks is not None:
        callbacks.tell("on_test_begin", {})
    pace = Pace(program, "test", 0 if batchwise else CHUNK)
    logs = run_pass(
        source,
        program.test,
        pace,
        before if batchwise else None,
        after if batchwise else None,
        stop,
    )
    if callbacks is not None:
        callbacks.tell("on_test_end", logs)
    return logs
