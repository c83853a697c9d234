"""Words and numbers as their places in a vocabulary, and back."""

from typing import Annotated, Any

import numpy as np

from cornu import engine
from cornu.config import OneOf, Within, field
from cornu.errors import UsageError, UsageTypeError, shown
from cornu.layers.preprocessing.encoding import TableLayer, check_numbers, texts
from cornu.layers.preprocessing.fingerprints import device_buckets, host_hashes
from cornu.layers.preprocessing.hashing import as_int32
from cornu.layers.preprocessing.vocabulary import GIVEN_VOCABULARY, GIVEN_WEIGHTS, IndexLookup

MODES = ("int", "one_hot", "multi_hot", "count", "tf_idf")
INT32 = np.iinfo("int32")


class StringLookup(IndexLookup):
    """Words as their places in a vocabulary.

    Runs on the host: map it over the data, or let a model begin with it, behind
    `Input(shape, dtype="string")`. Shapes: the input's in mode "int"
    (int32); in the others (batch, n) gives (batch, size of the vocabulary).

    Args:
        max_tokens: most places, those for masks and unknown values included.
        num_oov_indices: places for words that are not in the vocabulary; with several a hash
            decides; with 0 such words are an error.
        mask_token: a word of place 0 in mode "int".
        oov_token: the word for unknown ones, in vocabularies and with `invert`.
        vocabulary: list, array, or path of a text file with a word in each line.
        idf_weights: weight of each word in "tf_idf".
        invert: places to words.
        output_mode: "int", "one_hot", "multi_hot", "count", or "tf_idf", counts times
            log(1 + documents / (1 + documents that hold the word)).
        pad_to_max_tokens: make vectors `max_tokens` long.
        sparse: must not be set: results are dense.
        encoding: of bytes.
        salt: an int or two, for the hash.

    Example:
        >>> StringLookup(vocabulary=["a", "b", "c"])([["a", "c", "z"]])
        [[1, 3, 0]]
    """

    max_tokens: int | None = None
    num_oov_indices: Annotated[int, Within(0)] = 1
    mask_token: Any = None
    oov_token: Any = "[UNK]"
    vocabulary: Any = field(default=None, descriptor=GIVEN_VOCABULARY)
    idf_weights: Any = field(default=None, descriptor=GIVEN_WEIGHTS)
    invert: bool = False
    output_mode: Annotated[str, OneOf(*MODES)] = "int"
    pad_to_max_tokens: bool = False
    sparse: bool = False
    encoding: str = "utf-8"
    name: Any = None
    salt: Any = None

    def token(self, value: Any) -> str:
        """A word as text. Raises UsageTypeError for what is none."""
        if isinstance(value, bytes):
            return value.decode(self.encoding)
        if not isinstance(value, str):
            raise UsageTypeError(
                "E-TYPE",
                f"{self.who}: a vocabulary of words is needed; got {shown(value)}. For numbers "
                "take IntegerLookup.",
            )
        return str(value)

    declared_dtype = "string"

    def text_result(self, x: Any) -> tuple[tuple[int | None, ...], str]:
        """Shape and dtype of the places of words. Raises where it goes from places to words."""
        return super().text_result(x) if self.invert else self.shape_of(x)

    def values(self, batch: np.ndarray) -> list:
        """All words of an array in a flat list."""
        return texts(batch, self, self.encoding)

    def _places(self, x: Any) -> np.ndarray:
        if not isinstance(x, np.ndarray):
            raise UsageTypeError(
                "E-TYPE", f"{self.who} takes text; got {shown(x)}. IntegerLookup takes numbers."
            )
        return self.places_of(texts(x, self, self.encoding)).reshape(x.shape)

    def places_of(self, words: list[str]) -> np.ndarray:
        """The places of words."""
        find = self.known.places.get
        places = np.array([find(word, -1) for word in words], "int32") + self._offset
        unknown = np.flatnonzero(places == self._offset - 1)
        if len(unknown) == 0:
            return places
        if self.mask_token is not None:
            masked = np.array([words[i] == self.mask_token for i in unknown], bool)
            places[unknown[masked]] = self._mask_place
            unknown = unknown[~masked]
        if self.num_oov_indices == 0 and len(unknown):
            self._refuse_unknown(words[i] for i in unknown)
        places[unknown] = int(self._masks)
        if self.num_oov_indices > 1:
            hashes = host_hashes([words[i].encode() for i in unknown], self.key)
            places[unknown] += (hashes % np.uint64(self.num_oov_indices)).astype("int32")
        return places

    def _tokens_at(self, x: Any) -> np.ndarray:
        check_numbers(x, self)
        if engine.is_traced(x):
            refuse_text_results(self)
        words = np.array([*self.get_vocabulary(), self.oov_token], dtype=object)
        places = np.asarray(x).astype("int64")
        last = len(words) - 1
        return words[np.where((places < 0) | (places > last), last, places)].astype(str)

    def get_config(self) -> dict[str, Any]:
        """The constructor arguments, with the vocabulary that was learned."""
        return {**super().get_config(), "oov_method": "floormod"}


def refuse_text_results(layer: TableLayer) -> None:
    """Raise UsageError: words cannot come out of a compiled model."""
    raise UsageError(
        "E-TEXT",
        f"{layer.who}: text cannot come out of a compiled model. Call the layer on what "
        "model.predict gives.",
    )


class IntegerLookup(IndexLookup):
    """Whole numbers as their places in a vocabulary.

    Works in compiled models too, on int32; NumPy arrays are looked up in 64 bits. With
    `num_oov_indices=0` a compiled model gives unknown numbers the place -1. A model that is
    compiled already does not see a vocabulary that is learned later. Shapes as in `StringLookup`.

    Args:
        max_tokens: most places, those for masks and unknown values included.
        num_oov_indices: places for numbers that are not in the vocabulary.
        mask_token: a number of place 0 in mode "int".
        oov_token: the number for unknown ones, in vocabularies and with `invert`.
        vocabulary: list, array, or path of a text file with a number in each line.
        vocabulary_dtype: "int64", or "int32".
        idf_weights: weight of each number in "tf_idf".
        invert: places to numbers.
        output_mode: as in `StringLookup`.
        sparse: must not be set: results are dense.
        pad_to_max_tokens: make vectors `max_tokens` long.
        oov_method: which of several unknown places: "floormod", the remainder, or "farmhash".
        salt: an int or two, for "farmhash".

    Example:
        >>> IntegerLookup(vocabulary=[10, 20, 30])([[10, 30, 7]])
        [[1, 3, 0]]
    """

    options = ("vocabulary_size", "input_shape", "batch_shape")
    max_tokens: int | None = None
    num_oov_indices: Annotated[int, Within(0)] = 1
    mask_token: int | None = None
    oov_token: int = -1
    vocabulary: Any = field(default=None, descriptor=GIVEN_VOCABULARY)
    vocabulary_dtype: Annotated[str, OneOf("int64", "int32")] = "int64"
    idf_weights: Any = field(default=None, descriptor=GIVEN_WEIGHTS)
    invert: bool = False
    output_mode: Annotated[str, OneOf(*MODES)] = "int"
    sparse: bool = False
    pad_to_max_tokens: bool = False
    oov_method: Annotated[str, OneOf("floormod", "farmhash")] = "floormod"
    salt: Any = None
    name: Any = None

    def set_up(self) -> None:
        """Refuse a salt that would do nothing."""
        super().set_up()
        if self.salt is not None and self.oov_method != "farmhash":
            raise UsageError("E-VOCABULARY", f'{self.who}: salt needs oov_method="farmhash".')

    def token(self, value: Any) -> int:
        """A whole number. Raises UsageTypeError for what is none."""
        try:
            number = int(value)
        except (TypeError, ValueError):
            number = None
        if number is None or (isinstance(value, float) and number != value):
            raise UsageTypeError(
                "E-TYPE",
                f"{self.who}: a vocabulary of whole numbers is needed; got {shown(value)}.",
            )
        return number

    def values(self, batch: np.ndarray) -> list:
        """All numbers of an array in a flat list."""
        check_numbers(batch, self)
        return batch.astype("int64").ravel().tolist()

    def _places(self, x: Any) -> Any:
        check_numbers(x, self)
        host = isinstance(x, np.ndarray)
        array = np if host else engine.np
        x = x.astype("int64") if host else as_int32(x, self)
        keys, order = self.known.sorted("int64" if host else "int32")
        if len(keys) == 0:
            return self._unknown(x)
        near = array.clip(array.searchsorted(keys, x), 0, len(keys) - 1)
        known = (keys if host else array.asarray(keys))[near] == x
        places = (order if host else array.asarray(order))[near] + self._offset
        if self.mask_token is not None:
            places = array.where(x == self.mask_token, self._mask_place, places)
            known = known | (x == self.mask_token)
        if host and self.num_oov_indices == 0 and not known.all():
            self._refuse_unknown(x[~known].tolist())
        return array.where(known, places, self._unknown(x))

    def _unknown(self, x: Any) -> Any:
        """Places of numbers as if none were known."""
        host, count = isinstance(x, np.ndarray), self.num_oov_indices
        if count == 0:
            return x * 0 - 1
        if count == 1:
            return x * 0 + int(self._masks)
        if self.oov_method == "floormod":
            return x % count + int(self._masks)
        if not host:
            return device_buckets(x, count, self.key) + int(self._masks)
        hashes = host_hashes([str(n).encode() for n in x.ravel().tolist()], self.key)
        return (hashes % np.uint64(count)).astype("int64").reshape(x.shape) + int(self._masks)

    def _tokens_at(self, x: Any) -> Any:
        check_numbers(x, self)
        tokens = np.array([*self.get_vocabulary(), self.oov_token], "int64")
        last = len(tokens) - 1
        if isinstance(x, np.ndarray):
            places = x.astype("int64")
            found = tokens[np.where((places < 0) | (places > last), last, places)]
            return engine.array(found, "int32") if _fits(tokens) else found
        if not _fits(tokens):
            raise UsageError(
                "E-INTEGER-RANGE",
                f"{self.who}: the vocabulary needs more than 32 bits, so a compiled model cannot "
                "give its numbers. Call the layer on NumPy data.",
            )
        places = as_int32(x, self)
        places = engine.np.where((places < 0) | (places > last), last, places)
        return engine.np.asarray(tokens.astype("int32"))[places]


def _fits(tokens: np.ndarray) -> bool:
    return bool(tokens.min() >= INT32.min and tokens.max() <= INT32.max)
