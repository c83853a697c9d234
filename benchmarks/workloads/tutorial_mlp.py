"""Training the perceptron of many a CIFAR-10 tutorial: large batches, mostly matrix products."""

from __future__ import annotations

from benchmarks import models, tasks, training
from benchmarks.protocol import Options, Outcome, main

WORKLOAD = training.row(
    "tutorial_mlp",
    "Tutorial MLP, `fit`",
    "Dense 3072-512-120-10, ReLU and softmax, dropout 0.4 and 0.2, 50,000 rows of float32 (the "
    "size of CIFAR-10), batch 1000, categorical cross-entropy on one-hot labels, accuracy, "
    "shuffled.",
)
SHAPE = models.Mlp(3072, (512, 120), 10, (0.4, 0.2))


def work(options: Options) -> training.Work:
    """The perceptron and its rows."""
    rows = 2_000 if options.quick else 50_000
    task = tasks.vectors(rows, SHAPE, batch=1000, one_hot=True, accuracy=True)
    return training.Work("mlp", task, {"shape": SHAPE})


def measure(options: Options) -> Outcome:
    """Rows per second, and memory."""
    return training.run(options, work(options))


if __name__ == "__main__":
    main(measure)
