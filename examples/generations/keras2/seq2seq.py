# ruff: noqa
"""Keras 2.2: read a word, then write it backwards, letter by letter, from the reader's state."""

import numpy as np
from keras.layers import LSTM, Dense, Input
from keras.models import Model
from keras.utils import to_categorical

np.random.seed(1337)

letters = "abcdef"
begin = len(letters)  # what the writer is given in the place of a letter before the first
kinds, length, units = len(letters) + 1, 3, 48

words = np.random.randint(0, len(letters), (1000, length))
answers = words[:, ::-1]
said = np.concatenate([np.full((1000, 1), begin), answers[:, :-1]], axis=1)
X, Y, before = (to_categorical(codes, kinds) for codes in (words, answers, said))

word = Input(shape=(None, kinds))
_, h, c = LSTM(units, return_state=True)(word)

so_far = Input(shape=(None, kinds))
writer = LSTM(units, return_sequences=True, return_state=True)
letter = Dense(kinds, activation="softmax")
written, _, _ = writer(so_far, initial_state=[h, c])
model = Model([word, so_far], letter(written))
model.compile(optimizer="adam", loss="categorical_crossentropy")
history = model.fit([X[:900], before[:900]], Y[:900], batch_size=32, epochs=20, verbose=0)

# The same layers as two models: one gives the states, the other a letter and the next states.
read = Model(word, [h, c])
given_h, given_c = Input(shape=(units,)), Input(shape=(units,))
written, next_h, next_c = writer(so_far, initial_state=[given_h, given_c])
write = Model([so_far, given_h, given_c], [letter(written), next_h, next_c])


def backwards(X):
    states = read.predict(X)
    last = np.full((len(X), 1), begin)
    found = []
    for _ in range(length):
        chances, *states = write.predict([to_categorical(last, kinds)[:, None]] + states)
        last = chances[:, -1].argmax(axis=-1)
        found.append(last)
    return np.stack(found, axis=1)


guesses = backwards(X[900:])
for word, guess in zip(words[900:903], guesses):
    print(" -> ".join("".join((letters + "?")[i] for i in row) for row in (word, guess)))
print("loss: {:.4f} -> {:.4f}".format(history.history["loss"][0], history.history["loss"][-1]))
print("test accuracy: {:.3f}".format(np.mean(guesses == answers[900:])))
