"""A saved model in memory, and the way between it and a model.

`Archive` is what every format is read into and written from. Nothing here touches files.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cornu import state, tree
from cornu.config import custom_object_scope, deserialize_inner, serialize
from cornu.errors import UsageError, UsageTypeError, shown, warn
from cornu.saving.assets import assets_of, place_assets
from cornu.saving.forms import as_shapes, is_model, layer_of, wire_form
from cornu.saving.layered import Layered, layered_of, named, place_layered
from cornu.saving.weights import array_of, assign_all, fit, place_weights, weights_of

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

WITHOUT_WEIGHTS = 2**32
"""Most bytes of weights that a config may ask for when no weights come with it."""

SLACK = 2**26
"""Bytes of weights that a config may ask for beyond those that come with it."""


@dataclass
class Archive:
    """A saved model.

    Attributes:
        config: the model's class and config as plain data, without how it was compiled.
        weights: path -> array, or `Stored` where it is still in a file.
        names: path of a layer -> its name, for messages.
        training: "compile_config", and "optimizer" (path -> array) where there was one; or None.
        meta: what the file says of itself.
        layered: weights by layer instead of by path, in the layouts that keep them so; or None.
        assets: path -> content of the files that layers keep beside weights: vocabularies.
    """

    config: dict[str, Any]
    weights: Mapping[str, Any]
    names: Mapping[str, str] = field(default_factory=dict)
    training: dict[str, Any] | None = None
    meta: dict[str, Any] = field(default_factory=dict)
    layered: Layered | None = None
    assets: Mapping[str, bytes] = field(default_factory=dict)


# ---------------------------------------------------------------- model -> archive


def described(model: Any) -> dict[str, Any]:
    """A model's class, config and how it was compiled, as plain data."""
    form = wire_form(model)
    compiled = _compile_config(model)
    return {**form, "compile_config": compiled} if compiled else form


def _compile_config(model: Any) -> dict[str, Any] | None:
    own = getattr(model, "get_compile_config", None)  # an optional method of users' models
    if own is not None:
        return serialize(own())
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
    """All of a model, copied, its weights by path or by layer.

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
        found.update((f"{path}/vars/{i}", v.numpy()) for i, v in enumerate(optimizer.variables))
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
            place_layered(model, archive.layered, fresh=True)
        place_assets(model, archive.assets, archive.names)
        if compile and archive.training:
            compile_as(model, archive.training)
    return model


def model_of(config: Any, known: int | None = None) -> Any:
    """A new model from its plain form; `known` bytes of weights are to be put into it."""
    budget = Budget(known)
    with state.within(initial=budget):
        model = layer_of(config, "the model")
        if not is_model(model):
            raise UsageError("E-CONFIG", f"a {type(model).__name__} is a layer, and no model.")
        build = config.get("build_config")
        if not model.built and isinstance(build, Mapping):
            _build(model, build)
    return model


def _build(model: Any, config: Mapping[str, Any]) -> None:
    own = getattr(model, "build_from_config", None)  # an optional method of users' models
    if own is not None:
        own(config)
    elif isinstance(config.get("shapes_dict"), Mapping):
        model.build(**as_shapes(config["shapes_dict"]))
    elif config.get("input_shape") is not None:
        model.build(as_shapes(config["input_shape"]))


class Budget:
    """Makes the first values of Variables while a model is loaded, up to a number of bytes.

    With weights to come they are zeros; without, they are what the initializers make.
    """

    def __init__(self, known: int | None):
        self.known = known
        self.most = WITHOUT_WEIGHTS if known is None else known + SLACK
        self.left = self.most

    def __call__(self, make: Callable, shape: Sequence[int], dtype: str) -> Any:
        self.left -= math.prod(shape) * 4
        if self.left < 0:
            much = "comes without weights" if self.known is None else f"has {self.known} bytes"
            raise UsageError(
                "E-FILE-SIZE",
                f"the config asks for a weight of shape {tuple(shape)}, and more than "
                f"{self.most} bytes in all, but the file {much}.",
            )
        return make(shape, dtype=dtype) if self.known is None else np.zeros(shape, "float32")


def _bytes(archive: Archive) -> int:
    lists = (archive.layered or {}).values()
    values = [*archive.weights.values(), *(value for pairs in lists for _, value in pairs)]
    return sum(math.prod(value.shape) * 4 for value in values)


def compile_as(model: Any, training: Mapping[str, Any]) -> None:
    """Compile a model as it was when it was saved, and give the optimizer its state back."""
    config = training["compile_config"]
    if not isinstance(config, Mapping):
        raise UsageError("E-CONFIG", f"compile_config must be an object; got {shown(config)}.")
    own = getattr(model, "compile_from_config", None)  # an optional method of users' models
    if own is not None:
        own(config)
    elif config.get("optimizer") is not None or config.get("loss") is not None:
        try:
            said = {k: deserialize_inner(v) for k, v in config.items() if k in COMPILED}
            model.compile(**said)
        except (UsageError, UsageTypeError) as error:
            error.add_note("(to load it without how it was compiled: load_model(…, compile=False))")
            raise
    if model.optimizer is not None and training.get("optimizer"):
        _fill_optimizer(model, training["optimizer"])


def _fill_optimizer(model: Any, values: Mapping[str, Any]) -> None:
    optimizer = model.optimizer
    optimizer.build(model.trainable_variables)
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
    assign_all((cell, array_of(value)) for cell, value in zip(cells, found, strict=True))
