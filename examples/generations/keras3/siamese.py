"""Keras 3: do two points belong together? One model for both, and `keras.ops` for the gap."""

import keras
import numpy as np
from keras import layers, ops

keras.utils.set_random_seed(1337)


@keras.saving.register_keras_serializable()
class Gap(layers.Layer):
    """The Euclidean distance of two vectors."""

    def call(self, u, v):
        return ops.sqrt(ops.sum(ops.square(u - v), axis=1, keepdims=True) + 1e-7)


@keras.saving.register_keras_serializable()
class PullOrPush(keras.losses.Loss):
    """Pairs that belong together are pulled to each other; others are pushed off, to a margin."""

    def __init__(self, margin=1.0, name="pull_or_push", **kwargs):
        super().__init__(name=name, **kwargs)
        self.margin = margin

    def call(self, y_true, y_pred):
        apart = ops.square(ops.maximum(self.margin - y_pred, 0.0))
        return ops.mean(y_true * ops.square(y_pred) + (1 - y_true) * apart, axis=-1)


def pairs(n):
    """Points of rings; a pair belongs together if both lie on the same ring."""
    ring = np.random.randint(0, 2, (n, 2))
    angle = np.random.uniform(0, 2 * np.pi, (n, 2))
    radius = 0.5 + ring + np.random.normal(0, 0.1, (n, 2))
    points = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)
    together = (ring[:, :1] == ring[:, 1:]).astype("float32")
    return [points[:, 0], points[:, 1]], together


coder = keras.Sequential(
    [
        keras.Input(shape=(2,)),
        layers.Dense(32, activation="relu"),
        layers.Dense(32, activation="relu"),
        layers.Dense(4),
    ],
    name="coder",
)
left = keras.Input(shape=(2,), name="left")
right = keras.Input(shape=(2,), name="right")
model = keras.Model([left, right], Gap()(coder(left), coder(right)))
model.compile(optimizer=keras.optimizers.RMSprop(learning_rate=0.003), loss=PullOrPush())

x_train, y_train = pairs(800)
x_test, y_test = pairs(200)
history = model.fit(
    x_train, y_train, batch_size=32, epochs=15, validation_data=(x_test, y_test), verbose=0
)
gap = model.predict(x_test, verbose=0)
together = y_test == 1

print(f"loss: {history.history['loss'][0]:.4f} -> {history.history['loss'][-1]:.4f}")
print(f"gap of those together: {gap[together].mean():.3f}")
print(f"gap of those apart: {gap[~together].mean():.3f}")
print(f"test accuracy: {np.mean((gap < 0.5) == together):.3f}")
