"""Training a small transformer on texts."""

from __future__ import annotations

from benchmarks import tasks, training
from benchmarks.protocol import Options, Outcome, main

WORKLOAD = training.row(
    "transformer",
    "Transformer, `fit`",
    "Embedding 20,000x256 and learned places; four layers, 8 heads, 1,024 wide GELU, dropout 0.1; "
    "mean, two classes; random texts of 128 words, batch 32, accuracy.",
)
WORDS, STEPS = 20_000, 128


def work(options: Options) -> training.Work:
    """The network and its data."""
    rows, batch, words, depth = (16, 8, 100, 1) if options.quick else (320, 32, WORDS, 4)
    task = tasks.reviews(rows, words, STEPS, batch)
    return training.Work("transformer", task, {"words": words, "steps": STEPS, "depth": depth})


def measure(options: Options) -> Outcome:
    """Rows per second, and memory."""
    return training.run(options, work(options))


if __name__ == "__main__":
    main(measure)
