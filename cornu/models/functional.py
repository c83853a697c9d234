"""A piece of graph between inputs and outputs, as a functional model holds it."""

from collections.abc import Mapping
from typing import Any

from cornu import engine, graph, state, tree
from cornu.errors import UsageError, UsageTypeError, listed, shown
from cornu.graph import Node, Tensor
from cornu.layers import Layer
from cornu.state import Variable


class Graph:
    """What a functional model computes.

    Args:
        inputs: structure of Tensors to feed; they may lie in the middle of a graph.
        outputs: structure of Tensors to compute.

    Raises:
        UsageError: where an output depends on something that is not among the inputs.
    """

    def __init__(self, inputs: Any, outputs: Any):
        self.inputs, self.outputs = inputs, outputs
        self.input_leaves = _checked(inputs, "inputs")
        self.output_leaves = _checked(outputs, "outputs")
        fed = {id(t): _name(t) for t in self.input_leaves}
        self.plan = graph.ancestors(self.output_leaves, fed)
        self.layers = _layers(self.input_leaves, self.output_leaves, self.plan)
        self.input_names = _unique([_name(t) for t in self.input_leaves])
        self.output_names = _named_outputs(outputs, self.output_leaves)
        _check_names(self.layers)

    @property
    def fed(self) -> "Graph":
        """The part that is compiled: all of it."""
        return self

    @property
    def nodes(self) -> list[Node]:
        """All Nodes, those of the inputs first."""
        starts = {t.node.number: t.node for t in self.input_leaves if t.node is not None}
        return [*starts.values(), *(n for n in self.plan if n.number not in starts)]

    @property
    def variables(self) -> list[Variable]:
        """Variables that are read by ops of the graph, and not by a layer."""
        found = [v for node in self.plan for v in _read_by_op(node)]
        if not found:  # no walk through the layers: in a tower of models each level would walk all
            return []
        layered = {v for layer in self.layers for v in layer.variables}
        return [v for v in dict.fromkeys(found) if v not in layered]

    @property
    def answers(self) -> Any:
        """The outputs as a call on arrays gives them: one in a list is given without the list."""
        return self.unpacked(self.outputs)

    def unpacked(self, values: Any) -> Any:
        """Values in the structure of `outputs`, in that of `answers`."""
        outputs = self.outputs
        return values[0] if isinstance(outputs, (list, tuple)) and len(outputs) == 1 else values

    def packed(self, values: Any) -> Any:
        """The other way round."""
        return tree.fill(self.outputs, tree.leaves(values))

    def __call__(self, inputs: Any) -> Any:
        """Values of the outputs for values of the inputs, in the structure of `answers`."""
        return self.unpacked(self.values(inputs))

    def values(self, inputs: Any) -> Any:
        """The same in the structure of `outputs`."""
        values = tree.leaves(self.arrange(inputs))
        feed = {
            t: _of_rank(v if isinstance(v, Tensor) else engine.cast(v, t.dtype), t)
            for t, v in zip(self.input_leaves, values, strict=True)
        }
        frame = state.frame()
        if frame is None:
            return graph.evaluate(self.outputs, feed, self.plan)
        with frame.draws.anew():
            return graph.evaluate(self.outputs, feed, self.plan)

    def read_by(self, kind: type[Layer], x: Any) -> list[tuple[Any, Any]]:
        """Pairs of an input array, of those in `x`, and a layer of that kind that reads it."""
        by_tensor = dict(zip(map(id, self.input_leaves), tree.leaves(x), strict=False))
        return [
            (by_tensor[id(t)], node.op)
            for node in self.plan
            if isinstance(node.op, kind)
            for t in node.inputs
            if id(t) in by_tensor
        ]

    def arrange(self, inputs: Any) -> Any:
        """What a user passed, in the structure of `self.inputs`: by name, or by position."""
        wanted = self.input_names
        if isinstance(inputs, Mapping) and not isinstance(self.inputs, Mapping):
            given: Any = _by_name(inputs, wanted)
        elif isinstance(inputs, Mapping):
            keys = [str(k) for k in self.inputs]
            by_key = all(k in inputs for k in self.inputs)
            given = [inputs[k] for k in sorted(self.inputs)] if by_key else _by_name(inputs, keys)
        else:
            alone = len(wanted) == 1 and not _is_list_of(inputs, 1)
            given = [inputs] if alone else inputs
        leaves = list(given) if isinstance(given, (list, tuple)) else [given]
        if tree.is_nested(self.inputs) and len(leaves) != len(wanted):
            leaves = tree.leaves(inputs)
        if len(leaves) != len(wanted):
            raise UsageError(
                "E-INPUTS",
                f"model has {len(wanted)} inputs ({', '.join(wanted)}) but x has {len(leaves)}. "
                f"Pass x=[{', '.join(wanted)}] or a dict by name.",
            )
        return tree.fill(self.inputs, leaves)


def _read_by_op(node: Node) -> list[Variable]:
    """Variables that a Node reads otherwise than as weights of its layer."""
    if not isinstance(node.op, Layer):
        return node.variables
    return [x for x in tree.leaves((node.args, node.kwargs)) if isinstance(x, Variable)]


def _of_rank(value: Any, tensor: Tensor) -> Any:
    """`value` with a last axis of 1 added, or taken away, where only that is missing."""
    rank = len(value.shape)
    if rank == tensor.ndim - 1 and tensor.shape[-1] == 1:
        return value[..., None]
    if rank == tensor.ndim + 1 and value.shape[-1] == 1:
        return value[..., 0]
    return value


def _is_list_of(x: Any, count: int) -> bool:
    return isinstance(x, (list, tuple)) and len(x) == count and hasattr(x[0], "shape")


def _by_name(inputs: Mapping, names: list[str]) -> list:
    missing = [n for n in names if n not in inputs]
    if missing:
        raise UsageError(
            "E-KEYS",
            f'Missing data for input "{missing[0]}": x has the keys '
            f"{listed(map(str, inputs)) or 'none'}; the model expects {listed(names)}.",
        )
    return [inputs[n] for n in names]


def _checked(structure: Any, what: str) -> list[Tensor]:
    leaves = tree.leaves(structure)
    if not leaves:
        raise UsageError("E-GRAPH", f"a Model needs {what}; got {shown(structure)}.")
    for leaf in leaves:
        if isinstance(leaf, Layer):
            raise UsageTypeError(
                "E-GRAPH",
                f'{what} has the layer "{leaf.name}" itself; call it on a Tensor: '
                f"{type(leaf).__name__}(…)(x).",
            )
        if not isinstance(leaf, Tensor):
            verb = "come from calling layers on Input tensors" if what == "outputs" else "be Inputs"
            raise UsageTypeError("E-GRAPH", f"{what} must {verb}; got {shown(leaf)}.")
    return leaves


def _name(tensor: Tensor) -> str:
    return tensor.node.name if tensor.node is not None else tensor.name


def _unique(names: list[str]) -> list[str]:
    seen: dict[str, int] = {}
    for i, name in enumerate(names):
        count = seen.get(name, 0)
        seen[name] = count + 1
        if count:
            names[i] = f"{name}_{count}"
    return names


def _named_outputs(outputs: Any, leaves: list[Tensor]) -> list[str]:
    """Keys where the outputs are a dict, else the names of the layers that made them."""
    if isinstance(outputs, Mapping):
        return ["/".join(map(str, path)) for path in tree.paths(outputs)]
    return _unique([_name(t) for t in leaves])


def _layers(inputs: list[Tensor], outputs: list[Tensor], plan: list[Node]) -> list[Layer]:
    """Layers in the order in which Keras lists them.

    That is by depth (the longest way to an output), the deepest first; at one depth in the order
    in which a walk from the outputs meets them. Files that list weights by layer rely on it.
    """
    fed = {id(t) for t in inputs}
    met, finished = _walked(outputs, fed)
    starts = [t.node for t in inputs if t.node is not None and not t.node.inputs]
    layers = {id(n.op): n.op for n in [*starts, *plan] if isinstance(n.op, Layer)}
    depth: dict[int, int] = {}
    level: dict[int, int] = {}
    for node in reversed(finished):
        key = id(node.op) if id(node.op) in layers else id(node)
        level[key] = depth[node.number] = max(depth.get(node.number, 0), level.get(key, 0))
        for t in node.inputs:
            if t.node is not None:
                depth[t.node.number] = max(depth.get(t.node.number, 0), depth[node.number] + 1)
    place = {key: i for i, key in enumerate(met)}
    return sorted(layers.values(), key=lambda x: (-level.get(id(x), 0), place.get(id(x), -1)))


def _walked(outputs: list[Tensor], fed: set[int]) -> tuple[list[int], list[Node]]:
    """Ids of layers and ops as a depth-first walk from the outputs meets them, and the Nodes in
    the order in which it leaves them.
    """
    met: dict[int, None] = {}
    seen: set[int] = set()
    finished: list[Node] = []
    todo: list[tuple[Tensor, bool]] = [(t, False) for t in reversed(outputs)]
    while todo:
        tensor, left = todo.pop()
        node = tensor.node
        if node is None:
            continue
        if left:
            finished.append(node)
        elif node.number not in seen:
            seen.add(node.number)
            met.setdefault(id(node.op))
            todo.append((tensor, True))
            if id(tensor) not in fed:
                todo += [(t, False) for t in reversed(node.inputs)]
    return list(met), finished


def _check_names(layers: list[Layer]) -> None:
    seen: dict[str, int] = {}
    for i, layer in enumerate(layers):
        if layer.name in seen:
            raise UsageError(
                "E-NAMES",
                f'two layers have the name "{layer.name}": a '
                f"{type(layers[seen[layer.name]]).__name__} at position {seen[layer.name]} and a "
                f"{type(layer).__name__} at position {i}. Names must be unique in a model.",
            )
        seen[layer.name] = i
