"""Saving and loading: whole models as `.keras`, weights as `.weights.h5`, architectures as JSON.

A save writes all of a file or none of it. A load makes only the library's classes and those the
user has given, runs no code from the file, and changes nothing when it fails.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from cornu.errors import UsageError, UsageTypeError, shown
from cornu.saving import hdf5, zip
from cornu.saving.archive import archive_to_model, check_built, model_to_archive
from cornu.saving.files import ModelFileError, check_free, opened, write_whole
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


def save_model(
    model: Any, filepath: Any, overwrite: bool = True, include_optimizer: bool = True
) -> None:
    """Save a whole model as one `.keras` file, which Keras 3 reads as well.

    Args:
        model: a model that is built.
        filepath: where to; the name must end in ".keras".
        overwrite: whether a file that is there may be replaced.
        include_optimizer: whether the optimizer's state is saved too.

    Raises:
        UsageError: for another name, a model that is not built, a file that must stay.
        OSError: where the disk says no; a file that was there is as it was.
    """
    path = _named(filepath, ".keras", f'"{_stem(filepath)}.keras"')
    check_free(path, overwrite)
    archive = model_to_archive(model, include_optimizer)
    write_whole(path, lambda file: zip.write_zip(archive, file), overwrite)


def save_weights(model: Any, filepath: Any, overwrite: bool = True) -> None:
    """Save a model's weights as one `.weights.h5` file. Arguments and errors as in `save_model`."""
    path = _named(filepath, ".weights.h5", f'"{_stem(filepath)}.weights.h5"')
    check_free(path, overwrite)
    check_built(model)
    content = hdf5.to_hdf5(*weights_of(model), digests=True)
    write_whole(path, lambda file: file.write(content), overwrite)


def load_model(
    filepath: Any,
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Any:
    """The model that a `.keras` file holds.

    Args:
        filepath: the file.
        custom_objects: the user's classes and functions, by the names the file has for them.
        compile: whether it is compiled as it was, and the optimizer's state restored.
        safe_mode: taken for Keras's sake: code in a file is not run, whatever it says.

    Raises:
        ModelFileError: for a file that is missing, damaged or dangerous, or that needs a class
            which is not known.
    """
    path = _text(filepath)
    with opened(path) as file:
        kind = _kind(file, path)
        if kind != "zip":
            raise ModelFileError(
                path, None, "is HDF5: whole models of older generations are not read here yet. "
                "If it holds weights, make the model and call model.load_weights(path).",
            )  # fmt: skip
        with _as_file_errors(path), zip.read_zip(file, path) as archive:
            return archive_to_model(archive, custom_objects, compile)


def load_weights(model: Any, filepath: Any, skip_mismatch: bool = False) -> None:
    """Set a model's weights to those of a `.weights.h5` or `.keras` file: all, or none.

    Args:
        model: a model that is built, of the architecture that was saved.
        filepath: the file.
        skip_mismatch: set what fits and warn of the rest.

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
    with opened(path) as file, _as_file_errors(path):
        if _kind(file, path) == "zip":
            with zip.read_zip(file, path) as archive:
                place_weights(model, archive.weights, archive.names, skip_mismatch)
        else:
            with hdf5.stored_weights(file, path) as (weights, names):
                place_weights(model, weights, names, skip_mismatch)


def _kind(file: Any, path: str) -> str:
    """What a file is, by its first bytes and by nothing else."""
    begin = file.read(8)
    file.seek(0)
    if begin.startswith(zip.MAGIC):
        return "zip"
    if begin == hdf5.MAGIC:
        return "hdf5"
    if begin.startswith(PICKLES):
        what = "is a pickle or NumPy file, which could run code: it is not opened."
    elif not begin:
        what = "is empty: it was not saved to its end. Restore it from a copy."
    else:
        what = "is neither a .keras archive nor HDF5, or its beginning is damaged."
    raise ModelFileError(path, None, what, "E-FILE-DAMAGED")


@contextmanager
def _as_file_errors(path: str) -> Iterator[None]:
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
    for ending in (".weights.h5", ".keras", ".h5", ".hdf5", ".weights"):
        name = name.removesuffix(ending)
    return name


def _named(filepath: Any, ending: str, instead: str) -> str:
    path = _text(filepath)
    if not path.endswith(ending):
        raise UsageError(
            "E-FILE-NAME", f'the name must end in "{ending}"; got {path!r}. Use {instead}.'
        )
    return path
