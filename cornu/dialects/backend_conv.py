"""Convolution and pooling of `K`, with today's kernels and Theano's.

Today's are (*window, channels, filters) in either data format. A format by its old name "th", and
channels first in a generation before 2.0, say that a kernel is (filters, channels, *window).
Under the backend named "theano" windows are turned round as well, as its convolution does.
"""

import itertools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from cornu import engine, ops
from cornu.dialects.backend_record import recorded, spelt
from cornu.dialects.backend_state import backend, data_format_of
from cornu.dialects.generations import before
from cornu.errors import UsageError, shown

__all__ = [
    "atrous_conv2d",
    "conv1d",
    "conv2d",
    "conv2d_transpose",
    "conv3d",
    "conv3d_transpose",
    "deconv2d",
    "depthwise_conv2d",
    "local_conv1d",
    "local_conv2d",
    "maxpool2d",
    "pool2d",
    "pool3d",
    "separable_conv1d",
    "separable_conv2d",
]


class Layout(NamedTuple):
    """Where channels are in the data, and how kernels are written."""

    data_format: str
    old_kernels: bool = False
    turned: bool = False


def layout(data_format: Any, spatial: bool = True) -> Layout:
    """What a data format means, in the generation in force."""
    if data_format in (None, "default") and spatial and before("1.0"):
        data_format = "th"
    found = data_format_of(data_format)
    first = found == "channels_first"
    old = spatial and first and (data_format == "th" or before("2.0"))
    return Layout(found, old, backend() == "theano")


def _today(kernel: Any, how: Layout) -> Any:
    """(*window, channels, filters) of a kernel."""
    kernel = ops.convert_to_tensor(kernel)
    if how.old_kernels:
        kernel = ops.transpose(kernel, (*range(2, kernel.ndim), 1, 0))
    return ops.flip(kernel, tuple(range(kernel.ndim - 2))) if how.turned else kernel


# ---------------------------------------------------------------- convolution


@recorded
def _conv(x: Any, kernel: Any, strides: Any, padding: str, how: Any, dilation_rate: Any) -> Any:
    how = Layout(*how)
    return ops.conv(x, _today(kernel, how), strides, padding, how.data_format, dilation_rate)


@spelt
def conv1d(
    x: Any,
    kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: Any = None,
    dilation_rate: Any = 1,
) -> Any:
    """Convolution over time; `kernel` (window, channels, filters), padding also "causal"."""
    return _conv(x, kernel, strides, padding, layout(data_format, False), dilation_rate)


@spelt
def conv2d(
    x: Any,
    kernel: Any,
    strides: Any = (1, 1),
    padding: str = "valid",
    data_format: Any = None,
    dilation_rate: Any = (1, 1),
) -> Any:
    """Convolution over images; `kernel` (rows, columns, channels, filters).

    With `data_format="th"` (`dim_ordering` of 1.x) it is (filters, channels, rows, columns).
    """
    return _conv(x, kernel, strides, padding, layout(data_format), dilation_rate)


@spelt
def atrous_conv2d(
    x: Any, kernel: Any, rate: Any = 1, padding: str = "valid", data_format: Any = None
) -> Any:
    """Convolution over images with holes: `conv2d(dilation_rate=rate)`."""
    return conv2d(x, kernel, (1, 1), padding, data_format, rate)


@spelt
def conv3d(
    x: Any,
    kernel: Any,
    strides: Any = (1, 1, 1),
    padding: str = "valid",
    data_format: Any = None,
    dilation_rate: Any = (1, 1, 1),
) -> Any:
    """Convolution over volumes; kernels as in `conv2d`, with one axis more."""
    return _conv(x, kernel, strides, padding, layout(data_format), dilation_rate)


@recorded
def _separable(
    x: Any, depthwise: Any, pointwise: Any, strides: Any, padding: str, how: Any, dilation: Any
) -> Any:
    how = Layout(*how)
    depthwise = _today(depthwise, how)
    if pointwise is None:
        return ops.depthwise_conv(x, depthwise, strides, padding, how.data_format, dilation)
    kernels = (depthwise, _today(pointwise, how))
    return ops.separable_conv(x, *kernels, strides, padding, how.data_format, dilation)


@spelt
def separable_conv1d(
    x: Any,
    depthwise_kernel: Any,
    pointwise_kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: Any = None,
    dilation_rate: Any = 1,
) -> Any:
    """Each channel by itself over time, then a mix of channels at each step."""
    kernels, how = (depthwise_kernel, pointwise_kernel), layout(data_format, False)
    return _separable(x, *kernels, _one(strides), padding, how, _one(dilation_rate))


def _one(value: Any) -> Any:
    return value[0] if isinstance(value, (list, tuple)) else value


@spelt
def separable_conv2d(
    x: Any,
    depthwise_kernel: Any,
    pointwise_kernel: Any,
    strides: Any = (1, 1),
    padding: str = "valid",
    data_format: Any = None,
    dilation_rate: Any = (1, 1),
) -> Any:
    """Each channel by itself over images, then a mix of channels at each place."""
    kernels, how = (depthwise_kernel, pointwise_kernel), layout(data_format)
    return _separable(x, *kernels, strides, padding, how, dilation_rate)


@spelt
def depthwise_conv2d(
    x: Any,
    depthwise_kernel: Any,
    strides: Any = (1, 1),
    padding: str = "valid",
    data_format: Any = None,
    dilation_rate: Any = (1, 1),
) -> Any:
    """Each channel by itself over images; `depthwise_kernel` (rows, columns, channels, times)."""
    how = layout(data_format)
    return _separable(x, depthwise_kernel, None, strides, padding, how, dilation_rate)


# ---------------------------------------------------------------- transposed


def _margin(size: int, window: int, stride: int, wanted: int | None, padding: str) -> tuple:
    """Zeros before and after the spread-out input, so that `wanted` comes out."""
    if padding not in ("valid", "same"):
        raise UsageError("E-PADDING", f'padding must be "valid" or "same"; got {shown(padding)}.')
    same = padding == "same"
    if wanted is None:
        wanted = size * stride if same else (size - 1) * stride + max(window, stride)
    fitting = -(-wanted // stride) if same else (wanted - window) // stride + 1
    if fitting != size:
        raise UsageError(
            "E-WINDOW",
            f'an axis of {size} cannot come from one of {wanted} with padding="{padding}", window '
            f"{window} and stride {stride}: output_shape must say a size that gives {size}.",
        )
    missing = max((size - 1) * stride + window - wanted, 0) if same else 0
    before_it = window - 1 - missing // 2
    return before_it, wanted - (size - 1) * stride - 2 + window - before_it


@recorded(sizes=("output_shape",))
def _transposed(
    x: Any, kernel: Any, output_shape: Any, strides: Any, padding: str, how: Any, dilation: Any
) -> Any:
    """`kernel`: (*window, filters, channels)."""
    how = Layout(*how)
    x, kernel = ops.convert_to_tensor(x), ops.convert_to_tensor(kernel)
    first, rank = how.data_format == "channels_first", kernel.ndim - 2
    if how.turned:
        kernel = ops.flip(kernel, tuple(range(rank)))
    x = ops.moveaxis(x, 1, -1) if first else x
    strides, dilation = (tuple(np.broadcast_to(v, rank).tolist()) for v in (strides, dilation))
    given = list(output_shape or [None] * (rank + 2))
    space = given[2:] if first else given[1:-1]
    margins = [
        _margin(n, d * (k - 1) + 1, s, None if size is None else int(size), padding)
        for n, k, d, s, size in zip(
            x.shape[1:-1], kernel.shape[:rank], dilation, strides, space, strict=True
        )
    ]
    y = engine.conv_transpose(x, ops.cast(kernel, x.dtype), strides, margins, dilation)
    return ops.moveaxis(y, -1, 1) if first else y


@spelt
def conv2d_transpose(
    x: Any,
    kernel: Any,
    output_shape: Any,
    strides: Any = (1, 1),
    padding: str = "valid",
    data_format: Any = None,
    dilation_rate: Any = (1, 1),
) -> Any:
    """The adjoint of `conv2d`, of shape `output_shape`.

    `kernel`: (rows, columns, filters, channels). Sizes of `output_shape` may be None for the
    smallest that is possible. Raises UsageError where a size cannot come out.
    """
    how = Layout(data_format_of(data_format), turned=backend() == "theano")
    return _transposed(x, kernel, output_shape, strides, padding, how, dilation_rate)


@spelt
def conv3d_transpose(
    x: Any,
    kernel: Any,
    output_shape: Any,
    strides: Any = (1, 1, 1),
    padding: str = "valid",
    data_format: Any = None,
) -> Any:
    """The adjoint of `conv3d`; as `conv2d_transpose`."""
    how = Layout(data_format_of(data_format), turned=backend() == "theano")
    return _transposed(x, kernel, output_shape, strides, padding, how, 1)


@recorded
def _swapped(kernel: Any, old: bool) -> Any:
    """(*window, filters, channels) from the kernels of `deconv2d`."""
    kernel = ops.transpose(kernel, (2, 3, 1, 0)) if old else ops.convert_to_tensor(kernel)
    return ops.swapaxes(kernel, -1, -2)


@spelt
def deconv2d(
    x: Any,
    kernel: Any,
    output_shape: Any,
    strides: Any = (1, 1),
    padding: str = "valid",
    data_format: Any = None,
) -> Any:
    """The name of `conv2d_transpose` in 1.x; `kernel` is laid out as for `conv2d` there.

    That is (rows, columns, channels, filters), or (filters, channels, rows, columns) with "th".
    """
    how = layout(data_format)
    kernel = _swapped(kernel, how.old_kernels)
    return conv2d_transpose(x, kernel, output_shape, strides, padding, how.data_format)


# ---------------------------------------------------------------- pooling


@recorded
def _pooled(x: Any, size: Any, strides: Any, padding: str, data_format: str, mode: str) -> Any:
    pools = {"max": ops.max_pool, "avg": ops.average_pool}
    if mode not in pools:
        raise UsageError("E-CHOICE", f'pool_mode must be "max" or "avg"; got {shown(mode)}.')
    return pools[mode](x, size, strides, padding, data_format)


@spelt
def pool2d(
    x: Any,
    pool_size: Any,
    strides: Any = (1, 1),
    padding: str = "valid",
    data_format: Any = None,
    pool_mode: str = "max",
) -> Any:
    """The largest element, or with "avg" the mean, of each window of images."""
    return _pooled(x, pool_size, strides, padding, layout(data_format).data_format, pool_mode)


@spelt
def maxpool2d(
    x: Any,
    pool_size: Any,
    strides: Any = (1, 1),
    padding: str = "valid",
    data_format: Any = None,
) -> Any:
    """The name of `pool2d` in 0.3.0, for the largest element."""
    return pool2d(x, pool_size, strides, padding, data_format)


@spelt
def pool3d(
    x: Any,
    pool_size: Any,
    strides: Any = (1, 1, 1),
    padding: str = "valid",
    data_format: Any = None,
    pool_mode: str = "max",
) -> Any:
    """The largest element, or with "avg" the mean, of each window of volumes."""
    return _pooled(x, pool_size, strides, padding, layout(data_format).data_format, pool_mode)


# ---------------------------------------------------------------- locally connected


@recorded
def _local(
    x: Any, kernel: Any, window: Sequence[int], strides: Sequence[int], places: Any, first: bool
) -> Any:
    """A product of each window with the kernel of its place.

    `kernel`: (places, elements of a window, filters); channels come first among the elements
    where they do in the data.
    """
    x = ops.convert_to_tensor(x)
    space = x.shape[2:] if first else x.shape[1:-1]
    if places is None:
        places = [(n - k) // s + 1 for n, k, s in zip(space, window, strides, strict=True)]
    lead = (slice(None),) * (2 if first else 1)
    parts = []
    for offsets in itertools.product(*map(range, window)):
        taken = [
            slice(o, o + (m - 1) * s + 1, s)
            for o, m, s in zip(offsets, places, strides, strict=True)
        ]
        parts.append(x[(*lead, *taken)])
    count = math.prod(places)
    if first:  # (batch, channels, window, *places)
        rows = ops.stack(parts, 2).reshape((x.shape[0], -1, count))
        y = engine.np.einsum("bip,pio->bop", rows, kernel)
        return y.reshape((x.shape[0], -1, *places))
    rows = ops.stack(parts, -2).reshape((x.shape[0], count, -1))
    return engine.np.einsum("bpi,pio->bpo", rows, kernel).reshape((x.shape[0], *places, -1))


def local_conv1d(
    inputs: Any, kernel: Any, kernel_size: Any, strides: Any, data_format: Any = None
) -> Any:
    """Convolution over time with a kernel of its own at each step.

    `kernel`: (new time, window * channels, filters).
    """
    first = data_format_of(data_format) == "channels_first"
    return _local(inputs, kernel, (_one(kernel_size),), (_one(strides),), None, first)


def local_conv2d(
    inputs: Any,
    kernel: Any,
    kernel_size: Sequence[int],
    strides: Sequence[int],
    output_shape: Sequence[int],
    data_format: Any = None,
) -> Any:
    """Convolution over images with a kernel of its own at each place.

    `kernel`: (new rows * new columns, elements of a window, filters); `output_shape`: new rows and
    columns.
    """
    first = data_format_of(data_format) == "channels_first"
    return _local(inputs, kernel, kernel_size, strides, output_shape, first)
