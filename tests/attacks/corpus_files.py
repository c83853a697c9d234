"""Files that are no models, places that are no files, safetensors and shards made to do harm."""

import io
import json
import os
import pickle
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from attacks.kit import Attack, Kit, written


def attacks() -> Iterator[Attack]:
    """All of them."""
    for name, (rules, content) in CONTENTS.items():
        for ending in (".keras", ".h5", ".weights.h5", ".safetensors"):
            kind = "model" if ending in (".keras", ".h5") else "weights"
            yield Attack(f"{name}, called {ending}", rules, kind, _file(f"m{ending}", content))
    for name, (rules, make) in PLACES.items():
        yield Attack(f"place: {name}", rules, "model", make)
    for name, (rules, header, body) in TENSORS.items():
        yield Attack(f"safetensors: {name}", rules, "weights", _tensors(header, body))
    for name, (rules, change) in INDEXES.items():
        yield Attack(f"shards: {name}", rules, "weights", _index(change))
    for name, (rules, make) in SHARDS.items():
        yield Attack(f"shards: {name}", rules, "weights", make)


# ---------------------------------------------------------------- what is no model


class Evil:
    """Unpickled, it makes a file."""

    def __reduce__(self) -> tuple:
        return os.system, ("touch CANARY_PWNED",)


def _npz() -> bytes:
    image = io.BytesIO()
    np.savez(image, a=np.array([Evil()], dtype=object))
    return image.getvalue()


def _npy(header: str) -> bytes:
    said = header.encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(said)) + said


def _torch() -> bytes:
    image = io.BytesIO()
    with zipfile.ZipFile(image, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Evil()))
        archive.writestr("archive/version", "3")
    return image.getvalue()


CONTENTS: dict[str, tuple[str, bytes]] = {
    "pickle 4": ("L2 S6", pickle.dumps(Evil(), 4)),
    "pickle 0": ("L2 S6", pickle.dumps(Evil(), 0)),
    "npz of objects": ("S16 S23 L2", _npz()),
    "npy of 8 PiB": (
        "S16",
        _npy("{'descr': '<f8', 'fortran_order': False, 'shape': (2**50,), }\n"),
    ),
    "npy whose header runs": ("S16", _npy("__import__('os').system('touch CANARY_PWNED')\n")),
    "torch": ("L2", _torch()),
    "nothing": ("L9", b""),
    "one byte": ("L9", b"P"),
    "zeros": ("L9", bytes(5000)),
    "text": ("L9", b"hello\n"),
    "a script": ("L2", b"#!/bin/sh\ntouch CANARY_PWNED\n"),
    "the head of HDF5": ("L9", b"\x89HDF\r\n\x1a\n"),
    "gzip": ("L9", b"\x1f\x8b\x08\x00" + bytes(100)),
    "a YAML tag": ("S27 L2", b"!!python/object/apply:os.system ['touch CANARY_PWNED']\n"),
}


def _file(name: str, content: bytes) -> Callable[[Kit, Path], Path]:
    return lambda kit, folder: written(folder, name, content)


# ---------------------------------------------------------------- what is no file


def _pipe(kit: Kit, folder: Path) -> Path:
    os.mkfifo(folder / "m.keras")
    return folder / "m.keras"


def _folder(kit: Kit, folder: Path) -> Path:
    """A folder as Orbax makes it, with assets that climb."""
    place = folder / "m.keras"
    (place / "0" / "assets").mkdir(parents=True)
    (place / "config.json").symlink_to(kit.canary)
    (place / "0" / "_METADATA").write_text('{"../../x": 1}')
    return place


def _saved_model(kit: Kit, folder: Path) -> Path:
    place = folder / "saved"
    (place / "variables").mkdir(parents=True)
    (place / "saved_model.pb").write_bytes(b"\x08\x01")
    return place


def _link(target: Callable[[Kit], Any]) -> Callable[[Kit, Path], Path]:
    def make(kit: Kit, folder: Path) -> Path:
        (folder / "m.keras").symlink_to(target(kit))
        return folder / "m.keras"

    return make


def _loop(kit: Kit, folder: Path) -> Path:
    (folder / "m.keras").symlink_to(folder / "n.keras")
    (folder / "n.keras").symlink_to(folder / "m.keras")
    return folder / "m.keras"


PLACES: dict[str, tuple[str, Callable[[Kit, Path], Path]]] = {
    "pipe": ("S19", _pipe),
    "a folder with a link as config": ("S19 K8", _folder),
    "a folder of TensorFlow": ("S7 S19", _saved_model),
    "the zeros of the system": ("S19", lambda kit, folder: Path("/dev/zero")),
    "nothing of the system": ("S19", lambda kit, folder: Path("/dev/null")),
    "chance of the system": ("S19", lambda kit, folder: Path("/dev/urandom")),
    "what tells of processes": ("S19", lambda kit, folder: Path("/proc/self/maps")),
    "link to the zeros": ("S19", _link(lambda kit: "/dev/zero")),
    "link to a folder": ("S19", _link(lambda kit: "/etc")),
    "link to nothing": ("S19", _link(lambda kit: "/no/where")),
    "links in a circle": ("S19", _loop),
    "no such file": ("L9", lambda kit, folder: folder / "none.keras"),
    "name of 5,000 letters": ("L9", lambda kit, folder: folder / ("a" * 5000)),
    "name with a zero": ("L9", lambda kit, folder: folder / "a\0b.keras"),
    "name of a terminal's commands": ("L8", lambda kit, folder: folder / "\x1b]0;x\x07.keras"),
    "an address": ("L4", lambda kit, folder: Path(f"http://127.0.0.1:{kit.watch.port}/m.keras")),
}


# ---------------------------------------------------------------- safetensors


def tensor(shape: Any, start: Any, stop: Any, dtype: Any = "F32") -> dict[str, Any]:
    """An entry of a header."""
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, stop]}


def _tensors(header: Any, body: bytes) -> Callable[[Kit, Path], Path]:
    said = header if isinstance(header, bytes) else json.dumps(header).encode()
    content = len(said).to_bytes(8, "little") + said + body
    return lambda kit, folder: written(folder, "m.safetensors", content)


A = tensor([2], 0, 8)
TENSORS: dict[str, tuple[str, Any, bytes]] = {
    "overlapping": ("L5", {"a": A, "b": tensor([2], 4, 12)}, bytes(12)),
    "one in the other": ("L5", {"a": A, "b": tensor([1], 2, 6)}, bytes(8)),
    "the same twice": ("L5", {"a": A, "b": A}, bytes(8)),
    "a hole between": ("L5", {"a": A, "b": tensor([2], 12, 20)}, bytes(20)),
    "a hole at the beginning": ("L5", {"a": tensor([2], 4, 12)}, bytes(12)),
    "bytes behind": ("L5", {"a": A}, bytes(9)),
    "bytes missing": ("L5", {"a": A}, bytes(7)),
    "backwards": ("L5", {"a": tensor([2], 8, 0)}, bytes(8)),
    "below zero": ("L5", {"a": tensor([2], -8, 0)}, bytes(8)),
    "behind the end of numbers": ("L5", {"a": tensor([2], 2**62, 2**62 + 8)}, bytes(8)),
    "a shape below zero": ("L5", {"a": tensor([-2, -1], 0, 8)}, bytes(8)),
    "a shape of 2**62": ("L5", {"a": tensor([2**62], 0, 8)}, bytes(8)),
    "a shape that overflows": ("L5", {"a": tensor([2**32, 2**32], 0, 0)}, b""),
    "a shape of nothing by huge": ("L5", {"a": tensor([0, 2**60], 0, 0)}, b""),
    "a shape of fractions": ("L8", {"a": tensor([2.0], 0, 8)}, bytes(8)),
    "a shape of truths": ("L8", {"a": tensor([True, True], 0, 4)}, bytes(4)),
    "a shape of 100 axes": ("L6", {"a": tensor([1] * 100, 0, 4)}, bytes(4)),
    "a shape that is a number": ("S24", {"a": tensor(2, 0, 8)}, bytes(8)),
    "three places": ("S24", {"a": {**A, "data_offsets": [0, 4, 8]}}, bytes(8)),
    "no shape": ("S24", {"a": {"dtype": "F32", "data_offsets": [0, 8]}}, bytes(8)),
    "a strange dtype": ("L6", {"a": tensor([2], 0, 8, "F8_E4M3")}, bytes(8)),
    "objects": ("L2", {"a": tensor([1], 0, 8, "O")}, bytes(8)),
    "a dtype that is a list": ("S24", {"a": tensor([2], 0, 8, ["F32"])}, bytes(8)),
    "bfloat16 of the wrong size": ("L6", {"a": tensor([2], 0, 8, "BF16")}, bytes(8)),
    "an entry that is a list": ("S24", {"a": [1]}, bytes(8)),
    "a header that is a list": ("S24", b"[1]", b""),
    "a header that is half": ("L8", b'{"a": ', b""),
    "a header nested too deep": ("K4 L8", b'{"a": ' + b"[" * 100_000, b""),
    "a header in UTF-16": ("L8", "{}".encode("utf-16"), b""),
    "a header with a mark": ("L8", b"\xef\xbb\xbf{}", b""),
    "a key twice": (
        "L8",
        b'{"a": {"dtype":"F32","shape":[2],"data_offsets":[0,8]}, "a": 1}',
        bytes(8),
    ),
    "a name of a terminal's commands": ("L8", {"\x1b]0;x\x07": A}, bytes(8)),
    "half a pair in a name": (
        "L8",
        b'{"\\ud800": {"dtype":"F32","shape":[2],"data_offsets":[0,8]}}',
        bytes(8),
    ),
    "weights of others": ("K9", {"a": A}, bytes(8)),
    "names of layers that are no JSON": (
        "S24",
        {"__metadata__": {"layers": "["}, "a": A},
        bytes(8),
    ),
    "another checksum": ("L9", {"__metadata__": {"sha256": "0" * 64}, "a": A}, bytes(8)),
    "200,000 names": ("L8", {f"a{i}": tensor([0], 0, 0) for i in range(200_000)}, b""),
}


# ---------------------------------------------------------------- shards


def _index(change: Callable[[dict], Any]) -> Callable[[Kit, Path], Path]:
    """A good index, changed, with the good files beside it."""

    def make(kit: Kit, folder: Path) -> Path:
        index = json.loads(kit.content(".weights.json"))
        for name in shards(index):
            written(folder, name, (kit.folder / name).read_bytes())
        index = change(index) or index
        text = index if isinstance(index, bytes) else json.dumps(index).encode()
        return written(folder, "good.weights.json", text)

    return make


def shards(index: dict[str, Any]) -> list[str]:
    """The names of the files in an index."""
    return sorted({name for names in index["weight_map"].values() for name in names})


def _first(value: Any) -> Callable[[dict], None]:
    def change(index: dict[str, Any]) -> None:
        index.pop("cornu")
        index["weight_map"][next(iter(index["weight_map"]))] = value

    return change


NAMES = (
    "../x.weights.h5",
    "/etc/passwd",
    "..",
    ".",
    "",
    "a/b.weights.h5",
    "a\\b.weights.h5",
    "C:x.weights.h5",
    "\0.weights.h5",
    "\x1b]0;x\x07.weights.h5",
    "good.weights.json",
    "none.weights.h5",
    "a" * 5000 + ".weights.h5",
    "http://127.0.0.1/a.weights.h5",
)
INDEXES: dict[str, tuple[str, Callable[[dict], Any]]] = {
    **{f"names {name!a:.40}": ("S20", _first(name)) for name in NAMES},
    "names a number": ("S24", _first(3)),
    "names a map": ("S24", _first({"a": 1})),
    "20,000 files": (
        "L5",
        lambda i: {"weight_map": {str(k): f"a{k}.weights.h5" for k in range(20_000)}},
    ),
    "no map": ("S24", lambda i: {"metadata": {}}),
    "a map that is a list": ("S24", lambda i: {"weight_map": [1]}),
    "a list": ("S24", lambda i: b"[1]"),
    "half": ("L8", lambda i: b'{"weight_map": {'),
    "bytes that are no text": ("L8", lambda i: b'{"weight_map": "\xff"}'),
    "checksums of others": (
        "L9",
        lambda i: {**i, "cornu": {"sha256": dict.fromkeys(shards(i), "0")}},
    ),
    "a file less": ("S24", lambda i: {"weight_map": dict(list(i["weight_map"].items())[1:])}),
}


def _linked(kit: Kit, folder: Path) -> Path:
    path = _index(lambda index: index)(kit, folder)
    name = shards(json.loads(path.read_text()))[0]
    (folder / name).rename(folder / "moved")
    (folder / name).symlink_to(folder / "moved")
    return path


def _piped(kit: Kit, folder: Path) -> Path:
    path = _index(lambda index: index)(kit, folder)
    name = shards(json.loads(path.read_text()))[0]
    (folder / name).unlink()
    os.mkfifo(folder / name)
    return path


def _twins(kit: Kit, folder: Path) -> Path:
    path = _index(lambda index: {"weight_map": index["weight_map"]})(kit, folder)
    names = shards(json.loads(path.read_text()))
    written(folder, names[0], (folder / names[1]).read_bytes())
    return path


SHARDS: dict[str, tuple[str, Callable[[Kit, Path], Path]]] = {
    "one is a link": ("S19", _linked),
    "one is a pipe": ("S19", _piped),
    "one is there twice": ("S24", _twins),
}
