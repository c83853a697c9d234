"""What the estimators ask of a compiled model: how it is made, its loss, its outputs."""

import copy
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from cornu import losses
from cornu.errors import UsageError, UsageTypeError, listed, shown, suggestion
from cornu.models import Model, clone_model

__all__ = [
    "alone",
    "check_compiled",
    "loss_of",
    "made_by",
    "probabilities",
    "takes_codes",
    "takes_one",
    "threshold_of",
    "twin_of",
    "width",
]

GIVEN = ("X", "y")
"""What a function that makes models is given besides `model_kwargs`, where it takes them."""


def made_by(make: Callable, X: Any, y: Any, said: Mapping[str, Any]) -> Model:
    """The model that a function makes of the data and what is said besides.

    Raises UsageError for arguments that it does not take, UsageTypeError where it gives no model.
    """
    parameters = inspect.signature(make).parameters
    every = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    for name in said:
        if name not in parameters and not every:
            known = [p for p in parameters if p not in GIVEN]
            raise UsageError(
                "E-ESTIMATOR",
                f'{shown(make)} has no argument "{name}", which model_kwargs gives it. '
                f"{suggestion(name, known)}It takes: {listed(known) or 'none'}.",
            )
    data = {k: v for k, v in zip(GIVEN, (X, y), strict=True) if every or k in parameters}
    model = make(**data, **said)
    if not isinstance(model, Model):
        raise UsageTypeError(
            "E-TYPE", f"{shown(make)} must return a compiled Model; it gave {shown(model)}."
        )
    return model


def twin_of(model: Model) -> Model:
    """The same architecture with new weights, compiled as the model is."""
    twin = clone_model(model)
    said = dict(model._compiled_with or {})
    optimizer = said.pop("optimizer", None)
    if optimizer is not None:
        fresh = type(optimizer).from_config(optimizer.get_config())
        twin.compile(fresh, **copy.deepcopy(said))
    return twin


def check_compiled(model: Model) -> None:
    """Raise UsageError unless the model is compiled; whether it needs a loss, `fit` knows."""
    if not model.compiled:
        raise UsageError(
            "E-COMPILE",
            f'"{model.name}" must be compiled before an estimator fits it: '
            'model.compile("adam", "mse") where the model is made.',
        )


def loss_of(model: Model) -> losses.Loss | None:
    """The loss of a model with one output."""
    said = (model._compiled_with or {}).get("loss")
    if isinstance(said, (list, tuple)) and len(said) == 1:
        said = said[0]
    if isinstance(said, (list, tuple, Mapping)):
        raise UsageError(
            "E-ESTIMATOR",
            f'"{model.name}" has a loss for each of several outputs; an estimator of scikit-learn '
            "has one. Train such a model with model.fit.",
        )
    return losses.for_names(said)


def takes_codes(loss: losses.Loss | None) -> bool:
    """Whether a loss takes numbers of classes and no columns of 0 and 1."""
    return loss is not None and losses.kind_of(loss) in losses.CLASS_NUMBERS


def gives_logits(loss: losses.Loss | None) -> bool:
    """Whether outputs are logits, by what the loss says."""
    return loss is not None and bool(losses.options_of(loss).get("from_logits"))


def takes_one(loss: losses.Loss | None) -> bool:
    """Whether a loss takes columns of which exactly one is 1."""
    return loss is not None and losses.kind_of(loss) == "categorical"


def threshold_of(loss: losses.Loss | None) -> float:
    """From where on an output of one unit means yes: 0 for logits and hinges, else 1/2."""
    hinge = loss is not None and "hinge" in str(loss.name)
    return 0.0 if hinge or gives_logits(loss) else 0.5


def alone(outputs: Any) -> Any:
    """What stands in a list by itself, as the output of `Model(x, [y])`; else what is given."""
    return outputs[0] if isinstance(outputs, list) and len(outputs) == 1 else outputs


def width(model: Model, X: np.ndarray) -> int | None:
    """Units of the last axis of the output for inputs like `X`; None where they are not known.

    Raises UsageError for a model with several outputs.
    """
    shape = alone(model.compute_output_shape((None, *X.shape[1:])))
    if not isinstance(shape, tuple):
        raise UsageError(
            "E-ESTIMATOR",
            f'"{model.name}" has outputs by name or number, {shown(shape)}; an estimator of '
            "scikit-learn has one. Train such a model with model.fit.",
        )
    return shape[-1] if len(shape) > 1 else None


def probabilities(model: Model, outputs: np.ndarray) -> np.ndarray:
    """Outputs, or what logits stand for. Raises UsageError for outputs below 0 that are none."""
    loss = loss_of(model)
    if gives_logits(loss):
        if outputs.shape[-1] == 1 or (loss is not None and losses.kind_of(loss) == "binary"):
            return 0.5 * (1 + np.tanh(0.5 * outputs))  # the sigmoid, which cannot overflow so
        powers = np.exp(outputs - outputs.max(axis=-1, keepdims=True))
        return powers / powers.sum(axis=-1, keepdims=True)
    if outputs.size and outputs.min() < 0:
        raise UsageError(
            "E-ESTIMATOR",
            f'"{model.name}" gives outputs below 0 ({outputs.min():.3g}), which are no '
            'probabilities: end it in "softmax" or "sigmoid", or say from_logits=True to its loss.',
        )
    return outputs
