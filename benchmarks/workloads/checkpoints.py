"""Training with a checkpoint after every epoch, and under callbacks that look at epochs only."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks import libraries, models, tasks, training
from benchmarks.protocol import Bar, Measure, Options, Outcome, Workload, main

WORKLOAD = Workload(
    name="checkpoints",
    title="Small MLP, a checkpoint every epoch",
    about=(
        "The small MLP on arrays, batches of 32; an epoch of 50,000 rows ends with "
        "`ModelCheckpoint` writing the whole model as `.keras`. Beside it the same with "
        "`EarlyStopping` and `ReduceLROnPlateau`, which write nothing."
    )
    + training.TIMING,
    measures=(
        Measure("checkpoint", "with checkpoints", "rows/s", "higher", (Bar("least", 1.0),)),
        Measure("epochs", "with epoch callbacks", "rows/s", "higher", (Bar("least", 1.0),)),
        Measure("plain", "without callbacks", "rows/s", "higher", (Bar("least", 1.0),)),
    ),
    libraries=("cornu", "keras-jax", "keras-tensorflow", "keras-torch"),
)
SHAPE = models.SMALL_MLP


def measure(options: Options) -> Outcome:
    """Rows per second of training, with each set of callbacks."""
    keras = libraries.load(options.library)
    rows = 640 if options.quick else 50_000
    task = tasks.vectors(rows, SHAPE, batch=32)
    found, settings = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder, "{epoch}.keras"))
        sets = {
            "checkpoint": lambda: [keras.callbacks.ModelCheckpoint(path)],
            "epochs": lambda: [
                keras.callbacks.EarlyStopping("loss", patience=10_000),
                keras.callbacks.ReduceLROnPlateau("loss", patience=10_000),
            ],
            "plain": list,
        }
        for name, callbacks in sets.items():
            model = models.mlp(keras, SHAPE)
            model.compile(optimizer="adam", loss="sparse_categorical_crossentropy")

            def fit(epochs: int, model=model, callbacks=callbacks) -> object:
                said = {"batch_size": 32, "epochs": epochs, "verbose": 0}
                return model.fit(task.keras_x, task.y, callbacks=callbacks(), **said)

            found[name], settings[name] = training.rows_per_second(fit, rows, options.seconds)
    return Outcome(found, libraries.device_in_use(options.library), settings)


if __name__ == "__main__":
    main(measure)
