"""Training under a callback that must see every batch: the cost of asking Python at each step."""

from __future__ import annotations

from benchmarks import libraries, mlp
from benchmarks.protocol import Bar, Measure, Options, Outcome, Workload, main

WORKLOAD = Workload(
    name="live_callback",
    title="Small MLP under a live callback",
    about=(
        "The small MLP on arrays, batches of 32, with a callback that overrides "
        "`on_train_batch_end` and adds up the losses it is shown. One epoch to warm up and one to "
        "choose how many epochs take about 3 s, then one `fit` of those, timed."
    ),
    measures=(Measure("fit", "training", "rows/s", "higher", Bar("least", 1.0)),),
    libraries=("cornu", "keras-jax", "keras-tensorflow", "keras-torch"),
)
SHAPE = mlp.Mlp(20, (64, 64), 10)


def measure(options: Options) -> Outcome:
    """Rows per second of training."""
    keras = libraries.load(options.library)
    rows, seconds = (640, 0.01) if options.quick else (50_000, 3.0)
    task = mlp.synthetic(rows, SHAPE, batch=32)
    model = mlp.keras_model(keras, SHAPE)
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy")

    class Sums(keras.callbacks.Callback):
        total = 0.0

        def on_train_batch_end(self, batch, logs=None):
            self.total += float(logs["loss"])

    def fit(epochs: int) -> object:
        return model.fit(
            task.x, task.y, batch_size=32, epochs=epochs, verbose=0, callbacks=[Sums()]
        )

    speed, epochs = mlp.rows_per_second(fit, rows, seconds)
    return Outcome({"fit": speed}, libraries.device_in_use(options.library), {"epochs": epochs})


if __name__ == "__main__":
    main(measure)
