"""Keras 3: an LSTM that reads letters and writes the next ones, by a callback of one's own."""

import keras
import numpy as np
from keras import layers

keras.utils.set_random_seed(1337)

text = "the horn is blown at dawn, and the herd goes home. " * 6
letters = sorted(set(text))
span = 6

codes = np.array([letters.index(letter) for letter in text])
x = np.stack([codes[i : i + span] for i in range(len(codes) - span)])
y = codes[span:]

model = keras.Sequential(
    [
        keras.Input(shape=(span,), dtype="int32"),
        layers.Embedding(len(letters), 8),
        layers.LSTM(32, dropout=0.1),
        layers.Dense(len(letters)),
    ]
)
model.compile(
    optimizer=keras.optimizers.RMSprop(learning_rate=0.01),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)


class Writer(keras.callbacks.Callback):
    """Writes a few letters after every tenth epoch."""

    def on_epoch_end(self, epoch, logs=None):
        if epoch % 10 < 9:
            return
        written = list(codes[:span])
        while len(written) < 36:
            logits = self.model.predict(np.array([written[-span:]]), verbose=0)[0]
            written.append(np.argmax(logits / 0.3 + np.random.gumbel(size=len(letters))))
        print("written:", "".join(letters[i] for i in written))


history = model.fit(x, y, batch_size=32, epochs=30, verbose=0, callbacks=[Writer()])
print(f"loss: {history.history['loss'][0]:.4f} -> {history.history['loss'][-1]:.4f}")
print(f"next letter right: {model.evaluate(x, y, verbose=0)[1]:.3f}")
