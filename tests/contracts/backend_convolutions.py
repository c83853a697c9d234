"""Rows of `K`: convolutions and pooling."""

import numpy as np

from contracts.backend_row import IMAGES, VOLUMES, Row, some
from contracts.checks import convolve, pooled, spread


def _last(x):
    return np.moveaxis(x, 1, -1)


def _conv(x, kernel, strides=1, padding="valid", dilation_rate=1, first=False, groups=1):
    rank = kernel.ndim - 2
    strides, dilation = (tuple(np.broadcast_to(v, rank)) for v in (strides, dilation_rate))
    if padding == "causal":
        padding = [(dilation[0] * (len(kernel) - 1), 0)]
    y = convolve(_last(x) if first else x, kernel, strides, padding, dilation, groups)
    return np.moveaxis(y, -1, 1) if first else y


def _depthwise(x, kernel, **options):
    *window, channels, times = kernel.shape
    return _conv(x, kernel.reshape(*window, 1, channels * times), groups=channels, **options)


def _local(x, kernel, window, strides, places):
    y = np.zeros((len(x), *places, kernel.shape[-1]))
    for number, place in enumerate(np.ndindex(*places)):
        at = tuple(slice(p * s, p * s + k) for p, s, k in zip(place, strides, window, strict=True))
        y[(slice(None), *place)] = x[(slice(None), *at)].reshape(len(x), -1) @ kernel[number]
    return y


def _local_first(x, kernel, window, strides, places):
    """The elements of a window with their channels first."""
    inner = kernel.reshape(len(kernel), x.shape[1], -1, kernel.shape[-1]).swapaxes(1, 2)
    y = _local(_last(x), inner.reshape(kernel.shape), window, strides, places)
    return np.moveaxis(y, -1, 1)


K1, K2, K3 = some(3, 3, 2), some(3, 2, 3, 2), some(2, 2, 2, 2, 3)
SERIES = some(2, 6, 3)
CONVOLUTIONS = [
    Row("conv1d", _conv, (SERIES, K1), wrt=(0, 1)),
    Row("conv1d", _conv, (SERIES, K1), {"padding": "causal", "dilation_rate": 2}),
    Row("conv2d", _conv, (IMAGES, K2), wrt=(0, 1)),
    Row("conv2d", _conv, (IMAGES, K2), {"strides": (2, 1), "padding": "same"}),
    Row("conv2d", _conv, (IMAGES, K2), {"dilation_rate": (1, 2)}),
    Row(
        "conv2d",
        lambda x, k, data_format: _conv(x, k, first=True),
        (some(2, 3, 5, 4), K2),
        {"data_format": "channels_first"},
        wrt=(0, 1),
    ),
    Row(
        "conv2d",
        lambda x, k, dim_ordering, border_mode, **_: _conv(
            x, k.transpose(2, 3, 1, 0), padding=border_mode, first=True
        ),
        (some(2, 3, 5, 4), some(2, 3, 3, 2)),
        {
            "dim_ordering": "th",
            "border_mode": "same",
            "image_shape": None,
            "filter_shape": (2, 3, 3, 2),
        },
        wrt=(0, 1),
        modern=False,
    ),
    Row(
        "atrous_conv2d",
        lambda x, k, rate: _conv(x, k, dilation_rate=rate),
        (IMAGES, K2),
        {"rate": (1, 2)},
    ),
    Row("conv3d", _conv, (VOLUMES, K3), {"strides": (1, 2, 1)}, wrt=(0, 1)),
    Row("depthwise_conv2d", _depthwise, (IMAGES, some(2, 2, 3, 2)), wrt=(0, 1)),
    Row(
        "separable_conv2d",
        lambda x, k, p: _conv(_depthwise(x, k), p),
        (IMAGES, some(2, 2, 3, 2), some(1, 1, 6, 2)),
        wrt=(0, 1, 2),
    ),
    Row(
        "separable_conv1d",
        lambda x, k, p, strides: _conv(_depthwise(x, k, strides=strides), p),
        (SERIES, some(3, 3, 1), some(1, 3, 4)),
        {"strides": 2},
        wrt=(0, 1, 2),
    ),
    Row(
        "conv2d_transpose",
        lambda x, k, shape, strides: spread(x, k, strides, (1, 1), (0, 0), shape[1:3]),
        (IMAGES, some(3, 2, 2, 3), (2, 9, 6, 2)),
        {"strides": (2, 1)},
        unknown={},
        wrt=(0, 1),
    ),
    Row(
        "conv2d_transpose",
        lambda x, k, shape, strides, padding: spread(x, k, strides, (1, 1), (0, 0), shape[1:3]),
        (IMAGES, some(3, 2, 2, 3), (None, 8, 5, 2)),
        {"strides": (2, 1), "padding": "same"},
        wrt=(0, 1),
    ),
    Row(
        "deconv2d",
        lambda x, k, shape, strides: spread(
            x, k.swapaxes(2, 3), strides, (1, 1), (0, 0), shape[1:3]
        ),
        (IMAGES, some(3, 2, 3, 2), (None, 9, 6, 2)),
        {"strides": (2, 1)},
    ),
    Row(
        "conv3d_transpose",
        lambda x, k, shape: spread(x, k, (1,) * 3, (1,) * 3, (0,) * 3, shape[1:4]),
        (VOLUMES, some(2, 2, 2, 3, 2), (1, 4, 5, 4, 3)),
        unknown={},
    ),
    Row(
        "local_conv1d",
        lambda x, k, w, s: _local(x, k, w, s, (2,)),
        (SERIES, some(2, 9, 4), (3,), (2,)),
    ),
    Row(
        "local_conv2d",
        lambda x, k, w, s, o: _local(x, k, w, s, o),
        (IMAGES, some(6, 12, 2), (2, 2), (1, 2), (3, 2)),
        wrt=(0, 1),
    ),
    Row(
        "local_conv2d",
        lambda x, k, w, s, o, data_format: _local_first(x, k, w, s, o),
        (some(2, 3, 4, 5), some(6, 12, 2), (2, 2), (1, 2), (3, 2)),
        {"data_format": "channels_first"},
    ),
]


def _pool(x, size, strides=None, padding="valid", pool_mode="max"):
    strides = (1,) * len(size) if strides is None else strides
    return pooled(x, {"avg": "average"}.get(pool_mode, "max"), size, strides, padding)


POOLS = [
    Row("pool2d", _pool, (IMAGES, (2, 2))),
    Row("pool2d", _pool, (IMAGES, (2, 2), (2, 2), "same"), {"pool_mode": "avg"}),
    Row("maxpool2d", _pool, (IMAGES, (2, 3), (2, 1))),
    Row("pool3d", _pool, (VOLUMES, (2, 2, 2)), {"pool_mode": "avg"}),
    Row("bias_add", np.add, (IMAGES, some(3)), wrt=(0, 1)),
    Row("bias_add", np.add, (IMAGES, some(4, 5, 3)), wrt=(0, 1)),
    Row(
        "bias_add",
        lambda x, b, data_format: x + b[:, None, None],
        (IMAGES, some(4)),
        {"data_format": "channels_first"},
    ),
    Row(
        "bias_add",
        lambda x, b, data_format: x + b.reshape(4, 5, 3),
        (IMAGES, some(5, 3, 4)),
        {"data_format": "channels_first"},
    ),
]
