"""Losses by the names that they had before Keras 3."""

from collections.abc import Callable
from typing import Any

from cornu import losses, ops
from cornu.dialects import generations

__all__ = ["NAMES", "cosine_proximity", "root_mean_squared_error"]


def cosine_proximity(y_true: Any, y_pred: Any) -> Any:
    """Minus the cosine of the angle between the last axes; before 2.2 divided by their size.

    Up to 2.0.8 it was the mean of the products of the normalized entries, and then the sum.
    """
    cosine = losses.cosine_similarity(y_true, y_pred)
    return cosine / y_pred.shape[-1] if generations.before("2.2") else cosine


def root_mean_squared_error(y_true: Any, y_pred: Any) -> Any:
    """`sqrt(mean((y_true - y_pred)**2))` over the last axis, of Keras 0.3.0."""
    return ops.sqrt(losses.mean_squared_error(y_true, y_pred))


NAMES: dict[str, Callable] = {
    "RMSE": root_mean_squared_error,
    "cosine": cosine_proximity,
    "cosine_proximity": cosine_proximity,
    "huber_loss": losses.huber,
    "kullback_leibler_divergence": losses.kl_divergence,
    "poisson_loss": losses.poisson,
    "rmse": root_mean_squared_error,
    "root_mean_squared_error": root_mean_squared_error,
}
"""Old name -> loss."""
