"""IMDB: 50,000 film reviews, good or bad, as lists of words by number (A. Maas et al., 2011)."""

import os

from cornu.datasets.words import Part, load, word_index

__all__ = ["get_word_index", "load_data"]


def load_data(
    path: str | os.PathLike[str] = "imdb.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int = 3,
    test_split: float | None = None,
) -> tuple[Part, Part]:
    """The reviews as `(x_train, y_train), (x_test, y_test)`; 17 MB are downloaded once.

    Words have numbers by how often they occur, 1 for the most frequent, to which `index_from` is
    added; so by default 0 is free for padding, 1 begins a review, 2 is a word that was cut out.

    Args:
        path: name of the file in `~/.keras/datasets`, or the path of one that is elsewhere.
            `imdb_full.pkl` of Keras 1 and, with `test_split`, `imdb.pkl` of Keras 0 are read too.
        num_words: words (with `index_from` added) from this number on are cut out; None for the
            largest number, which is cut out too, as in Keras.
        skip_top: words below this number are cut out.
        maxlen: reviews of this length (with the start) or more are left out.
        seed: of the shuffling.
        start_char: what begins each review; None for nothing.
        oov_char: what stands where a word was cut out; None to close the gap.
        index_from: what is added to numbers of words.
        test_split: the share of the 25,000 training reviews to give as the test part, as Keras 0
            did; None for the test part that there is.

    Returns:
        `x`: object arrays (25000,) of lists of int; `y`: int64, 1 for good and 0 for bad.

    Raises:
        UsageError: for numbers below 0, where `maxlen` leaves nothing, and where the file does
            not come or is another.
    """
    said = {"num_words": num_words, "skip_top": skip_top, "maxlen": maxlen, "seed": seed}
    marks = {"start_char": start_char, "oov_char": oov_char, "index_from": index_from}
    return load("imdb", path, test_split, **said, **marks)


def get_word_index(path: str | os.PathLike[str] = "imdb_word_index.json") -> dict[str, int]:
    """Word -> number, without `index_from`; 1.6 MB are downloaded once. Raises UsageError.

    Example:
        words = {i + 3: word for word, i in get_word_index().items()}
        print(" ".join(words.get(i, "?") for i in x_train[0]))
    """
    return word_index("imdb", path)
