"""Writing whole models and weights as `.h5`, in the layout of Keras 2 that Keras 3 reads too."""

import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cornu import losses
from cornu.saving.archive import COMPILED, Archive
from cornu.saving.hdf5_writing import LAYOUT, write_array
from cornu.saving.layered import TOP, Layered
from cornu.saving.legacy import text_digest
from cornu.saving.weights import INNER_NAMES

MOST_ATTRIBUTE = 64_512
"""Bytes that an attribute of HDF5 may have; a longer list is cut into numbered ones."""


def to_legacy(archive: Archive, digests: bool = True) -> memoryview:
    """The content of a whole-model file, from an archive whose weights are in layers."""
    import h5py

    image = io.BytesIO()
    with h5py.File(image, "w") as file:
        texts = {"model_config": json.dumps(_legacy_form(archive.config))}
        training = archive.training
        if training:
            texts["training_config"] = json.dumps(_training_config(training["compile_config"]))
        for name, said in texts.items():
            file.attrs[name] = said
        file.attrs["cornu"] = json.dumps({"sha256": {n: text_digest(t) for n, t in texts.items()}})
        _write_version(file)
        _write_layers(file.create_group("model_weights"), archive.layered or {}, digests)
        slots = (training or {}).get("optimizer") or {}
        if slots:
            names = (training or {}).get("names") or list(slots)
            count = sum(path.startswith("optimizer/vars/") for path in slots)
            values = [slots[f"optimizer/vars/{i}"] for i in range(count)]
            group = file.create_group("optimizer_weights")
            _write_list(group, list(zip(names, values, strict=True)), digests)
    return image.getbuffer()


def weights_to_legacy(layered: Layered) -> memoryview:
    """The content of a file of weights."""
    import h5py

    image = io.BytesIO()
    with h5py.File(image, "w") as file:
        _write_layers(file, layered, digests=True)
    return image.getbuffer()


def _write_version(group: Any) -> None:
    group.attrs["keras_version"] = LAYOUT
    group.attrs["backend"] = "jax"


def _write_layers(group: Any, layered: Layered, digests: bool) -> None:
    _write_names(group, "layer_names", [name for name in layered if name != TOP])
    _write_version(group)
    for name, values in sorted(layered.items()):
        _write_list(group.create_group(name), values, digests)


def _write_list(group: Any, values: Sequence[tuple[str, Any]], digests: bool) -> None:
    _write_names(group, "weight_names", [name for name, _ in values])
    for name, value in values:
        wide = value.astype("float32") if str(value.dtype) == "bfloat16" else value
        write_array(group, name, np.asarray(wide), digests)


def _write_names(group: Any, attribute: str, names: Sequence[str]) -> None:
    plain = np.array([name.encode() for name in names])
    if plain.nbytes <= MOST_ATTRIBUTE:
        group.attrs[attribute] = plain
        return
    most = MOST_ATTRIBUTE // plain.dtype.itemsize
    for i, begin in enumerate(range(0, len(plain), most)):
        group.attrs[f"{attribute}{i}"] = plain[begin : begin + most]


def _legacy_form(form: Mapping[str, Any]) -> dict[str, Any]:
    """A model's plain form as this layout has it: layers by class name alone."""
    config = form["config"]
    if isinstance(config, Mapping) and isinstance(config.get("layers"), list):
        config = {**config, "layers": [_legacy_form(layer) for layer in config["layers"]]}
    rest = {key: form[key] for key in ("name", "inbound_nodes") if key in form}
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
        found["optimizer_config"] = {key: optimizer[key] for key in ("class_name", "config")}
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
