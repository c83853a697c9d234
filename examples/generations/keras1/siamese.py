# ruff: noqa
"""Keras 1.2: do two points belong together? One network for both, and a merge by a function."""

from __future__ import print_function

import numpy as np
from keras import backend as K
from keras.layers import Dense, Input, merge
from keras.models import Model, Sequential
from keras.optimizers import RMSprop

np.random.seed(1337)


def gap(codes):
    left, right = codes
    return K.sqrt(K.sum(K.square(left - right), axis=-1, keepdims=True) + K.epsilon())


def pull_or_push(together, gap):
    near = together * K.square(gap)
    far = (1 - together) * K.square(K.maximum(1 - gap, 0))
    return K.mean(near + far, axis=-1)


def pairs(n):
    """Points of rings; a pair belongs together if both lie on the same ring."""
    ring = np.random.randint(0, 2, (n, 2))
    angle = np.random.uniform(0, 2 * np.pi, (n, 2))
    radius = 0.5 + ring + np.random.normal(0, 0.1, (n, 2))
    points = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)
    return [points[:, 0], points[:, 1]], (ring[:, 0] == ring[:, 1]).astype("float32")


coder = Sequential(name="coder")
coder.add(Dense(32, input_dim=2, activation="relu"))
coder.add(Dense(32, activation="relu"))
coder.add(Dense(4))

left = Input(shape=(2,), name="left")
right = Input(shape=(2,), name="right")
between = merge(
    [coder(left), coder(right)], mode=gap, output_shape=lambda shapes: (shapes[0][0], 1)
)
model = Model(input=[left, right], output=between)
model.compile(optimizer=RMSprop(lr=0.003), loss=pull_or_push)

X, together = pairs(800)
X_test, together_test = pairs(200)
history = model.fit(
    X, together, validation_data=(X_test, together_test), batch_size=32, nb_epoch=15, verbose=0
)
found = model.predict(X_test).ravel()

print("loss: %.4f -> %.4f" % (history.history["loss"][0], history.history["loss"][-1]))
print("gap of those together: %.3f" % found[together_test == 1].mean())
print("gap of those apart: %.3f" % found[together_test == 0].mean())
print("test accuracy: %.3f" % np.mean((found < 0.5) == together_test))
