"""Constraints: functions that put a weight back where it must be, after each update.

`axis` names the axes whose entries make one vector: 0 for a `(inputs, units)` kernel bounds each
unit's incoming weights, `(0, 1, 2)` does for a `(height, width, inputs, units)` kernel.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from cornu import engine, settings
from cornu.config import Configurable, Convert, Family, Within
from cornu.errors import UsageError, UsageTypeError, shown
from cornu.graph import op
from cornu.ops.array import as_array

__all__ = [
    "Constraint",
    "MaxNorm",
    "MinMaxNorm",
    "NonNeg",
    "UnitNorm",
    "deserialize",
    "get",
    "max_norm",
    "min_max_norm",
    "non_neg",
    "serialize",
    "unit_norm",
]


def _axis(value: Any) -> Any:
    """An int, or a list of ints from a list or tuple; None is all axes."""
    if value is None or isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, (list, tuple)) and all(isinstance(a, int) for a in value):
        return list(value)
    raise UsageTypeError(
        "E-AXIS", f"axis must be an int or ints, as in 0 or [0, 1, 2]; got {shown(value)}."
    )


Axis = Annotated[Any, Convert(_axis)]


class Constraint(Configurable):
    """A map of a weight to an allowed weight. Subclasses write `__call__(w)`.

    Example:
        >>> class AtMostOne(Constraint):
        ...     def __call__(self, w):
        ...         return ops.minimum(w, 1)
    """

    wire_module = "keras.constraints"

    def __call__(self, w: Any) -> Any:
        """The allowed weight nearest to `w`, of the same shape."""
        raise NotImplementedError(f"{type(self).__name__} has no __call__ method.")


@op
def renormed(w: Any, low: float, high: float, rate: float, axis: Any) -> Any:
    """`w` with its norms over `axis` moved into [low, high] by the share `rate` of the way."""
    np = engine.np
    w = as_array(w)
    axis = tuple(axis) if isinstance(axis, list) else axis
    norms = np.sqrt(np.sum(np.square(w), axis=axis, keepdims=True))
    wanted = np.clip(norms, low, high)
    if rate != 1:
        wanted = rate * wanted + (1 - rate) * norms
    return w * (wanted / (settings.epsilon() + norms))


@op
def without_negatives(w: Any) -> Any:
    """`w` with 0 for what is negative."""
    w = as_array(w)
    return engine.np.where(w < 0, 0, w)


class MaxNorm(Constraint):
    """Norms over `axis` are at most `max_value`. Source: Srivastava et al., JMLR 2014."""

    max_value: Annotated[float, Within(0)] = 2
    axis: Axis = 0

    def __call__(self, w: Any) -> Any:
        return renormed(w, 0.0, self.max_value, 1.0, self.axis)


class NonNeg(Constraint):
    """Weights are not negative."""

    def __call__(self, w: Any) -> Any:
        return without_negatives(w)


class UnitNorm(Constraint):
    """Norms over `axis` are 1."""

    axis: Axis = 0

    def __call__(self, w: Any) -> Any:
        return renormed(w, 1.0, 1.0, 1.0, self.axis)


class MinMaxNorm(Constraint):
    """Norms over `axis` move into [min_value, max_value], by the share `rate` at each update.

    Raises UsageError where `max_value < min_value`.
    """

    min_value: Annotated[float, Within(0)] = 0.0
    max_value: Annotated[float, Within(0)] = 1.0
    rate: Annotated[float, Within(0, 1)] = 1.0
    axis: Axis = 0

    def set_up(self) -> None:
        """Hold the bounds against each other."""
        if self.max_value < self.min_value:
            raise UsageError(
                "E-RANGE",
                f"MinMaxNorm: max_value must be >= min_value; got min_value={self.min_value}, "
                f"max_value={self.max_value}.",
            )

    def __call__(self, w: Any) -> Any:
        return renormed(w, self.min_value, self.max_value, self.rate, self.axis)


max_norm = MaxNorm
min_max_norm = MinMaxNorm
non_neg = NonNeg
unit_norm = UnitNorm

family = Family("constraint", Constraint)
family.register(MaxNorm, MinMaxNorm, NonNeg, UnitNorm)


def get(identifier: Any) -> Any:
    """A constraint from a name, config, class, object or function `w -> w`; None stays.

    Raises UsageError for an unknown name, with the nearest one.
    """
    return family.get(identifier)


def serialize(constraint: Constraint | Callable | None) -> Any:
    """The plain form of a constraint."""
    return family.serialize(constraint)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The constraint that a plain form describes. Raises UsageError for an unknown name."""
    return family.deserialize(config, custom_objects)
