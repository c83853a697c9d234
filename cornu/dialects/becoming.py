"""Objects that a script makes of the class that its generation had under that name.

`BatchNormalization(…)` trains otherwise in each time, `RMSprop(…)` adds epsilon elsewhere. What an
old constructor call meant is found out before the object is set up: it becomes one of that class.
A class that a script derives from one of these is left as it is, and so is what a file describes:
files say what they mean by their version.
"""

import functools
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from cornu import config, initializers, layers, optimizers, settings
from cornu.dialects import generations
from cornu.dialects.described import is_described
from cornu.dialects.initializers import OLDER_DRAWS
from cornu.dialects.normalization import class_in
from cornu.dialects.optimizers import DECAYING
from cornu.dialects.patches import Patch
from cornu.dialects.regularizers import SummedActivityRegularization
from cornu.dialects.regularizers import applies as sums
from cornu.dialects.table import described
from cornu.dialects.theano import CONVOLUTIONS, POOLINGS, as_theano

__all__ = ["PATCHES", "meant"]

Rule = Callable[[Any, dict], str | None]
"""Today's class and arguments, as told by the rows, -> name of the class of then, or None."""


def _normalization(cls: Any, found: Mapping[str, Any]) -> str | None:
    return class_in(generations.current(), settings.backend() == "theano")


def _summed(cls: Any, found: Mapping[str, Any]) -> str | None:
    return SummedActivityRegularization.__name__ if sums() else None


def _of_theano(cls: Any, found: Mapping[str, Any]) -> str | None:
    return as_theano(cls.__name__, found) if generations.before("3") else None


def _draws(cls: Any, found: Mapping[str, Any]) -> str | None:
    return OLDER_DRAWS.get(generations.current(), {}).get(cls.__name__)


RULES: Mapping[type, Rule | None] = {
    layers.BatchNormalization: _normalization,
    layers.ActivityRegularization: _summed,
    layers.UpSampling2D: None,
    layers.Embedding: None,
    **{getattr(layers, name): _of_theano for name in sorted(CONVOLUTIONS | POOLINGS)},
    **{getattr(optimizers, name): None for name in (*DECAYING, "Nadam")},
    **{
        getattr(initializers, name): _draws
        for name in sorted({name for names in OLDER_DRAWS.values() for name in names})
    },
}
"""Class of today -> what else is to be asked than the rows of its constructor."""


def meant(cls: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
    """The class of which a constructor call of `cls` made an object in the generation in force."""
    if args or kwargs:
        return _meant(cls, args, kwargs)
    return _meant_by_default(cls, generations.current(), settings.backend())


@functools.cache
def _meant_by_default(cls: Any, generation: str, backend: str) -> Any:
    """`meant` of a call without arguments, of which every layer makes some."""
    return _meant(cls, (), {})


def _meant(cls: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
    rule = RULES[cls]
    if rule is _of_theano and settings.backend() != "theano":
        return cls
    fits = kwargs.keys() <= {*cls.fields, *cls.options}
    if fits and generations.current() == "3":
        return cls
    found = described(cls, args, kwargs)
    if found is None:
        return cls
    name = found.pop("class_name", None)
    if name is None and rule is not None:
        name = rule(cls, found)
    return cls if name in (None, cls.__name__) else config.classes_named(name)[-1]


def _differs_in(cls: Any) -> Collection[str]:
    """Generations in which a call may have meant another class."""
    if RULES[cls] is not _draws:
        return generations.GENERATIONS
    return [then for then, names in OLDER_DRAWS.items() if cls.__name__ in names]


def _constructor(cls: Any) -> Callable[..., None]:
    today, differs = cls.__init__, frozenset(_differs_in(cls))

    @functools.wraps(today)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        other = cls
        if generations.current() in differs and type(self) is cls and not is_described(cls):
            other = meant(cls, args, kwargs)
        if other is cls:
            today(self, *args, **kwargs)
            return
        self.__class__ = other
        other.__init__(self, *args, **kwargs)

    return __init__


PATCHES: Sequence[Patch] = tuple(Patch(cls, "__init__", _constructor(cls)) for cls in RULES)
