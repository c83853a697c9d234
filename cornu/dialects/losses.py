"""Losses as they were before Keras 3: their names, their formulas, and how they were averaged.

`compile` of a script gives every loss the formula and the average of the script's generation.
"""

from collections.abc import Callable, Mapping
from typing import Any

from cornu import engine, losses, ops, state, tree
from cornu.config import custom_object, deserialize_inner
from cornu.dialects import generations
from cornu.dialects.generations import GENERATIONS
from cornu.dialects.patches import Patch
from cornu.errors import UsageError, listed, shown, suggestion
from cornu.graph import op
from cornu.losses.base import (
    FunctionLoss,
    LossFunction,
    averages,
    both_masks,
    broadcast_left,
    class_of_function,
    divide_no_nan,
    elementwise_pair,
)
from cornu.ops.crossentropy import floating

__all__ = [
    "NAMES",
    "PATCHES",
    "OlderLoss",
    "cosine_proximity",
    "hinge",
    "root_mean_squared_error",
    "squared_hinge",
]


# ---------------------------------------------------------------- formulas


def cosine_proximity(y_true: Any, y_pred: Any) -> Any:
    """Minus the cosine of the angle between the last axes; before 2.2 divided by their size.

    Up to 2.0.8 it was the mean of the products of the normalized entries, and then the sum.
    """
    return (_mean_cosine if generations.before("2.2") else losses.cosine_similarity)(y_true, y_pred)


def _mean_cosine(y_true: Any, y_pred: Any) -> Any:
    return losses.cosine_similarity(y_true, y_pred) / y_pred.shape[-1]


def root_mean_squared_error(y_true: Any, y_pred: Any) -> Any:
    """`sqrt(mean((y_true - y_pred)**2))` over the last axis, of Keras 0.3.0."""
    return ops.sqrt(losses.mean_squared_error(y_true, y_pred))


@averages
@op
def _hinge(y_true: Any, y_pred: Any) -> Any:
    """`mean(max(1 - t p, 0))`, of labels as they are: before 2.3 a 0 was no -1."""
    y_true, y_pred = elementwise_pair("hinge", y_true, y_pred)
    return engine.np.mean(engine.np.maximum(1 - y_true * y_pred, 0), axis=-1)


@averages
@op
def _squared_hinge(y_true: Any, y_pred: Any) -> Any:
    """`mean(max(1 - t p, 0)**2)`, of labels as they are."""
    y_true, y_pred = elementwise_pair("squared_hinge", y_true, y_pred)
    return engine.np.mean(engine.np.square(engine.np.maximum(1 - y_true * y_pred, 0)), axis=-1)


def hinge(y_true: Any, y_pred: Any) -> Any:
    """`mean(max(1 - t p, 0))`; from 2.3 on a label of 0 is one of -1."""
    return (_hinge if generations.before("2.3") else losses.hinge)(y_true, y_pred)


def squared_hinge(y_true: Any, y_pred: Any) -> Any:
    """`mean(max(1 - t p, 0)**2)`; from 2.3 on a label of 0 is one of -1."""
    return (_squared_hinge if generations.before("2.3") else losses.squared_hinge)(y_true, y_pred)


NAMES: dict[str, Callable] = {
    "RMSE": root_mean_squared_error,
    "cosine": cosine_proximity,
    "cosine_proximity": cosine_proximity,
    "huber_loss": losses.huber,
    "kullback_leibler_divergence": losses.kl_divergence,
    "logcosh": losses.log_cosh,
    "poisson_loss": losses.poisson,
    "rmse": root_mean_squared_error,
    "root_mean_squared_error": root_mean_squared_error,
}
"""Old name -> loss."""

CHANGED: Mapping[str, Mapping[str, Callable]] = {
    "2.0": {"cosine": _mean_cosine, "cosine_proximity": _mean_cosine},
    "2.2": {"hinge": _hinge, "squared_hinge": _squared_hinge},
    "2.3": {
        "cosine": losses.cosine_similarity,
        "cosine_proximity": losses.cosine_similarity,
    },
}
"""The last generation of a formula -> name -> function; what is not here is as it is today."""


TODAY = {
    _hinge: losses.hinge,
    _mean_cosine: losses.cosine_similarity,
    _squared_hinge: losses.squared_hinge,
    cosine_proximity: losses.cosine_similarity,
    hinge: losses.hinge,
    squared_hinge: losses.squared_hinge,
}
"""A formula of then -> that of today."""

THEN = {losses.hinge: hinge, losses.squared_hinge: squared_hinge}
"""A function of today -> the one that asks which generation is in force."""


def function_of(name: str, generation: str) -> Callable:
    """The loss function that `name` meant then; the user's own before all.

    Raises UsageError for an unknown one, with the nearest name.
    """
    own = custom_object(name)
    if own is not None:
        return own
    for last, changed in CHANGED.items():
        if GENERATIONS.index(generation) <= GENERATIONS.index(last) and name in changed:
            return changed[name]
    if name in NAMES:
        return NAMES[name]
    try:
        return losses.family.find(name)
    except UsageError as error:
        error.add_note(f'(a loss of your own is given by custom_objects={{"{name}": {name}}})')
        raise


# ---------------------------------------------------------------- averages


@op
def averaged_1(values: Any, sample_weight: Any = None, mask: Any = None) -> Any:
    """The average of Keras 0.3 to 2.2: over what is not masked, and over weights other than 0.

    `mean(mean(v m / mean(m)) w) / mean(w != 0)`, the inner mean over the axes that w does not have.
    0 where everything is masked or weighs nothing. Raises UsageError for shapes that do not fit.
    """
    xp = engine.np
    values, mask = floating(values), both_masks(mask, state.mask_of(values))
    if mask is not None and values.ndim:
        mask = broadcast_left(mask, values.shape, "mask")
        share = xp.mean(engine.cast(mask, values.dtype))
        values = divide_no_nan(xp.where(mask, values, 0), share)
    if sample_weight is None:
        return xp.mean(values)
    weight = engine.cast(engine.array(sample_weight), values.dtype)
    while weight.ndim > max(values.ndim, 1) and weight.shape[-1] == 1:
        weight = weight.reshape(weight.shape[:-1])
    values = xp.mean(values, axis=tuple(range(weight.ndim, values.ndim)))
    if values.ndim:
        weight = broadcast_left(weight, values.shape)
    counted = xp.mean(engine.cast(weight != 0, values.dtype))
    return divide_no_nan(xp.mean(xp.where(weight == 0, 0, values * weight)), counted)


@op
def averaged_2(values: Any, sample_weight: Any = None, mask: Any = None) -> Any:
    """The average of Keras 2.3: `sum(v m w)` by the number of all entries, masked or not."""
    xp = engine.np
    values, mask = floating(values), both_masks(mask, state.mask_of(values))
    if mask is not None and values.ndim:
        values = xp.where(broadcast_left(mask, values.shape, "mask"), values, 0)
    return losses.reduce_weighted(values, sample_weight)


class OlderLoss(LossFunction):
    """A loss as an older generation computed and averaged it.

    Args:
        fn: its name then, or a function of labels and outputs.
        generation: the last that is meant: "0.3" to "2.3".
        name: what it is called in logs.
        kwargs: further arguments of the function.

    Raises:
        UsageError: for an unknown name or generation.
    """

    def __init__(self, fn: Any, generation: str, name: str | None = None, **kwargs: Any):
        if generation not in GENERATIONS[:-1]:
            raise UsageError(
                "E-GENERATION",
                f"generation must be one of {listed(GENERATIONS[:-1])}; got {shown(generation)}. "
                f"{suggestion(str(generation), GENERATIONS)}".rstrip(),
            )
        called = fn if isinstance(fn, str) else None
        found = function_of(fn, generation) if isinstance(fn, str) else fn
        super().__init__(found, name=name or called, **kwargs)
        self.called, self.generation = called, generation

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        leaves = tree.leaves(y_pred)
        mask = state.mask_of(leaves[0]) if len(leaves) == 1 and not self.reads_mask else None
        values = self.values(y_true, y_pred)
        average = averaged_2 if self.generation == "2.3" else averaged_1
        return average(values, sample_weight, mask)

    @property
    def stands_for(self) -> type | None:
        """Today's class in files, for programs that do not know this one."""
        return class_of_function.get(TODAY.get(self.fn, self.fn))

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["reduction"]
        return {**config, "fn": self.called or config["fn"], "generation": self.generation}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "OlderLoss":
        return cls(**{name: deserialize_inner(value) for name, value in config.items()})


losses.family.register(OlderLoss)

# ---------------------------------------------------------------- losses that scripts name


def _of_then(identifier: Any, y_shape: Any = None, output_shape: Any = None) -> Any:
    """`losses.for_names`: the loss with the formula and the average of the generation in force."""
    found = FOR_NAMES(identifier, y_shape, output_shape)
    generation = generations.current()
    if found is None or isinstance(found, OlderLoss) or generation == "3":
        return found
    if isinstance(identifier, str) and identifier.lower() not in ("ce", "crossentropy"):
        return OlderLoss(identifier, generation)
    if isinstance(found, LossFunction) and found is not identifier:
        return OlderLoss(THEN.get(found.fn, found.fn), generation, found.name)
    return _averaged_as_then(found, generation)


def _averaged_as_then(loss: Any, generation: str) -> Any:
    """An object of a class as there are since 2.3, which counted masked entries then."""
    whole = loss.reduction == "sum_over_batch_size"
    if generation != "2.3" or not whole or not type(loss).__module__.startswith("cornu."):
        return loss
    if isinstance(loss, LossFunction):
        return OlderLoss(loss.fn, generation, loss.name, **loss.kwargs)
    if isinstance(loss, FunctionLoss):
        return OlderLoss(type(loss).function, generation, loss.name, **loss.arguments)
    return loss


FOR_NAMES = losses.for_names
PATCHES = (Patch(losses, "for_names", _of_then),)
