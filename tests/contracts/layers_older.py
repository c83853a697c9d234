"""Rows of the layer contract: layers of earlier generations."""

import itertools
from typing import Any

import numpy as np

from contracts.checks import margins
from contracts.draws import some
from contracts.layers_row import FIRST, LAST, Row, long_time, rows


def highway(x: Any, w: Any, activation: Any = None, use_bias: bool = True, **_: Any) -> Any:
    gate = 1 / (1 + np.exp(-(x @ w["transform_kernel"] + w.get("transform_bias", 0))))
    made = x @ w["kernel"] + w.get("bias", 0)
    return gate * (np.tanh(made) if activation else made) + (1 - gate) * x


def maxout(x: Any, w: Any, **_: Any) -> Any:
    each = [x @ kernel for kernel in w["kernel"]]
    if "bias" in w:
        each = [y + b for y, b in zip(each, w["bias"], strict=True)]
    return np.max(each, axis=0)


def local(
    x: Any,
    w: Any,
    filters: int,
    kernel_size: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: str = "channels_last",
    activation: Any = None,
    **_: Any,
) -> Any:
    """One place of the output after another, each with its row of the kernel."""
    rank, first = x.ndim - 2, data_format == "channels_first"
    size, step = (v if isinstance(v, tuple) else (v,) * rank for v in (kernel_size, strides))
    around = margins(x.shape[2:] if first else x.shape[1:-1], size, step, padding)
    others = [(0, 0)]
    x = np.pad(x, [*others, *others, *around] if first else [*others, *around, *others])
    space = x.shape[2:] if first else x.shape[1:-1]
    places = [(n - k) // s + 1 for n, k, s in zip(space, size, step, strict=True)]
    y = np.zeros((len(x), filters, *places) if first else (len(x), *places, filters))
    for row, place in enumerate(itertools.product(*map(range, places))):
        seen = tuple(slice(p * s, p * s + k) for p, s, k in zip(place, step, size, strict=True))
        taken = x[(slice(None), slice(None), *seen)] if first else x[(slice(None), *seen)]
        value = taken.reshape(len(x), -1) @ w["kernel"][row]
        y[(slice(None), slice(None), *place) if first else (slice(None), *place)] = value
    y = y + w["bias"].reshape(y.shape[1:]) if "bias" in w else y
    return np.tanh(y) if activation else y


ROWS: tuple[Row, ...] = (
    *rows(
        "Highway",
        highway,
        ((some(3, 4),), {"activation": "tanh"}),
        ((some(2, 3, 2),), {"use_bias": False}, long_time),
        mask="passes",
    ),
    *rows(
        "MaxoutDense",
        maxout,
        ((some(3, 4),), {"units": 2}),
        ((some(2, 3, 4),), {"units": 3, "features": 2, "use_bias": False}, long_time),
        mask="passes",
    ),
    *rows(
        "LocallyConnected1D",
        local,
        ((some(2, 6, 3),), {"filters": 2, "kernel_size": 2, "strides": 2, "activation": "tanh"}),
        (
            (some(2, 5, 2),),
            {"filters": 2, "kernel_size": 3, "padding": "same", "implementation": 2},
        ),
        ((some(2, 3, 5),), {"filters": 2, "kernel_size": 2, **FIRST}),
    ),
    *rows(
        "LocallyConnected2D",
        local,
        ((some(2, 4, 5, 2),), {"filters": 3, "kernel_size": (2, 3), "strides": (2, 1), **LAST}),
        ((some(2, 2, 4, 3),), {"filters": 3, "kernel_size": (3, 2), **FIRST}),
        ((some(1, 3, 3, 2),), {"filters": 2, "kernel_size": 2, "use_bias": False}),
    ),
)
