"""Photometric layers with settings that leave nothing to chance compute what Keras 3.15.1 computes.

Where settings are drawn, both are given the same ones. `DIFFERENT` names what is left out, and why.
"""

import json

import numpy as np
import pytest

import cornu
from cornu import config
from cornu.layers.preprocessing import pixels

pytestmark = pytest.mark.peers

SHAPE = (3, 12, 10, 3)
rng = np.random.default_rng(8)
BYTES = rng.integers(0, 256, SHAPE).astype("uint8")
FLOATS = (rng.integers(0, 255, SHAPE) + rng.uniform(0.1, 0.9, SHAPE)).astype("float32")
UNIT = (FLOATS / 255).astype("float32")
NEAR = {"rtol": 1e-5, "atol": 2e-3}
NEAR_UNIT = {"rtol": 1e-5, "atol": 1e-5}

DIFFERENT = {
    "RandomContrast": "a number f is (f, f), as documented; Keras takes (0, f)",
    "RandomColorDegeneration": "a number f is (0, f), as documented; Keras takes (-f, f)",
    "RandomSaturation": "the same; and saturation is held within [0, 1], not within value_range",
    "RandomPosterization": "both ends of an interval of bits are drawn; Keras leaves out the upper",
    "RandomInvert": "the negative of x is low + high - x; Keras takes high - x",
    "Solarization": "the least addition and threshold are shares too; Keras takes them as levels",
    "Equalization": "histograms are those of one image; Keras takes those of the whole batch",
    "AutoContrast": "channels_first is heeded",
    "MixUp": "labels of boxes are joined image by image, and masks by samples",
    "CutMix": "labels are mixed by the pixels that were cut, not by the box before rounding",
}
"""Where Cornu differs on purpose. All of these are compared where both agree."""

COMPUTED_IN_BYTES = {"RandomBrightness", "RandomContrast", "RandomGrayscale", "RandomSaturation"}
"""Layers of Keras that do not make floats of uint8, and wrap around or fail."""

FIXED = [
    ("RandomBrightness", {"factor": (0.2, 0.2)}),
    ("RandomBrightness", {"factor": (-0.3, -0.3)}),
    ("RandomContrast", {"factor": (-0.5, 0.5)}),
    ("RandomColorDegeneration", {"factor": (0.4, 0.4)}),
    ("RandomGrayscale", {"factor": 1.0}),
    ("RandomHue", {"factor": (1.0, 1.0)}),
    ("RandomInvert", {"factor": (1.0, 1.0)}),
    ("RandomPosterization", {"factor": (3, 3)}),
    ("RandomSaturation", {"factor": (0.3, 0.3)}),
    ("RandomSaturation", {"factor": (0.5, 0.5)}),
    ("RandomSharpness", {"factor": (0.9, 0.9)}),
    ("RandomSharpness", {"factor": (0.1, 0.1)}),
    ("Solarization", {}),
    ("AutoContrast", {}),
    ("ContrastLimitedAdaptiveHistogramEqualization", {"tile_grid_size": (3, 2)}),
    ("ContrastLimitedAdaptiveHistogramEqualization", {"tile_grid_size": (5, 4), "clip_limit": 40}),
    (
        "RandomGaussianBlur",
        {"factor": (1.0, 1.0), "kernel_size": (3, 5), "sigma": (0.8, 0.8)},
    ),
    ("RandomErasing", {"factor": (1.0, 1.0), "scale": (1.0, 1.0), "fill_value": 7}),
    (
        "RandomColorJitter",
        {
            "brightness_factor": (0.1, 0.1),
            "contrast_factor": (-0.2, 0.2),
            "saturation_factor": (0.4, 0.4),
            "hue_factor": (1.0, 1.0),
        },
    ),
]


def both(keras, name, options):
    return getattr(cornu.layers, name)(**options), getattr(keras.layers, name)(**options)


def near(ours, theirs, how=NEAR):
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    assert ours.shape == theirs.shape and ours.dtype == theirs.dtype
    np.testing.assert_allclose(ours, theirs, **how)


@pytest.mark.parametrize("name, options", FIXED)
def test_floats(name, options, keras):
    ours, theirs = both(keras, name, options)
    near(ours(FLOATS), theirs(FLOATS))
    near(ours(FLOATS[0]), theirs(FLOATS[0]))
    near(ours(FLOATS, training=False), theirs(FLOATS, training=False))


@pytest.mark.parametrize("name, options", FIXED)
def test_bytes(name, options, keras):
    ours, theirs = both(keras, name, options)
    given = BYTES.astype("float32") if name in COMPUTED_IN_BYTES else BYTES
    found = np.asarray(ours(BYTES))
    assert found.dtype == "float32"
    expected = np.asarray(theirs(given))
    if "Adaptive" in name:  # Keras returns bytes, rounded down
        assert expected.dtype == "uint8"
        np.testing.assert_array_less(np.abs(found - expected), 1.001)
    else:
        near(found, expected.astype("float32"))


@pytest.mark.parametrize(
    "name, options",
    [case for case in FIXED if case[0] not in ("RandomErasing", "AutoContrast")],
)
def test_unit_range(name, options, keras):
    ours, theirs = both(
        keras, name, {**options, "value_range": (0, 1)} if "Gray" not in name else options
    )
    near(ours(UNIT), theirs(UNIT), NEAR_UNIT)


@pytest.mark.parametrize(
    "name, options",
    [
        case
        for case in FIXED
        if case[0] not in ("AutoContrast", "RandomColorJitter") and (case[0] != "RandomErasing")
    ],
)
def test_channels_first(name, options, keras):
    ours, theirs = both(keras, name, {**options, "data_format": "channels_first"})
    x = FLOATS.transpose(0, 3, 1, 2)
    near(ours(x), theirs(x))


@pytest.mark.parametrize("bins", [256, 32])
def test_equalization(bins, keras):
    ours, theirs = both(keras, "Equalization", {"bins": bins})
    for given in (BYTES, FLOATS):
        found = ours(given)
        for i, one in enumerate(given):
            near(found[i], theirs(one))
    flat = np.full((5, 4, 1), 7, "uint8")
    near(ours(flat), theirs(flat))


def test_auto_contrast_of_flat_images(keras):
    ours, theirs = both(keras, "AutoContrast", {"value_range": (0, 1)})
    x = UNIT.copy()
    x[0] = 0.25
    near(ours(x), theirs(x), NEAR_UNIT)


# ---------------------------------------------------------------- the same draws


def column(*values):
    return np.array(values, "float32")


def test_hue_turned_by_given_parts(keras):
    ours, theirs = both(keras, "RandomHue", {"factor": 0.5})
    turns = column(0.13, -0.31, 0.0)
    near(ours.augment_images(FLOATS, turns), theirs.transform_images(FLOATS, {"factor": turns}))


def test_solarization_of_given_levels(keras):
    ours, theirs = both(keras, "Solarization", {})
    levels = [column(10, 0, 200), column(128, 200, 3)]
    said = [v.reshape(-1, 1, 1, 1) for v in levels]
    near(
        ours.augment_images(FLOATS, [v / 255 for v in levels]),
        theirs.transform_images(FLOATS, {"additions": said[0], "thresholds": said[1]}),
    )


def test_some_samples_picked(keras):
    chosen = np.array([True, False, True])
    ours, theirs = both(keras, "RandomInvert", {})
    near(
        ours.augment_images(FLOATS, chosen),
        theirs.transform_images(FLOATS, {"apply_inversion": chosen}),
    )
    ours, theirs = both(keras, "RandomGaussianBlur", {"kernel_size": (5, 3)})
    sigma = column(0.4, 0.9)
    near(
        ours.augment_images(FLOATS, {"picked": chosen, "sigma": np.stack([sigma] * 3)}),
        theirs.transform_images(FLOATS, {"should_apply_blur": chosen, "blur_factor": sigma}),
    )


CORNERS = ((column(1, 0, 3.5), column(2.5, 0, 9.2)), (column(4, 12, 8.5), column(7.5, 3.3, 10)))
"""((down, across) where boxes begin, the same where they end)."""


def keras_boxes():
    (y0, x0), (y1, x1) = CORNERS
    return x0, x1, y0, y1


def test_erased_boxes(keras):
    ours, theirs = both(keras, "RandomErasing", {"fill_value": 9})
    chosen = np.array([True, True, False])
    masks = theirs._generate_batch_mask(SHAPE, keras_boxes())
    given = {"apply_erasing": chosen, "batch_masks": masks, "fill_value": np.full(SHAPE, 9.0)}
    drawn = {"picked": chosen, "box": CORNERS, "noise": None}
    near(ours.augment_images(FLOATS, drawn), theirs.transform_images(FLOATS, given))


LABELS = np.eye(3, 5, dtype="float32")


def test_cut_mix(keras):
    ours, theirs = both(keras, "CutMix", {})
    masks, _ = theirs._generate_batch_mask(SHAPE, keras_boxes())
    order, weight = np.array([2, 0, 1]), column(0.9, 0.7, 0.25)
    drawn = {
        "inside": pixels.inside(SHAPE, *CORNERS, "channels_last"),
        "other": order,
        "weight": weight,
    }
    given = {"permutation_order": order, "batch_masks": masks, "mix_weight": weight}
    near(ours.augment_images(FLOATS, drawn), theirs.transform_images(FLOATS, given))
    near(ours.augment_labels(LABELS, drawn), theirs.transform_labels(LABELS, given))
    some = FLOATS[..., :1]
    given["batch_masks"] = np.asarray(masks)[..., :1]
    near(
        ours.augment_segmentation_masks(some, drawn),
        theirs.transform_segmentation_masks(some, given),
    )


def test_mix_up(keras):
    ours, theirs = both(keras, "MixUp", {})
    order, weight = np.array([2, 0, 1]), column(0.9, 0.7, 0.25)
    drawn = {"other": order, "weight": weight}
    given = {"permutation_order": order, "mix_weight": weight}
    near(ours.augment_images(FLOATS, drawn), theirs.transform_images(FLOATS, given))
    near(ours.augment_labels(LABELS, drawn), theirs.transform_labels(LABELS, given))
    boxes = {"boxes": rng.uniform(0, 9, (3, 2, 4)).astype("float32"), "labels": np.ones((3, 2))}
    near(
        ours.augment_bounding_boxes(boxes, drawn)["boxes"],
        theirs.transform_bounding_boxes(boxes, given)["boxes"],
    )


@pytest.mark.parametrize("number", [2, 5])
def test_max_num_bounding_boxes(number, keras):
    options = {"max_number": number, "fill_value": -2, "bounding_box_format": "xyxy"}
    ours, theirs = both(keras, "MaxNumBoundingBoxes", options)
    boxes = rng.uniform(0, 9, (3, 4, 4)).astype("float32")
    held = {"boxes": boxes, "labels": np.arange(12, dtype="int32").reshape(3, 4)}
    found = ours({"images": FLOATS, "bounding_boxes": dict(held)})["bounding_boxes"]
    expected = theirs({"images": FLOATS, "bounding_boxes": dict(held)})["bounding_boxes"]
    near(found["boxes"], expected["boxes"])
    near(found["labels"], np.asarray(expected["labels"]))


# ---------------------------------------------------------------- configs


def test_pipeline_goes_across(keras):
    ours = cornu.layers.Pipeline(
        [cornu.layers.RandomBrightness((0.1, 0.1)), cornu.layers.RandomInvert((1.0, 1.0))]
    )
    form = json.loads(json.dumps(config.serialize(ours)))
    theirs = keras.saving.deserialize_keras_object(form)
    assert type(theirs) is keras.layers.Pipeline
    near(ours(FLOATS), theirs(FLOATS))
    back = config.deserialize(json.loads(json.dumps(keras.saving.serialize_keras_object(theirs))))
    near(back(FLOATS), ours(FLOATS))


@pytest.mark.parametrize("factor", [0.5, (0.1, 0.4)])
@pytest.mark.parametrize(
    "name", ["RandomContrast", "RandomColorDegeneration", "RandomSaturation", "RandomHue"]
)
def test_intervals_of_keras_are_kept(name, factor, keras):
    """What Keras wrote draws what Keras draws, where a bare number means something else."""
    theirs = getattr(keras.layers, name)(factor)
    read = config.deserialize(json.loads(json.dumps(keras.saving.serialize_keras_object(theirs))))
    assert tuple(read.factor) == tuple(theirs.factor)
