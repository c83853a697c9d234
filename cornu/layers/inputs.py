"""Where data come into a graph: `InputLayer`, and `Input`, which returns its Tensor."""

from collections.abc import Sequence
from typing import Annotated, Any

from cornu import policy, settings
from cornu.config import Convert, field
from cornu.errors import UsageError, UsageTypeError, shown
from cornu.graph import Node, Tensor
from cornu.layers.base import Layer


def _policy_of_data(dtype: Any) -> Any:
    """Data come in floatx unless said otherwise, whatever layers compute in."""
    return policy.get(settings.floatx() if dtype is None else dtype)


class InputLayer(Layer):
    """A placeholder that must be fed: the layer under every `Input`.

    Args:
        shape: sizes without the batch axis, None where unknown; () for one number a sample.
        batch_size: size of the batch axis, where it is fixed.
        dtype: dtype name; `settings.floatx()` by default.
        sparse: remembered for those who make batches; what arrives is dense.
        batch_shape: all sizes, in place of `shape` and `batch_size`.
        optional: remembered for models that may be fed None here.
        name: name of the layer and of its Tensor.

    Raises:
        UsageError: when neither or both of `shape` and `batch_shape` are given.

    Example:
        >>> InputLayer((3,)).output.shape
        (None, 3)
    """

    options = ()
    is_placeholder = True
    shape: Any = field(default=None, config=False)
    batch_size: int | None = field(default=None, config=False)
    dtype: Annotated[Any, Convert(_policy_of_data)] = field(
        default=None, descriptor=Layer.__dict__["dtype"]
    )
    sparse: bool = False
    ragged: bool = False
    batch_shape: Any = None
    optional: bool = False
    name: Any = None

    def set_up(self) -> None:
        """Make the Node and its Tensor."""
        super().set_up()
        self.sparse, self.ragged = bool(self.sparse), bool(self.ragged)
        if self.ragged:
            raise UsageError(
                "E-RAGGED",
                f'Input "{self.name}": ragged data are not supported. Pad them with '
                "pad_sequences(x) and mask what was added.",
            )
        self.batch_shape = self._whole_shape()
        self.shape = self.batch_shape[1:]
        self.batch_size = self.batch_shape[0]
        self.built = True
        node = Node(self)
        node.outputs = [Tensor(self.batch_shape, self.dtype, node, 0, self.name)]
        self.__dict__["_nodes"] = [node]

    def _whole_shape(self) -> tuple[int | None, ...]:
        if (self.shape is None) == (self.batch_shape is None):
            raise UsageError(
                "E-INPUT-SHAPE",
                "Input needs either shape, as in Input((28, 28, 1)), or batch_shape with the batch "
                f"axis; got shape={shown(self.shape)}, batch_shape={shown(self.batch_shape)}.",
            )
        if self.batch_shape is None:
            return (self.batch_size, *_sizes(self.shape, "shape"))
        if self.batch_size is not None:
            raise UsageError(
                "E-INPUT-SHAPE", "Input takes batch_size with shape; batch_shape has it already."
            )
        sizes = _sizes(self.batch_shape, "batch_shape")
        if not sizes:
            raise UsageError("E-INPUT-SHAPE", "batch_shape must begin with the batch axis; got ().")
        return sizes

    def __getstate__(self) -> dict[str, Any]:
        """With its Node, which is made once and is all there is to it."""
        return dict(self.__dict__)

    def call(self, x: Any) -> Any:
        return x

    def get_config(self) -> dict[str, Any]:
        """The constructor arguments; the dtype by its name."""
        return {**super().get_config(), "dtype": self.dtype}


def _sizes(shape: Any, name: str) -> tuple[int | None, ...]:
    if not isinstance(shape, (list, tuple)):
        try:
            shape = tuple(shape)
        except TypeError:
            hint = f" Use ({shape},)." if isinstance(shape, int) else ""
            raise UsageTypeError(
                "E-INPUT-SHAPE", f"{name} must be a tuple of sizes; got {shown(shape)}.{hint}"
            ) from None
    for size in shape:
        if size is not None and (not hasattr(size, "__index__") or size < 0):
            raise UsageError(
                "E-INPUT-SHAPE",
                f"{name} must be made of whole numbers >= 0, or None where unknown; "
                f"got {shown(tuple(shape))}.",
            )
    return tuple(None if size is None else int(size) for size in shape)


def _require_like(tensor: Tensor, shape: Any, batch_shape: Any, dtype: str | None) -> None:
    """Raise UsageError where what is said of an input is not so of the Tensor it begins at."""
    said = None if shape is None else tuple(shape)
    whole = None if batch_shape is None else tuple(batch_shape)
    if said not in (None, tensor.shape[1:]) or whole not in (None, tensor.shape):
        raise UsageError(
            "E-INPUT-SHAPE",
            f"Input(tensor=…) has the Tensor's shape {tensor.shape}; got shape={shown(said)}, "
            f"batch_shape={shown(whole)}. Leave them out.",
        )
    if dtype not in (None, tensor.dtype):
        raise UsageError(
            "E-DTYPE", f"Input(tensor=…) has the Tensor's dtype {tensor.dtype}; got {dtype}."
        )


def Input(
    shape: Sequence[int | None] | None = None,
    batch_size: int | None = None,
    dtype: str | None = None,
    sparse: bool | None = None,
    ragged: bool | None = None,
    batch_shape: Sequence[int | None] | None = None,
    name: str | None = None,
    tensor: Tensor | None = None,
    optional: bool = False,
) -> Tensor:
    """A Tensor that is to be fed: where a model begins.

    Args:
        shape: sizes without the batch axis, None where unknown.
        batch_size: size of the batch axis, where it is fixed.
        dtype: dtype name; `settings.floatx()` by default.
        sparse: remembered for those who make batches.
        ragged: must not be set: ragged data are not supported.
        batch_shape: all sizes, in place of `shape` and `batch_size`.
        name: of the input, made up where not given ("input_layer").
        tensor: a Tensor to begin at instead: one in the middle of a graph may be fed as well.
        optional: remembered for models that may be fed None here.

    Raises:
        UsageError: when neither or both of `shape` and `batch_shape` are given.

    Example:
        >>> x = Input((28, 28, 1))
        >>> x.shape
        (None, 28, 28, 1)
    """
    if tensor is not None:
        if not isinstance(tensor, Tensor):
            raise UsageTypeError(
                "E-TYPE", f"Input(tensor=…) takes a symbolic Tensor; got {shown(tensor)}."
            )
        _require_like(tensor, shape, batch_shape, dtype)
        return tensor
    layer = InputLayer(
        shape=shape,
        batch_size=batch_size,
        dtype=dtype,
        sparse=bool(sparse),
        ragged=bool(ragged),
        batch_shape=batch_shape,
        optional=optional,
        name=name,
    )
    return layer.output
