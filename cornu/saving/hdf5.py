"""Weights as HDF5: groups by path, one dataset for each Variable, as Keras 3 lays them out.

Files of older layout are looked through as well; what they mean is said in `legacy`. This is the
one reader of HDF5. It follows hard links only, opens nothing outside the file, and compares what an
array declares with what is stored before any of it is read.
"""

import io
import math
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np

from cornu.saving.attributes import address_of, number, text, texts
from cornu.saving.files import ModelFileError
from cornu.saving.weights import Stored

MAGIC = b"\x89HDF\r\n\x1a\n"
BFLOAT16 = "bfloat16"

MOST_OBJECTS, MOST_DEPTH, MOST_AXES, MOST_RATIO = 200_000, 64, 16, 1000
FILTERS = {1: "gzip", 2: "shuffle", 3: "fletcher32", 32000: "lzf"}


@dataclass
class Content:
    """What is in a file.

    Attributes:
        weights: path -> array, still unread.
        names: path of a layer -> its name.
        legacy: whether this is the layout of whole models before `.keras`, or an older one.
        numbered: whether layers and arrays have numbers and no names, as in Keras 0.
        said: for such a file, path of a group -> its texts, by the names of attributes.
    """

    weights: dict[str, Stored] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    legacy: bool = False
    numbered: bool = False
    said: dict[str, dict[str, Any]] = field(default_factory=dict)


TEXTS = ("model_config", "training_config", "keras_version", "backend", "cornu")
LISTS = ("layer_names", "weight_names")


@contextmanager
def stored_weights(
    file: BinaryIO, path: Any, member: str | None = None
) -> Iterator[tuple[dict[str, Stored], dict[str, str]]]:
    """Arrays by path and names of layers by path, from a file of the present layout."""
    with stored_content(file, path, member) as content:
        if content.legacy:
            reason = "/: holds the layout of whole .h5 models, which cannot be here."
            raise ModelFileError(path, member, reason, "E-FILE-HDF5")
        yield content.weights, content.names


@contextmanager
def stored_content(file: BinaryIO, path: Any, member: str | None = None) -> Iterator[Content]:
    """All that is in a file; its arrays can be read while the context lasts.

    `path` and `member` are for messages. Raises ModelFileError for anything unusual.
    """
    import h5py

    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    try:
        opened = h5py.File(file, "r")
    except Exception as error:
        raise ModelFileError(path, member, _damage(error, size), "E-FILE-DAMAGED") from error
    with opened:
        yield _Walk(path, member, size, file).over(opened)


def _damage(error: Exception, size: int) -> str:
    text = str(error)
    if "truncated" in text:
        return f"is damaged: it ends early, after {size} bytes. Restore it from a copy."
    return f"is damaged, or no HDF5 file: {text.splitlines()[0][:200]}."


class _Walk:
    """Looks at every object of a file once."""

    def __init__(self, path: Any, member: str | None, size: int, file: BinaryIO):
        self.path, self.member, self.size, self.file = path, member, size, file
        self.content = Content()
        self.seen: set[Any] = set()
        self.declared = self.written = 0

    def bad(self, where: str, what: str, code: str = "E-FILE-HDF5") -> ModelFileError:
        """The error for an object of the file."""
        member = f"{self.member}: {where}" if self.member else where
        return ModelFileError(self.path, member, what, code)

    def over(self, file: Any) -> Content:
        """All arrays, names and texts."""
        marks = ("model_config", "layer_names", "layer_names0")
        self.content.numbered = not any(mark in file.attrs for mark in marks) and _numbered(file)
        self.content.legacy = self.content.numbered or any(mark in file.attrs for mark in marks)
        todo: list[tuple[str, Any]] = [("", file)]
        while todo:
            where, group = todo.pop()
            try:
                todo += self.inside(where, group)
            except ModelFileError:
                raise
            except Exception as error:
                reason = _damage(error, self.size)
                raise self.bad(where or "/", reason, "E-FILE-DAMAGED") from error
        return self.content

    def inside(self, where: str, group: Any) -> list[tuple[str, Any]]:
        """Take a group's arrays; returns its groups."""
        import h5py

        self.visit(where, group)
        if where.count("/") >= MOST_DEPTH:
            raise self.bad(where, "is nested too deep.")
        if where == "vars" or where.endswith("/vars"):
            layer = where.removesuffix("vars").removesuffix("/")
            self.content.names[layer] = self.text(where, group, "name") or where
        if self.content.legacy:
            self.content.said[where] = self.said(where, group)
        found = []
        for name in group:
            below = f"{where}/{name}" if where else name
            if not name.isprintable() or name in (".", "..") or len(name) > 1024:
                raise self.bad(ascii(below)[:200], "has a name that cannot be used.")
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise self.bad(below, "is a link. Weights must lie in the file itself.")
            item = group[name]
            if isinstance(item, h5py.Group):
                found.append((below, item))
            elif isinstance(item, h5py.Dataset):
                self.visit(below, item)
                self.content.weights[below] = self.array(below, item)
            else:
                raise self.bad(below, "is neither a group nor an array.")
        return found

    def said(self, where: str, group: Any) -> dict[str, Any]:
        """The texts that a group carries; together they are no longer than the file."""
        try:
            found: dict[str, Any] = {n: text(group, n, self.file, self.size) for n in TEXTS}
            if self.content.numbered:
                found |= _numbers(where, group)
            else:
                found |= {name: texts(group, name, self.file, self.size) for name in LISTS}
        except ValueError as error:
            raise self.bad(where or "/", f"{str(error)[:200]}.") from error
        found = {name: value for name, value in found.items() if value is not None}
        self.written += sum(len(one) for value in found.values() for one in value)
        if self.written > self.size:
            raise self.bad(where or "/", "declares more text than the file can hold.")
        return found

    def text(self, where: str, item: Any, name: str) -> str | None:
        """A string attribute, or None."""
        try:
            return text(item, name, self.file, self.size)
        except ValueError as error:
            raise self.bad(where or "/", f"{str(error)[:200]}.") from error

    def visit(self, where: str, item: Any) -> None:
        """Count an object, and refuse one that is met again."""
        address = address_of(item)
        if address in self.seen:
            raise self.bad(where, "is in the file twice, or in a circle.")
        self.seen.add(address)
        if len(self.seen) > MOST_OBJECTS:
            raise self.bad(where, f"is one of more than {MOST_OBJECTS} objects.")

    def array(self, where: str, dataset: Any) -> Stored:
        """An array, checked by what it declares."""
        import h5py

        made = dataset.id.get_create_plist()
        layouts = (h5py.h5d.COMPACT, h5py.h5d.CONTIGUOUS, h5py.h5d.CHUNKED)
        if made.get_layout() not in layouts or made.get_external_count():
            raise self.bad(where, "keeps its numbers in another file.")
        for i in range(made.get_nfilters()):
            if made.get_filter(i)[0] not in FILTERS:
                raise self.bad(where, f"is packed with filter {made.get_filter(i)[0]}.")
        dtype = self.dtype(where, dataset)
        shape = dataset.shape
        if shape is None or len(shape) > MOST_AXES:
            raise self.bad(where, "has no usable shape.")
        count = math.prod(shape) * dataset.dtype.itemsize
        stored = dataset.id.get_storage_size()
        self.declared += count
        if count > stored * MOST_RATIO or stored > self.size:
            raise self.bad(where, f"declares {count} bytes, of which {stored} are there.")
        if self.declared > 4 * self.size * (1 + MOST_RATIO * bool(made.get_nfilters())):
            raise self.bad(where, "together with others declares more than the file can hold.")
        return Stored(tuple(shape), dtype, self.reader(where, dataset, dtype))

    def dtype(self, where: str, dataset: Any) -> str:
        """The dtype's name, if it is one of numbers."""
        kind = dataset.dtype
        short = kind.kind == "V" and kind.itemsize == 2
        if short and self.text(where, dataset, "dtype") == BFLOAT16:
            return "float32"
        if kind.kind not in "fiub" or kind.itemsize > 8 or kind.subdtype is not None:
            raise self.bad(where, f"holds {kind}, and not numbers.")
        return str(kind.newbyteorder("="))

    def reader(self, where: str, dataset: Any, dtype: str) -> Callable[[], np.ndarray]:
        """A function that reads the array and holds it against its checksum."""

        def read() -> np.ndarray:
            try:
                value = dataset[()]
            except Exception as error:
                reason = _damage(error, self.size)
                raise self.bad(where, reason, "E-FILE-DAMAGED") from error
            value = np.asarray(value)
            wanted = self.text(where, dataset, "crc32")
            if wanted and wanted != checksum(value):
                raise self.bad(
                    where,
                    "is damaged: its numbers do not have the checksum they were saved with. "
                    "Restore the file from a copy.",
                    "E-FILE-DAMAGED",
                )
            return widened(value) if value.dtype.kind == "V" else value.astype(dtype, copy=False)

        return read


GRAPH = "graph"
"""The group that holds all arrays of a Graph of Keras 0."""


def _numbered(file: Any) -> bool:
    """Whether a file has the marks of Keras 0: of a Sequential, or of a Graph."""
    import h5py

    if "nb_layers" in file.attrs:
        return True
    if not isinstance(file.get(GRAPH, getlink=True), h5py.HardLink):
        return False
    group = file[GRAPH]
    return isinstance(group, h5py.Group) and "nb_params" in group.attrs


def _numbers(where: str, group: Any) -> dict[str, list[str]]:
    """Names of what a group counts. Raises ValueError where it has not as many."""
    layers, arrays = number(group, "nb_layers"), number(group, "nb_params")
    if layers is None and not where:
        return {"layer_names": [GRAPH]}
    for name, size in (("nb_layers", layers), ("nb_params", arrays)):
        if size is not None and size > len(group):
            raise ValueError(f'the attribute "{name}" says {size}, where {len(group)} are')
    found = {"layer_names": layers, "weight_names": arrays}
    kinds = {"layer_names": "layer", "weight_names": "param"}
    return {
        name: [f"{kinds[name]}_{i}" for i in range(size)]
        for name, size in found.items()
        if size is not None
    }


def checksum(value: np.ndarray) -> str:
    """CRC-32 of an array's bytes, little-endian, in C order."""
    little = value.astype(value.dtype.newbyteorder("<"), copy=False)
    plain = np.ascontiguousarray(little).reshape(-1).view("uint8")
    return f"{zlib.crc32(plain.data):08x}"


def widened(value: np.ndarray) -> np.ndarray:
    """The 16 bits of bfloat16 as float32: they are the upper half."""
    bits = np.ascontiguousarray(value).view("<u2").astype("<u4") << 16
    return bits.view("<f4").reshape(value.shape)
