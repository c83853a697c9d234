"""What is tried through calls that take plain data, and not files."""

import copy
import io
import json
import pickle
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from attacks.corpus_configs import CODE, EVIL_FORMS, lambda_of
from attacks.kit import Attack, Kit
from cornu import (
    activations,
    config,
    constraints,
    initializers,
    layers,
    losses,
    metrics,
    models,
    optimizers,
    regularizers,
    saving,
)
from cornu.errors import UsageError

DESERIALIZERS: dict[str, Callable[[Any], Any]] = {
    "config": config.deserialize,
    "layers": layers.deserialize,
    "losses": losses.deserialize,
    "metrics": metrics.deserialize,
    "optimizers": optimizers.deserialize,
    "initializers": initializers.deserialize,
    "regularizers": regularizers.deserialize,
    "constraints": constraints.deserialize,
    "activations": activations.deserialize,
}


def attacks() -> Iterator[Attack]:
    """All of them."""
    for name, (rules, form) in EVIL_FORMS.items():
        for family, function in DESERIALIZERS.items():
            call = _call(function, form)
            yield Attack(f"{family}.deserialize: {name}", f"{rules} S8 L3", "call", call)
    for name, (rules, call, must) in CALLS.items():
        yield Attack(f"call: {name}", rules, "call", call, must)


def _call(function: Callable[[Any], Any], form: Any) -> Callable[[Kit, Path], Callable[[], Any]]:
    return lambda kit, folder: lambda: function(copy.deepcopy(form))


def _clone(kit: Kit, folder: Path) -> Callable[[], Any]:
    """A layer that says of itself that it is code."""

    class Liar(layers.Activation):
        def get_config(self) -> dict[str, Any]:
            return {"activation": CODE}

    model = models.Sequential([layers.Input((3,)), Liar("relu")])
    return lambda: models.clone_model(model)


def _pickled(kit: Kit, folder: Path) -> Callable[[], Any]:
    """A model's pickle names what it is made of, and nothing that acts."""
    found: set[str] = set()

    class Names(pickle.Unpickler):
        """Notes what a pickle names."""

        def find_class(self, module: str, name: str) -> Any:
            found.add(module.split(".")[0])
            return super().find_class(module, name)

    Names(io.BytesIO(pickle.dumps(kit.model))).load()

    def look() -> None:
        strange = found - {"cornu", "numpy", "collections", "jax", "jaxlib", "ml_dtypes", "_codecs"}
        assert not strange, strange

    return look


def _switch(kit: Kit, folder: Path) -> Callable[[], Any]:
    """What Keras has for it changes nothing here."""
    config_ = kit.config()
    config_["config"]["layers"][1] = lambda_of(CODE)
    text = json.dumps(config_)

    def look() -> None:
        with suppress(UsageError):
            saving.enable_unsafe_deserialization()
        saving.model_from_json(text)

    return look


def _wrong(function: Callable[..., Any], *values: Any) -> Callable[[Kit, Path], Callable[[], Any]]:
    return lambda kit, folder: lambda: function(*values)


CALLS: dict[str, tuple[str, Callable[[Kit, Path], Any], str]] = {
    "clone_model of a layer that lies": ("S8", _clone, "refused"),
    "the pickle of a model": ("S9 L2", _pickled, "loads"),
    "a switch to be unsafe": ("S4 K11", _switch, "refused"),
    "load_model of a pickle in memory": (
        "S5",
        _wrong(saving.load_model, io.BytesIO(b"\x80\x04")),
        "refused",
    ),
    "load_model of a number": ("S24", _wrong(saving.load_model, 3), "refused"),
    "load_model of a config": (
        "S24",
        _wrong(saving.load_model, {"class_name": "Dense"}),
        "refused",
    ),
    "model_from_json of bytes": ("S24", _wrong(saving.model_from_json, b"{}"), "refused"),
    "model_from_json of a config": ("S24", _wrong(saving.model_from_json, {}), "refused"),
    "Sequential.from_config of nothing": (
        "S24",
        _wrong(models.Sequential.from_config, {}),
        "refused",
    ),
    "Sequential.from_config of a number": (
        "S24",
        _wrong(models.Sequential.from_config, {"layers": 3}),
        "refused",
    ),
    "Lambda.from_config of code": (
        "S8",
        _wrong(layers.Lambda.from_config, {"name": "a", "function": CODE}),
        "refused",
    ),
}
