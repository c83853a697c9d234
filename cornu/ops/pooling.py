"""Adaptive pooling as ops: a given number of windows, which cover the input evenly.

Window i of m over n elements goes from floor(i * n / m) to ceil((i + 1) * n / m), so windows may
overlap by one and differ in size by one. Pooling with windows of one size is in `ops.networks`.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy

from cornu import engine, state
from cornu.errors import UsageError, shown
from cornu.graph import op
from cornu.ops.array import as_array, as_float
from cornu.ops.networks import _channels_first, _each

__all__ = ["adaptive_average_pool", "adaptive_max_pool"]


@op
def adaptive_average_pool(
    inputs: Any, output_size: int | Sequence[int], data_format: str | None = None
) -> Any:
    """The mean of every one of `output_size` windows, channel by channel.

    Args:
        inputs: (batch, *space, channels), or (batch, channels, *space) channels-first.
        output_size: how many windows, a number or one for each space axis.
        data_format: "channels_last" or "channels_first"; `settings.image_data_format()` by default.

    Raises:
        UsageError: for sizes below 1, or another number of them than there are space axes.
    """
    return _over_space(_average, as_float(inputs), output_size, data_format)


@op
def adaptive_max_pool(
    inputs: Any, output_size: int | Sequence[int], data_format: str | None = None
) -> Any:
    """The largest element of every one of `output_size` windows.

    Args as in `adaptive_average_pool`.
    """
    return _over_space(_largest, as_array(inputs), output_size, data_format)


def _over_space(
    along: Callable, x: Any, output_size: int | Sequence[int], data_format: str | None
) -> Any:
    first = 2 if _channels_first(data_format) else 1
    rank = x.ndim - 2
    if rank < 1:
        raise UsageError(
            "E-RANK",
            "adaptive pooling needs inputs with batch, space and channels; got shape "
            f"{tuple(x.shape)}.",
        )
    sizes = _each(output_size, rank, "output_size")
    if any(m < 1 for m in sizes):
        raise UsageError("E-WINDOW", f"output_size must be >= 1; got {shown(output_size)}.")
    for axis, m in enumerate(sizes, start=first):
        n, whole = x.shape[axis], x.shape[axis] % m == 0
        if whole:  # windows of one size, side by side
            apart = engine.np.reshape(x, (*x.shape[:axis], m, n // m, *x.shape[axis + 1 :]))
            x = (engine.np.mean if along is _average else engine.np.max)(apart, axis=axis + 1)
        else:
            x = along(x, axis, m)
    return x


@functools.lru_cache(maxsize=256)
def _ends(n: int, m: int) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Where each of `m` windows over `n` elements begins, and the first place behind it."""
    i = numpy.arange(m)
    return i * n // m, -(-(i + 1) * n // m)


def _average(x: Any, axis: int, m: int) -> Any:
    """A product with a matrix (n, m) that holds 1 / size within each window."""
    n = x.shape[axis]
    state.afford(n * m)
    starts, stops = _ends(n, m)
    place = numpy.arange(n)[:, None]
    inside = (place >= starts) & (place < stops)
    shares = engine.array(inside / (stops - starts), str(x.dtype))
    return engine.np.moveaxis(engine.matmul(engine.np.moveaxis(x, axis, -1), shares), -1, axis)


def _largest(x: Any, axis: int, m: int) -> Any:
    """Windows side by side, short ones filled with their last element."""
    state.afford(16 * (x.shape[axis] + m))
    starts, stops = _ends(x.shape[axis], m)
    width = int((stops - starts).max())
    places = numpy.minimum(starts[:, None] + numpy.arange(width), stops[:, None] - 1)
    windows = engine.np.take(x, engine.array(places.astype("int32")), axis)  # (..., m, width, ...)
    return engine.np.max(windows, axis=axis + 1)
