"""Texts as numbers, the way of Keras 0 to 2: words, their places by frequency, hashes of them.

New code has `layers.TextVectorization`, which is saved with the model; a `Tokenizer` is an object
beside it. Folders of texts are `utils.folders`.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from cornu.errors import UsageError, UsageTypeError, shown
from cornu.preprocessing.tokenizer import FILTERS, Tokenizer, tokenizer_from_json
from cornu.preprocessing.tokenizer import words as text_to_word_sequence

__all__ = [
    "Tokenizer",
    "base_filter",
    "hashing_trick",
    "one_hot",
    "text_to_word_sequence",
    "tokenizer_from_json",
]


def base_filter() -> str:
    """The characters that count as separators: punctuation without ', tabs and line ends."""
    return FILTERS


def one_hot(
    input_text: str,
    n: int,
    filters: str | Iterable[str] = FILTERS,
    lower: bool = True,
    split: str = " ",
    analyzer: Callable[[str], Sequence[str]] | None = None,
) -> list[int]:
    """`hashing_trick` with Python's `hash`, which differs from process to process."""
    return hashing_trick(input_text, n, hash, filters, lower, split, analyzer)


def hashing_trick(
    text: str,
    n: int,
    hash_function: str | Callable[[str], int] | None = None,
    filters: str | Iterable[str] = FILTERS,
    lower: bool = True,
    split: str = " ",
    analyzer: Callable[[str], Sequence[str]] | None = None,
) -> list[int]:
    """A number from 1 to `n - 1` for each word, by a hash of it; several words may share one.

    Args:
        text: one text.
        n: how many numbers there are, with 0, which no word gets.
        hash_function: "md5", the same for ever; None for Python's `hash`, which differs from
            process to process; or a function from a word to a whole number.
        filters, lower, split: as in `text_to_word_sequence`.
        analyzer: a function from the text to its words, instead.

    Raises:
        UsageError: for `n` below 2, or another `hash_function`.

    Example:
        >>> hashing_trick("The cat, the mat", 100, "md5")
        [51, 3, 51, 26]
    """
    if isinstance(n, bool) or not isinstance(n, int) or n < 2:
        raise UsageError(
            "E-TOKENIZER", f"n must be a whole number above 1; got {shown(n)}. 0 is no word's."
        )
    number = _hash(hash_function)
    found = text_to_word_sequence(text, filters, lower, split) if analyzer is None else None
    return [number(word) % (n - 1) + 1 for word in (analyzer(text) if analyzer else found or ())]


def _hash(function: Any) -> Callable[[str], Any]:
    if function is None:
        return hash
    if function == "md5":
        return _md5
    if not callable(function):
        raise UsageTypeError(
            "E-TOKENIZER",
            f'hash_function must be "md5", None or a function; got {shown(function)}.',
        )
    return function


def _md5(word: str) -> int:
    return int(hashlib.md5(word.encode(), usedforsecurity=False).hexdigest(), 16)
