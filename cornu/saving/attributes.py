"""Text in the attributes of HDF5 objects, bounded before it is read.

A string of any length is a reference into a heap of the file. Those are followed here and not by
the HDF5 library, which can be sent in circles by a damaged heap, and by a hostile one made to give
one large string many times.
"""

import struct
from typing import Any, BinaryIO

import numpy as np

MOST_ITEMS, MOST_BLOCKS = 2**17, 1000
REFERENCE = np.dtype([("length", "<u4"), ("address", "<u8"), ("index", "<u4")])
CONTINUATION, ATTRIBUTE = 0x10, 0x0C


def text(item: Any, name: str, file: BinaryIO, size: int) -> str | None:
    """A string attribute, or None where there is none. Raises ValueError for anything else.

    `file` is what `item` was opened from, of `size` bytes.
    """
    if name not in item.attrs:
        return None
    kept = item.attrs.get_id(name)
    if kept.shape != () or kept.dtype.kind not in "OS" or kept.dtype.itemsize > size:
        raise ValueError(f'the attribute "{name}" is no text')
    if kept.dtype.kind == "S":
        return _decoded(item.attrs[name])
    return _decoded(_strings(item, name, 1, file, size)[0])


def number(item: Any, name: str) -> int | None:
    """An attribute that is a number of things, or None. Raises ValueError for anything else."""
    if name not in item.attrs:
        return None
    kept = item.attrs.get_id(name)
    if kept.shape != () or kept.dtype.kind not in "iu" or not 0 <= item.attrs[name] <= MOST_ITEMS:
        raise ValueError(f'the attribute "{name}" is no number from 0 to {MOST_ITEMS}')
    return int(item.attrs[name])


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
    if count > MOST_ITEMS or count * kept.dtype.itemsize > size:
        raise ValueError(f'the attribute "{name}" declares more than the file can hold')
    if kept.dtype.kind == "S":
        return [_decoded(value) for value in item.attrs[name]]
    return [_decoded(value) for value in _strings(item, name, count, file, size)]


def _decoded(value: bytes) -> str:
    return value.decode("utf-8").rstrip("\0")


# ---------------------------------------------------------------- strings of any length


def _strings(item: Any, name: str, count: int, file: BinaryIO, size: int) -> list[bytes]:
    """The strings of an attribute, each from the heap of the file that its reference names."""
    place = file.tell()
    try:
        raw = _raw(file, address_of(item), name, size)
        if raw is None or len(raw) < count * REFERENCE.itemsize:
            raise ValueError(f'the attribute "{name}" lies where no model has it')
        return _from_heaps(np.frombuffer(raw, REFERENCE, count), name, file, size)
    except struct.error as error:
        raise ValueError(f'the attribute "{name}" lies where no model has it') from error
    finally:
        file.seek(place)


def _from_heaps(references: np.ndarray, name: str, file: BinaryIO, size: int) -> list[bytes]:
    heaps: dict[int, dict[int, bytes]] = {}
    found = []
    for length, address, index in references.tolist():
        if address not in heaps and length:
            heaps[address] = _heap(file, address, size)
        string = heaps[address].get(index) if length else b""
        if string is None or len(string) < length:
            raise ValueError(f'the attribute "{name}" names a string that is not there')
        found.append(string[:length])
    if sum(map(len, found)) > size:
        raise ValueError(f'the attribute "{name}" names a string twice')
    return found


def _heap(file: BinaryIO, address: int, size: int) -> dict[int, bytes]:
    """The objects of a global heap by number."""
    if address + 16 > size:
        raise ValueError("a text lies behind the end of the file")
    file.seek(address)
    mark, version, length = struct.unpack("<4sB3xQ", file.read(16))
    if mark != b"GCOL" or version != 1 or address + length > size:
        raise ValueError("a text lies in no heap")
    block, found, place = file.read(length - 16), {}, 0
    while place + 16 <= len(block):
        index, length = struct.unpack_from("<H6xQ", block, place)
        if index == 0:  # the rest is free
            break
        found[index] = block[place + 16 : place + 16 + length]
        place += 16 + -(-length // 8) * 8
    return found


def address_of(item: Any) -> int:
    """Where an object lies in its file.

    `h5o.get_info` would tell it too, but walks through all names of a group meanwhile, and never
    ends where a damaged file has them in a circle.
    """
    from h5py import h5g  # pyright: ignore[reportAttributeAccessIssue]

    return h5g.get_objinfo(item.id).objno[0]


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
