"""Calls as people write them, for the type checker: `make types` reads them, nothing runs them."""

import numpy as np

import cornu as keras
from cornu import layers, optimizers
from cornu.callbacks import EarlyStopping, ModelCheckpoint

model = keras.Sequential(
    [
        keras.Input((8, 8, 1)),
        layers.Conv2D(16, 3, padding="same", activation="relu", kernel_initializer="he_normal"),
        layers.MaxPooling2D(2),
        layers.Flatten(),
        layers.Dense(10, activation="softmax", activity_regularizer="l2", name="digits"),
    ]
)
model.compile(optimizers.Adam(1e-3), loss="mse", metrics=["accuracy"])
history = model.fit(
    np.zeros((4, 8, 8, 1)),
    np.zeros((4, 10)),
    epochs=2,
    callbacks=[EarlyStopping("loss"), ModelCheckpoint("best.keras", save_best_only=True)],
    resume="run",
)
losses: list[float] = history.history["loss"]
hidden = layers.LSTM(4, return_sequences=True)(keras.Input((None, 3)))
keras.Model(keras.Input((3,)), layers.Dense(1)(hidden)).summary()
