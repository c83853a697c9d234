"""What a rewritten script imports: names that calls need, and its import statements."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import libcst as cst

from cornu.dialects import modules
from cornu.dialects.modernize.homes import MODERN, SUCCESSORS, Ref, below_root, resolve
from cornu.dialects.modernize.script import Script, dotted
from cornu.dialects.modernize.written import Undecided
from cornu.dialects.paths import BEFORE_3

__all__ = ["OLD_HARD", "Names", "rewritten"]

OLD_HARD = "old_hard_sigmoid"
HARD_SIGMOID = '''def {name}(x):
    """The hard sigmoid of Keras before version 3, whose slope was 0.2."""
    return {clip}(0.2 * x + 0.5, 0.0, 1.0)
'''
Say = Callable[..., None]


class Names:
    """How a rewritten script names what it needs."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.uses: Counter[str] = Counter()
        self.replaced: Counter[str] = Counter()
        """Imported name -> how often it stood in the script, and how often no more."""
        self.moved: dict[str, list[tuple[str, str]]] = {}
        """Imported name -> names imported in its place, by path."""
        self.added: list[tuple[str, str]] = []
        self.modules: list[str] = []
        self.needs_hard_sigmoid = False

    def gone(self, local: str) -> bool:
        """Whether an imported name is used no more."""
        return 0 < self.uses[local] <= self.replaced[local]

    def local(self, name: str, ref: Ref) -> cst.Name | None:
        """The name of today for an imported one; None for one that stays."""
        found = self.new_name(name, ref)
        return None if found == name else cst.Name(found)

    def new_name(self, name: str, ref: Ref) -> str:
        """The same, as text."""
        path, today = ref.home or ("", "")
        today = today or path.rpartition(".")[2]
        imported = self.script.bound.get(name, [""])[0].rpartition(".")[2] or name
        if not today or imported != name or today == name:
            return name
        return (
            today if self.script.free(today, f"keras.{path}.{today}".replace("..", ".")) else name
        )

    def reach(self, path: str, name: str, old: Any = None) -> cst.BaseExpression:
        """A name of today as an expression, imported if it has to be; `old` is what it replaces.

        Raises Undecided where the script has taken all names that it could have.
        """
        full = ".".join(part for part in ("keras", path, name) if part)
        wanted = resolve(full)
        for local, found in self.script.bound.items():
            ref = resolve(found[0]) if len(set(found)) == 1 and found[0] else None
            if ref is not None and wanted is not None and not ref.rest:
                if ref.home == (path, name) or (ref.home and ref.value is wanted.value and name):
                    if ref.value is not None and ref.name not in ("merge", "Merge"):
                        return cst.Name(self.new_name(local, ref))
        if (path, name) in self.added or any((path, name) in m for m in self.moved.values()):
            return cst.Name(name)
        first = dotted(old).split(".")[0] if old is not None else ""
        is_name = bool(first) and self.script.bound.get(first, [""])[0].count(".") > 0
        free = self.script.free(name, full) and not self.script.facts.foreign_star
        starred = resolve(self.script.starred(name)) if free else None
        if starred is not None and starred.home == (path, name):
            return cst.Name(name)
        if is_name and free:
            self.moved.setdefault(first, []).append((path, name))
            return cst.Name(name)
        return self._new(path, name, full, free)

    def _new(self, path: str, name: str, full: str, free: bool) -> cst.BaseExpression:
        rest = full.removeprefix("keras.")
        for local, found in self.script.bound.items():
            below = below_root(found[0]) if len(set(found)) == 1 else None
            if below is not None and found[0] == below_root_name(found[0]):
                return _chain(f"{local}.{rest}")
            if below == path and path:
                return _chain(f"{local}.{name}")
        if free:
            self.added.append((path, name))
            return cst.Name(name)
        root = self.root()
        if root is None:
            raise Undecided(f"it needs {full}, and {name} and keras mean something else here")
        return _chain(f"keras.{rest}")

    def root(self) -> cst.Name | None:
        """`keras`, imported if it has to be; None where the name is taken."""
        if not self.script.free("keras", "keras"):
            return None
        if "keras" not in self.script.bound:
            self.module("keras")
        return cst.Name("keras")

    def module(self, name: str) -> None:
        """Have a module imported. Raises Undecided where its name is taken."""
        found = self.script.bound.get(name, [])
        if any(each != name for each in found):
            raise Undecided(f"it needs the module {name}, and {name} means something else here")
        if not found and name not in self.modules:
            self.modules.append(name)


def below_root_name(name: str) -> str:
    """The name itself, if it is Keras as a whole; else nothing."""
    return name if below_root(name) == "" else ""


def _chain(name: str) -> Any:
    return cst.parse_expression(name)


# ---------------------------------------------------------------- statements


def rewritten(module: cst.Module, script: Script, names: Names, say: Say) -> cst.Module:
    """The module with import statements of today, and with those that its calls need."""
    clip = _code(names.reach("ops", "clip")) if _lacks_hard_sigmoid(script, names) else ""
    done: Any = module.visit(_Statements(script, names, say))
    body = list(done.body)
    at = _first_of_keras(body)
    lines = [cst.parse_statement(f"import {name}") for name in names.modules]
    groups: dict[str, list[str]] = {}
    for path, name in names.added:
        groups.setdefault(path, []).append(name)
    lines += [
        cst.parse_statement(f"from {_module(path)} import {', '.join(sorted(found))}")
        for path, found in groups.items()
    ]
    body[at:at] = lines
    if clip:
        text = HARD_SIGMOID.format(name=OLD_HARD, clip=clip)
        after = _end_of_imports(body, at)
        gap = [cst.EmptyLine(indent=False), cst.EmptyLine(indent=False)]
        made: Any = cst.parse_module(text).body[0]
        body.insert(after, made.with_changes(leading_lines=gap))
        if after + 1 < len(body):
            before = [one for one in body[after + 1].leading_lines if one.comment is not None]
            body[after + 1] = body[after + 1].with_changes(leading_lines=[*gap, *before])
    return done.with_changes(body=body)


def _lacks_hard_sigmoid(script: Script, names: Names) -> bool:
    return names.needs_hard_sigmoid and OLD_HARD not in script.bound


def _code(node: cst.CSTNode) -> str:
    return cst.Module([]).code_for_node(node)


def _module(path: str) -> str:
    return f"keras.{path}" if path else "keras"


def _imports(statement: Any) -> list[str]:
    """Modules that a statement at the top imports."""
    found: list[str] = []
    for each in getattr(statement, "body", ()) if _is_line(statement) else ():
        if isinstance(each, cst.ImportFrom):
            found.append(dotted(each.module))
        elif isinstance(each, cst.Import):
            found += [dotted(name.name) for name in each.names]
    return found


def _is_line(statement: Any) -> bool:
    return isinstance(statement, cst.SimpleStatementLine)


def _first_of_keras(body: Sequence[Any]) -> int:
    """The place behind the first import of Keras, or before the first of anything else."""
    for i, statement in enumerate(body):
        if any(below_root(name) is not None for name in _imports(statement)):
            return i + 1
    later = [i + 1 for i, one in enumerate(body) if "__future__" in _imports(one)]
    text = body and _is_line(body[0]) and isinstance(body[0].body[0], cst.Expr)
    return later[-1] if later else int(bool(text))


def _end_of_imports(body: Sequence[Any], at: int) -> int:
    end = at
    while end < len(body) and _imports(body[end]):
        end += 1
    return end


class _Statements(cst.CSTTransformer):
    """Import statements by today's paths and names."""

    def __init__(self, script: Script, names: Names, say: Say) -> None:
        super().__init__()
        self.script, self.names, self.say = script, names, say
        self.depth = 0

    def visit_IndentedBlock(self, node: cst.IndentedBlock) -> None:
        self.depth += 1

    def leave_IndentedBlock(
        self, original_node: cst.IndentedBlock, updated_node: cst.IndentedBlock
    ) -> cst.IndentedBlock:
        self.depth -= 1
        return updated_node

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> Any:
        found: list[cst.BaseSmallStatement] = []
        for each in updated_node.body:
            found += self._small(each)
        same = len(found) == len(updated_node.body)
        if same and all(a is b for a, b in zip(found, updated_node.body, strict=True)):
            return updated_node
        if not found:
            nothing = updated_node.with_changes(body=[cst.Pass()])
            return cst.RemoveFromParent() if self.depth == 0 else nothing
        if same:
            return updated_node.with_changes(body=found)
        plain = [each.with_changes(semicolon=cst.MaybeSentinel.DEFAULT) for each in found]
        first = updated_node.with_changes(body=plain[:1])
        return cst.FlattenSentinel([first, *(cst.SimpleStatementLine([s]) for s in plain[1:])])

    def leave_SimpleStatementSuite(
        self, original_node: cst.SimpleStatementSuite, updated_node: cst.SimpleStatementSuite
    ) -> cst.SimpleStatementSuite:
        self.depth += 1
        found = [new for each in updated_node.body for new in self._small(each)]
        self.depth -= 1
        return updated_node.with_changes(body=found or [cst.Pass()])

    def _small(self, node: Any) -> list[Any]:
        if isinstance(node, cst.Import):
            found = self._import(node)
        elif isinstance(node, cst.ImportFrom) and not node.relative:
            found = self._from(node)
        else:
            return [node]
        old, new = _code(node), "; ".join(map(_code, found)) or "not needed any more"
        if old != new:
            self.say(self._line_of(old), f"{' '.join(old.split())} is {' '.join(new.split())}")
            return found
        return [node]

    def _line_of(self, code: str) -> int:
        return self.script.facts.imports.get(code, 1)

    # ------------------------------------------------------------ import a.b as c

    def _import(self, node: cst.Import) -> list[Any]:
        names, more = [], False
        for each in node.names:
            new = self._alias(each)
            names += [] if new is None else [new]
            more = more or new is not each
        if not more:
            return [node]
        if not names:
            return []
        names[-1] = names[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
        return [node.with_changes(names=names)]

    def _alias(self, each: cst.ImportAlias) -> cst.ImportAlias | None:
        full, local = dotted(each.name), _local(each)
        ref = resolve(full)
        if ref is None:
            unused = full == "tensorflow" and self.names.gone(local or full)
            return None if unused else each
        path = ref.home[0] if ref.home is not None else None
        if path is None:
            return None if local and self.names.gone(local) else each
        today = _module(path)
        if local is None and not full.startswith("keras"):
            return each if full != "tf_keras" else _as(each, "keras", "tf_keras")
        if local is None and path != ref.path:
            today = "keras" if path == "" else today
        return each if today == full else each.with_changes(name=_chain(today))

    # ------------------------------------------------------------ from a import b

    def _from(self, node: cst.ImportFrom) -> list[Any]:
        module = dotted(node.module)
        if below_root(module) is None and module != "tensorflow":
            return [node]
        if isinstance(node.names, cst.ImportStar):
            return self._star(node, module)
        groups: dict[str, list[cst.ImportAlias]] = {}
        roots: list[Any] = []
        for each in node.names:
            full = f"{module}.{dotted(each.name)}"
            if full == "tensorflow.keras":
                name = cst.ImportAlias(cst.Name("keras"), each.asname)
                roots.append(cst.Import([name]))
                continue
            for place, alias in self._placed(module, full, each):
                groups.setdefault(place, []).append(alias)
        for path, name in list(self.names.added) if self.depth == 0 else ():
            if _module(path) in groups:
                groups[_module(path)].append(cst.ImportAlias(cst.Name(name)))
                self.names.added.remove((path, name))
        return [*roots, *_statements(node, groups)]

    def _placed(
        self, module: str, full: str, each: cst.ImportAlias
    ) -> list[tuple[str, cst.ImportAlias]]:
        """Modules and names of today for one name."""
        local = _local(each) or each.evaluated_name
        found = [
            (_module(path), cst.ImportAlias(cst.Name(name)))
            for path, name in self.names.moved.get(local, ())
        ]
        ref = resolve(full)
        if ref is None:
            return [(module, each), *found]
        if self.names.gone(local):
            return found
        if ref.home is None or ref.rest:
            self._say_gone(full, ref)
            known = modules.canonical(below_root(module) or "")
            return [(module if known is None else _module(known), each), *found]
        path, name = ref.home
        if not name:
            path, _, name = path.rpartition(".")
        if ref.name in BEFORE_3.get(ref.path, {}):
            note = f"{ref.name} was another function before Keras 3"
            self.say(self._line_of_name(full), note, False)
        if not name:
            return [("", each)]
        if each.asname is None and self.names.new_name(local, ref) == local != name:
            return [(_module(path), _as(each, name, local)), *found]
        new = each.with_changes(name=cst.Name(name))
        if _local(each) == name and name != each.evaluated_name:
            new = new.with_changes(asname=None)
        return [(_module(path), new), *found]

    def _say_gone(self, full: str, ref: Ref) -> None:
        if ref.path not in MODERN or ref.value is not None:
            other = SUCCESSORS.get((ref.path, ref.name))
            said = f"has no place in Keras 3; {other}" if other else "has no place in Keras 3"
            self.say(self._line_of_name(full), f"{full} {said}", False)

    def _line_of_name(self, full: str) -> int:
        return self.script.facts.imported_at.get(full, 1)

    def _star(self, node: cst.ImportFrom, module: str) -> list[Any]:
        ref = resolve(module)
        path = ref.path if ref is not None else None
        if ref is None or path is None:
            return [node]
        if path in MODERN:
            return [node.with_changes(module=_chain(_module(path)))]
        used: dict[str, list[str]] = {}
        for name, full in self.script.facts.from_stars.items():
            found = resolve(full)
            if full.startswith(f"{module}.") and found is not None and found.home is not None:
                used.setdefault(_module(found.home[0]), []).append(self.names.new_name(name, found))
        return [
            cst.parse_statement(f"from {place} import {', '.join(sorted(set(names)))}").body[0]  # pyright: ignore
            for place, names in used.items()
        ]


def _local(alias: cst.ImportAlias) -> str | None:
    return dotted(alias.asname.name) if alias.asname is not None else None


def _as(alias: cst.ImportAlias, name: str, local: str) -> cst.ImportAlias:
    asname = cst.AsName(cst.Name(local), cst.SimpleWhitespace(" "), cst.SimpleWhitespace(" "))
    return alias.with_changes(name=_chain(name), asname=asname)


def _statements(node: cst.ImportFrom, groups: dict[str, list[cst.ImportAlias]]) -> list[Any]:
    """One statement for each module; the first has the form of the one that was there."""
    found: list[Any] = []
    for place, aliases in groups.items():
        once = list({(dotted(a.name), _local(a)): a for a in aliases}.values())
        with_commas = [
            a
            if isinstance(a.comma, cst.Comma) or i == len(once) - 1
            else a.with_changes(comma=_COMMA)
            for i, a in enumerate(once)
        ]
        if found or not node.lpar:
            with_commas[-1] = with_commas[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
        if found:
            found.append(cst.ImportFrom(_chain(place), with_commas))
        else:
            found.append(node.with_changes(module=_chain(place), names=with_commas))
    return found


_COMMA = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
