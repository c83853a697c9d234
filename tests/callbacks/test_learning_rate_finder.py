"""LearningRateFinder: the sweep by hand, what it suggests, and that it leaves no trace."""

import numpy as np
import pytest

from cornu import layers, optimizers, state
from cornu.callbacks import LearningRateFinder
from cornu.errors import UsageError, UsageTypeError
from cornu.models import Sequential
from cornu.optimizers.schedules import ExponentialDecay

RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 3)).astype("float32")
Y = X.sum(axis=1, keepdims=True) + 1


def made(optimizer=None, dropout=0.0):
    state.set_random_seed(0)
    stack = [layers.Input((3,)), layers.Dropout(dropout), layers.Dense(1)]
    model = Sequential(stack if dropout else [stack[0], stack[2]])
    model.compile(optimizer or optimizers.SGD(0.5), "mse", metrics=["mae"])
    return model


def test_rates_and_losses_by_hand():
    model = made()
    kernel, bias = (w.astype("float64") for w in model.get_weights())
    finder = LearningRateFinder(1e-3, 1e-1, steps=9, smoothing=0.5)
    finder.find(model, X, Y, batch_size=5, shuffle=False)
    rates = 1e-3 * 100 ** (np.arange(9) / 8)
    losses, mean, smoothed = [], 0.0, []
    for i, rate in enumerate(rates):
        rows = slice(i % 4 * 5, i % 4 * 5 + 5)
        error = X[rows] @ kernel + bias - Y[rows]
        losses.append(np.mean(error**2))
        mean = 0.5 * mean + 0.5 * losses[-1]
        smoothed.append(mean / (1 - 0.5 ** (i + 1)))
        kernel = kernel - rate * 2 * X[rows].T @ error / 5
        bias = bias - rate * 2 * error.mean(axis=0)
    np.testing.assert_allclose(finder.rates, rates)
    np.testing.assert_allclose(finder.losses, losses, rtol=1e-5)
    np.testing.assert_allclose(finder.smoothed, smoothed, rtol=1e-5)


def test_the_next_training_is_as_if_there_had_been_no_sweep():
    found = []
    for sweep in (False, True):
        model = made(optimizers.Adam(0.05), dropout=0.5)
        if sweep:
            LearningRateFinder(1e-4, 10, steps=20).find(model, X, Y, batch_size=5)
            assert float(model.optimizer.learning_rate) == np.float32(0.05)
            assert int(model.optimizer.iterations) == 0
        history = model.fit(X, Y, batch_size=5, epochs=2, verbose=0).history
        found.append((model.get_weights(), history))
    (plain, figures), (swept, figures_after) = found
    assert all(np.array_equal(a, b) for a, b in zip(plain, swept, strict=True))
    assert figures == figures_after


@pytest.mark.filterwarnings("ignore:training met a number")
def test_a_sweep_that_diverges_ends_early_and_harms_nothing():
    model = made()
    before = model.get_weights()
    finder = LearningRateFinder(1e-2, 1e30, steps=40).find(model, X, Y, batch_size=5)
    assert len(finder.losses) < 40 and np.isfinite(finder.losses).all()
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    finder = LearningRateFinder(1e20, 1e38, steps=9)
    model.fit(X, Y, batch_size=5, epochs=9, verbose=0, callbacks=[finder])
    assert len(finder.losses) < 9
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_as_a_callback_it_needs_enough_batches():
    model = made()
    finder = LearningRateFinder(steps=12)
    with pytest.warns(UserWarning, match="saw 4 of 12 batches: train for more epochs"):
        model.fit(X, Y, batch_size=5, verbose=0, callbacks=[finder])
    model.fit(X, Y, batch_size=5, epochs=9, verbose=0, callbacks=[finder])
    assert len(finder.losses) == 12 and len(model.history.epoch) == 3


def test_an_error_in_the_sweep_leaves_the_model_as_it_was():
    model, calls = made(), []

    def batches():
        for i in range(9):
            calls.append(i)
            if i == 6:
                raise ZeroDivisionError
            yield X[:5], Y[:5]

    before = model.get_weights()
    with pytest.raises(ZeroDivisionError):
        LearningRateFinder(0.1, 1.0, steps=9).find(model, batches(), steps_per_epoch=9)
    assert len(calls) == 7
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    assert float(model.optimizer.learning_rate) == 0.5


def finished(losses, steps, smoothing=0.0):
    """A finder after a sweep from 1e-4 to 1 that had these losses."""
    finder = LearningRateFinder(1e-4, 1.0, steps=steps, smoothing=smoothing)
    finder.rates = (1e-4 * 1e4 ** (np.arange(steps) / (steps - 1))).tolist()[: len(losses)]
    finder.losses = finder.smoothed = list(losses)
    return finder


def test_the_suggestion_is_where_the_loss_falls_most_steeply():
    # tanh falls most steeply where its argument is 0: at 10**-2
    logs = np.linspace(-4, 0, 41)
    finder = finished(1 - np.tanh(3 * (logs + 2)), 41)
    np.testing.assert_allclose(finder.suggestion, 1e-2)


def test_what_comes_first_does_not_count():
    logs = np.linspace(-4, 0, 41)
    losses = 1 - np.tanh(3 * (logs + 2))
    losses[0] += 50
    np.testing.assert_allclose(finished(losses, 41).suggestion, 1e-2)


@pytest.mark.parametrize("losses", [[], [1.0, 0.5], list(range(1, 20))])
def test_nothing_to_suggest(losses):
    with pytest.raises(UsageError, match="has nothing to suggest") as caught:
        _ = finished(losses, 20).suggestion
    assert caught.value.code == "E-SWEEP"


def test_a_picture(tmp_path):
    pytest.importorskip("matplotlib")
    logs = np.linspace(-4, 0, 41)
    figure = finished(1 - np.tanh(3 * (logs + 2)), 41).plot(tmp_path / "sweep.png")
    (axes,) = figure.axes
    assert axes.get_xscale() == "log" and len(axes.lines) == 3
    assert (tmp_path / "sweep.png").stat().st_size > 1000
    assert len(finished([1.0, 2.0], 20).plot().axes[0].lines) == 2


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"lowest": 0.0}, "E-RANGE"),
        ({"lowest": 1.0, "highest": 0.1}, "E-RANGE"),
        ({"steps": 2}, "E-RANGE"),
        ({"steps": 9.5}, "E-TYPE"),
        ({"smoothing": 1.0}, "E-RANGE"),
        ({"diverged": 0.5}, "E-RANGE"),
        ({"highest": "1"}, "E-TYPE"),
    ],
)
def test_wrong_arguments(said, code):
    with pytest.raises((UsageError, UsageTypeError)) as caught:
        LearningRateFinder(**said)
    assert caught.value.code == code


def test_a_rate_that_cannot_be_swept():
    model = made(optimizers.SGD(ExponentialDecay(0.1, 10, 0.5)))
    with pytest.raises(UsageTypeError, match="learning rate cannot be set"):
        LearningRateFinder().find(model, X, Y)
    parts = optimizers.OptimizerMap(optimizers.SGD(0.1), {})
    model = made(optimizers.MultiOptimizer(parts))
    with pytest.raises(UsageError, match="a MultiOptimizer has several"):
        LearningRateFinder().find(model, X, Y)
