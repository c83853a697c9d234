"""Old names on classes of today: put there by `spellings.register`, and wholly taken back.

A patch is an attribute for a class (or a module): a method that takes old arguments too, or a name
that only older generations had. While none is put the classes are as they are written.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from typing import Any, NamedTuple

from cornu.dialects.table import _warn_once
from cornu.errors import UsageTypeError

__all__ = ["Patch", "Patches", "Unset", "respelt", "tell"]


def tell(spelt: str, today: str) -> None:
    """Warn of a spelling, once, with what it is today."""
    _warn_once((spelt,), f"{spelt} is an old spelling. Today: {today}")


def respelt(
    who: str,
    today: Callable,
    names: Mapping[str, str],
    values: Mapping[str, Mapping] | None = None,
) -> Callable:
    """A function that takes old names of arguments too, with a word about them.

    `values`: old name -> {old value: today's}. Raises UsageTypeError where both names are given.
    """

    @wraps(today)
    def call(*args: Any, **kwargs: Any) -> Any:
        for old, new in names.items():
            if old not in kwargs:
                continue
            if new in kwargs:
                raise UsageTypeError(
                    "E-ARGUMENTS", f"{who}() was given {new} twice, as {old} too. Give {new} alone."
                )
            value = kwargs.pop(old)
            changed = (values or {}).get(old, {})
            kwargs[new] = changed.get(value, value) if isinstance(value, str) else value
            tell(f"{who}({old})", f"{who}({new}=…)")
        return today(*args, **kwargs)

    return call


class Patch(NamedTuple):
    """An attribute that a class has while old spellings are taken."""

    owner: Any
    name: str
    value: Any


ABSENT = object()


class Patches:
    """Patches that are put and taken together."""

    def __init__(self) -> None:
        self.known: list[Patch] = []
        self._before: list[Patch] = []

    def add(self, patches: Iterable[Patch]) -> None:
        """Add some, to be put from the next `put` on."""
        self.known += patches

    def put(self) -> None:
        """Set every attribute, remembering what was there; nothing where that was done already."""
        if self._before:
            return
        for owner, name, value in self.known:
            self._before.append(Patch(owner, name, vars(owner).get(name, ABSENT)))
            setattr(owner, name, value)

    def take(self) -> None:
        """Have every class as it was."""
        while self._before:
            owner, name, value = self._before.pop()
            if value is ABSENT:
                delattr(owner, name)
            else:
                setattr(owner, name, value)


class Unset:
    """An attribute that has a value before it is set: `make(owner)`, kept where `keep` is true.

    What an instance sets stands before it, as Python looks there first.
    """

    def __init__(self, name: str, make: Callable[[Any], Any], keep: bool = False):
        self.name, self.make, self.keep = name, make, keep

    def __get__(self, owner: Any, cls: type | None = None) -> Any:
        if owner is None:
            return self
        value = self.make(owner)
        if self.keep:
            owner.__dict__[self.name] = value
        return value
