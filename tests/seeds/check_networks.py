"""Checks of the sizes of `keras.applications`, without making a hundred million numbers."""

import keras
import numpy as np

from cornu import state
from seeds.checks import check

SIZES = {
    "004-110": ("Xception", 22_910_480),
    "004-111": ("VGG16", 138_357_544),
    "004-112": ("VGG19", 143_667_240),
    "004-113": ("ResNet50", 25_636_712),
    "004-114": ("InceptionV3", 23_851_784),
    "004-115": ("MobileNet", 4_253_864),
}
"""Item -> a model of `keras.applications`, and how many parameters it has."""


def empty(make, shape, dtype):
    return np.broadcast_to(np.zeros((), dtype), shape)


def counts(name: str, parameters: int):
    def counted():
        with state.within(initial=empty):
            model = getattr(keras.applications, name)(weights=None)
        assert model.count_params() == parameters

    return counted


for item, (name, parameters) in SIZES.items():
    check(item)(counts(name, parameters))
