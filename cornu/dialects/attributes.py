"""Attributes that layers, models and Variables had: set by old code, or read by it.

Most of them are views of what is there today; `trainable_weights`, `outputs`, `layers.pop()` and
the like also take what old code sets. Nodes and histories are in `nodes`.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from cornu import graph, state, tree
from cornu.dialects import generations
from cornu.dialects.backend_function import Update
from cornu.dialects.backend_record import outside
from cornu.dialects.nodes import uses_phase
from cornu.dialects.patches import Patch, Unset, tell
from cornu.errors import UsageError, shown
from cornu.graph import Node, Tensor
from cornu.layers import Layer
from cornu.layers.places import NoPlace, Places
from cornu.models import Model, Sequential
from cornu.models.functional import Graph
from cornu.state import Variable

__all__ = ["PATCHES", "begin_at", "get_output", "in_phase", "settle_weights"]

# ---------------------------------------------------------------- weights


def _set_trainable(layer: Any, variables: Iterable[Variable]) -> None:
    """The weights an optimizer changes, in this order; other Variables are not changed by it."""
    listed = list(variables)
    kept = [v for v in layer.__dict__.get("_weights", ()) if not any(v is w for w in listed)]
    layer.__dict__["_listed"] = True
    for variable in listed:
        variable.trainable = True
    for variable in kept:
        variable.trainable = False
    _put_first(layer, [*listed, *kept])


def _set_frozen(layer: Any, variables: Iterable[Variable]) -> None:
    """Weights beside those that an optimizer changes."""
    listed = list(variables)
    for variable in listed:
        variable.trainable = False
    kept = [v for v in layer.__dict__.get("_weights", ()) if not any(v is w for w in listed)]
    _put_first(layer, [*kept, *listed])


def _put_first(layer: Any, variables: list[Variable]) -> None:
    """Have the layer's weights in this order: they are found in the order of its attributes."""
    rest = {name: value for name, value in layer.__dict__.items() if name != "_weights"}
    layer.__dict__.clear()
    layer.__dict__.update({"_weights": variables, **rest})


def _own_list(trainable: bool) -> Callable[[Any], list]:
    def listed(layer: Any) -> list:
        if layer.built:
            return [v for v in layer.own_variables() if v.trainable is trainable]
        name = "_trainable_weights" if trainable else "_non_trainable_weights"
        return layer.__dict__.setdefault(name, [])

    return listed


def settle_weights(layer: Any) -> None:
    """Once a layer is built: what old code listed as weights is all that is trained."""
    held = layer.__dict__
    for variable in held.get("_non_trainable_weights", ()):
        variable.trainable = False
    if held.get("_listed") or held.get("_trainable_weights"):
        listed = [*held.get("_weights", ()), *held.get("_trainable_weights", ())]
        known = {id(v) for v in listed}
        for variable in layer.own_variables():
            if variable.symbolic and id(variable) not in known:
                variable.trainable = False
    _settle_constraints(layer, held.get("constraints"))


def _settle_constraints(layer: Any, said: Any) -> None:
    """`self.constraints`: a dict by weight (1.x), or a list in the order of the weights (0.x)."""
    pairs: Iterable = ()
    if isinstance(said, dict):
        pairs = said.items()
    elif isinstance(said, (list, tuple)):
        pairs = zip(layer.trainable_weights, said, strict=False)
    for variable, constraint in pairs:
        if isinstance(variable, Variable) and callable(constraint):
            variable.constraint = constraint


def _named(*names: str) -> Callable[[Any], Any]:
    """The first of these attributes that a layer has."""

    def found(layer: Any) -> Any:
        for name in names:
            if layer.__dict__.get(name) is not None:
                return layer.__dict__[name]
        raise AttributeError(f'"{layer.name}" has none of {", ".join(names)}')

    return found


# ---------------------------------------------------------------- inputs and outputs


def begin_at(layer: Any) -> Tensor | None:
    """The Tensor that old code gave a layer to begin at: `layer.input = K.placeholder(…)`."""
    return layer.__dict__.get("_begins_at")


def _get_input(layer: Any) -> Any:
    given = begin_at(layer)
    return INPUT.fget(layer) if given is None else given  # pyright: ignore


def _set_input(layer: Any, tensor: Tensor) -> None:
    if not isinstance(tensor, Tensor):
        raise UsageError("E-GRAPH", f"a layer's input is a Tensor; got {shown(tensor)}.")
    layer.__dict__["_begins_at"] = tensor


def _input_shape(layer: Any) -> Any:
    """The shape of the input; while a layer is being built, or was not called, what it is told."""
    told = layer.__dict__.get("_building_for")
    if told is not None and not layer.__dict__.get("_nodes"):
        return told
    try:
        return INPUT_SHAPE.fget(layer)  # pyright: ignore
    except NoPlace:
        if layer.declared_shape is None:
            raise
        return layer.declared_shape


def _output_shape(layer: Any) -> Any:
    try:
        return OUTPUT_SHAPE.fget(layer)  # pyright: ignore
    except NoPlace:
        if layer.declared_shape is None or isinstance(layer, Model):
            raise
        return layer.compute_output_shape(layer.declared_shape)


INPUT, INPUT_SHAPE, OUTPUT_SHAPE = Places.input, Places.input_shape, Places.output_shape


class InPhase:
    """The value of a Tensor in one phase, whatever that of the running computation is."""

    name = "in_phase"

    def __init__(self, tensor: Tensor, training: bool):
        self.tensor, self.training = tensor, training
        self.begins = graph._placeholders(tensor, ())
        self.variables = graph.variables_of(tensor)

    def __call__(self, *values: Any) -> Any:
        feed = dict(zip(self.begins, values, strict=True))
        with state.within(training=self.training):
            return graph.evaluate(self.tensor, feed)


def in_phase(tensors: Any, train: bool) -> Any:
    """Tensors as they are in training, for `train`; else themselves."""
    if not train:
        return tensors

    def one(tensor: Any) -> Any:
        op = InPhase(tensor, True)
        node = Node(op, tuple(op.begins))
        node.outputs = [Tensor(tensor.shape, tensor.dtype, node)]
        return node.outputs[0]

    return tree.map_structure(one, tensors)


def get_output(layer: Any, train: bool = False) -> Any:
    """What the layer gives, as a Tensor; with `train` as it is in training."""
    return in_phase(layer.output, train)


def get_output_mask(layer: Any, train: bool = False) -> Any:
    """The mask of what the layer gives, as a Tensor; None where there is none."""
    return layer.get_output_mask_at(0)


# ---------------------------------------------------------------- updates and losses


def add_update(layer: Any, updates: Any, inputs: Any = None) -> None:
    """New values of Variables, taken over in every training step: pairs (variable, value)."""
    if outside() or not state.training():
        return
    one = isinstance(updates, Update) or (
        isinstance(updates, tuple) and len(updates) == 2 and isinstance(updates[0], Variable)
    )
    for variable, value in [updates] if one else updates:
        variable.assign(value)


class Updates(list):
    """`layer.updates`: what is put in is taken over as by `add_update`."""

    def __init__(self, layer: Any):
        super().__init__()
        self.layer = layer

    def append(self, update: Any) -> None:
        """Take over one pair."""
        add_update(self.layer, [update])

    def extend(self, updates: Iterable[Any]) -> None:
        """Take over several pairs."""
        add_update(self.layer, list(updates))

    def __iadd__(self, updates: Iterable[Any]) -> "Updates":
        self.extend(updates)
        return self


def _set_updates(layer: Any, updates: Any) -> None:
    if not isinstance(updates, Updates) and updates:
        add_update(layer, updates)


def add_loss(layer: Any, losses: Any, inputs: Any = None) -> None:
    """Add to the loss, from within `call`; on a model, a Tensor of its graph too."""
    if isinstance(layer, Model) and graph.is_symbolic(losses):
        if layer._graph is None:
            raise UsageError(
                "E-SYMBOLIC",
                f'"{layer.name}".add_loss of a Tensor needs a graph: Model(inputs, outputs), or a '
                "Sequential that knows its input's shape.",
            )
        lossy = LossyGraph(layer._graph, tree.leaves(losses))
        setattr(layer, "_laid_out" if isinstance(layer, Sequential) else "_graph", lossy)
        layer._kept.clear()
    else:
        ADD_LOSS(layer, losses)


ADD_LOSS = Layer.add_loss


class LossyGraph(Graph):
    """A graph of which some Tensors are losses, or figures that are reported.

    Losses join the loss whenever the graph is computed. `figures` are pairs of a Mean and a
    Tensor: it takes the Tensor's value wherever its Variables are part of what is computed.
    """

    def __init__(self, known: Graph, losses: Sequence[Tensor] = (), figures: Sequence[tuple] = ()):
        super().__init__(known.inputs, known.outputs)
        self.added = [*getattr(known, "added", ()), *losses]
        self.figures = [*getattr(known, "figures", ()), *figures]
        told = [tensor for _, tensor in self.figures]
        self._whole = Graph(known.inputs, [*self.output_leaves, *self.added, *told])
        self.plan, self.layers = self._whole.plan, self._whole.layers

    @property
    def variables(self) -> list[Variable]:
        """Variables that ops of the graph read, and those of the figures."""
        return [*super().variables, *(v for mean, _ in self.figures for v in mean.variables)]

    def __call__(self, inputs: Any) -> Any:
        """Values of the outputs; the losses are left in the Frame."""
        values = self._whole.values(inputs)
        count = len(self.output_leaves)
        frame = state.frame()
        if frame is not None:
            frame.losses.extend(value.sum() for value in values[count : count + len(self.added)])
            told = values[count + len(self.added) :]
            for (mean, _), value in zip(self.figures, told, strict=True):
                if mean.total in frame.bound:
                    mean.take(value)
        return tree.fill(self.answers, values[:count])


# ---------------------------------------------------------------- models


class Layers(list):
    """`model.layers`, from which old code takes layers away.

    A Sequential is shorter then; a model of a graph no longer lists them, and computes as before.
    """

    def __init__(self, model: Any, layers: Iterable[Layer]):
        super().__init__(layers)
        self.model = model

    def pop(self, index: Any = -1) -> Layer:
        """Take a layer away and return it."""
        tell("model.layers.pop()", "model.pop(), or Model(model.input, model.layers[-2].output)")
        last = index in (-1, len(self) - 1)
        layer = super().pop(index)
        if last and isinstance(self.model, Sequential):
            self.model.pop()
        else:
            self.model.__dict__.setdefault("_hidden", []).append(layer)
        return layer

    def remove(self, layer: Layer) -> None:
        """Take this layer away."""
        self.pop(next(i for i, known in enumerate(self) if known is layer))

    def __delitem__(self, index: Any) -> None:
        for i in reversed(range(len(self))[index] if isinstance(index, slice) else [index]):
            self.pop(i)


def _layers(today: Any) -> property:
    def layers(model: Any) -> Layers:
        hidden = {id(x) for x in model.__dict__.get("_hidden", ())}
        return Layers(model, [x for x in today.fget(model) if id(x) not in hidden])

    return property(layers)


def _lay_out(model: Any) -> None:
    """Before Keras 3 one Tensor in a list was that Tensor, for `output` and further calls too."""
    if generations.before("3"):
        model.inputs, model.outputs = _alone(model.inputs), _alone(model.outputs)
    SET_UP(model)


SET_UP = Model.set_up


def _alone(structure: Any) -> Any:
    single = isinstance(structure, (list, tuple)) and len(structure) == 1
    return structure[0] if single else structure


class Outputs:
    """`outputs` of a model of a graph: setting it has the model compute those Tensors."""

    def __get__(self, model: Any, cls: type | None = None) -> Any:
        return None if model is None else model.__dict__.get("outputs")

    def __set__(self, model: Any, value: Any) -> None:
        known = model.__dict__.get("_graph")
        leaves = tree.leaves(value)
        model.__dict__["outputs"] = value
        if known is not None and list(map(id, leaves)) != list(map(id, known.output_leaves)):
            model._graph = Graph(known.inputs, leaves[0] if len(leaves) == 1 else leaves)
            model.__dict__["outputs"] = leaves
            model._kept.clear()


def _cut(model: Any, value: Any) -> None:
    """`outputs` of a Sequential: it ends where that Tensor is made."""
    tensor = tree.leaves(value)[0]
    while model._stack and tensor is not tree.leaves(model._end)[0]:
        made = [t for node in model._stack[-1].__dict__.get("_nodes", ()) for t in node.outputs]
        before = len(model._stack)
        if before == 1 and not any(t is tensor for t in made):
            raise UsageError("E-GRAPH", f'"{model.name}" does not make {shown(tensor)}.')
        model.pop()


def _made_once(model: Any) -> None:
    """Nothing: steps are compiled when they first run."""


def _makers(tensors: Iterable[Tensor]) -> list:
    return [t.node.op if t.node is not None else None for t in tensors]


OF_MODELS: dict[str, Callable[[Any], Any]] = {
    "input_layers": lambda model: _makers(model._graph.input_leaves),
    "output_layers": lambda model: _makers(model._graph.output_leaves),
    "_input_layers": lambda model: _makers(model._graph.input_leaves),
    "_output_layers": lambda model: _makers(model._graph.output_leaves),
    "uses_learning_phase": uses_phase,
    "validation_data": lambda model: model._kept.get("validation_data"),
    "_collected_trainable_weights": lambda model: model.trainable_at_compile(),
    "flattened_layers": lambda model: list(model.layers),
}
"""What models had, and what it is today."""

# ---------------------------------------------------------------- Variables


def _get_value(variable: Any, borrow: bool = False) -> np.ndarray:
    """The value as a NumPy array."""
    return variable.numpy()


def _set_value(variable: Any, new_value: Any, borrow: bool = False) -> None:
    """Set a new value."""
    variable.assign(np.asarray(new_value))


PATCHES: Sequence[Patch] = (
    Patch(Layer, "trainable_weights", property(Layer.trainable_weights.fget, _set_trainable)),
    Patch(Layer, "non_trainable_weights", property(Layer.non_trainable_weights.fget, _set_frozen)),
    Patch(Layer, "_trainable_weights", Unset("_trainable_weights", _own_list(True))),
    Patch(Layer, "_non_trainable_weights", Unset("_non_trainable_weights", _own_list(False))),
    Patch(Layer, "params", Unset("params", lambda layer: layer.trainable_weights)),
    Patch(Layer, "regularizers", Unset("regularizers", lambda layer: [], keep=True)),
    Patch(Layer, "constraints", Unset("constraints", lambda layer: {}, keep=True)),
    Patch(Layer, "W", Unset("W", _named("kernel", "embeddings", "gamma", "depthwise_kernel"))),
    Patch(Layer, "b", Unset("b", _named("bias", "beta"))),
    Patch(Layer, "U", Unset("U", _named("recurrent_kernel"))),
    Patch(Layer, "input", property(_get_input, _set_input)),
    Patch(Layer, "input_shape", property(_input_shape)),
    Patch(Layer, "output_shape", property(_output_shape)),
    Patch(Layer, "get_output_mask", get_output_mask),
    Patch(Layer, "add_update", add_update),
    Patch(Layer, "add_updates", add_update),
    Patch(Layer, "updates", property(Updates, _set_updates)),
    Patch(Layer, "state_updates", Unset("state_updates", lambda layer: [])),
    Patch(Layer, "get_updates_for", lambda layer, inputs=None: []),
    Patch(Layer, "get_losses_for", lambda layer, inputs=None: layer.losses),
    Patch(Layer, "add_loss", add_loss),
    Patch(Model, "layers", _layers(Model.layers)),
    Patch(Sequential, "layers", _layers(Sequential.layers)),
    Patch(Model, "set_up", _lay_out),
    Patch(Model, "outputs", Outputs()),
    Patch(Sequential, "outputs", property(Sequential.outputs.fget, _cut)),
    *(Patch(Model, name, Unset(name, make)) for name, make in OF_MODELS.items()),
    Patch(Sequential, "model", Unset("model", lambda model: model)),
    *(Patch(Model, f"_make_{kind}_function", _made_once) for kind in ("train", "test", "predict")),
    Patch(Variable, "get_value", _get_value),
    Patch(Variable, "set_value", _set_value),
)
