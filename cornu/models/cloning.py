"""`clone_model`: the same architecture with weights of its own."""

import copy
from collections.abc import Callable
from types import FunctionType
from typing import Any

from cornu import tree
from cornu.errors import UsageError, UsageTypeError, shown
from cornu.graph import Tensor, tensors
from cornu.layers import Input, InputLayer, Lambda, Layer
from cornu.models.model import Model
from cornu.models.sequential import Sequential
from cornu.registry import custom_object_scope, function_form


def clone_model(
    model: Model,
    input_tensors: Any = None,
    clone_function: Callable[[Layer], Layer] | None = None,
) -> Model:
    """A new model of the same architecture, its weights made anew.

    Layers that are called several times stay shared; models inside are cloned as well. A model that
    is compiled has a clone that is, with an optimizer and metrics of its own.

    Args:
        model: functional, Sequential, or a subclass with `get_config`.
        input_tensors: Tensors for the new model to begin at, in the structure of its inputs.
        clone_function: `layer -> layer`, asked for every layer but the inputs'; by default
            `type(layer).from_config(layer.get_config())`.

    Raises:
        UsageError: for arguments that a subclassed model cannot take, or that do not fit.

    Example:
        >>> twin = clone_model(Sequential([Input((3,)), Dense(2)]))
    """
    if not isinstance(model, Model):
        raise UsageTypeError("E-TYPE", f"clone_model takes a Model; got {shown(model)}.")
    if isinstance(model, Sequential):
        return _compiled_like(model, _sequential(model, input_tensors, clone_function or _copy))
    if model._graph is not None:
        return _compiled_like(model, _functional(model, input_tensors, clone_function or _copy))
    if input_tensors is not None or clone_function is not None:
        raise UsageError(
            "E-CLONE",
            f'"{model.name}" is a {type(model).__name__} with a call of its own: it is cloned by '
            "its get_config, without input_tensors and clone_function.",
        )
    return _copy(model)  # pyright: ignore[reportReturnType]


def _compiled_like(model: Model, twin: Model) -> Model:
    said = model._compiled_with
    if said is not None:
        optimizer = said["optimizer"]
        own = {"optimizer": type(optimizer).from_config(optimizer.get_config())}
        rest = {name: value for name, value in said.items() if name != "optimizer"}
        twin.compile(**{**copy.deepcopy(rest), **own})
    return twin


def _copy(layer: Layer) -> Layer:
    with custom_object_scope(_functions(layer)):
        return type(layer).from_config(layer.get_config())


def _functions(layer: Layer) -> dict[str, Any]:
    """The user's functions in a layer, by the names that its config has for them."""
    found: dict[str, Any] = {}
    for inner in layer.all_layers():
        for value in vars(inner).values():
            if isinstance(value, FunctionType) and not isinstance(function_form(value), str):
                found.setdefault(value.__name__, value)
        if isinstance(inner, Lambda):
            found |= inner.unnamed()
    return found


def _cloned(layer: Layer, clone: Callable[[Layer], Layer]) -> Layer:
    if clone is _copy and isinstance(layer, Model):
        return clone_model(layer)
    made = clone(layer)
    if not isinstance(made, Layer):
        raise UsageTypeError(
            "E-CLONE",
            f'clone_function must return a layer; for "{layer.name}" it returned {shown(made)}.',
        )
    return made


def _sequential(model: Sequential, given: Any, clone: Callable[[Layer], Layer]) -> Model:
    made = Sequential(name=model.name, trainable=model.trainable, dtype=model.dtype_policy)
    if given is not None:
        leaves = tree.leaves(given)
        if len(leaves) != 1 or not isinstance(leaves[0], Tensor):
            raise UsageError("E-CLONE", f"input_tensors must be one Tensor; got {shown(given)}.")
        made.add(_input_of(leaves[0]))
    elif isinstance(model._start, Tensor):
        made.add(_new_input(model._start))
    for layer in model._stack:
        made.add(_cloned(layer, clone))
    return made


def _input_of(tensor: Tensor) -> Any:
    made_by = tensor.node.op if tensor.node is not None else None
    if isinstance(made_by, InputLayer):
        return made_by
    return Input(batch_shape=tensor.shape, dtype=tensor.dtype)


def _new_input(tensor: Tensor) -> Tensor:
    """An Input like the one behind a Tensor."""
    layer = tensor.node.op if tensor.node is not None else None
    if isinstance(layer, InputLayer):
        return InputLayer.from_config(layer.get_config()).output
    return Input(batch_shape=tensor.shape, dtype=tensor.dtype)


def _functional(model: Model, given: Any, clone: Callable[[Layer], Layer]) -> Model:
    """Walk the graph in birth order, calling each layer's clone where the layer was called."""
    graph = model._graph
    assert graph is not None
    if given is None:
        starts = [_new_input(t) for t in graph.input_leaves]
    else:
        starts = [t if isinstance(t, Tensor) else Input(tensor=t) for t in tree.leaves(given)]
    if len(starts) != len(graph.input_leaves):
        raise UsageError(
            "E-CLONE",
            f'"{model.name}" has {len(graph.input_leaves)} inputs; '
            f"input_tensors has {len(starts)}.",
        )
    made = {id(old): new for old, new in zip(graph.input_leaves, starts, strict=True)}
    twins: dict[int, Any] = {}
    for node in graph.plan:
        twin = node.op
        if isinstance(node.op, Layer):
            if id(node.op) not in twins:
                twins[id(node.op)] = _cloned(node.op, clone)
            twin = twins[id(node.op)]
        args, kwargs = _exchanged((node.args, node.kwargs), made)
        outputs = tensors(twin(*args, **kwargs))
        made.update(zip((id(t) for t in node.outputs), outputs, strict=True))
    return _model_like(model, _exchanged(graph.inputs, made), _exchanged(graph.outputs, made))


def _model_like(model: Model, inputs: Any, outputs: Any) -> Model:
    twin = Model(inputs=inputs, outputs=outputs, name=model.name, dtype=model.dtype_policy)
    twin.__dict__["_trainable"] = model.trainable
    return twin


def _exchanged(structure: Any, made: dict[int, Tensor]) -> Any:
    return tree.map_structure(lambda x: made[id(x)] if isinstance(x, Tensor) else x, structure)
