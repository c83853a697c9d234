"""Numeric fields of optimizers, held in Variables so that changing one compiles nothing anew."""

from collections.abc import Callable, Mapping
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import numpy as np

from cornu.config import Within
from cornu.errors import UsageError, UsageTypeError, shown
from cornu.optimizers import schedules
from cornu.optimizers.schedules import LearningRateSchedule
from cornu.state import Variable

Rate = float | LearningRateSchedule | Callable[[], Any]
Fraction = Annotated[float, Within(0, 1)]
NotNegative = Annotated[float, Within(0)]


class Cell:
    """A numeric field of an optimizer, held in a 0-d Variable; None means that it is not in use.

    Reading gives the Variable, setting a number assigns to it.
    """

    def __init__(self, name: str, default: Any, optional: bool = False):
        self.name, self.default, self.optional = name, default, optional

    def __get__(self, owner: Any, cls: type | None = None) -> Any:
        if owner is None:
            return self.default
        if self.name not in owner.__dict__:
            raise AttributeError(f"{type(owner).__name__}.{self.name} has not been set")
        return owner.__dict__[self.name]

    def __set__(self, owner: Any, value: Any) -> None:
        held = owner.__dict__.get(self.name)
        if value is None and self.optional:
            owner.__dict__[self.name] = None
        elif isinstance(held, Variable):
            held.assign(checked_number(owner, self.name, value))
        else:
            number = checked_number(owner, self.name, value)
            owner.__dict__[self.name] = owner._cell(self.name, number)


class RateCell(Cell):
    """The learning rate: a Cell, or a schedule or function whose present value is read."""

    def __get__(self, owner: Any, cls: type | None = None) -> Any:
        held = super().__get__(owner, cls)
        if owner is None or isinstance(held, Variable):
            return held
        if isinstance(held, LearningRateSchedule):
            return held(owner._iterations.value)
        return held()

    def __set__(self, owner: Any, value: Any) -> None:
        if isinstance(value, Mapping):
            value = schedules.deserialize(value)
        held = owner.__dict__.get(self.name)
        if callable(value) and not isinstance(value, Variable):
            owner.__dict__[self.name] = value
        elif held is None or isinstance(held, Variable):
            super().__set__(owner, checked_rate(owner, value))
        else:
            raise UsageTypeError(
                "E-LEARNING-RATE",
                f"{type(owner).__name__} follows {shown(held)}, so its learning rate cannot be "
                f"set to {shown(value)}. Make the optimizer with a number, as in "
                f"{type(owner).__name__}(learning_rate=0.01), to set it later.",
            )


def checked_number(owner: Any, name: str, value: Any) -> Any:
    """`value`, if it is one number. Raises UsageTypeError."""
    if isinstance(value, (Variable, int, float, np.number)) and not isinstance(value, bool):
        return value
    if np.shape(value) == () and getattr(value, "dtype", None) is not None:
        return value
    raise UsageTypeError(
        "E-TYPE", f"{type(owner).__name__}: {name} must be a number; got {shown(value)}."
    )


def checked_rate(owner: Any, value: Any) -> Any:
    """`value`, if it can be a learning rate. Raises UsageError and UsageTypeError."""
    if isinstance(value, str):
        raise UsageTypeError(
            "E-LEARNING-RATE",
            f"learning_rate must be a number, a schedule or a function; got {shown(value)}. "
            f"Write it without quotes, as in {type(owner).__name__}(learning_rate=0.01).",
        )
    value = checked_number(owner, "learning_rate", value)
    if isinstance(value, (int, float, np.number)) and not value >= 0:
        raise UsageError("E-LEARNING-RATE", f"learning_rate must be > 0, got {float(value)}.")
    return value


def install(cls: type, annotations: Mapping[str, Any]) -> None:
    """Replace the defaults of float fields that `cls` declares by Cells."""
    for name, hint in annotations.items():
        if name == "learning_rate":
            setattr(cls, name, RateCell(name, cls.__dict__.get(name)))
        elif name in cls.fields and _is_float(hint):  # pyright: ignore
            optional = "None" in hint if isinstance(hint, str) else type(None) in _leaves(hint)
            setattr(cls, name, Cell(name, cls.__dict__.get(name), optional))


def _is_float(hint: Any) -> bool:
    if isinstance(hint, str):
        return hint.split("|")[0].strip() in ("float", "Fraction", "NotNegative")
    return _leaves(hint)[0] is float


def _leaves(hint: Any) -> list:
    """The plain types in an annotation: `Annotated[float | None, ...]` -> float, NoneType."""
    if get_origin(hint) is Annotated:
        return _leaves(get_args(hint)[0])
    if get_origin(hint) in (Union, UnionType):
        return [leaf for member in get_args(hint) for leaf in _leaves(member)]
    return [hint]


def plain(cell: Variable) -> float:
    """The shortest number that gives the cell's value again: 0.001, not 0.0010000000474974513."""
    return float(str(cell.numpy()))
