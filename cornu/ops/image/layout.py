"""How ops of images take their arguments in: rank, order of axes, sizes."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cornu import engine, settings, state
from cornu.errors import UsageError, UsageTypeError, shown
from cornu.kinds import OneOf
from cornu.ops.array import as_array

LAYOUTS = {"channels_last": "height, width, channels", "channels_first": "channels, height, width"}


def format_of(owner: str, data_format: Any) -> str:
    """ "channels_last" or "channels_first"; None is the one set in `settings`."""
    chosen = settings.image_data_format() if data_format is None else data_format
    return OneOf(*settings.DATA_FORMATS)(chosen, owner, "data_format")


def images_of(owner: str, images: Any, data_format: str) -> Any:
    """`images` as an array of 3 or 4 axes. Raises UsageError."""
    images = as_array(images)
    if images.ndim not in (3, 4):
        raise UsageError(
            "E-RANK",
            f"{owner} needs one image ({LAYOUTS[data_format]}) or a batch of them; got shape "
            f"{tuple(images.shape)}. Grayscale images have 1 channel: x[..., None].",
        )
    return images


def height_axis(data_format: str) -> int:
    """The axis of height, from the end; width lies behind it."""
    return -3 if data_format == "channels_last" else -2


def channel_axis(data_format: str) -> int:
    """The axis of channels, from the end."""
    return -1 if data_format == "channels_last" else -3


def size_of(images: Any, data_format: str) -> tuple[int, int]:
    """Height and width."""
    axis = height_axis(data_format)
    return images.shape[axis], images.shape[axis + 1]


def batched(owner: str, images: Any, data_format: Any) -> tuple[Any, Callable[[Any], Any]]:
    """Images as (batch, height, width, channels), and the way back to what was given."""
    chosen = format_of(owner, data_format)
    images = images_of(owner, images, chosen)
    single, first = images.ndim == 3, chosen == "channels_first"
    images = images[None] if single else images
    images = engine.np.moveaxis(images, 1, -1) if first else images

    def back(made: Any) -> Any:
        made = engine.np.moveaxis(made, -1, 1) if first else made
        return made[0] if single else made

    return images, back


def pair_of(owner: str, name: str, value: Any, least: int = 1) -> tuple[int, int]:
    """Two whole numbers from a pair, or from one for both. Raises UsageError."""
    both = tuple(value) if isinstance(value, (list, tuple, np.ndarray)) else (value, value)
    whole = [isinstance(v, (int, np.integer)) and not isinstance(v, bool) for v in both]
    if len(both) != 2 or not all(whole) or min(both) < least:
        raise UsageError(
            "E-IMAGE-SIZE",
            f"{owner}: {name} must be two whole numbers >= {least} (height, width), as in "
            f"({max(least, 3)}, {max(least, 3)}); got {shown(value)}.",
        )
    return int(both[0]), int(both[1])


def working(images: Any) -> tuple[Any, Callable[[Any], Any]]:
    """Images in a dtype to compute in, and the way back: whole numbers to the nearest one.

    Half floats are computed in float32.
    """
    dtype = str(images.dtype)
    if dtype in ("float32", "float64"):
        return images, lambda made: made
    if images.dtype.kind == "c":
        raise UsageTypeError("E-DTYPE", f"images must be real numbers; got {dtype}.")
    wide = "float32" if dtype in settings.FLOATS else settings.floatx()
    return engine.cast(images, wide), lambda made: nearest_in(made, dtype)


def nearest_in(made: Any, dtype: str) -> Any:
    """Floats in `dtype`; whole numbers are the nearest ones that it can hold, halves even."""
    if dtype in settings.FLOATS:
        return engine.cast(made, dtype)
    if dtype == "bool":
        return made >= 0.5
    limits = np.iinfo(dtype)
    return engine.cast(engine.np.clip(engine.np.round(made), limits.min, limits.max), dtype)


def probing() -> bool:
    """Whether only shapes are asked for, with made-up sizes."""
    frame = state.frame()
    return frame is not None and frame.probing


@functools.cache
def compiled(fn: Callable, static: Sequence[int] = ()) -> Callable:
    """`fn` compiled, so that a call on concrete arrays is one computation."""
    return engine.jit(fn, static=static)
