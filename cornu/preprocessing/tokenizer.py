"""`Tokenizer`: words get numbers by how often they occur, and texts become lists of these.

What it learned is plain data, and passes to and from Keras 2 as JSON.
"""

import functools
import json
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from cornu.errors import UsageError, UsageTypeError, shown, suggestion

FILTERS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'
MODES = ("binary", "count", "tfidf", "freq")
MOST_JSON = 2**28  # characters; 200,000 words take 10 million
TABLES = ("word_counts", "word_docs", "index_docs", "index_word", "word_index")
SETTINGS = ("num_words", "filters", "lower", "split", "char_level", "oov_token", "document_count")

Word = Hashable
Text = str | Sequence[Word]


def words(
    input_text: str,
    filters: str | Iterable[str] = FILTERS,
    lower: bool = True,
    split: str = " ",
) -> list[str]:
    """The words of one text.

    Args:
        input_text: the text.
        filters: characters that separate words and belong to none.
        lower: whether to make it lower case first.
        split: what stands between words.

    Raises:
        UsageTypeError: for what is no text.

    Example:
        >>> words("Don't panic, it's organised!")
        ["don't", 'panic', "it's", 'organised']
    """
    if not isinstance(input_text, str):
        raise _no_text("input_text", input_text)
    if lower:
        input_text = input_text.lower()
    if filters:
        kept = filters if isinstance(filters, str) else "".join(filters)
        input_text = input_text.translate(_separators(kept, split))
    return [word for word in input_text.split(split) if word]


@functools.lru_cache(16)
def _separators(filters: str, split: str) -> dict[int, str]:
    return str.maketrans(dict.fromkeys(filters, split))


class Tokenizer:
    """Numbers words by frequency, 1 for the most frequent, and texts with them.

    Words as frequent as each other come in the order in which they were met. 0 is no word's. With
    an `oov_token` that is number 1, and words begin at 2 (Keras 2.1.3 to 2.2.2 had it last: what
    their files say counts).

    Args:
        num_words: how many numbers are used, with 0: words from this number on are left out of
            sequences, though they stay in `word_index`.
        filters, lower, split: as in `text_to_word_sequence`.
        char_level: each character is a word.
        oov_token: what stands for words that are left out or were never met; they are dropped if
            None.
        analyzer: a function from a text to its words, instead of `filters`, `lower` and `split`.
        document_count: how many texts were counted before.

    Attributes:
        word_index, index_word: word -> number, and back.
        word_counts: word -> how often, in the order in which they were met.
        word_docs, index_docs: word, and number -> in how many texts.
        document_count: how many texts.

    Example:
        >>> tokenizer = Tokenizer()
        >>> tokenizer.fit_on_texts(["the cat sat", "the mat"])
        >>> tokenizer.texts_to_sequences(["the mat flew"])
        [[1, 4]]
    """

    def __init__(
        self,
        num_words: int | None = None,
        filters: str | Iterable[str] = FILTERS,
        lower: bool = True,
        split: str = " ",
        char_level: bool = False,
        oov_token: Word | None = None,
        analyzer: Callable[[str], Sequence[Word]] | None = None,
        document_count: int = 0,
    ):
        whole = isinstance(num_words, (int, np.integer)) and not isinstance(num_words, bool)
        if num_words is not None and (not whole or num_words < 0):
            raise UsageError(
                "E-TOKENIZER",
                f"num_words must be a whole number, or None for all; got {shown(num_words)}.",
            )
        self.num_words, self.filters, self.lower, self.split = num_words, filters, lower, split
        self.char_level, self.oov_token, self.analyzer = char_level, oov_token, analyzer
        self.document_count = document_count
        self.word_counts: dict[Word, int] = OrderedDict()
        self.word_docs: dict[Word, int] = defaultdict(int)
        self.index_docs: dict[int, int] = defaultdict(int)
        self.word_index: dict[Word, int] = {}
        self.index_word: dict[int, Word] = {}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        """Take what a pickle of any Keras holds: older ones lack some attributes."""
        vars(self).update({**vars(Tokenizer()), **state})
        if not self.index_word:
            self.index_word = {i: word for word, i in self.word_index.items()}

    # ---------------------------------------------------------------- learning

    def fit_on_texts(self, texts: Iterable[Text]) -> None:
        """Count the words of these texts too, and number all words anew.

        Args:
            texts: strings, or lists of words; a generator is read once.

        Raises:
            UsageTypeError: for one string, and for a text that is none. Nothing was counted then.
        """
        counts, docs = dict(self.word_counts), dict(self.word_docs)
        number = 0
        for found in self._each(texts):
            for word, count in Counter(found).items():
                counts[word] = counts.get(word, 0) + count
                docs[word] = docs.get(word, 0) + 1
            number += 1
        self.document_count += number
        self.word_counts, self.word_docs = OrderedDict(counts), defaultdict(int, docs)
        ordered = sorted(counts, key=counts.__getitem__, reverse=True)
        first = [] if self.oov_token is None else [self.oov_token]
        self.word_index = {word: i for i, word in enumerate([*first, *ordered], 1)}
        self.index_word = {i: word for word, i in self.word_index.items()}
        self.index_docs.update((self.word_index[word], count) for word, count in docs.items())

    def fit_on_sequences(self, sequences: Iterable[Sequence[int]]) -> None:
        """Count in how many lists each number stands, for `sequences_to_matrix` and its "tfidf"."""
        found = [np.unique(_indices(s, i)) for i, s in enumerate(sequences)]
        self.document_count += len(found)
        for one in found:
            for index in one.tolist():
                self.index_docs[index] = self.index_docs.get(index, 0) + 1

    def _each(self, texts: Iterable[Text]) -> Iterator[Sequence[Word]]:
        """The words of every text. Raises UsageTypeError with the place of what is no text."""
        if isinstance(texts, str) and not self.char_level:
            raise UsageTypeError(
                "E-TOKENIZER",
                f"texts must be a list of texts; got one: {shown(texts)}. Put it into a list: "
                "tokenizer.fit_on_texts([text]).",
            )
        if isinstance(texts, bytes) or not isinstance(texts, Iterable):
            raise UsageTypeError(
                "E-TOKENIZER", f"texts must be a list of texts; got {shown(texts)}."
            )
        for place, text in enumerate(texts):
            yield self._words(text, place)

    def _words(self, text: Any, place: int) -> Sequence[Word]:
        if isinstance(text, str):
            if self.char_level:
                return text.lower() if self.lower else text
            if self.analyzer is not None:
                return self.analyzer(text)
            return words(text, self.filters, self.lower, self.split)
        if not isinstance(text, (list, tuple)):
            raise _no_text(f"texts[{place}]", text)
        if not self.lower:
            return text
        wrong = next((i for i, word in enumerate(text) if not isinstance(word, str)), None)
        if wrong is not None:
            raise _no_text(f"texts[{place}][{wrong}]", text[wrong], " For words that are none, say")
        return [word.lower() for word in text]

    # ---------------------------------------------------------------- sequences

    def texts_to_sequences(self, texts: Iterable[Text]) -> list[list[int]]:
        """A list of numbers for each text.

        Raises:
            UsageError: before the first `fit_on_texts`.
            UsageTypeError: for a text that is none.
        """
        return list(self.texts_to_sequences_generator(texts))

    def texts_to_sequences_generator(self, texts: Iterable[Text]) -> Iterator[list[int]]:
        """The same, text by text. The numbering is that of when the first one is taken."""
        self._check_fitted()
        unknown = self.word_index.get(self.oov_token) if self.oov_token is not None else None
        get, limit = self.word_index.get, self.num_words
        for found in self._each(texts):
            indices = [get(word) for word in found]
            if limit:
                indices = [i if i is None or i < limit else None for i in indices]
            if unknown is None:
                yield [i for i in indices if i is not None]
            else:
                yield [unknown if i is None else i for i in indices]

    def sequences_to_texts(self, sequences: Iterable[Iterable[int]]) -> list[str]:
        """The words of each list of numbers, with spaces between; unknown numbers are left out."""
        return list(self.sequences_to_texts_generator(sequences))

    def sequences_to_texts_generator(self, sequences: Iterable[Iterable[int]]) -> Iterator[str]:
        """The same, list by list."""
        self._check_fitted()
        known = self.oov_token is not None and self.oov_token in self.word_index
        limit = self.num_words
        for sequence in sequences:
            found = [None if limit and i >= limit else self.index_word.get(i) for i in sequence]
            if known:
                found = [self.oov_token if word is None else word for word in found]
            yield " ".join(str(word) for word in found if word is not None)

    def _check_fitted(self) -> None:
        if not self.word_index and not self.document_count:
            raise UsageError(
                "E-TOKENIZER",
                "this Tokenizer has seen no texts, and knows no word. First: "
                "tokenizer.fit_on_texts(texts).",
            )

    # ---------------------------------------------------------------- matrices

    def texts_to_matrix(self, texts: Iterable[Text], mode: str = "binary") -> np.ndarray:
        """A row for each text; see `sequences_to_matrix`."""
        _check_mode(mode)
        return self.sequences_to_matrix(self.texts_to_sequences(texts), mode)

    def sequences_to_matrix(
        self, sequences: Iterable[Sequence[int]], mode: str = "binary"
    ) -> np.ndarray:
        """A row for each list of numbers, with a column for each number.

        Args:
            sequences: lists of numbers from 0; those past the last column are left out.
            mode: "binary", 1 where a number stands; "count", how often; "freq", how often for one
                of the list; "tfidf", (1 + log count) log(1 + texts / (1 + texts that have it)).

        Returns:
            float64 array of shape (sequences, `num_words`, or all words and 0).

        Raises:
            UsageError: for another mode, a negative number, and where nothing says how many
                columns there are.
        """
        _check_mode(mode)
        columns = self.num_words or (len(self.word_index) + 1 if self.word_index else 0)
        if not columns:
            raise UsageError(
                "E-TOKENIZER",
                "nothing says how many columns there are: Tokenizer(num_words=1000), or "
                "fit_on_texts first.",
            )
        if mode == "tfidf" and not self.document_count:
            raise UsageError(
                "E-TOKENIZER",
                'mode="tfidf" needs texts that were counted: fit_on_texts or fit_on_sequences '
                "first.",
            )
        rows = [_indices(sequence, i) for i, sequence in enumerate(sequences)]
        return self._matrix(rows, mode, columns)

    def _matrix(self, rows: Sequence[np.ndarray], mode: str, columns: int) -> np.ndarray:
        lengths = np.array([len(row) for row in rows], "int64")
        whole = np.concatenate([np.zeros(0, "int64"), *rows])
        kept = whole < columns
        places = np.repeat(np.arange(len(rows)), lengths)[kept], whole[kept]
        x = np.zeros((len(rows), columns))
        if mode == "binary":
            x[places] = 1
            return x
        np.add.at(x, places, 1)
        if mode == "freq":
            x /= np.maximum(lengths, 1)[:, None]
        elif mode == "tfidf":
            docs = np.array([self.index_docs.get(i, 0) for i in range(columns)])
            weights = np.log(1 + self.document_count / (1 + docs))
            np.log(x, out=x, where=x > 0)
            x[places] = (1 + x[places]) * weights[places[1]]
        return x

    # ---------------------------------------------------------------- JSON

    def get_config(self) -> dict[str, Any]:
        """Settings, and what was learned, with each table as JSON text, as Keras 2 writes it."""
        settings = {name: getattr(self, name) for name in SETTINGS}
        return {**settings, **{name: json.dumps(getattr(self, name)) for name in TABLES}}

    def to_json(self, **kwargs: Any) -> str:
        """All of it but a function `analyzer`, as JSON for `tokenizer_from_json`, here or in Keras.

        `kwargs` go to `json.dumps`.
        """
        return json.dumps(
            {"class_name": type(self).__name__, "config": self.get_config()}, **kwargs
        )


def tokenizer_from_json(json_string: str) -> Tokenizer:
    """The Tokenizer of what `to_json` gave, here or in Keras 2.

    Raises:
        UsageError: for a text that describes none.
    """
    if not isinstance(json_string, str):
        raise UsageTypeError(
            "E-TOKENIZER", f"tokenizer_from_json takes a string; got {shown(json_string)}."
        )
    found = _loaded(json_string)
    config = found.get("config") if isinstance(found, Mapping) else None
    if not isinstance(config, Mapping):
        raise _no_tokenizer('it has no "config"')
    missing = [name for name in (*TABLES, *SETTINGS[:-1]) if name not in config]
    if missing:
        raise _no_tokenizer(f'its config has no "{missing[0]}"')
    _check_settings(config)
    tokenizer = Tokenizer(**{name: config[name] for name in SETTINGS if name in config})
    for name in TABLES:
        setattr(tokenizer, name, _table(config[name], name))
    return tokenizer


def _check_settings(config: Mapping[str, Any]) -> None:
    for name, kinds in (
        ("filters", (str, list)),
        ("lower", (bool, int)),
        ("split", (str,)),
        ("char_level", (bool, int)),
        ("document_count", (int,)),
    ):
        if name in config and not isinstance(config[name], kinds):
            raise _no_tokenizer(f"its {name} is {shown(config[name])}")


def _table(text: Any, name: str) -> dict:
    """One of the tables; those by number have whole numbers as keys, which JSON has not."""
    found = _loaded(text) if isinstance(text, str) else text
    if not isinstance(found, dict):
        raise _no_tokenizer(f"its {name} is {shown(found)}, and no table")
    kind = str if name == "index_word" else int
    wrong = [value for value in found.values() if not isinstance(value, kind)]
    if wrong:
        raise _no_tokenizer(f"its {name} has {shown(wrong[0])} among its values")
    if not name.startswith("index_"):
        return found
    try:
        return {int(key): value for key, value in found.items()}
    except ValueError:
        raise _no_tokenizer(f"its {name} has keys that are no whole numbers") from None


def _loaded(text: str) -> Any:
    if len(text) > MOST_JSON:
        raise _no_tokenizer(f"it has {len(text)} characters; {MOST_JSON} are read at most")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deep" if isinstance(error, RecursionError) else str(error)
        raise _no_tokenizer(reason) from None


def _no_tokenizer(reason: str) -> UsageError:
    return UsageError(
        "E-TOKENIZER",
        f"this JSON describes no Tokenizer: {reason}. tokenizer.to_json() writes it.",
    )


def _no_text(name: str, value: Any, hint: str = "") -> UsageTypeError:
    way = "text.decode()" if isinstance(value, bytes) else "str(text), or leave it out"
    after = f"{hint} Tokenizer(lower=False)." if hint else f" Make it one first: {way}."
    return UsageTypeError("E-TOKENIZER", f"{name} must be a text (str); got {shown(value)}.{after}")


def _check_mode(mode: Any) -> None:
    if mode not in MODES:
        raise UsageError(
            "E-CHOICE",
            f"mode must be one of {', '.join(map(repr, MODES))}; got {shown(mode)}. "
            f"{suggestion(str(mode), MODES)}".rstrip(),
        )


def _indices(sequence: Any, place: int) -> np.ndarray:
    """A list of numbers from 0, as int64. Raises UsageError for anything else."""
    if isinstance(sequence, (str, bytes)) or not isinstance(sequence, (Iterable, np.ndarray)):
        raise UsageTypeError(
            "E-TOKENIZER",
            f"sequences[{place}] must be a list of whole numbers; got {shown(sequence)}. "
            "For texts: texts_to_matrix(texts).",
        )
    given = sequence if isinstance(sequence, np.ndarray) else list(sequence)
    found = np.asarray(given) if len(given) else np.zeros(0, "int64")
    if found.ndim != 1 or found.dtype.kind not in "iu" or (found.size and found.min() < 0):
        wrong = next((i for i in given if not isinstance(i, (int, np.integer)) or i < 0), given)
        raise UsageError(
            "E-TOKENIZER",
            f"sequences[{place}] has {shown(wrong)}; words have whole numbers from 0.",
        )
    return found.astype("int64", copy=False)
