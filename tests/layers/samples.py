"""Layers with layers inside, for the tests of what every layer inherits."""

import numpy as np
import pytest

from cornu import ops, state
from cornu.layers import Dense, Layer


@pytest.fixture(autouse=True)
def seed():
    state.set_random_seed(0)


X = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], "float32")


def paths(variables):
    return [v.path for v in variables]


# ---------------------------------------------------------------- finding Variables


class Nest(Layer):
    """Sublayers in every container."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.table = {"z": [Dense(3, name="p"), (Dense(3, name="q"),)], "a": Dense(3, name="r")}
        self.last = Dense(3, name="s")
        self.stages = [self.last, self.table]
        self.stages.append(self.stages)
        self.me = self

    def build(self, shape):
        self.own = self.add_weight((1,), "ones", name="own")
        self.fixed = self.add_weight((1,), "zeros", trainable=False, name="fixed")
        self.late = self.add_weight((1,), "zeros", name="late")

    def call(self, x):
        for inner in (self.table["a"], *self.table["z"][:1], *self.table["z"][1], self.last):
            x = inner(x)
        return x * self.own + self.late


class Pair(Layer):
    """Keeps its arguments in an order of its own."""

    def __init__(self, first, second, **kwargs):
        super().__init__(**kwargs)
        self.b, self.a = second, first

    def call(self, x):
        return self.b(self.a(x))


# ---------------------------------------------------------------- losses


class Penalty(Layer):
    """Adds the mean of its input, times `factor`."""

    factor: float = 1.0

    def call(self, x):
        self.add_loss(self.factor * ops.mean(x))
        return x
