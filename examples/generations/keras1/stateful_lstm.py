# ruff: noqa
"""Keras 1.2: an LSTM that sees one value at a time and remembers from batch to batch."""

from __future__ import print_function

import numpy as np
from keras.layers import LSTM, Dense
from keras.models import Sequential
from keras.optimizers import Adam

np.random.seed(1337)

tsteps = 1
batch_size = 20
epochs = 60

wave = np.cos(np.arange(0, 12 * np.pi, 0.1))
steps = len(wave) // batch_size * batch_size
streams = wave[:steps].reshape(batch_size, -1)  # (20, steps / 20): a row for each stream
X = streams[:, :-1].T.reshape(-1, tsteps, 1)  # one value of every stream after the other
y = streams[:, 1:].T.reshape(-1, 1)

model = Sequential()
model.add(
    LSTM(
        16,
        batch_input_shape=(batch_size, tsteps, 1),
        return_sequences=False,
        stateful=True,
        inner_activation="sigmoid",
    )
)
model.add(Dense(1))
model.compile(loss="mse", optimizer=Adam(lr=0.01))

losses = []
for i in range(epochs):
    history = model.fit(X, y, batch_size=batch_size, verbose=0, nb_epoch=1, shuffle=False)
    losses.append(history.history["loss"][0])
    model.reset_states()

first = model.predict(X, batch_size=batch_size)
second = model.predict(X, batch_size=batch_size)
model.reset_states()
again = model.predict(X, batch_size=batch_size)
print("loss: %.4f -> %.4f" % (losses[0], losses[-1]))
print("mean error: %.4f" % np.abs(first - y).mean())
print("the state is kept: %s" % (not np.allclose(first, second)))
print("the same after reset_states(): %s" % np.allclose(first, again))
