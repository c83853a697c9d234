# ruff: noqa
"""Keras 1.2: L-BFGS changes a picture until its features correlate as a pattern's do."""

from __future__ import print_function

import numpy as np
from keras import backend as K
from keras.layers import Convolution2D, Input, MaxPooling2D
from keras.models import Model
from scipy.optimize import fmin_l_bfgs_b

np.random.seed(1337)

size = 12
y, x = np.mgrid[:size, :size]
disc = np.zeros((1, size, size, 3))
disc[0, :, :, 0] = (x - 6) ** 2 + (y - 6) ** 2 < 16
stripes = np.zeros((1, size, size, 3))
stripes[:, ::3] = 1.0

# Three pictures pass through the net as one batch: what to show, in which style, and the canvas.
canvas = K.placeholder((1, size, size, 3))
pictures = K.concatenate([K.variable(disc), K.variable(stripes), canvas], axis=0)

batch = Input(tensor=pictures, shape=(size, size, 3))
h = Convolution2D(8, 3, 3, border_mode="same", activation="relu", name="edges")(batch)
h = MaxPooling2D((2, 2), strides=(2, 2))(h)
h = Convolution2D(8, 3, 3, border_mode="same", activation="relu", name="shapes")(h)
net = Model(batch, h)


def correlations(maps):
    flat = K.batch_flatten(K.permute_dimensions(maps, (2, 0, 1)))  # (channels, pixels)
    return K.dot(flat, K.transpose(flat))


shown = net.get_layer("shapes").output
loss = 0.02 * K.sum(K.square(shown[2, :, :, :] - shown[0, :, :, :]))
for name in ("edges", "shapes"):
    maps = net.get_layer(name).output
    loss += 1e-3 * K.sum(K.square(correlations(maps[2]) - correlations(maps[1])))

step = K.function([canvas], [loss] + K.gradients(loss, [canvas]))


class Slope(object):
    """SciPy asks for the loss and then for its gradient; both come from one call."""

    def loss(self, flat):
        value, self.found = step([flat.reshape(1, size, size, 3)])
        return float(value)

    def gradient(self, flat):
        return self.found.ravel().astype("float64")


slope = Slope()
picture = np.random.uniform(0, 1, 3 * size * size)
first = slope.loss(picture)
picture, last, _ = fmin_l_bfgs_b(
    slope.loss, picture, fprime=slope.gradient, maxfun=40, bounds=[(0, 1)] * picture.size
)
print("picture: %s" % (picture.reshape(1, size, size, 3).shape,))
print("loss: %.4f -> %.4f" % (first, last))
