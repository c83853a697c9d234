# ruff: noqa
"""Keras 1.2: read a word, then write it backwards: encoder, RepeatVector, decoder."""

from __future__ import print_function

import numpy as np
from keras.callbacks import LambdaCallback
from keras.layers import GRU, Dense, Embedding, Input, RepeatVector, TimeDistributed
from keras.models import Model

np.random.seed(1337)

LETTERS = "abcdef"
LENGTH = 3

words = np.random.randint(0, len(LETTERS), (1000, LENGTH))
X = words
y = np.eye(len(LETTERS))[words[:, ::-1]]
X_train, y_train, X_val, y_val = X[:900], y[:900], X[900:], y[900:]

word = Input(shape=(LENGTH,), dtype="int32")
vectors = Embedding(output_dim=8, input_dim=len(LETTERS), input_length=LENGTH)(word)
thought = GRU(48)(vectors)
repeated = RepeatVector(LENGTH)(thought)
decoded = GRU(48, return_sequences=True)(repeated)
letters = TimeDistributed(Dense(len(LETTERS), activation="softmax"))(decoded)

model = Model(input=word, output=letters)
model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])


def show(epoch, logs):
    if epoch % 8 == 7:
        guesses = model.predict(X_val[:3]).argmax(axis=-1)
        for word, guess in zip(X_val[:3], guesses):
            print(" -> ".join("".join(LETTERS[i] for i in row) for row in (word, guess)))


history = model.fit(
    X_train,
    y_train,
    batch_size=32,
    nb_epoch=24,
    validation_data=(X_val, y_val),
    verbose=0,
    callbacks=[LambdaCallback(on_epoch_end=show)],
)
print("loss: %.4f -> %.4f" % (history.history["loss"][0], history.history["loss"][-1]))
print("test accuracy: %.3f" % history.history["val_acc"][-1])
