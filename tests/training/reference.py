"""Small models for training, and plain SGD on one of them written in NumPy."""

import numpy as np

from cornu import optimizers
from cornu.layers import Dense, Input
from cornu.models import Model, Sequential

X = np.random.default_rng(0).normal(size=(20, 3)).astype("float32")
Y = (X @ np.array([[1.0], [-2.0], [0.5]]) + 0.3).astype("float32")
START = [np.full((3, 1), 0.5), np.zeros(1)]


def linear(rate=0.1, loss="mse", weights=START, **kwargs):
    model = Sequential([Input((3,)), Dense(1, name="out")])
    model.set_weights(weights)
    model.compile(optimizers.SGD(rate), loss, **kwargs)
    return model


def draws():
    return np.random.default_rng(1)


def classifier(**kwargs):
    model = Sequential([Input((3,)), Dense(3, activation="softmax")])
    model.set_weights([np.eye(3), np.zeros(3)])
    model.compile(optimizers.SGD(0.1), "sparse_categorical_crossentropy", **kwargs)
    return model


def two(**kwargs):
    x = Input((3,), name="x")
    model = Model(x, [Dense(1, name="a")(x), Dense(2, name="b")(x)])
    model.set_weights([np.ones((3, 1)), np.zeros(1), np.ones((3, 2)), np.zeros(2)])
    model.compile("sgd", **kwargs)
    return model


class Reference:
    """Plain SGD on the mean squared error of one dense layer, in float64."""

    def __init__(self, rate=0.1):
        self.rate, (self.kernel, self.bias) = rate, (w.astype("float64") for w in START)

    def error(self, x, y):
        return x.astype("float64") @ self.kernel + self.bias - y

    def loss(self, x, y):
        return np.mean(self.error(x, y) ** 2)

    def step(self, x, y, weight=None):
        error = self.error(x, y)
        weighed = error if weight is None else error * np.asarray(weight)[:, None]
        self.kernel = self.kernel - self.rate * 2 * x.T.astype("float64") @ weighed / len(x)
        self.bias = self.bias - self.rate * 2 * weighed.mean(axis=0)
        return np.mean(error * weighed)

    def epoch(self, x, y, batch, weight=None):
        total = 0.0
        for i in range(0, len(x), batch):
            w = None if weight is None else weight[i : i + batch]
            total += self.step(x[i : i + batch], y[i : i + batch], w) * len(x[i : i + batch])
        return total / len(x)

    def agrees(self, model, rtol=1e-4):
        kernel, bias = model.get_weights()
        return np.allclose(kernel, self.kernel, rtol, 1e-6) and np.allclose(
            bias, self.bias, rtol, 1e-6
        )


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))
