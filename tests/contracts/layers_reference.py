"""What each layer computes, by its formula in float64 NumPy: references of the layer contract."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from contracts.checks import convolve, margins, pooled, spread

Weights = Mapping[str, np.ndarray]


def _each(value: Any, rank: int) -> tuple:
    return tuple(value) if isinstance(value, tuple) else (value,) * rank


def _finish(y: np.ndarray, w: Weights, activation: str | None) -> np.ndarray:
    y = y + w.get("bias", 0.0)
    return {"relu": lambda v: np.maximum(v, 0), "tanh": np.tanh, None: lambda v: v}[activation](y)


def _channels_last(formula: Callable) -> Callable:
    """The formula for channels-last arrays, with the axis of channels moved where asked."""

    @functools.wraps(formula)
    def run(x: np.ndarray, w: Weights, data_format: str = "channels_last", **options: Any) -> Any:
        if data_format == "channels_last":
            return formula(x, w, **options)
        y = formula(np.moveaxis(x, 1, -1), w, **options)
        return np.moveaxis(y, -1, 1) if y.ndim == x.ndim else y

    return run


def dense(x, w, units, activation=None, use_bias=True):
    return _finish(np.einsum("...i,ij->...j", x, w["kernel"]), w, activation)


def _reach(kernel_size, dilation_rate, rank):
    sizes = zip(_each(kernel_size, rank), _each(dilation_rate, rank), strict=True)
    return [d * (k - 1) + 1 for k, d in sizes]


def _plain_conv(x, kernel, strides, padding, dilation, groups):
    rank = x.ndim - 2
    dilation = _each(dilation, rank)
    if padding == "causal":
        padding = [(dilation[0] * (kernel.shape[0] - 1), 0)]
    return convolve(x, kernel, _each(strides, rank), padding, dilation, groups)


@_channels_last
def conv(
    x,
    w,
    filters,
    kernel_size,
    strides=1,
    padding="valid",
    dilation_rate=1,
    groups=1,
    activation=None,
    use_bias=True,
):
    y = _plain_conv(x, w["kernel"], strides, padding, dilation_rate, groups)
    return _finish(y, w, activation)


def _by_channel(x, kernel, strides, padding, dilation):
    """Every channel alone, its outputs side by side."""
    parts = [
        _plain_conv(x[..., c : c + 1], kernel[..., c : c + 1, :], strides, padding, dilation, 1)
        for c in range(x.shape[-1])
    ]
    return np.concatenate(parts, -1)


@_channels_last
def depthwise(
    x,
    w,
    kernel_size,
    strides=1,
    padding="valid",
    depth_multiplier=1,
    dilation_rate=1,
    activation=None,
):
    return _finish(_by_channel(x, w["kernel"], strides, padding, dilation_rate), w, activation)


@_channels_last
def separable(
    x,
    w,
    filters,
    kernel_size,
    strides=1,
    padding="valid",
    dilation_rate=1,
    depth_multiplier=1,
    activation=None,
):
    y = _by_channel(x, w["depthwise_kernel"], strides, padding, dilation_rate)
    mix = w["pointwise_kernel"].reshape(-1, filters)
    return _finish(y @ mix, w, activation)


@_channels_last
def conv_transpose(
    x,
    w,
    filters,
    kernel_size,
    strides=1,
    padding="valid",
    output_padding=None,
    dilation_rate=1,
    activation=None,
):
    """The adjoint of the convolution over the output: sizes as documented, margins as its own."""
    rank = x.ndim - 2
    strides, more = _each(strides, rank), _each(output_padding, rank)
    reach, sizes = _reach(kernel_size, dilation_rate, rank), []
    for n, s, r, p in zip(x.shape[1:-1], strides, reach, more, strict=True):
        if padding == "valid":
            sizes.append((n - 1) * s + (max(r, s) if p is None else r + p))
        else:
            sizes.append(n * s if p is None else (n - 1) * s + r % 2 + p)
    before = [pair[0] for pair in margins(sizes, reach, strides, padding)]
    y = spread(x, w["kernel"], strides, _each(dilation_rate, rank), before, sizes)
    return _finish(y, w, activation)


def pooling(mode: str) -> Callable:
    @_channels_last
    def run(x, w, pool_size=2, strides=None, padding="valid"):
        size = _each(pool_size, x.ndim - 2)
        steps = size if strides is None else _each(strides, x.ndim - 2)
        return pooled(x, mode, size, steps, padding)

    return run


def global_pooling(reduce: Callable) -> Callable:
    def run(x, w, data_format="channels_last", keepdims=False):
        first = 2 if data_format == "channels_first" else 1
        return reduce(x, axis=tuple(range(first, first + x.ndim - 2)), keepdims=keepdims)

    return run


def padded(x, w, padding=None, data_format="channels_last"):
    space = [(p, p) if isinstance(p, int) else p for p in padding]
    middle = [(0, 0), *space] if data_format == "channels_first" else [*space, (0, 0)]
    return np.pad(x, [(0, 0), *middle])


def cropped(x, w, cropping=None, data_format="channels_last"):
    space = [(p, p) if isinstance(p, int) else p for p in cropping]
    where = [np.s_[a : n - b] for (a, b), n in zip(space, x.shape[1:-1], strict=True)]
    return x[(slice(None), *where)]


@_channels_last
def nearest(x, w, size):
    for axis, times in enumerate(_each(size, x.ndim - 2), 1):
        x = np.repeat(x, times, axis)
    return x


@_channels_last
def bilinear(x, w, size, interpolation):
    """Straight lines between the centres of pixels, which lie at 1/2, 3/2 …, flat outside."""
    for axis, times in enumerate(_each(size, 2), 1):
        centres = np.arange(x.shape[axis]) + 0.5
        wanted = (np.arange(x.shape[axis] * times) + 0.5) / times
        x = np.apply_along_axis(
            lambda line, at=wanted, of=centres: np.interp(at, of, line), axis, x
        )
    return x


def _normalized(x, mean, variance, w, shape, epsilon):
    y = (x - mean) / np.sqrt(variance + epsilon)
    if "gamma" in w:
        y = y * w["gamma"].reshape(shape)
    return y + w["beta"].reshape(shape) if "beta" in w else y


def _along(x, axis):
    return [-1 if a == axis % x.ndim else 1 for a in range(x.ndim)]


def batch_norm(x, w, axis=-1, epsilon=1e-3, **_):
    shape = _along(x, axis)
    mean, variance = w["moving_mean"].reshape(shape), w["moving_variance"].reshape(shape)
    return _normalized(x, mean, variance, w, shape, epsilon)


def batch_norm_training(x, w, axis=-1, epsilon=1e-3, **_):
    others = tuple(a for a in range(x.ndim) if a != axis % x.ndim)
    mean, variance = x.mean(others, keepdims=True), x.var(others, keepdims=True)
    return _normalized(x, mean, variance, w, _along(x, axis), epsilon)


def layer_norm(x, w, axis=-1, epsilon=1e-3, **_):
    axes = tuple(a % x.ndim for a in _each(axis, 1))
    mean, variance = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    shape = [x.shape[a] if a in axes else 1 for a in range(x.ndim)]
    return _normalized(x, mean, variance, w, shape, epsilon)


def group_norm(x, w, groups, axis=-1, epsilon=1e-3, **_):
    x = np.moveaxis(x, axis, -1)
    count = x.shape[-1] if groups == -1 else groups
    parts = np.split(x, count, -1)
    others = tuple(range(1, x.ndim))
    y = [
        (p - p.mean(others, keepdims=True)) / np.sqrt(p.var(others, keepdims=True) + epsilon)
        for p in parts
    ]
    y = np.concatenate(y, -1) * w["gamma"] + w["beta"]
    return np.moveaxis(y, -1, axis)


def unit(x, w, axis=-1):
    return x / np.sqrt((x**2).sum(axis, keepdims=True))


def rms(x, w, axis=-1, epsilon=1e-6):
    axes = tuple(a % x.ndim for a in _each(axis, 1))
    shape = [x.shape[a] if a in axes else 1 for a in range(x.ndim)]
    y = x / np.sqrt((x**2).mean(axes, keepdims=True) + epsilon)
    return y * w["scale"].reshape(shape)


def dot(a, b, w, axes, normalize=False):
    left, right = _each(axes, 2)
    left, right = left % a.ndim, right % b.ndim
    if normalize:
        a, b = unit(a, w, left), unit(b, w, right)
    rows = [np.tensordot(p, q, (left - 1, right - 1)) for p, q in zip(a, b, strict=True)]
    y = np.stack(rows)
    return y[:, None] if y.ndim == 1 else y


def of_many(formula: Callable) -> Callable:
    def run(*xs, w, **options):
        return functools.reduce(formula, xs)

    return run


def same(x, w, **_):
    return x


def own_shape(change: Callable) -> Callable:
    """A formula that only moves numbers."""
    return lambda x, w, **options: change(x)


def double(x: Any) -> Any:
    """A function for Lambda."""
    return x * 2
