"""What a graph of layers and ops is made of, by name: for summaries, and for plain forms."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from cornu.graph import Node, Tensor
from cornu.layers import InputLayer, Layer

OPERATORS = {
    "_item": "get_item",
    "abs": "absolute",
    "and_": "logical_and",
    "floordiv": "floor_divide",
    "ge": "greater_equal",
    "gt": "greater",
    "invert": "logical_not",
    "le": "less_equal",
    "lt": "less",
    "mul": "multiply",
    "neg": "negative",
    "or_": "logical_or",
    "pow": "power",
    "sub": "subtract",
    "truediv": "true_divide",
    "xor": "logical_xor",
}
"""Python's operators and `x[i]`, as the ops of the same meaning are called."""


class Call(NamedTuple):
    """An entry of a functional model: a layer or an op, and its Nodes in the model's graph."""

    name: str
    kind: str
    op: Any
    nodes: tuple[Node, ...]


class Wiring:
    """Layers and ops of a graph by name: layers in Keras's order, ops behind what they read.

    Args:
        graph: the `Graph` of a model.

    Attributes:
        calls: the entries.
        places: id of a Tensor -> `[entry, call, output]`.
    """

    def __init__(self, graph: Any):
        starts = [_start(n, t) for n, t in zip(graph.input_names, graph.input_leaves, strict=True)]
        nodes: dict[Any, list[Node]] = {_key(layer_node): [layer_node] for layer_node in starts}
        for node in graph.plan:
            nodes.setdefault(_key(node), []).append(node)
        keys = _ordered(graph, nodes)
        names = _named(keys, nodes)
        self.calls = [
            Call(names[key], _kind(nodes[key][0]), nodes[key][0].op, tuple(nodes[key]))
            for key in keys
        ]
        self.places: dict[int, list] = {}
        for call in self.calls:
            for number, node in enumerate(call.nodes):
                for tensor in node.outputs:
                    self.places[id(tensor)] = [call.name, number, tensor.index]
        for leaf, start in zip(graph.input_leaves, starts, strict=True):
            self.places[id(leaf)] = [names[_key(start)], 0, 0]

    def place(self, tensor: Tensor) -> list:
        """`[entry, call, output]` of a Tensor."""
        return list(self.places[id(tensor)])

    def read_by(self, call: Call) -> list[str]:
        """What an entry reads, as "dense[0][0]"."""
        read = (self.place(t) for node in call.nodes for t in node.inputs)
        return [f"{name}[{number}][{index}]" for name, number, index in read]


def _start(name: str, tensor: Tensor) -> Node:
    """The node of an Input; for a Tensor from the middle of a graph that of a new one."""
    node = tensor.node
    if node is not None and getattr(node.op, "is_placeholder", False):
        return node
    layer = InputLayer(batch_shape=tensor.shape, dtype=tensor.dtype, name=f"{name}_input")
    return layer.output.node


def _key(node: Node) -> Any:
    """Calls of one layer belong together; every op stands for itself."""
    return id(node.op) if isinstance(node.op, Layer) else ("op", node.number)


def _ordered(graph: Any, nodes: Mapping[Any, list[Node]]) -> list:
    """Layers as the graph lists them, new inputs first, ops behind what they read."""
    rank: dict[Any, tuple[int, int]] = {key: (-1, 0) for key in nodes}
    for i, layer in enumerate(graph.layers):
        if id(layer) in nodes:
            rank[id(layer)] = (i, -1)
    for node in graph.plan:
        if not isinstance(node.op, Layer):
            made = [_key(t.node) for t in node.inputs if t.node is not None]
            latest = max((rank[key][0] for key in made if key in rank), default=-1)
            rank[_key(node)] = (latest, node.number)
    return sorted(rank, key=lambda key: rank[key])


def _named(keys: Sequence[Any], nodes: Mapping[Any, list[Node]]) -> dict[Any, str]:
    """Layers' own names; for ops and new inputs names that nobody has."""
    names = {key: nodes[key][0].op.name for key in keys if isinstance(nodes[key][0].op, Layer)}
    taken = set(names.values())
    for key in keys:
        if key not in names:
            base = op_name(nodes[key][0])
            count, name = 0, base
            while name in taken:
                count += 1
                name = f"{base}_{count}"
            taken.add(name)
            names[key] = name
    return names


def op_name(node: Node) -> str:
    """What an op is called in `cornu.ops`, if it is there."""
    name = getattr(node.op, "__name__", node.name)
    return OPERATORS.get(name, name)


def _kind(node: Node) -> str:
    if isinstance(node.op, Layer):
        return type(node.op).__name__
    return "".join(part[:1].upper() + part[1:] for part in op_name(node).split("_"))
