"""Layers that prepare data: images, tables, text and sound. Loaded when one is first named."""

from cornu.layers.preprocessing.color import (
    RandomBrightness,
    RandomColorDegeneration,
    RandomColorJitter,
    RandomContrast,
    RandomGrayscale,
    RandomHue,
    RandomSaturation,
)
from cornu.layers.preprocessing.discretization import Discretization
from cornu.layers.preprocessing.encoding import CategoryEncoding
from cornu.layers.preprocessing.geometry import (
    RandomCrop,
    RandomElasticTransform,
    RandomFlip,
    RandomPerspective,
    RandomRotation,
    RandomShear,
    RandomTranslation,
    RandomZoom,
)
from cornu.layers.preprocessing.hashing import HashedCrossing, Hashing
from cornu.layers.preprocessing.lookup import IntegerLookup, StringLookup
from cornu.layers.preprocessing.mixing import CutMix, MaxNumBoundingBoxes, MixUp, RandomErasing
from cornu.layers.preprocessing.normalization import Normalization
from cornu.layers.preprocessing.photometry import (
    AutoContrast,
    ContrastLimitedAdaptiveHistogramEqualization,
    Equalization,
    RandomGaussianBlur,
    RandomInvert,
    RandomPosterization,
    RandomSharpness,
    Solarization,
)
from cornu.layers.preprocessing.pipeline import Pipeline
from cornu.layers.preprocessing.policies import AugMix, RandAugment
from cornu.layers.preprocessing.resizing import CenterCrop, Rescaling, Resizing
from cornu.layers.preprocessing.spectrograms import MelSpectrogram, STFTSpectrogram
from cornu.layers.preprocessing.text import TextVectorization

__all__ = [
    "AugMix",
    "AutoContrast",
    "CategoryEncoding",
    "CenterCrop",
    "ContrastLimitedAdaptiveHistogramEqualization",
    "CutMix",
    "Discretization",
    "Equalization",
    "HashedCrossing",
    "Hashing",
    "IntegerLookup",
    "MaxNumBoundingBoxes",
    "MelSpectrogram",
    "MixUp",
    "Normalization",
    "Pipeline",
    "RandAugment",
    "RandomBrightness",
    "RandomColorDegeneration",
    "RandomColorJitter",
    "RandomContrast",
    "RandomCrop",
    "RandomElasticTransform",
    "RandomErasing",
    "RandomFlip",
    "RandomGaussianBlur",
    "RandomGrayscale",
    "RandomHue",
    "RandomInvert",
    "RandomPerspective",
    "RandomPosterization",
    "RandomRotation",
    "RandomSaturation",
    "RandomSharpness",
    "RandomShear",
    "RandomTranslation",
    "RandomZoom",
    "Rescaling",
    "Resizing",
    "STFTSpectrogram",
    "Solarization",
    "StringLookup",
    "TextVectorization",
]
