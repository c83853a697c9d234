"""What a script imports, what it calls things, and which of them are models."""

import builtins
from collections.abc import Iterator
from typing import Any

import libcst as cst
from libcst.metadata import (
    MetadataWrapper,
    PositionProvider,
    QualifiedNameProvider,
    QualifiedNameSource,
    ScopeProvider,
)
from libcst.metadata.scope_provider import ImportAssignment

from cornu.dialects import modules
from cornu.dialects.modernize.calls import METHODS, of_class
from cornu.dialects.modernize.homes import Ref, below_root, resolve
from cornu.dialects.modernize.written import Batches, Code, Figure, Undecided, Whole, read
from cornu.models import Model, Sequential

__all__ = ["Script", "dotted"]

LOADERS = {"load_model", "model_from_config", "model_from_json", "model_from_yaml"}
FLOWS = {"flow": 2, "flow_from_directory": 5}
"""Methods that make batches of 32 unless told otherwise -> place of the size among arguments."""


def dotted(node: Any) -> str:
    """`a.b.c` of a chain of names; "" for anything else."""
    if isinstance(node, cst.Name):
        return node.value
    if isinstance(node, cst.Attribute):
        before = dotted(node.value)
        return before and f"{before}.{node.attr.value}"
    return ""


class Script:
    """A script, read once.

    Args:
        text: its source.

    Raises:
        libcst.ParserSyntaxError: for what is no Python.
    """

    def __init__(self, text: str) -> None:
        self.wrapper = MetadataWrapper(cst.parse_module(text))
        self.module = self.wrapper.module
        self.qualified: Any = self.wrapper.resolve(QualifiedNameProvider)
        self.positions: Any = self.wrapper.resolve(PositionProvider)
        self.quote = "'" if text.count("'") >= text.count('"') else '"'
        self.bound: dict[str, list[str]] = {}
        """Name -> for each time that it is bound, what it is imported from, or ""."""
        self._read_scopes()
        facts = _Facts(self)
        self.module.visit(facts)
        self.facts = facts
        self.uses_keras = facts.uses_keras
        self.functions = set(facts.returns)
        self.formats_set = any(name in text for name in ("set_image_d", "image_dim_ordering("))
        facts.read_models()

    def _read_scopes(self) -> None:
        scopes = {scope for scope in self.wrapper.resolve(ScopeProvider).values() if scope}
        for scope in scopes:
            for one in scope.assignments:
                known = self.bound.setdefault(one.name, [])
                if isinstance(one, ImportAssignment):
                    known.append(_imported(one))
                elif getattr(one, "node", None) is not None:
                    known.append("")
        self.bound = {name: found for name, found in self.bound.items() if found}

    # ------------------------------------------------------------ names

    def line(self, node: cst.CSTNode) -> int:
        """The line where a node begins."""
        return self.positions[node].start.line

    def name_of(self, node: cst.CSTNode) -> str:
        """The full dotted name of what a name or chain stands for; "" for what is not imported."""
        if not isinstance(node, (cst.Name, cst.Attribute)) or id(node) in self.facts.no_names:
            return ""
        found: Any = self.qualified.get(node) or ()
        found = found() if callable(found) else found
        names = {each.name for each in found if each.source is QualifiedNameSource.IMPORT}
        if len(names) == 1 and len(found) == 1:
            return names.pop()
        if isinstance(node, cst.Name) and not found and node.value not in self.bound:
            return self.starred(node.value)
        return ""

    def starred(self, name: str) -> str:
        """The full name of what a star import brings under a name; "" for nothing."""
        if hasattr(builtins, name):
            return ""
        for star in reversed(self.facts.stars):
            path = modules.canonical(below_root(star) or "")
            if path is not None and name in modules.names(path):
                self.facts.from_stars[name] = f"{star}.{name}"
                return f"{star}.{name}"
        return ""

    def ref(self, node: cst.CSTNode) -> Ref | None:
        """What of Keras a name or chain stands for."""
        name = self.name_of(node)
        return resolve(name) if name else None

    def alias(self, node: cst.CSTNode) -> Ref | None:
        """What a name of the script stands for that is assigned once, to a class of Keras."""
        values = self.facts.assigned.get(node.value, []) if isinstance(node, cst.Name) else []
        once = len(values) == 1 and self.bound.get(dotted(node)) == [""]
        ref = self.ref(values[0]) if once and values[0] is not None else None
        return ref if ref is not None and isinstance(ref.value, type) else None

    def free(self, name: str, meaning: str) -> bool:
        """Whether a name may come to mean this: it means nothing else, and hides nothing."""
        others = [found for found in self.bound.get(name, ()) if not _same(found, meaning)]
        return not others and not hasattr(builtins, name)

    # ------------------------------------------------------------ values and models

    def value(self, node: cst.BaseExpression, numbers: bool = True) -> Any:
        """The value of an expression, as far as it can be seen."""
        found = read(node, numbers, self.facts.constants)
        size = self.facts.batch_size(node) if isinstance(found, Code) else None
        return found if size is None else Batches(node, size)

    def kind(self, receiver: cst.BaseExpression) -> str:
        """ "Sequential", "Model", "other" for what is no model, or "" for what is not known."""
        return self.facts.kind_of(receiver)


def _imported(one: ImportAssignment) -> str:
    return next(iter(one.get_qualified_names_for(one.name)), None).name  # pyright: ignore


def _same(found: str, meaning: str) -> bool:
    """Whether two full names are the same thing of Keras."""
    if not found:
        return False
    a, b = resolve(found), resolve(meaning)
    if a is None or b is None:
        return found == meaning
    return a.home == b.home and a.rest == b.rest


class _Facts(cst.CSTVisitor):
    """What a first reading finds."""

    def __init__(self, script: Script) -> None:
        super().__init__()
        self.script = script
        self.no_names: set[int] = set()
        self.stars: list[str] = []
        self.from_stars: dict[str, str] = {}
        self.imports: dict[str, int] = {}
        self.imported_at: dict[str, int] = {}
        self.foreign_star = False
        self.uses_keras = False
        self.constants: dict[str, Any] = {}
        self.assigned: dict[str, list[cst.BaseExpression | None]] = {}
        self.returns: dict[str, list[cst.BaseExpression | None]] = {}
        self.added: dict[str, list[cst.Call]] = {}
        self.called: dict[str, list[cst.Call]] = {}
        self.within: list[str] = []
        self.depth = 0
        self.widths: dict[str, str] = {}

    # names that are no references

    def visit_Attribute(self, node: cst.Attribute) -> None:
        self.no_names.add(id(node.attr))

    def visit_Arg(self, node: cst.Arg) -> None:
        self.no_names.add(id(node.keyword))

    def visit_Param(self, node: cst.Param) -> None:
        self.no_names.add(id(node.name))
        self.assigned.setdefault(node.name.value, []).append(None)

    def visit_Import(self, node: cst.Import) -> bool:
        self._note_line(node)
        self.uses_keras |= any(below_root(dotted(each.name)) is not None for each in node.names)
        self.uses_keras |= any(dotted(each.name) == "tensorflow" for each in node.names)
        return False

    def visit_ImportFrom(self, node: cst.ImportFrom) -> bool:
        self._note_line(node)
        name = dotted(node.module) if not node.relative else ""
        ours = below_root(name) is not None or name == "tensorflow"
        self.uses_keras |= ours
        if isinstance(node.names, cst.ImportStar):
            self.stars += [name] if ours else []
            self.foreign_star |= not ours
        else:
            for each in node.names:
                full = f"{name}.{dotted(each.name)}"
                self.imported_at.setdefault(full, self.script.line(node))
        return False

    def _note_line(self, node: cst.CSTNode) -> None:
        self.imports.setdefault(cst.Module([]).code_for_node(node), self.script.line(node))

    # what is made where

    def visit_FunctionDef(self, node: cst.FunctionDef) -> None:
        self.no_names.add(id(node.name))
        self.within.append(node.name.value)
        self.returns.setdefault(node.name.value, [])

    def leave_FunctionDef(self, original_node: cst.FunctionDef) -> None:
        self.within.pop()

    def visit_ClassDef(self, node: cst.ClassDef) -> None:
        self.no_names.add(id(node.name))

    def visit_Return(self, node: cst.Return) -> None:
        if self.within:
            self.returns[self.within[-1]].append(node.value)

    def visit_Assign(self, node: cst.Assign) -> None:
        for each in node.targets:
            target = each.target
            if isinstance(target, (cst.Tuple, cst.List)):
                for part in target.elements:
                    self.assigned.setdefault(dotted(part.value), []).append(None)
                continue
            name = dotted(target)
            self.assigned.setdefault(name, []).append(node.value)
            value = read(node.value)
            if len(self.script.bound.get(name, ())) == 1 and not isinstance(value, Code):
                self.constants[name] = value

    def visit_Call(self, node: cst.Call) -> None:
        func = node.func
        if not isinstance(func, cst.Attribute):
            return
        receiver, name = dotted(func.value), func.attr.value
        if receiver and name == "add" and node.args and isinstance(node.args[0].value, cst.Call):
            self.added.setdefault(receiver, []).append(node.args[0].value)
        if receiver and name in METHODS:
            self.called.setdefault(receiver, []).append(node)

    # ------------------------------------------------------------ what follows from it

    def kind_of(self, node: Any, depth: int = 0) -> str:
        """See `Script.kind`."""
        if depth > 8 or node is None:
            return ""
        if isinstance(node, cst.Call):
            return self._kind_of_call(node, depth)
        name = dotted(node)
        found = {self.kind_of(value, depth + 1) for value in self.assigned.get(name, [None])}
        if found == {"Sequential", "Model"}:
            return "Model"
        return found.pop() if len(found) == 1 else ""

    def _kind_of_call(self, node: cst.Call, depth: int) -> str:
        ref = self.script.ref(node.func)
        if ref is not None:
            if isinstance(ref.value, type) and issubclass(ref.value, Model) and not ref.rest:
                return "Sequential" if issubclass(ref.value, Sequential) else "Model"
            return "Model" if ref.name in LOADERS or ref.rest == ("from_config",) else ""
        if isinstance(node.func, cst.Name) and node.func.value in self.returns:
            found = {self.kind_of(each, depth + 1) for each in self.returns[node.func.value]}
            return found.pop() if len(found) == 1 else ""
        imported = self.script.name_of(node.func)
        return "other" if imported else ""

    def batch_size(self, node: Any) -> Any:
        """The size of batches that an expression gives, where the script says it; else None."""
        if isinstance(node, cst.Name):
            values = self.assigned.get(node.value, [])
            found = self._flow(values[0]) if len(values) == 1 else None
            if found is None or isinstance(found, int):
                return found
            return Figure(cst.Attribute(node, cst.Name("batch_size")))
        return self._flow(node)

    def _flow(self, node: Any) -> Any:
        if not isinstance(node, cst.Call) or not isinstance(node.func, cst.Attribute):
            return None
        name = node.func.attr.value
        if name not in FLOWS or any(arg.star for arg in node.args):
            return None
        for arg in node.args:
            if arg.keyword is not None and arg.keyword.value == "batch_size":
                return read(arg.value, True, self.constants)
        plain = [arg for arg in node.args if arg.keyword is None]
        if len(plain) > FLOWS[name]:
            return read(plain[FLOWS[name]].value, True, self.constants)
        size = Whole(32)
        size.node = cst.Integer("32")
        return size

    def read_models(self) -> None:
        """Note of every model whether its last Dense has one output or many."""
        for name, values in self.assigned.items():
            for value in values:
                listed = self._listed(value)
                self.added.setdefault(name, [])[:0] = listed
        for name, calls in self.added.items():
            self.widths[name] = self._width(calls)

    def _listed(self, value: Any) -> list[cst.Call]:
        """The layers of `Sequential([...])`."""
        if not isinstance(value, cst.Call) or self.kind_of(value) != "Sequential":
            return []
        first = value.args[0].value if value.args else None
        elements = first.elements if isinstance(first, cst.List) else ()
        return [each.value for each in elements if isinstance(each.value, cst.Call)]

    def _width(self, calls: list[cst.Call]) -> str:
        width = ""
        for made in self._layers(calls):
            units = made.found.get("units")
            if isinstance(units, Code):
                units = self.constants.get(repr(units))
            if "units" in made.found:
                width = "" if not isinstance(units, int) else "one" if units == 1 else "many"
            if made.found.get("activation") == "softmax":
                width = "many"
        return width

    def _layers(self, calls: list[cst.Call]) -> Iterator[Any]:
        for call in calls:
            ref = self.script.ref(call.func)
            if ref is None or not hasattr(ref.value, "fields"):
                continue
            plain = [arg for arg in call.args if not arg.star]
            args = tuple(read(arg.value) for arg in plain if arg.keyword is None)
            named = {a.keyword.value: read(a.value) for a in plain if a.keyword is not None}
            try:
                made = of_class(ref.value, args, named)
            except Undecided:
                continue
            if made is not None:
                yield made
