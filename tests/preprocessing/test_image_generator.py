"""`ImageDataGenerator`: what it draws, computes and refuses."""

import numpy as np
import pytest

from cornu.errors import UsageError
from cornu.preprocessing.image import ImageDataGenerator
from cornu.preprocessing.image.statistics import whitening

random = np.random.default_rng(4)
PICTURES = random.uniform(0, 255, (40, 6, 5, 3)).astype("float32")


def draws(count=400, shape=(20, 30, 3), **options):
    generator = ImageDataGenerator(**options)
    return generator.draws.draw(np.random.RandomState(1), count, shape[:2])


def test_draws_fill_their_ranges():
    found = draws(
        rotation_range=30,
        shear_range=10,
        width_shift_range=0.2,
        height_shift_range=2.5,
        zoom_range=0.25,
        channel_shift_range=9,
        brightness_range=(0.5, 1.5),
        horizontal_flip=True,
    )
    bounds = {
        "theta": (-30, 30),
        "shear": (-10, 10),
        "tx": (-6, 6),  # a part of 30 columns
        "ty": (-2.5, 2.5),  # pixels
        "zx": (0.75, 1.25),
        "zy": (0.75, 1.25),
        "channel_shift_intensity": (-9, 9),
        "brightness": (0.5, 1.5),
    }
    for name, (low, high) in bounds.items():
        assert low <= found[name].min() < low + (high - low) / 50, name
        assert high >= found[name].max() > high - (high - low) / 50, name
    assert 0.4 < found["flip_horizontal"].mean() < 0.6
    assert not found["flip_vertical"].any()


def test_shifts_of_whole_pixels_and_of_a_list():
    assert set(draws(width_shift_range=3)["tx"]) == {-2, -1, 0, 1, 2}
    assert set(draws(height_shift_range=[3, 5])["ty"]) == {-5, -3, 3, 5}
    assert set(np.round(draws(height_shift_range=[0.1])["ty"], 6)) == {-2, 2}


def test_a_seed_gives_the_same_and_leaves_the_global_state():
    generator = ImageDataGenerator(rotation_range=30, width_shift_range=[1, 2])
    before = np.random.get_state()[1].copy()
    first = generator.get_random_transform((8, 8, 3), seed=3)
    assert first == generator.get_random_transform((8, 8, 3), seed=3)
    assert first != generator.get_random_transform((8, 8, 3), seed=4)
    generator.fit(PICTURES, augment=True, seed=3)
    np.testing.assert_array_equal(np.random.get_state()[1], before)
    np.random.seed(3)
    assert generator.get_random_transform((8, 8, 3)) == first


# ---------------------------------------------------------------- scales


def test_standardize_in_its_order():
    generator = ImageDataGenerator(
        featurewise_center=True,
        featurewise_std_normalization=True,
        samplewise_center=True,
        samplewise_std_normalization=True,
        rescale=0.1,
        preprocessing_function=lambda x: x + 5,
    )
    generator.fit(PICTURES)
    x = PICTURES.astype("float64") * 0.1
    mean, std = x.mean((0, 1, 2)), x.std((0, 1, 2))
    np.testing.assert_allclose(generator.mean, mean.reshape(1, 1, 3), rtol=1e-6)
    np.testing.assert_allclose(generator.std, std.reshape(1, 1, 3), rtol=1e-6)
    one = (PICTURES[0].astype("float64") + 5) * 0.1
    one = (one - one.mean()) / (one.std() + 1e-6)
    wanted = (one - mean) / (std + 1e-6)
    np.testing.assert_allclose(generator.standardize(PICTURES[0].copy()), wanted, atol=2e-5)
    batch = generator.standardize(PICTURES[:2].copy())
    np.testing.assert_allclose(batch[0], wanted, atol=2e-5)


def test_scales_with_channels_first():
    first = np.ascontiguousarray(np.moveaxis(PICTURES, -1, 1))
    both = {"featurewise_center": True, "featurewise_std_normalization": True}
    last_, first_ = (
        ImageDataGenerator(**both, data_format=name) for name in ("channels_last", "channels_first")
    )
    last_.fit(PICTURES)
    first_.fit(first)
    assert first_.mean.shape == (3, 1, 1)
    np.testing.assert_allclose(
        first_.standardize(first[0].copy()),
        np.moveaxis(last_.standardize(PICTURES[0].copy()), -1, 0),
        atol=1e-6,
    )


@pytest.mark.parametrize("count", [20, 500])
def test_whitening_makes_numbers_independent(count):
    rows = random.normal(size=(count, 8)) @ random.normal(size=(8, 8))
    rows -= rows.mean(0)
    matrix = whitening(rows, 1e-9)
    white = rows @ matrix
    np.testing.assert_allclose(white.T @ white / count, np.eye(8), atol=1e-6)
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-9)  # nearest to the pictures themselves


def test_whitening_of_fewer_pictures_than_pixels():
    rows = random.normal(size=(5, 8))
    u, s, _ = np.linalg.svd(rows.T, full_matrices=False)
    wanted = (u * (np.sqrt(5) / (s + 0.1))) @ u.T
    np.testing.assert_allclose(whitening(rows, 0.1), wanted, atol=1e-12)


def test_zca_whitening_of_a_batch():
    generator = ImageDataGenerator(zca_whitening=True, featurewise_center=True, zca_epsilon=1e-2)
    generator.fit(PICTURES)
    centred = (PICTURES[:3].astype("float64") - generator.mean).reshape(3, -1)
    wanted = (centred @ generator.zca_whitening_matrix).reshape(3, 6, 5, 3)
    np.testing.assert_allclose(generator.standardize(PICTURES[:3].copy()), wanted, atol=1e-3)


def test_what_one_option_brings_with_it():
    with pytest.warns(UserWarning, match="makes featurewise_center=True"):
        assert ImageDataGenerator(featurewise_std_normalization=True).featurewise_center
    with pytest.warns(UserWarning, match="makes samplewise_center=True"):
        assert ImageDataGenerator(samplewise_std_normalization=True).samplewise_center
    with pytest.warns(UserWarning, match="makes featurewise_std_normalization=False"):
        found = ImageDataGenerator(
            zca_whitening=True, featurewise_center=True, featurewise_std_normalization=True
        )
    assert not found.featurewise_std_normalization


def test_a_generator_that_has_learned_nothing_warns():
    generator = ImageDataGenerator(featurewise_center=True)
    with pytest.warns(UserWarning, match=r"generator\.fit\(x\)"):
        found = generator.standardize(PICTURES[0].copy())
    np.testing.assert_array_equal(found, PICTURES[0])


def test_fit_leaves_the_pictures_alone():
    x = PICTURES.copy()
    ImageDataGenerator(featurewise_center=True, rescale=2.0).fit(x, augment=True, rounds=2, seed=1)
    np.testing.assert_array_equal(x, PICTURES)


def test_colors():
    generator = ImageDataGenerator()
    shifted = generator.apply_transform(PICTURES[0], {"channel_shift_intensity": 40.0})
    low, high = PICTURES[0].min(), PICTURES[0].max()
    np.testing.assert_allclose(shifted, np.clip(PICTURES[0] + 40, low, high), rtol=1e-6)
    dark = generator.apply_transform(PICTURES[0], {"brightness": 0.5})
    np.testing.assert_array_equal(dark, np.floor(np.floor(PICTURES[0]) / 2))


def test_flips_alone_are_exact():
    generator = ImageDataGenerator()
    found = generator.apply_transform(PICTURES[0], {"flip_horizontal": True, "flip_vertical": 1})
    np.testing.assert_array_equal(found, PICTURES[0, ::-1, ::-1])
    np.testing.assert_array_equal(generator.apply_transform(PICTURES[0], {}), PICTURES[0])


# ---------------------------------------------------------------- subclasses


class Noisy(ImageDataGenerator):
    """Draws as old code does: from NumPy's global state."""

    def random_transform(self, x, seed=None):
        return super().random_transform(x, seed) + np.random.uniform(0, 1, x.shape)


class Doubled(ImageDataGenerator):
    def standardize(self, x):
        return 2 * super().standardize(x)


class Still(ImageDataGenerator):
    def get_random_transform(self, img_shape, seed=None):
        return {"flip_horizontal": True}


def test_methods_of_subclasses_are_used():
    before = np.random.get_state()[1].copy()
    noisy = Noisy().flow(PICTURES, seed=2, shuffle=False, batch_size=4)
    assert 0 < (noisy[0] - PICTURES[:4]).mean() < 1
    np.testing.assert_array_equal(noisy[0], noisy[0])
    assert not np.array_equal(noisy[0] - PICTURES[:4], noisy[1] - PICTURES[4:8])
    np.testing.assert_array_equal(np.random.get_state()[1], before)
    doubled = Doubled(rescale=0.5).flow(PICTURES, shuffle=False, batch_size=4)
    np.testing.assert_array_equal(doubled[0], PICTURES[:4])
    still = Still().flow(PICTURES, shuffle=False, batch_size=4)
    np.testing.assert_array_equal(still[0], PICTURES[:4, :, ::-1])


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        ({"zoom_range": [1, 2, 3]}, "E-AUGMENTATION", "(least, most)"),
        ({"zoom_range": "a lot"}, "E-AUGMENTATION", "'a lot'"),
        ({"brightness_range": 2}, "E-AUGMENTATION", "(0.8, 1.2)"),
        ({"rotation_range": "30"}, "E-AUGMENTATION", "rotation_range"),
        ({"shear_range": np.nan}, "E-AUGMENTATION", "shear_range"),
        ({"width_shift_range": []}, "E-AUGMENTATION", "width_shift_range"),
        ({"height_shift_range": -1}, "E-AUGMENTATION", "height_shift_range"),
        ({"fill_mode": "nearst"}, "E-CHOICE", 'Did you mean "nearest"'),
        ({"interpolation_order": 6}, "E-AUGMENTATION", "from 0 to 5"),
        ({"validation_split": 20}, "E-AUGMENTATION", "between 0 and 1"),
        ({"data_format": "channel_last"}, "E-DATA-FORMAT", "channels_last"),
        ({"preprocessing_function": 3}, "E-AUGMENTATION", "function of a picture"),
    ],
)
def test_options_that_cannot_be(options, code, words):
    with pytest.raises(UsageError) as caught:
        ImageDataGenerator(**options)
    assert caught.value.code == code
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("call", "code", "words"),
    [
        (lambda g: g.fit(PICTURES[0]), "E-IMAGE", "(count, height, width, channels)"),
        (lambda g: g.fit(PICTURES[:, :, :, 0]), "E-IMAGE", "x[..., None]"),
        (lambda g: g.fit(PICTURES[:0]), "E-EMPTY", "no pictures"),
        (lambda g: g.random_transform(PICTURES), "E-IMAGE", "one picture"),
        (lambda g: g.apply_transform(PICTURES[0], {"thet": 1}), "E-AUGMENTATION", '"theta"'),
        (lambda g: g.flow(PICTURES, subset="test"), "E-CHOICE", '"training"'),
        (lambda g: g.flow(PICTURES, subset="training"), "E-SPLIT", "validation_split=0.2"),
    ],
)
def test_calls_that_cannot_be(call, code, words):
    with pytest.raises(UsageError) as caught:
        call(ImageDataGenerator())
    assert caught.value.code == code
    assert words in str(caught.value)


def test_a_function_that_gives_another_shape():
    flow = ImageDataGenerator(preprocessing_function=lambda x: x[:3]).flow(PICTURES)
    with pytest.raises(UsageError, match=r"\(6, 5, 3\); it gave ndarray of shape \(3, 5, 3\)"):
        next(flow)
