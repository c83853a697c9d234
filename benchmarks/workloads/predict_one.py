"""Predicting one row at a time: the overhead of a call."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from benchmarks import libraries, models, prediction, tasks, training
from benchmarks.protocol import BEST, Bar, Measure, Options, Outcome, Workload, main

WORKLOAD = Workload(
    name="predict_one",
    title="`predict` of one row",
    about=(
        "`model.predict(x[:1], verbose=0)` of the small MLP (20-64-64-10), in a loop: 30 calls to "
        "warm up, then the median of 1,000, or of as many as the budget allows. PyTorch: NumPy "
        "array in, `inference_mode`, softmax, NumPy array out."
    ),
    measures=(
        Measure("call", "one call", "ms", "lower", (Bar("most", 0.1), Bar("most", 0.1, BEST))),
    ),
)


def measure(options: Options) -> Outcome:
    """The median time of a call, in milliseconds."""
    task = tasks.vectors(32, models.SMALL_MLP, batch=32)
    work = training.Work("mlp", task, {"shape": models.SMALL_MLP})
    predict = prediction.predict(options, work)
    (x,) = task.x
    warm_up, calls = (2, 5) if options.quick else (30, 1_000)
    _times(lambda: predict(x[:1]), warm_up, options.budget)
    times = _times(lambda: predict(x[:1]), calls, options.budget)
    device = libraries.device_in_use(options.library)
    return Outcome({"call": statistics.median(times) * 1e3}, device, {"calls": len(times)})


def _times(call: Callable[[], object], most: int, seconds: float) -> list[float]:
    times: list[float] = []
    while len(times) < most and sum(times) < seconds:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return times


if __name__ == "__main__":
    main(measure)
