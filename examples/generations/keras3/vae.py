"""Keras 3: a variational autoencoder, whose layer draws from a seed generator and adds a loss."""

import keras
import numpy as np
from keras import layers, ops

keras.utils.set_random_seed(1337)

pixels, code_size = 16, 2


class Draw(layers.Layer):
    """Draws from a normal distribution, and adds its divergence from a standard one to the loss."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seeds = keras.random.SeedGenerator(1337)

    def call(self, moments):
        mean, log_var = moments
        divergence = 0.5 * ops.sum(ops.square(mean) + ops.exp(log_var) - log_var - 1, axis=-1)
        self.add_loss(ops.mean(divergence) / pixels)
        return mean + keras.random.normal(ops.shape(mean), seed=self.seeds) * ops.exp(log_var / 2)


picture = keras.Input(shape=(pixels,))
hidden = layers.Dense(32, activation="relu")(picture)
mean = layers.Dense(code_size, name="mean")(hidden)
log_var = layers.Dense(code_size, name="log_var")(hidden)
encoder = keras.Model(picture, [mean, Draw()([mean, log_var])], name="encoder")
decoder = keras.Sequential(
    [
        keras.Input(shape=(code_size,)),
        layers.Dense(32, activation="relu"),
        layers.Dense(pixels, activation="sigmoid"),
    ],
    name="decoder",
)


class Autoencoder(keras.Model):
    """The encoder, then the decoder."""

    def __init__(self, encoder, decoder, **kwargs):
        super().__init__(**kwargs)
        self.encoder = encoder
        self.decoder = decoder

    def call(self, x):
        _, code = self.encoder(x)
        return self.decoder(code)


place = np.random.randint(0, pixels, 640)  # bumps, each somewhere on a line of 16 pixels
x = np.exp(-0.5 * (np.arange(pixels) - place[:, None]) ** 2).astype("float32")

model = Autoencoder(encoder, decoder)
model.compile(optimizer=keras.optimizers.Adam(0.003), loss="binary_crossentropy")
history = model.fit(x, x, epochs=60, batch_size=64, verbose=0)

codes, _ = encoder.predict(x, verbose=0)
print(f"loss: {history.history['loss'][0]:.4f} -> {history.history['loss'][-1]:.4f}")
print(f"codes: {codes.shape}")
print(f"error: {np.abs(decoder.predict(codes, verbose=0) - x).mean():.4f}")
print(f"error of the mean picture: {np.abs(x.mean(axis=0) - x).mean():.4f}")
