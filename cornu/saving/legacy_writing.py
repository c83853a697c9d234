"""Writing whole models and weights as `.h5`, in the layout of Keras 2 that Keras 3 reads too."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO

import numpy as np

from cornu import losses
from cornu.errors import UsageError
from cornu.registry import OLDER
from cornu.saving.archive import COMPILED, Archive
from cornu.saving.hdf5 import BFLOAT16
from cornu.saving.hdf5_writing import LAYOUT, hdf5_file, write_arrays
from cornu.saving.layered import TOP, Layered
from cornu.saving.legacy import FULL, text_digest
from cornu.saving.legacy_forms import layer_form, slots_listed, training_form
from cornu.saving.weights import INNER_NAMES

MOST_ATTRIBUTE = 64_512
"""Bytes that an attribute of HDF5 may have; a longer list is cut into numbered ones."""


def write_legacy(archive: Archive, out: BinaryIO) -> None:
    """Write a whole-model file, from an archive whose weights are in layers."""
    with hdf5_file(out) as file:
        training = archive.training or {}
        full: dict[str, Any] = {"model_config": _legacy_form(archive.config)}
        texts = {"model_config": json.dumps(layer_form(archive.config))}
        if training:
            full["training_config"] = _training_config(training["compile_config"])
            texts["training_config"] = json.dumps(training_form(full["training_config"]))
        slots = _slots(training)
        if slots:
            full["slots"] = [name for name, _ in slots]
            shapes = [np.shape(value) for _, value in slots]
            optimizer = full["training_config"]["optimizer_config"]
            listed = slots_listed(optimizer, full["slots"], shapes)
            _write_list(file.create_group("optimizer_weights"), slots, listed)
        for name, said in texts.items():
            file.attrs[name] = said
        texts[FULL] = json.dumps(full)
        digests = {name: text_digest(said) for name, said in texts.items()}
        file.attrs["cornu"] = json.dumps({"sha256": digests, FULL: full})
        _write_version(file)
        _write_layers(file.create_group("model_weights"), archive.layered or {})


def _slots(training: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Names and values of the optimizer's Variables."""
    slots = training.get("optimizer") or {}
    names = training.get("names") or list(slots)
    count = sum(path.startswith("optimizer/vars/") for path in slots)
    values = [slots[f"optimizer/vars/{i}"] for i in range(count)]
    return list(zip(names, values, strict=True)) if slots else []


def write_legacy_weights(layered: Layered, out: BinaryIO) -> None:
    """Write a file of weights."""
    with hdf5_file(out) as file:
        _write_layers(file, layered)


def _write_version(group: Any) -> None:
    group.attrs["keras_version"] = LAYOUT
    group.attrs["backend"] = "jax"


def _write_layers(group: Any, layered: Layered) -> None:
    write_names(group, "layer_names", [name for name in layered if name != TOP])
    _write_version(group)
    for name, values in sorted(layered.items()):
        _write_list(group.create_group(name), values)


def _write_list(
    group: Any, values: Sequence[tuple[str, Any]], listed: Sequence[str] | None = None
) -> None:
    """Write arrays; `listed` are the names in the group's list, where those are not all."""
    names = [name for name, _ in values] if listed is None else listed
    write_names(group, "weight_names", names)
    wide = [(name, v.astype("float32") if str(v.dtype) == BFLOAT16 else v) for name, v in values]
    write_arrays(group, wide, checked=True)


def write_names(group: Any, attribute: str, names: Sequence[str | bytes]) -> None:
    """Write texts as an attribute, or as several where one cannot hold them.

    Raises UsageError for a single text that is too long.
    """
    plain = np.array([n if isinstance(n, bytes) else str(n).encode() for n in names] or [b""])
    plain = plain[: len(names)]
    if plain.dtype.itemsize > MOST_ATTRIBUTE:
        raise UsageError(
            "E-SAVE",
            f"an attribute of HDF5 holds {MOST_ATTRIBUTE} bytes; one of {attribute} has "
            f"{plain.dtype.itemsize}. Give it a shorter name.",
        )
    if plain.nbytes <= MOST_ATTRIBUTE:
        group.attrs[attribute] = plain
        return
    most = MOST_ATTRIBUTE // plain.dtype.itemsize
    for i, begin in enumerate(range(0, len(plain), most)):
        group.attrs[f"{attribute}{i}"] = plain[begin : begin + most]


def _legacy_form(form: Mapping[str, Any]) -> dict[str, Any]:
    """A model's plain form as Keras 3 has it in this layout: layers by class name alone."""
    config = form["config"]
    if isinstance(config, Mapping) and isinstance(config.get("layers"), list):
        config = {**config, "layers": [_legacy_form(layer) for layer in config["layers"]]}
    rest = {key: form[key] for key in ("name", "inbound_nodes", OLDER) if key in form}
    name = form.get("registered_name")
    foreign = isinstance(name, str) and ">" in name
    if not isinstance(config, Mapping) or "layers" not in config:
        rest |= {key: form[key] for key in ("build_config",) if form.get(key) and foreign}
    name = name if foreign else INNER_NAMES.get(form["class_name"], form["class_name"])
    return {"class_name": name, "config": config, **rest}


def _training_config(compiled: Mapping[str, Any]) -> dict[str, Any]:
    found = {key: compiled.get(key) for key in COMPILED if key != "optimizer"}
    found["loss"] = _long_names(found["loss"])
    optimizer = compiled.get("optimizer")
    if isinstance(optimizer, Mapping):
        kept = ("class_name", "config", OLDER)
        found["optimizer_config"] = {key: optimizer[key] for key in kept if key in optimizer}
    else:
        found["optimizer_config"] = optimizer
    return found


def _long_names(loss: Any) -> Any:
    """Losses by their full names: of short ones ("mse") Keras 3 makes metrics when it loads."""
    if isinstance(loss, list):
        return [_long_names(one) for one in loss]
    if isinstance(loss, Mapping):
        return loss if "class_name" in loss else {k: _long_names(v) for k, v in loss.items()}
    member = losses.family.members.get(loss) if isinstance(loss, str) else None
    return getattr(member, "__name__", loss)
