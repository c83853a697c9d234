# ruff: noqa
"""Keras 2.2: rows, columns and diagonals in small pictures, which come from a Sequence."""

import numpy as np
from keras import backend as K
from keras.layers import BatchNormalization, Conv2D, Dense, Dropout, Flatten, MaxPooling2D
from keras.models import Sequential
from keras.optimizers import Adam
from keras.utils import Sequence, to_categorical

np.random.seed(1337)

num_classes = 3
img_rows, img_cols = 8, 8


def pictures(n):
    """A bright row, column or diagonal in the noise."""
    x = np.random.normal(0, 0.2, (n, img_rows, img_cols)).astype("float32")
    y = np.random.randint(0, num_classes, n)
    for i in range(n):
        place = np.random.randint(img_rows)
        if y[i] == 0:
            x[i, place] += 1
        elif y[i] == 1:
            x[i, :, place] += 1
        else:
            x[i] += np.roll(np.eye(img_rows), place, axis=1)
    axis = 1 if K.image_data_format() == "channels_first" else -1
    return np.expand_dims(x, axis), to_categorical(y, num_classes)


class Pictures(Sequence):
    """Batches of pictures that are all in memory."""

    def __init__(self, x, y, batch_size):
        self.x, self.y, self.batch_size = x, y, batch_size

    def __len__(self):
        return len(self.x) // self.batch_size

    def __getitem__(self, idx):
        rows = slice(idx * self.batch_size, (idx + 1) * self.batch_size)
        return self.x[rows], self.y[rows]


x_train, y_train = pictures(320)
x_test, y_test = pictures(96)

model = Sequential()
model.add(Conv2D(8, (3, 3), padding="same", activation="relu", input_shape=x_train.shape[1:]))
model.add(Conv2D(8, kernel_size=3, activation="relu", use_bias=False))
model.add(BatchNormalization(momentum=0.9))
model.add(MaxPooling2D(pool_size=(2, 2)))
model.add(Dropout(0.25))
model.add(Flatten())
model.add(Dense(num_classes, activation="softmax"))
model.compile(Adam(lr=0.01), "categorical_crossentropy", metrics=["accuracy"])

history = model.fit_generator(
    Pictures(x_train, y_train, 32),
    epochs=8,
    verbose=0,
    validation_data=Pictures(x_test, y_test, 32),
    max_queue_size=4,
    workers=1,
)
loss, accuracy = model.evaluate_generator(Pictures(x_test, y_test, 32))

print("loss: {:.4f} -> {:.4f}".format(history.history["loss"][0], history.history["loss"][-1]))
print("validation accuracy: {:.3f}".format(history.history["val_acc"][-1]))
print("test accuracy: {:.3f}".format(accuracy))
