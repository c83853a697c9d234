"""Drawings of models: the text that Graphviz reads, and the pictures it makes of that.

The text is made here and needs nothing; pictures need Graphviz's program `dot`.
"""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from cornu.errors import UsageError, UsageTypeError, shown
from cornu.layers import Layer
from cornu.models import Model
from cornu.models.wiring import Call, Wiring

RANKDIRS = ("TB", "LR", "BT", "RL")
TEXT_SUFFIXES = (".dot", ".gv")
HEAD, FRAME, TRAINED, FROZEN = "#dbe7f3", "#7f8c99", "#d9f2dd", "#f6dcdc"
NO_GRAPHVIZ = (
    "Pictures of models need Graphviz, and its program `dot` is not to be found. Install it with "
    "`apt install graphviz`, `brew install graphviz` or `conda install graphviz`; or write the "
    'text that other programs draw: plot_model(model, "model.dot").'
)


class Shown(NamedTuple):
    """What a box says besides the class of its layer."""

    shapes: bool
    dtype: bool
    names: bool
    nested: bool
    activations: bool
    trainable: bool


class Drawing:
    """A drawing as Graphviz's text, with the methods that `pydot` has for it.

    Attributes:
        text: the text, in the language DOT.
    """

    def __init__(self, text: str):
        self.text = text

    def to_string(self) -> str:
        """The text."""
        return self.text

    def create(self, prog: str = "dot", format: str = "png") -> bytes:
        """The picture. Raises ImportError without Graphviz, UsageError where that fails."""
        program = shutil.which(prog)
        if program is None:
            raise ImportError(NO_GRAPHVIZ)
        done = subprocess.run([program, f"-T{format}"], input=self.text.encode(),
                              capture_output=True)  # fmt: skip
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip().splitlines()
            raise UsageError("E-GRAPHVIZ", f"{prog} -T{format}: {said[-1] if said else 'failed'}")
        return done.stdout

    def write(self, path: str | Path, prog: str = "dot", format: str | None = None) -> None:
        """Write the picture, or the text for a name that ends in .dot or .gv."""
        path = Path(path)
        if format is None and path.suffix.lower() in TEXT_SUFFIXES:
            path.write_text(self.text, encoding="utf-8")
        else:
            path.write_bytes(self.create(prog, format or path.suffix[1:].lower() or "png"))

    def _repr_svg_(self) -> str | None:
        """What a notebook shows."""
        return self.create(format="svg").decode() if shutil.which("dot") else None

    def __str__(self) -> str:
        return self.text


def model_to_dot(
    model: Model,
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = True,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int | None = 200,
    subgraph: bool = False,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
) -> Drawing:
    """The graph of a model: a box for each layer and op, an arrow for each Tensor read.

    Args:
        model: any Model; one of Python code, or not built, has boxes without shapes.
        show_shapes: whether boxes have the shapes of inputs and outputs.
        show_dtype: whether boxes have the dtype of outputs.
        show_layer_names: whether boxes have the layers' names.
        rankdir: where arrows lead: "TB" down, "LR" to the right, "BT", "RL".
        expand_nested: whether models inside are drawn in frames of their own.
        dpi: dots per inch of a picture.
        subgraph: whether the text is that of a part of a larger drawing.
        show_layer_activations: whether boxes have the layers' activations.
        show_trainable: whether boxes say what is trained.
        splines: form of the arrows, as Graphviz calls it.

    Raises:
        UsageError: for an unknown `rankdir`.
    """
    if not isinstance(model, Model):
        raise UsageTypeError("E-TYPE", f"a Model is asked for; got {shown(model)}.")
    if rankdir not in RANKDIRS:
        raise UsageError(
            "E-CHOICE", f"rankdir must be one of {', '.join(RANKDIRS)}; got {shown(rankdir)}."
        )
    what = Shown(show_shapes, show_dtype, show_layer_names, expand_nested, show_layer_activations,
                 show_trainable)  # fmt: skip
    pencil = _Pencil(what)
    lines = [*pencil.boxes(model, 1), *pencil.arrows()]
    if subgraph:
        head = [
            f"subgraph {_quoted('cluster_' + model.name)} {{",
            f"  label={_quoted(model.name)};",
        ]
    else:
        size = "" if dpi is None else f", dpi={int(dpi)}"
        head = [
            f"digraph {_quoted(model.name)} {{",
            f"  graph [rankdir={rankdir}, splines={_quoted(splines)}{size}];",
            '  node [shape=plaintext, margin=0, fontname="Helvetica"];',
        ]
    return Drawing("\n".join([*head, *lines, "}", ""]))


def plot_model(
    model: Model,
    to_file: str | Path | None = "model.png",
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int | None = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
) -> Drawing:
    """Draw a model into a file, and return the drawing, which a notebook shows.

    The file's name says in which form: .png, .svg, .pdf …, by Graphviz's `dot`, or .dot for the
    text, which needs no Graphviz. The other arguments are those of `model_to_dot`.

    Raises:
        ImportError: without Graphviz, with the ways to install it.

    Example:
        >>> plot_model(model, "model.svg", show_shapes=True)
    """
    drawing = model_to_dot(
        model,
        show_shapes=show_shapes,
        show_dtype=show_dtype,
        show_layer_names=show_layer_names,
        rankdir=rankdir,
        expand_nested=expand_nested,
        dpi=dpi,
        show_layer_activations=show_layer_activations,
        show_trainable=show_trainable,
        splines=splines,
    )
    if to_file is not None:
        drawing.write(to_file)
    return drawing


class _Pencil:
    """Names boxes by number, and remembers which box makes which Tensor."""

    def __init__(self, what: Shown):
        self.what = what
        self.count = 0
        self.made_by: dict[int, str] = {}  # id of a Tensor -> box
        self.read: list[tuple[int, str]] = []  # (id of a Tensor, box that reads it)
        self.chained: list[tuple[str, str]] = []

    def boxes(self, model: Model, depth: int) -> Iterator[str]:
        """Lines for the boxes of a model, those of models inside in frames where asked for."""
        indent = "  " * depth
        if model._graph is None:
            yield from self._without_graph(model, indent)
            return
        for call in Wiring(model._graph).calls:
            inner = call.op if isinstance(call.op, Model) else None
            if self.what.nested and inner is not None and inner._graph is not None:
                yield f"{indent}subgraph cluster_{self.count} {{"
                yield f"{indent}  label={_quoted(inner.name)}; color={_quoted(FRAME)};"
                self.count += 1
                yield from self.boxes(inner, depth + 1)
                yield f"{indent}}}"
                self._join(call, inner._graph)
            else:
                yield f"{indent}{self._box(call)}"

    def _join(self, call: Call, inner: Any) -> None:
        """Let a frame's first boxes read what its model is called on; its last ones make it."""
        for node in call.nodes:
            for tensor, begin in zip(node.inputs, inner.input_leaves, strict=False):
                box = self.made_by.get(id(begin))
                if box is not None:
                    self.read.append((id(tensor), box))
            for tensor, end in zip(node.outputs, inner.output_leaves, strict=False):
                if id(end) in self.made_by:
                    self.made_by[id(tensor)] = self.made_by[id(end)]

    def _without_graph(self, model: Model, indent: str) -> Iterator[str]:
        """The layers that are known; those of a Sequential one after another."""
        before = None
        for layer in model.layers:
            box = f"n{self.count}"
            yield f"{indent}{self._box(Call(layer.name, type(layer).__name__, layer, ()))}"
            if before is not None and type(model).call.__module__.startswith("cornu."):
                self.chained.append((before, box))
            before = box

    def _box(self, call: Call) -> str:
        box = f"n{self.count}"
        self.count += 1
        for node in call.nodes:
            self.made_by.update((id(t), box) for t in node.outputs)
            self.read += [(id(t), box) for t in node.inputs]
        return f"{box} [label=<{_table(_cells(call, self.what))}>];"

    def arrows(self) -> Iterator[str]:
        """Lines for the arrows, each once."""
        found = [(self.made_by[t], box) for t, box in self.read if t in self.made_by]
        for before, after in dict.fromkeys([*found, *self.chained]):
            yield f"  {before} -> {after};"


def _cells(call: Call, what: Shown) -> list[tuple[str, str]]:
    """Text and colour of each line of a box."""
    name = f"{call.name} ({call.kind})" if what.names else call.kind
    cells = [(name, HEAD)]
    activation = getattr(call.op, "activation", None) if isinstance(call.op, Layer) else None
    if what.activations and activation is not None:
        cells.append((f"Activation: {getattr(activation, '__name__', activation)}", ""))
    inputs = [t for node in call.nodes for t in node.inputs]
    outputs = [t for node in call.nodes for t in node.outputs]
    if what.shapes:
        if inputs:
            cells.append((f"Input shape: {_each(str(t.shape) for t in inputs)}", ""))
        cells.append((f"Output shape: {_each(str(t.shape) for t in outputs)}", ""))
    if what.dtype:
        cells.append((f"Output dtype: {_each(t.dtype for t in outputs)}", ""))
    if what.trainable and isinstance(call.op, Layer) and call.op.weights:
        cells.append(("Trainable", TRAINED) if call.op.trainable else ("Frozen", FROZEN))
    return cells


def _each(texts: Iterator[str]) -> str:
    return ", ".join(dict.fromkeys(texts)) or "?"


def _table(cells: list[tuple[str, str]]) -> str:
    rows = []
    for text, color in cells:
        fill = f' bgcolor="{color}"' if color else ""
        rows.append(f"<tr><td{fill}>{_plain(text)}</td></tr>")
    style = f'border="0" cellborder="1" cellspacing="0" cellpadding="6" color="{FRAME}"'
    return f"<table {style}>{''.join(rows)}</table>"


def _plain(text: str) -> str:
    """A user's text for a label in HTML, where it can change nothing but itself."""
    text = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _quoted(text: str) -> str:
    """A user's text as a name in DOT."""
    text = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
