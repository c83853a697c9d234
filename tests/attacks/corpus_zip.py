"""Archives that no honest writer makes."""

import io
import json
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from attacks.kit import Attack, Kit, written


def attacks() -> Iterator[Attack]:
    """All of them."""
    for name, (rules, write, words) in ZIPS.items():
        yield Attack(f"archive: {name}", rules, "model", _zipped(write), words=words)
    for name, (rules, make) in WHOLE.items():
        yield Attack(f"archive: {name}", rules, "model", make)
    for name, (rules, make) in HARMLESS.items():
        yield Attack(f"archive: {name}", rules, "model", make, "either")


def extra(name: str, content: bytes = b"x", **options: Any) -> Callable[[zipfile.ZipFile], None]:
    """Writes one more member."""

    def write(archive: zipfile.ZipFile) -> None:
        info = zipfile.ZipInfo(name)
        for key, value in options.items():
            setattr(info, key, value)
        archive.writestr(info, content)

    return write


def _zipped(write: Callable[[zipfile.ZipFile], Any]) -> Callable[[Kit, Path], Path]:
    return lambda kit, folder: kit.zipped(folder, write)


def _many(count: int, size: int, method: int) -> Callable[[zipfile.ZipFile], None]:
    def write(archive: zipfile.ZipFile) -> None:
        for i in range(count):
            info = zipfile.ZipInfo(f"a{i}")
            info.compress_type = method
            archive.writestr(info, bytes(size))

    return write


def _inner(archive: zipfile.ZipFile) -> None:
    """An archive of zeros within an archive."""
    image = io.BytesIO()
    with zipfile.ZipFile(image, "w", zipfile.ZIP_DEFLATED) as inner:
        inner.writestr("zeros", bytes(50 << 20))
    archive.writestr("inner.zip", image.getvalue())


PACKED = zipfile.ZIP_DEFLATED
ZIPS = {
    "config twice": ("K3 L7", extra("config.json", b"{}"), "twice"),
    "config twice but for case": ("K3 L7", extra("CONFIG.json", b"{}"), "twice"),
    "name above": ("S18 L7", extra("../x"), "no name"),
    "name far above": ("S18 L7", extra("a/../../../x"), "no name"),
    "name from the root": ("S18 L7", extra("/etc/x"), "no name"),
    "name with a drive": ("S18 L7", extra("C:x"), "no name"),
    "name with a backslash": ("S18 L7", extra("a\\b"), "no name"),
    "name with a hidden end": ("L7", extra("a\u202eb"), "no name"),
    "name of a terminal's commands": ("L8", extra("\x1b]0;x\x07"), "no name"),
    "name with an accent": ("L7", extra("caf\u00e9"), "no name"),
    "name with an empty part": ("L7", extra("a//b"), "no name"),
    "name of a folder": ("L7", extra("a/"), "no name"),
    "name of nothing": ("L7", extra(""), "no name"),
    "a link": ("L7 S20", extra("a", b"/etc/passwd", external_attr=0o120777 << 16), "no regular"),
    "a device": ("L7", extra("a", b"", external_attr=0o020666 << 16), "no regular file"),
    "a pipe": ("L7", extra("a", b"", external_attr=0o010666 << 16), "no regular file"),
    "packed by bzip2": ("L7", extra("a", compress_type=zipfile.ZIP_BZIP2), "method 12"),
    "packed by lzma": ("L7", extra("a", compress_type=zipfile.ZIP_LZMA), "method 14"),
    "a bomb": ("S17 L7", extra("a", bytes(9 << 20), compress_type=PACKED), "200 times"),
    "many small bombs": ("S17 L7", _many(120, 1 << 20, PACKED), "four times"),
    "12,000 members": ("L7", _many(12_000, 0, zipfile.ZIP_STORED), "members"),
    "assets of no layer": ("S19 L7", extra("assets/x/vocabulary.txt"), "no layer"),
    "assets above": ("S19", extra("assets/../x"), "no name"),
}


# ---------------------------------------------------------------- bytes that are no members


def _altered(change: Callable[[bytearray, Any], Any]) -> Callable[[Kit, Path], Path]:
    """A good archive whose bytes are changed, `change(content, places of its directory)`."""

    def make(kit: Kit, folder: Path) -> Path:
        path = kit.packed(folder)
        content = bytearray(path.read_bytes())
        entries, place = [], content.index(b"PK\x01\x02")
        while place >= 0:
            entries.append(place)
            place = content.find(b"PK\x01\x02", place + 1)
        found = change(content, entries)
        return written(folder, "m.keras", bytes(content if found is None else found))

    return make


def _flag(bit: int) -> Callable:
    def change(content: bytearray, entries: list[int]) -> None:
        for place in entries:
            content[place + 8] |= bit
        for place in range(len(content) - 4):
            if content[place : place + 4] == b"PK\x03\x04":
                content[place + 6] |= bit

    return change


def _method(number: int) -> Callable:
    def change(content: bytearray, entries: list[int]) -> None:
        content[entries[1] + 10 : entries[1] + 12] = struct.pack("<H", number)

    return change


def _size(offset: int, size: int, form: str = "<I") -> Callable:
    def change(content: bytearray, entries: list[int]) -> None:
        place = entries[1] + offset
        content[place : place + struct.calcsize(form)] = struct.pack(form, size)

    return change


def _overlapping(content: bytearray, entries: list[int]) -> None:
    first, second = entries[:2]
    content[second + 42 : second + 46] = content[first + 42 : first + 46]


def _zeroed(kit: Kit, folder: Path) -> Path:
    """A member whose name has a zero, which Python's own writer would cut off."""
    path = kit.zipped(folder, extra("evilname"))
    return written(folder, "m.keras", path.read_bytes().replace(b"evilname", b"evil\0ame"))


def _between(content: bytearray, entries: list[int]) -> bytes:
    start, end = entries[0], bytearray(content[entries[0] :])
    place = len(end) - 6
    offset = struct.unpack("<I", end[place : place + 4])[0]
    end[place : place + 4] = struct.pack("<I", offset + 40)
    return bytes(content[:start]) + bytes(40) + bytes(end)


def _commented(kit: Kit, folder: Path) -> Path:
    path = kit.packed(folder)
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = b"hidden"
    return path


def _quoted_overlap(kit: Kit, folder: Path) -> Path:
    """Members that lie in each other: each begins with the header of the next (Fifield's bomb)."""
    kernel = bytes(1 << 20)
    count, central, local = 100, b"", b""
    import zlib

    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(kernel) + packer.flush()
    headers = []
    for i in range(count):
        name = f"a{i:03}".encode()
        headers.append(
            struct.pack(
                "<4sHHHHHIIIHH",
                b"PK\x03\x04",
                20,
                0,
                8,
                0,
                33,
                zlib.crc32(kernel),
                len(packed),
                len(kernel),
                len(name),
                0,
            )
            + name
        )
    local = b"".join(headers) + packed
    offset = 0
    for i, header in enumerate(headers):
        name = f"a{i:03}".encode()
        size = len(local) - offset - len(header)
        central += (
            struct.pack(
                "<4sHHHHHHIIIHHHHHII",
                b"PK\x01\x02",
                20,
                20,
                0,
                8,
                0,
                33,
                zlib.crc32(kernel),
                size,
                len(kernel),
                len(name),
                0,
                0,
                0,
                0,
                0,
                offset,
            )
            + name
        )
        offset += len(header)
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, count, count, len(central), len(local), 0)
    return written(folder, "m.keras", local + central + end)


def _lying(kit: Kit, folder: Path) -> Path:
    """A member of which the directory says less than it unpacks to."""
    path = folder / "m.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in kit.plain().items():
            archive.writestr(name, content)
        archive.writestr("zeros", bytes(100 << 20))
    content = bytearray(path.read_bytes())
    place = content.rindex(b"PK\x01\x02")
    content[place + 24 : place + 28] = struct.pack("<I", 100)
    place = content.index(b"zeros") - 30
    content[place + 22 : place + 26] = struct.pack("<I", 100)
    return written(folder, "m.keras", bytes(content))


def _lying_config(kit: Kit, folder: Path) -> Path:
    """The same of a member that is read."""
    path = folder / "m.keras"
    big = b" " * (60 << 20) + kit.members["config.json"]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {**kit.plain(), "config.json": big}.items():
            archive.writestr(name, content)
    content = bytearray(path.read_bytes())
    place = content.rindex(b"config.json") - 46
    content[place + 24 : place + 28] = struct.pack("<I", 1000)
    return written(folder, "m.keras", bytes(content))


def _without(name: str) -> Callable[[Kit, Path], Path]:
    return lambda kit, folder: kit.packed(folder, {name: None})


def _with(name: str, content: bytes) -> Callable[[Kit, Path], Path]:
    return lambda kit, folder: kit.packed(folder, {name: content})


def _another_config(kit: Kit, folder: Path) -> Path:
    config = json.dumps({**kit.config(), "extra": 1}).encode()
    return kit.packed(
        folder, {"metadata.json": kit.members["metadata.json"], "config.json": config}
    )


def _zip64(kit: Kit, folder: Path) -> Path:
    """A directory that says its sizes in the form for more than 4 GiB."""
    path = folder / "m.keras"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in kit.plain().items():
            with archive.open(name, "w", force_zip64=True) as member:
                member.write(content)
    return path


WHOLE: dict[str, tuple[str, Callable[[Kit, Path], Path]]] = {
    "name with a zero": ("S18 L7", _zeroed),
    "bytes before": ("L7", _altered(lambda content, _: bytes(30) + bytes(content))),
    "bytes behind": ("L7", _altered(lambda content, _: bytes(content) + bytes(30))),
    "bytes between": ("L7", _altered(_between)),
    "a comment": ("L7", _commented),
    "a script before": ("L7", _altered(lambda content, _: b"#!/bin/sh\n" + bytes(content))),
    "overlapping members": ("S17 L7", _altered(_overlapping)),
    "members within members": ("S17 L7", _quoted_overlap),
    "a config whose size lies": ("S17 L7", _lying_config),
    "encrypted": ("L7", _altered(_flag(1))),
    "patched data": ("L7", _altered(_flag(0x20))),
    "packed by DEFLATE64": ("L7", _altered(_method(9))),
    "packed by nobody knows": ("L7", _altered(_method(0x7777))),
    "stored size of 4 GiB": ("L7", _altered(_size(20, 2**32 - 1))),
    "size of 4 GiB": ("L7", _altered(_size(24, 2**32 - 1))),
    "place behind the end": ("L7", _altered(_size(42, 2**31))),
    "name of 65,535 letters": ("L7", _altered(_size(28, 65_535, "<H"))),
    "empty": ("L7", lambda kit, folder: written(folder, "m.keras", b"PK\x05\x06" + bytes(18))),
    "no metadata": ("L9", _without("metadata.json")),
    "no config": ("L9", _without("config.json")),
    "no weights": ("L9", _without("model.weights.h5")),
    "weights that are a pickle": ("L2", _with("model.weights.h5", b"\x80\x04\x95" + bytes(50))),
    "weights that are an archive": ("L2", _with("model.weights.h5", b"PK\x03\x04" + bytes(50))),
    "weights that are empty": ("L9", _with("model.weights.h5", b"")),
    "metadata that is a list": ("S24 L8", _with("metadata.json", b"[]")),
    "checksums of others": ("L9", _another_config),
    "checksums that are numbers": (
        "S24",
        _with("metadata.json", b'{"cornu": {"sha256": {"config.json": 3}}}'),
    ),
    "config of 200 kB of spaces": ("S17 L8", _with("config.json", b" " * 200_000)),
}
HARMLESS: dict[str, tuple[str, Callable[[Kit, Path], Path]]] = {
    "an archive of zeros in the archive": ("S17", _zipped(_inner)),
    "a size that lies of what nobody reads": ("S17 L7", _lying),
    "on disk 3": ("L7", _altered(_size(34, 3, "<H"))),
    "sizes as for 4 GiB and more": ("L7", _zip64),
}
"""What may be loaded, or not: nothing of it is ever read."""
