"""Means of losses as metrics: errors, margins, crossentropies; and correlations."""

from collections.abc import Callable
from typing import Any, ClassVar

from cornu import engine, losses, settings
from cornu.graph import op
from cornu.losses.base import elementwise_pair
from cornu.losses.regression import unit
from cornu.metrics.base import FunctionMetric, MeanOfPairs


@op
def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """`sum(t p) / (|t| |p|)` over `axis`: 1 for equal directions. The loss is its negative."""
    y_true, y_pred = elementwise_pair("cosine_similarity", y_true, y_pred)
    return engine.np.sum(unit(y_true, axis) * unit(y_pred, axis), axis=axis)


@op
def pearson_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """`cov(t, p) / (std(t) std(p))` along `axis`, in [-1, 1]; 0 where one of them is constant.

    Pearson, 1895.
    """
    y_true, y_pred = elementwise_pair("pearson_correlation", y_true, y_pred)
    y_true, y_pred = _centred(y_true, axis), _centred(y_pred, axis)
    return engine.np.sum(unit(y_true, axis) * unit(y_pred, axis), axis=axis)


@op
def concordance_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """`2 cov(t, p) / (var(t) + var(p) + (mean(t) - mean(p))**2 + epsilon)` along `axis`.

    Lin, "A Concordance Correlation Coefficient to Evaluate Reproducibility", 1989.
    """
    np = engine.np
    y_true, y_pred = elementwise_pair("concordance_correlation", y_true, y_pred)
    apart = np.square(np.mean(y_true, axis=axis) - np.mean(y_pred, axis=axis))
    y_true, y_pred = _centred(y_true, axis), _centred(y_pred, axis)
    spread = np.mean(np.square(y_true) + np.square(y_pred), axis=axis)
    return 2 * np.mean(y_true * y_pred, axis=axis) / (spread + apart + settings.epsilon())


def _centred(x: Any, axis: int) -> Any:
    return x - engine.np.mean(x, axis=axis, keepdims=True)


class MeanSquaredError(FunctionMetric):
    """The mean of squared differences."""

    function: ClassVar[Callable] = staticmethod(losses.mean_squared_error)
    direction: ClassVar[str | None] = "down"


class RootMeanSquaredError(MeanOfPairs):
    """The root of the mean of squared differences."""

    name = "root_mean_squared_error"
    direction: ClassVar[str | None] = "down"

    def values(self, y_true: Any, y_pred: Any) -> Any:
        y_true, y_pred = elementwise_pair("root_mean_squared_error", y_true, y_pred)
        return engine.np.square(y_pred - y_true)

    def result(self) -> Any:
        return engine.np.sqrt(super().result())


class MeanAbsoluteError(FunctionMetric):
    """The mean of absolute differences."""

    function: ClassVar[Callable] = staticmethod(losses.mean_absolute_error)
    direction: ClassVar[str | None] = "down"


class MeanAbsolutePercentageError(FunctionMetric):
    """The mean of absolute differences in percent of the labels."""

    function: ClassVar[Callable] = staticmethod(losses.mean_absolute_percentage_error)
    direction: ClassVar[str | None] = "down"


class MeanSquaredLogarithmicError(FunctionMetric):
    """The mean of squared differences of logarithms."""

    function: ClassVar[Callable] = staticmethod(losses.mean_squared_logarithmic_error)
    direction: ClassVar[str | None] = "down"


class LogCoshError(FunctionMetric):
    """The mean logarithm of the hyperbolic cosine of differences."""

    function: ClassVar[Callable] = staticmethod(losses.log_cosh)
    direction: ClassVar[str | None] = "down"
    name = "logcosh"


class CosineSimilarity(FunctionMetric):
    """The mean cosine between labels and outputs: 1 for equal directions."""

    name: str | None = "cosine_similarity"
    dtype: str | None = None
    axis: int = -1

    function: ClassVar[Callable] = staticmethod(cosine_similarity)
    direction: ClassVar[str | None] = "up"


class PearsonCorrelation(FunctionMetric):
    """The mean correlation between labels and outputs along `axis`, of each sample."""

    name: str | None = "pearson_correlation"
    dtype: str | None = None
    axis: int = -1

    function: ClassVar[Callable] = staticmethod(pearson_correlation)
    direction: ClassVar[str | None] = "up"


class ConcordanceCorrelation(FunctionMetric):
    """The mean agreement between labels and outputs along `axis`, of each sample."""

    name: str | None = "concordance_correlation"
    dtype: str | None = None
    axis: int = -1

    function: ClassVar[Callable] = staticmethod(concordance_correlation)
    direction: ClassVar[str | None] = "up"


class Hinge(FunctionMetric):
    """The mean maximum-margin loss of labels -1 and 1."""

    function: ClassVar[Callable] = staticmethod(losses.hinge)
    direction: ClassVar[str | None] = "down"


class SquaredHinge(FunctionMetric):
    """The mean squared maximum-margin loss of labels -1 and 1."""

    function: ClassVar[Callable] = staticmethod(losses.squared_hinge)
    direction: ClassVar[str | None] = "down"


class CategoricalHinge(FunctionMetric):
    """The mean margin between the true class and the best other one."""

    function: ClassVar[Callable] = staticmethod(losses.categorical_hinge)
    direction: ClassVar[str | None] = "down"


class KLDivergence(FunctionMetric):
    """The mean distance of the outputs' distribution from the labels'."""

    function: ClassVar[Callable] = staticmethod(losses.kl_divergence)
    direction: ClassVar[str | None] = "down"
    name = "kl_divergence"


class Poisson(FunctionMetric):
    """The mean Poisson loss of counts."""

    function: ClassVar[Callable] = staticmethod(losses.poisson)
    direction: ClassVar[str | None] = "down"


class BinaryCrossentropy(FunctionMetric):
    """The mean crossentropy of labels 0 and 1."""

    name: str | None = "binary_crossentropy"
    dtype: str | None = None
    from_logits: bool = False
    label_smoothing: float = 0

    function: ClassVar[Callable] = staticmethod(losses.binary_crossentropy)
    direction: ClassVar[str | None] = "down"


class CategoricalCrossentropy(FunctionMetric):
    """The mean crossentropy of one-hot labels."""

    name: str | None = "categorical_crossentropy"
    dtype: str | None = None
    from_logits: bool = False
    label_smoothing: float = 0
    axis: int = -1

    function: ClassVar[Callable] = staticmethod(losses.categorical_crossentropy)
    direction: ClassVar[str | None] = "down"


class SparseCategoricalCrossentropy(FunctionMetric):
    """The mean crossentropy of class numbers, those of `ignore_class` left out."""

    name: str | None = "sparse_categorical_crossentropy"
    dtype: str | None = None
    from_logits: bool = False
    ignore_class: int | None = None
    axis: int = -1

    function: ClassVar[Callable] = staticmethod(losses.sparse_categorical_crossentropy)
    direction: ClassVar[str | None] = "down"
