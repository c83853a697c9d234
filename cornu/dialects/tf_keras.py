"""Whole models of tf.keras 2.4 to 2.15 and of tf-keras: their config and how they were compiled.

Layers and graphs are told in `tf_layers`; which weights lie where in an archive of theirs is told
in `saving.older_paths`.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from cornu import optimizers
from cornu.dialects.optimizers import (
    DECAYING,
    AdagradOuterEpsilon,
    NadamSlowWarmup,
    RMSpropOuterEpsilon,
)
from cornu.dialects.slots import warmed_product
from cornu.dialects.tf_layers import Plain, form, is_place, value_of
from cornu.errors import UsageError, shown
from cornu.saving.older import Origin
from cornu.saving.weights import Stored
from cornu.state import Variable

REDUCTIONS = {"auto": "sum_over_batch_size", "none": None}


def wrote(origin: Origin) -> bool:
    """Whether a file is of tf.keras 2.4 or later, or of tf-keras."""
    return _minor(origin) >= 4


def _minor(origin: Origin) -> int:
    """The second number of a version 2; 0 for any other."""
    parts = origin.version.split("-")[0].split(".")
    minor = len(parts) > 1 and parts[0] == "2" and parts[1].isdecimal()
    return int(parts[1]) if minor else 0


def modern(plain: Mapping[str, Any], origin: Origin) -> Plain:
    """{"model_config": …, "training_config": … or None} in the words of today.

    Args:
        plain: the same, as the file has it.
        origin: where the file is from.

    Raises:
        UsageError: for what no layer or op of today does, and for anything malformed.
    """
    training = plain.get("training_config")
    if not isinstance(training, Mapping | None):
        raise UsageError("E-CONFIG", f"training_config must be an object; got {shown(training)}.")
    model = form(plain.get("model_config"), True)
    told = modern_training(training, origin, _output_names(model)) if training else None
    return {"model_config": model, "training_config": told}


def _output_names(model: Plain) -> list[str]:
    """Names of a model's outputs: those of the layers that make them."""
    places = model["config"].get("output_layers")
    places = list(places.values()) if isinstance(places, Mapping) else places or []
    return [place[0] for place in places if is_place(place)]


# ---------------------------------------------------------------- how it was compiled


def modern_training(said: Mapping[str, Any], origin: Origin, outputs: Sequence[str]) -> Plain:
    """How a model with outputs of these names was compiled, in the words of today."""
    found = {key: value_of(value, key) for key, value in said.items() if key != "optimizer_config"}
    if "optimizer_config" in said:
        early = _minor(origin) < 11
        found["optimizer_config"] = modern_optimizer(said["optimizer_config"], early)
    found["loss"] = _loss(found.get("loss"))
    for key in ("metrics", "weighted_metrics"):
        found[key] = _metrics(_unprefixed(found.get(key), outputs))
    return found


def modern_optimizer(plain: Any, early: bool = False) -> Any:
    """Today's class name and config of an optimizer; `early` says that it is of before 2.11."""
    if not isinstance(plain, Mapping) or not isinstance(plain.get("config"), Mapping):
        return plain
    config = {k: value_of(v, k) for k, v in plain["config"].items() if k != "inner_optimizer"}
    early = bool(config.pop("is_legacy_optimizer", early or "jit_compile" not in config))
    for key in ("jit_compile", "dynamic"):
        config.pop(key, None)
    if "inner_optimizer" in plain["config"]:
        config["inner_optimizer"] = modern_optimizer(plain["config"]["inner_optimizer"], early)
    name = str(plain.get("class_name")).removeprefix("Custom>")
    decay, rate = config.pop("decay", None), config.get("learning_rate")
    plain = early and not (name == "RMSprop" and config.get("momentum"))
    if early and name == "Nadam":
        config["schedule_decay"] = decay or 0.0
    elif decay and plain and name in DECAYING:
        name, config["decay"] = DECAYING[name], decay
    elif decay and not isinstance(rate, Mapping):
        schedule = {"initial_learning_rate": rate, "decay_steps": 1, "decay_rate": decay}
        config["learning_rate"] = {
            "module": "keras.optimizers.schedules",
            "class_name": "InverseTimeDecay",
            "config": schedule,
        }
    if plain:
        name = EARLY.get(name, name)
    return {"module": "keras.optimizers", "class_name": name, "config": config}


EARLY = {
    "Adagrad": AdagradOuterEpsilon.__name__,
    "Nadam": NadamSlowWarmup.__name__,
    "RMSprop": RMSpropOuterEpsilon.__name__,
}
"""Optimizers that had another rule before 2.11, RMSprop where it has no momentum.

The old ones could be asked for later too, as `legacy`.
"""


def _loss(plain: Any) -> Any:
    """A loss, or a structure of them, with today's names of reductions."""
    if isinstance(plain, list):
        return [_loss(one) for one in plain]
    if not isinstance(plain, Mapping):
        return plain
    if "class_name" not in plain:
        return {key: _loss(one) for key, one in plain.items()}
    config = plain.get("config")
    if not isinstance(config, Mapping):
        return plain
    config = {key: value for key, value in config.items() if key != "fn"}
    if config.get("reduction") in REDUCTIONS:
        config["reduction"] = REDUCTIONS[config["reduction"]]
    return {**plain, "module": "keras.losses", "config": config}


def _unprefixed(plain: Any, outputs: Sequence[str], output: str = "") -> Any:
    """Metrics by outputs; names that began with the name of an output, without it."""
    if len(outputs) < 2:
        return plain
    if isinstance(plain, list):
        each = outputs if not output and len(plain) == len(outputs) else [output] * len(plain)
        return [_unprefixed(one, outputs, of) for one, of in zip(plain, each, strict=True)]
    if not isinstance(plain, Mapping):
        return plain
    if "class_name" not in plain:
        return {key: _unprefixed(one, outputs, key) for key, one in plain.items()}
    config = plain.get("config")
    if not output or not isinstance(config, Mapping) or not isinstance(config.get("name"), str):
        return plain
    return {**plain, "config": {**config, "name": config["name"].removeprefix(f"{output}_")}}


WRAPPERS = {"MeanMetricWrapper", "SparseMeanMetricWrapper"}


def _metrics(plain: Any) -> Any:
    """Metrics, or a structure of them; a list for the one output there is stands by itself."""
    if isinstance(plain, list):
        found = [_metrics(one) for one in plain if one is not None]
        return found[0] if len(found) == 1 and isinstance(found[0], list) else found
    if not isinstance(plain, Mapping):
        return plain
    if "class_name" not in plain:
        return {key: _metrics(one) for key, one in plain.items()}
    config = plain.get("config")
    if plain["class_name"] not in WRAPPERS or not isinstance(config, Mapping):
        return {**plain, "module": "keras.metrics"}
    return _of_function(config)


def _of_function(config: Mapping[str, Any]) -> Any:
    """The mean of a function; its name may be the short one that logs are to have."""
    kept = {key: value for key, value in config.items() if value is not None}
    if set(kept) <= {"name", "dtype", "fn"} and kept.get("name") in SHORT.get(kept.get("fn"), []):
        return kept["name"]
    return {"module": "keras.metrics", "class_name": "MeanMetricWrapper", "config": kept}


def _short(**names: Sequence[str]) -> dict[Any, Sequence[str]]:
    return {name: (name, *short) for name, short in names.items()}


ACCURACY = ("accuracy", "acc")
SHORT = _short(
    mean_squared_error=("mse", "MSE"),
    mean_absolute_error=("mae", "MAE"),
    mean_absolute_percentage_error=("mape", "MAPE"),
    mean_squared_logarithmic_error=("msle", "MSLE"),
    binary_accuracy=ACCURACY,
    categorical_accuracy=ACCURACY,
    sparse_categorical_accuracy=ACCURACY,
    binary_crossentropy=(),
    categorical_crossentropy=(),
    sparse_categorical_crossentropy=(),
    cosine_similarity=(),
)
"""Functions of metrics -> the names by which `compile` knew them."""


# ---------------------------------------------------------------- archives


def archived(
    config: Mapping[str, Any], compiled: Any, slots: Mapping[str, Any], origin: Origin
) -> tuple[Plain, Plain | None, Plain]:
    """A model's config, how it was compiled and its optimizer's arrays, of a `.keras` file.

    Args:
        config: what the file says of the model.
        compiled: the arguments of `compile`, or None.
        slots: path -> array, "optimizer/vars/0" the first.
        origin: where the file is from.

    Raises:
        UsageError: as in `modern`.
    """
    told = modern({"model_config": config, "training_config": _as_training(compiled)}, origin)
    training = told["training_config"]
    if not training:
        return told["model_config"], None, {}
    optimizer = training.pop("optimizer_config", None)
    values = [slots[f"optimizer/vars/{i}"] for i in range(len(slots))]
    if values and optimizer is not None:
        values = list(_slots(optimizers.get(optimizer), values))
    found = {f"optimizer/vars/{i}": value for i, value in enumerate(values)}
    return told["model_config"], {"optimizer": optimizer, **training}, found


def _as_training(compiled: Any) -> Any:
    if not isinstance(compiled, Mapping):
        return compiled
    rest = {key: value for key, value in compiled.items() if key != "optimizer"}
    return {"optimizer_config": compiled.get("optimizer"), **rest}


def _slots(optimizer: Any, values: list) -> Iterator[Any]:
    """Arrays of an optimizer as today: what stood in its config alone is put among them.

    That is the learning rate, and the product of all momenta that Nadam had had; arrays of SGD
    that it did not use are left out.
    """
    yield values[0]
    if isinstance(optimizer.learning_rate, Variable):
        yield _number(optimizer.learning_rate.numpy())
    unused = type(optimizer).__name__ == "SGD" and not optimizer.momentum
    yield from () if unused else values[1:]
    if "u_product" in optimizer.shared_slots():
        yield _number(warmed_product(optimizer, int(values[0].read())))


def _number(value: Any) -> Stored:
    return Stored((), "float32", lambda: np.asarray(value, "float32"))
