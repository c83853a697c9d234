"""A package read as text: its modules, and what each imports. Nothing of it is executed."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple


class Module(NamedTuple):
    """One file of a package."""

    name: str  # "cornu.layers.base"; a package goes by its own name, "cornu.layers"
    path: Path
    text: str
    tree: ast.Module


class Import(NamedTuple):
    """One name imported by a module."""

    target: str  # "cornu.layers.Dense", "jax.numpy"
    line: int
    in_function: bool
    for_types: bool  # under `if TYPE_CHECKING:`, so never at run time


Modules = Mapping[str, Module]
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


def modules(package: Path) -> dict[str, Module]:
    """Every module of the package in this folder, by dotted name."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        text = path.read_text(encoding="utf-8")
        found[name] = Module(name, path, text, ast.parse(text, str(path)))
    return found


def where(module: Module, line: int) -> str:
    """The place to look at, such as `cornu/layers/base.py:12`."""
    depth = module.name.count(".") + (module.path.stem == "__init__")
    return f"{module.path.relative_to(module.path.parents[depth]).as_posix()}:{line}"


def imports(module: Module) -> list[Import]:
    """Everything the module imports, `import_module("name")` with a literal name included."""
    return list(_imports(module, module.tree, in_function=False, for_types=False))


def resolved(target: str, known: Modules) -> str | None:
    """The module that the name `target` lives in, or None where it is not one of the package."""
    while target not in known:
        target, dot, _ = target.rpartition(".")
        if not dot:
            return None
    return target


def _imports(module: Module, node: ast.AST, in_function: bool, for_types: bool) -> Iterator[Import]:
    for target in _targets(module, node):
        yield Import(target, getattr(node, "lineno", 0), in_function, for_types)
    in_function = in_function or (isinstance(node, FUNCTIONS) and not _loads_late(module, node))
    for child in ast.iter_child_nodes(node):
        types_only = isinstance(node, ast.If) and _is_type_checking(node.test)
        types_only = types_only and child in node.body
        yield from _imports(module, child, in_function, for_types or types_only)


def _loads_late(module: Module, node: ast.AST) -> bool:
    """Whether this is the `__getattr__` of a package, which loads a part when it is named."""
    return getattr(node, "name", "") == "__getattr__" and node in module.tree.body


def _targets(module: Module, node: ast.AST) -> list[str]:
    """The dotted names that this one statement or call imports."""
    match node:
        case ast.Import(names=names):
            return [alias.name for alias in names]
        case ast.ImportFrom(module=base, names=names, level=level):
            start = _absolute(module, base or "", level)
            return [f"{start}.{alias.name}" for alias in names]
        case ast.Call(
            func=ast.Name(id="import_module" | "__import__")
            | ast.Attribute(attr="import_module" | "__import__"),
            args=[ast.Constant(value=str(name)), *_],
        ):
            bare = name.lstrip(".")
            return [_absolute(module, bare, len(name) - len(bare))]
    return []


def _absolute(module: Module, name: str, level: int) -> str:
    """The dotted name meant by `name` after `level` dots in this module."""
    if not level:
        return name
    package = module.name.split(".")
    up = level - 1 if module.path.stem == "__init__" else level
    return ".".join(package[: len(package) - up] + ([name] if name else []))


def _is_type_checking(test: ast.expr) -> bool:
    return ast.unparse(test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")
