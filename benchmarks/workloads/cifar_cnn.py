"""Training a network in the manner of VGG, with batch normalization."""

from __future__ import annotations

from benchmarks import tasks, training
from benchmarks.protocol import Options, Outcome, main

WORKLOAD = training.row(
    "cifar_cnn",
    "CIFAR CNN, `fit`",
    "Three times two 3x3 convolutions (32, 64, 128 filters) with ReLU and BatchNormalization, "
    "max-pooling and dropout; Dense(128); random pictures 32x32x3, batch 128, accuracy.",
)


def work(options: Options) -> training.Work:
    """The network and its data."""
    rows, batch = (16, 8) if options.quick else (640, 128)
    return training.Work("cifar_cnn", tasks.pictures(rows, (32, 32, 3), batch))


def measure(options: Options) -> Outcome:
    """Rows per second, and memory."""
    return training.run(options, work(options))


if __name__ == "__main__":
    main(measure)
