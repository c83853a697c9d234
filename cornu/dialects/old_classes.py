"""Classes by the names they had: what `keras.layers.TimeDistributedDense` is.

The names are those of the rows of `keras0`, `keras1` and `keras2` that no class has today.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

from cornu import config
from cornu.dialects.spellings import table
from cornu.dialects.table import made

__all__ = ["OldClass", "named"]

ALSO = {
    "AtrousConv1D": "AtrousConvolution1D",
    "AtrousConv2D": "AtrousConvolution2D",
    "Deconv2D": "Deconvolution2D",
}
"""Shorter names of later years for the same classes."""

KINDS = ("constraints", "layers", "optimizers", "regularizers")


class OldClass:
    """A class by its old name: a call makes an object of today's class, by the rows of that name.

    `isinstance` and `issubclass` ask today's class, and a class made from it is made from that.
    """

    def __init__(self, name: str, present: type) -> None:
        self.__name__ = self.__qualname__ = name
        self.__doc__ = f"What {present.__name__} was called.\n\n{present.__doc__ or ''}"
        self.__wrapped__ = present

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return made(self.__name__, *args, **kwargs)

    def __instancecheck__(self, instance: Any) -> bool:
        return isinstance(instance, self.__wrapped__)

    def __subclasscheck__(self, cls: type) -> bool:
        return issubclass(cls, self.__wrapped__)

    def __mro_entries__(self, bases: tuple) -> tuple[type, ...]:
        return (self.__wrapped__,)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__wrapped__, name)

    def __reduce__(self) -> tuple:
        kind = self.__wrapped__.wire_module.removeprefix("keras.")  # pyright: ignore
        return _of_kind, (kind, self.__name__)

    def __repr__(self) -> str:
        return f"<{self.__name__}, today {self.__wrapped__.__name__}>"


def __getattr__(kind: str) -> Any:
    if kind in KINDS:
        return named(kind)
    raise AttributeError(f"module '{__name__}' has no attribute '{kind}'")


def _of_kind(kind: str, name: str) -> OldClass:
    return named(kind)[name]


@cache
def named(kind: str) -> dict[str, OldClass]:
    """Old name -> class, for "layers", "optimizers", "regularizers" or "constraints"."""
    found = {name: OldClass(name, cls) for name, cls in _present() if _kind(cls) == kind}
    return found | {name: found[full] for name, full in ALSO.items() if full in found}


def _present() -> Iterator[tuple[str, type]]:
    for name in table.by_name:
        if name.isidentifier() and name != table.present_name(name):
            found = config.classes_named(table.present_name(name))
            if found:
                yield name, found[-1]


def _kind(cls: Any) -> str:
    return cls.wire_module.removeprefix("keras.").split(".")[0]
