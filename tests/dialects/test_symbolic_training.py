"""The loss of a compiled model as a Tensor, beside formulas in NumPy."""

import numpy as np
import pytest

from cornu import Input, layers, regularizers
from cornu import backend as K
from cornu.dialects import spellings, table
from cornu.errors import UsageError
from cornu.models import Model, Sequential

RNG = np.random.default_rng(13)
X = RNG.normal(size=(8, 3)).astype("float32")
Y = RNG.normal(size=(8, 2)).astype("float32")
WEIGHT = np.linspace(0, 1, 8).astype("float32")


@pytest.fixture(autouse=True)
def old_spellings():
    table.forget_warnings()
    with spellings.registered():
        yield


def test_gradients_of_the_total_loss():
    """2 x^T (x W - y) w / n + 0.2 W, for a penalty of 0.1 on the squares."""
    penalty = regularizers.L2(0.1)
    model = Sequential([layers.Dense(2, kernel_regularizer=penalty, input_shape=(3,))])
    model.compile("sgd", "mse")
    gradients = model.optimizer.get_gradients(model.total_loss, model.trainable_weights)
    symbols = model._feed_inputs + model._feed_targets + model._feed_sample_weights
    function = K.function(symbols, [*gradients, model.total_loss])
    x, y, weights = model._standardize_user_data(X, Y, WEIGHT)
    kernel, bias, total = function(x + y + weights)
    w = model.get_weights()[0].astype("float64")
    error = (X @ w - Y) * WEIGHT[:, None]
    np.testing.assert_allclose(kernel, 2 * X.T @ error / Y.size + 0.2 * w, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(bias, 2 * error.sum(axis=0) / Y.size, rtol=1e-4, atol=1e-6)
    squares = ((X @ w - Y) ** 2).mean(axis=1)
    assert total == pytest.approx((squares * WEIGHT).mean() + 0.1 * (w**2).sum(), rel=1e-5)


def test_several_outputs_and_class_numbers():
    x = Input((3,))
    model = Model(x, [layers.Dense(4, activation="softmax")(x), layers.Dense(2)(x)])
    model.compile("sgd", ["sparse_categorical_crossentropy", "mse"], loss_weights=[1.0, 3.0])
    classes = RNG.integers(0, 4, (8, 1))
    assert [t.dtype for t in model.targets] == ["int32", "float32"]
    phase = K.learning_phase()
    function = K.function([*model.inputs, *model.targets, *model.sample_weights, phase],
                          [model.total_loss])  # fmt: skip
    ones = np.ones(8)
    (total,) = function([X, classes, Y, ones, ones, 1])
    p, z = (f.astype("float64") for f in model.predict(X, verbose=0))
    first = -np.log(np.take_along_axis(p, classes, axis=1)).mean()
    assert total == pytest.approx(first + 3 * ((z - Y) ** 2).mean(), rel=1e-5)
    assert model.evaluate(X, [classes, Y], verbose=0)[0] == pytest.approx(total, rel=1e-5)
    assert model.total_loss is model.total_loss
    model.compile("sgd", ["sparse_categorical_crossentropy", "mse"])
    (plain,) = K.function(model.inputs + model.targets + model.sample_weights, [model.total_loss])(
        [X, classes, Y, ones, ones]
    )
    assert plain == pytest.approx(first + ((z - Y) ** 2).mean(), rel=1e-5)


def test_before_compile():
    model = Sequential([layers.Dense(2, input_shape=(3,))])
    with pytest.raises(UsageError, match="must be compiled first"):
        _ = model.total_loss


def test_a_users_own_attribute_of_that_name():
    class Mine(Model):
        def __init__(self):
            super().__init__()
            self.targets = 3

    assert Mine().targets == 3
