"""The graph of a model in a report: the drawing of `scene.py`, in the colours of the page."""

from typing import Any, NamedTuple

from cornu.visualization.model_svg import parts
from cornu.visualization.report_html import Html, el
from cornu.visualization.scene import scene
from cornu.visualization.sketch import Shown, sketch

MOST = 300
"""Of larger graphs nobody sees anything on a page."""

EDGE = 4


class Graph(NamedTuple):
    """A drawing, and how wide it is in pixels."""

    drawing: Html
    width: float


def graph(model: Any) -> Graph | None:
    """The drawing; None for a model of Python code, and for one of too many layers."""
    if model._graph is None:
        return None
    drawn = sketch(model, nested=False)
    if drawn.count() > MOST:
        return None
    placed = scene(drawn, Shown(names=True, outputs=True))
    width, height = placed.width + 2 * EDGE, placed.height + 2 * EDGE
    drawing = el(
        "svg",
        el("g", *parts(placed, "ortho"), transform=f"translate({EDGE} {EDGE})"),
        viewBox=f"0 0 {width:.0f} {height:.0f}",
        width=f"{width:.0f}",
        class_="graph",
        role="img",
        aria_label="graph of the model",
    )
    return Graph(drawing, width)
