"""R13 to R16: what is used for long, by many, in many shapes, and with everything going wrong.

Calls of one model, and models one after another: `tests/training/test_memory.py`.
"""

import contextlib
import gc
import logging
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cornu import layers, models, saving, state
from cornu.callbacks import BackupAndRestore, Callback
from cornu.dialects.backend_state import clear_session
from reliability.runs import X, Y, alike, network, values

linux = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads /proc")


# ---------------------------------------------------------------- R13


def resident() -> int:
    """Bytes that this process has in memory."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def slope(call: Callable[[], Any], times: int, warm: int) -> float:
    """Bytes that each call adds: the upper end of a least-squares slope's 95 % interval."""
    for _ in range(warm):
        call()
    counts, sizes = [], []
    for i in range(times):
        call()
        if i % max(1, times // 50) == 0:
            counts.append(i)
            sizes.append(resident())
    x, y = np.array(counts, float), np.array(sizes, float)
    (rate, _), covariance = np.polyfit(x, y, 1, cov=True)
    return float(rate + 1.96 * covariance[0, 0] ** 0.5)


@linux
@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_saving_and_loading_leave_nothing(tmp_path):
    """At most 1 MB in 1,000."""
    model = network()

    def once() -> None:
        model.save(tmp_path / "m.keras")
        saving.load_model(tmp_path / "m.keras")

    assert slope(once, 500, 60) < 1000
    assert not gc.garbage


@linux
@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_epochs_leave_nothing():
    """At most 1 MB in 1,000, their history included."""
    model = network()
    assert slope(lambda: model.fit(X, Y, epochs=50, verbose=0), 100, 10) < 50 * 1000


@linux
@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("clear", [False, True])
def test_models_leave_nothing(clear):
    """200 built, trained, used, gone: at most 0.05 MB each."""

    def once() -> None:
        model = network(units=8)
        model.fit(X, Y, verbose=0)
        model.predict(X, verbose=0)
        del model
        if clear:
            clear_session()

    assert slope(once, 200, 80) < 50_000


# ---------------------------------------------------------------- R14


def predicted_by_threads(threads: int, times: int, trains: bool) -> None:
    model = models.Sequential([layers.Input((6,)), layers.Dense(16, "tanh"), layers.Dense(2)])
    model.compile("sgd", "mse")
    sizes = (1, 7, 32, 64)
    wanted = {size: model.predict(X[:size], batch_size=16, verbose=0) for size in sizes}
    wrong: list[Any] = []
    over = threading.Event()

    def work(number: int) -> None:
        try:
            for i in range(times):
                size = sizes[(i + number) % len(sizes)]
                found = model.predict(X[:size], batch_size=16, verbose=0)
                good = np.isfinite(found).all() if trains else np.array_equal(found, wanted[size])
                if not good:
                    wrong.append((number, i))
        except BaseException as error:
            wrong.append(error)

    workers = [threading.Thread(target=work, args=(i,)) for i in range(threads)]
    for worker in workers:
        worker.start()
    while trains and any(worker.is_alive() for worker in workers):
        model.fit(X, X[:, :2], epochs=5, verbose=0)
    for worker in workers:
        worker.join()
    over.set()
    assert not wrong


@pytest.mark.parametrize("times", [12, pytest.param(200, marks=pytest.mark.slow)])
@pytest.mark.parametrize("trains", [False, True], ids=["alone", "while it trains"])
def test_eight_threads_predict(times, trains):
    predicted_by_threads(8, times, trains)


# ---------------------------------------------------------------- R15


def test_all_sizes_from_1_to_256_compile_nine_programs():
    """And what is filled up is cut off again: each row is what it is by itself."""
    rows = np.random.default_rng(0).normal(size=(256, 5)).astype("float32")
    inputs = layers.Input((5,))  # with two branches, so that programs are what computes
    model = models.Model(inputs, layers.Add()([layers.Dense(5)(inputs), inputs]))
    whole = model.predict(rows, batch_size=256, verbose=0)
    with compiling() as compiled:
        for size in range(1, 257):
            found = model.predict(rows[:size], batch_size=256, verbose=0)
            assert np.allclose(found, whole[:size], rtol=1e-6, atol=1e-6)
    assert 0 < len(compiled) <= 8, compiled  # and the one of 256 rows


@contextlib.contextmanager
def compiling() -> Iterator[list[str]]:
    """What JAX compiles meanwhile, the smallest things too: a list that grows."""
    found: list[str] = []

    class Hears(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if "Finished XLA compilation" in record.getMessage():
                found.append(record.getMessage())

    logger, hears = logging.getLogger("jax._src.dispatch"), Hears()
    level = logger.level
    logger.addHandler(hears)
    logger.setLevel(logging.DEBUG)
    try:
        yield found
    finally:
        logger.removeHandler(hears)
        logger.setLevel(level)


def test_a_last_small_batch_compiles_one_more_step():
    """Two shapes for `fit`: the last batch has its own, so that layers which mix rows are exact."""
    model = models.Sequential([layers.Input((6,)), layers.BatchNormalization(), layers.Dense(1)])
    traced: list[tuple[int, ...]] = []

    def loss(y: Any, p: Any) -> Any:
        traced.append(tuple(p.shape))
        return (y - p) ** 2

    model.compile("sgd", loss)
    model.fit(X[:60], Y[:60], batch_size=16, epochs=1, verbose=0)
    begun = len(traced)
    model.fit(X[:60], Y[:60], batch_size=16, epochs=4, verbose=0)
    assert len(traced) == begun and {shape[0] for shape in traced} <= {16, 12}


# ---------------------------------------------------------------- R16


class Faults(Callback):
    """Once in a while: an exception, a signal, a kill of the process from inside."""

    keeps = ()

    def __init__(self, draw: random.Random, often: float):
        self.draw, self.often = draw, often

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self.draw.random() > self.often:
            return
        kind = self.draw.choice(["raise", "sigint", "sigterm", "disk"])
        if kind in ("sigint", "sigterm"):
            os.kill(os.getpid(), signal.SIGINT if kind == "sigint" else signal.SIGTERM)
        else:
            raise OSError("a fault") if kind == "disk" else RuntimeError("a fault")


def soaked(folder: Path, seconds: float) -> int:
    """Runs with faults, one after another, for so long; each ends as one without. How many."""
    draw, until, turns = random.Random(1), time.monotonic() + seconds, 0
    expected = network()
    state.set_random_seed(1)
    history = expected.fit(X, Y, 8, 6, 0, validation_data=(X, Y)).history
    while not turns or time.monotonic() < until:
        backup = BackupAndRestore(folder / str(turns), save_freq=draw.choice([1, 3, "epoch"]))
        while True:
            model = network()
            state.set_random_seed(1)
            faults = [Faults(draw, 0.03), backup]
            try:
                found = model.fit(X, Y, 8, 6, 0, validation_data=(X, Y), callbacks=faults)
            except (OSError, RuntimeError, KeyboardInterrupt, SystemExit):
                continue
            break
        assert found.history == history and alike(values(model), values(expected))
        assert not (folder / str(turns)).exists()
        turns += 1
    return turns


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_a_soak(tmp_path):
    """Two minutes; as long as CORNU_SOAK_SECONDS says, 28800 for a night."""
    assert soaked(tmp_path, float(os.environ.get("CORNU_SOAK_SECONDS", "120"))) > 0


def test_a_soak_in_short(tmp_path):
    assert soaked(tmp_path, 0) == 1
