"""Shapes in `K`: joining, reshaping, repeating, padding, taking parts."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from cornu import engine, ops
from cornu.dialects.backend_record import dense, numbers, recorded, spelt
from cornu.dialects.backend_state import data_format_of
from cornu.dialects.generations import before
from cornu.errors import UsageError, shown

__all__ = [
    "asymmetric_spatial_2d_padding",
    "asymmetric_temporal_padding",
    "batch_flatten",
    "concatenate",
    "expand_dims",
    "flatten",
    "gather",
    "normalize_axis",
    "one_hot",
    "pack",
    "permute_dimensions",
    "repeat",
    "repeat_elements",
    "reshape",
    "resize_images",
    "resize_volumes",
    "reverse",
    "slice",
    "spatial_2d_padding",
    "spatial_3d_padding",
    "squeeze",
    "stack",
    "temporal_padding",
    "tile",
    "transpose",
]

# ---------------------------------------------------------------- joining and reshaping


@recorded
def _joined(tensors: Sequence[Any], axis: int) -> Any:
    return ops.concatenate(tensors, axis)


def concatenate(tensors: Sequence[Any], axis: int = -1) -> Any:
    """Arrays put behind each other along `axis`."""
    return _joined([dense(x) for x in tensors], axis)


@recorded
def stack(x: Sequence[Any], axis: int = 0) -> Any:
    """Arrays of one shape put behind each other along a new axis."""
    return np.stack(x, axis) if all(map(_is_size, x)) else ops.stack(x, axis)


def _is_size(x: Any) -> bool:
    return isinstance(x, (int, np.generic))


def pack(x: Sequence[Any]) -> Any:
    """The name of `stack` before 1.2."""
    return stack(x)


@recorded(sizes=("shape",))
def reshape(x: Any, shape: Any) -> Any:
    """The elements of `x` in another shape; one size may be -1, sizes may be computed."""
    return ops.reshape(x, numbers(shape))


@recorded
def flatten(x: Any) -> Any:
    """All elements as a vector."""
    return ops.reshape(x, (-1,))


@recorded
def batch_flatten(x: Any) -> Any:
    """Each sample as a vector: (batch, elements)."""
    x = ops.convert_to_tensor(x)
    return ops.reshape(x, (x.shape[0], int(np.prod(x.shape[1:]))))


@recorded
def expand_dims(x: Any, axis: int = -1) -> Any:
    """`x` with a new axis of size 1."""
    return ops.expand_dims(x, axis)


@recorded
def squeeze(x: Any, axis: int) -> Any:
    """`x` without an axis of size 1."""
    return ops.squeeze(x, axis)


@recorded
def permute_dimensions(x: Any, pattern: Sequence[Any]) -> Any:
    """The axes of `x` in the order of `pattern`; "x" in it makes a new one."""
    x = ops.convert_to_tensor(x)
    y = ops.transpose(x, [p for p in pattern if p != "x"])
    new = [i for i, p in enumerate(pattern) if p == "x"]
    return ops.expand_dims(y, new) if new else y


@recorded
def transpose(x: Any) -> Any:
    """The axes of `x` in reverse order."""
    return ops.transpose(x)


# ---------------------------------------------------------------- repeating and resizing


@recorded(sizes=("n",))
def repeat(x: Any, n: Any) -> Any:
    """Each sample `n` times: (batch, features) gives (batch, n, features)."""
    x = ops.convert_to_tensor(x)
    if x.ndim != 2:
        raise UsageError("E-RANK", f"K.repeat takes (batch, features); got {tuple(x.shape)}.")
    return ops.tile(x[:, None], (1, int(n), 1))


@recorded(sizes=("rep",))
def repeat_elements(x: Any, rep: Any, axis: int) -> Any:
    """Each element `rep` times in a row along `axis`."""
    return ops.repeat(x, int(rep), axis)


@recorded(sizes=("n",))
def tile(x: Any, n: Any) -> Any:
    """`x` so many times along each axis."""
    return ops.tile(x, numbers(n))


@recorded
def _enlarged(x: Any, factors: Sequence[int], data_format: str) -> Any:
    first = 2 if data_format == "channels_first" else 1
    for axis, factor in enumerate(factors, start=first):
        x = ops.repeat(x, int(factor), axis)
    return x


@recorded
def _smoothed(x: Any, height_factor: int, width_factor: int, data_format: str) -> Any:
    first = 2 if data_format == "channels_first" else 1
    size = (int(x.shape[first] * height_factor), int(x.shape[first + 1] * width_factor))
    return ops.image.resize(x, size, "bilinear", data_format=data_format)


@spelt
def resize_images(
    x: Any,
    height_factor: int,
    width_factor: int,
    data_format: str,
    interpolation: str = "nearest",
) -> Any:
    """Images enlarged by whole factors, "nearest" (repeating) or "bilinear".

    Shapes: (batch, height, width, channels), or channels first as `data_format` says.
    """
    data_format = data_format_of(data_format)
    if interpolation == "nearest":
        return _enlarged(x, (height_factor, width_factor), data_format)
    if interpolation != "bilinear":
        raise UsageError(
            "E-CHOICE",
            f'interpolation must be "nearest" or "bilinear"; got {shown(interpolation)}.',
        )
    return _smoothed(x, height_factor, width_factor, data_format)


@spelt
def resize_volumes(
    x: Any, depth_factor: int, height_factor: int, width_factor: int, data_format: str
) -> Any:
    """Volumes enlarged by whole factors, by repeating."""
    return _enlarged(x, (depth_factor, height_factor, width_factor), data_format_of(data_format))


# ---------------------------------------------------------------- padding


@recorded
def _padded(x: Any, around: Sequence[Sequence[int]], data_format: str) -> Any:
    lead = 2 if data_format == "channels_first" else 1
    widths = [(0, 0)] * lead + [tuple(pair) for pair in around]
    return ops.pad(x, widths + [(0, 0)] * (np.ndim(x) - len(widths)))


def _pairs(padding: Any, rank: int) -> list[tuple[int, int]]:
    """One pair for each axis: from numbers (both sides alike), as before 2.0, or pairs."""
    each = list(padding) if isinstance(padding, (list, tuple)) else [padding] * rank
    pairs = [tuple(p) if isinstance(p, (list, tuple)) else (p, p) for p in each]
    if len(pairs) != rank or any(len(p) != 2 for p in pairs):
        raise UsageError(
            "E-WINDOW",
            f"padding must be {rank} pairs of numbers, or {rank} numbers; got {shown(padding)}.",
        )
    return [(int(a), int(b)) for a, b in pairs]


@spelt
def temporal_padding(x: Any, padding: Any = (1, 1)) -> Any:
    """Zeros before and after the time axis: (batch, time, features)."""
    pair = tuple(padding) if isinstance(padding, (list, tuple)) else (padding, padding)
    return _padded(x, _pairs((pair,), 1), "channels_last")


def asymmetric_temporal_padding(x: Any, left_pad: int = 1, right_pad: int = 1) -> Any:
    """Zeros before and after the time axis; `temporal_padding` of 2.x does it."""
    return temporal_padding(x, (left_pad, right_pad))


def _format(data_format: Any) -> str:
    """A data format; where none is given, that of Theano before 1.1."""
    missing = data_format in (None, "default") and before("1.2")
    return data_format_of("th" if missing else data_format)


@spelt
def spatial_2d_padding(x: Any, padding: Any = (1, 1), data_format: Any = None) -> Any:
    """Zeros around images: `((top, bottom), (left, right))`, or a number for each axis."""
    return _padded(x, _pairs(padding, 2), _format(data_format))


@spelt
def asymmetric_spatial_2d_padding(
    x: Any,
    top_pad: int = 1,
    bottom_pad: int = 1,
    left_pad: int = 1,
    right_pad: int = 1,
    data_format: Any = None,
) -> Any:
    """Zeros around images; `spatial_2d_padding` of 2.x does it."""
    return spatial_2d_padding(x, ((top_pad, bottom_pad), (left_pad, right_pad)), data_format)


@spelt
def spatial_3d_padding(x: Any, padding: Any = (1, 1, 1), data_format: Any = None) -> Any:
    """Zeros around volumes: a pair, or a number, for each of three axes."""
    return _padded(x, _pairs(padding, 3), _format(data_format))


# ---------------------------------------------------------------- parts


@recorded
def gather(reference: Any, indices: Any) -> Any:
    """The rows of `reference` at whole numbers `indices`: their shape, then that of a row."""
    return ops.take(reference, ops.cast(indices, "int32"), axis=0)


@recorded(sizes=("num_classes",))
def one_hot(indices: Any, num_classes: Any) -> Any:
    """1 at the place of each whole number along a new last axis, 0 elsewhere."""
    return ops.one_hot(ops.cast(indices, "int32"), int(num_classes))


@recorded
def reverse(x: Any, axes: Any) -> Any:
    """`x` turned round along `axes`, one or several."""
    return ops.flip(x, tuple(axes) if isinstance(axes, (list, tuple)) else axes)


@recorded(sizes=("start", "size"))
def slice(x: Any, start: Any, size: Any) -> Any:
    """The block of `x` that begins at `start` and has `size`, -1 standing for all that is left."""
    x = ops.convert_to_tensor(x)
    starts = numbers(start)
    sizes = itertools.starmap(
        lambda n, begin, count: n - begin if count < 0 else count,
        zip(x.shape, starts, numbers(size), strict=True),
    )
    return engine.slice(x, starts, tuple(sizes))


def normalize_axis(axis: int, ndim: int) -> int:
    """`axis` counted from the front."""
    return axis + ndim if axis < 0 else axis
