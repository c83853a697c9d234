"""Keras 3: rows, columns and diagonals in small pictures, which come from a PyDataset."""

import keras
import numpy as np
from keras import layers

keras.utils.set_random_seed(1337)

num_classes = 3
img_rows, img_cols = 8, 8


def pictures(n):
    """A bright row, column or diagonal in the noise."""
    x = np.random.normal(0, 0.2, (n, img_rows, img_cols, 1)).astype("float32")
    y = np.random.randint(0, num_classes, n)
    for i in range(n):
        place = np.random.randint(img_rows)
        if y[i] == 0:
            x[i, place] += 1
        elif y[i] == 1:
            x[i, :, place] += 1
        else:
            x[i, :, :, 0] += np.roll(np.eye(img_rows), place, axis=1)
    return x, keras.utils.to_categorical(y, num_classes)


class Pictures(keras.utils.PyDataset):
    """Batches of pictures that are all in memory."""

    def __init__(self, x, y, batch_size, **kwargs):
        super().__init__(**kwargs)
        self.x, self.y, self.batch_size = x, y, batch_size

    def __len__(self):
        return len(self.x) // self.batch_size

    def __getitem__(self, index):
        rows = slice(index * self.batch_size, (index + 1) * self.batch_size)
        return self.x[rows], self.y[rows]


x_train, y_train = pictures(320)
x_test, y_test = pictures(96)

inputs = keras.Input(shape=(img_rows, img_cols, 1))
x = layers.Conv2D(8, 3, padding="same", activation="relu")(inputs)
x = layers.Conv2D(8, 3, use_bias=False)(x)
x = layers.BatchNormalization(momentum=0.9)(x)
x = layers.Activation("relu")(x)
x = layers.MaxPooling2D(2)(x)
x = layers.Dropout(0.25)(x)
x = layers.Flatten()(x)
outputs = layers.Dense(num_classes, activation="softmax")(x)
model = keras.Model(inputs, outputs)
model.compile(
    optimizer=keras.optimizers.AdamW(learning_rate=0.01),
    loss="categorical_crossentropy",
    metrics=["accuracy"],
)
history = model.fit(
    Pictures(x_train, y_train, 32, workers=1),
    epochs=8,
    validation_data=Pictures(x_test, y_test, 32),
    verbose=0,
)
loss, accuracy = model.evaluate(x_test, y_test, verbose=0)

print(f"loss: {history.history['loss'][0]:.4f} -> {history.history['loss'][-1]:.4f}")
print(f"validation accuracy: {history.history['val_accuracy'][-1]:.3f}")
print(f"test accuracy: {accuracy:.3f}")
