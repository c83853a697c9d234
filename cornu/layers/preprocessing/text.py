"""Texts as numbers or vectors: cleaned, cut into words, and looked up."""

import string
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import numpy as np

from cornu import engine
from cornu.config import Convert, OneOf, field, registered_name
from cornu.errors import UsageError, UsageTypeError, shown, suggestion
from cornu.graph import Tensor
from cornu.layers.preprocessing.encoding import (
    TableLayer,
    batches,
    texts,
)
from cornu.layers.preprocessing.lookup import StringLookup
from cornu.layers.preprocessing.vocabulary import GIVEN_VOCABULARY, GIVEN_WEIGHTS, refuse_path
from cornu.registry import function_form

LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
STRIP = str.maketrans("", "", string.punctuation)
BOTH = str.maketrans(string.ascii_uppercase, string.ascii_lowercase, string.punctuation)
STANDARDIZE = {"lower_and_strip_punctuation": BOTH, "strip_punctuation": STRIP, "lower": LOWER}
SPLIT = ("whitespace", "character")
BLANK = dict.fromkeys(map(ord, "\t\n\v\f\r"), " ")


def _choice(known: Sequence[str]) -> Callable[[Any], Any]:
    def convert(value: Any) -> Any:
        if value is None or callable(value) or value in known:
            return value
        raise UsageError(
            "E-CHOICE",
            f"must be one of {', '.join(map(repr, known))}, None or a function; "
            f"got {shown(value)}. {suggestion(str(value), known)}".rstrip(),
        )

    return convert


def _ngrams(value: Any) -> Any:
    several = value if isinstance(value, (list, tuple)) else () if value is None else (value,)
    if not all(isinstance(n, (int, np.integer)) and n >= 1 for n in several):
        raise UsageTypeError(
            "E-TYPE", f"ngrams must be an int >= 1, or a tuple of them; got {shown(value)}."
        )
    return tuple(several) if isinstance(value, list) else value


class TextVectorization(TableLayer):
    """Texts as the places of their words in a vocabulary, or as vectors of counts.

    Runs on the host: map it over the data, or let a model begin with it, behind
    `Input((1,), dtype="string")`. Each text is standardized, split, made
    into n-grams, and looked up. Input: (batch,) or (batch, 1). Output: (batch, longest) of int32
    in mode "int", where 0 fills up and 1 is an unknown word; (batch, size of the vocabulary) in
    the others, where unknown words are at 0.

    Args:
        max_tokens: most places, those for fill and unknown words included.
        standardize: "lower_and_strip_punctuation", "lower", "strip_punctuation" (of ASCII), None,
            or a function of an array of texts.
        split: "whitespace" (of ASCII), "character", None, or a function from an array of texts to
            a list of words for each.
        ngrams: words in a row that count as one: n for 1 to n, a tuple for just those.
        output_mode: "int", "multi_hot", "count" or "tf_idf".
        output_sequence_length: cut or fill up to this length in mode "int".
        pad_to_max_tokens: make vectors `max_tokens` long.
        vocabulary: list, array, or path of a text file with a word in each line.
        idf_weights: weight of each word in "tf_idf".
        sparse, ragged: must not be set: results are dense.
        encoding: of bytes.

    Raises:
        UsageError: for texts of another shape, and before a vocabulary is known.

    Example:
        >>> layer = TextVectorization(output_sequence_length=4)
        >>> layer.adapt(["The cat sat.", "The cat ran."])
        >>> layer(["the cat flew"])
        [[2, 3, 1, 0]]
    """

    options = ("vocabulary_size", "input_shape", "batch_shape")
    declared_shape = (None, 1)
    declared_dtype = "string"
    max_tokens: int | None = None
    standardize: Annotated[Any, Convert(_choice(tuple(STANDARDIZE)))] = (
        "lower_and_strip_punctuation"
    )
    split: Annotated[Any, Convert(_choice(SPLIT))] = "whitespace"
    ngrams: Annotated[Any, Convert(_ngrams)] = None
    output_mode: Annotated[str, OneOf("int", "multi_hot", "count", "tf_idf")] = "int"
    output_sequence_length: int | None = None
    pad_to_max_tokens: bool = False
    vocabulary: Any = field(default=None, descriptor=GIVEN_VOCABULARY)
    idf_weights: Any = field(default=None, descriptor=GIVEN_WEIGHTS)
    sparse: bool = False
    ragged: bool = False
    encoding: str = "utf-8"
    name: Any = None

    _size_to_come = 0

    def take_options(self, options: dict[str, Any]) -> None:
        """Remember how large the vocabulary was, where a config tells."""
        super().take_options(options)
        self._size_to_come = int(options.get("vocabulary_size") or 0)

    def set_up(self) -> None:
        """Make the lookup."""
        super().set_up()
        if self.ragged:
            raise UsageError(
                "E-RAGGED",
                f"{self.who}: ragged results are not supported; short texts are filled up with 0.",
            )
        if self.output_sequence_length is not None and self.output_mode != "int":
            raise UsageError(
                "E-CHOICE", f'{self.who}: output_sequence_length needs output_mode="int".'
            )
        self._lookup_layer = StringLookup(
            max_tokens=self.max_tokens,
            mask_token="",
            vocabulary=self.__dict__.pop("_given_vocabulary"),
            idf_weights=self.__dict__.pop("_given_idf_weights"),
            output_mode=self.output_mode,
            pad_to_max_tokens=self.pad_to_max_tokens,
            encoding=self.encoding,
            name=f"{self.name}_lookup",
        )
        self._lookup_layer._size_to_come = self._size_to_come

    # ---------------------------------------------------------------- vocabulary

    def adapt(self, data: Any, batch_size: int | None = None, steps: int | None = None) -> None:
        """Learn the vocabulary anew from texts, or from an iterable of batches of them.

        `batch_size` is not needed; `steps` ends after so many batches.
        """
        found = batches(data, self, steps)
        self._lookup_layer.learn(self.words(texts(b, self, self.encoding)) for b in found)

    def get_vocabulary(self, include_special_tokens: bool = True) -> list:
        """The words in the order of their places."""
        return self._lookup_layer.get_vocabulary(include_special_tokens)

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Take a vocabulary, as `StringLookup.set_vocabulary`."""
        self._lookup_layer.set_vocabulary(vocabulary, idf_weights)

    def vocabulary_size(self) -> int:
        """Number of places, those for fill and unknown words included."""
        return self._lookup_layer.vocabulary_size()

    def said_vocabulary(self) -> list | None:
        """The vocabulary as a constructor takes it."""
        return self._lookup_layer.said_vocabulary()

    def said_weights(self) -> list | None:
        """The weights as a constructor takes them."""
        return self._lookup_layer.said_weights()

    # ---------------------------------------------------------------- texts to words

    def words(self, flat: list[str]) -> list[list[str]]:
        """The words of each text, n-grams where these are wanted."""
        lists = self._split(self._standardized(flat))
        if self.ngrams is None:
            return lists
        sizes = self.ngrams if isinstance(self.ngrams, tuple) else range(1, self.ngrams + 1)
        return [_grams(words, sizes) for words in lists]

    def _standardized(self, flat: list[str]) -> list[str]:
        if callable(self.standardize):
            found = np.asarray(self.standardize(np.array(flat, dtype=str)))
            return texts(found, self, self.encoding)
        table = STANDARDIZE.get(self.standardize)
        return flat if table is None else [text.translate(table) for text in flat]

    def _split(self, flat: list[str]) -> list[list[str]]:
        if self.split == "character":
            return [list(text) for text in flat]
        if self.split == "whitespace":
            return [text.split() if text.isascii() else _ascii_split(text) for text in flat]
        if self.split is None:
            return [[text] for text in flat]
        found = self.split(np.array(flat, dtype=str))
        if len(found) != len(flat):
            raise UsageError(
                "E-SHAPE",
                f"{self.who}: split must give a list of words for each text; got {len(found)} for "
                f"{len(flat)} texts.",
            )
        return [texts(np.asarray(words, dtype=object), self, self.encoding) for words in found]

    # ---------------------------------------------------------------- call

    def text_result(self, x: Any) -> tuple[tuple[int | None, ...], str]:
        """Shape and dtype of what is made of texts."""
        self._check_shape(x)
        if self.output_mode != "int":
            lookup = self._lookup_layer
            return lookup.shape_of(Tensor((x.shape[0], None), "string"))
        if self._flat():
            return x.shape, "int32"
        return (x.shape[0], self.output_sequence_length), "int32"

    def _flat(self) -> bool:
        """Whether each text is one word, so that the shape stays."""
        plain = self.split is None and self.ngrams is None and self.output_mode == "int"
        return plain and self.output_sequence_length is None

    def _check_shape(self, x: Any) -> None:
        if x.ndim > 2 or (x.ndim == 2 and x.shape[1] != 1):
            raise UsageError(
                "E-SHAPE",
                f"{self.who} takes texts of shape (batch,) or (batch, 1); got {x.shape}. Call it "
                "on one column at a time.",
            )

    def call(self, x: Any) -> Any:
        self._lookup_layer._require()
        if not isinstance(x, np.ndarray):
            raise UsageTypeError("E-TYPE", f"{self.who} takes text; got {shown(x)}.")
        self._check_shape(x)
        lists = self.words(texts(x, self, self.encoding))
        if self.output_mode == "int":
            found = engine.array(self._filled(lists), "int32")
        else:
            found = self._lookup_layer.coded(self._filled(lists))
        if self._flat():
            return found.reshape(x.shape)
        return found[0] if x.ndim == 0 else found

    def _filled(self, lists: list[list[str]]) -> np.ndarray:
        """Places of words, a text a row: 0 fills up in mode "int", else -1, which counts not."""
        counts = np.array([len(words) for words in lists], "int64")
        longest = int(counts.max(initial=0))
        places = self._lookup_layer.places_of([word for words in lists for word in words])
        whole = np.full((len(lists), longest), 0 if self.output_mode == "int" else -1, "int32")
        whole[np.arange(longest) < counts[:, None]] = places
        wanted = self.output_sequence_length
        if wanted is None:
            return whole
        more = max(wanted - longest, 0)
        return np.pad(whole, ((0, 0), (0, more)))[:, :wanted]

    # ---------------------------------------------------------------- saving

    def save_own_variables(self, store: dict[str, Any]) -> None:
        """What the lookup saves."""
        self._lookup_layer.save_own_variables(store)

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """What the lookup loads."""
        self._lookup_layer.load_own_variables(store)

    def save_assets(self, dir_path: Any) -> None:
        """Write the vocabulary into a folder, as `StringLookup.save_assets`."""
        self._lookup_layer.save_assets(dir_path)

    def load_assets(self, dir_path: Any) -> None:
        """Read the vocabulary from a folder, as `StringLookup.load_assets`."""
        self._lookup_layer.load_assets(dir_path)

    def get_config(self) -> dict[str, Any]:
        """The constructor arguments, functions by name, with the vocabulary that was learned."""
        config = super().get_config()
        for name in ("standardize", "split"):
            value = getattr(self, name)
            if callable(value):
                config[name] = _named(value, name, self)
        return {**config, "vocabulary_size": self.vocabulary_size()}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "TextVectorization":
        """A layer from what `get_config` gave. Raises UsageError where it names a file."""
        refuse_path(cls, config)
        return super().from_config(config)


def _named(function: Any, role: str, layer: TableLayer) -> Any:
    if not registered_name(function) and not getattr(function, "__name__", "").isidentifier():
        raise UsageError(
            "E-LAMBDA-SAVE",
            f"{layer.who}: {role} is a lambda, which has no name to save it by. Write it as a "
            "function and register it: @register_keras_serializable() def my_function(texts): …",
        )
    return function_form(function)


def _ascii_split(text: str) -> list[str]:
    """Cut at ASCII white space only, as Keras does."""
    return [word for word in text.translate(BLANK).split(" ") if word]


def _grams(words: list[str], sizes: Sequence[int]) -> list[str]:
    return [" ".join(words[i : i + n]) for n in sizes for i in range(len(words) - n + 1)]
