# ruff: noqa
"""Keras 0.3: rows, columns and diagonals in small pictures, with channels first as in Theano."""

from __future__ import print_function

import numpy as np
from keras.layers.convolutional import Convolution2D, MaxPooling2D
from keras.layers.core import Activation, Dense, Dropout, Flatten
from keras.models import Sequential
from keras.utils import np_utils

np.random.seed(1337)

nb_classes = 3
img_rows, img_cols = 8, 8
nb_filters = 8
nb_conv = 3
nb_pool = 2


def pictures(n):
    """A bright row, column or diagonal in the noise."""
    X = np.random.normal(0, 0.2, (n, 1, img_rows, img_cols)).astype("float32")
    y = np.random.randint(0, nb_classes, n)
    for i in range(n):
        place = np.random.randint(img_rows)
        if y[i] == 0:
            X[i, 0, place] += 1
        elif y[i] == 1:
            X[i, 0, :, place] += 1
        else:
            X[i, 0] += np.roll(np.eye(img_rows), place, axis=1)
    return X, y


X_train, y_train = pictures(320)
X_test, y_test = pictures(96)
Y_train = np_utils.to_categorical(y_train, nb_classes)
Y_test = np_utils.to_categorical(y_test, nb_classes)

model = Sequential()
model.add(
    Convolution2D(
        nb_filters, nb_conv, nb_conv, border_mode="same", input_shape=(1, img_rows, img_cols)
    )
)
model.add(Activation("relu"))
model.add(Convolution2D(nb_filters, nb_conv, nb_conv))
model.add(Activation("relu"))
model.add(MaxPooling2D(pool_size=(nb_pool, nb_pool)))
model.add(Dropout(0.25))
model.add(Flatten())
model.add(Dense(nb_classes))
model.add(Activation("softmax"))

print("features:", model.layers[6].output_shape, "filters:", model.get_weights()[0].shape)
model.compile(loss="categorical_crossentropy", optimizer="adadelta")
hist = model.fit(
    X_train,
    Y_train,
    batch_size=32,
    nb_epoch=8,
    show_accuracy=True,
    verbose=0,
    validation_data=(X_test, Y_test),
)
score, accuracy = model.evaluate(X_test, Y_test, show_accuracy=True, verbose=0)

print("loss: %.4f -> %.4f" % (hist.history["loss"][0], hist.history["loss"][-1]))
print("validation accuracy: %.3f" % hist.history["val_acc"][-1])
print("test accuracy: %.3f" % accuracy)
