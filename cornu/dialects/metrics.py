"""Metrics as they were before Keras 3, and those of Keras 1 that were functions of a batch.

The latter are precision, recall, and what they make. They count each batch by itself; what `fit`
shows of them is the mean over batches, which is not the figure of the whole. The classes of
`cornu.metrics` count over all batches.
"""

import functools
from collections.abc import Callable
from types import FunctionType
from typing import Any

from cornu import losses, metrics, ops
from cornu.config import register_keras_serializable
from cornu.dialects import generations
from cornu.dialects.patches import Patch
from cornu.errors import UsageError, shown
from cornu.settings import epsilon, floatx

__all__ = [
    "clone_metric",
    "clone_metrics",
    "f1score",
    "fbeta_score",
    "fmeasure",
    "fscore",
    "matthews_correlation",
    "precision",
    "recall",
]


@register_keras_serializable("dialects")
def binary_accuracy_2(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Any:
    """The part of entries that are equal when rounded, so that class numbers may be given too.

    Over the last axis, and in Keras 1 over all. Shapes: two of (batch, ..., n) give (batch, ...).
    """
    if threshold != 0.5:
        return metrics.binary_accuracy(y_true, y_pred, threshold)
    equal = ops.equal(ops.cast(y_true, floatx()), ops.round(ops.cast(y_pred, floatx())))
    axis = None if generations.before("2.0") else -1
    return ops.mean(ops.cast(equal, floatx()), axis=axis)


binary_accuracy_2.__name__ = "binary_accuracy"  # what logs call it


def _told_by_loss(
    identifier: Any, loss: Any = None, y_shape: Any = None, output_shape: Any = None
) -> Any:
    """`metrics.for_names`: "accuracy" beside binary crossentropy was of each output by itself."""
    spoken = isinstance(identifier, str) and identifier.lower() in metrics.SPOKEN
    if spoken and generations.before("3") and losses.kind_of(loss) == "binary":
        return TODAY(identifier, loss)
    if generations.before("3") and isinstance(identifier, FunctionType):
        identifier = _of_columns(identifier)
    return TODAY(identifier, loss, y_shape, output_shape)


def _of_columns(function: FunctionType) -> Callable[..., Any]:
    """A metric whose labels are never a vector beside outputs of several axes, as they were."""
    if function.__module__.startswith("cornu."):
        return function

    @functools.wraps(function)
    def metric(y_true: Any, y_pred: Any, **options: Any) -> Any:
        vector = len(y_true.shape) == 1 < len(y_pred.shape)
        return function(ops.expand_dims(y_true, -1) if vector else y_true, y_pred, **options)

    return metric


TODAY = metrics.for_names
PATCHES = (Patch(metrics, "for_names", _told_by_loss),)


def _positive(y: Any) -> Any:
    """1 where a probability is over a half, else 0."""
    return ops.round(ops.clip(y, 0.0, 1.0))


def precision(y_true: Any, y_pred: Any) -> Any:
    """The share of true ones among those predicted, over the whole batch; a scalar."""
    y_true = ops.cast(y_true, y_pred.dtype)
    return ops.sum(_positive(y_true * y_pred)) / (ops.sum(_positive(y_pred)) + epsilon())


def recall(y_true: Any, y_pred: Any) -> Any:
    """The share of true ones that are predicted, over the whole batch; a scalar."""
    y_true = ops.cast(y_true, y_pred.dtype)
    return ops.sum(_positive(y_true * y_pred)) / (ops.sum(_positive(y_true)) + epsilon())


def fbeta_score(y_true: Any, y_pred: Any, beta: float = 1) -> Any:
    """`(1 + beta**2) p r / (beta**2 p + r)` of precision p and recall r; a scalar.

    Raises UsageError for a negative `beta`.
    """
    if beta < 0:
        raise UsageError("E-RANGE", f"beta must be >= 0; got {shown(beta)}.")
    p, r = precision(y_true, y_pred), recall(y_true, y_pred)
    return (1 + beta**2) * p * r / (beta**2 * p + r + epsilon())


def fmeasure(y_true: Any, y_pred: Any) -> Any:
    """The harmonic mean of precision and recall; a scalar."""
    return fbeta_score(y_true, y_pred, beta=1)


fscore = f1score = fmeasure


def matthews_correlation(y_true: Any, y_pred: Any) -> Any:
    """The correlation of true and predicted classes, over the whole batch; a scalar.

    `(tp tn - fp fn) / sqrt((tp + fp)(tp + fn)(tn + fp)(tn + fn))`. Source: Matthews, "Comparison of
    the predicted and observed secondary structure of T4 phage lysozyme", 1975.
    """
    t, p = _positive(ops.cast(y_true, y_pred.dtype)), _positive(y_pred)
    tp, tn = ops.sum(t * p), ops.sum((1 - t) * (1 - p))
    fp, fn = ops.sum((1 - t) * p), ops.sum(t * (1 - p))
    below = ops.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    return (tp * tn - fp * fn) / (below + epsilon())


def clone_metric(metric: Any) -> Any:
    """A metric like this one, which has seen nothing; what is no metric as it is."""
    if isinstance(metric, metrics.Metric):
        return type(metric).from_config(metric.get_config())
    return metric


def clone_metrics(metrics: Any) -> Any:
    """The same of each of a list, or of the values of a dict."""
    if isinstance(metrics, dict):
        return {name: clone_metric(metric) for name, metric in metrics.items()}
    return [clone_metric(metric) for metric in metrics]


NAMES = {
    "f1score": fmeasure,
    "fbeta_score": fbeta_score,
    "fmeasure": fmeasure,
    "fscore": fmeasure,
    "kullback_leibler_divergence": losses.kl_divergence,
    "matthews_correlation": matthews_correlation,
}
"""Names of metrics that no metric of today has."""
