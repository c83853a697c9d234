"""Pictures against tf-keras 2.21 (the generators) and Keras 3.15.1 (data sets, resizing).

Where Cornu differs on purpose:

- What is drawn from `height_shift_range` moves rows; tf-keras moves columns by it.
- Pictures that are no squares are turned, sheared and zoomed about their own middle; tf-keras takes
  that of the picture with its sides exchanged.
- `image_dataset_from_directory` refuses a class without pictures, which Keras takes.
"""

import inspect
import operator
import os
from typing import Any

import numpy as np
import pytest

from cornu.preprocessing import image
from cornu.utils.image_folders import image_dataset_from_directory

pytestmark = pytest.mark.peers

random = np.random.default_rng(0)
PICTURE = random.uniform(0, 255, (16, 16, 3)).astype("float32")
PICTURES = random.uniform(0, 255, (10, 12, 12, 3)).astype("float32")
MODES = ("constant", "nearest", "reflect", "wrap")
LAST = {"row_axis": 0, "col_axis": 1, "channel_axis": 2}
RANGES = {
    "rotation_range": 40,
    "shear_range": 20,
    "zoom_range": [0.6, 1.4],
    "horizontal_flip": True,
    "vertical_flip": True,
    "channel_shift_range": 30.0,
    "brightness_range": (0.5, 1.6),
}


@pytest.fixture(scope="module")
def theirs() -> Any:
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    return pytest.importorskip("tf_keras").preprocessing.image


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> str:
    """Two classes of pictures of different sizes, with files among them that are none."""
    pillow = pytest.importorskip("PIL.Image")
    root = tmp_path_factory.mktemp("pictures")
    for name, count in (("dogs", 5), ("cats", 4)):
        (root / name / "more").mkdir(parents=True)
        (root / name / "notes.txt").write_text("none")
        for i in range(count):
            pixels = random.integers(0, 256, (10 + i, 13, 3), dtype="uint8")
            pillow.fromarray(pixels).save(root / name / f"{i}.png")
    pillow.fromarray(pixels).save(root / "cats" / "more" / "z.PNG")
    pillow.fromarray(pixels[..., 0]).save(root / "dogs" / "grey.bmp")
    return str(root)


def drawn(count: int) -> list[dict]:
    again = np.random.default_rng(1)
    far = {"theta": 180, "tx": 40, "ty": 40, "shear": 60}
    return [
        {k: again.uniform(-v, v) for k, v in far.items()}
        | {k: again.uniform(0.3, 3) for k in ("zx", "zy")}
        for _ in range(count)
    ]


# ---------------------------------------------------------------- one picture


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("order", [0, 1, 3])
def test_geometry(theirs, mode, order):
    for given in [*drawn(30), {"theta": 90}, {"theta": 180}, {"tx": 3.0}, {"zx": 2.0}, {}]:
        said = {**LAST, "fill_mode": mode, "cval": 9.0, "order": order, **given}
        wanted = theirs.apply_affine_transform(PICTURE, **said)
        found = image.apply_affine_transform(PICTURE, **said)
        np.testing.assert_allclose(found, wanted, atol=1e-4, err_msg=str(given))


@pytest.mark.parametrize("mode", MODES)
def test_moving_pictures_that_are_no_squares(theirs, mode):
    wide = np.concatenate([PICTURE, PICTURE[:, :9]], 1)
    for given in ({"tx": 3.4}, {"ty": -30.2}, {"tx": -7, "ty": 2.5}):
        said = {**LAST, "fill_mode": mode, **given}
        wanted = theirs.apply_affine_transform(wide, **said)
        np.testing.assert_allclose(image.apply_affine_transform(wide, **said), wanted, atol=1e-4)


def test_channels_first(theirs):
    first = np.moveaxis(PICTURE, -1, 0)
    for given in drawn(3):
        wanted = theirs.apply_affine_transform(first, **given)
        np.testing.assert_allclose(image.apply_affine_transform(first, **given), wanted, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("random_rotation", (30, 0, 1, 2, "reflect")),
        ("random_shift", (0.0, 0.3, 0, 1, 2)),
        ("random_shear", (25, 0, 1, 2)),
        ("random_zoom", ((0.5, 1.5), 0, 1, 2, "constant", 3.0)),
        ("random_channel_shift", (40.0, 2)),
        ("random_brightness", ((0.4, 1.8),)),
        ("random_brightness", ((0.4, 1.8), False)),
        ("apply_channel_shift", (-25.0,)),
        ("apply_brightness_shift", (0.7,)),
    ],
)
def test_functions_of_one_picture_draw_the_same(theirs, name, args):
    if name == "random_shift":  # theirs moves columns by the height's part
        wanted = seeded(lambda: theirs.random_shift(PICTURE, 0.0, 0.3, 1, 0, 2))
        wanted = wanted if np.ptp(wanted) else PICTURE
    else:
        wanted = seeded(lambda: getattr(theirs, name)(PICTURE, *args))
    found = seeded(lambda: getattr(image, name)(PICTURE, *args))
    np.testing.assert_allclose(found, wanted, atol=1e-4)


NEW = {"keep_aspect_ratio", "data_format"}  # what ours take besides


@pytest.mark.parametrize(
    "name",
    "ImageDataGenerator ImageDataGenerator.flow ImageDataGenerator.flow_from_directory "
    "ImageDataGenerator.flow_from_dataframe ImageDataGenerator.fit DirectoryIterator Iterator "
    "NumpyArrayIterator ImageDataGenerator.get_random_transform apply_affine_transform "
    "ImageDataGenerator.apply_transform ImageDataGenerator.random_transform random_rotation "
    "random_shift random_shear random_zoom random_channel_shift random_brightness "
    "apply_channel_shift apply_brightness_shift array_to_img img_to_array smart_resize".split(),
)
def test_signatures(theirs, name):
    found, wanted = (signature(operator.attrgetter(name)(each)) for each in (image, theirs))
    named = [p for p in wanted if p[0] != "kwargs"]
    assert found[: len(named)] == named or name == "ImageDataGenerator.flow_from_dataframe"
    assert {p[0] for p in found} - {p[0] for p in named} <= NEW
    assert not {p[0] for p in named} - {p[0] for p in found}


def signature(function: Any) -> list[tuple[str, Any]]:
    parameters = inspect.signature(function).parameters.values()
    return [(p.name, p.default) for p in parameters]


def seeded(call: Any) -> Any:
    np.random.seed(5)
    return call()


@pytest.mark.parametrize("values", [(0, 255), (-3, 2), (0, 700), (0, 1)])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_brightness_of_any_values(theirs, values, channels):
    x = random.uniform(*values, (7, 8, channels)).astype("float32")
    for factor in (0.0, 0.37, 1.0, 1.9):
        for scale in (True, False):
            np.testing.assert_allclose(
                image.apply_brightness_shift(x, factor, scale),
                theirs.apply_brightness_shift(x, factor, scale),
                atol=1e-4,
            )


# ---------------------------------------------------------------- the generator


@pytest.mark.parametrize(
    "options",
    [
        {},
        RANGES,
        {"width_shift_range": 0.2, "height_shift_range": 3.5},
        {"width_shift_range": 3, "height_shift_range": [-4, 0, 4]},
        {"width_shift_range": [0.1, 0.3], "height_shift_range": 1.0, "zoom_range": 0.3},
        {"width_shift_range": 1, "rotation_range": 10, "horizontal_flip": True},
    ],
)
def test_transforms_of_a_seed(theirs, options):
    ours, other = image.ImageDataGenerator(**options), theirs.ImageDataGenerator(**options)
    for seed in (0, 1, 2**32 - 1):
        found = ours.get_random_transform((20, 30, 3), seed=seed)
        wanted = other.get_random_transform((20, 30, 3), seed=seed)
        height, width = found["ty"], found["tx"]  # theirs moves columns by the height's draw
        assert {**found, "tx": height, "ty": width} == wanted, seed


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_pictures_of_given_parameters(theirs, mode, data_format):
    options = {"fill_mode": mode, "cval": 4.0, "data_format": data_format}
    ours, other = image.ImageDataGenerator(**options), theirs.ImageDataGenerator(**options)
    x = np.moveaxis(PICTURE, -1, 0) if data_format == "channels_first" else PICTURE
    for i, given in enumerate(drawn(8)):
        colors = {"channel_shift_intensity": 30.0 * (i - 3), "flip_vertical": i % 3 == 0}
        more = {**given, **colors, "flip_horizontal": i % 2}
        if data_format == "channels_last":  # theirs changes the brightness of these only
            more["brightness"] = [None, 0.6, 1.4][i % 3]
        wanted = other.apply_transform(x, more)
        found = ours.apply_transform(x, more)
        steps = more.get("brightness") is not None  # of whole numbers: rounding may go either way
        assert np.abs(found - wanted).max() <= (1.01 if steps else 1e-4)
        assert np.mean(np.abs(found - wanted) > 1e-4) < 2e-3


def test_pictures_one_by_one_and_in_batches_are_the_same():
    options = {
        **RANGES,
        "width_shift_range": 0.2,
        "height_shift_range": [-2, 3],
        "fill_mode": "wrap",
    }
    ours = image.ImageDataGenerator(**options)
    state = np.random.RandomState(4)
    found = ours.batch(PICTURES.copy(), np.random.RandomState(4))
    for one, batched in zip(PICTURES, found, strict=True):
        alone = ours.apply_transform(one, ours.draws.single(state, one.shape[:2]))
        np.testing.assert_array_equal(ours.standardize(alone), batched)


def test_batches_of_a_seed_over_passes(theirs):
    options = {k: v for k, v in RANGES.items() if k != "brightness_range"}
    options |= {"rescale": 1 / 255, "samplewise_center": True, "preprocessing_function": np.sqrt}
    said = {"batch_size": 4, "seed": 11, "sample_weight": np.arange(10)}
    y = np.arange(10)
    ours = image.ImageDataGenerator(**options).flow(PICTURES, y, **said)
    other = theirs.ImageDataGenerator(**options).flow(PICTURES, y, **said)
    for number in range(8):
        if number == 6:
            ours.reset()
            other.reset()
        for found, wanted in zip(next(ours), next(other), strict=True):
            np.testing.assert_allclose(found, wanted, atol=2e-6)
            assert found.dtype == wanted.dtype
    assert ours.total_batches_seen == other.total_batches_seen == 8


def test_what_fit_learns(theirs):
    x = random.uniform(0, 255, (60, 3, 4, 1)).astype("float32")
    for options in (
        {"featurewise_center": True, "featurewise_std_normalization": True, "rescale": 0.1},
        {"zca_whitening": True, "zca_epsilon": 1e-2},
        {"samplewise_center": True, "samplewise_std_normalization": True},
    ):
        ours, other = image.ImageDataGenerator(**options), theirs.ImageDataGenerator(**options)
        for said in ({}, {"augment": True, "rounds": 2, "seed": 3}):
            ours.fit(x, **said)
            other.fit(x, **said)
            for name in ("mean", "std", "zca_whitening_matrix"):
                found, wanted = getattr(ours, name), getattr(other, name)
                assert (found is None) == (wanted is None)
                if wanted is not None:
                    np.testing.assert_allclose(found, wanted, rtol=2e-4, atol=1e-6)
            np.testing.assert_allclose(
                ours.standardize(x[0].copy()), other.standardize(x[0].copy()), atol=2e-4
            )


# ---------------------------------------------------------------- files


@pytest.mark.parametrize("mode", ["categorical", "sparse", "binary", "input", None])
def test_folders(theirs, folder, mode):
    said = {"target_size": (8, 9), "batch_size": 4, "seed": 2, "class_mode": mode}
    options = {"rotation_range": 20, "rescale": 1 / 255} if mode != "input" else {}
    ours = image.ImageDataGenerator(**options).flow_from_directory(folder, **said)
    other = theirs.ImageDataGenerator(**options).flow_from_directory(folder, **said)
    for name in "filenames filepaths class_indices samples n num_classes image_shape".split():
        assert getattr(ours, name) == getattr(other, name), name
    np.testing.assert_array_equal(ours.classes, other.classes)
    for _ in range(4):
        found, wanted = next(ours), next(other)
        found, wanted = ((found,), (wanted,)) if mode is None else (found, wanted)
        if options:  # 8 x 9 is no square: only the first picture of a still batch is compared
            np.testing.assert_array_equal(len(found[0]), len(wanted[0]))
        else:
            np.testing.assert_allclose(found[0], wanted[0], atol=1e-6)
        if mode is not None and mode != "input":
            np.testing.assert_array_equal(found[1], wanted[1])
            assert found[1].dtype == wanted[1].dtype


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic", "hamming", "lanczos"])
@pytest.mark.parametrize("color_mode", ["grayscale", "rgb", "rgba"])
def test_pictures_of_a_folder(theirs, folder, interpolation, color_mode):
    said = {"target_size": (8, 8), "seed": 1, "interpolation": interpolation, "batch_size": 20}
    said |= {"color_mode": color_mode, "keep_aspect_ratio": interpolation == "bicubic"}
    options = {"rotation_range": 20, "zoom_range": 0.1}
    ours = image.ImageDataGenerator(**options).flow_from_directory(folder, **said)
    other = theirs.ImageDataGenerator(**options).flow_from_directory(folder, **said)
    np.testing.assert_allclose(next(ours)[0], next(other)[0], atol=1e-4)


@pytest.mark.parametrize("subset", ["training", "validation"])
def test_parts_of_a_folder(theirs, folder, subset, tmp_path):
    said = {"subset": subset, "classes": ["dogs", "cats"], "target_size": (6, 6), "seed": 3}
    ours = image.ImageDataGenerator(validation_split=0.4)
    other = theirs.ImageDataGenerator(validation_split=0.4)
    names = []
    for number, one in enumerate((ours, other)):
        kept = tmp_path / str(number)
        kept.mkdir()
        it = one.flow_from_directory(folder, **said, save_to_dir=str(kept), save_prefix="p")
        next(it)
        names.append(
            (sorted(os.listdir(kept)), it.filenames, it.classes.tolist(), it.class_indices)
        )
    assert names[0] == names[1]


TABLES = [
    ({}, "class"),
    ({"class_mode": "sparse", "weight_col": "b"}, "label"),
    ({"class_mode": "binary"}, "label"),
    ({"class_mode": "raw"}, "a"),
    ({"class_mode": "raw"}, ["a", "b"]),
    ({"class_mode": "multi_output"}, ["a", "b"]),
    ({"class_mode": "input"}, "label"),
    ({"class_mode": None}, "label"),
    ({"classes": ["y"]}, "class"),
    ({"classes": ["y", "x"], "subset": "training"}, "class"),
]


@pytest.mark.parametrize(("said", "y_col"), TABLES)
def test_tables(theirs, folder, said, y_col):
    pandas = pytest.importorskip("pandas")
    table = {
        "filename": ["cats/0.png", "dogs/1.png", "cats/none.png", "cats/1.png", "dogs/2.png"],
        "class": ["x", "y", "x", ["x", "y"], "y"],
        "label": ["x", "y", "x", "x", "y"],
        "a": [1.0, 2.0, 3.0, 4.0, 5.0],
        "b": [5, 6, 7, 8, 9],
    }
    frame = pandas.DataFrame(table)
    said = {**said, "y_col": y_col, "target_size": (5, 5), "seed": 7}
    other = theirs.ImageDataGenerator(validation_split=0.3).flow_from_dataframe(
        frame, folder, **said
    )
    wanted = next(other)
    for one in (frame, table):
        ours = image.ImageDataGenerator(validation_split=0.3).flow_from_dataframe(
            one, folder, **said
        )
        found = next(ours)
        assert ours.filenames == other.filenames
        if said.get("class_mode", "") in ("sparse", "binary", ""):
            assert ours.class_indices == other.class_indices
        assert type(found) is type(wanted)
        for ours_, theirs_ in zip(flat(found), flat(wanted), strict=True):
            np.testing.assert_allclose(ours_, theirs_)
            assert ours_.dtype == theirs_.dtype


def flat(batch: Any) -> list:
    parts = batch if isinstance(batch, tuple) else (batch,)
    return [leaf for part in parts for leaf in (part if isinstance(part, list) else [part])]


def test_pictures_and_arrays(theirs):
    for shape in ((6, 7, 1), (6, 7, 3), (6, 7, 4)):
        for scale in (True, False):
            x = random.uniform(0, 250, shape)
            found, wanted = image.array_to_img(x, scale=scale), theirs.array_to_img(x, scale=scale)
            assert found.mode == wanted.mode
            np.testing.assert_array_equal(np.asarray(found), np.asarray(wanted))
            for order in ("channels_last", "channels_first"):
                np.testing.assert_array_equal(
                    image.img_to_array(found, order), theirs.img_to_array(wanted, order)
                )


# ---------------------------------------------------------------- Keras 3

INTERPOLATIONS = "bilinear nearest bicubic area lanczos3 lanczos5 gaussian mitchellcubic".split()


def near(interpolation: str) -> float:
    """TensorFlow reads the weights of "bicubic" from a table of 1,024 entries."""
    return 0.5 if interpolation == "bicubic" else 2e-3


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("way", [None, "crop_to_aspect_ratio", "pad_to_aspect_ratio"])
def test_data_sets(keras, folder, interpolation, way):
    if way and interpolation in ("gaussian", "mitchellcubic"):
        pytest.skip("Keras has no such way here")
    said = {"image_size": (6, 17), "interpolation": interpolation, "shuffle": False}
    said |= {} if way is None else {way: True}
    wanted = keras.utils.image_dataset_from_directory(folder, **said)
    found = image_dataset_from_directory(folder, **said)
    assert found.class_names == wanted.class_names
    assert found.file_paths == wanted.file_paths
    assert len(found) == len(wanted)
    (x, y), (x_wanted, y_wanted) = next(iter(found)), next(iter(wanted))
    np.testing.assert_array_equal(y, y_wanted.numpy())
    assert y.dtype == y_wanted.numpy().dtype
    np.testing.assert_allclose(x, x_wanted.numpy(), atol=near(interpolation))


@pytest.mark.parametrize("subset", ["training", "validation"])
def test_parts_of_data_sets(keras, folder, subset):
    said = {"validation_split": 0.3, "subset": subset, "seed": 5, "label_mode": "binary"}
    said |= {"image_size": (4, 4), "batch_size": 3, "data_format": "channels_first"}
    wanted = keras.utils.image_dataset_from_directory(folder, **said)
    found = image_dataset_from_directory(folder, **said)
    assert found.file_paths == wanted.file_paths
    assert [x.shape for x, _ in found] == [tuple(x.shape) for x, _ in wanted]


@pytest.mark.parametrize("size", [(5, 5), (30, 4), (16, 16), (20, 31)])
@pytest.mark.parametrize("interpolation", ["bilinear", "nearest", "bicubic", "lanczos3"])
def test_smart_resize(keras, size, interpolation):
    theirs = keras.utils.image_utils if hasattr(keras.utils, "image_utils") else None
    resize = (theirs or keras.preprocessing.image).smart_resize
    for x in (PICTURE[:, :11], PICTURES):
        found = image.smart_resize(x, size, interpolation)
        np.testing.assert_allclose(found, resize(x, size, interpolation), atol=near(interpolation))
