# ruff: noqa
"""Keras 2.2: an LSTM that sees one value at a time and remembers from batch to batch."""

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
x_train = streams[:, :-1].T.reshape(-1, tsteps, 1)  # one value of every stream after the other
y_train = streams[:, 1:].T.reshape(-1, 1)


def create_model(stateful):
    model = Sequential()
    model.add(
        LSTM(16, input_shape=(tsteps, 1), batch_size=batch_size, stateful=stateful, name="lstm")
    )
    model.add(Dense(1, name="dense"))
    model.compile(loss="mse", optimizer=Adam(lr=0.01))
    return model


model_stateful = create_model(stateful=True)
losses = []
for i in range(epochs):
    history = model_stateful.fit(
        x_train, y_train, batch_size=batch_size, epochs=1, verbose=0, shuffle=False
    )
    losses += history.history["loss"]
    model_stateful.reset_states()

first = model_stateful.predict(x_train, batch_size=batch_size)
second = model_stateful.predict(x_train, batch_size=batch_size)
model_stateful.get_layer("lstm").reset_states()
again = model_stateful.predict(x_train, batch_size=batch_size)

model_stateless = create_model(stateful=False)
model_stateless.set_weights(model_stateful.get_weights())
forgetful = model_stateless.predict(x_train, batch_size=batch_size)
print("loss: {:.4f} -> {:.4f}".format(losses[0], losses[-1]))
print("mean error: {:.4f}".format(np.abs(first - y_train).mean()))
print("mean error without a memory: {:.4f}".format(np.abs(forgetful - y_train).mean()))
print("the state is kept: {}".format(not np.allclose(first, second)))
print("the same after reset_states(): {}".format(np.allclose(first, again)))
