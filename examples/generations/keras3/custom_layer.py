"""Keras 3: a layer of one's own: `build`, `call` on `keras.ops`, `get_config`, a .keras file."""

import os
import tempfile

import keras
import numpy as np
from keras import layers, ops

keras.utils.set_random_seed(1337)


@keras.saving.register_keras_serializable(package="examples")
class RBF(layers.Layer):
    """How near the input is to each of some points, which are learned."""

    def __init__(self, units, kernel_initializer="uniform", kernel_regularizer=None, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)

    def build(self, input_shape):
        self.centers = self.add_weight(
            shape=(self.units, input_shape[-1]),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            name="centers",
        )
        self.widths = self.add_weight(shape=(self.units,), initializer="ones", name="widths")

    def call(self, inputs):
        difference = ops.expand_dims(inputs, 1) - self.centers
        return ops.exp(-self.widths * ops.sum(ops.square(difference), axis=-1))

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
        }


x = np.random.uniform(-1, 1, (800, 2)).astype("float32")
y = (np.sum(x**2, axis=1) < 0.5).astype("float32")  # inside a circle, or not

model = keras.Sequential(
    [
        keras.Input(shape=(2,)),
        RBF(8, keras.initializers.RandomUniform(-1, 1), keras.regularizers.L2(1e-4)),
        layers.Dense(1, activation="sigmoid"),
    ]
)
model.compile(keras.optimizers.RMSprop(0.005), "binary_crossentropy", metrics=["accuracy"])
history = model.fit(x[:600], y[:600], batch_size=16, epochs=30, verbose=0)
accuracy = model.evaluate(x[600:], y[600:], verbose=0)[1]

path = os.path.join(tempfile.mkdtemp(), "rbf.keras")
model.save(path)
copy = keras.saving.load_model(path)
same = np.allclose(model.predict(x, verbose=0), copy.predict(x, verbose=0))
print("weights:", [w.path for w in model.layers[0].weights])
print(f"loss: {history.history['loss'][0]:.4f} -> {history.history['loss'][-1]:.4f}")
print(f"test accuracy: {accuracy:.3f}")
print("the copy agrees:", same)
