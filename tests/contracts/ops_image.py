"""Rows of `ops.image`."""

import colorsys
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from contracts.checks import margins
from contracts.image_reference import at, line_weights, read, resized
from contracts.ops_table import Row, between

X = between(-2, 2, 2, 4, 5, 3)
UNIT = between(0.1, 0.9, 2, 4, 5, 3)
TURN = np.array([1.07, 0.21, -1.31, 0.13, 0.93, 0.77, 0, 0], "float32")
TILT = np.array([0.93, 0.11, 0.37, -0.07, 1.03, 0.41, 0.021, -0.013], "float32")
SHARP = {"interpolation": "nearest"}


def resize(*options: dict) -> list[Row]:
    sizes = ({0: (0, 1, 2)}, {0: (0,)})
    return [
        Row("image.resize", (X,), resized, {"size": (3, 7), **o}, (0,), sizes[i > 0], whole="int32")
        for i, o in enumerate(options)
    ]


def scaled(
    x: np.ndarray, shape: Any, scale: Any, move: Any, axes: Any, method: str, antialias: bool = True
) -> np.ndarray:
    for axis, s, m in zip(axes, scale, move, strict=True):
        weights = line_weights(x.shape[axis], shape[axis], method, antialias, s, m)
        x = np.moveaxis(np.tensordot(weights, x, (1, axis)), 0, axis)
    return x


def mapped(x: np.ndarray, c: np.ndarray, order: int, fill_mode: str = "constant") -> np.ndarray:
    values = [at(x, where, order, fill_mode, 0.0) for where in c.reshape(len(c), -1).T]
    return np.reshape(values, c.shape[1:])


def perspective(x: np.ndarray, start: np.ndarray, end: np.ndarray, **how: Any) -> np.ndarray:
    """The map from the definition: 8 equations for 8 numbers."""
    rows, wanted = [], []
    for (u, v), (x_, y_) in zip(start, end, strict=True):
        rows += [[x_, y_, 1, 0, 0, 0, -u * x_, -u * y_], [0, 0, 0, x_, y_, 1, -v * x_, -v * y_]]
        wanted += [u, v]
    return read(x, np.linalg.solve(np.array(rows), np.array(wanted)), **how)


def blur(x: np.ndarray, kernel_size: Any, sigma: Any) -> np.ndarray:
    for axis, size, deviation in ((1, kernel_size[1], sigma[1]), (2, kernel_size[0], sigma[0])):
        bell = np.exp(-0.5 * ((np.arange(size) - (size - 1) / 2) / deviation) ** 2)
        bell /= bell.sum()
        full = np.apply_along_axis(lambda line, w=bell: np.convolve(line, w[::-1]), axis, x)
        first = size - 1 - (size - 1) // 2
        x = np.take(full, np.arange(first, first + x.shape[axis]), axis)
    return x


def sobel(x: np.ndarray, data_format: str = "channels_last") -> np.ndarray:
    rows = 1 if data_format == "channels_last" else 2
    padded = np.pad(x, [(1, 1) if a in (rows, rows + 1) else (0, 0) for a in range(4)])

    def shifted(down: int, right: int) -> np.ndarray:
        part = np.take(padded, np.arange(down, down + x.shape[rows]), rows)
        return np.take(part, np.arange(right, right + x.shape[rows + 1]), rows + 1)

    sums = (1, 2, 1)
    down = sum(w * (shifted(2, i) - shifted(0, i)) for i, w in enumerate(sums))
    right = sum(w * (shifted(i, 2) - shifted(i, 0)) for i, w in enumerate(sums))
    return np.stack([down, right], -1)


def alike(x: np.ndarray, y: np.ndarray, filter_size: int, max_val: float = 1.0) -> np.ndarray:
    """Wang et al. 2004, equation 13, window by window."""
    bell = np.exp(-0.5 * ((np.arange(filter_size) - (filter_size - 1) / 2) / 1.5) ** 2)
    w = np.outer(bell, bell)[..., None] / bell.sum() ** 2
    c1, c2 = (0.01 * max_val) ** 2, (0.03 * max_val) ** 2
    made = []
    for a, b in zip(x, y, strict=True):
        found = []
        for i in range(a.shape[0] - filter_size + 1):
            for j in range(a.shape[1] - filter_size + 1):
                p, q = (v[i : i + filter_size, j : j + filter_size] for v in (a, b))
                m, n = ((w * v).sum((0, 1)) for v in (p, q))
                vp, vq = (w * (p - m) ** 2).sum((0, 1)), (w * (q - n) ** 2).sum((0, 1))
                both = (w * (p - m) * (q - n)).sum((0, 1))
                top = (2 * m * n + c1) * (2 * both + c2)
                found.append(top / ((m**2 + n**2 + c1) * (vp + vq + c2)))
        made.append(np.mean(found))
    return np.array(made)


def patches(
    x: np.ndarray,
    size: Any,
    strides: Any = None,
    dilation_rate: int = 1,
    padding: str = "valid",
    data_format: str = "channels_last",
) -> np.ndarray:
    x = np.moveaxis(x, 1, -1) if data_format == "channels_first" else x
    rank = x.ndim - 2
    sizes = (size,) * rank if isinstance(size, int) else size
    steps = sizes if strides is None else (strides,) * rank
    reach = [(k - 1) * dilation_rate + 1 for k in sizes]
    x = np.pad(x, [(0, 0), *margins(x.shape[1:-1], reach, steps, padding), (0, 0)])
    counts = [(n - r) // s + 1 for n, r, s in zip(x.shape[1:-1], reach, steps, strict=True)]
    made = np.zeros((len(x), *counts, math.prod(sizes) * x.shape[-1]), x.dtype)
    for where in np.ndindex(*counts):
        window = tuple(
            slice(i * s, i * s + r, dilation_rate)
            for i, s, r in zip(where, steps, reach, strict=True)
        )
        made[(slice(None), *where)] = x[(slice(None), *window)].reshape(len(x), -1)
    return np.moveaxis(made, -1, 1) if data_format == "channels_first" else made


def by_pixel(change: Callable) -> Callable:
    def reference(x: np.ndarray) -> np.ndarray:
        return np.reshape([change(*pixel) for pixel in x.reshape(-1, 3)], x.shape)

    return reference


def gray(x: np.ndarray, data_format: str = "channels_last") -> np.ndarray:
    axis = 1 if data_format == "channels_first" else -1
    red, green, blue = np.split(x, 3, axis)
    return 0.2989 * red + 0.5870 * green + 0.1140 * blue


CORNERS = np.array([[0, 0], [4, 0], [0, 3], [4, 3]], "float32")
MOVED = CORNERS + np.array([[0.3, 0.2], [-0.4, 0.1], [0.2, -0.3], [0.5, 0.4]], "float32")
SPREAD = {"size": (2, 3), "strides": 1, "dilation_rate": 2, "padding": "same"}
FIRST = {"data_format": "channels_first"}
CUT = {"top_cropping": 1, "target_height": 2, "left_cropping": 2, "right_cropping": 1}
ROOM = {"top_padding": 1, "bottom_padding": 2, "left_padding": 3, "target_width": 9}

ROWS = [
    *resize(
        {},
        {"interpolation": "nearest"},
        {"interpolation": "bicubic", "crop_to_aspect_ratio": True},
        {"interpolation": "lanczos3", "antialias": True, **FIRST},
        {"pad_to_aspect_ratio": True, "fill_value": 0.5, "antialias": True},
    ),
    Row(
        "image.scale_and_translate",
        (X, (2, 3, 7, 3), np.array([0.6, 1.3], "float32"), np.array([0.2, -0.4], "float32"),
         (1, 2), "bicubic"),
        scaled, {}, (0,), {0: ()},
    ),
    *[
        Row("image.affine_transform", (X, TURN), read, {"fill_mode": m, **o}, wrt, {0: (0,)})
        for m, o, wrt in (
            ("reflect", {}, (0, 1)),
            ("wrap", {}, (0,)),
            ("mirror", SHARP, (0,)),
            ("nearest", {}, (0,)),
            ("constant", {"fill_value": 0.7}, (0,)),
        )
    ],
    Row("image.affine_transform", (X, TILT), read, {"fill_mode": "reflect"}, (0,), {0: (0,)}),
    Row("image.perspective_transform", (X, CORNERS, MOVED), perspective, {}, (), {0: (0,)}),
    Row("image.map_coordinates", (X[0, :, :, 0], between(-4, 8, 2, 6), 1), mapped,
        {"fill_mode": "mirror"}, (0, 1), {1: (1,)}),
    Row("image.map_coordinates", (X[0], between(-4, 8, 3, 6), 0), mapped, {}, (0,), {1: (1,)}),
    Row("image.gaussian_blur", (X,), blur, {"kernel_size": (3, 4), "sigma": (0.8, 1.5)}, (0,),
        {0: (0, 1, 2)}),
    Row("image.gaussian_blur", (X,), blur, {"kernel_size": (35, 1), "sigma": (2.5, 1.0)}, (0,),
        {0: (0,)}),
    Row("image.sobel_edges", (X,), sobel, {}, (0,), {0: (0, 1, 2)}),
    Row("image.sobel_edges", (X,), sobel, FIRST, (), {0: (0,)}),
    Row("image.ssim", (UNIT, UNIT[::-1].copy()), alike, {"filter_size": 3, "max_val": 0.9}, (0, 1),
        {0: (0,), 1: (0,)}),
    Row("image.extract_patches", (X,), patches, {"size": 2}, (0,), {0: (0, 1, 2)}, whole="int32"),
    Row("image.extract_patches", (X,), patches, SPREAD, (0,), {0: (0,)}, whole="int32"),
    Row("image.extract_patches", (X,), patches, {"size": (2, 1), **FIRST}, (), {0: (0,)}),
    Row("image.extract_patches_3d", (between(-2, 2, 1, 3, 4, 2, 2),), patches,
        {"size": (2, 2, 1), "strides": 1}, (0,), {0: (0,)}, whole="int32"),
    Row("image.rgb_to_grayscale", (UNIT,), gray, {}, (0,), {0: (0, 1, 2)}),
    Row("image.rgb_to_grayscale", (np.moveaxis(UNIT, -1, 1),), gray, FIRST, (0,), {0: (0,)}),
    Row("image.rgb_to_hsv", (UNIT,), by_pixel(colorsys.rgb_to_hsv), {}, (0,), {0: (0, 1, 2)}),
    Row("image.hsv_to_rgb", (UNIT,), by_pixel(colorsys.hsv_to_rgb), {}, (0,), {0: (0, 1, 2)}),
    Row("image.crop_images", (X,), lambda x, **_: x[:, 1:3, 2:4], CUT, (0,), {0: (0,)},
        whole="int32"),
    Row("image.pad_images", (X,), lambda x, **_: np.pad(x, ((0, 0), (1, 2), (3, 1), (0, 0))), ROOM,
        (0,), {0: (0,)}, whole="int32"),
]  # fmt: skip
