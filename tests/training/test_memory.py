"""What is used again and again does not grow, and is not compiled again and again."""

import gc
import os
import weakref
from pathlib import Path

import numpy as np
import pytest

from cornu.layers import Dense, Input
from cornu.models import Sequential
from cornu.training import chains
from cornu.training.step import Predictor

X = np.random.default_rng(0).normal(size=(64, 6)).astype("float32")
Y = X.sum(1, keepdims=True)
LIMIT = 5 * 2**20

linux = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads /proc")


def network():
    model = Sequential([Input((6,)), Dense(8, "relu"), Dense(1)])
    model.compile("adam", "mse", metrics=["mae"])
    return model


def resident():
    """Bytes that this process has in memory."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def growth(call, times, warm=50):
    """Bytes that `times` calls add, after the first ones."""
    for _ in range(warm):
        call()
    before = resident()
    for _ in range(times):
        call()
    return resident() - before


@linux
@pytest.mark.parametrize("times", [100, pytest.param(1000, marks=pytest.mark.slow)])
def test_fits(times):
    model = network()
    said = {"epochs": 2, "batch_size": 16, "verbose": 0, "validation_data": (X, Y)}
    assert growth(lambda: model.fit(X, Y, **said), times) < LIMIT


@linux
@pytest.mark.parametrize("times", [1000, pytest.param(10_000, marks=pytest.mark.slow)])
def test_predicts(times):
    model = network()
    sizes = iter(list(range(1, 65)) * (times // 64 + 2))
    assert growth(lambda: model.predict(X[: next(sizes)], verbose=0), times) < LIMIT


@linux
@pytest.mark.slow
def test_models():
    """One model after another leaves nothing, once compiled programs have taken their room."""

    def one():
        model = network()
        model.fit(X, Y, verbose=0)
        model.predict(X, verbose=0)

    assert growth(one, 40, warm=40) < 40 * 50_000


def test_a_model_goes_when_nobody_has_it():
    model = network()
    model.fit(X, Y, verbose=0)
    model.predict(X, verbose=0)
    seen = weakref.ref(model)
    del model
    gc.collect()
    assert seen() is None


def test_few_programs_for_many_batch_sizes(monkeypatch):
    monkeypatch.setattr(chains, "available", lambda: False)  # so that programs are what computes
    model, shapes = network(), set()
    inside = Predictor._forward

    def forward(self, values, x, key):
        shapes.add(tuple(x.shape))  # runs when a program is compiled, and not after
        return inside(self, values, x, key)

    monkeypatch.setattr(Predictor, "_forward", forward)
    expected = model.predict(X, verbose=0)
    shapes.clear()
    for size in range(5, 25):
        assert np.allclose(model.predict(X, batch_size=size, verbose=0), expected, atol=1e-6)
    for _ in range(2):
        for rows in range(1, 21):
            assert np.allclose(model.predict(X[:rows], verbose=0), expected[:rows], atol=1e-6)
    assert 0 < len(shapes) <= 4
