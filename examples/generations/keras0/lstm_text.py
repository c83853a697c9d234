# ruff: noqa
"""Keras 0.3: an LSTM that reads letters and writes the next ones."""

from __future__ import print_function

import numpy as np
from keras.layers.core import Activation, Dense, Dropout
from keras.layers.recurrent import LSTM
from keras.models import Sequential
from keras.optimizers import RMSprop

np.random.seed(1337)

text = "the horn is blown at dawn, and the herd goes home. " * 6
letters = sorted(set(text))
number = dict(zip(letters, range(len(letters))))
span = 6


def one_hot(words):
    """Words of equal length -> (words, length, letters), of bools."""
    found = np.zeros((len(words), len(words[0]), len(letters)), dtype=bool)
    for row, word in enumerate(words):
        for place, letter in enumerate(word):
            found[row, place, number[letter]] = True
    return found


starts = range(len(text) - span)
X = one_hot([text[i : i + span] for i in starts])
y = one_hot([text[i + span] for i in starts])[:, 0]

model = Sequential()
model.add(LSTM(32, return_sequences=False, input_shape=(span, len(letters))))
model.add(Dropout(0.1))
model.add(Dense(len(letters)))
model.add(Activation("softmax"))
model.compile(loss="categorical_crossentropy", optimizer=RMSprop(lr=0.01))


def choose(chances, temperature):
    sharper = chances ** (1.0 / temperature)  # float64, as multinomial asks for
    return letters[np.random.multinomial(1, sharper / sharper.sum()).argmax()]


losses = []
for iteration in range(1, 4):
    hist = model.fit(X, y, batch_size=32, nb_epoch=10, verbose=0)
    losses += hist.history["loss"]
    written = text[:span]
    while len(written) < 36:
        chances = model.predict(one_hot([written[-span:]]), verbose=0)[0]
        written += choose(chances, temperature=0.3)
    print("written: %s" % written)

accuracy = model.evaluate(X, y, show_accuracy=True, verbose=0)[1]
print("loss: %.4f -> %.4f" % (losses[0], losses[-1]))
print("next letter right: %.3f" % accuracy)
