"""Layers of older generations for which no layer of today stands, under names of their own.

What a saved config or an old constructor asks for and today's layers cannot do. They are made by
the rows of `keras0` and `keras1`.
"""

from typing import Annotated, Any, ClassVar

import numpy as np

from cornu import activations, ops, state
from cornu.config import OneOf, Within, register_keras_serializable
from cornu.dialects.older import OlderClass
from cornu.layers import BatchNormalization, Dot, Embedding, Layer, UpSampling2D

__all__ = [
    "BatchMomentsNormalization",
    "CornerUpSampling2D",
    "Cosine",
    "MergedSteps",
    "SampleNormalization",
    "WordDropEmbedding",
    "activation_2",
    "hard_sigmoid_2",
]

HARD_SIGMOID = "dialects>hard_sigmoid_2"
"""What "hard_sigmoid" meant in every generation before 3, as a name of an activation."""


@register_keras_serializable("dialects")
def hard_sigmoid_2(x: Any) -> Any:
    """`min(max(0.2 x + 0.5, 0), 1)`: the hard sigmoid of every generation before 3.

    Source: Courbariaux, Bengio and David, "BinaryConnect", 2015, has another slope (0.5); that of
    0.2 is Theano's.
    """
    return ops.clip(x * 0.2 + 0.5, 0.0, 1.0)


def activation_2(identifier: Any) -> Any:
    """`activations.get`, for which "hard_sigmoid" is the one of every generation before 3."""
    return activations.get(HARD_SIGMOID if identifier == "hard_sigmoid" else identifier)


class Cosine(Dot):
    """`Dot(axes, normalize=True)` with an axis of size 1 put in after the batch axis.

    So the merge mode "cos" of Keras 1 gave it. Shapes: two of (batch, n) give (batch, 1, 1).
    """

    normalize: bool = True

    def call(self, inputs: Any) -> Any:
        return ops.expand_dims(super().call(inputs), 1)


class MergedSteps(Layer):
    """The sum, mean or product over time, the TimeDistributedMerge of Keras 0.

    Shapes: (batch, steps, ...) gives (batch, ...).

    Args:
        mode: "sum", "ave" or "mul".
    """

    mode: Annotated[str, OneOf("sum", "ave", "mul")] = "sum"

    def call(self, x: Any) -> Any:
        return {"sum": ops.sum, "ave": ops.mean, "mul": ops.prod}[self.mode](x, axis=1)


class SampleNormalization(OlderClass, BatchNormalization):
    """`(x - mean) / (deviation + epsilon) * gamma + beta` by each sample's own moments on `axis`.

    BatchNormalization with `mode=1` of Keras 0 and 1; deviation is `sqrt(variance + epsilon)`. It
    has the moving averages too, which nothing reads. Shapes: any, unchanged.
    """

    def call(self, x: Any, training: Any = None, mask: Any = None) -> Any:
        mean, variance = ops.moments(x, [self.axis % x.ndim], keepdims=True)
        deviation = ops.sqrt(variance + self.epsilon) + self.epsilon
        along = [-1 if a == self.axis % x.ndim else 1 for a in range(x.ndim)]
        y = (x - mean) / deviation
        y = y if self.gamma is None else y * ops.reshape(self.gamma, along)
        return y if self.beta is None else y + ops.reshape(self.beta, along)


class BatchMomentsNormalization(OlderClass, BatchNormalization):
    """BatchNormalization by the moments of the batch, in inference too.

    It had `mode=2` in Keras 1. Shapes: any, unchanged.
    """

    mixes_rows = True

    def call(self, x: Any, training: Any = None, mask: Any = None) -> Any:
        axis = self.axis % x.ndim
        along = [-1 if a == axis else 1 for a in range(x.ndim)]
        mean, variance = self._batch_moments(x, axis, mask)
        if training and self.trainable:
            self._follow(self.moving_mean, mean, self.momentum)
            self._follow(self.moving_variance, variance, self.momentum)
        return self.finish(x, ops.reshape(mean, along), ops.reshape(variance, along), along)


class WordDropEmbedding(OlderClass, Embedding):
    """Embedding that drops whole words in training: `Embedding(dropout=)` of Keras 1.

    Each row of the table is left out of a batch with probability `word_dropout`, wherever its word
    stands, and the others are divided by 1 - word_dropout. Shapes: as Embedding's.
    """

    word_dropout: Annotated[float, Within(0, 1)] = 0.0

    stands_for: ClassVar[type] = Embedding

    def call(self, x: Any, training: Any = None) -> Any:
        rows = super().call(x)
        if not training or not 0 < self.word_dropout < 1:
            return rows
        ones = ops.ones((self.input_dim, 1), rows.dtype)
        kept = ops.dropout(ones, self.word_dropout, None, state.draw_key(None))
        return rows * ops.take(kept, ops.cast(x, "int32"), axis=0)


class CornerUpSampling2D(OlderClass, UpSampling2D):
    """Bilinear UpSampling2D that counts from the upper left corner, as TensorFlow 1 did.

    Row i of the output is row i / size of the input; today it is (i + 1/2) / size - 1/2. Shapes: as
    UpSampling2D's.
    """

    def call(self, x: Any) -> Any:
        first = 2 if self.data_format == "channels_first" else 1
        for axis, factor in enumerate(self.size, first):
            x = _spread(x, axis, factor)
        return x


def _spread(x: Any, axis: int, factor: int) -> Any:
    """`x` with `factor` steps from each entry along `axis` to the next; the last one stays."""
    size = x.shape[axis]
    place = np.arange(size * factor) / factor
    low = np.floor(place).astype("int32")
    share = (place - low).reshape([-1 if a == axis else 1 for a in range(x.ndim)])
    share = ops.cast(ops.convert_to_tensor(share.astype("float32")), x.dtype)
    here = ops.take(x, low, axis=axis)
    after = ops.take(x, np.minimum(low + 1, size - 1), axis=axis)
    return here + (after - here) * share
