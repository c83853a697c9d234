"""Less common ops that make, join, cut and rearrange arrays; the common ones are in `ops.array`."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cornu import engine, settings, state
from cornu.errors import UsageError, shown, suggestion
from cornu.graph import op
from cornu.ops.array import as_array, as_float, dtype_named, full_like, split, zeros
from cornu.ops.families import named
from cornu.state import dtype_name

__all__ = [
    "append",
    "array_split",
    "depth_to_space",
    "diagflat",
    "dsplit",
    "dstack",
    "dtype",
    "empty",
    "empty_like",
    "fliplr",
    "flipud",
    "geomspace",
    "get_item",
    "hsplit",
    "hstack",
    "logspace",
    "rot90",
    "space_to_depth",
    "tri",
    "vander",
    "vsplit",
    "vstack",
]

# ---------------------------------------------------------------- new arrays


def empty(shape: Any, dtype: Any = None) -> Any:
    """An array of zeros, as `zeros`: no engine hands out memory that was not set."""
    return zeros(shape, dtype)


@op
def empty_like(x: Any, dtype: Any = None) -> Any:
    """Zeros of the shape of `x`, and of its dtype unless told."""
    return full_like(x, 0, dtype)


def tri(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Any:
    """An (N, M) matrix with ones on and below diagonal `k`."""
    return engine.array(np.tri(N, M, k, bool), dtype_named(dtype))


@op
def logspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    base: Any = 10,
    dtype: Any = None,
    axis: int = 0,
) -> Any:
    """`num` numbers from base**start to base**stop, each the same multiple of the one before."""
    start, stop, base = as_float(start), as_float(stop), as_float(base)
    dtype = dtype if dtype is None else dtype_named(dtype)
    return engine.np.logspace(start, stop, num, endpoint, base, dtype, axis)


@op
def geomspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0
) -> Any:
    """`num` numbers from `start` to `stop`, each the same multiple of the one before."""
    dtype = dtype if dtype is None else dtype_named(dtype)
    return engine.np.geomspace(as_float(start), as_float(stop), num, endpoint, dtype, axis)


@op
def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    """The powers of a vector as columns: x**(N-1) ... x, 1; `increasing` turns them round."""
    return engine.np.vander(as_array(x), N, increasing)


@op
def diagflat(x: Any, k: int = 0) -> Any:
    """The matrix with the elements of `x`, as a vector, on its diagonal `k`."""
    return engine.np.diagflat(as_array(x), k)


def dtype(x: Any) -> str:
    """The name of the dtype of `x`: "float32"."""
    return dtype_name(as_array(x) if isinstance(x, (list, tuple, int, float)) else x)


# ---------------------------------------------------------------- joining and cutting


@op
def append(x1: Any, x2: Any, axis: int | None = None) -> Any:
    """`x1` and then `x2` along an axis; both as vectors where it is None."""
    return engine.np.append(as_array(x1), as_array(x2), axis)


def _joining(name: str, doc: str) -> Callable[[Sequence], Any]:
    def fn(xs: Sequence) -> Any:
        return getattr(engine.np, name)([as_array(x) for x in xs])

    return named(fn, name, doc)


hstack = _joining("hstack", "Arrays side by side: along axis 1, vectors along their only axis.")
vstack = _joining("vstack", "Arrays on top of each other: along axis 0, vectors as rows.")
dstack = _joining("dstack", "Arrays behind each other: along axis 2, which is made if needed.")


@op
def array_split(x: Any, indices_or_sections: int | Sequence[int], axis: int = 0) -> list:
    """`x` cut into parts as equal as can be, the longer ones first, or before each of indices."""
    where = indices_or_sections
    where = where if isinstance(where, (int, np.integer)) else [int(i) for i in where]
    state.afford(state.TURN * (where if isinstance(where, int) else len(where)))
    return list(engine.np.array_split(as_array(x), where, axis))


@op
def hsplit(x: Any, indices_or_sections: int | Sequence[int]) -> list:
    """`x` cut along axis 1, a vector along its only axis, as by `split`."""
    x = as_array(x)
    return split(x, indices_or_sections, 1 if x.ndim > 1 else 0)


@op
def vsplit(x: Any, indices_or_sections: int | Sequence[int]) -> list:
    """`x` cut along axis 0, as by `split`."""
    return split(x, indices_or_sections, 0)


@op
def dsplit(x: Any, indices_or_sections: int | Sequence[int]) -> list:
    """`x` cut along axis 2, as by `split`."""
    return split(x, indices_or_sections, 2)


class _Key:
    """An index, kept whole: slices and Ellipsis are no structure to walk."""

    def __init__(self, where: Any):
        self.where = where


@op
def _item(x: Any, key: _Key) -> Any:
    return as_array(x)[key.where]


def get_item(x: Any, key: Any) -> Any:
    """`x[key]`, for any index that NumPy takes; a list means an array of indices."""
    if isinstance(key, tuple):
        where: Any = tuple(np.asarray(k) if isinstance(k, list) else k for k in key)
    else:
        where = np.asarray(key) if isinstance(key, list) else key
    return _item(x, _Key(where))


# ---------------------------------------------------------------- rearranging


@op
def fliplr(x: Any) -> Any:
    """`x` in reverse order along axis 1."""
    return engine.np.fliplr(as_array(x))


@op
def flipud(x: Any) -> Any:
    """`x` in reverse order along axis 0."""
    return engine.np.flipud(as_array(x))


@op
def rot90(array: Any, k: int = 1, axes: Sequence[int] = (0, 1)) -> Any:
    """`array` turned by `k` quarters, from the first of `axes` towards the second."""
    return engine.np.rot90(as_array(array), k, tuple(axes))


@op
def depth_to_space(x: Any, block_size: int, data_format: str = "channels_last") -> Any:
    """Channels laid out as blocks of space: (b, h, w, c r**2) gives (b, h r, w r, c).

    The channels count block rows, block columns, then c; channels-first c, then rows and columns.
    Raises `UsageError` where they do not divide. Source: Shi et al., CVPR 2016.
    """
    x, first, r = as_array(x), _is_first(data_format), _block(block_size)
    batch, high, wide, channels = _sizes("depth_to_space", x, first)
    if channels % r**2:
        raise UsageError(
            "E-BLOCK",
            f"depth_to_space: the channels must be a multiple of block_size**2 = {r**2}; got "
            f"{channels}, of x of shape {tuple(x.shape)}.",
        )
    few = channels // r**2
    if first:
        cut = x.reshape(batch, few, r, r, high, wide).transpose(0, 1, 4, 2, 5, 3)
        return cut.reshape(batch, few, high * r, wide * r)
    cut = x.reshape(batch, high, wide, r, r, few).transpose(0, 1, 3, 2, 4, 5)
    return cut.reshape(batch, high * r, wide * r, few)


@op
def space_to_depth(x: Any, block_size: int, data_format: str = "channels_last") -> Any:
    """Blocks of space as channels, the inverse of `depth_to_space`.

    Raises `UsageError` where height or width do not divide.
    """
    x, first, r = as_array(x), _is_first(data_format), _block(block_size)
    batch, high, wide, channels = _sizes("space_to_depth", x, first)
    if high % r or wide % r:
        raise UsageError(
            "E-BLOCK",
            f"space_to_depth: height and width must be multiples of block_size = {r}; got {high} "
            f"and {wide}, of x of shape {tuple(x.shape)}.",
        )
    if first:
        cut = x.reshape(batch, channels, high // r, r, wide // r, r).transpose(0, 1, 3, 5, 2, 4)
        return cut.reshape(batch, r * r * channels, high // r, wide // r)
    cut = x.reshape(batch, high // r, r, wide // r, r, channels).transpose(0, 1, 3, 2, 4, 5)
    return cut.reshape(batch, high // r, wide // r, r * r * channels)


def _block(size: Any) -> int:
    if isinstance(size, bool) or not isinstance(size, int) or size < 2:
        raise UsageError("E-BLOCK", f"block_size must be a whole number from 2; got {shown(size)}.")
    return size


def _is_first(data_format: str) -> bool:
    if data_format not in settings.DATA_FORMATS:
        raise UsageError(
            "E-DATA-FORMAT",
            f'data_format must be "channels_last" or "channels_first"; got {shown(data_format)}. '
            f"{suggestion(str(data_format), settings.DATA_FORMATS)}".rstrip(),
        )
    return data_format == "channels_first"


def _sizes(name: str, x: Any, first: bool) -> tuple[int, int, int, int]:
    if x.ndim != 4:
        raise UsageError("E-RANK", f"{name}: x must have 4 axes; got shape {tuple(x.shape)}.")
    batch, *rest = x.shape
    channels, high, wide = rest if first else (rest[2], rest[0], rest[1])
    return batch, high, wide, channels
