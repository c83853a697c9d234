"""HDF5 files that reach beyond themselves, declare what is not there, or hold no numbers."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from attacks.kit import Attack, Kit, written

KERNEL = {".weights.h5": "layers/dense/vars/0", ".keras": "layers/dense/vars/0"}


def attacks() -> Iterator[Attack]:
    """All of them: in an archive, as weights alone, in the layout of whole models."""
    for name, (rules, change, words, *must) in HDF5S.items():
        said = dict(must=must[0] if must else "refused", words=words)
        yield Attack(f"hdf5 in an archive: {name}", rules, "model", _archived(change), **said)
        yield Attack(f"hdf5 weights: {name}", rules, "weights", _alone(change), **said)
    for name, (rules, change, words) in LEGACY.items():
        yield Attack(f"hdf5 model: {name}", rules, "model", _legacy(change), words=words)
    for name, (rules, make) in RAW.items():
        yield Attack(f"hdf5: {name}", rules, "weights", make)
    for ending, kind in ((".h5", "model"), (".weights.h5", "weights")):
        for name, offset in (("right", 16), ("left", 8)):
            make = _circled(ending, offset)
            yield Attack(
                f"hdf5: names whose {name} is themselves, {ending}", "L6", kind, make, "either"
            )


def _archived(change: Callable[[Any, Kit], None]) -> Callable[[Kit, Path], Path]:
    return lambda kit, folder: kit.packed(folder, {"model.weights.h5": kit.hdf5(change, ".keras")})


def _alone(change: Callable[[Any, Kit], None]) -> Callable[[Kit, Path], Path]:
    return lambda kit, folder: written(folder, "m.weights.h5", kit.hdf5(change))


def _legacy(change: Callable[[Any, Kit], None]) -> Callable[[Kit, Path], Path]:
    return lambda kit, folder: written(folder, "m.h5", kit.hdf5(change, ".h5"))


# ---------------------------------------------------------------- weights by path


def group_of(file: Any) -> Any:
    """The group of the first kernel, with the kernel taken away."""
    group = file["layers/dense/vars"]
    del group["0"]
    return group


def linked(name: str, make: Callable[[Kit], Any]) -> Callable[[Any, Kit], None]:
    """Puts a link where `name` was."""

    def change(file: Any, kit: Kit) -> None:
        parent, _, last = name.rpartition("/")
        if name in file:
            del file[name]
        (file[parent] if parent else file)[last] = make(kit)

    return change


def declared(**options: Any) -> Callable[[Any, Kit], None]:
    """Makes the first kernel anew."""
    return lambda file, kit: group_of(file).create_dataset("0", **options) and None


def external(file: Any, kit: Kit) -> None:
    """Numbers that lie in a file of others."""
    place = [(str(kit.canary), 0, 96)]
    group_of(file).create_dataset("0", (4, 6), "f4", external=place)


def virtual(file: Any, kit: Kit) -> None:
    """A view of another file."""
    layout = h5py.VirtualLayout((4, 6), "f4")
    layout[:] = h5py.VirtualSource(str(kit.canary_h5), "data", (4, 6))
    group_of(file).create_virtual_dataset("0", layout)


def circle(file: Any, kit: Kit) -> None:
    """A group that holds itself."""
    file["layers/dense/again"] = file["layers"]


def again(file: Any, kit: Kit) -> None:
    """One array under two names."""
    file["layers/dense/vars/7"] = file["layers/dense/vars/0"]


def committed(file: Any, kit: Kit) -> None:
    """A type where arrays are."""
    file["layers/dense/kind"] = np.dtype("f4")


def deep(file: Any, kit: Kit) -> None:
    """Groups in groups."""
    group = file
    for _ in range(80):
        group = group.create_group("a")


def many(count: int, **options: Any) -> Callable[[Any, Kit], None]:
    """Many arrays."""

    def change(file: Any, kit: Kit) -> None:
        for i in range(count):
            file.create_dataset(f"a{i}", **options)

    return change


def unsigned(change: Callable[[Any], None]) -> Callable[[Any, Kit], None]:
    """Changes the first kernel's numbers, and takes its checksum away."""

    def made(file: Any, kit: Kit) -> None:
        values = file["layers/dense/vars/0"][()]
        options = change(values)
        group_of(file).create_dataset("0", **(options or {"data": values}))

    return made


def _nan(values: np.ndarray) -> None:
    values[0, 0] = np.nan


def called(name: str) -> Callable[[Any, Kit], None]:
    """A group of that name."""
    return lambda file, kit: file.create_group(b"layers/" + name.encode()) and None


def filtered(file: Any, kit: Kit) -> None:
    """Numbers packed with a filter that nobody has."""
    made = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    made.set_chunk((4, 6))
    made.set_filter(32001, h5py.h5z.FLAG_OPTIONAL, (1, 2))
    space = h5py.h5s.create_simple((4, 6))
    h5py.h5d.create(group_of(file).id, b"0", h5py.h5t.IEEE_F32LE, space, made)


GZIP = {"chunks": (1024,), "compression": "gzip"}
HDF5S: dict[str, tuple] = {
    "numbers in a file of others": ("S11 L6", external, "another file"),
    "a view of another file": ("S13 L6", virtual, "another file"),
    "link outside, at the root": (
        "S12 L6",
        linked("layers", lambda kit: h5py.ExternalLink(str(kit.canary_h5), "/")),
        "link",
    ),
    "link outside, in the middle": (
        "S12 S14 L6",
        linked("layers/dense", lambda kit: h5py.ExternalLink(str(kit.canary_h5), "/")),
        "link",
    ),
    "link outside, called vars": (
        "S12 L6",
        linked("layers/dense/vars", lambda kit: h5py.ExternalLink(str(kit.canary_h5), "/")),
        "link",
    ),
    "link outside, at a leaf": (
        "S12 L6",
        linked("layers/dense/vars/0", lambda kit: h5py.ExternalLink(str(kit.canary_h5), "data")),
        "link",
    ),
    "link outside, beside": (
        "S12 L6",
        linked("other", lambda kit: h5py.ExternalLink(str(kit.canary_h5), "/")),
        "link",
    ),
    "link to a file that is not there": (
        "S12 L6",
        linked("other", lambda kit: h5py.ExternalLink("/no/where.h5", "/")),
        "link",
    ),
    "soft link": (
        "S12 L6",
        linked("layers/dense/vars/0", lambda _: h5py.SoftLink("/layers")),
        "link",
    ),
    "soft link in the middle": (
        "S14 L6",
        linked("layers/dense", lambda _: h5py.SoftLink("/")),
        "link",
    ),
    "dangling link": ("S12 L6", linked("layers/x", lambda _: h5py.SoftLink("/no/where")), "link"),
    "circle": ("K4 L6", circle, "twice|circle"),
    "one array twice": ("L6", again, "twice"),
    "committed type": ("L6", committed, "neither a group nor an array"),
    "too deep": ("L6", deep, "too deep"),
    "name of a terminal's commands": ("L8", called("\x1b]0;x\x07"), "name"),
    "name of a line": ("L8", called("a\nb"), "name"),
    "name of 5,000 letters": ("L8", called("a" * 5000), "name"),
    "huge, packed": ("S15 L5", declared(shape=(2**50,), dtype="f4", **GZIP), "declare"),
    "huge, not there": ("S15 L5", declared(shape=(2**40,), dtype="f4"), "declares"),
    "3.9 GiB": ("S15 L5", declared(shape=(2**30 - 2**25,), dtype="f4", **GZIP), "declares"),
    "just huge": ("S15 L5", declared(shape=(10**9,), dtype="f4", chunks=(1024,)), "declares"),
    "may grow": (
        "S15 L5",
        declared(shape=(2**40, 6), maxshape=(None, 6), dtype="f4", chunks=(4, 6)),
        "declares",
    ),
    "nothing, by huge": ("S15 L5", declared(shape=(0, 2**60), dtype="f4"), "mismatch"),
    "just as much as may be packed": (
        "S15 K9 L5",
        declared(data=np.zeros(2**26, "f4"), chunks=(2**20,), compression="gzip"),
        "mismatch|declares|unpack",
    ),
    "3,000 arrays that are not there": (
        "S15 L5",
        many(3000, shape=(10**6,), dtype="f4", chunks=(10**6,), compression="gzip"),
        "declares",
    ),
    "text": ("L6", declared(data=[b"abc"] * 3), "not numbers"),
    "long text": ("S15 L6", declared(shape=(2,), dtype="S1000000000"), "not numbers|declares"),
    "objects": ("L6", declared(data=["a", "b"], dtype=h5py.string_dtype()), "not numbers"),
    "records": ("L6", declared(shape=(2,), dtype=[("a", "f4"), ("b", "f4")]), "not numbers"),
    "lists": ("L6", declared(shape=(2,), dtype=h5py.vlen_dtype("f4")), "not numbers"),
    "references": ("L6", declared(shape=(2,), dtype=h5py.ref_dtype), "not numbers"),
    "complex numbers": ("L6", declared(data=np.zeros((4, 6), "c8")), "not numbers"),
    "arrays as numbers": (
        "L6",
        declared(shape=(4,), dtype=np.dtype(("f4", (6,)))),
        "numbers|shape",
    ),
    "many axes": ("S15 L6", declared(data=np.zeros((1,) * 20)), "shape"),
    "no space": ("L6", declared(data=h5py.Empty("f4")), "shape"),
    "opaque": ("L6", declared(data=np.zeros((4, 6), "V2")), "not numbers"),
    "a strange filter": ("L6", filtered, "filter|declares"),
    "whole numbers": ("K9", declared(data=np.zeros((4, 6), "i4")), "mismatch"),
    "truth values": ("K9", declared(data=np.zeros((4, 6), "?")), "mismatch"),
    "another shape": ("K9 L10", declared(data=np.zeros((6, 4), "f4")), "mismatch"),
    "one weight more": ("S24", many(1, data=np.zeros((4, 6), "f4")), "unexpected"),
    "one weight less": ("S24", lambda file, kit: group_of(file) and None, "missing"),
    "big-endian": ("L6", unsigned(lambda v: {"data": v.astype(">f4")}), "", "loads"),
    "wide": ("L6", unsigned(lambda v: {"data": v.astype("f8")}), "", "loads"),
    "half": ("L6", unsigned(lambda v: {"data": v.astype("f2")}), "", "loads"),
    "no number at one place": ("L9", unsigned(_nan), "", "loads"),
}


# ---------------------------------------------------------------- whole models before .keras


def said(name: str, value: Any, where: str = "/") -> Callable[[Any, Kit], None]:
    """Another attribute."""

    def change(file: Any, kit: Kit) -> None:
        for gone in (name, "cornu"):  # the checksum of texts stands in the second
            file[where].attrs.pop(gone, None)
        if value is not None:
            file[where].attrs[name] = value

    return change


def _outside(where: str) -> Callable[[Any, Kit], None]:
    return linked(where, lambda kit: h5py.ExternalLink(str(kit.canary_h5), "/"))


def _weights(names: list[Any]) -> Callable[[Any, Kit], None]:
    def change(file: Any, kit: Kit) -> None:
        group = file["model_weights"]
        layer = next(name for name in group if len(group[name].attrs.get("weight_names", ())))
        group[layer].attrs["weight_names"] = names

    return change


LEGACY: dict[str, tuple] = {
    "link for the weights": ("S12 L6", _outside("model_weights"), "link"),
    "link for a layer": ("S12 L6", _outside("model_weights/dense"), "link"),
    "link for the optimizer": ("S12 L6", _outside("optimizer_weights"), "link"),
    "layers above": ("S14", said("layer_names", ["../../x"], "model_weights"), "missing"),
    "layers from the root": (
        "S14",
        said("layer_names", ["/model_weights"], "model_weights"),
        "missing",
    ),
    "layers of no name": ("S14", said("layer_names", [""], "model_weights"), "missing|name"),
    "layers twice": ("S14", said("layer_names", ["dense", "dense"], "model_weights"), "twice"),
    "layers that are numbers": ("S24", said("layer_names", [1, 2], "model_weights"), "strings"),
    "no layers": ("S24", said("layer_names", None, "model_weights"), "name its layers|layers"),
    "weights above": ("S14", _weights(["../../x"]), "missing"),
    "weights from the root": ("S14", _weights(["/abs"]), "missing"),
    "weights of no name": ("S14", _weights([""]), "missing"),
    "weights of a dot": ("S14", _weights(["."]), "missing"),
    "weights with an empty part": ("S14", _weights(["a//b"]), "missing"),
    "config that is a number": ("S24", said("model_config", 3), ""),
    "config that is empty": ("S24", said("model_config", ""), ""),
    "config that is a list": ("S24", said("model_config", "[]"), ""),
    "config of numbers": ("S24", said("model_config", np.zeros(10)), ""),
    "config that is nested too deep": ("K4 L8", said("model_config", "[" * 60_000), "deep"),
    "training that is a list": ("S24", said("training_config", "[1]"), "object|checksum"),
    "training that is half": ("S24", said("training_config", '{"loss": '), ""),
    "version that is a number": ("S24", said("keras_version", 3), ""),
}


# ---------------------------------------------------------------- bytes


def _circled(ending: str, offset: int) -> Callable[[Kit, Path], Path]:
    """Each node of the trees of names has itself as its neighbour."""

    def make(kit: Kit, folder: Path) -> Path:
        content = bytearray(kit.content(ending))
        place = content.find(b"TREE")
        while place >= 0:
            content[place + offset : place + offset + 8] = place.to_bytes(8, "little")
            place = content.find(b"TREE", place + 1)
        return written(folder, f"m{ending}", bytes(content))

    return make


def _kept(kit: Kit, size: int) -> bytes:
    return kit.content(".weights.h5")[:size]


RAW: dict[str, tuple[str, Callable[[Kit, Path], Path]]] = {
    "only its first bytes": (
        "L9",
        lambda kit, folder: written(folder, "m.weights.h5", _kept(kit, 8)),
    ),
    "its first half": ("L9", lambda kit, folder: written(folder, "m.weights.h5", _kept(kit, 5000))),
    "zeros behind its head": (
        "L9",
        lambda kit, folder: written(folder, "m.weights.h5", _kept(kit, 96) + bytes(20_000)),
    ),
    "0xff behind its head": (
        "L9",
        lambda kit, folder: written(folder, "m.weights.h5", _kept(kit, 96) + b"\xff" * 20_000),
    ),
}
