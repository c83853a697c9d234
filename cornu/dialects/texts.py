"""Calls of `preprocessing.text` and of the data sets of words, by the names they once had.

Keras 0 and 1 said `nb_words`; Keras 0 took the test part of IMDB from its training part, and gave
lists.
"""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from cornu.datasets import imdb, reuters
from cornu.dialects import generations
from cornu.dialects.patches import Patch, respelt
from cornu.preprocessing import text
from cornu.preprocessing.text import Tokenizer

__all__ = ["PATCHES", "SPELT"]

SPELT = {"nb_words": "num_words"}
TEXT = {"text": "input_text"}


def _unpickled(today: Callable) -> Callable:
    """`Tokenizer.__setstate__`, for pickles of Keras 0 and 1 too."""

    def __setstate__(self: Tokenizer, state: dict[str, Any]) -> None:
        today(self, {SPELT.get(name, name): value for name, value in state.items()})

    return __setstate__


FIRST = ("path", "num_words", "skip_top", "maxlen")
ORDER_0 = (*FIRST, "test_split", "seed", "start_char", "oov_char", "index_from")


def _imdb(today: Callable) -> Callable:
    """`imdb.load_data` as it was: with Keras 0 one list, which `test_split` splits."""
    told = respelt("imdb.load_data", today, SPELT)

    @wraps(today)
    def load_data(*args: Any, **kwargs: Any) -> Any:
        if not generations.before("1.0"):
            return told(*args, **kwargs)
        given = {**dict(zip(ORDER_0, args, strict=False)), **kwargs}
        return _as_lists(told(**{"path": "imdb.pkl", "test_split": 0.2, **given}))

    return load_data


def _reuters(today: Callable) -> Callable:
    told = respelt("reuters.load_data", today, SPELT)

    @wraps(today)
    def load_data(*args: Any, **kwargs: Any) -> Any:
        parts = told(*args, **kwargs)
        return _as_lists(parts) if generations.before("1.0") else parts

    return load_data


def _as_lists(parts: Sequence[Sequence[Any]]) -> tuple:
    """What Keras 0 gave: lists, which can be added."""
    return tuple(tuple(array.tolist() for array in part) for part in parts)


PATCHES: Sequence[Patch] = (
    Patch(Tokenizer, "__init__", respelt("Tokenizer", Tokenizer.__init__, SPELT)),
    Patch(Tokenizer, "__setstate__", _unpickled(Tokenizer.__setstate__)),
    Patch(imdb, "load_data", _imdb(imdb.load_data)),
    Patch(reuters, "load_data", _reuters(reuters.load_data)),
    *(
        Patch(text, name, respelt(name, getattr(text, name), TEXT))
        for name in ("one_hot", "text_to_word_sequence")
    ),
)
