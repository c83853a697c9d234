# ruff: noqa
"""Keras 2.2: change a picture until its features correlate as a pattern's do, by K.gradients."""

import numpy as np
from keras import backend as K
from keras.layers import Conv2D, Input, MaxPooling2D
from keras.models import Model

np.random.seed(1337)

size = 12
shape = (3, size, size) if K.image_data_format() == "channels_first" else (size, size, 3)
y, x = np.mgrid[:size, :size]
disc = ((x - 6) ** 2 + (y - 6) ** 2 < 16)[:, :, None] * np.array([1.0, 0.0, 0.0])
stripes = np.zeros((size, size, 3))
stripes[::3] = 1.0


def small_net(pictures):
    """A few convolutions, where others take a network that is trained."""
    batch = Input(tensor=pictures, shape=shape)
    h = Conv2D(8, (3, 3), padding="same", activation="relu", name="edges")(batch)
    h = MaxPooling2D((2, 2))(h)
    h = Conv2D(8, (3, 3), padding="same", activation="relu", name="shapes")(h)
    return Model(batch, h)


def correlations(maps):
    if K.image_data_format() == "channels_last":
        maps = K.permute_dimensions(maps, (2, 0, 1))
    flat = K.batch_flatten(maps)  # (channels, pixels)
    return K.dot(flat, K.transpose(flat))


def roughness(pictures):
    down = pictures[:, 1:, :-1, :] - pictures[:, :-1, :-1, :]
    right = pictures[:, :-1, 1:, :] - pictures[:, :-1, :-1, :]
    return K.sum(K.pow(K.square(down) + K.square(right), 1.25))


canvas = K.placeholder((1,) + shape)
given = [K.variable(one.reshape((1,) + shape)) for one in (disc, stripes)]
net = small_net(K.concatenate(given + [canvas], axis=0))
features = {layer.name: layer.output for layer in net.layers}

loss = 1e-4 * roughness(canvas)
loss = loss + 0.02 * K.sum(K.square(features["shapes"][2] - features["shapes"][0]))
for name in ("edges", "shapes"):
    difference = correlations(features[name][2]) - correlations(features[name][1])
    loss = loss + 1e-3 * K.sum(K.square(difference))
(slope,) = K.gradients(loss, [canvas])
step = K.function([canvas], [loss, slope])

picture = np.random.uniform(0, 1, K.int_shape(canvas))
losses = []
for _ in range(61):
    value, direction = step([picture])
    losses.append(float(value))
    picture = np.clip(picture - 0.02 * direction / np.abs(direction).mean(), 0, 1)
print("picture: {}".format(picture.shape))
print("loss: {:.4f} -> {:.4f}".format(losses[0], losses[-1]))
