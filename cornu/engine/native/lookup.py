"""Rows of a table by their numbers, with the table's slope in one pass.

Shapes: table (rows, width), indices (...), result (..., width).
"""

import math
from typing import Any

import jax
import jax.numpy as np
import numpy as host

from cornu.engine import native
from cornu.engine.native.slopes import Form, primitive

BACK = "cornu_lookup_back"
LEAST = 1 << 18  # numbers of a table: of fewer XLA's two passes take no time


def _plain(table: Any, indices: Any) -> Any:
    return np.take(table, indices, axis=0)


def _like(table: Any, indices: Any) -> Any:
    return table.update(shape=(*indices.shape, table.shape[1]), weak_type=False)


def _back(table: Any, indices: Any, dy: Any) -> list:
    if not native.available(BACK):
        return FORM.back(table, indices, dy)
    made = jax.ShapeDtypeStruct(table.shape, table.dtype)
    dy = dy.reshape(math.prod(indices.shape), table.shape[1])
    return [native.call(BACK, made, indices.reshape(-1).astype("int32"), dy)]


FORM = Form(_plain, 1, _like)
lookup_p = primitive("cornu_lookup", FORM, _plain, _back)


def take(x: Any, indices: Any, axis: int | None = None) -> Any:
    """Slices of `x` at `indices` along an axis, by the kernel for what looks like an embedding."""
    x, indices = np.asarray(x), np.asarray(indices)
    if axis == 0 and _serves(x, indices):
        return lookup_p.bind(x, indices)
    return np.take(x, indices, axis)


def _serves(x: Any, indices: Any) -> bool:
    """Whether there is one CPU, a large table of float32, and some rows are asked for.

    The slope of 2,560 rows in a table of 20,000 by 128 takes 0.30 ms on 2 busy cores, and 0.46 by
    XLA, where one thread fills it with zeros and then adds.
    """
    return (
        x.ndim == 2
        and x.dtype == host.float32
        and np.issubdtype(indices.dtype, np.integer)
        and x.size >= LEAST
        and x.shape[0] < 1 << 31
        and indices.size > 0
        and jax.default_backend() == "cpu"
        and jax.device_count() == 1
        and native.available(BACK)
    )
