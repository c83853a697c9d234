"""Plain forms of functional and Sequential models, as Keras 3 writes them, and the way back.

A layer's entry says what it is and on what it was called: every call is one of `inbound_nodes`,
which name Tensors as `[entry, call, output]`. An op called without a layer (`x + 1`, `ops.relu(x)`)
is an entry as well, by its name in `cornu.ops`; a function that is not there has no plain form and
must be wrapped in a layer.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from cornu import costs, graph
from cornu.config import deserialize_inner, serialize
from cornu.errors import UsageError, shown
from cornu.graph import Node, Tensor
from cornu.layers import Layer
from cornu.models.remaking import ASSUMED, Remaking, saved_op
from cornu.models.wiring import Call, Wiring, op_name
from cornu.saving.forms import as_shapes, begins_itself, layer_of, wire_form
from cornu.state import Variable

WIRE_MODULES = {"activation": "nn", "crossentropy": "nn", "linalg": "linalg", "nn": "nn"}
"""Where Keras keeps the ops of a module of ours; the others are in its "numpy"."""

WIRE_MODULE_OF = {
    "cast": "core",
    "erf": "math",
    "logsumexp": "math",
    "rsqrt": "math",
    "scatter": "core",
    "scatter_update": "core",
    "segment_sum": "math",
    "slice": "core",
    "slice_update": "core",
    "stop_gradient": "core",
    "top_k": "math",
    "unstack": "core",
}

OPERANDS = {"x", "x1", "x2", "y", "a", "b", "xs", "inputs"}
"""Arguments of ops that Keras writes as inputs although they may be numbers."""


# ---------------------------------------------------------------- functional models: writing


def functional_config(model: Any) -> dict[str, Any]:
    """The plain form of a model made of a graph.

    Raises UsageError for an op or an argument that has no plain form.
    """
    wiring = Wiring(model._graph)
    return {
        "name": model.name,
        "trainable": model.trainable,
        "layers": [_entry(call, wiring) for call in wiring.calls],
        "input_layers": _mapped(model._graph.inputs, wiring.place),
        "output_layers": _mapped(model._graph.outputs, lambda t: _end(t, wiring)),
    }


def _end(tensor: Tensor, wiring: Wiring) -> list:
    """The place of an output."""
    name, number, index = wiring.place(tensor)
    op = next(call.op for call in wiring.calls if call.name == name)
    return [name, number + begins_itself(op), index]


def _mapped(structure: Any, fn: Callable[[Any], Any]) -> Any:
    """`fn` over the leaves; tuples become lists and dicts keep their order, as in JSON."""
    if isinstance(structure, Mapping):
        return {key: _mapped(value, fn) for key, value in structure.items()}
    if isinstance(structure, (list, tuple)):
        return [_mapped(value, fn) for value in structure]
    return fn(structure)


def _entry(call: Call, wiring: Wiring) -> dict[str, Any]:
    if not isinstance(call.op, Layer):
        return _op_entry(call, wiring)
    form = wire_form(call.op)
    nodes = [] if getattr(call.op, "is_placeholder", False) else call.nodes
    inbound = [_inbound(node.args, node.kwargs, call, wiring) for node in nodes]
    return {**form, "name": call.name, "inbound_nodes": inbound}


def _inbound(args: Any, kwargs: Mapping[str, Any], call: Call, wiring: Wiring) -> dict[str, Any]:
    def plain(value: Any) -> Any:
        return _plain_argument(value, call.name, wiring)

    made = {"args": [_mapped(a, plain) for a in args], "kwargs": _mapped(dict(kwargs), plain)}
    assumed = ASSUMED.get(call.kind)
    if assumed is not None and kwargs.get("training") == assumed:
        made["said"] = ["training"]  # else a reader takes it for what Keras adds by itself
    return made


def _plain_argument(value: Any, name: str, wiring: Wiring) -> Any:
    if isinstance(value, Tensor):
        config = {
            "shape": list(value.shape),
            "dtype": value.dtype,
            "keras_history": wiring.place(value),
        }
        return {"class_name": "__keras_tensor__", "config": config}
    if isinstance(value, slice):
        ends = {"start": value.start, "stop": value.stop, "step": value.step}
        return {"class_name": "__slice__", "config": ends}
    if value is Ellipsis:
        return {"class_name": "__ellipsis__", "config": {}}
    if isinstance(value, Variable):
        raise UsageError(
            "E-GRAPH-CONFIG",
            f'"{name}" reads the Variable "{value.path}" itself, which has no plain form. Make it '
            "a weight of a layer: class MyLayer(Layer) with build and call.",
        )
    if not isinstance(value, (str, int, float, bool, type(None))) and hasattr(value, "shape"):
        array = np.asarray(value)
        config = {"value": array.tolist(), "dtype": str(array.dtype)}
        return {"class_name": "__numpy__", "config": config}
    return serialize(value)


def _op_entry(call: Call, wiring: Wiring) -> dict[str, Any]:
    """An op, with what is no input of it in its config, as Keras keeps them."""
    node = call.nodes[0]
    name = op_name(node)
    if name == "get_item":
        inbound = _inbound((node.args[0], node.args[1].where), {}, call, wiring)
        return _op_form("numpy", "GetItem", call.name, {}, inbound)
    function = saved_op(name)
    if function is None:
        raise UsageError(
            "E-GRAPH-CONFIG",
            f'"{node.name}" was called on a Tensor without a layer, and is no function of '
            f"cornu.ops that a file could name. Wrap it in a layer: class MyLayer(Layer) with "
            f"call(self, x), or Lambda with a function that is registered.",
        )
    bound = inspect.signature(function).bind(*node.args, **node.kwargs)
    inputs, config = [], {}
    for key, value in bound.arguments.items():
        if graph.is_symbolic(value) or (not config and key in OPERANDS):
            inputs.append(value)
        else:
            config[key] = _mapped(value, lambda v: _plain_argument(v, call.name, wiring))
    module = WIRE_MODULE_OF.get(name) or WIRE_MODULES.get(_module(node), "numpy")
    return _op_form(module, call.kind, call.name, config, _inbound(inputs, {}, call, wiring))


def _module(node: Node) -> str:
    return getattr(node.op, "__module__", "").rpartition(".")[2]


def _op_form(module: str, kind: str, name: str, config: dict, inbound: dict) -> dict[str, Any]:
    return {
        "module": f"keras.src.ops.{module}",
        "class_name": kind,
        "config": {"name": name, **config},
        "registered_name": kind,
        "name": name,
        "inbound_nodes": [inbound],
    }


def functional_from_config(cls: Any, config: Mapping[str, Any]) -> Any:
    """A model of `cls` from what `functional_config` gave.

    Raises UsageError for unknown classes, for layers that form a cycle, and for anything malformed.
    """
    missing = {"layers", "input_layers", "output_layers"} - config.keys()
    if missing:
        raise UsageError("E-CONFIG", f"a functional config needs {sorted(missing)}.")
    with costs.bounded(config):
        made = Remaking(config["layers"]).run()
    known = ("layers", "input_layers", "output_layers")
    options = {key: value for key, value in config.items() if key not in known}
    return cls(
        inputs=made.structure(config["input_layers"]),
        outputs=made.structure(config["output_layers"]),
        **{key: deserialize_inner(value) for key, value in options.items()},
    )


# ---------------------------------------------------------------- Sequential


def sequential_config(model: Any) -> dict[str, Any]:
    """The plain form of a Sequential."""
    alone = isinstance(model._start, Tensor)  # several belong to the first layer
    start = [wire_form(model._start.node.op)] if alone else []
    config = {
        "name": model.name,
        "trainable": model.trainable,
        "dtype": serialize(model.dtype_policy),
        "layers": [*start, *(wire_form(layer) for layer in model._stack)],
    }
    if alone:
        config["build_input_shape"] = list(model._start.shape)
    return config


def sequential_from_config(cls: Any, config: Mapping[str, Any]) -> Any:
    """A Sequential of `cls` from what `sequential_config` gave. Raises UsageError."""
    forms = config.get("layers")
    if not isinstance(forms, list):
        raise UsageError("E-CONFIG", f'a Sequential config needs "layers"; got {shown(forms)}.')
    known = ("layers", "build_input_shape")
    options = {k: deserialize_inner(v) for k, v in config.items() if k not in known}
    model = cls(**options)
    with costs.bounded(config):
        for i, form in enumerate(forms):
            _add(model, layer_of(form, f"layer {i}"), i)
        shape = config.get("build_input_shape")
        if model._start is None and shape is not None and model._stack:
            model.build(as_shapes(shape))
    return model


def _add(model: Any, layer: Layer, i: int) -> None:
    try:
        model.add(layer)
    except Exception as error:
        error.add_note(f'(layer {i}, "{layer.name}")')
        raise
