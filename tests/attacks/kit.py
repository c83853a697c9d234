"""What attacks are made with: a good model in every format, and the forms that attacks take."""

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from attacks.watch import Watch
from saving.samples import filled, mlp


class Attack(NamedTuple):
    """Something to be refused, or to be loaded without harm.

    name: what it is, in words. rules: rows of the list of published weaknesses, and rules.
    make: `(kit, folder) -> ` a Path, a config, a text or a function without arguments, by `kind`:
        "model", "weights": a file; "config": a whole model's plain form, which is tried in every
        format that holds one; "text": a model as JSON; "call": what must raise.
    must: "refused", "loads", or "either" where both are right.
    words: what the message has, as a regular expression.
    """

    name: str
    rules: str
    kind: str
    make: Callable[["Kit", Path], Any]
    must: str = "refused"
    words: str = ""


class Kit:
    """A good model in every format, and what must not be touched."""

    def __init__(self, watch: Watch, folder: Path):
        self.watch, self.folder = watch, folder
        self.canary = watch.canary("canary.txt", b"secret\nlines\n")
        with h5py.File(watch.canaries / "canary.h5", "w") as file:
            file["data"] = np.full((4, 6), 42.0, "f4")
        self.canary_h5 = watch.canaries / "canary.h5"
        self.model = filled(mlp())
        self.model.compile("adam", "mse", metrics=["mae"])
        self.other = filled(mlp(), seed=3)
        self.others = self.other.get_weights()

    @cached_property
    def members(self) -> dict[str, bytes]:
        """The members of a good `.keras` file."""
        path = self.folder / "good.keras"
        self.model.save(path)
        with zipfile.ZipFile(path) as archive:
            return {name: archive.read(name) for name in archive.namelist()}

    def plain(self) -> dict[str, bytes]:
        """The same, without checksums."""
        return {**self.members, "metadata.json": b"{}"}

    def config(self) -> dict[str, Any]:
        """The config of a good model, to be changed."""
        return json.loads(self.members["config.json"])

    def content(self, ending: str) -> bytes:
        """A good file whose name ends so."""
        path = self.folder / f"good{ending}"
        if not path.exists():
            if ending in (".h5", ".keras"):
                self.model.save(path)
            else:
                size = {"max_shard_size": 1e-7} if ending == ".weights.json" else {}
                self.model.save_weights(path, **size)
        return path.read_bytes()

    def packed(self, folder: Path, members: Mapping[str, Any] = {}, **changes: Any) -> Path:
        """A `.keras` file of the good members without checksums, and others."""
        path = folder / "m.keras"
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in {**self.plain(), **members, **changes}.items():
                if content is not None:
                    archive.writestr(name, content)
        return path

    def zipped(self, folder: Path, write: Callable[[zipfile.ZipFile], Any]) -> Path:
        """A good `.keras` file with more written to it."""
        path = folder / "m.keras"
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in self.members.items():
                archive.writestr(name, content)
        with zipfile.ZipFile(path, "a") as archive:
            write(archive)
        return path

    def hdf5(self, change: Callable[[h5py.File, "Kit"], Any], ending: str = ".weights.h5") -> bytes:
        """A good HDF5 file, changed."""
        content = self.members["model.weights.h5"] if ending == ".keras" else self.content(ending)
        image = io.BytesIO(content)
        with h5py.File(image, "r+") as file:
            change(file, self)
        return image.getvalue()


def written(folder: Path, name: str, content: bytes) -> Path:
    """A file with this content."""
    path = folder / name
    path.write_bytes(content)
    return path
