"""The progress bar: what it writes, and that it never stops training."""

import io

import numpy as np
import pytest

from cornu import layers
from cornu.callbacks import Callback, Progbar, ProgbarLogger, progress
from cornu.callbacks.progress import Bar
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


class Clock:
    """Time that goes on when it is told to."""

    now = 100.0

    def perf_counter(self):
        return self.now


@pytest.fixture(autouse=True)
def terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("PYCHARM_HOSTED", raising=False)


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


def screen(text):
    """The lines that a terminal shows after `text`; `|` where the cursor was left in a line."""
    lines, column = [""], 0
    for character in text:
        if character == "\n":
            lines.append("")
            column = 0
        elif character == "\r":
            column = 0
        else:
            lines[-1] = lines[-1][:column] + character + lines[-1][column + 1 :]
            column += 1
    return [line.rstrip() for line in lines]


def test_a_bar_fills_and_ends_its_line(clock):
    stream = Terminal()
    bar = Bar(10, stream=stream)
    clock.now += 3  # the first step, compiled
    bar.update(1, {"loss": 1.0})
    clock.now += 2
    bar.update(5, {"loss": 0.5})
    clock.now += 2.5
    bar.update(10, {"loss": 0.25}, last=True)
    _, middle, last = stream.getvalue().split("\r")[1:]
    assert middle.rstrip() == " 5/10 ━━━━━━━━━━────────── 2s left 500ms/step - loss: 0.5000"
    assert last.rstrip() == "10/10 ━━━━━━━━━━━━━━━━━━━━ 8s 500ms/step - loss: 0.2500"
    assert last.endswith("\n") and not middle.endswith("\n")


def test_a_shorter_line_covers_the_longer_one_before(clock):
    stream = Terminal()
    bar = Bar(3, stream=stream, interval=0)
    bar.update(1, {"loss": 1.0, "a_long_name": 1.0})
    bar.update(2, {"loss": 1.0})
    (line,) = screen(stream.getvalue())
    assert line.startswith("2/3 ") and line.endswith("loss: 1.0000")


def test_a_bar_is_not_drawn_more_often_than_one_can_see(clock):
    stream = Terminal()
    bar = Bar(1000, stream=stream)
    for done in range(1, 1001):
        clock.now += 0.001
        bar.update(done, {"loss": 1.0}, last=done == 1000)
    assert 15 < stream.getvalue().count("\r") < 25


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0.0000"), (0.12345, "0.1235"), (1e-5, "1.0000e-05"), (123456.0, "1.2346e+05"),
     (-2.5, "-2.5000"), (float("nan"), "nan"), (np.float32(3), "3.0000"),
     (np.array([1.0, 2.0]), "1.5000")],
)  # fmt: skip
def test_figures(value, text):
    stream = io.StringIO()
    Bar(1, stream=stream).update(1, {"loss": value}, last=True)
    assert f"loss: {text}" in stream.getvalue()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0000301, "30us"), (0.0204, "20ms"), (4.2, "4s"), (61, "1:01"), (3723, "1:02:03")],
)
def test_durations(clock, seconds, text):
    stream = io.StringIO()
    bar = Bar(1, stream=stream)
    clock.now += seconds
    bar.update(1, last=True)
    assert stream.getvalue() == f"1/1 - {text} - {text}/step\n"


@pytest.mark.parametrize("verbose", [1, 2])
def test_a_file_gets_one_plain_line_a_pass(verbose, clock):
    stream = io.StringIO()
    bar = Bar(4, verbose, stream=stream)
    for done in range(1, 5):
        clock.now += 1
        bar.update(done, {"loss": 1.0, "val_loss": 2.0}, last=done == 4)
    assert stream.getvalue() == "4/4 - 4s - 1s/step - loss: 1.0000 - val_loss: 2.0000\n"


def test_silence():
    stream = Terminal()
    Bar(4, 0, stream=stream).update(4, {"loss": 1.0}, last=True)
    assert stream.getvalue() == ""


def test_a_terminal_without_a_cursor_is_a_file(monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    stream = Terminal()
    Bar(4, stream=stream).update(1)
    assert stream.getvalue() == ""


def test_a_notebook_sees_the_bar_move():
    kind = type("OutStream", (io.StringIO,), {"__module__": "ipykernel.iostream"})
    stream = kind()
    Bar(4, stream=stream).update(1)
    assert stream.getvalue().startswith("\r1/4 ━━━━━───────────────")


def test_an_unknown_number_of_steps():
    stream = Terminal()
    Bar(None, stream=stream).update(7, {})
    assert stream.getvalue().startswith("\r7/? ") and "left" not in stream.getvalue()


@pytest.mark.parametrize(("columns", "bar"), [(60, 20), (46, 8), (24, 0)])
def test_a_terminal_of_few_columns_has_a_shorter_bar(monkeypatch, clock, columns, bar):
    monkeypatch.setenv("COLUMNS", str(columns))
    stream = Terminal()
    one = Bar(10, stream=stream)
    clock.now += 1
    one.update(1, {"loss": 1.0})
    text = stream.getvalue().strip("\r")
    assert len(text) < columns and text.count("━") + text.count("─") == bar


def test_a_terminal_of_few_columns_gets_one_line(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    stream = Terminal()
    Bar(10, stream=stream).update(3, {f"metric_{i}": 1.0 for i in range(20)})
    assert len(stream.getvalue().strip("\r")) < 40 and "\n" not in stream.getvalue()


def test_whoever_writes_next_ends_the_open_line(clock):
    stream = Terminal()
    outer = Bar(2, stream=stream, interval=0)
    outer.update(1, {"loss": 1.0})
    inner = Bar(2, stream=stream, interval=0)
    inner.say("Epoch 1/1")
    inner.update(1, {"loss": 2.0})
    inner.update(2, {"loss": 3.0}, last=True)
    outer.update(2, {"loss": 4.0}, last=True)
    lines = [line.split(" ")[0] for line in screen(stream.getvalue())]
    assert lines == ["1/2", "Epoch", "2/2", "2/2", ""]
    outer = Bar(2, stream=stream, interval=0)
    outer.update(1)
    other = Bar(2, stream=stream, interval=0)
    other.update(1)
    outer.update(2, last=True)
    lines = [line.split(" ")[0] for line in screen(stream.getvalue())]
    assert lines[4:] == ["1/2", "1/2", "2/2", ""]


# ---------------------------------------------------------------- for loops of one's own


def test_a_bar_for_loops_of_ones_own_shows_means():
    stream = Terminal()
    bar = Progbar(4, interval=0, stateful_metrics=["now"])
    bar._bar._stream = stream
    bar.update(1, [("loss", 4.0), ("now", 1.0)])
    bar.add(3, [("loss", 0.0), ("now", 2.0)])  # (1 * 4 + 3 * 0) / 4
    assert screen(stream.getvalue())[0].endswith("loss: 1.0000 - now: 2.0000")
    assert stream.getvalue().endswith("\n")


def test_a_bar_that_averages_only_what_is_named():
    stream = io.StringIO()
    bar = Progbar(2, verbose=2, stateless_metrics=["loss"])
    bar._bar._stream = stream
    bar.update(1, {"loss": 1.0, "now": 1.0})
    bar.update(1, {"loss": 3.0, "now": 2.0}, finalize=True)
    assert "loss: 2.0000 - now: 2.0000" in stream.getvalue()
    with pytest.raises(ValueError, match="E-PROGRESS"):
        Progbar(2, stateful_metrics=[], stateless_metrics=[])


class Broken(Terminal):
    """A stream whose reader has gone."""

    def write(self, text):
        raise BrokenPipeError


class Ascii(Terminal):
    """A stream of seven bits."""

    def write(self, text):
        text.encode("ascii")
        return super().write(text)


def test_a_stream_that_fails_does_no_harm():
    bar = Bar(2, stream=Broken())
    bar.update(1, {})
    bar.update(2, {}, last=True)
    closed = io.StringIO()
    closed.close()
    Bar(2, stream=closed).update(1, {})
    ascii_only = Ascii()
    Bar(2, stream=ascii_only).update(1, {"loss": 1.0})
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
    assert "\r" not in shown and "━" not in shown  # no terminal
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


def test_a_fit_inside_of_a_callback_has_lines_of_its_own(monkeypatch):
    stream = Terminal()
    monkeypatch.setattr("sys.stdout", stream)
    monkeypatch.setattr(progress, "INTERVAL", 0)

    class Inside(Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 1:
                other.fit(X, X[:, :1], batch_size=10)
                other.evaluate(X, X[:, :1], batch_size=10)

    model, other = made(), made()
    model.fit(X, X[:, :1], batch_size=5, callbacks=[Inside()])
    lines = screen(stream.getvalue())
    assert [line.split(" ")[0] for line in lines] == [
        "Epoch", "1/4", "Epoch", "2/2", "2/2", "4/4", "",
    ]  # fmt: skip


def test_a_generator_of_unknown_length_is_known_after_its_first_epoch(monkeypatch):
    stream = Terminal()
    monkeypatch.setattr("sys.stdout", stream)
    logger = ProgbarLogger()
    logger.set_params({"epochs": 2, "steps": None, "verbose": "auto"})
    logger.on_train_begin()
    for epoch in range(2):
        logger.on_epoch_begin(epoch)
        logger._bar.interval = 0
        logger.on_chunk_end(1, {"loss": 1.0})
        logger.on_chunk_end(3, {"loss": 1.0})
        logger.on_epoch_end(epoch, {"loss": 1.0})
    said = stream.getvalue()
    assert "1/? " in said and "1/3 " in said and said.count("\r3/3 ") == 3


def test_a_run_that_goes_on_behind_the_last_step_shows_all_steps(monkeypatch, clock):
    stream = io.StringIO()
    monkeypatch.setattr("sys.stdout", stream)
    logger = ProgbarLogger(1)
    logger.set_params({"epochs": 5, "steps": 100})
    logger.on_train_begin()
    logger.on_epoch_begin(2)
    clock.now += 2
    logger.on_epoch_end(2, {"loss": 1.0})
    assert stream.getvalue() == "Epoch 3/5\n100/100 - 2s - 20ms/step - loss: 1.0000\n"


def test_what_is_no_number_is_shown_as_it_is(capsys):
    class Notes(Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs.update(note="warm", none=None, each=np.ones(2))

    for verbose in (1, 2):
        made().fit(X, X[:, :1], verbose=verbose, callbacks=[Notes()])
        assert "- note: 'warm' - none: None - each: 1.0000" in capsys.readouterr().out
