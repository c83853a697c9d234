"""The table that `summary()` prints: layers, output shapes, parameters, and totals in bytes.

Reads what is known and computes nothing: unknown shapes show as "?".
"""

import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from cornu.layers import Layer
from cornu.models.wiring import Call, Wiring
from cornu.saving.forms import is_model

WIDTH, WIDTH_OF_GRAPHS = 80, 108
"""Most columns a table takes by itself."""

UNITS = ("B", "KB", "MB", "GB", "TB", "PB")


class Lines(NamedTuple):
    """What a table is drawn with."""

    heavy: str
    light: str
    top: str
    under_head: str
    between: str
    bottom: str
    branch: str


DRAWN = Lines("┃", "│", "┏━┳┓", "┡━╇┩", "├─┼┤", "└─┴┘", "└ ")
PLAIN = Lines("|", "|", "+=++", "+=++", "+-++", "+-++", "- ")


class Row(NamedTuple):
    """One layer, or one op between layers."""

    layer: Any
    kind: str
    name: str
    depth: int
    shape: str
    read: Sequence[str]


def summarize(
    model: Any, line_length: int | None, expand_nested: bool, show_trainable: bool
) -> str:
    """The table as text.

    Args:
        model: any model, built or not.
        line_length: columns to use; as many as the text needs, up to 80 or 108, by default.
        expand_nested: whether the layers of models inside are listed, indented.
        show_trainable: whether a column says what is trained.
    """
    lines = _lines()
    wiring = None if model._graph is None else Wiring(model._graph)
    connected = wiring is not None and not _is_chain(wiring.calls)
    rows = list(_rows(model, wiring, 0, expand_nested))
    heads = ["Layer (type)", "Output Shape", "Param #"]
    heads += ["Connected to"] * connected + ["Trainable"] * show_trainable
    cells = [_cells(row, connected, show_trainable, lines) for row in rows]
    widths = _widths(heads, cells, line_length or (WIDTH_OF_GRAPHS if connected else WIDTH))
    text = [f'Model: "{printable(model.name)}"', *_table(heads, cells, widths, lines)]
    if not model.built:
        text.append(
            " Not built yet: shapes and parameters are known after build(input_shape), or after "
            "the first call on data."
        )
    return "\n".join([*text, *_totals(model)])


def printable(text: str) -> str:
    """`text` with control characters spelled out, so that a name cannot steer a terminal."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(text))


def byte_size(count: int) -> str:
    """A number of bytes as people read it: "1.32 KB"."""
    size, unit = float(count), 0
    while size >= 1024 and unit < len(UNITS) - 1:
        size, unit = size / 1024, unit + 1
    return f"{size:.2f} {UNITS[unit]}"


def _lines() -> Lines:
    encoding = getattr(sys.stdout, "encoding", None) or "ascii"
    try:
        "".join(DRAWN).encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return PLAIN
    return DRAWN


# ---------------------------------------------------------------- what the rows say


def _rows(model: Any, wiring: Wiring | None, depth: int, expand: bool) -> Iterator[Row]:
    for call in _calls(model, wiring):
        read = [] if wiring is None else wiring.read_by(call)
        yield Row(call.op, call.kind, call.name, depth, _shapes(call), read)
        if expand and is_model(call.op):
            inner = None if call.op._graph is None else Wiring(call.op._graph)
            yield from _rows(call.op, inner, depth + 1, expand)


def _calls(model: Any, wiring: Wiring | None) -> list[Call]:
    """What is listed: a Sequential's own layers have no InputLayer among them."""
    if wiring is None:
        return [Call(x.name, type(x).__name__, x, ()) for x in model.layers]
    shown = {id(layer) for layer in model.layers}
    return [c for c in wiring.calls if id(c.op) in shown or not _is_input(c.op)]


def _is_input(op: Any) -> bool:
    return getattr(op, "is_placeholder", False)


def _shapes(call: Call) -> str:
    nodes = call.nodes or call.op.__dict__.get("_nodes", ())
    found = dict.fromkeys(
        ", ".join(str(t.shape) for t in node.outputs)
        if len(node.outputs) == 1
        else "[" + ", ".join(str(t.shape) for t in node.outputs) + "]"
        for node in nodes
    )
    return ", ".join(found) or "?"


def _is_chain(entries: Sequence[Call]) -> bool:
    """Whether every entry reads the one before it, once, and nothing else."""
    if any(len(call.nodes) != 1 for call in entries):
        return False
    for before, call in zip(entries, entries[1:], strict=False):
        made = {id(t) for t in before.nodes[0].outputs}
        read = [id(t) for t in call.nodes[0].inputs]
        if len(read) != 1 or read[0] not in made:
            return False
    return not entries or not entries[0].nodes[0].inputs


def _cells(row: Row, connected: bool, trainable: bool, lines: Lines) -> list[str]:
    indent = "   " * row.depth + (lines.branch if row.depth else "")
    found = [f"{indent}{printable(row.name)} ({row.kind})", row.shape, _count(row.layer)]
    if connected:
        found.append(", ".join(map(printable, row.read)) if not row.depth and row.read else "-")
    if trainable:
        weighted = isinstance(row.layer, Layer) and row.layer.weights
        found.append(("Y" if row.layer.trainable else "N") if weighted else "-")
    return found


def _count(layer: Any) -> str:
    if not isinstance(layer, Layer):
        return "0"
    variables = layer.weights
    return f"{_numbers(variables):,}" if variables or layer.built else "0 (unbuilt)"


def _numbers(variables: Iterable[Any]) -> int:
    return sum(math.prod(v.shape) for v in variables)


def _bytes(variables: Iterable[Any]) -> int:
    sizes = {"bool": 1, "float8": 1}
    bits = {"64": 8, "32": 4, "16": 2, "t8": 1}
    each = ((v, bits.get(v.dtype[-2:], sizes.get(v.dtype, 4))) for v in variables)
    return sum(math.prod(v.shape) * size for v, size in each)


def _totals(model: Any) -> list[str]:
    optimizer = getattr(model.optimizer, "variables", []) if _optimizer_built(model) else []
    parts = {
        "Total": [*model.weights, *optimizer],
        "Trainable": model.trainable_variables,
        "Non-trainable": model.non_trainable_weights,
    }
    if optimizer:
        parts["Optimizer"] = optimizer
    return [
        f" {what} params: {_numbers(cells):,} ({byte_size(_bytes(cells))})"
        for what, cells in parts.items()
    ]


def _optimizer_built(model: Any) -> bool:
    return model.optimizer is not None and bool(getattr(model.optimizer, "built", False))


# ---------------------------------------------------------------- drawing


def _widths(heads: Sequence[str], cells: Sequence[Sequence[str]], most: int) -> list[int]:
    """Columns' widths: what the text needs, the widest ones cut until the line fits."""
    columns = zip(heads, *cells, strict=True) if cells else ((h,) for h in heads)
    widths = [max(map(len, column)) for column in columns]
    frame = 3 * len(widths) + 1
    while sum(widths) + frame > max(most, frame + 8 * len(widths)):
        widest = max(range(len(widths)), key=lambda i: widths[i])
        widths[widest] -= 1
    return widths


def _table(
    heads: Sequence[str], cells: Sequence[Sequence[str]], widths: Sequence[int], lines: Lines
) -> list[str]:
    text = [_border(lines.top, widths), *_drawn(heads, widths, lines.heavy)]
    text.append(_border(lines.under_head, widths))
    for i, row in enumerate(cells):
        if i:
            text.append(_border(lines.between, widths))
        text += _drawn(row, widths, lines.light)
    text.append(_border(lines.bottom, widths))
    return text


def _border(marks: str, widths: Sequence[int]) -> str:
    left, dash, cross, right = marks
    return left + cross.join(dash * (width + 2) for width in widths) + right


def _drawn(row: Sequence[str], widths: Sequence[int], bar: str) -> list[str]:
    """One row; a cell that is too wide goes on in further lines. Numbers stand to the right."""
    parts = [_wrapped(cell, width) for cell, width in zip(row, widths, strict=True)]
    text = []
    for i in range(max(map(len, parts))):
        line = [part[i] if i < len(part) else "" for part in parts]
        placed = [
            cell.rjust(width) if column == 2 else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        text.append(f"{bar} " + f" {bar} ".join(placed) + f" {bar}")
    return text


def _wrapped(text: str, width: int) -> list[str]:
    """`text` in pieces of at most `width`, parted at spaces where there are any."""
    pieces = []
    while len(text) > width:
        space = text.rfind(" ", len(text) - len(text.lstrip()) + 1, width + 1)
        cut = space if space > 0 else width
        pieces.append(text[:cut])
        text = text[cut:].lstrip() if space > 0 else text[cut:]
    return [*pieces, text]
