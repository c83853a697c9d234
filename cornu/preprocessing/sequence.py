"""Sequences of numbers: paired with their neighbours, and what Keras 2 had beside that."""

import random
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from cornu.errors import UsageError, UsageTypeError, shown
from cornu.preprocessing.timeseries import TimeseriesGenerator
from cornu.utils.sequences import pad_sequences

__all__ = [
    "TimeseriesGenerator",
    "make_sampling_table",
    "pad_sequences",
    "skipgrams",
]


def make_sampling_table(size: int, sampling_factor: float = 1e-5) -> np.ndarray:
    """How likely a word should be kept, by its rank, for `skipgrams`: frequent ones less.

    `min(1, sqrt(sampling_factor / frequency))`, where by Zipf's law a word of rank r has the
    frequency `1 / (r (log r + 0.577) + 1/2 - 1/(12 r))` (Mikolov et al. 2013, section 2.3).

    Returns:
        float64 array of shape (size,); rank 0 is no word and counts as 1.

    Raises:
        UsageError: unless `size` is a whole number above 0.
    """
    if isinstance(size, bool) or not isinstance(size, (int, np.integer)) or size < 1:
        raise UsageError("E-SKIPGRAMS", f"size must be a whole number above 0; got {shown(size)}.")
    rank = np.maximum(np.arange(size), 1)
    f = sampling_factor * (rank * (np.log(rank) + 0.577) + 0.5 - 1 / (12 * rank))
    return np.minimum(1.0, f / np.sqrt(f))


def skipgrams(
    sequence: Sequence[int],
    vocabulary_size: int,
    window_size: int = 4,
    negative_samples: float = 1.0,
    shuffle: bool = True,
    categorical: bool = False,
    sampling_table: Any = None,
    seed: int | None = None,
) -> tuple[list[list[int]], list]:
    """Pairs of words that stand near each other, and pairs of chance (Mikolov et al. 2013).

    Draws from Python's `random`, which is seeded with `seed` before the pairs and again before the
    labels are shuffled, as in Keras: so `random.seed(1)` in front repeats all of it.

    Args:
        sequence: numbers of words; 0 is no word and left out.
        vocabulary_size: the largest number and 1.
        window_size: words on each side that are near.
        negative_samples: pairs of chance for each pair of neighbours; 0 for none.
        shuffle: whether to mix them.
        categorical: labels [0, 1] and [1, 0] instead of 1 and 0.
        sampling_table: how likely each number is kept, as `make_sampling_table` makes it.
        seed: of the shuffling.

    Returns:
        `couples`, pairs of numbers, and `labels`: 1 for neighbours, 0 for chance.

    Raises:
        UsageError: for a number that is negative or that the vocabulary or the table has not.
    """
    _check_words(sequence, vocabulary_size, sampling_table)
    if negative_samples < 0:
        raise UsageError(
            "E-SKIPGRAMS", f"negative_samples must be 0 or more; got {shown(negative_samples)}."
        )
    couples = list(_neighbours(sequence, window_size, sampling_table))
    labels: list = [[0, 1] if categorical else 1 for _ in couples]
    if negative_samples > 0:
        count = int(len(couples) * negative_samples)
        centres = [centre for centre, _ in couples]
        random.shuffle(centres)
        couples += [
            [centres[i % len(centres)], random.randint(1, int(vocabulary_size) - 1)]
            for i in range(count)
        ]
        labels += [[1, 0] if categorical else 0 for _ in range(count)]
    if shuffle:
        seed = random.randint(0, 10_000_000) if seed is None else seed
        for values in (couples, labels):
            random.seed(int(seed))
            random.shuffle(values)
    return couples, labels


def _neighbours(sequence: Sequence[int], window: int, table: Any) -> Iterable[list[int]]:
    for i, centre in enumerate(sequence):
        if not centre or (table is not None and table[centre] < random.random()):
            continue
        for j in range(max(0, i - window), min(len(sequence), i + window + 1)):
            if j != i and sequence[j]:
                yield [centre, sequence[j]]


def _check_words(sequence: Sequence[int], size: Any, table: Any) -> None:
    limit = size if table is None else min(size, len(table))
    words = np.asarray(sequence if len(sequence) else np.zeros(0, int))
    if words.ndim != 1 or words.dtype.kind not in "iu":
        raise UsageTypeError(
            "E-SKIPGRAMS", f"sequence must be one list of whole numbers; got {shown(sequence)}."
        )
    wrong = words[(words < 0) | (words >= limit)]
    if wrong.size:
        raise UsageError(
            "E-SKIPGRAMS",
            f"sequence has {wrong[0]}; vocabulary_size={size}"
            + ("" if table is None else f" and a sampling_table of {len(table)}")
            + f" allow numbers from 0 to {limit - 1}.",
        )
