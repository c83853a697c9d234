"""Trying a script: `fast_dev_run` and `overfit_batches`."""

import numpy as np
import pytest

from cornu import state
from cornu.callbacks import Callback, CallbackList, CSVLogger, ModelCheckpoint
from cornu.errors import UsageError
from cornu.layers import Dense, Input
from cornu.models import Sequential

X = np.random.default_rng(0).normal(size=(60, 4)).astype("float32")
Y = X.sum(1, keepdims=True)


class Counts(Callback):
    def __init__(self):
        self.train, self.test, self.epochs = 0, 0, 0

    def on_train_batch_end(self, batch, logs=None):
        self.train += 1

    def on_test_batch_end(self, batch, logs=None):
        self.test += 1

    def on_epoch_end(self, epoch, logs=None):
        self.epochs += 1


def network():
    state.set_random_seed(0)
    model = Sequential([Input((4,)), Dense(1)])
    model.compile("sgd", "mse")
    return model


@pytest.mark.parametrize(("asked", "steps"), [(True, 1), (3, 3), (99, 6)])
def test_a_fast_run_leaves_no_trace(asked, steps, tmp_path, capsys):
    counts = Counts()
    writers = [ModelCheckpoint(tmp_path / "m.keras"), CSVLogger(tmp_path / "log.csv")]
    model = network()
    history = model.fit(
        X, Y, 10, 50, callbacks=[counts, *writers], verbose=0, validation_split=0.0,
        validation_data=(X, Y), fast_dev_run=asked, resume=tmp_path / "run",
    )  # fmt: skip
    assert (counts.train, counts.test, counts.epochs) == (steps, steps, 1)
    assert history.epoch == [0] and set(history.history) == {"loss", "val_loss"}
    assert not list(tmp_path.iterdir())
    assert "without CSVLogger, ModelCheckpoint" in capsys.readouterr().out


def test_overfitting_takes_the_first_batches_in_order():
    model, alike = network(), network()
    model.fit(X, Y, batch_size=10, epochs=4, overfit_batches=2, verbose=0)
    alike.fit(X[:20], Y[:20], batch_size=10, epochs=4, shuffle=False, verbose=0)
    assert np.array_equal(model.get_weights()[0], alike.get_weights()[0])


def test_wrong_numbers():
    for said in ({"fast_dev_run": 0}, {"fast_dev_run": -2}, {"overfit_batches": 0}):
        with pytest.raises(UsageError, match=next(iter(said))):
            network().fit(X, Y, verbose=0, **said)
    with pytest.raises(UsageError, match="islice"):
        network().fit(iter([(X, Y)]), steps_per_epoch=1, overfit_batches=1, verbose=0)


def test_a_list_of_callbacks_leaves_no_trace(tmp_path):
    callbacks = CallbackList([ModelCheckpoint(tmp_path / "m.keras")])
    network().fit(X, Y, callbacks=callbacks, verbose=0, fast_dev_run=True)
    assert not list(tmp_path.iterdir())
