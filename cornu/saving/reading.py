"""Opening any file of a model or of weights: what it is is seen from its content alone."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from cornu.errors import UsageError, UsageTypeError
from cornu.saving import hdf5, legacy, safetensors, shards, zip
from cornu.saving.archive import Archive
from cornu.saving.files import ModelFileError, opened
from cornu.saving.layered import Layered

PICKLES = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"\x93NUMPY")


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
