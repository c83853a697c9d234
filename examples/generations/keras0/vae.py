# ruff: noqa
"""Keras 0.3: a variational autoencoder, which was a layer of one's own with a penalty on itself."""

from __future__ import print_function

import numpy as np
from keras import backend as K
from keras import initializations
from keras.layers.core import Dense, Layer
from keras.models import Sequential
from keras.optimizers import Adam
from keras.regularizers import Regularizer

np.random.seed(1337)


class GaussianKL(Regularizer):
    """The divergence of what a VariationalDense draws from, from a standard normal."""

    def __init__(self, weight):
        self.weight = weight

    def set_layer(self, layer):
        self.layer = layer

    def __call__(self, loss):
        mean, log_var = self.layer.moments(True)
        kl = -0.5 * K.sum(1 + log_var - K.square(mean) - K.exp(log_var), axis=-1)
        return loss + self.weight * K.mean(kl)

    def get_config(self):
        return {"name": self.__class__.__name__, "weight": self.weight}


class VariationalDense(Layer):
    """Draws from a normal distribution whose mean and variance depend on the input."""

    def __init__(self, output_dim, init="glorot_uniform", input_dim=None, **kwargs):
        self.init = initializations.get(init)
        self.output_dim = output_dim
        self.input_dim = input_dim
        if self.input_dim:
            kwargs["input_shape"] = (self.input_dim,)
        super(VariationalDense, self).__init__(**kwargs)

    def build(self):
        self.input_dim = self.input_shape[1]
        self.W_mean = self.init((self.input_dim, self.output_dim))
        self.b_mean = K.zeros((self.output_dim,))
        self.W_var = self.init((self.input_dim, self.output_dim))
        self.b_var = K.zeros((self.output_dim,))
        self.trainable_weights = [self.W_mean, self.b_mean, self.W_var, self.b_var]
        kl = GaussianKL(weight=1.0 / 16)
        kl.set_layer(self)
        self.regularizers = [kl]

    @property
    def output_shape(self):
        return (self.input_shape[0], self.output_dim)

    def moments(self, train):
        X = self.get_input(train)
        return K.dot(X, self.W_mean) + self.b_mean, K.dot(X, self.W_var) + self.b_var

    def get_output(self, train=False):
        mean, log_var = self.moments(train)
        if not train:
            return mean
        return mean + K.exp(log_var / 2) * K.random_normal((64, self.output_dim), std=1.0)


place = np.random.randint(0, 16, 640)  # bumps, each somewhere on a line of 16 pixels
X = np.exp(-0.5 * (np.arange(16) - place[:, None]) ** 2).astype("float32")

model = Sequential()
model.add(Dense(32, activation="relu", input_dim=16))
model.add(VariationalDense(2))
model.add(Dense(32, activation="relu"))
model.add(Dense(16, activation="sigmoid"))
model.compile(loss="binary_crossentropy", optimizer=Adam(lr=0.003))
hist = model.fit(X, X, batch_size=64, nb_epoch=60, verbose=0)

encode = K.function([model.layers[0].input], [model.layers[1].get_output(train=False)])
codes = encode([X])[0]
print("loss: %.4f -> %.4f" % (hist.history["loss"][0], hist.history["loss"][-1]))
print("codes: %s" % (codes.shape,))
print("error: %.4f" % np.abs(model.predict(X) - X).mean())
print("error of the mean picture: %.4f" % np.abs(X.mean(axis=0) - X).mean())
