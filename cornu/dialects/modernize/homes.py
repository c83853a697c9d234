"""Where a name of Keras lives today: the tables of `paths`, read the other way round."""

import inspect
from functools import cache
from typing import Any, NamedTuple

from cornu.dialects import modules
from cornu.dialects.old_classes import OldClass
from cornu.dialects.paths import PATHS
from cornu.dialects.spellings import table

__all__ = [
    "MODERN",
    "ROOTS",
    "SUCCESSORS",
    "Ref",
    "below_root",
    "module_home",
    "of_today",
    "resolve",
]

ROOTS = ("tensorflow.python.keras", "tensorflow.keras", "tf_keras", "keras")
"""What `import keras` was called; the longest first where one begins another."""

MODERN = (*(path for path, sources in PATHS.items() if sources.split()[:1] == [path]), "")
"""Paths of today: each is a module of the same name."""

GONE = ("backend", "wrappers.scikit_learn")
"""Paths that are there for old code: nothing is moved to them."""

SUCCESSORS = {
    ("wrappers.scikit_learn", f"Keras{kind}"): f"keras.wrappers.SKLearn{kind} takes build_fn as "
    "model, its arguments as model_kwargs and those of fit as fit_kwargs"
    for kind in ("Classifier", "Regressor")
}
"""Path and name -> what does the same today, though no call can be told word by word."""


class Ref(NamedTuple):
    """What a dotted name in a script means.

    Args:
        path: the module, by its path in `paths`.
        name: the name in it; "" for the module itself.
        value: what that is, if Cornu has it.
        rest: attributes that follow.
        home: path and name of today; None where there is none, or none is known.
    """

    path: str
    name: str = ""
    value: Any = None
    rest: tuple[str, ...] = ()
    home: tuple[str, str] | None = None


def below_root(dotted: str) -> str | None:
    """What follows the name of Keras in a dotted name; None for what is not Keras's."""
    for root in ROOTS:
        if dotted == root or dotted.startswith(f"{root}."):
            return dotted[len(root) + 1 :]
    return None


@cache
def resolve(dotted: str) -> Ref | None:
    """What a dotted name that begins with a name of Keras means; None for anything else."""
    below = below_root(dotted)
    if below is None:
        return None
    parts = below.split(".") if below else []
    for count in range(len(parts), -1, -1):
        path = modules.canonical(".".join(parts[:count]))
        if path is None:
            continue
        if count < len(parts) and modules._home(path, parts[count])[0]:
            return _thing(path, parts[count], tuple(parts[count + 1 :]))
        shadowed = count and _is_name(parts[:count])
        if not shadowed and (count == len(parts) or path in PATHS):
            name, *rest = parts[count:] or [""]
            known = module_home(path)
            return Ref(path, name, None, tuple(rest), None if known is None else (known, name))
    return None


def _is_name(parts: list[str]) -> bool:
    """Whether a dotted name is a function or class, which a module may be called like too."""
    above = modules.canonical(".".join(parts[:-1]))
    return above is not None and bool(modules._home(above, parts[-1])[0])


def _thing(path: str, name: str, rest: tuple[str, ...]) -> Ref:
    value = of_today(modules.value(path, name))
    return Ref(path, name, value, rest, _home(path, name, value))


def _home(path: str, name: str, value: Any) -> tuple[str, str] | None:
    """Path and name of today for what a path has under a name."""
    called = value.__name__ if isinstance(value, OldClass) else name
    today = table.present_name(called)
    thing = value.__wrapped__ if isinstance(value, OldClass) else value
    names = [today] if inspect.isclass(thing) else [name, getattr(thing, "__name__", name)]
    near = [path, module_home(path) or path, *MODERN]
    for each in names:
        for place in near:
            if place in MODERN and (place == path or place not in GONE):
                if _stands(place, each, thing):
                    return place, each
    return None


def _stands(path: str, name: str, value: Any) -> bool:
    """Whether this is what a path of today has under a name, without the dialects' help."""
    source = modules._home(path, name)[0]
    found = modules.value(path, name) if source else None
    own = bool(source) and (not source.startswith("dialects.") or of_today(found) is not found)
    return own and of_today(found) is value


def of_today(value: Any) -> Any:
    """The function of today for one that takes older arguments too."""
    return getattr(value, "stands_for", value) if inspect.isfunction(value) else value


@cache
def module_home(path: str) -> str | None:
    """The path of today for a module; None where its names are in several."""
    if path in MODERN:
        return path
    first = PATHS[path].split()[:1]
    return first[0] if first and first[0] in MODERN else None
