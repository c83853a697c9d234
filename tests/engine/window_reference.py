"""Convolution and pooling in float64 NumPy, by loops over the elements of a window."""

import itertools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np


class Geometry(NamedTuple):
    """A convolution or, without channels and groups, a pooling."""

    space: tuple[int, ...]
    window: tuple[int, ...]
    strides: tuple[int, ...]
    dilation: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    batch: int = 2
    groups: int = 1
    channels: int = 1  # of a group
    filters: int = 1  # of a group

    @property
    def x(self) -> tuple[int, ...]:
        return (self.batch, *self.space, self.groups * self.channels)

    @property
    def w(self) -> tuple[int, ...]:
        return (*self.window, self.channels, self.groups * self.filters)

    @property
    def y(self) -> tuple[int, ...]:
        sizes = [
            (n + low + high - d * (k - 1) - 1) // s + 1
            for n, k, s, d, (low, high) in zip(
                self.space, self.window, self.strides, self.dilation, self.padding, strict=True
            )
        ]
        return (self.batch, *sizes, self.groups * self.filters)


def arrays(g: Geometry, seed: int = 0) -> tuple[np.ndarray, ...]:
    """Random x, w and slopes by y."""
    rng = np.random.default_rng(seed)
    return tuple(rng.standard_normal(shape, "float32") for shape in (g.x, g.w, g.y))


def padded(x: np.ndarray, g: Geometry, value: float = 0.0) -> np.ndarray:
    margins = [(0, 0), *g.padding, (0, 0)]
    return np.pad(x.astype("float64"), margins, constant_values=value)


def elements(g: Geometry) -> Iterator[tuple[tuple[int, ...], tuple]]:
    """Each element of the window, and the part of a padded x that it meets."""
    for at in itertools.product(*map(range, g.window)):
        steps = zip(at, g.y[1:-1], g.strides, g.dilation, strict=True)
        cut = [slice(a * d, a * d + (n - 1) * s + 1, s) for a, n, s, d in steps]
        yield at, (slice(None), *cut)


def _grouped(array: np.ndarray, groups: int) -> np.ndarray:
    return array.reshape((*array.shape[:-1], groups, -1))


def conv(x: np.ndarray, w: np.ndarray, g: Geometry) -> np.ndarray:
    x, y = padded(x, g), np.zeros(g.y)
    for at, cut in elements(g):
        part = _grouped(x[cut], g.groups)
        y += np.einsum("...gc,cgf->...gf", part, _grouped(w[at], g.groups)).reshape(g.y)
    return y


def conv_slopes(x: np.ndarray, w: np.ndarray, dy: np.ndarray, g: Geometry) -> tuple:
    """What `dy` makes of x and of w."""
    wide = padded(x, g)
    dx, dw = np.zeros_like(wide), np.zeros(g.w)
    slope = _grouped(dy.astype("float64"), g.groups)
    for at, cut in elements(g):
        part = np.einsum("...gf,cgf->...gc", slope, _grouped(w[at], g.groups))
        dx[cut] += part.reshape(dx[cut].shape)
        met = _grouped(wide[cut], g.groups)
        rows = [a.reshape(-1, *a.shape[-2:]) for a in (met, slope)]
        dw[at] = np.einsum("ngc,ngf->cgf", *rows).reshape(dw[at].shape)
    inner = [slice(low, low + n) for n, (low, _) in zip(g.space, g.padding, strict=True)]
    return dx[(slice(None), *inner)], dw


def max_pool(x: np.ndarray, dy: np.ndarray, g: Geometry) -> tuple:
    """The largest of every window, and the slope for x: that of the first of the largest."""
    wide = padded(x, g, -np.inf)
    parts = np.stack([wide[cut] for _, cut in elements(g)])
    first, dx = parts.argmax(0), np.zeros_like(wide)
    for place, (_, cut) in enumerate(elements(g)):
        dx[cut] += np.where(first == place, dy, 0)
    inner = [slice(low, low + n) for n, (low, _) in zip(g.space, g.padding, strict=True)]
    return parts.max(0), dx[(slice(None), *inner)]


def mean_pool(x: np.ndarray, dy: np.ndarray, g: Geometry) -> tuple:
    """The mean of what lies in x of every window, and the slope for x."""
    wide, inside = padded(x, g), padded(np.ones_like(x), g)
    total = sum(wide[cut] for _, cut in elements(g))
    count = sum(inside[cut] for _, cut in elements(g))
    dx = np.zeros_like(wide)
    for _, cut in elements(g):
        dx[cut] += dy / count
    inner = [slice(low, low + n) for n, (low, _) in zip(g.space, g.padding, strict=True)]
    return total / count, dx[(slice(None), *inner)]


def error(found: object, wanted: np.ndarray) -> float:
    """The distance, by the size of what is wanted."""
    distance = np.asarray(found, "float64") - wanted  # not by BLAS, whose threads fight others'
    return float(np.sqrt((distance**2).sum() / max((wanted**2).sum(), 1e-30)))
