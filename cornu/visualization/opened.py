"""A model as one flat graph: models inside are opened, so that every layer has its Tensors."""

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cornu import activations, graph, ops, settings, tree
from cornu.errors import UsageError, UsageTypeError, listed, shown, suggestion
from cornu.graph import Function, Node, Tensor
from cornu.layers import Activation, Dense, Layer, Softmax
from cornu.layers.conv import Windowed
from cornu.models import Model, Sequential


class Opened:
    """The graph of a model, for functions that look inside.

    Layers of models inside are found by path ("base/block5_conv3"), or by name where that is
    unique. A model of Python code (with a `call` of its own) has inputs and outputs only.

    Args:
        model: built for its inputs.
        x: inputs, needed where the model has no graph.

    Attributes:
        begins: the Tensors to feed.
        outputs: the Tensors computed.
        calls: path -> what each call of that layer returns.
        layers: path -> Layer.
    """

    def __init__(self, model: Model, x: Any):
        self.model = model
        self.calls: dict[str, list[Any]] = {}
        self.layers: dict[str, Layer] = {}
        self.compiled: dict[Any, Function] = {}
        own = model._graph
        if own is not None:
            self.begins = own.input_leaves
            made = {id(t): t for t in own.input_leaves}
            self._open(own, made, "", None)
            self.outputs = [made[id(t)] for t in own.output_leaves]
            self.output_names = own.output_names
        else:
            if x is None:
                raise _unbuilt(model)
            given = tree.map_structure(_placeholder, x)
            self.begins = graph.tensors(given)
            node = Node(model, (given,))
            found = graph.tensors(graph.infer(model, (given,), {}))
            node.outputs = [Tensor(t.shape, t.dtype, node, i) for i, t in enumerate(found)]
            self.outputs = node.outputs
            self.output_names = model.output_names

    @classmethod
    def of(cls, model: Any, x: Any = None) -> "Opened":
        """The one of this model, made once and kept until its layers change."""
        if not isinstance(model, Model):
            raise UsageTypeError("E-TYPE", f"a Model is asked for; got {shown(model)}.")
        x = tree.map_structure(_array, x)
        if x is not None:
            model.ensure_built(x)
        key = "opened"
        if model._graph is None and x is not None:
            key += str([a.shape[1:] for a in tree.leaves(x)])
        if key not in model._kept:
            model._kept[key] = cls(model, x)
        return model._kept[key]

    def _open(self, own: Any, made: dict[int, Tensor], above: str, phase: Any) -> None:
        """Walk the graph `own`; `made` has the Tensors that stand for its inputs."""
        for node in own.plan:
            args, kwargs = tree.map_structure(
                lambda x: made[id(x)] if isinstance(x, Tensor) else x, (node.args, node.kwargs)
            )
            path = f"{above}{node.name}"
            inner = _inner(node.op, args, kwargs)
            if inner is not None:
                leaves = tree.leaves(inner.arrange(args[0]))
                within = {id(t): v for t, v in zip(inner.input_leaves, leaves, strict=True)}
                self._open(inner, within, f"{path}/", kwargs.get("training", phase))
                outputs = [within[id(t)] for t in inner.output_leaves]
            else:
                outputs = _again(node, args, kwargs, phase).outputs
            made.update(zip(map(id, node.outputs), outputs, strict=True))
            if isinstance(node.op, Layer):
                self.layers[path] = node.op
                called = self.calls.setdefault(path, [])
                called.append(outputs[0] if len(outputs) == 1 else list(outputs))

    # ---------------------------------------------------------------- what is asked for

    def paths(self, layers: Any) -> list[str]:
        """The paths of what a user named: names, layers or numbers; all layers for None."""
        if not self.calls:
            raise UsageError(
                "E-NO-GRAPH",
                f'"{self.model.name}" computes in Python (its own call), so its layers have no '
                "Tensors to read. Make it of Inputs: Model(inputs, outputs).",
            )
        if layers is None:
            return list(self.calls)
        several = isinstance(layers, (list, tuple))
        return [self.path(layer) for layer in (layers if several else [layers])]

    def path(self, layer: Any) -> str:
        """The path of a layer, given by path, name, number or itself."""
        if hasattr(layer, "__index__") and not isinstance(layer, bool):
            layer = self.model.get_layer(index=layer)
        if isinstance(layer, Layer):
            found = [path for path, known in self.layers.items() if known is layer]
            name = layer.name
        else:
            name = str(layer)
            found = [p for p in self.calls if p == name]
            found = found or [p for p in self.calls if p.endswith(f"/{name}")]
        if len(found) == 1:
            return found[0]
        what = f'several layers "{name}"' if found else f'no layer "{name}" that computes'
        near = "" if found else suggestion(name, self.calls)
        raise UsageError(
            "E-LAYER",
            f'"{self.model.name}" has {what}. {near}Layers: {listed(found or self.calls)}.',
        )

    def output_of(self, layer: Any) -> Tensor:
        """What the last call of a layer returns. Raises UsageError where that is several."""
        (path,) = self.paths(layer)
        found = self.calls[path][-1]
        if not isinstance(found, Tensor):
            raise UsageError("E-LAYER", f'layer "{path}" has {len(found)} outputs; one is needed.')
        return found

    def last_convolution(self) -> str:
        """The path of the convolution nearest to the output."""
        found = [path for path in self.paths(None) if is_convolution(self.layers[path])]
        if not found:
            raise UsageError(
                "E-NO-CONVOLUTION",
                f'"{self.model.name}" has no convolution. Name a layer whose output has space '
                f"axes: layer=… of {listed(self.calls)}.",
            )
        return found[-1]

    def head(self, name: Any) -> Tensor:
        """One output by name or number; the first for None."""
        if name is None:
            return self.outputs[0]
        if isinstance(name, str) and name in self.output_names:
            return self.outputs[self.output_names.index(name)]
        if isinstance(name, int) and -len(self.outputs) <= name < len(self.outputs):
            return self.outputs[name]
        raise UsageError(
            "E-OUTPUT-NAME",
            f'"{self.model.name}" has no output {shown(name)}. '
            f"{suggestion(str(name), self.output_names)}Outputs: {listed(self.output_names)}.",
        )

    def data_format(self, layer: Layer | None = None) -> str:
        """Where channels lie: as `layer` says, else the first layer that says so, else settings."""
        for known in [layer, *self.layers.values()]:
            if known is not None and "data_format" in type(known).fields:
                return known.data_format  # pyright: ignore[reportAttributeAccessIssue]
        return settings.image_data_format()

    def function(self, key: Any, make: Callable[[], tuple[Sequence[Tensor], Any]]) -> Function:
        """A compiled Function of `make() -> (more inputs, outputs)`, made once for a key."""
        if key not in self.compiled:
            more, outputs = make()
            self.compiled[key] = Function([*self.begins, *more], outputs)
        return self.compiled[key]

    def feeds(self, x: Any) -> list[np.ndarray]:
        """A user's inputs as arrays, in the order of `begins`."""
        leaves = [_array(v) for v in tree.leaves(self.model.arrange_inputs(x))]
        for i, (value, tensor) in enumerate(zip(leaves, self.begins, strict=True)):
            if tensor.dtype in ("float32", "float64"):
                leaves[i] = value.astype(tensor.dtype, copy=False)
            if value.ndim != tensor.ndim:
                hint = " Add the batch axis: x[None]." if value.ndim == tensor.ndim - 1 else ""
                raise UsageError(
                    "E-NO-BATCH" if hint else "E-RANK",
                    f"x must have shape {tensor.shape}; got {value.shape}.{hint}",
                )
        return leaves


def _placeholder(x: np.ndarray) -> Tensor:
    """What is fed to a model of Python code: floats in the default dtype, all else as it is."""
    dtype = settings.floatx() if x.dtype.kind == "f" else str(x.dtype)
    return Tensor((None, *x.shape[1:]), dtype)


def _array(x: Any) -> Any:
    return x if x is None else np.asarray(x)


def _unbuilt(model: Model) -> UsageError:
    return UsageError(
        "E-UNBUILT",
        f'"{model.name}" has no graph: build it, or make it of Inputs: Model(inputs, outputs).',
    )


def is_convolution(layer: Layer) -> bool:
    """Whether the layer moves a window of weights over space."""
    return isinstance(layer, Windowed) and layer.window_name == "kernel_size"


def _inner(op: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
    """The graph of a model that can be opened where it is called."""
    if not isinstance(op, Model) or op._graph is None or len(args) != 1:
        return None
    if type(op).call not in (Model.call, Sequential.call) or set(kwargs) - {"training"}:
        return None
    given = tree.leaves(op._graph.arrange(args[0]))
    wanted = op._graph.input_leaves
    fits = all(v.ndim == t.ndim for v, t in zip(given, wanted, strict=True))
    return op._graph if fits else None


def _again(node: Node, args: tuple, kwargs: dict[str, Any], phase: Any) -> Node:
    """The Node for other arguments and in the phase of the model around; itself where it can be."""
    before = graph.tensors((node.args, node.kwargs))
    same = all(a is b for a, b in zip(before, graph.tensors((args, kwargs)), strict=True))
    if phase is not None and isinstance(node.op, Layer) and kwargs.get("training") is None:
        kwargs = {**kwargs, "training": phase}
        same = False
    if same:
        return node
    twin = Node(node.op, args, kwargs)
    twin.closed_over = node.closed_over
    twin.outputs = [Tensor(t.shape, t.dtype, twin, t.index) for t in node.outputs]
    return twin


def before_activation(tensor: Tensor) -> Tensor:
    """What a last softmax or sigmoid is computed from; the Tensor itself where there is none."""
    node = tensor.node
    squashing = (activations.get("softmax"), activations.get("sigmoid"))
    if node is None or len(node.inputs) != 1:
        return tensor
    op, (read,) = node.op, node.inputs
    if isinstance(op, Softmax) or op in (ops.softmax, ops.sigmoid):
        return read
    if not isinstance(op, (Activation, Dense, Windowed)) or op.activation not in squashing:
        return tensor
    if isinstance(op, Activation):
        return read
    twin = copy.copy(op)  # with the same Variables
    twin.__dict__["activation"] = activations.get("linear")
    made = Node(twin, node.args, node.kwargs)
    made.closed_over = node.closed_over
    made.outputs = [Tensor(tensor.shape, tensor.dtype, made)]
    return made.outputs[0]
