# ruff: noqa
"""Keras 1.2: rows, columns and diagonals in small pictures, which come from a generator."""

from __future__ import print_function

import numpy as np
from keras import backend as K
from keras.layers import Convolution2D, Dense, Dropout, Flatten, MaxPooling2D
from keras.models import Sequential
from keras.optimizers import Adam
from keras.utils.np_utils import to_categorical

np.random.seed(1337)

nb_classes = 3
img_rows, img_cols = 8, 8
kernel_size = (3, 3)


def pictures(n):
    """A bright row, column or diagonal in the noise."""
    X = np.random.normal(0, 0.2, (n, img_rows, img_cols)).astype("float32")
    y = np.random.randint(0, nb_classes, n)
    for i in range(n):
        place = np.random.randint(img_rows)
        if y[i] == 0:
            X[i, place] += 1
        elif y[i] == 1:
            X[i, :, place] += 1
        else:
            X[i] += np.roll(np.eye(img_rows), place, axis=1)
    if K.image_dim_ordering() == "th":
        return X.reshape(n, 1, img_rows, img_cols), to_categorical(y, nb_classes)
    return X.reshape(n, img_rows, img_cols, 1), to_categorical(y, nb_classes)


def batches(batch_size=32):
    while True:
        yield pictures(batch_size)


if K.image_dim_ordering() == "th":
    input_shape = (1, img_rows, img_cols)
else:
    input_shape = (img_rows, img_cols, 1)

model = Sequential()
model.add(
    Convolution2D(
        8,
        kernel_size[0],
        kernel_size[1],
        border_mode="same",
        activation="relu",
        input_shape=input_shape,
    )
)
model.add(Convolution2D(8, 3, 3, activation="relu", subsample=(1, 1)))
model.add(MaxPooling2D(pool_size=(2, 2)))
model.add(Dropout(0.25))
model.add(Flatten())
model.add(Dense(nb_classes, activation="softmax"))
model.compile(loss="categorical_crossentropy", optimizer=Adam(lr=0.01), metrics=["accuracy"])

history = model.fit_generator(
    batches(),
    samples_per_epoch=320,
    nb_epoch=8,
    verbose=0,
    validation_data=batches(),
    nb_val_samples=64,
    max_q_size=4,
)
X_test, Y_test = pictures(96)
loss, accuracy = model.evaluate(X_test, Y_test, verbose=0)

print("loss: %.4f -> %.4f" % (history.history["loss"][0], history.history["loss"][-1]))
print("validation accuracy: %.3f" % history.history["val_acc"][-1])
print("test accuracy: %.3f" % accuracy)
