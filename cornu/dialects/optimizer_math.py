"""Two formulas that `keras.optimizers` had as functions."""

from typing import Any

from cornu import ops

__all__ = ["clip_norm", "kl_divergence"]


def clip_norm(g: Any, c: float, n: Any) -> Any:
    """A gradient `g` scaled to the norm `c` where the norm `n` is larger; as it is for `c` of 0."""
    return g * ops.where(n >= c, c / n, 1.0) if c > 0 else g


def kl_divergence(p: Any, p_hat: Any) -> Any:
    """`p_hat - p + p log(p / p_hat)`, of Keras 0 and 1."""
    return p_hat - p + p * ops.log(p / p_hat)
