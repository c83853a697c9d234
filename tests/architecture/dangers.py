"""What no module may call or import: what runs code from data, or opens what data name."""

import ast
from collections.abc import Iterator

from architecture.source import Module, Modules, imports, where

RUNS_CODE = frozenset({"eval", "exec", "compile", "__import__"})
"""Functions of Python's own that run text."""

METHODS = {
    "builtins": RUNS_CODE,
    "os": frozenset({"popen", "system"}),
    "tempfile": frozenset({"mktemp"}),
    "yaml": frozenset("full_load full_load_all load load_all unsafe_load unsafe_load_all".split()),
}
"""Module -> what may not be called of it. Any `extractall`, `shell=True`, `verify=False` and
`np.load` without `allow_pickle=False` are refused wherever they stand."""

MODULES = frozenset(
    "_pickle cPickle cloudpickle code codeop ctypes dill http.client joblib marshal pickle "
    "requests runpy shelve socket subprocess tarfile urllib.request".split()
)
"""Modules that may not be imported."""

ALLOWED = {
    "callbacks/remote.py": frozenset({"http.client", "urllib.request"}),  # sends, reads nothing
    # our own libraries, from the folder where Cornu is installed
    "engine/chain.py": frozenset({"ctypes"}),
    "engine/native/__init__.py": frozenset({"ctypes"}),
    "engine/sampling.py": frozenset({"ctypes"}),
    "running.py": frozenset({"compile", "exec"}),  # `cornu run` runs the user's own script
    # the user's own dataset, through a pipe to a process that was started for it
    "training/worker.py": frozenset({"pickle"}),
    "training/workers.py": frozenset({"pickle", "subprocess"}),
    "utils/drawing.py": frozenset({"subprocess"}),  # Graphviz, by a list of words
    "utils/fetching.py": frozenset({"http.client", "urllib.request"}),  # `get_file`, https only
}
"""File -> what is right there, and why."""


def nothing_runs_data(modules: Modules) -> list[str]:
    """No module calls or imports what would run code from a file, or unpack what it names."""
    return [
        f"{where(module, line)} {what}: a file could run code by it"
        for module in modules.values()
        for line, name, what in [*_calls(module), *_imports(module)]
        if name not in _allowed(module)
    ]


def _allowed(module: Module) -> frozenset[str]:
    path = module.path.as_posix()
    return next((names for end, names in ALLOWED.items() if path.endswith(f"/{end}")), frozenset())


def _imports(module: Module) -> Iterator[tuple[int, str, str]]:
    for found in imports(module):
        for name in MODULES:
            if f"{found.target}.".startswith(f"{name}.") and not found.for_types:
                yield found.line, name, f"imports {name}"


def _calls(module: Module) -> Iterator[tuple[int, str, str]]:
    own = {node.name for node in module.tree.body if isinstance(node, ast.FunctionDef)}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call):
            name = _name(node.func)
            owner, _, last = name.rpartition(".")
            options = {k.arg: k.value for k in node.keywords}
            if not owner and last in RUNS_CODE - own or last in METHODS.get(owner, ()):
                yield node.lineno, last, f"calls {name}"
            if last == "extractall":
                yield node.lineno, last, f"calls {name}"
            if name in ("np.load", "numpy.load") and not _is(options.get("allow_pickle"), False):
                yield node.lineno, last, f"calls {name} without allow_pickle=False"
            for option, value in (("shell", True), ("verify", False)):
                if _is(options.get(option), value):
                    yield node.lineno, option, f"calls {name} with {option}={value}"


def _name(node: ast.expr) -> str:
    """ "os.system" for that; what is no plain name begins with "?"."""
    if isinstance(node, ast.Name):
        return node.id
    return f"{_name(node.value)}.{node.attr}" if isinstance(node, ast.Attribute) else "?"


def _is(node: ast.expr | None, value: object) -> bool:
    return isinstance(node, ast.Constant) and node.value is value
