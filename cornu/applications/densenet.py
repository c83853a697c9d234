"""DenseNet: Huang et al., Densely Connected Convolutional Networks (2017)."""

from collections.abc import Sequence
from typing import Any

from cornu import layers
from cornu.applications import imagenet_utils
from cornu.applications.imagenet_utils import decode_predictions
from cornu.applications.network import (
    Asked,
    Files,
    Sizes,
    channel_axis,
    channels_of,
    constructor,
    kernels,
)
from cornu.applications.resnet import active, normalized
from cornu.graph import Tensor
from cornu.models import Model

__all__ = ["DenseNet121", "DenseNet169", "DenseNet201", "decode_predictions", "preprocess_input"]

GROWTH = 32


def densenet(asked: Asked, depths: Sequence[int], files: Files) -> Model:
    """A DenseNet with so many layers in each of its four blocks."""

    def body(x: Tensor) -> Tensor:
        x = layers.ZeroPadding2D(3)(x)
        x = layers.Conv2D(filters=64, kernel_size=7, strides=2, use_bias=False, name="conv1_conv")(
            x
        )
        x = active(normalized(x, "conv1_bn"), "conv1_relu")
        x = layers.ZeroPadding2D(1)(x)
        x = layers.MaxPooling2D(3, strides=2, name="pool1")(x)
        for block, depth in enumerate(depths, 2):
            for number in range(1, depth + 1):
                x = _grown(x, f"conv{block}_block{number}")
            if block <= len(depths):
                x = _halved(x, f"pool{block}")
        return active(normalized(x, "bn"), "relu")

    return asked.model(body, asked.averaged, Sizes(224), files, named_pooling=True)


def _grown(x: Tensor, name: str) -> Tensor:
    """What came in, and `GROWTH` channels more."""
    new = active(normalized(x, f"{name}_0_bn"), f"{name}_0_relu")
    new = layers.Conv2D(filters=4 * GROWTH, kernel_size=1, use_bias=False, name=f"{name}_1_conv")(
        new
    )
    new = active(normalized(new, f"{name}_1_bn"), f"{name}_1_relu")
    new = layers.Conv2D(
        filters=GROWTH, kernel_size=3, padding="same", use_bias=False, name=f"{name}_2_conv"
    )(new)
    return layers.Concatenate(axis=channel_axis(), name=f"{name}_concat")([x, new])


def _halved(x: Tensor, name: str) -> Tensor:
    """Half the channels, and half of height and width."""
    x = active(normalized(x, f"{name}_bn"), f"{name}_relu")
    channels = channels_of(x) // 2
    x = layers.Conv2D(filters=channels, kernel_size=1, use_bias=False, name=f"{name}_conv")(x)
    return layers.AveragePooling2D(2, strides=2, name=f"{name}_pool")(x)


FILES = {
    name: kernels(f"densenet/{name}", *hashes)
    for name, hashes in {
        "densenet121": ("9d60b8095a5708f2dcce2bca79d332c7", "30ee3e1110167f948a6b9946edeeb738"),
        "densenet169": ("d699b8f76981ab1b30698df4c175e90b", "b8c4d4c20dd625c148057b9ff1c1176b"),
        "densenet201": ("1ceb130c1ea1b78c3bf6114dbdfd8807", "c13680b51ded0fb44dff2d8f86ac8bb1"),
    }.items()
}

DenseNet121 = constructor(
    "DenseNet121", "densenet121", densenet, (6, 12, 24, 16), FILES["densenet121"]
)
DenseNet169 = constructor(
    "DenseNet169", "densenet169", densenet, (6, 12, 32, 32), FILES["densenet169"]
)
DenseNet201 = constructor(
    "DenseNet201", "densenet201", densenet, (6, 12, 48, 32), FILES["densenet201"]
)


def preprocess_input(x: Any, data_format: str | None = None) -> Any:
    """Pictures as DenseNet takes them: `imagenet_utils.preprocess_input(mode="torch")`."""
    return imagenet_utils.preprocess_input(x, data_format, "torch")
