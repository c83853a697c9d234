"""VGG19: see `vgg16`."""

from cornu.applications.imagenet_utils import decode_predictions
from cornu.applications.network import constructor, kernels
from cornu.applications.vgg16 import preprocess_input, vgg

__all__ = ["VGG19", "decode_predictions", "preprocess_input"]

FILES = kernels(
    "vgg19/vgg19", "cbe5617147190e668d6c5d5026f83318", "253f8cb515780f3b799900260a226db6"
)

VGG19 = constructor("VGG19", "vgg19", vgg, (2, 2, 4, 4, 4), FILES)
