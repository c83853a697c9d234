"""Optimizers: rules that turn gradients into steps, and schedules of learning rates."""

from collections.abc import Mapping
from typing import Any

from cornu.config import Family
from cornu.errors import unknown
from cornu.optimizers import schedules
from cornu.optimizers.base import Optimizer
from cornu.optimizers.matrices import Adafactor, Muon
from cornu.optimizers.parts import MultiOptimizer, OptimizerMap
from cornu.optimizers.rules import (
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    Ftrl,
    Lamb,
    Lion,
    Nadam,
    RMSprop,
    ScheduleFreeAdamW,
)
from cornu.optimizers.wrappers import LossScaleOptimizer, Optax, is_optax

__all__ = [
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "Lamb",
    "Lion",
    "LossScaleOptimizer",
    "MultiOptimizer",
    "Muon",
    "Nadam",
    "Optax",
    "Optimizer",
    "OptimizerMap",
    "RMSprop",
    "ScheduleFreeAdamW",
    "deserialize",
    "get",
    "schedules",
    "serialize",
]


class _Optimizers(Family):
    def names(self) -> list[str]:
        return sorted(name.lower() for name in self.members)


family = _Optimizers("optimizer", Optimizer)
family.register(SGD, Adadelta, Adafactor, Adagrad, Adam, AdamW, Adamax, Ftrl, Lamb, Lion)
family.register(LossScaleOptimizer, MultiOptimizer, Muon, Nadam, RMSprop, ScheduleFreeAdamW)


def get(identifier: Any) -> Optimizer | None:
    """An optimizer from a name, a config, a class, an object or an optax transformation.

    Raises UsageError for anything else, with the nearest name.
    """
    if is_optax(identifier):
        return Optax(identifier)
    found = None if callable(identifier) and not isinstance(identifier, type) else identifier
    found = family.get(found)
    if isinstance(found, Optimizer) or identifier is None:
        return found
    raise unknown("optimizer", identifier, family.names())


def serialize(optimizer: Optimizer) -> dict[str, Any]:
    """The plain form of an optimizer."""
    return family.serialize(optimizer)


def deserialize(
    config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
) -> Optimizer:
    """The optimizer that a plain form describes. Raises UsageError for an unknown class."""
    return family.deserialize(config, custom_objects)
