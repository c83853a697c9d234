"""All attacks, and how each is tried: by every way in that it could take.

`python -m attacks.corpus FOLDER` writes those that are files into a folder, to be looked at.
"""

import json
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from attacks import (
    corpus_api,
    corpus_configs,
    corpus_files,
    corpus_hdf5,
    corpus_texts,
    corpus_zip,
)
from attacks.kit import Attack, Kit, written
from attacks.trial import is_error, tried
from attacks.watch import Watch
from cornu import cli, config, layers, models, saving
from cornu.errors import UsageError, UsageTypeError

FILE = (saving.ModelFileError,)
CALL = (UsageError, UsageTypeError)
SECONDS, MEGABYTES, SIZE = 5.0, 64, 2.0
"""Bounds of one try: seconds of the processor, MiB besides `SIZE` times those of the file."""

PARSED = 64
"""More MiB for texts of two million values, which are read before they are refused."""

MAKING = 32
"""More MiB where a model is made: traces of its layers."""


class Way(NamedTuple):
    """One way in: its name, what is called, which errors it may raise, whether it must refuse."""

    name: str
    load: Callable[[], Any]
    errors: tuple[type[Exception], ...]
    loads: bool = True


def every() -> list[Attack]:
    """All attacks."""
    found: list[Attack] = []
    for module in (
        corpus_zip,
        corpus_hdf5,
        corpus_files,
        corpus_configs,
        corpus_texts,
        corpus_api,
    ):
        found += module.attacks()
    return found


# ---------------------------------------------------------------- ways in


def ways(attack: Attack, kit: Kit, folder: Path) -> Iterator[Way]:
    """The ways that an attack is tried by."""
    made = attack.make(kit, folder)
    if attack.kind == "call":
        yield Way("call", made, CALL)
    elif attack.kind == "config":
        yield from _of_config(made, kit, folder)
        if attack.name.startswith("config: a layer is"):
            text = json.dumps(made)
            yield Way("model_from_yaml", lambda: saving.model_from_yaml(text), CALL, False)
    elif attack.kind == "text":
        yield from _of_text(made, kit, folder)
    elif attack.kind == "yaml":
        yield Way("model_from_yaml", lambda: saving.model_from_yaml(made), CALL)
    else:
        yield from _of_file(made, attack, kit, folder)


def _of_file(path: Path, attack: Attack, kit: Kit, folder: Path) -> Iterator[Way]:
    whole = attack.kind == "model"
    yield Way("load_model", lambda: saving.load_model(path), FILE, whole)
    if whole:
        yield Way("load_model unsafely", lambda: saving.load_model(path, safe_mode=False), FILE)
        yield Way("load_model alone", lambda: saving.load_model(path, compile=False), FILE, False)
    yield _weights(kit, path, not whole)
    yield _weights(kit, path, False, skip_mismatch=True)
    yield _weights(kit, path, False, by_name=True)
    yield Way("facts", lambda: saving.facts(path), FILE, False)
    yield Way("inspect", lambda: _cli("inspect", str(path)), FILE, False)
    if attack.must == "refused":  # else it may write what it was asked for
        out = str(folder / "out.keras")
        yield Way("convert", lambda: _cli("convert", str(path), out), FILE, False)


def _weights(kit: Kit, path: Path, loads: bool, **options: Any) -> Way:
    """Into a model of other numbers, which a failed load leaves as they are."""
    model, before = kit.other, kit.others

    def load() -> Any:
        model.set_weights(before)
        try:
            model.load_weights(path, **options)
        except Exception:
            now = model.get_weights()
            assert all(map(np.array_equal, now, before)), "failed, and changed the weights"
            raise

    errors = CALL if options else FILE
    return Way(f"load_weights {options or ''}".strip(), load, errors, loads)


def _cli(*words: str) -> None:
    if cli.main(list(words)) != 0:
        raise saving.ModelFileError(words[1], None, "the command said so.")


def _of_config(plain: Any, kit: Kit, folder: Path) -> Iterator[Way]:
    text = json.dumps(plain)
    path = kit.packed(folder, {"config.json": text.encode()})
    yield Way("load_model", lambda: saving.load_model(path), FILE)
    unsafe = {"safe_mode": False, "compile": False}
    yield Way("load_model unsafely", lambda: saving.load_model(path, **unsafe), FILE, False)
    yield Way("load_model safely", lambda: saving.load_model(path, safe_mode=True), FILE)
    yield Way("facts", lambda: saving.facts(path), FILE, False)
    yield Way("inspect", lambda: _cli("inspect", str(path)), FILE, False)
    yield Way("model_from_json", lambda: saving.model_from_json(text), CALL)
    if len(text) < 100_000:
        old = written(folder, "m.h5", kit.hdf5(_said(plain), ".h5"))
        compiled = isinstance(plain, dict) and plain.get("compile_config", {})
        whole = isinstance(compiled, dict)  # what is none cannot be put into such a file
        yield Way("load_model of .h5", lambda: saving.load_model(old), FILE, whole)
        yield Way("summary", lambda: _cli("summary", str(path)), FILE, False)
        yield Way("deserialize", lambda: config.deserialize(json.loads(text)), CALL, False)
        yield Way("layers.deserialize", lambda: layers.deserialize(json.loads(text)), CALL, False)
        inner = json.loads(text).get("config") if isinstance(plain, dict) else None
        if isinstance(inner, dict):
            made = models.Sequential if plain.get("class_name") == "Sequential" else models.Model
            yield Way("from_config", lambda: made.from_config(inner), (Exception,), False)


def _said(plain: Any) -> Callable[[Any, Kit], None]:
    def change(file: Any, kit: Kit) -> None:
        compiled = plain.get("compile_config") if isinstance(plain, dict) else None
        own = {k: v for k, v in plain.items() if k != "compile_config"}
        for name in ("cornu", "model_config"):
            file.attrs.pop(name, None)
        with suppress(RuntimeError):  # too large for an attribute: then there is none
            file.attrs["model_config"] = json.dumps(own)
        if isinstance(compiled, dict):
            optimizer = compiled.get("optimizer")
            file.attrs["training_config"] = json.dumps({**compiled, "optimizer_config": optimizer})

    return change


def _of_text(text: Any, kit: Kit, folder: Path) -> Iterator[Way]:
    content = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    path = kit.packed(folder, {"config.json": content})
    yield Way("load_model", lambda: saving.load_model(path), FILE)
    yield Way("facts", lambda: saving.facts(path), FILE, False)
    for name in ("metadata.json",):
        other = kit.packed(folder / "..", {name: content})
        shutil.move(other, folder / "other.keras")
        yield Way(f"{name} of it", lambda: saving.load_model(folder / "other.keras"), FILE, False)
    if isinstance(text, str):
        yield Way("model_from_json", lambda: saving.model_from_json(text), CALL)


# ---------------------------------------------------------------- the suite


class Job:
    """One attack by all its ways."""

    def __init__(self, attack: Attack, suite: "Suite"):
        self.name, self.attack, self.suite = f"{attack.name} [{attack.rules}]", attack, suite

    def run(self, watch: Watch) -> tuple[list[str], str]:
        folder = self.suite.folder / "attack"
        folder.mkdir()
        found = []
        count, begin = 0, time.perf_counter()
        try:
            for way in ways(self.attack, self.suite.kit, folder):
                files = [path for path in folder.rglob("*") if path.is_file()]
                found += [f"{way.name}: {c}" for c in self._try(way, watch, files)]
                count += 1
        except Exception as error:
            found.append(f"cannot be made: {error!r}")
        finally:
            shutil.rmtree(folder)
        return found, f"{count} ways, {time.perf_counter() - begin:.2f} s"

    def _try(self, way: Way, watch: Watch, files: list[Path]) -> list[str]:
        size = sum(path.stat().st_size for path in files if not path.is_symlink()) / 2**20
        most = MEGABYTES + MAKING + SIZE * size
        most += PARSED if self.attack.kind in ("text", "yaml") else 0
        places = (self.suite.folder, *self.suite.places)
        complaints, result = tried(way.load, watch, SECONDS, most, places, way.errors)
        must = self.attack.must
        if way.loads and must == "refused" and not is_error(result):
            complaints.append("was loaded")
        if way.loads and must == "loads" and is_error(result):
            complaints.append(f"was refused: {str(result)[:200]!a}")
        if way.loads and self.attack.words and must == "refused" and is_error(result):
            if not re.search(self.attack.words, str(result)):
                complaints.append(f"says {str(result)[:300]!a}, not {self.attack.words}")
        return complaints


class Suite:
    """All attacks."""

    def __init__(self, watch: Watch):
        self.folder = watch.folder / "files"
        self.folder.mkdir()
        good = watch.folder / "good"
        good.mkdir()
        self.kit = Kit(watch, good)
        for ending in (".keras", ".h5", ".weights.h5", ".safetensors", ".weights.json"):
            self.kit.content(ending)
        self.attacks = every()
        self.places = [Path("/dev/zero"), Path("/dev/null"), Path("/dev/urandom")]
        self.places += [Path("/proc/self/maps"), Path(f"http://127.0.0.1:{watch.port}")]

    def __getitem__(self, i: int) -> Job:
        return Job(self.attacks[i], self)


def jobs(watch: Watch) -> Suite:
    """The suite."""
    return Suite(watch)


def write(folder: Path) -> int:
    """Write every attack that is a file into a folder; returns how many there are."""
    watched = folder / "watched"
    watched.mkdir(parents=True)
    suite = Suite(Watch(watched))
    count = 0
    for i, attack in enumerate(suite.attacks):
        if attack.kind in ("model", "weights") and not attack.name.startswith("place:"):
            place = folder / f"{i:03}"
            place.mkdir()
            attack.make(suite.kit, place)
            (place / "about.txt").write_text(f"{attack.name}\n{attack.rules}\n")
            count += 1
    return count


if __name__ == "__main__":
    print(write(Path(sys.argv[1])))
