"""Layers and graphs in configs of tf.keras 2.4 to 2.15 and of tf-keras, as today's.

They name classes as today, and hold calls in the nested lists of Keras 2: each input of a call is
`[layer, call, output, {arguments}]`. Functions of TensorFlow stand among the layers; what they are
today is told in `tf_ops`.
"""

from collections.abc import Callable, Mapping
from typing import Any

from cornu.dialects.layers import HARD_SIGMOID
from cornu.dialects.table import modern_config
from cornu.dialects.tf_ops import constant, op_for
from cornu.errors import UsageError, shown

Plain = dict[str, Any]

OPS = {"TFOpLambda", "SlicingOpLambda"}
MODELS = {"Functional", "Model"}
"""What a model with a graph is called."""
FOREIGN = {
    **dict.fromkeys(("ClassMethod", "InstanceMethod", "InstanceProperty"), "of TensorFlow's own"),
    "TensorFlowOpLayer": "a node of a TensorFlow 1 graph",
    "DenseFeatures": "feature columns",
    "KerasLayer": "a module of TensorFlow Hub",
}
"""Layers that hold what only TensorFlow can compute."""

RECURRENT = {"RNN", "SimpleRNN", "GRU", "LSTM", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"}
WITH_STATES = {*RECURRENT, "Bidirectional"}
"""Layers whose later inputs are states to begin with."""

ROLES = ("initializer", "regularizer", "constraint")
ACTIVATIONS = {"hard_sigmoid": HARD_SIGMOID, "softmax_v2": "softmax", "swish": "silu"}

DROPPED: dict[str, tuple[str, ...]] = {
    "MultiHeadAttention": ("query_shape", "key_shape", "value_shape", "softmax_robust_masking"),
    "BatchNormalization": ("renorm", "renorm_clipping", "renorm_momentum"),
    "InputLayer": ("optional", "ragged", "type_spec"),
    **dict.fromkeys(("Attention", "AdditiveAttention"), ("causal",)),
    **dict.fromkeys((f"Conv{rank}DTranspose" for rank in (1, 2, 3)), ("groups",)),
    **dict.fromkeys((f"DepthwiseConv{rank}D" for rank in (1, 2)), ("groups",)),
    **dict.fromkeys(
        (f"SeparableConv{rank}D" for rank in (1, 2)),
        ("groups", "kernel_initializer", "kernel_regularizer", "kernel_constraint"),
    ),
    **dict.fromkeys((f"SpatialDropout{rank}D" for rank in (1, 2, 3)), ("noise_shape",)),
    "Embedding": ("input_length",),
}
"""What these layers said without its having had an effect, or what `REFUSED` has asked for."""

EVERYWHERE = ("rng_type", "batch_input_shape", "implementation", "time_major")

REFUSED: dict[str, tuple[str, ...]] = {
    "BatchNormalization": ("renorm", "virtual_batch_size"),
    "InputLayer": ("ragged", "type_spec"),
    "SpatialDropout1D": ("noise_shape",),
    **dict.fromkeys(RECURRENT, ("time_major",)),
}
"""Options that no layer of today has: a config that sets one is not taken."""

# ---------------------------------------------------------------- layers


def form(plain: Any, first: bool = False) -> Plain:
    """Today's class name and config of a layer, or of a model.

    `first` says whether its config may have to tell the shape of what it is called on.
    """
    if not isinstance(plain, Mapping) or not isinstance(plain.get("class_name"), str):
        raise UsageError("E-CONFIG", f'a layer needs "class_name"; got {shown(plain)}.')
    name, config = plain["class_name"], plain.get("config")
    found = {key: value for key, value in plain.items() if key not in ("keras_version", "backend")}
    if name == "Sequential" and isinstance(config, (list, Mapping)):
        return {**found, "config": sequential(config), "module": "keras"}
    if isinstance(config, Mapping) and isinstance(config.get("layers"), list):
        return {**found, "config": functional(config)}
    if not isinstance(config, Mapping):
        return {**found, "config": config or {}}
    if name in FOREIGN:
        raise UsageError(
            "E-TF-OP",
            f'"{config.get("name")}" is a {name} layer: {FOREIGN[name]}, which nothing but '
            "TensorFlow computes. Make the model anew without it, and load its weights with "
            "load_weights.",
        )
    present, said = layer(name, config, first)
    return {**found, "class_name": present, "config": said, "module": _module(plain)}


def layer(name: str, config: Mapping[str, Any], first: bool = False) -> tuple[str, Plain]:
    """Today's class name and config of a layer, or of anything else that has a config."""
    for key in REFUSED.get(name, ()):
        if config.get(key):
            raise UsageError(
                "E-OLD-OPTION",
                f'{name} "{config.get("name")}" has {key}={shown(config[key])}, which no layer '
                "of today does.",
            )
    unused = {*DROPPED.get(name, ()), *EVERYWHERE}
    kept = {key: value for key, value in config.items() if key not in unused}
    if "batch_input_shape" in config and (first or name == "InputLayer"):
        kept["batch_shape"] = config["batch_input_shape"]
    kept = {key: value_of(value, key) for key, value in kept.items()}
    if name in SPECIAL:
        kept = SPECIAL[name](kept)
    return modern_config(name, kept, "3")


def _module(plain: Mapping[str, Any]) -> Any:
    """The public module of one that says where a class was defined."""
    module = plain.get("module")
    if not isinstance(module, str):
        return module
    parts = [part for part in module.split(".") if part != "src"]
    return ".".join(["keras", *parts[1:2]]) if parts[0] in ("keras", "tf_keras") else module


def value_of(plain: Any, key: str = "") -> Any:
    """One value of a config; `key` is its name there."""
    if isinstance(plain, list):
        return [value_of(item) for item in plain]
    if key.endswith("activation") and isinstance(plain, str):
        return ACTIVATIONS.get(plain, plain)
    if not isinstance(plain, Mapping):
        return plain
    name = plain.get("class_name")
    if key == "dtype" and isinstance(plain.get("config"), Mapping):
        return plain["config"].get("name")
    if name in ("TensorShape", "__tuple__") and "items" in plain:
        return value_of(plain["items"])
    if not isinstance(name, str) or not isinstance(plain.get("config"), (Mapping, list)):
        return {inner: value_of(value, inner) for inner, value in plain.items()}
    found = form(plain)
    role = key.rpartition("_")[2]
    return {**found, "module": f"keras.{role}s"} if role in ROLES else found


def _one_axis(config: Plain) -> Plain:
    axis = config.get("axis")
    if isinstance(axis, list) and len(axis) != 1:
        raise UsageError(
            "E-OLD-OPTION",
            f'BatchNormalization "{config.get("name")}" has axis={shown(axis)}: today it is one.',
        )
    return {**config, "axis": axis[0]} if isinstance(axis, list) else config


def _activation(config: Plain) -> Plain:
    return {**config, "activation": value_of(config.get("activation"), "activation")}


def _bins(config: Plain) -> Plain:
    """Before 2.6 they had the short name."""
    rest = {key: value for key, value in config.items() if key != "bins"}
    return {"bin_boundaries": config["bins"], **rest} if "bins" in config else config


SPECIAL: dict[str, Callable[[Plain], Plain]] = {
    "BatchNormalization": _one_axis,
    "SyncBatchNormalization": _one_axis,
    "Activation": _activation,
    "Discretization": _bins,
}

# ---------------------------------------------------------------- models


def sequential(config: Any) -> Plain:
    """The config of a Sequential: a list of layers, or a dict that holds one."""
    said = {"layers": config} if isinstance(config, list) else dict(config)
    layers = said.get("layers")
    if not isinstance(layers, list):
        raise UsageError("E-CONFIG", f'a Sequential needs "layers"; got {shown(layers)}.')
    begun = bool(layers) and _begins_with_input(layers)
    said["layers"] = [form(entry, not begun and i == 0) for i, entry in enumerate(layers)]
    return {key: value_of(value, key) if key == "dtype" else value for key, value in said.items()}


def _begins_with_input(layers: list) -> bool:
    return isinstance(layers[0], Mapping) and layers[0].get("class_name") == "InputLayer"


def functional(config: Mapping[str, Any]) -> Plain:
    """The config of a model made of a graph."""
    missing = {"layers", "input_layers", "output_layers"} - config.keys()
    if missing:
        raise UsageError("E-CONFIG", f"a Functional's config needs {sorted(missing)}.")
    for entry in config["layers"]:
        if not isinstance(entry, Mapping) or not isinstance(entry.get("config"), (Mapping, list)):
            raise UsageError("E-CONFIG", f'a layer needs "class_name"; got {shown(entry)}.')
    graph = _Graph(config["layers"])
    return {
        **{key: value for key, value in config.items() if key in ("name", "trainable")},
        "layers": [graph.entry(entry) for entry in config["layers"]],
        "input_layers": graph.places(config["input_layers"]),
        "output_layers": graph.ends(config["output_layers"]),
    }


class _Graph:
    """The calls of one model's layers."""

    def __init__(self, entries: list):
        self.calls = {e.get("name"): len(e.get("inbound_nodes") or ()) for e in entries}
        self.own = {e.get("name") for e in entries if _counts_itself(e)}
        self.models = {e.get("name") for e in entries if e.get("class_name") in MODELS}

    def entry(self, plain: Mapping[str, Any]) -> Plain:
        """A layer with its calls."""
        calls = plain.get("inbound_nodes") or []
        if plain.get("class_name") in OPS:
            return self.op(plain, calls)
        found = form({key: value for key, value in plain.items() if key != "inbound_nodes"})
        name = plain.get("name") or found["config"].get("name")
        found["config"] = {**found["config"], "name": name}
        return {**found, "name": name, "inbound_nodes": [self.call(c, plain) for c in calls]}

    def call(self, plain: Any, entry: Mapping[str, Any]) -> Plain:
        """A call of a layer."""
        kind, name = entry.get("class_name"), entry.get("name")
        first, said = self.first(plain, name)
        options = {key: self.argument(value) for key, value in said.items()}
        if isinstance(first, list) and len(first) == 1:
            first = first[0]
        if kind in WITH_STATES and isinstance(first, list):
            options = {**options, "initial_state": first[1:]}
            first = first[0]
        if entry["config"].get("causal") and kind in ("Attention", "AdditiveAttention"):
            options["use_causal_mask"] = True
        made: Plain = {"args": [first], "kwargs": options}
        if options.get("training") is not None:
            made["said"] = ["training"]
        return made

    def first(self, plain: Any, name: Any) -> tuple[Any, Plain]:
        """The first argument of a call, and its other arguments, which each input repeats."""
        said: Plain = {}

        def walk(value: Any) -> Any:
            if is_place(value):
                if len(value) > 3 and isinstance(value[3], Mapping):
                    said.update(value[3])
                return constant(value[2]) if value[0] == "_CONSTANT_VALUE" else self.tensor(value)
            if isinstance(value, list):
                return [walk(item) for item in value]
            if isinstance(value, Mapping):
                return {key: walk(item) for key, item in value.items()}
            raise UsageError("E-CONFIG", f'the calls of "{name}" hold {shown(value)}.')

        return walk(plain), said

    def argument(self, value: Any) -> Any:
        """An argument of a call: a Tensor, a structure of them, or something plain."""
        if is_place(value):
            return self.tensor(value)
        if isinstance(value, list):
            return [self.argument(item) for item in value]
        if isinstance(value, Mapping):
            return {key: self.argument(item) for key, item in value.items()}
        return value

    def tensor(self, place: list) -> Plain:
        """A Tensor by its place."""
        return {"class_name": "__keras_tensor__", "config": {"keras_history": self.place(place)}}

    def place(self, place: list) -> list:
        """[layer, call, output], with calls counted as they are today.

        A model's own input and output counted as its first call.
        """
        name, call, output = place[:3]
        return [name, call - (name in self.own and call > 0), output]

    def places(self, plain: Any) -> Any:
        """Places in the structure in which they stand."""
        if is_place(plain):
            return self.place(plain)
        if isinstance(plain, Mapping):
            return {key: self.places(value) for key, value in plain.items()}
        if isinstance(plain, list):
            return [self.places(value) for value in plain]
        raise UsageError("E-CONFIG", f"{shown(plain)} is no [layer, call, output].")

    def ends(self, plain: Any) -> Any:
        """Places of outputs, for which Keras 3 counts the calls of a model with a graph from 1."""
        if is_place(plain):
            name, number, index = self.place(plain)
            return [name, number + (name in self.models), index]
        if isinstance(plain, Mapping):
            return {key: self.ends(value) for key, value in plain.items()}
        if isinstance(plain, list):
            return [self.ends(value) for value in plain]
        raise UsageError("E-CONFIG", f"{shown(plain)} is no [layer, call, output].")

    # ------------------------------------------------------------ functions of TensorFlow

    def op(self, plain: Mapping[str, Any], calls: list) -> Plain:
        """A function of TensorFlow as the op that stands for it."""
        name, config = plain.get("name"), plain["config"]
        where = f'layer "{name}"'
        if len(calls) != 1:
            raise UsageError("E-CONFIG", f"{where} must have one call; it has {len(calls)}.")
        first, said = self.first(calls[0], name)
        said = {key: self.argument(value) for key, value in said.items()}
        if plain["class_name"] == "SlicingOpLambda":
            kind, inbound = "GetItem", {"args": [first, _where(said.get("slice_spec"))]}
        else:
            function = config.get("function")
            if function == "identity":
                return _entry("keras.layers", "Identity", name, {"args": [first]})
            op, operands, options = op_for(str(function), said, where)
            kind, inbound = _camel(op), {"args": [first, *operands], "kwargs": options}
            if op == "cast":  # its one option stands in its config today
                inbound = {"args": [first]}
                return _entry("keras.src.ops.core", kind, name, inbound, options)
        return _entry("keras.src.ops.numpy", kind, name, inbound)


def _entry(module: str, kind: str, name: Any, inbound: Plain, said: Plain | None = None) -> Plain:
    config = {"name": name, **(said or {})}
    entry = {"module": module, "class_name": kind, "config": config, "name": name}
    return {**entry, "inbound_nodes": [{"kwargs": {}, **inbound}]}


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def is_place(value: Any) -> bool:
    """Whether it is [layer, call, output], with or without arguments."""
    if not isinstance(value, list) or len(value) not in (3, 4) or not isinstance(value[0], str):
        return False
    return type(value[1]) is int and (value[1] == -1 or type(value[2]) is int)


def _counts_itself(entry: Mapping[str, Any]) -> bool:
    """Whether a layer is a model that was made with an input of its own."""
    config = entry["config"]
    layers = config if isinstance(config, list) else config.get("layers")
    if not isinstance(layers, list) or not layers:
        return False
    return entry.get("class_name") != "Sequential" or _begins_with_input(layers)


def _where(plain: Any) -> Any:
    """What stands in the brackets of `x[…]`."""
    if isinstance(plain, list):
        return [_where(item) for item in plain]
    if isinstance(plain, Mapping) and plain.get("class_name") == "__ellipsis__":
        return {"class_name": "__ellipsis__", "config": {}}
    if isinstance(plain, Mapping) and {"start", "stop", "step"} <= plain.keys():
        ends = {key: plain[key] for key in ("start", "stop", "step")}
        return {"class_name": "__slice__", "config": ends}
    return plain
