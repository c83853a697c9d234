"""Vocabularies: what the lookups of words and of numbers have in common.

A vocabulary is given, read from a file (one token a line) or learned by `adapt`: the most
frequent first, and of tokens as frequent as each other the greater first.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cornu import engine, state
from cornu.config import attribute
from cornu.errors import UsageError, listed, shown
from cornu.layers.preprocessing.encoding import (
    TableLayer,
    batches,
    coded_shape,
    encoded,
    host_encoded,
    on_host,
)
from cornu.layers.preprocessing.hashing import hash_key

FILE = "vocabulary.txt"


class Vocabulary:
    """Tokens in order, without those for masks and unknown values; None for what is not known."""

    def __init__(self, tokens: Sequence[Any] | None = None, weights: np.ndarray | None = None):
        self.tokens = None if tokens is None else list(tokens)
        self.weights = weights
        self.places = {token: i for i, token in enumerate(self.tokens or ())}

    def sorted(self, dtype: str = "int64") -> tuple[np.ndarray, np.ndarray]:
        """Integer tokens in rising order, those only that `dtype` can hold, and their places."""
        keys = np.array(self.tokens or (), "int64")
        bounds = np.iinfo(dtype)
        fits = np.flatnonzero((keys >= bounds.min) & (keys <= bounds.max))
        order = fits[np.argsort(keys[fits])]
        return keys[order].astype(dtype), order.astype("int32")


class _Given:
    """Reads as what is known now (a list, or None); takes what a constructor was given."""

    def __init__(self, name: str, known: Callable[[Any], Any]):
        self.name, self.known = f"_given_{name}", known

    def __get__(self, layer: Any, owner: type | None = None) -> Any:
        return None if layer is None else self.known(layer)

    def __set__(self, layer: Any, value: Any) -> None:
        layer.__dict__[self.name] = value


GIVEN_VOCABULARY = _Given("vocabulary", lambda layer: layer.said_vocabulary())
GIVEN_WEIGHTS = _Given("idf_weights", lambda layer: layer.said_weights())


class IndexLookup(TableLayer):
    """What the lookups of words and of numbers have in common.

    The first places are for the mask (mode "int" only) and for values that are not in the
    vocabulary; its tokens follow.
    """

    options = ("vocabulary_size", "oov_method", "input_shape", "batch_shape")
    max_tokens = None
    num_oov_indices = 1
    mask_token = oov_token = None
    invert = pad_to_max_tokens = False
    output_mode = "int"
    salt = None

    known: Any = attribute()
    _size_to_come = 0

    def set_up(self) -> None:
        """Check what was given, and take the vocabulary."""
        super().set_up()
        self.known = Vocabulary()
        self._check()
        self.key = hash_key(self.salt, self)
        given, weights = self.__dict__.pop("_given_vocabulary"), self.__dict__["_given_idf_weights"]
        del self.__dict__["_given_idf_weights"]
        if given is not None:
            self.set_vocabulary(given, weights)
        elif weights is not None:
            raise UsageError("E-VOCABULARY", f"{self.who}: idf_weights need a vocabulary.")

    def _check(self) -> None:
        state.afford(16 * self.num_oov_indices)
        least = self.num_oov_indices + 1 if self.max_tokens is not None else 0
        wrong = None
        if self.max_tokens is not None and self.max_tokens < 2:
            wrong = f"max_tokens must be >= 2; got {self.max_tokens}. It counts the tokens for "
            wrong += f"unknown values too, here {least - 1}."
        elif self.pad_to_max_tokens and self.max_tokens is None:
            wrong = "pad_to_max_tokens=True needs max_tokens."
        elif self.invert and self.output_mode != "int":
            wrong = f'invert=True needs output_mode="int"; got "{self.output_mode}".'
        elif self.__dict__["_given_idf_weights"] is not None and self.output_mode != "tf_idf":
            wrong = f'idf_weights need output_mode="tf_idf"; got "{self.output_mode}".'
        if wrong:
            raise UsageError("E-VOCABULARY", f"{self.who}: {wrong}")

    # ---------------------------------------------------------------- vocabulary

    def token(self, value: Any) -> Any:
        """A value as a token of the vocabulary."""
        raise NotImplementedError

    @property
    def _masks(self) -> bool:
        """Whether the mask has a place; in vectors it counts nowhere."""
        return self.mask_token is not None and self.output_mode == "int"

    @property
    def _mask_place(self) -> int:
        return 0 if self._masks else -1

    @property
    def _offset(self) -> int:
        """Place of the first token."""
        return self._masks + self.num_oov_indices

    def _special(self) -> list:
        return [self.mask_token] * self._masks + [self.oov_token] * self.num_oov_indices

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Take a vocabulary: a list, an array, or the path of a file with a token in each line.

        It may begin with the tokens for masks and unknown values, or leave them out. Mode "tf_idf"
        needs a weight for each token. Raises UsageError for tokens that are there twice, or too
        many.
        """
        tokens = self._tokens(vocabulary)
        special = self._special()
        begins = bool(special) and tokens[: len(special)] == special
        weights = self._weights(idf_weights, len(tokens), begins)
        tokens = tokens[len(special) :] if begins else tokens
        self._check_tokens(tokens)
        self.known = Vocabulary(tokens, weights)

    def _tokens(self, vocabulary: Any) -> list:
        if isinstance(vocabulary, (str, Path)):
            return [self.token(line) for line in read_lines(vocabulary, self)]
        found = np.asarray(vocabulary, dtype=object) if is_list(vocabulary) else vocabulary
        return [self.token(t) for t in np.asarray(found).ravel().tolist()]

    def _check_tokens(self, tokens: list) -> None:
        size = len(tokens) + self._offset
        wrong = None
        if not tokens:
            wrong = "the vocabulary is empty."
        elif len(set(tokens)) < len(tokens):
            twice = listed([repr(t) for t, n in Counter(tokens).items() if n > 1], 5)
            wrong = f"tokens are in the vocabulary twice: {twice}. list(dict.fromkeys(tokens))."
        elif self.max_tokens is not None and size > self.max_tokens:
            wrong = (
                f"the vocabulary has {size} tokens, {self._offset} for masks and unknown values "
            )
            wrong += f"included; max_tokens is {self.max_tokens}."
        elif self._masks and self.mask_token in tokens:
            wrong = f"mask_token {self.mask_token!r} is inside of the vocabulary. Leave it out, or "
            wrong += f"begin with {self._special()[:4]}."
        elif self.invert and self.oov_token in tokens:
            wrong = f"oov_token {self.oov_token!r} is inside of the vocabulary. Leave it out, or "
            wrong += f"begin with {self._special()[:4]}."
        if wrong:
            raise UsageError("E-VOCABULARY", f"{self.who}: {wrong}")

    def _weights(self, given: Any, count: int, with_special: bool) -> np.ndarray | None:
        """Weights of all places: the unknown have the mean, unless theirs were given."""
        if self.output_mode != "tf_idf":
            return None
        if given is None:
            raise UsageError(
                "E-VOCABULARY",
                f'{self.who}: output_mode="tf_idf" needs idf_weights with a vocabulary, or adapt.',
            )
        weights = np.asarray(given, "float64").ravel()
        if len(weights) != count:
            raise UsageError(
                "E-VOCABULARY",
                f"{self.who}: {count} tokens need {count} idf_weights; got {len(weights)}.",
            )
        if with_special:
            return weights.astype("float32")
        return self._with_unknown(weights)

    def _with_unknown(self, weights: np.ndarray) -> np.ndarray:
        return np.append(np.full(self._offset, weights.mean()), weights).astype("float32")

    def said_vocabulary(self) -> list | None:
        """The vocabulary as a constructor takes it; with the unknown where these have weights."""
        if self.known.tokens is None:
            return None
        return self.get_vocabulary(include_special_tokens=self.output_mode == "tf_idf")

    def said_weights(self) -> list | None:
        """The weights as a constructor takes them."""
        return None if self.known.weights is None else [float(w) for w in self.known.weights]

    def get_vocabulary(self, include_special_tokens: bool = True) -> list:
        """The tokens in the order of their places."""
        return (self._special() if include_special_tokens else []) + (self.known.tokens or [])

    def vocabulary_size(self) -> int:
        """Number of places, those for masks and unknown values included."""
        return self._offset + len(self.known.tokens or ())

    def _shape_is_enough(self) -> bool:
        """Whether only shapes are asked for, and known: a model may be made before `adapt`."""
        frame = state.frame()
        probing = frame is not None and frame.probing
        return probing and (self.output_mode == "int" or self._depth() > self._offset)

    def _depth(self) -> int:
        """Length of the vectors; as a config said, where the vocabulary is still to come."""
        if self.pad_to_max_tokens:
            return int(self.max_tokens or 0)
        return self.vocabulary_size() if self.known.tokens is not None else self._size_to_come

    def take_options(self, options: dict[str, Any]) -> None:
        """Remember how large the vocabulary was, where a config tells."""
        super().take_options(options)
        self._size_to_come = int(options.get("vocabulary_size") or 0)

    def _require(self) -> None:
        if self.known.tokens is None:
            raise UsageError(
                "E-VOCABULARY", f"{self.who} has no vocabulary yet: call adapt(data) first."
            )

    # ---------------------------------------------------------------- learning

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Learn the vocabulary anew from an array, a list, or an iterable of batches.

        In mode "tf_idf" a row is a document. `steps` ends after so many batches.
        """
        self.learn(self._documents(batch) for batch in batches(data, self, steps))

    def _documents(self, batch: np.ndarray) -> Iterable[list]:
        """The tokens of each row; of all rows together where it makes no difference."""
        values = self.values(batch)
        if self.output_mode != "tf_idf":
            return [values]
        width = len(values) // len(batch)
        return [values[i : i + width] for i in range(0, len(values), max(width, 1))]

    def values(self, batch: np.ndarray) -> list:
        """All tokens of an array in a flat list."""
        raise NotImplementedError

    def learn(self, batches_of_documents: Iterable[Iterable[list]]) -> None:
        """Learn the vocabulary anew from lists of tokens."""
        counts: Counter = Counter()
        holders: Counter = Counter()
        documents = 0
        for batch in batches_of_documents:
            for tokens in batch:
                counts.update(tokens)
                if self.output_mode == "tf_idf":
                    documents += 1
                    holders.update(set(tokens))
        for special in (self.mask_token, self.oov_token):
            counts.pop(special, None)
        ordered = sorted(counts, key=lambda token: (counts[token], token), reverse=True)
        if self.max_tokens is not None:
            ordered = ordered[: max(self.max_tokens - self._offset, 0)]
        if not ordered:
            raise UsageError("E-VOCABULARY", f"{self.who}: adapt found no tokens in the data.")
        weights = None
        if self.output_mode == "tf_idf":
            rare = [math.log(1 + documents / (1 + holders[token])) for token in ordered]
            weights = self._with_unknown(np.array(rare))
        self.known = Vocabulary(ordered, weights)

    # ---------------------------------------------------------------- results

    def call(self, x: Any) -> Any:
        if not self._shape_is_enough():
            self._require()
        x = on_host(x)
        if self.invert:
            return self._tokens_at(x)
        places = self._places(x)
        if self.output_mode == "int":
            return engine.array(places, "int32")
        return self.coded(places)

    def coded(self, places: Any) -> Any:
        """Places as vectors, in the compute dtype."""
        depth = self._depth()
        tf_idf = self.output_mode == "tf_idf"
        mode = "count" if tf_idf else self.output_mode
        state.afford(depth)
        weights = np.zeros(depth, "float32")
        if self.known.weights is not None:
            weights[: len(self.known.weights)] = self.known.weights
        if isinstance(places, np.ndarray):
            codes = host_encoded(places, mode, depth)
            return engine.array(codes * weights if tf_idf else codes, self.compute_dtype)
        codes = encoded(places, mode, depth, "float32" if tf_idf else self.compute_dtype)
        return engine.cast(codes * weights, self.compute_dtype) if tf_idf else codes

    def _places(self, x: Any) -> Any:
        raise NotImplementedError

    def _tokens_at(self, x: Any) -> Any:
        raise NotImplementedError

    def _refuse_unknown(self, values: Iterable) -> None:
        few = listed([repr(v) for v in dict.fromkeys(values)], 5)
        raise UsageError(
            "E-VOCABULARY",
            f"{self.who}: not in the vocabulary: {few}. num_oov_indices=1 gives unknown values a "
            "place.",
        )

    def shape_of(self, x: Any) -> tuple[tuple[int | None, ...], str]:
        """Shape and dtype of the places in a Tensor. Raises UsageError where no size is known."""
        if self.output_mode == "int":
            return x.shape, "int32"
        if self._depth() <= self._offset:
            self._require()
        mode = "one_hot" if self.output_mode == "one_hot" else "count"
        return coded_shape(x, mode, self._depth(), self), self.compute_dtype

    # ---------------------------------------------------------------- saving

    def save_own_variables(self, store: dict[str, Any]) -> None:
        """The weights of tokens, where there are some."""
        if self.known.weights is not None:
            store["idf_weights"] = self.known.weights

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Take the weights of tokens."""
        if "idf_weights" in store:
            self.known.weights = np.asarray(store["idf_weights"], "float32")

    def save_assets(self, dir_path: Any) -> None:
        """Write the vocabulary into a folder: "vocabulary.txt", a token in each line."""
        lines = [str(token) for token in self.get_vocabulary()]
        (Path(dir_path) / FILE).write_text("\n".join(lines), "utf-8", newline="\n")

    def load_assets(self, dir_path: Any) -> None:
        """Read the vocabulary that `save_assets` wrote into a folder."""
        tokens = [self.token(line) for line in read_lines(Path(dir_path) / FILE, self)]
        tokens = tokens[len(self._special()) :]
        self._check_tokens(tokens)
        self.known = Vocabulary(tokens, self.known.weights)

    def get_config(self) -> dict[str, Any]:
        """The constructor arguments, with the vocabulary that was learned."""
        return {**super().get_config(), "vocabulary_size": self.vocabulary_size()}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Any:
        """A layer from what `get_config` gave. Raises UsageError where it names a file."""
        refuse_path(cls, config)
        return super().from_config(config)


def refuse_path(cls: type, config: Mapping[str, Any]) -> None:
    """Raise UsageError for a config that names a file: no model file chooses what is read."""
    if isinstance(config.get("vocabulary"), str):
        raise UsageError(
            "E-CONFIG",
            f"{cls.__name__}: a config must hold the vocabulary itself; it names the file "
            f"{shown(config['vocabulary'])}. Read it and call set_vocabulary(tokens).",
        )


def is_list(value: Any) -> bool:
    """Whether it is a list or tuple."""
    return isinstance(value, (list, tuple))


def read_lines(path: Any, layer: TableLayer) -> list[str]:
    """The lines of a text file. Raises UsageError where it cannot be read."""
    try:
        content = Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            "E-FILE", f"{layer.who}: cannot read the vocabulary {str(path)!r}: {str(error)[:200]}."
        ) from error
    return content.removesuffix("\n").split("\n")
