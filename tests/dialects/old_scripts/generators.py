# ruff: noqa
# Generation 2.2: generators, and the names that logs had.
import numpy as np
from tensorflow.keras.layers import Dense, GRU
from tensorflow.keras.models import Sequential
from tensorflow import keras

keras.utils.set_random_seed(2)


def batches():
    rng = np.random.RandomState(1)
    while True:
        x = rng.rand(8, 3, 2)
        yield x, x.sum(axis=(1, 2)) > 3


model = Sequential([GRU(4, input_shape=(3, 2)), Dense(1, activation="sigmoid")])
model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
history = model.fit_generator(
    batches(),
    steps_per_epoch=4,  # 32 samples
    epochs=2,
    validation_data=batches(),
    validation_steps=2,
    max_queue_size=2,
    workers=1,
    verbose=0,
)
judged = model.evaluate_generator(batches(), steps=3)
results = [history.history["acc"], history.history["val_acc"], judged, *model.get_weights()]
