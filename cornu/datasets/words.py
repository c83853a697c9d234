"""What IMDB and Reuters have in common: lists of words by number, cut as Keras cuts them."""

import itertools
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from cornu.datasets import runs
from cornu.datasets.containers import damaged, error_of, read_npz, read_pickle, wanted
from cornu.datasets.fetching import fetched, older
from cornu.datasets.splits import check_share
from cornu.errors import UsageError, shown

Part = tuple[np.ndarray, np.ndarray]
MOST_WORDS = 2**25
WHOLE = (int, np.integer)
PAIRS = {"imdb": ("x_train", "y_train", "x_test", "y_test"), "reuters": ("x", "y")}
OLDER = {"imdb": ("imdb_full.pkl",), "reuters": ("reuters.pkl",)}


class Cut(NamedTuple):
    """Which words stay, and by which numbers."""

    num_words: int | None = None
    skip_top: int = 0
    maxlen: int | None = None
    seed: int = 113
    start_char: int | None = 1
    oov_char: int | None = 2
    index_from: int = 3


def load(
    name: str,
    path: str | os.PathLike[str] | None = None,
    test_split: float | None = None,
    **said: Any,
) -> tuple[Part, Part]:
    """`(x_train, y_train), (x_test, y_test)` of "imdb" or "reuters".

    Args:
        name: which.
        path: the name of the file, or the path of one that is elsewhere.
        test_split: the share of the samples for the test; for "imdb" None keeps the parts that it
            has, and a share is of its training part, as in Keras 0.
        said: fields of `Cut`.

    Raises:
        UsageError: where the file does not come or is another, and where nothing is kept.
    """
    cut = Cut(**said)
    _check(cut)
    if test_split is None and name == "reuters":
        test_split = 0.2
    if test_split is not None:
        check_share(test_split)
    parts, file = _parts(name, path, test_split is not None)
    orders = np.random.RandomState(cut.seed)
    mixed = [_mixed(x, y, orders.permutation(len(x)), file) for x, y in parts]
    kept = [_begun(x, y, cut) for x, y in mixed]
    if not all(len(y) for _, y in kept):
        raise UsageError(
            "E-DATA-WORDS",
            f"no list of words is shorter than maxlen={cut.maxlen}. Make it larger, or leave it "
            "out.",
        )
    x = _limited(_joined([x for x, _ in kept]), cut)
    rows = _lists(x)
    y = np.concatenate([y for _, y in kept])
    first = len(kept[0][1]) if test_split is None else int(len(y) * (1 - test_split))
    return (rows[:first], y[:first]), (rows[first:], y[first:])


def word_index(name: str, path: str | os.PathLike[str]) -> dict[str, int]:
    """Word -> its number before `index_from` is added. Raises UsageError as `load`."""
    today = f"{name}_word_index.json"
    old = older(path, today, f"{name}_word_index.pkl")
    if old is not None:
        file, found = old, read_pickle(old)
    else:
        file = fetched(today, None if str(path).endswith(".pkl") else path)
        try:
            found = json.loads(file.read_bytes())
        except (OSError, ValueError, RecursionError) as error:
            raise damaged(file, error) from None
    if not isinstance(found, Mapping) or not all(type(i) is int for i in found.values()):
        raise error_of(file, "holds no words with their numbers")
    return {w.decode("utf-8", "replace") if isinstance(w, bytes) else w: found[w] for w in found}


# ---------------------------------------------------------------- files


def _parts(
    name: str, path: str | os.PathLike[str] | None, one: bool
) -> tuple[list[tuple[Any, Any]], Path]:
    """Samples and labels: of training and test, or of `one` list."""
    names = (*OLDER[name], "imdb.pkl") if name == "imdb" and one else OLDER[name]
    old = older(path, f"{name}.npz", *names)
    if old is not None:
        return _of_pickle(read_pickle(old), name, one, old), old
    file = fetched(f"{name}.npz", None if str(path).endswith(".pkl") else path)
    found = wanted(read_npz(file), PAIRS[name], file)
    parts = list(zip(found[::2], found[1::2], strict=True))
    return (parts[:1] if one else parts), file


def _of_pickle(found: Any, name: str, one: bool, file: Path) -> list[tuple[Any, Any]]:
    """The pairs of (lists, labels) that Keras 0 and 1 pickled: one, or for "imdb" two."""
    if _is_pair(found):
        if not one:
            raise error_of(file, "holds one list of samples; with test_split=0.2 it is split")
        return [found]
    pairs = isinstance(found, (tuple, list)) and len(found) == 2 and all(map(_is_pair, found))
    if not pairs or name != "imdb":
        raise error_of(file, "holds no lists of words with labels")
    return [tuple(found[0])] if one else [tuple(pair) for pair in found]


def _is_pair(found: Any) -> bool:
    """Whether this is (lists of words, labels)."""
    if not isinstance(found, (tuple, list)) or len(found) != 2:
        return False
    x, y = found
    return (
        isinstance(x, (list, np.ndarray))
        and isinstance(y, (list, np.ndarray))
        and len(x) == len(y)
        and np.asarray(y).dtype.kind in "iuf"
        and np.asarray(y).ndim == 1
    )


# ---------------------------------------------------------------- words


class _Words(NamedTuple):
    """Lists of numbers as one array, with how long each is."""

    flat: np.ndarray
    lengths: np.ndarray


def _mixed(x: Any, y: Any, order: np.ndarray, file: Path) -> tuple[_Words, np.ndarray]:
    """Samples and labels in this order."""
    if any(not isinstance(each, (list, tuple, np.ndarray)) for each in x):
        raise error_of(file, "has samples that are no lists of words")
    rows = [x[i] for i in order]
    lengths = np.array([len(row) for row in rows], "int64")
    if lengths.sum() > MOST_WORDS:
        raise error_of(file, f"has {lengths.sum()} words; {MOST_WORDS} are read at most")
    try:
        flat = np.fromiter(itertools.chain.from_iterable(rows), "int64", int(lengths.sum()))
    except (TypeError, ValueError, OverflowError):
        raise error_of(file, "has words that are no whole numbers") from None
    if flat.size and flat.min() < 0:
        raise error_of(file, "has words below 0")
    return _Words(flat, lengths), np.asarray(y)[order]


def _begun(words: _Words, y: np.ndarray, cut: Cut) -> tuple[_Words, np.ndarray]:
    """With numbers moved up, the start marked, and long lists left out."""
    flat, lengths = words.flat, words.lengths
    if cut.start_char is not None or cut.index_from:
        flat = flat + cut.index_from
    if cut.start_char is not None:
        flat = np.insert(flat, np.cumsum(lengths) - lengths, cut.start_char)
        lengths = lengths + 1
    if cut.maxlen:
        short = lengths < cut.maxlen
        return _Words(flat[np.repeat(short, lengths)], lengths[short]), y[short]
    return _Words(flat, lengths), y


def _joined(words: Sequence[_Words]) -> _Words:
    return _Words(*(np.concatenate(each) for each in zip(*words, strict=True)))


def _limited(words: _Words, cut: Cut) -> _Words:
    """With words outside of [`skip_top`, `num_words`) marked, or left out."""
    flat = words.flat
    most = cut.num_words or (int(flat.max()) if flat.size else 0)
    kept = (flat >= cut.skip_top) & (flat < most)
    if cut.oov_char is not None:
        return _Words(np.where(kept, flat, cut.oov_char), words.lengths)
    counts = np.add.reduceat(np.append(kept, 0), np.cumsum(words.lengths) - words.lengths)
    return _Words(flat[kept], np.where(words.lengths > 0, counts, 0))


def _lists(words: _Words) -> np.ndarray:
    """An object array of lists."""
    rows = np.empty(len(words.lengths), object)
    known, begin = runs.objects(words.flat), 0
    for i, end in enumerate(np.cumsum(words.lengths).tolist()):
        rows[i] = runs.shared(words.flat[begin:end], known)
        begin = end
    return rows


def _check(cut: Cut) -> None:
    for name, value in cut._asdict().items():
        may_be_none = name in ("num_words", "maxlen", "start_char", "oov_char")
        none = value is None and may_be_none
        if not none and (isinstance(value, bool) or not isinstance(value, WHOLE) or value < 0):
            also = ", or None" if may_be_none else ""
            raise UsageError(
                "E-DATA-WORDS",
                f"{name} must be a whole number from 0 on{also}; got {shown(value)}.",
            )
