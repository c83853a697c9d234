# ruff: noqa
"""Keras 0.3: tell the four quadrants of the plane apart, with a network of dense layers."""

from __future__ import print_function

import numpy as np
from keras.callbacks import EarlyStopping
from keras.layers.core import Activation, Dense, Dropout
from keras.models import Sequential
from keras.optimizers import SGD
from keras.utils import np_utils

np.random.seed(1337)

nb_classes = 4
nb_epoch = 20
batch_size = 32

X = np.random.uniform(-1, 1, (800, 2)).astype("float32")
y = 2 * (X[:, 0] > 0) + (X[:, 1] > 0)
X_train, y_train, X_test, y_test = X[:600], y[:600], X[600:], y[600:]
Y_train = np_utils.to_categorical(y_train, nb_classes)
Y_test = np_utils.to_categorical(y_test, nb_classes)

model = Sequential()
model.add(Dense(32, input_dim=2, init="uniform"))
model.add(Activation("tanh"))
model.add(Dropout(0.1))
model.add(Dense(nb_classes, init="uniform"))
model.add(Activation("softmax"))

sgd = SGD(lr=0.1, decay=1e-4, momentum=0.9, nesterov=True)
model.compile(loss="categorical_crossentropy", optimizer=sgd, class_mode="categorical")
hist = model.fit(
    X_train,
    Y_train,
    batch_size=batch_size,
    nb_epoch=nb_epoch,
    show_accuracy=True,
    verbose=2,
    validation_split=0.1,
    callbacks=[EarlyStopping(monitor="val_loss", patience=5)],
)
score = model.evaluate(X_test, Y_test, show_accuracy=True, verbose=0)
classes = model.predict_classes(X_test, batch_size=batch_size, verbose=0)

print("loss: %.4f -> %.4f" % (hist.history["loss"][0], hist.history["loss"][-1]))
print("test score: %.4f" % score[0])
print("test accuracy: %.3f" % score[1])
print("classes right: %.3f" % np.mean(classes == y_test))
