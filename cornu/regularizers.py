"""Penalties on weights or activities: functions from an array to a scalar that joins the loss."""

import math
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from cornu import engine
from cornu.config import Configurable, Convert, Family, OneOf
from cornu.errors import UsageError, shown
from cornu.graph import op
from cornu.ops.array import as_float

__all__ = [
    "L1",
    "L1L2",
    "L2",
    "OrthogonalRegularizer",
    "Regularizer",
    "deserialize",
    "get",
    "l1",
    "l1_l2",
    "l2",
    "orthogonal_regularizer",
    "serialize",
]


def _factor(value: Any) -> float:
    """A finite number >= 0 as a Python float."""
    try:
        number = math.nan if isinstance(value, (str, bool)) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not 0 <= number < math.inf:
        raise UsageError(
            "E-RANGE", f"a penalty must be a finite number >= 0, as in 0.01; got {shown(value)}."
        )
    return number


Factor = Annotated[Any, Convert(lambda value: _factor(0.01 if value is None else value))]
OptionalFactor = Annotated[Any, Convert(lambda value: _factor(0.0 if value is None else value))]


class Regularizer(Configurable):
    """A penalty. Subclasses write `__call__(x)`, which returns a scalar.

    Example:
        >>> class Mean(Regularizer):
        ...     def __call__(self, x):
        ...         return 0.1 * ops.mean(x)
    """

    wire_module = "keras.regularizers"

    def __call__(self, x: Any) -> Any:
        """The penalty, a scalar, for an array, Variable or Tensor."""
        raise NotImplementedError(f"{type(self).__name__} has no __call__ method.")


@op
def absolute_penalty(x: Any, factor: float) -> Any:
    """`factor * sum(|x|)`."""
    return factor * engine.np.sum(engine.np.abs(as_float(x)))


@op
def square_penalty(x: Any, factor: float) -> Any:
    """`factor * sum(x**2)`."""
    return factor * engine.np.sum(engine.np.square(as_float(x)))


@op
def orthogonality_penalty(x: Any, factor: float, mode: str) -> Any:
    """`factor` times the mean `|cos|` between all pairs of rows or columns of a matrix."""
    np, x = engine.np, as_float(x)
    x = x if mode == "rows" else x.T
    count = x.shape[0]
    if count < 2:
        return np.zeros((), x.dtype)
    unit = x / np.sqrt(np.maximum(np.sum(x * x, axis=1, keepdims=True), 1e-12))
    cosines = np.abs(engine.matmul(unit, unit.T)) * (1 - np.eye(count, dtype=x.dtype))
    return factor * np.sum(cosines) / (count * (count - 1))


class L1(Regularizer):
    """`l1 * sum(|x|)`."""

    l1: Factor = 0.01

    def __call__(self, x: Any) -> Any:
        return absolute_penalty(x, self.l1)


class L2(Regularizer):
    """`l2 * sum(x**2)`."""

    l2: Factor = 0.01

    def __call__(self, x: Any) -> Any:
        return square_penalty(x, self.l2)


class L1L2(Regularizer):
    """`l1 * sum(|x|) + l2 * sum(x**2)`."""

    l1: OptionalFactor = 0.0
    l2: OptionalFactor = 0.0

    def __call__(self, x: Any) -> Any:
        if not self.l1:
            return square_penalty(x, self.l2)
        if not self.l2:
            return absolute_penalty(x, self.l1)
        return absolute_penalty(x, self.l1) + square_penalty(x, self.l2)


class OrthogonalRegularizer(Regularizer):
    """`factor` times the mean `|cos|` between pairs of "rows" or "columns" of a matrix.

    Raises UsageError for an array that is no matrix. Source: Brock et al., ICLR 2017 (idea).
    """

    factor: Factor = 0.01
    mode: Annotated[str, OneOf("rows", "columns")] = "rows"

    def __call__(self, x: Any) -> Any:
        shape = tuple(x.shape)
        if len(shape) != 2:
            raise UsageError(
                "E-SHAPE", f"OrthogonalRegularizer takes matrices; got the shape {shape}."
            )
        return orthogonality_penalty(x, self.factor, self.mode)


l1 = L1
l2 = L2
l1_l2 = L1L2
orthogonal_regularizer = OrthogonalRegularizer

family = Family("regularizer", Regularizer)
family.register(L1, L2, L1L2, OrthogonalRegularizer)


def get(identifier: Any) -> Any:
    """A regularizer from a name, config, class, object or function `x -> scalar`; None stays.

    Raises UsageError for an unknown name, with the nearest one.
    """
    return family.get(identifier)


def serialize(regularizer: Regularizer | Callable | None) -> Any:
    """The plain form of a regularizer."""
    return family.serialize(regularizer)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The regularizer that a plain form describes. Raises UsageError for an unknown name."""
    return family.deserialize(config, custom_objects)
