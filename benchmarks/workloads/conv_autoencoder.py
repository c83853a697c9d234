"""Training a convolutional autoencoder."""

from __future__ import annotations

from benchmarks import tasks, training
from benchmarks.protocol import Options, Outcome, main

WORKLOAD = training.row(
    "conv_autoencoder",
    "Convolutional autoencoder, `fit`",
    "Convolutions of 16 and 8 filters 3x3 with max-pooling, of 8 and 16 with UpSampling2D, one of "
    "1 with sigmoid; 1,280 random pictures 28x28, batch 128, binary cross-entropy, targets that "
    "are the inputs.",
)


def work(options: Options) -> training.Work:
    """The network and its data."""
    rows, batch = (16, 8) if options.quick else (1_280, 128)
    return training.Work("conv_autoencoder", tasks.copies(rows, (28, 28, 1), batch))


def measure(options: Options) -> Outcome:
    """Rows per second, and memory."""
    return training.run(options, work(options))


if __name__ == "__main__":
    main(measure)
