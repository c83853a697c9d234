"""Ops that make, shape, index and order arrays; arithmetic is in `ops.arithmetic`.

Names and arguments are those of `keras.ops`. `as_array` and `as_float` are how every op takes its
arguments in: NumPy arrays of float64 and lists become `settings.floatx()`, Python numbers stay
weakly typed beside an array, so that they never widen it.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from cornu import engine, settings, state, tree
from cornu.errors import UsageError, UsageTypeError, shown
from cornu.graph import Tensor, op
from cornu.state import Variable

__all__ = [
    "arange",
    "argsort",
    "array",
    "broadcast_to",
    "cast",
    "concatenate",
    "convert_to_numpy",
    "convert_to_tensor",
    "copy",
    "diag",
    "diagonal",
    "expand_dims",
    "eye",
    "flip",
    "full",
    "full_like",
    "identity",
    "is_tensor",
    "linspace",
    "meshgrid",
    "moveaxis",
    "ndim",
    "one_hot",
    "ones",
    "ones_like",
    "pad",
    "ravel",
    "repeat",
    "reshape",
    "roll",
    "scatter",
    "scatter_update",
    "searchsorted",
    "shape",
    "size",
    "slice",
    "slice_update",
    "sort",
    "split",
    "squeeze",
    "stack",
    "swapaxes",
    "take",
    "take_along_axis",
    "tile",
    "top_k",
    "transpose",
    "tril",
    "triu",
    "unstack",
    "where",
    "zeros",
    "zeros_like",
]

# ---------------------------------------------------------------- how arguments come in


def as_array(x: Any) -> Any:
    """`x` as the engine's array; a list may hold arrays that are being traced."""
    if engine.is_array(x):
        return x
    if isinstance(x, (list, tuple)) and any(engine.is_array(leaf) for leaf in tree.leaves(x)):
        return engine.np.stack(as_arrays(*x))
    return engine.array(x)


def as_float(x: Any) -> Any:
    """`x` as an array of floats: whole numbers and booleans become `settings.floatx()`."""
    x = as_array(x)
    return engine.cast(x, settings.floatx()) if x.dtype.kind in "iub" else x


def as_arrays(*values: Any) -> list:
    """Operands of one operation: Python numbers beside an array stay weakly typed.

    An array of whole numbers beside a Python float becomes `settings.floatx()`.
    """
    numbers = [isinstance(x, (bool, int, float)) for x in values]
    if all(numbers):
        return [as_array(x) for x in values]
    float_number = any(isinstance(x, float) for x in values)
    take_in = as_float if float_number else as_array
    pairs = zip(values, numbers, strict=True)
    return [_weak(x) if number else take_in(x) for x, number in pairs]


def _weak(x: Any) -> Any:
    """A plain Python number: NumPy's float64 is a `float` too, and would widen."""
    return float(x) if isinstance(x, float) else x


_PYTHON_TYPES = {float: None, int: "int32", bool: "bool"}
_NARROW = {"int64": "int32", "uint64": "uint32"}


def dtype_named(dtype: Any) -> str:
    """The dtype's name; None and `float` are `settings.floatx()`.

    64-bit whole numbers are had only where floatx is float64, and are 32-bit elsewhere.
    Raises `UsageTypeError` for what names no dtype.
    """
    dtype = _PYTHON_TYPES.get(dtype, dtype) if isinstance(dtype, type) else dtype
    if dtype is None or dtype == "float":
        return settings.floatx()
    if dtype == "bfloat16":
        return "bfloat16"
    try:
        name = np.dtype("int32" if dtype == "int" else dtype).name
    except TypeError:
        raise UsageTypeError(
            "E-DTYPE", f'dtype must be a name such as "float32" or "int32"; got {shown(dtype)}.'
        ) from None
    return name if settings.floatx() == "float64" else _NARROW.get(name, name)


def known_shape(shape: Any) -> tuple[int, ...]:
    """A shape given as a number or a sequence. Raises `UsageError` where a size is unknown."""
    sizes = tuple(shape) if np.ndim(shape) else (shape,)
    if any(d is None for d in sizes):
        raise UsageError(
            "E-SHAPE-UNKNOWN",
            f"a new array needs a fully known shape; got {sizes}. Use ops.zeros_like or "
            "ops.ones_like to follow the shape of another tensor.",
        )
    return tuple(int(d) for d in sizes)


# ---------------------------------------------------------------- conversion


def shape(x: Any) -> tuple:
    """The sizes of `x` as a tuple, None where a symbolic size is unknown."""
    found = getattr(x, "shape", None)
    return tuple(np.shape(x) if found is None else found)


def ndim(x: Any) -> int:
    """Number of axes of `x`."""
    return len(shape(x))


def size(x: Any) -> Any:
    """Number of elements of `x`: an int, or a whole-number Tensor where it is not known yet."""
    sizes = shape(x)
    return _counted(x) if None in sizes else int(np.prod(sizes, dtype=int))


@op
def _counted(x: Any) -> Any:
    return engine.array(np.prod(x.shape, dtype=int), "int32")


def is_tensor(x: Any) -> bool:
    """Whether `x` is an engine array or a symbolic Tensor."""
    return isinstance(x, Tensor) or engine.is_array(x)


@op
def cast(x: Any, dtype: Any) -> Any:
    """`x` in another dtype."""
    return engine.cast(as_array(x), dtype_named(dtype))


@op
def _gather(x: Any) -> Any:
    return as_array(x)


def convert_to_tensor(x: Any, dtype: Any = None, sparse: bool | None = None) -> Any:
    """`x` (array, nested list, number, Variable) as an engine array; Tensors stay symbolic.

    Float64 input becomes `settings.floatx()` unless `dtype` says otherwise. `sparse` is accepted
    for Keras's signature; arrays are dense.
    """
    if dtype is not None:
        dtype = dtype_named(dtype)
        if isinstance(x, (np.ndarray, np.generic, bool, int, float)):
            return engine.array(x, dtype)
    if not isinstance(x, Tensor):
        x = _gather(x)
    if dtype is None or dtype == str(x.dtype):
        return x
    return cast(x, dtype)


def array(x: Any, dtype: Any = None) -> Any:
    """The same as `convert_to_tensor`."""
    return convert_to_tensor(x, dtype)


def convert_to_numpy(x: Any) -> np.ndarray:
    """The values of `x` as a NumPy array; waits for them."""
    if isinstance(x, Variable):
        x = x.value
    return engine.numpy(as_array(x) if isinstance(x, (list, tuple)) else x)


@op
def copy(x: Any) -> Any:
    """A copy of `x` in memory of its own."""
    return engine.np.array(as_array(x))


# ---------------------------------------------------------------- shapes


@op
def reshape(x: Any, newshape: Any) -> Any:
    """`x` with the same elements in another shape; one size may be -1 (or None): what is left."""
    sizes = tuple(newshape) if np.ndim(newshape) else (newshape,)
    return engine.np.reshape(as_array(x), tuple(-1 if d is None else d for d in sizes))


@op
def ravel(x: Any) -> Any:
    """`x` as a vector."""
    return engine.np.reshape(as_array(x), (-1,))


@op
def transpose(x: Any, axes: Sequence[int] | None = None) -> Any:
    """`x` with axes in the given order, reversed by default."""
    return engine.np.transpose(as_array(x), axes)


@op
def swapaxes(x: Any, axis1: int, axis2: int) -> Any:
    """`x` with two axes exchanged."""
    return engine.np.swapaxes(as_array(x), axis1, axis2)


@op
def moveaxis(x: Any, source: int | Sequence[int], destination: int | Sequence[int]) -> Any:
    """`x` with some axes moved, the others in order."""
    return engine.np.moveaxis(as_array(x), source, destination)


@op
def expand_dims(x: Any, axis: int | Sequence[int]) -> Any:
    """`x` with a new axis of size 1 at `axis`."""
    return engine.np.expand_dims(as_array(x), _axes(axis))


@op
def squeeze(x: Any, axis: int | Sequence[int] | None = None) -> Any:
    """`x` without axes of size 1: those named, or all."""
    return engine.np.squeeze(as_array(x), _axes(axis))


def _axes(axis: Any) -> Any:
    return tuple(axis) if isinstance(axis, list) else axis


@op
def concatenate(xs: Sequence, axis: int = 0) -> Any:
    """Arrays one after another along an axis."""
    return engine.np.concatenate([as_array(x) for x in xs], axis)


@op
def stack(x: Sequence, axis: int = 0) -> Any:
    """Arrays of one shape along a new axis."""
    return engine.np.stack([as_array(part) for part in x], axis)


@op
def unstack(x: Any, num: int | None = None, axis: int = 0) -> list:
    """The parts of `x` along an axis, that axis gone. `num` is accepted for Keras's signature."""
    moved = engine.np.moveaxis(as_array(x), axis, 0)
    state.afford(state.TURN * moved.shape[0])
    return [moved[i] for i in range(moved.shape[0])]


@op
def split(x: Any, indices_or_sections: int | Sequence[int], axis: int = 0) -> list:
    """`x` cut into equal parts, or before each of some indices."""
    where = indices_or_sections
    where = where if isinstance(where, (int, np.integer)) else [int(i) for i in where]
    state.afford(state.TURN * (where if isinstance(where, int) else len(where)))
    return list(engine.np.split(as_array(x), where, axis))


@op
def tile(x: Any, repeats: int | Sequence[int]) -> Any:
    """`x` laid out `repeats` times along each axis."""
    return engine.np.tile(as_array(x), repeats)


@op
def repeat(x: Any, repeats: Any, axis: int | None = None) -> Any:
    """Every element (or slice along `axis`) of `x` repeated in place."""
    repeats = repeats if isinstance(repeats, int) else np.asarray(repeats)
    return engine.np.repeat(as_array(x), repeats, axis)


@op
def flip(x: Any, axis: int | Sequence[int] | None = None) -> Any:
    """`x` in reverse order along `axis`, or along all axes."""
    return engine.np.flip(as_array(x), _axes(axis))


@op
def roll(x: Any, shift: Any, axis: int | Sequence[int] | None = None) -> Any:
    """`x` moved by `shift` places, what falls off coming in at the other end."""
    return engine.np.roll(as_array(x), _axes(shift), _axes(axis))


@op
def pad(x: Any, pad_width: Any, mode: str = "constant", constant_values: Any = None) -> Any:
    """`x` with a margin.

    Args:
        x: the array.
        pad_width: a number, a pair for all axes, or a pair for each axis.
        mode: "constant", "reflect" or "symmetric".
        constant_values: what the margin holds in mode "constant"; 0 by default.
    """
    if mode == "constant":
        value = 0 if constant_values is None else constant_values
        return engine.np.pad(as_array(x), pad_width, mode, constant_values=value)
    if constant_values is not None:
        raise UsageError("E-PAD", f'constant_values needs mode="constant"; got mode={shown(mode)}.')
    return engine.np.pad(as_array(x), pad_width, mode)


@op
def broadcast_to(x: Any, shape: Sequence[int]) -> Any:
    """`x` repeated to a larger shape."""
    return engine.np.broadcast_to(as_array(x), known_shape(shape))


@op
def meshgrid(*x: Any, indexing: str = "xy") -> list:
    """Coordinate grids of some vectors."""
    return list(engine.np.meshgrid(*[as_array(v) for v in x], indexing=indexing))


@op
def diag(x: Any, k: int = 0) -> Any:
    """The matrix with `x` on its diagonal `k`; of a matrix, that diagonal."""
    return engine.np.diag(as_array(x), k)


@op
def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The diagonals of `x` over two of its axes."""
    return engine.np.diagonal(as_array(x), offset, axis1, axis2)


@op
def tril(x: Any, k: int = 0) -> Any:
    """`x` with zeros above diagonal `k` of its last two axes."""
    return engine.np.tril(as_array(x), k)


@op
def triu(x: Any, k: int = 0) -> Any:
    """`x` with zeros below diagonal `k` of its last two axes."""
    return engine.np.triu(as_array(x), k)


# ---------------------------------------------------------------- new arrays


def zeros(shape: Any, dtype: Any = None) -> Any:
    """An array of zeros. Raises `UsageError` where a size is unknown."""
    return engine.np.zeros(known_shape(shape), dtype_named(dtype))


def ones(shape: Any, dtype: Any = None) -> Any:
    """An array of ones. Raises `UsageError` where a size is unknown."""
    return engine.np.ones(known_shape(shape), dtype_named(dtype))


@op
def full(shape: Any, fill_value: Any, dtype: Any = None) -> Any:
    """An array of one value, in `settings.floatx()` by default."""
    return engine.np.full(known_shape(shape), fill_value, dtype_named(dtype))


@op
def zeros_like(x: Any, dtype: Any = None) -> Any:
    """Zeros of the shape of `x`, and of its dtype unless told."""
    return full_like(x, 0, dtype)


@op
def ones_like(x: Any, dtype: Any = None) -> Any:
    """Ones of the shape of `x`, and of its dtype unless told."""
    return full_like(x, 1, dtype)


@op
def full_like(x: Any, fill_value: Any, dtype: Any = None) -> Any:
    """`fill_value` in the shape of `x`, and in its dtype unless told."""
    x = as_array(x)
    return engine.np.full(x.shape, fill_value, x.dtype if dtype is None else dtype_named(dtype))


def arange(start: Any, stop: Any = None, step: Any = None, dtype: Any = None) -> Any:
    """Numbers from `start` to before `stop`; from 0 where one number is given.

    Whole numbers give int32, others `settings.floatx()`.
    """
    bounds = [start, stop, step]
    if dtype is None and all(x is None or np.asarray(x).dtype.kind in "iu" for x in bounds):
        dtype = "int32"
    if stop is None:
        start, stop = 0, start
    return engine.np.arange(start, stop, 1 if step is None else step, dtype_named(dtype))


@op
def linspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
) -> Any:
    """`num` numbers at equal distances; with `retstep` also that distance."""
    start, stop = as_float(start), as_float(stop)
    dtype = dtype if dtype is None else dtype_named(dtype)
    return engine.np.linspace(start, stop, num, endpoint, retstep, dtype, axis)


def eye(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Any:
    """An (N, M) matrix with ones on diagonal `k`."""
    return engine.np.eye(N, M, k, dtype_named(dtype))


def identity(n: int, dtype: Any = None) -> Any:
    """The (n, n) unit matrix."""
    return eye(n, dtype=dtype)


# ---------------------------------------------------------------- choice and order


@op
def where(condition: Any, x1: Any = None, x2: Any = None) -> Any:
    """`x1` where `condition` holds, else `x2`.

    With `condition` alone the indices where it holds, a tuple of vectors; their length depends on
    the values, so that form works on concrete arrays only.
    """
    if x1 is None and x2 is None and not engine.is_traced(condition):
        return engine.np.where(as_array(condition))
    if x1 is None or x2 is None:
        raise UsageError(
            "E-WHERE",
            "where needs x1 and x2, as in ops.where(condition, x1, x2); without them it works on "
            "concrete arrays only.",
        )
    return engine.np.where(as_array(condition), *as_arrays(x1, x2))


@op
def take(x: Any, indices: Any, axis: int | None = None) -> Any:
    """Elements (or slices along `axis`) of `x` at `indices`; negative ones count from the end.

    An index out of range gives NaN, or the least number of a whole-number dtype.
    """
    return engine.take(as_array(x), as_array(indices), axis)


@op
def take_along_axis(x: Any, indices: Any, axis: int | None = None) -> Any:
    """Elements of `x` at `indices`, matched place by place along all axes but `axis`."""
    return engine.np.take_along_axis(as_array(x), as_array(indices), axis)


@op
def sort(x: Any, axis: int | None = -1) -> Any:
    """`x` in ascending order along an axis; None sorts it as a vector."""
    return engine.np.sort(as_array(x), axis)


@op
def argsort(x: Any, axis: int | None = -1) -> Any:
    """int32 indices that sort `x` along an axis; equal elements keep their order."""
    return engine.cast(engine.np.argsort(as_array(x), axis), "int32")


@op
def top_k(x: Any, k: int, sorted: bool = True) -> Any:
    """The `k` largest along the last axis, largest first, and their int32 indices.

    `sorted` is accepted for Keras's signature: the result is always in order.
    """
    values, indices = engine.top_k(as_array(x), k)
    return values, engine.cast(indices, "int32")


@op
def searchsorted(sorted_sequence: Any, values: Any, side: str = "left") -> Any:
    """int32 places at which `values` would go in a sorted vector, before or after equal ones."""
    places = engine.np.searchsorted(as_array(sorted_sequence), as_array(values), side)
    return engine.cast(places, "int32")


@op
def one_hot(
    x: Any, num_classes: int, axis: int = -1, dtype: Any = None, sparse: bool = False
) -> Any:
    """Ones at whole-number labels `x` along a new axis of `num_classes`.

    A label out of range gives zeros. The dtype is `settings.floatx()` unless told. `sparse` is
    accepted for Keras's signature; the result is dense.
    """
    x = as_array(x)
    if axis < 0:
        axis += x.ndim + 1
    classes = engine.np.arange(num_classes, dtype="int32")
    classes = classes.reshape((num_classes,) + (1,) * (x.ndim - axis))
    return engine.cast(engine.np.expand_dims(x, axis) == classes, dtype_named(dtype))


# ---------------------------------------------------------------- parts


@op
def slice(inputs: Any, start_indices: Any, shape: Sequence[int]) -> Any:
    """The block of `inputs` of `shape` that begins at `start_indices`, which may be computed."""
    return engine.slice(as_array(inputs), start_indices, tuple(shape))


@op
def slice_update(inputs: Any, start_indices: Any, updates: Any) -> Any:
    """`inputs` with the block that begins at `start_indices` replaced by `updates`."""
    inputs = as_array(inputs)
    updates = engine.cast(as_array(updates), inputs.dtype)
    return engine.put_slice(inputs, updates, start_indices)


@op
def scatter_update(inputs: Any, indices: Any, updates: Any, reduction: str | None = None) -> Any:
    """`inputs` with `updates` at `indices`.

    Args:
        inputs: array of any rank.
        indices: whole numbers, shape (n, k): places in the first k axes.
        updates: shape (n, *inputs.shape[k:]).
        reduction: None puts them in place of what is there; "add", "mul", "max" and "min" join
            them with it, each where an index occurs several times.
    """
    if reduction not in (None, *_JOINED):
        raise UsageError(
            "E-REDUCTION", f"reduction must be None or one of {_JOINED}; got {shown(reduction)}."
        )
    return _put_at(as_array(inputs), indices, updates, reduction)


_JOINED = ("add", "max", "min", "mul")


@op
def scatter(indices: Any, values: Any, shape: Sequence[int]) -> Any:
    """Zeros of `shape` with `values` added at `indices`, shape (n, k)."""
    values = as_array(values)
    return _put_at(engine.np.zeros(known_shape(shape), values.dtype), indices, values, "add")


def _put_at(x: Any, indices: Any, updates: Any, reduction: str | None) -> Any:
    """The engine puts rows of a first axis, so the first k axes become one."""
    indices, updates = as_array(indices), engine.cast(as_array(updates), x.dtype)
    count = indices.shape[-1]
    sizes = np.array(x.shape[:count], "int32")
    steps = np.array([np.prod(sizes[i + 1 :], dtype=int) for i in range(count)], "int32")
    indices = engine.np.where(indices < 0, indices + sizes, indices)
    rows = engine.np.sum(indices * steps, -1).reshape(-1)
    rest = x.shape[count:]
    flat, updates = x.reshape((-1, *rest)), updates.reshape((-1, *rest))
    if reduction in (None, "add"):
        return engine.put_at(flat, rows, updates, reduction == "add").reshape(x.shape)
    mode = {"mul": "prod"}.get(reduction, reduction)
    joined = engine.segment_reduce(updates, rows, flat.shape[0], mode)
    join = {"mul": "multiply", "max": "maximum", "min": "minimum"}[reduction]
    return getattr(engine.np, join)(flat, joined).reshape(x.shape)
