# ruff: noqa
"""Keras 2.2: an LSTM that reads letters and writes the next ones, after every tenth epoch."""

import numpy as np
from keras.callbacks import LambdaCallback
from keras.layers import LSTM, Dense
from keras.models import Sequential
from keras.optimizers import RMSprop
from keras.utils import to_categorical

np.random.seed(1337)

text = "the horn is blown at dawn, and the herd goes home. " * 6
letters = sorted(set(text))
codes = np.array([letters.index(letter) for letter in text])
span = 6


def one_hot(codes):
    return to_categorical(codes, num_classes=len(letters))


x = np.stack([one_hot(codes[i : i + span]) for i in range(len(codes) - span)])
y = one_hot(codes[span:])

model = Sequential()
model.add(LSTM(32, input_shape=(span, len(letters)), dropout=0.1, implementation=2))
model.add(Dense(len(letters), activation="softmax"))
model.compile(loss="categorical_crossentropy", optimizer=RMSprop(lr=0.01), metrics=["acc"])


def choose(chances, temperature):
    sharper = chances.astype("float64") ** (1.0 / temperature)
    return np.random.multinomial(1, sharper / sharper.sum()).argmax()


def write(epoch, logs):
    if epoch % 10 < 9:
        return
    written = list(codes[:span])
    while len(written) < 36:
        chances = model.predict(one_hot(written[-span:])[None], verbose=0)[0]
        written.append(choose(chances, temperature=0.3))
    print("written: {}".format("".join(letters[i] for i in written)))


writer = LambdaCallback(on_epoch_end=write)
history = model.fit(x, y, batch_size=32, epochs=30, verbose=0, callbacks=[writer])

print("loss: {:.4f} -> {:.4f}".format(history.history["loss"][0], history.history["loss"][-1]))
print("next letter right: {:.3f}".format(model.evaluate(x, y, verbose=0)[1]))
