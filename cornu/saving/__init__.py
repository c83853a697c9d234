"""Saving and loading: whole models as `.keras` or `.h5`, weights alone, architectures as JSON.

A save writes all of a file or none of it. A load makes only the library's classes and those the
user has given, runs no code from the file, and changes nothing when it fails.
"""

import os
from collections.abc import Mapping
from functools import partial
from typing import Any

from cornu.errors import UsageError, shown, warn
from cornu.registry import (
    custom_object_scope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
)
from cornu.saving import hdf5_writing, legacy_writing, safetensors, shards, zip_writing
from cornu.saving.archive import archive_to_model, check_built, model_to_archive
from cornu.saving.assets import layers_with_assets
from cornu.saving.directories import write_directory
from cornu.saving.facts import Facts, facts
from cornu.saving.files import ModelFileError, check_free, write_whole
from cornu.saving.layered import layered_of, place_layered
from cornu.saving.objects import (
    deserialize_keras_object,
    enable_unsafe_deserialization,
    serialize_keras_object,
    warn_unsafe,
)
from cornu.saving.older import said_by_caller
from cornu.saving.older_paths import listed_of, renamed
from cornu.saving.reading import as_file_errors, stored_arrays, stored_model
from cornu.saving.text import model_from_json, model_to_json
from cornu.saving.weights import array_of, place_weights, weights_of
from cornu.saving.yaml_form import model_from_yaml, model_to_yaml

__all__ = [
    "CustomObjectScope",
    "Facts",
    "ModelFileError",
    "convert_weights",
    "custom_object_scope",
    "deserialize_keras_object",
    "enable_unsafe_deserialization",
    "facts",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "load_model",
    "load_weights",
    "model_from_json",
    "model_from_yaml",
    "model_to_json",
    "model_to_yaml",
    "register_keras_serializable",
    "save_model",
    "save_weights",
    "serialize_keras_object",
]

CustomObjectScope = custom_object_scope
"""The same by its name as a class."""

LEGACY = (".h5", ".hdf5")
"""How names of files in the layout before `.keras` end."""


def save_model(
    model: Any,
    filepath: Any,
    overwrite: bool = True,
    include_optimizer: bool = True,
    zipped: bool | None = None,
) -> None:
    """Save a whole model as one file, which Keras 3 reads as well.

    Args:
        model: a model that is built.
        filepath: where to; the name ends in ".keras", or in ".h5" for the layout before it.
        overwrite: whether a file that is there may be replaced.
        include_optimizer: whether the optimizer's state is saved too.
        zipped: False for a folder with the same files, whose name has no such ending.

    Raises:
        UsageError: for another name, a model that is not built, a file that must stay.
        OSError: where the disk says no; a file that was there is as it was.
    """
    if zipped is False:
        _save_folder(model, _text(filepath), overwrite, include_optimizer)
        return
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
        write_whole(path, lambda file: zip_writing.write_zip(archive, file), overwrite)
        return
    for layer in layers_with_assets(model):
        warn(
            f'"{layer.name}" keeps files beside its weights (a vocabulary), for which .h5 has no '
            'place. Save as ".keras" to keep them.'
        )
    archive = model_to_archive(model, include_optimizer, layered=True)
    write_whole(path, lambda file: legacy_writing.write_legacy(archive, file), overwrite)


def _save_folder(model: Any, path: str, overwrite: bool, include_optimizer: bool) -> None:
    if path.endswith((".keras", *LEGACY)):
        raise UsageError(
            "E-FILE-NAME",
            f"with zipped=False a folder is written, whose name has no ending; got {path!r}. "
            f'Use "{_stem(path)}", or leave zipped off.',
        )
    write_directory(model_to_archive(model, include_optimizer), path, overwrite)


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
        write = partial(safetensors.write_safetensors, *weights_of(model))
    elif path.endswith(".weights.h5"):
        write = partial(hdf5_writing.write_hdf5, *weights_of(model))
    else:
        write = partial(legacy_writing.write_legacy_weights, layered_of(model))
    write_whole(path, write, overwrite)


def convert_weights(filepath: Any, out: Any, overwrite: bool = False) -> None:
    """Write the weights of a file as `out`, "….weights.h5" or "….safetensors", without a model.

    Raises ModelFileError for a file that is damaged, and for one that keeps weights by layer, in
    which their places in a model cannot be seen.
    """
    path = _text(filepath)
    target = _named(out, (".weights.h5", ".safetensors"), f'"{_stem(out)}.weights.h5"')
    check_free(target, overwrite)
    with as_file_errors(path), stored_arrays(path) as (weights, names, layered, _):
        if layered is not None:
            raise ModelFileError(
                path,
                None,
                "keeps weights by layer, and where they go only the model tells: make it, call "
                f"model.load_weights({path!r}) and model.save_weights({target!r}).",
            )
        values = {name: array_of(value) for name, value in weights.items()}
        safe = target.endswith(".safetensors")
        write = safetensors.write_safetensors if safe else hdf5_writing.write_hdf5
        write_whole(target, partial(write, values, names), overwrite)


def load_model(
    filepath: Any,
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
    *,
    backend: str | None = None,
    data_format: str | None = None,
) -> Any:
    """The model that a `.keras` or `.h5` file holds.

    Args:
        filepath: the file, or the folder that `zipped=False` wrote; what it is is seen from its
            content, not from its name.
        custom_objects: the user's classes and functions, by the names the file has for them.
        compile: whether it is compiled as it was, and the optimizer's state restored.
        safe_mode: taken for Keras's sake: code in a file is not run, whatever it says. False
            gives a warning.
        backend: "theano", "tensorflow" or "cntk": which one wrote a file of Keras 1 or older,
            where that cannot be seen. Theano's convolutions turned their kernels around.
        data_format: "channels_first" or "channels_last", of layers of Keras 1 or older that do not
            say theirs; that which was usual then where not given.

    Raises:
        UsageError: for another backend or data format.
        ModelFileError: for a file that is missing, damaged or dangerous, or that needs a class
            which is not known.
    """
    path, said = _text(filepath), said_by_caller(backend, data_format)
    warn_unsafe(safe_mode)
    with stored_model(path, said) as archive, as_file_errors(path):
        return archive_to_model(archive, custom_objects, compile)


def load_weights(
    model: Any,
    filepath: Any,
    skip_mismatch: bool = False,
    by_name: bool = False,
    *,
    backend: str | None = None,
    data_format: str | None = None,
) -> None:
    """Set a model's weights to those of a file: all, or none.

    Args:
        model: a model that is built, of the architecture that was saved.
        filepath: the file: any that `save_weights` or `save_model` writes.
        skip_mismatch: set what fits and warn of the rest.
        by_name: set those layers whose names are in the file, a `.h5` of the layout before
            `.keras`, and let the others be.
        backend, data_format: as in `load_model`.

    Raises:
        UsageError: for a model that is not built, and for another backend or data format.
        ModelFileError: for a file that is missing or damaged, or that holds other weights, with a
            table of what is missing, unexpected and of another shape.
    """
    path, said = _text(filepath), said_by_caller(backend, data_format)
    if not model.built:
        raise UsageError(
            "E-UNBUILT",
            f'"{model.name}" is not built yet, so there is nothing to load weights into: call '
            "build(input_shape) first.",
        )
    with as_file_errors(path), stored_arrays(path, said) as (weights, names, layered, origin):
        if layered is not None:
            place_layered(model, layered, by_name, skip_mismatch, origin=origin)
        elif by_name:
            raise UsageError(
                "E-BY-NAME",
                "by_name=True is for .h5 files of the layout before .keras; this file keeps "
                "weights by path. Leave it off, or save with save_weights('….h5').",
            )
        else:
            weights, names = renamed(weights, names, listed_of(model))
            place_weights(model, weights, names, skip_mismatch)


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
