"""Ops and layers of images against Keras 3.15.1, with settings that leave nothing to chance.

Where Cornu differs on purpose:

- `RandomCrop` at rest cuts and resizes, as Keras documents it; Keras returns images as they are.
- Masks keep their dtype and take no new values; Keras makes some of them floats.
- `gaussian_blur` takes `data_format=None` as channels last; Keras as channels first.
- Boxes of `RandomRotation` may have any format, and those of `RandomCrop` move by (left, top);
  Keras takes them as "xyxy", and moves x by the top.
"""

import copy
from typing import Any

import numpy as np
import pytest

from cornu import layers, ops

pytestmark = pytest.mark.peers

random = np.random.default_rng(0)
IMAGES = random.uniform(0, 200, (2, 9, 12, 3)).astype("float32")
UNIT = IMAGES / 200
WHOLE = IMAGES.astype("uint8")
FIRST = np.moveaxis(UNIT, -1, 1)
VOLUMES = random.uniform(size=(2, 5, 6, 7, 2)).astype("float32")
MAPS = np.array(
    [[1.1, 0.2, -1.3, 0.1, 0.9, 2.2, 0, 0], [0.5, -0.3, 3, 0.4, 0.7, -2, 0, 0]], "float32"
)
CORNERS = np.array([[0, 0], [11, 0], [0, 8], [11, 8]], "float32")
MOVED = (CORNERS + random.uniform(-2, 2, (2, 4, 2))).astype("float32")
PLACES = random.uniform(-15, 25, (2, 50)).astype("float32")
CHANNELS = {"data_format": "channels_first"}
METHODS = ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")
MODES = ("constant", "nearest", "wrap", "mirror", "reflect")

OPS = [
    *[
        ("resize", (UNIT, size), {"interpolation": m, "antialias": antialias})
        for m in METHODS
        for antialias in (False, True)
        for size in ((5, 7), (20, 12))
    ],
    ("resize", (WHOLE, (5, 20)), {"interpolation": "bicubic"}),
    ("resize", (FIRST, (5, 7)), CHANNELS),
    ("resize", (UNIT[0], (5, 7)), {}),
    ("resize", (UNIT, (8, 4)), {"crop_to_aspect_ratio": True}),
    ("resize", (UNIT, (4, 9)), {"pad_to_aspect_ratio": True, "fill_value": 0.5}),
    *[
        ("affine_transform", (x, MAPS), {"interpolation": i, "fill_mode": m, "fill_value": 1})
        for m in MODES
        for i, x in (("nearest", WHOLE), ("bilinear", UNIT), ("bilinear", WHOLE))
    ],
    ("affine_transform", (UNIT[0], MAPS[0]), {}),
    ("affine_transform", (FIRST, MAPS), CHANNELS),
    *[
        ("map_coordinates", (UNIT[0, :, :, 0], PLACES, i), {"fill_mode": m})
        for m in MODES
        for i in (0, 1)
    ],
    ("perspective_transform", (UNIT, np.stack([CORNERS] * 2), MOVED), {"fill_value": 0.2}),
    ("perspective_transform", (UNIT[0], CORNERS, MOVED[0]), {"interpolation": "nearest"}),
    ("gaussian_blur", (UNIT, (3, 5), (1.0, 0.7)), {"data_format": "channels_last"}),
    ("gaussian_blur", (UNIT, (4, 35), (1.0, 2.7)), {"data_format": "channels_last"}),
    ("sobel_edges", (UNIT,), {}),
    ("sobel_edges", (FIRST,), CHANNELS),
    ("ssim", (UNIT, UNIT[::-1].copy()), {"filter_size": 5}),
    *[
        ("extract_patches", (x, 3), {"padding": p, "strides": s, **o})
        for x, o in ((UNIT, {}), (FIRST, CHANNELS))
        for p, s in (("same", 2), ("valid", None))
    ],
    ("extract_patches", (UNIT, (3, 2)), {"strides": 1, "dilation_rate": 2}),
    ("extract_patches", (VOLUMES, (1, 2, 3)), {}),
    ("extract_patches_3d", (VOLUMES, 2), {"strides": 1, "padding": "same"}),
    ("rgb_to_grayscale", (UNIT,), {}),
    ("rgb_to_grayscale", (WHOLE,), {}),
    ("rgb_to_hsv", (UNIT,), {}),
    ("rgb_to_hsv", (FIRST,), CHANNELS),
    ("hsv_to_rgb", (UNIT,), {}),
    ("crop_images", (UNIT, 1, 2), {"target_height": 4, "target_width": 5}),
    ("pad_images", (UNIT, 1, 2, 3), {"target_width": 20}),
    *[
        (
            "scale_and_translate",
            (
                UNIT,
                (2, 5, 20, 3),
                np.array([0.6, 1.7], "float32"),
                np.array([0.4, -1.0], "float32"),
            ),
            {"spatial_dims": (1, 2), "method": m, "antialias": antialias},
        )
        for m in ("linear", "cubic", "lanczos3", "lanczos5")
        for antialias in (True, False)
    ],
]


@pytest.mark.parametrize(("name", "args", "options"), OPS)
def test_ops(keras: Any, name: str, args: tuple, options: dict):
    theirs = np.asarray(getattr(keras.ops.image, name)(*args, **options))
    ours = np.asarray(getattr(ops.image, name)(*args, **options))
    assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
    whole = theirs.dtype.kind == "u"  # numbers that lie in the middle go either way
    np.testing.assert_allclose(ours.astype("float64"), theirs, atol=1 if whole else 1e-5)


def test_every_op_is_there(keras: Any):
    assert ops.image.__all__ == [n for n in dir(keras.ops.image) if not n.startswith("_")]


def pair(a: float) -> tuple[float, float]:
    return (a, a)


CENTRES = {"bounding_box_format": "center_xywh"}
LAYERS = [
    ("Resizing", {"height": 5, "width": 7, "interpolation": "bicubic", "antialias": True}),
    ("Resizing", {"height": 20, "width": 7, "crop_to_aspect_ratio": True}),
    ("Resizing", {"height": 20, "width": 30, "pad_to_aspect_ratio": True, "fill_value": 3.0}),
    ("CenterCrop", {"height": 5, "width": 7}),
    ("CenterCrop", {"height": 4, "width": 20}),
    *[
        (name, {**options, "fill_mode": m})
        for m in ("reflect", "wrap", "constant", "nearest")
        for name, options in (
            ("RandomRotation", {"factor": pair(0.3), "fill_value": 2.0}),
            ("RandomTranslation", {"height_factor": pair(-0.2), "width_factor": pair(0.1)}),
            ("RandomZoom", {"height_factor": pair(0.3), "width_factor": pair(-0.1)}),
        )
    ],
    ("RandomRotation", {"factor": pair(-0.2), "interpolation": "nearest"}),
    ("RandomZoom", {"height_factor": pair(-0.4), "bounding_box_format": "rel_xywh"}),
    (
        "RandomTranslation",
        {"height_factor": pair(0.2), "width_factor": pair(0.3), **CENTRES},
    ),
    ("RandomShear", {}),
    ("RandomPerspective", {"scale": 0.0}),
    ("RandomPerspective", {"factor": 0.0}),
    ("RandomCrop", {"height": 9, "width": 12}),
]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("name", "options"), LAYERS)
def test_layers(keras: Any, name: str, options: dict, training: bool):
    """Images, boxes, labels and masks of both libraries, in training and out of it."""
    options = {"bounding_box_format": "xyxy", **options}
    boxes = np.array([[[1, 2, 5, 6], [3, 1, 11, 8.5]], [[0, 0, 4, 4], [6, 5, 9, 7]]], "float32")
    masks = np.random.default_rng(1).integers(0, 3, (2, 9, 12, 1)).astype("float32")
    given = {
        "images": IMAGES,
        "labels": np.arange(2),
        "bounding_boxes": {"boxes": boxes, "labels": np.array([[1, 2], [3, 4]], "int32")},
    }
    if name != "CenterCrop" or options["height"] == 5:  # those that are resized: see above
        given["segmentation_masks"] = masks
    if name == "RandomCrop":
        del given["bounding_boxes"]
    theirs = getattr(keras.layers, name)(**options)(copy.deepcopy(given), training=training)
    ours = getattr(layers, name)(**options)(copy.deepcopy(given), training=training)
    assert sorted(ours) == sorted(theirs)
    for key in given:
        parts = given[key] if isinstance(given[key], dict) else [None]
        for part in parts:
            mine, its = (
                np.asarray(d[key] if part is None else d[key][part]) for d in (ours, theirs)
            )
            assert mine.dtype == its.dtype or key == "labels"
            np.testing.assert_allclose(mine, its, rtol=2e-6, atol=5e-4, err_msg=f"{key} {part}")


@pytest.mark.parametrize(("name", "options"), LAYERS)
def test_configs(keras: Any, name: str, options: dict):
    """Each library reads the other's config, and writes the same names."""
    theirs, ours = (getattr(k, name)(**options) for k in (keras.layers, layers))
    assert sorted(theirs.get_config()) == sorted(ours.get_config())
    back = getattr(keras.layers, name).from_config(ours.get_config())
    forth = getattr(layers, name).from_config(theirs.get_config())
    for made in (back, forth):
        assert made.get_config()["name"] in (theirs.name, ours.name)


@pytest.mark.parametrize(
    "options", [{"scale": 1 / 255, "offset": 0.5}, {"scale": [1.0, 2, 3], "offset": [0.5, 1, 2]}]
)
def test_rescaling(keras: Any, options: dict):
    theirs, ours = (k.Rescaling(**options) for k in (keras.layers, layers))
    for x in (WHOLE, IMAGES):
        np.testing.assert_allclose(ours(x), theirs(x), rtol=1e-6)
    assert {**ours.get_config(), "name": ""} == {**theirs.get_config(), "name": ""}


@pytest.mark.parametrize("interpolation", METHODS)
def test_upsampling(keras: Any, interpolation: str):
    options = {"size": (2, 3), "interpolation": interpolation}
    theirs, ours = (k.UpSampling2D(**options)(UNIT) for k in (keras.layers, layers))
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("RandomFlip", {}),
        ("RandomFlip", {"mode": "vertical"}),
        ("RandomShear", {"x_factor": pair(0.2), "y_factor": pair(0.1)}),
    ],
)
def test_either_or(keras: Any, name: str, options: dict):
    """Layers that toss a coin: the same two pictures, and each of them comes up."""
    images = np.broadcast_to(IMAGES[:1], (24, *IMAGES.shape[1:]))
    theirs, ours = (
        np.asarray(getattr(k, name)(seed=1, **options)(images, training=True))
        for k in (keras.layers, layers)
    )
    near = np.abs(ours[:, None] - theirs[None]).max((2, 3, 4)) < 1e-3
    assert near.any(1).all()
    assert near.any(0).all()
