"""Penalties on activities as Keras 1.2 to 2.3 had them: summed over the batch.

Before and after that time they were divided by the number of rows, as today.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from cornu import regularizers
from cornu.dialects import generations
from cornu.dialects.described import is_described
from cornu.dialects.older import OlderClass
from cornu.layers import ActivityRegularization, Layer
from cornu.regularizers import L1, L1L2, L2, Regularizer, family

__all__ = [
    "SummedActivityRegularization",
    "SummedL1L2",
    "SummedPenalty",
    "applies",
    "penalties_of_then",
    "summed_penalty",
    "summed",
]

GENERATIONS = ("1.2", "2.0", "2.2", "2.3")
"""Those that summed; Keras 2.4, on TensorFlow, did not."""


class SummedL1L2(L1L2):
    """`n (l1 sum |x| + l2 sum x^2)` for the n rows of x, which a layer divides by n."""

    stands_for: ClassVar[type] = L1L2

    def __call__(self, x: Any) -> Any:
        return super().__call__(x) * x.shape[0]


class SummedPenalty(Regularizer):
    """`n f(x)` for the n rows of x and a function f of the user's, which a layer divides by n."""

    penalty: Any

    def __call__(self, x: Any) -> Any:
        return self.penalty(x) * x.shape[0]


class SummedActivityRegularization(OlderClass, ActivityRegularization):
    """`x`, with `l1 sum |x| + l2 sum x^2` added to the loss."""

    stands_for: ClassVar[type] = ActivityRegularization

    def set_up(self) -> None:
        """Make the regularizer."""
        super().set_up()
        self.activity_regularizer = SummedL1L2(l1=self.l1, l2=self.l2)


def applies() -> bool:
    """Whether penalties on activities are sums in the generation in force."""
    return generations.current() in GENERATIONS


def penalties_of_then(cls: type, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
    """A rule of `settling`: penalties on what a layer of a script gives."""
    given = kwargs.get("activity_regularizer")
    if given is None or is_described(cls) or not issubclass(cls, Layer) or not applies():
        return args, kwargs
    return args, {**kwargs, "activity_regularizer": summed_penalty(given)}


def summed_penalty(given: Any) -> Any:
    """A penalty, or what stands for one, as the sum that it was."""
    penalty = regularizers.get(given)
    if penalty is None:
        return None
    own = [base for base in type(penalty).__mro__ if not base.__module__.startswith("cornu.")]
    told = any("set_layer" in vars(base) for base in own)  # as in Keras 1.1, where it was a mean
    if told or isinstance(penalty, (SummedL1L2, SummedPenalty)):
        return penalty
    if type(penalty) in (L1, L2, L1L2):
        return SummedL1L2(l1=getattr(penalty, "l1", 0.0), l2=getattr(penalty, "l2", 0.0))
    return SummedPenalty(penalty)


def summed(plain: Any) -> Any:
    """A model's config in today's words, with the penalties on activities of that time."""
    if isinstance(plain, list):
        return [summed(one) for one in plain]
    if not isinstance(plain, Mapping):
        return plain
    found = {key: summed(value) for key, value in plain.items()}
    penalty = found.get("activity_regularizer")
    if isinstance(penalty, Mapping) and penalty.get("class_name") in ("L1", "L2", "L1L2"):
        found["activity_regularizer"] = {**penalty, "class_name": SummedL1L2.__name__}
    if found.get("class_name") == "ActivityRegularization":
        found["class_name"] = SummedActivityRegularization.__name__
    return found


family.register(SummedL1L2, SummedPenalty)
