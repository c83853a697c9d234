"""Saving and loading: whole models as `.keras` or `.h5`, weights alone, architectures as JSON.

A save writes all of a file or none of it. A load makes only the library's classes and those the
user has given, runs no code from the file, and changes nothing when it fails.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from cornu.errors import UsageError, UsageTypeError, shown, warn
from cornu.saving import hdf5, legacy, safetensors, shards, zip
from cornu.saving.archive import Archive, archive_to_model, check_built, model_to_archive
from cornu.saving.assets import layers_with_assets
from cornu.saving.files import ModelFileError, check_free, opened, write_whole
from cornu.saving.layered import Layered, layered_of, place_layered
from cornu.saving.text import model_from_json, model_to_json
from cornu.saving.weights import place_weights, weights_of

__all__ = [
    "ModelFileError",
    "load_model",
    "load_weights",
    "model_from_json",
    "model_to_json",
    "save_model",
    "save_weights",
]

PICKLES = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"\x93NUMPY")


LEGACY = (".h5", ".hdf5")
"""How names of files in the layout before `.keras` end."""


def save_model(
    model: Any, filepath: Any, overwrite: bool = True, include_optimizer: bool = True
) -> None:
    """Save a whole model as one file, which Keras 3 reads as well.

    Args:
        model: a model that is built.
        filepath: where to; the name ends in ".keras", or in ".h5" for the layout before it.
        overwrite: whether a file that is there may be replaced.
        include_optimizer: whether the optimizer's state is saved too.

    Raises:
        UsageError: for another name, a model that is not built, a file that must stay.
        OSError: where the disk says no; a file that was there is as it was.
    """
    path = _named(filepath, (".keras", *LEGACY), f'"{_stem(filepath)}.keras"')
    if path.endswith(".weights.h5"):
        raise UsageError(
            "E-FILE-NAME",
            f'"…weights.h5" is for weights alone; got {path!r}. Use "{_stem(path)}.keras", or '
            "save_weights(path).",
        )
    check_free(path, overwrite)
    if path.endswith(".keras"):
        archive = model_to_archive(model, include_optimizer)
        write_whole(path, lambda file: zip.write_zip(archive, file), overwrite)
        return
    for layer in layers_with_assets(model):
        warn(
            f'"{layer.name}" keeps files beside its weights (a vocabulary), for which .h5 has no '
            'place. Save as ".keras" to keep them.'
        )
    content = legacy.to_legacy(model_to_archive(model, include_optimizer, layered=True))
    write_whole(path, lambda file: file.write(content), overwrite)


def save_weights(
    model: Any,
    filepath: Any,
    overwrite: bool = True,
    max_shard_size: float | None = None,
) -> None:
    """Save a model's weights, in the format that the name's end says.

    Args:
        model: a model that is built.
        filepath: "….weights.h5" (Keras 3), "….h5" (the layout before it), "….safetensors", or,
            with `max_shard_size`, "….weights.json" beside which the weights lie in several files.
        overwrite: whether files that are there may be replaced.
        max_shard_size: the most that one file may hold, in GiB.

    Raises:
        UsageError, OSError: as in `save_model`.
    """
    if max_shard_size is not None:
        path = _named(filepath, (".weights.json",), f'"{_stem(filepath)}.weights.json"')
        check_built(model)
        shards.write_shards(*weights_of(model), path, max_shard_size, overwrite)
        return
    endings = (".weights.h5", ".safetensors", *LEGACY)
    path = _named(filepath, endings, f'"{_stem(filepath)}.weights.h5"')
    check_free(path, overwrite)
    check_built(model)
    if path.endswith(".safetensors"):
        content = safetensors.to_safetensors(*weights_of(model))
    elif path.endswith(".weights.h5"):
        content = hdf5.to_hdf5(*weights_of(model), digests=True)
    else:
        content = legacy.weights_to_legacy(layered_of(model))
    write_whole(path, lambda file: file.write(content), overwrite)


def load_model(
    filepath: Any,
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Any:
    """The model that a `.keras` or `.h5` file holds.

    Args:
        filepath: the file; what it is is seen from its content, not from its name.
        custom_objects: the user's classes and functions, by the names the file has for them.
        compile: whether it is compiled as it was, and the optimizer's state restored.
        safe_mode: taken for Keras's sake: code in a file is not run, whatever it says.

    Raises:
        ModelFileError: for a file that is missing, damaged or dangerous, or that needs a class
            which is not known.
    """
    path = _text(filepath)
    with stored_model(path) as archive, as_file_errors(path):
        return archive_to_model(archive, custom_objects, compile)


@contextmanager
def stored_model(path: str) -> Iterator[Archive]:
    """What is in a file of a whole model; its arrays can be read while the context lasts."""
    with opened(path) as file:
        kind = file_kind(file, path)
        if kind not in ("zip", "hdf5"):
            raise ModelFileError(
                path, None, "holds weights and no model. Make the model, then call "
                "model.load_weights(path).",
            )  # fmt: skip
        read = zip.read_zip if kind == "zip" else legacy.read_legacy
        with as_file_errors(path), read(file, path) as archive:
            yield archive


def load_weights(
    model: Any, filepath: Any, skip_mismatch: bool = False, by_name: bool = False
) -> None:
    """Set a model's weights to those of a file: all, or none.

    Args:
        model: a model that is built, of the architecture that was saved.
        filepath: the file: any that `save_weights` or `save_model` writes.
        skip_mismatch: set what fits and warn of the rest.
        by_name: set those layers whose names are in the file, a `.h5` of the layout before
            `.keras`, and let the others be.

    Raises:
        ModelFileError: for a file that is missing or damaged, or that holds other weights, with a
            table of what is missing, unexpected and of another shape.
    """
    path = _text(filepath)
    if not model.built:
        raise UsageError(
            "E-UNBUILT",
            f'"{model.name}" is not built yet, so there is nothing to load weights into: call '
            "build(input_shape) first.",
        )
    with as_file_errors(path), stored_arrays(path) as (weights, names, layered):
        if layered is not None:
            place_layered(model, layered, by_name, skip_mismatch)
        elif by_name:
            raise UsageError(
                "E-BY-NAME",
                "by_name=True is for .h5 files of the layout before .keras; this file keeps "
                "weights by path. Leave it off, or save with save_weights('….h5').",
            )
        else:
            place_weights(model, weights, names, skip_mismatch)


@contextmanager
def stored_arrays(
    path: str,
) -> Iterator[tuple[Mapping[str, Any], Mapping[str, str], Layered | None]]:
    """The weights in a file: by path, with the names of layers, or by layer."""
    with opened(path) as file:
        kind = file_kind(file, path)
        if kind == "zip":
            with zip.read_zip(file, path) as archive:
                yield archive.weights, archive.names, None
        elif kind == "json":
            with shards.read_shards(file, path) as (weights, names):
                yield weights, names, None
        elif kind == "safetensors":
            yield *safetensors.stored_tensors(file, path), None
        else:
            with hdf5.stored_content(file, path) as content:
                lists = legacy.layers_of(content, path) if content.legacy else None
                yield content.weights, content.names, lists


def file_kind(file: Any, path: str) -> str:
    """What a file is, by its first bytes: "zip", "hdf5", "json" or "safetensors"."""
    begin = file.read(16)
    file.seek(0)
    if begin.startswith(zip.MAGIC):
        return "zip"
    if begin.startswith(hdf5.MAGIC):
        return "hdf5"
    if begin.lstrip()[:1] == b"{":
        return "json"
    if begin[8:9] == b"{" and int.from_bytes(begin[:8], "little") <= safetensors.MOST_HEADER:
        return "safetensors"
    if begin.startswith(PICKLES):
        what = "is a pickle or NumPy file, which could run code: it is not opened."
    elif not begin:
        what = "is empty: it was not saved to its end. Restore it from a copy."
    else:
        what = "is neither a .keras archive nor HDF5 nor safetensors, or its beginning is damaged."
    raise ModelFileError(path, None, what, "E-FILE-DAMAGED")


@contextmanager
def as_file_errors(path: str) -> Iterator[None]:
    """Let every error that comes of a file's content be one ModelFileError that names it."""
    try:
        yield
    except ModelFileError:
        raise
    except (UsageError, UsageTypeError) as error:
        notes = " ".join(getattr(error, "__notes__", ()))
        reason = f"{str(error).removesuffix(f' [{error.code}]')} {notes}".strip()
        raise ModelFileError(path, None, reason, error.code) from error
    except Exception as error:
        reason = f"describes no model: {type(error).__name__}: {str(error)[:300]}"
        raise ModelFileError(path, None, reason) from error


def _text(filepath: Any) -> str:
    try:
        return os.fspath(filepath)
    except TypeError:
        raise UsageError(
            "E-FILE-NAME", f"filepath must be a path; got {shown(filepath)}."
        ) from None


def _stem(filepath: Any) -> str:
    name = _text(filepath)
    endings = (".weights.h5", ".weights.json", ".keras", ".h5", ".hdf5", ".safetensors", ".weights")
    for ending in endings:
        name = name.removesuffix(ending)
    return name


def _named(filepath: Any, endings: tuple[str, ...], instead: str) -> str:
    path = _text(filepath)
    if not path.endswith(endings):
        known = " or ".join(f'"{ending}"' for ending in endings)
        raise UsageError(
            "E-FILE-NAME", f"the name must end in {known}; got {path!r}. Use {instead}."
        )
    return path
