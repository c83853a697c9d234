"""How often the outputs are right: the accuracy family, functions first."""

from collections.abc import Callable
from typing import Any, ClassVar

from cornu import engine, settings
from cornu.graph import op
from cornu.losses import shapes
from cornu.losses.base import averages, squeeze_or_expand
from cornu.metrics.base import FunctionMetric
from cornu.ops.crossentropy import floating


def _equal_pair(name: str, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    y_true, y_pred = engine.array(y_true), engine.array(y_pred)
    shapes.elementwise(name, y_true.shape, y_pred.shape)
    return squeeze_or_expand(y_true, y_pred)


@averages
@op
def accuracy(y_true: Any, y_pred: Any) -> Any:
    """The part of entries that are equal, over the last axis: `(batch, ..., n)` -> `(batch, ...)`.

    Raises UsageError where shapes do not match.
    """
    y_true, y_pred = _equal_pair("accuracy", y_true, y_pred)
    return engine.np.mean(y_true == y_pred, axis=-1, dtype=settings.floatx())


@averages
@op
def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Any:
    """The part of entries where `p > threshold` says what the label, 0 or 1, says.

    Over the last axis: `(batch, ..., n)` -> `(batch, ...)`. Raises UsageError where shapes do not
    match.
    """
    y_true, y_pred = _equal_pair("binary_accuracy", y_true, y_pred)
    said = (y_pred > threshold).astype(y_true.dtype)
    return engine.np.mean(y_true == said, axis=-1, dtype=settings.floatx())


@op
def categorical_accuracy(y_true: Any, y_pred: Any) -> Any:
    """1 where the greatest output is at the greatest label, else 0.

    `(batch, ..., classes)` -> `(batch, ...)`. Raises UsageError where shapes do not match.
    """
    np = engine.np
    y_true, y_pred = engine.array(y_true), engine.array(y_pred)
    shapes.categorical("categorical_accuracy", y_true.shape, y_pred.shape)
    y_true = y_true.reshape(y_pred.shape)
    return _as_float(np.argmax(y_true, axis=-1) == np.argmax(y_pred, axis=-1))


@op
def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> Any:
    """1 where the greatest output is at the class number, else 0.

    Labels `(batch, ...)` or `(batch, ..., 1)`, outputs `(batch, ..., classes)`. Raises UsageError
    where shapes do not match.
    """
    y_true, y_pred = class_numbers("sparse_categorical_accuracy", y_true, y_pred)
    return _as_float(engine.np.argmax(y_pred, axis=-1) == y_true)


@op
def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Any:
    """1 where the class of the greatest label is among the k greatest outputs, else 0.

    `(batch, ..., classes)` -> `(batch, ...)`; equal outputs share a place. Raises UsageError where
    shapes do not match.
    """
    y_true, y_pred = engine.array(y_true), floating(y_pred)
    shapes.categorical("top_k_categorical_accuracy", y_true.shape, y_pred.shape)
    return in_top_k(engine.np.argmax(y_true.reshape(y_pred.shape), axis=-1), y_pred, k)


@op
def sparse_top_k_categorical_accuracy(
    y_true: Any, y_pred: Any, k: int = 5, from_sorted_ids: bool = False
) -> Any:
    """1 where the class number is among the k greatest outputs, else 0.

    With `from_sorted_ids`, outputs are class numbers themselves, the likeliest first. Raises
    UsageError where shapes do not match.
    """
    np = engine.np
    y_true, y_pred = class_numbers("sparse_top_k_categorical_accuracy", y_true, y_pred)
    if from_sorted_ids:
        return _as_float(np.any(y_pred[..., :k] == y_true[..., None], axis=-1))
    return in_top_k(y_true, floating(y_pred), k)


def class_numbers(name: str, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Labels as whole numbers without an axis for the classes. Raises UsageError."""
    y_true, y_pred = engine.array(y_true), engine.array(y_pred)
    shapes.sparse(name, y_true.shape, y_pred.shape)
    if y_true.ndim == y_pred.ndim:
        y_true = y_true[..., 0]
    return engine.cast(y_true, "int32"), y_pred


def in_top_k(labels: Any, outputs: Any, k: int) -> Any:
    """1 where fewer than k outputs are greater than the label's own, which is a number."""
    np = engine.np
    inside = (labels >= 0) & (labels < outputs.shape[-1])
    places = np.clip(labels, 0, outputs.shape[-1] - 1)[..., None]
    own = np.take_along_axis(outputs, places, -1)
    greater = np.sum(outputs > own, axis=-1)
    return _as_float((greater < k) & inside & np.isfinite(own[..., 0]))


def _as_float(x: Any) -> Any:
    return x.astype(settings.floatx())


class Accuracy(FunctionMetric):
    """How often outputs equal labels; see `accuracy`."""

    function: ClassVar[Callable] = staticmethod(accuracy)
    direction: ClassVar[str | None] = "up"


class BinaryAccuracy(FunctionMetric):
    """How often outputs are on the right side of `threshold`; see `binary_accuracy`."""

    name: str | None = "binary_accuracy"
    dtype: str | None = None
    threshold: float = 0.5

    function: ClassVar[Callable] = staticmethod(binary_accuracy)
    direction: ClassVar[str | None] = "up"


class CategoricalAccuracy(FunctionMetric):
    """How often the likeliest class is the one-hot label's; see `categorical_accuracy`."""

    function: ClassVar[Callable] = staticmethod(categorical_accuracy)
    direction: ClassVar[str | None] = "up"


class SparseCategoricalAccuracy(FunctionMetric):
    """How often the likeliest class is the label; see `sparse_categorical_accuracy`."""

    function: ClassVar[Callable] = staticmethod(sparse_categorical_accuracy)
    direction: ClassVar[str | None] = "up"


class TopKCategoricalAccuracy(FunctionMetric):
    """How often the label is among the k likeliest; see `top_k_categorical_accuracy`."""

    k: int = 5

    function: ClassVar[Callable] = staticmethod(top_k_categorical_accuracy)
    direction: ClassVar[str | None] = "up"
    name = "top_k_categorical_accuracy"


class SparseTopKCategoricalAccuracy(FunctionMetric):
    """How often the label is among the k likeliest; see `sparse_top_k_categorical_accuracy`."""

    k: int = 5
    name: str | None = "sparse_top_k_categorical_accuracy"
    dtype: str | None = None
    from_sorted_ids: bool = False

    function: ClassVar[Callable] = staticmethod(sparse_top_k_categorical_accuracy)
    direction: ClassVar[str | None] = "up"
