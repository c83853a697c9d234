"""Figures of metrics as older generations gave and averaged them.

In Keras 1 the functions of `keras.metrics` gave one number for the whole batch; up to 2.2 `fit`
averaged such numbers over batches by their size. `metrics` has those that are no more.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

from cornu import losses, metrics, ops
from cornu.dialects import generations
from cornu.dialects.losses import cosine_proximity, hinge, squared_hinge
from cornu.dialects.metrics import binary_accuracy_2
from cornu.dialects.patches import Patch
from cornu.metrics import MeanMetricWrapper
from cornu.settings import floatx

__all__ = ["PATCHES", "of_then"]


def _whole(today: Callable) -> Callable:
    """A function that gives the mean of all that `today` gives, in Keras 1."""

    @functools.wraps(today)
    def figure(y_true: Any, y_pred: Any, *args: Any, **kwargs: Any) -> Any:
        values = today(y_true, y_pred, *args, **kwargs)
        return ops.mean(ops.cast(values, floatx())) if generations.before("2.0") else values

    return figure


of_then: dict[str, Callable] = {
    "binary_accuracy": binary_accuracy_2,
    **{
        name: _whole(getattr(metrics, name))
        for name in (
            "categorical_accuracy",
            "sparse_categorical_accuracy",
            "sparse_top_k_categorical_accuracy",
            "top_k_categorical_accuracy",
        )
    },
    **{
        name: _whole(getattr(losses, name))
        for name in (
            "binary_crossentropy",
            "categorical_crossentropy",
            "mean_absolute_error",
            "mean_absolute_percentage_error",
            "mean_squared_error",
            "mean_squared_logarithmic_error",
            "poisson",
            "sparse_categorical_crossentropy",
        )
    },
    "cosine_proximity": _whole(cosine_proximity),
    "hinge": _whole(hinge),
    "kullback_leibler_divergence": _whole(losses.kl_divergence),
    "squared_hinge": _whole(squared_hinge),
}
"""Name in `keras.metrics` -> function, before Keras 3."""

for _short, _name in {
    "mse": "mean_squared_error",
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "msle": "mean_squared_logarithmic_error",
    "cosine": "cosine_proximity",
}.items():
    of_then[_short] = of_then[_short.upper()] = of_then[_name]


def _by_rows(metric: Any, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
    """`MeanMetricWrapper.update_state`: a batch counts by its rows where it has one figure."""
    rows = getattr(y_pred, "shape", ())[:1]
    if sample_weight is not None or not rows or not generations.before("2.3"):
        UPDATE(metric, y_true, y_pred, sample_weight)
        return
    figures = metric.values(y_true, y_pred)
    if getattr(figures, "shape", None) != ():
        UPDATE(metric, y_true, y_pred, sample_weight)
        return
    metrics.Mean.update_state(metric, figures, sample_weight=float(rows[0]))


def _of_name(identifier: Any) -> Any:
    """`metrics.get`, for names of losses whose formulas have changed."""
    name = identifier.lower() if isinstance(identifier, str) else ""
    if name in CHANGED and generations.before("3"):
        return MeanMetricWrapper(of_then[name], name=identifier)
    return GET(identifier)


CHANGED = ("cosine", "cosine_proximity", "hinge", "squared_hinge")
UPDATE, GET = MeanMetricWrapper.update_state, metrics.get
PATCHES: Sequence[Patch] = (
    Patch(MeanMetricWrapper, "update_state", _by_rows),
    Patch(metrics, "get", _of_name),
)
