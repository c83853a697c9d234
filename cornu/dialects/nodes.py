"""Graphs by the names that Keras 1 and 2 gave their parts: nodes of layers, history of tensors."""

import weakref
from collections.abc import Sequence
from typing import Any

from cornu import graph
from cornu.dialects.patches import Patch, Unset
from cornu.graph import Node, Tensor
from cornu.layers import Layer
from cornu.layers.signature import call_signature
from cornu.models import Model

__all__ = ["PATCHES", "NodeView", "uses_phase"]

_readers: "weakref.WeakKeyDictionary[Layer, list[weakref.ref[Node]]]" = weakref.WeakKeyDictionary()
"""Layer -> Nodes that read what it gives, noted while old spellings are taken."""


class NodeView:
    """One call of a layer, as old code looks at it.

    Attributes:
        outbound_layer: what was called.
        inbound_layers, node_indices, tensor_indices: for each input the layer that made it, which
            call of that layer, and which of its outputs.
        input_tensors, output_tensors, input_shapes, output_shapes: lists.
        input_masks, output_masks: lists of None; masks are found when a model runs.
    """

    def __init__(self, node: Node):
        self.node = node
        self.outbound_layer = node.op
        made = [_maker(t) for t in node.inputs]
        self.inbound_layers = [layer for layer, _, _ in made]
        self.node_indices = [call for _, call, _ in made]
        self.tensor_indices = [index for _, _, index in made]
        self.input_tensors = list(node.inputs) or list(node.outputs)
        self.output_tensors = list(node.outputs)
        self.input_shapes = [t.shape for t in self.input_tensors]
        self.output_shapes = [t.shape for t in self.output_tensors]
        self.input_masks: list[None] = [None] * len(self.input_tensors)
        self.output_masks: list[None] = [None] * len(self.output_tensors)

    def get_config(self) -> dict[str, Any]:
        """Names of the layers, and the places of the inputs."""
        return {
            "outbound_layer": getattr(self.outbound_layer, "name", None),
            "inbound_layers": [getattr(x, "name", None) for x in self.inbound_layers],
            "node_indices": self.node_indices,
            "tensor_indices": self.tensor_indices,
        }

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NodeView) and self.node is other.node

    def __hash__(self) -> int:
        return hash(self.node.number)


def _maker(tensor: Tensor) -> tuple[Any, int, int]:
    """What made a Tensor, by which of its calls, as which output."""
    node = tensor.node
    if node is None:
        return None, 0, 0
    calls = node.op.__dict__.get("_nodes", ()) if isinstance(node.op, Layer) else ()
    place = next((i for i, call in enumerate(calls) if call is node), 0)
    return node.op, place, tensor.index


def note_reader(outputs: Any) -> None:
    """Remember for each layer under a call's inputs that it was read there."""
    made = graph.tensors(outputs)
    node = made[0].node if made else None
    for tensor in node.inputs if node is not None else ():
        if tensor.node is not None and isinstance(tensor.node.op, Layer):
            readers = _readers.setdefault(tensor.node.op, [])
            readers.append(weakref.ref(node))  # pyright: ignore[reportArgumentType]


def _inbound(layer: Any) -> list[NodeView]:
    """The layer's calls."""
    return [NodeView(node) for node in layer.__dict__.get("_nodes", ())]


def _outbound(layer: Any) -> list[NodeView]:
    """Calls that read what the layer gives."""
    found = [ref() for ref in _readers.get(layer, ())]
    return [NodeView(node) for node in found if node is not None]


def _set_outbound(layer: Any, value: Sequence[Any]) -> None:
    """Old code empties the list where it cuts a model; who reads a layer changes nothing here."""
    if not len(value):
        _readers.pop(layer, None)


def _set_inbound(layer: Any, value: Sequence[Any]) -> None:
    """Old code empties the list before it calls a layer anew; models keep their own."""
    if not len(value):
        layer.__dict__["_nodes"] = []


def _history(tensor: Any) -> tuple[Any, int, int]:
    """(layer, call of the layer, output of the call)."""
    if tensor.node is None:
        raise AttributeError("_keras_history")
    return _maker(tensor)


def _set_shape(tensor: Any, shape: Sequence[int | None]) -> None:
    tensor.shape = tuple(shape)


def uses_phase(layer: Any) -> bool:
    """Whether a layer, or one inside, computes otherwise in training."""
    return any(_takes_phase(x) for x in layer.all_layers() if not isinstance(x, Model))


def _takes_phase(layer: Any) -> bool:
    if not call_signature(type(layer).call).training:
        return False
    shares = [layer.__dict__.get(n) for n in ("dropout", "recurrent_dropout", "rate")]
    said = [share for share in shares if share is not None]
    return any(said) if said else True


def _depends_on_phase(tensor: Any) -> bool:
    """Whether a layer under a Tensor computes otherwise in training."""
    seen: set[int] = set()
    todo = [tensor.node]
    while todo:
        node = todo.pop()
        if node is None or node.number in seen:
            continue
        seen.add(node.number)
        if isinstance(node.op, Layer) and uses_phase(node.op):
            return True
        todo += [t.node for t in node.inputs]
    return False


PATCHES: Sequence[Patch] = (
    *(
        Patch(Layer, name, property(_inbound, _set_inbound))
        for name in ("inbound_nodes", "_inbound_nodes")
    ),
    *(
        Patch(Layer, name, property(_outbound, _set_outbound))
        for name in ("outbound_nodes", "_outbound_nodes")
    ),
    Patch(Layer, "uses_learning_phase", Unset("uses_learning_phase", uses_phase)),
    Patch(Tensor, "_keras_history", property(_history)),
    Patch(Tensor, "_keras_shape", property(lambda tensor: tensor.shape, _set_shape)),
    Patch(Tensor, "_uses_learning_phase", property(_depends_on_phase)),
)
