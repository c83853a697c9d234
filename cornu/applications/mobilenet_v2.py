"""MobileNet V2: Sandler et al., Inverted Residuals and Linear Bottlenecks (2018)."""

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
    channels_of,
    eighths,
    halving_pad,
    network_error,
)
from cornu.errors import shown
from cornu.graph import Tensor
from cornu.models import Model

__all__ = ["MobileNetV2", "decode_predictions", "preprocess_input"]

WIDTHS = (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)
"""Widths for which weights are published."""

TRAINED = (96, 128, 160, 192, 224)
"""Sizes of pictures for which weights are published."""

GROUPS = ((24, 2, 2), (32, 2, 3), (64, 2, 4), (96, 1, 3), (160, 2, 3), (320, 1, 1))
"""After the first block: filters, stride of the first block of a group, blocks in it."""

EXPANSION = 6


def MobileNetV2(
    input_shape: Sequence[int | None] | None = None,
    alpha: float = 1.0,
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = "imagenet",
    input_tensor: Tensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str | None = None,
) -> Model:
    """Make a MobileNet V2.

    Args:
        alpha: width: the filters of each layer, times this.
        input_shape, include_top, weights, input_tensor, pooling, classes, classifier_activation,
            name: as `network.Constructor` says. Published weights are for a width of 0.35, 0.5,
            0.75, 1, 1.3 or 1.4, and squares of 96, 128, 160, 192 or 224 pixels.

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
    if asked.pretrained and alpha not in WIDTHS:
        raise network_error(f"weights='imagenet' has alpha {list(WIDTHS)}; got {shown(alpha)}.")
    size, asked = asked.for_squares("mobilenetv2", alpha, TRAINED)

    def body(x: Tensor) -> Tensor:
        x = layers.Conv2D(
            filters=eighths(32 * alpha),
            kernel_size=3,
            strides=2,
            padding="same",
            use_bias=False,
            name="Conv1",
        )(x)
        x = layers.ReLU(6.0, name="Conv1_relu")(_normalized(x, "bn_Conv1"))
        x = _block(x, eighths(int(16 * alpha)), 1, 1, "expanded_conv")
        number = 0
        for filters, stride, count in GROUPS:
            for i in range(count):
                number += 1
                width, step = eighths(int(filters * alpha)), 1 if i else stride
                x = _block(x, width, step, EXPANSION, f"block_{number}")
        x = layers.Conv2D(
            filters=eighths(1280 * max(alpha, 1.0)), kernel_size=1, use_bias=False, name="Conv_1"
        )(x)
        return layers.ReLU(6.0, name="out_relu")(_normalized(x, "Conv_1_bn"))

    def top(x: Tensor) -> Tensor:
        return asked.dense(layers.GlobalAveragePooling2D()(x))

    return asked.model(body, top, Sizes(size), _files(alpha, size))


def _block(x: Tensor, filters: int, stride: int, expansion: int, name: str) -> Tensor:
    """1x1 to more channels, 3x3 on each, 1x1 to `filters`, and what came in added if it fits."""
    start, channels = x, channels_of(x)
    if expansion > 1:
        x = layers.Conv2D(
            filters=expansion * channels,
            kernel_size=1,
            padding="same",
            use_bias=False,
            name=f"{name}_expand",
        )(x)
        x = layers.ReLU(6.0, name=f"{name}_expand_relu")(_normalized(x, f"{name}_expand_BN"))
    if stride == 2:
        x = layers.ZeroPadding2D(halving_pad(x, 3), name=f"{name}_pad")(x)
    padding = "same" if stride == 1 else "valid"
    x = layers.DepthwiseConv2D(
        kernel_size=3, strides=stride, padding=padding, use_bias=False, name=f"{name}_depthwise"
    )(x)
    x = layers.ReLU(6.0, name=f"{name}_depthwise_relu")(_normalized(x, f"{name}_depthwise_BN"))
    x = layers.Conv2D(
        filters=filters, kernel_size=1, padding="same", use_bias=False, name=f"{name}_project"
    )(x)
    x = _normalized(x, f"{name}_project_BN")
    fits = stride == 1 and channels == filters
    return layers.Add(name=f"{name}_add")([start, x]) if fits else x


def _normalized(x: Tensor, name: str) -> Tensor:
    return layers.BatchNormalization(axis=channel_axis(), momentum=0.999, epsilon=1e-3, name=name)(
        x
    )


def _files(alpha: float, size: int) -> Files:
    start = f"{HOST}mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_"
    start += f"{float(alpha)}_{size}"
    return Files(Published(f"{start}.h5"), Published(f"{start}_no_top.h5"))


def preprocess_input(x: Any, data_format: str | None = None) -> Any:
    """Pictures as MobileNet V2 takes them: `imagenet_utils.preprocess_input(mode="tf")`."""
    return imagenet_utils.preprocess_input(x, data_format, "tf")
