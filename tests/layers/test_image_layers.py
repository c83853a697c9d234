"""Layers and ops of images: what is drawn, dicts of data, boxes, masks, and what is refused."""

import functools
from typing import Any

import numpy as np
import pytest

from contracts import ops_image
from contracts.image_reference import read
from cornu import Sequential, engine, layers, ops, random, settings, state
from cornu.errors import UsageError, UsageTypeError
from cornu.layers import Input
from cornu.layers.preprocessing import bounding_boxes
from cornu.layers.preprocessing.augmentation import Augmentation

IMAGES = np.random.default_rng(0).uniform(1, 200, (6, 5, 7, 2)).astype("float32")
MASKS = np.arange(6 * 5 * 7, dtype="uint8").reshape(6, 5, 7, 1)
BOXES = np.array([[1, 1, 4, 3], [0, 2, 7, 5]], "float32")


def data(**more: Any) -> dict[str, Any]:
    boxes = {"boxes": np.stack([BOXES] * 6), "labels": np.array([[1, 2]] * 6, "int32")}
    return {
        "images": IMAGES,
        "labels": np.arange(6, dtype="int32"),
        "bounding_boxes": boxes,
        "segmentation_masks": MASKS,
        **more,
    }


def in_training(layer: Any, x: Any, seed: int = 1) -> Any:
    """One compiled training step of the layer."""
    return _step(layer)(engine.key(seed), x)


@functools.lru_cache(maxsize=4)
def _step(layer: Any) -> Any:
    return engine.jit(lambda key, x: state.pure(layer, [], training=True, key=key)([], x)[0])


MOVING = {
    "RandomFlip": {},
    "RandomRotation": {"factor": 0.3},
    "RandomTranslation": {"height_factor": 0.4, "width_factor": 0.3},
    "RandomZoom": {"height_factor": 0.4, "width_factor": 0.3},
    "RandomShear": {"x_factor": 0.4, "y_factor": 0.3},
    "RandomPerspective": {"factor": (1.0, 1.0), "scale": 0.4},
    "RandomElasticTransform": {"factor": (1.0, 1.0), "scale": (0.5, 0.9)},
    "RandomCrop": {"height": 3, "width": 4},
}


def made(name: str, **more: Any) -> Any:
    return getattr(layers, name)(**{**MOVING[name], **more})


@pytest.mark.parametrize("name", ops.image.__all__)
def test_every_image_op_has_a_row_or_a_test(name: str):
    rows = {row.name.removeprefix("image.") for row in ops_image.ROWS}
    assert name in rows or name == "elastic_transform"
    assert callable(getattr(ops.image, name))


# ---------------------------------------------------------------- every layer that draws


@pytest.mark.parametrize("name", MOVING)
def test_draws(name: str):
    """In training by the step's key, samples apart; at rest the images themselves."""
    layer = made(name)
    one, again, other = (in_training(layer, IMAGES, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)
    if name != "RandomCrop":
        np.testing.assert_array_equal(layer(IMAGES, training=False), IMAGES)
        assert one.shape == IMAGES.shape
    same = np.repeat(IMAGES[:1], 8, 0)
    drawn = np.asarray(in_training(layer, same))
    assert len({sample.tobytes() for sample in drawn}) > (1 if name == "RandomFlip" else 3)


@pytest.mark.parametrize("name", MOVING)
def test_single_images_and_channels_first(name: str):
    """One image is a batch of one; channels may come first; Tensors know the shape."""
    layer = made(name, seed=3)
    first = made(name, seed=3, data_format="channels_first")
    batch = np.asarray(layer(IMAGES, training=True))
    turned = first(np.moveaxis(IMAGES, -1, 1), training=True)
    np.testing.assert_allclose(np.moveaxis(turned, 1, -1), batch, atol=1e-4)
    assert layer(IMAGES[0], training=True).shape == batch.shape[1:]
    assert layer(Input((5, 7, 2))).shape == (None, *batch.shape[1:])
    half = made(name, dtype="mixed_bfloat16")
    assert half(IMAGES.astype("uint8"), training=True).dtype == "bfloat16"


@pytest.mark.parametrize("name", MOVING)
def test_masks_follow_their_images(name: str):
    """A mask made of the image is still that; its dtype and the caller's dict stay."""
    layer = made(name, **({} if name in ("RandomFlip", "RandomCrop") else SHARP))
    given = data(images=MASKS.astype("float32"), other="kept")
    del given["bounding_boxes"]
    found = in_training_of_dict(layer, given)
    np.testing.assert_array_equal(found["images"], found["segmentation_masks"])
    assert found["segmentation_masks"].dtype == "uint8"
    np.testing.assert_array_equal(found["labels"], np.arange(6))
    assert found["other"] == "kept"
    assert given["images"].shape == MASKS.shape
    flat = in_training_of_dict(layer, {**given, "segmentation_masks": MASKS[..., 0]})
    np.testing.assert_array_equal(flat["segmentation_masks"], found["images"][..., 0])


SHARP = {"interpolation": "nearest"}


def in_training_of_dict(layer: Any, given: dict[str, Any]) -> dict[str, Any]:
    with state.Frame(training=True, key=engine.key(1)):
        return layer(given)


@pytest.mark.parametrize("name", sorted({*MOVING} - {"RandomElasticTransform"}))
def test_boxes_follow_their_images(name: str):
    """A box around a bright block still holds all of it, and is cut off at the edges."""
    images = np.zeros((6, 20, 24, 1), "float32")
    images[:, 8:13, 9:15] = 1
    boxes = np.broadcast_to(np.array([9, 8, 15, 13], "float32"), (6, 1, 4))
    more = {"height": 12, "width": 16} if name == "RandomCrop" else {}
    if name in ("RandomRotation", "RandomTranslation", "RandomZoom", "RandomShear"):
        more["fill_mode"] = "constant"
    layer = made(name, bounding_box_format="xyxy", **more)
    labels = np.full((6, 1), 4, "int32")
    given = {"images": images, "bounding_boxes": {"boxes": boxes, "labels": labels}}
    found = in_training_of_dict(layer, given)
    size = np.array(found["images"].shape[2:0:-1] * 2)
    assert np.any(found["bounding_boxes"]["boxes"] != boxes)
    for image, box, label in zip(
        np.asarray(found["images"])[..., 0],
        np.asarray(found["bounding_boxes"]["boxes"])[:, 0],
        np.asarray(found["bounding_boxes"]["labels"])[:, 0],
        strict=True,
    ):
        assert np.all((box >= 0) & (box <= size))
        area = (box[2] - box[0]) * (box[3] - box[1])
        assert label == (4 if area > 0 else -1)
        rows, columns = np.nonzero(image > 0.5)
        if len(rows):  # pixels are squares, boxes are in the corners' coordinates: one apart
            left, top, right, bottom = box
            assert left - 1 <= columns.min() <= columns.max() + 1 <= right + 1
            assert top - 1 <= rows.min() <= rows.max() + 1 <= bottom + 1


def test_a_seed_is_a_stream():
    """Two layers of a seed draw alike, call after call anew; the seed is all that is saved."""
    one, other = (layers.RandomRotation(0.5, seed=7) for _ in range(2))
    for x in (IMAGES, IMAGES):
        np.testing.assert_array_equal(one(x, training=True), other(x, training=True))
    assert not np.array_equal(one(IMAGES, training=True), one(IMAGES, training=True))
    assert one.get_config()["seed"] == 7
    assert "bounding_box_format" not in one.get_config()
    assert not one.weights


def test_in_a_model():
    """Trained, then used: only training is random, and the caller's `training` decides."""
    model = Sequential(
        [
            Input((5, 7, 2)),
            layers.Rescaling(1 / 255),
            layers.RandomFlip("horizontal"),
            layers.RandomTranslation(0.2, 0.2),
            layers.RandomCrop(4, 4),
            layers.Flatten(),
            layers.Dense(1),
        ]
    )
    model.compile("sgd", "mse")
    model.fit(IMAGES, np.ones((6, 1)), batch_size=3, epochs=2, verbose=0)
    once, again = (model.predict(IMAGES, verbose=0) for _ in range(2))
    np.testing.assert_allclose(once, again, rtol=1e-5)


def test_a_subclass_writes_the_rule():
    class Brighter(Augmentation):
        def draw(self, images_shape, key):
            return engine.uniform(key, (images_shape[0], 1, 1, 1), 1.0, 2.0, "float32")

        def augment_images(self, images, drawn):
            return images * drawn

        def augment_labels(self, labels, drawn):
            return labels + 100

    found = in_training_of_dict(Brighter(), {"images": IMAGES, "labels": np.arange(6)})
    factors = np.asarray(found["images"]) / IMAGES
    assert np.all((factors > 0.999) & (factors < 2.001))
    np.testing.assert_array_equal(found["labels"], np.arange(6) + 100)
    whole = Brighter(dtype="uint8")(np.full((1, 2, 2, 1), 200, "uint8"), training=True)
    assert whole.dtype == "uint8"
    assert np.all(np.asarray(whole) >= 200), "numbers that are too large stay at 255"


# ---------------------------------------------------------------- distributions


def test_flips_are_fair():
    images = np.broadcast_to(IMAGES[:1], (600, 5, 7, 2))
    for mode, flipped in (
        ("horizontal", IMAGES[0, :, ::-1]),
        ("vertical", IMAGES[0, ::-1]),
        ("horizontal_and_vertical", IMAGES[0, ::-1, ::-1]),
    ):
        found = np.asarray(in_training(layers.RandomFlip(mode), images))
        turned = (found == flipped).all((1, 2, 3))
        assert np.all(turned | (found == IMAGES[0]).all((1, 2, 3)))
        assert abs(turned.mean() - 0.5) < 5 * 0.5 / 600**0.5


def test_crops_begin_anywhere():
    """All places come, about equally often, each an exact part."""
    image = np.arange(4 * 5, dtype="float32").reshape(1, 4, 5, 1)
    found = np.asarray(
        in_training(layers.RandomCrop(3, 3), np.broadcast_to(image, (1200, 4, 5, 1)))
    )
    starts = found[:, 0, 0, 0]
    for start in (0, 1, 2, 5, 6, 7):
        row, column = divmod(start, 5)
        part = image[0, row : row + 3, column : column + 3]
        assert np.all(found[starts == start] == part)
        assert abs((starts == start).mean() - 1 / 6) < 5 * (5 / 36 / 1200) ** 0.5


def test_shear_has_two_signs():
    found = np.asarray(
        in_training(
            layers.RandomShear((0.2, 0.2), (0.1, 0.1), fill_mode="nearest"),
            np.broadcast_to(IMAGES[:1], (40, 5, 7, 2)),
        )
    )
    both = [
        read(IMAGES[:1].astype("float64"), np.array([1, 0.2 * s, 0, 0.1 * s, 1, 0, 0, 0]),
             fill_mode="nearest")[0]
        for s in (1, -1)
    ]  # fmt: skip
    which = [[np.allclose(x, y, atol=1e-3) for y in both] for x in found]
    assert np.all(np.sum(which, 1) == 1)
    assert np.all(np.sum(which, 0) > 5)


@pytest.mark.parametrize("name", ["RandomPerspective", "RandomElasticTransform"])
def test_chances(name: str):
    images = np.broadcast_to(IMAGES[:1], (400, 5, 7, 2))
    layer = getattr(layers, name)(factor=(0.3, 0.3), scale=(0.5 if "P" in name else (0.5, 0.5)))
    same = (np.asarray(in_training(layer, images)) == images).all((1, 2, 3)).mean()
    assert abs(same - 0.7) < 5 * (0.21 / 400) ** 0.5
    never = getattr(layers, name)(factor=0.0)
    np.testing.assert_array_equal(in_training(never, images), images)


def test_perspective_moves_corners():
    """A ramp over the corners keeps the corners' values where they have moved to."""
    rows, columns = np.mgrid[0:9, 0:9].astype("float32")
    start = np.array([[0, 0], [8, 0], [0, 8], [8, 8]], "float32")
    end = np.array([[1, 1], [7, 2], [2, 6], [7, 7]], "float32")
    seen = np.asarray(ops.image.perspective_transform(columns[..., None], start, end))
    down = np.asarray(ops.image.perspective_transform(rows[..., None], start, end))
    for (x, y), (u, v) in zip(end.astype(int), start, strict=True):
        assert seen[y, x, 0] == pytest.approx(u, abs=1e-4)
        assert down[y, x, 0] == pytest.approx(v, abs=1e-4)


def test_elastic_transform():
    """Moves have the deviation of blurred noise; alpha 0 moves nothing; a seed repeats."""
    ramp = np.broadcast_to(np.arange(200, dtype="float32")[:, None], (2, 40, 200, 1))
    moved = np.asarray(
        ops.image.elastic_transform(ramp, alpha=2.0, sigma=3.0, seed=1, fill_mode="nearest")
    )
    bell = np.exp(-0.5 * (np.arange(-9, 10) / 3) ** 2)
    bell /= bell.sum()
    expected = 2.0 * 3.0 * (bell**2).sum()
    inner = (moved - ramp)[:, 10:-10, 10:-10]
    assert inner.std() == pytest.approx(expected, rel=0.25)
    still = ops.image.elastic_transform(IMAGES, alpha=0.0, sigma=2.0)
    np.testing.assert_allclose(still, IMAGES, atol=1e-4)
    first, second = (
        ops.image.elastic_transform(IMAGES, seed=random.SeedGenerator(3)) for _ in "ab"
    )
    np.testing.assert_array_equal(first, second)
    assert ops.image.elastic_transform(Input((8, 9, 1))).shape == (None, 8, 9, 1)


# ---------------------------------------------------------------- sizes


def test_resizing_of_a_dict():
    layer = layers.Resizing(10, 14, bounding_box_format="rel_xyxy")
    relative = {
        "boxes": np.array([[[0.25, 0.5, 0.75, 1.0], [0, 0, 0, 0]]] * 6),
        "labels": [[1, 2]] * 6,
    }
    found = layer(data(bounding_boxes=relative))
    np.testing.assert_allclose(found["bounding_boxes"]["boxes"], relative["boxes"], atol=1e-6)
    assert found["images"].shape == (6, 10, 14, 2)
    np.testing.assert_array_equal(
        found["segmentation_masks"], MASKS.repeat(2, 1).repeat(2, 2), "masks are not mixed"
    )


def test_letterbox_and_crop_move_boxes():
    boxes = {"boxes": np.array([[[0, 0, 20, 10]]], "float32"), "labels": np.array([[3]])}
    images = np.ones((1, 10, 20, 1), "float32")
    given = {"images": images, "bounding_boxes": boxes}
    more = {"bounding_box_format": "xyxy"}
    found = layers.Resizing(40, 40, pad_to_aspect_ratio=True, **more)(given)
    assert found["bounding_boxes"]["boxes"].tolist() == [[[0, 10, 40, 30]]]
    lit = np.nonzero(np.asarray(found["images"])[0, :, 20, 0] > 0.5)[0]
    assert (lit.min(), lit.max()) == (10, 29)
    found = layers.Resizing(40, 40, crop_to_aspect_ratio=True, **more)(given)
    assert found["bounding_boxes"]["boxes"].tolist() == [[[0, 0, 40, 40]]]
    part = {"boxes": np.array([[[4, 4, 8, 6], [0, 0, 4, 2]]]), "labels": np.array([[1, 2]])}
    found = layers.CenterCrop(4, 10, **more)({**given, "bounding_boxes": part})
    assert found["bounding_boxes"]["boxes"].tolist() == [[[0, 1, 3, 3], [0, 0, 0, 0]]]
    assert found["bounding_boxes"]["labels"].tolist() == [[1, -1]]


def test_whole_numbers():
    """Resizing keeps them, rounded; the others give floats of the compute dtype."""
    image = np.array([[0, 255]], "uint8")[..., None]
    assert layers.Resizing(1, 4)(image)[0, :, 0].tolist() == [0, 64, 191, 255]
    assert layers.Resizing(1, 4)(image).dtype == "uint8"
    assert layers.CenterCrop(1, 1)(image).dtype == "float32"
    assert layers.Rescaling(2)(np.array([[1, 2]])).dtype == "float32"


def test_rescaling_with_channels_first():
    settings.set_image_data_format("channels_first")
    try:
        found = layers.Rescaling([1.0, 10.0])(np.ones((1, 2, 3, 3), "float32"))
    finally:
        settings.set_image_data_format("channels_last")
    assert np.asarray(found)[0, :, 0, 0].tolist() == [1, 10]


def test_gradients_of_many_taps():
    """More neighbours than are summed one by one: a matrix product, the same numbers."""
    x = np.random.default_rng(2).normal(size=(1, 90, 3, 1)).astype("float32")
    found = ops.image.resize(x, (2, 3), antialias=True)
    places, centres = np.arange(90), (np.arange(2) + 0.5) * 45 - 0.5
    weights = np.maximum(0, 1 - np.abs(centres[:, None] - places) / 45)
    weights /= weights.sum(1, keepdims=True)
    np.testing.assert_allclose(found[0, :, :, 0], weights @ x[0, :, :, 0], atol=1e-5)


# ---------------------------------------------------------------- boxes

FORMATS = {
    "xyxy": [2, 1, 6, 5],
    "yxyx": [1, 2, 5, 6],
    "xywh": [2, 1, 4, 4],
    "center_xywh": [4, 3, 4, 4],
    "center_yxhw": [3, 4, 4, 4],
    "rel_xyxy": [0.2, 0.125, 0.6, 0.625],
    "rel_yxyx": [0.125, 0.2, 0.625, 0.6],
    "rel_xywh": [0.2, 0.125, 0.4, 0.5],
    "rel_center_xywh": [0.4, 0.375, 0.4, 0.5],
}


@pytest.mark.parametrize("target", FORMATS)
@pytest.mark.parametrize("source", FORMATS)
def test_box_formats(source: str, target: str):
    boxes = np.array([FORMATS[source]], "float32")
    found = bounding_boxes.convert_format(boxes, source.upper(), target, height=8, width=10)
    np.testing.assert_allclose(found, [FORMATS[target]], rtol=1e-5)


def test_boxes_clipped_cropped_padded_turned():
    boxes = np.array([[[-5.0, 2, 4, 30], [12, 1, 15, 4]]])
    given = {"boxes": boxes, "labels": np.array([[7, 8]])}
    found = bounding_boxes.clip_to_image_size(given, height=10, width=10)
    assert found["boxes"].tolist() == [[[0, 2, 4, 10], [10, 1, 10, 4]]]
    assert found["labels"].tolist() == [[7, -1]]
    found = bounding_boxes.crop(boxes, top=1, left=2, height=5, width=6)
    assert found.tolist() == [[[0, 1, 2, 5], [6, 0, 6, 3]]]
    assert bounding_boxes.pad(boxes, 1, 2).tolist() == [[[-3, 3, 6, 31], [14, 2, 17, 5]]]
    zero, one = np.zeros(1, "float32"), np.ones(1, "float32")
    quarter = bounding_boxes.affine_transform(
        np.array([[[2.0, 1, 4, 2]]]), 90 * one, zero, zero, one, zero, zero, height=9, width=9
    )  # (x, y) about (4, 4): a quarter turn either way keeps |x - 4| and |y - 4| in turn
    sizes = np.asarray(quarter)[0, 0]
    np.testing.assert_allclose([sizes[2] - sizes[0], sizes[3] - sizes[1]], [1, 2], atol=1e-5)


def test_ragged_boxes():
    layer = layers.RandomFlip(bounding_box_format="xywh")
    ragged = {"boxes": [[[1, 1, 2, 2]], [[1, 1, 2, 2], [0, 0, 1, 1]]], "labels": [[1], [2, 3]]}
    found = layer({"images": IMAGES[:2], "bounding_boxes": ragged}, training=False)
    assert found["bounding_boxes"]["labels"].tolist() == [[1, -1], [2, 3]]
    assert found["bounding_boxes"]["boxes"][0, 1].tolist() == [0, 0, 0, 0]


# ---------------------------------------------------------------- what is refused

REFUSED = {
    "E-RANGE RandomRotation: factor must lie in.*Did you mean 0.3": lambda: (
        layers.RandomRotation(30)
    ),
    "E-RANGE RandomZoom: height_factor must be above -1": lambda: layers.RandomZoom(1.0),
    "E-RANGE RandomShear: x_factor must lie in .0, 1.": lambda: layers.RandomShear(-0.1),
    "E-TYPE RandomTranslation: width_factor must be a number or a pair": lambda: (
        layers.RandomTranslation(0.1, "0.1")
    ),
    "E-CHOICE fill_mode.*Did you mean \"reflect\"": lambda: layers.RandomRotation(
        0.1, fill_mode="reflct"
    ),
    "E-CHOICE interpolation.*'bicubc'.*\"bicubic\"": lambda: layers.Resizing(
        2, 2, interpolation="bicubc"
    ),
    "E-CHOICE mode.*Did you mean \"horizontal\"": lambda: layers.RandomFlip("horizontl"),
    "E-CHOICE not both": lambda: layers.Resizing(
        2, 2, crop_to_aspect_ratio=True, pad_to_aspect_ratio=True
    ),
    "E-RANGE value_range must be": lambda: layers.RandomElasticTransform(value_range=(1, 1)),
    "E-TYPE Rescaling: scale must be a number": lambda: layers.Rescaling("1/255"),
    "E-RANK RandomFlip.*one image .height, width, channels.": lambda: layers.RandomFlip()(
        IMAGES[0, :, :, 0]
    ),
    "E-IMAGES needs \"images\"": lambda: layers.RandomFlip()({"image": IMAGES}),
    "E-BOXES bounding_box_format=\"xyxy\"": lambda: layers.RandomFlip()(data()),
    "E-BOXES as many \"labels\"": lambda: layers.RandomFlip(bounding_box_format="xyxy")(
        data(bounding_boxes={"boxes": np.zeros((6, 2, 3)), "labels": np.zeros((6, 2))})
    ),
    "E-BOXES cannot bend": lambda: (
        layers.RandomElasticTransform(bounding_box_format="xyxy")(data(), training=True)
    ),
    "E-CHOICE bounding_box_format.*Did you mean \"xyxy\"": lambda: layers.RandomFlip(
        bounding_box_format="xyxyy"
    ),
    "E-BOXES height=": lambda: bounding_boxes.convert_format(BOXES, "xyxy", "rel_xyxy"),
    "E-IMAGE-SIZE size must be two whole numbers": lambda: ops.image.resize(IMAGES, (0, 3)),
    "E-IMAGE-SIZE exactly two of top_cropping": lambda: ops.image.crop_images(IMAGES, 1),
    "E-IMAGE-SIZE does not lie in": lambda: ops.image.crop_images(
        IMAGES, 3, 0, target_height=4, target_width=2
    ),
    "E-IMAGE-SIZE margins of": lambda: ops.image.pad_images(
        IMAGES, 3, 0, target_height=4, target_width=9
    ),
    "E-IMAGE-SIZE ssim needs": lambda: ops.image.ssim(IMAGES, IMAGES),
    "E-COLORS rgb_to_hsv needs 3 channels": lambda: ops.image.rgb_to_hsv(IMAGES),
    "E-DTYPE Divide by 255": lambda: ops.image.rgb_to_hsv(np.ones((2, 2, 3), "uint8")),
    "E-TRANSFORM 8 numbers": lambda: ops.image.affine_transform(IMAGES, np.zeros((6, 6))),
    "E-TRANSFORM start_points and end_points": lambda: ops.image.perspective_transform(
        IMAGES, np.zeros((3, 2)), np.zeros((3, 2))
    ),
    "E-TRANSFORM one row for each axis": lambda: ops.image.map_coordinates(
        IMAGES, np.zeros((2, 3)), 1
    ),
    "E-CHOICE order must be 0": lambda: ops.image.map_coordinates(IMAGES, np.zeros((4, 3)), 3),
    "E-WINDOW does not fit": lambda: ops.image.extract_patches(IMAGES, 6),
}  # fmt: skip


@pytest.mark.parametrize("words", REFUSED)
def test_refused(words: str):
    code, said = words.split(" ", 1)
    with pytest.raises((UsageError, UsageTypeError), match=f"(?s){said}.*{code}"):
        REFUSED[words]()
