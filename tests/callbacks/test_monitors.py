"""EarlyStopping, ReduceLROnPlateau and LearningRateScheduler, by figures that are given."""

import math
import warnings

import numpy as np
import pytest

from callbacks.runs import FALLING, LOWERED, LOWERS, PLATEAU, STOPS, Counted, run, stopped
from cornu import layers, optimizers
from cornu.callbacks import EarlyStopping, LearningRateScheduler, ReduceLROnPlateau
from cornu.errors import UsageError, UsageTypeError
from cornu.models import Model, Sequential
from cornu.optimizers.schedules import ExponentialDecay

NAN = math.nan
X = np.random.default_rng(0).normal(size=(16, 3)).astype("float32")
Y = X.sum(axis=1, keepdims=True)


def made(optimizer="sgd", metrics=("mae",)):
    model = Sequential([layers.Input((3,)), layers.Dense(1)])
    model.compile(optimizer, "mse", metrics=list(metrics))
    return model


# ---------------------------------------------------------------- early stopping


@pytest.mark.parametrize(("said", "figures", "expected"), STOPS)
def test_when_training_stops(said, figures, expected):
    assert stopped(EarlyStopping(**said), figures) == expected


def test_an_object_serves_several_fits():
    stop = EarlyStopping(patience=1, restore_best_weights=True)
    first = stopped(stop, FALLING)
    assert stopped(stop, FALLING) == first


@pytest.mark.parametrize(
    ("figures", "expected"),
    [  # epochs run, stopped_epoch, best, best_epoch, wait, restored
        ([NAN, 1.0, 0.5, 0.75, 0.75, 0.75], (5, 4, 0.5, 2, 2, 2)),
        ([1.0, NAN, 0.5, NAN, NAN, 0.25], (5, 4, 0.5, 2, 2, 2)),
        ([1.0, NAN, 0.5, 0.25], (4, 0, 0.25, 3, 0, 3)),
    ],
)
def test_no_number_is_never_the_best(figures, expected):
    assert stopped(EarlyStopping(patience=2, restore_best_weights=True), figures) == expected


def test_figures_that_are_all_no_numbers():
    stop = EarlyStopping(patience=3, restore_best_weights=True)
    with pytest.warns(UserWarning, match="no best weights to restore"):
        assert stopped(stop, [NAN] * 6) == (3, 2, None, 0, 3, None)


def test_infinity_is_worse_than_any_loss():
    assert stopped(EarlyStopping(patience=5), [math.inf, 1.0, math.inf])[2] == 1.0


def test_weights_of_the_best_epoch_are_restored_when_training_ends_by_itself():
    model = made(optimizers.SGD(0.05))
    weights = []

    class Look(EarlyStopping):
        def on_epoch_end(self, epoch, logs=None):
            weights.append((logs["val_loss"], self.model.get_weights()))
            logs["val_loss"] = [3.0, 1.0, 2.0][epoch]
            super().on_epoch_end(epoch, logs)

    stop = Look(patience=9, restore_best_weights=True)
    model.fit(X, Y, epochs=3, validation_data=(X, Y), verbose=0, callbacks=[stop])
    assert stop.best_epoch == 1 and not stop.stopped_epoch
    best = weights[1][1]
    assert all(np.array_equal(a, b) for a, b in zip(best, model.get_weights(), strict=True))
    assert not np.array_equal(best[0], weights[2][1][0])


def test_what_is_said(capsys):
    run(EarlyStopping(patience=1, restore_best_weights=True, verbose=1), FALLING)
    said = capsys.readouterr().out
    assert "Epoch 4: stopped early" in said and "best epoch, number 3" in said
    run(EarlyStopping(patience=1), FALLING)
    assert not capsys.readouterr().out


# ---------------------------------------------------------------- which figure, which direction


def test_a_missing_figure_is_told_once_with_the_nearest_name():
    stop = EarlyStopping("val_acuracy", patience=1)
    with pytest.warns(UserWarning) as caught:
        _, logs = run(stop, [0.5] * 4, name="val_accuracy")
    (warning,) = caught
    assert 'follows "val_acuracy", which is not in the logs: val_accuracy' in str(warning.message)
    assert 'Did you mean "val_accuracy"?' in str(warning.message)
    assert len(logs) == 4


def test_a_missing_validation_is_told_of():
    with pytest.warns(UserWarning, match="There was no validation: pass fit.*validation_data"):
        run(ReduceLROnPlateau(), [0.5], Counted(optimizers.SGD(0.1)), name="loss")


def test_a_figure_that_comes_now_and_then_is_not_missed():
    figures = [1.0, None, 0.5, None, 0.75, None, 0.75]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert stopped(EarlyStopping(patience=2), figures)[:4] == (7, 6, 0.5, 2)


@pytest.mark.parametrize(
    ("monitor", "rises"),
    [("accuracy", True), ("val_accuracy", True), ("mae", False), ("loss", False)],
)
def test_the_metric_says_which_direction_is_better(monitor, rises):
    model = made(metrics=["accuracy", "mae"])
    model.fit(X, Y > 0, verbose=0)
    stop = EarlyStopping(monitor, patience=9)
    stop.set_model(model)
    assert stop.is_better(2.0, 1.0) is rises and stop.is_better(1.0, 2.0) is not rises


def test_directions_of_a_model_of_several_outputs():
    x = layers.Input((3,))
    model = Model(x, [layers.Dense(1, name="a")(x), layers.Dense(1, name="b")(x)])
    model.compile("sgd", "mse", metrics={"a": ["accuracy"], "b": ["mae"]})
    model.fit(X, [Y, Y], verbose=0)
    for monitor, rises in {"val_a_accuracy": True, "b_mae": False, "val_b_loss": False}.items():
        stop = EarlyStopping(monitor)
        stop.set_model(model)
        assert stop.is_better(2.0, 1.0) is rises


def test_a_metric_of_ones_own_needs_a_mode():
    def spread(y_true, y_pred):
        return abs(y_true - y_pred)

    model = made(metrics=[spread])
    with pytest.raises(UsageError, match=r'"spread", of which nobody.*mode="max"') as caught:
        model.fit(X, Y, epochs=2, verbose=0, callbacks=[EarlyStopping("spread")])
    assert caught.value.code == "E-MONITOR"
    model.fit(X, Y, verbose=0, callbacks=[EarlyStopping("spread", mode="min")])


def test_an_array_cannot_be_followed():
    with pytest.raises(UsageError, match=r"array.*of shape \(2,\).*single number"):
        run(EarlyStopping(), [np.zeros(2)])


# ---------------------------------------------------------------- learning rates


@pytest.mark.parametrize(("case", "expected"), list(zip(LOWERS, LOWERED, strict=True)))
def test_when_the_rate_is_lowered(case, expected):
    said, figures, first = case
    _, logs = run(ReduceLROnPlateau(**said), figures, Counted(optimizers.SGD(first)))
    np.testing.assert_allclose([log["learning_rate"] for log in logs], expected, rtol=1e-6)


def test_no_number_is_no_improvement():
    optimizer = optimizers.SGD(1.0)
    lower = ReduceLROnPlateau(patience=2, factor=0.5)
    run(lower, [NAN, 1.0, NAN, NAN, 0.5], Counted(optimizer))
    assert lower.best == 0.5 and float(optimizer.learning_rate) == 0.5


def test_a_schedule_of_epochs_and_one_of_rates(capsys):
    for schedule, expected in (
        (lambda epoch: 0.5 / (epoch + 1), [0.5, 0.25, 0.5 / 3]),
        (lambda epoch, rate: rate * 0.5, [0.25, 0.125, 0.0625]),
        (lambda *said: said[1] - 0.125, [0.375, 0.25, 0.125]),
        (lambda epoch: np.float32(epoch + 1), [1.0, 2.0, 3.0]),
        (lambda epoch: 2, [2.0, 2.0, 2.0]),
    ):
        model = Counted(optimizers.SGD(0.5))
        _, logs = run(LearningRateScheduler(schedule, verbose=1), PLATEAU[:3], model)
        np.testing.assert_allclose([log["learning_rate"] for log in logs], expected, rtol=1e-6)
    assert "Epoch 2: learning rate set to 0.25." in capsys.readouterr().out


def test_the_rate_of_a_fit_is_the_scheduled_one():
    model = made(optimizers.SGD(0.5))
    halve = LearningRateScheduler(lambda epoch, rate: rate / 2)
    history = model.fit(X, Y, epochs=3, verbose=0, callbacks=[halve]).history
    assert history["learning_rate"] == [0.25, 0.125, 0.0625]
    frozen = model.get_weights()
    model.fit(X, Y, verbose=0, callbacks=[LearningRateScheduler(lambda epoch: 0.0)])
    assert all(np.array_equal(a, b) for a, b in zip(frozen, model.get_weights(), strict=True))


def test_a_type_error_of_a_schedule_is_its_own():
    def schedule(epoch, rate):
        return rate + "0.1"

    with pytest.raises(TypeError, match="unsupported operand"):
        run(LearningRateScheduler(schedule), [1.0], Counted(optimizers.SGD(0.5)))


def test_several_optimizers_have_a_rate_each():
    parts = [optimizers.SGD(0.5, name="one"), optimizers.SGD(1.0, name="two")]
    both = optimizers.MultiOptimizer(optimizers.OptimizerMap(parts[0], {"dense/.*": parts[1]}))
    lower = ReduceLROnPlateau(patience=1, factor=0.5)
    _, logs = run(lower, [1.0, 1.0, 1.0], Counted(both))
    assert logs[2] == {"val_loss": 1.0, "learning_rate_one": 0.25, "learning_rate_two": 0.5}


def test_a_rate_that_follows_a_schedule_cannot_be_set():
    model = made(optimizers.SGD(ExponentialDecay(0.1, 10, 0.5)))
    with pytest.raises(UsageTypeError, match="learning rate cannot be set"):
        model.fit(X, Y, verbose=0, callbacks=[LearningRateScheduler(lambda epoch: 0.1)])


# ---------------------------------------------------------------- wrong calls


@pytest.mark.parametrize(
    ("call", "code", "said"),
    [
        (lambda: EarlyStopping(patience=-1), "E-RANGE", "patience must be a number >= 0; got -1"),
        (lambda: EarlyStopping(patience="3"), "E-TYPE", "patience must be a number >= 0; got '3'"),
        (lambda: EarlyStopping(min_delta=None), "E-TYPE", "min_delta must be a number"),
        (lambda: EarlyStopping(3), "E-TYPE", 'EarlyStopping(monitor="val_loss"); got 3'),
        (lambda: ReduceLROnPlateau(factor=1.0), "E-RANGE", "factor must lie between 0 and 1"),
        (lambda: ReduceLROnPlateau(factor=0), "E-RANGE", "got 0"),
        (lambda: ReduceLROnPlateau(min_lrr=0), "E-ARGUMENT", 'no argument "min_lrr"'),
        (lambda: LearningRateScheduler(0.1), "E-TYPE", "schedule must be a function"),
    ],
)
def test_wrong_arguments(call, code, said):
    with pytest.raises((UsageError, UsageTypeError)) as caught:
        call()
    assert caught.value.code == code and said in str(caught.value)


@pytest.mark.parametrize("rate", [None, -0.1, NAN, math.inf, "0.1", True, np.zeros(2)])
def test_a_schedule_that_returns_no_rate(rate):
    schedule = LearningRateScheduler(lambda epoch: rate)
    with pytest.raises(UsageError, match=r"must return a number >= 0; for epoch 0 it returned"):
        run(schedule, [1.0], Counted(optimizers.SGD(0.5)))


def test_an_unknown_mode():
    with pytest.warns(UserWarning, match="mode 'maxx' is none of.*Did you mean \"max\""):
        assert EarlyStopping(mode="maxx").mode == "auto"
