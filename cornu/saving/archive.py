"""A saved model in memory, and the way between it and a model.

`Archive` is what every format is read into and written from. Nothing here touches files.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cornu import costs, state, tree
from cornu.config import custom_object_scope, deserialize_inner, serialize
from cornu.errors import UsageError, UsageTypeError, shown, warn
from cornu.saving.assets import assets_of, place_assets
from cornu.saving.forms import is_model, layer_of, warn_of_lambdas, wire_form
from cornu.saving.layered import Layered, layered_of, named, place_layered
from cornu.saving.older import PRESENT, Origin, rules
from cornu.saving.weights import assign_all, fit, place_weights, read_all, weights_of

COMPILED = (
    "optimizer",
    "loss",
    "loss_weights",
    "metrics",
    "weighted_metrics",
    "run_eagerly",
    "steps_per_execution",
    "jit_compile",
)
"""What of `compile`'s arguments is kept."""


@dataclass
class Archive:
    """A saved model.

    Attributes:
        config: the model's class and config as plain data, without how it was compiled.
        weights: path -> array, or `Stored` where it is still in a file.
        names: path of a layer -> its name, for messages.
        training: "compile_config", and where there was one "optimizer" (path -> array) and "names"
            of those arrays; or None.
        meta: what the file says of itself.
        origin: where the file is from.
        layered: weights by layer instead of by path, in the layouts that keep them so; or None.
        assets: path -> content of the files that layers keep beside weights: vocabularies.
    """

    config: dict[str, Any]
    weights: Mapping[str, Any]
    names: Mapping[str, str] = field(default_factory=dict)
    training: dict[str, Any] | None = None
    meta: dict[str, Any] = field(default_factory=dict)
    layered: Layered | None = None
    origin: Origin = PRESENT
    assets: Mapping[str, bytes] = field(default_factory=dict)


# ---------------------------------------------------------------- model -> archive


def described(model: Any) -> dict[str, Any]:
    """A model's class, config and how it was compiled, as plain data.

    Warns of functions that have no name to save them by.
    """
    form = wire_form(model)
    warn_of_lambdas(model)
    compiled = serialize(model.get_compile_config())
    return {**form, "compile_config": compiled} if compiled else form


def compile_config(model: Any) -> dict[str, Any] | None:
    """How a model was compiled, as plain data; None, with a warning, where it cannot be said."""
    said = getattr(model, "_compiled_with", None)
    if not said:
        return None
    try:
        found = {key: serialize(said[key]) for key in COMPILED if key in said}
        _check_named(said)
    except (UsageError, UsageTypeError) as error:
        warn(
            f'"{model.name}" is saved without how it was compiled: {error} '
            "Call compile() after loading it."
        )
        return None
    return found


def _check_named(said: Mapping[str, Any]) -> None:
    """Raise UsageError for a function without a name to find it by."""
    for key, value in said.items():
        for leaf in tree.leaves(value):
            if getattr(leaf, "__name__", "") == "<lambda>":
                raise UsageError("E-SERIALIZE", f"{key} is a lambda, which has no name to save.")


def check_built(model: Any) -> None:
    """Raise UsageError for a model without weights to save."""
    if not model.built:
        raise UsageError(
            "E-UNBUILT",
            f'"{model.name}" is not built yet, so it has no weights to save: call '
            "build(input_shape) or fit it first.",
        )


def model_to_archive(model: Any, include_optimizer: bool = True, layered: bool = False) -> Archive:
    """All of a model as it is now, its weights by path or by layer.

    Raises UsageError where it is not built or has no plain form.
    """
    check_built(model)
    config = described(model)
    compiled = config.pop("compile_config", None)
    with state.cells_lock:  # weights and slots of one moment
        values, names = ({}, {}) if layered else weights_of(model)
        lists = layered_of(model) if layered else None
        slots = _optimizer_values(model.optimizer) if compiled and include_optimizer else {}
    training = None
    if compiled:
        training = {"compile_config": compiled, "optimizer": slots}
    if training and slots:
        training["names"] = [name for name, _ in named(model.optimizer.variables)]
    assets = {} if layered else assets_of(model)
    return Archive(config, values, names, training, layered=lists, assets=assets)


def _optimizer_values(optimizer: Any) -> dict[str, np.ndarray]:
    """Values of an optimizer's Variables, those of one inside it too, by path."""
    found: dict[str, np.ndarray] = {}
    path = "optimizer"
    while optimizer is not None and getattr(optimizer, "built", False):
        found.update((f"{path}/vars/{i}", v.snapshot()) for i, v in enumerate(optimizer.variables))
        optimizer, path = getattr(optimizer, "inner_optimizer", None), f"{path}/inner_optimizer"
    return found


# ---------------------------------------------------------------- archive -> model


def archive_to_model(
    archive: Archive, custom_objects: Mapping[str, Any] | None = None, compile: bool = True
) -> Any:
    """A new model with what is in the archive.

    What the config asks for may not be larger than the weights that come with it; until those have
    been looked at, nothing large is made. Raises UsageError for what does not fit.
    """
    with custom_object_scope(custom_objects or {}):
        model = model_of(archive.config, _bytes(archive))
        if archive.layered is None:
            place_weights(model, archive.weights, archive.names, fresh=True)
        else:
            place_layered(model, archive.layered, fresh=True, origin=archive.origin)
        place_assets(model, archive.assets, archive.names)
        if compile and archive.training:
            compile_as(model, archive.training, archive.origin, archive.layered)
    return model


def model_of(config: Any, known: int | None = None) -> Any:
    """A new model from its plain form; `known` bytes of weights are to be put into it."""
    with costs.bounded(config, known):
        model = layer_of(config, "the model")
        if not is_model(model):
            raise UsageError("E-CONFIG", f"a {type(model).__name__} is a layer, and no model.")
        build = config.get("build_config")
        if not model.built and isinstance(build, Mapping):
            model.build_from_config(build)
    return model


def _bytes(archive: Archive) -> int:
    lists = (archive.layered or {}).values()
    values = [*archive.weights.values(), *(value for pairs in lists for _, value in pairs)]
    return sum(math.prod(value.shape) * 4 for value in values)


def compile_as(
    model: Any,
    training: Mapping[str, Any],
    origin: Origin = PRESENT,
    layered: Layered | None = None,
) -> None:
    """Compile a model as it was when it was saved, and give the optimizer its state back.

    In files of older generations the order of that state follows from the weights, by layer.
    """
    config = training["compile_config"]
    if not isinstance(config, Mapping):
        raise UsageError("E-CONFIG", f"compile_config must be an object; got {shown(config)}.")
    with costs.bounded(config):
        model.compile_from_config(config)
    if model.optimizer is not None and training.get("optimizer"):
        values = training["optimizer"]
        names = training.get("names") or list(values)
        _fill_optimizer(model, values, names, origin, layered or {})


def compile_from(model: Any, config: Mapping[str, Any]) -> None:
    """Compile a model as `compile_config` says. Raises UsageError for what is not known."""
    if config.get("optimizer") is None and config.get("loss") is None:
        return
    try:
        said = {k: deserialize_inner(v) for k, v in config.items() if k in COMPILED}
        model.compile(**said)
    except (UsageError, UsageTypeError) as error:
        error.add_note("(to load it without how it was compiled: load_model(…, compile=False))")
        raise


def _fill_optimizer(
    model: Any,
    values: Mapping[str, Any],
    names: Sequence[str],
    origin: Origin,
    layered: Layered,
) -> None:
    optimizer = model.optimizer
    optimizer.build(model.trainable_variables)
    if not origin.present:
        listed = list(zip(names, values.values(), strict=True))
        told = rules().slots(model, listed, origin, layered)
        values = {f"optimizer/vars/{i}": value for i, (_, value) in enumerate(told)}
    cells = optimizer.variables
    found = [values.get(f"optimizer/vars/{i}") for i in range(len(cells))]
    count = sum(path.startswith("optimizer/vars/") for path in values)
    unbuilt = count < len(cells) and all(not values[path].shape for path in values)
    if unbuilt:  # it was saved before its first step: there are numbers, but no slots yet
        cells, found = cells[:count], found[:count]
    fits = all(a is not None and fit(a, v) for a, v in zip(found, cells, strict=True))
    if not fits or count != len(cells):
        warn(
            f"the file has {count} values for the optimizer's {len(cells)} variables, or of other "
            "shapes (was trainable changed after compile?): it begins afresh."
        )
        return
    assign_all(read_all(zip(cells, found, strict=True), fresh=True))
