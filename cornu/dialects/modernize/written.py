"""Values that stand for what is written in a script, so that rows can tell them.

What is known is a number, text, tuple, list or dict, with the node it was read from; what only a
run would tell is a `Code`. Rows take both, and what they leave alone is written as it was.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

import libcst as cst

__all__ = ["Batches", "Code", "Figure", "Likely", "Undecided", "node_of", "read", "source"]


class Undecided(Exception):
    """Why a call is left as it is: what only a run would tell, or what has no successor."""


class Code:
    """An expression whose value is not known."""

    def __init__(self, node: cst.BaseExpression) -> None:
        self.node = node

    def __bool__(self) -> bool:
        raise Undecided(f"what {source(self.node)} is shows only in a run")

    def __iter__(self) -> Any:
        raise Undecided(f"what {source(self.node)} holds shows only in a run")

    def __len__(self) -> int:
        raise Undecided(f"how much {source(self.node)} holds shows only in a run")

    def __repr__(self) -> str:
        return source(self.node)


class Figure(Code):
    """An expression that gives a number, as far as can be seen."""

    def __index__(self) -> int:
        raise Undecided(f"what {source(self.node)} is shows only in a run")

    def __gt__(self, other: Any) -> bool:
        return True  # a count of steps, which is 1 at least

    def __truediv__(self, other: Any) -> "Figure":
        return Figure(_quotient(self.node, node_of(other)))

    def __rtruediv__(self, other: Any) -> "Figure":
        return Figure(_quotient(node_of(other), self.node))

    def __ceil__(self) -> "Figure":
        ceil = cst.Attribute(cst.Name("math"), cst.Name("ceil"))
        return Figure(cst.Call(ceil, [cst.Arg(self.node)]))


class Likely(Figure):
    """An expression of which nothing changes where it is 0."""

    def __bool__(self) -> bool:
        return True


class Batches(Code):
    """What gives batches, of a size that the script says."""

    def __init__(self, node: cst.BaseExpression, batch_size: Any) -> None:
        super().__init__(node)
        self.batch_size = batch_size


class Text(str):
    """A text with its node."""

    node: Any


class Whole(int):
    """A whole number with its node."""

    node: Any

    def __truediv__(self, other: Any) -> Any:
        return other.__rtruediv__(self) if isinstance(other, Figure) else int(self) / other


class Real(float):
    """A number with its node."""

    node: Any


class Several(tuple):
    """A tuple with its node."""

    node: Any


class Listed(list):
    """A list with its node."""

    node: Any


class Named(dict):
    """A dict with its node."""

    node: Any


REMARK = re.compile(r"(^|\s)#[^'\"]*$")
WORDS = {"None": None, "True": True, "False": False}


# ---------------------------------------------------------------- from a script


def read(
    node: cst.BaseExpression, numbers: bool = True, constants: Mapping[str, Any] | None = None
) -> Any:
    """The value of an expression, or a Code; `numbers` says whether that may be a number.

    `constants` are values that names of the script have throughout.
    """
    if isinstance(node, cst.Name) and node.value in WORDS:
        return WORDS[node.value]
    known = _known(node, numbers, constants)
    return _unknown(node, numbers, constants or {}) if known is None else known


def _known(node: Any, numbers: bool, constants: Mapping[str, Any] | None) -> Any:
    """A literal as a value with its node; None for anything else."""
    value: Any = None
    if isinstance(node, (cst.SimpleString, cst.ConcatenatedString)):
        text = node.evaluated_value
        value = Text(text) if isinstance(text, str) else None
    elif isinstance(node, cst.Integer):
        value = Whole(node.evaluated_value)
    elif isinstance(node, cst.Float):
        value = Real(node.evaluated_value)
    elif isinstance(node, cst.UnaryOperation) and isinstance(node.operator, cst.Minus):
        inner = _known(node.expression, numbers, constants)
        kinds = {Whole: Whole, Real: Real}
        value = kinds[type(inner)](-inner) if type(inner) in kinds else None
    elif isinstance(node, (cst.Tuple, cst.List)):
        if all(type(each) is cst.Element for each in node.elements):
            kind = Several if isinstance(node, cst.Tuple) else Listed
            value = kind(read(each.value, numbers, constants) for each in node.elements)
    elif isinstance(node, cst.Dict):
        value = _dict(node, numbers, constants)
    if value is not None:
        value.node = node
    return value


def _dict(node: cst.Dict, numbers: bool, constants: Mapping[str, Any] | None) -> Any:
    if not all(isinstance(each, cst.DictElement) for each in node.elements):
        return None
    pairs: Any = node.elements
    keys = [read(each.key, numbers, constants) for each in pairs]
    if not all(isinstance(key, (str, int, float)) for key in keys):
        return None
    values = (read(each.value, numbers, constants) for each in pairs)
    return Named(zip(keys, values, strict=True))


NO_NUMBERS = (
    *(cst.Lambda, cst.FormattedString, cst.ListComp, cst.DictComp, cst.List, cst.Tuple, cst.Dict),
    *(cst.Comparison, cst.BooleanOperation),
)


def _unknown(node: cst.BaseExpression, numbers: bool, constants: Mapping[str, Any]) -> Code:
    if isinstance(node, cst.Name) and node.value in constants:
        known = constants[node.value]
        return Figure(node) if isinstance(known, (int, float)) else Code(node)
    if isinstance(node, cst.BinaryOperation):
        return Figure(node)
    return Figure(node) if numbers and not isinstance(node, NO_NUMBERS) else Code(node)


# ---------------------------------------------------------------- to a script


def node_of(
    value: Any, made: Callable[[Any], cst.BaseExpression] | None = None, quote: str = '"'
) -> cst.BaseExpression:
    """A value as an expression; `made` writes objects. Raises Undecided for what has no form."""
    if getattr(value, "node", None) is not None:
        return value.node
    if value is None or isinstance(value, bool):
        return cst.Name(str(value))
    if isinstance(value, str):
        plain = quote not in value and value.isprintable() and "\\" not in value
        return cst.SimpleString(f"{quote}{value}{quote}" if plain else repr(value))
    if isinstance(value, (int, float)):
        return cst.parse_expression(repr(value))
    if isinstance(value, (list, tuple)):
        elements = [cst.Element(node_of(each, made, quote)) for each in value]
        if isinstance(value, list):
            return cst.List(elements)
        if len(elements) == 1:
            elements = [elements[0].with_changes(comma=cst.Comma())]
        return cst.Tuple(elements)
    if isinstance(value, Mapping):
        pairs = ((node_of(k, made, quote), node_of(v, made, quote)) for k, v in value.items())
        return cst.Dict([cst.DictElement(k, v) for k, v in pairs])
    if made is None:
        raise Undecided(f"{value!r} cannot be written")
    return made(value)


def _quotient(above: cst.BaseExpression, below: cst.BaseExpression) -> cst.BaseExpression:
    return cst.BinaryOperation(_closed(above), cst.Divide(), _closed(below))


def _closed(node: cst.BaseExpression) -> cst.BaseExpression:
    """The expression, in parentheses where an operator beside it could take it apart."""
    whole = (cst.Name, cst.Attribute, cst.Call, cst.Subscript, cst.Integer, cst.Float)
    if isinstance(node, whole) or node.lpar:
        return node
    return node.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])


def source(node: cst.CSTNode, most: int = 60) -> str:
    """The node's text on one line, cut where it is long."""
    code = cst.Module([]).code_for_node(node)
    text = " ".join(REMARK.sub("", line).strip() for line in code.splitlines())
    return text if len(text) <= most else f"{text[: most - 1]}…"
