"""ResNet V2: He et al., Identity Mappings in Deep Residual Networks (2016)."""

from collections.abc import Sequence
from typing import Any

from cornu import layers
from cornu.applications import imagenet_utils
from cornu.applications.imagenet_utils import decode_predictions
from cornu.applications.network import Asked, Files, Sizes, constructor, kernels
from cornu.applications.resnet import FILTERS, active, normalized
from cornu.graph import Tensor
from cornu.models import Model

__all__ = ["ResNet50V2", "ResNet101V2", "ResNet152V2", "decode_predictions", "preprocess_input"]


def resnet_v2(asked: Asked, depths: Sequence[int], files: Files) -> Model:
    """A ResNet V2 with so many blocks in each of its four stacks."""

    def body(x: Tensor) -> Tensor:
        x = layers.ZeroPadding2D(3, name="conv1_pad")(x)
        x = layers.Conv2D(filters=64, kernel_size=7, strides=2, name="conv1_conv")(x)
        x = layers.ZeroPadding2D(1, name="pool1_pad")(x)
        x = layers.MaxPooling2D(3, strides=2, name="pool1_pool")(x)
        for stack, (filters, depth) in enumerate(zip(FILTERS, depths, strict=True), 2):
            for number in range(1, depth + 1):
                stride = 2 if number == depth and stack < 5 else 1
                x = _block(x, filters, stride, number == 1, f"conv{stack}_block{number}")
        return active(normalized(x, "post_bn"), "post_relu")

    return asked.model(body, asked.averaged, Sizes(224), files, named_pooling=True)


def _block(x: Tensor, filters: int, stride: int, first: bool, name: str) -> Tensor:
    """A bottleneck whose normalizations and activations come before its convolutions."""
    shortcut = x
    x = active(normalized(x, f"{name}_preact_bn"), f"{name}_preact_relu")
    if first:
        shortcut = layers.Conv2D(
            filters=4 * filters, kernel_size=1, strides=stride, name=f"{name}_0_conv"
        )(x)
    elif stride > 1:
        shortcut = layers.MaxPooling2D(1, strides=stride)(shortcut)
    x = layers.Conv2D(filters=filters, kernel_size=1, use_bias=False, name=f"{name}_1_conv")(x)
    x = active(normalized(x, f"{name}_1_bn"), f"{name}_1_relu")
    x = layers.ZeroPadding2D(1, name=f"{name}_2_pad")(x)
    x = layers.Conv2D(
        filters=filters, kernel_size=3, strides=stride, use_bias=False, name=f"{name}_2_conv"
    )(x)
    x = active(normalized(x, f"{name}_2_bn"), f"{name}_2_relu")
    x = layers.Conv2D(filters=4 * filters, kernel_size=1, name=f"{name}_3_conv")(x)
    return layers.Add(name=f"{name}_out")([shortcut, x])


FILES = {
    name: kernels(f"resnet/{name}", *hashes)
    for name, hashes in {
        "resnet50v2": ("3ef43a0b657b3be2300d5770ece849e0", "fac2f116257151a9d068a22e544a4917"),
        "resnet101v2": ("6343647c601c52e1368623803854d971", "c0ed64b8031c3730f411d2eb4eea35b5"),
        "resnet152v2": ("a49b44d1979771252814e80f8ec446f9", "ed17cf2e0169df9d443503ef94b23b33"),
    }.items()
}

ResNet50V2 = constructor("ResNet50V2", "resnet50v2", resnet_v2, (3, 4, 6, 3), FILES["resnet50v2"])
ResNet101V2 = constructor(
    "ResNet101V2", "resnet101v2", resnet_v2, (3, 4, 23, 3), FILES["resnet101v2"]
)
ResNet152V2 = constructor(
    "ResNet152V2", "resnet152v2", resnet_v2, (3, 8, 36, 3), FILES["resnet152v2"]
)


def preprocess_input(x: Any, data_format: str | None = None) -> Any:
    """Pictures as ResNet V2 takes them: `imagenet_utils.preprocess_input(mode="tf")`."""
    return imagenet_utils.preprocess_input(x, data_format, "tf")
