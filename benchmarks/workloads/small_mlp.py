"""Training a small perceptron in small batches: the cost of a step with little arithmetic."""

from __future__ import annotations

from dataclasses import replace

from benchmarks import libraries, models, tasks, training
from benchmarks.protocol import BEST, Bar, Measure, Options, Outcome, Workload, main

WORKLOAD = Workload(
    name="small_mlp",
    title="Small MLP, `fit`",
    about=(
        "Dense 20-64-64-10, ReLU and softmax, 50,000 rows of float32, batch 32, sparse categorical "
        "cross-entropy, shuffled; with dropout: `Dropout(0.5)` after each hidden layer."
    )
    + training.METHOD,
    measures=(
        Measure("plain", "without dropout", "rows/s", "higher", (Bar("least", 5.0, BEST),)),
        Measure(
            "dropout",
            "with dropout",
            "rows/s",
            "higher",
            (Bar("least", 2.5), Bar("least", 1.2, BEST)),
        ),
        training.MEMORY,
    ),
)
VARIANTS = {"plain": (), "dropout": (0.5, 0.5)}


def work(options: Options, variant: str = "plain") -> training.Work:
    """The perceptron and its rows."""
    shape = replace(models.SMALL_MLP, dropout=VARIANTS[variant])
    rows = 640 if options.quick else 50_000
    return training.Work("mlp", tasks.vectors(rows, shape, batch=32), {"shape": shape})


def measure(options: Options) -> Outcome:
    """Rows per second of both variants, one after the other, and memory."""
    found, epochs = {}, {}
    for name in VARIANTS:
        outcome = training.run(options, work(options, name))
        found[name] = outcome.measurements["fit"]
        found["memory"] = outcome.measurements["memory"]
        epochs[f"epochs ({name})"] = outcome.settings["epochs"]
    return Outcome(found, libraries.device_in_use(options.library), epochs)


if __name__ == "__main__":
    main(measure)
