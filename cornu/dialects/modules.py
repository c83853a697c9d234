"""What `import keras.PATH` finds: the walk over the tables of `paths`.

Nothing of Cornu is imported before a name of it is asked for.
"""

import importlib
from collections.abc import Collection, Mapping
from functools import cache
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from cornu.dialects import generations
from cornu.dialects.absent import reason
from cornu.dialects.paths import BEFORE_3, NAMES, OPEN, PATHS, PREFIXES, VERSIONS
from cornu.errors import suggestion

__all__ = ["canonical", "children", "load", "missing", "missing_path", "names", "present", "value"]

# ---------------------------------------------------------------- paths


def canonical(path: str) -> str | None:
    """The path of this table that another one means; None for a path of no generation."""
    plain = PREFIXES.sub("", path)
    known = plain
    while known and known not in PATHS:
        known = known.rpartition(".")[0]
    further = plain != path or known in OPEN  # one that has files of its own, each in small letters
    fits = known and further and plain[len(known) :].islower()
    return known if known == plain or fits else None


def children(path: str) -> list[str]:
    """The names of the modules right below a path."""
    start = f"{path}." if path else ""
    below = (p.removeprefix(start) for p in PATHS if p and p.startswith(start))
    return sorted({name for name in below if "." not in name})


@cache
def present(path: str) -> bool:
    """Whether this version of Cornu has anything of a path."""
    if path in NAMES or any(_exists(source) for source in PATHS[path].split()):
        return True
    return any(present(_below(path, name)) for name in children(path))


def missing_path(path: str) -> str:
    """What to say where `keras.PATH` cannot be imported."""
    known = canonical(path)
    if known is not None:
        instead = reason(known, "*")
        return f"keras.{known} is not part of {_this_version()}{f': {instead}' if instead else ''}"
    parent, _, name = path.rpartition(".")
    above = canonical(parent)
    return missing_path(parent) if above is None else missing(above, name)


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


# ---------------------------------------------------------------- names


def value(path: str, name: str) -> Any:
    """What `keras.PATH.NAME` is. Raises AttributeError, with the nearest name."""
    if name == "__version__" and not path:
        return VERSIONS[generations.current()]
    source, attribute = _home(path, name)
    if source:
        return _taken(source, attribute)
    if "backend" in PATHS[path].split():
        return getattr(_module("backend"), name)  # settings by their old names, and its own advice
    raise AttributeError(missing(path, name))


def names(path: str) -> list[str]:
    """The public names of a path, without modules; of a path below `layers`, only classes.

    There a star brings no `add` or `dot`, which old scripts have from NumPy.
    """
    found = {name for name in NAMES.get(path, {}) if _home(path, name)[0]}
    found.update(*(_names(source) for source in PATHS[path].split()))
    if path.startswith("layers.") and not path.startswith("layers.merg"):
        return sorted(name for name in found if name[0].isupper())
    return sorted(found)


def missing(path: str, name: str) -> str:
    """What to say where a path has no such name."""
    where = f"keras.{path}" if path else "keras"
    instead = reason(path, name)
    if instead is not None:
        return f"{where}.{name} is not part of Cornu: {instead}"
    there = [child for child in children(path) if present(_below(path, child))]
    return (
        f"{where} has no '{name}' in {_this_version()}. {suggestion(name, [*names(path), *there])}"
    ).rstrip()


def _this_version() -> str:
    return f"this version of Cornu ({load('cornu').__version__})"


def _home(path: str, name: str) -> tuple[str, str]:
    """The module of Cornu, or table in one, that has a name, and its name there; else nothing."""
    home = NAMES.get(path, {}).get(name)
    if path in BEFORE_3 and generations.before("3"):
        home = BEFORE_3[path].get(name, home)
    if home is not None:
        source, _, attribute = home.rpartition("." if "." in home.partition(":")[2] else ":")
        return (source, attribute) if _has(source, attribute) else ("", "")
    return next(((s, name) for s in PATHS[path].split() if name in _names(s)), ("", ""))


def _has(source: str, name: str) -> bool:
    """Whether a module of Cornu, or a table in one, has a name."""
    if not _exists(source):
        return False
    found = _module(source)
    return name in _table(found, source) if ":" in source else hasattr(found, name)


def _names(source: str) -> Collection[str]:
    """The public names of a module of Cornu, or of a table in one."""
    if not _exists(source):
        return ()
    found = _module(source)
    if ":" in source:
        return [name for name in _table(found, source) if name.isidentifier()]
    return getattr(found, "__all__", None) or _own(found)


def _own(module: ModuleType) -> list[str]:
    """The public names that a module without `__all__` defines."""
    return [
        name
        for name, thing in vars(module).items()
        if not name.startswith("_") and getattr(thing, "__module__", "") == module.__name__
    ]


def _taken(source: str, name: str) -> Any:
    found = _module(source)
    return _table(found, source)[name] if ":" in source else getattr(found, name)


def _module(source: str) -> ModuleType:
    return load(f"cornu.{source.partition(':')[0]}")


def load(name: str) -> Any:
    """A module by its name, imported when it is wanted and no earlier."""
    return importlib.import_module(name)


def _table(module: ModuleType, source: str) -> Mapping[str, Any]:
    table = getattr(module, source.partition(":")[2])
    return getattr(table, "members", table)  # of a Family, which is not worth importing here


def _exists(source: str) -> bool:
    return _is_there(source.partition(":")[0])


@cache
def _is_there(module: str) -> bool:
    parent = module.rpartition(".")[0]
    return (not parent or _is_there(parent)) and find_spec(f"cornu.{module}") is not None
