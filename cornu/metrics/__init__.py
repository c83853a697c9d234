"""Metrics: plain functions of labels and outputs, and classes that gather them over batches.

`for_names` makes a metric from whatever `compile(metrics=[...])` was given.
"""

from collections.abc import Mapping
from typing import Any

from cornu import losses
from cornu.losses import (
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    categorical_generalized_cross_entropy,
    categorical_hinge,
    hinge,
    huber,
    kl_divergence,
    label_kind,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    poisson,
    sparse_categorical_crossentropy,
    squared_hinge,
)
from cornu.losses.base import class_of_function
from cornu.metrics.accuracy import (
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
    accuracy,
    binary_accuracy,
    categorical_accuracy,
    sparse_categorical_accuracy,
    sparse_top_k_categorical_accuracy,
    top_k_categorical_accuracy,
)
from cornu.metrics.base import Mean, MeanMetricWrapper, Metric, Sum, family, functions
from cornu.metrics.confusion import (
    FalseNegatives,
    FalsePositives,
    Precision,
    Recall,
    TrueNegatives,
    TruePositives,
)
from cornu.metrics.curves import (
    AUC,
    PrecisionAtRecall,
    RecallAtPrecision,
    SensitivityAtSpecificity,
    SpecificityAtSensitivity,
)
from cornu.metrics.regression import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    CategoricalHinge,
    ConcordanceCorrelation,
    CosineSimilarity,
    Hinge,
    KLDivergence,
    LogCoshError,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    PearsonCorrelation,
    Poisson,
    RootMeanSquaredError,
    SparseCategoricalCrossentropy,
    SquaredHinge,
    concordance_correlation,
    pearson_correlation,
)
from cornu.metrics.scores import (
    BinaryIoU,
    F1Score,
    FBetaScore,
    IoU,
    MeanIoU,
    OneHotIoU,
    OneHotMeanIoU,
    R2Score,
)

__all__ = [
    "AUC",
    "Accuracy",
    "BinaryAccuracy",
    "BinaryCrossentropy",
    "BinaryIoU",
    "CategoricalAccuracy",
    "CategoricalCrossentropy",
    "CategoricalHinge",
    "ConcordanceCorrelation",
    "CosineSimilarity",
    "F1Score",
    "FBetaScore",
    "FalseNegatives",
    "FalsePositives",
    "Hinge",
    "IoU",
    "KLDivergence",
    "LogCoshError",
    "Mean",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanIoU",
    "MeanMetricWrapper",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Metric",
    "OneHotIoU",
    "OneHotMeanIoU",
    "PearsonCorrelation",
    "Poisson",
    "Precision",
    "PrecisionAtRecall",
    "R2Score",
    "Recall",
    "RecallAtPrecision",
    "RootMeanSquaredError",
    "SensitivityAtSpecificity",
    "SparseCategoricalAccuracy",
    "SparseCategoricalCrossentropy",
    "SparseTopKCategoricalAccuracy",
    "SpecificityAtSensitivity",
    "SquaredHinge",
    "Sum",
    "TopKCategoricalAccuracy",
    "TrueNegatives",
    "TruePositives",
    "accuracy",
    "binary_accuracy",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_accuracy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_generalized_cross_entropy",
    "categorical_hinge",
    "concordance_correlation",
    "deserialize",
    "for_names",
    "get",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "pearson_correlation",
    "poisson",
    "serialize",
    "sparse_categorical_accuracy",
    "sparse_categorical_crossentropy",
    "sparse_top_k_categorical_accuracy",
    "squared_hinge",
    "top_k_categorical_accuracy",
]

SHORT = {
    "bce": BinaryCrossentropy,
    "kld": KLDivergence,
    "mae": MeanAbsoluteError,
    "mape": MeanAbsolutePercentageError,
    "mse": MeanSquaredError,
    "msle": MeanSquaredLogarithmicError,
}

BY_KIND = {
    "accuracy": {
        "binary": BinaryAccuracy,
        "sparse": SparseCategoricalAccuracy,
        "categorical": CategoricalAccuracy,
    },
    "crossentropy": {
        "binary": BinaryCrossentropy,
        "sparse": SparseCategoricalCrossentropy,
        "categorical": CategoricalCrossentropy,
    },
}
"""What "accuracy" and "crossentropy" mean for labels of each kind."""

SPOKEN = {
    "acc": "accuracy",
    "accuracy": "accuracy",
    "ce": "crossentropy",
    "crossentropy": "crossentropy",
}

_public = [globals()[name] for name in __all__ if name in globals()]
_classes = [thing for thing in _public if isinstance(thing, type)]
_functions = [thing for thing in _public if not isinstance(thing, type)]
_with_class = {name.replace("_", "").lower() for name in (c.__name__ for c in _classes)}

functions.register(*class_of_function, *_functions)
family.register(*_classes, **SHORT, **{name.upper(): found for name, found in SHORT.items()})
family.register(
    *(f for f in functions.members.values() if f.__name__.replace("_", "") not in _with_class)
)


def get(identifier: Any) -> Metric | None:
    """The metric that a name, config, class, object or function means; None stays None.

    A function `fn(y_true, y_pred)` becomes a `MeanMetricWrapper` with its name. Raises UsageError
    for an unknown name, with the nearest one.
    """
    found = family.get(identifier)
    if found is None or isinstance(found, Metric):
        return found
    called = identifier if isinstance(identifier, str) else None
    return MeanMetricWrapper(found, name=called)


def serialize(metric: Any) -> Any:
    """The plain form of a metric: a config, or a function's name."""
    return family.serialize(metric)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The metric that a plain form describes. Raises UsageError for an unknown one."""
    return family.deserialize(config, custom_objects)


def for_names(
    identifier: Any, loss: Any = None, y_shape: Any = None, output_shape: Any = None
) -> Metric | None:
    """The Metric that an entry of `compile(metrics=[...])` means; None stays None.

    "accuracy" or "acc", "crossentropy" or "ce" are told by the shapes: binary for one output unit,
    sparse for labels that lack the classes, else categorical; by `loss` where a shape is not
    known. A crossentropy takes `from_logits` from `loss`. A name given as a string is the
    metric's name in logs.
    """
    spoken = SPOKEN.get(identifier.lower()) if isinstance(identifier, str) else None
    if spoken is None:
        found = get(identifier)
        if isinstance(identifier, str) and found is not None:
            found.name = identifier
        return found
    cls = BY_KIND[spoken][_kind(loss, y_shape, output_shape)]
    if spoken == "crossentropy" and losses.options_of(loss).get("from_logits"):
        return cls(name=identifier, from_logits=True)
    return cls(name=identifier)


def _kind(loss: Any, y_shape: Any, output_shape: Any) -> str:
    if y_shape is None or output_shape is None or tuple(output_shape)[-1:] == (None,):
        kind = losses.kind_of(loss)
        return kind if kind in BY_KIND["accuracy"] else "categorical"
    return label_kind(y_shape, output_shape)
