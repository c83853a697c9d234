"""Files with changed bytes: every format that is written here or by Keras, old ones too.

Mutant `i` is always the same one. It must load, or be refused by `ModelFileError`; quickly, at
little cost. Where a file has checksums, one that loads has exactly the weights that were saved; a
load that fails leaves the model as it was.
"""

import io
import json
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from attacks.fuzz_configs import GOLDEN
from attacks.kit import Kit
from attacks.trial import is_error, tried, word
from attacks.watch import Watch
from cornu import saving
from saving.samples import filled, mlp

SEED = "cornu"
SECONDS, MEGABYTES = 1.0, 200
NUMBERS = [0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF,
           2**63 - 1, 2**63, 2**64 - 1]  # fmt: skip


class Good(NamedTuple):
    """A file to be changed.

    whole: whether it holds a model. checked: whether every weight in it has a checksum. wrap: makes
    the file of the content, where only a part is changed. beside: other files it needs.
    """

    name: str
    content: bytes
    whole: bool
    checked: bool
    wrap: Callable[[bytes], bytes] = bytes
    beside: tuple[tuple[str, bytes], ...] = ()


def goods(kit: Kit) -> list[Good]:
    """The files."""
    found = [
        Good("m.keras", kit.content(".keras"), True, True),
        Good("m.keras", kit.content(".keras"), True, True),
        Good("m.h5", kit.content(".h5"), True, False),
        Good("m.weights.h5", kit.content(".weights.h5"), False, True),
        Good("m.weights.h5", kit.content(".weights.h5"), False, True),
        Good("m.safetensors", kit.content(".safetensors"), False, True),
        _within(kit, "model.weights.h5"),
        _within(kit, "config.json"),
        *_shards(kit),
    ]
    for path in sorted(GOLDEN.glob("*/*.h5"))[::4]:
        whole = not path.name.endswith(".weights.h5")
        found.append(Good(path.name, path.read_bytes(), whole, False))
    for path in sorted(GOLDEN.glob("*/*.keras"))[::4]:
        found.append(Good(path.name, path.read_bytes(), True, False))
    return found


def _within(kit: Kit, name: str) -> Good:
    """A member of an archive, so that the changes are not found by the archive's own sums."""

    def wrap(content: bytes) -> bytes:
        image = io.BytesIO()
        with zipfile.ZipFile(image, "w") as archive:
            for member, known in {**kit.plain(), name: content}.items():
                archive.writestr(member, known)
        return image.getvalue()

    return Good("m.keras", kit.members[name], True, False, wrap)


def _shards(kit: Kit) -> list[Good]:
    index = kit.content(".weights.json")
    names = {n for known in json.loads(index)["weight_map"].values() for n in known}
    files = {name: (kit.folder / name).read_bytes() for name in sorted(names)}
    first = min(files)
    others = tuple((name, content) for name, content in files.items() if name != first)
    return [
        Good("good.weights.json", index, False, False, beside=tuple(files.items())),
        Good(first, files[first], False, True, beside=(*others, ("good.weights.json", index))),
    ]


def changed(content: bytes, draw: random.Random) -> bytes:
    """The content with one to four changes of bytes."""
    found = bytearray(content)
    for _ in range(draw.choice((1, 1, 1, 2, 4))):
        CHANGES[draw.randrange(len(CHANGES))](found, draw)
    return bytes(found)


def _place(found: bytearray, draw: random.Random) -> int:
    """Anywhere; the first and last kilobyte, where formats describe themselves, more often."""
    size = max(len(found), 1)
    where = draw.random()
    if where < 0.25:
        return draw.randrange(min(size, 1024))
    return size - 1 - draw.randrange(min(size, 1024)) if where < 0.5 else draw.randrange(size)


def _flip(found: bytearray, draw: random.Random) -> None:
    place = _place(found, draw)
    found[place : place + 1] = bytes(
        [(found[place : place + 1] or b"\0")[0] ^ 1 << draw.randrange(8)]
    )


def _byte(found: bytearray, draw: random.Random) -> None:
    place = _place(found, draw)
    found[place : place + 1] = bytes([draw.randrange(256)])


def _number(found: bytearray, draw: random.Random) -> None:
    place, size = _place(found, draw) & ~1, draw.choice((1, 2, 4, 8))
    number = draw.choice(NUMBERS) % 256**size
    found[place : place + size] = number.to_bytes(size, draw.choice(("little", "big")))


def _cut(found: bytearray, draw: random.Random) -> None:
    del found[_place(found, draw) :]


def _left_out(found: bytearray, draw: random.Random) -> None:
    place = _place(found, draw)
    del found[place : place + draw.choice((1, 2, 8, 100, 5000))]


def _put_in(found: bytearray, draw: random.Random) -> None:
    place = _place(found, draw)
    found[place:place] = draw.randbytes(draw.choice((1, 2, 8, 100)))


def _again(found: bytearray, draw: random.Random) -> None:
    begin, place, size = _place(found, draw), _place(found, draw), draw.choice((8, 64, 1000))
    found[place : place + size] = found[begin : begin + size]


def _zeros(found: bytearray, draw: random.Random) -> None:
    place, size = _place(found, draw), draw.choice((4, 64, 1000))
    found[place : place + size] = bytes(len(found[place : place + size]))


CHANGES = (_flip, _flip, _flip, _byte, _number, _number, _cut, _left_out, _put_in, _again, _zeros)


class Mutant:
    """Mutant `i`."""

    def __init__(self, i: int, suite: "Suite"):
        self.name, self.suite = f"file {i}", suite

    def run(self, watch: Watch) -> tuple[list[str], str]:
        draw = random.Random(f"{SEED} {self.name}")
        good = draw.choice(self.suite.goods)
        folder = self.suite.folder
        for name, content in good.beside:
            (folder / name).write_bytes(content)
        path = folder / good.name
        path.write_bytes(good.wrap(changed(good.content, draw)))
        target = folder / "good.weights.json" if good.beside else path
        found, said = self._loaded(good, target, watch)
        more, _ = tried(lambda: saving.facts(target), watch, SECONDS, MEGABYTES, [folder])
        path.unlink()
        found += [f"facts: {c}" for c in more]
        return [f"{good.name}: {c}" for c in found], said

    def _loaded(self, good: Good, path: Path, watch: Watch) -> tuple[list[str], str]:
        if good.whole:
            load: Callable[[], Any] = lambda: saving.load_model(path)  # noqa: E731
        else:
            self.suite.reset()
            load = lambda: self.suite.model.load_weights(path)  # noqa: E731
        complaints, result = tried(load, watch, SECONDS, MEGABYTES, [self.suite.folder])
        if not good.whole:
            complaints += self.suite.about_weights(self.suite.model, result, good.checked)
        elif not is_error(result) and good.checked:
            complaints += self.suite.about_weights(result, result, True)
        return complaints, word(result)


class Suite:
    """All mutants there are."""

    def __init__(self, watch: Watch):
        home, self.folder = watch.folder / "good", watch.folder / "files"
        home.mkdir()
        self.folder.mkdir()
        self.kit = Kit(watch, home)
        self.goods = goods(self.kit)
        self.model = filled(mlp(), seed=3)
        self.others = self.model.get_weights()
        self.saved = self.kit.model.get_weights()

    def __getitem__(self, i: int) -> Mutant:
        return Mutant(i, self)

    def reset(self) -> None:
        """Give the model other weights than those that are in the files."""
        self.model.set_weights(self.others)

    def about_weights(self, model: Any, result: Any, checked: bool) -> list[str]:
        """Complaints about what a model's weights are now."""
        now = model.get_weights()
        if is_error(result):
            same = all(map(np.array_equal, now, self.others))
            return [] if same else ["changed the weights and failed"]
        if checked and not all(
            a.tobytes() == b.tobytes() for a, b in zip(now, self.saved, strict=True)
        ):
            return ["changed weights in silence"]
        return []


def jobs(watch: Watch) -> Suite:
    """The suite."""
    return Suite(watch)
