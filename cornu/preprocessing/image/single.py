"""One picture at a time: turned, moved, sheared, zoomed, mirrored and recoloured.

Draws are from NumPy's global state, as in all generations of Keras. Unless said otherwise channels
come first here, as they always have in these functions.
"""

import os
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from cornu.errors import UsageError, shown
from cornu.preprocessing.image import affine, colors, options
from cornu.utils.image_files import choice


def apply_affine_transform(
    x: Any,
    theta: float = 0,
    tx: float = 0,
    ty: float = 0,
    shear: float = 0,
    zx: float = 1,
    zy: float = 1,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    order: int = 1,
) -> np.ndarray:
    """A picture that is turned, moved, sheared and zoomed about its middle.

    Args:
        x: array of three axes.
        theta: degrees to turn it.
        tx, ty: pixels to the right, and down, by which the places are moved that are read.
        shear: degrees to shear it.
        zx, zy: factors of the places along columns and rows: below 1 is nearer.
        row_axis, col_axis, channel_axis: where these axes are.
        fill_mode: what lies outside: "nearest", "constant", "reflect" or "wrap".
        cval: value outside, with "constant".
        order: 0 for the nearest pixel, 1 for weights by distance, 2 to 5 for splines.

    Raises:
        UsageError: for another number of axes, axes that are the same, an unknown fill mode.
    """
    choice("fill_mode", fill_mode, affine.FILL_MODES)
    image = options.image(x, "apply_affine_transform", "float32")
    axes = [axis % 3 for axis in (row_axis, col_axis, channel_axis)]
    if sorted(axes) != [0, 1, 2]:
        raise UsageError(
            "E-AXIS",
            "row_axis, col_axis and channel_axis must be 0, 1 and 2 in some order; got "
            f"{row_axis}, {col_axis}, {channel_axis}.",
        )
    images = np.transpose(image, axes)[None]
    given = {"theta": theta, "tx": tx, "ty": ty, "shear": shear, "zx": zx, "zy": zy}
    parameters = {**options.parameters({}), **{k: np.array([v]) for k, v in given.items()}}
    made = affine.moved(images, parameters, fill_mode, cval, order)[0]
    return np.ascontiguousarray(np.transpose(made, np.argsort(axes)))


def random_rotation(
    x: Any,
    rg: float,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
) -> np.ndarray:
    """A picture turned by at most `rg` degrees to either side; see `apply_affine_transform`."""
    theta = np.random.uniform(-rg, rg)
    where = (row_axis, col_axis, channel_axis, fill_mode, cval, interpolation_order)
    return apply_affine_transform(x, theta, 0, 0, 0, 1, 1, *where)


def random_shift(
    x: Any,
    wrg: float,
    hrg: float,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
) -> np.ndarray:
    """A picture moved by at most these parts of its width and height, to either side."""
    height, width = np.shape(x)[row_axis], np.shape(x)[col_axis]
    ty = np.random.uniform(-hrg, hrg) * height
    tx = np.random.uniform(-wrg, wrg) * width
    where = (row_axis, col_axis, channel_axis, fill_mode, cval, interpolation_order)
    return apply_affine_transform(x, 0, tx, ty, 0, 1, 1, *where)


def random_shear(
    x: Any,
    intensity: float,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
) -> np.ndarray:
    """A picture sheared by at most `intensity` degrees to either side."""
    shear = np.random.uniform(-intensity, intensity)
    where = (row_axis, col_axis, channel_axis, fill_mode, cval, interpolation_order)
    return apply_affine_transform(x, 0, 0, 0, shear, 1, 1, *where)


def random_zoom(
    x: Any,
    zoom_range: Sequence[float],
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
) -> np.ndarray:
    """A picture zoomed by factors between the two of `zoom_range`, one for each direction."""
    low, high = options.zoom(zoom_range)
    zx, zy = (1, 1) if low == high == 1 else np.random.uniform(low, high, 2)
    where = (row_axis, col_axis, channel_axis, fill_mode, cval, interpolation_order)
    return apply_affine_transform(x, 0, 0, 0, 0, zx, zy, *where)


def apply_channel_shift(x: Any, intensity: float, channel_axis: int = 0) -> np.ndarray:
    """A picture with `intensity` added to all values, which stay in the range that they had."""
    images = options.image(x, "apply_channel_shift", "float32")[None]
    colors.shift_channels(images, np.array([intensity]))
    return images[0]


def random_channel_shift(x: Any, intensity_range: float, channel_axis: int = 0) -> np.ndarray:
    """`apply_channel_shift` by at most `intensity_range`, up or down."""
    intensity = np.random.uniform(-intensity_range, intensity_range)
    return apply_channel_shift(x, intensity, channel_axis)


def apply_brightness_shift(x: Any, brightness: float, scale: bool = True) -> np.ndarray:
    """A picture, channels last, with all values times `brightness`, as whole numbers of 0..255.

    With `scale` its values are stretched to that range first.
    """
    image = options.image(x, "apply_brightness_shift", "float32")
    return colors.brighten(image, brightness, scale)


def random_brightness(x: Any, brightness_range: Sequence[float], scale: bool = True) -> np.ndarray:
    """`apply_brightness_shift` by a factor between the two of `brightness_range`."""
    if brightness_range is None:
        options.brightness(())
    options.brightness(brightness_range)
    low, high = brightness_range
    return apply_brightness_shift(x, np.random.uniform(low, high), scale)


def flip_axis(x: Any, axis: int) -> np.ndarray:
    """An array with one axis in the other order."""
    return np.flip(np.asarray(x), axis)


def transform_matrix_offset_center(matrix: Any, x: float, y: float) -> np.ndarray:
    """A matrix (3, 3) that acts about the middle of `x` by `y` pixels, not about the first one."""
    matrix = np.asarray(matrix, "float64")
    if matrix.shape != (3, 3):
        raise UsageError("E-IMAGE", f"the matrix must have shape (3, 3); got {shown(matrix)}.")
    there, back = np.eye(3), np.eye(3)
    there[:2, 2] = (x - 1) / 2, (y - 1) / 2
    back[:2, 2] = -there[:2, 2]
    return there @ matrix @ back


def apply_transform(
    x: Any,
    transform_matrix: Any,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
) -> np.ndarray:
    """A picture seen through a matrix (3, 3) from (row, column, 1) of the result to its own."""
    choice("fill_mode", fill_mode, affine.FILL_MODES)
    image = np.moveaxis(options.image(x, "apply_transform", "float32"), channel_axis, -1)
    places = np.asarray(transform_matrix, "float64")[None, :2]
    made = affine.warp(image[None], places, fill_mode, cval)[0]
    return np.ascontiguousarray(np.moveaxis(made, -1, channel_axis))


def list_pictures(
    directory: str | os.PathLike[str], ext: str = "jpg|jpeg|bmp|png|ppm"
) -> list[str]:
    """Paths of all pictures below a folder, in the order of their names.

    `ext`: endings, with "|" between them. Raises UsageError where there is no such folder.
    """
    if not os.path.isdir(directory):
        raise UsageError("E-FOLDER", f"{os.fspath(directory)} is no folder.")
    wanted = re.compile(rf".*\.({'|'.join(map(re.escape, ext.split('|')))})", re.IGNORECASE)
    return [
        os.path.join(root, name)
        for root, _, names in sorted(os.walk(directory), key=lambda one: one[0])
        for name in sorted(names)
        if wanted.fullmatch(name)
    ]
