"""Weights as safetensors: a JSON header of names, dtypes, shapes and places, then plain numbers.

Written and read here without the package of that name, which reads and writes the same files. Names
are the paths of `weights`, the layers' names stand in the header's `__metadata__`. Every byte of a
file is accounted for: arrays follow each other without gaps and end where the file does.
(Format: https://github.com/huggingface/safetensors)
"""

import hashlib
import io
import json
import math
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

import numpy as np

from cornu.errors import UsageError
from cornu.saving.files import ModelFileError, sha256_of
from cornu.saving.hdf5 import BFLOAT16, widened
from cornu.saving.text import parse
from cornu.saving.weights import Stored

MOST_HEADER = 100_000_000
"""Bytes of the largest header, as the format says."""

DTYPES = {
    "BOOL": "bool",
    "U8": "uint8",
    "I8": "int8",
    "U16": "<u2",
    "I16": "<i2",
    "F16": "<f2",
    "BF16": "<u2",
    "U32": "<u4",
    "I32": "<i4",
    "F32": "<f4",
    "U64": "<u8",
    "I64": "<i8",
    "F64": "<f8",
}
"""The format's names of dtypes and NumPy's; the bits of bfloat16 are read as integers."""

CODES = {str(np.dtype(kept)): code for code, kept in DTYPES.items() if code != "BF16"}
METADATA = "__metadata__"


def write_safetensors(weights: Mapping[str, Any], names: Mapping[str, str], out: BinaryIO) -> None:
    """Write arrays by path, and the names of layers by path, into an empty open file.

    Raises UsageError for a dtype that the format does not know.
    """
    header: dict[str, Any] = {}
    digest = hashlib.sha256()
    place = 0
    for path, value in weights.items():
        code, block = _block(path, np.asarray(value))
        header[path] = {
            "dtype": code,
            "shape": list(np.shape(value)),
            "data_offsets": [place, place + block.nbytes],
        }
        place += block.nbytes
        digest.update(block)
    sha256 = digest.hexdigest()
    header[METADATA] = {"format": "np", "layers": json.dumps(dict(names)), "sha256": sha256}
    said = json.dumps(header).encode()
    said += b" " * (-len(said) % 8)
    out.write(len(said).to_bytes(8, "little") + said)
    for path, value in weights.items():
        out.write(_block(path, np.asarray(value))[1])


def _block(path: str, value: np.ndarray) -> tuple[str, memoryview]:
    """The format's name of an array's dtype, and the array's bytes, little-endian."""
    short = str(value.dtype) == BFLOAT16
    code = "BF16" if short else CODES.get(str(value.dtype))
    if code is None:
        raise UsageError("E-SAVE", f'"{path}" is {value.dtype}, which safetensors cannot hold.')
    little = value if short else value.astype(DTYPES[code], copy=False)
    return code, np.ascontiguousarray(little).reshape(-1).view("uint8").data


def stored_tensors(file: BinaryIO, path: Any) -> tuple[dict[str, Stored], dict[str, str]]:
    """Arrays by path, still unread, and names of layers by path, from an open file.

    Raises ModelFileError for a file that is damaged, or of which a byte is not accounted for.
    """
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    length = int.from_bytes(file.read(8), "little")
    if length > min(MOST_HEADER, size - 8):
        reason = f"is damaged: its header has {length} bytes, the file {size}."
        raise ModelFileError(path, None, reason, "E-FILE-DAMAGED")
    header = _header(file.read(length), path)
    said = header.pop(METADATA, {})
    begin = 8 + length
    places = {name: _place(entry, name, path) for name, entry in header.items()}
    end = 0
    for name, (start, stop, _, _) in sorted(places.items(), key=lambda item: item[1][:2]):
        if start != end:
            raise ModelFileError(path, name, "does not begin where the one before ends.")
        end = stop
    if begin + end != size:
        reason = f"is damaged: it says {begin + end} bytes and has {size}. Restore it from a copy."
        raise ModelFileError(path, None, reason, "E-FILE-DAMAGED")
    names = _names(said, path)
    _check_digest(file, said, begin, path)
    weights = {
        name: Stored(shape, _kept(code), _reader(file, begin + start, stop - start, shape, code))
        for name, (start, stop, shape, code) in places.items()
    }
    return weights, names


def _header(said: bytes, path: Any) -> dict[str, Any]:
    try:
        header = parse(said.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ModelFileError(path, "header", "is not UTF-8 text.", "E-FILE-JSON") from error
    except UsageError as error:
        reason = str(error).removesuffix(f" [{error.code}]")
        raise ModelFileError(path, "header", reason, "E-FILE-JSON") from error
    if not isinstance(header, dict):
        raise ModelFileError(path, "header", "must hold an object {…}.", "E-FILE-JSON")
    return header


def _place(entry: Any, name: str, path: Any) -> tuple[int, int, tuple[int, ...], str]:
    """Where an array begins and ends, its shape and dtype."""
    if not name.isprintable():
        raise ModelFileError(path, ascii(name)[:200], "is no name for an array.")
    entry = entry if isinstance(entry, dict) else {}
    code, shape, offsets = entry.get("dtype"), entry.get("shape"), entry.get("data_offsets")
    if code not in DTYPES:
        raise ModelFileError(path, name, f"has the dtype {str(code)[:40]}, which is not read.")
    if not _are_sizes(shape, 16) or not _are_sizes(offsets, 2) or len(offsets) != 2:
        raise ModelFileError(path, name, "has no usable shape or place.")
    start, stop = offsets
    wanted = math.prod(shape) * np.dtype(DTYPES[code]).itemsize
    if stop - start != wanted:
        raise ModelFileError(path, name, f"declares {wanted} bytes, of which {stop - start} are.")
    return start, stop, tuple(shape), code


def _are_sizes(value: Any, most: int) -> bool:
    return (
        isinstance(value, list)
        and len(value) <= most
        and all(type(item) is int and item >= 0 for item in value)
    )


def _names(said: Any, path: Any) -> dict[str, str]:
    """Names of layers by path, where the file has them."""
    layers = said.get("layers") if isinstance(said, dict) else None
    if not isinstance(layers, str):
        return {}
    try:
        found = parse(layers)
    except UsageError as error:
        raise ModelFileError(path, "header", "names its layers in no JSON.") from error
    found = found if isinstance(found, dict) else {}
    return {key: value for key, value in found.items() if isinstance(value, str)}


def _check_digest(file: BinaryIO, said: Any, begin: int, path: Any) -> None:
    wanted = said.get("sha256") if isinstance(said, dict) else None
    if not isinstance(wanted, str):
        return
    file.seek(begin)
    if sha256_of(file) != wanted:
        raise ModelFileError(
            path,
            None,
            "is damaged: its numbers do not have the checksum they were saved with. Restore the "
            "file from a copy.",
            "E-FILE-DAMAGED",
        )


def _kept(code: str) -> str:
    return "float32" if code == "BF16" else str(np.dtype(DTYPES[code]).newbyteorder("="))


def _reader(
    file: BinaryIO, begin: int, length: int, shape: tuple[int, ...], code: str
) -> Callable[[], np.ndarray]:
    def read() -> np.ndarray:
        file.seek(begin)
        value = np.frombuffer(file.read(length), DTYPES[code]).reshape(shape)
        return widened(value) if code == "BF16" else value.astype(_kept(code), copy=False)

    return read
