"""A scene as PNG, PDF and what else matplotlib writes (the extra `plot`), without Graphviz."""

import io
import math
import warnings
from collections.abc import Sequence
from typing import Any

from cornu.errors import UsageError, warn
from cornu.visualization.model_svg import COLORS, LIGHT
from cornu.visualization.scene import (
    BIG,
    MARGIN,
    SMALL,
    STRIP,
    Box,
    Command,
    Line,
    Point,
    Scene,
    origin,
    strokes,
)

PER_INCH, POINTS = 96, 72
LONGEST, MOST_PIXELS = 60_000, 100_000_000
"""Most pixels on a side, and in all."""

CODES = {"M": (1,), "L": (2,), "Q": (3, 3), "C": (4, 4, 4)}
"""Letters of SVG's paths -> matplotlib's numbers."""

INKS = {
    "name": LIGHT.soft,
    "label": LIGHT.soft,
    "trainable": "#2e8b4f",
    "frozen": "#3d7fb0",
}
HEAVY = ("kind", "trainable", "frozen")


def raster(scene: Scene, splines: str, form: str, dpi: int | None) -> bytes:
    """The picture of a scene, light.

    Args:
        scene: what to draw.
        splines: form of the arrows, as for `model_svg.svg`.
        form: "png", "pdf", "jpg" or another that matplotlib writes.
        dpi: dots of an inch that has 96 of the scene's units.

    Raises:
        ImportError: without matplotlib.
        UsageError: for a form that matplotlib does not write.
    """
    from matplotlib.figure import Figure  # the caller says how to get it

    width, height = scene.width + 2 * MARGIN, scene.height + 2 * MARGIN
    figure = Figure(figsize=(width / PER_INCH, height / PER_INCH), facecolor=LIGHT.page)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
    axes.axis("off")
    known = sorted(figure.canvas.get_supported_filetypes())
    if form not in known:
        raise UsageError(
            "E-CHOICE",
            f'pictures of the form "{form}" need Graphviz; without it there are .svg, .html, .dot, '
            f"and by matplotlib {', '.join(known)}.",
        )
    _draw(axes, scene, splines, MARGIN, MARGIN)
    out = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")
        figure.savefig(out, format=form, dpi=_fitting(dpi or PER_INCH, width, height))
    return out.getvalue()


def _fitting(dpi: float, width: float, height: float) -> float:
    """As many dots to the inch as a picture of that size can have."""
    most = min(LONGEST / max(width, height), math.sqrt(MOST_PIXELS / (width * height))) * PER_INCH
    if dpi > most:
        warn(
            f"At dpi={dpi} the picture would have {width * dpi / PER_INCH:,.0f} x "
            f"{height * dpi / PER_INCH:,.0f} pixels: it is drawn at {most:.0f}. "
            "A name that ends in .svg gives a sharp one of any size."
        )
    return min(dpi, most)


def _draw(axes: Any, scene: Scene, splines: str, x: float, y: float) -> None:
    for box in scene.boxes:
        if box.inner is not None:
            _card(axes, box, x, y, LIGHT.frame)
            right, down = origin(box)
            _draw(axes, box.inner, splines, x + box.x + right, y + box.y + down)
    for stroke in strokes(scene, splines):
        _path(axes, _moved(stroke.line, x, y), edgecolor=LIGHT.arrow, linewidth=1.05)
        if stroke.head:
            corners: list[Command] = [("M", stroke.head[:1])]
            corners += [("L", (corner,)) for corner in (*stroke.head[1:], stroke.head[0])]
            _path(axes, _moved(corners, x, y), facecolor=LIGHT.arrow)
    for box in scene.boxes:
        if box.inner is None:
            _card(axes, box, x, y, LIGHT.card)


def _moved(line: Sequence[Command], x: float, y: float) -> list[Command]:
    return [(letter, tuple((a + x, b + y) for a, b in points)) for letter, points in line]


def _path(axes: Any, line: Sequence[Command], **look: Any) -> None:
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    points: list[Point] = [point for _, some in line for point in some]
    codes = [code for letter, _ in line for code in CODES[letter]]
    look = {"facecolor": "none", "edgecolor": "none"} | look
    axes.add_patch(PathPatch(Path(points, codes), **look))


def _card(axes: Any, box: Box, x: float, y: float, fill: str) -> None:
    from matplotlib.patches import FancyBboxPatch, Rectangle

    left, top = x + box.x, y + box.y
    round_ = FancyBboxPatch((left, top), box.card.width, box.card.height,
                            boxstyle="round,pad=0,rounding_size=6", facecolor=fill,
                            edgecolor=LIGHT.edge, linewidth=0.75)  # fmt: skip
    axes.add_patch(round_)
    if box.inner is None:
        color = COLORS[box.item.family]
        strip = Rectangle((left, top), STRIP, box.card.height, facecolor=color, edgecolor="none")
        axes.add_patch(strip)
        strip.set_clip_path(round_)
    for line in box.card.lines:
        _text(axes, line, left, top)


def _text(axes: Any, line: Line, x: float, y: float) -> None:
    size = BIG if line.style == "kind" else SMALL
    axes.text(
        x + line.x,
        y + line.y,
        line.text,
        fontsize=size * POINTS / PER_INCH,
        color=INKS.get(line.style, LIGHT.ink),
        weight="bold" if line.style in HEAVY else "normal",
        family="DejaVu Sans",
        parse_math=False,
    )
