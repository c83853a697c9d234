"""Models to draw: one of each shape that graphs have."""

from cornu import Model, Sequential, layers, ops
from cornu.layers import Dense, Input

HOSTILE = "</script><img src=x onerror=\"document.title='hit'\">&'\x1b$x$"


def row():
    """Three layers one after another."""
    return Sequential([Input((4,), name="in"), Dense(3, activation="relu", name="a"),
                       Dense(2, name="b")], name="row")  # fmt: skip


def branched():
    """Two inputs, four branches, a way around, two outputs."""
    x, y = Input((4,), name="x"), Input((3,), name="y")
    parts = [Dense(2, name=f"branch{i}")(x) for i in range(3)]
    joined = layers.Concatenate(name="joined")([*parts, y])
    mixed = layers.Add(name="sum")([Dense(9, name="deep")(joined), joined])
    return Model([x, y], [Dense(1, name="one")(mixed), ops.relu(mixed)], name="branched")


def shared():
    """A layer that is called three times, on its own answer and on what reads it."""
    x = Input((3,), name="x")
    again = Dense(3, name="again")
    return Model(x, again(Dense(3, name="between")(again(again(x)))), name="shared")


def nested(hostile=False):
    """A model with two inputs and two outputs in a model, and a model in that."""
    core = Sequential([Input((2,), name="c"), Dense(2, name="inmost")], name="core")
    a, b = Input((2,), name="a"), Input((2,), name="b")
    both = layers.Multiply(name="times")([core(a), b])
    name = HOSTILE if hostile else "last"
    pair = Model([a, b], [both, Dense(3, name="side")(b)], name="pair")
    x = Input((2,), name="x")
    p, q = pair([Dense(2, name="first")(x), x])
    return Model(x, layers.Concatenate(name=name)([p, q]), name="outer")
