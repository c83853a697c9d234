"""Placeholders, variables and new arrays of `K`; what one can ask of them; random draws."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from cornu import engine, ops, settings, state, tree
from cornu.dialects.backend_record import dense, measures, numbers, outside, recorded, spelt
from cornu.errors import UsageError, UsageTypeError, shown
from cornu.graph import Tensor
from cornu.layers import Layer
from cornu.ops import random as draws
from cornu.ops.array import dtype_named
from cornu.state import Variable

__all__ = [
    "arange",
    "cast",
    "constant",
    "count_params",
    "dtype",
    "eye",
    "get_variable_shape",
    "identity",
    "int_shape",
    "is_keras_tensor",
    "is_placeholder",
    "is_sparse",
    "is_symbolic",
    "is_tensor",
    "is_variable",
    "ndim",
    "ones",
    "ones_like",
    "placeholder",
    "random_binomial",
    "random_normal",
    "random_normal_variable",
    "random_uniform",
    "random_uniform_variable",
    "shape",
    "size",
    "stop_gradient",
    "to_dense",
    "truncated_normal",
    "variable",
    "zeros",
    "zeros_like",
]

LARGE = 2**26
"""Elements of a sparse matrix from which a warning says that it is made dense: 256 MB."""

# ---------------------------------------------------------------- variables and placeholders


class Cell(Variable):
    """A Variable that is a symbol outside of computations, with the methods of Theano's shared."""

    def __init__(self, value: Any, dtype: str, name: str | None = None, constraint: Any = None):
        frame = state.frame()
        above = () if frame is None else frame.path
        super().__init__(value, dtype=dtype, name=name, path="/".join((*above, name or "variable")))
        self.symbolic = True
        self.constraint = constraint

    def get_value(self, borrow: bool = False) -> np.ndarray:
        """The value as a NumPy array."""
        return self.numpy()

    def set_value(self, new_value: Any, borrow: bool = False) -> None:
        """Set a new value."""
        self.assign(np.asarray(new_value))

    def eval(self) -> np.ndarray:
        """The value as a NumPy array."""
        return self.numpy()


def variable(
    value: Any, dtype: str | None = None, name: str | None = None, constraint: Any = None
) -> Variable:
    """A Variable with this value, in `floatx()` unless `dtype` says otherwise.

    What is made of it outside of a computation is a symbol, and follows later values.
    """
    if isinstance(value, Tensor):
        raise UsageTypeError(
            "E-SYMBOLIC",
            f"K.variable needs a value; {value.name} is symbolic. K.variable(K.eval(x)) takes the "
            "value of now.",
        )
    value = dense(value)
    if isinstance(value, Variable):
        value = value.numpy()
    return Cell(np.asarray(value), dtype_named(dtype), name, constraint)


@spelt
def placeholder(
    shape: Sequence[int | None] | None = None,
    ndim: int | None = None,
    dtype: str | None = None,
    sparse: bool = False,
    name: str | None = None,
) -> Tensor:
    """A Tensor to be fed; with `ndim` alone, of so many unknown sizes.

    One that is `sparse` may be fed SciPy's sparse matrices, which are made dense.
    """
    if shape is None and ndim is None:
        raise UsageError("E-SHAPE", "K.placeholder needs shape, as in (None, 3), or ndim.")
    sizes = (None,) * int(ndim or 0) if shape is None else tuple(shape)
    made = Tensor(sizes, dtype_named(dtype), name=name)
    if sparse:
        made.__dict__["sparse"] = True
    return made


def constant(
    value: Any, dtype: str | None = None, shape: Sequence[int] | None = None, name: Any = None
) -> Any:
    """An array with this value, in `floatx()` unless told; spread to `shape` where given."""
    array = np.asarray(value, None if dtype_named(dtype) == "bfloat16" else dtype_named(dtype))
    if shape is not None:
        whole = array.size == int(np.prod(shape))
        array = array.reshape(shape) if whole else np.broadcast_to(array, shape)
    return engine.array(array, dtype_named(dtype))


def _filled(fill: int, shape: Any, dtype: str | None, name: str | None) -> Any:
    if any(isinstance(s, Tensor) for s in tree.leaves(shape)):
        return _full(shape, fill, dtype_named(dtype))
    return Cell(np.full(numbers(shape), fill), dtype_named(dtype), name)


@recorded(sizes=("shape",))
def _full(shape: Any, fill: int, dtype: str) -> Any:
    return engine.np.full(numbers(shape), fill, dtype)


def zeros(shape: Any, dtype: str | None = None, name: str | None = None) -> Any:
    """A Variable of zeros; a Tensor where the shape is computed."""
    return _filled(0, shape, dtype, name)


def ones(shape: Any, dtype: str | None = None, name: str | None = None) -> Any:
    """A Variable of ones; a Tensor where the shape is computed."""
    return _filled(1, shape, dtype, name)


def eye(size: Any, dtype: str | None = None, name: str | None = None) -> Variable:
    """A Variable that holds the unit matrix of this size, a number or (rows, columns)."""
    rows, columns = size if isinstance(size, (list, tuple)) else (size, size)
    return Cell(np.eye(rows, columns), dtype_named(dtype), name)


@recorded
def zeros_like(x: Any, dtype: str | None = None, name: str | None = None) -> Any:
    """Zeros in the shape of `x`."""
    return ops.zeros_like(x, dtype)


@recorded
def ones_like(x: Any, dtype: str | None = None, name: str | None = None) -> Any:
    """Ones in the shape of `x`."""
    return ops.ones_like(x, dtype)


@recorded
def identity(x: Any, name: str | None = None) -> Any:
    """`x`, as a Tensor of its own."""
    return ops.convert_to_tensor(x)


@recorded
def cast(x: Any, dtype: str) -> Any:
    """`x` in another dtype."""
    return ops.cast(x, dtype)


@recorded(sizes=("start", "stop", "step"))
def arange(start: Any, stop: Any = None, step: Any = 1, dtype: str = "int32") -> Any:
    """Numbers from `start` to before `stop`; from 0 where one number is given."""
    if stop is None:
        start, stop = 0, max(start, 0)
    return engine.array(np.arange(start, stop, step), dtype_named(dtype))


def stop_gradient(variables: Any) -> Any:
    """The same values, seen as constants by differentiation; a list for a list."""
    return tree.map_structure(_still, variables)


@recorded
def _still(x: Any) -> Any:
    return ops.stop_gradient(x)


# ---------------------------------------------------------------- questions


@measures
def shape(x: Any) -> Any:
    """The sizes of `x`: a vector of int32, symbolic where `x` is; see `int_shape`."""
    return np.array(np.shape(x), "int32")


@measures
def size(x: Any, name: str | None = None) -> Any:
    """The number of elements of `x`, symbolic where `x` is."""
    return np.int32(np.prod(np.shape(x), dtype=int))


def int_shape(x: Any) -> tuple[int | None, ...]:
    """The sizes of `x` as a tuple, None where unknown."""
    return ops.shape(dense(x))


def get_variable_shape(x: Any) -> tuple[int | None, ...]:
    """The same as `int_shape`."""
    return int_shape(x)


def ndim(x: Any) -> int:
    """Number of axes."""
    return len(int_shape(x))


def dtype(x: Any) -> str:
    """The dtype's name: "float32"."""
    return state.dtype_name(x)


def count_params(x: Any) -> int:
    """The number of elements. Raises UsageError where a size is unknown."""
    sizes = int_shape(x)
    if None in sizes:
        raise UsageError("E-SHAPE-UNKNOWN", f"K.count_params needs a known shape; got {sizes}.")
    return math.prod(n for n in sizes if n is not None)


def is_keras_tensor(x: Any) -> bool:
    """Whether a layer (an `Input` among them) made `x`.

    Raises UsageError for what is no Tensor and no Variable.
    """
    if not is_tensor(x):
        raise UsageError(
            "E-TYPE", f"K.is_keras_tensor takes a Tensor or a Variable; got {shown(x)}."
        )
    return isinstance(x, Tensor) and x.node is not None and isinstance(x.node.op, Layer)


def is_placeholder(x: Any) -> bool:
    """Whether `x` is a Tensor that must be fed."""
    if not isinstance(x, Tensor):
        return False
    return x.node is None or bool(getattr(x.node.op, "is_placeholder", False))


def is_sparse(tensor: Any) -> bool:
    """Whether `tensor` is a sparse matrix of SciPy, or a placeholder for them."""
    if isinstance(tensor, Tensor):
        layer = None if tensor.node is None else tensor.node.op
        return bool(tensor.__dict__.get("sparse") or getattr(layer, "sparse", False) is True)
    return hasattr(tensor, "tocoo")


def is_symbolic(x: Any) -> bool:
    """Whether `x` has no value yet."""
    return isinstance(x, Tensor)


def is_tensor(x: Any) -> bool:
    """Whether `x` is a Tensor, a Variable or an array of the engine."""
    return isinstance(x, (Tensor, Variable)) or (engine.is_array(x))


def is_variable(x: Any) -> bool:
    """Whether `x` is a Variable."""
    return isinstance(x, Variable)


def to_dense(tensor: Any) -> Any:
    """`tensor`, or the dense array of a sparse matrix."""
    return dense(tensor)


# ---------------------------------------------------------------- random draws


class Turns(Cell):
    """How often a draw with a seed has been made: `K.function` counts it on."""

    def __init__(self) -> None:
        super().__init__(np.array(0), "uint32", "turns")
        self.trainable = False


def _sample(key: Any, kind: str, shape: tuple, a: Any, b: Any, dtype: str) -> Any:
    if kind == "binomial":
        return engine.cast(engine.uniform(key, shape, 0.0, 1.0, "float32") < a, dtype)
    if kind == "uniform" and dtype not in settings.FLOATS:
        return draws.randint(shape, int(a), int(b), dtype, key)
    return getattr(draws, kind)(shape, a, b, dtype, key)


@recorded(sizes=("shape",), draws=True)
def _draw(kind: str, shape: Any, a: Any, b: Any, dtype: str, seed: int | None, turn: Any) -> Any:
    key = state.draw_key() if seed is None else engine.fold(engine.key(seed), turn)
    return _sample(key, kind, numbers(shape), a, b, dtype)


def _drawn(kind: str, shape: Any, a: Any, b: Any, dtype: str | None, seed: int | None) -> Any:
    """A Tensor that is drawn anew at each run; within a computation an array.

    With a seed, the draws of a Tensor are the same sequence in each process. Within a computation
    the seed is mixed with the computation's own key, so that each training step draws anew.
    """
    dtype = dtype_named(dtype)
    if not outside():
        return _sample(state.draw_key(seed), kind, numbers(shape), a, b, dtype)
    seed = None if seed is None else int(seed)
    return _draw(kind, shape, a, b, dtype, seed, 0 if seed is None else Turns())


@spelt
def random_normal(
    shape: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: str | None = None,
    seed: int | None = None,
) -> Any:
    """Draws from the normal distribution."""
    return _drawn("normal", shape, mean, stddev, dtype, seed)


@spelt
def random_uniform(
    shape: Any,
    minval: Any = 0.0,
    maxval: Any = 1.0,
    dtype: str | None = None,
    seed: int | None = None,
) -> Any:
    """Even draws from [minval, maxval)."""
    return _drawn("uniform", shape, minval, maxval, dtype, seed)


@spelt
def random_binomial(
    shape: Any, p: Any = 0.0, dtype: str | None = None, seed: int | None = None
) -> Any:
    """1 with probability `p`, else 0."""
    return _drawn("binomial", shape, p, None, dtype, seed)


@spelt
def truncated_normal(
    shape: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: str | None = None,
    seed: int | None = None,
) -> Any:
    """Draws from the normal distribution, those beyond 2 deviations drawn again."""
    return _drawn("truncated_normal", shape, mean, stddev, dtype, seed)


def _generator(seed: int | None) -> np.random.Generator:
    return np.random.default_rng(state.seeds.next() if seed is None else seed)


def random_normal_variable(
    shape: Any,
    mean: float,
    scale: float,
    dtype: str | None = None,
    name: str | None = None,
    seed: int | None = None,
) -> Variable:
    """A Variable that begins with draws from the normal distribution of deviation `scale`."""
    values = _generator(seed).normal(mean, scale, numbers(shape))
    return Cell(values, dtype_named(dtype), name)


def random_uniform_variable(
    shape: Any,
    low: float,
    high: float,
    dtype: str | None = None,
    name: str | None = None,
    seed: int | None = None,
) -> Variable:
    """A Variable that begins with even draws from [low, high)."""
    values = _generator(seed).uniform(low, high, numbers(shape))
    return Cell(values, dtype_named(dtype), name)
