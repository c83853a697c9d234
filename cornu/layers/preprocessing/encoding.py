"""Whole numbers as one-hot, multi-hot and count vectors, and what the layers for tables share.

That is: how their input comes in (lists and NumPy arrays stay on the host, so that text and 64-bit
integers survive), and how `adapt` walks over data batch by batch.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Annotated, Any

import numpy as np

from cornu import engine
from cornu.config import OneOf
from cornu.errors import UsageError, UsageTypeError, shown
from cornu.graph import Node, Tensor, tensors
from cornu.layers.base import Layer
from cornu.state import Variable

AT_ONCE = 2**20
"""Numbers of an array that `adapt` looks at together: what is made of them is as large again."""

# ---------------------------------------------------------------- input


class TableLayer(Layer):
    """A layer for columns of tables: its input is taken as it comes, not cast."""

    autocast = False
    sparse = False
    output_mode = ""

    def set_up(self) -> None:
        """Refuse what only other engines do."""
        super().set_up()
        if self.sparse:
            raise UsageError(
                "E-SPARSE", f"{self.who}: sparse results are not supported; leave out sparse=True."
            )
        if self.output_mode is None:
            raise UsageError("E-CHOICE", f'{self.who}: output_mode must be a name, as "count".')

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Apply the layer to arrays, lists or text, or record a Node for Tensors."""
        if args:
            args = (self.taken(args[0]), *args[1:])
        return super().__call__(*args, **kwargs)

    def _record(self, args: tuple, kwargs: dict[str, Any]) -> Any:
        """A Node; one that reads text runs on the host, before what is compiled."""
        if all(t.dtype != "string" for t in tensors(args)):
            return super()._record(args, kwargs)
        node = Node(self, args, kwargs)
        node.outputs = [Tensor(*self.text_result(args[0]), node)]
        self.built = True
        self.__dict__.setdefault("_nodes", []).append(node)
        return node.outputs[0]

    def text_result(self, x: Any) -> tuple[tuple[int | None, ...], str]:
        """Shape and dtype of what is made of Tensors of text. Raises where it takes none."""
        raise UsageTypeError(
            "E-TEXT", f"{self.who} takes numbers; got text. Map it to numbers first: StringLookup."
        )

    def taken(self, x: Any) -> Any:
        """The input as an array; a Tensor as it is."""
        return as_table(x, self)

    @property
    def who(self) -> str:
        """Class and name, for messages."""
        return f'{type(self).__name__} "{self.name}"'


def as_table(x: Any, layer: TableLayer) -> Any:
    """Lists, text and foreign arrays as NumPy arrays; Tensors and the engine's arrays as they are.

    Raises UsageError for rows of different lengths.
    """
    if isinstance(x, (np.ndarray, Tensor)) or engine.is_array(x):
        return x
    if isinstance(x, Variable):
        return x.value
    try:
        return np.asarray(x)
    except ValueError as error:
        raise UsageError(
            "E-RAGGED",
            f"{layer.who}: rows have different lengths. Pad them first: pad_sequences(x).",
        ) from error


def on_host(x: Any) -> Any:
    """An array with values as NumPy's: what takes many small steps is not run on the engine."""
    return np.asarray(x) if engine.is_array(x) and not engine.is_traced(x) else x


def is_text(x: Any) -> bool:
    """Whether an array holds text: str, bytes, or objects."""
    return isinstance(x, np.ndarray) and x.dtype.kind in "USOT"


def texts(x: Any, layer: TableLayer, encoding: str = "utf-8") -> list[str]:
    """All texts of an array in a flat list. Raises UsageTypeError for what is no text."""
    flat = np.asarray(x).ravel().tolist()
    kinds = set(map(type, flat))
    if kinds <= {str}:
        return flat
    for kind in kinds:
        if not issubclass(kind, (str, bytes)):
            value = next(value for value in flat if type(value) is kind)
            raise UsageTypeError(
                "E-TYPE",
                f"{layer.who} takes text; got {shown(value)}. Make text of it: x.astype(str).",
            )
    return [t.decode(encoding) if isinstance(t, bytes) else str(t) for t in flat]


def check_numbers(x: Any, layer: TableLayer) -> None:
    """Raise UsageTypeError where numbers belong and text is."""
    if is_text(x) or getattr(x, "dtype", None) == "string":
        what = "objects" if x.dtype == object else "text"
        raise UsageTypeError(
            "E-TEXT",
            f"{layer.who} takes numbers; got {what}. Convert them, x.astype(float), or map text to "
            "numbers first: StringLookup.",
        )


def coded_shape(x: Tensor, mode: str, depth: int, layer: TableLayer) -> tuple[int | None, ...]:
    """The shape of the vectors that `encoded` makes of a Tensor. Raises UsageError for rank 1."""
    if mode == "one_hot":
        return (*(x.shape[:-1] if x.ndim > 1 and x.shape[-1] == 1 else x.shape), depth)
    if x.ndim < 2:
        raise UsageError(
            "E-SHAPE",
            f'{layer.who}: output_mode="{mode}" takes the last axis together; the input has shape '
            f"{x.shape}. Begin with Input((1,)).",
        )
    return (*x.shape[:-1], depth)


# ---------------------------------------------------------------- batches to adapt to


def batches(data: Any, layer: TableLayer, steps: int | None = None) -> Iterator[np.ndarray]:
    """NumPy arrays, one batch after another, from an array, a list, or an iterable of batches.

    At most `steps` batches. Raises UsageError for batches of (x, y), and where there is none.
    """
    whole = isinstance(data, (list, tuple, str, bytes)) or hasattr(data, "__array__")
    if whole:
        array = _host(as_table(data, layer))
        array = array[None] if array.ndim == 0 else array
        rows = max(AT_ONCE * len(array) // max(array.size, 1), 1)
        found: Iterable = (array[at : at + rows] for at in range(0, len(array), rows))
    elif hasattr(data, "__getitem__") and hasattr(data, "__len__"):
        found = (data[i] for i in range(len(data)))
    elif isinstance(data, Iterable):
        found = data
    else:
        raise UsageTypeError(
            "E-ADAPT",
            f"{layer.who}: adapt takes an array, a list or an iterable of batches; "
            f"got {shown(data)}.",
        )
    count = 0
    for batch in islice(found, steps):
        if isinstance(batch, tuple):
            raise UsageError(
                "E-ADAPT",
                f"{layer.who}: adapt needs batches of inputs only; got a tuple of {len(batch)}. "
                "Leave out the targets: layer.adapt(x for x, y in data).",
            )
        array = _host(as_table(batch, layer))
        array = array[None] if array.ndim == 0 else array
        if len(array):
            count += 1
            yield array
    if count == 0:
        raise UsageError("E-EMPTY", f"{layer.who}: adapt got no data.")


def _host(x: Any) -> np.ndarray:
    if isinstance(x, Tensor):
        raise UsageTypeError(
            "E-SYMBOLIC", f"adapt needs data; {x.name} is symbolic and has no values."
        )
    return np.asarray(x)


# ---------------------------------------------------------------- codes


def encoded(x: Any, mode: str, depth: int, dtype: str, weights: Any = None) -> Any:
    """Whole numbers as vectors of `depth` numbers; what is out of range counts nowhere.

    "one_hot" gives (..., depth), an axis of 1 at the end being left out; "multi_hot" and "count"
    take the last axis together. `weights` are counted in place of ones.
    """
    array = engine.np
    x = engine.cast(x, "int32")
    x = x.reshape((1,)) if x.ndim == 0 and mode == "one_hot" else x
    if mode == "one_hot":
        x = x[..., 0] if x.ndim > 1 and x.shape[-1] == 1 else x
        return engine.cast(x[..., None] == array.arange(depth, dtype="int32"), dtype)
    x = x.reshape((1,)) if x.ndim == 0 else x
    above = tuple(x.shape[:-1])
    rows = int(np.prod(above))
    first = depth * array.arange(rows, dtype="int32")[:, None]
    flat = array.where((x >= 0) & (x < depth), x, -1).reshape((rows, x.shape[-1]))
    places = array.where(flat >= 0, flat + first, rows * depth).reshape(-1)
    ones = array.ones(places.shape, "int32")
    what = ones if weights is None else array.broadcast_to(weights, x.shape).reshape(-1)
    sums = engine.segment_sum(what, places, rows * depth + 1)[:-1].reshape((*above, depth))
    return engine.cast(sums > 0 if mode == "multi_hot" else sums, dtype)


def host_encoded(x: np.ndarray, mode: str, depth: int) -> np.ndarray:
    """As `encoded`, in NumPy, float32; numbers must be in range, or -1 for those that count not."""
    if mode == "one_hot":
        x = x[..., 0] if x.ndim > 1 and x.shape[-1] == 1 else np.atleast_1d(x)
        return (x[..., None] == np.arange(depth)).astype("float32")
    x = np.atleast_1d(x)
    flat = x.reshape(-1, x.shape[-1]) if x.size else np.zeros((int(np.prod(x.shape[:-1])), 0), int)
    places = (flat + depth * np.arange(len(flat))[:, None])[flat >= 0]
    sums = np.bincount(places, minlength=len(flat) * depth).reshape(*x.shape[:-1], depth)
    return (sums > 0 if mode == "multi_hot" else sums).astype("float32")


class CategoryEncoding(TableLayer):
    """Category numbers from 0 to num_tokens - 1 as vectors.

    Shapes: "one_hot" makes (batch, ..., num_tokens), where a last axis of 1 is left out;
    "multi_hot" and "count" make (batch, num_tokens) of (batch, n).

    Args:
        num_tokens: how many categories there are, >= 1.
        output_mode: "one_hot"; "multi_hot", 1 where a category is among those of a sample;
            "count", how often it is.
        sparse: must not be set: results are dense.

    `call` takes `count_weights`, of the shape of the input: what is added up in "count".

    Raises:
        UsageError: for a number out of range, in arrays given directly; in a compiled model it
            gives zeros.

    Example:
        >>> CategoryEncoding(4, output_mode="count")([[0, 1, 1]])
        [[1., 2., 0., 0.]]
    """

    num_tokens: Any = None
    output_mode: Annotated[str, OneOf("multi_hot", "count", "one_hot")] = "multi_hot"
    sparse: bool = False

    def set_up(self) -> None:
        """Check the number of tokens."""
        super().set_up()
        self.num_tokens = positive(self.num_tokens, self, "num_tokens")

    def call(self, x: Any, count_weights: Any = None) -> Any:
        check_numbers(x, self)
        if isinstance(x, np.ndarray):
            self._check_range(x)
        if count_weights is None:
            return encoded(x, self.output_mode, self.num_tokens, self.compute_dtype)
        if self.output_mode != "count":
            raise UsageError(
                "E-WEIGHTS",
                f'{self.who}: count_weights need output_mode="count"; got "{self.output_mode}".',
            )
        weights = engine.array(count_weights)
        return encoded(x, "count", self.num_tokens, self.compute_dtype, weights)

    def _check_range(self, x: np.ndarray) -> None:
        wrong = (x < 0) | (x >= self.num_tokens)
        if wrong.any():
            raise UsageError(
                "E-INDEX-RANGE",
                f"{self.who} takes numbers from 0 to {self.num_tokens - 1}; "
                f"got {x[wrong][0]}. Raise num_tokens, or map the numbers with IntegerLookup.",
            )

    def get_config(self) -> dict[str, Any]:
        """The constructor arguments."""
        config = super().get_config()
        del config["sparse"]
        return config


def positive(value: Any, layer: TableLayer, name: str) -> int:
    """A whole number >= 1. Raises UsageError or UsageTypeError otherwise."""
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool):
        raise UsageTypeError(
            "E-TYPE", f"{layer.who}: {name} must be an int >= 1; got {shown(value)}."
        )
    if value < 1:
        raise UsageError("E-RANGE", f"{layer.who}: {name} must be >= 1; got {value}.")
    return int(value)
