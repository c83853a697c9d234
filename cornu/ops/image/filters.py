"""Sums over a window around every pixel: blur, edges, and how alike two images are."""

from typing import Any

import numpy as np

from cornu import engine
from cornu.errors import UsageError
from cornu.graph import op
from cornu.ops.array import as_array
from cornu.ops.image.layout import batched, compiled, pair_of, working

__all__ = ["gaussian_blur", "sobel_edges", "ssim"]

MANY_TAPS = 32  # more neighbours than this are summed by a matrix product


@op
def gaussian_blur(
    images: Any,
    kernel_size: Any = (3, 3),
    sigma: Any = (1.0, 1.0),
    data_format: str | None = None,
) -> Any:
    """Images blurred by `exp(-x^2 / (2 sigma^2))`, which sums to 1; zeros beyond the edges.

    Args:
        images: one image or a batch.
        kernel_size: (width, height) of the window in pixels.
        sigma: (across, down) in pixels; (batch, 2) for one of each image. It may be computed.
        data_format: where channels lie.

    Raises:
        UsageError: for a size that is none, and for sigmas that are no pair.
    """
    across, down = pair_of("gaussian_blur", "kernel_size", kernel_size)
    x, back = batched("gaussian_blur", images, data_format)
    sigma = as_array(sigma)
    if sigma.shape[-1:] != (2,) or sigma.shape[:-1] not in ((), (x.shape[0],)):
        raise UsageError(
            "E-TRANSFORM",
            f"gaussian_blur: sigma must be two numbers, as in (1.0, 1.0), or two for each of "
            f"{x.shape[0]} images; got shape {tuple(sigma.shape)}.",
        )
    return back(compiled(blurred, (2, 3))(x, sigma, down, across))


def blurred(x: Any, sigma: Any, down: int, across: int) -> Any:
    """A batch (batch, height, width, channels) blurred over windows of `down` x `across`."""
    x, back = working(x)
    x = _along(x, 1, bell(down, sigma[..., 1], str(x.dtype)))
    return back(_along(x, 2, bell(across, sigma[..., 0], str(x.dtype))))


def bell(size: int, sigma: Any, dtype: str) -> Any:
    """Weights of a Gaussian over `size` places, (..., size); they sum to 1."""
    sigma = engine.np.maximum(engine.cast(sigma, dtype), 1e-6)
    place = (np.arange(size) - (size - 1) / 2).astype(dtype)
    weights = engine.np.exp(-0.5 * (place / sigma[..., None]) ** 2)
    return weights / weights.sum(-1, keepdims=True)


def _along(x: Any, axis: int, weights: Any) -> Any:
    """Weighted sums along one axis of (batch, height, width, channels), zeros beyond its ends."""
    size = weights.shape[-1]
    before = (size - 1) // 2
    if size > MANY_TAPS:
        return _product(x, axis, weights, before)
    return _sum_of_shifts(_margins(x, axis, before, size - 1 - before), axis, weights)


def _product(x: Any, axis: int, weights: Any, before: int) -> Any:
    """The same by a matrix with `weights` along its diagonals: quick to compile for many taps."""
    np_ = engine.np
    size, place = weights.shape[-1], np_.arange(x.shape[axis])
    tap = place - place[:, None] + before  # (output, input)
    matrix = np_.take(weights, np_.clip(tap, 0, size - 1), axis=-1, mode="clip")
    matrix = np_.where((tap >= 0) & (tap < size), matrix, 0)
    batch = "b" if weights.ndim == 2 else ""
    sums = {1: f"{batch}oh,bhwc->bowc", 2: f"{batch}ow,bhwc->bhoc"}
    return np_.einsum(sums[axis], matrix, x)


def _margins(x: Any, axis: int, before: int, after: int) -> Any:
    margins = [(0, 0)] * x.ndim
    margins[axis] = (before, after)
    return engine.np.pad(x, margins)


def _sum_of_shifts(x: Any, axis: int, weights: Any) -> Any:
    """Where windows fit; `weights`: (taps,) or (batch, taps)."""
    taps = weights.shape[-1]
    length = x.shape[axis] - taps + 1
    x = engine.barrier(x) if taps > 4 else x  # else margins are made again for every tap
    total: Any = 0
    for i in range(taps):
        weight = weights[..., i]
        weight = weight.reshape((-1, 1, 1, 1)) if weights.ndim == 2 else weight
        total = total + x[(slice(None),) * axis + (slice(i, i + length),)] * weight
    return total


@op
def sobel_edges(images: Any, data_format: str | None = None) -> Any:
    """Slopes of images: (..., 2) with the change downwards, then that to the right.

    Each is a difference of neighbours but one, smoothed (1, 2, 1) along the other axis; zeros lie
    beyond the edges. Source: Sobel & Feldman, 1968.
    """
    x, back = batched("sobel_edges", images, data_format)
    wide, _ = working(x)
    wide = engine.np.pad(wide, ((0, 0), (1, 1), (1, 1), (0, 0)))
    smooth, slope = np.array([1, 2, 1], wide.dtype), np.array([-1, 0, 1], wide.dtype)
    down = _sum_of_shifts(_sum_of_shifts(wide, 1, slope), 2, smooth)
    right = _sum_of_shifts(_sum_of_shifts(wide, 1, smooth), 2, slope)
    both = [back(engine.cast(edges, str(x.dtype))) for edges in (down, right)]
    return engine.np.stack(both, -1)


@op
def ssim(
    image1: Any,
    image2: Any,
    max_val: float = 1.0,
    filter_size: int = 11,
    filter_sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
    data_format: str | None = None,
) -> Any:
    """How alike two images are, one number for each pair: 1 for the same.

    The mean over all windows and channels of
    `(2 m1 m2 + c1) (2 s12 + c2) / ((m1^2 + m2^2 + c1) (s1^2 + s2^2 + c2))`, with means m, variances
    s^2 and covariance s12 weighed by a Gaussian, `c1 = (k1 max_val)^2` and `c2 = (k2 max_val)^2`.

    Args:
        image1, image2: one image each, or batches.
        max_val: the largest value that a pixel may have.
        filter_size, filter_sigma: window and width of the Gaussian in pixels.
        k1, k2: as in the formula.
        data_format: where channels lie.

    Raises:
        UsageError: where shapes differ or the window is larger than the images.
    Source: Wang et al., "Image quality assessment", IEEE Transactions on Image Processing, 2004.
    """
    first, _ = batched("ssim", image1, data_format)
    second, _ = batched("ssim", image2, data_format)
    single = as_array(image1).ndim == 3
    if first.shape != second.shape or filter_size > min(first.shape[1:3]):
        raise UsageError(
            "E-IMAGE-SIZE",
            f"ssim needs two images of one size, each side at least filter_size={filter_size}; got "
            f"shapes {tuple(first.shape)} and {tuple(second.shape)}.",
        )
    dtype = str(first.dtype)
    (x, back), (y, _) = working(first), working(second)
    y = engine.cast(y, str(x.dtype))
    weights = bell(filter_size, as_array(filter_sigma), str(x.dtype))
    mean_x, mean_y, xx, yy, xy = (_windows(v, weights) for v in (x, y, x * x, y * y, x * y))
    c1, c2 = (k1 * max_val) ** 2, (k2 * max_val) ** 2
    both, squares = mean_x * mean_y, mean_x * mean_x + mean_y * mean_y
    spread = xx + yy - squares
    alike = (2 * both + c1) * (2 * (xy - both) + c2) / ((squares + c1) * (spread + c2))
    made = engine.np.mean(alike, (1, 2, 3))
    made = back(made) if dtype in ("float16", "bfloat16") else engine.cast(made, dtype)
    return made[0] if single else made


def _windows(x: Any, weights: Any) -> Any:
    return _sum_of_shifts(_sum_of_shifts(x, 1, weights), 2, weights)
