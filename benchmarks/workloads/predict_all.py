"""Predicting a whole data set: the forward pass, and the way of the data through it."""

from __future__ import annotations

from benchmarks import libraries, models, prediction, tasks, training
from benchmarks.protocol import BEST, Bar, Measure, Options, Outcome, Workload, main

BARS = (Bar("least", 1.2, BEST),)
WORKLOAD = Workload(
    name="predict_all",
    title="`predict` of all rows",
    about=(
        "`model.predict(x, batch_size=…, verbose=0)`: the small MLP (20-64-64-10) on 50,000 rows "
        "in batches of 32, as `predict` comes; the MNIST CNN on 2,560 pictures in batches of 128. "
        "One call warms up, then as many as fill the budget. PyTorch: the same batches under "
        "`inference_mode`, softmax, joined to one NumPy array."
    ),
    measures=(
        Measure("mlp", "small MLP", "rows/s", "higher", BARS),
        Measure("cnn", "MNIST CNN", "rows/s", "higher", BARS),
    ),
)


def works(options: Options) -> dict[str, training.Work]:
    """What is predicted by which network."""
    rows, pictures = (640, 256) if options.quick else (50_000, 2_560)
    shape = models.SMALL_MLP
    return {
        "mlp": training.Work("mlp", tasks.vectors(rows, shape, batch=32), {"shape": shape}),
        "cnn": training.Work("mnist_cnn", tasks.pictures(pictures, (28, 28, 1), batch=128)),
    }


def measure(options: Options) -> Outcome:
    """Rows per second."""
    found, calls = {}, {}
    for name, work in works(options).items():
        predict = prediction.predict(options, work)

        def repeat(times: int, predict=predict, x=work.task.x[0]) -> None:
            for _ in range(times):
                predict(x)

        found[name], calls[f"calls ({name})"] = training.rows_per_second(
            repeat, work.task.rows, options.seconds
        )
    return Outcome(found, libraries.device_in_use(options.library), calls)


if __name__ == "__main__":
    main(measure)
