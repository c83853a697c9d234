"""Inception V3: Szegedy et al., Rethinking the Inception Architecture (2016).

The convolutions have no names of their own: they are counted in the order in which they are made,
and the files of weights count on that order.
"""

from collections.abc import Sequence
from typing import Any

from cornu import layers
from cornu.applications import imagenet_utils
from cornu.applications.imagenet_utils import decode_predictions
from cornu.applications.network import (
    Asked,
    Sizes,
    channel_axis,
    constructor,
    kernels,
    named,
)
from cornu.graph import Tensor
from cornu.models import Model

__all__ = ["InceptionV3", "decode_predictions", "preprocess_input"]

FILES = kernels(
    "inception_v3/inception_v3",
    "9a0d58056eeedaa3f26cb7ebd46da564",
    "bcbd6486424b2319ff4ef7d526e38f63",
)

Kernel = int | tuple[int, int]


def conv(
    x: Tensor,
    filters: int,
    kernel: Kernel,
    stride: int = 1,
    padding: str = "same",
    name: str | None = None,
) -> Tensor:
    """Convolution without bias, batch normalization without scale, ReLU."""
    x = layers.Conv2D(
        filters=filters,
        kernel_size=kernel,
        strides=stride,
        padding=padding,
        use_bias=False,
        **named(name),
    )(x)
    x = layers.BatchNormalization(axis=channel_axis(), scale=False, **named(name, "_bn"))(x)
    return layers.Activation("relu", **named(name, "_ac"))(x)


def chain(x: Tensor, *steps: tuple[int, Kernel]) -> Tensor:
    """Convolutions of so many filters and such kernels, one after the other."""
    for filters, kernel in steps:
        x = conv(x, filters, kernel)
    return x


def joined(branches: Sequence[Tensor], name: str | None = None) -> Tensor:
    """Branches side by side, along the channels."""
    return layers.Concatenate(axis=channel_axis(), **named(name))(list(branches))


def pooled(x: Tensor, filters: int) -> Tensor:
    """A branch that averages."""
    return conv(layers.AveragePooling2D(3, strides=1, padding="same")(x), filters, 1)


def halved(x: Tensor) -> Tensor:
    """A branch that keeps the largest."""
    return layers.MaxPooling2D(3, strides=2)(x)


def stem(x: Tensor) -> Tensor:
    """How this network and Inception-ResNet V2 begin."""
    x = conv(x, 32, 3, 2, "valid")
    x = conv(x, 32, 3, 1, "valid")
    x = halved(conv(x, 64, 3))
    x = conv(x, 80, 1, 1, "valid")
    return halved(conv(x, 192, 3, 1, "valid"))


def inception_v3(asked: Asked) -> Model:
    """The network."""

    def body(x: Tensor) -> Tensor:
        x = stem(x)
        for number, width in enumerate((32, 64, 64)):
            branches = [chain(x, (64, 1)), chain(x, (48, 1), (64, 5))]
            branches += [chain(x, (64, 1), (96, 3), (96, 3)), pooled(x, width)]
            x = joined(branches, f"mixed{number}")
        branches = [conv(x, 384, 3, 2, "valid")]
        branches += [conv(chain(x, (64, 1), (96, 3)), 96, 3, 2, "valid"), halved(x)]
        x = joined(branches, "mixed3")
        for number, width in enumerate((128, 160, 160, 192), 4):
            x = _with_lines(x, width, f"mixed{number}")
        branches = [conv(chain(x, (192, 1)), 320, 3, 2, "valid")]
        lines = chain(x, (192, 1), (192, (1, 7)), (192, (7, 1)))
        x = joined([*branches, conv(lines, 192, 3, 2, "valid"), halved(x)], "mixed8")
        for number in range(2):
            x = _forked(x, number)
        return x

    return asked.model(body, asked.averaged, Sizes(299, 75), FILES)


def _with_lines(x: Tensor, width: int, name: str) -> Tensor:
    """A block with kernels of one row or column of seven."""
    row, column = (1, 7), (7, 1)
    branches = [
        chain(x, (192, 1)),
        chain(x, (width, 1), (width, row), (192, column)),
        chain(x, (width, 1), (width, column), (width, row), (width, column), (192, row)),
        pooled(x, 192),
    ]
    return joined(branches, name)


def _forked(x: Tensor, number: int) -> Tensor:
    """One of the last two blocks, with branches that fork."""
    alone = conv(x, 320, 1)
    short = conv(x, 384, 1)
    short = joined([conv(short, 384, (1, 3)), conv(short, 384, (3, 1))], f"mixed9_{number}")
    long = chain(x, (448, 1), (384, 3))
    long = joined([conv(long, 384, (1, 3)), conv(long, 384, (3, 1))])
    return joined([alone, short, long, pooled(x, 192)], f"mixed{9 + number}")


InceptionV3 = constructor("InceptionV3", "inception_v3", inception_v3)


def preprocess_input(x: Any, data_format: str | None = None) -> Any:
    """Pictures as Inception takes them: `imagenet_utils.preprocess_input(mode="tf")`."""
    return imagenet_utils.preprocess_input(x, data_format, "tf")
