# ruff: noqa
"""Keras 2.2: tell the four quadrants of the plane apart, with a network of dense layers."""

import numpy as np
from keras.callbacks import EarlyStopping, ReduceLROnPlateau
from keras.layers import Dense, Dropout
from keras.models import Sequential
from keras.optimizers import SGD
from keras.regularizers import l2
from keras.utils import to_categorical

np.random.seed(1337)

num_classes = 4
epochs = 20
batch_size = 32

x = np.random.uniform(-1, 1, (800, 2)).astype("float32")
y = 2 * (x[:, 0] > 0) + (x[:, 1] > 0)
x_train, x_test = x[:600], x[600:]
y_train = to_categorical(y[:600], num_classes)
y_test = to_categorical(y[600:], num_classes)

model = Sequential(
    [
        Dense(
            32,
            activation="tanh",
            kernel_initializer="he_normal",
            kernel_regularizer=l2(1e-4),
            input_shape=(2,),
        ),
        Dropout(0.1),
        Dense(num_classes, activation="softmax"),
    ]
)
model.summary()

sgd = SGD(lr=0.1, decay=1e-4, momentum=0.9, nesterov=True)
model.compile(loss="categorical_crossentropy", optimizer=sgd, metrics=["accuracy"])
history = model.fit(
    x_train,
    y_train,
    batch_size=batch_size,
    epochs=epochs,
    verbose=2,
    validation_split=0.1,
    callbacks=[
        EarlyStopping(monitor="val_loss", patience=5),
        ReduceLROnPlateau(factor=0.5, patience=3, verbose=0),
    ],
)
score = model.evaluate(x_test, y_test, verbose=0)
classes = model.predict_classes(x_test)

print("loss: {:.4f} -> {:.4f}".format(history.history["loss"][0], history.history["loss"][-1]))
print("validation accuracy: {:.3f}".format(history.history["val_acc"][-1]))
print("test score: {:.4f}".format(score[0]))
print("test accuracy: {:.3f}".format(score[1]))
print("classes right: {:.3f}".format(np.mean(classes == y[600:])))
