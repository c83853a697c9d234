"""Training a dense autoencoder."""

from __future__ import annotations

from benchmarks import tasks, training
from benchmarks.protocol import Options, Outcome, main

WORKLOAD = training.row(
    "autoencoder",
    "Dense autoencoder, `fit`",
    "Dense 784-128-64-32-64-128-784, ReLU and sigmoid, 20,480 rows of random float32, batch 256, "
    "binary cross-entropy, targets that are the inputs.",
)


def work(options: Options) -> training.Work:
    """The network and its data."""
    rows = 512 if options.quick else 20_480
    return training.Work("autoencoder", tasks.copies(rows, (784,), batch=256))


def measure(options: Options) -> Outcome:
    """Rows per second, and memory."""
    return training.run(options, work(options))


if __name__ == "__main__":
    main(measure)
