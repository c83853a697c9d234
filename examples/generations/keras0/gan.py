# ruff: noqa
"""Keras 0.3: two networks against each other, until one makes points as the data have them."""

from __future__ import print_function

import numpy as np
from keras.layers.core import Activation, Dense
from keras.models import Sequential
from keras.optimizers import Adam

np.random.seed(1337)

half = 64  # half a batch of the judge: so many real points, and so many made ones
centre = np.array([2.0, -1.0])


def real(n):
    return np.random.normal(centre, 0.5, (n, 2))


def noise(n):
    return np.random.uniform(-1, 1, (n, 4))


maker = Sequential()
maker.add(Dense(input_dim=4, output_dim=16))
maker.add(Activation("tanh"))
maker.add(Dense(2))

judge = Sequential()
judge.add(Dense(32, input_dim=2))
judge.add(Activation("relu"))
judge.add(Dense(1))
judge.add(Activation("sigmoid"))

# What is trainable counts when a model is compiled: the judge learns alone, the maker through it.
judge.compile(loss="binary_crossentropy", optimizer=Adam(lr=0.005, beta_1=0.5))
judge.trainable = False
both = Sequential()
both.add(maker)
both.add(judge)
both.compile(loss="binary_crossentropy", optimizer=Adam(lr=0.005, beta_1=0.5))
judge.trainable = True
maker.compile(loss="mse", optimizer="sgd")  # only to predict

before = maker.predict(noise(500)).mean(axis=0)
is_real = np.repeat([1, 0], half)
for batch in range(400):
    points = np.vstack([real(half), maker.predict(noise(half), verbose=0)])
    judged = judge.train_on_batch(points, is_real)
    judge.trainable = False
    fooled = both.train_on_batch(noise(half), np.ones(half))
    judge.trainable = True
    if batch % 100 == 99:
        print("batch %d: judge %.3f, maker %.3f" % (batch + 1, judged[0], fooled[0]))

after = maker.predict(noise(500)).mean(axis=0)
print("off the centre: %.3f -> %.3f" % tuple(np.hypot(*(p - centre)) for p in (before, after)))
