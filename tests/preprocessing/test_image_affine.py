"""The geometry of pictures against SciPy and formulas, in float64."""

import numpy as np
import pytest
from scipy import ndimage

import cornu.engine.sampling as sampling
from cornu.errors import UsageError
from cornu.preprocessing import image
from cornu.preprocessing.image.affine import FILL_MODES, maps, warp

random = np.random.default_rng(3)
WIDE = random.uniform(0, 255, (9, 14, 2)).astype("float32")
LAST = (0, 1, 2)


@pytest.fixture(autouse=True, params=["native", "numpy"])
def by(request, monkeypatch):
    """Every test here is of the native library, and of what stands in for it."""
    if request.param == "numpy":
        monkeypatch.setattr(sampling, "available", lambda: False)
    elif not sampling.available():
        pytest.skip(sampling.described())


def matrix(theta=0.0, tx=0.0, ty=0.0, shear=0.0, zx=1.0, zy=1.0, size=(9, 14)):
    """The map as a product of matrices about the middle, x before y; then rows before columns."""
    t, s = np.deg2rad(theta), np.deg2rad(shear)
    middle = np.array([[1, 0, (size[1] - 1) / 2], [0, 1, (size[0] - 1) / 2], [0, 0, 1]])
    turn = np.array([[np.cos(t), -np.sin(t), 0], [np.sin(t), np.cos(t), 0], [0, 0, 1]])
    shift = np.array([[1, 0, tx], [0, 1, ty], [0, 0, 1]])
    slant = np.array([[1, -np.sin(s), 0], [0, np.cos(s), 0], [0, 0, 1]])
    zoom = np.diag([zx, zy, 1])
    whole = middle @ turn @ shift @ slant @ zoom @ np.linalg.inv(middle)
    swap = np.array([[0, 1, 0], [1, 0, 0], [0, 0, 1]])
    return (swap @ whole @ swap)[:2]


GIVEN = [
    {"theta": 33.0},
    {"tx": 2.5, "ty": -1.25},
    {"shear": 25.0, "zx": 0.7},
    {"theta": -120.0, "tx": 6.0, "ty": -30.0, "shear": -40.0, "zx": 2.5, "zy": 0.4},
]


@pytest.mark.parametrize("given", GIVEN)
def test_maps_are_products_about_the_middle(given):
    np.testing.assert_allclose(maps(given, 9, 14)[0], matrix(**given), atol=1e-12)


@pytest.mark.parametrize("mode", FILL_MODES)
@pytest.mark.parametrize("order", [0, 1, 2])
def test_pictures_that_are_no_squares_are_as_scipy_makes_them(mode, order):
    for given in GIVEN:
        map_ = matrix(**given)
        wanted = np.stack(
            [
                ndimage.affine_transform(
                    channel.astype("float64"), map_[:, :2], map_[:, 2], None, None, order, mode, 7.0
                )
                for channel in np.moveaxis(WIDE, -1, 0)
            ],
            -1,
        )
        found = image.apply_affine_transform(
            WIDE,
            **given,
            row_axis=0,
            col_axis=1,
            channel_axis=2,
            fill_mode=mode,
            cval=7.0,
            order=order,
        )
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_many_pictures_with_maps_and_flips_of_their_own():
    x = random.uniform(size=(50, 40, 40, 1))  # more than are computed together
    many = {"theta": random.uniform(-90, 90, 50), "tx": random.uniform(-5, 5, 50)}
    flips = random.random((50, 2)) < 0.5
    found = warp(x, maps(many, 40, 40), "reflect", flips=flips)
    assert found.dtype == np.float64
    for i in (0, 7, 19, 20, 21, 49):
        alone = warp(x[i : i + 1], maps({k: v[i] for k, v in many.items()}, 40, 40), "reflect")[0]
        rows, columns = (slice(None, None, -1 if flip else 1) for flip in flips[i])
        np.testing.assert_allclose(found[i], alone[rows, columns], atol=1e-12)


def test_a_picture_that_is_computed_in_parts():
    x = random.uniform(size=(2, 200, 170, 2))
    given = {"theta": 25.0, "tx": 12.0, "zx": 1.3}
    flips = np.array([[True, False], [False, True]])
    found = warp(x, maps(given, 200, 170).repeat(2, 0), "constant", 3.0, flips=flips)
    map_ = matrix(**given, size=(200, 170))
    wanted = ndimage.affine_transform(
        x[0, ..., 1], map_[:, :2], map_[:, 2], None, None, 1, "constant", 3.0
    )
    np.testing.assert_allclose(found[0, ::-1, :, 1], wanted, atol=1e-9)


def test_numbers_of_numpy_are_numbers():
    found = warp(WIDE[None], maps({"tx": 20.0}, 9, 14), "constant", np.float32(3), np.int64(1))
    assert (found == 3).all()


def test_directions():
    x = np.arange(12.0).reshape(3, 4, 1)
    right = image.apply_affine_transform(x, 0, 1, 0, 0, 1, 1, *LAST)[..., 0]
    np.testing.assert_array_equal(right, x[:, [1, 2, 3, 3], 0])
    down = image.apply_affine_transform(x, 0, 0, 1, 0, 1, 1, *LAST)[..., 0]
    np.testing.assert_array_equal(down, x[[1, 2, 2], :, 0])
    upside_down = image.apply_affine_transform(x, 180, 0, 0, 0, 1, 1, *LAST)[..., 0]
    np.testing.assert_allclose(upside_down, x[::-1, ::-1, 0], atol=1e-12)
    near = image.apply_affine_transform(np.eye(5)[..., None], 0, 0, 0, 0, 0.5, 0.5, *LAST)[..., 0]
    np.testing.assert_allclose(near[0], [1, 0.5, 0, 0, 0])


def test_height_shifts_move_rows_and_width_shifts_columns():
    x = np.arange(48.0).reshape(6, 8, 1)
    tall = image.ImageDataGenerator(height_shift_range=0.4).random_transform(x, seed=1)
    assert (np.diff(tall[..., 0], axis=1) == 1).all()
    assert not np.array_equal(tall, x)
    wide = image.ImageDataGenerator(width_shift_range=[2]).random_transform(x, seed=1)
    np.testing.assert_array_equal(np.diff(wide[..., 0], axis=0), 8)
    assert not np.array_equal(wide, x)


@pytest.mark.parametrize("mode", FILL_MODES)
@pytest.mark.parametrize("size", [(1, 1), (1, 5), (4, 1)])
def test_pictures_of_one_pixel_across(mode, size):
    x = random.uniform(size=(2, *size, 3))
    for order in (0, 1):
        found = warp(x, maps({"theta": 10.0, "tx": 0.3}, *size).repeat(2, 0), mode, 0.0, order)
        assert found.shape == x.shape
        assert np.isfinite(found).all()
        assert found.min() >= 0 and found.max() <= x.max()


def test_channels_first_is_the_same_picture():
    first = np.moveaxis(WIDE, -1, 0)
    found = image.apply_affine_transform(first, theta=20, shear=5)
    wanted = image.apply_affine_transform(WIDE, 20, 0, 0, 5, 1, 1, *LAST)
    np.testing.assert_array_equal(np.moveaxis(found, 0, -1), wanted)


def test_old_functions():
    x = np.arange(6.0).reshape(1, 2, 3)
    np.testing.assert_array_equal(image.flip_axis(x, 2), x[:, :, ::-1])
    about = image.transform_matrix_offset_center(np.diag([2.0, 3.0, 1.0]), 5, 9)
    np.testing.assert_allclose(about @ [2, 4, 1], [2, 4, 1])  # the middle stays
    moved = image.apply_transform(x, [[1, 0, 0], [0, 1, 1], [0, 0, 1]], fill_mode="wrap")
    np.testing.assert_array_equal(moved[0], [[1, 2, 1], [4, 5, 4]])


@pytest.mark.parametrize(
    ("call", "code", "words"),
    [
        (lambda: image.apply_affine_transform(WIDE[0]), "E-IMAGE", "three axes"),
        (
            lambda: image.apply_affine_transform(WIDE, row_axis=0, channel_axis=0),
            "E-AXIS",
            "0, 2, 0",
        ),
        (lambda: image.apply_affine_transform(WIDE, fill_mode="mirror"), "E-CHOICE", "'mirror'"),
        (lambda: image.random_zoom(WIDE, (1, 2, 3)), "E-AUGMENTATION", "(least, most)"),
        (lambda: image.random_brightness(WIDE, 3), "E-AUGMENTATION", "brightness_range"),
        (lambda: image.apply_brightness_shift(WIDE, 0.5), "E-IMAGE", "1, 3 or 4 channels"),
        (lambda: image.transform_matrix_offset_center(np.eye(2), 3, 3), "E-IMAGE", "(3, 3)"),
    ],
)
def test_what_cannot_be_done(call, code, words):
    with pytest.raises(UsageError) as caught:
        call()
    assert caught.value.code == code
    assert words in str(caught.value)
