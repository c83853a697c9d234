"""Configs that name what they may not, cost what nobody pays, or are no configs at all."""

import base64
import json
import marshal
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from attacks.corpus_files import Evil
from attacks.fuzz_bombs import of_op
from attacks.kit import Attack, Kit

# ---------------------------------------------------------------- forms that name what acts

_CODE = marshal.dumps(compile("open('CANARY_PWNED', 'w')", "a", "exec"))
CODE = {
    "class_name": "__lambda__",
    "config": {"code": base64.b64encode(_CODE).decode(), "defaults": None, "closure": None},
}
PICKLE = base64.b64encode(pickle.dumps(Evil())).decode()


def form(name: str, config: Any = None, module: str | None = "keras.layers") -> dict[str, Any]:
    """A plain form."""
    return {"module": module, "class_name": name, "config": config or {}, "registered_name": None}


def lambda_of(function: Any, **more: Any) -> dict[str, Any]:
    """A Lambda of a function."""
    return form("Lambda", {"name": "evil", "function": function, **more})


def function(name: str, module: str | None = None) -> dict[str, Any]:
    """The form of a function."""
    return {"module": module, "class_name": "function", "config": name, "registered_name": name}


RAN = {"command": "touch CANARY_PWNED", "args": ["touch", "CANARY_PWNED"], "name": "touch"}
EVIL_FORMS: dict[str, tuple[str, Any]] = {
    "code": ("S1 L2", CODE),
    "a Lambda of code": ("S1 L2", lambda_of(CODE)),
    "a Lambda of a list of code": ("S1 L2", lambda_of([CODE["config"]["code"], None, None])),
    "a Lambda of old code": (
        "S1 L2",
        lambda_of([CODE["config"]["code"]], function_type="lambda", module="__main__"),
    ),
    "a mask that is code": ("S1 L2", lambda_of("abs", mask=CODE)),
    "a Lambda of os.system": ("S2 S3 L1", lambda_of(function("system", "os"))),
    "a Lambda of eval": ("S2 S3 L1", lambda_of(function("eval", "builtins"))),
    "a Lambda of get_file": ("S3 L1", lambda_of(function("get_file", "keras.utils"))),
    "a Lambda of load_model": ("S3 L1", lambda_of(function("load_model", "keras.saving"))),
    "a Lambda of set_floatx": ("S3 S4 L1", lambda_of(function("set_floatx", "keras.config"))),
    "a Lambda that is unsafe": (
        "S4 L3",
        lambda_of(function("enable_unsafe_deserialization", "keras.config")),
    ),
    "os.system": ("S2 L1", form("system", RAN, "os")),
    "subprocess.Popen": ("S2 L1", form("Popen", RAN, "subprocess")),
    "builtins.eval": ("S2 L1", form("eval", RAN, "builtins")),
    "builtins.__import__": ("S2 L1", form("__import__", RAN, "builtins")),
    "importlib.import_module": ("S2 L1", form("import_module", RAN, "importlib")),
    "a class by its path": ("S2 L1", form("os.system", RAN, None)),
    "a module with a hidden letter": ("S2 L1", form("Popen", RAN, "keras\u200b.layers")),
    "a module by slashes": ("S2 L1", form("system", RAN, "keras.layers.core/../../os")),
    "numpy.load": ("S2 L1", form("load", RAN, "numpy")),
    "a registered name of os": ("S24 L1", {**form("Dense", RAN), "registered_name": "os>system"}),
    "TorchModuleWrapper": ("S6 L2", form("TorchModuleWrapper", {"module": PICKLE})),
    "TFSMLayer": ("S7 L4", form("TFSMLayer", {"filepath": "CANARY", "call_endpoint": "serve"})),
    "JaxLayer": ("S6 L2", form("JaxLayer", {"call_fn": CODE})),
    "FlaxLayer": ("S6 L2", form("FlaxLayer", {"module": PICKLE})),
    "a setter": (
        "S4 L1",
        form("set_image_data_format", {"data_format": "channels_first"}, "keras.config"),
    ),
    "unsafe": ("S4 L1", form("enable_unsafe_deserialization", {}, "keras.config")),
    "a Variable": ("L1", form("Variable", {"value": 1}, "keras")),
    "an array of objects": (
        "L2",
        {"class_name": "__numpy__", "config": {"value": [1], "dtype": "O"}},
    ),
    "an array of 1 GB": (
        "L5",
        {"class_name": "__numpy__", "config": {"value": "a", "dtype": "S1000000000"}},
    ),
    "an array of records": (
        "L5",
        {
            "class_name": "__numpy__",
            "config": {"value": 1, "dtype": {"names": ["a"], "formats": ["f4"], "itemsize": 10**9}},
        },
    ),
    "a class that is a number": ("S24", {"class_name": 3, "config": {}}),
    "a class that is a list": ("S24", {"class_name": ["Dense"], "config": {}}),
    "a config that is a number": ("S24", {"class_name": "Dense", "config": 3}),
    "a function that is a list": ("S24", {"class_name": "function", "config": ["abs"]}),
    "nothing known": ("L1", form("Nobody", {})),
}


# ---------------------------------------------------------------- where they are put


def dense(config: dict[str, Any]) -> dict[str, Any]:
    """The config of the first layer."""
    return config["config"]["layers"][1]["config"]


def _layer(config: Any, evil: Any) -> None:
    entry = {**evil, "name": "evil"} if isinstance(evil, dict) else evil
    config["config"]["layers"][1] = entry


def _wrapped(name: str, **more: Any) -> Callable[[Any, Any], None]:
    def put(config: Any, evil: Any) -> None:
        config["config"]["layers"][1] = form(name, {"name": "outer", "layer": evil, **more})

    return put


def _nested(config: Any, evil: Any) -> None:
    inner = {"name": "inner", "layers": [config["config"]["layers"][0], evil]}
    config["config"]["layers"][1] = form("Sequential", inner, "keras")


def _field(name: str) -> Callable[[Any, Any], None]:
    return lambda config, evil: dense(config).update({name: evil})


def _compiled(name: str, several: bool = False) -> Callable[[Any, Any], None]:
    def put(config: Any, evil: Any) -> None:
        config["compile_config"].update({name: [evil] if several else evil})

    return put


def _rate(config: Any, evil: Any) -> None:
    config["compile_config"]["optimizer"] = form("SGD", {"learning_rate": evil}, "keras.optimizers")


def _input(config: Any, evil: Any) -> None:
    config["config"]["layers"][0]["config"]["dtype"] = evil


ROLES: dict[str, Callable[[Any, Any], None]] = {
    "layer": _layer,
    "layer inside a model": _nested,
    "layer of Bidirectional": _wrapped("Bidirectional"),
    "layer of TimeDistributed": _wrapped("TimeDistributed"),
    "layer of RNN": _wrapped("RNN", cell=CODE),
    "initializer": _field("kernel_initializer"),
    "regularizer": _field("kernel_regularizer"),
    "constraint": _field("kernel_constraint"),
    "activation": _field("activation"),
    "dtype": _field("dtype"),
    "dtype of an input": _input,
    "model": lambda config, evil: config.update(evil) if isinstance(evil, dict) else None,
    "optimizer": _compiled("optimizer"),
    "rate": _rate,
    "loss": _compiled("loss"),
    "metric": _compiled("metrics", several=True),
}
BY_ROLE = (
    "code",
    "a Lambda of code",
    "os.system",
    "subprocess.Popen",
    "TorchModuleWrapper",
    "TFSMLayer",
    "a setter",
    "a Lambda of get_file",
    "an array of 1 GB",
)


# ---------------------------------------------------------------- whole configs


def _set(*path: Any, to: Any) -> Callable[[Any, Kit], Any]:
    def change(config: Any, kit: Kit) -> None:
        for key in path[:-1]:
            config = config[key]
        config[path[-1]] = to

    return change


def _of(field: str, value: Any) -> Callable[[Any, Kit], Any]:
    return lambda config, kit: dense(config).update({field: value})


def _sequential(*layers: Any, shape: Any = (None, 4)) -> Callable[[Any, Kit], Any]:
    """A model of an input and these layers."""

    def change(config: Any, kit: Kit) -> Any:
        start = form("InputLayer", {"name": "x", "batch_shape": list(shape), "dtype": "float32"})
        listed = [start, *(layer(kit) if callable(layer) else layer for layer in layers)]
        return form("Sequential", {"name": "m", "layers": listed}, "keras")

    return change


def _functional(entries: list, output: Any = ("a", 0, 0)) -> Callable[[Any, Kit], Any]:
    def change(config: Any, kit: Kit) -> Any:
        start = {
            **form("InputLayer", {"name": "x", "batch_shape": [None, 4], "dtype": "float32"}),
            "name": "x",
            "inbound_nodes": [],
        }
        plain = {
            "name": "m",
            "trainable": True,
            "layers": [start, *entries],
            "input_layers": [["x", 0, 0]],
            "output_layers": [list(output)],
        }
        return form("Functional", plain, "keras.src.models.functional")

    return change


def read(name: Any, call: Any = 0, index: Any = 0) -> dict[str, Any]:
    """What stands for an output of a layer."""
    return {
        "class_name": "__keras_tensor__",
        "config": {"shape": [None, 4], "dtype": "float32", "keras_history": [name, call, index]},
    }


def entry(name: Any, *reads: Any, kind: str = "Activation", **config: Any) -> dict[str, Any]:
    """A layer that is called on these."""
    said = {"name": name, **({"activation": "relu"} if kind == "Activation" else {}), **config}
    return {
        **form(kind, said),
        "name": name,
        "inbound_nodes": [{"args": list(reads), "kwargs": {}}],
    }


def _chain(count: int) -> list[dict[str, Any]]:
    names = ["x", *(f"n{i}" for i in range(1, count)), "a"]
    return [entry(name, read(before)) for before, name in zip(names, names[1:], strict=False)]


def _op(name: str, tensors: int = 1, **config: Any) -> Callable[[Any, Kit], Any]:
    return lambda _, kit: of_op(name, config, tensors)


def _vocabulary(kind: str, path: Callable[[Kit], str], **more: Any) -> Callable[[Any, Kit], Any]:
    def layer(kit: Kit) -> dict[str, Any]:
        return form(kind, {"name": "evil", "vocabulary": path(kit), **more})

    return _sequential(layer, shape=(None, 1))


def _named(name: Any) -> Callable[[Any, Kit], Any]:
    return _of("name", name)


LOCATIONS: dict[str, Callable[[Kit], str]] = {
    "a path": lambda kit: str(kit.canary),
    "an address of a file": lambda kit: f"file://{kit.canary}",
    "an address": lambda kit: f"http://127.0.0.1:{kit.watch.port}/v.txt",
    "a bucket": lambda kit: "gs://bucket/v.txt",
    "another computer": lambda kit: "\\\\127.0.0.1\\share\\v.txt",
    "above": lambda kit: "../canaries/canary.txt",
}
TEN = {"name": "x" * 10}
SPATIAL = {"shape": (None, 8, 8, 3)}
STEPS = {"shape": (None, 8, 3)}
CONFIGS: dict[str, tuple] = {
    **{
        f"{kind} whose vocabulary is {name}": ("S10 L4", _vocabulary(kind, path))
        for kind in ("StringLookup", "IntegerLookup", "TextVectorization")
        for name, path in LOCATIONS.items()
    },
    "weights of words that are a path": (
        "S10",
        _sequential(
            form(
                "StringLookup",
                {"vocabulary": ["a"], "output_mode": "tf_idf", "idf_weights": "/etc/passwd"},
            ),
            shape=(None, 1),
        ),
    ),
    "bins that are a path": (
        "S10",
        _sequential(form("Discretization", {"bin_boundaries": "/etc/passwd"})),
    ),
    "weights that are a path": ("S10", _of("weights", "/etc/passwd")),
    "units of 10**12": ("K2 L5", _of("units", 10**12)),
    "units of 20,000,000": ("K2 L5", _of("units", 20_000_000), "either"),
    "units of 2**62": ("K2 L5", _of("units", 2**62)),
    "units below zero": ("L8", _of("units", -1)),
    "units of truth": ("L8", _of("units", True)),
    "units in a list": ("L8", _of("units", [1])),
    "units of 1.5": ("L8", _of("units", 1.5)),
    "units that are text": ("L8", _of("units", "9")),
    "Embedding of 10**12": (
        "K2 L5",
        _sequential(form("Embedding", {"input_dim": 10**12, "output_dim": 8})),
    ),
    "filters of 10**9": (
        "K2 L5",
        _sequential(form("Conv2D", {"filters": 10**9, "kernel_size": 3}), **SPATIAL),
    ),
    "a kernel of 10**9": (
        "K2 L5",
        _sequential(form("Conv1D", {"filters": 1, "kernel_size": 10**9}), **STEPS),
    ),
    "a kernel of 2**40 by 2**40": (
        "K2 L5",
        _sequential(form("Conv2D", {"filters": 1, "kernel_size": [2**40] * 2}), **SPATIAL),
    ),
    "an input of 2**40": ("K2 L5", _sequential(form("Dense", {"units": 4}), shape=(None, 2**40))),
    "an input of 2**62 by 2**62": (
        "K2 L5",
        _sequential(form("Dropout", {"rate": 0.5}), shape=(None, 2**62, 2**62)),
        "either",
    ),
    "an input of 1,000 axes": (
        "K2 L5",
        _sequential(form("Dropout", {"rate": 0.5}), shape=[None] * 1000),
        "either",
    ),
    "a Dropout over 2**40": (
        "K2 L5",
        _sequential(form("Dropout", {"rate": 0.5}), shape=(None, 2**40)),
        "either",
    ),
    "orthogonal 60,000 x 60,000": (
        "K2 L5",
        _sequential(
            form("Dense", {"units": 60_000, "kernel_initializer": "orthogonal"}),
            shape=(None, 60_000),
        ),
        "either",
    ),
    "orthogonal 30,000 x 30,000": (
        "K2 L5",
        _sequential(
            form("Dense", {"units": 30_000, "kernel_initializer": "orthogonal"}),
            shape=(None, 30_000),
        ),
        "either",
    ),
    "RepeatVector of 2**40": ("K2 L5", _sequential(form("RepeatVector", {"n": 2**40})), "either"),
    "CategoryEncoding of 10**12": (
        "K2 L5",
        _sequential(form("CategoryEncoding", {"num_tokens": 10**12, "output_mode": "count"})),
        "either",
    ),
    "IntegerLookup of 2**60": (
        "K2 L5",
        _sequential(
            form(
                "IntegerLookup",
                {
                    "max_tokens": 2**60,
                    "vocabulary": [1, 2],
                    "output_mode": "multi_hot",
                    "pad_to_max_tokens": True,
                },
            )
        ),
    ),
    "Hashing into 2**60": (
        "K2 L5",
        _sequential(form("Hashing", {"num_bins": 2**60, "output_mode": "one_hot"})),
        "either",
    ),
    "a spectrum of 2**40": (
        "K2 L5",
        _sequential(form("MelSpectrogram", {"fft_length": 2**40}), shape=(None, 4000)),
    ),
    "a spectrum of 2**40 of short pieces": (
        "K2 L5",
        _sequential(
            form("MelSpectrogram", {"fft_length": 2**40, "sequence_length": 64}), shape=(None, 4000)
        ),
    ),
    "a spectrum of 10**7 of short pieces": (
        "K2 L5",
        _sequential(
            form("MelSpectrogram", {"fft_length": 10**7, "sequence_length": 64}), shape=(None, 4000)
        ),
    ),
    "bands of 2**40": (
        "K2 L5",
        _sequential(form("MelSpectrogram", {"num_mel_bins": 2**40}), shape=(None, 4000)),
    ),
    "an image of 2**40": (
        "K2 L5",
        _sequential(form("Resizing", {"height": 2**40, "width": 2**40}), **SPATIAL),
    ),
    "an image of 10**7": (
        "K2 L5",
        _sequential(form("Resizing", {"height": 10**7, "width": 8}), **SPATIAL),
    ),
    "pooling into 2**40": (
        "K2 L5",
        _sequential(form("AdaptiveAveragePooling1D", {"output_size": 2**40}), **STEPS),
    ),
    "zeros around of 2**40": (
        "K2 L5",
        _sequential(form("ZeroPadding2D", {"padding": 2**40}), **SPATIAL),
        "either",
    ),
    "larger by 2**40": (
        "K2 L5",
        _sequential(form("UpSampling2D", {"size": 2**40}), **SPATIAL),
        "either",
    ),
    "10**9 turns": (
        "K2 L5",
        _sequential(
            form(
                "SpectralNormalization",
                {"layer": form("Dense", {"units": 2}), "power_iterations": 10**9},
            )
        ),
        "either",
    ),
    "10**9 changes of an image": (
        "K2 L5",
        _sequential(form("RandAugment", {"value_range": [0, 255], "num_ops": 10**9}), **SPATIAL),
    ),
    "a loop of 10**6 steps written out": (
        "K2 L5",
        _sequential(form("LSTM", {"units": 2, "unroll": True}), shape=(None, 10**6, 3)),
        "either",
    ),
    "heads of 10**9": (
        "K2 L5",
        _sequential(form("MultiHeadAttention", {"num_heads": 10**9, "key_dim": 10**9}), **STEPS),
    ),
    "20,000 layers": ("K2 L5", _sequential(*[form("Activation", {"activation": "relu"})] * 20_000)),
    "20,000 cells": (
        "K2 L5",
        _sequential(
            form(
                "RNN",
                {
                    "cell": form(
                        "StackedRNNCells", {"cells": [form("LSTMCell", {"units": 1})] * 20_000}
                    )
                },
            ),
            **STEPS,
        ),
    ),
    "20,000 calls": (
        "K2 L5",
        _functional(
            [
                {
                    **entry("a", read("x")),
                    "inbound_nodes": [{"args": [read("x")], "kwargs": {}}] * 20_000,
                }
            ]
        ),
    ),
    "a chain of 300 layers": ("S24", _functional(_chain(300)), "either"),
    "layers of one name": ("L8", _functional([entry("a", read("x")), entry("a", read("x"))])),
    "a circle of two": ("S24", _functional([entry("a", read("b")), entry("b", read("a"))])),
    "a circle of one": ("S24", _functional([entry("a", read("a"))])),
    "a circle beside the way": (
        "S24",
        _functional([entry("a", read("x")), entry("b", read("c")), entry("c", read("b"))]),
    ),
    "call 10**9": ("S24", _functional([entry("a", read("x", 10**9))])),
    "call -1": ("S24", _functional([entry("a", read("x", -1))])),
    "output 10**9": ("S24", _functional([entry("a", read("x", 0, 10**9))])),
    "output that is text": ("S24", _functional([entry("a", read("x", 0, "0"))])),
    "a layer that is a list": ("S24", _functional([entry("a", read(["x"]))])),
    "no layer of that name": ("S24", _functional([entry("a", read("nobody"))])),
    "outputs of nobody": ("S24", _functional([entry("a", read("x"))], ("b", 0, 0))),
    "a call of numbers": ("L4 L5", _functional([entry("a", 3.0)])),
    "a call of nothing": ("L4 L5", _functional([entry("a")])),
    "a call of an array": (
        "L4 L5",
        _functional(
            [
                entry(
                    "a", {"class_name": "__numpy__", "config": {"value": [1.0], "dtype": "float32"}}
                )
            ]
        ),
    ),
    "zeros of 2**40 without an input": ("L5", _op("zeros", 0, shape=[2**40])),
    "numbers to 10**12 without an input": ("L5", _op("arange", 0, start=10**12)),
    "an identity of 10**6 without an input": ("L5", _op("eye", 0, N=10**6)),
    "an op that is no op": ("S3 L1", _op("save_model")),
    "an op that loops": ("S3 L1", _op("while_loop", cond="abs", body="abs")),
    "an op that calls back": ("S3 L1", _op("map", f="abs")),
    "an op of the module": ("S3 L1", _op("np")),
    "an op with underscores": ("S3 L1", _op("__class__")),
    "an op repeated 2**40 times": ("L5", _op("repeat", repeats=2**40), "either"),
    "an op of 10**6 parts": ("L5", _op("array_split", indices_or_sections=10**6)),
    "a shape that is code": ("S1 L2", _sequential(lambda_of("abs", output_shape=CODE)), "either"),
    "a metric of 10**9 thresholds": (
        "L5",
        lambda config, kit: _compiled("metrics", True)(
            config, form("AUC", {"num_thresholds": 10**9}, "keras.metrics")
        ),
    ),
    "a metric of 10**9 classes": (
        "L5",
        lambda config, kit: _compiled("metrics", True)(
            config, form("MeanIoU", {"num_classes": 10**9}, "keras.metrics")
        ),
    ),
    "weights of a loss that are a path": (
        "S24",
        _set("compile_config", "loss_weights", to="/etc/passwd"),
        "either",
    ),
    "a compile_config that is a list": ("S24", _set("compile_config", to=[1])),
    "layers that are a map": ("S24", _set("config", "layers", to={"a": 1})),
    "layers that are a number": ("S24", _set("config", "layers", to=3)),
    "layers that hold a number": ("S24", _set("config", "layers", 1, to=3)),
    "a config that is a list": ("S24", _set("config", to=[1])),
    "a class that is nothing": ("S24", _set("class_name", to=None)),
    "a class that is a map": ("S24", _set("class_name", to={})),
    "a layer as the model": ("S24", lambda config, kit: form("Dense", {"units": 3})),
    "build_config that is a list": ("S24", _set("build_config", to=[1]), "either"),
    **{
        f"a layer called {name!a:.30}": ("S18 L8", _named(name))
        for name in (
            "../../x",
            "..\\..\\x",
            "/abs",
            ".",
            "..",
            "a\0b",
            "a/b",
            "x" * 5000,
            "\x1b]0;x\x07",
            "a\nb",
            "\u202eabc",
            "a\u200bb",
            "\ud800",
            3,
            ["a"],
            {"a": 1},
        )
    },
    **{
        f"a layer called {name!a:.30}": ("L8", _named(name), "either")
        for name in (
            "C:x",
            "<script>alert(1)</script>",
            "[link=x]",
            "{0.__class__}",
            "e\u0301",
            "=1+1",
        )
    },
    "a model called by a terminal's commands": ("L8", _set("config", "name", to="\x1b]0;x\x07")),
    "a model called above": ("L8 S18", _set("config", "name", to="../x")),
}


# ---------------------------------------------------------------- all


def attacks() -> Iterator[Attack]:
    """All of them."""
    for name, (rules, evil) in EVIL_FORMS.items():
        yield Attack(f"config: a layer is {name}", rules, "config", _put(ROLES["layer"], evil))
    for role, put in ROLES.items():
        for name in BY_ROLE if role != "layer" else ():
            rules, evil = EVIL_FORMS[name]
            yield Attack(f"config: {role} is {name}", rules, "config", _put(put, evil))
    for name, (rules, change, *must) in CONFIGS.items():
        yield Attack(f"config: {name}", rules, "config", _changed(change), *must)


def _put(put: Callable[[Any, Any], None], evil: Any) -> Callable[[Kit, Path], Any]:
    def make(kit: Kit, folder: Path) -> Any:
        config = kit.config()
        put(config, json.loads(json.dumps(evil).replace('"CANARY"', json.dumps(str(kit.canary)))))
        return config

    return make


def _changed(change: Callable[[Any, Kit], Any]) -> Callable[[Kit, Path], Any]:
    def make(kit: Kit, folder: Path) -> Any:
        config = kit.config()
        return change(config, kit) or config

    return make
