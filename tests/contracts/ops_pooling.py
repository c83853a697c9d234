"""Rows of the op contract: adaptive pooling."""

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from contracts.draws import apart, some
from contracts.ops_table import Row


def adaptive(
    reduce: Callable, x: Any, output_size: Any, data_format: str | None = "channels_last"
) -> Any:
    """One window after another: i of m over n is [floor(i n / m), ceil((i + 1) n / m))."""
    if data_format == "channels_first":
        return np.moveaxis(adaptive(reduce, np.moveaxis(x, 1, -1), output_size), -1, 1)
    rank = x.ndim - 2
    sizes = output_size if isinstance(output_size, tuple) else (output_size,) * rank
    y = np.zeros((len(x), *sizes, x.shape[-1]))
    for place in itertools.product(*map(range, sizes)):
        window = tuple(
            slice(math.floor(i * n / m), math.ceil((i + 1) * n / m))
            for i, n, m in zip(place, x.shape[1:-1], sizes, strict=True)
        )
        y[(slice(None), *place)] = reduce(x[(slice(None), *window)], tuple(range(1, rank + 1)))
    return y


def average(x: Any, output_size: Any, data_format: str | None = "channels_last") -> Any:
    return adaptive(np.mean, x, output_size, data_format)


def largest(x: Any, output_size: Any, data_format: str | None = "channels_last") -> Any:
    return adaptive(np.max, x, output_size, data_format)


ROWS: tuple[Row, ...] = (
    Row("adaptive_average_pool", (some(2, 7, 3), 3), average, {}, (0,), {0: (0,)}, whole="float32"),
    Row("adaptive_average_pool", (some(1, 6, 5, 2), (3, 4)), average, {}, (0,), {0: (0, 1, 2)}),
    Row(
        "adaptive_average_pool",
        (some(1, 2, 3, 5), (5, 2)),
        average,
        {"data_format": "channels_first"},
        (0,),
    ),
    Row("adaptive_max_pool", (apart(2, 7, 3), 3), largest, {}, (0,), {0: (0,)}, whole="int32"),
    Row("adaptive_max_pool", (apart(1, 6, 5, 2), (3, 4)), largest, {}, (0,), {0: (0, 1, 2)}),
    Row(
        "adaptive_max_pool",
        (apart(1, 2, 3, 5), (5, 2)),
        largest,
        {"data_format": "channels_first"},
        (0,),
    ),
)
