"""Training a residual network: many small convolutions, normalized."""

from __future__ import annotations

from benchmarks import tasks, training
from benchmarks.protocol import Options, Outcome, main

WORKLOAD = training.row(
    "resnet20",
    "ResNet-20, `fit`",
    "The CIFAR network of He et al. 2015 (16, 32, 64 filters, three blocks each); random "
    "pictures 32x32x3, batch 128, accuracy.",
)


def work(options: Options) -> training.Work:
    """The network and its data."""
    rows, batch, blocks = (16, 8, 1) if options.quick else (512, 128, 3)
    task = tasks.pictures(rows, (32, 32, 3), batch)
    return training.Work("resnet20", task, {"blocks": blocks})


def measure(options: Options) -> Outcome:
    """Rows per second, and memory."""
    return training.run(options, work(options))


if __name__ == "__main__":
    main(measure)
