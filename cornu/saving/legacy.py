"""Whole models and weights as `.h5`: the layout of Keras 1 to Keras 3 before there was `.keras`.

The model's config and how it was compiled are texts at the root; weights lie in a group for each
layer, whose attribute says their order. What older generations say in other words is put into the
words of the present one by the rules for old files, before anything is made of it. Files of weights
of Keras 0, with numbers in the place of names, are read here too.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO

from cornu import ops
from cornu.config import snake
from cornu.errors import UsageError
from cornu.saving.archive import Archive
from cornu.saving.compiled import compile_config
from cornu.saving.files import ModelFileError
from cornu.saving.hdf5 import Content, stored_content
from cornu.saving.layered import TOP
from cornu.saving.older import UNSAID, Origin, rules, said_together
from cornu.saving.text import parse
from cornu.saving.weights import INNER_NAMES

LAST_SILENT = "1.2"
"""The last generation whose files of weights do not say a version."""

FULL = "full"
"""In our own mark: the configs as Keras 3 says them, and the names of the optimizer's values.

The texts beside it say the same in words that Keras 2 understands as well, which have less.
"""


@contextmanager
def read_legacy(file: BinaryIO, path: Any, said: Origin = UNSAID) -> Iterator[Archive]:
    """The whole model in a file; its arrays can be read while the context lasts.

    `said` is what the caller says of it, for what the file does not say.

    Raises ModelFileError for a file that is damaged, or that holds no whole model.
    """
    with stored_content(file, path) as content:
        if "model_config" not in content.said.get("", {}):
            raise ModelFileError(
                path, None, "holds weights and no model. Make the model, then call "
                "model.load_weights(path).",
            )  # fmt: skip
        yield _archive(content, path, said)


def _archive(content: Content, path: Any, said_by_caller: Origin) -> Archive:
    root = content.said[""]
    full = _own(root, path)
    config: dict[str, Any] = {"training_config": None}
    for name in ("model_config", "training_config"):
        if name in full:
            config[name] = full[name]
        elif name in root:
            config[name] = _json(root[name], path, name)
    origin = origin_of(content, said_by_caller)
    if not origin.present:
        config = rules().config(config, origin)
    training = None
    if config["training_config"]:
        slots = _listed(content, "optimizer_weights", path, full.get("slots"))
        compiled = compile_config(config["training_config"])
        values = {f"optimizer/vars/{i}": value for i, (_, value) in enumerate(slots)}
        names = [name for name, _ in slots]
        training = {"compile_config": compiled, "optimizer": values, "names": names}
    layered = layers_of(content, path)
    model = _public(config["model_config"], origin.version)
    return Archive(model, {}, {}, training, dict(root), layered=layered, origin=origin)


def _own(root: Mapping[str, str], path: Any) -> dict[str, Any]:
    """What a file of ours says beside the texts that others read, if they are as it wrote them."""
    mark = _json(root["cornu"], path, "cornu") if "cornu" in root else {}
    full, digests = mark.get(FULL, {}), mark.get("sha256", {})
    if not isinstance(full, dict) or not isinstance(digests, dict):
        raise ModelFileError(path, "cornu", "must hold objects {…}.", "E-FILE-JSON")
    texts = {name: root[name] for name in ("model_config", "training_config") if name in root}
    if full:
        texts[FULL] = json.dumps(full)
    for name, said in texts.items():
        if digests.get(name, found := text_digest(said)) != found:
            reason = "does not have the checksum it was saved with. Restore the file."
            raise ModelFileError(path, name, reason, "E-FILE-DAMAGED")
    return full


def text_digest(said: str) -> str:
    """The SHA-256 of a text."""
    return hashlib.sha256(said.encode()).hexdigest()


def version_of(content: Content) -> str:
    """The version of Keras that a file says it is from, or ""."""
    return _said(content, "keras_version")


def _said(content: Content, name: str) -> str:
    places = [content.said.get(where, {}) for where in ("model_weights", "")]
    return next((said[name] for said in places if name in said), "")


def origin_of(content: Content, said: Origin = UNSAID) -> Origin:
    """Where a file is from: what it says, then what the caller says, then what can be seen.

    Raises UsageError where the file says another backend than the caller.
    """
    version = version_of(content) or ("0.3" if content.numbered else LAST_SILENT)
    backend = _said(content, "backend") or ("" if said.backend else _backend_seen(content))
    return said_together(said, version, backend, content.numbered)


def _backend_seen(content: Content) -> str:
    """The backend that named a file's arrays, or "".

    TensorFlow put ":0" behind each name, Theano did not.
    """
    names = [n for said in content.said.values() for n in said.get("weight_names", ())]
    names = [n for n in names if not n.startswith("param_")]
    if any(name.endswith(":0") for name in names):
        return "tensorflow"
    return "theano" if names else ""


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


def _listed(content: Content, where: str, path: Any, names: Any = None) -> list[tuple[str, Any]]:
    """The arrays of a group, in the order of `names`, or else in the order it says."""
    if not isinstance(names, list):
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
