"""Training under a callback that must see every batch: the cost of asking Python at each step."""

from __future__ import annotations

from benchmarks import libraries, models, tasks, training
from benchmarks.protocol import Bar, Measure, Options, Outcome, Workload, main

WORKLOAD = Workload(
    name="live_callback",
    title="Small MLP under a live callback",
    about=(
        "The small MLP on arrays, batches of 32, with a callback that overrides "
        "`on_train_batch_end` and adds up the losses it is shown."
    )
    + training.TIMING,
    measures=(Measure("fit", "training", "rows/s", "higher", (Bar("least", 1.0),)),),
    libraries=("cornu", "keras-jax", "keras-tensorflow", "keras-torch"),
)
SHAPE = models.SMALL_MLP


def measure(options: Options) -> Outcome:
    """Rows per second of training."""
    keras = libraries.load(options.library)
    rows = 640 if options.quick else 50_000
    task = tasks.vectors(rows, SHAPE, batch=32)
    model = models.mlp(keras, SHAPE)
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy")

    class Sums(keras.callbacks.Callback):
        total = 0.0

        def on_train_batch_end(self, batch, logs=None) -> None:
            self.total += float((logs or {})["loss"])

    def fit(epochs: int) -> object:
        return model.fit(
            task.keras_x, task.y, batch_size=32, epochs=epochs, verbose=0, callbacks=[Sums()]
        )

    speed, epochs = training.rows_per_second(fit, rows, options.seconds)
    return Outcome({"fit": speed}, libraries.device_in_use(options.library), {"epochs": epochs})


if __name__ == "__main__":
    main(measure)
