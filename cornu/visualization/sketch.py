"""What a drawing of a model has: boxes of layers and ops, what is told of each, and arrows.

Every drawing is made of it: Graphviz's text, our own SVG, the zoomable page, the report's graph.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from cornu.errors import UsageError, UsageTypeError, shown
from cornu.layers import Activation, Layer
from cornu.models import Model
from cornu.models.wiring import Call, Wiring

RANKDIRS = ("TB", "LR", "BT", "RL")

FAMILIES = {
    "attention": "attention",
    "attention_heads": "attention",
    "bidirectional": "recurrent",
    "cells": "recurrent",
    "conv": "conv",
    "conv_depthwise": "conv",
    "conv_recurrent": "recurrent",
    "conv_transpose": "conv",
    "activation": "activation",
    "dense": "dense",
    "einsum_dense": "dense",
    "embeddings": "embedding",
    "inputs": "input",
    "local": "conv",
    "merging": "merge",
    "normalization": "norm",
    "pooling": "pool",
    "pooling_adaptive": "pool",
    "preprocessing": "data",
    "recurrent": "recurrent",
    "recurrent_base": "recurrent",
    "regularization": "noise",
    "reshaping": "shape",
}
"""Module of a layer's class -> the family whose colour its box has."""


class Shown(NamedTuple):
    """What a box says besides the class of its layer: `outputs` for shapes of outputs alone."""

    shapes: bool = False
    outputs: bool = False
    dtype: bool = False
    names: bool = True
    activations: bool = False
    trainable: bool = False


class Fact(NamedTuple):
    """A line of a box."""

    label: str
    value: str


class Arrow(NamedTuple):
    """From output `output` of an item to input `input` of an item, by number.

    The inputs of a model that is drawn are told apart; all else is read by input 0.
    """

    start: int
    end: int
    output: int
    input: int


class Item(NamedTuple):
    """A box: a layer or an op with its calls, and the drawing of a model inside."""

    call: Call
    path: str
    inner: "Sketch | None"

    @property
    def family(self) -> str:
        """The family of the layer's class; "op" for what is no layer, "model" for a model."""
        return family(self.call.op)


class Sketch(NamedTuple):
    """A model to be drawn: items, each behind what it reads, and which begin and end it."""

    model: Any
    items: list[Item]
    arrows: list[Arrow]
    inputs: list[int]
    outputs: list[tuple[int, int]]

    def count(self) -> int:
        """Boxes, those of models inside too."""
        return sum(1 if item.inner is None else item.inner.count() for item in self.items)


def checked(model: Any, rankdir: str) -> None:
    """Raise UsageTypeError for what is no Model, UsageError for an unknown direction."""
    if not isinstance(model, Model):
        raise UsageTypeError("E-TYPE", f"a Model is asked for; got {shown(model)}.")
    if rankdir not in RANKDIRS:
        raise UsageError(
            "E-CHOICE", f"rankdir must be one of {', '.join(RANKDIRS)}; got {shown(rankdir)}."
        )


def sketch(model: Model, nested: bool, above: str = "") -> Sketch:
    """The boxes and arrows of a model.

    Args:
        model: any; one of Python code has boxes, and arrows where its layers stand in a row.
        nested: whether models inside have drawings of their own.
        above: the path of the model.
    """
    graph = model._graph
    if graph is None:
        return _without_graph(model, above)
    wiring = Wiring(graph)
    calls = sorted(wiring.calls, key=_birth)
    items: list[Item] = []
    made: dict[int, tuple[int, int]] = {}  # id of a Tensor -> item, which output of it
    numbers = {call.name: i for i, call in enumerate(calls)}
    for leaf in graph.input_leaves:  # one from the middle of another graph is no node's output
        made[id(leaf)] = (numbers[wiring.place(leaf)[0]], 0)
    for i, call in enumerate(calls):
        path = f"{above}{call.name}"
        op = call.op
        opened = nested and isinstance(op, Model) and op._graph is not None
        items.append(Item(call, path, sketch(op, nested, f"{path}/") if opened else None))
        for node in call.nodes:
            made.update((id(t), (i, place)) for place, t in enumerate(node.outputs))
    arrows = [
        Arrow(made[id(t)][0], i, made[id(t)][1], place if items[i].inner is not None else 0)
        for i, call in enumerate(calls)
        for node in call.nodes
        for place, t in enumerate(node.inputs)
        if id(t) in made
    ]
    inputs = [made[id(t)][0] for t in graph.input_leaves]
    outputs = [made[id(t)] for t in graph.output_leaves]
    return Sketch(model, items, list(dict.fromkeys(arrows)), inputs, outputs)


def _birth(call: Call) -> int:
    """Inputs come first, then what is called first."""
    if is_input(call.op):
        return -1
    return min((node.number for node in call.nodes), default=-1)


def is_input(op: Any) -> bool:
    """Whether this is the beginning of a model."""
    return bool(getattr(op, "is_placeholder", False))


def _without_graph(model: Model, above: str) -> Sketch:
    """The layers that are known; those of a Sequential one after another."""
    calls = [Call(layer.name, type(layer).__name__, layer, ()) for layer in model.layers]
    items = [Item(call, f"{above}{call.name}", None) for call in calls]
    in_a_row = type(model).call.__module__.startswith("cornu.")
    arrows = [Arrow(i, i + 1, 0, 0) for i in range(len(items) - 1)] if in_a_row else []
    ends = [(len(items) - 1, 0)] if in_a_row and items else []
    return Sketch(model, items, arrows, [0] if ends else [], ends)


def family(op: Any) -> str:
    """See `Item.family`."""
    if isinstance(op, Model):
        return "model"
    if is_input(op):
        return "input"
    if not isinstance(op, Layer):
        return "op"
    if isinstance(op, Activation):
        return "activation"
    for base in type(op).__mro__:
        parts = base.__module__.split(".")
        if parts[:2] == ["cornu", "layers"] and len(parts) > 2 and parts[2] in FAMILIES:
            return FAMILIES[parts[2]]
    return "layer"


# ---------------------------------------------------------------- what is told of a box


def facts(call: Call, what: Shown) -> list[Fact]:
    """The lines of a box below its head."""
    found = []
    activation = activation_of(call.op)
    if what.activations and activation is not None:
        found.append(Fact("Activation", activation))
    if what.shapes:
        if any(node.inputs for node in call.nodes):
            found.append(Fact("Input shape", shapes(call, "inputs")))
    if what.shapes or what.outputs:
        found.append(Fact("Output shape", shapes(call, "outputs")))
    if what.dtype:
        found.append(Fact("Output dtype", dtypes(call)))
    if what.trainable and isinstance(call.op, Layer) and call.op.weights:
        found.append(Fact("", "Trainable" if call.op.trainable else "Frozen"))
    return found


def activation_of(op: Any) -> str | None:
    """The name of a layer's activation; None where it has none."""
    activation = getattr(op, "activation", None) if isinstance(op, Layer) else None
    if activation is None:
        return None
    return str(getattr(activation, "__name__", None) or getattr(activation, "name", activation))


def shapes(call: Call, which: str) -> str:
    """Shapes of "inputs" or "outputs", each once."""
    return each(str(t.shape) for node in call.nodes for t in getattr(node, which))


def dtypes(call: Call) -> str:
    """Dtypes of the outputs, each once."""
    return each(t.dtype for node in call.nodes for t in node.outputs)


def each(texts: Iterable[str]) -> str:
    """Every text once."""
    return ", ".join(dict.fromkeys(texts)) or "?"
