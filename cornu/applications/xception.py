"""Xception: Chollet, Deep Learning with Depthwise Separable Convolutions (2017)."""

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

__all__ = ["Xception", "decode_predictions", "preprocess_input"]

FILES = kernels(
    "xception/xception", "0a58e3b7378bc2990ea3b43d5981f1f6", "b0042744bf5b25fce3cb969f33bebb97"
)


def xception(asked: Asked) -> Model:
    """The network: three blocks in, eight that stay of a size, two out."""

    def body(x: Tensor) -> Tensor:
        for number, (filters, stride) in enumerate(((32, 2), (64, 1)), 1):
            name = f"block1_conv{number}"
            x = layers.Conv2D(
                filters=filters, kernel_size=3, strides=stride, use_bias=False, name=name
            )(x)
            x = _active(_normalized(x, f"{name}_bn"), f"{name}_act")
        for block, filters in enumerate((128, 256, 728), 2):
            x = _halved(x, (filters, filters), f"block{block}", begins_active=block > 2)
        for block in range(5, 13):
            x = _kept(x, f"block{block}")
        x = _halved(x, (728, 1024), "block13")
        for number, filters in enumerate((1536, 2048), 1):
            name = f"block14_sepconv{number}"
            x = _active(_separable(x, filters, name), f"{name}_act")
        return x

    return asked.model(body, asked.averaged, Sizes(299, 71), FILES)


def _halved(x: Tensor, filters: tuple[int, int], name: str, begins_active: bool = True) -> Tensor:
    """Two separable convolutions and pooling, and what came in added through a convolution."""
    shortcut = layers.Conv2D(
        filters=filters[1], kernel_size=1, strides=2, padding="same", use_bias=False
    )(x)
    shortcut = _normalized(shortcut)
    for number, width in enumerate(filters, 1):
        if number > 1 or begins_active:
            x = _active(x, f"{name}_sepconv{number}_act")
        x = _separable(x, width, f"{name}_sepconv{number}")
    x = layers.MaxPooling2D(3, strides=2, padding="same", name=f"{name}_pool")(x)
    return layers.Add()([x, shortcut])


def _kept(x: Tensor, name: str) -> Tensor:
    """Three separable convolutions, and what came in added."""
    shortcut = x
    for number in range(1, 4):
        x = _active(x, f"{name}_sepconv{number}_act")
        x = _separable(x, 728, f"{name}_sepconv{number}")
    return layers.Add()([x, shortcut])


def _separable(x: Tensor, filters: int, name: str) -> Tensor:
    x = layers.SeparableConv2D(
        filters=filters, kernel_size=3, padding="same", use_bias=False, name=name
    )(x)
    return _normalized(x, f"{name}_bn")


def _normalized(x: Tensor, name: str | None = None) -> Tensor:
    return layers.BatchNormalization(axis=channel_axis(), **named(name))(x)


def _active(x: Tensor, name: str) -> Tensor:
    return layers.Activation("relu", name=name)(x)


Xception = constructor("Xception", "xception", xception)


def preprocess_input(x: Any, data_format: str | None = None) -> Any:
    """Pictures as Xception takes them: `imagenet_utils.preprocess_input(mode="tf")`."""
    return imagenet_utils.preprocess_input(x, data_format, "tf")
