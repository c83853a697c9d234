# ruff: noqa
"""Keras 2.2: a variational autoencoder of two models, with `add_loss` and no loss in `compile`."""

import numpy as np
from keras import backend as K
from keras.layers import Dense, Input, Lambda
from keras.losses import binary_crossentropy
from keras.models import Model
from keras.optimizers import Adam

np.random.seed(1337)

pixels, code_size = 16, 2


def draw(moments):
    mean, log_var = moments
    noise = K.random_normal(shape=(K.shape(mean)[0], K.int_shape(mean)[1]))
    return mean + noise * K.exp(log_var / 2)


picture = Input(shape=(pixels,), name="picture")
hidden = Dense(32, activation="relu")(picture)
mean = Dense(code_size, name="mean")(hidden)
log_var = Dense(code_size, name="log_var")(hidden)
code = Lambda(draw, output_shape=(code_size,), name="code")([mean, log_var])
encoder = Model(picture, [mean, code], name="encoder")

given = Input(shape=(code_size,))
hidden = Dense(32, activation="relu")(given)
decoder = Model(given, Dense(pixels, activation="sigmoid")(hidden), name="decoder")

rebuilt = decoder(encoder(picture)[1])
autoencoder = Model(picture, rebuilt, name="autoencoder")
divergence = 0.5 * K.sum(K.square(mean) + K.exp(log_var) - log_var - 1, axis=-1)
autoencoder.add_loss(K.mean(binary_crossentropy(picture, rebuilt) + divergence / pixels))
autoencoder.compile(optimizer=Adam(lr=0.003))

place = np.random.randint(0, pixels, 640)  # bumps, each somewhere on a line of 16 pixels
x = np.exp(-0.5 * (np.arange(pixels) - place[:, None]) ** 2).astype("float32")
history = autoencoder.fit(x, epochs=60, batch_size=64, validation_data=(x, None), verbose=0)

codes, _ = encoder.predict(x, batch_size=64)
print("loss: {:.4f} -> {:.4f}".format(history.history["loss"][0], history.history["loss"][-1]))
print("validation loss: {:.4f}".format(history.history["val_loss"][-1]))
print("codes: {}".format(codes.shape))
print("error: {:.4f}".format(np.abs(decoder.predict(codes) - x).mean()))
print("error of the mean picture: {:.4f}".format(np.abs(x.mean(axis=0) - x).mean()))
