"""The tour: the whole library in one file of seconds. Read this one first."""

import numpy as np
import pytest

import cornu as keras
from cornu import graph, layers, ops


@pytest.fixture(autouse=True)
def seed():
    keras.utils.set_random_seed(0)


def spirals(n=400):
    """Two classes that no straight line can part."""
    rng = np.random.default_rng(0)
    y = np.arange(n) % 2
    turn = rng.uniform(0.5, 3, n)
    angle = turn * np.pi + y * np.pi
    x = np.stack([turn * np.cos(angle), turn * np.sin(angle)], axis=-1)
    return x.astype("float32"), y


def test_a_sequential_model_learns():
    x, y = spirals()
    model = keras.Sequential(
        [
            keras.Input((2,)),
            layers.Dense(32, activation="relu"),
            layers.Dense(32, activation="relu"),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    history = model.fit(x, y, epochs=100, verbose=0)
    assert history.history["accuracy"][-1] > 0.99
    loss, accuracy = model.evaluate(x, y, verbose=0)
    assert accuracy > 0.99 and loss < 0.1
    assert np.array_equal(model.predict(x, verbose=0)[:, 0] > 0.5, y == 1)


def test_a_layer_is_fields_and_build_and_call():
    class Scale(layers.Layer):
        """`x * factor`, one factor a feature."""

        start: float = 2.0

        def build(self, shape):
            self.factor = self.add_weight((shape[-1],), "ones", name="factor")

        def call(self, x):
            return x * self.factor * self.start

    layer = Scale(start=3.0, name="scale")
    assert np.allclose(layer(np.ones((2, 4), "float32")), 3.0)
    assert layer.get_config()["start"] == 3.0
    assert [v.path for v in layer.weights] == ["scale/factor"]


def test_models_are_graphs_of_tensors():
    left, right = keras.Input((3,), name="left"), keras.Input((5,), name="right")
    shared = layers.Dense(4, activation="tanh")
    joined = layers.Concatenate()([shared(layers.Dense(6)(left)), shared(layers.Dense(6)(right))])
    model = keras.Model({"left": left, "right": right}, {"sum": layers.Dense(1)(joined)})
    model.compile("sgd", "mse")
    x = {"left": np.ones((8, 3), "float32"), "right": np.ones((8, 5), "float32")}
    before = model.evaluate(x, {"sum": np.zeros((8, 1))}, verbose=0)
    model.fit(x, {"sum": np.zeros((8, 1))}, epochs=5, verbose=0)
    assert model.evaluate(x, {"sum": np.zeros((8, 1))}, verbose=0) < before
    assert model.predict(x, verbose=0)["sum"].shape == (8, 1)


def test_a_model_may_be_python():
    class Residual(keras.Model):
        def __init__(self, units):
            super().__init__()
            self.inner = layers.Dense(units, activation="relu")
            self.head = layers.Dense(1)

        def call(self, x, training=False):
            return self.head(x + self.inner(x))

    model = Residual(4)
    model.compile("adam", "mse")
    x = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
    history = model.fit(x, x.sum(axis=1), epochs=3, verbose=0)
    assert history.history["loss"][-1] < history.history["loss"][0]


def test_symbolic_arithmetic_functions_and_gradients():
    x = keras.Input((3,))
    y = ops.sum(x**2 + 3 * x, axis=-1)
    (slope,) = graph.gradients(y, [x])
    value, derivative = graph.Function([x], [y, slope])([np.array([[1.0, 2.0, 3.0]])])
    assert np.allclose(value, [32.0]) and np.allclose(derivative, [[5.0, 7.0, 9.0]])


def test_saved_and_loaded_again(tmp_path):
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2)])
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    x = np.ones((4, 3), "float32")
    assert np.array_equal(model.predict(x, verbose=0), again.predict(x, verbose=0))


def test_errors_say_what_would_work():
    with pytest.raises(ValueError, match='Did you mean "relu"'):
        layers.Dense(3, activation="rleu")
