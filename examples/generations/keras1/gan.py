# ruff: noqa
"""Keras 1.2: two networks against each other, until one makes points as the data have them."""

from __future__ import print_function

import numpy as np
from keras.layers import Dense, Dropout, Input
from keras.layers.advanced_activations import LeakyReLU
from keras.models import Model
from keras.optimizers import Adam

np.random.seed(1337)

half = 64  # half a batch of the judge: so many real points, and so many made ones
centre = np.array([2.0, -1.0])


def real(n):
    return np.random.normal(centre, 0.5, (n, 2))


def noise(n):
    return np.random.uniform(-1, 1, (n, 4))


def freeze(model, frozen):
    model.trainable = not frozen
    for layer in model.layers:
        layer.trainable = not frozen


seed = Input(shape=[4])
maker = Model(input=seed, output=Dense(2)(Dense(16, init="lecun_uniform", activation="tanh")(seed)))

point = Input(shape=[2])
x = LeakyReLU(0.2)(Dense(32)(point))
x = Dropout(0.1)(x)
judge = Model(input=point, output=Dense(2, activation="softmax")(x))
judge.compile(Adam(lr=5e-3, beta_1=0.5), "categorical_crossentropy", metrics=["accuracy"])

freeze(judge, True)
both = Model(input=seed, output=judge(maker(seed)))
both.compile(Adam(lr=5e-3, beta_1=0.5), "categorical_crossentropy")

before = maker.predict(noise(500)).mean(axis=0)
made, true = [1, 0], [0, 1]
for batch in range(400):
    points = np.concatenate([real(half), maker.predict(noise(half))])
    freeze(judge, False)
    judged, accuracy = judge.train_on_batch(points, np.array([true] * half + [made] * half))
    freeze(judge, True)
    fooled = both.train_on_batch(noise(half), np.array([true] * half))
    if batch % 100 == 99:
        print("batch %d: judge %.3f, maker %.3f" % (batch + 1, judged, fooled))

after = maker.predict(noise(500)).mean(axis=0)
print("off the centre: %.3f -> %.3f" % tuple(np.hypot(*(p - centre)) for p in (before, after)))
