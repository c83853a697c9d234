"""Rows through a small network without a call of the engine.

A compiled call costs about 10 us before it computes anything, and a row of a small network takes
one. Where a model is a chain of layers that stand in RECIPES, with weights of float32 and little
work, `Shortcut` has them computed by `engine.chain`, and many rows too: a block of them goes
through all layers while it is near. What the model's layers are is looked at once, as it is when a
program is compiled; Variables are looked at in every call, and a new chain is made when their
values are others than before. A row's numbers are the same bits whatever stands beside it. Before a
model's shortcut is taken it must have given the numbers of the compiled program.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from operator import attrgetter, is_
from typing import Any, NamedTuple

import numpy as np

from cornu import activations, engine, layers, ops
from cornu.engine.chain import FLOAT, Chain, Link, available
from cornu.graph import Node, Tensor
from cornu.layers.preprocessing.normalization import SMALLEST
from cornu.state import Variable
from cornu.training.batches import filled, room_for

WORK = 2**18
"""Products in a row, at most: with more the engine's tiles make good for its price."""

CURVE = 16
"""Products that take as long as one value of a function that is made of `exp` and the like."""

FEW = 16
"""Rows of which one call looks at everything itself, at most, and by which a chain is proven."""

TURN = 2**31
"""Products in a call, at most: 0.05 s, in which neither Ctrl-C nor a progress bar is seen."""

ROOM = 2**22
"""Numbers in a call, at most, as those of other dtypes are copied."""

CLOSE = 1e-5
"""What a chain may differ by from the compiled program, as a part of the largest output."""

VALUE = attrgetter("_value")

RELU = {"activation": "relu"}
SELU = (ops.activation.SELU_SCALE * ops.activation.SELU_ALPHA, ops.activation.SELU_SCALE)

ACTIVATIONS: dict[Any, dict[str, Any]] = {
    activations.linear: {},
    activations.relu: {"activation": "relu"},
    activations.relu6: {"activation": "relu", "above": 6.0},
    activations.leaky_relu: {"activation": "relu", "below": 0.2},
    activations.sigmoid: {"activation": "sigmoid"},
    activations.tanh: {"activation": "tanh"},
    activations.softmax: {"activation": "softmax"},
    activations.elu: {"activation": "elu", "below": 1.0, "above": 1.0},
    activations.selu: {"activation": "elu", "below": SELU[0], "above": SELU[1]},
    activations.gelu: {"activation": "gelu"},
    activations.silu: {"activation": "silu"},
    activations.softplus: {"activation": "softplus"},
    activations.exponential: {"activation": "exponential"},
    activations.hard_sigmoid: {"activation": "hard_sigmoid"},
    ops.gelu: {"activation": "gelu by tanh"},
    ops.softmax: {"activation": "softmax"},
}
"""Functions by what they are in a Link."""


class Piece(NamedTuple):
    """A layer: its Variables by name, and the Link that their values make, given by these names."""

    cells: Mapping[str, Variable]
    link: Callable[..., Link]


def _dense(layer: Any, inputs: int) -> Piece | None:
    said = _said(layer.activation)
    if said is None:
        return None
    cells = {"kernel": layer.kernel, "bias": layer.bias}
    return Piece(cells, partial(Link, inputs, layer.units, **said))


def _activation(layer: Any, inputs: int) -> Piece | None:
    said = _said(layer.activation)
    return None if said is None else Piece({}, partial(Link, inputs, inputs, **said))


def _said(activation: Any) -> dict[str, Any] | None:
    return next((said for known, said in ACTIVATIONS.items() if known is activation), None)


def _relu(layer: Any, inputs: int) -> Piece | None:
    most = math.inf if layer.max_value is None else layer.max_value
    sides = {"below": layer.negative_slope, "above": most}
    return None if layer.threshold else Piece({}, partial(Link, inputs, inputs, **RELU, **sides))


def _leaky_relu(layer: Any, inputs: int) -> Piece | None:
    return Piece({}, partial(Link, inputs, inputs, **RELU, below=layer.negative_slope))


def _elu(layer: Any, inputs: int) -> Piece | None:
    return Piece({}, partial(Link, inputs, inputs, activation="elu", below=layer.alpha, above=1.0))


def _softmax(layer: Any, inputs: int) -> Piece | None:
    over_last = layer.axis in (-1, 1)
    return Piece({}, partial(Link, inputs, inputs, activation="softmax")) if over_last else None


def _batch_normalization(layer: Any, inputs: int) -> Piece | None:
    if layer.axis not in (-1, 1):
        return None
    cells = {"mean": layer.moving_mean, "variance": layer.moving_variance}
    cells |= {"gamma": layer.gamma, "beta": layer.beta}
    return Piece(cells, partial(_scaling, inputs, layer.epsilon))


def _scaling(inputs: int, epsilon: float, mean: Any, variance: Any, **learned: Any) -> Link:
    scale = 1 / np.sqrt(variance + np.float32(epsilon)) * learned.get("gamma", 1)
    return Link(inputs, inputs, shift=mean, scale=scale, bias=learned.get("beta", 0.0))


def _normalization(layer: Any, inputs: int) -> Piece | None:
    figures = {"mean": layer.mean, "variance": layer.variance}
    given = {n: np.asarray(v, FLOAT) for n, v in figures.items() if not isinstance(v, Variable)}
    cells = {name: v for name, v in figures.items() if name not in given}
    return Piece(cells, partial(_deviations, inputs, layer.invert, **given))


def _deviations(inputs: int, invert: bool, mean: Any, variance: Any) -> Link:
    deviation = np.maximum(np.sqrt(variance), SMALLEST)
    if invert:
        return Link(inputs, inputs, scale=deviation, bias=mean)
    return Link(inputs, inputs, shift=mean, scale=1 / deviation)


def _rescaling(layer: Any, inputs: int) -> Piece | None:
    if not all(isinstance(v, (int, float)) for v in (layer.scale, layer.offset)):
        return None
    return Piece({}, partial(Link, inputs, inputs, scale=layer.scale, bias=layer.offset))


RECIPES: dict[type, Callable[[Any, int], Piece | None]] = {
    layers.Activation: _activation,
    layers.BatchNormalization: _batch_normalization,
    layers.Dense: _dense,
    layers.ELU: _elu,
    layers.LeakyReLU: _leaky_relu,
    layers.Normalization: _normalization,
    layers.ReLU: _relu,
    layers.Rescaling: _rescaling,
    layers.Softmax: _softmax,
}
"""What a layer is, for (batch, that many numbers); None where a Link cannot say it."""

EVERY_AXIS_ALIKE = (layers.Rescaling,)
"""Layers whose recipe holds for inputs of more axes too."""

STILL = (
    layers.ActivityRegularization,
    layers.AlphaDropout,
    layers.Dropout,
    layers.Flatten,
    layers.GaussianDropout,
    layers.GaussianNoise,
    layers.Identity,
)
"""Layers that, in inference, leave the numbers of a row as they are and where they are."""


def shortcut(model: Any) -> "Shortcut | None":
    """The one for a model, if it can be."""
    graph = model._graph
    if graph is None or not _plain(model) or not available():
        return None
    pieces = _pieces(graph)
    if not pieces:
        return None
    links = [piece.link(**{name: np.float32(0) for name in piece.cells}) for piece in pieces]
    work = sum(map(_work, links))
    return Shortcut(pieces, graph.input_leaves[0].shape[1:], work) if work <= WORK else None


def _work(link: Link) -> int:
    """Products in one row."""
    each = 1 if link.kernel is None else link.inputs
    return link.outputs * (each if link.activation in ("linear", "relu") else each + CURVE)


def _plain(layer: Any) -> bool:
    """Whether a layer or model is called as Cornu has it, and computes in float32."""
    if "call" in vars(layer) or layer.dtype_policy.name != "float32":
        return False
    calls = type(layer).call, type(layer).__call__
    return all(call.__module__.startswith("cornu.") for call in calls)


def _pieces(graph: Any) -> list[Piece] | None:
    """Its layers one after another; None where one has no recipe, or there is a branch."""
    if graph.fed is not graph or len(graph.input_leaves) != 1:
        return None
    at, found = graph.input_leaves[0], []
    if at.dtype != "float32":
        return None
    for node in graph.plan:
        if not _follows(node, at):
            return None
        inside = getattr(node.op, "_graph", None)
        more = _piece(node.op, at.shape) if inside is None else _pieces(inside)
        if more is None:
            return None
        found += more
        (at,) = node.outputs
    return found if at is graph.answers and len(at.shape) == 2 else None


def _follows(node: Node, at: Tensor) -> bool:
    """Whether a Node is a plain call of a layer on the one Tensor before it."""
    said = any(v is not None for v in node.kwargs.values())
    if said or len(node.args) != 1 or node.args[0] is not at or len(node.outputs) != 1:
        return False
    beside = node.closed_over or node.beside
    return not beside and isinstance(node.op, layers.Layer) and _plain(node.op)


def _piece(layer: Any, shape: tuple) -> list[Piece] | None:
    """What a layer is for inputs of that shape, as a list of one or none."""
    if type(layer) in STILL and getattr(layer, "data_format", None) != "channels_first":
        return []
    recipe = RECIPES.get(type(layer))
    if recipe is None or None in shape[1:]:
        return None
    if len(shape) != 2 and type(layer) not in EVERY_AXIS_ALIKE:
        return None
    piece = recipe(layer, math.prod(shape[1:]))
    if piece is None:
        return None
    cells = {name: cell for name, cell in piece.cells.items() if cell is not None}
    known = all(isinstance(c, Variable) and c.dtype == "float32" for c in cells.values())
    return [piece._replace(cells=cells)] if known else None


class Shortcut:
    """The way of rows through the pieces of a model.

    Args:
        pieces: the layers in order.
        shape: of a row.
        work: products in a row.
    """

    def __init__(self, pieces: Sequence[Piece], shape: tuple[int, ...], work: int):
        self._pieces, self._shape, self._inputs = pieces, shape, math.prod(shape)
        self.cells = [cell for piece in pieces for cell in piece.cells.values()]
        self.stretch = max(1, min(TURN // work, ROOM // self._inputs))  # rows in a call
        self.few: Callable[[Any], np.ndarray | None] = _nothing  # of the chain that is known
        self._most = min(FEW, WORK // work)
        self._known: tuple[Chain, list] | None = None  # with the values whose numbers it has
        self._proven, self._refused = False, False

    @property
    def chain(self) -> Chain | None:
        """The one that has the numbers of the values in the cells, if there is one."""
        if self._known is None:
            return None
        chain, values = self._known
        return chain if all(map(is_, map(VALUE, self.cells), values)) else None

    def takes(self, x: Any) -> bool:
        """Whether it is rows of numbers."""
        if self._refused or type(x) is not np.ndarray or x.dtype.kind not in "fiub":
            return False
        return len(x) > 0 and x.size == len(x) * self._inputs

    def renew(
        self, values: list, x: np.ndarray, compiled: Callable[[np.ndarray], Any]
    ) -> Chain | None:
        """The chain for these values of the cells, which are known from now on.

        None where it cannot be compared with the compiled program on rows of `x`, or does not give
        the same.
        """
        arrays = iter(map(engine.numpy, values))
        chain = Chain([p.link(**{name: next(arrays) for name in p.cells}) for p in self._pieces])
        if not self._proven:
            rows = min(len(x), FEW)
            sample = filled(x[:rows], room_for(rows))
            wanted = engine.numpy(compiled(sample))
            self._proven = _same(chain(sample), wanted)
            if not self._proven:
                self._refused = bool(np.isfinite(wanted).any())
                return None
        self._known = chain, values
        self.few = chain.few(self._most, self._shape, list(map(vars, self.cells)), values)
        return chain


def _nothing(x: Any) -> None:
    """What is known of rows before a chain is."""


def _same(found: np.ndarray, wanted: np.ndarray) -> bool:
    """Whether the numbers are the same, rounding apart; False where there are none."""
    finite = np.abs(wanted[np.isfinite(wanted)])
    if not finite.size:
        return False
    return np.allclose(found, wanted, rtol=0, atol=CLOSE * finite.max(), equal_nan=True)
