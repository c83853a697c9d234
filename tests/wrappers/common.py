"""The small models that the tests of estimators fit."""

import numpy as np

import cornu as keras
from cornu import layers


def flowers(kinds=3, rows=45):
    """Rows of two numbers around `kinds` places that lie far apart, and which of them it is."""
    rng = np.random.default_rng(4)
    y = np.arange(rows) % kinds
    places = np.array([[-2.0, 0.0], [2.0, 0.0], [0.0, 3.0]])
    return places[y] + 0.2 * rng.normal(size=(rows, 2)), y


def classifier(X, y, units=8, rate=0.05, optimizer="adam"):
    """As many outputs as there are classes."""
    keras.utils.set_random_seed(3)
    model = keras.Sequential(
        [
            keras.Input(X.shape[1:]),
            layers.Dense(units, "relu"),
            layers.Dense(y.shape[1], "softmax"),
        ]
    )
    chosen = keras.optimizers.get(optimizer)
    chosen.learning_rate = rate
    model.compile(chosen, "categorical_crossentropy", metrics=["accuracy"])
    return model


def one_layer(X, y, activation=None, loss="mse", units=None, rate=0.0):
    """One Dense layer, whose weights stay as they are unless `rate` says otherwise."""
    keras.utils.set_random_seed(5)
    model = keras.Sequential(
        [
            keras.Input(X.shape[1:]),
            layers.Flatten(),
            layers.Dense(units or y.shape[1], activation, bias_initializer="random_normal"),
        ]
    )
    model.compile(keras.optimizers.SGD(rate), loss)
    return model


def linear(estimator, X):
    """What the one layer of a fitted estimator computes before its activation, in float64."""
    kernel, bias = (w.astype("float64") for w in estimator.model_.get_weights())
    return np.reshape(X, (len(X), -1)) @ kernel + bias


def softmax(z):
    powers = np.exp(z - z.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))
