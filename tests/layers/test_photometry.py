"""Layers that change light, colours and tones at random, mix images, or choose among changes.

What they compute with fixed settings is in `tests/contracts/layers_photometry.py`.
"""

import colorsys
import json
from typing import Any

import numpy as np
import pytest

from cornu import Sequential, config, engine, layers, state
from cornu.errors import UsageError, UsageTypeError
from cornu.layers import Input
from cornu.layers.preprocessing import mixing

MANY = 4000
SURE = 5  # deviations


def images(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).integers(0, 256, shape).astype("uint8")


def drawn(layer: Any, count: int = MANY, size: tuple = (4, 4, 3)) -> Any:
    """The settings of many samples."""
    return engine.jit(lambda key: layer.draw((count, *size), key))(engine.key(3))


def stepped(layer: Any, x: np.ndarray) -> np.ndarray:
    """What a compiled training step makes of images: one program, where a plain call is many."""
    step = engine.jit(lambda x: state.pure(layer, [], training=True, key=engine.key(5))([], x)[0])
    return np.asarray(step(x))


def is_even(found: Any, low: float, high: float) -> None:
    """Draws are even on [low, high): range, mean and variance."""
    x = np.asarray(found, "float64")
    span = high - low
    assert x.min() >= low - 1e-6 and x.max() <= high + 1e-6
    assert abs(x.mean() - (low + high) / 2) < SURE * span / 12**0.5 / x.size**0.5
    assert x.var() == pytest.approx(span**2 / 12, rel=0.08)


def shares(found: Any, expected: float) -> None:
    """Booleans are true with the probability `expected`."""
    x = np.asarray(found)
    assert x.dtype == bool
    assert abs(x.mean() - expected) < SURE * (expected * (1 - expected) / x.size) ** 0.5


# ---------------------------------------------------------------- what is drawn


@pytest.mark.parametrize(
    ("name", "factor", "low", "high"),
    [
        ("RandomBrightness", 0.3, -0.3, 0.3),
        ("RandomBrightness", (0.1, 0.4), 0.1, 0.4),
        ("RandomContrast", 0.4, 0.6, 1.4),
        ("RandomContrast", (0.1, 0.5), 0.9, 1.5),
        ("RandomColorDegeneration", 0.6, 0, 0.6),
        ("RandomColorDegeneration", (-0.5, 0.5), -0.5, 0.5),
        ("RandomSharpness", 0.7, 0, 0.7),
        ("RandomHue", 0.5, -0.25, 0.25),
    ],
)
def test_factors_are_drawn_evenly(name: str, factor: Any, low: float, high: float):
    is_even(drawn(getattr(layers, name)(factor)), low, high)


def test_saturation_is_drawn_as_a_share():
    """f / (1 - f) with f even."""
    found = np.asarray(drawn(layers.RandomSaturation((0.2, 0.9))))
    is_even(found / (1 + found), 0.2, 0.9)
    assert np.asarray(drawn(layers.RandomSaturation((1.0, 1.0)), 2)).min() >= 1e3


def test_solarization_draws_shares():
    addition, threshold = drawn(layers.Solarization(0.2, (0.3, 0.7)))
    is_even(addition, 0, 0.2)
    is_even(threshold, 0.3, 0.7)


@pytest.mark.parametrize(("factor", "bits"), [(3, [1, 2, 3]), ((4, 6), [4, 5, 6]), ((8, 8), [8])])
def test_bits_are_drawn_with_both_ends(factor: Any, bits: list[int]):
    values, counts = np.unique(drawn(layers.RandomPosterization(factor)), return_counts=True)
    assert values.tolist() == bits
    assert np.abs(counts / MANY - 1 / len(bits)).max() < 0.04


@pytest.mark.parametrize(("factor", "share"), [(1.0, 0.5), (0.4, 0.2), ((0.9, 0.9), 0.9)])
def test_images_are_picked_with_the_drawn_probability(factor: Any, share: float):
    shares(drawn(layers.RandomInvert(factor)), share)
    shares(drawn(layers.RandomGaussianBlur(factor))["picked"], share)
    shares(drawn(layers.RandomErasing(factor))["picked"], share)


def test_grayscale_probability():
    shares(drawn(layers.RandomGrayscale(0.3)), 0.3)


def test_blur_draws_a_deviation_each_way():
    sigma = np.asarray(drawn(layers.RandomGaussianBlur(sigma=(0.2, 0.9)))["sigma"])
    assert sigma.shape == (MANY, 2)
    is_even(sigma, 0.2, 0.9)
    assert abs(np.corrcoef(sigma.T)[0, 1]) < SURE / MANY**0.5


def test_erased_boxes():
    """Sides are √share of the image, places even, and all within the image."""
    (top, left), (bottom, right) = drawn(layers.RandomErasing(scale=(0.1, 0.5)), MANY, (20, 30, 3))[
        "box"
    ]
    height, width = np.asarray(bottom - top) / 20, np.asarray(right - left) / 30
    is_even(height**2, 0.1, 0.5)
    is_even(width**2, 0.1, 0.5)
    assert min(top.min(), left.min()) >= 0
    assert bottom.max() <= 20.001 and right.max() <= 30.001
    is_even(np.asarray(top) / (20 - 20 * height), 0, 1)


@pytest.mark.parametrize("alpha", [0.2, 1.0, 3.0])
def test_beta(alpha: float):
    """Mean 1/2 and variance 1 / (4 (2 alpha + 1))."""
    found = np.asarray(engine.jit(lambda k: mixing.beta(k, (MANY,), alpha))(engine.key(5)))
    variance = 1 / (4 * (2 * alpha + 1))
    assert found.min() >= 0 and found.max() <= 1
    assert abs(found.mean() - 0.5) < SURE * (variance / MANY) ** 0.5
    assert found.var() == pytest.approx(variance, rel=0.08)


def test_beta_of_next_to_nothing_is_one_end():
    found = np.asarray(mixing.beta(engine.key(1), (MANY,), np.float32(1e-6)))
    assert np.isin(found, [0, 1]).all()
    shares(found == 1, 0.5)


def test_cut_mix_boxes():
    """The kept part is Beta(a, a) with a even on (0, 1); the label's weight is that of pixels."""
    layer = layers.CutMix((1.0, 1.0))
    found = drawn(layer, MANY, (32, 32, 3))
    inside, weight = np.asarray(found["inside"]), np.asarray(found["weight"])
    assert inside.shape == (MANY, 32, 32, 1)
    np.testing.assert_allclose(weight, 1 - inside.mean((1, 2, 3)), atol=1e-6)
    assert sorted(np.asarray(found["other"]).tolist()) == list(range(MANY))
    is_even(np.round(weight, 3), 0, 1)
    rows, columns = inside.any((2, 3)).sum(1), inside.any((1, 3)).sum(1)
    np.testing.assert_array_equal(inside.sum((1, 2, 3)), rows * columns)  # a box, all of it


# ---------------------------------------------------------------- what is done with it


def test_hue_is_turned():
    x = images(2, 3, 4, 3)
    turns = np.array([0.3, -0.2], "float32")
    found = np.asarray(layers.RandomHue(1.0).augment_images(x.astype("float32"), turns))
    for n, i, j in np.ndindex(2, 3, 4):
        h, s, v = colorsys.rgb_to_hsv(*(x[n, i, j] / 255))
        expected = np.array(colorsys.hsv_to_rgb((h + turns[n]) % 1, s, v)) * 255
        np.testing.assert_allclose(found[n, i, j], expected, atol=1e-3)


def test_values_stay_within_their_range():
    x = images(4, 6, 6, 3) / np.float32(255) * 2 - 1
    for layer in (
        layers.RandomBrightness(1.0, value_range=(-1, 1)),
        layers.RandomContrast(1.0, value_range=(-1, 1)),
        layers.RandomColorDegeneration((-1, 1), value_range=(-1, 1)),
        layers.RandomSaturation((0, 1), value_range=(-1, 1)),
        layers.RandomHue(1.0, value_range=(-1, 1)),
        layers.RandomInvert((1, 1), value_range=(-1, 1)),
        layers.RandomPosterization(4, value_range=(-1, 1)),
        layers.RandomSharpness((1, 1), value_range=(-1, 1)),
        layers.Solarization(1.0, 1.0, value_range=(-1, 1)),
        layers.Equalization(value_range=(-1, 1)),
        layers.RandomErasing((1, 1), value_range=(-1, 1)),
    ):
        found = stepped(layer, x)
        assert found.min() >= -1 - 1e-5 and found.max() <= 1 + 1e-5, layer
        assert not np.allclose(found, x), layer


def test_levels_of_bytes_in_the_unit_range_are_met():
    """51 / 255 * 255 is no less than 51."""
    levels = (np.arange(256) / 255).astype("float32").reshape(1, 16, 16, 1)
    same = layers.RandomPosterization((8, 8), value_range=(0, 1))(levels)
    np.testing.assert_allclose(same, levels, atol=1e-6)
    even = layers.Equalization(value_range=(0, 1))(levels)  # each level once: even already
    np.testing.assert_allclose(even, levels, atol=1e-6)


def test_erasing_with_a_colour_and_with_noise():
    x = images(3, 8, 9, 3)
    whole = {"factor": (1.0, 1.0), "scale": (1.0, 1.0)}
    found = stepped(layers.RandomErasing(fill_value=(1, 2, 300), **whole), x)
    assert np.unique(found.reshape(-1, 3), axis=0).tolist() == [[1, 2, 255]]
    first = layers.RandomErasing(fill_value=(1, 2, 3), data_format="channels_first", **whole)
    found = stepped(first, x.transpose(0, 3, 1, 2))
    assert found[:, :, 0, 0].tolist() == [[1, 2, 3]] * 3
    noise = stepped(layers.RandomErasing(**whole), images(2, 60, 60, 3))
    # a normal number of deviation 255 held within [0, 255]: half are 0, 15.9 % are 255
    assert (noise == 0).mean() == pytest.approx(0.5, abs=0.02)
    assert (noise == 255).mean() == pytest.approx(0.1587, abs=0.02)
    part = stepped(layers.RandomErasing((1, 1), fill_value=0), np.full((50, 20, 20, 1), 9.0))
    counts = (part == 0).reshape(50, -1).sum(1)
    assert counts.min() >= 1 and counts.max() <= 0.4 * 400


@pytest.mark.parametrize("name", ["CutMix", "MixUp"])
def test_mixing_keeps_the_sum_of_labels(name: str):
    x, y = images(16, 8, 8, 3), np.eye(16, dtype="int32")
    found = getattr(layers, name)(1.0)({"images": x, "labels": y, "ids": "kept"})
    labels = np.asarray(found["labels"])
    assert found["ids"] == "kept"
    assert labels.dtype == "float32"
    np.testing.assert_allclose(labels.sum(1), 1, rtol=1e-5)
    assert (labels > 0).sum(1).max() == 2
    mixed = np.einsum("ij,jabc->iabc", labels, x.astype("float64"))
    if name == "MixUp":
        np.testing.assert_allclose(found["images"], mixed, atol=1e-2)
    single = getattr(layers, name)(1.0)(x[0])
    np.testing.assert_allclose(single, x[0], atol=1e-3)
    resting = getattr(layers, name)(1.0)({"images": x, "labels": y}, training=False)
    np.testing.assert_array_equal(resting["labels"], y)


def test_cut_mix_cuts_from_one_other_image():
    x = np.arange(12, dtype="float32").reshape(12, 1, 1, 1) * np.ones((1, 9, 7, 1), "float32")
    data = {"images": x, "labels": np.eye(12, dtype="float32"), "segmentation_masks": x[..., :1]}
    found = layers.CutMix((1.0, 1.0), seed=4)(data)
    np.testing.assert_array_equal(found["images"], found["segmentation_masks"])
    for i, (image, label) in enumerate(zip(found["images"], found["labels"], strict=True)):
        numbers, counts = np.unique(np.asarray(image), return_counts=True)
        expected = np.zeros(12)
        expected[numbers.astype(int)] = counts / 63
        assert i in numbers and len(numbers) <= 2
        np.testing.assert_allclose(label, expected, atol=1e-5)


def test_mix_up_keeps_boxes_of_both():
    boxes = {
        "boxes": np.arange(24, dtype="float32").reshape(3, 2, 4),
        "labels": np.arange(6).reshape(3, 2),
    }
    layer = layers.MixUp(bounding_box_format="xyxy")
    order = np.array([1, 2, 0])
    found = layer.augment_bounding_boxes(boxes, {"other": order})
    assert np.asarray(found["labels"]).tolist() == [[0, 1, 2, 3], [2, 3, 4, 5], [4, 5, 0, 1]]
    np.testing.assert_array_equal(found["boxes"][:, 2:], boxes["boxes"][order])


def test_a_fixed_number_of_boxes():
    data = {
        "images": images(2, 4, 4, 3),
        "bounding_boxes": {
            "boxes": np.ones((2, 3, 4), "float32"),
            "labels": np.array([[1, 2, 3], [4, 5, 6]]),
        },
    }
    layer = layers.MaxNumBoundingBoxes(5, bounding_box_format="xyxy")
    found = layer(data)["bounding_boxes"]
    assert np.asarray(found["labels"]).tolist() == [[1, 2, 3, -1, -1], [4, 5, 6, -1, -1]]
    assert found["boxes"].shape == (2, 5, 4) and np.all(found["boxes"][:, 3:] == -1)
    fewer = layers.MaxNumBoundingBoxes(2, bounding_box_format="xyxy")(data)["bounding_boxes"]
    assert np.asarray(fewer["labels"]).tolist() == [[1, 2], [4, 5]]
    assert data["bounding_boxes"]["labels"].shape == (2, 3)


# ---------------------------------------------------------------- choosing


def test_each_change_is_as_likely_for_every_sample():
    layer = layers.RandAugment(num_ops=1)
    count = len(layer.choices)
    assert count == 11
    many = engine.jit(engine.vmap(lambda key: layer.deal((5, 4, 4, 3), key)["slots"]))
    keys = np.stack([np.asarray(engine.fold(engine.key(2), i)) for i in range(2000)])
    slots = np.asarray(many(keys))  # (draws, samples): a slot is a layer here
    for sample in slots.T:
        counts = np.bincount(sample, minlength=count)
        assert np.abs(counts / 2000 - 1 / count).max() < SURE * (1 / count / 2000) ** 0.5
    assert all(len(set(row)) == 5 for row in slots.tolist())


def test_what_was_dealt_comes_back_to_its_sample():
    """With layers that say who they are, every sample shows one of them, and its own number."""
    layer = layers.RandAugment(num_ops=1)
    marks = [_Marked(100.0 * (i + 1)) for i in range(3)]
    layer.choices = marks
    x = np.arange(10, dtype="float32").reshape(10, 1, 1, 1) * np.ones((1, 2, 2, 1), "float32")
    deal = layer.deal(x.shape, engine.key(1))
    found = np.asarray(layer.dealt("images", x, deal))[:, 0, 0, 0]
    assert (found % 100).tolist() == list(range(10))
    assert set(found // 100) == {1, 2, 3}


class _Marked(layers.AutoContrast):
    """Adds its number."""

    def __init__(self, number: float):
        super().__init__()
        self.number = number

    def augment_images(self, images: Any, drawn: Any) -> Any:
        return images + self.number


def test_policies_on_dicts_and_in_a_compiled_step():
    x = images(3, 12, 10, 3)
    boxes = {
        "boxes": np.tile(np.array([2, 3, 8, 9], "float32"), (3, 2, 1)),
        "labels": np.ones((3, 2), "int32"),
    }
    layer = layers.RandAugment(num_ops=1, bounding_box_format="xyxy", seed=3)
    masks = (x[..., :1] > 128).astype("int32")
    data = {"images": x, "bounding_boxes": boxes, "segmentation_masks": masks, "labels": [0, 1, 2]}
    found = engine.jit(
        lambda key: state.pure(layer, [], training=True, key=key)([], data)[0],
    )(engine.key(1))
    assert found["images"].shape == x.shape and found["bounding_boxes"]["boxes"].shape == (3, 2, 4)
    assert found["segmentation_masks"].dtype == "int32"
    assert set(np.unique(found["segmentation_masks"])) <= {0, 1}
    assert np.asarray(found["images"]).min() >= 0 and np.asarray(found["images"]).max() <= 255.01
    np.testing.assert_array_equal(layer(x, training=False), x)


def test_aug_mix():
    x = images(3, 8, 8, 3)
    layer = layers.AugMix(num_chains=2, chain_depth=1, all_ops=False)
    assert len(layer.choices) == 7 and len(layers.AugMix().choices) == 11
    found = stepped(layer, x)
    assert found.shape == x.shape and 0 <= found.min() and found.max() <= 255
    np.testing.assert_array_equal(layer(x, training=False), x)
    settings = engine.jit(lambda key: layer.draw((MANY, 2, 2, 3), key))(engine.key(1))
    np.testing.assert_allclose(np.asarray(settings["shares"]).sum(0), 1, rtol=1e-5)
    is_even(settings["shares"], 0, 1)  # two shares of Dirichlet(1, 1) are even
    is_even(settings["kept"], 0, 1)
    layer.choices = [_Marked(0.0)]  # no change: the mixture is the image
    np.testing.assert_allclose(layer(x), x, atol=1e-3)


# ---------------------------------------------------------------- in models

RANDOM = {
    "RandomBrightness": {"factor": 0.5},
    "RandomContrast": {"factor": 0.5},
    "RandomColorDegeneration": {"factor": 0.9},
    "RandomColorJitter": {"brightness_factor": 0.4, "hue_factor": 0.4},
    "RandomSharpness": {"factor": 0.9},
    "CutMix": {},
    "MixUp": {"alpha": 1.0},
}


@pytest.mark.parametrize("name", RANDOM)
def test_drawn_in_training_only_anew_each_step_and_the_same_for_a_seed(name: str):
    x = images(6, 8, 8, 3)
    layer = getattr(layers, name)(**RANDOM[name])
    step = engine.jit(lambda key: state.pure(layer, [], training=True, key=key)([], x)[0])
    one, again, other = (np.asarray(step(engine.key(k))) for k in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert not np.allclose(one, other)
    assert not np.allclose(one, x)
    np.testing.assert_array_equal(layer(x, training=False), x)
    seeded = [getattr(layers, name)(**RANDOM[name], seed=7) for _ in range(2)]
    first = [np.asarray(s(x)) for s in seeded]
    np.testing.assert_array_equal(*first)
    assert not np.allclose(first[0], seeded[0](x))


def test_trained_in_a_model():
    model = Sequential(
        [
            Input((8, 8, 3)),
            layers.RandomBrightness(0.2),
            layers.RandomContrast(0.2),
            layers.AutoContrast(),
            layers.Flatten(),
            layers.Dense(2, activation="softmax"),
        ]
    )
    model.compile("sgd", "sparse_categorical_crossentropy")
    history = model.fit(images(12, 8, 8, 3), np.arange(12) % 2, epochs=1, batch_size=5, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    shape = model.predict(images(3, 8, 8, 3), verbose=0).shape
    assert shape == (3, 2)


def test_pipeline():
    inner = [layers.RandomInvert((1.0, 1.0)), layers.RandomBrightness((0.2, 0.2))]
    pipeline = layers.Pipeline(inner)
    x = images(2, 4, 5, 3)
    np.testing.assert_allclose(pipeline(x), np.minimum(255.0 - x + 51, 255), rtol=1e-6)
    np.testing.assert_array_equal(pipeline(x, training=False), x)
    assert pipeline(Input((4, 5, 3))).shape == (None, 4, 5, 3)
    written = json.loads(json.dumps(config.serialize(pipeline)))
    assert set(written["config"]) == {"layers", "name"}
    again = config.deserialize(written)
    np.testing.assert_array_equal(again(x), pipeline(x))
    labels = np.arange(2)
    found = pipeline({"images": x, "labels": labels})
    np.testing.assert_array_equal(found["labels"], labels)
    dense = layers.Pipeline([layers.Flatten(), layers.Dense(3)])
    assert dense(Input((4, 5))).shape == (None, 3)
    assert [v.shape for v in dense.weights] == [(20, 3), (3,)]


# ---------------------------------------------------------------- wrong calls


@pytest.mark.parametrize(
    ("name", "options", "error", "words"),
    [
        ("RandomBrightness", {"factor": 1.5}, UsageError, "RandomBrightness: factor.*1.5"),
        ("RandomBrightness", {"factor": 20}, UsageError, "0.2"),
        ("RandomBrightness", {"factor": "much"}, UsageTypeError, "factor"),
        ("RandomBrightness", {"factor": (0.1, 0.2, 0.3)}, UsageTypeError, "pair"),
        ("RandomBrightness", {"factor": 0.1, "value_range": 255}, UsageError, "value_range"),
        ("RandomBrightness", {"factor": 0.1, "value_range": (3, 3)}, UsageError, "value_range"),
        ("RandomContrast", {"factor": 2}, UsageError, "RandomContrast: factor"),
        ("RandomHue", {"factor": -0.5}, UsageError, "RandomHue: factor"),
        ("RandomGrayscale", {"factor": 1.2}, UsageError, "RandomGrayscale: factor"),
        ("RandomPosterization", {"factor": 9}, UsageError, "RandomPosterization: factor"),
        ("RandomPosterization", {"factor": 2.5}, UsageError, "whole"),
        ("Solarization", {"threshold_factor": 128}, UsageError, "threshold_factor"),
        ("Equalization", {"bins": 1}, UsageError, "bins"),
        ("RandomGaussianBlur", {"kernel_size": 4}, UsageError, "odd.*4"),
        ("RandomGaussianBlur", {"kernel_size": (3, 3, 3)}, UsageTypeError, "kernel_size"),
        ("RandomErasing", {"fill_value": (1, 2)}, UsageTypeError, "fill_value"),
        ("MixUp", {"alpha": 0}, UsageError, "alpha"),
        ("MaxNumBoundingBoxes", {"max_number": 0}, UsageError, "max_number"),
        ("RandAugment", {"interpolation": "cubic"}, UsageError, "interpolation"),
        ("AugMix", {"factor": 3}, UsageError, "factor"),
        ("Pipeline", {"layers": layers.Flatten()}, UsageTypeError, "list of layers"),
        ("Pipeline", {"layers": [len]}, UsageTypeError, "len"),
    ],
)
def test_wrong_arguments(name: str, options: dict, error: type, words: str):
    with pytest.raises(error, match=words):
        getattr(layers, name)(**options)


@pytest.mark.parametrize(
    "layer",
    [
        layers.RandomHue(0.1),
        layers.RandomSaturation(0.1),
        layers.RandomGrayscale(),
        layers.RandomColorDegeneration(0.1),
        layers.RandomColorJitter(hue_factor=0.1),
    ],
    ids=lambda layer: layer.name,
)
def test_colours_need_three_channels(layer: Any):
    with pytest.raises(UsageError, match=rf"{layer.name}.*3 channels.*\(2, 8, 8, 1\)") as caught:
        layer(images(2, 8, 8, 1))
    assert caught.value.code == "E-COLORS"


@pytest.mark.parametrize("name", ["CutMix", "MixUp"])
def test_numbers_of_classes_cannot_be_mixed(name: str):
    with pytest.raises(UsageError, match="mixes labels.*to_categorical") as caught:
        getattr(layers, name)().augment_labels(np.array([0, 1, 2, 1]), None)
    assert caught.value.code == "E-MIX"


@pytest.mark.parametrize("layer", [layers.MixUp(), layers.AugMix()])
def test_masks_of_class_numbers_cannot_be_mixed(layer: Any):
    with pytest.raises(UsageError, match="masks.*to_categorical") as caught:
        layer.augment_segmentation_masks(np.ones((2, 4, 4, 1), "int32"), None)
    assert caught.value.code == "E-MIX"


def test_cut_mix_refuses_boxes():
    boxes = {"boxes": np.ones((2, 1, 4), "float32"), "labels": np.ones((2, 1))}
    with pytest.raises(UsageError, match="Use MixUp") as caught:
        layers.CutMix(bounding_box_format="xyxy").augment_bounding_boxes(boxes, None)
    assert caught.value.code == "E-MIX"
