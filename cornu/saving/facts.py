"""What a saved file is and has, told without making the model: nothing of it is built or run."""

import os
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from cornu.saving.archive import Archive
from cornu.saving.files import opened, sha256_of
from cornu.saving.hdf5 import stored_content
from cornu.saving.layered import Layered
from cornu.saving.reading import as_file_errors, file_kind, stored_arrays, stored_model


class Facts(NamedTuple):
    """What a file says.

    Attributes:
        format: ".keras", ".h5" …, by its content.
        generation: who wrote it, as far as it says.
        size: bytes.
        sha256: of the whole file.
        layers: (name, class) of the model's layers; those of models inside have longer names.
        weights: (name, shape, dtype) of every array.
        training: how it was compiled, in a line; "" where it was not.
        assets: (name, bytes) of files beside the weights.
    """

    format: str
    generation: str
    size: int
    sha256: str
    layers: list[tuple[str, str]]
    weights: list[tuple[str, tuple[int, ...], str]]
    training: str
    assets: list[tuple[str, int]]


NAMES = {
    "zip": "Keras 3 archive (.keras)",
    "hdf5": "weights of Keras 3 (.weights.h5)",
    "legacy": "HDF5 of Keras before .keras (.h5)",
    "json": "weights in shards (.weights.json)",
    "safetensors": "safetensors",
}


def facts(filepath: Any) -> Facts:
    """What a saved file is and has, without making a model; every array is read and checked.

    Raises ModelFileError for a file that is missing, damaged or dangerous.
    """
    path = os.fspath(filepath)
    with opened(path) as file:
        kind = file_kind(file, path)
        size = os.fstat(file.fileno()).st_size
        digest = sha256_of(file)
    with as_file_errors(path):
        if kind == "hdf5" and is_whole(path) or kind == "zip":
            with stored_model(path) as archive:
                return _of_model(archive, size, digest, "legacy" if kind == "hdf5" else kind)
        with stored_arrays(path) as (weights, names, layered):
            lists = layered or {}
            listed = _lists(layered) if layered is not None else list(weights.items())
            found = [(_plain(n), "") for place, n in names.items() if place and n != place]
            known = found or [(_plain(name), "") for name in lists if lists[name]]
            kind = "legacy" if layered is not None else kind
            arrays = _read(listed)
            return Facts(NAMES[kind], "weights alone", size, digest, known, arrays, "", [])


def is_whole(path: str) -> bool:
    """Whether an HDF5 file has a model, and not only weights."""
    with opened(path) as file, stored_content(file, path) as content:
        return "model_config" in content.said.get("", {})


def _of_model(archive: Archive, size: int, digest: str, kind: str) -> Facts:
    meta, training = archive.meta, archive.training or {}
    slots = training.get("optimizer") or {}
    compiled = training.get("compile_config")
    own = _lists(archive.layered) if archive.layered is not None else list(archive.weights.items())
    return Facts(
        NAMES[kind],
        f"Keras {_plain(meta.get('keras_version'))}" + (", by Cornu" if "cornu" in meta else ""),
        size,
        digest,
        list(_layers(archive.config)),
        _read([*own, *slots.items()]),
        _compiled(compiled, len(slots)) if compiled else "",
        [(name, len(content)) for name, content in archive.assets.items()],
    )


def _lists(layered: Layered) -> list[tuple[str, Any]]:
    return [(f"{layer}: {name}", value) for layer, all in layered.items() for name, value in all]


def _read(values: list[tuple[str, Any]]) -> list[tuple[str, tuple[int, ...], str]]:
    """Names, shapes and dtypes; each array is read once, which holds it against its checksum."""
    for _, value in values:
        value.read()
    return [(_plain(name), tuple(value.shape), str(value.dtype)) for name, value in values]


def _layers(form: Any, above: str = "") -> Iterator[tuple[str, str]]:
    """(name, class) of the layers that a config lists, before anything is looked up."""
    config = form.get("config") if isinstance(form, Mapping) else None
    listed = config.get("layers") if isinstance(config, Mapping) else None
    for entry in listed if isinstance(listed, list) else ():
        if isinstance(entry, Mapping):
            inner = entry.get("config")
            name = entry.get("name") or (inner.get("name") if isinstance(inner, Mapping) else "?")
            yield f"{above}{_plain(name)}", _plain(entry.get("class_name"))
            yield from _layers(entry, f"{above}{_plain(name)}/")


def _plain(value: Any) -> str:
    """Text from a file as it may stand on a terminal."""
    return ascii(value)[1:-1][:100] if isinstance(value, str) else "?"


def _compiled(config: Any, slots: int) -> str:
    if not isinstance(config, Mapping):
        return "?"
    optimizer, loss = config.get("optimizer"), config.get("loss")
    return f"optimizer {_called(optimizer)} ({slots} values), loss {_called(loss)}"


def _called(said: Any) -> str:
    if isinstance(said, Mapping) and "class_name" in said:
        return _plain(said["class_name"])
    if isinstance(said, Mapping):
        return ", ".join(f"{_plain(key)}: {_called(value)}" for key, value in said.items())
    if isinstance(said, list):
        return ", ".join(map(_called, said))
    return _plain(said) if said is not None else "none"
