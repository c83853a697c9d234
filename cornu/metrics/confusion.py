"""Right and wrong positives and negatives at thresholds: counts, precision, recall.

`counted` is the one place that compares outputs with thresholds; curves (`curves.py`) use it too.
An output is positive where it is greater than the threshold, a label where it is not 0.
"""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, NamedTuple

import numpy as np

from cornu import engine, state
from cornu.config import Within
from cornu.errors import UsageError, shown
from cornu.losses import shapes
from cornu.losses.base import broadcast_left, divide_no_nan, squeeze_or_expand
from cornu.metrics.base import Metric, merged_weights

FEW = 8  # so many thresholds are compared one by one; more are found by bisection


class Counts(NamedTuple):
    """Weights of the four kinds of cases at every threshold: `(thresholds,)` each.

    With labels kept apart, `(thresholds, labels)`.
    """

    true_positives: Any
    false_positives: Any
    true_negatives: Any
    false_negatives: Any


def checked_thresholds(thresholds: Any, owner: str) -> list[float]:
    """Thresholds as a list of numbers in [0, 1]. Raises UsageError."""
    listed = list(thresholds) if isinstance(thresholds, (list, tuple, np.ndarray)) else [thresholds]
    for threshold in listed:
        if not isinstance(threshold, (int, float, np.number)) or not 0 <= threshold <= 1:
            raise UsageError(
                "E-RANGE", f"{owner}: thresholds must be in [0, 1]; got {shown(threshold)}."
            )
    return [float(t) for t in listed]


def prepared(
    name: Any, dtype: Any, y_true: Any, y_pred: Any, sample_weight: Any, class_id: int | None
) -> tuple[Any, Any, Any]:
    """Labels (booleans), outputs and weights of one shape, of one class where asked."""
    mask = state.mask_of(y_pred)
    y_true, y_pred = engine.array(y_true), engine.cast(engine.array(y_pred), dtype)
    shapes.elementwise(name, y_true.shape, y_pred.shape)
    y_true, y_pred = squeeze_or_expand(y_true, y_pred)
    weight = merged_weights(sample_weight, dtype, mask)
    if class_id is not None:
        if y_pred.ndim < 2:
            raise UsageError(
                "E-CLASS-ID",
                f"{name}: class_id={class_id} needs outputs of shape (batch, classes); got "
                f"{y_pred.shape}.",
            )
        if weight is not None and weight.ndim == y_pred.ndim and weight.shape[-1] > 1:
            weight = weight[..., class_id]
        y_true, y_pred = y_true[..., class_id], y_pred[..., class_id]
    if weight is None:
        weight = engine.np.ones((), dtype)
    return y_true != 0, y_pred, broadcast_left(weight, y_pred.shape)


def counted(
    labels: Any, outputs: Any, weight: Any, thresholds: Sequence[float], apart: bool = False
) -> Counts:
    """The weights of all cases, all of one shape, for every threshold.

    With `apart`, the last axis (labels) is not summed over.
    """
    xp = engine.np
    columns = outputs.shape[-1] if apart else 1
    outputs = outputs.reshape(-1, columns)
    positive = xp.where(labels, weight, 0).reshape(-1, columns)
    negative = xp.where(labels, 0, weight).reshape(-1, columns)
    above = _few_above if len(thresholds) <= FEW else _many_above
    said = above(xp.stack([positive, negative]), outputs, np.asarray(thresholds, outputs.dtype))
    tp, fp = said[0], said[1]
    tn, fn = xp.sum(negative, axis=0) - fp, xp.sum(positive, axis=0) - tp
    return Counts(*(x if apart else x[:, 0] for x in (tp, fp, tn, fn)))


def _few_above(weights: Any, outputs: Any, thresholds: Any) -> Any:
    """Sums of weights `(2, n, columns)` where outputs exceed: `(2, thresholds, columns)`."""
    xp = engine.np
    above = outputs[None] > thresholds[:, None, None]  # (thresholds, n, columns)
    return xp.sum(xp.where(above[None], weights[:, None], 0), axis=2)


def _many_above(weights: Any, outputs: Any, thresholds: Any) -> Any:
    """As `_few_above`: a histogram of how many thresholds each output exceeds, summed up."""
    xp = engine.np
    order = np.argsort(thresholds, kind="stable")
    count, columns = len(thresholds), outputs.shape[-1]
    exceeded = xp.searchsorted(thresholds[order], outputs, side="left")  # 0..count
    places = (exceeded * columns + np.arange(columns)).reshape(-1)
    flat = xp.moveaxis(weights, 0, -1).reshape(-1, 2)
    sums = engine.segment_sum(flat, places, (count + 1) * columns).reshape(count + 1, columns, 2)
    above = xp.flip(xp.cumsum(xp.flip(sums, 0), axis=0), 0)[1:]  # (thresholds, columns, 2)
    return xp.moveaxis(above, -1, 0)[:, np.argsort(order)]


def only_top_k(outputs: Any, k: int) -> Any:
    """The k greatest outputs of each row as they are, all others at minus infinity."""
    xp = engine.np
    best = engine.top_k(outputs, k)[1]  # (..., k)
    kept = xp.any(best[..., None] == np.arange(outputs.shape[-1]), axis=-2)
    return xp.where(kept, outputs, -np.inf)


class ThresholdMetric(Metric):
    """A metric with a count per threshold; `thresholds` is a number or a list, 0.5 unless given.

    Raises UsageError for a threshold outside [0, 1].
    """

    thresholds: Any = None
    name: str | None = None
    dtype: str | None = None

    keeps: ClassVar[tuple[str, ...]] = ()

    def set_up(self) -> None:
        super().set_up()
        self.given_thresholds = self.thresholds
        if self.thresholds is None:
            self.thresholds = [self.start()]
        else:
            self.thresholds = checked_thresholds(self.thresholds, type(self).__name__)
        for kept in self.keeps:
            setattr(self, kept, self.add_variable((len(self.thresholds),), name=kept))

    def start(self) -> float:
        """The threshold where none was given."""
        return 0.5

    def counts(self, y_true: Any, y_pred: Any, sample_weight: Any) -> Counts:
        """The cases of one batch."""
        labels, outputs, weight = prepared(
            self.name, self.dtype, y_true, y_pred, sample_weight, None
        )
        return counted(labels, outputs, weight, self.thresholds)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        found = self.counts(y_true, y_pred, sample_weight)
        for kept in self.keeps:
            getattr(self, kept).assign_add(getattr(found, kept))

    def sums(self) -> list[Any]:
        """What was counted so far, as arrays, in the order of `keeps`."""
        return [engine.array(getattr(self, kept).value) for kept in self.keeps]

    def settle(self, values: Any) -> Any:
        """A scalar for one threshold, else one value per threshold."""
        return values[0] if len(self.thresholds) == 1 else values

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "thresholds": _plain(self.given_thresholds)}


def _plain(thresholds: Any) -> Any:
    return list(thresholds) if isinstance(thresholds, (tuple, np.ndarray)) else thresholds


class CaseCount(ThresholdMetric):
    """The weight of one kind of cases at every threshold."""

    def result(self) -> Any:
        return self.settle(self.sums()[0])


class TruePositives(CaseCount):
    """How many positives were found."""

    thresholds: Any = None
    name: str | None = None
    keeps: ClassVar[tuple[str, ...]] = ("true_positives",)
    direction: ClassVar[str | None] = "up"


class FalsePositives(CaseCount):
    """How many negatives were taken for positives."""

    thresholds: Any = None
    name: str | None = None
    keeps: ClassVar[tuple[str, ...]] = ("false_positives",)
    direction: ClassVar[str | None] = "down"


class TrueNegatives(CaseCount):
    """How many negatives were found."""

    thresholds: Any = None
    name: str | None = None
    keeps: ClassVar[tuple[str, ...]] = ("true_negatives",)
    direction: ClassVar[str | None] = "up"


class FalseNegatives(CaseCount):
    """How many positives were missed."""

    thresholds: Any = None
    name: str | None = None
    keeps: ClassVar[tuple[str, ...]] = ("false_negatives",)
    direction: ClassVar[str | None] = "down"


class TopKMetric(ThresholdMetric):
    """A rate of cases, of one class or among the k greatest outputs only.

    Args:
        thresholds: a number or a list in [0, 1]; 0.5, or none at all with `top_k`.
        top_k: only so many outputs of each row can be positive.
        class_id: look at this class only.
        name: name in logs.
        dtype: dtype of the counts.
    """

    thresholds: Any = None
    top_k: Annotated[int | None, Within(1)] = None
    class_id: Annotated[int | None, Within(0)] = None
    name: str | None = None
    dtype: str | None = None

    direction: ClassVar[str | None] = "up"

    def start(self) -> float:
        return 0.5 if self.top_k is None else -np.inf

    def counts(self, y_true: Any, y_pred: Any, sample_weight: Any) -> Counts:
        mask = state.mask_of(y_pred)
        if self.top_k is not None:
            y_pred = only_top_k(engine.cast(engine.array(y_pred), self.dtype), self.top_k)
        weight = merged_weights(sample_weight, self.dtype, mask)
        labels, outputs, weight = prepared(
            self.name, self.dtype, y_true, y_pred, weight, self.class_id
        )
        return counted(labels, outputs, weight, self.thresholds)


class Precision(TopKMetric):
    """The part of what was taken for positive that is: tp / (tp + fp), 0 where there is none."""

    thresholds: Any = None
    top_k: Annotated[int | None, Within(1)] = None
    class_id: Annotated[int | None, Within(0)] = None
    name: str | None = None
    dtype: str | None = None

    keeps: ClassVar[tuple[str, ...]] = ("true_positives", "false_positives")

    def result(self) -> Any:
        tp, fp = self.sums()
        return self.settle(divide_no_nan(tp, tp + fp))


class Recall(TopKMetric):
    """The part of the positives that was found: tp / (tp + fn), 0 where there is none."""

    thresholds: Any = None
    top_k: Annotated[int | None, Within(1)] = None
    class_id: Annotated[int | None, Within(0)] = None
    name: str | None = None
    dtype: str | None = None

    keeps: ClassVar[tuple[str, ...]] = ("true_positives", "false_negatives")

    def result(self) -> Any:
        tp, fn = self.sums()
        return self.settle(divide_no_nan(tp, tp + fn))
