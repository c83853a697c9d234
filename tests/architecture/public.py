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
    complaints += [f'__all__ has "{name}", which is not there' for name in _missing(package, names)]
    own = {
        name
        for name, value in vars(package).items()
        if not name.startswith("_") and not inspect.ismodule(value)
    }
    return complaints + [f'__all__ lacks "{name}"' for name in sorted(own - set(names))]


def incomplete(package: ModuleType) -> list[str]:
    """Public classes, their methods and functions without docstring or full annotations."""
    complaints = set()
    for path, value in reachable(package):
        if inspect.isclass(value):
            complaints |= set(_class_complaints(path, value))
        else:
            complaints |= set(_complaints(path, [value], value.__doc__))
    return sorted(complaints)


def reachable(package: ModuleType) -> Iterator[tuple[str, Any]]:
    """Every class and function of the package found through `__all__`, modules included, once."""
    root, seen, waiting = package.__name__, set(), [package]
    while waiting:
        module = waiting.pop()
        for name in getattr(module, "__all__", _public(module)):
            value = getattr(module, name, None)
            home = getattr(value, "__name__" if inspect.ismodule(value) else "__module__", None)
            if id(value) in seen or str(home).split(".")[0] != root:
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


def _missing(package: ModuleType, names: list[str]) -> list[str]:
    missing = []
    for name in names:
        try:
            getattr(package, name)
        except (AttributeError, ImportError):
            missing.append(name)
    return missing


def _class_complaints(path: str, cls: type) -> Iterator[str]:
    yield from _complaints(path, [], cls.__doc__)
    own = cls.__dict__.get("__init__")
    if inspect.isfunction(own):
        yield from _complaints(path, [own], "the class says it", returns=False)
    for name, value in vars(cls).items():
        if name.startswith("_") or not _is_method(value):
            continue
        # A method may leave its docstring and its annotations to the base class.
        inherited = [vars(base)[name] for base in cls.__mro__ if name in vars(base)]
        plain = [_plain(each) for each in inherited if _is_method(each)]
        docs = [each.__doc__ for each in plain if each.__doc__]
        yield from _complaints(f"{path}.{name}", plain, docs[0] if docs else None, method=value)


def _is_method(value: Any) -> bool:
    return inspect.isfunction(value) or isinstance(value, classmethod | staticmethod | property)


def _plain(value: Any) -> Callable[..., Any]:
    """The function inside a method of any kind."""
    return value.fget if isinstance(value, property) else getattr(value, "__func__", value)


def _complaints(
    path: str,
    functions: list[Callable[..., Any]],
    docstring: str | None,
    returns: bool = True,
    method: Any = None,
) -> Iterator[str]:
    if not docstring:
        yield f"{path} has no docstring"
    bound = method is not None and not isinstance(method, staticmethod)
    missing = [_unannotated(function, bound or not returns, returns) for function in functions]
    if missing and all(missing):
        yield f"{path} does not annotate {', '.join(missing[0])}"


def _unannotated(function: Callable[..., Any], skip_first: bool, returns: bool) -> list[str]:
    """The parameters without a type, "return" among them."""
    signature = inspect.signature(function)
    parameters = list(signature.parameters.values())[int(skip_first) :]
    missing = [p.name for p in parameters if p.annotation is inspect.Parameter.empty]
    without = signature.return_annotation is inspect.Signature.empty
    return missing + (["return"] if returns and without else [])
