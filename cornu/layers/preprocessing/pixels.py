"""What photometric layers do to pixels: pure functions on batches of float images.

Images are (batch, height, width, channels), or (batch, channels, height, width) with
"channels_first"; `value_range` is the least and the greatest value of a pixel, and results stay
within it. Settings are arrays with one number a sample, or plain numbers. Nothing here draws.
"""

from collections.abc import Sequence
from typing import Any

from cornu import engine, state
from cornu.layers.preprocessing.augmentation import rescaled
from cornu.layers.sizes import channel_axis, space_axes
from cornu.ops.image.colors import hsv_to_rgb, rgb_to_grayscale, rgb_to_hsv
from cornu.ops.image.filters import gaussian_blur
from cornu.ops.image.layout import working

UNIT, BYTE = (0, 1), (0, 255)
LEVELS = 256
NUDGE = 1e-3  # of a level: 51 / 255 * 255 may fall short of 51


def each(setting: Any, images: Any) -> Any:
    """A number a sample, (batch,), in the images' dtype and ready to be multiplied with them."""
    if not hasattr(setting, "shape") or setting.ndim == 0:
        return setting
    return engine.cast(setting, images.dtype).reshape(-1, 1, 1, 1)


def clipped(images: Any, value_range: Sequence[float]) -> Any:
    """Values held within `value_range`."""
    return engine.np.clip(images, value_range[0], value_range[1])


# ---------------------------------------------------------------- light and colour


def brightened(images: Any, delta: Any, value_range: Sequence[float]) -> Any:
    """`x + delta`; delta 1 is the whole range of values."""
    span = value_range[1] - value_range[0]
    return clipped(images + each(delta, images) * span, value_range)


def contrasted(images: Any, factor: Any, value_range: Sequence[float], data_format: str) -> Any:
    """`(x - mean) * factor + mean`, the mean that of a channel of an image."""
    mean = engine.np.mean(images, axis=space_axes(2, data_format), keepdims=True)
    return clipped((images - mean) * each(factor, images) + mean, value_range)


def grayed(images: Any, data_format: str) -> Any:
    """The luma of RGB images: the same shape with 1 channel."""
    return rgb_to_grayscale(images, data_format=data_format)


def degenerated(images: Any, factor: Any, value_range: Sequence[float], data_format: str) -> Any:
    """`x + factor * (gray - x)`: 0 leaves the colours, 1 takes them all."""
    moved = images + each(factor, images) * (grayed(images, data_format) - images)
    return clipped(moved, value_range)


def hue_turned(images: Any, turns: Any, value_range: Sequence[float], data_format: str) -> Any:
    """RGB images with their hues turned around the circle by `turns`."""
    x, back = working(images)
    hue, saturation, value = _hsv(x, value_range, data_format)
    hue = hue + each(turns, x)
    hue = hue - engine.np.floor(hue)
    return back(_from_hsv([hue, saturation, value], value_range, data_format))


def saturated(images: Any, factor: Any, value_range: Sequence[float], data_format: str) -> Any:
    """RGB images with their saturation multiplied by `factor`, held within [0, 1]."""
    x, back = working(images)
    hue, saturation, value = _hsv(x, value_range, data_format)
    saturation = clipped(saturation * each(factor, x), UNIT)
    return back(_from_hsv([hue, saturation, value], value_range, data_format))


def _hsv(images: Any, value_range: Sequence[float], data_format: str) -> list:
    unit = rescaled(images, value_range, UNIT)
    hsv = rgb_to_hsv(unit, data_format=data_format)
    return engine.np.split(hsv, 3, axis=channel_axis(data_format))


def _from_hsv(parts: list, value_range: Sequence[float], data_format: str) -> Any:
    hsv = engine.np.concatenate(parts, axis=channel_axis(data_format))
    rgb = hsv_to_rgb(hsv, data_format=data_format)
    return rescaled(clipped(rgb, UNIT), UNIT, value_range)


# ---------------------------------------------------------------- tones


def inverted(images: Any, value_range: Sequence[float]) -> Any:
    """`low + high - x`: the negative."""
    return value_range[0] + value_range[1] - images


def posterized(images: Any, bits: Any, value_range: Sequence[float]) -> Any:
    """The upper `bits` of 8 bits a channel: values rounded down to multiples of 2**(8 - bits)."""
    x, back = working(images)
    step = each(engine.np.left_shift(1, 8 - bits), x)
    levels = clipped(rescaled(x, value_range, BYTE), BYTE)
    lower = engine.np.floor((levels + NUDGE) / step) * step
    return back(rescaled(lower, BYTE, value_range))


def solarized(images: Any, addition: Any, threshold: Any, value_range: Sequence[float]) -> Any:
    """`x + addition`, then the negative where that is at least `threshold`.

    Both are shares of the range of values.
    """
    low, high = value_range
    lit = clipped(images + each(addition, images) * (high - low), value_range)
    least = low + each(threshold, images) * (high - low)
    return engine.np.where(lit < least, lit, inverted(lit, value_range))


def stretched(images: Any, value_range: Sequence[float], data_format: str) -> Any:
    """Each channel of each image stretched over the whole range; flat ones stay."""
    axes = space_axes(2, data_format)
    least = engine.np.min(images, axis=axes, keepdims=True)
    span = engine.np.max(images, axis=axes, keepdims=True) - least
    flat = span == 0
    scale = (value_range[1] - value_range[0]) / engine.np.where(flat, 1, span)
    moved = clipped((images - least) * scale + value_range[0], value_range)
    return engine.np.where(flat, images, moved)


def equalized(images: Any, bins: int, value_range: Sequence[float], data_format: str) -> Any:
    """Each channel of each image moved to an even histogram; those of a single tone stay.

    A pixel in bin k becomes `255 (cdf[k] - first) / (pixels - first)`, rounded, where `first` is
    the count of the first bin that has any.
    """
    first = data_format == "channels_first"
    x, back = working(images)
    planes = x if first else engine.np.moveaxis(x, -1, 1)  # (batch, channels, height, width)
    levels = rescaled(planes.reshape(*planes.shape[:2], -1), value_range, BYTE)
    place = _whole(levels * ((bins - 1) / 255), bins)  # (batch, channels, pixels)
    counts = histograms(place, bins)
    upto = engine.np.cumsum(counts, -1)
    pixels = place.shape[-1]
    least = engine.np.min(engine.np.where(upto > 0, upto, pixels), -1, keepdims=True)
    spread = engine.cast(pixels - least, "float32")
    table = (upto - least) * 255 / engine.np.maximum(spread, 1)
    table = clipped(engine.np.round(table), BYTE).astype(x.dtype)
    found = engine.np.where(spread == 0, levels, engine.np.take_along_axis(table, place, -1))
    found = rescaled(found, BYTE, value_range).reshape(planes.shape)
    return back(found if first else engine.np.moveaxis(found, 1, -1))


def _whole(levels: Any, count: int) -> Any:
    """Numbers of bins, 0 to count - 1."""
    return engine.np.clip(levels + NUDGE, 0, count - 1).astype("int32")


def histograms(places: Any, count: int) -> Any:
    """How often each of 0 … count - 1 occurs along the last axis: (..., count)."""
    rows = places.reshape(-1, places.shape[-1])
    starts = engine.np.arange(rows.shape[0], dtype="int32")[:, None] * count
    ones = engine.np.ones(rows.size, "int32")
    found = engine.segment_sum(ones, (rows + starts).reshape(-1), rows.shape[0] * count)
    return found.reshape(*places.shape[:-1], count)


# ---------------------------------------------------------------- tiles


def locally_equalized(
    images: Any,
    clip_limit: float,
    tiles: Sequence[int],
    value_range: Sequence[float],
    data_format: str,
) -> Any:
    """Equalization tile by tile, with limited contrast (CLAHE).

    Every tile of every channel has its own curve; a pixel is read from the curves of the four
    nearest tiles, weighted by how near their middles are. `clip_limit` is the most that a level
    may have, in units of its even share; what is cut is spread over all levels. 0 sets no limit.

    Source: Zuiderveld, "Contrast Limited Adaptive Histogram Equalization", Graphics Gems IV, 1994.
    """
    last = images if data_format == "channels_last" else engine.np.moveaxis(images, 1, -1)
    height, width = last.shape[1:3]
    size = (-(-height // tiles[0]), -(-width // tiles[1]))
    missing = (size[0] * tiles[0] - height, size[1] * tiles[1] - width)
    state.afford(state.TURN * (missing[0] // height + missing[1] // width))
    levels = rescaled(engine.cast(last, "float32"), value_range, BYTE)
    levels = engine.np.pad(levels, [(0, 0), (0, missing[0]), (0, missing[1]), (0, 0)], "symmetric")
    places = _whole(levels, LEVELS)
    curves = _tile_curves(places, size, tiles, clip_limit)
    found = _between(curves, places, size)[:, :height, :width]
    found = rescaled(found, BYTE, value_range).astype(images.dtype)
    return found if data_format == "channels_last" else engine.np.moveaxis(found, -1, 1)


def _tile_curves(places: Any, size: Sequence[int], tiles: Sequence[int], limit: float) -> Any:
    """New levels for old ones in each tile: (batch, rows, columns, channels, 256)."""
    batch, channels, pixels = places.shape[0], places.shape[3], size[0] * size[1]
    cut = places.reshape(batch, tiles[0], size[0], tiles[1], size[1], channels)
    cut = cut.transpose(0, 1, 3, 5, 2, 4).reshape(batch, *tiles, channels, pixels)
    counts = engine.cast(histograms(cut, LEVELS), "float32")
    if limit > 0:
        kept = engine.np.minimum(counts, limit * pixels / LEVELS)
        counts = kept + engine.np.sum(counts - kept, -1, keepdims=True) / LEVELS
    upto = engine.np.cumsum(counts, -1)
    least = upto[..., :1]
    spread = pixels - least
    return clipped((upto - least) * 255 / engine.np.where(spread == 0, 1, spread), BYTE)


def _between(curves: Any, places: Any, size: Sequence[int]) -> Any:
    """Every pixel read from the curves of the four nearest tiles."""
    rows = _neighbours(places.shape[1], size[0], curves.shape[1])
    columns = _neighbours(places.shape[2], size[1], curves.shape[2])
    sample = engine.np.arange(places.shape[0])[:, None, None, None]
    channel = engine.np.arange(places.shape[3])
    total: Any = 0.0
    for row, down in rows:
        for column, across in columns:
            tone = curves[sample, row[:, None, None], column[:, None], channel, places]
            total = total + tone * down[:, None, None] * across[:, None]
    return total


def _neighbours(length: int, size: int, tiles: int) -> tuple[tuple[Any, Any], ...]:
    """For each place the two tiles whose middles are nearest, and their weights."""
    place = engine.np.arange(length, dtype="float32") / size - 0.5
    before = engine.np.floor(place)
    after_weight = place - before
    first, second = (engine.np.clip(before + i, 0, tiles - 1).astype("int32") for i in (0, 1))
    return (first, 1 - after_weight), (second, after_weight)


# ---------------------------------------------------------------- neighbours


def _with_neighbours(x: Any, axis: int) -> Any:
    """Each pixel with the one before and the one after it along `axis`; zeros beyond the edge."""
    margins = [(0, 0)] * x.ndim
    margins[axis] = (1, 1)
    wide = engine.np.pad(x, margins)
    before = (slice(None),) * axis
    return sum(wide[(*before, slice(i, i + x.shape[axis]))] for i in range(3))


def sharpened(images: Any, factor: Any, value_range: Sequence[float], data_format: str) -> Any:
    """`x + (1 - 2 factor) * (smooth - x)`: 0 smooths, 0.5 leaves as it is, 1 sharpens.

    `smooth` is the 3 by 3 mean in which the middle counts five times.
    """
    x, back = working(images)
    smooth = x
    for axis in space_axes(2, data_format):
        smooth = _with_neighbours(smooth, axis)
    smooth = (smooth + 4 * x) / 13
    return back(clipped(x + (1 - 2 * each(factor, x)) * (smooth - x), value_range))


def blurred(images: Any, size: Sequence[int], sigma: Any, data_format: str) -> Any:
    """Images under a Gaussian window.

    `size` is (width, height) of the window and `sigma`, (batch, 2), its deviations in that order.
    """
    return gaussian_blur(images, size, sigma, data_format)


def inside(shape: Sequence[int], starts: Any, ends: Any, data_format: str) -> Any:
    """Which pixels of images of this shape lie in a box: booleans with 1 channel.

    `starts` and `ends` are pairs (down, across) of arrays (batch,), in pixels.
    """
    held: Any = True
    for axis, start, end in zip(space_axes(2, data_format), starts, ends, strict=True):
        line = [1, 1, 1, 1]
        line[axis] = shape[axis]
        place = engine.np.arange(shape[axis], dtype="float32").reshape(line)
        within = (place >= each(start, place)) & (place < each(end, place))
        held = held & within
    return held
