"""MobileNet: Howard et al., Efficient Convolutional Neural Networks for Mobile Vision (2017)."""

import os
from collections.abc import Sequence
from typing import Any

from cornu import layers
from cornu.applications import imagenet_utils
from cornu.applications.imagenet_utils import decode_predictions
from cornu.applications.network import (
    HOST,
    Asked,
    Files,
    Published,
    Sizes,
    channel_axis,
    network_error,
)
from cornu.errors import shown
from cornu.graph import Tensor
from cornu.models import Model

__all__ = ["MobileNet", "decode_predictions", "preprocess_input"]

WIDTHS = {0.25: "2_5", 0.5: "5_0", 0.75: "7_5", 1.0: "1_0"}
"""Widths for which weights are published, and how their files spell them."""

TRAINED = (128, 160, 192, 224)
"""Sizes of pictures for which weights are published."""

BLOCKS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *((512, 1),) * 5)
BLOCKS = (*BLOCKS, (1024, 2), (1024, 1))
"""Filters and stride of each block."""


def MobileNet(
    input_shape: Sequence[int | None] | None = None,
    alpha: float = 1.0,
    depth_multiplier: int = 1,
    dropout: float = 0.001,
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = "imagenet",
    input_tensor: Tensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str | None = None,
) -> Model:
    """Make a MobileNet.

    Args:
        alpha: width: the filters of each layer, times this.
        depth_multiplier: outputs for each channel of a depthwise convolution.
        dropout: rate before the classifier.
        input_shape, include_top, weights, input_tensor, pooling, classes, classifier_activation,
            name: as `network.Constructor` says. Published weights are for a width of 0.25, 0.5,
            0.75 or 1, and squares of 128, 160, 192 or 224 pixels.

    Raises:
        UsageError: as `network.Constructor` says.
    """
    asked = Asked(
        include_top,
        weights,
        input_tensor,
        input_shape,
        pooling,
        classes,
        classifier_activation,
        name,
    )
    if asked.pretrained and (alpha not in WIDTHS or depth_multiplier != 1):
        raise network_error(
            f"weights='imagenet' has alpha {list(WIDTHS)} and depth_multiplier=1; got "
            f"alpha={shown(alpha)}, depth_multiplier={shown(depth_multiplier)}."
        )
    size, asked = asked.for_squares("mobilenet", alpha, TRAINED)

    def body(x: Tensor) -> Tensor:
        x = layers.Conv2D(
            filters=int(32 * alpha),
            kernel_size=3,
            strides=2,
            padding="same",
            use_bias=False,
            name="conv1",
        )(x)
        x = _active(x, "conv1")
        for number, (filters, stride) in enumerate(BLOCKS, 1):
            x = _block(x, int(filters * alpha), depth_multiplier, stride, number)
        return x

    def top(x: Tensor) -> Tensor:
        x = layers.GlobalAveragePooling2D(keepdims=True)(x)
        x = layers.Dropout(dropout, name="dropout")(x)
        x = layers.Conv2D(filters=asked.classes, kernel_size=1, padding="same", name="conv_preds")(
            x
        )
        x = layers.Reshape((asked.classes,), name="reshape_2")(x)
        return layers.Activation(asked.classifier_activation, name="predictions")(x)

    return asked.model(body, top, Sizes(size), _files(alpha, size))


def _block(x: Tensor, filters: int, multiplier: int, stride: int, number: int) -> Tensor:
    """A depthwise convolution and one of points, each normalized, then ReLU up to 6."""
    if stride == 2:
        # The same on both sides of odd sizes too: the published weights were trained so.
        x = layers.ZeroPadding2D(((0, 1), (0, 1)), name=f"conv_pad_{number}")(x)
    x = layers.DepthwiseConv2D(
        kernel_size=3,
        strides=stride,
        padding="same" if stride == 1 else "valid",
        depth_multiplier=multiplier,
        use_bias=False,
        name=f"conv_dw_{number}",
    )(x)
    x = _active(x, f"conv_dw_{number}")
    x = layers.Conv2D(
        filters=filters, kernel_size=1, padding="same", use_bias=False, name=f"conv_pw_{number}"
    )(x)
    return _active(x, f"conv_pw_{number}")


def _active(x: Tensor, name: str) -> Tensor:
    x = layers.BatchNormalization(axis=channel_axis(), name=f"{name}_bn")(x)
    return layers.ReLU(6.0, name=f"{name}_relu")(x)


def _files(alpha: float, size: int) -> Files:
    start = f"{HOST}mobilenet/mobilenet_{WIDTHS.get(alpha, alpha)}_{size}_tf"
    return Files(Published(f"{start}.h5"), Published(f"{start}_no_top.h5"))


def preprocess_input(x: Any, data_format: str | None = None) -> Any:
    """Pictures as MobileNet takes them: `imagenet_utils.preprocess_input(mode="tf")`."""
    return imagenet_utils.preprocess_input(x, data_format, "tf")
