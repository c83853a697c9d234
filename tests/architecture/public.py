"""What a package shows: its `__all__`, what importing it costs, docstrings and annotations."""

import inspect
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

# Importing the package must not import these: they load on first use.
HEAVY = ("jax", "jaxlib", "h5py", "matplotlib", "torch", "tensorflow", "scipy", "pandas")


def loaded_by_import(package: str, folder: Path) -> list[str]:
    """Which of HEAVY a fresh Python has loaded after `import package`, found in `folder`."""
    code = f"import sys, {package}; print(*sorted(sys.modules.keys() & {set(HEAVY)!r}))"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        return [f"import {package} fails: {done.stderr.strip().splitlines()[-1]}"]
    return [f"import {package} loads {name}" for name in done.stdout.split()]


def wrong_names(package: ModuleType) -> list[str]:
    """Where `__all__` is out of order, promises what is not there, or forgets a name."""
    names = list(getattr(package, "__all__", ()))
    complaints = [] if names else [f"{package.__name__} has no __all__"]
    for before, after in zip(names, names[1:], strict=False):
        if not before < after:
            complaints.append(f'__all__ has "{before}" before "{after}": sort it')
    complaints += [
        f'__all__ has "{name}", which is not there' for name in names if not _has(package, name)
    ]
    own = {
        name
        for name, value in vars(package).items()
        if not name.startswith("_") and _root(value) == package.__name__
    }
    return complaints + [f'__all__ lacks "{name}"' for name in sorted(own - set(names))]


def incomplete(package: ModuleType) -> list[str]:
    """Public classes, their methods and functions without docstring or full annotations."""
    complaints = set()
    for path, value in reachable(package):
        check = _class_complaints if inspect.isclass(value) else _function_complaints
        complaints |= set(check(path, value))
    return sorted(complaints)


def reachable(package: ModuleType) -> Iterator[tuple[str, Any]]:
    """Every class and function of the package found through `__all__`, modules included, once."""
    root, seen, waiting = package.__name__, set(), [package]
    while waiting:
        module = waiting.pop()
        for name in getattr(module, "__all__", _public(module)):
            value = getattr(module, name) if _has(module, name) else None
            if id(value) in seen or _root(value, modules=True) != root:
                continue
            seen.add(id(value))
            if inspect.ismodule(value):
                waiting.append(value)
            elif inspect.isclass(value) or inspect.isroutine(value):
                yield f"{module.__name__}.{name}", value


def _public(module: ModuleType) -> list[str]:
    """The names that a module without `__all__` defines itself."""
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
    ]


def _has(package: ModuleType, name: str) -> bool:
    """Whether the name resolves; a package may import what stands behind it only now."""
    try:
        getattr(package, name)
    except (AttributeError, ImportError):
        return False
    return True


def _root(value: Any, modules: bool = False) -> str:
    """The package that defines a class or function, or, if asked, that a module is part of."""
    named = "__name__" if modules and inspect.ismodule(value) else "__module__"
    return str(getattr(value, named, "")).split(".")[0]


def _function_complaints(path: str, function: Callable[..., Any]) -> Iterator[str]:
    yield from _complaints(path, function.__doc__, _untyped(function))


def _class_complaints(path: str, cls: type) -> Iterator[str]:
    yield from _complaints(path, cls.__doc__, _untyped_arguments(cls))
    for name, value in vars(cls).items():
        if not name.startswith("_") and _is_method(value):
            yield from _method_complaints(f"{path}.{name}", cls, name)


def _method_complaints(path: str, cls: type, name: str) -> Iterator[str]:
    """A method may leave its docstring, and its types, to a base class that has it."""
    found = [vars(base)[name] for base in cls.__mro__ if _is_method(vars(base).get(name))]
    docstrings = [_plain(each).__doc__ for each in found]
    untyped = [_untyped(_plain(each), not isinstance(each, staticmethod)) for each in found]
    yield from _complaints(
        path, next(filter(None, docstrings), None), untyped[0] if all(untyped) else []
    )


def _complaints(path: str, docstring: str | None, untyped: list[str]) -> Iterator[str]:
    if not docstring:
        yield f"{path} has no docstring"
    if untyped:
        yield f"{path} does not annotate {', '.join(untyped)}"


def _is_method(value: Any) -> bool:
    return inspect.isfunction(value) or isinstance(value, classmethod | staticmethod | property)


def _plain(value: Any) -> Callable[..., Any]:
    """The function inside a method of any kind."""
    return value.fget if isinstance(value, property) else getattr(value, "__func__", value)


def _untyped_arguments(cls: type) -> list[str]:
    """The constructor's arguments with no type of their own nor of a field of their name."""
    constructor = vars(cls).get("__init__")
    if not inspect.isfunction(constructor) or _root(constructor) != _root(cls):
        return []  # none, or one that Python made, as for a Protocol
    fields = {name for base in cls.__mro__ for name in inspect.get_annotations(base)}
    untyped = _untyped(constructor, skip_first=True)
    return [name for name in untyped if name not in fields | {"return"}]


def _untyped(function: Callable[..., Any], skip_first: bool = False) -> list[str]:
    """The parameters without a type, "return" among them."""
    signature = inspect.signature(function)
    parameters = list(signature.parameters.values())[int(skip_first) :]
    untyped = [p.name for p in parameters if p.annotation is inspect.Parameter.empty]
    return untyped + ["return"] * (signature.return_annotation is inspect.Signature.empty)
