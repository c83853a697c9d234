"""R1: a run of 48 steps that is written down after each, and goes on from any of them.

    python resumed.py KIND FOLDER …

prints a digest for each FOLDER, in which a run was kept: of all that it ends with when it goes on.
"""

import hashlib
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np

from cornu import layers, models, policy, state
from cornu.callbacks import BackupAndRestore, Callback, CSVLogger, EarlyStopping, ReduceLROnPlateau
from cornu.optimizers import Adam

ROWS, BATCH, EPOCHS = 64, 8, 6
STEPS = ROWS // BATCH * EPOCHS
KINDS = ("plain", "mixed", "three at once", "accumulating", "recurrent", "weighted")


class Counts(Callback):
    """Counts steps; copies the folder of the run, and its CSV file, before each of them."""

    keeps = ()

    def __init__(self, folder: Path | None = None, copies: Path | None = None):
        self.folder, self.copies, self.steps = folder, copies, 0

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        if self.copies is not None and self.folder is not None and self.steps:
            shutil.copytree(self.folder, self.copies / str(self.steps))
        self.steps += 1


def model_of(kind: str) -> Any:
    """A model with dropout, batch normalization and Adam."""
    state.set_random_seed(5)
    shape = (3, 2) if kind == "recurrent" else (6,)
    head = [layers.Flatten()]
    if kind == "recurrent":
        head = [layers.LSTM(6, stateful=True, dropout=0.2)]
    model = models.Sequential(
        [
            layers.Input((*shape,), batch_size=BATCH if kind == "recurrent" else None),
            *head,
            layers.Dense(12, "relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.4),
            layers.Dense(2, "softmax", dtype="float32"),
        ]
    )
    said: dict[str, Any] = {"steps_per_execution": 3} if kind == "three at once" else {}
    more: dict[str, Any] = {"gradient_accumulation_steps": 4} if kind == "accumulating" else {}
    loss = "sparse_categorical_crossentropy"
    model.compile(Adam(0.02, **more), loss, metrics=["accuracy"], **said)
    return model


def ended(kind: str, folder: Path | None, counts: Counts | None = None) -> tuple[str, int]:
    """A digest of all that a run ends with, and how many steps were taken for it."""
    before = policy.dtype_policy()
    if kind == "mixed":
        policy.set_dtype_policy("mixed_bfloat16")
    try:
        model = model_of(kind)
    finally:
        policy.set_dtype_policy(before)
    draw = np.random.default_rng(0)
    x = draw.normal(size=(ROWS, 3, 2) if kind == "recurrent" else (ROWS, 6)).astype("float32")
    y = (x.reshape(ROWS, -1).sum(1) > 0).astype("int32")
    counts = counts or Counts()
    stops, slower = EarlyStopping(patience=5), ReduceLROnPlateau(patience=1, factor=0.7)
    callbacks: list[Any] = [counts, stops, slower]
    if folder is not None:
        folder.mkdir(exist_ok=True)
        backup = BackupAndRestore(folder, save_freq=1, delete_checkpoint=False)
        callbacks += [CSVLogger(folder / "log.csv"), backup]
    weights = {0: 1.0, 1: 2.5} if kind == "weighted" else None
    history = model.fit(
        x, y, BATCH, EPOCHS, 0, callbacks, validation_data=(x[:16], y[:16]), class_weight=weights
    )
    found = hashlib.sha256()
    for value in [*model.get_weights(), *(v.numpy() for v in model.optimizer.variables)]:
        found.update(np.ascontiguousarray(value).tobytes())
    told = [history.history, history.epoch, stops.wait, stops.best, slower.wait, slower.best]
    found.update(json.dumps(told, default=float).encode())
    if folder is not None:
        found.update((folder / "log.csv").read_bytes())
    return found.hexdigest(), counts.steps


def serve(kind: str, folder: str) -> None:
    """What a process of `forking.Children` does."""
    print(*ended(kind, Path(folder)), flush=True)


if __name__ == "__main__":
    for name in sys.argv[2:]:
        print(*ended(sys.argv[1], Path(name)))
