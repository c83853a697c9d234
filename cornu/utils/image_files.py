"""Pictures in files and as arrays: reading, writing, and the way from one to the other.

Pillow reads and writes them. It is asked for a closed list of formats only, whatever a file is
called; what it makes of a damaged file becomes one error that names the file. Sizes of many
pictures, and folders of them, are in `image_resizing` and `image_folders`.
"""

import contextlib
import io
import os
import secrets
from collections.abc import Sequence
from typing import Any, BinaryIO

import numpy as np

from cornu import settings
from cornu.errors import UsageError, UsageTypeError, shown, suggestion, warn

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "PPM", "TIFF", "WEBP")
"""What is read; other formats of Pillow's, some of which run programs, are refused."""

EXTENSIONS = {"jpg": "JPEG", "jpe": "JPEG", "tif": "TIFF", "pgm": "PPM", "pbm": "PPM"}
COLOR_MODES = {"grayscale": ("L", 1), "rgb": ("RGB", 3), "rgba": ("RGBA", 4)}
"""Name -> Pillow's mode and the number of channels."""

GRAY_MODES = ("L", "I;16", "I;16B", "I;16L", "I")
INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "hamming", "box", "lanczos")


class ImageFileError(UsageError, OSError):
    """A file that is no picture, a damaged one, or one that is too large. It names the file."""

    def __init__(self, message: str):
        super().__init__("E-IMAGE-FILE", message)


def pillow() -> Any:
    """Pillow's `Image`. Raises ImportError with the way to get it."""
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(
            'Pictures in files need Pillow: pip install "cornu[images]" or pip install pillow.'
        ) from error
    return Image


def load_img(
    path: Any,
    color_mode: str = "rgb",
    target_size: Sequence[int] | None = None,
    interpolation: str = "nearest",
    keep_aspect_ratio: bool = False,
) -> Any:
    """A picture from a file, as a Pillow image.

    Args:
        path: a path, the file's bytes, or an open binary file.
        color_mode: "grayscale" (16 bits stay 16), "rgb" or "rgba".
        target_size: (height, width) to bring it to; its own if None.
        interpolation: "nearest", "bilinear", "bicubic", "hamming", "box" or "lanczos".
        keep_aspect_ratio: whether to cut the largest middle part with the proportions of
            `target_size` out first, so that nothing is distorted.

    Raises:
        ImageFileError: for what is no picture, or a damaged one; it is an OSError too.
        OSError: where there is no such file, or it may not be read.
        UsageError: for an unknown name, or a size that is none.
        ImportError: without Pillow.
    """
    mode = color_mode_of(color_mode)
    resample = interpolation_of(interpolation)
    size = None if target_size is None else size_of(target_size, "target_size")
    name = os.fspath(path) if isinstance(path, (str, os.PathLike)) else "the data"
    image = _colored(_opened(path, name), mode, name)
    if size is None or (image.height, image.width) == size:
        return image
    box = _middle(image, size) if keep_aspect_ratio else None
    return image.resize((size[1], size[0]), getattr(pillow().Resampling, resample.upper()), box=box)


def color_mode_of(value: Any) -> str:
    """The name of a colour mode. Raises UsageError."""
    return choice("color_mode", value, COLOR_MODES)


def interpolation_of(value: Any) -> str:
    """The name of a way to resize pictures of Pillow. Raises UsageError."""
    return choice(
        "interpolation", value.lower() if isinstance(value, str) else value, INTERPOLATIONS
    )


def choice(name: str, value: Any, known: Any) -> Any:
    """`value`, if it is one of the known names. Raises UsageError with the nearest one."""
    if not isinstance(value, (str, type(None))) or value not in known:
        raise UsageError(
            "E-CHOICE",
            f"{name} must be one of {', '.join(map(repr, known))}; got {shown(value)}. "
            f"{suggestion(str(value), [k for k in known if k])}".rstrip(),
        )
    return value


def size_of(value: Any, name: str) -> tuple[int, int]:
    """(height, width), both above 0. Raises UsageError."""
    pair = tuple(value) if isinstance(value, (tuple, list, np.ndarray)) else ()
    whole = [isinstance(n, (int, np.integer)) and not isinstance(n, bool) and n > 0 for n in pair]
    if len(pair) != 2 or not all(whole):
        hint = f" Use ({value}, {value})." if isinstance(value, int) and value > 0 else ""
        raise UsageError(
            "E-IMAGE", f"{name} must be (height, width), in pixels; got {shown(value)}.{hint}"
        )
    return int(pair[0]), int(pair[1])


def _opened(path: Any, name: str) -> Any:
    """The picture, decoded."""
    if isinstance(path, (str, os.PathLike)):
        with open(path, "rb") as file:
            return _decoded(file, name)
    if isinstance(path, (bytes, bytearray, memoryview)):
        return _decoded(io.BytesIO(path), name)
    if hasattr(path, "read"):
        return _decoded(io.BytesIO(path.read()), name)
    raise UsageTypeError(
        "E-IMAGE-FILE", f"load_img takes a path, bytes or an open binary file; got {shown(path)}."
    )


def _decoded(file: BinaryIO, name: str) -> Any:
    Image = pillow()
    try:
        image = Image.open(file, formats=FORMATS)
        image.load()
    except Image.DecompressionBombError as error:
        raise ImageFileError(
            f"{name}: {error} If you trust it, raise the limit first: "
            "PIL.Image.MAX_IMAGE_PIXELS = …"
        ) from error
    except Image.UnidentifiedImageError as error:
        file.seek(0)
        found = "is no picture that can be read" if file.read(1) else "is empty"
        raise ImageFileError(f"{name} {found}. Formats: {', '.join(FORMATS)}.") from error
    except MemoryError:
        raise
    except Exception as error:  # Pillow's decoders raise whatever a damaged file leads them to
        raise ImageFileError(f"{name} is damaged: {_first_line(error)}") from error
    return image


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


def _colored(image: Any, color_mode: str, name: str) -> Any:
    mode, _ = COLOR_MODES[color_mode]
    if image.mode == mode or (color_mode == "grayscale" and image.mode in GRAY_MODES):
        return image
    if image.mode in GRAY_MODES[1:] and image.getextrema()[1] > 255:
        warn(
            f'{name} has values above 255, which color_mode="{color_mode}" cuts off there. '
            'load_img(path, color_mode="grayscale") keeps them.'
        )
    return image.convert(mode)


def _middle(image: Any, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) of the largest middle part with the proportions of `size`."""
    height = min(image.height, image.width * size[0] // size[1]) or 1
    width = min(image.width, image.height * size[1] // size[0]) or 1
    top, left = (image.height - height) // 2, (image.width - width) // 2
    return left, top, left + width, top + height


# ---------------------------------------------------------------- pictures and arrays


def img_to_array(img: Any, data_format: str | None = None, dtype: Any = None) -> np.ndarray:
    """A picture as an array of three axes.

    Args:
        img: a Pillow image, or an array of shape (height, width) or (height, width, channels).
        data_format: where the channels go; `image_data_format()` if None.
        dtype: of the array; `floatx()` if None.

    Raises:
        UsageError: for another number of axes, or an unknown `data_format`.
    """
    order = data_format_of(data_format)
    array = np.asarray(img, settings.floatx() if dtype is None else dtype)
    if array.ndim == 2:
        return array[None] if order == "channels_first" else array[..., None]
    if array.ndim != 3:
        raise UsageError(
            "E-IMAGE",
            f"a picture has shape (height, width) or (height, width, channels); got {shown(array)}."
            " A batch of them: np.stack([img_to_array(img) for img in images]).",
        )
    return np.moveaxis(array, -1, 0) if order == "channels_first" else array


def array_to_img(
    x: Any, data_format: str | None = None, scale: bool = True, dtype: Any = None
) -> Any:
    """An array as a Pillow image: grey for 1 channel, RGB for 3, RGBA for 4.

    Args:
        x: array of three axes.
        data_format: where its channels are; `image_data_format()` if None.
        scale: whether to stretch its values so that they go from 0 to 255.
        dtype: to compute in; `floatx()` if None.

    Raises:
        UsageError: for another number of axes or of channels.
        ImportError: without Pillow.
    """
    order = data_format_of(data_format)
    array = np.asarray(x, settings.floatx() if dtype is None else dtype)
    if array.ndim != 3:
        batch = " img = array_to_img(x[0]) is the first of a batch." if array.ndim == 4 else ""
        raise UsageError("E-IMAGE", f"array_to_img takes one picture; got {shown(array)}.{batch}")
    if order == "channels_first":
        array = np.moveaxis(array, 0, -1)
    channels = array.shape[-1]
    if channels not in (1, 3, 4):
        raise UsageError(
            "E-IMAGE",
            f"a picture has 1, 3 or 4 channels; got {channels}, in {shown(array)} with "
            f'data_format="{order}".',
        )
    if scale:
        array = stretched(array)
    if channels > 1:
        return pillow().fromarray(np.ascontiguousarray(array.astype("uint8")))
    deep = array.size and array.max() > 255
    return pillow().fromarray(array[..., 0].astype("int32" if deep else "uint8"))


def stretched(array: np.ndarray) -> np.ndarray:
    """`array` with its values moved and scaled so that they go from 0 to 255."""
    array = array - array.min()
    top = array.max()
    if top:
        array /= top
        array *= 255
    return array


def save_img(
    path: Any,
    x: Any,
    data_format: str | None = None,
    file_format: str | None = None,
    scale: bool = True,
    **kwargs: Any,
) -> None:
    """Write an array as a picture; the file is whole, or as it was.

    Args:
        path: a path, or an open binary file.
        x: array of three axes.
        data_format: where its channels are; `image_data_format()` if None.
        file_format: "png", "jpeg" …; by the path's ending if None.
        scale: whether to stretch its values so that they go from 0 to 255.
        kwargs: for Pillow's `Image.save`, as `quality`.

    Raises:
        UsageError: for an unknown format, and as in `array_to_img`.
        OSError: where nothing can be written.
    """
    is_path = isinstance(path, (str, os.PathLike))
    ending = os.path.splitext(os.fspath(path))[1][1:] if is_path else ""
    kind = _format_of(file_format or ending, path)
    content = encoded(array_to_img(x, data_format, scale), kind, **kwargs)
    if is_path:
        _write(os.path.realpath(path), content)
    else:
        path.write(content)


def _write(path: str, content: bytes) -> None:
    """Write a file by way of another one; the disk is not waited for, as it is for models."""
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, f".{name[:80]}.{secrets.token_hex(6)}")
    try:
        with open(temporary, "xb") as file:
            file.write(content)
        os.replace(temporary, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError):
            raise type(error)(error.errno, error.strerror, path) from error
        raise


def _format_of(name: str, path: Any) -> str:
    kind = EXTENSIONS.get(name.lower().lstrip("."), name.upper().lstrip("."))
    if kind not in FORMATS:
        known = sorted(each.lower() for each in FORMATS)
        raise UsageError(
            "E-IMAGE-FILE",
            f"{shown(path)}: {shown(name)} is no format to write pictures in. "
            f'{suggestion(name, known)}Known: {", ".join(known)}. save_img("image.png", x)',
        )
    return kind


def encoded(image: Any, kind: str, **kwargs: Any) -> bytes:
    """The content of a file of this format ("png", "JPEG" …) with a Pillow image."""
    kind = _format_of(kind, kind)
    if kind == "JPEG" and image.mode == "RGBA":
        warn("JPEG has no transparency: the fourth channel is left out. save_img(…, a .png file)")
        image = image.convert("RGB")
    buffer = io.BytesIO()
    image.save(buffer, kind, **kwargs)
    return buffer.getvalue()


def data_format_of(value: Any) -> str:
    """Where channels are: the value, or the setting for None. Raises UsageError."""
    if value is None:
        return settings.image_data_format()
    if value not in ("channels_last", "channels_first"):
        raise UsageError(
            "E-DATA-FORMAT",
            f'data_format must be "channels_last" or "channels_first"; got {shown(value)}.',
        )
    return value
