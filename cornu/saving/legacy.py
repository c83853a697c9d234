"""Whole models and weights as `.h5`: the layout of Keras 1 to Keras 3 before there was `.keras`.

The model's config and how it was compiled are texts at the root; weights lie in a group for each
layer, whose attribute says their order. What older generations say in other words is put into the
words of the present one by the rules in `translations`, before anything is made of it.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO

from cornu import ops
from cornu.config import snake
from cornu.errors import UsageError, shown
from cornu.saving.archive import COMPILED, Archive
from cornu.saving.files import ModelFileError
from cornu.saving.hdf5 import Content, stored_content
from cornu.saving.layered import TOP
from cornu.saving.text import parse
from cornu.saving.weights import INNER_NAMES

translations: list[Callable[[dict[str, Any], str], dict[str, Any]]] = []
"""Rules `(config, version) -> config` for what other generations wrote; asked in order.

A config is {"model_config": …, "training_config": … or None}; a version is "3.15.1", "2.2.4", or ""
where the file does not say. A rule leaves alone what it does not know.
"""


def modern(config: dict[str, Any], version: str) -> dict[str, Any]:
    """A config in the words of the present generation."""
    for rule in translations:
        config = rule(config, version)
    return config


@contextmanager
def read_legacy(file: BinaryIO, path: Any) -> Iterator[Archive]:
    """The whole model in a file; its arrays can be read while the context lasts.

    Raises ModelFileError for a file that is damaged, or that holds no whole model.
    """
    with stored_content(file, path) as content:
        if "model_config" not in content.said.get("", {}):
            raise ModelFileError(
                path, None, "holds weights and no model. Make the model, then call "
                "model.load_weights(path).",
            )  # fmt: skip
        yield _archive(content, path)


def _archive(content: Content, path: Any) -> Archive:
    root = content.said[""]
    digests = _json(root["cornu"], path, "cornu").get("sha256", {}) if "cornu" in root else {}
    config: dict[str, Any] = {"training_config": None}
    for name in ("model_config", "training_config"):
        if name in root:
            said = root[name]
            if isinstance(digests, dict) and digests.get(name, text_digest(said)) != text_digest(
                said
            ):
                reason = "does not have the checksum it was saved with. Restore the file."
                raise ModelFileError(path, name, reason, "E-FILE-DAMAGED")
            config[name] = _json(said, path, name)
    version = version_of(content)
    config = modern(config, version)
    training = None
    if config["training_config"]:
        slots = _listed(content, "optimizer_weights", path)
        compiled = _compile_config(config["training_config"], path)
        slots = {f"optimizer/vars/{i}": value for i, (_, value) in enumerate(slots)}
        training = {"compile_config": compiled, "optimizer": slots}
    layered = layers_of(content, path)
    return Archive(
        _public(config["model_config"], version), {}, {}, training, dict(root), layered=layered
    )


def text_digest(said: str) -> str:
    """The SHA-256 of a text."""
    return hashlib.sha256(said.encode()).hexdigest()


def version_of(content: Content) -> str:
    """The version of Keras that a file says it is from, or ""."""
    places = [content.said.get(where, {}) for where in ("model_weights", "")]
    return next((said["keras_version"] for said in places if "keras_version" in said), "")


def layers_of(content: Content, path: Any) -> dict[str, list[tuple[str, Any]]]:
    """Name of a layer -> its arrays in order. Raises ModelFileError where one is missing."""
    above = "model_weights" if "model_config" in content.said.get("", {}) else ""
    said = content.said.get(above)
    if said is None or "layer_names" not in said:
        raise ModelFileError(path, above or "/", "does not name its layers.", "E-FILE-HDF5")
    found = {}
    for name in said["layer_names"]:
        if name in found:
            raise ModelFileError(path, ascii(name)[:200], "is a layer twice.", "E-FILE-HDF5")
        where = f"{above}/{name}" if above else name
        if where not in content.said:
            raise ModelFileError(path, ascii(where)[:200], "is missing.", "E-FILE-HDF5")
        found[name] = _listed(content, where, path)
    top = f"{above}/{TOP}" if above else TOP
    found[TOP] = _listed(content, top, path)
    return found


def _listed(content: Content, where: str, path: Any) -> list[tuple[str, Any]]:
    """The arrays of a group, in the order it says."""
    names = content.said.get(where, {}).get("weight_names", [])
    found = []
    for name in names:
        value = content.weights.get(f"{where}/{name}")
        if value is None:
            member = ascii(f"{where}/{name}")[1:-1][:200]
            raise ModelFileError(path, member, "is missing.", "E-FILE-HDF5")
        found.append((name, value))
    return found


def _json(said: str, path: Any, member: str) -> dict[str, Any]:
    try:
        found = parse(said)
    except UsageError as error:
        reason = str(error).removesuffix(f" [{error.code}]")
        raise ModelFileError(path, member, reason, "E-FILE-JSON") from error
    if not isinstance(found, dict):
        raise ModelFileError(path, member, "must hold an object {…}.", "E-FILE-JSON")
    return found


def _public(form: Any, version: str) -> Any:
    """A plain form with the public names of layers' classes, and ops told from layers."""
    if not isinstance(form, Mapping):
        return form
    name, config = form.get("class_name"), form.get("config")
    if isinstance(config, Mapping) and isinstance(config.get("layers"), list):
        inner = [_public(layer, version) for layer in config["layers"]]
        config = {**config, "layers": inner}
    name = next((ours for ours, inner in INNER_NAMES.items() if inner == name), name)
    found = {**form, "class_name": name, "config": config}
    if version.startswith("3.") and _is_op(form):
        found["module"] = "keras.src.ops.numpy"
    return found


def _is_op(form: Mapping[str, Any]) -> bool:
    """Whether an entry is a call of an op: of a layer, the config says dtype or trainable."""
    name, config = form.get("class_name"), form.get("config")
    if "inbound_nodes" not in form or "module" in form or not isinstance(config, Mapping):
        return False
    said = {"dtype", "trainable", "batch_shape", "layers"} & config.keys()
    return not said and isinstance(name, str) and snake(name) in ops.__all__


WIRE_MODULES = {
    "optimizer": "keras.optimizers",
    "loss": "keras.losses",
    "metrics": "keras.metrics",
    "weighted_metrics": "keras.metrics",
}
"""Where classes are from that stand in the arguments of `compile`: here the file does not say."""


def _compile_config(said: Any, path: Any) -> dict[str, Any]:
    """The arguments of `compile`, from how this layout keeps them."""
    optimizer = said.get("optimizer_config")
    if not isinstance(optimizer, Mapping | str | None):
        reason = f"optimizer_config must be an object; got {shown(optimizer)}."
        raise ModelFileError(path, "training_config", reason)
    found = {"optimizer": optimizer, **{k: said[k] for k in COMPILED if k in said}}
    return {key: _placed(value, WIRE_MODULES.get(key)) for key, value in found.items()}


def _placed(value: Any, module: str | None) -> Any:
    """A plain form, or a structure of them, with the module of classes that have none."""
    if isinstance(value, list):
        return [_placed(item, module) for item in value]
    if not isinstance(value, Mapping) or module is None:
        return value
    if "class_name" in value:
        return value if value.get("module") else {**value, "module": module}
    return {key: _placed(item, module) for key, item in value.items()}
