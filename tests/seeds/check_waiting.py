"""Checks of what is not there yet; `expected.WAITS_FOR` says of which items they fail."""

import os
from pathlib import Path

import keras
import numpy as np

from seeds.checks import check, folder

SIZES = {
    "004-110": ("Xception", 22_910_480),
    "004-111": ("VGG16", 138_357_544),
    "004-112": ("VGG19", 143_667_240),
    "004-113": ("ResNet50", 25_636_712),
    "004-114": ("InceptionV3", 23_851_784),
    "004-115": ("MobileNet", 4_253_864),
}
"""Item -> a model of `keras.applications`, and how many parameters it has."""


def counts(name: str, parameters: int):
    def counted():
        assert getattr(keras.applications, name)(weights=None).count_params() == parameters

    return counted


for item, (name, parameters) in SIZES.items():
    check(item)(counts(name, parameters))


@check("000-099")
def turned_pictures():
    x = np.arange(2 * 4 * 4, dtype="float32").reshape(2, 4, 4, 1)
    generator = keras.preprocessing.image.ImageDataGenerator
    flips = {
        "horizontal_flip": lambda picture: picture[:, ::-1],
        "vertical_flip": lambda picture: picture[::-1],
    }
    for argument, flip in flips.items():
        seen = set()
        for _ in range(16):
            found = next(generator(**{argument: True}).flow(x, batch_size=2, shuffle=False))
            for picture, given in zip(found, x, strict=True):
                assert np.array_equal(picture, given) or np.array_equal(picture, flip(given))
                seen.add(np.array_equal(picture, given))
        assert seen == {True, False}
    turned = next(generator(rotation_range=90).flow(x, batch_size=2, shuffle=False))
    assert turned.shape == x.shape and not np.array_equal(turned, x)


@check("001-014")
def where_downloads_go():
    with folder() as path:
        Path(path, "data.txt").write_text("here")
        found = keras.utils.get_file("data.txt", Path(path, "data.txt").as_uri())
        home = os.environ.get("KERAS_HOME") or os.path.expanduser("~/.keras")
        assert Path(found) == Path(home, "datasets", "data.txt")
        assert Path(found).read_text() == "here"
