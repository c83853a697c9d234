# ruff: noqa
"""Keras 0.3: an LSTM that sees one value at a time and remembers from batch to batch."""

from __future__ import print_function

import numpy as np
from keras.layers.core import Dense
from keras.layers.recurrent import LSTM
from keras.models import Sequential
from keras.optimizers import Adam

np.random.seed(1337)

tsteps = 1
batch_size = 20
epochs = 60

wave = np.cos(np.arange(0, 12 * np.pi, 0.1)).reshape(-1, 1, 1)
steps = len(wave) // batch_size * batch_size
phases = wave[:steps].reshape(batch_size, -1)  # (20, steps / 20): a row for each stream
X = phases[:, :-1].T.reshape(-1, tsteps, 1)  # one value of every stream after the other
y = phases[:, 1:].T.reshape(-1, 1)

model = Sequential()
model.add(LSTM(16, batch_input_shape=(batch_size, tsteps, 1), stateful=True))
model.add(Dense(1))
model.compile(loss="mse", optimizer=Adam(lr=0.01))

losses = []
for i in range(epochs):
    hist = model.fit(X, y, batch_size=batch_size, nb_epoch=1, shuffle=False, verbose=0)
    losses.append(hist.history["loss"][0])
    model.reset_states()

first = model.predict(X, batch_size=batch_size)
second = model.predict(X, batch_size=batch_size)
model.reset_states()
again = model.predict(X, batch_size=batch_size)
print("loss: %.4f -> %.4f" % (losses[0], losses[-1]))
print("mean error: %.4f" % np.abs(first - y).mean())
print("the state is kept: %s" % (not np.allclose(first, second)))
print("the same after reset_states(): %s" % np.allclose(first, again))
