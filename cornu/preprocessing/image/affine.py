"""Turned, moved, sheared and zoomed pictures: many at a time, each by a map of its own.

A map leads from a place in the result to one in the picture: (row, column, 1) to (row, column).
Between pixels, values are weighed by their distance. The native library of `engine.sampling` does
it where it was built; NumPy, with one list of places for all channels of some pictures, computes
the same numbers. Splines (`order` from 2 on) are SciPy's.

Angles are in degrees; `tx` and `zx` go along the columns, `ty` and `zy` along the rows, as in the
last releases of Keras 2 and in Keras 3. The middle that pictures are turned about is their own,
also where they are no squares.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

import cornu.engine.sampling as sampling  # `from cornu.engine import` would load the engine

FILL_MODES = sampling.FILLS
MOST_AT_ONCE = 1 << 14  # pixels whose places are computed together: they stay in the cache

PARAMETERS = {"theta": 0.0, "tx": 0.0, "ty": 0.0, "shear": 0.0, "zx": 1.0, "zy": 1.0}
"""Parameter of a map -> the value that changes nothing."""


def maps(parameters: Mapping[str, Any], height: int, width: int) -> np.ndarray:
    """Maps (count, 2, 3) of parameters, each a number or one for each picture.

    Picture = rotation · shift · shear · zoom, about the middle of the picture.
    """
    values = [np.asarray(parameters.get(k, v), "float64") for k, v in PARAMETERS.items()]
    theta, tx, ty, shear, zx, zy = np.broadcast_arrays(*(np.atleast_1d(v) for v in values))
    theta, shear = np.deg2rad(theta), np.deg2rad(shear)
    turn = _matrices((np.cos(theta), -np.sin(theta)), (np.sin(theta), np.cos(theta)))
    slant = _matrices((1.0, -np.sin(shear)), (0.0, np.cos(shear)))
    zoom = _matrices((zx, 0.0), (0.0, zy))
    linear = turn @ slant @ zoom  # (count, x and y, x and y)
    shift = (turn @ np.stack([tx, ty], -1)[..., None])[..., 0]
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    shift = shift + middle - linear @ middle
    whole = np.concatenate([linear, shift[..., None]], -1)
    return np.ascontiguousarray(whole[:, ::-1][:, :, [1, 0, 2]])  # rows before columns


def _matrices(first: tuple, second: tuple) -> np.ndarray:
    """Matrices (count, 2, 2) of two rows."""
    entries = np.broadcast_arrays(*(np.atleast_1d(e) for e in (*first, *second)))
    return np.stack(entries, -1).reshape(-1, 2, 2)


def moved(
    x: np.ndarray,
    parameters: Mapping[str, Any],
    fill_mode: str,
    cval: float,
    order: int,
    scale: float = 1.0,
    rows: np.ndarray | None = None,
    dtype: Any = None,
) -> np.ndarray:
    """Pictures moved and mirrored by parameters of each, and then times `scale`.

    Args:
        x: (pictures, height, width, channels); it may be changed, and given back, unless `rows`.
        parameters: of maps, and "flip_vertical" and "flip_horizontal"; one each, or one for all.
        fill_mode, cval, order: as of `warp`.
        scale: factor of all values.
        rows: numbers of the pictures to take; all if None.
        dtype: of the result; that of `x` if None.

    Returns:
        (count, height, width, channels), in the memory layout of `x`.
    """
    dtype = x.dtype if dtype is None else np.dtype(dtype)
    count = len(x) if rows is None else len(rows)
    away, flips = _kinds(parameters, count)
    idle = rows is None and scale == 1 and x.dtype == dtype and not (away.any() or flips.any())
    if idle or not sampling.takes(x, dtype, order):
        x = (x if rows is None else x[rows]).astype(dtype, copy=False)
        x = _moved(x, parameters, fill_mode, cval, order, away, flips)
        if scale != 1:
            x *= scale
        return x
    made = np.empty_like(x, dtype, shape=(count, *x.shape[1:]))
    changes = _changes(flips) + np.where(away, 0, sampling.STILL)
    places = np.broadcast_to(maps(parameters, *x.shape[1:3]), (count, 2, 3))
    sampling.sample(x, made, places, changes, fill_mode, order, cval, scale, rows)
    return made


def _kinds(parameters: Mapping[str, Any], count: int) -> tuple[np.ndarray, np.ndarray]:
    """Which pictures are more than mirrored (count,), and which are mirrored (count, 2)."""
    away = np.zeros(count, bool)
    for name, still in PARAMETERS.items():
        away |= np.asarray(parameters[name]) != still
    flips = np.empty((count, 2), bool)
    flips[:, 0], flips[:, 1] = parameters["flip_vertical"], parameters["flip_horizontal"]
    return away, flips


def _changes(flips: np.ndarray) -> np.ndarray:
    return flips @ np.array([sampling.FLIP_ROWS, sampling.FLIP_COLUMNS])


def _moved(
    x: np.ndarray,
    parameters: Mapping[str, Any],
    fill_mode: str,
    cval: float,
    order: int,
    away: np.ndarray,
    flips: np.ndarray,
) -> np.ndarray:
    """The same where the library is not: `x` is changed, or all is made anew."""
    if away.all():
        return warp(x, maps(parameters, *x.shape[1:3]), fill_mode, cval, order, flips)
    for i in np.flatnonzero(~away & flips.any(-1)):
        rows, columns = (slice(None, None, -1 if flip else 1) for flip in flips[i])
        x[i] = x[i, rows, columns].copy()
    if away.any():
        chosen = {k: np.broadcast_to(parameters[k], len(x))[away] for k in PARAMETERS}
        places = maps(chosen, *x.shape[1:3])
        x[away] = warp(x[away], places, fill_mode, cval, order, flips[away])
    return x


def warp(
    x: np.ndarray,
    places: np.ndarray,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    order: int = 1,
    flips: np.ndarray | None = None,
) -> np.ndarray:
    """Pictures seen through maps.

    Args:
        x: (count, height, width, channels), any strides.
        places: maps (count, 2, 3).
        fill_mode: what lies outside: "constant", "nearest", "reflect" or "wrap", as in SciPy.
        cval: value outside, with "constant".
        order: 0 for the nearest pixel, 1 for weights by distance, 2 to 5 for splines.
        flips: (count, 2), whether the results' rows, and columns, come in the other order.

    Returns:
        An array in the dtype and the memory layout of `x`.
    """
    if x.dtype not in ("float32", "float64"):  # neither NumPy nor SciPy is quick with these
        whole = x.astype("float32")
        return warp(whole, places, fill_mode, cval, order, flips).astype(x.dtype)
    if order > 1:
        return _splines(x, places, fill_mode, cval, order, flips)
    made = np.empty_like(x)
    if sampling.takes(x, x.dtype, order):
        changes = np.zeros(len(x)) if flips is None else _changes(flips)
        sampling.sample(x, made, places, changes, fill_mode, order, cval)
    else:
        _read(x, made, places, fill_mode, cval, order, flips)
    return made


def _read(
    x: np.ndarray,
    made: np.ndarray,
    places: np.ndarray,
    fill_mode: str,
    cval: float,
    order: int,
    flips: np.ndarray | None,
) -> None:
    """`warp` by NumPy, into `made`, which is no part of `x`."""
    count, height, width, channels = x.shape
    planes = np.empty(0)
    read = _nearest if order == 0 else _between
    for group, rows in _pieces(count, height, width):
        if rows.start == 0:
            planes = np.ascontiguousarray(np.moveaxis(x[group], -1, 0)).reshape(channels, -1)
        flipped = None if flips is None else flips[group]
        down, across = _coordinates(places[group], rows, height, width, flipped)
        outside = _outside(down, across, height, width) if fill_mode == "constant" else None
        FOLDS[fill_mode](down, height)
        FOLDS[fill_mode](across, width)
        part = made[group, rows]
        read(planes, (height, width), down, across, part)
        if outside is not None:
            part[outside] = cval


def _pieces(count: int, height: int, width: int) -> Iterator[tuple[slice, slice]]:
    """Some pictures, or some rows of one, at a time."""
    if not count * height * width:
        return
    size = max(MOST_AT_ONCE // (height * width), 1)
    high = height if height * width <= MOST_AT_ONCE else max(MOST_AT_ONCE // width, 1)
    for first in range(0, count, size):
        for top in range(0, height, high):
            yield slice(first, min(first + size, count)), slice(top, min(top + high, height))


def _coordinates(
    places: np.ndarray, part: slice, height: int, width: int, flips: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns to read for some rows, float64 (count, rows, width) each.

    They are summed in the order in which SciPy does, so that pixels right at an edge are inside
    or outside here and there alike.
    """
    rows = np.broadcast_to(np.arange(height, dtype="float64"), (len(places), height))
    columns = np.broadcast_to(np.arange(width, dtype="float64"), (len(places), width))
    if flips is not None:
        rows = np.where(flips[:, :1], rows[:, ::-1], rows)
        columns = np.where(flips[:, 1:], columns[:, ::-1], columns)
    rows = rows[:, part]
    found = []
    for axis in range(2):
        a, b, shift = (places[:, axis, i, None] for i in range(3))
        found.append((shift + rows * a)[:, :, None] + (columns * b)[:, None, :])
    return found[0], found[1]


def _outside(down: np.ndarray, across: np.ndarray, height: int, width: int) -> np.ndarray:
    outside = (down < 0) | (down > height - 1)
    outside |= across < 0
    outside |= across > width - 1
    return outside


# ---------------------------------------------------------------- what lies beyond an edge


def _to_edge(place: np.ndarray, size: int) -> None:
    np.clip(place, 0, size - 1, out=place)


def _mirrored(place: np.ndarray, size: int) -> None:
    """c b a | a b c | c b a"""
    place += 0.5
    place -= 2 * size * np.floor(place * (0.5 / size))
    np.minimum(place, 2 * size - place, out=place)
    place -= 0.5
    _to_edge(place, size)


def _around(place: np.ndarray, size: int) -> None:
    """The last pixel lies on the first one: the period is one less than the size."""
    period = size - 1
    if not period:
        place[...] = 0
        return
    beyond = place > period
    before = place < 0
    if beyond.any():
        far = place[beyond]
        place[beyond] = far - period * np.floor(far / period)
    if before.any():
        far = place[before]
        place[before] = far + period * (np.floor(-far / period) + 1)
    _to_edge(place, size)


FOLDS: dict[str, Callable[[np.ndarray, int], None]] = {
    "constant": _to_edge,
    "nearest": _to_edge,
    "reflect": _mirrored,
    "wrap": _around,
}
"""Fill mode -> brings places, in the array itself, between 0 and size - 1."""


# ---------------------------------------------------------------- reading


def _nearest(
    planes: np.ndarray,
    size: tuple[int, int],
    down: np.ndarray,
    across: np.ndarray,
    made: np.ndarray,
) -> None:
    """Fill `made` (count, rows, width, channels) with the pixels nearest to the places.

    `planes`: the pictures, of `size`, (channels, count · height · width).
    """
    down += 0.5
    across += 0.5
    where = _numbers(down.astype(np.intp), across.astype(np.intp), size)
    for channel, plane in enumerate(planes):
        made[..., channel] = plane.take(where, mode="clip")


def _between(
    planes: np.ndarray,
    size: tuple[int, int],
    down: np.ndarray,
    across: np.ndarray,
    made: np.ndarray,
) -> None:
    """The same, weighing the four pixels around each place by how near they are."""
    height, width = size
    row, below = _split(down, height, planes.dtype)
    column, right = _split(across, width, planes.dtype)
    where = _numbers(row, column, size)
    step, next_row = int(width > 1), width if height > 1 else 0
    upper, lower, other = (np.empty(where.shape, planes.dtype) for _ in range(3))
    for channel, plane in enumerate(planes):
        for line, mixed in ((plane, upper), (plane[next_row:], lower)):
            line.take(where, mode="clip", out=mixed)
            line[step:].take(where, mode="clip", out=other)
            other -= mixed
            other *= right
            mixed += other
        lower -= upper
        lower *= below
        np.add(upper, lower, out=made[..., channel])


def _numbers(row: np.ndarray, column: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Where pixels are in a plane of pictures one after the other. `row` is used up."""
    row *= size[1]
    row += column
    row += (np.arange(len(row)) * (size[0] * size[1]))[:, None, None]
    return row


def _split(place: np.ndarray, size: int, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    """The pixel before each place, and how far the place is from it. `place` is used up."""
    before = place.astype(np.intp)
    np.minimum(before, max(size - 2, 0), out=before)
    place -= before
    return before, place.astype(dtype)


def _splines(
    x: np.ndarray,
    places: np.ndarray,
    fill_mode: str,
    cval: float,
    order: int,
    flips: np.ndarray | None,
) -> np.ndarray:
    """The same by SciPy, a channel of a picture at a time. Raises ImportError without SciPy."""
    try:
        from scipy import ndimage
    except ImportError as error:
        raise ImportError(
            'interpolation_order above 1 needs SciPy: pip install "cornu[images]" or '
            "pip install scipy."
        ) from error
    made = np.empty_like(x)
    for i, place in enumerate(places):
        for channel in range(x.shape[-1]):
            made[i, ..., channel] = ndimage.affine_transform(
                x[i, ..., channel], place[:, :2], place[:, 2], None, None, order, fill_mode, cval
            )
        if flips is not None:
            rows, columns = (slice(None, None, -1 if flip else 1) for flip in flips[i])
            made[i] = made[i, rows, columns].copy()
    return made
