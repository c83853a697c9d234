"""Training the convolutional network of the MNIST tutorial."""

from __future__ import annotations

from benchmarks import tasks, training
from benchmarks.protocol import Options, Outcome, main

WORKLOAD = training.row(
    "mnist_cnn",
    "MNIST CNN, `fit`",
    "Convolutions of 32 and 64 filters 3x3 with ReLU, max-pooling, Dropout(0.25), Dense(128), "
    "Dropout(0.5), softmax; random pictures 28x28, batch 128, accuracy.",
    least=1.5,
)


def work(options: Options) -> training.Work:
    """The network and its data."""
    rows, batch = (16, 8) if options.quick else (1_280, 128)
    return training.Work("mnist_cnn", tasks.pictures(rows, (28, 28, 1), batch))


def measure(options: Options) -> Outcome:
    """Rows per second, and memory."""
    return training.run(options, work(options))


if __name__ == "__main__":
    main(measure)
