"""What the type of a field asks of its value.

`Annotated[float, Within(0, 1)]` bounds a number, `Annotated[str, OneOf("same", "valid")]` lists
names, `Annotated[Any, Convert(f)]` makes the value by a function. Plain `int` and `float` ask for
just that. Messages name the class and the field.
"""

import types
from collections.abc import Callable
from typing import Annotated, Any, Union, get_args, get_origin

import numpy as np

from cornu.errors import UsageError, UsageTypeError, shown, suggestion


class Convert:
    """In `Annotated[type, Convert(f)]`: `f(value)` makes the field's value."""

    def __init__(self, fn: Callable[[Any], Any]):
        self.fn = fn

    def __call__(self, value: Any, owner: str, name: str) -> Any:
        try:
            return self.fn(value)
        except (UsageError, UsageTypeError) as error:
            error.add_note(f'(argument "{name}" of {owner})')
            raise


class Within:
    """In `Annotated[float, Within(0, 1)]`: bounds of a number; ends belong to it unless `open`."""

    def __init__(self, low: float | None = None, high: float | None = None, open: str = ""):
        self.low, self.high, self.open = low, high, open

    def __call__(self, value: Any, owner: str, name: str) -> Any:
        if value is None or not isinstance(value, (int, float, np.number)):
            return value
        above = self.low is None or value > self.low or (value == self.low and "(" not in self.open)
        below = (
            self.high is None or value < self.high or (value == self.high and ")" not in self.open)
        )
        if above and below:
            return value
        percent = self.high == 1 and 5 <= value <= 100
        hint = f" Did you mean {value / 100:g}?" if percent else ""
        raise UsageError(
            "E-RANGE", f"{owner}: {name} must be {self.words()}; got {shown(value)}.{hint}"
        )

    def words(self) -> str:
        """The bounds as a person says them."""
        above, below = ">" if "(" in self.open else ">=", "<" if ")" in self.open else "<="
        if self.low is None or self.high is None:
            return f"{below} {self.high}" if self.low is None else f"{above} {self.low}"
        brackets = "(" if "(" in self.open else "[", ")" if ")" in self.open else "]"
        return f"in {brackets[0]}{self.low}, {self.high}{brackets[1]}"


class OneOf:
    """In `Annotated[str, OneOf("same", "valid")]`: the names a field may have, in lower case."""

    def __init__(self, *names: str):
        self.names = names

    def __call__(self, value: Any, owner: str, name: str) -> Any:
        lowered = value.lower() if isinstance(value, str) else value
        if value is None or lowered in self.names:
            return lowered
        raise UsageError(
            "E-CHOICE",
            f"{owner}: {name} must be one of {', '.join(map(repr, self.names))}; "
            f"got {shown(value)}. {suggestion(str(value), self.names)}".rstrip(),
        )


def _whole(value: Any, owner: str, name: str) -> Any:
    if value is None or (isinstance(value, (int, np.integer)) and not isinstance(value, bool)):
        return value if value is None else int(value)
    number = isinstance(value, (float, np.floating))
    hint = f" Use {round(float(value))}." if number and abs(value) < 1e9 else ""
    if isinstance(value, str) and value.strip().isdigit():
        hint = f" Use {value.strip()} without quotes."
    raise UsageTypeError("E-TYPE", f"{owner}: {name} must be an int; got {shown(value)}.{hint}")


def _number(value: Any, owner: str, name: str) -> Any:
    if isinstance(value, str) or isinstance(value, bool):
        raise UsageTypeError("E-TYPE", f"{owner}: {name} must be a number; got {shown(value)}.")
    return value.item() if isinstance(value, np.generic) else value  # np.float64 would widen


def converter(hint: Any) -> Callable | None:
    """The conversion `(value, owner, field name) -> value` that a type hint asks for, or None."""
    if get_origin(hint) is Annotated:
        base, *marks = get_args(hint)
        steps = [converter(base), *(m for m in marks if isinstance(m, (Convert, Within, OneOf)))]
        return _chain([step for step in steps if step])
    if get_origin(hint) in (Union, types.UnionType):
        members = [a for a in get_args(hint) if a is not type(None)]
        return _optional(converter(members[0])) if len(members) == 1 else None
    return {int: _whole, float: _number}.get(hint)


def _optional(convert: Callable | None) -> Callable | None:
    """The same conversion, with None let through."""
    if convert is None:
        return None
    return lambda value, owner, name: None if value is None else convert(value, owner, name)


def _chain(steps: list[Callable]) -> Callable:
    def convert(value: Any, owner: str, name: str) -> Any:
        for step in steps:
            value = step(value, owner, name)
        return value

    return convert
