"""The rules of the tree as tables, and one small walk over each. A check returns complaints."""

import ast
import graphlib
from collections.abc import Iterator
from typing import NamedTuple

from architecture.source import Module, Modules, imports, resolved, where

# Who may import whom: a module may import those of its own row and of the rows above it. A new
# module of `cornu/` gets its place here.
ORDER = (
    ("errors", "loading", "settings", "tree", "engine"),
    ("kinds", "names", "operators", "state", "costs", "registry", "config", "policy"),
    ("tensor",),
    ("inference",),
    ("graph",),
    ("ops",),
    ("random",),
    ("activations", "initializers", "regularizers", "constraints", "fields"),
    ("layers", "losses", "metrics", "optimizers"),
    ("training", "saving", "callbacks", "distribution"),
    ("models",),
    ("applications", "wrappers", "visualization", "datasets", "preprocessing", "utils"),
    ("dialects", "backend"),
    ("cli", "__main__", "as_keras", "running", "modernizing", "__init__"),
)
LEVELS = {part: level for level, row in enumerate(ORDER) for part in row}

FRAMEWORKS = frozenset({"jax", "jaxlib", "torch", "tensorflow"})
PEERS = frozenset({"keras", "pandas", "sklearn", "tensorboard", "tensorflow", "tf_keras", "torch"})

# Packages that a plain install lacks, or that cost much to import: these may wait for their use.
OPTIONAL = frozenset(
    "h5py jax2onnx matplotlib onnx optuna pandas PIL pydot safetensors scipy sklearn tensorboardX "
    "yaml".split()
)

# Old spellings, and where one is still right outside the dialects: a name that never changed.
OLD_SPELLINGS = frozenset(
    "nb_epoch nb_filter nb_row nb_col border_mode output_dim dim_ordering W_regularizer "
    "b_regularizer W_constraint b_constraint samples_per_epoch nb_val_samples".split()
)
OLD_ARGUMENTS = OLD_SPELLINGS | {"subsample"}  # old as an argument, an English word elsewhere
STILL_SPELT = {"embeddings.py": frozenset({"output_dim"})}

FILE_AIM, FILE_MOST = 300, 600
FUNCTION_AIM, FUNCTION_MOST = 20, 60


class Size(NamedTuple):
    """How long something is, and how long it should and may be, in lines."""

    what: str
    lines: int
    aim: int
    most: int


def part(name: str) -> str:
    """The row entry that a module belongs to: "layers" for "cornu.layers.base"."""
    return name.split(".")[1] if "." in name else "__init__"


def imports_go_down(modules: Modules) -> list[str]:
    """No module imports one of a row below its own, and every module has a row."""
    complaints = [
        f'"{name}" has no place in the order of imports: add it to ORDER in {__name__}'
        for name in sorted({part(name) for name in modules} - LEVELS.keys())
    ]
    for module in modules.values():
        for line, target in sorted(set(_inner_imports(module, modules))):
            here, there = LEVELS.get(part(module.name)), LEVELS.get(part(target))
            if here is not None and there is not None and here < there:
                complaints.append(
                    f"{where(module, line)} imports {target}, which is above {module.name}"
                )
    return complaints


def imports_have_no_cycle(modules: Modules) -> list[str]:
    """Modules can be put in an order in which each imports only earlier ones."""
    needs = {
        module.name: {target for _, target in _inner_imports(module, modules)} - {module.name}
        for module in modules.values()
    }
    try:
        graphlib.TopologicalSorter(needs).prepare()
    except graphlib.CycleError as error:
        return ["imports in a circle: " + " <- ".join(error.args[1])]
    return []


def only_the_engine_imports_frameworks(modules: Modules) -> list[str]:
    """JAX, torch and TensorFlow are known to `engine/` alone, inside functions too."""
    return [
        f"{where(module, found.line)} imports {found.target}: only engine/ may"
        for module in modules.values()
        if part(module.name) != "engine"
        for found in imports(module)
        if found.target.split(".")[0] in FRAMEWORKS
    ]


def functions_import_only_optional_packages(modules: Modules) -> list[str]:
    """An import inside a function is of a package that may be missing."""
    complaints = []
    for module in modules.values():
        allowed = OPTIONAL | FRAMEWORKS if part(module.name) == "engine" else OPTIONAL
        complaints += [
            f"{where(module, found.line)} imports {found.target} inside a function: "
            "move it to the top of the file"
            for found in imports(module)
            if found.in_function and found.target.split(".")[0] not in allowed
        ]
    return complaints


def tests_start_without_peers(modules: Modules) -> list[str]:
    """No test needs another library to be read: `pytest.importorskip` or a fixture asks for it."""
    return [
        f"{where(module, found.line)} imports {found.target}: use pytest.importorskip"
        for module in modules.values()
        for found in imports(module)
        if not found.in_function and found.target.split(".")[0] in PEERS
    ]


def old_spellings_stay_in_dialects(modules: Modules) -> list[str]:
    """No name of an earlier generation outside `dialects/`, as a name, argument or text."""
    return [
        f'{where(module, line)} spells "{name}", a name of an earlier generation: '
        "only dialects/ may"
        for module in modules.values()
        if part(module.name) != "dialects"
        for line, name in sorted(set(_old_names(module)))
        if name not in STILL_SPELT.get(module.path.name, ())
    ]


def sizes_stay_readable(modules: Modules) -> list[str]:
    """No file over 600 lines, no function over 60."""
    return [
        f"{size.what} has {size.lines} lines, at most {size.most} are read in one sitting"
        for size in sizes(modules)
        if size.lines > size.most
    ]


def sizes(modules: Modules) -> list[Size]:
    """Every file and every function, with its length; docstrings of functions do not count."""
    found = []
    for module in modules.values():
        name = where(module, 1).rpartition(":")[0]
        found.append(Size(name, len(module.text.splitlines()), FILE_AIM, FILE_MOST))
        for node in ast.walk(module.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                what = f"{where(module, node.lineno)} {node.name}"
                found.append(Size(what, _length(node), FUNCTION_AIM, FUNCTION_MOST))
    return found


def _inner_imports(module: Module, known: Modules) -> Iterator[tuple[int, str]]:
    """Line and target of each import at run time of another module of the same package."""
    for found in imports(module):
        target = resolved(found.target, known)
        if target is not None and not found.for_types:
            yield found.line, target


def _old_names(module: Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(module.tree):
        argument = isinstance(node, ast.arg | ast.keyword)
        old = OLD_ARGUMENTS if argument else OLD_SPELLINGS
        for name in _names(node):
            if name in old:
                yield getattr(node, "lineno", 0), name


def _names(node: ast.AST) -> list[str]:
    """What this one node spells: identifiers, and texts that are exactly one word."""
    match node:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return [name]
        case ast.arg(arg=name) | ast.keyword(arg=str(name)):
            return [name]
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.alias(name=name, asname=other):
            return [name.split(".")[-1], other or ""]
        case ast.Global(names=names) | ast.Nonlocal(names=names) | ast.MatchClass(kwd_attrs=names):
            return list(names)
        case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            return [name]
        case ast.ExceptHandler(name=str(name)) | ast.MatchMapping(rest=str(name)):
            return [name]
    return []


def _length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from `def` to the end, without the docstring."""
    lines = (node.end_lineno or node.lineno) - node.lineno + 1
    if ast.get_docstring(node, clean=False) is None:
        return lines
    docstring = node.body[0]
    return lines - ((docstring.end_lineno or docstring.lineno) - docstring.lineno + 1)
