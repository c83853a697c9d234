"""History: what `fit` returns."""

import time

import numpy as np
import pytest

from cornu import layers, optimizers
from cornu.callbacks import History
from cornu.models import Sequential
from cornu.state import seeds
from cornu.training import loop

X = np.array([[1.0], [2.0]], "float32")


def made():
    model = Sequential([layers.Input((1,)), layers.Dense(1, use_bias=False)])
    model.set_weights([np.zeros((1, 1))])
    model.compile(optimizers.SGD(0.1), "mse")
    return model


def test_the_figures_of_every_epoch():
    model = made()
    history = model.fit(X, 2 * X, epochs=3, verbose=0)
    weight, expected = 0.0, []
    for _ in range(3):  # mean((w - 2)**2 x**2) over x = 1, 2
        expected.append((weight - 2) ** 2 * 2.5)
        weight -= 0.1 * 2 * (weight - 2) * 2.5
    assert list(history.history) == ["loss"] and history.epoch == [0, 1, 2]
    assert np.allclose(history.history["loss"], expected)
    assert all(type(v) is float for v in history.history["loss"])
    assert model.history is history and history.model is model
    assert history.params["epochs"] == 3


def test_a_history_of_ones_own_is_returned_and_begins_anew():
    model, mine = made(), History()
    assert model.fit(X, X, epochs=2, verbose=0, callbacks=[mine]) is mine
    assert model.fit(X, X, epochs=1, verbose=0, callbacks=[mine]) is mine
    assert len(mine.history["loss"]) == 1 and mine.epoch == [0]


def test_every_fit_has_its_own():
    model = made()
    first = model.fit(X, X, verbose=0)
    second = model.fit(X, X, epochs=2, verbose=0)
    assert first is not second and len(first.history["loss"]) == 1 and len(second.epoch) == 2


def test_when_and_how_long(monkeypatch):
    model = made()
    history = model.fit(X, X, epochs=4, verbose=0, validation_data=(X, X), validation_freq=2)
    assert history.when == {"loss": [0, 1, 2, 3], "val_loss": [1, 3]}
    assert len(history.seconds) == 4 and all(0 < s < 60 for s in history.seconds)
    assert abs(history.begun - time.time()) < 60 and history.seed == seeds.seed


def test_it_says_in_short_what_it_holds():
    history = History()
    assert repr(history) == "History(no epochs)"
    history.on_epoch_begin(0)
    history.on_epoch_end(0, {"loss": 0.123456, "each": np.ones(2)})
    assert repr(history) == "History(1 epoch, at the end: loss 0.1235, each …)"
    history.on_epoch_end(1, {"loss": 1e-7})
    assert repr(history).startswith("History(2 epochs, at the end: loss 1e-07")


def test_it_draws_its_curves(tmp_path):
    pytest.importorskip("matplotlib")
    history = made().fit(X, 2 * X, epochs=4, verbose=0, validation_data=(X, X), validation_freq=2)
    figure = history.plot("loss", log=True, path=tmp_path / "curves.png")
    (axes,) = figure.axes
    lines = {line.get_label(): line for line in axes.get_lines()}
    assert axes.get_yscale() == "log" and (tmp_path / "curves.png").stat().st_size > 1000
    assert np.array_equal(lines["training"].get_xdata(), [1, 2, 3, 4])
    assert np.array_equal(lines["validation"].get_xdata(), [2, 4])
    assert np.array_equal(lines["validation"].get_ydata(), history.history["val_loss"])
    with pytest.raises(ValueError, match=r'no figure "los".*Did you mean "loss".*E-FIGURE'):
        history.plot(["los"])
    with pytest.raises(ValueError, match="E-HISTORY"):
        History().plot()


def test_what_a_run_keeps_of_it_is_all_it_has():
    history = made().fit(X, X, epochs=2, verbose=0)
    other = History()
    other.on_train_begin()
    vars(other).update({name: vars(history)[name] for name in history.keeps})
    assert repr(other) == repr(history) and other.when == history.when
    assert other.seconds == history.seconds and other.begun == history.begun


def classifier():
    """Answers with its input, so that what it takes each row for is known."""
    model = Sequential([layers.Input((2,)), layers.Dense(2, "softmax", use_bias=False)])
    model.set_weights([np.eye(2) * 5])
    model.compile(optimizers.SGD(0.0), "sparse_categorical_crossentropy")
    return model


ROWS = np.eye(2, dtype="float32")[[0, 0, 0, 1, 1, 0]]
CLASSES = np.array([0, 0, 1, 1, 1, 1])  # the third and the last are taken for others


def test_a_report_counts_the_classes_that_fit_was_validated_by(tmp_path):
    history = classifier().fit(ROWS, CLASSES, 2, 1, 0, validation_data=(ROWS, CLASSES))
    assert "4 of 6 are taken" in history.report(tmp_path / "run.html").read_text()
    history = classifier().fit(ROWS, CLASSES, 2, 1, 0, validation_split=0.5, shuffle=False)
    assert "2 of 3 are taken" in history.report(tmp_path / "run.html").read_text()
    text = history.report(tmp_path / "run.html", (ROWS[:1], CLASSES[:1])).read_text()
    assert "1 of 1 are taken" in text


def test_a_report_without_classes_has_none(tmp_path, monkeypatch):
    def batches():
        while True:
            yield ROWS, CLASSES

    for data, said in (
        (None, {}),
        (batches(), {"validation_steps": 1}),
    ):
        history = classifier().fit(ROWS, CLASSES, 2, 1, 0, validation_data=data, **said)
        assert history.validation is None
        assert "are taken" not in history.report(tmp_path / "run.html").read_text()
    figures = made().fit(X, 2.5 * X, verbose=0, validation_data=(X, 2.5 * X))
    assert figures.validation is not None  # these are no classes
    assert "are taken" not in figures.report(tmp_path / "run.html").read_text()
    monkeypatch.setattr(loop, "HELD", ROWS.nbytes - 1)
    history = classifier().fit(ROWS, CLASSES, 2, 1, 0, validation_split=0.5, shuffle=False)
    assert history.validation is None  # a part would hold the whole
