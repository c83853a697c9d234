"""Parts of images, margins around them, and images cut into patches."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from cornu import engine
from cornu.errors import UsageError, shown
from cornu.graph import op
from cornu.kinds import OneOf
from cornu.ops.array import as_array
from cornu.ops.image.layout import format_of, height_axis, images_of, probing

__all__ = ["crop_images", "extract_patches", "extract_patches_3d", "pad_images"]

# ---------------------------------------------------------------- margins


@op
def crop_images(
    images: Any,
    top_cropping: int | None = None,
    left_cropping: int | None = None,
    bottom_cropping: int | None = None,
    right_cropping: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Any:
    """A part of images. Of top, bottom and height two are given, and of left, right and width.

    Raises:
        UsageError: for another number of them, and where the part does not lie in the image.
    """
    chosen = format_of("crop_images", data_format)
    images = images_of("crop_images", images, chosen)
    asked = (
        ("height", "top_cropping", top_cropping, "bottom_cropping", bottom_cropping, target_height),
        ("width", "left_cropping", left_cropping, "right_cropping", right_cropping, target_width),
    )
    where = [slice(None)] * images.ndim
    for offset, (word, one, before, two, after, target) in enumerate(asked):
        axis = images.ndim + height_axis(chosen) + offset
        size = images.shape[axis]
        _require_two("crop_images", {one: before, two: after, f"target_{word}": target})
        if target is None:
            target = size - before - after  # pyright: ignore[reportOperatorIssue]
        if before is None:
            before = size - target - after  # pyright: ignore[reportOperatorIssue]
        if before < 0 or target < 0 or before + target > size:
            raise UsageError(
                "E-IMAGE-SIZE",
                f"crop_images: {word} {target} from {before} on does not lie in an image of "
                f"{word} {size}.",
            )
        where[axis] = slice(before, before + target)
    return images[tuple(where)]


@op
def pad_images(
    images: Any,
    top_padding: int | None = None,
    left_padding: int | None = None,
    bottom_padding: int | None = None,
    right_padding: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Any:
    """Images with margins of zeros. Of top, bottom and height two are given, as across.

    Raises:
        UsageError: for another number of them, and where the target is smaller than the image.
    """
    chosen = format_of("pad_images", data_format)
    images = images_of("pad_images", images, chosen)
    asked = (
        ("height", "top_padding", top_padding, "bottom_padding", bottom_padding, target_height),
        ("width", "left_padding", left_padding, "right_padding", right_padding, target_width),
    )
    margins, shape = [(0, 0)] * images.ndim, list(images.shape)
    for offset, (word, one, before, two, after, target) in enumerate(asked):
        axis = images.ndim + height_axis(chosen) + offset
        size = images.shape[axis]
        _require_two("pad_images", {one: before, two: after, f"target_{word}": target})
        if before is None:
            before = target - after - size  # pyright: ignore
        if after is None:
            after = target - before - size  # pyright: ignore
        shape[axis] = before + size + after
        margins[axis] = (before, after)
        if min(before, after) < 0 and not probing():
            raise UsageError(
                "E-IMAGE-SIZE",
                f"pad_images: margins of {before} and {after} around an image of {word} {size}; "
                f"none may be below 0. target_{word} must be at least {word} and margin together.",
            )
    if any(min(pair) < 0 for pair in margins):  # made-up sizes: only the shape is asked for
        return engine.np.zeros(shape, images.dtype)
    return engine.np.pad(images, margins)


def _require_two(owner: str, values: dict[str, Any]) -> None:
    given = {name: v for name, v in values.items() if v is not None}
    whole = all(isinstance(v, (int, np.integer)) and v >= 0 for v in given.values())
    if len(given) != 2 or not whole:
        said = ", ".join(f"{name}={shown(v)}" for name, v in given.items()) or "none"
        raise UsageError(
            "E-IMAGE-SIZE",
            f"{owner}: give exactly two of {', '.join(values)}, whole numbers >= 0; got {said}.",
        )


# ---------------------------------------------------------------- patches


@op
def extract_patches(
    images: Any,
    size: Any,
    strides: Any = None,
    dilation_rate: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> Any:
    """Windows of images, each laid out in the channels: row by row, pixel by pixel.

    (batch, height, width, channels) gives (batch, rows, columns, window height * window width *
    channels); `size` of 3 numbers takes volumes, as `extract_patches_3d`.

    Args:
        images: one image or a batch.
        size: of the windows, one number or one for each space axis.
        strides: from window to window; the windows' size by default.
        dilation_rate: from pixel to pixel within a window.
        padding: "valid", or "same" with zeros.
        data_format: where channels lie.

    Raises:
        UsageError: for sizes that are none, and an unknown padding.
    """
    rank = 3 if isinstance(size, (list, tuple)) and len(size) == 3 else 2
    return _patches(images, size, strides, dilation_rate, padding, data_format, rank)


@op
def extract_patches_3d(
    volumes: Any,
    size: Any,
    strides: Any = None,
    dilation_rate: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> Any:
    """Windows of volumes (batch, depth, height, width, channels); see `extract_patches`."""
    return _patches(volumes, size, strides, dilation_rate, padding, data_format, 3)


def _patches(
    x: Any, size: Any, strides: Any, dilation: Any, padding: str, data_format: Any, rank: int
) -> Any:
    owner = "extract_patches" if rank == 2 else "extract_patches_3d"
    chosen = format_of(owner, data_format)
    padding = OneOf("valid", "same")(padding, owner, "padding")
    sizes = _numbers(owner, "size", size, rank)
    steps = sizes if strides is None else _numbers(owner, "strides", strides, rank)
    spread = _numbers(owner, "dilation_rate", dilation, rank)
    x = as_array(x)
    if x.ndim not in (rank + 1, rank + 2):
        raise UsageError(
            "E-RANK",
            f"{owner} needs {rank} space axes and channels, with a batch axis or without; got "
            f"shape {tuple(x.shape)}.",
        )
    single = x.ndim == rank + 1
    x = x[None] if single else x
    x = engine.np.moveaxis(x, 1, -1) if chosen == "channels_first" else x
    for i in range(rank):  # (batch, …, out, window, …, channels), two axes for each done
        x = _windows(owner, x, 1 + 2 * i, sizes[i], steps[i], spread[i], padding)
    outer, inner = range(1, 2 * rank, 2), range(2, 2 * rank + 1, 2)
    x = engine.np.transpose(x, (0, *outer, *inner, 2 * rank + 1))
    x = engine.np.reshape(x, (*x.shape[: rank + 1], math.prod(x.shape[rank + 1 :])))
    x = engine.np.moveaxis(x, -1, 1) if chosen == "channels_first" else x
    return x[0] if single else x


def _numbers(owner: str, name: str, value: Any, rank: int) -> tuple[int, ...]:
    all_ = tuple(value) if isinstance(value, (list, tuple)) else (value,) * rank
    whole = all(isinstance(v, (int, np.integer)) and not isinstance(v, bool) for v in all_)
    if len(all_) != rank or not whole or min(all_) < 1:
        raise UsageError(
            "E-WINDOW",
            f"{owner}: {name} must be a whole number >= 1 or {rank} of them, as in 3; "
            f"got {shown(value)}.",
        )
    return tuple(int(v) for v in all_)


def _windows(owner: str, x: Any, axis: int, size: int, step: int, spread: int, padding: str) -> Any:
    """One axis as two: windows, and places within them."""
    reach = (size - 1) * spread + 1
    count = -(-x.shape[axis] // step) if padding == "same" else (x.shape[axis] - reach) // step + 1
    if count < 1:
        raise UsageError(
            "E-WINDOW",
            f"{owner}: a window that reaches over {reach} does not fit into {x.shape[axis]}. "
            'Use padding="same" or a smaller one.',
        )
    missing = max((count - 1) * step + reach - x.shape[axis], 0)
    if missing and padding == "same":
        margins = [(0, 0)] * x.ndim
        margins[axis] = (missing // 2, missing - missing // 2)
        x = engine.np.pad(x, margins)
    shape = (*x.shape[:axis], count, size, *x.shape[axis + 1 :])
    if step == size and spread == 1:
        return engine.np.reshape(x[(slice(None),) * axis + (slice(count * size),)], shape)
    last = (count - 1) * step + 1
    before = (slice(None),) * axis
    shifts = [x[(*before, slice(i * spread, i * spread + last, step))] for i in range(size)]
    return engine.np.stack(shifts, axis + 1)


def part(images: Any, top: Any, left: Any, size: Sequence[int], data_format: str) -> Any:
    """For every image of a batch the part of `size` that begins at its (`top`, `left`)."""
    axis = height_axis(data_format) + 3  # of one image

    def one(image: Any, y: Any, x: Any) -> Any:
        starts, sizes = [np.int32(0)] * 3, list(image.shape)
        starts[axis : axis + 2], sizes[axis : axis + 2] = [y, x], size
        return engine.slice(image, starts, sizes)

    return engine.vmap(one)(images, top, left)
