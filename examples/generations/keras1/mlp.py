# ruff: noqa
"""Keras 1.2: tell the four quadrants of the plane apart, with a network of dense layers."""

from __future__ import print_function

import numpy as np
from keras.callbacks import EarlyStopping
from keras.layers import Activation, Dense, Dropout
from keras.models import Sequential
from keras.optimizers import SGD
from keras.regularizers import l2
from keras.utils import np_utils

np.random.seed(1337)  # for reproducibility

nb_classes = 4
nb_epoch = 20
batch_size = 32

X = np.random.uniform(-1, 1, (800, 2)).astype("float32")
y = 2 * (X[:, 0] > 0) + (X[:, 1] > 0)
X_train, X_test = X[:600], X[600:]
Y_train = np_utils.to_categorical(y[:600], nb_classes)
Y_test = np_utils.to_categorical(y[600:], nb_classes)

model = Sequential()
model.add(Dense(32, input_shape=(2,), init="he_normal", W_regularizer=l2(1e-4)))
model.add(Activation("tanh"))
model.add(Dropout(0.1))
model.add(Dense(nb_classes, activation="softmax"))
model.summary()

sgd = SGD(lr=0.1, decay=1e-4, momentum=0.9, nesterov=True)
model.compile(loss="categorical_crossentropy", optimizer=sgd, metrics=["accuracy"])
history = model.fit(
    X_train,
    Y_train,
    batch_size=batch_size,
    nb_epoch=nb_epoch,
    verbose=2,
    validation_split=0.1,
    callbacks=[EarlyStopping(monitor="val_loss", patience=5)],
)
score = model.evaluate(X_test, Y_test, verbose=0)
classes = model.predict_classes(X_test, verbose=0)

print("loss: %.4f -> %.4f" % (history.history["loss"][0], history.history["loss"][-1]))
print("validation accuracy: %.3f" % history.history["val_acc"][-1])
print("test score: %.4f" % score[0])
print("test accuracy: %.3f" % score[1])
print("classes right: %.3f" % np.mean(classes == y[600:]))
