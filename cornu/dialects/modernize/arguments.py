"""The arguments of a call as they are written, from a telling of it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import libcst as cst

from cornu.dialects.modernize.telling import Telling, order_of

__all__ = ["given", "written"]

Read = Callable[[cst.BaseExpression], Any]


def given(args: Sequence[cst.Arg], read: Read) -> tuple[tuple, dict[str, Any]]:
    """Values of positional and of named arguments; `**` is left out."""
    plain = [arg for arg in args if not arg.star]
    positional = tuple(read(arg.value) for arg in plain if arg.keyword is None)
    return positional, {a.keyword.value: read(a.value) for a in plain if a.keyword is not None}


def written(
    args: Sequence[cst.Arg],
    made: Telling,
    node_of: Callable[[Any], cst.BaseExpression],
    named: bool = False,
    first: str = "",
) -> list[cst.Arg]:
    """The arguments of today in the order and with the spaces and comments of those of then.

    Those that were positional stay so where today's order has them at the same place; with `named`,
    none does. The argument `first` is positional whatever it was.
    """
    origin = _origins(args, made)
    order = [] if named else order_of(made.target)
    found = dict(made.found)
    plain = []
    for place, name in enumerate(order):
        arg = origin.get(made.came.get(name, name))
        if name not in found or arg is None:
            break
        if name != first and (arg[1].keyword is not None or arg[0] != place):
            break
        end = origin.get(made.ends.get(name, ""), arg)[1]
        bare = arg[1].with_changes(keyword=None, equal=cst.MaybeSentinel.DEFAULT)
        plain.append(bare.with_changes(value=node_of(found.pop(name)), comma=end.comma))
    rest = []
    for name, value in found.items():
        place, old = origin.get(made.came.get(name, name), (len(args), cst.Arg(cst.Name("x"))))
        end = origin.get(made.ends.get(name, ""), (0, old))[1]
        rest.append((place, _named(old, name, node_of(value)).with_changes(comma=end.comma)))
    rest = [arg for _, arg in sorted(rest, key=lambda pair: pair[0])]
    return _with_commas([*plain, *rest, *(arg for arg in args if arg.star)], args)


def _origins(args: Sequence[cst.Arg], made: Telling) -> dict[str, tuple[int, cst.Arg]]:
    """Name that an argument had -> its place, and it."""
    names = iter(made.given)
    plain = [(i, arg) for i, arg in enumerate(args) if not arg.star]
    found = {next(names): (i, arg) for i, arg in plain if arg.keyword is None}
    found |= {arg.keyword.value: (i, arg) for i, arg in plain if arg.keyword is not None}
    return found


def _named(arg: cst.Arg, name: str, value: cst.BaseExpression) -> cst.Arg:
    if arg.keyword is not None:
        return arg.with_changes(keyword=cst.Name(name), value=value)
    none = cst.SimpleWhitespace("")
    equal = cst.AssignEqual(whitespace_before=none, whitespace_after=none)
    return arg.with_changes(keyword=cst.Name(name), value=value, equal=equal)


def _with_commas(found: list[cst.Arg], before: Sequence[cst.Arg]) -> list[cst.Arg]:
    """The arguments with a comma between each two; the last ends as the last did."""
    between = [arg.comma for arg in before[:-1] if isinstance(arg.comma, cst.Comma)]
    usual = next(
        (comma for comma in reversed(between) if not _remark(comma)),
        cst.Comma(whitespace_after=cst.SimpleWhitespace(" ")),
    )
    last = before[-1] if before else None
    ready = []
    for i, arg in enumerate(found):
        own = arg.comma if isinstance(arg.comma, cst.Comma) else None
        was_last = last is not None and own is not None and own is last.comma
        if i < len(found) - 1:
            comma = usual if own is None or (was_last and not _remark(own)) else own
        elif own is not None and (_remark(own) or was_last):
            comma = own
        else:
            comma = last.comma if last is not None else cst.MaybeSentinel.DEFAULT
        end = last.whitespace_after_arg if last is not None and i == len(found) - 1 else None
        after = arg.whitespace_after_arg if end is None or own is not None else end
        ready.append(arg.with_changes(comma=comma, whitespace_after_arg=after))
    return ready


def _remark(comma: Any) -> bool:
    """Whether a comment stands behind a comma."""
    after = getattr(comma, "whitespace_after", None)
    return getattr(getattr(after, "first_line", None), "comment", None) is not None


def texts(
    values: Mapping[str, Any], node_of: Callable[[Any], cst.BaseExpression]
) -> dict[str, str]:
    """Name -> how its value is written."""
    code = cst.Module([]).code_for_node
    return {name: code(node_of(value)) for name, value in values.items()}
