"""Rows of the op contract: arguments, and what float64 NumPy makes of them by the formula."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from contracts.draws import apart, some

Reference = Callable[..., Any]


class Row(NamedTuple):
    """`ops.name(*args, **options)` must equal `reference(*args, **options)`.

    wrt: arguments to differentiate by. unknown: argument -> axes whose size a Tensor need not know.
    dtype: of the first result where floats come in. whole: dtype of the first result where float
    arguments are made whole numbers, None where that makes no sense.
    """

    name: str
    args: tuple
    reference: Reference
    options: Mapping[str, Any] = {}
    wrt: Sequence[int] = ()
    unknown: Mapping[int, Sequence[int]] = {}
    dtype: str = "float32"
    whole: str | None = None

    @property
    def label(self) -> str:
        words = [self.name]
        for x in self.args:
            words.append("x".join(map(str, x.shape)) if isinstance(x, np.ndarray) else repr(x))
        words += [f"{k}={v}" for k, v in self.options.items()]
        return "-".join(words).replace(" ", "")[:90]


def ints(*values: Any) -> np.ndarray:
    return np.array(values, "int32")


def between(low: float, high: float, *shape: int) -> np.ndarray:
    """Float32 numbers, evenly spread in disorder, the ends left out."""
    count = math.prod(shape)
    order = np.random.default_rng(3).permutation(count) + 1
    return (low + (high - low) * order / (count + 1)).reshape(shape).astype("float32")


# ---------------------------------------------------------------- families


def unary(name: str, reference: Reference, low: float = -2.1, high: float = 2.2) -> Row:
    x = between(low, high, 3, 4)
    return Row(name, (x,), reference, {}, (0,), {0: (0, 1)}, whole="float32")


def _asked(name: str, reference: Reference) -> Row:
    x = np.array([[np.nan, np.inf, -np.inf], [0.0, -1.5, 2.0]], "float32")
    return Row(name, (x,), reference, {}, (), {0: (0,)}, "bool", "bool")


def _binary(name: str, reference: Reference, whole: str | None = "int32") -> list[Row]:
    x, y, z = between(-2, 2, 3, 4), between(0.5, 3, 3, 4), between(0.6, 2.9, 4)
    rows = [((x, y), (0, 1), {0: (0, 1), 1: (0, 1)}), ((x, z), (0, 1), {0: (0,)})]
    rows += [((x, 2.0), (), {}), ((1.5, y), (), {})]
    wholes = [whole, whole, None, None]
    return [
        Row(name, args, reference, {}, wrt, unknown, whole=w)
        for (args, wrt, unknown), w in zip(rows, wholes, strict=True)
    ]


def _compared(name: str, reference: Reference) -> Row:
    x, y = np.array([[1, 2, 3], [0, 0, 4]], "float32"), np.array([2, 2, 0], "float32")
    return Row(name, (x, y), reference, {}, (), {0: (0,)}, "bool", "bool")


def _reduced(name: str, reference: Reference, whole: str) -> list[Row]:
    wrt = (0,)
    x, y = between(-2, 2.2, 3, 4), between(-1.9, 2, 2, 3, 4)
    return [
        Row(name, (x,), reference, {}, wrt, {}, whole=whole),
        Row(name, (x,), reference, {"axis": -1, "keepdims": True}, (), {0: (0,)}, whole=whole),
        Row(name, (y,), reference, {"axis": (0, 2)}, wrt, {0: (1,)}, whole=whole),
    ]


def _asked_of_all(name: str, reference: Reference) -> list[Row]:
    x = np.array([[1, 0, 2], [3, 4, 5]], "float32")
    options = ({}, {"axis": 1}, {"axis": [0], "keepdims": True})
    first = {0: (0,)}
    return [
        Row(name, (x,), lambda x, axis=None, keepdims=False: reference(
            x, axis=tuple(axis) if isinstance(axis, list) else axis, keepdims=keepdims
        ), o, (), first if not o or o.get("axis") == 1 else {0: (1,)}, "bool", "bool")
        for o in options
    ]  # fmt: skip


def plain(name: str, args: tuple, reference: Reference, **more: Any) -> Row:
    more.setdefault("unknown", {0: (0,)} if isinstance(args[0], np.ndarray) else {})
    return Row(name, args, reference, **more)


# ---------------------------------------------------------------- references


def _logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return np.log(np.sum(np.exp(x), axis=axis, keepdims=keepdims))


def one_hot(x: np.ndarray, n: int, axis: int = -1, dtype: Any = "float32") -> np.ndarray:
    return np.moveaxis((x[..., None] == np.arange(n)).astype(dtype), -1, axis)


def _put(x: np.ndarray, indices: np.ndarray, updates: np.ndarray) -> np.ndarray:
    x = x.copy()
    for index, update in zip(indices, updates, strict=True):
        x[tuple(index)] = update
    return x


def _scatter(indices: np.ndarray, values: np.ndarray, shape: tuple) -> np.ndarray:
    made = np.zeros(shape)
    for index, value in zip(indices, values, strict=True):
        made[tuple(index)] += value
    return made


def _block(x: np.ndarray, starts: tuple, sizes: tuple) -> np.ndarray:
    return x[tuple(np.s_[a : a + n] for a, n in zip(starts, sizes, strict=True))]


def _put_block(x: np.ndarray, starts: tuple, update: np.ndarray) -> np.ndarray:
    x = x.copy()
    x[tuple(np.s_[a : a + n] for a, n in zip(starts, update.shape, strict=True))] = update
    return x


def _segments(x: np.ndarray, segments: np.ndarray, count: int) -> np.ndarray:
    return np.stack([x[segments == s].sum(0) for s in range(count)])


def _top_k(x: np.ndarray, k: int) -> tuple:
    order = np.argsort(-x, -1, kind="stable")[..., :k]
    return np.take_along_axis(x, order, -1), order


# ---------------------------------------------------------------- arithmetic

MATH = [
    unary("exp", np.exp),
    unary("expm1", np.expm1),
    unary("log", np.log, 0.1, 5),
    unary("log1p", np.log1p, -0.9, 5),
    unary("log2", np.log2, 0.1, 5),
    unary("log10", np.log10, 0.1, 5),
    unary("sqrt", np.sqrt, 0.1, 5),
    unary("rsqrt", lambda x: 1 / np.sqrt(x), 0.1, 5),
    unary("reciprocal", lambda x: 1 / x, 0.2, 5),
    unary("cos", np.cos),
    unary("sin", np.sin),
    unary("tan", np.tan, -1.2, 1.2),
    unary("arccos", np.arccos, -0.95, 0.95),
    unary("arcsin", np.arcsin, -0.95, 0.95),
    unary("arctan", np.arctan),
    unary("cosh", np.cosh),
    unary("sinh", np.sinh),
    unary("tanh", np.tanh),
    unary("arccosh", np.arccosh, 1.1, 5),
    unary("arcsinh", np.arcsinh),
    unary("arctanh", np.arctanh, -0.95, 0.95),
    unary("floor", np.floor),
    unary("ceil", np.ceil),
    unary("erf", np.vectorize(math.erf)),
    unary("negative", np.negative)._replace(whole="int32"),
    unary("abs", np.abs)._replace(whole="int32"),
    unary("absolute", np.abs)._replace(whole="int32"),
    unary("sign", np.sign)._replace(whole="int32"),
    unary("square", np.square)._replace(whole="int32"),
    unary("stop_gradient", lambda x: x)._replace(whole="int32", wrt=()),
    plain("round", (np.array([0.5, 1.5, -0.26, 2.74], "float32"),), np.round, whole="int32"),
    plain("round", (np.array([0.26, -1.349], "float32"), 1), np.round),
    _asked("isnan", np.isnan),
    _asked("isinf", np.isinf),
    _asked("isfinite", np.isfinite),
    _compared("equal", np.equal),
    _compared("not_equal", np.not_equal),
    _compared("less", np.less),
    _compared("less_equal", np.less_equal),
    _compared("greater", np.greater),
    _compared("greater_equal", np.greater_equal),
    _compared("logical_and", np.logical_and),
    _compared("logical_or", np.logical_or),
    _compared("logical_xor", np.logical_xor),
    plain("logical_not", (np.array([0, 1, 2], "float32"),), np.logical_not, dtype="bool"),
    *_binary("add", np.add),
    *_binary("subtract", np.subtract),
    *_binary("multiply", np.multiply),
    *_binary("divide", np.divide, "float32"),
    *_binary("true_divide", np.true_divide, "float32"),
    *_binary("maximum", np.maximum),
    *_binary("minimum", np.minimum),
    *_binary("arctan2", np.arctan2, "float32"),
    *_binary("logaddexp", np.logaddexp, "float32"),
    *_binary("divide_no_nan", np.divide, "float32"),
    *[r._replace(wrt=()) for r in _binary("floor_divide", np.floor_divide)],
    plain("mod", (between(-2, 2, 3, 4), between(0.61, 2.9, 4)), np.mod, wrt=(0, 1),
           whole="int32"),
    plain("divide_no_nan", (some(3), ints(2, 0, 1).astype("float32")),
           lambda x, y: np.where(y == 0, 0, x / np.where(y == 0, 1, y)),
           wrt=(0,), unknown={0: (0,), 1: (0,)}),
    plain("power", (between(0.3, 2, 3, 4), between(-2, 2, 4)), np.power, wrt=(0, 1)),
    plain("power", (between(-2, 2, 3, 4), 3), np.power, wrt=(0,), whole="int32"),
    plain("logaddexp", (np.array([1e4, -1e4], "float32"), 1e4), np.logaddexp),
    plain("clip", (between(-2, 2.1, 3, 4), -1.0, 1.5), np.clip, wrt=(0,)),
    plain("clip", (between(-2, 2.1, 3, 2), np.array([-1, 0], "float32"), 9), np.clip, wrt=(0, 1)),
    plain("nan_to_num", (np.array([1, np.nan], "float32"),), np.nan_to_num, whole="int32"),
    plain("nan_to_num", (np.array([np.inf, np.nan, -np.inf], "float32"), 1.0, 2.0, 3.0),
           lambda x, *to: np.array([to[1], to[0], to[2]]), unknown={}),
    plain("isclose",
           (np.array([1, 1, np.nan], "float32"), np.array([1.01, 1.1, np.nan], "float32")),
           np.isclose, options={"rtol": 0.05, "equal_nan": True}, dtype="bool",
           unknown={0: (0,), 1: (0,)}),
    *_reduced("sum", np.sum, "int32"),
    *_reduced("prod", np.prod, "int32"),
    *_reduced("mean", np.mean, "float32"),
    *_reduced("var", np.var, "float32"),
    *_reduced("std", np.std, "float32"),
    *_reduced("max", np.max, "int32"),
    *_reduced("min", np.min, "int32"),
    *_reduced("logsumexp", _logsumexp, "float32"),
    plain("max", (some(3, 2),), np.max, options={"axis": 0, "initial": 0.5}, unknown={0: (1,)}),
    plain("min", (some(0, 2),), np.min, options={"axis": 0, "initial": 0.5}, unknown={0: (1,)}),
    *_asked_of_all("any", np.any),
    *_asked_of_all("all", np.all),
    plain("argmax", (apart(3, 4),), np.argmax, dtype="int32", whole="int32"),
    plain("argmax", (apart(3, 4), -1, True), lambda x, a, k: np.argmax(x, a, keepdims=k),
           dtype="int32"),
    plain("argmin", (apart(3, 4),), np.argmin, dtype="int32", whole="int32"),
    plain("argmin", (apart(3, 4), 1), np.argmin, dtype="int32"),
    plain("average", (some(3, 4),), np.average, wrt=(0,), whole="float32"),
    plain("average", (some(3, 4),), lambda x, axis, weights: x @ weights / weights.sum(),
           options={"axis": 1, "weights": between(0.1, 2, 4)}, wrt=(0,)),
    plain("count_nonzero", (np.array([[0, 1, 2], [0, 0, 3]], "float32"),), np.count_nonzero,
           options={"axis": 0}, unknown={0: (1,)}, dtype="int32", whole="int32"),
    plain("cumsum", (some(3, 4),), np.cumsum, options={"axis": 1}, wrt=(0,), whole="int32"),
    plain("cumsum", (some(3, 4),), np.cumsum, wrt=(0,)),
    plain("cumprod", (some(3, 4),), np.cumprod, options={"axis": 0}, wrt=(0,), unknown={0: (1,)},
           whole="int32"),
    plain("matmul", (some(3, 4), some(4, 2)), np.matmul, wrt=(0, 1), whole="int32"),
    plain("matmul", (some(2, 3, 4), some(2, 4, 2)), np.matmul, wrt=(0, 1),
           unknown={0: (0, 1), 1: (0,)}),
    plain("matmul", (some(2, 3, 4), some(4)), np.matmul, wrt=(0, 1)),
    plain("matmul", (some(2, 3, 4), some(4, 2)), np.matmul, wrt=(0, 1), whole="int32",
          unknown={0: (0, 1)}),
    plain("dot", (some(3, 4), some(4, 2)), np.dot, wrt=(0, 1), whole="int32"),
    plain("dot", (some(3, 4), some(2, 4, 5)), np.dot, wrt=(0, 1)),
    plain("tensordot", (some(3, 4, 2), some(4, 2, 5)), np.tensordot, wrt=(0, 1)),
    plain("tensordot", (some(3, 4, 2), some(2, 5, 4), ([1, 2], [2, 0])), np.tensordot,
           wrt=(0, 1)),
    plain("einsum", ("bij,jk->bki", some(2, 3, 4), some(4, 2)), np.einsum, wrt=(1, 2),
           unknown={1: (0, 1)}),
    plain("outer", (some(3), some(2, 2)), np.outer, wrt=(0, 1), whole="int32"),
]  # fmt: skip

# ---------------------------------------------------------------- arrays

X = some(3, 4)
ARRAY = [
    plain("cast", (X, "float16"), lambda x, d: x.astype(d), dtype="float16"),
    plain("cast", (np.array([1.7, -1.7], "float32"), "int32"), lambda x, d: np.trunc(x),
           dtype="int32"),
    plain("array", (X,), lambda x: x, wrt=(0,), whole="int32"),
    plain("convert_to_tensor", (X,), lambda x: x, wrt=(0,), whole="int32"),
    plain("convert_to_tensor", (X, "bfloat16"), lambda x, _: x, dtype="bfloat16", unknown={}),
    plain("copy", (X,), lambda x: x, wrt=(0,), whole="int32"),
    plain("reshape", (X, (-1, 2, 2)), np.reshape, wrt=(0,), whole="int32"),
    plain("reshape", (some(2, 3, 4), (2, -1)), np.reshape, wrt=(0,), unknown={0: (1,)}),
    plain("ravel", (X,), np.ravel, wrt=(0,), whole="int32"),
    plain("transpose", (some(2, 3, 4),), np.transpose, wrt=(0,), whole="int32"),
    plain("transpose", (some(2, 3, 4), (1, 0, 2)), np.transpose, wrt=(0,)),
    plain("swapaxes", (some(2, 3, 4), 0, -1), np.swapaxes, wrt=(0,), whole="int32"),
    plain("moveaxis", (some(2, 3, 4), [0, 1], [-1, 0]), np.moveaxis, wrt=(0,)),
    plain("expand_dims", (X, -1), np.expand_dims, wrt=(0,), whole="int32"),
    plain("expand_dims", (X, [0, 2]), lambda x, a: np.expand_dims(x, tuple(a)), wrt=(0,)),
    plain("squeeze", (some(3, 1, 2, 1),), np.squeeze, wrt=(0,), whole="int32"),
    plain("squeeze", (some(3, 1, 2, 1), [1]), lambda x, a: np.squeeze(x, tuple(a)), wrt=(0,)),
    plain("split", (some(6, 4), 2), lambda x, n: np.split(x, n), wrt=(0,), whole="int32"),
    plain("split", (some(3, 7), (2, 3), -1), lambda x, i, a: np.split(x, i, a), wrt=(0,)),
    plain("unstack", (X,), lambda x, axis: [x[:, i] for i in range(4)], options={"axis": 1},
           wrt=(0,)),
    plain("tile", (X, (2, 1)), np.tile, wrt=(0,), whole="int32"),
    plain("repeat", (X, 2, 1), np.repeat, wrt=(0,), whole="int32"),
    plain("repeat", (X, [1, 0, 2, 1], 1), np.repeat, wrt=(0,)),
    plain("flip", (X,), np.flip, wrt=(0,), whole="int32"),
    plain("flip", (X, [1]), lambda x, a: np.flip(x, a[0]), wrt=(0,)),
    plain("roll", (X, 5), np.roll, wrt=(0,), whole="int32"),
    plain("roll", (X, (1, -2), (0, 1)), np.roll, wrt=(0,)),
    plain("pad", (X, 1), np.pad, wrt=(0,), whole="int32"),
    plain("pad", (X, ((0, 0), (2, 1))), lambda x, w, constant_values: np.pad(
        x, w, constant_values=constant_values), options={"constant_values": 3.0}, wrt=(0,)),
    plain("pad", (X, ((0, 0), (2, 1)), "reflect"), np.pad, wrt=(0,)),
    plain("pad", (X, ((0, 0), (2, 1)), "symmetric"), np.pad, wrt=(0,)),
    plain("broadcast_to", (some(3, 1), (2, 3, 4)), np.broadcast_to, wrt=(0,), unknown={},
           whole="int32"),
    plain("meshgrid", (some(3), some(2)), lambda x, y: list(np.meshgrid(x, y)),
           unknown={0: (0,), 1: (0,)}, wrt=(0,)),
    plain("meshgrid", (some(3), some(2)), lambda x, y, indexing: list(
        np.meshgrid(x, y, indexing=indexing)), options={"indexing": "ij"}, wrt=(0,)),
    plain("diag", (some(3), 1), np.diag, wrt=(0,), whole="int32"),
    plain("diagonal", (some(2, 3, 4), 1, 1, 2), np.diagonal, wrt=(0,), whole="int32"),
    plain("tril", (some(2, 3, 4), 1), np.tril, wrt=(0,), whole="int32"),
    plain("triu", (some(2, 3, 4), -1), np.triu, wrt=(0,), whole="int32"),
    plain("zeros", ((2, 3),), np.zeros),
    plain("zeros", (3, "int32"), np.zeros, dtype="int32"),
    plain("ones", ([2, 3], "float16"), lambda s, d: np.ones(s, d), dtype="float16"),
    plain("full", ((2, 3), 5.5), np.full),
    plain("zeros_like", (X,), np.zeros_like, whole="int32"),
    plain("ones_like", (X, "int32"), lambda x, d: np.ones(x.shape), dtype="int32"),
    plain("full_like", (X, 2.5), np.full_like),
    plain("arange", (5,), np.arange, dtype="int32"),
    plain("arange", (1.0, 3.0, 0.25), np.arange),
    plain("arange", (8, 2, -2, "float32"), np.arange),
    plain("linspace", (0.0, 1.0, 7), np.linspace),
    plain("linspace", (some(3), some(3), 4), lambda *a, **k: np.linspace(*a, **k)[0],
           options={"retstep": True, "endpoint": False}, unknown={})._replace(
        reference=lambda a, b, n, retstep, endpoint: (
            a + (b - a) / n * np.arange(n)[:, None], (b - a) / n), wrt=(0, 1)),
    plain("eye", (3, 4, 1), np.eye),
    plain("identity", (3,), np.identity),
    plain("where", (np.array([True, False, True]), some(3), some(3)), np.where, wrt=(1, 2),
           unknown={0: (0,), 1: (0,), 2: (0,)}),
    plain("where", (np.array([[True], [False]]), some(2, 3), 0.5), np.where, wrt=(1,),
           unknown={0: (0,), 1: (0,)}),
    plain("take", (some(4, 3), ints(3, 0, -1), 0), np.take, wrt=(0,), unknown={1: (0,)}),
    plain("take", (some(4, 3), ints([0, 11], [5, 6])), np.take, wrt=(0,), unknown={1: (0,)}),
    plain("take_along_axis", (some(3, 4), ints([0, 3], [1, 1], [2, 0]), 1), np.take_along_axis,
           wrt=(0,), unknown={0: (0,), 1: (0,)}),
    plain("sort", (apart(3, 4),), np.sort, wrt=(0,), whole="int32"),
    plain("sort", (apart(3, 4), 0), np.sort, wrt=(0,), unknown={0: (1,)}),
    plain("argsort", (np.array([[3, 1, 1, 2]], "float32"),), lambda x: np.argsort(
        x, kind="stable"), dtype="int32", whole="int32"),
    plain("top_k", (apart(3, 6), 2), _top_k, wrt=(0,), whole="int32"),
    plain("searchsorted", (np.array([1, 2, 2, 5], "float32"), some(2, 3)), np.searchsorted,
           unknown={1: (0,)}, dtype="int32"),
    plain("searchsorted", (ints(1, 2, 2, 5), ints(2, 9, 0), "right"), np.searchsorted,
           unknown={1: (0,)}, dtype="int32"),
    plain("one_hot", (ints([0, 2], [-1, 3]), 3), one_hot),
    plain("one_hot", (ints([0, 2], [1, 3]), 3, 1, "int32"), one_hot, dtype="int32"),
    plain("slice", (some(4, 5), (1, 2), (2, 3)), _block, wrt=(0,), unknown={}, whole="int32"),
    plain("slice_update", (some(4, 5), (1, 2), some(2, 3)), _put_block, wrt=(0, 2), unknown={}),
    plain("scatter_update", (some(4, 5), ints([0, 1], [3, -1]), some(2)), _put, wrt=(0, 2)),
    plain("scatter_update", (some(4, 5, 2), ints([0], [-1]), some(2, 5, 2)), _put, wrt=(0, 2),
           unknown={}),
    plain("scatter", (ints([0, 1], [2, 2], [0, 1]), some(3), (3, 4)), _scatter, wrt=(1,),
           unknown={0: (0,), 1: (0,)}),
    plain("segment_sum", (some(5, 2), ints(0, 2, 0, 3, 2), 4), _segments, wrt=(0,),
           unknown={0: (0, 1), 1: (0,)}),
]  # fmt: skip

# ---------------------------------------------------------------- linear algebra

SQUARE = np.eye(3, dtype="float32") * 3 + between(-1, 1, 3, 3)
POSITIVE = (SQUARE @ SQUARE.T).astype("float32")
LINALG = [
    plain("norm", (some(3, 4),), np.linalg.norm, wrt=(0,), whole="float32"),
    plain("norm", (some(3, 4), 1, -1, True), np.linalg.norm, wrt=(0,)),
    plain("norm", (some(3, 4), "fro", [0, 1]), lambda x, o, a: np.linalg.norm(x, o), wrt=(0,)),
    plain("cholesky", (POSITIVE,), np.linalg.cholesky, unknown={}),
    plain("cholesky", (POSITIVE, True), lambda x, _: np.linalg.cholesky(x).T, unknown={}),
    plain("det", (np.stack([SQUARE, POSITIVE]),), np.linalg.det, wrt=(0,)),
    plain("inv", (np.stack([SQUARE, POSITIVE]),), np.linalg.inv, wrt=(0,)),
    plain("solve", (SQUARE, some(3)), np.linalg.solve, wrt=(0, 1), unknown={}),
    plain("solve", (SQUARE, some(3, 2)), np.linalg.solve, wrt=(0, 1), unknown={1: (1,)}),
    plain("trace", (some(3, 3, 2),), np.trace, wrt=(0,), unknown={0: (2,)}),
]  # fmt: skip


# Ops of a whole list: their first argument is a list of arrays.
LISTS = [
    Row("concatenate", ([some(3, 4), some(2, 4)],), np.concatenate, whole="int32"),
    Row("concatenate", ([some(3, 4), some(3, 1)],), np.concatenate, {"axis": -1}),
    Row("stack", ([some(3, 4), some(3, 4)],), np.stack, whole="int32"),
    Row("stack", ([some(3, 4), some(3, 4)],), np.stack, {"axis": -1}),
]

ROWS = MATH + ARRAY + LINALG
