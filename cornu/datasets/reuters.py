"""Reuters: 11,228 newswires on 46 topics, as lists of words by number (Reuters-21578, 1987)."""

import os

from cornu.datasets.words import Part, load, word_index

__all__ = ["get_label_names", "get_word_index", "load_data"]

TOPICS = (
    "cocoa grain veg-oil earn acq wheat copper housing money-supply coffee sugar trade reserves "
    "ship cotton carcass crude nat-gas cpi money-fx interest gnp meal-feed alum oilseed gold tin "
    "strategic-metal livestock retail ipi iron-steel rubber heat jobs lei bop zinc orange "
    "pet-chem dlr gas silver wpi hog lead"
)


def load_data(
    path: str | os.PathLike[str] = "reuters.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    test_split: float = 0.2,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int = 3,
) -> tuple[Part, Part]:
    """The newswires as `(x_train, y_train), (x_test, y_test)`; 2 MB are downloaded once.

    Args:
        path: name of the file in `~/.keras/datasets`, or the path of one that is elsewhere.
            `reuters.pkl` of Keras 0 and 1 is read too.
        num_words, skip_top, maxlen, seed, start_char, oov_char, index_from: as in
            `imdb.load_data`.
        test_split: the share of the newswires for the test, in [0, 1).

    Returns:
        `x`: object arrays of lists of int; `y`: int64, numbers of `get_label_names()`.

    Raises:
        UsageError: for numbers below 0, where `maxlen` leaves nothing, and where the file does
            not come or is another.
    """
    said = {"num_words": num_words, "skip_top": skip_top, "maxlen": maxlen, "seed": seed}
    marks = {"start_char": start_char, "oov_char": oov_char, "index_from": index_from}
    return load("reuters", path, test_split, **said, **marks)


def get_word_index(path: str | os.PathLike[str] = "reuters_word_index.json") -> dict[str, int]:
    """Word -> number, without `index_from`; 550 kB are downloaded once. Raises UsageError."""
    return word_index("reuters", path)


def get_label_names() -> tuple[str, ...]:
    """What the labels 0 to 45 are."""
    return tuple(TOPICS.split())
