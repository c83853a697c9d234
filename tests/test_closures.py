"""Functions within a model (Lambdas, losses) that close over Variables and Tensors outside them."""

import numpy as np
import pytest

from cornu import Model, Sequential, Variable, graph, layers, ops
from cornu.errors import UsageError

X = np.random.default_rng(0).normal(size=(6, 4)).astype("float32")


def test_a_lambda_multiplies_by_a_tensor_of_its_graph():
    x = layers.Input((4,))
    hidden = layers.Dense(2, kernel_initializer="ones")(x)
    outputs = layers.Lambda(lambda t: hidden * t + ops.sum(x, axis=-1, keepdims=True))(hidden)
    expected = X.sum(1, keepdims=True) ** 2 + X.sum(1, keepdims=True)
    expected = np.repeat(expected, 2, 1)
    model = Model(x, outputs)
    assert outputs.shape == (None, 2)
    for found in (
        model.predict(X, verbose=0),
        model(X),
        graph.Function([x], [outputs])([X])[0],
        graph.evaluate(outputs, {x: X}),
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_what_only_a_lambda_closes_over_is_computed_too():
    x = layers.Input((4,))
    aside = layers.Dense(1, kernel_initializer="ones", use_bias=False)(x)
    model = Model(x, layers.Lambda(lambda t: t * aside)(x))
    np.testing.assert_allclose(model(X), X * X.sum(1, keepdims=True), rtol=1e-5)
    model.compile("sgd", "mse")
    kernel = next(layer for layer in model.layers if layer.weights).kernel
    before = kernel.numpy()
    model.fit(X, X, verbose=0)
    assert not np.allclose(kernel.numpy(), before)


def test_a_tensor_of_another_graph_is_missed_by_name():
    x, other = layers.Input((4,)), layers.Input((4,), name="other")
    outputs = layers.Lambda(lambda t: t * other)(x)
    with pytest.raises(UsageError, match='Input "other"'):
        Model(x, outputs)


def test_a_loss_over_middle_tensors():
    """The variational autoencoder's: its divergence is made of Tensors in the middle."""
    x = layers.Input((4,))
    mean, spread = layers.Dense(2, name="mean")(x), layers.Dense(2, name="spread")(x)
    both = layers.Concatenate()([mean, spread])
    model = Model(x, layers.Dense(4, name="out")(both))

    def loss(y_true, y_pred):
        divergence = -0.5 * ops.sum(1 + spread - ops.square(mean) - ops.exp(spread), axis=-1)
        return ops.sum(ops.square(y_true - y_pred), axis=-1) + divergence

    model.compile("sgd", loss)
    m, s = Model(x, [mean, spread]).predict(X, verbose=0)
    by_hand = ((X - model.predict(X, verbose=0)) ** 2).sum(1)
    by_hand -= 0.5 * (1 + s - m**2 - np.exp(s)).sum(1)
    assert model.evaluate(X, X, verbose=0) == pytest.approx(by_hand.mean(), rel=1e-5)
    layer = next(layer for layer in model.layers if layer.name == "spread")
    before = layer.kernel.numpy()
    model.fit(X, X, epochs=2, verbose=0)
    assert not np.allclose(layer.kernel.numpy(), before)


def test_a_loss_over_a_tensor_that_the_model_itself_does_not_need():
    x = layers.Input((4,))
    total = ops.sum(x, axis=-1, keepdims=True)
    model = Model(x, layers.Dense(1, kernel_initializer="zeros")(x))
    model.compile("sgd", lambda t, p: ops.abs(total + p - t)[:, 0])
    zeros = np.zeros((6, 1), "float32")
    expected = np.abs(X.sum(1)).mean()
    assert model.evaluate(X, zeros, verbose=0) == pytest.approx(expected, rel=1e-5)


def test_a_loss_over_a_tensor_that_cannot_be_known_here():
    other = layers.Input((4,), name="other")
    model = Sequential([layers.Input((4,)), layers.Dense(4)])
    model.compile("sgd", lambda t, p: ops.mean(p * other))
    with pytest.raises(UsageError, match='Input "other"'):
        model.evaluate(X, X, verbose=0)


def test_a_loss_sees_a_variable_that_is_changed_between_calls():
    """As when a weight of a loss is raised from epoch to epoch."""
    factor = Variable(1.0)
    model = Sequential([layers.Input((4,)), layers.Dense(1, kernel_initializer="zeros")])
    model.compile("sgd", lambda t, p: ops.mean(ops.square(t - p), axis=-1) * factor)
    ones = np.ones((6, 1), "float32")
    assert model.evaluate(X, ones, verbose=0) == pytest.approx(1)
    factor.assign(10.0)
    assert model.evaluate(X, ones, verbose=0) == pytest.approx(10)
    assert model.fit(X, ones, verbose=0).history["loss"][0] == pytest.approx(10)
    factor.assign(0.0)
    assert model.fit(X, ones, verbose=0).history["loss"][0] == 0


def test_a_prediction_sees_a_variable_that_a_lambda_closes_over():
    factor = Variable(2.0)
    x = layers.Input((4,))
    model = Model(x, layers.Lambda(lambda t: t * factor)(x))
    np.testing.assert_allclose(model.predict(X, verbose=0), 2 * X)
    factor.assign(3.0)
    np.testing.assert_allclose(model.predict(X, verbose=0), 3 * X)
    assert model.weights == []  # as in Keras: what a Lambda closes over is not the model's
