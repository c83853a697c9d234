"""A run kept in a folder, so that a killed process can be started again and end with the same bits.

Two files take turns, each whole or not there: whatever moment a process dies at, the one before the
last is left. A file is safetensors, with a checksum: the arrays of the run, and its facts as JSON.
What the facts are is `run.py`'s to say; this is how plain data and arrays are laid out.
"""

import hashlib
import json
import os
import re
import weakref
from collections.abc import Callable, Mapping
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from cornu.errors import UsageError, shown, warn
from cornu.saving.files import ModelFileError, opened, write_whole
from cornu.saving.safetensors import stored_tensors, write_safetensors
from cornu.saving.text import parse
from cornu.training.holding import hold, let_go

FILES = ("run-0.safetensors", "run-1.safetensors")
LEFT = re.compile(rf"\.({'|'.join(map(re.escape, FILES))})\.[0-9a-f]+")
"""What `write_whole` calls a file before it is whole."""

FACTS = "facts"
FORMAT = 1

TRIED = "tried"  # a file that is written to see whether that can be
LONG = 2**20  # characters of facts whose size is looked at before they are written

FEW = 16  # numbers of a list that stay in the JSON
LARGE = 2**63  # whole numbers from here on are text: those of random generators have 128 bits
MOST = 2**16  # characters of a text that stays in the JSON
PLAIN = (bool, int, float, str, type(None))


class Folder:
    """The folder in which a run is kept.

    Args:
        path: made when something is kept in it.

    Raises UsageError for a path that is a file, or none at all.
    """

    def __init__(self, path: Any):
        if not isinstance(path, (str, PathLike)) or not str(path):
            raise UsageError(
                "E-RESUME",
                f'resume is a folder to keep a run in, as in "my_run"; got {shown(path)}.',
            )
        self.path = Path(path)
        if os.path.isfile(self.path):
            raise UsageError(
                "E-RESUME", f"resume is a folder to keep a run in; {self.path} is a file."
            )
        self.counter = 0
        self._end: weakref.finalize | None = None

    def latest(self) -> dict[str, Any] | None:
        """The facts kept last, arrays included; None where nothing is kept.

        A file that is damaged is told of and left; the other one is taken. Raises ModelFileError
        where both are.
        """
        found, errors = [], []
        for name in FILES:
            try:
                found.append(_read(self.path / name))
            except FileNotFoundError:
                continue
            except ModelFileError as error:
                errors.append(error)
        if errors and not found:
            raise errors[0]
        for error in errors:
            warn(f"{error} The run goes on from the moment before.")
        if not found:
            return None
        latest = max(found, key=lambda facts: facts["counter"])
        self.counter = latest["counter"]
        return latest

    def open(self) -> None:
        """Make the folder and hold it, before there is anything to lose.

        Raises UsageError where that fails, and where another process holds it.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self.close()
            self._end = weakref.finalize(self, let_go, hold(self.path))
            self._sweep()
            write_whole(self.path / TRIED, lambda file: None)
            (self.path / TRIED).unlink(missing_ok=True)
        except OSError as error:
            raise UsageError(
                "E-RESUME", f"{self.path} cannot keep a run: {error}. Take another folder."
            ) from error

    def keep(self, facts: Mapping[str, Any]) -> None:
        """Write facts: plain data with NumPy arrays anywhere in them. All of it or nothing.

        Raises UsageError for what is not plain, or too much to be read again; OSError where the
        disk says no.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        arrays: dict[str, np.ndarray] = {}
        told = {**facts, "counter": self.counter + 1, "format": FORMAT}
        text = json.dumps(_coded(told, arrays, "run"))
        if len(text) > LONG:
            parse(text)  # it has limits
        arrays[FACTS] = np.frombuffer(text.encode(), "uint8")
        write = partial(write_safetensors, arrays, {})
        write_whole(self.path / FILES[(self.counter + 1) % 2], write)
        self.counter += 1

    def close(self) -> None:
        """Let other processes have the folder; that also happens when nobody has this object."""
        if self._end is not None:
            self._end()

    def _sweep(self) -> None:
        """Remove files that a process which was killed has not written to their ends."""
        for path in self.path.iterdir() if self.path.is_dir() else ():
            if LEFT.fullmatch(path.name):
                path.unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove what is kept, and the folder if nothing else is in it."""
        self.close()
        for name in FILES:
            (self.path / name).unlink(missing_ok=True)
        self._sweep()
        if self.path.is_dir() and not any(self.path.iterdir()):
            self.path.rmdir()


def _read(path: Path) -> dict[str, Any]:
    with opened(path) as file:
        stored, _ = stored_tensors(file, path)
        if FACTS not in stored:
            raise ModelFileError(path, None, "is no run that was kept.")
        told = parse(stored[FACTS].read().tobytes().decode())

        def array(name: str) -> np.ndarray:
            if name not in stored:
                reason = "is damaged: its facts name an array that is not there."
                raise ModelFileError(path, name, reason, "E-FILE-DAMAGED")
            return stored[name].read()

        facts = _decoded(told, array)
    if facts.get("format") != FORMAT:
        reason = f"was kept by another version (form {shown(facts.get('format'))}, now {FORMAT})."
        raise ModelFileError(path, None, f"{reason} Go on with that version, or remove the file.")
    return facts


# ---------------------------------------------------------------- plain data with arrays in it


def is_plain(value: Any) -> bool:
    """Whether a value can be kept: numbers, text, arrays, and lists, tuples and dicts of them."""
    if isinstance(value, dict):
        return all(type(k) in PLAIN and is_plain(v) for k, v in value.items())
    if isinstance(value, (list, tuple)):
        return type(value) in (list, tuple) and all(map(is_plain, value))
    numeric = isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind in "biuf"
    return numeric or type(value) in PLAIN


def fingerprint(value: Any) -> bytes:
    """Plain data in short, to see whether they have changed."""
    arrays: dict[str, np.ndarray] = {}
    digest = hashlib.sha256(json.dumps(_coded(value, arrays, "")).encode())
    for array in arrays.values():
        digest.update(array.tobytes())
    return digest.digest()


def _coded(value: Any, arrays: dict[str, np.ndarray], path: str) -> Any:
    """JSON for plain data; arrays go to `arrays`, by their path."""
    if type(value) is float and not np.isfinite(value):
        return {"float": str(value)}
    if type(value) is int and not -LARGE < value < LARGE:
        return {"int": hex(value)}
    if type(value) is str and len(value) > MOST:
        arrays[path] = np.frombuffer(value.encode("utf-8", "surrogatepass"), "uint8")
        return {"text": path}
    if type(value) in PLAIN:
        return value
    if isinstance(value, (np.ndarray, np.generic)):
        arrays[path] = np.asarray(value)
        return {"array": path, "dtype": str(value.dtype), "single": not np.ndim(value)}
    if isinstance(value, dict):
        items = [(f"{path}/{i}", k, v) for i, (k, v) in enumerate(value.items())]
        return {"dict": [[_coded(k, arrays, f"{p}k"), _coded(v, arrays, p)] for p, k, v in items]}
    if type(value) is list and len(value) > FEW and set(map(type, value)) == {float}:
        arrays[path] = np.array(value)
        return {"list": path}
    if not isinstance(value, (list, tuple)):
        raise UsageError(
            "E-RESUME",
            f"{shown(value)} cannot be kept with a run: numbers, text, arrays, and lists and dicts "
            "of them can. It is among what a callback, or get_state() of the data, has given.",
        )
    if type(value) is list and len(value) > FEW and _are_whole(value):
        arrays[path] = np.array(value, "int64")
        return {"list": path}
    coded = [_coded(item, arrays, f"{path}/{i}") for i, item in enumerate(value)]
    return {"tuple": coded} if isinstance(value, tuple) else coded


def _are_whole(values: list) -> bool:
    return set(map(type, values)) == {int} and -LARGE < min(values) and max(values) < LARGE


def _decoded(told: Any, array: Callable[[str], np.ndarray]) -> Any:
    if isinstance(told, list):
        return [_decoded(item, array) for item in told]
    if not isinstance(told, dict):
        return told
    if "float" in told:
        return float(told["float"])
    if "int" in told:
        return int(told["int"], 16)
    if "text" in told:
        return array(told["text"]).tobytes().decode("utf-8", "surrogatepass")
    if "list" in told:
        return array(told["list"]).tolist()
    if "array" in told:
        value = array(told["array"]).astype(told["dtype"], copy=False)
        return value[()] if told["single"] else value
    if "tuple" in told:
        return tuple(_decoded(item, array) for item in told["tuple"])
    return {_decoded(key, array): _decoded(item, array) for key, item in told["dict"]}
