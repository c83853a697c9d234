"""Rows of layers that change light, colours and tones, with settings that leave nothing to chance.

References work image by image and pixel by pixel. What is drawn is in
`tests/layers/test_photometry.py`.
"""

import colorsys
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from contracts.layers_reference import same
from contracts.layers_row import FIRST, Row

LUMA = (0.2989, 0.5870, 0.1140)


def image(*shape: int, low: int = 60, high: int = 200) -> np.ndarray:
    """Whole numbers, which the short floats hold too."""
    return np.random.default_rng(len(shape) + high).integers(low, high, shape).astype("float32")


def colours(low: int = 100, high: int = 140) -> np.ndarray:
    """RGB images, (2, 5, 4, 3), whose channels differ in every pixel: no maximum is a tie."""
    x = image(2, 5, 4, 3, low=low, high=high)
    return x - x % 3 + np.arange(3, dtype="float32")


def brightness(x: Any, w: Any = None, **_: Any) -> Any:
    return x + 0.125 * 255


def contrast(x: Any, w: Any = None, by: float = 1.5, **_: Any) -> Any:
    mean = x.mean((1, 2), keepdims=True)
    return mean + by * (x - mean)


def gray(x: Any, w: Any = None, axis: int = -1, **_: Any) -> Any:
    red, green, blue = np.split(x, 3, axis)
    luma = LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue
    return np.concatenate([luma] * 3, axis)


def degeneration(x: Any, w: Any = None, data_format: str = "channels_last", **_: Any) -> Any:
    axis = 1 if data_format == "channels_first" else -1
    return 0.625 * x + 0.375 * gray(x, axis=axis)


def by_pixel(change: Callable) -> Callable:
    """A reference from `change(hue, saturation, value)`, all of [0, 1]."""

    def reference(x: Any, w: Any = None, **_: Any) -> Any:
        pixels = [colorsys.rgb_to_hsv(*p) for p in x.reshape(-1, 3) / 255]
        return np.array([colorsys.hsv_to_rgb(*change(*p)) for p in pixels]).reshape(x.shape) * 255

    return reference


faded = by_pixel(lambda h, s, v: (h, s * 3, v))


def jitter(x: Any, w: Any = None, **_: Any) -> Any:
    return faded(contrast(brightness(x), by=1.25))


def negative(x: Any, w: Any = None, **_: Any) -> Any:
    return 255 - x


def three_bits(x: Any, w: Any = None, **_: Any) -> Any:
    return np.array([int(v) & 0b11100000 for v in x.ravel()], x.dtype).reshape(x.shape)


def solarized(x: Any, w: Any = None, **_: Any) -> Any:
    lit = x + 0.125 * 255
    return np.where(lit < 0.625 * 255, lit, 255 - lit)


def windowed(x: Any, window: np.ndarray, first: bool) -> Any:
    """The sum over a window around every pixel, zeros beyond the edge."""
    last = np.moveaxis(x, 1, -1) if first else x
    down, across = (n // 2 for n in window.shape)
    wide = np.pad(last, ((0, 0), (down, down), (across, across), (0, 0)))
    y = np.zeros_like(last)
    for i, j in np.ndindex(*window.shape):
        y += window[i, j] * wide[:, i : i + last.shape[1], j : j + last.shape[2]]
    return np.moveaxis(y, -1, 1) if first else y


def sharpness(x: Any, w: Any = None, data_format: str = "channels_last", **_: Any) -> Any:
    window = np.array([[1, 1, 1], [1, 5, 1], [1, 1, 1]]) / 13
    smooth = windowed(x, window, data_format == "channels_first")
    return x + (1 - 2 * 0.375) * (smooth - x)


def blur(x: Any, w: Any = None, data_format: str = "channels_last", **_: Any) -> Any:
    """A window 3 wide and 5 high of deviation 0.75."""
    lines = []
    for length in (5, 3):
        bell = [math.exp(-((i - length // 2) ** 2) / (2 * 0.75**2)) for i in range(length)]
        lines.append(np.array(bell) / sum(bell))
    return windowed(x, np.outer(*lines), data_format == "channels_first")


def planes(change: Callable) -> Callable:
    """A reference from a change of one channel of one image, (height, width)."""

    def reference(x: Any, w: Any = None, data_format: str = "channels_last", **options: Any) -> Any:
        first = data_format == "channels_first"
        y = x.copy()
        for n in range(len(x)):
            for c in range(x.shape[1 if first else -1]):
                place = (n, c) if first else (n, ..., c)
                y[place] = change(x[place], **options)
        return y

    return reference


@planes
def stretched(x: Any, value_range: Any = (0, 255)) -> Any:
    low, high = value_range
    if x.max() == x.min():
        return x
    return low + (high - low) * (x - x.min()) / (x.max() - x.min())


@planes
def equalized(x: Any, bins: int = 256) -> Any:
    place = np.floor(x * (bins - 1) / 255).astype(int)
    upto = np.cumsum(np.bincount(place.ravel(), minlength=bins))
    first = upto[upto > 0][0]
    if first == x.size:
        return x
    return np.round(255 * (upto - first) / (x.size - first))[place]


@planes
def by_tiles(x: Any, tile_grid_size: Any, clip_limit: float = 4.0) -> Any:
    """CLAHE of one channel, its tiles numbered from their middles."""
    rows, columns = tile_grid_size
    height, width = -(-x.shape[0] // rows), -(-x.shape[1] // columns)
    missing = (rows * height - x.shape[0], columns * width - x.shape[1])
    wide = np.pad(x, ((0, missing[0]), (0, missing[1])), "symmetric").astype(int)
    curves = {}
    for i, j in np.ndindex(rows, columns):
        tile = wide[i * height : (i + 1) * height, j * width : (j + 1) * width]
        counts = np.bincount(tile.ravel(), minlength=256).astype(float)
        most = clip_limit * tile.size / 256 if clip_limit > 0 else np.inf
        excess = np.maximum(counts - most, 0).sum()
        upto = np.cumsum(np.minimum(counts, most) + excess / 256)
        curves[i, j] = np.clip(255 * (upto - upto[0]) / (tile.size - upto[0]), 0, 255)
    y = np.zeros(x.shape)
    for p, q in np.ndindex(*x.shape):
        down, across = (p - height / 2) / height, (q - width / 2) / width
        for i, j in ((0, 0), (0, 1), (1, 0), (1, 1)):
            a, b = math.floor(down) + i, math.floor(across) + j
            near = (1 - abs(down - a)) * (1 - abs(across - b))
            held = (min(max(a, 0), rows - 1), min(max(b, 0), columns - 1))
            y[p, q] += near * curves[held][wide[p, q]]
    return y


def covered(x: Any, w: Any = None, **_: Any) -> Any:
    return np.full_like(x, 7)


def _row(name: str, reference: Callable, options: dict, x: Any = None, **more: Any) -> Row:
    args = (colours() if x is None else x,)
    return Row(name, args, reference, options, training=reference, **more)


flat = np.concatenate([np.full((1, 4, 3, 1), 9, "float32"), image(1, 4, 3, 1)])

ROWS: tuple[Row, ...] = (
    _row("RandomBrightness", brightness, {"factor": (0.125, 0.125)}),
    _row("RandomContrast", contrast, {"factor": (-0.5, 0.5)}),
    _row("RandomColorDegeneration", degeneration, {"factor": (0.375, 0.375)}),
    _row(
        "RandomColorDegeneration",
        degeneration,
        {"factor": (0.375, 0.375), **FIRST},
        image(2, 3, 4, 2),
    ),
    _row(
        "RandomColorJitter",
        jitter,
        {
            "brightness_factor": (0.125, 0.125),
            "contrast_factor": (-0.25, 0.25),
            "saturation_factor": (0.75, 0.75),
            "hue_factor": (0.0, 0.0),
        },
    ),
    _row("RandomGrayscale", gray, {"factor": 1.0}),
    _row("RandomHue", same, {"factor": (0.0, 0.0)}),
    _row("RandomSaturation", faded, {"factor": (0.75, 0.75)}),
    _row("RandomInvert", negative, {"factor": (1.0, 1.0)}),
    _row("RandomPosterization", three_bits, {"factor": (3, 3)}, wrt=()),
    _row("RandomSharpness", sharpness, {"factor": (0.375, 0.375)}),
    _row("RandomSharpness", sharpness, {"factor": (0.375, 0.375), **FIRST}, image(2, 2, 3, 5)),
    _row(
        "Solarization",
        solarized,
        {"addition_factor": (0.125, 0.125), "threshold_factor": (0.625, 0.625)},
        image(2, 4, 3, 1),
    ),
    _row("Equalization", equalized, {}, flat, wrt=()),
    _row("Equalization", equalized, {"bins": 16, **FIRST}, image(2, 2, 5, 6), wrt=()),
    _row("AutoContrast", stretched, {}, image(2, 4, 3, 2)),
    _row("AutoContrast", stretched, {"value_range": (-1, 3), **FIRST}, image(2, 2, 4, 3) / 100),
    _row(
        "ContrastLimitedAdaptiveHistogramEqualization",
        by_tiles,
        {"tile_grid_size": (2, 3), "clip_limit": 100.0},
        image(2, 5, 6, 2),
        wrt=(),
    ),
    _row(
        "ContrastLimitedAdaptiveHistogramEqualization",
        by_tiles,
        {"tile_grid_size": (2, 2), "clip_limit": 0.0, **FIRST},
        image(2, 1, 6, 4, low=0, high=256),
        wrt=(),
    ),
    _row(
        "RandomGaussianBlur",
        blur,
        {"factor": (1.0, 1.0), "kernel_size": (3, 5), "sigma": (0.75, 0.75)},
    ),
    _row(
        "RandomErasing",
        covered,
        {"factor": (1.0, 1.0), "scale": (1.0, 1.0), "fill_value": 7},
    ),
    _row("MaxNumBoundingBoxes", same, {"max_number": 3}),
)
