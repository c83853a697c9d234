"""EfficientNet: Tan and Le, Rethinking Model Scaling for Convolutional Neural Networks (2019)."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from cornu import layers
from cornu.applications.imagenet_utils import DEVIATION, decode_predictions
from cornu.applications.network import (
    Asked,
    Files,
    Published,
    Sizes,
    channel_axis,
    channels_first,
    channels_of,
    constructor,
    eighths,
    halving_pad,
)
from cornu.graph import Tensor
from cornu.initializers import VarianceScaling
from cornu.models import Model

__all__ = [
    "EfficientNetB0",
    "EfficientNetB1",
    "EfficientNetB2",
    "EfficientNetB3",
    "EfficientNetB4",
    "EfficientNetB5",
    "EfficientNetB6",
    "EfficientNetB7",
    "decode_predictions",
    "preprocess_input",
]

HOST = "https://storage.googleapis.com/keras-applications/"


class Group(NamedTuple):
    """Blocks of one kind, before width and depth are scaled."""

    kernel: int
    count: int
    filters: int
    expansion: int
    stride: int


GROUPS = (
    Group(3, 1, 16, 1, 1),
    Group(3, 2, 24, 6, 2),
    Group(5, 2, 40, 6, 2),
    Group(3, 3, 80, 6, 2),
    Group(5, 3, 112, 6, 1),
    Group(5, 4, 192, 6, 2),
    Group(3, 1, 320, 6, 1),
)


class Scale(NamedTuple):
    """What one of the eight is: width, depth, size of pictures, dropout, hashes of its weights."""

    width: float
    depth: float
    size: int
    dropout: float
    whole: str
    headless: str

    def filters(self, count: float) -> int:
        """So many filters at this width."""
        return eighths(self.width * count)


SCALES = {
    "b0": (1.0, 1.0, 224, 0.2),
    "b1": (1.0, 1.1, 240, 0.2),
    "b2": (1.1, 1.2, 260, 0.3),
    "b3": (1.2, 1.4, 300, 0.3),
    "b4": (1.4, 1.8, 380, 0.4),
    "b5": (1.6, 2.2, 456, 0.4),
    "b6": (1.8, 2.6, 528, 0.5),
    "b7": (2.0, 3.1, 600, 0.5),
}
HASHES = {
    "b0": ("902e53a9f72be733fc0bcb005b3ebbac", "50bc09e76180e00e4465e1a485ddc09d"),
    "b1": ("1d254153d4ab51201f1646940f018540", "74c4e6b3e1f6a1eea24c589628592432"),
    "b2": ("b15cce36ff4dcbd00b6dd88e7857a6ad", "111f8e2ac8aa800a7a99e3239f7bfb39"),
    "b3": ("ffd1fdc53d0ce67064dc6a9c7960ede0", "af6d107764bb5b1abb91932881670226"),
    "b4": ("18c95ad55216b8f92d7e70b3a046e2fc", "ebc24e6d6c33eaebbd558eafbeedf1ba"),
    "b5": ("ace28f2a6363774853a83a0b21b9421a", "38879255a25d3c92d5e44e04ae6cec6f"),
    "b6": ("165f6e37dce68623721b423839de8be5", "9ecce42647a20130c1f39a5d4cb75743"),
    "b7": ("8c03f828fec3ef71311cd463b6759d99", "cbcfe4450ddf6f3ad90b1b398090fe4a"),
}

DROPPED = 0.2
"""How often the last block is left out while training; earlier ones less."""


def efficientnet(asked: Asked, key: str) -> Model:
    """One of the eight."""
    scale = Scale(*SCALES[key], *HASHES[key])

    def body(x: Tensor) -> Tensor:
        x = _prepared(x, asked.pretrained)
        x = layers.ZeroPadding2D(halving_pad(x, 3), name="stem_conv_pad")(x)
        x = _conv(x, scale.filters(32), "stem_conv", kernel=3, strides=2, padding="valid")
        x = _active(_normalized(x, "stem_bn"), "stem_activation")
        x = _blocks(x, scale)
        x = _conv(x, scale.filters(1280), "top_conv")
        return _active(_normalized(x, "top_bn"), "top_activation")

    def top(x: Tensor) -> Tensor:
        x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
        x = layers.Dropout(scale.dropout, name="top_dropout")(x)
        return asked.dense(x, kernel_initializer=_scaled(1 / 3, "uniform"))

    start = f"{HOST}efficientnet{key}"
    files = Files(
        Published(f"{start}.h5", scale.whole), Published(f"{start}_notop.h5", scale.headless)
    )
    return asked.model(body, top, Sizes(scale.size), files, named_pooling=True)


def _prepared(x: Tensor, pretrained: bool) -> Tensor:
    """Pixels of 0 to 255, normalized by what the weights say."""
    x = layers.Rescaling(1 / 255)(x)
    x = layers.Normalization(axis=channel_axis())(x)
    if pretrained:
        # The published ones were trained on pixels divided by the variance of the channels, and
        # their files say the deviation: https://github.com/tensorflow/tensorflow/issues/49930
        scales: Any = [1 / math.sqrt(deviation) for deviation in DEVIATION]
        x = layers.Rescaling([[[s]] for s in scales] if channels_first() else scales)(x)
    return x


def _blocks(x: Tensor, scale: Scale) -> Tensor:
    counts = [math.ceil(scale.depth * group.count) for group in GROUPS]
    done, total = 0, sum(counts)
    for place, (group, count) in enumerate(zip(GROUPS, counts, strict=True), 1):
        filters = scale.filters(group.filters)
        for i in range(count):
            now = group._replace(filters=filters, stride=1 if i else group.stride)
            x = _block(x, now, DROPPED * done / total, f"block{place}{chr(ord('a') + i)}")
            done += 1
    return x


def _block(x: Tensor, group: Group, dropped: float, name: str) -> Tensor:
    """1x1 to more channels, a kernel on each, squeezed, 1x1 back, and what came in added."""
    start, channels = x, channels_of(x)
    if group.expansion > 1:
        x = _conv(x, channels * group.expansion, f"{name}_expand_conv")
        x = _active(_normalized(x, f"{name}_expand_bn"), f"{name}_expand_activation")
    if group.stride == 2:
        x = layers.ZeroPadding2D(halving_pad(x, group.kernel), name=f"{name}_dwconv_pad")(x)
    x = layers.DepthwiseConv2D(
        kernel_size=group.kernel,
        strides=group.stride,
        padding="same" if group.stride == 1 else "valid",
        use_bias=False,
        depthwise_initializer=_scaled(2.0, "truncated_normal"),
        name=f"{name}_dwconv",
    )(x)
    x = _active(_normalized(x, f"{name}_bn"), f"{name}_activation")
    x = _squeezed(x, max(1, channels // 4), f"{name}_se")
    x = _normalized(_conv(x, group.filters, f"{name}_project_conv"), f"{name}_project_bn")
    if group.stride > 1 or channels != group.filters:
        return x
    if dropped > 0:
        x = layers.Dropout(dropped, noise_shape=(None, 1, 1, 1), name=f"{name}_drop")(x)
    return layers.Add(name=f"{name}_add")([x, start])


def _squeezed(x: Tensor, few: int, name: str) -> Tensor:
    """Each channel times what two small layers make of the means of all channels."""
    channels = channels_of(x)
    share = layers.GlobalAveragePooling2D(name=f"{name}_squeeze")(x)
    shape = (channels, 1, 1) if channels_first() else (1, 1, channels)
    share = layers.Reshape(shape, name=f"{name}_reshape")(share)
    for filters, activation, step in ((few, "swish", "reduce"), (channels, "sigmoid", "expand")):
        options: Mapping[str, Any] = {"use_bias": True, "activation": activation}
        share = _conv(share, filters, f"{name}_{step}", **options)
    return layers.Multiply(name=f"{name}_excite")([x, share])


def _conv(x: Tensor, filters: int, name: str, kernel: int = 1, **options: Any) -> Tensor:
    options = {"padding": "same", "use_bias": False, **options}
    initializer = _scaled(2.0, "truncated_normal")
    return layers.Conv2D(
        filters=filters, kernel_size=kernel, kernel_initializer=initializer, name=name, **options
    )(x)


def _scaled(scale: float, distribution: str) -> VarianceScaling:
    return VarianceScaling(scale, "fan_out", distribution)


def _normalized(x: Tensor, name: str) -> Tensor:
    return layers.BatchNormalization(axis=channel_axis(), name=name)(x)


def _active(x: Tensor, name: str) -> Tensor:
    return layers.Activation("swish", name=name)(x)


EfficientNetB0 = constructor("EfficientNetB0", "efficientnetb0", efficientnet, "b0")
EfficientNetB1 = constructor("EfficientNetB1", "efficientnetb1", efficientnet, "b1")
EfficientNetB2 = constructor("EfficientNetB2", "efficientnetb2", efficientnet, "b2")
EfficientNetB3 = constructor("EfficientNetB3", "efficientnetb3", efficientnet, "b3")
EfficientNetB4 = constructor("EfficientNetB4", "efficientnetb4", efficientnet, "b4")
EfficientNetB5 = constructor("EfficientNetB5", "efficientnetb5", efficientnet, "b5")
EfficientNetB6 = constructor("EfficientNetB6", "efficientnetb6", efficientnet, "b6")
EfficientNetB7 = constructor("EfficientNetB7", "efficientnetb7", efficientnet, "b7")


def preprocess_input(x: Any, data_format: str | None = None) -> Any:
    """Pictures as EfficientNet takes them: as they are, for it rescales them itself."""
    return x
