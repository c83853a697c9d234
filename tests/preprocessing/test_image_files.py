"""Pictures in files: colours, sizes, damaged files and those that are none; arrays and pictures."""

import io
import os
import struct
import sys
import zlib

import numpy as np
import pytest
from PIL import Image

import cornu as keras
from cornu.errors import UsageError
from cornu.preprocessing.image import array_to_img, img_to_array, load_img, save_img, smart_resize
from cornu.utils.image_files import ImageFileError
from cornu.utils.image_resizing import INTERPOLATIONS, padded, resize

random = np.random.default_rng(6)
PIXELS = random.integers(0, 256, (12, 8, 3), dtype="uint8")


@pytest.fixture
def path(tmp_path):
    Image.fromarray(PIXELS).save(tmp_path / "a.png")
    return tmp_path / "a.png"


def content(image, kind="PNG", **kwargs):
    buffer = io.BytesIO()
    image.save(buffer, kind, **kwargs)
    return buffer.getvalue()


# ---------------------------------------------------------------- reading


def test_paths_bytes_and_files(path):
    for source in (path, str(path), path.read_bytes(), io.BytesIO(path.read_bytes())):
        np.testing.assert_array_equal(np.asarray(load_img(source)), PIXELS)
    with open(path, "rb") as file:
        np.testing.assert_array_equal(np.asarray(load_img(file)), PIXELS)


def test_colors(path):
    grey = load_img(path, color_mode="grayscale")
    assert grey.mode == "L"
    luma = PIXELS @ [0.299, 0.587, 0.114]  # ITU-R 601
    np.testing.assert_allclose(np.asarray(grey), luma, atol=1)
    rgba = np.asarray(load_img(path, color_mode="rgba"))
    np.testing.assert_array_equal(rgba[..., :3], PIXELS)
    assert (rgba[..., 3] == 255).all()


def test_sixteen_bits_stay(tmp_path):
    deep = (np.arange(64, dtype="uint16") * 1000).reshape(8, 8)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    found = img_to_array(load_img(tmp_path / "deep.png", color_mode="grayscale"))
    np.testing.assert_array_equal(found[..., 0], deep)
    with pytest.warns(UserWarning, match=r"deep\.png has values above 255.*grayscale"):
        assert np.asarray(load_img(tmp_path / "deep.png")).max() == 255


@pytest.mark.parametrize("mode", ["CMYK", "P", "1", "LA", "YCbCr"])
def test_all_kinds_of_colors_become_rgb(mode):
    image = Image.fromarray(PIXELS).convert(mode)
    found = load_img(content(image, "TIFF" if mode in ("CMYK", "YCbCr") else "PNG"))
    assert found.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(found), np.asarray(image.convert("RGB")))


def test_an_animation_is_its_first_picture():
    frames = [Image.new("L", (5, 4), 10 * i) for i in range(50)]
    data = content(frames[0], "GIF", save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(np.asarray(load_img(data)), np.zeros((4, 5, 3)))


@pytest.mark.parametrize(
    "name", ["nearest", "bilinear", "bicubic", "hamming", "box", "lanczos", "BILINEAR"]
)
def test_sizes(path, name):
    found = load_img(path, target_size=(6, 10), interpolation=name)
    wanted = Image.fromarray(PIXELS).resize((10, 6), Image.Resampling[name.upper()])
    np.testing.assert_array_equal(np.asarray(found), np.asarray(wanted))


def test_proportions_are_kept(path):
    found = load_img(path, target_size=(4, 4), keep_aspect_ratio=True)
    wanted = Image.fromarray(PIXELS[2:10]).resize((4, 4), Image.Resampling.NEAREST)
    np.testing.assert_array_equal(np.asarray(found), np.asarray(wanted))


@pytest.mark.parametrize(
    ("said", "code", "words"),
    [
        ({"color_mode": "gray"}, "E-CHOICE", 'Did you mean "grayscale"'),
        ({"interpolation": "linear", "target_size": (2, 2)}, "E-CHOICE", "bilinear"),
        ({"target_size": 32}, "E-IMAGE", "Use (32, 32)"),
        ({"target_size": (0, 3)}, "E-IMAGE", "(height, width)"),
        ({"target_size": (3, 3, 3)}, "E-IMAGE", "(height, width)"),
    ],
)
def test_arguments_that_cannot_be(path, said, code, words):
    with pytest.raises(UsageError) as caught:
        load_img(path, **said)
    assert caught.value.code == code
    assert words in str(caught.value)


# ---------------------------------------------------------------- damaged files


def bomb(side):
    """A PNG of some bytes that says it has side x side pixels."""

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    rows = zlib.compress(b"\0" * 30_000)
    head = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    return head + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


JPEG = content(Image.fromarray(random.integers(0, 256, (60, 60, 3), dtype="uint8")), "JPEG")
PNG = content(Image.fromarray(PIXELS))
BAD = {
    "empty.png": (b"", "is empty"),
    "text.jpg": (b"no picture at all", "is no picture"),
    "cut.jpg": (JPEG[: len(JPEG) // 2], "is damaged"),
    "cut.png": (PNG[: len(PNG) // 2], "is damaged"),
    "changed.png": (PNG[:60] + bytes(20) + PNG[80:], "is damaged"),
    "script.jpg": (
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage\n",
        "is no picture",
    ),
    "psd.jpg": (
        b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 5, 5, 8, 3) + bytes(40),
        "is no pic",
    ),
    "bomb.png": (bomb(65_500), "MAX_IMAGE_PIXELS"),
}


@pytest.mark.parametrize("name", BAD)
def test_files_that_are_no_pictures_are_named(tmp_path, name):
    data, words = BAD[name]
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ImageFileError) as caught:
        load_img(tmp_path / name)
    assert isinstance(caught.value, (OSError, ValueError))
    assert name in str(caught.value) and words in str(caught.value)
    assert caught.value.code == "E-IMAGE-FILE"


def test_files_that_are_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.png"):
        load_img(tmp_path / "none.png")
    with pytest.raises(IsADirectoryError):
        load_img(tmp_path)
    with pytest.raises(TypeError, match="a path, bytes or an open binary file; got 3"):
        load_img(3)


def test_without_pillow_the_message_says_how_to_get_it(path, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match=r"pip install .cornu\[images\]"):
        load_img(path)


# ---------------------------------------------------------------- arrays


def test_arrays_of_pictures():
    image = Image.fromarray(PIXELS)
    last = img_to_array(image)
    assert (last.shape, last.dtype) == ((12, 8, 3), np.float32)
    first = img_to_array(image, "channels_first", "uint8")
    np.testing.assert_array_equal(first, np.moveaxis(PIXELS, -1, 0))
    assert img_to_array(image.convert("L")).shape == (12, 8, 1)
    assert img_to_array(image.convert("L"), "channels_first").shape == (1, 12, 8)
    keras.config.set_floatx("float64")
    keras.config.set_image_data_format("channels_first")
    assert (img_to_array(image).dtype, img_to_array(image).shape) == (np.float64, (3, 12, 8))


def test_pictures_of_arrays():
    np.testing.assert_array_equal(np.asarray(array_to_img(PIXELS, scale=False)), PIXELS)
    stretched = np.asarray(array_to_img(np.linspace(-2, 3, 12).reshape(3, 4, 1)))
    np.testing.assert_array_equal(stretched.ravel()[[0, -1]], [0, 255])
    assert array_to_img(np.zeros((3, 4, 4))).mode == "RGBA"
    assert array_to_img(np.full((3, 4, 1), 300.0), scale=False).mode == "I"
    first = array_to_img(np.moveaxis(PIXELS, -1, 0), "channels_first", scale=False)
    np.testing.assert_array_equal(np.asarray(first), PIXELS)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: array_to_img(PIXELS[None]), "array_to_img(x[0])"),
        (lambda: array_to_img(PIXELS[..., :2]), "1, 3 or 4 channels; got 2"),
        (lambda: img_to_array(PIXELS[None]), "shape (height, width)"),
        (lambda: smart_resize(PIXELS[0], (3, 3)), "a picture or a batch"),
    ],
)
def test_arrays_that_are_no_pictures(call, words):
    with pytest.raises(UsageError) as caught:
        call()
    assert caught.value.code == "E-IMAGE"
    assert words in str(caught.value)


# ---------------------------------------------------------------- writing


def test_what_is_written_is_read_again(tmp_path):
    for name in ("a.png", "a.bmp", "a.tif", "a.ppm"):
        save_img(tmp_path / name, PIXELS, scale=False)
        np.testing.assert_array_equal(img_to_array(load_img(tmp_path / name)), PIXELS)
    save_img(tmp_path / "a.jpg", PIXELS, scale=False, quality=95)
    save_img(tmp_path / "plain", PIXELS, file_format="jpg")
    assert load_img(tmp_path / "plain").size == (8, 12)
    buffer = io.BytesIO()
    save_img(buffer, PIXELS, file_format="png", scale=False)
    np.testing.assert_array_equal(np.asarray(load_img(buffer.getvalue())), PIXELS)
    with pytest.warns(UserWarning, match="no transparency"):
        save_img(tmp_path / "b.jpg", np.zeros((3, 3, 4)))


def test_a_picture_that_cannot_be_written_leaves_the_old_one(tmp_path):
    save_img(tmp_path / "a.png", PIXELS)
    before = (tmp_path / "a.png").read_bytes()
    with pytest.raises(UsageError, match="got 2"):
        save_img(tmp_path / "a.png", PIXELS[..., :2])
    with pytest.raises(UsageError, match="no format to write"):
        save_img(tmp_path / "a.pgn", PIXELS)
    with pytest.raises(UsageError, match="no format to write"):
        save_img(io.BytesIO(), PIXELS)
    with pytest.raises(OSError, match=r"No such file or directory: .*none.a\.png"):
        save_img(tmp_path / "none" / "a.png", PIXELS)
    assert (tmp_path / "a.png").read_bytes() == before
    assert os.listdir(tmp_path) == ["a.png"]


# ---------------------------------------------------------------- sizes in NumPy


@pytest.mark.parametrize("name", INTERPOLATIONS)
def test_an_even_picture_stays_even(name):
    for size in ((3, 20), (30, 5), (12, 8)):
        found = resize(np.full((12, 8, 2), 7.0, "float32"), size, name)
        assert found.shape == (*size, 2)
        np.testing.assert_allclose(found, 7, rtol=1e-6)


def test_weights_between_two_pixels():
    x = np.array([[0.0, 1.0]], "float32")[..., None]
    np.testing.assert_allclose(resize(x, (1, 4), "bilinear")[0, :, 0], [0, 0.25, 0.75, 1])
    np.testing.assert_allclose(resize(x, (1, 4), "nearest")[0, :, 0], [0, 0, 1, 1])
    wide = np.arange(6.0).reshape(1, 6, 1)
    np.testing.assert_allclose(
        resize(wide, (1, 4), "area")[0, :, 0], [1 / 3, 5 / 3, 10 / 3, 14 / 3]
    )


def test_smart_resize_cuts_the_middle_out():
    x = random.uniform(size=(2, 4, 8, 3)).astype("float32")
    np.testing.assert_array_equal(smart_resize(x, (4, 4)), x[:, :, 2:6])
    first = np.moveaxis(x, -1, 1)
    np.testing.assert_array_equal(
        smart_resize(first, (4, 4), data_format="channels_first"), first[..., 2:6]
    )


def test_margins_are_black():
    x = np.ones((4, 2, 1), "float32")
    found = padded(x, (4, 6), "bilinear")[..., 0]
    np.testing.assert_array_equal(found, [[0, 0, 1, 1, 0, 0]] * 4)
