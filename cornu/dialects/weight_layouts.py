"""`get_weights` and `set_weights` in the layout of the generation in force.

Under image order `th` a kernel of Keras 0 and 1 is (filters, channels, rows, columns), and with
Theano as backend it is that of a true convolution. `set_weights` goes by the rows of `weights`, as
files do; here is the way back. Recurrent layers take an array for each gate, or the joined ones,
which is what they give.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from cornu.dialects import generations
from cornu.dialects.backend_state import backend
from cornu.dialects.patches import Patch
from cornu.dialects.paths import VERSIONS
from cornu.dialects.weights import _count, has_deviations, modern_weights, rows_of
from cornu.layers import Layer
from cornu.saving.older import Origin
from cornu.saving.weights import Stored
from cornu.state import Variable

__all__ = ["PATCHES"]

Arrays = list[np.ndarray]

# ---------------------------------------------------------------- today's arrays as of then


def _inward(kernel: np.ndarray) -> np.ndarray:
    """(*window, in, out) as (out, in, *window)."""
    return np.transpose(kernel, (kernel.ndim - 1, kernel.ndim - 2, *range(kernel.ndim - 2)))


def _mirrored(kernel: np.ndarray) -> np.ndarray:
    return np.flip(kernel, tuple(range(kernel.ndim - 2)))


def _first(layer: Any) -> bool:
    return layer.data_format == "channels_first"


def _convolution(layer: Any, arrays: Arrays, origin: Origin) -> Arrays:
    kernel, *rest = arrays
    kernel = _mirrored(kernel) if origin.backend == "theano" else kernel
    if not generations.before("2.0"):
        return [kernel, *rest]
    if layer.rank > 1:
        return [_inward(kernel) if _first(layer) else kernel, *rest]
    if generations.before("1.2"):
        return [np.transpose(kernel, (2, 1, 0))[..., None], *rest]  # (filters, in, window, 1)
    return [kernel[:, None], *rest]  # (window, 1, in, filters)


def _transposed(layer: Any, arrays: Arrays, origin: Origin) -> Arrays:
    kernel, *rest = arrays  # (*window, out, in)
    kernel = _mirrored(kernel) if origin.backend == "theano" else kernel
    if not generations.before("2.0") or kernel.ndim != 4:
        return [kernel, *rest]
    return [np.transpose(kernel, (2, 3, 0, 1) if _first(layer) else (0, 1, 3, 2)), *rest]


def _separable(layer: Any, arrays: Arrays, origin: Origin) -> Arrays:
    if not generations.before("2.0") or not _first(layer):
        return arrays
    return [*map(_inward, arrays[:2]), *arrays[2:]]


def _recurrent(layer: Any, arrays: Arrays, origin: Origin) -> Arrays:
    theano = origin.backend == "theano"
    return [*(_mirrored(k) if theano else k for k in arrays[:2]), *arrays[2:]]


def _normalization(layer: Any, arrays: Arrays, origin: Origin) -> Arrays:
    """With s in place of the variance: `(s + epsilon)**2 - epsilon` is the variance."""
    if not has_deviations(origin) or len(arrays) < 2:
        return arrays
    variance = arrays[-1].astype("float64")
    s = np.sqrt(variance + layer.epsilon) - layer.epsilon
    return [*arrays[:-1], s.astype(arrays[-1].dtype)]


THEN: Mapping[str, Callable[[Any, Arrays, Origin], Arrays]] = {
    "BatchNormalization": _normalization,
    "Conv1D": _convolution,
    "Conv2D": _convolution,
    "Conv2DTranspose": _transposed,
    "Conv3D": _convolution,
    "Conv3DTranspose": _transposed,
    "ConvLSTMCell": _recurrent,
    "SeparableConv2D": _separable,
}
"""Class -> today's arrays as its generation had them."""


# ---------------------------------------------------------------- of layers and models


def _origin(generation: str) -> Origin:
    return Origin(VERSIONS[generation], backend())


def _leaves(layer: Layer) -> list[Layer]:
    return [x for x in layer.all_layers() if x.own_weights()]


def get_weights(layer: Any) -> Arrays:
    """Values of all weights, laid out as in the generation in force."""
    generation = generations.current()
    arrays = GET(layer)
    if generation == "3":
        return arrays
    by_cell = dict(zip(layer.weights, arrays, strict=True))
    for leaf in _leaves(layer):
        names = (cls.__name__ for cls in type(leaf).__mro__)
        rule = next((THEN[name] for name in names if name in THEN), None)
        if rule is not None:
            cells = leaf.own_weights()
            told = rule(leaf, [by_cell[cell] for cell in cells], _origin(generation))
            by_cell.update(zip(cells, map(np.ascontiguousarray, told), strict=True))
    return [by_cell[cell] for cell in layer.weights]


def set_weights(layer: Any, weights: Sequence[Any]) -> None:
    """Set all weights, laid out as in the generation in force."""
    generation = generations.current()
    SET(layer, weights if generation == "3" else _modern(layer, list(weights), generation))


def _modern(layer: Any, weights: list, generation: str) -> list:
    """The weights as of today; as they are where they do not come out even, for `SET` to say it."""
    rest = [("", _stored(array)) for array in weights]
    found: dict[Variable, Any] = {}
    for leaf in _leaves(layer):
        cells = leaf.own_weights()
        count = _count(leaf, cells, rest, generation)
        part, rest = rest[:count], rest[count:]
        if rows_of(leaf, generation) and len(part) == count:
            part = modern_weights(leaf, part, _origin(generation), generation)
        if len(part) != len(cells):
            return weights
        found.update(zip(cells, (value.read() for _, value in part), strict=True))
    whole = not rest and found.keys() >= set(layer.weights)
    return [found[cell] for cell in layer.weights] if whole else weights


def _stored(array: Any) -> Stored:
    held = np.asarray(array)
    return Stored(held.shape, str(held.dtype), lambda: held)


GET, SET = Layer.get_weights, Layer.set_weights

PATCHES: Sequence[Patch] = (
    Patch(Layer, "get_weights", get_weights),
    Patch(Layer, "set_weights", set_weights),
)
