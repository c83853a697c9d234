"""Training from a dataset that makes its batches in NumPy, by two workers."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks import libraries, models, training
from benchmarks.protocol import Bar, Measure, Options, Outcome, Workload, main

WORKLOAD = Workload(
    name="sequence",
    title="Pictures from a `PyDataset`, two workers",
    about=(
        "6,400 pictures of 32x32x3 bytes; `__getitem__` takes 64 of them, mirrors half, moves them "
        "by some pixels, adds noise and scales to float32. `workers=2`, threads. Dense "
        "3072-64-10 with Adam."
    )
    + training.TIMING,
    measures=(Measure("fit", "training", "rows/s", "higher", (Bar("least", 1.0),)),),
    libraries=("cornu", "keras-jax", "keras-tensorflow", "keras-torch"),
)
SHAPE = models.Mlp(3072, (64,), 10)
BATCH = 64


def dataset(keras: Any, pictures: np.ndarray, labels: np.ndarray) -> Any:
    """Batches of pictures, each changed by chance."""

    class Pictures(keras.utils.PyDataset):
        def __len__(self) -> int:
            return len(pictures) // BATCH

        def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
            random = np.random.default_rng(index)
            at = slice(index * BATCH, (index + 1) * BATCH)
            x = pictures[at].astype("float32") / 255  # (batch, height, width, channels)
            x[::2] = x[::2, :, ::-1]
            x = np.roll(x, tuple(random.integers(-3, 4, 2)), axis=(1, 2))
            x += random.normal(0, 0.02, x.shape)
            return x.reshape(BATCH, -1), labels[at]

    return Pictures(workers=2)


def measure(options: Options) -> Outcome:
    """Rows per second of training."""
    keras = libraries.load(options.library)
    rows, seconds = (2 * BATCH, 0.01) if options.quick else (100 * BATCH, 3.0)
    random = np.random.default_rng(0)
    pictures = random.integers(0, 256, (rows, 32, 32, 3), dtype=np.uint8)
    labels = random.integers(0, 10, rows).astype("int32")
    model = models.mlp(keras, SHAPE)
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
    data = dataset(keras, pictures, labels)

    def fit(epochs: int) -> object:
        return model.fit(data, epochs=epochs, verbose=0)

    speed, epochs = training.rows_per_second(fit, rows, options.seconds)
    return Outcome({"fit": speed}, libraries.device_in_use(options.library), {"epochs": epochs})


if __name__ == "__main__":
    main(measure)
