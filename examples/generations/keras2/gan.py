# ruff: noqa
"""Keras 2.2: two networks against each other, until one makes points as the data have them."""

import numpy as np
from keras.layers import Dense, Dropout, Input, LeakyReLU
from keras.models import Model, Sequential
from keras.optimizers import Adam

np.random.seed(1337)

size = 64
centre = np.array([2.0, -1.0])


def real(n):
    return np.random.normal(centre, 0.5, (n, 2))


def noise(n):
    return np.random.normal(size=(n, 4))


maker = Sequential(name="maker")
maker.add(Dense(16, input_dim=4, activation="tanh"))
maker.add(Dense(2))

judge = Sequential(name="judge")
judge.add(Dense(32, input_shape=(2,)))
judge.add(LeakyReLU(alpha=0.2))
judge.add(Dropout(0.1))
judge.add(Dense(1, activation="sigmoid"))
judge.compile(Adam(0.005, 0.5), "binary_crossentropy", metrics=["accuracy"])

# What is trainable counts when a model is compiled: frozen here, the judge learns by itself still.
judge.trainable = False
seed = Input(shape=(4,))
both = Model(seed, judge(maker(seed)))
both.compile(Adam(0.005, 0.5), "binary_crossentropy")

ones, zeros = np.ones((size, 1)), np.zeros((size, 1))
as_it_was = judge.get_weights()
both.train_on_batch(noise(size), ones)
frozen = all(np.array_equal(a, b) for a, b in zip(as_it_was, judge.get_weights()))

before = maker.predict(noise(500)).mean(axis=0)
for batch in range(400):
    on_real = judge.train_on_batch(real(size), ones)
    on_made = judge.train_on_batch(maker.predict(noise(size)), zeros)
    fooled = both.train_on_batch(noise(size), ones)
    if batch % 100 == 99:
        judged, accuracy = np.mean([on_real, on_made], axis=0)
        said = "batch {}: judge {:.3f} (right: {:.0%}), maker {:.3f}"
        print(said.format(batch + 1, judged, accuracy, fooled))

after = maker.predict(noise(500)).mean(axis=0)
print("the judge is frozen while the maker learns: {}".format(frozen))
off = [np.linalg.norm(point - centre) for point in (before, after)]
print("off the centre: {:.3f} -> {:.3f}".format(*off))
