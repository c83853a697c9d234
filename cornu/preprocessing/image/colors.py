"""Colours of many pictures changed at once, each by a number of its own."""

import numpy as np

from cornu.errors import UsageError, shown
from cornu.utils.image_files import stretched


def shift_channels(x: np.ndarray, amounts: np.ndarray) -> None:
    """Add a number to each picture, in place; no value leaves the range that the picture had.

    `x`: (count, height, width, channels), in either order; `amounts`: (count,).
    """
    each = (-1, *[1] * (x.ndim - 1))
    axes = tuple(range(1, x.ndim))
    low, high = x.min(axes).reshape(each), x.max(axes).reshape(each)
    x += amounts.reshape(each).astype(x.dtype)
    np.clip(x, low, high, out=x)


def brighten(x: np.ndarray, factor: float, scale: bool) -> np.ndarray:
    """One picture, channels last, brightened as an image of 8 bits; transparency stays.

    Values outside 0..255 are brought there first, and back afterwards unless `scale`; with
    `scale` all are stretched so that they go from 0 to 255.

    Raises UsageError for another number of channels than 1, 3 and 4.
    """
    if x.shape[-1] not in (1, 3, 4):
        raise UsageError(
            "E-IMAGE",
            f"brightness is changed in pictures of 1, 3 or 4 channels; got {shown(x)}.",
        )
    low, high = x.min(), x.max()
    wide = bool(low < 0 or high > 255)
    whole = (stretched(x) if wide or scale else x).astype("uint8")
    levels = np.arange(256, dtype="float32") * np.float32(factor)
    made = np.clip(levels, 0, 255).astype("uint8")[whole]
    if x.shape[-1] == 4:
        made[..., 3] = whole[..., 3]
    made = made.astype(x.dtype if x.dtype.kind == "f" else "float32")
    if wide and not scale:
        made = made / 255 * (high - low) + low
    return made
