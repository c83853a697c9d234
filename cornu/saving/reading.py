"""Opening any file of a model or of weights: what it is is seen from its content alone."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from cornu.errors import UsageError, UsageTypeError
from cornu.saving import hdf5, legacy, safetensors, shards, zip
from cornu.saving.archive import Archive
from cornu.saving.directories import read_directory
from cornu.saving.files import ModelFileError, opened
from cornu.saving.foreign import check_own
from cornu.saving.layered import Layered
from cornu.saving.older import PRESENT, UNSAID, Origin

PICKLES = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"\x93NUMPY")


@contextmanager
def stored_model(path: str, said: Origin = UNSAID) -> Iterator[Archive]:
    """What is in a file of a whole model; its arrays can be read while the context lasts.

    `said` is what the caller says of where it is from.
    """
    check_own(path)
    if os.path.isdir(path):
        with as_file_errors(path), read_directory(path) as archive:
            yield archive
        return
    with opened(path) as file:
        kind = file_kind(file, path)
        if kind not in ("zip", "hdf5"):
            raise ModelFileError(
                path, None, "holds weights and no model. Make the model, then call "
                "model.load_weights(path).",
            )  # fmt: skip
        with as_file_errors(path):
            if kind == "zip":
                with zip.read_zip(file, path) as archive:
                    yield archive
            else:
                with legacy.read_legacy(file, path, said) as archive:
                    yield archive


@contextmanager
def stored_arrays(
    path: str, said: Origin = UNSAID
) -> Iterator[tuple[Mapping[str, Any], Mapping[str, str], Layered | None, Origin]]:
    """The weights in a file, by path, with the names of layers, or by layer; where it is from."""
    check_own(path)
    if os.path.isdir(path):
        with read_directory(path) as archive:
            yield archive.weights, archive.names, None, PRESENT
        return
    with opened(path) as file:
        kind = file_kind(file, path)
        if kind == "zip":
            with zip.read_zip(file, path) as archive:
                yield archive.weights, archive.names, None, PRESENT
        elif kind == "json":
            with shards.read_shards(file, path) as (weights, names):
                yield weights, names, None, PRESENT
        elif kind == "safetensors":
            yield *safetensors.stored_tensors(file, path), None, PRESENT
        else:
            with hdf5.stored_content(file, path) as content:
                lists = legacy.layers_of(content, path) if content.legacy else None
                origin = legacy.origin_of(content, said) if content.legacy else PRESENT
                yield content.weights, content.names, lists, origin


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
