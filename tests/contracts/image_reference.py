"""What ops and layers of images compute, pixel by pixel in float64."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np


def keys(x: float) -> float:
    """Keys 1981, a = -1/2."""
    if x < 1:
        return 1.5 * x**3 - 2.5 * x**2 + 1
    return -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x < 2 else 0.0


def lanczos(x: float, a: int) -> float:
    if x == 0:
        return 1.0
    both = math.sin(math.pi * x) * math.sin(math.pi * x / a)
    return a * both / (math.pi * x) ** 2 if x < a else 0.0


KERNELS: dict[str, Callable[[float], float]] = {
    "bilinear": lambda x: max(0.0, 1 - x),
    "bicubic": keys,
    "lanczos3": lambda x: lanczos(x, 3),
    "lanczos5": lambda x: lanczos(x, 5),
}


def line_weights(
    size: int, new: int, method: str, antialias: bool, scale: Any = None, move: float = 0.0
) -> np.ndarray:
    """(new, size): how much of each old place is in each new one."""
    scale = new / size if scale is None else float(scale)
    wide = max(1 / scale, 1) if antialias else 1.0
    made = np.zeros((new, size))
    for p in range(new):
        centre = (p + 0.5 - float(move)) / scale - 0.5
        if method == "nearest":
            made[p, min(math.floor(centre + 0.5), size - 1)] = 1
        elif -0.5 <= centre <= size - 0.5:
            row = np.array([KERNELS[method](abs(centre - j) / wide) for j in range(size)])
            made[p] = row / row.sum()
    return made


def resized(
    x: np.ndarray,
    size: Sequence[int],
    interpolation: str = "bilinear",
    antialias: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    fill_value: float = 0.0,
    data_format: str = "channels_last",
) -> np.ndarray:
    """(batch, height, width, channels), or with channels first."""
    if data_format == "channels_first":
        x = np.moveaxis(x, 1, -1)
    height, width = x.shape[1:3]
    new_height, new_width = size
    if crop_to_aspect_ratio:
        down = min(height, int(width * new_height / new_width))
        across = min(width, int(height * new_width / new_height))
        top, left = (height - down) // 2, (width - across) // 2
        x = x[:, top : top + down, left : left + across]
    if pad_to_aspect_ratio:
        down = max(0, int(width * new_height / new_width) - height) // 2
        across = max(0, int(height * new_width / new_height) - width) // 2
        margins = ((0, 0), (down, down), (across, across), (0, 0))
        x = np.pad(x, margins, constant_values=fill_value)
    rows = line_weights(x.shape[1], new_height, interpolation, antialias)
    columns = line_weights(x.shape[2], new_width, interpolation, antialias)
    y = np.einsum("oh,pw,bhwc->bopc", rows, columns, x)
    return np.moveaxis(y, -1, 1) if data_format == "channels_first" else y


def place(i: int, size: int, mode: str) -> int | None:
    """Where a place beyond the ends is taken from; None is the fill value."""
    there = list(range(size))
    pattern = {
        "wrap": there,
        "reflect": there + there[::-1],
        "mirror": there + there[-2:0:-1],
    }
    if 0 <= i < size:
        return i
    if mode == "constant":
        return None
    if mode == "nearest":
        return 0 if i < 0 else size - 1
    return pattern[mode][i % len(pattern[mode])]


def at(x: np.ndarray, where: Sequence[float], order: int, mode: str, fill: float) -> Any:
    """The value of `x` at real coordinates along its first axes."""
    total: Any = 0.0
    low = [math.floor(c) if order else math.floor(c + 0.5) for c in where]
    for corner in np.ndindex(*(2 if order else 1,) * len(where)):
        weight = 1.0
        for c, start, step in zip(where, low, corner, strict=True):
            weight *= (1 - abs(c - start - step)) if order else 1.0
        found = [
            place(start + step, n, mode)
            for start, step, n in zip(low, corner, x.shape, strict=False)
        ]
        total = total + weight * (fill if None in found else x[tuple(found)])
    return total


def read(
    x: np.ndarray,
    transform: np.ndarray,
    interpolation: str = "bilinear",
    fill_mode: str = "constant",
    fill_value: float = 0.0,
) -> np.ndarray:
    """`ops.image.affine_transform` of (batch, height, width, channels), 8 numbers or 8 each."""
    order = {"nearest": 0, "bilinear": 1}[interpolation]
    each = np.broadcast_to(transform, (len(x), 8))
    made = np.zeros(x.shape, x.dtype)
    for b, row, column in np.ndindex(*x.shape[:3]):
        a0, a1, a2, b0, b1, b2, c0, c1 = each[b]
        k = c0 * column + c1 * row + 1
        where = ((b0 * column + b1 * row + b2) / k, (a0 * column + a1 * row + a2) / k)
        made[b, row, column] = at(x[b], where, order, fill_mode, fill_value)
    return made
