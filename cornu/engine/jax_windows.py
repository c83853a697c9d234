"""Convolution and pooling of the JAX engine: which way is taken.

On a CPU native kernels where they were built and are faster (`native.convolution`,
`native.pooling`), else the form of XLA that is best there; on a GPU what XLA makes of it.
"""

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as np
from jax import lax

from cornu.engine.native import convolution, finish, fused, pooling, products


def _pairs(padding: Any, space: Sequence[int], windows: Sequence[int], steps: Sequence[int]) -> Any:
    """ "SAME", "VALID" or pairs as pairs for each space axis."""
    if isinstance(padding, str):
        padding = lax.padtype_to_pads(space, windows, steps, padding)
    return tuple((int(low), int(high)) for low, high in padding)


def conv(
    x: Any,
    kernel: Any,
    strides: Sequence[int],
    padding: Any,
    dilation: Sequence[int],
    groups: int,
    bias: Any = None,
    relu: bool = False,
) -> Any:
    """Convolution of any rank, channels last, with a bias and relu where asked."""
    x, kernel = np.asarray(x), np.asarray(kernel)
    windows = [d * (k - 1) + 1 for d, k in zip(dilation, kernel.shape, strict=False)]
    pairs = _pairs(padding, x.shape[1:-1], windows, strides)
    how = convolution.How(tuple(strides), pairs, tuple(dilation), groups)
    if _pays_as_product(x, kernel, how):
        return _finished(_product(x, kernel, how), bias, relu)
    if convolution.takes(x, kernel, how):
        if bias is not None and fused.takes(x, kernel, bias):
            return fused.fused(x, kernel, np.asarray(bias), how, relu)
        return _finished(convolution.forward(x, kernel, how), bias, relu)
    if _mixes_channels_only(kernel, how):
        return _finished(_product(x, kernel, how), bias, relu)
    return _finished(convolution.plain(x, kernel, how), bias, relu)


def _finished(y: Any, bias: Any, relu: bool) -> Any:
    """`y` plus bias, and relu, where asked."""
    if bias is not None and relu and finish.finishes(y, bias):
        return finish.finished(y, bias)
    y = y if bias is None else y + bias
    return finish.cut(y, y) if relu else y


def _mixes_channels_only(kernel: Any, how: convolution.How) -> bool:
    """Whether a convolution is better a matrix product: a window of one element, on a CPU.

    Measured with XLA on 2 cores, CPU ms as convolution / as product: (16, 56, 56, 64) to 256
    channels: forward 39 / 41, the gradients of both 417 / 138; 256 to 512 channels, steps of 2:
    34 / 37 and 689 / 114. Products for each element of a larger window, shifted or side by side,
    are no faster than XLA's gradient: 205 and 199 against 185 for (128, 26, 26, 32) to 64, 3x3.
    """
    one = math.prod(kernel.shape[:-2]) == 1 and not any(map(any, how.padding))
    return one and how.groups == 1 and jax.default_backend() == "cpu"


def _pays_as_product(x: Any, kernel: Any, how: convolution.How) -> bool:
    """Whether it is a product that has a kernel, which is faster than oneDNN's convolution.

    Least wall ms of 30 on 2 cores, product / oneDNN, of (8, 28, 28, 128) to 512 channels: forward
    1.60 / 2.65, data 1.99 / 2.53, weights 3.00 / 2.94.
    """
    if not _mixes_channels_only(kernel, how) or max(how.strides) > 1 or x.dtype != kernel.dtype:
        return False
    rows = jax.ShapeDtypeStruct((math.prod(x.shape[:-1]), x.shape[-1]), x.dtype)
    channels, filters = kernel.shape[-2:]
    return products.takes(rows, jax.ShapeDtypeStruct((channels, filters), kernel.dtype))


def _product(x: Any, kernel: Any, how: convolution.How) -> Any:
    if max(how.strides) > 1:
        x = lax.slice(x, (0,) * x.ndim, x.shape, (1, *how.strides, 1))
    return products.matmul(x, kernel.reshape(kernel.shape[-2:]))


def conv_transpose(
    x: Any,
    kernel: Any,
    strides: Sequence[int],
    padding: Sequence[tuple[int, int]],
    dilation: Sequence[int],
    bias: Any = None,
    relu: bool = False,
) -> Any:
    """The adjoint of `conv` with explicit padding, with a bias and relu where asked."""
    x, kernel = np.asarray(x), np.asarray(kernel)
    space, back = [], []
    for n, k, s, d, (low, high) in zip(
        x.shape[1:-1], kernel.shape, strides, dilation, padding, strict=False
    ):
        window = d * (k - 1) + 1
        space.append((n - 1) * s + low + high + 2 - window)
        behind = window - 1 - high  # below zero where there are outputs that nothing reaches
        back.append((window - 1 - low, 0 if -s < behind < 0 else behind))
    how = convolution.How(tuple(strides), tuple(back), tuple(dilation), 1)
    shape = (x.shape[0], *space, kernel.shape[-2])
    made = jax.ShapeDtypeStruct(shape, x.dtype)
    if min(shape) > 0 and convolution.takes(made, kernel, how):
        return _finished(convolution.data(x, kernel, how, shape), bias, relu)
    y = lax.conv_transpose(
        x,
        kernel,
        tuple(strides),
        [(low, high) for low, high in padding],
        rhs_dilation=tuple(dilation),
        dimension_numbers=convolution.channels_last(x.ndim),
        transpose_kernel=True,
    )
    return _finished(y, bias, relu)


def pool(x: Any, mode: str, size: Sequence[int], strides: Sequence[int], padding: str) -> Any:
    """ "max" or "average" over windows of the space axes."""
    x = np.asarray(x)
    pairs = _pairs(padding, x.shape[1:-1], size, strides)
    how = pooling.Windows(tuple(size), tuple(strides), pairs)
    if mode != "max":
        return pooling.mean(x, how)
    return _largest(x, how)


def _largest(x: Any, how: pooling.Windows) -> Any:
    """By comparisons on a CPU; XLA's own gradient on a GPU, and for huge windows."""
    few = math.prod(how.size) <= pooling.MOST
    if few and np.issubdtype(x.dtype, np.floating) and jax.default_backend() == "cpu":
        return pooling.largest(x, how)
    return pooling.plain_largest(x, how, how.over(x.shape))
