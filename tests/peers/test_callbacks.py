"""Callbacks do what those of Keras 3.15.1 do: arguments, decisions, files, weights."""

import csv
import inspect
import itertools

import numpy as np
import pytest

import cornu
from callbacks.runs import LOWERED, LOWERS, STOPS, Counted, run, stopped
from cornu import callbacks, state
from cornu.dialects import spellings
from cornu.dialects.generations import within

pytestmark = pytest.mark.peers

DIFFERENT = {"ProgbarLogger", "OrbaxCheckpoint"}
"""ProgbarLogger says how much it shows; Orbax has a format of its own."""

OURS = {"on_save_error"}
"""Arguments of Cornu alone, after all of Keras's."""


def names(keras):
    return [n for n in dir(keras.callbacks) if inspect.isclass(getattr(keras.callbacks, n))]


def signature(cls):
    """Names, defaults and kinds of what a constructor takes; False and 0 are told apart."""
    found = inspect.signature(cls.__init__).parameters.values()
    return [(p.name, repr(p.default), p.kind) for p in found]


def test_all_callbacks_are_there(keras):
    assert set(names(keras)) - set(callbacks.__all__) == {"OrbaxCheckpoint"}


def test_signatures(keras):
    for name in sorted(set(names(keras)) - DIFFERENT):
        theirs, ours = getattr(keras.callbacks, name), getattr(callbacks, name)
        if "__init__" not in vars(ours) and theirs.__init__ is keras.callbacks.Callback.__init__:
            continue
        wanted, found = signature(theirs), signature(ours)
        if name == "Callback":
            continue
        assert wanted == found[: len(wanted)], name
        assert {more[0] for more in found[len(wanted) :]} <= OURS, name


def test_hooks(keras):
    theirs = {n for n in dir(keras.callbacks.Callback) if n.startswith(("on_", "set_"))}
    assert theirs <= set(dir(callbacks.Callback))
    theirs = {n for n in dir(keras.callbacks.CallbackList) if n.startswith(("on_", "set_"))}
    assert theirs <= set(dir(callbacks.CallbackList))


@pytest.mark.parametrize(("said", "figures", "expected"), STOPS)
def test_early_stopping_as_recorded(keras, said, figures, expected):
    said = {"mode": "min", **said}
    assert stopped(keras.callbacks.EarlyStopping(**said), figures) == expected


def test_early_stopping_in_many_runs(keras):
    rng = np.random.default_rng(0)
    choices = itertools.product(
        (0, 1, 2, 3), (0, 0.25), ("min", "max"), (None, 0.5), (False, True), (0, 2)
    )
    for patience, min_delta, mode, baseline, restore, begin in choices:
        said = {
            "patience": patience, "min_delta": min_delta, "mode": mode, "baseline": baseline,
            "restore_best_weights": restore, "start_from_epoch": begin,
        }  # fmt: skip
        figures = (rng.integers(0, 9, 10) / 8).tolist()
        theirs = stopped(keras.callbacks.EarlyStopping(**said), figures)
        assert stopped(callbacks.EarlyStopping(**said), figures) == theirs, (said, figures)


def rates_of(cls, optimizer, said, figures):
    _, logs = run(cls(**said), figures, Counted(optimizer))
    return [log["learning_rate"] for log in logs]


@pytest.mark.parametrize(("case", "expected"), list(zip(LOWERS, LOWERED, strict=True)))
def test_plateaus_as_recorded(keras, case, expected):
    said, figures, first = case
    optimizer = keras.optimizers.SGD(first)
    found = rates_of(keras.callbacks.ReduceLROnPlateau, optimizer, {"mode": "min", **said}, figures)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_plateaus_in_many_runs(keras):
    rng = np.random.default_rng(1)
    choices = itertools.product((0, 1, 2, 3), (0, 0.25), ("min", "max"), (0, 1, 3), (0, 0.1))
    for patience, min_delta, mode, cooldown, least in choices:
        said = {
            "patience": patience, "min_delta": min_delta, "mode": mode, "cooldown": cooldown,
            "min_lr": least, "factor": 0.5,
        }  # fmt: skip
        figures = (rng.integers(0, 9, 10) / 8).tolist()
        theirs = rates_of(
            keras.callbacks.ReduceLROnPlateau, keras.optimizers.SGD(1.0), said, figures
        )
        ours = rates_of(callbacks.ReduceLROnPlateau, cornu.optimizers.SGD(1.0), said, figures)
        assert ours == theirs, (said, figures)


def data():
    x = np.random.default_rng(0).normal(size=(24, 3)).astype("float32")
    return x, np.tanh(x.sum(axis=1, keepdims=True))


def made(library, optimizer):
    model = library.Sequential([library.layers.Input((3,)), library.layers.Dense(1)])
    model.set_weights([np.full((3, 1), 0.5), np.zeros(1)])
    model.compile(optimizer, "mse", metrics=["mae"])
    return model


def both(keras, make, make_optimizer, **said):
    """What `make(library)` gives as callbacks, in a fit of each library; models and histories."""
    x, y = data()
    found = []
    for library in (keras, cornu):
        library.utils.set_random_seed(0)
        model = made(library, make_optimizer(library))
        history = model.fit(
            x, y, batch_size=8, shuffle=False, verbose=0, callbacks=make(library), **said
        )
        found.append((model, history))
    return found


def close(keras_model, our_model):
    pairs = zip(keras_model.get_weights(), our_model.get_weights(), strict=True)
    return all(np.allclose(a, b, atol=1e-6) for a, b in pairs)


def test_a_run_with_rates_stops_and_rows(keras, tmp_path):
    def make(library):
        name = library.__name__
        return [
            library.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.9),
            library.callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=0.1),
            library.callbacks.CSVLogger(tmp_path / f"{name}.csv"),
            library.callbacks.EarlyStopping("mae", patience=2, min_delta=0.02),
            library.callbacks.ModelCheckpoint(
                tmp_path / f"{name}-{{epoch:02d}}-{{mae:.2f}}.keras", "mae", save_best_only=True
            ),
        ]

    theirs, ours = both(keras, make, lambda library: library.optimizers.SGD(0.1), epochs=12)
    assert close(theirs[0], ours[0])
    assert theirs[1].history.keys() == ours[1].history.keys()
    for name, values in theirs[1].history.items():
        np.testing.assert_allclose(ours[1].history[name], values, rtol=1e-4, err_msg=name)
    rows = [list(csv.reader((tmp_path / f"{n}.csv").open())) for n in ("keras", "cornu")]
    assert rows[0][0] == rows[1][0] and len(rows[0]) == len(rows[1])
    for a, b in zip(rows[0][1:], rows[1][1:], strict=True):
        assert [v == "NA" for v in a] == [v == "NA" for v in b]
        pairs = [(float(u), float(v)) for u, v in zip(a, b, strict=True) if u != "NA"]
        np.testing.assert_allclose(*zip(*pairs, strict=True), rtol=1e-4)
    saved = [sorted(p.name.removeprefix(n) for p in tmp_path.glob(f"{n}-*"))
             for n in ("keras", "cornu")]  # fmt: skip
    assert saved[0] == saved[1] and len(saved[0]) > 1
    assert close(keras.models.load_model(tmp_path / f"cornu{saved[1][-1]}"),
                 cornu.models.load_model(tmp_path / f"keras{saved[0][-1]}"))  # fmt: skip


def test_columns_of_a_table_with_validation(keras, tmp_path):
    for library in (keras, cornu):
        log = library.callbacks.CSVLogger(str(tmp_path / f"{library.__name__}.csv"), ";")
        log.on_train_begin()
        log.on_epoch_end(0, {"loss": 0.5, "val_loss": 0.25, "acc": [0.5, 0.25]})
        log.on_epoch_end(1, {"loss": 0.125})
        log.on_train_end()
    assert (tmp_path / "keras.csv").read_bytes() == (tmp_path / "cornu.csv").read_bytes()


@pytest.mark.parametrize("swap_on_epoch", [False, True])
def test_averages(keras, swap_on_epoch):
    seen = {}

    def make(library):
        kept = seen.setdefault(library.__name__, [])

        class Look(library.callbacks.Callback):
            def on_epoch_end(self, epoch, logs=None):
                kept.append(self.model.get_weights()[0])

        return [library.callbacks.SwapEMAWeights(swap_on_epoch), Look()]

    def optimizer(library):
        return library.optimizers.Adam(0.1, use_ema=True, ema_momentum=0.5)

    x, y = data()
    theirs, ours = both(keras, make, optimizer, epochs=3, validation_data=(x, y))
    np.testing.assert_allclose(seen["cornu"], seen["keras"], atol=1e-5)
    figures = [h.history["val_loss"] for _, h in (theirs, ours)]
    np.testing.assert_allclose(*figures, rtol=1e-4)
    assert close(theirs[0], ours[0])


def test_a_checkpoint_by_batches(keras, tmp_path):
    def make(library):
        path = tmp_path / f"{library.__name__}-{{epoch}}-{{batch}}.weights.h5"
        return [library.callbacks.ModelCheckpoint(path, save_weights_only=True, save_freq=2)]

    both(keras, make, lambda library: "sgd", epochs=3)
    saved = [sorted(p.name.removeprefix(n) for p in tmp_path.glob(f"{n}-*"))
             for n in ("keras", "cornu")]  # fmt: skip
    assert saved[0] == saved[1] == [f"-{name}.weights.h5" for name in ("1-2", "2-1", "2-3", "3-2")]


def test_pruning_by_optuna():
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    x, y = data()
    epochs = []

    def objective(trial):
        state.set_random_seed(0)
        model = made(cornu, cornu.optimizers.SGD(trial.suggest_float("rate", 0.0, 0.2)))
        prune = callbacks.OptunaPruning(trial, "loss")
        try:
            history = model.fit(x, y, epochs=6, verbose=0, callbacks=[prune])
        finally:
            epochs.append(len(model.history.epoch))
        return history.history["loss"][-1]

    pruner = optuna.pruners.MedianPruner(n_startup_trials=1, n_warmup_steps=1)
    study = optuna.create_study(pruner=pruner, sampler=optuna.samplers.RandomSampler(0))
    for rate in (0.1, 0.0):
        study.enqueue_trial({"rate": rate})
    study.optimize(objective, n_trials=2)
    assert [t.state.name for t in study.trials] == ["COMPLETE", "PRUNED"]
    assert epochs[0] == 6 and epochs[1] < 6


def test_figures_that_are_no_numbers_differ(keras):
    """Keras takes NaN for the best where it comes first; here it never is."""
    figures = [float("nan"), 0.5, 0.25, 0.75]
    theirs = stopped(keras.callbacks.EarlyStopping(mode="min", patience=2), figures)
    assert np.isnan(theirs[2])
    assert stopped(callbacks.EarlyStopping(mode="min", patience=2), figures)[2] == 0.25


@pytest.fixture
def spoken():
    """Cornu as under the alias, in the generation of tf-keras's callbacks."""
    with spellings.registered(), within("2.3"):
        yield


def test_early_stopping_of_keras_2(spoken):
    tf_keras = pytest.importorskip("tf_keras")
    rng = np.random.default_rng(2)
    choices = itertools.product((0, 1, 2, 3), (0, 0.25), ("val_loss", "val_acc"), (False, True))
    for patience, min_delta, monitor, restore in choices:
        said = {
            "monitor": monitor, "patience": patience, "min_delta": min_delta,
            "restore_best_weights": restore,
        }  # fmt: skip
        figures = (rng.integers(0, 9, 10) / 8).tolist()
        found = []
        for library in (tf_keras, cornu):
            stop = library.callbacks.EarlyStopping(**said)
            model, seen = run(stop, figures, name=monitor)
            best = float(stop.best)
            found.append((len(seen), stop.stopped_epoch, best, stop.wait, model.restored))
        assert found[0] == found[1], (said, figures)


def test_plateaus_of_keras_2(spoken):
    tf_keras = pytest.importorskip("tf_keras")
    rng = np.random.default_rng(3)
    for patience, cooldown, mode in itertools.product((1, 2, 3), (0, 2), ("auto", "max")):
        figures = (rng.integers(0, 9, 10) / 8).tolist()
        said = {"patience": patience, "cooldown": cooldown, "mode": mode, "factor": 0.5}
        found = []
        for library in (tf_keras, cornu):
            optimizer = library.optimizers.SGD(1.0)
            _, logs = run(library.callbacks.ReduceLROnPlateau(**said), figures, Counted(optimizer))
            found.append([float(log["lr"]) for log in logs])
        assert found[0] == found[1], (said, figures)
