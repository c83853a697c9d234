"""What a saved file is and has, told without making the model: nothing of it is built or run."""

import os
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from cornu.costs import SLACK
from cornu.errors import UsageError
from cornu.saving.archive import Archive
from cornu.saving.files import ModelFileError, opened, sha256_of
from cornu.saving.foreign import check_own
from cornu.saving.hdf5 import stored_content
from cornu.saving.layered import Layered
from cornu.saving.older import PRESENT, Origin, said_by_caller
from cornu.saving.reading import as_file_errors, file_kind, stored_arrays, stored_model
from cornu.saving.text import MOST_BYTES, parse
from cornu.saving.yaml_form import plain_of


class Facts(NamedTuple):
    """What a file says.

    Attributes:
        format: ".keras", ".h5" …, by its content.
        generation: who wrote it, as far as it says or can be seen.
        size: bytes.
        sha256: of the whole file; "" of a folder.
        layers: (name, class) of the model's layers; those of models inside have longer names.
        weights: (name, shape, dtype) of every array.
        training: how it was compiled, in a line; "" where it was not.
        assets: (name, bytes) of files beside the weights.
        has: "model", "weights" or "architecture".
    """

    format: str
    generation: str
    size: int
    sha256: str
    layers: list[tuple[str, str]]
    weights: list[tuple[str, tuple[int, ...], str]]
    training: str
    assets: list[tuple[str, int]]
    has: str = "model"


NAMES = {
    "zip": "Keras 3 archive (.keras)",
    "folder": "Keras 3 archive as a folder",
    "hdf5": "weights of Keras 3 (.weights.h5)",
    "legacy": "HDF5 of Keras before .keras (.h5)",
    "json": "weights in shards (.weights.json)",
    "safetensors": "safetensors",
}
YAML = (".yaml", ".yml")


def facts(filepath: Any, backend: str | None = None) -> Facts:
    """What a saved file is and has, without making a model; every array is read and checked.

    `backend` as in `load_model`. Raises ModelFileError for a file that is missing, damaged or
    dangerous.
    """
    path, said = os.fspath(filepath), said_by_caller(backend, None)
    check_own(path)
    if os.path.isdir(path):
        with stored_model(path) as archive, as_file_errors(path):
            return _of_model(archive, _size_of(path), "", "folder")
    with opened(path) as file:
        kind = "yaml" if path.endswith(YAML) else file_kind(file, path)
        size = os.fstat(file.fileno()).st_size
        digest = sha256_of(file)
        file.seek(0)
        text = _text(file, path) if kind in ("yaml", "json") else ""
    with as_file_errors(path):
        if text:
            plain = parse(text) if kind == "json" else plain_of(text)
            if kind == "yaml" or not (isinstance(plain, Mapping) and "weight_map" in plain):
                return _of_plain(plain, kind, size, digest)
        if kind == "hdf5" and is_whole(path) or kind == "zip":
            with stored_model(path, said) as archive:
                return _of_model(archive, size, digest, "legacy" if kind == "hdf5" else kind)
        with stored_arrays(path, said) as (weights, names, layered, origin):
            lists = layered or {}
            listed = _lists(layered) if layered is not None else list(weights.items())
            found = [(_plain(n), "") for place, n in names.items() if place and n != place]
            known = found or [(_plain(name), "") for name in lists if lists[name]]
            kind = "legacy" if layered is not None else kind
            by = _generation(origin) if layered is not None else ""
            by = f"weights alone, {by}" if by else "weights alone"
            return Facts(
                NAMES[kind], by, size, digest, known, _read(listed, size), "", [], "weights"
            )


def is_whole(path: str) -> bool:
    """Whether an HDF5 file has a model, and not only weights."""
    with opened(path) as file, stored_content(file, path) as content:
        return "model_config" in content.said.get("", {})


def _size_of(folder: str) -> int:
    return sum(
        os.lstat(os.path.join(place, name)).st_size
        for place, _, names in os.walk(folder)
        for name in names
    )


def _generation(origin: Origin) -> str:
    """Who wrote a file, in words."""
    if not origin.version or origin is PRESENT:
        return ""
    silent = origin.version.count(".") < 2  # no file says so few
    version = f"{origin.version[:1]} (it says no version)" if silent else origin.version
    backend = f" on {origin.backend}" if origin.backend else ""
    return f"Keras {_plain(version)}{_plain(backend)}"


def _of_model(archive: Archive, size: int, digest: str, kind: str) -> Facts:
    meta, training = archive.meta, archive.training or {}
    slots = training.get("optimizer") or {}
    compiled = training.get("compile_config")
    own = _lists(archive.layered) if archive.layered is not None else list(archive.weights.items())
    by = _generation(archive.origin) or f"Keras {_plain(meta.get('keras_version'))}"
    return Facts(
        NAMES[kind],
        by + (", by Cornu" if "cornu" in meta else ""),
        size,
        digest,
        list(_layers(archive.config)),
        _read([*own, *slots.items()], size),
        _compiled(compiled, len(slots)) if compiled else "",
        [(_plain(name), len(content)) for name, content in archive.assets.items()],
    )


def _text(file: Any, path: str) -> str:
    content = file.read(MOST_BYTES + 1)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ModelFileError(path, None, "is not UTF-8 text.", "E-FILE-JSON") from error


def _of_plain(config: Any, kind: str, size: int, digest: str) -> Facts:
    """What an architecture in JSON or YAML says."""
    if not isinstance(config, Mapping) or "class_name" not in config:
        raise UsageError("E-CONFIG", "it describes no model: there is no class_name.")
    version = config.get("keras_version")
    new = config.keys() & {"module", "registered_name"}
    by = f"Keras {_plain(version)}" if version else "Keras 3" if new else "Keras 1 or older"
    backend = f" on {_plain(config['backend'])}" if "backend" in config else ""
    compiled = config.get("compile_config")
    training = _compiled(compiled, 0) if compiled else ""
    format = f"architecture as {kind.upper()}"
    layers = list(_layers(config))
    return Facts(format, by + backend, size, digest, layers, [], training, [], "architecture")


def _lists(layered: Layered) -> list[tuple[str, Any]]:
    return [(f"{layer}: {name}", value) for layer, all in layered.items() for name, value in all]


def _read(values: list[tuple[str, Any]], size: int) -> list[tuple[str, tuple[int, ...], str]]:
    """Names, shapes and dtypes; each array is read once, which holds it against its checksum.

    Raises UsageError for one that is much larger than the whole file, of `size` bytes.
    """
    for name, value in values:
        if value.nbytes > 2 * size + SLACK:
            raise UsageError(
                "E-FILE-SIZE",
                f'"{name}" would unpack to {value.nbytes} bytes, and the file has {size}.',
            )
        value.read()
    return [(_plain(name), tuple(value.shape), str(value.dtype)) for name, value in values]


def _layers(form: Any, above: str = "") -> Iterator[tuple[str, str]]:
    """(name, class) of the layers that a config lists, before anything is looked up."""
    config = form.get("config") if isinstance(form, Mapping) else None
    listed = config.get("layers") if isinstance(config, Mapping) else config
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
