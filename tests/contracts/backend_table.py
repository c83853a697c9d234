"""Rows of `K`: the functions that compute, each with its float64 NumPy reference."""

from collections.abc import Callable

import numpy as np

from contracts.backend_convolutions import CONVOLUTIONS, POOLS
from contracts.backend_row import (
    BOTH,
    IMAGES,
    VOLUMES,
    Row,
    X,
    Y,
    Z,
    between,
    chances,
    ints,
    one_hot,
    some,
)
from contracts.ops_ctc import over_all_paths

# ---------------------------------------------------------------- arithmetic


def _entry(name: str, reference: Callable, x: np.ndarray = X, smooth: bool = True) -> Row:
    return Row(name, reference, (x,), wrt=(0,) if smooth else ())


ENTRIES = [
    _entry("abs", np.abs),
    _entry("cos", np.cos),
    _entry("exp", np.exp),
    _entry("log", np.log, between(0.5, 2.0, 2, 3)),
    _entry("round", np.round, np.array([[0.5, 1.5, -2.5], [0.4, 0.6, 1.0]], "float32"), False),
    _entry("sign", np.sign, smooth=False),
    _entry("sin", np.sin),
    _entry("sqrt", np.sqrt, between(0.5, 2.0, 2, 3)),
    _entry("sqrt", lambda x: np.sqrt(np.maximum(x, 0)), np.array([[-1.0, 4.0]], "float32"), False),
    _entry("square", np.square),
    _entry("sigmoid", lambda x: 1 / (1 + np.exp(-x))),
    _entry("softplus", lambda x: np.log1p(np.exp(x))),
    _entry("softsign", lambda x: x / (1 + np.abs(x))),
    _entry("tanh", np.tanh),
    _entry("hard_sigmoid", lambda x: np.clip(0.2 * x + 0.5, 0, 1), 3 * X),
    _entry("elu", lambda x: np.where(x > 0, x, np.exp(x) - 1)),
    _entry("relu", lambda x: np.maximum(x, 0)),
    _entry("identity", lambda x: x),
    _entry("zeros_like", np.zeros_like, smooth=False),
    _entry("ones_like", np.ones_like, smooth=False),
    _entry("print_tensor", lambda x: x, smooth=False),
    Row(
        "relu",
        lambda x, alpha, max_value, threshold: np.where(
            x >= max_value, max_value, np.where(x >= threshold, x, alpha * (x - threshold))
        ),
        (X,),
        {"alpha": 0.1, "max_value": 0.8, "threshold": 0.2},
    ),
    Row("elu", lambda x, alpha: np.where(x > 0, x, alpha * (np.exp(x) - 1)), (X,), {"alpha": 0.3}),
    Row("pow", lambda x, a: x**a, (between(0.5, 2.0, 2, 3), 3)),
    Row("clip", np.clip, (X, -0.5, 0.5)),
    Row("clip", lambda x, a, b: np.full_like(x, 1.0), (X, 1.0, 0.0), wrt=()),
    Row("cast", lambda x, dtype: x.astype(dtype), (4 * X, "int32"), wrt=(), dtype="int32"),
    Row("maximum", np.maximum, (X, Y), unknown={0: (0,), 1: (0,)}, wrt=(0, 1)),
    Row("minimum", np.minimum, (X, Y), unknown={0: (0,), 1: (0,)}, wrt=(0, 1)),
]

_TIED = np.array([[1.0, 2.0, 3.0]], "float32"), np.array([[1.0, 3.0, 2.0]], "float32")
COMPARISONS = [
    Row(name, reference, _TIED, unknown={0: (0,), 1: (0,)}, wrt=(), dtype="bool")
    for name, reference in {
        "equal": np.equal,
        "not_equal": np.not_equal,
        "greater": np.greater,
        "greater_equal": np.greater_equal,
        "less": np.less,
        "less_equal": np.less_equal,
        "lesser": np.less,
        "lesser_equal": np.less_equal,
    }.items()
]


def _logsumexp(x, axis=None, keepdims=False):
    return np.log(np.sum(np.exp(x), axis=axis, keepdims=keepdims))


REDUCTIONS = [
    row
    for name, reference in {
        "max": np.max,
        "min": np.min,
        "mean": np.mean,
        "sum": np.sum,
        "prod": np.prod,
        "std": np.std,
        "var": np.var,
        "logsumexp": _logsumexp,
    }.items()
    for row in (
        Row(name, reference, (Z,)),
        Row(name, reference, (Z,), {"axis": -1, "keepdims": True}),
    )
]
_TRUTHS = np.array([[True, False], [True, True]])
AXES = [
    Row("sum", lambda x, axis: np.sum(x, tuple(axis)), (Z,), {"axis": [1, 2]}),
    Row("mean", lambda x, axis: np.mean(x, axis), (_TRUTHS,), {"axis": 1}, wrt=()),
    Row("any", lambda x, axis: np.any(x, axis), (_TRUTHS,), {"axis": 1}, wrt=(), dtype="bool"),
    Row("all", lambda x, axis: np.all(x, axis), (_TRUTHS,), {"axis": 1}, wrt=(), dtype="bool"),
    Row("argmax", lambda x: np.argmax(x, -1), (Z,), wrt=(), dtype="int32"),
    Row("argmin", lambda x, axis: np.argmin(x, axis), (Z,), {"axis": 1}, wrt=(), dtype="int32"),
    Row("cumsum", lambda x: np.cumsum(x, 0), (X,), unknown={0: (1,)}),
    Row("cumprod", lambda x, axis: np.cumprod(x, axis), (X,), {"axis": 1}),
    Row("softmax", lambda x: np.exp(x) / np.exp(x).sum(-1, keepdims=True), (X,)),
    Row(
        "softmax", lambda x, axis: np.exp(x) / np.exp(x).sum(axis, keepdims=True), (Z,), {"axis": 1}
    ),
    Row("l2_normalize", lambda x: x / np.sqrt(np.sum(x * x)), (X,)),
    Row(
        "l2_normalize",
        lambda x, axis: x / np.sqrt(np.sum(x * x, axis, keepdims=True)),
        (X,),
        {"axis": 1},
    ),
    Row("stop_gradient", lambda x: x, (X,), wrt=()),
]


def _batch_dot(x, y, axes=None):
    """Each sample by itself."""
    a, b = axes if axes is not None else (x.ndim - 1, y.ndim - 1 if y.ndim == 2 else y.ndim - 2)
    z = np.stack([np.tensordot(u, v, (a - 1, b - 1)) for u, v in zip(x, y, strict=True)])
    return z[:, None] if z.ndim == 1 else z


PRODUCTS = [
    Row("dot", np.dot, (X, some(3, 4)), wrt=(0, 1)),
    Row("dot", np.dot, (Z, some(5, 4, 2)), wrt=(0, 1)),
    Row("batch_dot", _batch_dot, (X, Y), unknown=BOTH, wrt=(0, 1)),
    Row("batch_dot", _batch_dot, (Z, some(2, 4, 5)), unknown=BOTH, wrt=(0, 1)),
    Row("batch_dot", _batch_dot, (some(2, 5), some(2, 3, 5), (1, 2)), unknown=BOTH, wrt=(0, 1)),
    Row("batch_dot", _batch_dot, (Z, some(2, 3)), {"axes": (1, 1)}, unknown=BOTH, wrt=(0, 1)),
    Row("batch_dot", _batch_dot, (some(2, 3, 4, 5), some(2, 3, 4, 5), [2, 2]), unknown=BOTH),
    Row("batch_dot", _batch_dot, (some(2, 3, 4, 5), some(2, 6, 5), [3, 2]), unknown=BOTH),
]

# ---------------------------------------------------------------- shapes


def _around(x, pairs, lead=1):
    return np.pad(x, [(0, 0)] * lead + pairs + [(0, 0)] * (x.ndim - lead - len(pairs)))


def _enlarged(x, factors, lead=1):
    for axis, factor in enumerate(factors, lead):
        x = np.repeat(x, factor, axis)
    return x


SHAPES = [
    Row("shape", lambda x: np.array(x.shape), (Z,), unknown={}, wrt=(), dtype="int32"),
    Row("size", lambda x: x.size, (Z,), unknown={}, wrt=(), dtype="int32"),
    Row("reshape", np.reshape, (Z, (-1, 6)), unknown={0: (0,)}),
    Row("flatten", np.ravel, (Z,)),
    Row("batch_flatten", lambda x: x.reshape(len(x), -1), (Z,)),
    Row("expand_dims", lambda x: x[..., None], (X,)),
    Row("expand_dims", lambda x, axis: np.expand_dims(x, axis), (X,), {"axis": 1}),
    Row("squeeze", np.squeeze, (some(2, 1, 3), 1)),
    Row("transpose", np.transpose, (Z,)),
    Row("permute_dimensions", np.transpose, (Z, (0, 2, 1))),
    Row("permute_dimensions", lambda x, p: x.T[:, None], (X, (1, "x", 0)), modern=False),
    Row("repeat", lambda x, n: np.stack([x] * n, 1), (X, 3)),
    Row("repeat_elements", np.repeat, (Z, 2, 1)),
    Row("tile", np.tile, (X, (2, 3))),
    Row("tile", np.tile, (X, 2), modern=False),
    Row("reverse", lambda x, axes: np.flip(x, axes), (Z, 1)),
    Row("reverse", lambda x, axes: np.flip(x, tuple(axes)), (Z, [1, 2])),
    Row("slice", lambda x, start, size: x[:, 1:3, 2:], (Z, [0, 1, 2], [-1, 2, -1])),
    Row("gather", lambda x, i: x[i], (some(5, 3), ints(5, 2, 2)), unknown={1: (0,)}),
    Row("one_hot", lambda i, n: np.eye(n)[i], (ints(4, 3), 4), wrt=()),
    Row("temporal_padding", lambda x: _around(x, [(1, 1)]), (Z,)),
    Row("temporal_padding", lambda x, padding: _around(x, [(2, 0)]), (Z,), {"padding": (2, 0)}),
    Row(
        "temporal_padding",
        lambda x, padding: _around(x, [(2, 2)]),
        (Z,),
        {"padding": 2},
        modern=False,
    ),
    Row("asymmetric_temporal_padding", lambda x, a, b: _around(x, [(a, b)]), (Z, 2, 1)),
    Row("spatial_2d_padding", lambda x: _around(x, [(1, 1)] * 2), (IMAGES,)),
    Row(
        "spatial_2d_padding",
        lambda x, padding, data_format: _around(x, [(1, 0), (2, 3)], 2),
        (IMAGES,),
        {"padding": ((1, 0), (2, 3)), "data_format": "channels_first"},
    ),
    Row(
        "asymmetric_spatial_2d_padding",
        lambda x, a, b, c, d, dim_ordering: _around(x, [(a, b), (c, d)]),
        (IMAGES, 1, 2, 0, 3),
        {"dim_ordering": "tf"},
    ),
    Row("spatial_3d_padding", lambda x: _around(x, [(1, 1)] * 3), (VOLUMES,)),
    Row(
        "resize_images",
        lambda x, a, b, f: _enlarged(x, (a, b)),
        (IMAGES, 2, 3, "channels_last"),
    ),
    Row(
        "resize_images",
        lambda x, a, b, f: _enlarged(x, (a, b), 2),
        (IMAGES, 2, 3, "th"),
        modern=False,
    ),
    Row(
        "resize_volumes",
        lambda x, a, b, c, f: _enlarged(x, (a, b, c)),
        (VOLUMES, 2, 1, 2, "channels_last"),
    ),
]

# ---------------------------------------------------------------- networks


def _normalized(x, mean, var, beta, gamma, axis=-1, epsilon=1e-3):
    shape = [1] * x.ndim
    shape[axis] = -1
    mean, var, beta, gamma = (v.reshape(shape) for v in (mean, var, beta, gamma))
    return (x - mean) / np.sqrt(var + epsilon) * gamma + beta


def _in_training(x, gamma, beta, axes, epsilon=1e-3):
    mean, var = x.mean(tuple(axes)), x.var(tuple(axes))
    return (x - mean) / np.sqrt(var + epsilon) * gamma + beta, mean, var


def _binary(t, p):
    return -t * np.log(p) - (1 - t) * np.log(1 - p)


def _categorical(t, p, axis=-1):
    p = p / p.sum(axis, keepdims=True)
    return -np.sum(t * np.log(p), axis)


def _log_softmax(x):
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


LABELS = ints(3, 2)
STATISTICS = (some(3), between(0.5, 1.5, 3), some(3), some(3))
NETWORKS = [
    Row(
        "binary_crossentropy",
        _binary,
        (between(0, 1, 2, 3), between(0.1, 0.9, 2, 3)),
        unknown=BOTH,
        wrt=(1,),
    ),
    Row(
        "binary_crossentropy",
        lambda t, x, from_logits: _binary(t, 1 / (1 + np.exp(-x))),
        (between(0, 1, 2, 3), X),
        {"from_logits": True},
        unknown=BOTH,
        wrt=(1,),
    ),
    Row(
        "categorical_crossentropy",
        _categorical,
        (one_hot(LABELS, 3), between(0.2, 1.0, 2, 3)),
        unknown=BOTH,
        wrt=(1,),
    ),
    Row(
        "categorical_crossentropy",
        lambda t, x, from_logits: -np.sum(t * _log_softmax(x), -1),
        (one_hot(LABELS, 3), X),
        {"from_logits": True},
        unknown=BOTH,
        wrt=(1,),
    ),
    Row(
        "sparse_categorical_crossentropy",
        lambda t, p: _categorical(np.eye(3)[t.astype(int)], p),
        (LABELS.astype("float32"), chances(2, 3)),
        unknown=BOTH,
        wrt=(1,),
    ),
    Row(
        "sparse_categorical_crossentropy",
        lambda t, p: _categorical(np.eye(3)[t.reshape(2, 4)], p),
        (ints(3, 8), chances(2, 4, 3)),
        unknown={},
        wrt=(1,),
    ),
    Row(
        "in_top_k",
        lambda x, t, k: np.array([t[i] in np.argsort(-x[i])[:k] for i in range(len(t))]),
        (some(4, 5), ints(5, 4), 2),
        unknown=BOTH,
        wrt=(),
        dtype="bool",
    ),
    Row("batch_normalization", _normalized, (IMAGES, *STATISTICS), wrt=(0, 1, 2, 3, 4)),
    Row(
        "batch_normalization",
        _normalized,
        (some(2, 3, 4, 5), *STATISTICS),
        {"axis": 1, "epsilon": 0.1},
        modern=False,
    ),
    Row(
        "batch_normalization",
        lambda x, mean, var, beta, gamma, epsilon: _normalized(
            x, mean, var, beta, gamma, -1, epsilon
        ),
        (X, *STATISTICS, 0.01),
        modern=False,
    ),
    Row(
        "batch_normalization",
        lambda x, mean, std, beta, gamma, epsilon: (x - mean) / (std + epsilon) * gamma + beta,
        (X, STATISTICS[0]),
        {
            "std": STATISTICS[1],
            "beta": STATISTICS[2],
            "gamma": STATISTICS[3],
            "epsilon": 0.01,
        },
        wrt=(),
        modern=False,
    ),
    Row(
        "normalize_batch_in_training",
        _in_training,
        (IMAGES, some(3), some(3), [0, 1, 2]),
        wrt=(0, 1, 2),
    ),
    Row("in_train_phase", lambda x, y: y, (X, Y), unknown=BOTH, wrt=()),
    Row("in_test_phase", lambda x, y: x, (X, Y), unknown=BOTH, wrt=()),
    Row("in_train_phase", lambda x, y, training: x, (X, Y), {"training": 1}, BOTH, (0, 1)),
    Row("switch", lambda c, x, y: np.where(c, x, y), (X > 0, X, Y), unknown={}, wrt=(1, 2)),
    Row(
        "switch",
        lambda c, x, y: np.where(c[:, None], x, y),
        (np.array([True, False]), X, Y),
        unknown={0: (0,), 1: (0,), 2: (0,)},
        wrt=(1, 2),
        modern=False,
    ),
    Row("switch", lambda c, x, y: y, (np.array(False), X, Y), {}, {1: (0,), 2: (0,)}, (1, 2)),
    Row("dropout", lambda x, level: x, (X, 0.0), wrt=()),
    Row("to_dense", lambda x: x, (X,)),
]

# ---------------------------------------------------------------- loops, labels


def _rnn(step, x, states, backwards=False, mask=None, constants=()):
    """Step by step, sample by sample."""
    steps = range(x.shape[1])
    made, last = [], None
    seen = np.ones(x.shape[:2], bool) if mask is None else mask.reshape(x.shape[:2]).astype(bool)
    for t in reversed(steps) if backwards else steps:
        output, new = step(x[:, t], [*states, *constants])
        last = np.zeros_like(output) if last is None else last
        last = np.where(seen[:, t][:, None], output, last)
        states = [np.where(seen[:, t][:, None], n, s) for n, s in zip(new, states, strict=True)]
        made.append(last)
    return last, np.stack(made, 1), list(states)


def _step(x, states):
    h = (x + states[0] * 0.5) * (1.5 if len(states) == 1 else states[1])
    return h, [h]


def recurrent(x, h, go_backwards=False, mask=None, constants=None, unroll=False, masking=None):
    if masking:
        mask = (x != 0).any(-1)
    return _rnn(_step, x, [h], go_backwards, mask, constants or ())


MASK = np.array([[0, 1, 1, 0], [1, 1, 0, 1]], "float32")
STEPS = some(2, 4, 3)
GAPS = STEPS * np.array([[1, 0, 1, 1], [0, 1, 1, 0]], "float32")[..., None]
RECURRENCES = [
    Row("rnn", recurrent, (STEPS, X), unknown=BOTH, wrt=(0, 1)),
    Row("rnn", recurrent, (STEPS, X), {"go_backwards": True}, {0: (0, 1), 1: (0,)}, (0, 1)),
    Row("rnn", recurrent, (STEPS, X), {"mask": MASK}, {}, (0, 1)),
    Row("rnn", recurrent, (STEPS, X), {"mask": MASK[..., None], "unroll": True}, {}, (0, 1)),
    Row("rnn", recurrent, (STEPS, X), {"mask": MASK, "go_backwards": True}, {}, (0, 1)),
    Row("rnn", recurrent, (STEPS, X), {"constants": [some(3)], "unroll": True}, BOTH, (0, 1)),
    Row("rnn", recurrent, (GAPS, X), {"masking": True}, BOTH, (), modern=False),
]
PATHS = chances(2, 4, 3)
LENGTHS = np.array([[4], [3]], "int32"), np.array([[2], [1]], "int32")
CTC = [
    Row(
        "ctc_batch_cost",
        lambda t, p, times, labels: over_all_paths(
            t, np.log(p + 1e-7), labels[:, 0], times[:, 0], -1
        )[:, None],
        (np.array([[0, 1], [1, 0]], "int32"), PATHS, *LENGTHS),
        unknown={i: (0,) for i in range(4)},
        wrt=(1,),
    ),
    Row(
        "ctc_label_dense_to_sparse",
        lambda t, n: np.array([[1, 2, 0], [2, 0, 0]] * (len(t) // 2)),
        (np.array([[1, 2, 1], [2, 2, 2]], "int32"), np.array([2, 1], "int32")),
        unknown=BOTH,
        wrt=(),
        dtype="int32",
        modern=False,
    ),
]

ROWS = [
    *ENTRIES,
    *COMPARISONS,
    *REDUCTIONS,
    *AXES,
    *PRODUCTS,
    *SHAPES,
    *CONVOLUTIONS,
    *POOLS,
    *NETWORKS,
    *RECURRENCES,
    *CTC,
]
