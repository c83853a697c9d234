"""Keras 3: an LSTM that sees one value at a time and remembers from batch to batch."""

import keras
import numpy as np
from keras import layers

keras.utils.set_random_seed(1337)

batch_size = 20
wave = np.cos(np.arange(0, 12 * np.pi, 0.1)).astype("float32")
steps = len(wave) // batch_size * batch_size
streams = wave[:steps].reshape(batch_size, -1)  # (20, steps / 20): a row for each stream
x_train = streams[:, :-1].T.reshape(-1, 1, 1)  # one value of every stream after the other
y_train = streams[:, 1:].T.reshape(-1, 1)


def create_model(stateful):
    model = keras.Sequential(
        [
            keras.Input(batch_shape=(batch_size, 1, 1)),
            layers.LSTM(16, stateful=stateful, name="lstm"),
            layers.Dense(1),
        ]
    )
    model.compile(loss="mse", optimizer=keras.optimizers.Adam(learning_rate=0.01))
    return model


model = create_model(stateful=True)
losses = []
for _ in range(60):
    history = model.fit(x_train, y_train, batch_size=batch_size, epochs=1, shuffle=False, verbose=0)
    losses += history.history["loss"]
    model.get_layer("lstm").reset_state()

first = model.predict(x_train, batch_size=batch_size, verbose=0)
second = model.predict(x_train, batch_size=batch_size, verbose=0)
model.get_layer("lstm").reset_state()
again = model.predict(x_train, batch_size=batch_size, verbose=0)

forgetful = create_model(stateful=False)
forgetful.set_weights([w for w in model.get_weights() if w.shape != (batch_size, 16)])
without = forgetful.predict(x_train, batch_size=batch_size, verbose=0)
print(f"loss: {losses[0]:.4f} -> {losses[-1]:.4f}")
print(f"mean error: {np.abs(first - y_train).mean():.4f}")
print(f"mean error without a memory: {np.abs(without - y_train).mean():.4f}")
print("the state is kept:", not np.allclose(first, second))
print("the same after reset_state():", np.allclose(first, again))
