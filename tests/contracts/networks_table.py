"""Rows of the op contract for networks: convolution, pooling, norms, losses, activations."""

import math
from typing import Any

import numpy as np

from contracts.checks import convolve, margins, pooled, spread
from contracts.draws import apart, some
from contracts.ops_table import Reference, between, ints, one_hot, plain, unary

# ---------------------------------------------------------------- references


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


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


def _batch_normalized(
    x: np.ndarray, scale: Any, offset: Any, axis: int, epsilon: float = 1e-3
) -> tuple:
    others = tuple(a for a in range(x.ndim) if a != axis % x.ndim)
    mean, variance = x.mean(others), x.var(others)
    y = _batch_normalization(x, mean, variance, axis, offset, scale, epsilon)
    return y, mean, variance


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
    return _crossentropy(one_hot(t, p.shape[axis], axis), p, from_logits, axis)


# ---------------------------------------------------------------- networks

IMAGES, KERNEL = some(2, 6, 5, 4), some(3, 2, 4, 6)
FIRST = {"data_format": "channels_first"}
NN = [
    plain("conv", (IMAGES, KERNEL), _conv, wrt=(0, 1), unknown={0: (0, 1, 2)}),
    plain("conv", (IMAGES, KERNEL), _conv, options={"strides": (2, 1), "padding": "same"},
           wrt=(0, 1), unknown={0: (0, 1)}),
    plain("conv", (some(2, 4, 6, 5), some(3, 2, 2, 6)), _conv,
           options={"padding": "same", "strides": 2, **FIRST}, wrt=(0, 1), unknown={0: (0, 2)}),
    plain("conv", (some(2, 9, 2), some(3, 2, 3)), _conv,
           options={"dilation_rate": 2, "padding": "causal"}, wrt=(0, 1), unknown={0: (0, 1)}),
    plain("conv", (some(1, 4, 4, 3, 2), some(2, 2, 2, 1, 4)), _conv, wrt=(0, 1)),
    plain("depthwise_conv", (some(1, 5, 5, 3), some(2, 3, 3, 2)), _depthwise,
           options={"padding": "same", "dilation_rate": (1, 2)}, wrt=(0, 1)),
    plain("depthwise_conv", (some(2, 3, 7), some(3, 3, 1)), _depthwise,
           options={"strides": 2, **FIRST}, wrt=(0, 1)),
    plain("separable_conv", (some(1, 5, 5, 3), some(2, 3, 3, 2), some(1, 1, 6, 4)), _separable,
           options={"padding": "same", "strides": 2}, wrt=(0, 1, 2), unknown={0: (0, 1)}),
    plain("separable_conv", (some(1, 3, 6), some(2, 3, 2), some(1, 6, 2)), _separable,
           options=FIRST, wrt=(0, 1, 2)),
    *[
        plain("conv_transpose", (some(1, 3, 4, 2), some(*window, 3, 2)), _conv_transpose,
               options={"padding": padding, **more}, wrt=(0, 1), unknown={0: (0, 1)})
        for window, more in (
            ((3, 2), {"strides": 2}),
            ((1, 2), {"strides": 3}),
            ((3, 4), {"strides": (2, 1), "output_padding": 1}),
            ((3, 2), {"dilation_rate": 2}),
        )
        for padding in ("valid", "same")
    ],
    plain("conv_transpose", (some(2, 2, 4), some(3, 1, 2)), _conv_transpose,
           options={"strides": 2, "padding": "same", **FIRST}, wrt=(0, 1)),
    *[
        plain(name, (apart(*shape), size), _pooling(mode), options=options, wrt=(0,), unknown=free)
        for name, mode in (("max_pool", "max"), ("average_pool", "average"))
        for shape, size, options, free in (
            ((2, 5, 6, 2), 2, {}, {0: (0, 1, 2)}),
            ((1, 5, 6, 2), (3, 2), {"strides": (2, 1), "padding": "same"}, {0: (0, 1)}),
            ((2, 3, 7), 3, {"strides": 2, "padding": "same", **FIRST}, {0: (0, 2)}),
        )
    ],
    plain("moments", (some(3, 4, 2), (0, 1)), _moments, wrt=(0,), whole="float32"),
    plain("moments", (some(3, 4), -1, True), _moments, wrt=(0,)),
    plain("moments", (some(3, 4), (0, 1)), _moments, options={
        "mask": np.array([[1.0], [0.0], [1.0]])}, wrt=(0,), unknown={}),
    plain("moments", (some(3, 4), (1,)), _moments, options={
        "mask": np.array([[True], [False], [True]])}, unknown={}),
    plain("batch_normalization", (some(3, 2, 4), some(4), between(0.1, 2, 4), -1),
           _batch_normalization, wrt=(0, 1, 2)),
    plain("batch_normalization",
           (some(3, 2, 4), some(2), between(0.1, 2, 2), 1, some(2), some(2), 1e-2),
           _batch_normalization, wrt=(0, 1, 2, 4, 5)),
    plain("batch_normalized", (some(3, 2, 4), some(4), some(4), -1), _batch_normalized,
           wrt=(0, 1, 2)),
    plain("batch_normalized", (some(3, 2, 4), some(2), some(2), 1, 1e-2), _batch_normalized,
           wrt=(0, 1, 2)),
    plain("normalize", (some(3, 4),), _normalized, wrt=(0,), whole="float32"),
    plain("normalize", (some(3, 4), 0, 3), _normalized, wrt=(0,), unknown={0: (1,)}),
    plain("normalize", (np.zeros((2, 3), "float32"),), lambda x: x),
    plain("multi_hot", (ints([0, 2], [3, 3]), 4), lambda x, n: one_hot(x, n).max(1)),
    plain("multi_hot", (ints(0, 2), 4), lambda x, n: one_hot(x, n).max(0), unknown={}),
    plain("binary_crossentropy", (between(0, 1, 3, 2), between(0, 1, 3, 2)),
           _binary_crossentropy, wrt=(1,), unknown={0: (0,), 1: (0,)}),
    plain("binary_crossentropy", (between(0, 1, 3, 2), some(3, 2), True),
           _binary_crossentropy, wrt=(1,), unknown={0: (0,), 1: (0,)}),
    plain("categorical_crossentropy", (between(0, 1, 3, 4), between(0, 1, 3, 4)),
           _crossentropy, wrt=(1,), unknown={0: (0,), 1: (0,)}),
    plain("categorical_crossentropy", (between(0, 1, 3, 4), some(3, 4), True, 0),
           _crossentropy, wrt=(1,), unknown={0: (1,), 1: (1,)}),
    plain("sparse_categorical_crossentropy", (ints(0, 3, 1), between(0, 1, 3, 4)),
           _sparse_crossentropy, wrt=(1,), unknown={0: (0,), 1: (0,)}),
    plain("sparse_categorical_crossentropy", (ints(0, 3, 1), some(3, 4), True),
           _sparse_crossentropy, wrt=(1,), unknown={0: (0,), 1: (0,)}),
]  # fmt: skip

# ---------------------------------------------------------------- activations

S1, S2 = 1.6732632423543772, 1.0507009873554805
ACTIVATION = [
    unary("relu", lambda x: np.maximum(x, 0))._replace(whole="int32"),
    plain("relu", (between(-3, 8, 3, 4), 0.1, 6.0, 0.5), lambda x, a, top, t: np.where(
        x >= top, top, np.where(x > t, x, a * (x - t))), wrt=(0,)),
    unary("relu6", lambda x: np.clip(x, 0, 6), -3, 9),
    unary("leaky_relu", lambda x: np.where(x > 0, x, 0.2 * x)),
    unary("hard_sigmoid", lambda x: np.clip(x / 6 + 0.5, 0, 1), -5, 5),
    unary("hard_silu", lambda x: x * np.clip(x / 6 + 0.5, 0, 1), -5, 5),
    unary("hard_swish", lambda x: x * np.clip(x / 6 + 0.5, 0, 1), -5, 5),
    unary("hard_tanh", lambda x: np.clip(x, -1, 1)),
    unary("hard_shrink", lambda x: np.where(np.abs(x) > 0.5, x, 0)),
    unary("soft_shrink", lambda x: np.sign(x) * np.maximum(np.abs(x) - 0.5, 0)),
    unary("sparse_sigmoid", lambda x: np.clip((x + 1) / 2, 0, 1)),
    unary("sparse_plus", lambda x: np.where(x >= 1, x, np.where(x > -1, (x + 1) ** 2 / 4, 0))),
    plain("threshold", (between(-2, 2, 3, 4), 0.5, -3.0),
           lambda x, t, v: np.where(x > t, x, v), wrt=(0,)),
    unary("sigmoid", _sigmoid),
    unary("log_sigmoid", lambda x: np.log(_sigmoid(x))),
    unary("tanh_shrink", lambda x: x - np.tanh(x)),
    unary("softplus", lambda x: np.log(1 + np.exp(x))),
    unary("softsign", lambda x: x / (1 + np.abs(x))),
    unary("silu", lambda x: x * _sigmoid(x)),
    unary("swish", lambda x: x * _sigmoid(x)),
    unary("mish", lambda x: x * np.tanh(np.log(1 + np.exp(x)))),
    unary("gelu", _gelu),
    plain("gelu", (some(3, 4), False), _gelu, wrt=(0,)),
    unary("elu", lambda x: np.where(x > 0, x, np.exp(x) - 1)),
    unary("celu", lambda x: np.where(x > 0, x, np.exp(x) - 1)),
    plain("celu", (some(3, 4), 0.5), lambda x, a: np.where(x > 0, x, a * (np.exp(x / a) - 1)),
           wrt=(0,)),
    unary("selu", lambda x: S2 * np.where(x > 0, x, S1 * (np.exp(x) - 1))),
    unary("squareplus", lambda x: (x + np.sqrt(x**2 + 4)) / 2),
    unary("exponential", np.exp),
    unary("softmax", _softmax)._replace(unknown={0: (0,)}),
    plain("softmax", (some(3, 4), 0), _softmax, wrt=(0,), unknown={0: (1,)}),
    unary("log_softmax", lambda x: np.log(_softmax(x)))._replace(unknown={0: (0,)}),
    plain("sparsemax", (some(3, 4),), _sparsemax, wrt=(0,)),
    plain("glu", (some(3, 4),), lambda x: x[:, :2] * _sigmoid(x[:, 2:]), wrt=(0,)),
]  # fmt: skip

ROWS = NN + ACTIVATION
