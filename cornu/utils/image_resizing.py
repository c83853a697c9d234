"""Pictures of another size, in NumPy: for files, whose sizes differ, nothing is compiled.

Places and kernels are those of `ops.image.resize`, with three ways more that TensorFlow has.
"""

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from cornu.errors import UsageError, shown
from cornu.ops.image.resampling import KERNELS
from cornu.utils.image_files import choice, data_format_of, size_of

INTERPOLATIONS = (
    "bilinear",
    "nearest",
    "bicubic",
    "area",
    "lanczos3",
    "lanczos5",
    "gaussian",
    "mitchellcubic",
)
MANY_TAPS = 16  # more neighbours than this are summed by a matrix product

Taps = tuple[np.ndarray, np.ndarray]
"""Places in the input and their weights, both (output, taps)."""


def smart_resize(
    x: Any,
    size: Sequence[int],
    interpolation: str = "bilinear",
    data_format: str = "channels_last",
) -> Any:
    """Pictures of `size` that are not distorted: what does not fit the new proportions is cut off.

    Args:
        x: array (height, width, channels), or a batch of these.
        size: new (height, width).
        interpolation: "bilinear", "nearest", "bicubic", "area", "lanczos3", "lanczos5",
            "gaussian" or "mitchellcubic".
        data_format: where the channels are.

    Returns:
        An array of the same dtype, if that is a float, else float32 (but for "nearest").

    Raises:
        UsageError: for a shape that is none of pictures, an unknown name, or a size that is none.
    """
    array, target = np.asarray(x), size_of(size, "size")
    method = choice("interpolation", interpolation, INTERPOLATIONS)
    if array.ndim not in (3, 4):
        raise UsageError(
            "E-IMAGE", f"smart_resize takes a picture or a batch of them; got {shown(array)}."
        )
    first = data_format_of(data_format) == "channels_first"
    images = np.moveaxis(array, -3, -1) if first else array
    resized = resize(cropped(images, target), target, method)
    return np.moveaxis(resized, -1, -3) if first else resized


def cropped(images: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The largest middle part with the proportions of `size`; (…, height, width, channels)."""
    height, width = images.shape[-3:-1]
    tall = max(min(height, int(width * size[0] / size[1])), 1)
    wide = max(min(width, int(height * size[1] / size[0])), 1)
    top, left = (height - tall) // 2, (width - wide) // 2
    return images[..., top : top + tall, left : left + wide, :]


def padded(images: np.ndarray, size: tuple[int, int], interpolation: str) -> np.ndarray:
    """Resized as a whole, as large as it fits into `size`, with black margins."""
    height, width = images.shape[-3:-1]
    ratio = max(height / size[0], width / size[1])
    tall, wide = height / ratio, width / ratio
    inner = resize(images, (max(int(tall), 1), max(int(wide), 1)), interpolation)
    made = np.zeros((*images.shape[:-3], *size, images.shape[-1]), inner.dtype)
    top, left = int((size[0] - tall) / 2), int((size[1] - wide) / 2)
    rows, columns = inner.shape[-3:-1]
    made[..., top : top + rows, left : left + columns, :] = inner
    return made


def resize(images: np.ndarray, size: tuple[int, int], interpolation: str) -> np.ndarray:
    """Pictures (…, height, width, channels) of `size`; floats, but with "nearest" as they came."""
    if interpolation == "nearest":
        for axis, new in ((-3, size[0]), (-2, size[1])):
            old = images.shape[axis]
            places = (2 * np.arange(new) + 1) * old // (2 * new)
            images = images if new == old else np.take(images, places, axis)
        return images
    x = images if images.dtype.kind == "f" else images.astype("float32")
    axes = [(a, n) for a, n in ((-3, size[0]), (-2, size[1])) if x.shape[a] != n]
    for axis, new in sorted(axes, key=lambda one: one[1] / x.shape[one[0]]):
        x = _weighed(x, axis, *_taps(x.shape[axis], new, interpolation))
    return x


@functools.lru_cache(maxsize=256)
def _taps(size: int, new: int, method: str) -> Taps:
    if method == "area":
        return _shares(size, new)
    step = size / new
    centre = (np.arange(new) + 0.5) * step - 0.5
    radius, weigh = _kernel(method)
    taps = math.ceil(2 * radius) + 1
    places = np.ceil(centre - radius).astype(int)[:, None] + np.arange(taps)
    weights = weigh(np.abs(centre[:, None] - places))
    weights = weights * ((places >= 0) & (places < size))
    weights = weights / weights.sum(1, keepdims=True)
    used = (weights != 0).any(0)
    return np.clip(places[:, used], 0, size - 1), weights[:, used]


def _shares(size: int, new: int) -> Taps:
    """Each output place is the mean of the stretch of input that it covers."""
    edges = np.arange(new + 1) * (size / new)
    first = np.floor(edges[:-1]).astype(int)
    taps = int((np.ceil(edges[1:]).astype(int) - first).max())
    places = first[:, None] + np.arange(taps)
    begins = np.maximum(places, edges[:-1, None])
    ends = np.minimum(places + 1, edges[1:, None])
    weights = np.maximum(ends - begins, 0)
    return np.clip(places, 0, size - 1), weights / weights.sum(1, keepdims=True)


def _kernel(method: str) -> tuple[float, Any]:
    if method == "gaussian":
        return 1.5, lambda x: np.where(x < 1.5, np.exp(-2 * x * x), 0)
    if method == "mitchellcubic":
        return 2, _mitchell
    return KERNELS[method].radius, lambda x: KERNELS[method].weight(x, np)


def _mitchell(x: np.ndarray) -> np.ndarray:
    """Mitchell and Netravali, "Reconstruction filters in computer graphics", 1988; B = C = 1/3."""
    near = (7 * x - 12) * x * x + 16 / 3
    far = ((12 - 7 / 3 * x) * x - 20) * x + 32 / 3
    return np.where(x < 1, near, np.where(x < 2, far, 0)) / 6


def _weighed(x: np.ndarray, axis: int, places: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted sums along one axis."""
    if weights.shape[1] > MANY_TAPS:
        matrix = np.zeros((len(places), x.shape[axis]), x.dtype)
        np.add.at(matrix, (np.arange(len(places))[:, None], places), weights.astype(x.dtype))
        return np.moveaxis(np.tensordot(matrix, x, ((1,), (axis,))), 0, axis)
    shape = [1] * x.ndim
    shape[axis] = -1
    total = None
    for where, share in zip(places.T, weights.T, strict=True):
        part = np.take(x, where, axis)
        part *= share.astype(x.dtype).reshape(shape)
        total = part if total is None else np.add(total, part, out=total)
    assert total is not None
    return total
