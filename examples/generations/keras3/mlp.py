"""Keras 3: tell the four quadrants of the plane apart, with a network of dense layers."""

import keras
import numpy as np
from keras import layers

keras.utils.set_random_seed(1337)

num_classes = 4
epochs = 20
batch_size = 32

x = np.random.uniform(-1, 1, (800, 2)).astype("float32")
y = 2 * (x[:, 0] > 0) + (x[:, 1] > 0)
x_train, y_train, x_test, y_test = x[:600], y[:600], x[600:], y[600:]

model = keras.Sequential(
    [
        keras.Input(shape=(2,)),
        layers.Dense(32, activation="tanh", kernel_regularizer=keras.regularizers.L2(1e-4)),
        layers.Dropout(0.1),
        layers.Dense(num_classes, activation="softmax"),
    ]
)
model.summary()

schedule = keras.optimizers.schedules.ExponentialDecay(0.1, decay_steps=200, decay_rate=0.8)
model.compile(
    optimizer=keras.optimizers.SGD(learning_rate=schedule, momentum=0.9, nesterov=True),
    loss=keras.losses.SparseCategoricalCrossentropy(),
    metrics=[keras.metrics.SparseCategoricalAccuracy(name="acc")],
)
history = model.fit(
    x_train,
    y_train,
    batch_size=batch_size,
    epochs=epochs,
    verbose=2,
    validation_split=0.1,
    callbacks=[
        keras.callbacks.EarlyStopping(
            monitor="val_loss", patience=5, start_from_epoch=5, restore_best_weights=True
        )
    ],
)
score = model.evaluate(x_test, y_test, verbose=0, return_dict=True)
classes = model.predict(x_test, verbose=0).argmax(axis=-1)

print(f"loss: {history.history['loss'][0]:.4f} -> {history.history['loss'][-1]:.4f}")
print(f"validation accuracy: {history.history['val_acc'][-1]:.3f}")
print(f"test score: {score['loss']:.4f}")
print(f"test accuracy: {score['acc']:.3f}")
print(f"classes right: {np.mean(classes == y_test):.3f}")
