"""R6: a signal at any time keeps the run within two seconds, and what follows has the same bits.

The signals are real ones, sent by a thread at a random moment to this process or to another one.
"""

import os
import random
import signal
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cornu import layers, models, state
from cornu.callbacks import Callback
from cornu.training.keeping import Folder
from reliability.forking import Children
from reliability.runs import X, Y, alike, network, run, values

NUMBERS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)
EPOCHS, SECONDS = 12, 2.0
LONG = [pytest.mark.slow, pytest.mark.timeout(3600)]


class Slow(Callback):
    """A batch takes at least two milliseconds, so a random moment is a random step.

    Sends `number` to this process `after` seconds, from the end of the first step.
    """

    keeps = ()

    def __init__(self, number: int = 0, after: float = 0.0):
        self.number, self.after = number, after
        self.begun = self.sent = 0.0

    def send(self) -> None:
        self.sent = time.perf_counter()
        os.kill(os.getpid(), self.number)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if not self.begun:
            self.begun = time.perf_counter()
            if self.number:
                threading.Timer(self.after, self.send).start()
        time.sleep(0.002)


class Asks(Callback):
    """Has this process asked to end after the third chunk."""

    chunks = 0
    at = 0.0

    def on_chunk_end(self, done: int, logs: Any = None) -> None:
        self.chunks += 1
        if self.chunks == 3:
            self.at = time.perf_counter()
            os.kill(os.getpid(), signal.SIGTERM)


class Reached(BaseException):
    """The handler of the user's own, of before `fit`."""


def handler(number: int, frame: Any) -> None:
    raise Reached(number)


def fit(model: Any, folder: Path | None, slow: Slow | None = None) -> Any:
    state.set_random_seed(1)
    said = {"validation_data": (X[:16], Y[:16]), "callbacks": [slow or Slow()]}
    return model.fit(X, Y, 8, EPOCHS, 0, resume=folder, **said)


def interrupted(folder: Path, number: int, after: float) -> float:
    """Seconds from the signal to the end of `fit`, or to its own coming after that."""
    before = {one: signal.signal(one, handler) for one in NUMBERS}
    slow = Slow(number, after)
    try:
        try:
            fit(network(), folder, slow)
            time.sleep(5)
        except Reached as found:
            assert found.args == (number,)
            took = time.perf_counter() - slow.sent
        assert all(signal.getsignal(one) is handler for one in NUMBERS)
        return took
    finally:
        for one, found in before.items():
            signal.signal(one, found)


def signals_at_random(folder: Path, count: int) -> None:
    draw = random.Random(3)
    expected, slow = network(), Slow()
    history = fit(expected, None, slow).history
    whole = time.perf_counter() - slow.begun
    cut = 0
    for turn in range(count):
        path, number = folder / str(turn), NUMBERS[turn % len(NUMBERS)]
        assert interrupted(path, number, draw.uniform(0.0, 0.8) * whole) < SECONDS
        cut += _epochs(path) < EPOCHS
        model = network()
        assert fit(model, path).history == history, (turn, number)
        assert alike(values(model), values(expected)), (turn, number)
    assert cut > 0.6 * count  # on a busy machine some come after the end


def _epochs(path: Path) -> int:
    found = Folder(path).latest()
    return 0 if found is None else found["epoch"]  # nothing is kept before the first step is over


@pytest.mark.parametrize("count", [3, pytest.param(100, marks=LONG)])
def test_signals_at_random_moments(count, tmp_path):
    signals_at_random(tmp_path, count)


@pytest.mark.parametrize("count", [1, pytest.param(10, marks=LONG)])
def test_fit_in_another_thread(count, tmp_path):
    """It cannot catch signals, changes no handler, and its run is kept all the same."""
    before = {one: signal.getsignal(one) for one in NUMBERS}
    expected = network()
    history = fit(expected, None).history
    for turn in range(count):
        model, found = network(), []
        thread = threading.Thread(target=_into, args=(found, model, tmp_path / str(turn)))
        thread.start()
        while thread.is_alive():
            assert {one: signal.getsignal(one) for one in NUMBERS} == before
            thread.join(0.02)
        assert found[0].history == history and alike(values(model), values(expected))
        assert (tmp_path / str(turn)).is_dir()


def _into(found: list[Any], model: Any, folder: Path) -> None:
    found.append(fit(model, folder))


def test_a_second_signal_does_not_wait(tmp_path):
    class Twice(Callback):
        keeps = ()

        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)
            raise AssertionError("it was to be over by now")

    model = network()
    before = values(model)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, resume=tmp_path / "run", callbacks=[Twice()], verbose=0)
    assert alike(values(model)[: len(model.get_weights())], before[: len(model.get_weights())])
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


LARGE = """
    import os, signal, sys, time
    import numpy as np
    import cornu as keras
    from cornu import layers
    size, folder = int(sys.argv[1]), sys.argv[2]
    keras.utils.set_random_seed(0)
    model = keras.Sequential([layers.Input((size,)), layers.Dense(size), layers.Dense(1)])
    model.compile("sgd", "mse")

    class Asks(keras.callbacks.Callback):
        keeps = ()
        def on_train_batch_end(self, batch, logs=None):
            if batch == 2:
                self.at = time.perf_counter()
                os.kill(os.getpid(), signal.SIGTERM)

    asks = Asks()
    x = np.ones((40, size), "float32") / size
    try:
        model.fit(x, x[:, :1], 4, 3, 0, callbacks=[asks], resume=folder)
    except SystemExit as error:
        print(error.code, time.perf_counter() - asks.at)
"""


@pytest.mark.slow
def test_a_model_of_100_mb_is_kept_within_two_seconds(tmp_path):
    done = run(LARGE, 5120, tmp_path / "run")
    assert done.returncode == 0, done.stderr
    code, seconds = done.stdout.split()
    size = sum(path.stat().st_size for path in (tmp_path / "run").iterdir())
    assert code == "143" and float(seconds) < SECONDS and size > 100_000_000


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("number", NUMBERS)
def test_processes_that_are_asked_to_end(number, tmp_path):
    """Ten times: the exit code is that of the signal, and the same script goes on."""
    draw, cut = random.Random(int(number)), 0
    expected = -number if number == signal.SIGINT else 128 + number
    with Children("reliability.asked") as children:
        children.begin(tmp_path / "whole")
        code, wanted = children.end()
        assert code == 0, children.said()
        for turn in range(10):
            children.begin(tmp_path / str(turn))
            time.sleep(draw.uniform(0.0, 2.0))
            children.send(number)
            code, _ = children.end()
            # before `fit` begins, and after it, a process dies of the signal as any other does
            assert code in (0, 1, expected, -number), (code, children.said())
            cut += code == expected
            children.begin(tmp_path / str(turn))
            assert children.end() == (0, wanted), children.said()
    assert cut


def test_what_is_large_is_not_kept_more_often(tmp_path):
    """A signal is answered after the chunk, not after the epoch."""
    model = models.Sequential([layers.Input((6,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    rows, asks = np.tile(X, (4000, 1)), Asks()
    with pytest.raises(SystemExit):
        model.fit(rows, rows[:, :1], 1, 50, 0, [asks], resume=tmp_path / "run")
    assert time.perf_counter() - asks.at < SECONDS
    assert _epochs(tmp_path / "run") == 0
