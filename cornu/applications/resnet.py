"""ResNet: He et al., Deep Residual Learning for Image Recognition (2015)."""

from collections.abc import Sequence
from typing import Any

from cornu import layers
from cornu.applications import imagenet_utils
from cornu.applications.imagenet_utils import decode_predictions
from cornu.applications.network import Asked, Files, Sizes, channel_axis, constructor, kernels
from cornu.graph import Tensor
from cornu.models import Model

__all__ = ["ResNet50", "ResNet101", "ResNet152", "decode_predictions", "preprocess_input"]

EPSILON = 1.001e-5
FILTERS = (64, 128, 256, 512)


def normalized(x: Tensor, name: str) -> Tensor:
    """Batch normalization, with the epsilon of all ResNets."""
    return layers.BatchNormalization(axis=channel_axis(), epsilon=EPSILON, name=name)(x)


def active(x: Tensor, name: str) -> Tensor:
    """ReLU."""
    return layers.Activation("relu", name=name)(x)


def resnet(asked: Asked, depths: Sequence[int], files: Files) -> Model:
    """A ResNet with so many blocks in each of its four stacks."""

    def body(x: Tensor) -> Tensor:
        x = layers.ZeroPadding2D(3, name="conv1_pad")(x)
        x = layers.Conv2D(filters=64, kernel_size=7, strides=2, name="conv1_conv")(x)
        x = active(normalized(x, "conv1_bn"), "conv1_relu")
        x = layers.ZeroPadding2D(1, name="pool1_pad")(x)
        x = layers.MaxPooling2D(3, strides=2, name="pool1_pool")(x)
        for stack, (filters, depth) in enumerate(zip(FILTERS, depths, strict=True), 2):
            for number in range(1, depth + 1):
                stride = 2 if number == 1 and stack > 2 else 1
                x = _block(x, filters, stride, number == 1, f"conv{stack}_block{number}")
        return x

    return asked.model(body, asked.averaged, Sizes(224), files, named_pooling=True)


def _block(x: Tensor, filters: int, stride: int, first: bool, name: str) -> Tensor:
    """A bottleneck: 1x1 to `filters`, 3x3, 1x1 to four times as many, and what came in added."""
    shortcut = x
    if first:
        shortcut = layers.Conv2D(
            filters=4 * filters, kernel_size=1, strides=stride, name=f"{name}_0_conv"
        )(x)
        shortcut = normalized(shortcut, f"{name}_0_bn")
    x = layers.Conv2D(filters=filters, kernel_size=1, strides=stride, name=f"{name}_1_conv")(x)
    x = active(normalized(x, f"{name}_1_bn"), f"{name}_1_relu")
    x = layers.Conv2D(filters=filters, kernel_size=3, padding="same", name=f"{name}_2_conv")(x)
    x = active(normalized(x, f"{name}_2_bn"), f"{name}_2_relu")
    x = layers.Conv2D(filters=4 * filters, kernel_size=1, name=f"{name}_3_conv")(x)
    x = normalized(x, f"{name}_3_bn")
    return active(layers.Add(name=f"{name}_add")([shortcut, x]), f"{name}_out")


FILES = {
    name: kernels(f"resnet/{name}", *hashes)
    for name, hashes in {
        "resnet50": ("2cb95161c43110f7111970584f804107", "4d473c1dd8becc155b73f8504c6f6626"),
        "resnet101": ("f1aeb4b969a6efcfb50fad2f0c20cfc5", "88cf7a10940856eca736dc7b7e228a21"),
        "resnet152": ("100835be76be38e30d865e96f2aaae62", "ee4c566cf9a93f14d82f913c2dc6dd0c"),
    }.items()
}

ResNet50 = constructor("ResNet50", "resnet50", resnet, (3, 4, 6, 3), FILES["resnet50"])
ResNet101 = constructor("ResNet101", "resnet101", resnet, (3, 4, 23, 3), FILES["resnet101"])
ResNet152 = constructor("ResNet152", "resnet152", resnet, (3, 8, 36, 3), FILES["resnet152"])


def preprocess_input(x: Any, data_format: str | None = None) -> Any:
    """Pictures as ResNet takes them: `imagenet_utils.preprocess_input(mode="caffe")`."""
    return imagenet_utils.preprocess_input(x, data_format, "caffe")
