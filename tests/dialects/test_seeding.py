"""`np.random.seed` in the years before `set_random_seed`, and numbers that stay the user's."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cornu import layers, state
from cornu.dialects import generations, spellings
from cornu.models import Sequential

ROOT = Path(__file__).parents[2]
X = np.linspace(-1, 1, 48).reshape(16, 3).astype("float32")
Y = X.sum(axis=1, keepdims=True)


@pytest.fixture(autouse=True)
def nobody_has_set_a_seed(monkeypatch):
    monkeypatch.setattr(state.seeds, "chosen", False)
    kept = np.random.get_state()
    yield
    np.random.set_state(kept)


def trained():
    """Weights and losses: made of initial weights, of the order of rows and of dropout."""
    model = Sequential(
        [layers.Dense(4, input_shape=(3,)), layers.Dropout(0.5), layers.Dense(1, name="last")]
    )
    model.compile("sgd", "mse")
    history = model.fit(X, Y, batch_size=4, epochs=2, verbose=0)
    return [*model.get_weights(), np.array(history.history["loss"])]


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


@pytest.mark.filterwarnings("ignore:.*is an old spelling")
@pytest.mark.parametrize("generation", ["0.3", "2.3"])
def test_numpys_seed_was_keras_seed(generation):
    with spellings.registered(), generations.within(generation):
        found = []
        for seed in (7, 7, 8):
            np.random.seed(seed)
            found.append(trained())
    assert same(found[0], found[1]) and not same(found[0], found[2])


def test_today_numpys_seed_is_numpys():
    with spellings.registered():
        np.random.seed(7)
        before = np.random.get_state()
        first = state.seeds.next()
        assert all(np.array_equal(a, b) for a, b in zip(before, np.random.get_state(), strict=True))
        np.random.seed(7)
        assert state.seeds.next() != first


@pytest.mark.parametrize("set_seed", [state.set_random_seed, state.seeds.set])
def test_a_seed_of_keras_own_stands_before_it(set_seed, monkeypatch):
    for name in ("seed", "taken"):
        monkeypatch.setattr(state.seeds, name, getattr(state.seeds, name))  # as before, afterwards
    with spellings.registered(), generations.within("2.2"):
        found = []
        for others in (1, 2):
            set_seed(5)
            np.random.seed(others)
            found.append([state.seeds.next() for _ in range(3)])
    assert found[0] == found[1] and len({*found[0]}) == 3


LOADS = """
import numpy as np
np.random.seed(3)
before = np.random.get_state()
from cornu import engine
assert not engine.loaded()
engine.np.zeros(2)
assert engine.loaded()
assert all(np.array_equal(a, b) for a, b in zip(before, np.random.get_state(), strict=True))
"""


def test_loading_the_engine_draws_none_of_the_users_numbers():
    done = subprocess.run(
        [sys.executable, "-c", LOADS], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
