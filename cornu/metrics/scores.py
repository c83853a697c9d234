"""Scores per class that are not means over samples: F scores, R2, intersection over union."""

from typing import Annotated, Any, ClassVar

import numpy as np

from cornu import engine, settings, state
from cornu.config import OneOf, Within
from cornu.errors import UsageError
from cornu.losses import shapes
from cornu.losses.base import broadcast_left, divide_no_nan, squeeze_or_expand
from cornu.metrics.base import Metric, merged_weights, weighted


def two_axes(name: str, y_shape: Any, p_shape: Any) -> int:
    """The number of columns of labels and outputs `(batch, columns)`. Raises UsageError."""
    if len(p_shape) != 2 or len(y_shape) != 2 or p_shape[-1] is None:
        raise UsageError(
            "E-METRIC-SHAPE",
            f"{name} needs labels and outputs of shape (batch, n); got y {tuple(y_shape)} and "
            f"outputs {tuple(p_shape)}.",
        )
    return int(p_shape[-1])


def _weights(metric: Metric, y_pred: Any, sample_weight: Any, shape: tuple[int, ...]) -> Any:
    weight = merged_weights(sample_weight, metric.dtype, state.mask_of(y_pred))
    if weight is None:
        weight = engine.np.ones((), str(metric.dtype))
    return broadcast_left(weight, shape)


# ---------------------------------------------------------------- F scores


class FScore(Metric):
    """F scores of labels and outputs `(batch, classes)`; see `FBetaScore`."""

    average: Annotated[str | None, OneOf("micro", "macro", "weighted")] = None
    threshold: Annotated[float | None, Within(0, 1, open="(")] = None

    direction: ClassVar[str | None] = "up"
    beta = 1.0

    def build(self, y_shape: Any, p_shape: Any) -> None:
        if "true_positives" in self.__dict__:
            return
        classes = two_axes(str(self.name), y_shape, p_shape)
        shape = () if self.average == "micro" else (classes,)
        self.true_positives = self.add_variable(shape, name="true_positives")
        self.false_positives = self.add_variable(shape, name="false_positives")
        self.false_negatives = self.add_variable(shape, name="false_negatives")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        xp = engine.np
        mask = state.mask_of(y_pred)
        y_true = engine.cast(engine.array(y_true), str(self.dtype))
        y_pred = engine.cast(engine.array(y_pred), str(self.dtype))
        shapes.elementwise(str(self.name), y_true.shape, y_pred.shape)
        self.build(y_true.shape, y_pred.shape)
        sample_weight = merged_weights(sample_weight, self.dtype, mask)
        weight = _weights(self, None, sample_weight, y_pred.shape)
        if self.threshold is None:
            said = (y_pred >= xp.max(y_pred, axis=-1, keepdims=True)) & (xp.abs(y_pred) > 1e-9)
        else:
            said = y_pred > self.threshold
        axis = None if self.average == "micro" else 0
        right = weighted(xp.where(said, y_true, 0), weight)
        self.true_positives.assign_add(xp.sum(right, axis=axis))
        wrong = weighted(xp.where(said, 1 - y_true, 0), weight)
        self.false_positives.assign_add(xp.sum(wrong, axis=axis))
        missed = weighted(xp.where(said, 0, y_true), weight)
        self.false_negatives.assign_add(xp.sum(missed, axis=axis))

    def result(self) -> Any:
        xp = engine.np
        tp, fn = (engine.array(v.value) for v in (self.true_positives, self.false_negatives))
        fp = self.false_positives.value
        square = self.beta**2
        scores = divide_no_nan((1 + square) * tp, (1 + square) * tp + square * fn + fp)
        if self.average == "weighted":
            return divide_no_nan(xp.sum(scores * (tp + fn)), xp.sum(tp + fn))
        return scores if self.average is None else xp.mean(scores)


class FBetaScore(FScore):
    """`(1 + b**2) tp / ((1 + b**2) tp + b**2 fn + fp)`: precision and recall in one number.

    Args:
        average: None for a score per class, "micro" (all classes in one), "macro" (the mean over
            classes) or "weighted" (by the number of positives of each class).
        beta: recall counts `beta` times as much as precision.
        threshold: outputs above it are positive; the greatest of each row when None.
        name: name in logs.
        dtype: dtype of the counts.

    van Rijsbergen, "Information Retrieval", 1979.
    """

    average: Annotated[str | None, OneOf("micro", "macro", "weighted")] = None
    beta: Annotated[float, Within(0, open="(")] = 1.0
    threshold: Annotated[float | None, Within(0, 1, open="(")] = None
    name: str | None = "fbeta_score"
    dtype: str | None = None


class F1Score(FScore):
    """The harmonic mean of precision and recall; see `FBetaScore` for the arguments."""

    average: Annotated[str | None, OneOf("micro", "macro", "weighted")] = None
    threshold: Annotated[float | None, Within(0, 1, open="(")] = None
    name: str | None = "f1_score"
    dtype: str | None = None


# ---------------------------------------------------------------- R2


class R2Score(Metric):
    """`1 - sum((t - p)**2) / sum((t - mean(t))**2)`: 1 for a perfect fit, 0 for the mean.

    Args:
        class_aggregation: None for one score per output, "uniform_average" or
            "variance_weighted_average".
        num_regressors: when positive, the score is adjusted for so many predictors:
            `1 - (1 - R2) (n - 1) / (n - num_regressors - 1)` with n rows of weight other than 0.
        name: name in logs.
        dtype: dtype of the sums.

    An output whose labels are all alike scores 0. The spread of the labels is gathered by the
    updating rule of Chan, Golub and LeVeque (1979), so that labels far from 0 keep their digits.
    """

    class_aggregation: Annotated[
        str | None, OneOf("uniform_average", "variance_weighted_average")
    ] = "uniform_average"
    num_regressors: Annotated[int, Within(0)] = 0
    name: str | None = "r2_score"
    dtype: str | None = None

    direction: ClassVar[str | None] = "up"

    def set_up(self) -> None:
        super().set_up()
        self.num_samples = self.add_variable(name="num_samples")

    def build(self, y_shape: Any, p_shape: Any) -> None:
        if "spread" in self.__dict__:
            return
        shape = (two_axes(str(self.name), *shapes.matched(y_shape, p_shape)),)
        self.mean = self.add_variable(shape, name="mean")
        self.spread = self.add_variable(shape, name="spread")
        self.residual = self.add_variable(shape, name="residual")
        self.count = self.add_variable(shape, name="count")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        xp = engine.np
        sample_weight = merged_weights(sample_weight, self.dtype, state.mask_of(y_pred))
        y_true = engine.cast(engine.array(y_true), str(self.dtype))
        y_pred = engine.cast(engine.array(y_pred), str(self.dtype))
        shapes.elementwise(str(self.name), y_true.shape, y_pred.shape)
        y_true, y_pred = squeeze_or_expand(y_true, y_pred)
        self.build(y_true.shape, y_pred.shape)
        weight = _weights(self, None, sample_weight, y_pred.shape)

        here = xp.sum(weight, axis=0)
        mean = divide_no_nan(xp.sum(weighted(y_true, weight), axis=0), here)
        both = self.count.value + here
        away = mean - self.mean.value
        spread = xp.sum(weighted(xp.square(y_true - mean), weight), axis=0)
        between = xp.square(away) * self.count.value * divide_no_nan(here, both)
        self.spread.assign_add(spread + between)
        self.mean.assign_add(away * divide_no_nan(here, both))
        self.residual.assign_add(xp.sum(weighted(xp.square(y_true - y_pred), weight), axis=0))
        self.count.assign(both)
        self.num_samples.assign_add(xp.sum(xp.any(weight != 0, axis=1), dtype=weight.dtype))

    def result(self) -> Any:
        xp = engine.np
        spread, residual = engine.array(self.spread.value), engine.array(self.residual.value)
        score = xp.where(spread == 0, 0, 1 - divide_no_nan(residual, spread))
        if self.class_aggregation == "uniform_average":
            score = xp.mean(score)
        elif self.class_aggregation == "variance_weighted_average":
            score = divide_no_nan(xp.sum(spread * score), xp.sum(spread))
        if not self.num_regressors:
            return score
        samples = engine.array(self.num_samples.value)
        free = samples - self.num_regressors - 1
        adjusted = 1 - (1 - score) * divide_no_nan(samples - 1, free)
        return xp.where(free > 0, adjusted, score)


# ---------------------------------------------------------------- intersection over union


class ConfusionMatrix(Metric):
    """Weights of every pair (label, output) of classes, and what is made of them.

    Labels or outputs that are no class, and labels equal to `ignore_class`, are left out.
    """

    direction: ClassVar[str | None] = "up"
    num_classes = 2
    target_class_ids = None
    ignore_class = None
    sparse_y_true = True
    sparse_y_pred = True
    axis = -1

    def set_up(self) -> None:
        super().set_up()
        if np.dtype(str(self.dtype)).kind in "iu":
            self.dtype = settings.floatx()  # weights may be parts of 1
        if self.target_class_ids is not None:
            self.target_class_ids = [int(i) for i in self.target_class_ids]
        for target in self.target_class_ids or ():
            if not 0 <= target < self.num_classes:
                raise UsageError(
                    "E-CLASS-ID",
                    f"{type(self).__name__}: target_class_ids must be in 0.."
                    f"{self.num_classes - 1}; got {target}.",
                )
        self.total_cm = self.add_variable((self.num_classes,) * 2, name="total_confusion_matrix")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        xp = engine.np
        sample_weight = merged_weights(sample_weight, self.dtype, state.mask_of(y_pred))
        y_true, y_pred = engine.array(y_true), self.classes_of(engine.array(y_pred))
        if not self.sparse_y_true:
            y_true = xp.argmax(y_true, axis=self.axis)
        shapes.elementwise(str(self.name), y_true.shape, y_pred.shape)
        y_true, y_pred = squeeze_or_expand(y_true, y_pred)
        weight = _weights(self, None, sample_weight, y_pred.shape)
        labels, said = engine.cast(y_true, "int32"), engine.cast(y_pred, "int32")
        count = self.num_classes
        known = (labels >= 0) & (labels < count) & (said >= 0) & (said < count)
        if self.ignore_class is not None:
            known = known & (labels != self.ignore_class)
        places = xp.where(known, labels * count + said, 0).reshape(-1)
        sums = engine.segment_sum(xp.where(known, weight, 0).reshape(-1), places, count * count)
        self.total_cm.assign_add(sums.reshape(count, count))

    def classes_of(self, y_pred: Any) -> Any:
        """The class each output says."""
        return y_pred if self.sparse_y_pred else engine.np.argmax(y_pred, axis=self.axis)

    def result(self) -> Any:
        xp = engine.np
        matrix = engine.array(self.total_cm.value)
        both = xp.diagonal(matrix)
        either = xp.sum(matrix, axis=0) + xp.sum(matrix, axis=1) - both
        if self.target_class_ids is not None:
            chosen = np.asarray(self.target_class_ids)
            both, either = both[chosen], either[chosen]
        seen = xp.sum(either > 0, dtype=matrix.dtype)
        return divide_no_nan(xp.sum(divide_no_nan(both, either)), seen)


class IoU(ConfusionMatrix):
    """The mean over `target_class_ids` of tp / (tp + fp + fn), classes never seen left out.

    Args:
        num_classes: number of classes; labels are 0..num_classes-1.
        target_class_ids: the classes whose scores are averaged.
        name: name in logs.
        dtype: dtype of the counts.
        ignore_class: a label that stands for none.
        sparse_y_true: labels are class numbers, not one-hot.
        sparse_y_pred: outputs are class numbers, not one number per class.
        axis: where the classes are when not sparse.
    """

    num_classes: int  # pyright: ignore[reportGeneralTypeIssues]
    target_class_ids: Any  # pyright: ignore[reportGeneralTypeIssues]
    name: str | None = None
    dtype: str | None = None
    ignore_class: int | None = None
    sparse_y_true: bool = True
    sparse_y_pred: bool = True
    axis: int = -1


class BinaryIoU(ConfusionMatrix):
    """As `IoU` for two classes, an output being class 1 from `threshold` on."""

    target_class_ids: Any = (0, 1)
    threshold: float = 0.5
    name: str | None = None
    dtype: str | None = None

    def classes_of(self, y_pred: Any) -> Any:
        return y_pred >= self.threshold


class MeanIoU(ConfusionMatrix):
    """`IoU` averaged over all classes."""

    num_classes: int  # pyright: ignore[reportGeneralTypeIssues]
    name: str | None = None
    dtype: str | None = None
    ignore_class: int | None = None
    sparse_y_true: bool = True
    sparse_y_pred: bool = True
    axis: int = -1


class OneHotIoU(ConfusionMatrix):
    """`IoU` of one-hot labels, and of outputs with a number per class."""

    num_classes: int  # pyright: ignore[reportGeneralTypeIssues]
    target_class_ids: Any  # pyright: ignore[reportGeneralTypeIssues]
    name: str | None = None
    dtype: str | None = None
    ignore_class: int | None = None
    sparse_y_pred: bool = False
    axis: int = -1

    sparse_y_true = False


class OneHotMeanIoU(ConfusionMatrix):
    """`MeanIoU` of one-hot labels, and of outputs with a number per class."""

    num_classes: int  # pyright: ignore[reportGeneralTypeIssues]
    name: str | None = None
    dtype: str | None = None
    ignore_class: int | None = None
    sparse_y_pred: bool = False
    axis: int = -1

    sparse_y_true = False
