"""Values of any number put into a fixed number of bins by a hash of their text.

The hashes are those of Keras on TensorFlow: FarmHash Fingerprint64, or SipHash-2-4 with a salt. So
models keep their meaning from one library to the other.
"""

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np

from cornu import engine, policy
from cornu.config import Convert, OneOf, field
from cornu.errors import UsageError, UsageTypeError, shown
from cornu.layers.base import Layer
from cornu.layers.preprocessing.encoding import (
    TableLayer,
    as_table,
    coded_shape,
    encoded,
    host_encoded,
    is_text,
    on_host,
    positive,
    texts,
)
from cornu.layers.preprocessing.fingerprints import (
    CROSSING,
    WHOLE,
    Pair,
    device_buckets,
    device_word,
    host_hashes,
    joined,
)

MOST_BINS = 2**31 - 1


class _HashDType(type(Layer.__dict__["dtype"])):
    """The dtype of the results: int64 by name, where they are bins and nothing was said."""

    def __set__(self, layer: Any, value: Any) -> None:
        layer.__dict__["_said_dtype"] = value
        super().__set__(layer, value)


class HashLayer(TableLayer):
    """What the two layers that hash have in common: bins, and their codes."""

    num_bins = 0

    def set_up(self) -> None:
        """Check the number of bins, and settle the dtype."""
        super().set_up()
        self.num_bins = positive(self.num_bins, self, "num_bins")
        if self.num_bins > MOST_BINS:
            raise UsageError("E-RANGE", f"{self.who}: num_bins must be <= {MOST_BINS}.")
        if self.output_mode == "int":
            if self.__dict__["_said_dtype"] is None:
                self.__dict__["dtype_policy"] = policy.get("int64")
            elif "int" not in self.compute_dtype:
                raise UsageError(
                    "E-DTYPE",
                    f'{self.who}: output_mode="int" needs an integer dtype; '
                    f'got "{self.compute_dtype}".',
                )

    def text_result(self, x: Any) -> tuple[tuple[int | None, ...], str]:
        """Shape and dtype of the bins of a Tensor, or of several columns."""
        column = x[0] if isinstance(x, (list, tuple)) else x
        if self.output_mode == "int":
            return column.shape, "int32"
        shape = coded_shape(column, self.output_mode, self.num_bins, self)
        return shape, self.compute_dtype

    def finished(self, bins: Any) -> Any:
        """The bins as the output mode has them."""
        if self.output_mode == "int":
            return engine.array(bins, "int32")
        if isinstance(bins, np.ndarray):
            codes = host_encoded(bins, self.output_mode, self.num_bins)
            return engine.array(codes, self.compute_dtype)
        return encoded(bins, self.output_mode, self.num_bins, self.compute_dtype)


class Hashing(HashLayer):
    """The bin of each value, from a hash of its text; integers are hashed by their digits.

    Shapes: the input's in mode "int" (int32); as `CategoryEncoding` in the others. Text is hashed
    on the host, before what is compiled of a model; integers also in compiled models.

    Args:
        num_bins: how many bins there are, >= 1.
        mask_value: a value that alone has bin 0.
        salt: an int, or two, as the key of SipHash-2-4; FarmHash without.
        output_mode: "int", "one_hot", "multi_hot" or "count".
        sparse: must not be set: results are dense.

    Example:
        >>> Hashing(3)([["A"], ["B"], ["C"], ["D"], ["E"]])
        [[1], [0], [1], [1], [2]]
    """

    num_bins: Any
    mask_value: Any = None
    salt: Any = None
    output_mode: Annotated[str, OneOf("int", "one_hot", "multi_hot", "count")] = "int"
    sparse: bool = False
    dtype: Any = field(default=None, kw_only=True, descriptor=_HashDType())

    def set_up(self) -> None:
        """Make a key of the salt."""
        super().set_up()
        self.key = hash_key(self.salt, self)
        self.salt = None if self.salt is None else salt_list(self.salt)
        if self.mask_value is not None and self.num_bins < 2:
            raise UsageError("E-RANGE", f"{self.who}: with mask_value num_bins must be >= 2.")

    def call(self, x: Any) -> Any:
        return self.finished(self._bins(on_host(x)))

    def _bins(self, x: Any) -> Any:
        kept = self.num_bins - (self.mask_value is not None)
        if not isinstance(x, np.ndarray):
            whole = as_int32(x, self)
            bins = device_buckets(whole, kept, self.key)
            if self.mask_value is None:
                return bins
            return engine.np.where(whole == int(self.mask_value), 0, bins + 1)
        if is_text(x):
            values, places = distinct(texts(x, self))
        else:
            numbers, places = np.unique(x.astype("int64"), return_inverse=True)
            values = [str(n) for n in numbers.tolist()]
        hashes = host_hashes([v.encode() for v in values], self.key)
        bins = (hashes % np.uint64(kept)).astype("int32")
        if self.mask_value is not None:
            masked = np.array([v == _plain(self.mask_value) for v in values], bool)
            bins = np.where(masked, 0, bins + 1)
        return bins[places.ravel()].reshape(x.shape).astype("int32")


def _plain(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def distinct(flat: list[str]) -> tuple[list[str], np.ndarray]:
    """The different texts, and for each text its place among them."""
    known: dict[str, int] = {}
    places = [known.setdefault(text, len(known)) for text in flat]
    return list(known), np.array(places, "int64")


def as_int32(x: Any, layer: TableLayer) -> Any:
    """An array of the engine as int32, where that keeps its values."""
    if str(x.dtype) in ("int64", "uint64", "uint32"):
        raise UsageError(
            "E-INTEGER-RANGE",
            f'{layer.who} takes int32 in a compiled model; got {x.dtype}. Input(dtype="int32"), or '
            "map the layer over NumPy data first.",
        )
    return engine.cast(x, "int32")


def salt_list(salt: Any) -> list[int]:
    """A salt as two ints."""
    several = list(salt) if isinstance(salt, (list, tuple)) else [salt, salt]
    return [int(s) for s in several]


def hash_key(salt: Any, layer: TableLayer) -> tuple[int, int] | None:
    """The key of SipHash for an int or two; None for None. Raises UsageTypeError otherwise."""
    if salt is None:
        return None
    several = salt if isinstance(salt, (list, tuple)) else [salt, salt]
    whole = all(isinstance(s, (int, np.integer)) and not isinstance(s, bool) for s in several)
    if len(several) != 2 or not whole:
        raise UsageTypeError(
            "E-TYPE", f"{layer.who}: salt must be an int or two of them; got {shown(salt)}."
        )
    return int(several[0]) & WHOLE, int(several[1]) & WHOLE


class HashedCrossing(HashLayer):
    """The bin of each combination of values in two or more columns.

    Shapes: inputs of (batch,) or (batch, 1) each give the same in mode "int" (int32), and
    (batch, num_bins) in "one_hot". Text is hashed on the host; integers also in compiled models.

    Args:
        num_bins: how many bins there are, >= 1.
        output_mode: "int" or "one_hot".
        sparse: must not be set: results are dense.

    Raises:
        UsageError: for one column, for columns of different or other shapes, for floats.

    Example:
        >>> HashedCrossing(5)((["A", "B", "A"], [101, 101, 102]))
        [1, 4, 3]
    """

    num_bins: Any
    output_mode: Annotated[str, OneOf("int", "one_hot")] = "int"
    sparse: bool = False
    name: Any = None
    dtype: Annotated[Any, Convert(lambda value: value)] = field(
        default=None, descriptor=_HashDType()
    )

    def taken(self, x: Any) -> Any:
        """Each column as an array."""
        if not isinstance(x, (list, tuple)) or len(x) < 2:
            raise UsageError(
                "E-INPUTS", f"{self.who} takes a list of two or more columns; got {shown(x)}."
            )
        return [as_table(column, self) for column in x]

    def call(self, x: Sequence[Any]) -> Any:
        x = [on_host(column) for column in x]
        self._check(x)
        if all(isinstance(column, np.ndarray) for column in x):
            words: list[Any] = [self._host_word(column) for column in x]
            start: Any = np.full(x[0].shape, CROSSING, "uint64")
        else:
            words = [self._device_word(column) for column in x]
            start = Pair.of(CROSSING, words[0])
        for one in words:
            start = joined(start, one)
        return self.finished((start % np.uint64(self.num_bins)).astype("int32"))

    def _check(self, x: Sequence[Any]) -> None:
        shapes = {tuple(column.shape) for column in x}
        first = tuple(x[0].shape)
        if len(shapes) > 1 or len(first) > 2 or first[1:] not in ((), (1,)):
            raise UsageError(
                "E-SHAPE",
                f"{self.who} takes columns of one shape, (batch,) or (batch, 1); got "
                f"{', '.join(str(tuple(c.shape)) for c in x)}.",
            )
        for column in x:
            if not is_text(column) and "int" not in str(column.dtype):
                raise UsageTypeError(
                    "E-DTYPE",
                    f'{self.who} takes text or integers; got {column.dtype}. x.astype("int64").',
                )

    def _host_word(self, column: np.ndarray) -> np.ndarray:
        if not is_text(column):
            return column.astype("int64").view("uint64")
        values, places = distinct(texts(column, self))
        return host_hashes([v.encode() for v in values])[places].reshape(column.shape)

    def _device_word(self, column: Any) -> Any:
        if is_text(column):
            raise UsageError("E-TEXT", f"{self.who}: text cannot be crossed in a compiled model.")
        return device_word(as_int32(column, self))

    def get_config(self) -> dict[str, Any]:
        """The constructor arguments; the dtype by its name."""
        config = {**super().get_config(), "dtype": self.dtype_policy.name}
        del config["trainable"]
        return config
