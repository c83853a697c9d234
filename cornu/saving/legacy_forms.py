"""Models and how they were compiled in words that Keras 2 and Keras 3 both understand.

What is written to a whole-model `.h5` for others to read. For what Keras 2 has no words for, those
of Keras 3 stay, and then Keras 2 cannot read the file. Nothing here reads: our own files carry the
full form beside this one.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from cornu.registry import OLDER
from cornu.saving.weights import INNER_NAMES

Form = Mapping[str, Any]

BARE = {
    "keras.constraints",
    "keras.initializers",
    "keras.losses",
    "keras.metrics",
    "keras.regularizers",
}
"""Modules whose classes both generations find by their names alone."""

UNSAID: Mapping[str, Any] = {
    "from_sorted_ids": False,
    "gradient_accumulation_steps": None,
    "input_axes": None,
    "loss_scale_factor": None,
    "optional": False,
    "output_axes": None,
    "quantization_config": None,
    "renorm": False,
    "renorm_clipping": None,
    "renorm_momentum": 0.99,
    "rms_scaling": False,
    "seed": None,
    "sliding_window": None,
    "use_gate": False,
    "zero_output_for_mask": False,
}
"""Arguments that classes of Keras 2 do not have, left out where they are the default of Keras 3."""

UNSAID_OF: Mapping[str, Mapping[str, Any]] = {
    "InputLayer": {"trainable": True},
    "SparseCategoricalCrossentropy": {"axis": -1},
    "ZeroPadding1D": {"data_format": "channels_last"},
}
"""The same, of single classes: others have an argument of this name in Keras 2 too."""

RENAMED: Mapping[str, Mapping[str, str]] = {
    "InputLayer": {"batch_shape": "batch_input_shape"},
    "LeakyReLU": {"negative_slope": "alpha"},
}
"""Class -> its arguments that have another name in Keras 2, by which Keras 3 knows them too."""

UNSAID_OF_OPTIMIZERS: Mapping[str, Any] = {
    "clipnorm": None,
    "clipvalue": None,
    "ema_momentum": 0.99,
    "ema_overwrite_frequency": None,
    "global_clipnorm": None,
    "use_ema": False,
    "weight_decay": None,
}
"""The same, of the optimizers below."""

SLOTS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "Adadelta": (("accumulated_grad",), ("accumulated_delta_var",)),
    "Adagrad": (("accumulator",),),
    "Adam": (("momentum",), ("velocity",), ("velocity_hat",)),
    "Adamax": (("momentum",), ("norm",)),
    "Ftrl": (("accumulator", "linear"),),
    "Nadam": (("momentum",), ("velocity",)),
    "RMSprop": (("velocity",), ("momentum",), ("average_gradient",)),
    "SGD": (("momentum",),),
}
"""Optimizers of all of Keras 2, with their slots in the order in which it lists them.

Those in one tuple lie side by side, variable by variable.
"""

NUMBERS = ("iteration", "learning_rate", "u_product")
"""Numbers in an optimizer's state today; Keras 2 lists the first alone."""


def layer_form(form: Form) -> dict[str, Any]:
    """A layer or model by its class name alone, where it stands in a model or is one."""
    name, registered = form["class_name"], form.get("registered_name")
    rest = {key: form[key] for key in ("name", OLDER) if key in form}
    if "inbound_nodes" in form:
        rest["inbound_nodes"] = [node_form(node) for node in form["inbound_nodes"]]
    if isinstance(registered, str) and ">" in registered:
        if form.get("build_config"):
            rest["build_config"] = form["build_config"]
        return {"class_name": registered, "config": _models(form["config"]), **rest}
    config = _config(name, form["config"])
    return {"class_name": INNER_NAMES.get(name, name), "config": config, **rest}


def training_form(training: Form) -> dict[str, Any]:
    """How a model was compiled, from the same in the words of Keras 3."""
    found = {key: _plain(value) for key, value in training.items()}
    optimizer = found.get("optimizer_config")
    if isinstance(optimizer, Mapping) and optimizer.get("class_name") in SLOTS:
        config = _said(optimizer["config"], UNSAID_OF_OPTIMIZERS)
        found["optimizer_config"] = {**optimizer, "config": config}
    return found


def slots_listed(
    optimizer: Any, names: Sequence[str], shapes: Sequence[tuple[int, ...]]
) -> list[str]:
    """Names of those values of an optimizer that Keras 2 lists, in its order.

    Both libraries take one by one what is listed, until a shape is another than theirs. Keras 3,
    which expects the learning rate in the second place, stops there and begins afresh, as it does
    with files of its own; a number in that place would become its learning rate. So where that
    would be, and where the order is not known, only the steps are listed.

    Args:
        optimizer: its plain form.
        names: of all of its values, steps first.
        shapes: theirs.
    """
    kinds = SLOTS.get(optimizer["class_name"], ()) if isinstance(optimizer, Mapping) else ()
    slots = [name for name in names if name.rpartition("/")[2] not in NUMBERS]
    ends = [tuple(f"_{kind}" for kind in group) for group in kinds]
    listed = [name for end in ends for name in slots if name.endswith(end)]
    known = sorted(listed) == sorted(slots)
    if not known or any(not shapes[names.index(name)] for name in listed[:1]):
        listed = []
    return [names[0], *listed]


def node_form(node: Any) -> Any:
    """A call as a list of the Tensors it takes, with its other arguments behind each.

    A call that takes Tensors otherwise than as its first argument stays as it is: Keras 3 finds
    such Tensors in its own form alone.
    """
    if not isinstance(node, Mapping) or len(node.get("args", ())) != 1:
        return node
    taken, others = node["args"][0], node.get("kwargs", {})
    several = isinstance(taken, list) and len(taken) > 1
    histories = [_history(one) for one in (taken if several else [taken])]
    if None in histories or any(isinstance(v, list | Mapping) for v in others.values()):
        return node
    return [[*history, dict(others)] for history in histories if history]


def _history(tensor: Any) -> list[Any] | None:
    if isinstance(tensor, Mapping) and tensor.get("class_name") == "__keras_tensor__":
        return tensor["config"]["keras_history"]
    return None


def _models(config: Any) -> Any:
    """The config of a user's class: only layers of a user's model are put in other words."""
    if isinstance(config, Mapping) and isinstance(config.get("layers"), list):
        return {**config, "layers": [_layer(layer) for layer in config["layers"]]}
    return config


def _layer(form: Any) -> Any:
    named = isinstance(form, Mapping) and "class_name" in form and "config" in form
    return layer_form(form) if named else form


def _config(name: str, config: Any) -> Any:
    """The config of one of the library's classes."""
    if not isinstance(config, Mapping):
        return config
    unsaid, renamed = {**UNSAID, **UNSAID_OF.get(name, {})}, RENAMED.get(name, {})
    if "output_layers" in config:
        config = _counted(config)
    found = {}
    for key, value in _said(config, unsaid).items():
        layers = key == "layers" and isinstance(value, list)
        found[renamed.get(key, key)] = [_layer(x) for x in value] if layers else _plain(value)
    return found


def _said(config: Form, unsaid: Mapping[str, Any]) -> dict[str, Any]:
    """A config without what has the value that it has where it is not said."""
    return {k: v for k, v in config.items() if k not in unsaid or v != unsaid[k]}


def _plain(value: Any) -> Any:
    """A value of a config; objects in it by their class names where those are enough."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    name, config, registered = (value.get(k) for k in ("class_name", "config", "registered_name"))
    if not isinstance(name, str) or not isinstance(config, Mapping) or name.startswith("__"):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(registered, str) and ">" in registered:
        return value
    if name == "DTypePolicy":
        return config["name"]
    if value.get("module") in BARE:
        return {"class_name": name, "config": _config(name, config)}
    return {**value, "config": _config(name, config)}


# ---------------------------------------------------------------- numbers of calls


def _counted(config: Form) -> dict[str, Any]:
    """The config of a graph in which numbers of calls mean the same to both generations.

    For Keras 2 the first call of a model with an input is number 1, for that input was number 0,
    and for Keras 3 it is number 0. So each such call is there twice, and the number that is said
    means the first of them here and the second there. The other leads to no output, and is dropped.
    """
    begun = {layer["name"]: layer["class_name"] for layer in config["layers"] if _begun(layer)}
    if not begun:
        return dict(config)
    layers = []
    for layer in config["layers"]:
        nodes = [_numbered(node, begun) for node in layer["inbound_nodes"]]
        if layer["name"] in begun:
            nodes = [node for node in nodes for _ in range(2)]
        layers.append({**layer, "inbound_nodes": nodes})
    outputs = _outputs(config["output_layers"], begun)
    return {**config, "layers": layers, "output_layers": outputs}


def _begun(layer: Form) -> bool:
    """Whether a layer is a model that has its own input before it is called."""
    inside = layer["config"].get("layers") if isinstance(layer["config"], Mapping) else None
    name, registered = layer["class_name"], layer.get("registered_name")
    foreign = isinstance(registered, str) and ">" in registered
    if foreign or not inside or name not in ("Functional", "Model", "Sequential"):
        return False
    return name != "Sequential" or inside[0]["class_name"] == "InputLayer"


def _numbered(node: Any, begun: Mapping[str, str]) -> Any:
    """A call, with the numbers of the calls that made the Tensors it takes."""
    if isinstance(node, list):
        return [_numbered(item, begun) for item in node]
    if not isinstance(node, Mapping):
        return node
    history = _history(node)
    if history is None:
        return {key: _numbered(item, begun) for key, item in node.items()}
    name, number, output = history
    number = 2 * number + 1 if name in begun else number
    return {**node, "config": {**node["config"], "keras_history": [name, number, output]}}


def _outputs(said: Any, begun: Mapping[str, str]) -> Any:
    """The numbers of a graph's outputs, as those of calls."""
    if isinstance(said, Mapping):
        return {key: _outputs(item, begun) for key, item in said.items()}
    if not isinstance(said, list) or not said:
        return said
    if not isinstance(said[0], str):
        return [_outputs(item, begun) for item in said]
    name, number, output = said
    number -= begun.get(name) in ("Functional", "Model")  # whose calls are counted from 1 here
    return [name, 2 * number + 1 if name in begun else number, output]
