# ruff: noqa
"""Keras 1.2: a layer of one's own: `build`, `call` and `get_output_shape_for`."""

from __future__ import print_function

import os
import tempfile

import numpy as np
from keras import backend as K
from keras import initializations, regularizers
from keras.engine.topology import InputSpec, Layer
from keras.layers import Dense
from keras.models import Sequential, load_model
from keras.optimizers import RMSprop

np.random.seed(1337)


class RBF(Layer):
    """How near the input is to each of some points, which are learned."""

    def __init__(self, output_dim, init="uniform", W_regularizer=None, input_dim=None, **kwargs):
        self.output_dim = output_dim
        self.init = initializations.get(init)
        self.W_regularizer = regularizers.get(W_regularizer)
        self.input_spec = [InputSpec(ndim=2)]
        self.input_dim = input_dim
        if self.input_dim:
            kwargs["input_shape"] = (self.input_dim,)
        super(RBF, self).__init__(**kwargs)

    def build(self, input_shape):
        self.centers = self.add_weight(
            (self.output_dim, input_shape[1]),
            initializer=lambda shape, name=None: self.init(shape, scale=1.0, name=name),
            name="{}_centers".format(self.name),
            regularizer=self.W_regularizer,
        )
        self.widths = K.variable(np.ones(self.output_dim), name="{}_widths".format(self.name))
        self.trainable_weights = [self.centers, self.widths]
        super(RBF, self).build(input_shape)

    def call(self, x, mask=None):
        difference = K.expand_dims(x, 1) - self.centers
        return K.exp(-self.widths * K.sum(K.square(difference), axis=-1))

    def get_output_shape_for(self, input_shape):
        return (input_shape[0], self.output_dim)

    def get_config(self):
        config = {
            "output_dim": self.output_dim,
            "init": self.init.__name__,
            "W_regularizer": self.W_regularizer.get_config() if self.W_regularizer else None,
            "input_dim": self.input_dim,
        }
        base_config = super(RBF, self).get_config()
        return dict(list(base_config.items()) + list(config.items()))


X = np.random.uniform(-1, 1, (800, 2))
y = (np.sum(X**2, axis=1) < 0.5).astype("float32")  # inside a circle, or not

model = Sequential()
model.add(RBF(8, input_dim=2, W_regularizer=regularizers.l2(1e-4)))
model.add(Dense(1, activation="sigmoid"))
model.compile(RMSprop(lr=0.005), "binary_crossentropy", metrics=["accuracy"])
history = model.fit(X[:600], y[:600], batch_size=16, nb_epoch=30, verbose=0)
accuracy = model.evaluate(X[600:], y[600:], verbose=0)[1]

path = os.path.join(tempfile.mkdtemp(), "rbf.h5")
model.save(path)
copy = load_model(path, custom_objects={"RBF": RBF})
print("weights:", [w.name for w in model.layers[0].weights])
print("loss: %.4f -> %.4f" % (history.history["loss"][0], history.history["loss"][-1]))
print("test accuracy: %.3f" % accuracy)
print("the copy agrees: %s" % np.allclose(model.predict(X), copy.predict(X)))
