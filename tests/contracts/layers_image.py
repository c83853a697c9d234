"""Rows of layers that resize, crop and move images, with settings that leave nothing to chance.

What is drawn is in `tests/layers/test_image_layers.py`.
"""

import math
from typing import Any

import numpy as np

from contracts.image_reference import read, resized
from contracts.layers_row import FIRST, Row
from contracts.ops_table import between

X = between(-2, 2, 2, 5, 6, 3)
ANY_SIZE = {0: (0, 1, 2)}
SOME = (2, 4, 5, 1)


def rescaled(x: Any, w: Any = None, scale: Any = 1, offset: Any = 0) -> Any:
    return x * np.asarray(scale) + np.asarray(offset)


def resizing(x: Any, w: Any = None, height: int = 0, width: int = 0, **how: Any) -> Any:
    return resized(x, (height, width), **how)


def middle(x: Any, w: Any = None, height: int = 0, width: int = 0) -> Any:
    top, left = (x.shape[1] - height) // 2, (x.shape[2] - width) // 2
    if top >= 0 and left >= 0:
        return x[:, top : top + height, left : left + width]
    return resized(x, (height, width), crop_to_aspect_ratio=True)


def enlarged(x: Any, w: Any = None, size: Any = 2, **how: Any) -> Any:
    down, across = (size, size) if isinstance(size, int) else size
    first = how.get("data_format") == "channels_first"
    height, width = x.shape[2:] if first else x.shape[1:3]
    return resized(x, (height * down, width * across), **how)


def moved(x: Any, matrix: Any, how: dict) -> Any:
    first = how.pop("data_format", "") == "channels_first"
    y = read(np.moveaxis(x, 1, -1) if first else x, matrix, **how)
    return np.moveaxis(y, -1, 1) if first else y


def rotated(x: Any, w: Any = None, factor: Any = (), **how: Any) -> Any:
    """Turned around ((width - 1) / 2, (height - 1) / 2)."""
    height, width = x.shape[2:] if "data_format" in how else x.shape[1:3]
    angle, cx, cy = factor[0] * 2 * math.pi, (width - 1) / 2, (height - 1) / 2
    c, s = math.cos(angle), math.sin(angle)
    matrix = [c, -s, cx - c * cx + s * cy, s, c, cy - s * cx - c * cy, 0, 0]
    return moved(x, np.array(matrix), {"fill_mode": "reflect", **how})


def translated(
    x: Any, w: Any = None, height_factor: Any = (), width_factor: Any = (), **how
) -> Any:
    down, across = height_factor[0] * x.shape[1], width_factor[0] * x.shape[2]
    matrix = np.array([1, 0, -across, 0, 1, -down, 0, 0])
    return moved(x, matrix, {"fill_mode": "reflect", **how})


def zoomed(x: Any, w: Any = None, height_factor: Any = (), width_factor: Any = (), **how) -> Any:
    down, across = 1 + height_factor[0], 1 + (width_factor or height_factor)[0]
    cy, cx = (x.shape[1] - 1) / 2, (x.shape[2] - 1) / 2
    matrix = np.array([across, 0, cx - cx * across, 0, down, cy - cy * down, 0, 0])
    return moved(x, matrix, {"fill_mode": "reflect", **how})


def as_it_is(x: Any, w: Any = None, **_: Any) -> Any:
    return x


TENTH, FIFTH = (0.1, 0.1), (-0.2, -0.2)

ROWS = [
    Row("Rescaling", (X,), rescaled, {"scale": 0.5, "offset": 0.25}, None, ANY_SIZE, mask="passes"),
    Row("Rescaling", (X,), rescaled, {"scale": [0.5, 2.0, 3.0], "offset": [1.0, 2.0, 3.0]}),
    Row("Resizing", (X,), resizing, {"height": 4, "width": 8}, None, ANY_SIZE),
    Row(
        "Resizing",
        (np.moveaxis(X, -1, 1),),
        resizing,
        {"height": 3, "width": 3, "pad_to_aspect_ratio": True, "antialias": True, **FIRST},
    ),
    Row("CenterCrop", (X,), middle, {"height": 2, "width": 5}),
    Row("CenterCrop", (X,), middle, {"height": 6, "width": 9}),
    Row("RandomCrop", (X,), middle, {"height": 6, "width": 9}),
    Row("RandomCrop", (X,), middle, {"height": 5, "width": 6}),
    Row("RandomRotation", (X,), rotated, {"factor": TENTH}, rotated),
    Row(
        "RandomRotation",
        (X,),
        rotated,
        {"factor": FIFTH, "interpolation": "nearest", **FIRST},
        rotated,
    ),
    Row(
        "RandomTranslation",
        (X,),
        translated,
        {"height_factor": TENTH, "width_factor": FIFTH},
        translated,
    ),
    Row("RandomZoom", (X,), zoomed, {"height_factor": TENTH, "fill_mode": "wrap"}, zoomed),
    Row(
        "RandomZoom",
        (X,),
        zoomed,
        {"height_factor": FIFTH, "width_factor": TENTH, "fill_mode": "constant", "fill_value": 0.5},
        zoomed,
    ),
    Row("RandomShear", (X,), as_it_is, {"x_factor": 0.0}, None, ANY_SIZE),
    Row("UpSampling2D", (X,), enlarged, {"size": (2, 3), "interpolation": "bicubic"}),
    Row("UpSampling2D", (X,), enlarged, {"size": 2, "interpolation": "lanczos3", **FIRST}),
]
