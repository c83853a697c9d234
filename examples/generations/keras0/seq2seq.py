# ruff: noqa
"""Keras 0.3: read a word, then write it backwards: encoder, RepeatVector, decoder."""

from __future__ import print_function

import numpy as np
from keras.layers import recurrent
from keras.layers.core import Activation, RepeatVector, TimeDistributedDense
from keras.models import Sequential

np.random.seed(1337)

LETTERS = "abcdef"
LENGTH = 3
RNN = recurrent.LSTM

words = np.random.randint(0, len(LETTERS), (1000, LENGTH))
X = np.eye(len(LETTERS))[words]
y = X[:, ::-1]
X_train, y_train, X_val, y_val = X[:900], y[:900], X[900:], y[900:]

model = Sequential()
model.add(RNN(48, input_shape=(LENGTH, len(LETTERS))))
model.add(RepeatVector(LENGTH))
model.add(RNN(48, return_sequences=True))
model.add(TimeDistributedDense(len(LETTERS)))
model.add(Activation("softmax"))
model.compile(loss="categorical_crossentropy", optimizer="adam")

losses = []
for iteration in range(1, 4):
    hist = model.fit(
        X_train,
        y_train,
        batch_size=32,
        nb_epoch=10,
        validation_data=(X_val, y_val),
        show_accuracy=True,
        verbose=0,
    )
    losses += hist.history["loss"]
    preds = model.predict_classes(X_val[:3], verbose=0)
    for word, guess in zip(X_val[:3].argmax(axis=-1), preds):
        print("".join(LETTERS[i] for i in word), "->", "".join(LETTERS[i] for i in guess))

print("loss: %.4f -> %.4f" % (losses[0], losses[-1]))
print("test accuracy: %.3f" % hist.history["val_acc"][-1])
