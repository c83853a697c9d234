"""Rows of the layer contract: activations that are layers."""

from typing import Any

import numpy as np

from contracts.draws import apart, some
from contracts.layers_row import Row, long_time, rows

shared = {"shared_axes": (1,)}
passes = {"mask": "passes"}


def relu(x: Any, w: Any, max_value: Any = None, negative_slope: Any = 0, threshold: Any = 0) -> Any:
    top = np.inf if max_value is None else max_value
    low = negative_slope * (x - threshold)
    return np.where(x >= top, top, np.where(x > threshold, x, low))


def prelu(x: Any, w: Any, **_: Any) -> Any:
    return np.maximum(x, 0) + w["alpha"] * np.minimum(x, 0)


def srelu(x: Any, w: Any, **_: Any) -> Any:
    left, right = w["t_left"], w["t_left"] + np.abs(w["t_right"])
    bent = left + w["a_left"] * (x - left), right + w["a_right"] * (x - right)
    return np.select([x < left, x > right], bent, x)


def softplus(x: Any, w: Any, **_: Any) -> Any:
    return w["alpha"] * np.log(1 + np.exp(w["beta"] * x))


def softmax(x: Any, w: Any, axis: Any = -1) -> Any:
    powers = np.exp(x)
    return powers / powers.sum(axis=axis, keepdims=True)


ROWS: tuple[Row, ...] = (
    *rows(
        "ReLU",
        relu,
        ((some(2, 3, 4),), {}, long_time),
        ((apart(3, 5) - 0.5,), {"max_value": 0.65, "negative_slope": 0.25, "threshold": 0.15}),
        **passes,
    ),
    *rows(
        "LeakyReLU",
        lambda x, w, negative_slope=0.3: np.where(x > 0, x, negative_slope * x),
        ((some(2, 3),), {}),
        ((some(2, 3),), {"negative_slope": 0.1}),
        **passes,
    ),
    *rows(
        "ELU",
        lambda x, w, alpha=1: np.where(x > 0, x, alpha * (np.exp(x) - 1)),
        ((some(2, 3),), {"alpha": 0.5}),
        **passes,
    ),
    *rows(
        "ThresholdedReLU",
        lambda x, w, theta=1: np.where(x > theta, x, 0),
        ((2 * some(3, 4),), {}),
        ((some(3, 4),), {"theta": 0.25}),
        **passes,
    ),
    *rows(
        "Softmax",
        softmax,
        ((some(2, 3, 4),), {}, long_time),
        ((some(2, 3, 4),), {"axis": (1, 2)}),
        **passes,
    ),
    *rows("PReLU", prelu, ((some(4, 3, 2),), {}), ((some(4, 3, 2),), shared, long_time), **passes),
    *rows("SReLU", srelu, ((some(6, 3),), {}), ((some(4, 3, 2),), shared, long_time), **passes),
    *rows(
        "ParametricSoftplus",
        softplus,
        ((some(4, 3),), {}),
        ((some(4, 3, 2),), shared, long_time),
        **passes,
    ),
)
