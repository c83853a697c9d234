"""Values for layers under test: random weights, weights by name, arrays that carry a mask."""

from typing import Any

import numpy as np

from cornu import engine, state
from cornu.layers import Layer
from cornu.state import Variable


def randomize(variables: list[Variable]) -> None:
    """Give every Variable random values, variances positive ones."""
    random = np.random.default_rng(5)
    for v in variables:
        draws = random.normal(size=v.shape)
        positive = "variance" in v.name or "stddev" in v.name
        v.assign((np.abs(draws) + 0.5 if positive else draws).astype("float32"))


def by_name(layer: Layer, values: Any = None) -> dict[str, np.ndarray]:
    """The layer's weights, or other values of them, in float64 by name.

    Layers inside may use a name again: the second "kernel" is "kernel:1".
    """
    values = [v.numpy() for v in layer.weights] if values is None else values
    found: dict[str, np.ndarray] = {}
    for v, x in zip(layer.weights, values, strict=True):
        count = sum(name.partition(":")[0] == v.name for name in found)
        found[f"{v.name}:{count}" if count else v.name] = np.asarray(x, "float64")
    return found


def with_mask(x: np.ndarray) -> tuple[Any, Any]:
    """`x` as an array that carries a mask with every second step, and the mask."""
    array = engine.array(x)
    steps = np.arange(np.prod(x.shape[:-1])).reshape(x.shape[:-1]) % 2 == 0
    mask = engine.array(steps)
    state.set_mask(array, mask)
    return array, mask
