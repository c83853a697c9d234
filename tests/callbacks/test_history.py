"""History: what `fit` returns."""

import numpy as np

from cornu import layers, optimizers
from cornu.callbacks import History
from cornu.models import Sequential

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
