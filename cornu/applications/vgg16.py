"""VGG: Simonyan and Zisserman, Very Deep Convolutional Networks (2015), with 16 layers or 19."""

from collections.abc import Sequence
from typing import Any

from cornu import layers
from cornu.applications import imagenet_utils
from cornu.applications.imagenet_utils import decode_predictions
from cornu.applications.network import Asked, Files, Sizes, constructor, kernels
from cornu.graph import Tensor
from cornu.models import Model

__all__ = ["VGG16", "decode_predictions", "preprocess_input"]

FILTERS = (64, 128, 256, 512, 512)


def vgg(asked: Asked, depths: Sequence[int], files: Files) -> Model:
    """A VGG with so many convolutions in each of its five blocks."""

    def body(x: Tensor) -> Tensor:
        for block, (filters, depth) in enumerate(zip(FILTERS, depths, strict=True), 1):
            for number in range(1, depth + 1):
                name = f"block{block}_conv{number}"
                x = layers.Conv2D(
                    filters=filters, kernel_size=3, padding="same", activation="relu", name=name
                )(x)
            x = layers.MaxPooling2D(2, strides=2, name=f"block{block}_pool")(x)
        return x

    def top(x: Tensor) -> Tensor:
        x = layers.Flatten(name="flatten")(x)
        for name in ("fc1", "fc2"):
            x = layers.Dense(units=4096, activation="relu", name=name)(x)
        return asked.dense(x)

    return asked.model(body, top, Sizes(224), files)


FILES = kernels(
    "vgg16/vgg16", "64373286793e3c8b2b4e3219cbf3544b", "6d6bbae143d832006294945121d1f1fc"
)

VGG16 = constructor("VGG16", "vgg16", vgg, (2, 2, 3, 3, 3), FILES)


def preprocess_input(x: Any, data_format: str | None = None) -> Any:
    """Pictures as VGG takes them: `imagenet_utils.preprocess_input(mode="caffe")`."""
    return imagenet_utils.preprocess_input(x, data_format, "caffe")
