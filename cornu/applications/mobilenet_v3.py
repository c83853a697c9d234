"""MobileNet V3: Howard et al., Searching for MobileNetV3 (2019)."""

import os
from collections.abc import Callable, Sequence
from typing import Any

from cornu import layers
from cornu.applications.imagenet_utils import decode_predictions
from cornu.applications.network import (
    HOST,
    Asked,
    Files,
    Part,
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

__all__ = ["MobileNetV3Large", "MobileNetV3Small", "decode_predictions", "preprocess_input"]

# Expansion, filters, kernel, stride, whether it squeezes, whether hard swish (else ReLU).
SMALL = (
    (1, 16, 3, 2, True, False),
    (72 / 16, 24, 3, 2, False, False),
    (88 / 24, 24, 3, 1, False, False),
    (4, 40, 5, 2, True, True),
    *((6, 40, 5, 1, True, True),) * 2,
    *((3, 48, 5, 1, True, True),) * 2,
    (6, 96, 5, 2, True, True),
    *((6, 96, 5, 1, True, True),) * 2,
)
LARGE = (
    (1, 16, 3, 1, False, False),
    (4, 24, 3, 2, False, False),
    (3, 24, 3, 1, False, False),
    (3, 40, 5, 2, True, False),
    *((3, 40, 5, 1, True, False),) * 2,
    (6, 80, 3, 2, False, True),
    (2.5, 80, 3, 1, False, True),
    *((2.3, 80, 3, 1, False, True),) * 2,
    *((6, 112, 3, 1, True, True),) * 2,
    (6, 160, 5, 2, True, True),
    *((6, 160, 5, 1, True, True),) * 2,
)

HASHES = {
    "large_224_0.75": ("765b44a33ad4005b3ac83185abf1d0eb", "40af19a13ebea4e2ee0c676887f69a2e"),
    "large_224_1.0": ("59e551e166be033d707958cf9e29a6a7", "07fb09a5933dd0c8eaafa16978110389"),
    "large_minimalistic_224_1.0": (
        "675e7b876c45c57e9e63e6d90a36599c",
        "ec5221f64a2f6d1ef965a614bdae7973",
    ),
    "small_224_0.75": ("cb65d4e5be93758266aa0a7f2c6708b7", "ebdb5cc8e0b497cd13a7c275d475c819"),
    "small_224_1.0": ("8768d4c2e7dee89b9d02b2d03d65d862", "d3e8ec802a04aa4fc771ee12a9a9b836"),
    "small_minimalistic_224_1.0": (
        "99cd97fb2fcdad2bf028eb838de69e37",
        "cde8136e733e811080d9fcd8a252f7e4",
    ),
}
"""Kind, size and width -> the hashes of the weights with a classifier and without."""


def _constructor(function: str, kind: str, blocks: Sequence[tuple], point: int) -> Callable:
    def made(
        input_shape: Sequence[int | None] | None = None,
        alpha: float = 1.0,
        minimalistic: bool = False,
        include_top: bool = True,
        weights: str | os.PathLike[str] | None = "imagenet",
        input_tensor: Tensor | None = None,
        classes: int = 1000,
        pooling: str | None = None,
        dropout_rate: float = 0.2,
        classifier_activation: Any = "softmax",
        include_preprocessing: bool = True,
        name: str | None = function,
    ) -> Model:
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
        files = _files(asked, kind, alpha, minimalistic)
        body = _body(blocks, alpha, minimalistic, include_preprocessing)
        top = _top(asked, eighths(point * max(alpha, 1.0)), dropout_rate, minimalistic)
        return asked.model(body, top, Sizes(224), files, named_pooling=True)

    made.__name__ = made.__qualname__ = function
    made.__doc__ = f"""Make {function}.

    Args:
        alpha: width: the filters of each layer, times this.
        minimalistic: without what few devices are fast at: squeezing, hard swish, 5x5 kernels.
        dropout_rate: before the classifier.
        include_preprocessing: whether pixels come in 0 to 255; else from -1 to 1.
        input_shape, include_top, weights, input_tensor, classes, pooling, classifier_activation,
            name: as `network.Constructor` says. Published weights are for a width of 0.75 or 1,
            minimalistic ones of 1, and trained on 224 x 224 pixels.

    Raises:
        UsageError: as `network.Constructor` says.
    """
    return made


def _body(blocks: Sequence[tuple], alpha: float, minimalistic: bool, rescaled: bool) -> Part:
    def body(x: Tensor) -> Tensor:
        if rescaled:
            x = layers.Rescaling(1 / 127.5, -1.0)(x)
        x = layers.Conv2D(
            filters=16, kernel_size=3, strides=2, padding="same", use_bias=False, name="conv"
        )(x)
        x = _active(_normalized(x, "conv_bn"), not minimalistic)
        for number, (expansion, filters, kernel, stride, squeezes, swish) in enumerate(blocks):
            name = f"expanded_conv_{number}" if number else "expanded_conv"
            if minimalistic:
                kernel, squeezes, swish = 3, False, False
            step = kernel, stride
            x = _block(x, expansion, eighths(filters * alpha), step, squeezes, swish, name)
        width = eighths(6 * channels_of(x))
        x = layers.Conv2D(
            filters=width, kernel_size=1, padding="same", use_bias=False, name="conv_1"
        )(x)
        return _active(_normalized(x, "conv_1_bn"), not minimalistic)

    return body


def _top(asked: Asked, point: int, dropout: float, minimalistic: bool) -> Part:
    def top(x: Tensor) -> Tensor:
        x = layers.GlobalAveragePooling2D(keepdims=True)(x)
        x = _active(
            layers.Conv2D(filters=point, kernel_size=1, padding="same", name="conv_2")(x),
            not minimalistic,
        )
        if dropout > 0:
            x = layers.Dropout(dropout)(x)
        x = layers.Conv2D(filters=asked.classes, kernel_size=1, padding="same", name="logits")(x)
        x = layers.Flatten()(x)
        return layers.Activation(asked.classifier_activation, name="predictions")(x)

    return top


def _block(
    x: Tensor,
    expansion: float,
    filters: int,
    step: tuple[int, int],
    squeezes: bool,
    swish: bool,
    name: str,
) -> Tensor:
    """1x1 to more channels, a kernel on each, 1x1 to `filters`, and what came in added if it fits.

    `step` is the kernel and the stride.
    """
    start, channels, (kernel, stride) = x, channels_of(x), step
    width = channels
    if name != "expanded_conv":
        width = eighths(channels * expansion)
        x = layers.Conv2D(
            filters=width, kernel_size=1, padding="same", use_bias=False, name=f"{name}_expand"
        )(x)
        x = _active(_normalized(x, f"{name}_expand_bn"), swish)
    if stride == 2:
        x = layers.ZeroPadding2D(halving_pad(x, kernel), name=f"{name}_depthwise_pad")(x)
    padding = "same" if stride == 1 else "valid"
    x = layers.DepthwiseConv2D(
        kernel_size=kernel,
        strides=stride,
        padding=padding,
        use_bias=False,
        name=f"{name}_depthwise",
    )(x)
    x = _active(_normalized(x, f"{name}_depthwise_bn"), swish)
    if squeezes:
        x = _squeezed(x, width, f"{name}_squeeze_excite")
    x = layers.Conv2D(
        filters=filters, kernel_size=1, padding="same", use_bias=False, name=f"{name}_project"
    )(x)
    x = _normalized(x, f"{name}_project_bn")
    fits = stride == 1 and channels == filters
    return layers.Add(name=f"{name}_add")([start, x]) if fits else x


def _squeezed(x: Tensor, channels: int, name: str) -> Tensor:
    """Each channel times what two small layers make of the means of all channels."""
    share = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_avg_pool")(x)
    share = layers.Conv2D(
        filters=eighths(channels * 0.25), kernel_size=1, padding="same", name=f"{name}_conv"
    )(share)
    share = layers.ReLU(name=f"{name}_relu")(share)
    share = layers.Conv2D(filters=channels, kernel_size=1, padding="same", name=f"{name}_conv_1")(
        share
    )
    share = layers.ReLU(6.0)(share + 3.0) * (1 / 6)
    return layers.Multiply(name=f"{name}_mul")([x, share])


def _normalized(x: Tensor, name: str) -> Tensor:
    return layers.BatchNormalization(axis=channel_axis(), momentum=0.999, epsilon=1e-3, name=name)(
        x
    )


def _active(x: Tensor, swish: bool) -> Tensor:
    return layers.Activation("hard_swish")(x) if swish else layers.ReLU()(x)


def _files(asked: Asked, kind: str, alpha: float, minimalistic: bool) -> Files:
    """Where the weights are. Raises UsageError where none are published."""
    size, _ = asked.for_squares("mobilenet_v3", alpha, (224,))
    model = f"{kind}{'_minimalistic' if minimalistic else ''}_{size}_{float(alpha)}"
    if asked.pretrained and model not in HASHES:
        raise network_error(
            "weights='imagenet' has alpha 0.75 and 1.0, and 1.0 where minimalistic; got "
            f"alpha={shown(alpha)}, minimalistic={minimalistic}."
        )
    whole, headless = HASHES.get(model, (None, None))
    start = f"{HOST}mobilenet_v3/weights_mobilenet_v3_{model}_float"
    return Files(Published(f"{start}.h5", whole), Published(f"{start}_no_top_v2.h5", headless))


MobileNetV3Small = _constructor("MobileNetV3Small", "small", SMALL, 1024)
MobileNetV3Large = _constructor("MobileNetV3Large", "large", LARGE, 1280)


def preprocess_input(x: Any, data_format: str | None = None) -> Any:
    """Pictures as MobileNet V3 takes them: as they are, for it rescales them itself."""
    return x
