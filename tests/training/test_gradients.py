"""Gradients for one's own loop, against NumPy."""

import numpy as np
import pytest

from cornu import engine, ops, optimizers, state
from cornu.graph import Variable
from cornu.layers import BatchNormalization, Dense, Dropout, Input
from cornu.models import Sequential
from cornu.training.gradients import value_and_gradients

X = np.random.default_rng(0).normal(size=(30, 3)).astype("float32")
Y = (X @ np.array([[1.0], [-2.0], [0.5]])).astype("float32")


def test_a_loop_of_ones_own():
    state.set_random_seed(0)
    model = Sequential([Input((3,)), Dense(1, use_bias=False)])
    free, optimizer = model.trainable_variables, optimizers.SGD(0.1)
    step = value_and_gradients(lambda x, y: ops.mean(ops.square(model(x) - y)), free)
    kernel = model.get_weights()[0].astype("float64")
    for _ in range(5):
        value, gradients = step(X, Y)
        error = X @ kernel - Y
        assert np.isclose(float(value), np.mean(error**2), rtol=1e-4)
        slope = 2 * X.T @ error / len(X)
        assert np.allclose(engine.numpy(gradients[0]), slope, rtol=1e-3, atol=1e-6)
        optimizer.apply(gradients, free)
        kernel = kernel - 0.1 * slope
    assert np.allclose(model.get_weights()[0], kernel, rtol=1e-4, atol=1e-6)


def test_what_layers_assign_is_kept_and_what_is_read_is_followed():
    state.set_random_seed(0)
    norm, scale = BatchNormalization(momentum=0.5), Variable(2.0, name="scale")
    model = Sequential([Input((3,)), norm, Dropout(0.5)])
    step = value_and_gradients(
        lambda x: (ops.sum(model(x)) * scale, ops.mean(x)), [norm.beta], has_aux=True
    )
    (value, mean), (slope,) = step(X)
    assert np.isclose(float(mean), X.mean())
    assert np.allclose(norm.moving_mean.numpy(), 0.5 * X.mean(0), atol=1e-6)
    kept = engine.numpy(slope) / (2.0 * 2.0)  # each kept entry counts 1 / (1 - 0.5)
    assert np.allclose(kept, np.round(kept)) and 0 < kept.sum() < X.size
    scale.assign(3.0)
    again = [engine.numpy(step(X)[1][0]) / 6.0 for _ in range(2)]
    assert np.allclose(again[0], np.round(again[0])) and not np.array_equal(*again)


def test_wrong_calls():
    with pytest.raises(TypeError, match="model.trainable_variables"):
        value_and_gradients(lambda x: x, [])
    variable = Variable(1.0)
    with pytest.raises(ValueError, match="one number"):
        value_and_gradients(lambda x: x * variable, [variable])(X)
    with pytest.raises(TypeError, match="count holds no floats"):
        value_and_gradients(lambda x: x, [Variable(np.int32(1), name="count")])


def test_arguments_of_other_structures():
    """Another structure of the same shapes may read other Variables."""
    one, two = Variable(1.0), Variable(2.0, trainable=False)

    def fn(x, y):
        return ops.sum(x["a"] * one * two) if isinstance(x, dict) else ops.sum(x * one)

    step = value_and_gradients(fn, [one])
    assert float(step(X, None)[1][0]) == pytest.approx(X.sum(), rel=1e-3)
    for factor in (2.0, 3.0):
        two.assign(factor)
        found = float(step({"a": X}, None)[1][0])
        assert found == pytest.approx(factor * X.sum(), rel=1e-3)


def test_arguments_by_name():
    """In any order; another set of names may read other Variables."""
    one, two = Variable(1.0), Variable(2.0, trainable=False)

    def fn(x, scale=1.0, more=None):
        total = ops.sum(x * one) * scale
        return total if more is None else total + ops.sum(more) * one * two

    step = value_and_gradients(fn, [one])
    whole = float(X.sum(dtype="float64"))
    assert float(step(X, scale=3.0)[1][0]) == pytest.approx(3 * whole, rel=1e-3)
    for factor in (2.0, 3.0):
        two.assign(factor)
        wanted = 2 * whole + factor * float(Y.sum(dtype="float64"))
        assert float(step(scale=2.0, more=Y, x=X)[1][0]) == pytest.approx(wanted, rel=1e-3)
        assert float(step(X, more=Y, scale=2.0)[1][0]) == pytest.approx(wanted, rel=1e-3)
    with pytest.raises(TypeError, match="unknown"):
        step(X, unknown=1.0)
