"""Arrays of layers as Keras 0.3 to 2.3 kept them, as the weights of today's layers.

A row says what became of one class's arrays. Nothing is read here: an array that is still in its
file becomes another such array, whose shape is known.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cornu.dialects.generations import GENERATIONS
from cornu.layers import Layer
from cornu.saving.forms import is_model
from cornu.saving.layered import ordered
from cornu.saving.older import Origin
from cornu.saving.weights import Stored
from cornu.state import Variable

Named = list[tuple[str, Any]]
Rule = Callable[[Any, list[Stored], Origin], list[Stored] | None]
Count = Callable[[Any, Sequence[Stored]], int]


@dataclass(frozen=True)
class Arrays:
    """What the arrays of one class were, up to and including the generation `until`.

    Args:
        name: the class's name today; it stands for those made of it.
        until: the last generation that kept them so.
        rule: function of the layer, its old arrays and where they are from, that gives today's;
            None where they are not what the row is of.
        count: function of the layer and the arrays from its first on, that gives how many are its
            own; as many as today where not given.
    """

    name: str
    until: str
    rule: Rule
    count: Count | None = None


# ---------------------------------------------------------------- arrays that are still in a file


def turned(array: Stored, *axes: int) -> Stored:
    """With its axes in this order."""
    shape = tuple(array.shape[axis] for axis in axes)
    return _read(shape, array.dtype, lambda: array.read().transpose(axes))


def reshaped(array: Stored, shape: Sequence[int]) -> Stored:
    """Read row by row in another shape, of the same size."""
    return _read(tuple(shape), array.dtype, lambda: array.read().reshape(shape))


def joined(arrays: Sequence[Stored]) -> Stored:
    """Side by side along the last axis."""
    first = arrays[0]
    shape = (*first.shape[:-1], sum(array.shape[-1] for array in arrays))
    return _read(shape, first.dtype, lambda: np.concatenate([a.read() for a in arrays], -1))


def mirrored(kernel: Stored) -> Stored:
    """A kernel (*window, in, out) turned around in its window."""
    axes = tuple(range(len(kernel.shape) - 2))
    return _read(kernel.shape, kernel.dtype, lambda: np.flip(kernel.read(), axes))


def computed(array: Stored, function: Callable[[np.ndarray], np.ndarray]) -> Stored:
    """Changed number by number."""
    return _read(array.shape, array.dtype, lambda: function(array.read()).astype(array.dtype))


def _read(shape: tuple[int, ...], dtype: str, make: Callable[[], np.ndarray]) -> Stored:
    """An array made when it is read; it lies in memory row by row then."""
    return Stored(shape, dtype, lambda: np.ascontiguousarray(make()))


# ---------------------------------------------------------------- kernels


def _by_theano(kernel: Stored, origin: Origin) -> Stored:
    """A kernel as a correlation has it: Theano computed true convolutions."""
    return mirrored(kernel) if origin.backend == "theano" else kernel


def _first(layer: Any) -> bool:
    return layer.data_format == "channels_first"


def _outward(kernel: Stored) -> Stored:
    """(out, in, *window) as (*window, in, out)."""
    return turned(kernel, *range(2, len(kernel.shape)), 1, 0)


def convolution_1(layer: Any, arrays: list[Stored], origin: Origin) -> list[Stored]:
    """Kernels of Keras 1: as of `th` images, or (window, 1, in, out) from 1.1 on where 1D."""
    kernel, *rest = arrays
    if layer.rank > 1:
        return [_outward(kernel) if _first(layer) else kernel, *rest]
    if len(kernel.shape) == 4:
        window, _, filters = layer.kernel.shape
        wide = kernel.shape[1] == 1 and kernel.shape[0] == window and kernel.shape[3] == filters
        if not wide:
            kernel = turned(kernel, 2, 3, 1, 0)
        kernel = reshaped(kernel, (kernel.shape[0] * kernel.shape[1], *kernel.shape[2:]))
    return [kernel, *rest]


def deconvolution_1(layer: Any, arrays: list[Stored], origin: Origin) -> list[Stored]:
    """Kernels (out, in, *window) of `th` images, (*window, in, out) of others."""
    kernel, *rest = arrays
    return [turned(kernel, *((2, 3, 0, 1) if _first(layer) else (0, 1, 3, 2))), *rest]


def separable_1(layer: Any, arrays: list[Stored], origin: Origin) -> list[Stored]:
    """Both kernels as those of a convolution."""
    if not _first(layer):
        return arrays
    return [*map(_outward, arrays[:2]), *arrays[2:]]


def convolution_2(layer: Any, arrays: list[Stored], origin: Origin) -> list[Stored]:
    """Today's kernels, but for what Theano computed with them."""
    return [_by_theano(arrays[0], origin), *arrays[1:]]


def local_1(layer: Any, arrays: list[Stored], origin: Origin) -> list[Stored]:
    """The bias of `th` images was (out, *places), and is read in that order still."""
    kernel, *rest = arrays
    return [kernel, *(reshaped(bias, layer.bias.shape) for bias in rest if _sizes(bias, layer))]


def _sizes(bias: Stored, layer: Any) -> bool:
    return layer.bias is not None and int(np.prod(bias.shape)) == int(np.prod(layer.bias.shape))


# ---------------------------------------------------------------- recurrent layers


def _gates(count: int) -> Count:
    """How many arrays a layer of so many gates had: three for each, or three for all."""

    def of(layer: Any, arrays: Sequence[Stored]) -> int:
        biased = 2 + bool(layer.use_bias)
        whole = bool(arrays) and tuple(arrays[0].shape) == layer.kernel.shape
        return biased if whole else count * 3

    return of


def _apart(arrays: list[Stored], order: Sequence[int]) -> list[Stored]:
    """Arrays W, U, b of each gate, joined to three in this order of gates."""
    if any(array.shape != arrays[i % 3].shape for i, array in enumerate(arrays)):
        return arrays
    return [joined([arrays[3 * gate + kind] for gate in order]) for kind in range(3)]


def lstm_1(layer: Any, arrays: list[Stored], origin: Origin) -> list[Stored]:
    """Twelve arrays of the gates i, c, f, o; three with `consume_less="gpu"`, as today."""
    return _apart(arrays, (0, 2, 1, 3)) if len(arrays) == 12 else arrays


def gru_1(layer: Any, arrays: list[Stored], origin: Origin) -> list[Stored]:
    """Nine arrays of the gates z, r, h; three with `consume_less="gpu"`, as today."""
    return _apart(arrays, (0, 1, 2)) if len(arrays) == 9 else arrays


def conv_lstm_1(layer: Any, arrays: list[Stored], origin: Origin) -> list[Stored]:
    """Twelve arrays as of an LSTM, of which the kernels lie as those of a convolution."""
    if len(arrays) != 12:
        return arrays
    first = len(arrays[0].shape) == 4 and arrays[0].shape[2:] == layer.kernel.shape[:2]
    first = first and arrays[0].shape[1:2] == layer.kernel.shape[2:3]
    if first:
        arrays = [_outward(array) if len(array.shape) == 4 else array for array in arrays]
    return _apart(arrays, (0, 2, 1, 3))


def conv_lstm_2(layer: Any, arrays: list[Stored], origin: Origin) -> list[Stored]:
    """Today's arrays, but for what Theano computed with both kernels."""
    return [*(_by_theano(kernel, origin) for kernel in arrays[:2]), *arrays[2:]]


def _cudnn(gates: int) -> Rule:
    """Arrays of a layer of cuDNN: kernels turned gate by gate, and two biases."""

    def rule(layer: Any, arrays: list[Stored], origin: Origin) -> list[Stored]:
        width = gates * layer.units
        if len(arrays) != 3 or arrays[2].shape != (2 * width,) or not _fits(layer, arrays):
            return arrays
        kernel, recurrent, bias = arrays
        if len(layer.bias.shape) == 2:
            bias = reshaped(bias, (2, width))
        elif gates == 4:
            both = bias
            bias = _read((width,), both.dtype, lambda: both.read().reshape(2, width).sum(0))
        return [_by_gate(kernel, gates, "F"), _by_gate(recurrent, gates, None), bias]

    return rule


def _fits(layer: Any, arrays: Sequence[Stored]) -> bool:
    return all(
        tuple(array.shape) == cell.shape
        for array, cell in zip(arrays[:2], (layer.kernel, layer.recurrent_kernel), strict=True)
    )


def _by_gate(kernel: Stored, gates: int, order: Any) -> Stored:
    """Every gate's part turned; with an order, read again in the shape that it had."""

    def read() -> np.ndarray:
        parts = np.split(kernel.read(), gates, -1)
        shape = parts[0].shape
        made = [part.T if order is None else part.T.reshape(shape, order=order) for part in parts]
        return np.concatenate(made, -1)

    return _read(kernel.shape, kernel.dtype, read)


# ---------------------------------------------------------------- others


def deviations(layer: Any, arrays: list[Stored], origin: Origin) -> list[Stored]:
    """The moving variance, where the file has s, the moving average of `sqrt(variance + epsilon)`.

    Keras divided by s + epsilon. So the variance is (s + epsilon)**2 - epsilon.
    """
    if not has_deviations(origin) or len(arrays) < 2:
        return arrays
    epsilon = layer.epsilon

    def variance(s: np.ndarray) -> np.ndarray:
        return np.maximum((s.astype("float64") + epsilon) ** 2 - epsilon, 0.0)

    return [*arrays[:-1], computed(arrays[-1], variance)]


def has_deviations(origin: Origin) -> bool:
    """Whether this version kept deviations: up to 1.0.5, and 1.0.6 on Theano."""
    parts = origin.version.split("-")[0].split(".")
    if not all(part.isdecimal() for part in parts) or len(parts) < 2:
        return False
    version = [int(part) for part in parts]
    exact = len(version) > 2 and version[:2] == [1, 0]
    last = 6 if origin.backend == "theano" else 5
    return version < [1] or (exact and version[2] <= last)


def highway_1(layer: Any, arrays: list[Stored], origin: Origin) -> list[Stored]:
    """W, b, W_carry, b_carry up to 1.1; from 1.2 on both kernels come first, as today."""
    if len(arrays) == 4 and len(arrays[1].shape) == 1:
        return [arrays[0], arrays[2], arrays[1], arrays[3]]
    return arrays


LSTM_GATES, GRU_GATES = 4, 3

ROWS: Sequence[Arrays] = (
    Arrays("Highway", "1.2", highway_1),
    Arrays("BatchNormalization", "1.0", deviations),
    Arrays("Conv1D", "1.2", convolution_1),
    Arrays("Conv2D", "1.2", convolution_1),
    Arrays("Conv3D", "1.2", convolution_1),
    Arrays("Conv2DTranspose", "1.2", deconvolution_1),
    Arrays("SeparableConv2D", "1.2", separable_1),
    Arrays("LocallyConnected1D", "1.2", local_1),
    Arrays("LocallyConnected2D", "1.2", local_1),
    Arrays("LSTMCell", "1.2", lstm_1, _gates(LSTM_GATES)),
    Arrays("GRUCell", "1.2", gru_1, _gates(GRU_GATES)),
    Arrays("ConvLSTMCell", "1.2", conv_lstm_1, _gates(LSTM_GATES)),
    *(
        Arrays(name, "2.3", convolution_2)
        for name in ("Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose", "Conv3DTranspose")
    ),
    Arrays("ConvLSTMCell", "2.3", conv_lstm_2),
    Arrays("LSTMCell", "2.3", _cudnn(LSTM_GATES)),
    Arrays("GRUCell", "2.3", _cudnn(GRU_GATES)),
)
"""Rows of all times, the oldest first; what an older row gives is read by the later ones."""


def rows_of(layer: Layer, generation: str) -> list[Arrays]:
    """The rows that speak of a layer's arrays in a file of this generation."""
    names = {cls.__name__ for cls in type(layer).__mro__}
    place = GENERATIONS.index
    return [r for r in ROWS if r.name in names and place(generation) <= place(r.until)]


# ---------------------------------------------------------------- a layer with all in it


def modern_weights(layer: Layer, values: Named, origin: Origin, generation: str) -> Named:
    """The arrays of a layer, or of a model, as its weights today: what is trained, then the rest.

    Arrays that are not as many as that generation had are returned as they are: where they are put
    into Variables, it is said what does not fit.
    """
    inside = _in_order(layer) if generation == "0.3" else layer.all_layers()
    leaves = [x for x in dict.fromkeys(inside) if x.own_weights()]
    parts = _likely(leaves, set(layer.trainable_weights), values, generation)
    if parts is None:
        return values
    found: dict[Variable, tuple[str, Any]] = {}
    for leaf, part in zip(leaves, parts, strict=True):
        cells = leaf.own_weights()
        told = _told(leaf, part, origin, generation)
        if told is None or len(told) != len(cells):
            return values
        found.update(zip(cells, told, strict=True))
    return [found[cell] for cell in ordered(layer) if cell in found]


def _in_order(layer: Layer) -> Iterator[Layer]:
    """Everything in a layer, those of a model in the order in which they were called."""
    if not is_model(layer):
        yield from layer.all_layers()
        return
    layers: list[Any] = list(getattr(layer, "layers", ()))
    for one in sorted(layers, key=lambda x: min((node.number for node in x._nodes), default=0)):
        yield from _in_order(one)


AVERAGES = ("moving_", "running_")
"""How names of arrays that nobody trains began."""


def _likely(
    leaves: Sequence[Layer], free: set[Variable], values: Named, generation: str
) -> list[Named] | None:
    """The arrays of each layer that has some; None where they do not come out even.

    What is not trained now may have been when the file was written; and of a model that was frozen
    as a whole, Keras kept the arrays as of one that was not. The names tell.
    """
    always = {cell for leaf in leaves for cell in leaf.own_weights() if cell.trainable}
    found = [_shares(leaves, kind, values, generation) for kind in (free, always)]
    fitting = [parts for parts in found if parts is not None]
    return min(fitting, key=lambda parts: _oddities(leaves, parts), default=None)


def _oddities(leaves: Sequence[Layer], parts: Sequence[Named]) -> int:
    """How many names of moving averages stand where none is, and the other way round."""
    count = 0
    for leaf, part in zip(leaves, parts, strict=True):
        for cell, (name, _) in zip(leaf.own_weights(), part, strict=False):
            said = any(average in name for average in AVERAGES)
            count += said != cell.name.startswith(AVERAGES)
    return count


def _shares(
    leaves: Sequence[Layer], free: set[Variable], values: Named, generation: str
) -> list[Named] | None:
    """The arrays of each layer that has some; None where they do not come out even.

    First comes what is trained in all of them, then the rest; in Keras 0 each had all of its own.
    """
    shares: list[Named] = [[] for _ in leaves]
    place = 0
    rounds: tuple[Any, ...] = ((True, False),) if generation == "0.3" else ((True,), (False,))
    for kinds in rounds:
        for leaf, share in zip(leaves, shares, strict=True):
            cells = [cell for cell in leaf.own_weights() if (cell in free) in kinds]
            count = _count(leaf, cells, values[place:], generation)
            share += values[place : place + count]
            place += count
    return shares if place == len(values) else None


def _count(leaf: Layer, cells: Sequence[Variable], rest: Named, generation: str) -> int:
    """How many of the arrays to come are those of these weights."""
    counts = [row.count for row in rows_of(leaf, generation) if row.count]
    if not counts or not cells:
        return len(cells)
    return counts[0](leaf, [value for _, value in rest[:1]])


def _told(leaf: Layer, part: Named, origin: Origin, generation: str) -> Named | None:
    """One layer's arrays, put right by every row in turn."""
    rows = rows_of(leaf, generation)
    if not rows:
        return part
    names = [name for name, _ in part]
    arrays: list[Stored] | None = [value for _, value in part]
    try:
        for row in rows:
            arrays = row.rule(leaf, arrays, origin) if arrays else arrays
    except (IndexError, ValueError):  # arrays of other numbers of axes than that layer had
        return None
    if arrays is None:
        return None
    if len(arrays) != len(names):
        names = [cell.name for cell in leaf.own_weights()]
    return list(zip(names, arrays, strict=False))
