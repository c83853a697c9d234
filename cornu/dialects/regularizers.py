"""Penalties on activities as Keras 1.2 to 2.3 had them: summed over the batch.

Before and after that time they were divided by the number of rows, as today.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from cornu.layers import ActivityRegularization
from cornu.regularizers import L1L2, family

__all__ = ["SummedActivityRegularization", "SummedL1L2", "summed"]

GENERATIONS = ("1.2", "2.0", "2.2", "2.3")
"""Those that summed; Keras 2.4, on TensorFlow, did not."""


class SummedL1L2(L1L2):
    """`n (l1 sum |x| + l2 sum x^2)` for the n rows of x, which a layer divides by n."""

    stands_for: ClassVar[type] = L1L2

    def __call__(self, x: Any) -> Any:
        return super().__call__(x) * x.shape[0]


class SummedActivityRegularization(ActivityRegularization):
    """`x`, with `l1 sum |x| + l2 sum x^2` added to the loss."""

    stands_for: ClassVar[type] = ActivityRegularization

    def set_up(self) -> None:
        """Make the regularizer."""
        super().set_up()
        self.activity_regularizer = SummedL1L2(l1=self.l1, l2=self.l2)


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


family.register(SummedL1L2)
