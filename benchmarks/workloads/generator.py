"""Training from a Python generator in small batches: the cost of a step whose data come by hand."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks import libraries, mlp
from benchmarks.protocol import Bar, Measure, Options, Outcome, Workload, main

WORKLOAD = Workload(
    name="generator",
    title="Small MLP, `fit` from a generator",
    about=(
        "Dense 20-64-64-10, ReLU and softmax, 50,000 rows of float32; a Python generator yields "
        "slices of 32 rows for ever, `steps_per_epoch` makes an epoch of all rows. Adam, sparse "
        "categorical cross-entropy. One epoch to warm up and one to choose how many epochs take "
        "about 3 s, then one `fit` of those, timed."
    ),
    measures=(Measure("fit", "training", "rows/s", "higher", Bar("least", 2.0)),),
    libraries=("cornu", "keras-jax", "keras-tensorflow", "keras-torch"),
)
SHAPE = mlp.Mlp(20, (64, 64), 10)


def slices(task: mlp.Task) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Batches of the task, again and again."""
    while True:
        for first in range(0, len(task.x), task.batch):
            yield task.x[first : first + task.batch], task.y[first : first + task.batch]


def measure(options: Options) -> Outcome:
    """Rows per second of training."""
    keras = libraries.load(options.library)
    rows, seconds = (640, 0.01) if options.quick else (50_000, 3.0)
    task = mlp.synthetic(rows, SHAPE, batch=32)
    model = mlp.keras_model(keras, SHAPE)
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
    data, steps = slices(task), -(-rows // task.batch)

    def fit(epochs: int) -> object:
        return model.fit(data, steps_per_epoch=steps, epochs=epochs, verbose=0)

    speed, epochs = mlp.rows_per_second(fit, rows, seconds)
    return Outcome({"fit": speed}, libraries.device_in_use(options.library), {"epochs": epochs})


if __name__ == "__main__":
    main(measure)
