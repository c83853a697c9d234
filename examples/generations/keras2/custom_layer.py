# ruff: noqa
"""Keras 2.2: a layer of one's own: `build`, `call`, `compute_output_shape` and `get_config`."""

import os
import tempfile

import numpy as np
from keras import backend as K
from keras import initializers, regularizers
from keras.engine import InputSpec, Layer
from keras.layers import Dense
from keras.models import Sequential, load_model
from keras.optimizers import RMSprop

np.random.seed(1337)


class RBF(Layer):
    """How near the input is to each of some points, which are learned."""

    def __init__(self, units, kernel_initializer="uniform", kernel_regularizer=None, **kwargs):
        if "input_shape" not in kwargs and "input_dim" in kwargs:
            kwargs["input_shape"] = (kwargs.pop("input_dim"),)
        super(RBF, self).__init__(**kwargs)
        self.units = units
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.input_spec = InputSpec(min_ndim=2)

    def build(self, input_shape):
        assert len(input_shape) >= 2
        self.centers = self.add_weight(
            shape=(self.units, input_shape[-1]),
            initializer=self.kernel_initializer,
            name="centers",
            regularizer=self.kernel_regularizer,
        )
        self.widths = self.add_weight("widths", (self.units,), initializer="ones")
        super(RBF, self).build(input_shape)

    def call(self, inputs):
        difference = K.expand_dims(inputs, 1) - self.centers
        return K.exp(-self.widths * K.sum(K.square(difference), axis=-1))

    def compute_output_shape(self, input_shape):
        assert input_shape and len(input_shape) >= 2
        return (input_shape[0], self.units)

    def get_config(self):
        config = {
            "units": self.units,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
        }
        base_config = super(RBF, self).get_config()
        return dict(list(base_config.items()) + list(config.items()))


x = np.random.uniform(-1, 1, (800, 2))
y = (np.sum(x**2, axis=1) < 0.5).astype("float32")  # inside a circle, or not

model = Sequential()
model.add(
    RBF(
        8,
        kernel_initializer=initializers.RandomUniform(-1, 1),
        kernel_regularizer=regularizers.l2(1e-4),
        input_dim=2,
    )
)
model.add(Dense(1, activation="sigmoid"))
model.compile(RMSprop(lr=0.005), "binary_crossentropy", metrics=["accuracy"])
history = model.fit(x[:600], y[:600], batch_size=16, epochs=30, verbose=0)
accuracy = model.evaluate(x[600:], y[600:], verbose=0)[1]

path = os.path.join(tempfile.mkdtemp(), "rbf.h5")
model.save(path)
copy = load_model(path, custom_objects={"RBF": RBF})
print("weights:", [w.shape for w in model.layers[0].get_weights()])
print("loss: {:.4f} -> {:.4f}".format(history.history["loss"][0], history.history["loss"][-1]))
print("test accuracy: {:.3f}".format(accuracy))
print("the copy agrees: {}".format(np.allclose(model.predict(x), copy.predict(x))))
