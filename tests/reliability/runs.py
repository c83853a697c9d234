"""What the recipes of reliability share: a small model, files of all kinds, processes."""

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from cornu import layers, models, saving, state
from cornu.training.keeping import Folder

ROOT = Path(__file__).parents[2]
X = np.random.default_rng(0).normal(size=(64, 6)).astype("float32")
Y = X.sum(1, keepdims=True)


def network(seed: int = 0, units: int = 300) -> Any:
    """A compiled model with dropout, batch normalization and slots; `seed` says its weights."""
    state.set_random_seed(seed)
    model = models.Sequential(
        [
            layers.Input((6,)),
            layers.Dense(units, "relu", name="first"),
            layers.BatchNormalization(name="norm"),
            layers.Dropout(0.3, name="dropout"),
            layers.Dense(1, name="last"),
        ]
    )
    model.compile("adam", "mse", metrics=["mae"])
    model.optimizer.build(model.trainable_variables)
    return model


def values(model: Any) -> list[np.ndarray]:
    """All numbers of a model: weights, and the slots of its optimizer where it has one."""
    optimizer = getattr(model, "optimizer", None)
    slots = [] if optimizer is None else [np.array(v.numpy()) for v in optimizer.variables]
    return [*(np.array(w) for w in model.get_weights()), *slots]


def alike(some: list[np.ndarray], others: list[np.ndarray]) -> bool:
    """Whether the bits are the same."""
    return len(some) == len(others) and all(
        a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()
        for a, b in zip(some, others, strict=True)
    )


class Format(NamedTuple):
    """A kind of file: how it is written from a model, and what numbers are read from it."""

    name: str
    write: Callable[[Any, Path], Any]
    read: Callable[[Path], list[np.ndarray]]


def _loaded(path: Path) -> list[np.ndarray]:
    return values(saving.load_model(path))


def _weights(path: Path) -> list[np.ndarray]:
    model = _reader()
    model.load_weights(path)
    return [np.array(w) for w in model.get_weights()]


_readers: list[Any] = []


def _reader() -> Any:
    """A model of other weights, to read weights into."""
    if not _readers:
        _readers.append(network(99))
    model = _readers[0]
    model.set_weights([np.full_like(w, 0.5) for w in model.get_weights()])
    return model


def _write_weights(model: Any, path: Path) -> None:
    model.save_weights(path)


def _write_model(model: Any, path: Path) -> None:
    model.save(path)


def _write_run(model: Any, path: Path) -> None:
    folder = Folder(path.parent)
    folder.counter = 1  # so the next one is `run-0`
    facts = {
        "cells": values(model),
        "epoch": 3,
        "logs": {"loss": 0.25},
        "text": "run",
        "many": [*X],
    }
    folder.keep(facts)


def _read_run(path: Path) -> list[np.ndarray]:
    found = Folder(path.parent).latest()
    assert found is not None and found["epoch"] == 3 and found["logs"] == {"loss": 0.25}
    return [*found["cells"], *found["many"]]


FORMATS = {
    one.name: one
    for one in (
        Format("m.keras", _write_model, _loaded),
        Format("m.h5", _write_model, _loaded),
        Format("m.weights.h5", _write_weights, _weights),
        Format("m.safetensors", _write_weights, _weights),
        Format("run-0.safetensors", _write_run, _read_run),
    )
}


def environment(**said: str | None) -> dict[str, str]:
    """The environment of a process that finds `cornu` and these tests; None takes a name away."""
    found = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"}
    for name, value in said.items():
        if value is None:
            found.pop(name, None)
        else:
            found[name] = value
    return found


def run(script: str, *arguments: Any, **said: Any) -> subprocess.CompletedProcess[str]:
    """Run Python code in a process of its own."""
    command = [sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)]
    said = {"env": environment(), "timeout": 280, "capture_output": True, "text": True, **said}
    return subprocess.run(command, **said)
