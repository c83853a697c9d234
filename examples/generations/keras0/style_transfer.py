# ruff: noqa
"""Keras 0.3: change a picture, not the weights, until its features correlate as a pattern's do."""

from __future__ import print_function

import numpy as np
from keras import backend as K
from keras.layers.convolutional import Convolution2D, MaxPooling2D, ZeroPadding2D
from keras.models import Sequential

np.random.seed(1337)

size = 12
y, x = np.mgrid[:size, :size]
disc = np.zeros((1, 3, size, size))
disc[0, 0] = (x - 6) ** 2 + (y - 6) ** 2 < 16
stripes = np.zeros((1, 3, size, size))
stripes[:, :, ::3] = 1.0

# Three pictures pass through the net as one batch: what to show, in which style, and the canvas.
canvas = K.placeholder((1, 3, size, size))
pictures = K.concatenate([K.variable(disc), K.variable(stripes), canvas], axis=0)

net = Sequential()
first = ZeroPadding2D((1, 1), input_shape=(3, size, size))
first.input = pictures
net.add(first)
net.add(Convolution2D(8, 3, 3, activation="relu", name="edges"))
net.add(MaxPooling2D((2, 2), strides=(2, 2)))
net.add(ZeroPadding2D((1, 1)))
net.add(Convolution2D(8, 3, 3, activation="relu", name="shapes"))
features = dict((layer.name, layer.get_output()) for layer in net.layers)


def correlations(maps):
    flat = K.batch_flatten(maps)  # (channels, pixels)
    return K.dot(flat, K.transpose(flat))


loss = K.variable(0.0)
shown, _, drawn = [features["shapes"][i, :, :, :] for i in range(3)]
loss += 0.02 * K.sum(K.square(drawn - shown))
for name in ("edges", "shapes"):
    _, style, drawn = [features[name][i, :, :, :] for i in range(3)]
    loss += 1e-3 * K.sum(K.square(correlations(drawn) - correlations(style)))

step = K.function([canvas], [loss] + K.gradients(loss, [canvas]))

picture = np.random.uniform(0, 1, (1, 3, size, size))
losses = []
for _ in range(61):
    value, slope = step([picture])
    losses.append(float(value))
    picture = np.clip(picture - 0.02 * slope / np.abs(slope).mean(), 0, 1)
print("picture: %s" % (picture.shape,))
print("loss: %.4f -> %.4f" % (losses[0], losses[-1]))
