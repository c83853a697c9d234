"""Which kind every callback is, and that a run which is resumed goes on with their state."""

import numpy as np
import pytest

from cornu import callbacks, layers, optimizers, state
from cornu.callbacks import (
    BackupAndRestore,
    Callback,
    CallbackList,
    CSVLogger,
    EarlyStopping,
    LearningRateScheduler,
    ModelCheckpoint,
    ReduceLROnPlateau,
    SwapEMAWeights,
)
from cornu.models import Sequential

QUIET = {
    "BaseLogger": {},
    "CSVLogger": {"filename": "log.csv"},
    "EarlyStopping": {},
    "History": {},
    "LambdaCallback": {"on_epoch_end": print},
    "LearningRateScheduler": {"schedule": float},
    "ModelCheckpoint": {"filepath": "a.keras"},
    "ReduceLROnPlateau": {},
    "RemoteMonitor": {},
    "SwapEMAWeights": {},
    "TerminateOnNaN": {},
}
LIVE = {
    "LambdaCallback": {"on_train_batch_end": print},
    "LearningRateFinder": {},
    "ModelCheckpoint": {"filepath": "a.keras", "save_freq": 5},
}


def test_none_must_see_every_batch_unless_it_is_asked_to():
    for said, live in ((QUIET, False), (LIVE, True)):
        for name, arguments in said.items():
            made = getattr(callbacks, name)(**arguments)
            assert bool(CallbackList([made]).live) is live, name


def test_a_live_one_of_the_users_stays_live():
    class Mine(EarlyStopping):
        def on_train_batch_end(self, batch, logs=None):
            pass

    assert len(CallbackList([Mine()]).live) == 1


RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 3)).astype("float32")
Y = X.sum(axis=1, keepdims=True) + RNG.normal(size=(24, 1)).astype("float32")


class Die(Callback):
    """The process ends when an epoch begins."""

    keeps = ()

    def __init__(self, epoch):
        self.epoch, self.begun = epoch, []

    def on_epoch_begin(self, epoch, logs=None):
        self.begun.append(epoch)
        if epoch == self.epoch:
            raise SystemExit


def trained(folder, kept=None, die_at=None):
    """What is left of a run of 7 epochs: weights, figures, files, states."""
    state.set_random_seed(1)
    model = Sequential(
        [layers.Input((3,)), layers.Dense(4, "tanh", name="a"), layers.Dense(1, name="b")]
    )
    model.compile(optimizers.Adam(0.05, use_ema=True, ema_momentum=0.8), "mse")
    folder.mkdir(exist_ok=True)
    given = [
        SwapEMAWeights(swap_on_epoch=True),
        LearningRateScheduler(lambda epoch, rate: rate * 0.95),
        ReduceLROnPlateau("val_loss", factor=0.5, patience=1, min_delta=0.8),
        CSVLogger(folder / "log.csv"),
        ModelCheckpoint(folder / "{epoch}.weights.h5", "val_loss", 0, True, True, "max"),
        ModelCheckpoint(folder / "b{epoch}-{batch}.weights.h5", "", 0, False, True, "min", 4),
        EarlyStopping("loss", min_delta=0.45, patience=3, restore_best_weights=True),
    ]
    said = {"epochs": 7, "batch_size": 8, "verbose": 0, "validation_data": (X[:8], Y[:8])}
    given += [] if kept is None else [BackupAndRestore(kept, delete_checkpoint=False)]
    end = Die(die_at)
    history = model.fit(X, Y, callbacks=[*given, end], **said)
    names = ("wait", "best", "best_epoch", "cooldown_counter", "batches_since_saving", "keys")
    states = [{n: getattr(c, n) for n in names if hasattr(c, n)} for c in given[:7]]
    files = {p.name: p.read_bytes() for p in sorted(folder.iterdir()) if p.suffix == ".csv"}
    left = sorted(p.name for p in folder.iterdir())
    return model.get_weights(), history.history, left, states, files, end.begun


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("whole") / "files")


@pytest.mark.parametrize(
    "die_at", [3, *(pytest.param(i, marks=pytest.mark.slow) for i in (1, 2, 5))]
)
def test_a_resumed_run_is_the_same(tmp_path, whole, die_at):
    with pytest.raises(SystemExit):
        trained(tmp_path / "files", tmp_path / "run", die_at)
    resumed = trained(tmp_path / "files", tmp_path / "run")
    weights, history, names, states, files, _ = whole
    assert all(np.array_equal(a, b) for a, b in zip(weights, resumed[0], strict=True))
    assert history == resumed[1] and len(history["loss"]) > die_at
    assert names == resumed[2] and len(names) > 3
    assert states == resumed[3]
    assert files == resumed[4] and resumed[5][0] == die_at
