"""Losses between labels and probabilities or scores: crossentropies and margins."""

from collections.abc import Callable
from typing import Annotated, Any, ClassVar

from cornu import engine, state
from cornu.config import Within
from cornu.graph import op
from cornu.losses import shapes
from cornu.losses.base import FunctionLoss, Reduction, as_pair, averages, elementwise_pair
from cornu.ops import crossentropy
from cornu.ops.crossentropy import clipped, floating

Smoothing = Annotated[float, Within(0, 1)]


def _binary_pair(name: str, y_true: Any, y_pred: Any, label_smoothing: float) -> tuple[Any, Any]:
    shapes.binary(name, engine.np.shape(y_true), engine.np.shape(y_pred))
    y_true, y_pred = elementwise_pair(name, y_true, y_pred)
    if y_true.ndim != y_pred.ndim:
        y_true = engine.np.broadcast_to(y_true, y_pred.shape)
    if label_smoothing:
        y_true = y_true * (1 - label_smoothing) + 0.5 * label_smoothing
    return y_true, y_pred


def _categorical_pair(
    name: str, y_true: Any, y_pred: Any, label_smoothing: float, axis: int
) -> tuple[Any, Any]:
    y_true, y_pred = as_pair(y_true, y_pred)
    shapes.categorical(name, y_true.shape, y_pred.shape)
    y_true = y_true.reshape(y_pred.shape)
    if label_smoothing:
        y_true = y_true * (1 - label_smoothing) + label_smoothing / y_true.shape[axis]
    return y_true, y_pred


# ---------------------------------------------------------------- crossentropies


@averages
@op
def binary_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """`mean(-t log(p) - (1 - t) log(1 - p))` over `axis`: `(batch, ..., n)` -> `(batch, ...)`.

    `label_smoothing` s moves labels towards 1/2: t (1 - s) + s / 2. Raises UsageError where one
    label meets several outputs.
    """
    y_true, y_pred = _binary_pair("binary_crossentropy", y_true, y_pred, label_smoothing)
    return crossentropy.binary_means(y_true, y_pred, from_logits, axis)


@averages
@op
def binary_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """Binary crossentropy times `(1 - q)**gamma`, q the probability given to the true class.

    With `apply_class_balancing`, class 1 weighs `alpha` and class 0 `1 - alpha`.
    Lin et al., "Focal Loss for Dense Object Detection", 2017.
    """
    np = engine.np
    y_true, y_pred = _binary_pair("binary_focal_crossentropy", y_true, y_pred, label_smoothing)
    values = crossentropy.binary_crossentropy(y_true, y_pred, from_logits)
    p = 1 / (1 + np.exp(-y_pred)) if from_logits else y_pred
    miss = y_true * (1 - p) + (1 - y_true) * p
    values = values * _power(miss, gamma)
    if apply_class_balancing:
        values = values * (y_true * alpha + (1 - y_true) * (1 - alpha))
    return np.mean(values, axis=axis)


def _power(x: Any, exponent: float) -> Any:
    """x**exponent for 0 <= x, with finite gradients at 0 for exponents below 1."""
    np = engine.np
    if exponent >= 1 or exponent == 0:
        return np.power(x, exponent)
    return np.power(np.maximum(x, float(np.finfo(x.dtype).eps)), exponent)


@op
def categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """`-sum(t log(p))` over the classes on `axis`: `(batch, ..., classes)` -> `(batch, ...)`.

    `label_smoothing` s moves labels towards 1/classes: t (1 - s) + s / classes. Raises UsageError
    for class numbers, which `sparse_categorical_crossentropy` takes.
    """
    y_true, y_pred = _categorical_pair(
        "categorical_crossentropy", y_true, y_pred, label_smoothing, axis
    )
    return crossentropy.categorical_crossentropy(y_true, y_pred, from_logits, axis)


@op
def categorical_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """`-sum(alpha (1 - p)**gamma t log(p))` over the classes on `axis`.

    `alpha` may be a list with one weight per class, for classes on the last axis.
    Lin et al., "Focal Loss for Dense Object Detection", 2017.
    """
    np = engine.np
    y_true, y_pred = _categorical_pair(
        "categorical_focal_crossentropy", y_true, y_pred, label_smoothing, axis
    )
    logs = crossentropy.log_probabilities(y_pred, from_logits, axis)
    miss = _power(1 - np.exp(logs), gamma)
    alpha = engine.cast(engine.array(alpha), y_pred.dtype)
    return -np.sum(alpha * miss * y_true * logs, axis=axis)


@op
def sparse_categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    ignore_class: int | None = None,
    axis: int = -1,
) -> Any:
    """`-log(p[t])` for class numbers t: labels `(batch, ...)`, outputs `(batch, ..., classes)`.

    Where the label is `ignore_class` the value is 0, and a mask travels with the result so that
    means leave it out. Other labels outside 0..classes-1 give NaN. Raises UsageError for one-hot
    labels, which `categorical_crossentropy` takes.
    """
    np = engine.np
    y_true, y_pred = engine.cast(engine.array(y_true), "int32"), floating(y_pred)
    shapes.sparse("sparse_categorical_crossentropy", y_true.shape, y_pred.shape, axis=axis)
    if y_true.ndim == y_pred.ndim:
        y_true = np.squeeze(y_true, axis)
    if ignore_class is None:
        return crossentropy.sparse_categorical_crossentropy(y_true, y_pred, from_logits, axis)
    counts = y_true != ignore_class
    y_true = np.where(counts, y_true, 0)
    y_pred = np.where(np.expand_dims(counts, axis), y_pred, 1)
    values = crossentropy.sparse_categorical_crossentropy(y_true, y_pred, from_logits, axis)
    values = np.where(counts, values, 0)
    state.set_mask(values, counts)
    return values


@op
def categorical_generalized_cross_entropy(y_true: Any, y_pred: Any, q: float = 0.5) -> Any:
    """`(1 - p[t]**q) / q` for class numbers t, p clipped to [epsilon, 1 - epsilon].

    Between crossentropy (q near 0) and the probability of an error (q = 1).

    Zhang and Sabuncu, "Generalized Cross Entropy Loss for Training Deep Neural Networks with Noisy
    Labels", 2018.
    """
    np = engine.np
    y_true, y_pred = engine.cast(engine.array(y_true), "int32"), floating(y_pred)
    shapes.sparse("categorical_generalized_cross_entropy", y_true.shape, y_pred.shape)
    if y_true.ndim == y_pred.ndim:
        y_true = np.squeeze(y_true, -1)
    known = (y_true >= 0) & (y_true < y_pred.shape[-1])
    p = crossentropy.pick(y_pred.ndim - 1)(y_pred, np.clip(y_true, 0, y_pred.shape[-1] - 1))
    return np.where(known, (1 - np.power(clipped(p), q)) / q, np.nan)


class BinaryCrossentropy(FunctionLoss):
    """Crossentropy of labels 0 and 1, each output on its own; see `binary_crossentropy`."""

    from_logits: bool = False
    label_smoothing: Smoothing = 0.0
    axis: int = -1

    function: ClassVar[Callable] = staticmethod(binary_crossentropy)
    kind: ClassVar[str] = "binary"


class BinaryFocalCrossentropy(FunctionLoss):
    """Binary crossentropy that looks at the hard cases; see `binary_focal_crossentropy`."""

    apply_class_balancing: bool = False
    alpha: float = 0.25
    gamma: float = 2.0
    from_logits: bool = False
    label_smoothing: Smoothing = 0.0
    axis: int = -1

    function: ClassVar[Callable] = staticmethod(binary_focal_crossentropy)
    kind: ClassVar[str] = "binary"


class CategoricalCrossentropy(FunctionLoss):
    """Crossentropy of one-hot labels; see `categorical_crossentropy`."""

    from_logits: bool = False
    label_smoothing: Smoothing = 0.0
    axis: int = -1

    function: ClassVar[Callable] = staticmethod(categorical_crossentropy)
    kind: ClassVar[str] = "categorical"


class CategoricalFocalCrossentropy(FunctionLoss):
    """Crossentropy that looks at the hard cases; see `categorical_focal_crossentropy`."""

    alpha: Any = 0.25
    gamma: float = 2.0
    from_logits: bool = False
    label_smoothing: Smoothing = 0.0
    axis: int = -1

    function: ClassVar[Callable] = staticmethod(categorical_focal_crossentropy)
    kind: ClassVar[str] = "categorical"


class SparseCategoricalCrossentropy(FunctionLoss):
    """Crossentropy of class numbers; see `sparse_categorical_crossentropy`."""

    from_logits: bool = False
    ignore_class: int | None = None
    reduction: Reduction = "sum_over_batch_size"
    axis: int = -1

    function: ClassVar[Callable] = staticmethod(sparse_categorical_crossentropy)
    kind: ClassVar[str] = "sparse"


class CategoricalGeneralizedCrossEntropy(FunctionLoss):
    """Crossentropy made robust to wrong labels; see `categorical_generalized_cross_entropy`."""

    q: Annotated[float, Within(0, 1, open="(")] = 0.5

    function: ClassVar[Callable] = staticmethod(categorical_generalized_cross_entropy)
    kind: ClassVar[str] = "sparse"


# ---------------------------------------------------------------- margins


def _signed(y_true: Any) -> Any:
    """Labels of -1 and 1: a 0 counts as -1, in every row by itself."""
    return engine.np.where(y_true == 0, -1, y_true)


@averages
@op
def hinge(y_true: Any, y_pred: Any) -> Any:
    """`mean(max(1 - t p, 0))` over the last axis, labels -1 and 1 (a 0 counts as -1)."""
    np = engine.np
    y_true, y_pred = elementwise_pair("hinge", y_true, y_pred)
    return np.mean(np.maximum(1 - _signed(y_true) * y_pred, 0), axis=-1)


@averages
@op
def squared_hinge(y_true: Any, y_pred: Any) -> Any:
    """`mean(max(1 - t p, 0)**2)` over the last axis, labels -1 and 1 (a 0 counts as -1)."""
    np = engine.np
    y_true, y_pred = elementwise_pair("squared_hinge", y_true, y_pred)
    return np.mean(np.square(np.maximum(1 - _signed(y_true) * y_pred, 0)), axis=-1)


@op
def categorical_hinge(y_true: Any, y_pred: Any) -> Any:
    """`max(max((1 - t) p) - sum(t p) + 1, 0)` over the classes on the last axis."""
    np = engine.np
    y_true, y_pred = elementwise_pair("categorical_hinge", y_true, y_pred)
    wrong = np.max((1 - y_true) * y_pred, axis=-1)
    right = np.sum(y_true * y_pred, axis=-1)
    return np.maximum(wrong - right + 1, 0)


class Hinge(FunctionLoss):
    """The maximum-margin loss of labels -1 and 1; see `hinge`."""

    function: ClassVar[Callable] = staticmethod(hinge)


class SquaredHinge(FunctionLoss):
    """The square of the maximum-margin loss; see `squared_hinge`."""

    function: ClassVar[Callable] = staticmethod(squared_hinge)


class CategoricalHinge(FunctionLoss):
    """The margin between the true class and the best other one; see `categorical_hinge`."""

    function: ClassVar[Callable] = staticmethod(categorical_hinge)
    kind: ClassVar[str] = "vectors"
