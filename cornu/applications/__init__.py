"""Networks that are known by name, with weights that were trained on ImageNet.

Each is a function that makes a model, in a module that also has its `preprocess_input` and
`decode_predictions`. Modules are loaded when they are first used; weights are downloaded when
`weights="imagenet"` asks for them.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cornu.applications import (
        densenet,
        efficientnet,
        imagenet_utils,
        inception_resnet_v2,
        inception_v3,
        mobilenet,
        mobilenet_v2,
        mobilenet_v3,
        resnet,
        resnet50,
        resnet_v2,
        vgg16,
        vgg19,
        xception,
    )
    from cornu.applications.densenet import DenseNet121, DenseNet169, DenseNet201
    from cornu.applications.efficientnet import (
        EfficientNetB0,
        EfficientNetB1,
        EfficientNetB2,
        EfficientNetB3,
        EfficientNetB4,
        EfficientNetB5,
        EfficientNetB6,
        EfficientNetB7,
    )
    from cornu.applications.inception_resnet_v2 import InceptionResNetV2
    from cornu.applications.inception_v3 import InceptionV3
    from cornu.applications.mobilenet import MobileNet
    from cornu.applications.mobilenet_v2 import MobileNetV2
    from cornu.applications.mobilenet_v3 import MobileNetV3Large, MobileNetV3Small
    from cornu.applications.resnet import ResNet50, ResNet101, ResNet152
    from cornu.applications.resnet_v2 import ResNet50V2, ResNet101V2, ResNet152V2
    from cornu.applications.vgg16 import VGG16
    from cornu.applications.vgg19 import VGG19
    from cornu.applications.xception import Xception

HOMES = {
    "densenet": ("DenseNet121", "DenseNet169", "DenseNet201"),
    "efficientnet": (
        "EfficientNetB0",
        "EfficientNetB1",
        "EfficientNetB2",
        "EfficientNetB3",
        "EfficientNetB4",
        "EfficientNetB5",
        "EfficientNetB6",
        "EfficientNetB7",
    ),
    "inception_resnet_v2": ("InceptionResNetV2",),
    "inception_v3": ("InceptionV3",),
    "mobilenet": ("MobileNet",),
    "mobilenet_v2": ("MobileNetV2",),
    "mobilenet_v3": ("MobileNetV3Large", "MobileNetV3Small"),
    "resnet": ("ResNet101", "ResNet152", "ResNet50"),
    "resnet_v2": ("ResNet101V2", "ResNet152V2", "ResNet50V2"),
    "vgg16": ("VGG16",),
    "vgg19": ("VGG19",),
    "xception": ("Xception",),
}
"""Module -> the networks that it makes."""

__all__ = [
    "DenseNet121",
    "DenseNet169",
    "DenseNet201",
    "EfficientNetB0",
    "EfficientNetB1",
    "EfficientNetB2",
    "EfficientNetB3",
    "EfficientNetB4",
    "EfficientNetB5",
    "EfficientNetB6",
    "EfficientNetB7",
    "InceptionResNetV2",
    "InceptionV3",
    "MobileNet",
    "MobileNetV2",
    "MobileNetV3Large",
    "MobileNetV3Small",
    "ResNet101",
    "ResNet101V2",
    "ResNet152",
    "ResNet152V2",
    "ResNet50",
    "ResNet50V2",
    "VGG16",
    "VGG19",
    "Xception",
    "densenet",
    "efficientnet",
    "imagenet_utils",
    "inception_resnet_v2",
    "inception_v3",
    "mobilenet",
    "mobilenet_v2",
    "mobilenet_v3",
    "resnet",
    "resnet50",
    "resnet_v2",
    "vgg16",
    "vgg19",
    "xception",
]


def __getattr__(name: str) -> Any:
    for module, networks in HOMES.items():
        if name in networks:
            return getattr(importlib.import_module(f"cornu.applications.{module}"), name)
    if name in __all__:
        return importlib.import_module(f"cornu.applications.{name}")
    raise AttributeError(f"module 'cornu.applications' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
