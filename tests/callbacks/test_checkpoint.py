"""ModelCheckpoint: what is saved, when, under which name, and what is never written."""

import math

import numpy as np
import pytest

from callbacks.runs import run
from cornu import layers, optimizers, saving
from cornu.callbacks import LambdaCallback, ModelCheckpoint
from cornu.errors import UsageError, UsageTypeError
from cornu.models import Sequential

X = np.ones((8, 1), "float32")


@pytest.fixture(scope="module")
def model():
    """One weight, of which callbacks save what it is at the moment."""
    made = Sequential([layers.Input((1,)), layers.Dense(1, use_bias=False, name="only")])
    made.compile(optimizers.SGD(0.0), "mse", metrics=["mae"])
    return made


class Told:
    """Stands for a model: writes down what is saved, and has the weight of the epoch."""

    def __init__(self, model, values=None):
        self.model, self.values, self.saved = model, values, []
        self.stop_training, self.metrics = False, []

    def __setattr__(self, name, value):
        if name == "epoch" and self.values is not None:
            self.model.set_weights([np.full((1, 1), self.values[value])])
        vars(self)[name] = value

    @property
    def weights(self):
        return self.model.weights

    def save(self, path, overwrite):
        self.saved.append(path)
        self.model.save(path, overwrite)

    def save_weights(self, path, overwrite):
        self.saved.append(path)
        self.model.save_weights(path, overwrite)


def saved(checkpoint, figures, model, values=None, **said):
    told = Told(model, values or [0.0] * len(figures))
    run(checkpoint, figures, told, **said)
    return told.saved


def test_names_have_epochs_from_1_and_figures(model, tmp_path):
    path = tmp_path / "new folder" / "{epoch:02d}-{val_loss:.2f}.keras"
    names = saved(ModelCheckpoint(path), [0.5, 0.25], model)
    assert [n.rpartition("/")[2] for n in names] == ["01-0.50.keras", "02-0.25.keras"]


@pytest.mark.parametrize(
    ("said", "figures", "epochs"),
    [
        ({}, [0.5, 0.25, 0.5], [1, 2, 3]),
        ({"save_best_only": True}, [0.5, 0.25, 0.5, 0.25, 0.125], [1, 2, 5]),
        ({"save_best_only": True, "mode": "max"}, [0.5, 0.25, 0.75], [1, 3]),
        ({"save_best_only": True, "initial_value_threshold": 0.375}, [0.5, 0.25, 0.5], [2]),
        ({"save_best_only": True}, [math.nan, 0.5, math.nan, 0.25], [2, 4]),
        ({"save_best_only": True}, [math.nan, math.nan], []),
    ],
)
def test_what_is_saved(model, tmp_path, said, figures, epochs):
    path = tmp_path / "{epoch}.weights.h5"
    found = saved(ModelCheckpoint(path, save_weights_only=True, **said), figures, model)
    assert found == [str(tmp_path / f"{n}.weights.h5") for n in epochs]


def test_the_best_is_not_forgotten_between_fits(model, tmp_path):
    keep = ModelCheckpoint(tmp_path / "best.keras", save_best_only=True)
    assert len(saved(keep, [0.5, 0.25], model)) == 2
    assert not saved(keep, [0.5, 0.375], model) and keep.best == 0.25
    assert len(saved(keep, [0.125], model)) == 1


def test_the_file_holds_the_weights_of_its_epoch(model, tmp_path):
    path = tmp_path / "{epoch}.keras"
    saved(ModelCheckpoint(path), [1.0, 1.0], model, values=[3.0, 7.0])
    for epoch, value in ((1, 3.0), (2, 7.0)):
        loaded = saving.load_model(tmp_path / f"{epoch}.keras")
        assert loaded.get_weights()[0].item() == value


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_weights_that_are_not_finite_are_never_written(model, tmp_path, bad):
    path = tmp_path / "best.weights.h5"
    keep = ModelCheckpoint(path, save_weights_only=True, save_best_only=True)
    with pytest.warns(UserWarning) as caught:
        names = saved(keep, [0.5, 0.25, 0.125, 0.375], model, values=[1.0, bad, bad, 2.0])
    (warning,) = caught  # once, not in every epoch
    assert 'in epoch 2: weight "only/kernel" holds' in str(warning.message)
    assert len(names) == 2 and keep.best == 0.375  # the last is the best of those that were saved
    model.load_weights(path)
    assert model.get_weights()[0].item() == 2.0
    assert not [p for p in tmp_path.iterdir() if p != path]


def test_a_failed_save_leaves_the_old_file_and_the_best(model, tmp_path):
    path = tmp_path / "best.keras"
    keep = ModelCheckpoint(path, save_best_only=True)
    saved(keep, [0.5], model)
    before = path.read_bytes()

    class Full(Told):
        def save(self, path, overwrite):
            raise OSError(28, "No space left on device", path)

    with pytest.raises(OSError, match="No space left"):
        run(keep, [0.25], Full(model))
    assert path.read_bytes() == before and keep.best == 0.5


# ---------------------------------------------------------------- in a fit


@pytest.mark.filterwarnings("ignore:the loss is not finite")
def test_a_fit_that_goes_wrong_leaves_a_file_that_is_right(model, tmp_path):
    model.set_weights([np.full((1, 1), 0.5)])
    keep = ModelCheckpoint(tmp_path / "last.weights.h5", save_weights_only=True)
    rates = LambdaCallback(
        on_epoch_begin=lambda epoch, logs: setattr(model.optimizer, "learning_rate", epoch * 1.5e38)
    )
    with pytest.warns(UserWarning, match='in epoch 2: weight "only/kernel" holds infinity or NaN'):
        model.fit(
            X, 2 * X, epochs=3, verbose=0, on_nonfinite="ignore", callbacks=[rates, keep]
        )  # fmt: skip
    model.optimizer.learning_rate = 0.0
    assert not np.isfinite(model.get_weights()[0]).all()
    model.load_weights(tmp_path / "last.weights.h5")
    assert model.get_weights()[0].item() == 0.5


def test_every_few_batches_across_epochs(model, tmp_path):
    path = tmp_path / "{epoch}-{batch}.weights.h5"
    keep = ModelCheckpoint(path, save_weights_only=True, save_freq=3)
    model.set_weights([np.zeros((1, 1))])
    model.fit(X, X, batch_size=2, epochs=3, verbose=0, callbacks=[keep])  # 4 batches each
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        f"{name}.weights.h5" for name in ("1-3", "2-2", "3-1", "3-4")
    ]


def test_figures_of_other_callbacks_can_be_followed(model, tmp_path):
    figures = [0.5, 0.75, 0.25]
    mine = LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(mine=figures[epoch]))
    keep = ModelCheckpoint(tmp_path / "{epoch}-{mine}.keras", "mine", 0, True, mode="max")
    model.fit(X, X, epochs=3, verbose=0, callbacks=[mine, keep])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["1-0.5.keras", "2-0.75.keras"]


def test_what_is_said(model, tmp_path, capsys):
    path = tmp_path / "best.keras"
    saved(ModelCheckpoint(path, verbose=1, save_best_only=True), [0.5, 0.75, 0.25], model)
    lines = [line for line in capsys.readouterr().out.splitlines() if line]
    assert lines == [
        f"Epoch 1: saved {path}: val_loss nothing -> 0.50000",
        "Epoch 2: val_loss 0.75000 is not better than 0.50000",
        f"Epoch 3: saved {path}: val_loss 0.50000 -> 0.25000",
    ]


def test_a_missing_figure_is_told_once_and_saved_all_the_same(model, tmp_path):
    keep = ModelCheckpoint(tmp_path / "{epoch}.keras", "val_los", save_best_only=True)
    with pytest.warns(UserWarning) as caught:
        assert len(saved(keep, [0.5, 0.75], model)) == 2
    (warning,) = caught
    assert 'Did you mean "val_loss"?' in str(warning.message)


# ---------------------------------------------------------------- wrong calls


@pytest.mark.parametrize(
    ("call", "code", "said"),
    [
        (lambda: ModelCheckpoint("best"), "E-FILE-NAME", "must end in .keras or .h5"),
        (lambda: ModelCheckpoint("a.weights.h5"), "E-FILE-NAME", "pass save_weights_only=True"),
        (
            lambda: ModelCheckpoint("a.keras", save_weights_only=True),
            "E-FILE-NAME",
            'Write e.g. "best.weights.h5"',
        ),
        (lambda: ModelCheckpoint(3), "E-FILE-NAME", "filepath must be a path; got 3"),
        (lambda: ModelCheckpoint("a.keras", save_freq="batch"), "E-CHOICE", "got 'batch'"),
        (lambda: ModelCheckpoint("a.keras", save_freq=0), "E-RANGE", "save_freq must be a whole"),
        (lambda: ModelCheckpoint("a.keras", save_freq=2.5), "E-TYPE", "got 2.5"),
    ],
)
def test_wrong_arguments(call, code, said):
    with pytest.raises((UsageError, UsageTypeError)) as caught:
        call()
    assert caught.value.code == code and said in str(caught.value)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("{val_los:.2f}", '"{val_los}", and no figure has that name.*Did you mean "val_loss"'),
        ("{val_loss.__class__}", "no figure has that name"),
        ("{epoch.real}", "no figure has that name"),
        ("{0}", "no figure has that name"),
        ("{text}", "only numbers can stand in a name"),
    ],
)
def test_names_that_cannot_be_filled(model, tmp_path, name, said):
    keep = ModelCheckpoint(tmp_path / f"{name}.keras")
    logs = {"val_loss": 0.5, "text": "../elsewhere"}
    keep.set_model(model)
    with pytest.raises(UsageError, match=said) as caught:
        keep.on_epoch_end(0, logs)
    assert caught.value.code == "E-CHECKPOINT-NAME" and not list(tmp_path.iterdir())


def test_names_of_metrics_are_no_templates(model, tmp_path):
    keep = ModelCheckpoint(tmp_path / "{val_loss:.1f}.keras")
    keep.set_model(model)
    keep.on_epoch_end(0, {"{0.__class__}": 1.0, "val_loss": 0.5})
    assert [p.name for p in tmp_path.iterdir()] == ["0.5.keras"]
