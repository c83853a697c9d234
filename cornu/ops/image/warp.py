"""Images read at computed places: affine, perspective and elastic transformations."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from cornu import engine, state
from cornu.errors import UsageError, UsageTypeError, shown
from cornu.graph import op
from cornu.kinds import OneOf
from cornu.ops.array import as_array
from cornu.ops.image.filters import blurred
from cornu.ops.image.layout import batched, compiled, nearest_in

__all__ = [
    "affine_transform",
    "elastic_transform",
    "map_coordinates",
    "perspective_transform",
]

ORDERS = {"nearest": 0, "bilinear": 1}
FILL_MODES = ("constant", "nearest", "wrap", "mirror", "reflect")

# ---------------------------------------------------------------- reading between places


def _rounded(x: Any) -> Any:
    """The nearest whole number, halves away from zero."""
    away = engine.np.floor(engine.np.abs(x) + 0.5)
    return engine.np.where(x < 0, -away, away)


def _folded(place: Any, size: int, mode: str) -> Any:
    """Whole places beyond the ends 0 and `size - 1`, brought back as `mode` says.

    "reflect" is (d c b a | a b c d | d c b a), "mirror" (d c b | a b c d | c b a), "wrap"
    (a b c d | a b c d | a b c d); "nearest" and "constant" stay at the ends.
    """
    np_ = engine.np
    if mode == "wrap":
        return np_.mod(place, size)
    if mode == "mirror" and size > 1:
        turn = size - 1
        return np_.abs(np_.mod(place + turn, 2 * turn) - turn)
    if mode == "reflect":
        around = np_.mod(place, 2 * size)
        return np_.minimum(around, 2 * size - 1 - around)
    return np_.clip(place, 0, size - 1)


def _neighbours(coordinate: Any, size: int, order: int, mode: str) -> list[tuple[Any, Any, Any]]:
    """For one axis (place, weight, whether it lies inside) of each neighbour that counts."""
    np_ = engine.np
    if order == 0:
        found = [(_rounded(coordinate), None)]
    else:
        low = np_.floor(coordinate)
        found = [(low, low + 1 - coordinate), (low + 1, coordinate - low)]
    made = []
    for real, weight in found:
        # far places are all alike, and would not fit into 32 bits
        place = engine.cast(np_.clip(real, -(2.0**30), 2.0**30), "int32")
        inside = (place >= 0) & (place < size) if mode == "constant" else None
        made.append((_folded(place, size, mode), weight, inside))
    return made


def sampled(
    rows: Any,
    sizes: Sequence[int],
    coordinates: Sequence[Any],
    order: int,
    mode: str,
    fill_value: Any,
    first: Any = 0,
) -> Any:
    """Values of a grid at real coordinates, by the nearest or linearly between neighbours.

    Args:
        rows: elements of one or several grids in order, (elements, channels) or (elements,).
        sizes: of one grid.
        coordinates: for each axis of the grid an array of places.
        order: 0 takes the nearest element, 1 draws lines between neighbours.
        mode, fill_value: what lies beyond the ends.
        first: where the grid begins in `rows`, for each place.
    """
    strides = np.cumprod([1, *reversed(sizes[1:])])[::-1].tolist()
    axes = [_neighbours(c, n, order, mode) for c, n in zip(coordinates, sizes, strict=True)]
    wide = (lambda x: x[..., None]) if rows.ndim == 2 else (lambda x: x)
    dtype = str(rows.dtype)
    whole = rows.dtype.kind != "f" and dtype != "bfloat16"
    total: Any = 0
    for corner in itertools.product(*axes):
        index: Any = first
        for (place, _, _), stride in zip(corner, strides, strict=True):
            index = index + place * stride
        value = engine.np.take(rows, index, axis=0, mode="clip")
        if mode == "constant":
            inside = _all([i for _, _, i in corner])
            value = engine.np.where(wide(inside), value, engine.cast(fill_value, dtype))
        if order == 0:
            return value
        weight = _product([w for _, w, _ in corner])
        total = total + value * wide(weight if whole else engine.cast(weight, dtype))
    return nearest_in(_rounded(total), dtype) if whole else total


def _product(values: list) -> Any:
    made = values[0]
    for value in values[1:]:
        made = made * value
    return made


def _all(values: list) -> Any:
    made = values[0]
    for value in values[1:]:
        made = made & value
    return made


def _read(images: Any, down: Any, across: Any, order: int, mode: str, fill_value: Any) -> Any:
    """A batch (batch, height, width, channels) at places (batch, rows, columns)."""
    count, height, width, channels = images.shape
    rows = engine.np.reshape(images, (-1, channels))
    first = (np.arange(count) * (height * width)).astype("int32").reshape(-1, 1, 1)
    return sampled(rows, (height, width), (down, across), order, mode, fill_value, first)


@op
def map_coordinates(
    inputs: Any,
    coordinates: Any,
    order: int,
    fill_mode: str = "constant",
    fill_value: float = 0.0,
) -> Any:
    """Values of an array at real coordinates.

    Args:
        inputs: array of any rank.
        coordinates: (rank of `inputs`, ...), one row for each axis.
        order: 0 takes the nearest element, 1 draws lines between neighbours.
        fill_mode: "constant", "nearest", "wrap", "mirror" or "reflect", see `affine_transform`.
        fill_value: what lies beyond the ends with "constant".

    Raises:
        UsageError: for other orders and modes, and another number of coordinates than axes.
    """
    mode = OneOf(*FILL_MODES)(fill_mode, "map_coordinates", "fill_mode")
    if order not in (0, 1):
        raise UsageError(
            "E-CHOICE",
            f"map_coordinates: order must be 0 (nearest) or 1 (linear); got {shown(order)}.",
        )
    inputs, coordinates = as_array(inputs), as_array(coordinates)
    if coordinates.ndim < 2 or coordinates.shape[0] != inputs.ndim:
        raise UsageError(
            "E-TRANSFORM",
            f"map_coordinates needs coordinates of shape ({inputs.ndim}, …), one row for each axis "
            f"of inputs {tuple(inputs.shape)}; got {tuple(coordinates.shape)}.",
        )
    return compiled(_mapped, (2, 3))(inputs, coordinates, int(order), mode, fill_value)


def _mapped(inputs: Any, coordinates: Any, order: int, mode: str, fill_value: Any) -> Any:
    rows = engine.np.reshape(inputs, (-1,))
    return sampled(rows, inputs.shape, list(coordinates), order, mode, fill_value)


# ---------------------------------------------------------------- transformations


@op
def affine_transform(
    images: Any,
    transform: Any,
    interpolation: str = "bilinear",
    fill_mode: str = "constant",
    fill_value: float = 0,
    data_format: str | None = None,
) -> Any:
    """Images moved, turned, scaled and sheared.

    `transform` is (a0, a1, a2, b0, b1, b2, c0, c1): the pixel at (x, y) is read at
    `((a0 x + a1 y + a2) / k, (b0 x + b1 y + b2) / k)` with `k = c0 x + c1 y + 1`.

    Args:
        images: one image or a batch.
        transform: 8 numbers, or 8 for each image.
        interpolation: "nearest" or "bilinear".
        fill_mode: what lies beyond the edges: "constant" (`fill_value`), "nearest" (the edge),
            "reflect" (c b a | a b c | c b a), "mirror" (c b | a b c | b a) or "wrap".
        fill_value: value beyond the edges with "constant".
        data_format: where channels lie.

    Raises:
        UsageError: for an unknown name, and for a transform of another shape.
    """
    order, mode = _ways("affine_transform", interpolation, fill_mode)
    x, back = batched("affine_transform", images, data_format)
    transform = as_array(transform)
    if transform.shape not in ((8,), (1, 8), (x.shape[0], 8)):
        raise UsageError(
            "E-TRANSFORM",
            f"affine_transform needs a transform of 8 numbers, or 8 for each of {x.shape[0]} "
            f"images; got shape {tuple(transform.shape)}.",
        )
    return back(compiled(projected, (2, 3))(x, transform, order, mode, fill_value))


def _ways(owner: str, interpolation: Any, fill_mode: Any = "constant") -> tuple[int, str]:
    order = ORDERS[OneOf(*ORDERS)(interpolation, owner, "interpolation")]
    return order, OneOf(*FILL_MODES)(fill_mode, owner, "fill_mode")


def projected(images: Any, transform: Any, order: int, mode: str, fill_value: Any) -> Any:
    """A batch of images (batch, height, width, channels) read through `transform`."""
    _, height, width, _ = images.shape
    dtype = "float64" if str(transform.dtype) == "float64" else "float32"
    # what made it is not to be made again for every pixel: neither draws nor sines
    transform = engine.barrier(engine.np.reshape(engine.cast(transform, dtype), (-1, 8, 1, 1)))
    a0, a1, a2, b0, b1, b2, c0, c1 = (transform[:, i] for i in range(8))  # (batch, 1, 1) each
    x = engine.np.arange(width, dtype=dtype)
    y = engine.np.arange(height, dtype=dtype)[:, None]
    k = c0 * x + c1 * y + 1
    across, down = (a0 * x + a1 * y + a2) / k, (b0 * x + b1 * y + b2) / k
    return _read(images, down, across, order, mode, fill_value)


@op
def perspective_transform(
    images: Any,
    start_points: Any,
    end_points: Any,
    interpolation: str = "bilinear",
    fill_value: float = 0,
    data_format: str | None = None,
) -> Any:
    """Images seen from another side: what lay at `start_points` comes to lie at `end_points`.

    Args:
        images: one image or a batch.
        start_points, end_points: four points (x, y) in pixels, (4, 2) or (batch, 4, 2).
        interpolation: "nearest" or "bilinear".
        fill_value: what lies beyond the edges.
        data_format: where channels lie.

    Raises:
        UsageError: for an unknown name, and for points of another shape.
    """
    order, mode = _ways("perspective_transform", interpolation)
    x, back = batched("perspective_transform", images, data_format)
    start, end = as_array(start_points), as_array(end_points)
    if start.shape not in ((4, 2), (1, 4, 2), (x.shape[0], 4, 2)) or start.shape != end.shape:
        raise UsageError(
            "E-TRANSFORM",
            "perspective_transform needs start_points and end_points of one shape, (4, 2) or "
            f"({x.shape[0]}, 4, 2); got {tuple(start.shape)} and {tuple(end.shape)}.",
        )
    return back(compiled(_seen, (3, 4))(x, start, end, order, mode, fill_value))


def _seen(images: Any, start: Any, end: Any, order: int, mode: str, fill_value: Any) -> Any:
    return projected(images, homography(start, end), order, mode, fill_value)


def homography(start: Any, end: Any) -> Any:
    """The 8 numbers of the projective map that takes four `end` points to `start`: (batch, 8)."""
    np_ = engine.np
    start, end = (np_.reshape(engine.cast(p, "float32"), (-1, 4, 2)) for p in (start, end))
    unit = np_.maximum(np_.max(np_.abs(end), (1, 2)), 1.0)  # keeps the system well conditioned
    start, end = start / unit[:, None, None], end / unit[:, None, None]
    x, y = end[..., 0], end[..., 1]
    one, none = np_.ones_like(x), np_.zeros_like(x)

    def rows(target: Any, first: list, second: list) -> Any:
        return np_.stack([*first, *second, -target * x, -target * y], -1)  # (batch, 4, 8)

    plane, nothing = [x, y, one], [none, none, none]
    across, down = start[..., 0], start[..., 1]
    system = np_.concatenate([rows(across, plane, nothing), rows(down, nothing, plane)], 1)
    wanted = np_.concatenate([across, down], 1)[..., None]
    found = np_.linalg.solve(system, wanted)[..., 0]
    size, none = unit[:, None], np_.ones_like(unit[:, None])
    return found * np_.concatenate([none, none, size, none, none, size, 1 / size, 1 / size], 1)


@op
def elastic_transform(
    images: Any,
    alpha: Any = 20.0,
    sigma: Any = 5.0,
    interpolation: str = "bilinear",
    fill_mode: str = "reflect",
    fill_value: float = 0.0,
    seed: Any = None,
    data_format: str | None = None,
) -> Any:
    """Images moved at random, neighbouring pixels alike.

    Every pixel is read `alpha * blur(sigma * n)` away, with n from the normal distribution for
    each direction and the blur a Gaussian of `sigma` pixels.

    Args:
        images: one image or a batch.
        alpha: strength.
        sigma: smoothness in pixels.
        interpolation, fill_mode, fill_value: as in `affine_transform`.
        seed: None, a whole number, a `SeedGenerator` or a key.
        data_format: where channels lie.

    Source: Simard et al., "Best practices for convolutional neural networks", ICDAR 2003.
    """
    order, mode = _ways("elastic_transform", interpolation, fill_mode)
    x, back = batched("elastic_transform", images, data_format)
    size = int(6 * float(sigma)) | 1
    moved = compiled(shaken, (4, 5, 6))
    return back(moved(x, alpha, sigma, _key(seed), size, order, mode, fill_value))


def _key(seed: Any) -> Any:
    if seed is None:
        return state.draw_key()
    if isinstance(seed, (int, np.integer)) and not isinstance(seed, bool):
        return engine.key(int(seed))
    if getattr(seed, "shape", None) == (2,):
        return seed
    following = getattr(seed, "next", None)
    if not callable(following):
        raise UsageTypeError(
            "E-SEED", f"seed must be None, a whole number or a SeedGenerator; got {shown(seed)}."
        )
    return following()


def shaken(
    images: Any,
    alpha: Any,
    sigma: Any,
    key: Any,
    size: int,
    order: int,
    mode: str,
    fill_value: Any,
) -> Any:
    """A batch of images with random moves, smoothed over windows of `size` pixels.

    `alpha` and `sigma` are numbers, or one for each image.
    """
    count, height, width, _ = images.shape
    alpha, sigma = (_one_each(v, count) for v in (alpha, sigma))
    moves = engine.normal(key, (count, height, width, 2), "float32") * sigma[:, None, None, None]
    both = engine.np.stack([sigma, sigma], -1)
    moves = engine.barrier(blurred(moves, both, size, size) * alpha[:, None, None, None])
    across = engine.np.arange(width, dtype="float32") + moves[..., 0]
    down = engine.np.arange(height, dtype="float32")[:, None] + moves[..., 1]
    return _read(images, down, across, order, mode, fill_value)


def _one_each(value: Any, count: int) -> Any:
    return engine.np.broadcast_to(engine.cast(value, "float32"), (count,))
