"""What a row of the contract of `K` is, and the numbers that rows are made of."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np


class Row(NamedTuple):
    """One call of a function of `K`.

    Attributes:
        name: of the function.
        reference: the same in NumPy, given float64 arrays and the options.
        args: positional arguments.
        options: keyword arguments.
        unknown: argument -> axes without a known size, for the symbolic call.
        wrt: arguments to differentiate by.
        dtype: of the first result.
        modern: whether what is left of `K` in Keras 3 takes the call too.
    """

    name: str
    reference: Callable
    args: Sequence[Any]
    options: dict[str, Any] = {}
    unknown: dict[int, Sequence[int]] = {0: (0,)}
    wrt: Sequence[int] = (0,)
    dtype: str = "float32"
    modern: bool = True

    @property
    def label(self) -> str:
        return "-".join([self.name, *map(str, self.options)])


_random = np.random.default_rng(42)


def some(*shape: int) -> np.ndarray:
    return _random.normal(size=shape).astype("float32")


def between(low: float, high: float, *shape: int) -> np.ndarray:
    return _random.uniform(low, high, shape).astype("float32")


def ints(high: int, *shape: int) -> np.ndarray:
    return _random.integers(0, high, shape).astype("int32")


def chances(*shape: int) -> np.ndarray:
    x = between(0.2, 1.0, *shape)
    return x / x.sum(-1, keepdims=True)


def one_hot(labels: np.ndarray, classes: int) -> np.ndarray:
    return np.eye(classes, dtype="float32")[labels]


X, Y, Z = some(2, 3), some(2, 3), some(2, 3, 4)
BOTH = {0: (0,), 1: (0,)}
IMAGES, VOLUMES = some(2, 4, 5, 3), some(1, 3, 4, 3, 2)
