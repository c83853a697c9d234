# ruff: noqa
"""Keras 1.2: a variational autoencoder, whose loss closes over tensors of the graph."""

from __future__ import print_function

import numpy as np
from keras import backend as K
from keras import objectives
from keras.layers import Dense, Input, Lambda
from keras.models import Model
from keras.optimizers import Adam

np.random.seed(1337)

batch_size, pixels, code_size = 64, 16, 2

picture = Input(batch_shape=(batch_size, pixels))
hidden = Dense(32, activation="relu")(picture)
mean = Dense(code_size)(hidden)
log_var = Dense(code_size)(hidden)


def draw(moments):
    mean, log_var = moments
    noise = K.random_normal((batch_size, code_size), mean=0.0, std=1.0)
    return mean + noise * K.exp(0.5 * log_var)


code = Lambda(draw, output_shape=(code_size,))([mean, log_var])
decode_1 = Dense(32, activation="relu")
decode_2 = Dense(pixels, activation="sigmoid")
rebuilt = decode_2(decode_1(code))


def bound(x, x_rebuilt):
    divergence = 0.5 * K.sum(K.square(mean) + K.exp(log_var) - log_var - 1, axis=-1)
    return objectives.binary_crossentropy(x, x_rebuilt) + divergence / pixels


autoencoder = Model(picture, rebuilt)
autoencoder.compile(optimizer=Adam(lr=0.003), loss=bound)

place = np.random.randint(0, pixels, 640)  # bumps, each somewhere on a line of 16 pixels
X = np.exp(-0.5 * (np.arange(pixels) - place[:, None]) ** 2).astype("float32")
history = autoencoder.fit(X, X, nb_epoch=60, batch_size=batch_size, verbose=0)

encoder = Model(picture, mean)
codes = encoder.predict(X, batch_size=batch_size)
given = Input(shape=(code_size,))
decoder = Model(given, decode_2(decode_1(given)))

print("loss: %.4f -> %.4f" % (history.history["loss"][0], history.history["loss"][-1]))
print("codes: %s" % (codes.shape,))
print("error: %.4f" % np.abs(decoder.predict(codes) - X).mean())
print("error of the mean picture: %.4f" % np.abs(X.mean(axis=0) - X).mean())
