"""Rows of the op contract: arguments, and what float64 NumPy makes of them by the formula."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from contracts.checks import convolve, margins, pooled, spread
from contracts.engine_table import apart, some

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


def _ints(*values: Any) -> np.ndarray:
    return np.array(values, "int32")


def _between(low: float, high: float, *shape: int) -> np.ndarray:
    """Float32 numbers, evenly spread in disorder, the ends left out."""
    count = math.prod(shape)
    order = np.random.default_rng(3).permutation(count) + 1
    return (low + (high - low) * order / (count + 1)).reshape(shape).astype("float32")


# ---------------------------------------------------------------- families


def _unary(name: str, reference: Reference, low: float = -2.1, high: float = 2.2) -> Row:
    x = _between(low, high, 3, 4)
    return Row(name, (x,), reference, {}, (0,), {0: (0, 1)}, whole="float32")


def _asked(name: str, reference: Reference) -> Row:
    x = np.array([[np.nan, np.inf, -np.inf], [0.0, -1.5, 2.0]], "float32")
    return Row(name, (x,), reference, {}, (), {0: (0,)}, "bool", "bool")


def _binary(name: str, reference: Reference, whole: str | None = "int32") -> list[Row]:
    x, y, z = _between(-2, 2, 3, 4), _between(0.5, 3, 3, 4), _between(0.6, 2.9, 4)
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
    x, y = _between(-2, 2.2, 3, 4), _between(-1.9, 2, 2, 3, 4)
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


def _plain(name: str, args: tuple, reference: Reference, **more: Any) -> Row:
    more.setdefault("unknown", {0: (0,)} if isinstance(args[0], np.ndarray) else {})
    return Row(name, args, reference, **more)


# ---------------------------------------------------------------- references


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def _logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return np.log(np.sum(np.exp(x), axis=axis, keepdims=keepdims))


def _softmax(x: Any, axis: int = -1) -> Any:
    return np.exp(x) / np.exp(x).sum(axis, keepdims=True)


def _sparsemax(x: np.ndarray, axis: int = -1) -> np.ndarray:
    """The threshold by bisection: sum(max(x - t, 0)) = 1."""
    low, high = x.max(axis, keepdims=True) - 1, x.max(axis, keepdims=True)
    for _ in range(100):
        middle = (low + high) / 2
        over = np.maximum(x - middle, 0).sum(axis, keepdims=True) > 1
        low, high = np.where(over, middle, low), np.where(over, high, middle)
    return np.maximum(x - low, 0)


def _gelu(x: Any, approximate: bool = True) -> Any:
    if approximate:
        return x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
    return x / 2 * (1 + np.vectorize(math.erf)(x / np.sqrt(2)))


def _one_hot(x: np.ndarray, n: int, axis: int = -1, dtype: Any = "float32") -> np.ndarray:
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


def _tuple(value: Any, rank: int) -> tuple:
    return tuple(value) if isinstance(value, (tuple, list)) else (value,) * rank


def _channels_last(reference: Reference) -> Reference:
    def run(x: np.ndarray, *args: Any, data_format: str = "channels_last", **options: Any) -> Any:
        if data_format == "channels_last":
            return reference(x, *args, **options)
        return np.moveaxis(reference(np.moveaxis(x, 1, -1), *args, **options), -1, 1)

    return run


@_channels_last
def _conv(
    x: np.ndarray, k: np.ndarray, strides: Any = 1, padding: str = "valid", dilation_rate: Any = 1
) -> np.ndarray:
    rank = k.ndim - 2
    dilation = _tuple(dilation_rate, rank)
    pairs = [(dilation[0] * (k.shape[0] - 1), 0)] if padding == "causal" else padding
    groups = x.shape[-1] // k.shape[-2]
    return convolve(x, k, _tuple(strides, rank), pairs, dilation, groups)


@_channels_last
def _depthwise(x: np.ndarray, k: np.ndarray, **options: Any) -> np.ndarray:
    """Each channel by itself, with one kernel after another."""
    parts = [
        _conv(x[..., c : c + 1], k[..., c : c + 1, m : m + 1], **options)
        for c in range(k.shape[-2])
        for m in range(k.shape[-1])
    ]
    return np.concatenate(parts, -1)


@_channels_last
def _separable(x: np.ndarray, deep: np.ndarray, point: np.ndarray, **options: Any) -> np.ndarray:
    return _depthwise(x, deep, **options) @ point.reshape(point.shape[-2:])


@_channels_last
def _conv_transpose(
    x: np.ndarray,
    k: np.ndarray,
    strides: Any = 1,
    padding: str = "valid",
    output_padding: Any = None,
    dilation_rate: Any = 1,
) -> np.ndarray:
    """The adjoint of a convolution over the output: with "same" padding that of such a one."""
    rank = k.ndim - 2
    strides, dilation = _tuple(strides, rank), _tuple(dilation_rate, rank)
    more = _tuple(output_padding, rank)
    reach = [d * (n - 1) + 1 for d, n in zip(dilation, k.shape[:rank], strict=True)]
    sizes = []
    for n, s, r, p in zip(x.shape[1:-1], strides, reach, more, strict=True):
        if padding == "valid":
            sizes.append((n - 1) * s + (max(r, s) if p is None else r + p))
        else:
            sizes.append(n * s if p is None else (n - 1) * s + r % 2 + p)
    before = [pair[0] for pair in margins(sizes, reach, strides, padding)]
    return spread(x, k, strides, dilation, before, sizes)


def _pooling(mode: str) -> Reference:
    @_channels_last
    def run(x: np.ndarray, size: Any, strides: Any = None, padding: str = "valid") -> np.ndarray:
        size = _tuple(size, x.ndim - 2)
        steps = size if strides is None else _tuple(strides, x.ndim - 2)
        return pooled(x, mode, size, steps, padding)

    return run


def _moments(x: np.ndarray, axes: Any, keepdims: bool = False, mask: Any = None) -> tuple:
    weights = np.ones(x.shape) if mask is None else np.broadcast_to(mask, x.shape).astype(float)
    total = np.maximum(weights.sum(axes, keepdims=True), 1e-300)
    mean = (x * weights).sum(axes, keepdims=True) / total
    variance = (weights * (x - mean) ** 2).sum(axes, keepdims=True) / total
    return (mean, variance) if keepdims else (mean.squeeze(axes), variance.squeeze(axes))


def _batch_normalization(
    x: np.ndarray,
    mean: Any,
    variance: Any,
    axis: int,
    offset: Any = None,
    scale: Any = None,
    epsilon: float = 1e-3,
) -> np.ndarray:
    x = np.moveaxis(x, axis, -1)
    y = (x - mean) / np.sqrt(variance + epsilon) * (1 if scale is None else scale)
    return np.moveaxis(y + (0 if offset is None else offset), -1, axis)


def _normalized(x: Any, axis: int = -1, order: float = 2, epsilon: float = 1e-7) -> Any:
    norm = (np.abs(x) ** order).sum(axis, keepdims=True) ** (1 / order)
    return x / np.maximum(norm, epsilon)


def _binary_crossentropy(t: Any, p: Any, from_logits: bool = False) -> Any:
    p = _sigmoid(p) if from_logits else p
    return -t * np.log(p) - (1 - t) * np.log(1 - p)


def _crossentropy(t: Any, p: Any, from_logits: bool = False, axis: int = -1) -> Any:
    p = _softmax(p, axis) if from_logits else p / p.sum(axis, keepdims=True)
    return -(t * np.log(p)).sum(axis)


def _sparse_crossentropy(t: Any, p: Any, from_logits: bool = False, axis: int = -1) -> Any:
    return _crossentropy(_one_hot(t, p.shape[axis], axis), p, from_logits, axis)


# ---------------------------------------------------------------- arithmetic

MATH = [
    _unary("exp", np.exp),
    _unary("expm1", np.expm1),
    _unary("log", np.log, 0.1, 5),
    _unary("log1p", np.log1p, -0.9, 5),
    _unary("log2", np.log2, 0.1, 5),
    _unary("log10", np.log10, 0.1, 5),
    _unary("sqrt", np.sqrt, 0.1, 5),
    _unary("rsqrt", lambda x: 1 / np.sqrt(x), 0.1, 5),
    _unary("reciprocal", lambda x: 1 / x, 0.2, 5),
    _unary("cos", np.cos),
    _unary("sin", np.sin),
    _unary("tan", np.tan, -1.2, 1.2),
    _unary("arccos", np.arccos, -0.95, 0.95),
    _unary("arcsin", np.arcsin, -0.95, 0.95),
    _unary("arctan", np.arctan),
    _unary("cosh", np.cosh),
    _unary("sinh", np.sinh),
    _unary("tanh", np.tanh),
    _unary("arccosh", np.arccosh, 1.1, 5),
    _unary("arcsinh", np.arcsinh),
    _unary("arctanh", np.arctanh, -0.95, 0.95),
    _unary("floor", np.floor),
    _unary("ceil", np.ceil),
    _unary("erf", np.vectorize(math.erf)),
    _unary("negative", np.negative)._replace(whole="int32"),
    _unary("abs", np.abs)._replace(whole="int32"),
    _unary("absolute", np.abs)._replace(whole="int32"),
    _unary("sign", np.sign)._replace(whole="int32"),
    _unary("square", np.square)._replace(whole="int32"),
    _unary("stop_gradient", lambda x: x)._replace(whole="int32", wrt=()),
    _plain("round", (np.array([0.5, 1.5, -0.26, 2.74], "float32"),), np.round, whole="int32"),
    _plain("round", (np.array([0.26, -1.349], "float32"), 1), np.round),
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
    _plain("logical_not", (np.array([0, 1, 2], "float32"),), np.logical_not, dtype="bool"),
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
    _plain("mod", (_between(-2, 2, 3, 4), _between(0.61, 2.9, 4)), np.mod, wrt=(0, 1),
           whole="int32"),
    _plain("divide_no_nan", (some(3), _ints(2, 0, 1).astype("float32")),
           lambda x, y: np.where(y == 0, 0, x / np.where(y == 0, 1, y)),
           wrt=(0,), unknown={0: (0,), 1: (0,)}),
    _plain("power", (_between(0.3, 2, 3, 4), _between(-2, 2, 4)), np.power, wrt=(0, 1)),
    _plain("power", (_between(-2, 2, 3, 4), 3), np.power, wrt=(0,), whole="int32"),
    _plain("logaddexp", (np.array([1e4, -1e4], "float32"), 1e4), np.logaddexp),
    _plain("clip", (_between(-2, 2.1, 3, 4), -1.0, 1.5), np.clip, wrt=(0,)),
    _plain("clip", (_between(-2, 2.1, 3, 2), np.array([-1, 0], "float32"), 9), np.clip, wrt=(0, 1)),
    _plain("nan_to_num", (np.array([1, np.nan], "float32"),), np.nan_to_num, whole="int32"),
    _plain("nan_to_num", (np.array([np.inf, np.nan, -np.inf], "float32"), 1.0, 2.0, 3.0),
           lambda x, *to: np.array([to[1], to[0], to[2]]), unknown={}),
    _plain("isclose",
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
    _plain("max", (some(3, 2),), np.max, options={"axis": 0, "initial": 0.5}, unknown={0: (1,)}),
    _plain("min", (some(0, 2),), np.min, options={"axis": 0, "initial": 0.5}, unknown={0: (1,)}),
    *_asked_of_all("any", np.any),
    *_asked_of_all("all", np.all),
    _plain("argmax", (apart(3, 4),), np.argmax, dtype="int32", whole="int32"),
    _plain("argmax", (apart(3, 4), -1, True), lambda x, a, k: np.argmax(x, a, keepdims=k),
           dtype="int32"),
    _plain("argmin", (apart(3, 4),), np.argmin, dtype="int32", whole="int32"),
    _plain("argmin", (apart(3, 4), 1), np.argmin, dtype="int32"),
    _plain("average", (some(3, 4),), np.average, wrt=(0,), whole="float32"),
    _plain("average", (some(3, 4),), lambda x, axis, weights: x @ weights / weights.sum(),
           options={"axis": 1, "weights": _between(0.1, 2, 4)}, wrt=(0,)),
    _plain("count_nonzero", (np.array([[0, 1, 2], [0, 0, 3]], "float32"),), np.count_nonzero,
           options={"axis": 0}, unknown={0: (1,)}, dtype="int32", whole="int32"),
    _plain("cumsum", (some(3, 4),), np.cumsum, options={"axis": 1}, wrt=(0,), whole="int32"),
    _plain("cumsum", (some(3, 4),), np.cumsum, wrt=(0,)),
    _plain("cumprod", (some(3, 4),), np.cumprod, options={"axis": 0}, wrt=(0,), unknown={0: (1,)},
           whole="int32"),
    _plain("matmul", (some(3, 4), some(4, 2)), np.matmul, wrt=(0, 1), whole="int32"),
    _plain("matmul", (some(2, 3, 4), some(2, 4, 2)), np.matmul, wrt=(0, 1),
           unknown={0: (0, 1), 1: (0,)}),
    _plain("matmul", (some(2, 3, 4), some(4)), np.matmul, wrt=(0, 1)),
    _plain("dot", (some(3, 4), some(4, 2)), np.dot, wrt=(0, 1), whole="int32"),
    _plain("dot", (some(3, 4), some(2, 4, 5)), np.dot, wrt=(0, 1)),
    _plain("tensordot", (some(3, 4, 2), some(4, 2, 5)), np.tensordot, wrt=(0, 1)),
    _plain("tensordot", (some(3, 4, 2), some(2, 5, 4), ([1, 2], [2, 0])), np.tensordot,
           wrt=(0, 1)),
    _plain("einsum", ("bij,jk->bki", some(2, 3, 4), some(4, 2)), np.einsum, wrt=(1, 2),
           unknown={1: (0, 1)}),
    _plain("outer", (some(3), some(2, 2)), np.outer, wrt=(0, 1), whole="int32"),
]  # fmt: skip

# ---------------------------------------------------------------- arrays

X = some(3, 4)
ARRAY = [
    _plain("cast", (X, "float16"), lambda x, d: x.astype(d), dtype="float16"),
    _plain("cast", (np.array([1.7, -1.7], "float32"), "int32"), lambda x, d: np.trunc(x),
           dtype="int32"),
    _plain("array", (X,), lambda x: x, wrt=(0,), whole="int32"),
    _plain("convert_to_tensor", (X,), lambda x: x, wrt=(0,), whole="int32"),
    _plain("convert_to_tensor", (X, "bfloat16"), lambda x, _: x, dtype="bfloat16", unknown={}),
    _plain("copy", (X,), lambda x: x, wrt=(0,), whole="int32"),
    _plain("reshape", (X, (-1, 2, 2)), np.reshape, wrt=(0,), whole="int32"),
    _plain("reshape", (some(2, 3, 4), (2, -1)), np.reshape, wrt=(0,), unknown={0: (1,)}),
    _plain("ravel", (X,), np.ravel, wrt=(0,), whole="int32"),
    _plain("transpose", (some(2, 3, 4),), np.transpose, wrt=(0,), whole="int32"),
    _plain("transpose", (some(2, 3, 4), (1, 0, 2)), np.transpose, wrt=(0,)),
    _plain("swapaxes", (some(2, 3, 4), 0, -1), np.swapaxes, wrt=(0,), whole="int32"),
    _plain("moveaxis", (some(2, 3, 4), [0, 1], [-1, 0]), np.moveaxis, wrt=(0,)),
    _plain("expand_dims", (X, -1), np.expand_dims, wrt=(0,), whole="int32"),
    _plain("expand_dims", (X, [0, 2]), lambda x, a: np.expand_dims(x, tuple(a)), wrt=(0,)),
    _plain("squeeze", (some(3, 1, 2, 1),), np.squeeze, wrt=(0,), whole="int32"),
    _plain("squeeze", (some(3, 1, 2, 1), [1]), lambda x, a: np.squeeze(x, tuple(a)), wrt=(0,)),
    _plain("split", (some(6, 4), 2), lambda x, n: np.split(x, n), wrt=(0,), whole="int32"),
    _plain("split", (some(3, 7), (2, 3), -1), lambda x, i, a: np.split(x, i, a), wrt=(0,)),
    _plain("unstack", (X,), lambda x, axis: [x[:, i] for i in range(4)], options={"axis": 1},
           wrt=(0,)),
    _plain("tile", (X, (2, 1)), np.tile, wrt=(0,), whole="int32"),
    _plain("repeat", (X, 2, 1), np.repeat, wrt=(0,), whole="int32"),
    _plain("repeat", (X, [1, 0, 2, 1], 1), np.repeat, wrt=(0,)),
    _plain("flip", (X,), np.flip, wrt=(0,), whole="int32"),
    _plain("flip", (X, [1]), lambda x, a: np.flip(x, a[0]), wrt=(0,)),
    _plain("roll", (X, 5), np.roll, wrt=(0,), whole="int32"),
    _plain("roll", (X, (1, -2), (0, 1)), np.roll, wrt=(0,)),
    _plain("pad", (X, 1), np.pad, wrt=(0,), whole="int32"),
    _plain("pad", (X, ((0, 0), (2, 1))), lambda x, w, constant_values: np.pad(
        x, w, constant_values=constant_values), options={"constant_values": 3.0}, wrt=(0,)),
    _plain("pad", (X, ((0, 0), (2, 1)), "reflect"), np.pad, wrt=(0,)),
    _plain("pad", (X, ((0, 0), (2, 1)), "symmetric"), np.pad, wrt=(0,)),
    _plain("broadcast_to", (some(3, 1), (2, 3, 4)), np.broadcast_to, wrt=(0,), unknown={},
           whole="int32"),
    _plain("meshgrid", (some(3), some(2)), lambda x, y: list(np.meshgrid(x, y)),
           unknown={0: (0,), 1: (0,)}, wrt=(0,)),
    _plain("meshgrid", (some(3), some(2)), lambda x, y, indexing: list(
        np.meshgrid(x, y, indexing=indexing)), options={"indexing": "ij"}, wrt=(0,)),
    _plain("diag", (some(3), 1), np.diag, wrt=(0,), whole="int32"),
    _plain("diagonal", (some(2, 3, 4), 1, 1, 2), np.diagonal, wrt=(0,), whole="int32"),
    _plain("tril", (some(2, 3, 4), 1), np.tril, wrt=(0,), whole="int32"),
    _plain("triu", (some(2, 3, 4), -1), np.triu, wrt=(0,), whole="int32"),
    _plain("zeros", ((2, 3),), np.zeros),
    _plain("zeros", (3, "int32"), np.zeros, dtype="int32"),
    _plain("ones", ([2, 3], "float16"), lambda s, d: np.ones(s, d), dtype="float16"),
    _plain("full", ((2, 3), 5.5), np.full),
    _plain("zeros_like", (X,), np.zeros_like, whole="int32"),
    _plain("ones_like", (X, "int32"), lambda x, d: np.ones(x.shape), dtype="int32"),
    _plain("full_like", (X, 2.5), np.full_like),
    _plain("arange", (5,), np.arange, dtype="int32"),
    _plain("arange", (1.0, 3.0, 0.25), np.arange),
    _plain("arange", (8, 2, -2, "float32"), np.arange),
    _plain("linspace", (0.0, 1.0, 7), np.linspace),
    _plain("linspace", (some(3), some(3), 4), lambda *a, **k: np.linspace(*a, **k)[0],
           options={"retstep": True, "endpoint": False}, unknown={})._replace(
        reference=lambda a, b, n, retstep, endpoint: (
            a + (b - a) / n * np.arange(n)[:, None], (b - a) / n), wrt=(0, 1)),
    _plain("eye", (3, 4, 1), np.eye),
    _plain("identity", (3,), np.identity),
    _plain("where", (np.array([True, False, True]), some(3), some(3)), np.where, wrt=(1, 2),
           unknown={0: (0,), 1: (0,), 2: (0,)}),
    _plain("where", (np.array([[True], [False]]), some(2, 3), 0.5), np.where, wrt=(1,),
           unknown={0: (0,), 1: (0,)}),
    _plain("take", (some(4, 3), _ints(3, 0, -1), 0), np.take, wrt=(0,), unknown={1: (0,)}),
    _plain("take", (some(4, 3), _ints([0, 11], [5, 6])), np.take, wrt=(0,), unknown={1: (0,)}),
    _plain("take_along_axis", (some(3, 4), _ints([0, 3], [1, 1], [2, 0]), 1), np.take_along_axis,
           wrt=(0,), unknown={0: (0,), 1: (0,)}),
    _plain("sort", (apart(3, 4),), np.sort, wrt=(0,), whole="int32"),
    _plain("sort", (apart(3, 4), 0), np.sort, wrt=(0,), unknown={0: (1,)}),
    _plain("argsort", (np.array([[3, 1, 1, 2]], "float32"),), lambda x: np.argsort(
        x, kind="stable"), dtype="int32", whole="int32"),
    _plain("top_k", (apart(3, 6), 2), _top_k, wrt=(0,), whole="int32"),
    _plain("searchsorted", (np.array([1, 2, 2, 5], "float32"), some(2, 3)), np.searchsorted,
           unknown={1: (0,)}, dtype="int32"),
    _plain("searchsorted", (_ints(1, 2, 2, 5), _ints(2, 9, 0), "right"), np.searchsorted,
           unknown={1: (0,)}, dtype="int32"),
    _plain("one_hot", (_ints([0, 2], [-1, 3]), 3), _one_hot),
    _plain("one_hot", (_ints([0, 2], [1, 3]), 3, 1, "int32"), _one_hot, dtype="int32"),
    _plain("slice", (some(4, 5), (1, 2), (2, 3)), _block, wrt=(0,), unknown={}, whole="int32"),
    _plain("slice_update", (some(4, 5), (1, 2), some(2, 3)), _put_block, wrt=(0, 2), unknown={}),
    _plain("scatter_update", (some(4, 5), _ints([0, 1], [3, -1]), some(2)), _put, wrt=(0, 2)),
    _plain("scatter_update", (some(4, 5, 2), _ints([0], [-1]), some(2, 5, 2)), _put, wrt=(0, 2),
           unknown={}),
    _plain("scatter", (_ints([0, 1], [2, 2], [0, 1]), some(3), (3, 4)), _scatter, wrt=(1,),
           unknown={0: (0,), 1: (0,)}),
    _plain("segment_sum", (some(5, 2), _ints(0, 2, 0, 3, 2), 4), _segments, wrt=(0,),
           unknown={0: (0, 1), 1: (0,)}),
]  # fmt: skip

# ---------------------------------------------------------------- networks

IMAGES, KERNEL = some(2, 6, 5, 4), some(3, 2, 4, 6)
FIRST = {"data_format": "channels_first"}
NN = [
    _plain("conv", (IMAGES, KERNEL), _conv, wrt=(0, 1), unknown={0: (0, 1, 2)}),
    _plain("conv", (IMAGES, KERNEL), _conv, options={"strides": (2, 1), "padding": "same"},
           wrt=(0, 1), unknown={0: (0, 1)}),
    _plain("conv", (some(2, 4, 6, 5), some(3, 2, 2, 6)), _conv,
           options={"padding": "same", "strides": 2, **FIRST}, wrt=(0, 1), unknown={0: (0, 2)}),
    _plain("conv", (some(2, 9, 2), some(3, 2, 3)), _conv,
           options={"dilation_rate": 2, "padding": "causal"}, wrt=(0, 1), unknown={0: (0, 1)}),
    _plain("conv", (some(1, 4, 4, 3, 2), some(2, 2, 2, 1, 4)), _conv, wrt=(0, 1)),
    _plain("depthwise_conv", (some(1, 5, 5, 3), some(2, 3, 3, 2)), _depthwise,
           options={"padding": "same", "dilation_rate": (1, 2)}, wrt=(0, 1)),
    _plain("depthwise_conv", (some(2, 3, 7), some(3, 3, 1)), _depthwise,
           options={"strides": 2, **FIRST}, wrt=(0, 1)),
    _plain("separable_conv", (some(1, 5, 5, 3), some(2, 3, 3, 2), some(1, 1, 6, 4)), _separable,
           options={"padding": "same", "strides": 2}, wrt=(0, 1, 2), unknown={0: (0, 1)}),
    _plain("separable_conv", (some(1, 3, 6), some(2, 3, 2), some(1, 6, 2)), _separable,
           options=FIRST, wrt=(0, 1, 2)),
    *[
        _plain("conv_transpose", (some(1, 3, 4, 2), some(*window, 3, 2)), _conv_transpose,
               options={"padding": padding, **more}, wrt=(0, 1), unknown={0: (0, 1)})
        for window, more in (
            ((3, 2), {"strides": 2}),
            ((1, 2), {"strides": 3}),
            ((3, 4), {"strides": (2, 1), "output_padding": 1}),
            ((3, 2), {"dilation_rate": 2}),
        )
        for padding in ("valid", "same")
    ],
    _plain("conv_transpose", (some(2, 2, 4), some(3, 1, 2)), _conv_transpose,
           options={"strides": 2, "padding": "same", **FIRST}, wrt=(0, 1)),
    *[
        _plain(name, (apart(*shape), size), _pooling(mode), options=options, wrt=(0,), unknown=free)
        for name, mode in (("max_pool", "max"), ("average_pool", "average"))
        for shape, size, options, free in (
            ((2, 5, 6, 2), 2, {}, {0: (0, 1, 2)}),
            ((1, 5, 6, 2), (3, 2), {"strides": (2, 1), "padding": "same"}, {0: (0, 1)}),
            ((2, 3, 7), 3, {"strides": 2, "padding": "same", **FIRST}, {0: (0, 2)}),
        )
    ],
    _plain("moments", (some(3, 4, 2), (0, 1)), _moments, wrt=(0,), whole="float32"),
    _plain("moments", (some(3, 4), -1, True), _moments, wrt=(0,)),
    _plain("moments", (some(3, 4), (0, 1)), _moments, options={
        "mask": np.array([[1.0], [0.0], [1.0]])}, wrt=(0,), unknown={}),
    _plain("moments", (some(3, 4), (1,)), _moments, options={
        "mask": np.array([[True], [False], [True]])}, unknown={}),
    _plain("batch_normalization", (some(3, 2, 4), some(4), _between(0.1, 2, 4), -1),
           _batch_normalization, wrt=(0, 1, 2)),
    _plain("batch_normalization",
           (some(3, 2, 4), some(2), _between(0.1, 2, 2), 1, some(2), some(2), 1e-2),
           _batch_normalization, wrt=(0, 1, 2, 4, 5)),
    _plain("normalize", (some(3, 4),), _normalized, wrt=(0,), whole="float32"),
    _plain("normalize", (some(3, 4), 0, 3), _normalized, wrt=(0,), unknown={0: (1,)}),
    _plain("normalize", (np.zeros((2, 3), "float32"),), lambda x: x),
    _plain("multi_hot", (_ints([0, 2], [3, 3]), 4), lambda x, n: _one_hot(x, n).max(1)),
    _plain("multi_hot", (_ints(0, 2), 4), lambda x, n: _one_hot(x, n).max(0), unknown={}),
    _plain("binary_crossentropy", (_between(0, 1, 3, 2), _between(0, 1, 3, 2)),
           _binary_crossentropy, wrt=(1,), unknown={0: (0,), 1: (0,)}),
    _plain("binary_crossentropy", (_between(0, 1, 3, 2), some(3, 2), True),
           _binary_crossentropy, wrt=(1,), unknown={0: (0,), 1: (0,)}),
    _plain("categorical_crossentropy", (_between(0, 1, 3, 4), _between(0, 1, 3, 4)),
           _crossentropy, wrt=(1,), unknown={0: (0,), 1: (0,)}),
    _plain("categorical_crossentropy", (_between(0, 1, 3, 4), some(3, 4), True, 0),
           _crossentropy, wrt=(1,), unknown={0: (1,), 1: (1,)}),
    _plain("sparse_categorical_crossentropy", (_ints(0, 3, 1), _between(0, 1, 3, 4)),
           _sparse_crossentropy, wrt=(1,), unknown={0: (0,), 1: (0,)}),
    _plain("sparse_categorical_crossentropy", (_ints(0, 3, 1), some(3, 4), True),
           _sparse_crossentropy, wrt=(1,), unknown={0: (0,), 1: (0,)}),
]  # fmt: skip

SQUARE = np.eye(3, dtype="float32") * 3 + _between(-1, 1, 3, 3)
POSITIVE = (SQUARE @ SQUARE.T).astype("float32")
LINALG = [
    _plain("norm", (some(3, 4),), np.linalg.norm, wrt=(0,), whole="float32"),
    _plain("norm", (some(3, 4), 1, -1, True), np.linalg.norm, wrt=(0,)),
    _plain("norm", (some(3, 4), "fro", [0, 1]), lambda x, o, a: np.linalg.norm(x, o), wrt=(0,)),
    _plain("cholesky", (POSITIVE,), np.linalg.cholesky, unknown={}),
    _plain("cholesky", (POSITIVE, True), lambda x, _: np.linalg.cholesky(x).T, unknown={}),
    _plain("det", (np.stack([SQUARE, POSITIVE]),), np.linalg.det, wrt=(0,)),
    _plain("inv", (np.stack([SQUARE, POSITIVE]),), np.linalg.inv, wrt=(0,)),
    _plain("solve", (SQUARE, some(3)), np.linalg.solve, wrt=(0, 1), unknown={}),
    _plain("solve", (SQUARE, some(3, 2)), np.linalg.solve, wrt=(0, 1), unknown={1: (1,)}),
    _plain("trace", (some(3, 3, 2),), np.trace, wrt=(0,), unknown={0: (2,)}),
]  # fmt: skip


# ---------------------------------------------------------------- activations

S1, S2 = 1.6732632423543772, 1.0507009873554805
ACTIVATION = [
    _unary("relu", lambda x: np.maximum(x, 0))._replace(whole="int32"),
    _plain("relu", (_between(-3, 8, 3, 4), 0.1, 6.0, 0.5), lambda x, a, top, t: np.where(
        x >= top, top, np.where(x > t, x, a * (x - t))), wrt=(0,)),
    _unary("relu6", lambda x: np.clip(x, 0, 6), -3, 9),
    _unary("leaky_relu", lambda x: np.where(x > 0, x, 0.2 * x)),
    _unary("hard_sigmoid", lambda x: np.clip(x / 6 + 0.5, 0, 1), -5, 5),
    _unary("hard_silu", lambda x: x * np.clip(x / 6 + 0.5, 0, 1), -5, 5),
    _unary("hard_swish", lambda x: x * np.clip(x / 6 + 0.5, 0, 1), -5, 5),
    _unary("hard_tanh", lambda x: np.clip(x, -1, 1)),
    _unary("hard_shrink", lambda x: np.where(np.abs(x) > 0.5, x, 0)),
    _unary("soft_shrink", lambda x: np.sign(x) * np.maximum(np.abs(x) - 0.5, 0)),
    _unary("sparse_sigmoid", lambda x: np.clip((x + 1) / 2, 0, 1)),
    _unary("sparse_plus", lambda x: np.where(x >= 1, x, np.where(x > -1, (x + 1) ** 2 / 4, 0))),
    _plain("threshold", (_between(-2, 2, 3, 4), 0.5, -3.0),
           lambda x, t, v: np.where(x > t, x, v), wrt=(0,)),
    _unary("sigmoid", _sigmoid),
    _unary("log_sigmoid", lambda x: np.log(_sigmoid(x))),
    _unary("tanh_shrink", lambda x: x - np.tanh(x)),
    _unary("softplus", lambda x: np.log(1 + np.exp(x))),
    _unary("softsign", lambda x: x / (1 + np.abs(x))),
    _unary("silu", lambda x: x * _sigmoid(x)),
    _unary("swish", lambda x: x * _sigmoid(x)),
    _unary("mish", lambda x: x * np.tanh(np.log(1 + np.exp(x)))),
    _unary("gelu", _gelu),
    _plain("gelu", (some(3, 4), False), _gelu, wrt=(0,)),
    _unary("elu", lambda x: np.where(x > 0, x, np.exp(x) - 1)),
    _unary("celu", lambda x: np.where(x > 0, x, np.exp(x) - 1)),
    _plain("celu", (some(3, 4), 0.5), lambda x, a: np.where(x > 0, x, a * (np.exp(x / a) - 1)),
           wrt=(0,)),
    _unary("selu", lambda x: S2 * np.where(x > 0, x, S1 * (np.exp(x) - 1))),
    _unary("squareplus", lambda x: (x + np.sqrt(x**2 + 4)) / 2),
    _unary("exponential", np.exp),
    _unary("softmax", _softmax)._replace(unknown={0: (0,)}),
    _plain("softmax", (some(3, 4), 0), _softmax, wrt=(0,), unknown={0: (1,)}),
    _unary("log_softmax", lambda x: np.log(_softmax(x)))._replace(unknown={0: (0,)}),
    _plain("sparsemax", (some(3, 4),), _sparsemax, wrt=(0,)),
    _plain("glu", (some(3, 4),), lambda x: x[:, :2] * _sigmoid(x[:, 2:]), wrt=(0,)),
]  # fmt: skip

# Ops of a whole list: their first argument is a list of arrays.
LISTS = [
    Row("concatenate", ([some(3, 4), some(2, 4)],), np.concatenate, whole="int32"),
    Row("concatenate", ([some(3, 4), some(3, 1)],), np.concatenate, {"axis": -1}),
    Row("stack", ([some(3, 4), some(3, 4)],), np.stack, whole="int32"),
    Row("stack", ([some(3, 4), some(3, 4)],), np.stack, {"axis": -1}),
]

ROWS = MATH + ARRAY + NN + LINALG + ACTIVATION
