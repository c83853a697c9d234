"""A call of today beside that of then, and the reasons for each difference."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from inspect import signature
from types import SimpleNamespace
from typing import Any

from cornu.dialects.layers import HARD_SIGMOID
from cornu.dialects.table import Row, _positional

__all__ = ["Telling", "explain", "order_of"]


@dataclass
class Telling:
    """A call of today, and what has changed.

    Args:
        target: today's class or function.
        name: what that is called.
        given: the arguments by the names that they had.
        found: the same by today's names.
        why: for each difference, a clause.
        notes: what cannot be had any more, or cannot be decided.
        assumed: arguments that a generation took for granted, and today's default does not.
        came: for names in `found`, the names in `given` that they came from.
        ends: for a tuple of several, the last of them.
    """

    target: Any
    name: str
    given: dict[str, Any]
    found: dict[str, Any]
    why: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    assumed: Sequence[str] = ()
    came: dict[str, str] = field(default_factory=dict)
    ends: dict[str, str] = field(default_factory=dict)


def explain(made: Telling, rows: Sequence[Row], positional: int) -> None:
    """Say for each argument what has become of it; the first `positional` were given so."""
    renamed = {old: new for row in rows for old, new in row.rename.items()}
    places = dict(zip(list(made.given)[:positional], order_of(made.target), strict=False))
    fused = {part: pair for row in rows for pair in row.fuse.items() for part in pair[1]}
    rest = []
    for name, value in made.given.items():
        new = renamed.get(name, name)
        if new in made.found:
            made.came.setdefault(new, name)
            _same_or_renamed(made, name, new, value, places.get(name, name) == new)
        elif name in fused and fused[name][0] in made.found:
            whole, parts = fused[name]
            made.came.setdefault(whole, name)
            made.ends[whole] = name
            made.why.append(f"{', '.join(parts)} are {whole}")
        else:
            rest.append(name)
    _gone(made, rows, rest, renamed)
    made.why = list(dict.fromkeys(made.why))


def _same_or_renamed(made: Telling, name: str, new: str, value: Any, in_place: bool) -> None:
    now = made.found[new]
    clauses = [f"{name} is {new}"] if name != new else []
    if now is not value:
        today = "the hard sigmoid of then" if _is_hard(now) else repr(now)
        clauses.append(f"{'' if clauses else f'{name}: '}{value!r} is {today}")
    if not in_place or now is not value:
        made.why.append(", ".join(clauses) or f"{name} is given by name")


def _is_hard(value: Any) -> bool:
    return isinstance(value, str) and value == HARD_SIGMOID


def _gone(made: Telling, rows: Sequence[Row], rest: Sequence[str], renamed: dict[str, str]) -> None:
    """Say of arguments that have no successor of their own what they have become."""
    splits = {old: split for row in rows for old, split in row.split.items()}
    dropped = {name for row in rows for name in row.drop}
    for name in [name for name in rest if name in splits and name not in dropped]:
        into = [each for each in splits[name](made.given[name]) if each in made.found]
        made.came.update(dict.fromkeys(into, name))
        made.why.append(f"{name} is {', '.join(into)}" if into else f"{name} says nothing today")
    made.why += [f"{name} says nothing today" for name in rest if name in dropped]
    unsaid = [name for name in rest if name not in splits and name not in dropped]
    new = [name for name in made.found if name not in made.came and name not in made.assumed]
    changed = [new for new, old in made.came.items() if made.found[new] is not made.given[old]]
    for place, name in enumerate(unsaid):
        into = new[place : place + 1] if len(new) == len(unsaid) else new or changed
        made.came.update({each: name for each in into if each in new})
        made.why.append(f"{name} is said by {' and '.join(into)}" if into else f"{name} has gone")


def order_of(target: Any) -> list[str]:
    """Names of today's positional arguments of a class or function."""
    if isinstance(target, type):
        return _positional(target)
    found = _positional(SimpleNamespace(__init__=target))
    first = next(iter(signature(target).parameters), "")
    return found if first in ("self", "cls") else [first, *found]
