"""Files of data sets: `.npz` (object arrays too), gzip, the format of MNIST's makers; all bounded.

Nothing in them is run: object arrays are read by `pickled`. What a file unpacks to is held to its
size first.
"""

import gzip
import io
import math
import os
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from cornu.datasets import pickled
from cornu.errors import UsageError, listed

MOST_MEMBERS, MOST_RATIO, SPARE = 100, 40, 64 * 2**20
FAULTS = (zipfile.BadZipFile, EOFError, OSError, ValueError, zlib.error, NotImplementedError)
NUMBERS = "biufcSU"


def read_npz(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """The arrays of an `.npz` file, by name.

    Raises:
        UsageError: `E-DATA-FILE`, for a file that is damaged, is none, or unpacks to more than 40
            times its size.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            _check_members(members, path)
            return {
                each.filename.removesuffix(".npy"): _array(archive.read(each), path, each.filename)
                for each in members
            }
    except UsageError:
        raise
    except (*FAULTS, RuntimeError) as error:
        raise damaged(path, error) from None


def _check_members(members: list[zipfile.ZipInfo], path: Any) -> None:
    size = sum(each.file_size for each in members)
    most = MOST_RATIO * os.stat(path).st_size + SPARE
    if len(members) > MOST_MEMBERS or size > most:
        raise error_of(path, f"unpacks to {len(members)} arrays of {size} bytes, {most} at most")
    names = [each.filename for each in members]
    if len(set(names)) < len(names) or not all(name.endswith(".npy") for name in names):
        raise error_of(path, "has other members than arrays, each once")


def _array(data: bytes, path: Any, member: str) -> np.ndarray:
    """One array, of what an `.npy` file holds."""
    file = io.BytesIO(data)
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        shape, by_columns, dtype = np.lib.format.read_array_header_1_0(file)
    elif version in ((2, 0), (3, 0)):  # 3.0 differs in the names of records, which are refused
        shape, by_columns, dtype = np.lib.format.read_array_header_2_0(file)
    else:
        raise error_of(path, f"has {member} in version {version} of its format")
    if any(size < 0 for size in shape):
        raise error_of(path, f"has {member} of shape {shape}")
    if dtype.hasobject and dtype.kind == "O":
        found = pickled.read(data[file.tell() :], f"{path}, {member}")
        if not isinstance(found, np.ndarray) or found.shape != shape:
            raise error_of(path, f"has {member} of another shape than it says")
        return found
    rest = bytearray(memoryview(data)[file.tell() :])
    if dtype.kind not in NUMBERS or len(rest) != math.prod(shape) * dtype.itemsize:
        raise error_of(path, f"has {member} of another size than it says, or of records")
    return np.frombuffer(rest, dtype).reshape(shape, order="F" if by_columns else "C")


def read_pickle(path: str | os.PathLike[str]) -> Any:
    """What a pickle, or a gzipped one, of plain data holds. Raises UsageError (`E-DATA-FILE`)."""
    data = unzipped(path) if str(path).endswith(".gz") else _bytes(path)
    return pickled.read(data, str(path))


def unzipped(path: str | os.PathLike[str]) -> bytes:
    """What is in a gzip file. Raises UsageError, also where it is more than 40 times its size."""
    try:
        most = MOST_RATIO * os.stat(path).st_size + SPARE
        with gzip.open(path, "rb") as file:
            found = file.read(most + 1)
    except FAULTS as error:
        raise damaged(path, error) from None
    if len(found) > most:
        raise error_of(path, f"unpacks to more than {most} bytes")
    return found


def read_idx(path: str | os.PathLike[str]) -> np.ndarray:
    """A gzipped array in the format of MNIST's makers: uint8, its axes in front of it.

    Raises:
        UsageError: for a file that is none (http://yann.lecun.com/exdb/mnist/ has the format).
    """
    data = unzipped(path)
    axes = data[3] if len(data) > 4 and data[:3] == b"\0\0\x08" else 0
    if not 1 <= axes <= 4 or len(data) < 4 + 4 * axes:
        raise error_of(path, "is no file of images or labels in the IDX format")
    shape = [int(n) for n in np.frombuffer(data, ">u4", axes, 4)]
    if len(data) != 4 + 4 * axes + math.prod(shape):
        raise error_of(path, f"has another size than its shape {tuple(shape)} says")
    return np.frombuffer(bytearray(data), np.uint8, offset=4 + 4 * axes).reshape(shape)


def _bytes(path: str | os.PathLike[str]) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise damaged(path, error) from None


def wanted(arrays: dict[str, np.ndarray], names: tuple[str, ...], path: Any) -> list[np.ndarray]:
    """The arrays of these names. Raises UsageError where one is missing, or lengths differ."""
    missing = [name for name in names if name not in arrays]
    if missing:
        raise error_of(path, f"has no array {missing[0]!r}; it has {listed(arrays)}")
    found = [arrays[name] for name in names]
    for x, y in zip(found[::2], found[1::2], strict=True):
        if not x.ndim or not y.ndim or len(x) != len(y):
            raise error_of(path, "has another number of labels than of samples")
    return found


def damaged(path: Any, error: Exception) -> UsageError:
    """The error for a file that cannot be read."""
    reason = getattr(error, "strerror", None) or f"{error}"
    return error_of(path, f"cannot be read: {reason}".rstrip(": "))


def error_of(path: Any, reason: str) -> UsageError:
    """The error for a file with this fault."""
    return UsageError("E-DATA-FILE", f"{path} {reason}. Take it away, and it is downloaded anew.")
