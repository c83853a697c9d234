"""Text in the attributes of HDF5 objects, bounded before it is read.

A list of strings of any length is a list of references into the file. Hostile files let all of
them name one large string; honest writers never name one twice, and that is what is asked for.
"""

import struct
from typing import Any, BinaryIO

import numpy as np

MOST_ITEMS, MOST_BLOCKS, SMALL = 2**17, 1000, 2**26
REFERENCE = np.dtype([("length", "<u4"), ("address", "<u8"), ("index", "<u4")])
CONTINUATION, ATTRIBUTE = 0x10, 0x0C


def text(item: Any, name: str) -> str | None:
    """A string attribute, or None where there is none. Raises ValueError for anything else."""
    if name not in item.attrs:
        return None
    kept = item.attrs.get_id(name)
    if kept.shape != () or kept.dtype.kind not in "OS":
        raise ValueError(f'the attribute "{name}" is no text')
    return _decoded(item.attrs[name], name)


def texts(item: Any, name: str, file: BinaryIO, size: int) -> list[str] | None:
    """A list of strings from one attribute, or from pieces `name0`, `name1` …, or None.

    `file` is what `item` was opened from, of `size` bytes. Raises ValueError for anything else.
    """
    if name in item.attrs:
        return _piece(item, name, file, size)
    found: list[str] | None = None
    count = 0
    while f"{name}{count}" in item.attrs:
        found = (found or []) + _piece(item, f"{name}{count}", file, size)
        count += 1
        if len(found) > MOST_ITEMS:
            raise ValueError(f'the attribute "{name}" has more than {MOST_ITEMS} strings')
    return found


def _piece(item: Any, name: str, file: BinaryIO, size: int) -> list[str]:
    kept = item.attrs.get_id(name)
    if kept.shape == (0,):
        return []
    if kept.shape is None or len(kept.shape) != 1 or kept.dtype.kind not in "OS":
        raise ValueError(f'the attribute "{name}" is no list of strings')
    count = kept.shape[0]
    if count > MOST_ITEMS or kept.dtype.kind == "S" and count * kept.dtype.itemsize > size:
        raise ValueError(f'the attribute "{name}" declares more than the file can hold')
    if kept.dtype.kind == "O" and count > 1 and count * size > SMALL:
        _check_distinct(item, name, count, file, size)
    return [_decoded(value, name) for value in item.attrs[name]]


def _decoded(value: Any, name: str) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8")
    if not isinstance(value, str):
        raise ValueError(f'the attribute "{name}" holds {type(value).__name__}, and no text')
    value.encode("utf-8")  # h5py keeps bytes that are no UTF-8 as surrogates
    return value


def _check_distinct(item: Any, name: str, count: int, file: BinaryIO, size: int) -> None:
    """Raise ValueError where an attribute names one string twice."""
    from h5py import h5o  # pyright: ignore[reportAttributeAccessIssue]

    place = file.tell()
    try:
        raw = _raw(file, h5o.get_info(item.id).addr, name, size)
    except struct.error:
        raw = None
    finally:
        file.seek(place)
    if raw is None or len(raw) < count * REFERENCE.itemsize:
        raise ValueError(f'the attribute "{name}" lies where no model has it')
    references = np.frombuffer(raw, REFERENCE, count)
    full = references[references["length"] > 0]
    if len(np.unique(full[["address", "index"]])) < len(full):
        raise ValueError(f'the attribute "{name}" names a string twice')


def _raw(file: BinaryIO, address: int, name: str, size: int) -> bytes | None:
    """The bytes of an attribute, from the header of its object (version 1 of headers)."""
    file.seek(address)
    version, _, _, _, length = struct.unpack("<BBHII", file.read(12))
    if version != 1:
        return None
    blocks, seen = [(address + 16, length)], 0
    while blocks:
        start, length = blocks.pop(0)
        seen += 1
        if start + length > size or seen > MOST_BLOCKS:
            return None
        file.seek(start)
        block, place = file.read(length), 0
        while place + 8 <= len(block):
            kind, length, flags = struct.unpack_from("<HHB", block, place)
            data = block[place + 8 : place + 8 + length]
            place += 8 + length
            if kind == CONTINUATION:
                blocks.append(struct.unpack_from("<QQ", data))
            elif kind == ATTRIBUTE and not flags & 2:
                found = _attribute(data, name)
                if found is not None:
                    return found
    return None


def _attribute(data: bytes, name: str) -> bytes | None:
    """The value in an attribute's message, if it has this name."""
    version, _, *lengths = struct.unpack_from("<BBHHH", data)
    if version == 1:
        lengths = [-(-length // 8) * 8 for length in lengths]
    begin = 9 if version == 3 else 8
    if data[begin : begin + lengths[0]].split(b"\0")[0] != name.encode():
        return None
    return data[begin + sum(lengths) :]
