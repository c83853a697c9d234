# ruff: noqa
"""Keras 2.2: do two points belong together? One model for both, and a Lambda for the gap."""

import numpy as np
from keras import backend as K
from keras.layers import Dense, Input, Lambda
from keras.models import Model
from keras.optimizers import RMSprop

np.random.seed(1337)


def gap(codes):
    left, right = codes
    return K.sqrt(K.sum(K.square(left - right), axis=-1, keepdims=True) + K.epsilon())


def pull_or_push(together, gap):
    near = together * K.square(gap)
    far = (1 - together) * K.square(K.maximum(1 - gap, 0))
    return K.mean(near + far, axis=-1)


def told_apart(together, gap):
    return K.mean(K.equal(together, K.cast(K.less(gap, 0.5), K.floatx())))


def pairs(n):
    """Points of rings; a pair belongs together if both lie on the same ring."""
    ring = np.random.randint(0, 2, (n, 2))
    angle = np.random.uniform(0, 2 * np.pi, (n, 2))
    radius = 0.5 + ring + np.random.normal(0, 0.1, (n, 2))
    points = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)
    return [points[:, 0], points[:, 1]], (ring[:, 0] == ring[:, 1]).astype("float32")


point = Input(shape=(2,))
x = Dense(32, activation="relu")(point)
x = Dense(32, activation="relu")(x)
coder = Model(point, Dense(4)(x), name="coder")

left = Input(shape=(2,), name="left")
right = Input(shape=(2,), name="right")
between = Lambda(gap, output_shape=lambda shapes: (shapes[0][0], 1))([coder(left), coder(right)])
model = Model([left, right], between)
model.compile(optimizer=RMSprop(lr=0.003), loss=pull_or_push, metrics=[told_apart])

x, together = pairs(800)
x_test, together_test = pairs(200)
history = model.fit(
    x, together, batch_size=32, epochs=15, validation_data=(x_test, together_test), verbose=0
)
found = model.predict(x_test).ravel()

print("loss: {:.4f} -> {:.4f}".format(history.history["loss"][0], history.history["loss"][-1]))
print("gap of those together: {:.3f}".format(found[together_test == 1].mean()))
print("gap of those apart: {:.3f}".format(found[together_test == 0].mean()))
print("test accuracy: {:.3f}".format(history.history["val_told_apart"][-1]))
