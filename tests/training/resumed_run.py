"""A run that may be killed: a script of its own, started again and again by `test_resume.py`.

    python resumed_run.py KIND FOLDER [STEPS]

prints a digest of all that a run ends with: weights, slots, figures, and what callbacks have seen.
KIND says where batches come from. With STEPS the process kills itself, as `kill -9` does, at a
moment of its own choice after so many steps.
"""

import hashlib
import json
import os
import signal
import sys
import threading

import numpy as np

from cornu import engine, ops, state
from cornu.callbacks import BackupAndRestore, Callback, EarlyStopping, ReduceLROnPlateau
from cornu.layers import BatchNormalization, Dense, Dropout, GaussianNoise, Input
from cornu.models import Sequential
from cornu.optimizers import Adam
from cornu.utils.pydataset import PyDataset

ROWS, BATCH, EPOCHS = 130, 16, 5
STEPS = 9 * EPOCHS  # the last batch of an epoch is a small one
KINDS = ("arrays", "dataset", "stateful", "accumulating")


class Augmented(PyDataset):
    """Batches by number, in an order that changes with every epoch, and noise on them."""

    def __init__(self, x, y):
        super().__init__()
        self.x, self.y, self.epoch = x, y, 0
        self.order = np.arange(len(x))

    def __len__(self):
        return -(-len(self.x) // BATCH)

    def __getitem__(self, index):
        rows = self.order[index * BATCH : (index + 1) * BATCH]
        noise = np.random.default_rng([self.epoch, index]).normal(size=self.x[rows].shape)
        return (self.x[rows] + 0.1 * noise).astype("float32"), self.y[rows]

    def on_epoch_end(self):
        self.epoch += 1
        self.order = np.random.default_rng(self.epoch).permutation(len(self.x))


class Walk:
    """An iterator that says where it is."""

    def __init__(self, x, y):
        self.x, self.y, self.random = x, y, np.random.default_rng(5)

    def __iter__(self):
        return self

    def __next__(self):
        rows = self.random.integers(0, len(self.x), BATCH)
        return self.x[rows], self.y[rows]

    def get_state(self):
        return json.dumps(self.random.bit_generator.state)

    def set_state(self, kept):
        self.random.bit_generator.state = json.loads(kept)


class Sees(Callback):
    """Every batch's figures; what it has is kept without a word from it."""

    def __init__(self):
        self.seen = []

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append(logs["loss"])


class Dies(Callback):
    """Kills the process soon after this many steps."""

    keeps = ()

    def __init__(self, sees, steps):
        self.sees, self.steps = sees, steps

    def on_train_batch_end(self, batch, logs=None):
        if self.steps is not None and len(self.sees.seen) >= self.steps:
            self.steps = None
            wait = np.random.default_rng().uniform(0, 0.02)
            threading.Timer(wait, os.kill, (os.getpid(), signal.SIGKILL)).start()


def model_of(kind):
    state.set_random_seed(3)
    model = Sequential(
        [
            Input((6,)),
            Dense(8, "relu"),
            BatchNormalization(),
            Dropout(0.3),
            GaussianNoise(0.1),
            Dense(1, "sigmoid"),
        ]
    )
    strength = engine.array(np.float32(1.0))
    accumulates = {"gradient_accumulation_steps": 4} if kind == "accumulating" else {}

    def loss(y_true, y_pred):
        return strength * ops.mean(ops.square(y_true - y_pred), axis=-1)

    model.compile(Adam(0.01, use_ema=True, **accumulates), loss, metrics=["accuracy", "AUC"])
    return model


def trained(kind, callbacks):
    """The model and its history, after a run."""
    random = np.random.default_rng(0)
    x = random.normal(size=(ROWS, 6)).astype("float32")
    y = (x.sum(1, keepdims=True) > 0).astype("float32")
    model = model_of(kind)
    said = {"epochs": EPOCHS, "verbose": 0, "validation_data": (x[:40], y[:40])}
    if kind == "dataset":
        history = model.fit(Augmented(x, y), callbacks=callbacks, **said)
    elif kind == "stateful":
        history = model.fit(Walk(x, y), steps_per_epoch=9, callbacks=callbacks, **said)
    else:
        history = model.fit(x, y, batch_size=BATCH, callbacks=callbacks, **said)
    return model, history


def digest(kind, backup, dies_after=None):
    """All that the run ends with, as a digest."""
    sees, slower = Sees(), ReduceLROnPlateau(patience=1, factor=0.5)
    stops = EarlyStopping(patience=4, restore_best_weights=True)
    backups = [] if backup is None else [backup]
    model, history = trained(kind, [sees, Dies(sees, dies_after), slower, stops, *backups])
    hashed = hashlib.sha256()
    for value in [*model.get_weights(), *(v.numpy() for v in model.optimizer.variables)]:
        hashed.update(np.ascontiguousarray(value))
    said = [history.history, history.epoch, sees.seen, stops.wait, stops.best_epoch]
    hashed.update(json.dumps(said).encode())
    return hashed.hexdigest()


def serve(kind, folder, *steps):
    """Run, and print the digest."""
    often = BackupAndRestore(folder, save_freq=1, delete_checkpoint=False)
    print(digest(kind, often, int(steps[0]) if steps else None), flush=True)


if __name__ == "__main__":
    serve(*sys.argv[1:])
