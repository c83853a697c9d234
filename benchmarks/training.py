"""Training, timed: a network and a task under one library, as fast as it steadily goes.

The Keras side is a plain `compile` and `fit`; the PyTorch side is in `torch_training.py`. A run
also says the most memory that its process took.
"""

from __future__ import annotations

import importlib
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks import libraries, memory, models
from benchmarks.protocol import BEST, STANDARD_LIBRARIES, Bar, Measure, Options, Outcome, Workload
from benchmarks.tasks import Task

Fit = Callable[[int], object]
"""Trains for a number of epochs."""

MEMORY = Measure("memory", "peak memory", "MB", "lower", (Bar("most", 0.8, BEST),))
TIMING = (
    " One epoch warms up; if a second one takes less than the budget, as many as fill it are timed "
    "in one `fit`."
)
METHOD = f" Adam.{TIMING} Peak memory: the most that the whole process held."


@dataclass(frozen=True)
class Work:
    """What to train: a function of `models.py` and `torch_models.py`, its arguments, a task."""

    network: str
    task: Task
    sizes: Mapping[str, Any] = field(default_factory=dict)


def row(name: str, title: str, about: str, least: float = 1.2) -> Workload:
    """The table row of a training workload, with the bars that all of them have."""
    speed = Measure("fit", "training", "rows/s", "higher", (Bar("least", least, BEST),))
    return Workload(name, title, about + METHOD, (speed, MEMORY), STANDARD_LIBRARIES)


def run(options: Options, work: Work) -> Outcome:
    """Rows per second of training, and the most memory of the process."""
    speed, epochs = rows_per_second(fit(options, work), work.task.rows, options.seconds)
    found = {"fit": speed, "memory": memory.peak()}
    return Outcome(found, libraries.device_in_use(options.library), {"epochs": epochs})


def fit(options: Options, work: Work) -> Fit:
    """The training of `work` under the library of `options`."""
    if libraries.plain_torch(options.library):
        loop = importlib.import_module("benchmarks.torch_training")
        compiled = options.library == "torch-compiled"
        return loop.fit(torch_model(work), work.task, compiled)
    model = keras_model(options, work)
    x, y = work.task.keras_x, work.task.keras_y
    return lambda epochs: model.fit(x, y, batch_size=work.task.batch, epochs=epochs, verbose=0)


def torch_model(work: Work) -> Any:
    """The network in plain PyTorch."""
    networks = importlib.import_module("benchmarks.torch_models")
    return getattr(networks, work.network)(**work.sizes)


def keras_model(options: Options, work: Work) -> Any:
    """The network in the Keras 3 API, compiled for its task."""
    library = libraries.load(options.library)
    model = getattr(models, work.network)(library, **work.sizes)
    return compiled(options, model, work.task)


def compiled(options: Options, model: Any, task: Task) -> Any:
    """`model`, told how to learn `task`."""
    model.compile(
        optimizer="adam",
        loss=task.keras_loss,
        metrics=["accuracy"] if task.accuracy else None,
        **libraries.LIBRARIES[options.library].compile_options,
    )
    return model


def rows_per_second(fit: Fit, rows: int, seconds: float) -> tuple[float, int]:
    """Steady training speed, and the number of epochs timed in one `fit`.

    One epoch warms up (and compiles). A second one that takes `seconds` is the measurement; else it
    tells how many epochs take that long, and those are.
    """
    fit(1)
    once = timed(fit, 1)
    if once >= seconds:
        return rows / once, 1
    epochs = math.ceil(seconds / once)
    return rows * epochs / timed(fit, epochs), epochs


def timed(fit: Fit, epochs: int) -> float:
    """Seconds that `epochs` epochs take."""
    start = time.perf_counter()
    fit(epochs)
    return time.perf_counter() - start
