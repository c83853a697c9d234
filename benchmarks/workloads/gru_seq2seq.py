"""Training to translate: an encoder and a decoder of GRUs."""

from __future__ import annotations

from benchmarks import tasks, training
from benchmarks.protocol import Options, Outcome, main

WORKLOAD = training.row(
    "gru_seq2seq",
    "GRU, sequence to sequence, `fit`",
    "Embeddings of 128, GRU(256) as encoder, GRU(256) as decoder beginning with its state, softmax "
    "over 2,000 words; random pairs of 20 words, batch 64.",
)
WORDS, STEPS = 2_000, 20


def work(options: Options) -> training.Work:
    """The network and its data."""
    rows, words = (128, 50) if options.quick else (640, WORDS)
    task = tasks.translations(rows, words, STEPS, batch=64)
    return training.Work("gru_seq2seq", task, {"words": words, "steps": STEPS})


def measure(options: Options) -> Outcome:
    """Rows per second, and memory."""
    return training.run(options, work(options))


if __name__ == "__main__":
    main(measure)
