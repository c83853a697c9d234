# ruff: noqa
"""Keras 0.3: a layer of one's own, by the protocol of its time: `build()`, `get_output(train)`."""

from __future__ import print_function

import numpy as np
from keras import backend as K
from keras import initializations
from keras.layers.core import Dense, Layer
from keras.models import Sequential, model_from_json
from keras.optimizers import RMSprop

np.random.seed(1337)


class RBF(Layer):
    """How near the input is to each of some points, which are learned."""

    input_ndim = 2

    def __init__(self, output_dim, init="uniform", input_dim=None, **kwargs):
        self.init = initializations.get(init)
        self.output_dim = output_dim
        self.input_dim = input_dim
        if self.input_dim:
            kwargs["input_shape"] = (self.input_dim,)
        super(RBF, self).__init__(**kwargs)

    def build(self):
        input_dim = self.input_shape[1]
        self.centers = self.init((self.output_dim, input_dim), scale=1.0)
        self.widths = K.variable(np.ones(self.output_dim))
        self.trainable_weights = [self.centers, self.widths]

    @property
    def output_shape(self):
        return (self.input_shape[0], self.output_dim)

    def get_output(self, train=False):
        X = self.get_input(train)
        difference = K.expand_dims(X, 1) - self.centers
        return K.exp(-self.widths * K.sum(K.square(difference), axis=-1))

    def get_config(self):
        config = {
            "name": self.__class__.__name__,
            "output_dim": self.output_dim,
            "init": self.init.__name__,
            "input_dim": self.input_dim,
        }
        base_config = super(RBF, self).get_config()
        return dict(list(base_config.items()) + list(config.items()))


X = np.random.uniform(-1, 1, (800, 2))
y = (np.sum(X**2, axis=1) < 0.5).astype("float32")  # inside a circle, or not

model = Sequential()
model.add(RBF(8, input_dim=2))
model.add(Dense(1, activation="sigmoid"))
model.compile(loss="binary_crossentropy", optimizer=RMSprop(lr=0.005), class_mode="binary")
hist = model.fit(X[:600], y[:600], batch_size=16, nb_epoch=30, verbose=0)
accuracy = model.evaluate(X[600:], y[600:], show_accuracy=True, verbose=0)[1]

copy = model_from_json(model.to_json(), custom_objects={"RBF": RBF})
copy.set_weights(model.get_weights())
print("weights:", [w.shape for w in model.layers[0].get_weights()])
print("loss: %.4f -> %.4f" % (hist.history["loss"][0], hist.history["loss"][-1]))
print("test accuracy: %.3f" % accuracy)
print("the copy agrees: %s" % np.allclose(model.predict(X), copy.predict(X)))
