"""Areas under curves, and points on them: AUC, sensitivity at a specificity, and their like."""

from typing import Annotated, Any, ClassVar

import numpy as np

from cornu import engine, settings, state
from cornu.config import OneOf, Within
from cornu.errors import UsageError
from cornu.losses.base import divide_no_nan
from cornu.metrics.base import Metric, merged_weights
from cornu.metrics.confusion import Counts, checked_thresholds, counted, prepared

Part = Annotated[float, Within(0, 1)]
NAMES = ("true_positives", "false_positives", "true_negatives", "false_negatives")


def spread(count: int) -> list[float]:
    """`count` thresholds at equal distances, 0 and 1 not among them."""
    state.afford(16 * count, lasting=True)
    return [(i + 1) / (count + 1) for i in range(count)]


class CurveMetric(Metric):
    """A metric with all four counts at every threshold."""

    direction: ClassVar[str | None] = "up"

    def keep_counts(self, shape: tuple[int, ...]) -> None:
        """Make the four Variables."""
        for name in NAMES:
            setattr(self, name, self.add_variable(shape, name=name))

    def add_counts(self, found: Counts) -> None:
        """Add the cases of one batch."""
        for name in NAMES:
            getattr(self, name).assign_add(getattr(found, name))

    def counts_so_far(self) -> tuple[Any, Any, Any, Any]:
        """tp, fp, tn, fn as arrays."""
        tp, fp, tn, fn = (engine.array(getattr(self, name).value) for name in NAMES)
        return tp, fp, tn, fn


class AUC(CurveMetric):
    """The area under a curve through `num_thresholds` points.

    Args:
        num_thresholds: number of points, 0 and 1 included.
        curve: "ROC" (true over false positive rate), "PR" (precision over recall) or "PRGAIN".
        summation_method: height between two points: "interpolation", "minoring" or "majoring".
            For "PR" interpolation follows Davis and Goadrich, "The Relationship Between
            Precision-Recall and ROC Curves", 2006.
        name: name in logs.
        dtype: dtype of the counts.
        thresholds: the points between 0 and 1, in place of equal distances.
        multi_label: one curve per label (last axis), whose areas are averaged.
        num_labels: their number; known from the outputs when not given.
        label_weights: one weight per label.
        from_logits: outputs go through a sigmoid first.

    Precision-recall-gain: Flach and Kull, 2015. Raises UsageError for thresholds outside [0, 1].
    """

    num_thresholds: Annotated[int, Within(2)] = 200
    curve: Annotated[str, OneOf("roc", "pr", "prgain")] = "ROC"
    summation_method: Annotated[str, OneOf("interpolation", "minoring", "majoring")] = (
        "interpolation"
    )
    name: str | None = None
    dtype: str | None = None
    thresholds: Any = None
    multi_label: bool = False
    num_labels: int | None = None
    label_weights: Any = None
    from_logits: bool = False

    def set_up(self) -> None:
        super().set_up()
        self.curve = self.curve.upper()
        if self.num_labels and not self.multi_label:
            raise UsageError("E-AUC", f"num_labels={self.num_labels} needs multi_label=True.")
        self.given_thresholds = None
        if self.thresholds is not None:
            self.given_thresholds = sorted(checked_thresholds(self.thresholds, "AUC"))
            self.num_thresholds = len(self.given_thresholds) + 2
        inner = self.given_thresholds or spread(self.num_thresholds - 2)
        low = settings.epsilon()
        self.thresholds = [-low, *inner, 1 + low]
        if not self.multi_label:
            self.keep_counts((self.num_thresholds,))
        elif self.num_labels:
            self.keep_counts((self.num_thresholds, self.num_labels))

    def build(self, y_shape: Any, p_shape: Any) -> None:
        if "true_positives" in self.__dict__:
            return
        if len(p_shape) != 2 or p_shape[-1] is None:
            raise UsageError(
                "E-AUC",
                f"AUC(multi_label=True) needs outputs of shape (batch, labels); got "
                f"{tuple(p_shape)}.",
            )
        self.num_labels = int(p_shape[-1])
        self.keep_counts((self.num_thresholds, self.num_labels))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        xp = engine.np
        weight = merged_weights(sample_weight, self.dtype, state.mask_of(y_pred))
        labels, outputs, weight = prepared(self.name, self.dtype, y_true, y_pred, weight, None)
        self.build(labels.shape, outputs.shape)
        if self.from_logits:
            outputs = 0.5 * (xp.tanh(0.5 * outputs) + 1)
        if self.label_weights is not None and not self.multi_label:
            weight = weight * np.asarray(self.label_weights, str(self.dtype))
        outputs = xp.clip(outputs, 0, 1)
        self.add_counts(counted(labels, outputs, weight, self.thresholds, self.multi_label))

    def result(self) -> Any:
        xp = engine.np
        tp, fp, tn, fn = self.counts_so_far()
        if self.curve == "PR" and self.summation_method == "interpolation":
            return self._over_labels(_pr_increments(tp, fp, fn))
        if self.curve == "ROC":
            x, y = divide_no_nan(fp, fp + tn), divide_no_nan(tp, tp + fn)
        elif self.curve == "PR":
            x, y = divide_no_nan(tp, tp + fn), divide_no_nan(tp, tp + fp)
        else:
            x, y = _gains(tp, fp, tn, fn)
        heights = {
            "interpolation": (y[:-1] + y[1:]) / 2,
            "minoring": xp.minimum(y[:-1], y[1:]),
            "majoring": xp.maximum(y[:-1], y[1:]),
        }
        return self._over_labels((x[:-1] - x[1:]) * heights[self.summation_method])

    def _over_labels(self, increments: Any) -> Any:
        xp = engine.np
        areas = xp.sum(increments, axis=0)
        if not self.multi_label:
            return areas
        if self.label_weights is None:
            return xp.mean(areas)
        weights = np.asarray(self.label_weights, str(self.dtype))
        return divide_no_nan(xp.sum(areas * weights), engine.array(weights.sum()))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "thresholds": self.given_thresholds}


def _pr_increments(tp: Any, fp: Any, fn: Any) -> Any:
    """Areas between points, true positives interpolated linearly in the number of positives."""
    xp = engine.np
    said = tp + fp
    gained, more = tp[:-1] - tp[1:], xp.maximum(said[:-1] - said[1:], 0)
    slope = divide_no_nan(gained, more)
    intercept = tp[1:] - slope * said[1:]
    both = (said[:-1] > 0) & (said[1:] > 0)
    ratio = xp.where(both, divide_no_nan(said[:-1], said[1:]), 1)
    ratio = xp.where(ratio > 0, ratio, 1)
    return divide_no_nan(slope * (gained + intercept * xp.log(ratio)), tp[1:] + fn[1:])


def _gains(tp: Any, fp: Any, tn: Any, fn: Any) -> tuple[Any, Any]:
    xp = engine.np
    odds = divide_no_nan(tp + fn, tn + fp)
    found = tp != 0
    recall = xp.where(found, 1 - odds * divide_no_nan(fn, tp), 0)
    precision = xp.where(found, 1 - odds * divide_no_nan(fp, tp), 1)
    return xp.maximum(recall, 0), precision


class PointMetric(CurveMetric):
    """The best of one rate among thresholds where another is at least `wanted`."""

    class_id: int | None = None
    num_thresholds: Annotated[int, Within(1)] = 200

    def set_up(self) -> None:
        super().set_up()
        inner = spread(self.num_thresholds - 2)
        self.thresholds = [0.5] if self.num_thresholds == 1 else [0.0, *inner, 1.0]
        self.keep_counts((len(self.thresholds),))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        labels, outputs, weight = prepared(
            self.name, self.dtype, y_true, y_pred, sample_weight, self.class_id
        )
        self.add_counts(counted(labels, engine.np.clip(outputs, 0, 1), weight, self.thresholds))

    def rates(self) -> dict[str, Any]:
        """The four rates at every threshold."""
        tp, fp, tn, fn = self.counts_so_far()
        return {
            "precision": divide_no_nan(tp, tp + fp),
            "sensitivity": divide_no_nan(tp, tp + fn),
            "specificity": divide_no_nan(tn, tn + fp),
        }

    def best(self, rate: str, where: str, wanted: float) -> Any:
        """The greatest `rate` where another rate is at least `wanted`; 0 where it never is."""
        xp = engine.np
        rates = self.rates()
        return xp.max(xp.where(rates[where] >= wanted, rates[rate], 0))


class SensitivityAtSpecificity(PointMetric):
    """The best sensitivity (recall) where the specificity is at least `specificity`."""

    specificity: Part  # pyright: ignore[reportGeneralTypeIssues]
    num_thresholds: Annotated[int, Within(1)] = 200
    class_id: int | None = None
    name: str | None = None
    dtype: str | None = None

    def result(self) -> Any:
        return self.best("sensitivity", "specificity", self.specificity)


class SpecificityAtSensitivity(PointMetric):
    """The best specificity where the sensitivity (recall) is at least `sensitivity`."""

    sensitivity: Part  # pyright: ignore[reportGeneralTypeIssues]
    num_thresholds: Annotated[int, Within(1)] = 200
    class_id: int | None = None
    name: str | None = None
    dtype: str | None = None

    def result(self) -> Any:
        return self.best("specificity", "sensitivity", self.sensitivity)


class PrecisionAtRecall(PointMetric):
    """The best precision where the recall is at least `recall`."""

    recall: Part  # pyright: ignore[reportGeneralTypeIssues]
    num_thresholds: Annotated[int, Within(1)] = 200
    class_id: int | None = None
    name: str | None = None
    dtype: str | None = None

    def result(self) -> Any:
        return self.best("precision", "sensitivity", self.recall)


class RecallAtPrecision(PointMetric):
    """The best recall where the precision is at least `precision`."""

    precision: Part  # pyright: ignore[reportGeneralTypeIssues]
    num_thresholds: Annotated[int, Within(1)] = 200
    class_id: int | None = None
    name: str | None = None
    dtype: str | None = None

    def result(self) -> Any:
        return self.best("sensitivity", "precision", self.precision)
