"""Training as a graph: `model.total_loss`, `model.targets`, `model.sample_weights`.

Keras 1 and 2 built the loss of a compiled model symbolically, and programs took gradients of it
by `K.function`. Nothing here is made before it is asked for.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from cornu import engine, graph, state, tree
from cornu.dialects.patches import Patch, Unset
from cornu.errors import UsageError, UsageTypeError
from cornu.graph import Tensor
from cornu.models import Model
from cornu.training import sources

__all__ = ["PATCHES"]


class Symbols(NamedTuple):
    """Placeholders for targets and weights of samples, and the loss that is made of them."""

    targets: list[Tensor]
    weights: list[Tensor]
    total: Tensor


class _Weights(list):
    """Tensors; where they are called, somebody meant to save weights."""

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        raise UsageTypeError(
            "E-SAMPLE-WEIGHTS",
            "model.sample_weights are the Tensors that weigh samples, and no method. To save "
            "weights, model.save_weights(path); to weigh samples, model.fit(x, y, "
            "sample_weight=weights).",
        )


class _Total:
    """The weighted losses of all outputs, and the penalties on weights."""

    name = "total_loss"

    def __init__(self, model: Any):
        self.model, self.objective = model, model._objective
        self.variables = list(model.trainable_variables)

    def __call__(self, outputs: list, targets: list, weights: list) -> Any:
        found = state.frame()
        losses = [] if found is None else list(found.losses)
        total, _ = self.objective.loss_values(targets, outputs, weights)
        for loss in [*losses, *self.model.regularization_losses()]:
            total = loss if total is None else total + loss
        return engine.array(0.0) if total is None else total


def symbols(model: Any) -> Symbols:
    """The symbols of a compiled model, made once. Raises UsageError before `compile`."""
    model.require_compiled(train=True)
    known = model._kept.get("symbols")
    if known is not None:
        return known
    outputs = model._graph.output_leaves if model._graph is not None else []
    if not outputs:
        raise UsageError(
            "E-NODES",
            f'"{model.name}" has no graph, so its loss is no Tensor: call it on an Input.',
        )
    names = model.output_names
    losses = model._objective.losses_for(names, outputs, outputs)
    targets = [_target(name, t, loss) for name, t, loss in zip(names, outputs, losses, strict=True)]
    weights = [Tensor((None,), "float32", name=f"{name}_sample_weights") for name in names]
    if not model._objective.bound:
        model._objective.bind(names, outputs, targets)
    total = graph.record(_Total(model), (list(outputs), targets, weights), {})
    model._kept["symbols"] = Symbols(targets, weights, total)
    return model._kept["symbols"]


def _target(name: str, output: Tensor, loss: Any) -> Tensor:
    """A placeholder for targets: like the output, or class numbers."""
    sparse = loss is not None and getattr(loss, "takes_class_numbers", False)
    shape = (*output.shape[:-1], 1) if sparse else output.shape
    return Tensor(shape, "int32" if sparse else output.dtype, name=f"{name}_target")


def standardized(
    model: Any, x: Any, y: Any = None, sample_weight: Any = None, *args: Any, **options: Any
) -> tuple[list, list, list]:
    """Inputs, targets and weights of samples as three lists of arrays."""
    batch = sources.convert(model, x, y, sample_weight, "fit")
    rows = len(tree.leaves(batch.x)[0])
    given = zip(batch.y, batch.weights, strict=True)
    ys, weights = [], []
    for target, weight in given:
        ys.append(np.asarray(target))
        weights.append(np.ones(rows, "float32") if weight is None else np.asarray(weight))
    return tree.leaves(batch.x), ys, weights


NAMES = {
    "total_loss": lambda model: symbols(model).total,
    "targets": lambda model: symbols(model).targets,
    "_feed_targets": lambda model: symbols(model).targets,
    "sample_weights": lambda model: _Weights(symbols(model).weights),
    "_feed_sample_weights": lambda model: symbols(model).weights,
    "_feed_inputs": lambda model: list(model.input_leaves()),
}

PATCHES: Sequence[Patch] = (
    *(Patch(Model, name, Unset(name, make)) for name, make in NAMES.items()),
    Patch(Model, "_standardize_user_data", standardized),
)
