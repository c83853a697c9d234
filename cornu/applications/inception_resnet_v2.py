"""Inception-ResNet V2: Szegedy et al., Inception-v4, Inception-ResNet (2017)."""

from collections.abc import Sequence
from typing import Any

from cornu import layers
from cornu.applications.imagenet_utils import decode_predictions
from cornu.applications.inception_v3 import (
    Kernel,
    chain,
    conv,
    halved,
    joined,
    pooled,
    preprocess_input,
    stem,
)
from cornu.applications.network import (
    Asked,
    Sizes,
    channels_of,
    constructor,
    kernels,
)
from cornu.graph import Tensor
from cornu.models import Model

__all__ = ["CustomScaleLayer", "InceptionResNetV2", "decode_predictions", "preprocess_input"]

FILES = kernels(
    "inception_resnet_v2/inception_resnet_v2",
    "e693bd0210a403b3192acc6073ad2e96",
    "d19885ff4a710c122648d3b5c3b684e4",
)

Branches = Sequence[Sequence[tuple[int, Kernel]]]

ROW, COLUMN = (1, 7), (7, 1)
WIDE: Branches = (((32, 1),), ((32, 1), (32, 3)), ((32, 1), (48, 3), (64, 3)))
LINES: Branches = (((192, 1),), ((128, 1), (160, ROW), (192, COLUMN)))
LAST: Branches = (((192, 1),), ((192, 1), (224, (1, 3)), (256, (3, 1))))


class CustomScaleLayer(layers.Layer):
    """`first + scale * second`: a residual, made smaller.

    Args:
        scale: what the second input is multiplied with.
    """

    wire_module = "keras.src.applications.inception_resnet_v2"
    scale: float

    def call(self, inputs: Any) -> Any:
        """Add the two of the list `inputs`, of one shape."""
        first, second = inputs
        return first + self.scale * second


def inception_resnet_v2(asked: Asked) -> Model:
    """The network."""

    def body(x: Tensor) -> Tensor:
        x = stem(x)
        branches = [chain(x, (96, 1)), chain(x, (48, 1), (64, 5))]
        branches += [chain(x, (64, 1), (96, 3), (96, 3)), pooled(x, 64)]
        x = joined(branches, "mixed_5b")
        for number in range(1, 11):
            x = _block(x, WIDE, 0.17, f"block35_{number}")
        branches = [conv(x, 384, 3, 2, "valid")]
        branches += [conv(chain(x, (256, 1), (256, 3)), 384, 3, 2, "valid"), halved(x)]
        x = joined(branches, "mixed_6a")
        for number in range(1, 21):
            x = _block(x, LINES, 0.1, f"block17_{number}")
        branches = [conv(chain(x, (256, 1)), 384, 3, 2, "valid")]
        branches += [conv(chain(x, (256, 1)), 288, 3, 2, "valid")]
        branches += [conv(chain(x, (256, 1), (288, 3)), 320, 3, 2, "valid"), halved(x)]
        x = joined(branches, "mixed_7a")
        for number in range(1, 10):
            x = _block(x, LAST, 0.2, f"block8_{number}")
        x = _block(x, LAST, 1.0, "block8_10", active=False)
        return conv(x, 1536, 1, name="conv_7b")

    return asked.model(body, asked.averaged, Sizes(299, 75), FILES)


def _block(x: Tensor, branches: Branches, scale: float, name: str, active: bool = True) -> Tensor:
    """Branches, joined and added to what came in."""
    mixed = joined([chain(x, *steps) for steps in branches], f"{name}_mixed")
    channels = channels_of(x)
    mixed = layers.Conv2D(filters=channels, kernel_size=1, padding="same", name=f"{name}_conv")(
        mixed
    )
    x = CustomScaleLayer(scale)([x, mixed])
    return layers.Activation("relu", name=f"{name}_ac")(x) if active else x


InceptionResNetV2 = constructor("InceptionResNetV2", "inception_resnet_v2", inception_resnet_v2)
