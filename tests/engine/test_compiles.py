"""How many programs the first steps of a fresh model compile: each one is waited for."""

import jax
import numpy as np
import pytest

from cornu import Sequential, layers

COMPILED = "/jax/core/compile/backend_compile_duration"


@pytest.fixture
def compiled():
    """A list that grows by an entry with each program compiled."""
    found = []

    def heard(event, duration_secs, **_):
        if event == COMPILED:
            found.append(duration_secs)

    jax.monitoring.register_event_duration_secs_listener(heard)
    yield found
    jax.monitoring.unregister_event_duration_listener(heard)


def small(width):
    model = Sequential([layers.Input((3,)), layers.Dense(width, "relu"), layers.Dense(2)])
    model.compile("adam", "mse")
    return model


def data(rows):
    random = np.random.default_rng(rows)
    return random.normal(size=(rows, 3)).astype("float32"), np.ones((rows, 2), "float32")


def test_fit_compiles_one_program(compiled):
    model = small(5)
    model.fit(*data(28), batch_size=7, epochs=2, verbose=0)
    assert len(compiled) == 1
    model.fit(*data(28), batch_size=7, verbose=0)
    assert len(compiled) == 1


def test_one_batch_compiles_one_program(compiled):
    model = small(6)
    model.train_on_batch(*data(9))
    assert len(compiled) == 1
    model.predict(data(9)[0], verbose=0)
    assert len(compiled) == 2
