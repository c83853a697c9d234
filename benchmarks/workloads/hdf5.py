"""Training from a data set in an HDF5 file: the speed, and the memory that it takes."""

from __future__ import annotations

import tempfile
from pathlib import Path

import h5py
import numpy as np

from benchmarks import libraries, memory, models, training
from benchmarks.protocol import Bar, Measure, Options, Outcome, Workload, main

WORKLOAD = Workload(
    name="hdf5",
    title="A data set in a file, `fit`",
    about=(
        "200,000 rows of 256 float32 (205 MB) in an HDF5 file, given to `fit` as h5py's data set "
        'with `shuffle="batch"`, batch 128; Dense 256-64-10, Adam. Memory: what the process takes '
        "at most, above what it took before `fit`."
    )
    + training.TIMING,
    measures=(
        Measure("fit", "training", "rows/s", "higher", (Bar("least", 1.0),)),
        Measure("memory", "memory", "MB", "lower", (Bar("most", 0.5),)),
    ),
    libraries=("cornu", "keras-jax", "keras-tensorflow", "keras-torch"),
)
SHAPE = models.Mlp(256, (64,), 10)


def _write(path: Path, rows: int) -> np.ndarray:
    """The file, a piece at a time; returns the labels."""
    random = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        x = file.create_dataset("x", (rows, SHAPE.inputs), "float32")
        for first in range(0, rows, 1000):
            x[first : first + 1000] = random.normal(size=(min(1000, rows - first), SHAPE.inputs))
    return random.integers(0, SHAPE.classes, rows).astype("int32")


def measure(options: Options) -> Outcome:
    """Rows per second of training, and the memory for it."""
    keras = libraries.load(options.library)
    rows = 1280 if options.quick else 200_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.h5"
        y = _write(path, rows)
        with h5py.File(path) as file:
            model = models.mlp(keras, SHAPE)
            model.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
            warm = np.zeros((128, SHAPE.inputs), "float32")
            model.fit(warm, y[:128], batch_size=128, verbose=0)
            before = memory.peak()

            def fit(epochs: int) -> object:
                said = {"batch_size": 128, "shuffle": "batch", "verbose": 0}
                return model.fit(file["x"], y, epochs=epochs, **said)

            speed, epochs = training.rows_per_second(fit, rows, options.seconds)
            taken = max(memory.peak() - before, 1.0)
    measurements = {"fit": speed, "memory": taken}
    return Outcome(measurements, libraries.device_in_use(options.library), {"epochs": epochs})


if __name__ == "__main__":
    main(measure)
