"""Training the perceptron of many a CIFAR-10 tutorial: large batches, mostly matrix products."""

from __future__ import annotations

from benchmarks import libraries, mlp
from benchmarks.protocol import Bar, Measure, Options, Outcome, Workload, main

WORKLOAD = Workload(
    name="tutorial_mlp",
    title="Tutorial MLP, `fit`",
    about=(
        "Dense 3072-512-120-10, ReLU and softmax, dropout 0.4 and 0.2, 50,000 rows of float32 (the "
        "size of CIFAR-10), batch 1000, categorical cross-entropy on one-hot labels, Adam, "
        "accuracy, shuffled. One epoch to warm up and one to choose how many epochs take about "
        "5 s (at least one), then one `fit` of those, timed."
    ),
    measures=(Measure("fit", "training", "rows/s", "higher", Bar("least", 1.2)),),
)
SHAPE = mlp.Mlp(3072, (512, 120), 10, (0.4, 0.2))


def measure(options: Options) -> Outcome:
    """Rows per second."""
    library = libraries.load(options.library)
    make_fit = mlp.torch_fit if options.library == "torch" else mlp.keras_fit
    rows, seconds = (2_000, 0.01) if options.quick else (50_000, 5.0)
    task = mlp.synthetic(rows, SHAPE, batch=1000, one_hot=True, accuracy=True)
    speed, epochs = mlp.rows_per_second(make_fit(library, SHAPE, task), rows, seconds)
    device = libraries.device_in_use(options.library)
    return Outcome({"fit": speed}, device, {"epochs": epochs})


if __name__ == "__main__":
    main(measure)
