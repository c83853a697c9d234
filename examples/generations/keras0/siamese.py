# ruff: noqa
"""Keras 0.3: do two points belong together? One network for both, as a shared node of a Graph."""

from __future__ import print_function

import numpy as np
from keras import backend as K
from keras.layers.core import Dense, Lambda
from keras.models import Graph, Sequential
from keras.optimizers import RMSprop

np.random.seed(1337)


def gap(codes):
    left, right = codes.values()  # merge_mode="join" gives a dict, by the names of the inputs
    return K.sqrt(K.sum(K.square(left - right), axis=1, keepdims=True) + 1e-6)


def pull_or_push(together, gap):
    near = together * K.square(gap)
    far = (1 - together) * K.square(K.maximum(1 - gap, 0))
    return K.mean(near + far)


def pairs(n):
    """Points of rings; a pair belongs together if both lie on the same ring."""
    ring = np.random.randint(0, 2, (n, 2))
    angle = np.random.uniform(0, 2 * np.pi, (n, 2))
    radius = 0.5 + ring + np.random.normal(0, 0.1, (n, 2))
    points = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)
    together = (ring[:, :1] == ring[:, 1:]).astype("float32")
    return {"left": points[:, 0], "right": points[:, 1], "gap": together}


coder = Sequential()
coder.add(Dense(32, input_shape=(2,), activation="relu"))
coder.add(Dense(32, activation="relu"))
coder.add(Dense(4))

graph = Graph()
graph.add_input(name="left", input_shape=(2,))
graph.add_input(name="right", input_shape=(2,))
graph.add_shared_node(coder, name="codes", inputs=["left", "right"], merge_mode="join")
graph.add_node(Lambda(gap, output_shape=(1,)), name="between", input="codes")
graph.add_output(name="gap", input="between")
graph.compile(optimizer=RMSprop(lr=0.003), loss={"gap": pull_or_push})

hist = graph.fit(pairs(800), batch_size=32, nb_epoch=15, verbose=0)
held_out = pairs(200)
found = graph.predict(held_out)["gap"]
together = held_out["gap"] == 1

print("loss: %.4f -> %.4f" % (hist.history["loss"][0], hist.history["loss"][-1]))
print("gap of those together: %.3f" % found[together].mean())
print("gap of those apart: %.3f" % found[~together].mean())
print("test accuracy: %.3f" % np.mean((found < 0.5) == together))
