"""Keras 3: two networks against each other, until one makes points as the data have them."""

import keras
import numpy as np
from keras import layers

keras.utils.set_random_seed(1337)

half = 64  # half a batch of the judge: so many real points, and so many made ones
centre = np.array([2.0, -1.0])


def real(n):
    return np.random.normal(centre, 0.5, (n, 2)).astype("float32")


def noise(n):
    return np.random.normal(size=(n, 4)).astype("float32")


maker = keras.Sequential(
    [keras.Input(shape=(4,)), layers.Dense(16, activation="tanh"), layers.Dense(2)], name="maker"
)
judge = keras.Sequential(
    [
        keras.Input(shape=(2,)),
        layers.Dense(32),
        layers.LeakyReLU(negative_slope=0.2),
        layers.Dropout(0.1),
        layers.Dense(1),
    ],
    name="judge",
)
loss = keras.losses.BinaryCrossentropy(from_logits=True)
judge.compile(keras.optimizers.Adam(0.005, beta_1=0.5), loss)

judge.trainable = False
seed = keras.Input(shape=(4,))
both = keras.Model(seed, judge(maker(seed)))
both.compile(keras.optimizers.Adam(0.005, beta_1=0.5), loss)

before = maker.predict(noise(500), verbose=0).mean(axis=0)
is_real = np.repeat([1.0, 0.0], half)[:, None]
for batch in range(400):
    points = np.concatenate([real(half), maker.predict_on_batch(noise(half))])
    judge.trainable = True
    judged = judge.train_on_batch(points, is_real)
    judge.trainable = False
    fooled = both.train_on_batch(noise(half), np.ones((half, 1)))
    if batch % 100 == 99:
        print(f"batch {batch + 1}: judge {float(judged):.3f}, maker {float(fooled):.3f}")

after = maker.predict(noise(500), verbose=0).mean(axis=0)
off = [np.linalg.norm(point - centre) for point in (before, after)]
print(f"off the centre: {off[0]:.3f} -> {off[1]:.3f}")
