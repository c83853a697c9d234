"""Losses between numbers: errors of many kinds, distances of directions and of distributions."""

import math
from collections.abc import Callable
from typing import Any, ClassVar

from cornu import engine
from cornu.graph import op
from cornu.losses.base import FunctionLoss, averages, elementwise_pair, least


@averages
@op
def mean_squared_error(y_true: Any, y_pred: Any) -> Any:
    """`mean((t - p)**2)` over the last axis: `(batch, ..., n)` -> `(batch, ...)`."""
    y_true, y_pred = elementwise_pair("mean_squared_error", y_true, y_pred)
    return engine.np.mean(engine.np.square(y_pred - y_true), axis=-1)


@averages
@op
def mean_absolute_error(y_true: Any, y_pred: Any) -> Any:
    """`mean(|t - p|)` over the last axis: `(batch, ..., n)` -> `(batch, ...)`."""
    y_true, y_pred = elementwise_pair("mean_absolute_error", y_true, y_pred)
    return engine.np.mean(engine.np.abs(y_pred - y_true), axis=-1)


@averages
@op
def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> Any:
    """`100 mean(|t - p| / max(|t|, epsilon))` over the last axis, in percent."""
    np = engine.np
    y_true, y_pred = elementwise_pair("mean_absolute_percentage_error", y_true, y_pred)
    size = np.maximum(np.abs(y_true), least(y_pred.dtype))
    return 100 * np.mean(np.abs(y_true - y_pred) / size, axis=-1)


@averages
@op
def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> Any:
    """`mean((log(1 + t) - log(1 + p))**2)` over the last axis, both at least epsilon."""
    np = engine.np
    y_true, y_pred = elementwise_pair("mean_squared_logarithmic_error", y_true, y_pred)
    low = least(y_pred.dtype)
    difference = np.log1p(np.maximum(y_pred, low)) - np.log1p(np.maximum(y_true, low))
    return np.mean(np.square(difference), axis=-1)


@averages
@op
def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> Any:
    """`mean(e**2 / 2 where |e| <= delta, else delta |e| - delta**2 / 2)`, e = p - t.

    Huber, "Robust Estimation of a Location Parameter", 1964.
    """
    np = engine.np
    y_true, y_pred = elementwise_pair("huber", y_true, y_pred)
    error = np.abs(y_pred - y_true)
    inner = np.minimum(error, delta)
    return np.mean(inner * (error - 0.5 * inner), axis=-1)


@averages
@op
def log_cosh(y_true: Any, y_pred: Any) -> Any:
    """`mean(log(cosh(p - t)))` over the last axis; safe for large differences."""
    np = engine.np
    y_true, y_pred = elementwise_pair("log_cosh", y_true, y_pred)
    error = y_pred - y_true
    return np.mean(np.logaddexp(error, -error) - math.log(2), axis=-1)


@averages
@op
def poisson(y_true: Any, y_pred: Any) -> Any:
    """`mean(p - t log(p + epsilon))` over the last axis: the Poisson likelihood of counts t."""
    np = engine.np
    y_true, y_pred = elementwise_pair("poisson", y_true, y_pred)
    return np.mean(y_pred - y_true * np.log(y_pred + least(y_pred.dtype)), axis=-1)


@op
def kl_divergence(y_true: Any, y_pred: Any) -> Any:
    """`sum(t log(t / p))` over the last axis, both clipped to [epsilon, 1].

    Kullback and Leibler, "On Information and Sufficiency", 1951.
    """
    np = engine.np
    y_true, y_pred = elementwise_pair("kl_divergence", y_true, y_pred)
    y_true = np.clip(y_true, least(y_pred.dtype), 1)
    y_pred = np.clip(y_pred, least(y_pred.dtype), 1)
    return np.sum(y_true * (np.log(y_true) - np.log(y_pred)), axis=-1)


@op
def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """`-sum(t p) / (|t| |p|)` over `axis`: -1 for equal directions, 0 beside a zero vector."""
    y_true, y_pred = elementwise_pair("cosine_similarity", y_true, y_pred)
    return -engine.np.sum(unit(y_true, axis) * unit(y_pred, axis), axis=axis)


def unit(x: Any, axis: int) -> Any:
    """`x` divided by its length along `axis`; a zero vector stays one, with finite gradients."""
    np = engine.np
    square = np.sum(np.square(x), axis=axis, keepdims=True)
    tiny = float(np.finfo(x.dtype).tiny)
    return x / np.sqrt(np.maximum(square, max(tiny, 1e-12)))


class MeanSquaredError(FunctionLoss):
    """The mean of squared differences; see `mean_squared_error`."""

    function: ClassVar[Callable] = staticmethod(mean_squared_error)


class MeanAbsoluteError(FunctionLoss):
    """The mean of absolute differences; see `mean_absolute_error`."""

    function: ClassVar[Callable] = staticmethod(mean_absolute_error)


class MeanAbsolutePercentageError(FunctionLoss):
    """Absolute differences in percent of the labels; see `mean_absolute_percentage_error`."""

    function: ClassVar[Callable] = staticmethod(mean_absolute_percentage_error)


class MeanSquaredLogarithmicError(FunctionLoss):
    """Squared differences of logarithms; see `mean_squared_logarithmic_error`."""

    function: ClassVar[Callable] = staticmethod(mean_squared_logarithmic_error)


class Huber(FunctionLoss):
    """Squared for differences up to `delta`, linear beyond; see `huber`."""

    delta: float = 1.0

    function: ClassVar[Callable] = staticmethod(huber)
    name = "huber_loss"


class LogCosh(FunctionLoss):
    """The logarithm of the hyperbolic cosine of differences; see `log_cosh`."""

    function: ClassVar[Callable] = staticmethod(log_cosh)


class Poisson(FunctionLoss):
    """The Poisson likelihood of counts; see `poisson`."""

    function: ClassVar[Callable] = staticmethod(poisson)


class KLDivergence(FunctionLoss):
    """How far the outputs' distribution is from the labels'; see `kl_divergence`."""

    function: ClassVar[Callable] = staticmethod(kl_divergence)
    kind: ClassVar[str] = "vectors"
    name = "kl_divergence"


class CosineSimilarity(FunctionLoss):
    """The negative cosine between labels and outputs along `axis`; see `cosine_similarity`."""

    axis: int = -1

    function: ClassVar[Callable] = staticmethod(cosine_similarity)
    kind: ClassVar[str] = "vectors"
