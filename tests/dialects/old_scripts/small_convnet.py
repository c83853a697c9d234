# ruff: noqa
"""Generation 2.3: calls of Keras 1 in the years of Keras 2."""

from __future__ import print_function

import numpy as np
import keras
from keras import backend as K
from keras.layers.convolutional import Convolution2D, MaxPooling2D
from keras.layers import Dense, Flatten
from keras.models import Sequential
from keras.utils import set_random_seed

set_random_seed(7)
img_rows, img_cols = 8, 8
nb_filters = 4
kernel_size = (3, 3)
X = np.random.RandomState(0).rand(24, img_rows * img_cols).astype("float32")
Y = (X.mean(axis=1) > 0.5).astype("float32")

if K.image_dim_ordering() == "th":
    X = X.reshape(X.shape[0], 1, img_rows, img_cols)
    input_shape = (1, img_rows, img_cols)
else:
    X = X.reshape(X.shape[0], img_rows, img_cols, 1)
    input_shape = (img_rows, img_cols, 1)

model = Sequential()
model.add(
    Convolution2D(
        nb_filters,
        kernel_size[0],
        kernel_size[1],
        border_mode="same",  # as wide as before
        subsample=(2, 2),
        input_shape=input_shape,
        activation="relu",
    )
)
model.add(MaxPooling2D(pool_size=(2, 2), dim_ordering="tf"))
model.add(Flatten())
model.add(Dense(1, activation="sigmoid"))
model.compile("adadelta", "binary_crossentropy", metrics=["accuracy"])
model.fit(X, Y, batch_size=8, nb_epoch=2, verbose=0)
results = [model.predict_classes(X), model.evaluate(X, Y, verbose=0), *model.get_weights()]
