"""Whole model configs of Keras 0.3 to 2.3 as today's, for `config.deserialize` and `cornu.models`.

What one layer's config says is told by the table; here are models: lists of layers, graphs with
calls in the old form, Merge at the start of a list, the Graph and the AutoEncoder of Keras 0.
Weights are not looked at.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from cornu.dialects import generations
from cornu.dialects.merging import merging
from cornu.dialects.table import SAME, modern_config, table
from cornu.dialects.theano import as_theano
from cornu.errors import UsageError, shown
from cornu.layers import Layer

Plain = dict[str, Any]

CONTAINERS = {"Sequential", "Model", "Functional"}
"""Classes whose own input and output count as their first call in old files."""

WITH_STATES = {"RNN", "SimpleRNN", "GRU", "LSTM", "ConvLSTM2D", "Bidirectional"}
"""Layers whose later inputs are states to begin with."""

SILENT = {
    *(f"{name}{rank}D" for name in ("UpSampling", "ZeroPadding", "Cropping") for rank in (2, 3)),
    *("SpatialDropout2D", "SpatialDropout3D"),
}
"""Layers whose configs did not say their data format before Keras 2."""

MODULES = {
    "initializer": "keras.initializers",
    "regularizer": "keras.regularizers",
    "constraint": "keras.constraints",
}
DTYPES = {"float": "float32", "int": "int32"}

PENALTIES = {"WeightRegularizer", "L1L2Regularizer", "ActivityRegularizer"}
CONSTRAINTS = {"MaxNorm", "NonNeg", "UnitNorm", "MinMaxNorm"}


def generation_of(version: str | None, config: Mapping[str, Any]) -> str:
    """The generation that wrote a model's config: by its version, else by its form.

    Files of 0.x, and of 1.0 before 1.0.4, say no version.
    """
    if version:
        parts = version.split("-")[0].split(".")[:2]
        if len(parts) < 2 or not all(part.isdecimal() for part in parts):
            raise UsageError("E-CONFIG", f"keras_version must be as 2.2.4; got {shown(version)}.")
        major, minor = (int(part) for part in parts)
        known = [tuple(int(n) for n in g.split(".")) for g in generations.GENERATIONS[:-1]]
        if major >= 3:
            return "3"
        older = [
            g for g, n in zip(generations.GENERATIONS, known, strict=False) if n <= (major, minor)
        ]
        return older[-1] if older else "0.3"
    if "class_name" not in config:
        return "0.3"
    return "1.0" if _names_anywhere(config, {"input_dtype", "init", "nb_filter"}) else "2.0"


def _names_anywhere(plain: Any, names: set[str]) -> bool:
    todo = [plain]
    while todo:
        value = todo.pop()
        if isinstance(value, Mapping):
            if names & value.keys():
                return True
            todo += value.values()
        elif isinstance(value, list):
            todo += value
    return False


def modern_model(
    config: Mapping[str, Any],
    generation: str | None = None,
    data_format: str | None = None,
    backend: str | None = None,
) -> Plain:
    """Today's config of the model that an old one describes: class name and config.

    Args:
        config: what `to_json` gave, or the attribute `model_config` of a file.
        generation: the one that wrote it; read off the config where not given.
        data_format: of layers that do not say theirs, as padding and cropping up to 1.2; that of
            the generation where not given.
        backend: the one that computed it: with "theano", layers are as they were there.

    Raises:
        UsageError: for what no layer of today does, and for anything malformed.
    """
    said = generation or generation_of(config.get("keras_version"), config)
    return dict(config) if said == "3" else _Reading(said, data_format, backend).model(config)


def modern_optimizer(config: Mapping[str, Any], generation: str) -> Plain:
    """Today's class name and config of an optimizer that a file of `generation` describes.

    Raises UsageError where it is malformed, or does what no optimizer of today does.
    """
    if not {"class_name", "name"} & config.keys():
        raise UsageError("E-CONFIG", f'an optimizer needs "class_name"; got {shown(config)}.')
    name = config.get("class_name") or config["name"]
    given = config["config"] if "class_name" in config else _without(config, "name")
    present, found = modern_config(str(name), given, generation)
    if present in SAME:
        present, found = modern_config(present, given, generation)
    return {"class_name": present, "config": found}


class _Reading:
    """The walk over one model's config, of one generation."""

    def __init__(self, generation: str, data_format: str | None, backend: str | None):
        self.generation, self.data_format, self.backend = generation, data_format, backend

    # ------------------------------------------------------------ layers and values

    def entry(self, plain: Any) -> tuple[str, Any]:
        """Class name and config of then; those of Keras 0 lie in one dict."""
        if not isinstance(plain, Mapping) or not {"class_name", "name"} & plain.keys():
            raise UsageError("E-CONFIG", f'a layer needs "class_name"; got {shown(plain)}.')
        if "class_name" in plain:
            return plain["class_name"], plain.get("config") or {}
        found = {key: value for key, value in plain.items() if key not in ("name", "custom_name")}
        if "custom_name" in plain and plain["name"] not in ("Sequential", "Graph"):
            found["name"] = plain["custom_name"]
        return plain["name"], found

    def layer(self, plain: Any) -> Plain:
        """Today's class name and config of a layer, or of a model used as one."""
        name, config = self.entry(plain)
        if name in ("Sequential", "Model", "Functional", "Graph", "AutoEncoder"):
            return self.model(plain)
        if name == "Merge":
            present, given = merging(config)
            return {"class_name": present, "config": self.values(given)}
        if self.data_format is not None and "dim_ordering" not in config:
            if table.present_name(name) in SILENT:
                config = {"data_format": self.data_format, **config}
        present, found = modern_config(name, config, self.generation, Layer)
        if self.backend == "theano":
            present = as_theano(present, found)
        return {"class_name": present, "config": self.values(found)}

    def values(self, config: Mapping[str, Any]) -> Plain:
        """A config with everything in it that is itself a config told anew."""
        return {key: _placed(key, self.value(value)) for key, value in config.items()}

    def value(self, plain: Any) -> Any:
        """One value of a config."""
        if isinstance(plain, list):
            return [self.value(item) for item in plain]
        if not isinstance(plain, Mapping):
            return plain
        name = plain.get("name")
        if "class_name" in plain or "custom_name" in plain or name in ("Sequential", "Graph"):
            return self.layer(plain)
        if name in PENALTIES | CONSTRAINTS:
            rest = {key: value for key, value in plain.items() if key != "name"}
            present, found = modern_config(str(name), rest, self.generation)
            return {"class_name": present, "config": found}
        return {key: self.value(value) for key, value in plain.items()}

    # ------------------------------------------------------------ models

    def model(self, plain: Mapping[str, Any]) -> Plain:
        """Today's class name and config of a model."""
        name, config = self.entry(plain)
        if name == "Graph":
            return self.graph(config)
        if name == "AutoEncoder":
            return self.autoencoder(config)
        if name == "Sequential":
            return self.sequential(config)
        return {"class_name": "Functional", "config": self.functional(config)}

    def sequential(self, config: Any) -> Plain:
        """A list of layers, or a dict that holds one."""
        layers = config if isinstance(config, list) else config.get("layers")
        if not isinstance(layers, list):
            raise UsageError("E-CONFIG", f'a Sequential needs "layers"; got {shown(layers)}.')
        named = {} if isinstance(config, list) else {k: config[k] for k in ("name",) if k in config}
        first = self.entry(layers[0]) if layers else ("", {})
        if first[0] == "Merge" and first[1].get("layers"):
            return self.begun_with_merge(first[1], layers[1:], named)
        entries = _own_names([self.layer(entry) for entry in layers])
        return {"class_name": "Sequential", "config": {**named, "layers": entries}}

    def autoencoder(self, config: Mapping[str, Any]) -> Plain:
        """The encoder, then the decoder unless only the code was asked for."""
        parts = [self.model(config["encoder_config"])]
        if config.get("output_reconstruction", True):
            parts.append(self.model(config["decoder_config"]))
        return {"class_name": "Sequential", "config": {"layers": _own_names(parts)}}

    def begun_with_merge(self, merge: Mapping[str, Any], rest: list, named: Plain) -> Plain:
        """A list that begins where several models meet, as a graph."""
        wiring = _Wiring()
        branches = _own_names([self.layer(branch) for branch in merge["layers"]])
        ends = [wiring.branch(branch) for branch in branches]
        form = self.layer({"class_name": "Merge", "config": _without(merge, "layers")})
        end = wiring.call(form, ends)
        for entry in rest:
            end = wiring.call(self.layer(entry), [end])
        return wiring.model([end], **named)

    def functional(self, config: Mapping[str, Any]) -> Plain:
        """A graph whose calls are lists of [layer, call, output]."""
        missing = {"layers", "input_layers", "output_layers"} - config.keys()
        if missing:
            raise UsageError("E-CONFIG", f"a Model's config needs {sorted(missing)}.")
        kinds = {entry.get("name"): entry.get("class_name") for entry in config["layers"]}
        found = {key: config[key] for key in ("name", "trainable") if key in config}
        found["layers"] = [self.called(entry, kinds) for entry in config["layers"]]
        calls = {entry.get("name"): entry.get("inbound_nodes") for entry in config["layers"]}
        sources = [_source(place, kinds, calls) for place in config["input_layers"]]
        outputs = _ends([_place(place, kinds) for place in config["output_layers"]], found)
        found.update(input_layers=_one_or_all(sources), output_layers=_one_or_all(outputs))
        return found

    def called(self, entry: Mapping[str, Any], kinds: Mapping[Any, Any]) -> Plain:
        """A layer of a graph with its calls."""
        form = self.layer(_without(entry, "inbound_nodes"))
        name = entry.get("name")
        form["config"]["name"] = name
        states = entry.get("class_name") in WITH_STATES
        calls = [_inbound(call, kinds, states) for call in entry.get("inbound_nodes", ())]
        return {**form, "name": name, "inbound_nodes": calls}

    def graph(self, config: Mapping[str, Any]) -> Plain:
        """The Graph of Keras 0: named nodes, each with one input or several that are merged."""
        wiring = _Wiring()
        ends: dict[str, Any] = {}
        for said in config["input_config"]:
            shape = [None, *said["input_shape"]]
            ends[said["name"]] = wiring.input(said["name"], shape, said.get("dtype"))
        for said in config["node_config"]:
            ends[said["name"]] = self.node(said, config["nodes"][said["name"]], ends, wiring)
        outputs = []
        for said in config["output_config"]:
            made = self.merged(said, [ends[name] for name in _inputs(said)], wiring)
            outputs.append((said["name"], made))
        order = config.get("output_order") or [name for name, _ in outputs]
        return wiring.model([dict(outputs)[name] for name in order])

    def node(self, said: Mapping[str, Any], plain: Any, ends: Plain, wiring: "_Wiring") -> Any:
        """One node: its inputs merged, then its layer; or one layer over each, then merged."""
        inputs = [ends[name] for name in _inputs(said)]
        if plain.get("name") != "Siamese":
            form = self.layer(plain)
            form["config"]["name"] = said["name"]
            return wiring.call(form, [self.merged(said, inputs, wiring)])
        form = self.layer(plain["layer"])
        form["config"]["name"] = said["name"]
        form["config"].pop("input_shape", None)
        made = [wiring.call(form, [end]) for end in inputs]
        return self.merged({**plain, "name": said["name"]}, made, wiring)

    def merged(self, said: Mapping[str, Any], inputs: list, wiring: "_Wiring") -> Any:
        """One Tensor of several, as `merge_mode` says."""
        if len(inputs) == 1:
            return inputs[0]
        keys = ("concat_axis", "dot_axes")
        given = {
            "mode": said.get("merge_mode", "concat"),
            **{k: said[k] for k in keys if k in said},
        }
        name, config = merging({**given, "name": f"{said['name']}_merge"})
        return wiring.call({"class_name": name, "config": config}, inputs)


def _placed(key: str, value: Any) -> Any:
    """A small object's config with its module: an initializer and a layer may share a name."""
    module = MODULES.get(key.rpartition("_")[2])
    if module is None or not isinstance(value, Mapping) or "class_name" not in value:
        return value
    return {**value, "module": module}


class _Wiring:
    """A graph in today's form, call by call. A Tensor is its place: [layer, call, output]."""

    def __init__(self) -> None:
        self.entries: dict[str, Plain] = {}
        self.inputs: list[list] = []

    def input(self, name: str, batch_shape: list, dtype: str | None = None) -> list:
        """A new input's place."""
        config = {"batch_shape": batch_shape, "dtype": DTYPES.get(str(dtype), dtype), "name": name}
        form = {"class_name": "InputLayer", "config": config}
        self.entries[name] = {**form, "name": name, "inbound_nodes": []}
        self.inputs.append([name, 0, 0])
        return [name, 0, 0]

    def call(self, form: Plain, places: list) -> list:
        """The place of what a layer makes of these; the same name is the same layer."""
        name = form["config"].get("name") or f"{form['class_name'].lower()}_{len(self.entries)}"
        if name not in self.entries:
            form = {**form, "config": {**form["config"], "name": name}}
            self.entries[name] = {**form, "name": name, "inbound_nodes": []}
        calls = self.entries[name]["inbound_nodes"]
        tensors = [_tensor(place) for place in places]
        calls.append({"args": [tensors if len(tensors) > 1 else tensors[0]], "kwargs": {}})
        return [name, len(calls) - 1, 0]

    def branch(self, form: Plain) -> list:
        """The place of a model's output, over inputs of its own."""
        name = form["config"]["name"]
        shapes = _input_shapes(form)
        places = [self.input(f"{name}_input_{i}", shape) for i, shape in enumerate(shapes)]
        return self.call(form, places)

    def model(self, outputs: list, **named: Any) -> Plain:
        """The whole of it."""
        config = {**named, "layers": list(self.entries.values())}
        outputs = _ends(outputs, config)
        config.update(input_layers=_one_or_all(self.inputs), output_layers=_one_or_all(outputs))
        return {"class_name": "Functional", "config": config}


def _ends(places: list, config: Plain) -> list:
    """Places of outputs; there, Keras 3 counts the calls of a model with a graph from 1."""
    kinds = {entry["name"]: entry["class_name"] for entry in config["layers"]}
    return [[name, call + (kinds[name] == "Functional"), at] for name, call, at in places]


def _one_or_all(places: list) -> list:
    """Places of a model's inputs or outputs: one alone is no list of one."""
    return places[0] if len(places) == 1 else places


def _input_shapes(form: Plain) -> list[list]:
    """The shapes that a model in today's form, or its first layer, says it takes."""
    config = form["config"]
    if form["class_name"] == "Functional":
        entries = {entry["name"]: entry for entry in config["layers"]}
        places = config["input_layers"]
        places = places if isinstance(places[0], list) else [places]
        return [entries[name]["config"]["batch_shape"] for name, _, _ in places]
    if form["class_name"] == "Sequential" and config["layers"]:
        return _input_shapes(config["layers"][0])
    if config.get("batch_shape") is not None:
        return [list(config["batch_shape"])]
    if config.get("input_shape") is not None:
        return [[None, *config["input_shape"]]]
    if config.get("input_dim") is not None and form["class_name"] != "Embedding":
        return [[None, config["input_dim"]]]
    raise UsageError(
        "E-CONFIG", f'"{config.get("name")}" begins a branch and does not say its input\'s shape.'
    )


def _own_names(forms: list[Plain]) -> list[Plain]:
    """The same forms, each with a name, and none with that of another."""
    taken: set[str] = set()
    found = []
    for form in forms:
        base = form["config"].get("name") or form["class_name"].lower()
        name, count = base, 0
        while name in taken:
            count += 1
            name = f"{base}_{count}"
        taken.add(name)
        found.append({**form, "config": {**form["config"], "name": name}})
    return found


def _inputs(said: Mapping[str, Any]) -> list[str]:
    return list(said.get("inputs") or ()) or [said["input"]]


def _without(plain: Mapping[str, Any], name: str) -> Plain:
    return {key: value for key, value in plain.items() if key != name}


def _place(place: Iterable[Any], kinds: Mapping[Any, Any]) -> list:
    """[layer, call, output], with calls counted as they are today."""
    name, call, output = list(place)[:3]
    own = kinds.get(name) in CONTAINERS
    return [name, max(call - 1, 0) if own else call, output]


def _source(place: Any, kinds: Mapping[Any, Any], calls: Mapping[Any, Any]) -> list:
    """The place of an input.

    Keras 1 names a later layer there if that layer returned the input itself, as "linear" did.
    """
    name, call, output = list(place)[:3]
    for _ in range(len(calls)):
        if kinds.get(name) in (None, "InputLayer") or not calls.get(name):
            break
        name, call, output = calls[name][call][0][:3]
    return [name, call, output]


def _tensor(place: list) -> Plain:
    return {"class_name": "__keras_tensor__", "config": {"keras_history": place}}


def _inbound(call: list, kinds: Mapping[Any, Any], states: bool) -> Plain:
    """A call in today's form: a list of inputs, and the options of the call."""
    tensors = [_tensor(_place(place, kinds)) for place in call]
    options = next((dict(place[3]) for place in call if len(place) > 3 and place[3]), {})
    if states and len(tensors) > 1:
        return {"args": [tensors[0]], "kwargs": {**options, "initial_state": tensors[1:]}}
    return {"args": [tensors if len(tensors) > 1 else tensors[0]], "kwargs": options}
