"""Training a small perceptron in small batches: the cost of a step with little arithmetic."""

from __future__ import annotations

from benchmarks import libraries, mlp
from benchmarks.protocol import Bar, Measure, Options, Outcome, Workload, main

WORKLOAD = Workload(
    name="small_mlp",
    title="Small MLP, `fit`",
    about=(
        "Dense 20-64-64-10, ReLU and softmax, 50,000 rows of float32, batch 32, sparse categorical "
        "cross-entropy, Adam, shuffled; with dropout: `Dropout(0.5)` after each hidden layer. One "
        "epoch to warm up and one to choose how many epochs take about 3 s, then one `fit` of "
        "those, timed."
    ),
    measures=(
        Measure("plain", "without dropout", "rows/s", "higher", Bar("least", 5.0)),
        Measure("dropout", "with dropout", "rows/s", "higher", Bar("least", 2.5)),
    ),
)
VARIANTS = {"plain": (), "dropout": (0.5, 0.5)}


def measure(options: Options) -> Outcome:
    """Rows per second of both variants, one after the other."""
    library = libraries.load(options.library)
    make_fit = mlp.torch_fit if options.library == "torch" else mlp.keras_fit
    rows, seconds = (640, 0.01) if options.quick else (50_000, 3.0)
    speeds, epochs = {}, {}
    for name, dropout in VARIANTS.items():
        shape = mlp.Mlp(20, (64, 64), 10, dropout)
        fit = make_fit(library, shape, mlp.synthetic(rows, shape, batch=32))
        speeds[name], epochs[f"epochs ({name})"] = mlp.rows_per_second(fit, rows, seconds)
    return Outcome(speeds, libraries.device_in_use(options.library), epochs)


if __name__ == "__main__":
    main(measure)
