"""Training on reviews: an embedding and an LSTM."""

from __future__ import annotations

from benchmarks import tasks, training
from benchmarks.protocol import Options, Outcome, main

WORKLOAD = training.row(
    "lstm_imdb",
    "LSTM on reviews, `fit`",
    "Embedding 20,000x128, LSTM(128), one sigmoid; random texts of 80 words, batch 32, binary "
    "cross-entropy, accuracy.",
    least=1.5,
)
WORDS, STEPS = 20_000, 80


def work(options: Options) -> training.Work:
    """The network and its data."""
    rows, words = (64, 100) if options.quick else (640, WORDS)
    task = tasks.verdicts(rows, words, STEPS, batch=32)
    return training.Work("lstm_imdb", task, {"words": words, "steps": STEPS})


def measure(options: Options) -> Outcome:
    """Rows per second, and memory."""
    return training.run(options, work(options))


if __name__ == "__main__":
    main(measure)
