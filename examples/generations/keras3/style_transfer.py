"""Keras 3: a picture is a layer's only weight, and is trained until its features correlate so.

There is no K.gradients any more; this way needs the gradient function of no backend.
"""

import keras
import numpy as np
from keras import layers, ops

keras.utils.set_random_seed(1337)

size = 12
y, x = np.mgrid[:size, :size]
disc = np.zeros((1, size, size, 3), dtype="float32")
disc[0, :, :, 0] = (x - 6) ** 2 + (y - 6) ** 2 < 16
stripes = np.zeros((1, size, size, 3), dtype="float32")
stripes[:, ::3] = 1.0

image_input = keras.Input(shape=(size, size, 3))
x = layers.Conv2D(8, 3, activation="relu", padding="same", name="edges")(image_input)
x = layers.MaxPooling2D(2)(x)
x = layers.Conv2D(8, 3, activation="relu", padding="same", name="shapes")(x)
net = keras.Model(image_input, x)
names = ["edges", "shapes"]
features = keras.Model(image_input, [net.get_layer(name).output for name in names])
features.trainable = False


def correlations(x):
    """(height, width, channels) -> how the channels correlate: (channels, channels)."""
    flat = ops.reshape(x, (-1, x.shape[-1]))
    return ops.matmul(ops.transpose(flat), flat)


class Picture(keras.Model):
    """What is learned is the picture."""

    def __init__(self, features, content, style, **kwargs):
        super().__init__(**kwargs)
        self.features = features
        self.content = features(content)[-1]
        self.style = [correlations(x[0]) for x in features(style)]
        self.picture = self.add_weight(
            name="picture",
            shape=content.shape,
            initializer=keras.initializers.RandomUniform(0, 1),
            constraint=lambda w: ops.clip(w, 0.0, 1.0),
        )

    def call(self, weight):
        found = self.features(self.picture)
        loss = 0.02 * ops.sum(ops.square(found[-1] - self.content))
        for x, correlated in zip(found, self.style, strict=True):
            loss = loss + ops.sum(ops.square(correlations(x[0]) - correlated)) / 1e3
        self.add_loss(loss)
        return weight * loss


model = Picture(features, disc, stripes)
model.compile(optimizer=keras.optimizers.Adam(learning_rate=0.03), loss=None)
history = model.fit(np.ones((1, 1)), epochs=80, verbose=0)

picture = ops.convert_to_numpy(model.picture)
print(f"picture: {picture.shape}")
print(f"loss: {history.history['loss'][0]:.4f} -> {history.history['loss'][-1]:.4f}")
