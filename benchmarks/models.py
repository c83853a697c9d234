"""The networks that are trained, in the Keras 3 API: one description for Cornu and for Keras.

Each takes the library's module (`cornu`, `keras` or `tf_keras`) and gives a model that is not yet
compiled. `torch_models.py` has the same networks, by the same names, in plain PyTorch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Mlp:
    """Sizes of a perceptron with ReLU layers, softmax output, and dropout after hidden layers.

    `dropout` has one rate for each hidden layer, or is empty.
    """

    inputs: int
    hidden: tuple[int, ...]
    classes: int
    dropout: tuple[float, ...] = ()

    @property
    def layers(self) -> list[tuple[int, float]]:
        """Units and dropout rate of each hidden layer."""
        rates = self.dropout or (0.0,) * len(self.hidden)
        return list(zip(self.hidden, rates, strict=True))


SMALL_MLP = Mlp(20, (64, 64), 10)
VGG = ((32, 0.2), (64, 0.3), (128, 0.4))
CODES = (128, 64, 32, 64, 128)


def mlp(keras: Any, shape: Mlp) -> Any:
    """A perceptron."""
    model = keras.Sequential([keras.Input((shape.inputs,))])
    for units, rate in shape.layers:
        model.add(keras.layers.Dense(units, activation="relu"))
        if rate:
            model.add(keras.layers.Dropout(rate))
    model.add(keras.layers.Dense(shape.classes, activation="softmax"))
    return model


def mnist_cnn(keras: Any) -> Any:
    """The network of the MNIST tutorial: 1.2 million weights, 28x28 pictures."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Dropout(0.25),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
    )


def cifar_cnn(keras: Any) -> Any:
    """A network in the manner of VGG, with batch normalization, for 32x32 pictures."""
    layers = keras.layers
    model = keras.Sequential([keras.Input((32, 32, 3))])
    for filters, rate in VGG:
        for _ in range(2):
            model.add(layers.Conv2D(filters, 3, padding="same", activation="relu"))
            model.add(layers.BatchNormalization())
        model.add(layers.MaxPooling2D(2))
        model.add(layers.Dropout(rate))
    model.add(layers.Flatten())
    model.add(layers.Dense(128, activation="relu"))
    model.add(layers.BatchNormalization())
    model.add(layers.Dropout(0.5))
    model.add(layers.Dense(10, activation="softmax"))
    return model


def resnet20(keras: Any, blocks: int = 3) -> Any:
    """The residual network for CIFAR of He et al. 2015 (section 4.2); 20 layers with 3 blocks."""
    layers = keras.layers
    inputs = keras.Input((32, 32, 3))
    x = layers.Conv2D(16, 3, padding="same", use_bias=False)(inputs)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    for filters in (16, 32, 64):
        for block in range(blocks):
            strides = 2 if block == 0 and filters > 16 else 1
            x = _residual(layers, x, filters, strides)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(10, activation="softmax")(x))


def _residual(layers: Any, x: Any, filters: int, strides: int) -> Any:
    short = x
    if strides > 1:
        short = layers.Conv2D(filters, 1, strides=strides, use_bias=False)(x)
    x = layers.Conv2D(filters, 3, strides=strides, padding="same", use_bias=False)(x)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
    return layers.ReLU()(layers.Add()([layers.BatchNormalization()(x), short]))


def lstm_imdb(keras: Any, words: int, steps: int) -> Any:
    """Reviews as the Keras examples read them: embedding, LSTM, one yes or no."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((steps,), dtype="int32"),
            layers.Embedding(words, 128),
            layers.LSTM(128),
            layers.Dense(1, activation="sigmoid"),
        ]
    )


def gru_seq2seq(keras: Any, words: int, steps: int, units: int = 256) -> Any:
    """An encoder whose last state begins the decoder, which is shown the right words."""
    layers = keras.layers
    source = keras.Input((steps,), dtype="int32")
    target = keras.Input((steps,), dtype="int32")
    _, state = layers.GRU(units, return_state=True)(layers.Embedding(words, 128)(source))
    decoder = layers.GRU(units, return_sequences=True)
    x = decoder(layers.Embedding(words, 128)(target), initial_state=state)
    return keras.Model([source, target], layers.Dense(words, activation="softmax")(x))


def transformer(keras: Any, words: int, steps: int, depth: int = 4, width: int = 256) -> Any:
    """An encoder of `depth` layers (normalization first, 8 heads), its mean, two classes."""
    layers = keras.layers

    class Positions(layers.Layer):
        """Adds a learned vector for each place in the sequence."""

        def build(self, shape):
            self.table = self.add_weight(
                name="table", shape=(steps, width), initializer="random_normal"
            )

        def call(self, x):
            return x + self.table

    inputs = keras.Input((steps,), dtype="int32")
    x = Positions()(layers.Embedding(words, width)(inputs))
    for _ in range(depth):
        y = layers.LayerNormalization(epsilon=1e-5)(x)
        y = layers.MultiHeadAttention(8, width // 8)(y, y)
        x = layers.Add()([x, layers.Dropout(0.1)(y)])
        y = layers.LayerNormalization(epsilon=1e-5)(x)
        y = layers.Dense(4 * width, activation="gelu")(y)
        y = layers.Dense(width)(y)
        x = layers.Add()([x, layers.Dropout(0.1)(y)])
    x = layers.GlobalAveragePooling1D()(layers.LayerNormalization(epsilon=1e-5)(x))
    return keras.Model(inputs, layers.Dense(2, activation="softmax")(x))


def autoencoder(keras: Any) -> Any:
    """784 numbers through 32 and back, by dense layers."""
    model = keras.Sequential([keras.Input((784,))])
    for units in CODES:
        model.add(keras.layers.Dense(units, activation="relu"))
    model.add(keras.layers.Dense(784, activation="sigmoid"))
    return model


def conv_autoencoder(keras: Any) -> Any:
    """28x28 pictures through 7x7x8 and back, by convolutions, pooling and repetition."""
    layers = keras.layers
    model = keras.Sequential([keras.Input((28, 28, 1))])
    for filters in (16, 8):
        model.add(layers.Conv2D(filters, 3, padding="same", activation="relu"))
        model.add(layers.MaxPooling2D(2))
    for filters in (8, 16):
        model.add(layers.Conv2D(filters, 3, padding="same", activation="relu"))
        model.add(layers.UpSampling2D(2))
    model.add(layers.Conv2D(1, 3, padding="same", activation="sigmoid"))
    return model
