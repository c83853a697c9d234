"""Keras 3: read a word, then write it backwards, letter by letter, from the reader's state."""

import keras
import numpy as np
from keras import layers

keras.utils.set_random_seed(1337)

letters = "abcdef"
begin = len(letters)  # what the writer is given in the place of a letter before the first
kinds, length, units = len(letters) + 1, 3, 48

words = np.random.randint(0, len(letters), (1000, length))
answers = words[:, ::-1]
said = np.concatenate([np.full((1000, 1), begin), answers[:, :-1]], axis=1)

vectors = layers.Embedding(kinds, 8)
word = keras.Input(shape=(None,), dtype="int32", name="word")
_, h, c = layers.LSTM(units, return_state=True)(vectors(word))

so_far = keras.Input(shape=(None,), dtype="int32", name="so_far")
writer = layers.LSTM(units, return_sequences=True, return_state=True)
letter = layers.Dense(kinds, activation="softmax")
written, _, _ = writer(vectors(so_far), initial_state=[h, c])
model = keras.Model({"word": word, "so_far": so_far}, letter(written))
model.compile(
    optimizer=keras.optimizers.Adam(0.005),
    loss="sparse_categorical_crossentropy",
    metrics=["accuracy"],
)
history = model.fit(
    {"word": words[:900], "so_far": said[:900]},
    answers[:900],
    batch_size=32,
    epochs=10,
    validation_split=0.1,
    verbose=0,
)

# The same layers as two models: one gives the states, the other a letter and the next states.
read = keras.Model(word, [h, c])
given_h, given_c = keras.Input(shape=(units,)), keras.Input(shape=(units,))
written, next_h, next_c = writer(vectors(so_far), initial_state=[given_h, given_c])
write = keras.Model([so_far, given_h, given_c], [letter(written), next_h, next_c])


def backwards(words):
    h, c = read.predict(words, verbose=0)
    last = np.full((len(words), 1), begin)
    found = []
    for _ in range(length):
        chances, h, c = write.predict([last, h, c], verbose=0)
        last = chances.argmax(axis=-1)
        found.append(last)
    return np.concatenate(found, axis=1)


guesses = backwards(words[900:])
for one, guess in zip(words[900:903], guesses[:3], strict=True):
    print(" -> ".join("".join((letters + "?")[i] for i in row) for row in (one, guess)))
print(f"loss: {history.history['loss'][0]:.4f} -> {history.history['loss'][-1]:.4f}")
print(f"test accuracy: {np.mean(guesses == answers[900:]):.3f}")
