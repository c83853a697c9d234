"""Drawings of models in files: pictures, pages, and the text that Graphviz reads.

Pictures are made by Graphviz's program `dot` where it is installed. Where it is not, they are drawn
here: SVG and pages without any other package, PNG and PDF with matplotlib (the extra `plot`).
"""

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from cornu.errors import UsageError
from cornu.models import Model
from cornu.models.wiring import Call
from cornu.saving.files import write_whole
from cornu.visualization.model_page import model_page
from cornu.visualization.model_raster import raster
from cornu.visualization.model_svg import svg
from cornu.visualization.scene import scene
from cornu.visualization.sketch import Item, Shown, Sketch, checked, facts, sketch

TEXTS, PAGES = ("dot", "gv", "raw"), ("html", "htm")
HEAD, FRAME, COLORS = "#dbe7f3", "#7f8c99", {"Trainable": "#d9f2dd", "Frozen": "#f6dcdc"}
NO_GRAPHVIZ = (
    "A picture in this form needs Graphviz or matplotlib, and neither is to be found. "
    'plot_model(model, "model.svg") and plot_model(model, "model.html") need neither. Or install '
    'one: pip install "cornu[plot]"; `apt install graphviz`, `brew install graphviz` or '
    '`conda install graphviz`; or write the text that other programs draw: "model.dot".'
)


class Drawn(NamedTuple):
    """What is drawn, and how."""

    sketch: Sketch
    what: Shown
    rankdir: str
    splines: str
    dpi: int | None


class Drawing:
    """A drawing as Graphviz's text, with the methods that `pydot` has for it.

    Attributes:
        text: the text, in the language DOT.
    """

    def __init__(self, text: str, drawn: Drawn | None = None):
        self.text = text
        self._drawn = drawn

    def to_string(self) -> str:
        """The text."""
        return self.text

    def svg(self) -> str:
        """Our own picture, which needs no program. Raises UsageError for too large a graph."""
        if self._drawn is None:
            raise UsageError("E-GRAPHVIZ", "only what model_to_dot returns can be drawn.")
        model, what, rankdir, splines, _ = self._drawn
        return svg(scene(model, what, rankdir), splines, f"graph of {model.model.name}")

    def create(self, prog: str | Sequence[str] = "dot", format: str = "png") -> bytes:
        """The picture, by Graphviz if it is there.

        Raises:
            ImportError: where nothing is there that draws the format.
            UsageError: where that fails, and for graphs too large to be seen.
        """
        if format in TEXTS:
            return self.text.encode()
        program, *more = [prog] if isinstance(prog, str) else prog
        found = shutil.which(program)
        if found is not None:
            return self._by_graphviz([found, *more], format)
        if format == "svg":
            return self.svg().encode()
        if self._drawn is None:
            raise ImportError(NO_GRAPHVIZ)
        model, what, rankdir, splines, dpi = self._drawn
        try:
            return raster(scene(model, what, rankdir), splines, format, dpi)
        except ImportError as error:
            raise ImportError(NO_GRAPHVIZ) from error

    def _by_graphviz(self, program: Sequence[str], format: str) -> bytes:
        done = subprocess.run([*program, f"-T{format}"], input=self.text.encode(),
                              capture_output=True)  # fmt: skip
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip().splitlines()
            name = Path(program[0]).name
            raise UsageError("E-GRAPHVIZ", f"{name} -T{format}: {said[-1] if said else 'failed'}")
        return done.stdout

    def create_png(self, prog: str | Sequence[str] = "dot") -> bytes:
        """The picture as PNG; see `create`."""
        return self.create(prog, "png")

    def create_svg(self, prog: str | Sequence[str] = "dot") -> bytes:
        """The picture as SVG; see `create`."""
        return self.create(prog, "svg")

    def create_pdf(self, prog: str | Sequence[str] = "dot") -> bytes:
        """The picture as PDF; see `create`."""
        return self.create(prog, "pdf")

    def write(
        self, path: str | Path, prog: str | Sequence[str] = "dot", format: str | None = None
    ) -> None:
        """Write what the name's end says: a picture, a page (.html), or the text (.dot, .gv).

        The file is replaced at once, or not at all. Raises as `create` does.
        """
        form = format or Path(path).suffix[1:].lower() or "png"
        if form in PAGES and self._drawn is not None:
            content = model_page(self._drawn.sketch.model, self._drawn.rankdir).encode()
        else:
            content = self.create(prog, form)
        write_whole(path, lambda file: file.write(content))

    def write_png(self, path: str | Path, prog: str | Sequence[str] = "dot") -> None:
        """Write the picture as PNG; see `write`."""
        self.write(path, prog, "png")

    def write_svg(self, path: str | Path, prog: str | Sequence[str] = "dot") -> None:
        """Write the picture as SVG; see `write`."""
        self.write(path, prog, "svg")

    def write_pdf(self, path: str | Path, prog: str | Sequence[str] = "dot") -> None:
        """Write the picture as PDF; see `write`."""
        self.write(path, prog, "pdf")

    def _repr_svg_(self) -> str | None:
        """What a notebook shows."""
        return None if self._drawn is None else self.create(format="svg").decode()

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
        dpi: dots per inch of a picture that is made of dots; 96 for None.
        subgraph: whether the text is that of a part of a larger drawing.
        show_layer_activations: whether boxes have the layers' activations.
        show_trainable: whether boxes say what is trained.
        splines: form of the arrows: "ortho" (right angles), "curved", "line", "polyline", "spline".

    Raises:
        UsageError: for an unknown `rankdir`.
    """
    checked(model, rankdir)
    what = Shown(
        shapes=show_shapes,
        dtype=show_dtype,
        names=show_layer_names,
        activations=show_layer_activations,
        trainable=show_trainable,
    )
    drawn = Drawn(sketch(model, expand_nested), what, rankdir, splines, dpi)
    pencil = _Pencil(what)
    lines = [*pencil.boxes(drawn.sketch, 1), *pencil.arrows()]
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
    return Drawing("\n".join([*head, *lines, "}", ""]), drawn)


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

    The file's name says in which form: .svg, .png, .pdf …; .html for a page in which one can zoom,
    search and look into every layer; .dot for Graphviz's text. Graphviz draws pictures if it is
    there. If not, SVG needs nothing, and PNG and PDF need matplotlib. The other arguments are those
    of `model_to_dot`; of them a page, which tells all, takes `rankdir` alone.

    Raises:
        ImportError: for PNG and the like without Graphviz and matplotlib, with what works.
        UsageError: for an unknown `rankdir` or form, and for graphs too large to be seen.

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


# ---------------------------------------------------------------- Graphviz's text


class _Pencil:
    """Names boxes by number, and remembers which box stands for which item."""

    def __init__(self, what: Shown):
        self.what = what
        self.count = 0
        self.frames = 0
        self.names: dict[int, str] = {}  # id of an item -> box
        self.sketches: list[Sketch] = []

    def boxes(self, drawn: Sketch, depth: int) -> Iterator[str]:
        """Lines for the boxes of a model, those of models inside in frames where they are drawn."""
        indent = "  " * depth
        self.sketches.append(drawn)
        for item in drawn.items:
            if item.inner is not None:
                yield f"{indent}subgraph cluster_{self.frames} {{"
                yield f"{indent}  label={_quoted(item.call.name)}; color={_quoted(FRAME)};"
                self.frames += 1
                yield from self.boxes(item.inner, depth + 1)
                yield f"{indent}}}"
                continue
            name = self.names[id(item)] = f"n{self.count}"
            self.count += 1
            yield f"{indent}{name} [label=<{_table(_cells(item.call, self.what))}>];"

    def arrows(self) -> Iterator[str]:
        """Lines for the arrows, each once; those to and from a frame meet a box in it."""
        found = [
            (self._made(drawn.items[a.start], a.output), self._read(drawn.items[a.end], a.input))
            for drawn in self.sketches
            for a in drawn.arrows
        ]
        for before, after in dict.fromkeys(found):
            if before and after:
                yield f"  {before} -> {after};"

    def _read(self, item: Item, gate: int) -> str | None:
        """The box that input `gate` of an item leads to."""
        if item.inner is None:
            return self.names[id(item)]
        inside = item.inner
        return self._read(inside.items[inside.inputs[gate]], 0) if inside.inputs[gate:] else None

    def _made(self, item: Item, gate: int) -> str | None:
        """The box that makes output `gate` of an item."""
        if item.inner is None:
            return self.names[id(item)]
        if not item.inner.outputs[gate:]:
            return None
        number, output = item.inner.outputs[gate]
        return self._made(item.inner.items[number], output)


def _cells(call: Call, what: Shown) -> list[tuple[str, str]]:
    """Text and colour of each line of a box."""
    name = f"{call.name} ({call.kind})" if what.names else call.kind
    cells = [(name, HEAD)]
    for label, value in facts(call, what):
        cells.append((f"{label}: {value}" if label else value, COLORS.get(value, "")))
    return cells


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
