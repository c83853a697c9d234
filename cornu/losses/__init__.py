"""Losses: plain functions of labels and outputs, and classes that add a name and a reduction.

`get("mse")` gives the function, `MeanSquaredError()` the object; `for_names` makes an object from
whatever `compile(loss=...)` was given.
"""

from collections.abc import Callable, Mapping
from typing import Any

from cornu.losses.base import (
    FunctionLoss,
    Loss,
    LossFunction,
    class_of_function,
    family,
    name_of,
    reduce_weighted,
    squeeze_or_expand,
)
from cornu.losses.classification import (
    BinaryCrossentropy,
    BinaryFocalCrossentropy,
    CategoricalCrossentropy,
    CategoricalFocalCrossentropy,
    CategoricalGeneralizedCrossEntropy,
    CategoricalHinge,
    Hinge,
    SparseCategoricalCrossentropy,
    SquaredHinge,
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    categorical_generalized_cross_entropy,
    categorical_hinge,
    hinge,
    sparse_categorical_crossentropy,
    squared_hinge,
)
from cornu.losses.overlap import Circle, Dice, Tversky, circle, dice, tversky
from cornu.losses.regression import (
    CosineSimilarity,
    Huber,
    KLDivergence,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Poisson,
    cosine_similarity,
    huber,
    kl_divergence,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    poisson,
)
from cornu.losses.sequence import CTC, ctc
from cornu.losses.shapes import CLASS_NUMBERS, label_range

__all__ = [
    "BinaryCrossentropy",
    "BinaryFocalCrossentropy",
    "CTC",
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "CategoricalGeneralizedCrossEntropy",
    "CategoricalHinge",
    "Circle",
    "CosineSimilarity",
    "Dice",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "Loss",
    "LossFunction",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Poisson",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
    "Tversky",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_generalized_cross_entropy",
    "categorical_hinge",
    "check_labels",
    "circle",
    "cosine_similarity",
    "ctc",
    "deserialize",
    "dice",
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
    "poisson",
    "reduce_weighted",
    "serialize",
    "sparse_categorical_crossentropy",
    "squared_hinge",
    "squeeze_or_expand",
    "tversky",
]

SHORT = {
    "bce": binary_crossentropy,
    "kld": kl_divergence,
    "mae": mean_absolute_error,
    "mape": mean_absolute_percentage_error,
    "mse": mean_squared_error,
    "msle": mean_squared_logarithmic_error,
}

family.register(*class_of_function.values(), *class_of_function, Loss, LossFunction)
family.register(LossFunctionWrapper=LossFunction, **SHORT)
family.register(**{name.upper(): fn for name, fn in SHORT.items()})


def get(identifier: Any) -> Any:
    """The loss that a name, config, class, object or function means; None stays None.

    A name gives the plain function, as `get("mse")` gives `mean_squared_error`. Raises UsageError
    for an unknown name, with the nearest one.
    """
    return family.get(identifier)


def serialize(loss: Any) -> Any:
    """The plain form of a loss: a function's name, or a config."""
    return family.serialize(loss)


def deserialize(name: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The loss that a plain form describes. Raises UsageError for an unknown one."""
    return family.deserialize(name, custom_objects)


def for_names(identifier: Any, y_shape: Any = None, output_shape: Any = None) -> Loss | None:
    """The Loss that `compile(loss=identifier)` means; None stays None.

    "crossentropy" or "ce" is told by the shapes: binary for one output unit, sparse for labels
    that lack the classes, else categorical; where shapes are not given, when the loss is computed.
    """
    if identifier is None or isinstance(identifier, Loss):
        return identifier
    called = identifier if isinstance(identifier, str) else None
    if called is not None and called.lower() in ("crossentropy", "ce"):
        known = y_shape is not None and output_shape is not None
        identifier = crossentropy_for(y_shape, output_shape) if known else _crossentropy
    found = get(identifier)
    if isinstance(found, Loss):
        return found
    return LossFunction(found, name=called or name_of(found))


def label_kind(y_shape: Any, output_shape: Any) -> str:
    """ "binary", "sparse" or "categorical", from the shapes of labels and outputs."""
    y, p = tuple(y_shape), tuple(output_shape)
    if p and p[-1] == 1:
        return "binary"
    return "sparse" if len(y) < len(p) or y[-1] == 1 else "categorical"


def crossentropy_for(y_shape: Any, output_shape: Any) -> Callable:
    """The crossentropy that fits the shapes."""
    return {
        "binary": binary_crossentropy,
        "sparse": sparse_categorical_crossentropy,
        "categorical": categorical_crossentropy,
    }[label_kind(y_shape, output_shape)]


def _crossentropy(y_true: Any, y_pred: Any) -> Any:
    return crossentropy_for(y_true.shape, y_pred.shape)(y_true, y_pred)


def check_labels(loss: Any, y: Any, output_shape: Any, sample_weight: Any = None) -> None:
    """Raise UsageError where class numbers in `y` (on the host) are none of the model's classes.

    `loss` is a Loss or a function; losses that take no class numbers pass. `output_shape` may hold
    None. Labels of weight 0 and labels equal to `ignore_class` are not looked at. The message
    names the first offending place, the valid labels and what to do.
    """
    kind = kind_of(loss)
    if kind not in CLASS_NUMBERS:
        return
    options = options_of(loss)
    classes = tuple(output_shape)[options.get("axis", -1)]
    if classes is not None:
        ignored, padded = options.get("ignore_class"), kind == "alignment"
        label_range(y, classes, ignored, sample_weight, padded)


def kind_of(loss: Any) -> str:
    """What kind of labels a Loss or loss function takes: a key of `shapes.CHECKS`."""
    if isinstance(loss, (FunctionLoss, LossFunction)):
        return loss.kind
    known = class_of_function.get(loss)
    return known.kind if known else "free"


def options_of(loss: Any) -> Mapping[str, Any]:
    """The options of a Loss's function: `from_logits`, `axis` …"""
    if isinstance(loss, LossFunction):
        return loss.kwargs
    return loss.arguments if isinstance(loss, FunctionLoss) else {}
