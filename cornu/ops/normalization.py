"""Normalization of single samples as functions; that of batches is in `ops.networks`."""

from collections.abc import Sequence
from typing import Any

from cornu import engine, settings
from cornu.graph import op
from cornu.ops.array import as_array, as_float

__all__ = ["layer_normalization", "rms_normalization"]


@op
def layer_normalization(
    x: Any,
    gamma: Any = None,
    beta: Any = None,
    axis: int | Sequence[int] = -1,
    epsilon: float | None = None,
) -> Any:
    """(x - mean) / sqrt(variance + epsilon) * gamma + beta, with the moments over `axis`.

    Args:
        x: array; the result has its float dtype, and is computed in float32 at least.
        gamma: factors, shaped as `x` along `axis`; None for none.
        beta: what is added, shaped likewise.
        axis: an axis, or several.
        epsilon: `settings.epsilon()` by default.

    Source: Ba et al., 2016.
    """
    x = as_float(x)
    wide, axes = _wide(x), _axes(axis)
    if axes in ((-1,), (x.ndim - 1,)):
        weights = [None if v is None else as_array(v) for v in (gamma, beta)]
        y = engine.normalized_rows(wide, *weights, _least(epsilon))
        if y is not None:
            return engine.cast(y, x.dtype)
    centred = wide - engine.np.mean(wide, axes, keepdims=True)
    variance = engine.np.mean(engine.np.square(centred), axes, keepdims=True)
    y = _scaled(centred / engine.np.sqrt(variance + _least(epsilon)), gamma, axes)
    if beta is not None:
        y = y + _along(beta, x.shape, axes)
    return engine.cast(y, x.dtype)


@op
def rms_normalization(
    x: Any, scale: Any = None, axis: int | Sequence[int] = -1, epsilon: float | None = None
) -> Any:
    """x / sqrt(mean(x**2) + epsilon) * scale, the mean over `axis`. Args as above.

    Source: Zhang and Sennrich, NeurIPS 2019.
    """
    x = as_float(x)
    wide, axes = _wide(x), _axes(axis)
    power = engine.np.mean(engine.np.square(wide), axes, keepdims=True)
    y = _scaled(wide / engine.np.sqrt(power + _least(epsilon)), scale, axes)
    return engine.cast(y, x.dtype)


def _wide(x: Any) -> Any:
    return engine.cast(x, "float32") if x.dtype.itemsize < 4 else x


def _axes(axis: Any) -> tuple[int, ...]:
    return tuple(axis) if isinstance(axis, (list, tuple)) else (axis,)


def _least(epsilon: float | None) -> float:
    return settings.epsilon() if epsilon is None else epsilon


def _scaled(y: Any, factor: Any, axes: tuple[int, ...]) -> Any:
    return y if factor is None else y * _along(factor, y.shape, axes)


def _along(v: Any, shape: tuple[int, ...], axes: tuple[int, ...]) -> Any:
    """`v` with axes of size 1 where `x` is not normalized; one that has all axes as it is."""
    v = as_array(v)
    if v.ndim == len(shape):
        return v
    kept = {a % len(shape) for a in axes}
    return v.reshape([n if i in kept else 1 for i, n in enumerate(shape)])
