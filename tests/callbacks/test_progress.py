"""The progress bar: what it writes, and that it never stops training."""

import io

import numpy as np
import pytest

from cornu import layers
from cornu.callbacks import Callback, Progbar, ProgbarLogger
from cornu.models import Sequential

X = np.ones((20, 3), "float32")


def made():
    model = Sequential([layers.Input((3,)), layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"])
    return model


class Terminal(io.StringIO):
    """A stream that says it is one."""

    def isatty(self):
        return True


def test_a_bar_fills_and_ends_its_line():
    stream = io.StringIO()
    bar = Progbar(10, stream=stream)
    bar.update(5, {"loss": 0.5})
    bar.update(10, {"loss": 0.25}, last=True)
    first, last = stream.getvalue().split("\r")[1:]
    assert first.startswith("5/10") and first.count("━") == 10 and first.count("─") == 10
    assert "loss: 0.5000" in first and "left" in first
    assert last.startswith("10/10") and last.count("━") == 20 and "loss: 0.2500" in last
    assert last.endswith("\n") and not first.endswith("\n")


def test_a_shorter_line_covers_the_longer_one_before():
    stream = io.StringIO()
    bar = Progbar(3, stream=stream)
    bar.update(1, {"loss": 1.0, "a_long_name": 1.0})
    bar.update(2, {"loss": 1.0})
    first, second = stream.getvalue().split("\r")[1:]
    assert len(second) >= len(first.rstrip("\n")) - 3


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0.0000"), (0.12345, "0.1235"), (1e-5, "1.0000e-05"), (123456.0, "1.2346e+05"),
     (-2.5, "-2.5000"), (float("nan"), "nan"), (np.float32(3), "3.0000")],
)  # fmt: skip
def test_figures(value, text):
    stream = io.StringIO()
    Progbar(1, stream=stream).update(1, {"loss": value}, last=True)
    assert f"loss: {text}" in stream.getvalue()


def test_one_line_a_pass_and_silence():
    for verbose, lines in ((2, 1), (0, 0)):
        stream = io.StringIO()
        bar = Progbar(4, verbose=verbose, stream=stream)
        for done in range(1, 5):
            bar.update(done, {"loss": 1.0}, last=done == 4)
        assert stream.getvalue().count("\n") == lines
        assert "\r" not in stream.getvalue()


def test_an_unknown_number_of_steps():
    stream = io.StringIO()
    Progbar(None, stream=stream).update(7, {})
    assert "7/?" in stream.getvalue()


def test_a_terminal_of_few_columns_gets_one_line(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    stream = Terminal()
    bar = Progbar(10, stream=stream)
    bar.update(3, {f"metric_{i}": 1.0 for i in range(20)})
    assert len(stream.getvalue().strip("\r")) < 40


class Broken(io.StringIO):
    """A stream whose reader has gone."""

    def write(self, text):
        raise BrokenPipeError


class Ascii(io.StringIO):
    """A stream of seven bits."""

    def write(self, text):
        text.encode("ascii")
        return super().write(text)


def test_a_stream_that_fails_does_no_harm():
    bar = Progbar(2, stream=Broken())
    bar.update(1, {})
    bar.update(2, {}, last=True)
    closed = io.StringIO()
    closed.close()
    Progbar(2, stream=closed).update(1, {})
    ascii_only = Ascii()
    Progbar(2, stream=ascii_only).update(1, {"loss": 1.0})
    assert "==========.........." in ascii_only.getvalue()


def test_training_without_standard_output(monkeypatch):
    closed = io.StringIO()
    closed.close()
    for stream in (None, closed, Broken()):
        monkeypatch.setattr("sys.stdout", stream)
        assert len(made().fit(X, X[:, :1], epochs=2).epoch) == 2


def test_fit_shows_every_epoch(capsys):
    made().fit(X, X[:, :1], epochs=2, batch_size=5, validation_split=0.2)
    shown = capsys.readouterr().out
    assert "Epoch 1/2" in shown and "Epoch 2/2" in shown
    assert shown.count("4/4") == 2 and "val_mae" in shown
    made().fit(X, X[:, :1], epochs=2, verbose=2)
    assert capsys.readouterr().out.count("1/1") == 2
    model = made()
    model.fit(X, X[:, :1], epochs=2, verbose=0)
    model.predict(X, verbose=0)
    model.evaluate(X, X[:, :1], verbose=0)
    assert capsys.readouterr().out == ""


def test_evaluate_and_predict_show_one_bar(capsys):
    model = made()
    model.evaluate(X, X[:, :1], batch_size=5)
    shown = capsys.readouterr().out
    assert "4/4" in shown and "loss:" in shown and "mae:" in shown
    model.predict(X, batch_size=5)
    assert "4/4" in capsys.readouterr().out


def test_a_logger_of_ones_own_is_the_only_one(capsys):
    made().fit(X, X[:, :1], callbacks=[ProgbarLogger(2)])
    assert capsys.readouterr().out.count("1/1") == 1


def test_a_run_that_was_stopped_ends_its_line(capsys):
    class Stop(Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = True

    made().fit(X, X[:, :1], epochs=3, batch_size=5, callbacks=[Stop()])
    shown = capsys.readouterr().out
    assert shown.endswith("\n") and "1/4" in shown and "Epoch 2" not in shown
