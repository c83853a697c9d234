"""Training from a Python generator in small batches: the cost of a step whose data come by hand."""

from __future__ import annotations

import importlib
from collections.abc import Iterator

import numpy as np

from benchmarks import libraries, memory, models, tasks, training
from benchmarks.protocol import BEST, Bar, Measure, Options, Outcome, Workload, main

WORKLOAD = Workload(
    name="generator",
    title="Small MLP, `fit` from a generator",
    about=(
        "Dense 20-64-64-10, ReLU and softmax, 50,000 rows of float32; a Python generator yields "
        "slices of 32 rows for ever, `steps_per_epoch` makes an epoch of all rows. Sparse "
        "categorical cross-entropy."
    )
    + training.METHOD,
    measures=(
        Measure(
            "fit", "training", "rows/s", "higher", (Bar("least", 2.0), Bar("least", 1.2, BEST))
        ),
        training.MEMORY,
    ),
)


def slices(task: tasks.Task) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Batches of the task, again and again."""
    (x,) = task.x
    while True:
        for first in range(0, len(x), task.batch):
            yield x[first : first + task.batch], task.y[first : first + task.batch]


def measure(options: Options) -> Outcome:
    """Rows per second of training, and memory."""
    rows = 640 if options.quick else 50_000
    task = tasks.vectors(rows, models.SMALL_MLP, batch=32)
    fit = _fit(options, training.Work("mlp", task, {"shape": models.SMALL_MLP}))
    speed, epochs = training.rows_per_second(fit, rows, options.seconds)
    found = {"fit": speed, "memory": memory.peak()}
    return Outcome(found, libraries.device_in_use(options.library), {"epochs": epochs})


def _fit(options: Options, work: training.Work) -> training.Fit:
    data, steps = slices(work.task), -(-work.task.rows // work.task.batch)
    if libraries.plain_torch(options.library):
        model = training.torch_model(work)
        loop = importlib.import_module("benchmarks.torch_training")
        compiled = options.library == "torch-compiled"
        return loop.fit_generator(model, work.task, compiled, data, steps)
    model = training.keras_model(options, work)
    return lambda epochs: model.fit(data, steps_per_epoch=steps, epochs=epochs, verbose=0)


if __name__ == "__main__":
    main(measure)
