"""What a seed says, for processes in different surroundings.

    python seeded.py COUNT

prints a digest of everything that COUNT small models (10 at most) are after some steps: what they
began with, figures of each epoch, weights, what they predict. With TELLS=1 a digest of each one,
and its losses.
"""

import hashlib
import json
import os
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

import cornu as keras
from cornu import layers
from cornu.callbacks import Callback
from cornu.utils.pydataset import PyDataset

ROWS, BATCH = 96, 8
EPOCHS = 9  # 108 steps


def _dense(*more: Any, of: tuple = (12,)) -> Callable[[], Any]:
    return lambda: keras.Sequential([keras.Input(of), *(one() for one in more), layers.Dense(2)])


MODELS: dict[str, tuple[tuple, Callable[[], Any], str]] = {
    "dropout": (
        (12,),
        _dense(lambda: layers.Dense(16, "relu"), lambda: layers.Dropout(0.4)),
        "adam",
    ),
    "normalized": (
        (12,),
        _dense(layers.BatchNormalization, lambda: layers.GaussianNoise(0.3)),
        "sgd",
    ),
    "wide": (
        (12,),
        _dense(lambda: layers.Dense(700, "tanh"), lambda: layers.Dense(300)),
        "rmsprop",
    ),
    "convolutions": (
        (8, 8, 3),
        _dense(
            lambda: layers.Conv2D(6, 3, activation="relu"),
            layers.MaxPooling2D,
            layers.Flatten,
            of=(8, 8, 3),
        ),
        "adam",
    ),
    "lstm": ((6, 4), _dense(lambda: layers.LSTM(8, dropout=0.2), of=(6, 4)), "adam"),
    "gru": ((6, 4), _dense(lambda: layers.GRU(8), of=(6, 4)), "nadam"),
    "attention": (
        (5, 8),
        lambda: _attending(),
        "adamw",
    ),
    "separable": (
        (8, 8, 3),
        _dense(lambda: layers.SeparableConv2D(4, 3), layers.GlobalAveragePooling2D, of=(8, 8, 3)),
        "adagrad",
    ),
    "one_axis": (
        (10, 3),
        _dense(
            lambda: layers.Conv1D(4, 3),
            lambda: layers.SpatialDropout1D(0.3),
            layers.GlobalMaxPooling1D,
            of=(10, 3),
        ),
        "adamax",
    ),
    "layer_norm": (
        (12,),
        _dense(layers.LayerNormalization, lambda: layers.Dense(9, "gelu")),
        "lion",
    ),
}


def _attending() -> Any:
    inputs = keras.Input((5, 8))
    found = layers.MultiHeadAttention(2, 4, dropout=0.1)(inputs, inputs)
    return keras.Model(inputs, layers.Dense(2)(layers.Flatten()(found)))


class Batches(PyDataset):
    """Made by `workers`, which must change nothing."""

    def __init__(self, x: np.ndarray, y: np.ndarray, workers: int):
        super().__init__(workers=workers)
        self.x, self.y = x, y

    def __len__(self) -> int:
        return ROWS // BATCH

    def __getitem__(self, index: int) -> Any:
        rows = slice(index * BATCH, (index + 1) * BATCH)
        return self.x[rows], self.y[rows]


class Idle(Callback):
    """Sees every batch and does nothing."""

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        pass


def trained(
    name: str, verbose: int = 0, watched: bool = False, workers: int | None = None
) -> bytes:
    """A digest of one model's life."""
    return lived(name, verbose, watched, workers)[0]


def lived(
    name: str, verbose: int = 0, watched: bool = False, workers: int | None = None
) -> tuple[bytes, list[float]]:
    """A digest of one model's life, and its losses."""
    shape, make, optimizer = MODELS[name]
    data = np.random.default_rng(0)
    x = data.normal(size=(ROWS, *shape)).astype("float32")
    y = data.normal(size=(ROWS, 2)).astype("float32")
    keras.utils.set_random_seed(7)
    model = make()
    found = hashlib.sha256(b"".join(w.tobytes() for w in model.get_weights()))
    model.compile(optimizer, "mse", metrics=["mae"])
    said: dict[str, Any] = {"epochs": EPOCHS, "verbose": verbose}
    said["callbacks"] = [Idle()] if watched else []
    if workers is not None:
        history = model.fit(Batches(x, y, workers), **said)
    else:
        history = model.fit(x, y, batch_size=BATCH, validation_split=0.0, **said)
    found.update(repr(history.history).encode())
    found.update(b"".join(w.tobytes() for w in model.get_weights()))
    found.update(np.ascontiguousarray(model.predict(x, verbose=0)).tobytes())
    return found.digest(), history.history["loss"]


def digest(count: int, **said: Any) -> str:
    """Of the first `count` models."""
    found = hashlib.sha256()
    for name in list(MODELS)[:count]:
        found.update(trained(name, **said))
    return found.hexdigest()


def told(count: int) -> dict[str, Any]:
    """Of each of the first `count` models its digest, and its losses in full."""
    lives = {name: lived(name) for name in list(MODELS)[:count]}
    return {name: [found.hex(), losses] for name, (found, losses) in lives.items()}


if __name__ == "__main__":
    if os.environ.get("TELLS") == "1":
        print("\n" + json.dumps(told(int(sys.argv[1])), separators=(",", ":")))
        sys.exit()
    if cores := os.environ.get("CORES"):
        os.sched_setaffinity(0, range(int(cores)))
    verbose, watched = os.environ.get("VERBOSE", "0"), os.environ.get("WATCHED") == "1"
    print("\n" + digest(int(sys.argv[1]), verbose=int(verbose), watched=watched))
