"""A scene as SVG: alone in a file, with its own style for light and dark, or inside of a page."""

from collections.abc import Iterator
from typing import NamedTuple

from cornu.visualization.report_html import Html, el
from cornu.visualization.scene import (
    MARGIN,
    STRIP,
    Box,
    Line,
    Scene,
    origin,
    strokes,
    text_of,
)

COLORS = {
    "input": "#64748b",
    "conv": "#2563c9",
    "dense": "#4f46c8",
    "norm": "#0f8f85",
    "activation": "#c2660a",
    "pool": "#2e8b4f",
    "merge": "#57606e",
    "shape": "#8a6a3a",
    "recurrent": "#8b3fb5",
    "attention": "#b8326f",
    "embedding": "#7a55d1",
    "noise": "#a15454",
    "data": "#0b7ba8",
    "model": "#39485c",
    "layer": "#5b6776",
    "op": "#8792a0",
}
"""The colour of each family, seen on white and on black."""

FONT = '"Helvetica Neue", Helvetica, Arial, "Liberation Sans", "DejaVu Sans", sans-serif'


class Tones(NamedTuple):
    """The colours of a drawing that are no family's."""

    page: str
    card: str
    edge: str
    ink: str
    soft: str
    frame: str
    arrow: str


LIGHT = Tones("#ffffff", "#ffffff", "#cdd5de", "#1b2430", "#66727f", "#f4f6f9", "#8794a3")
DARK = Tones("#11151b", "#1c232c", "#3a4552", "#e6eaf0", "#97a3b2", "#171d25", "#6b7888")


def style(tones: Tones) -> str:
    """The rules of a drawing in one set of colours."""
    return (
        f".paper{{fill:{tones.page}}}.card{{fill:{tones.card};stroke:{tones.edge}}}"
        f".frame{{fill:{tones.frame};stroke:{tones.edge}}}.kind,.value{{fill:{tones.ink}}}"
        f".name,.label{{fill:{tones.soft}}}.way{{fill:none;stroke:{tones.arrow}}}"
        f".tip{{fill:{tones.arrow}}}"
    )


BASE = (
    f"text{{font-family:{FONT};font-size:11px;white-space:pre}}"
    ".kind{font-size:12.5px;font-weight:600}.way{stroke-width:1.4}"
    ".trainable{fill:#2e8b4f;font-weight:600}.frozen{fill:#3d7fb0;font-weight:600}"
)
"""The rules that both have."""


def svg(scene: Scene, splines: str = "ortho", title: str = "") -> Html:
    """A drawing as a file of its own.

    Args:
        scene: what to draw.
        splines: form of the arrows: "ortho", "line", "polyline", or a curve for any other name.
        title: what readers of the screen say of it.
    """
    width, height = scene.width + 2 * MARGIN, scene.height + 2 * MARGIN
    rules = f"{BASE}{style(LIGHT)}@media(prefers-color-scheme:dark){{{style(DARK)}}}"
    return el(
        "svg",
        el("title", title),
        el("style", Html(rules)),
        el("rect", class_="paper", width=f"{width:.0f}", height=f"{height:.0f}"),
        el("g", *parts(scene, splines), transform=f"translate({MARGIN:.0f} {MARGIN:.0f})"),
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width:.0f} {height:.0f}",
        width=f"{width:.0f}",
        height=f"{height:.0f}",
        role="img",
    )


def parts(scene: Scene, splines: str) -> Iterator[Html]:
    """Arrows and boxes, those of scenes inside with them."""
    for box in scene.boxes:
        if box.inner is not None:
            yield framed(box, splines)
    for stroke in strokes(scene, splines):
        yield el("path", class_="way", d=text_of(stroke.line))
        if stroke.head:
            (x, y), (a, b), (c, d) = stroke.head
            yield el("path", class_="tip", d=f"M{x:.1f} {y:.1f}L{a:.1f} {b:.1f}L{c:.1f} {d:.1f}Z")
    for box in scene.boxes:
        if box.inner is None:
            yield el("g", *inside(box), transform=_moved(box.x, box.y))


def framed(box: Box, splines: str) -> Html:
    """The frame of a model inside, with what it holds."""
    assert box.inner is not None
    return el(
        "g",
        rect(box, "frame"),
        *(text(line) for line in box.card.lines),
        el("g", *parts(box.inner, splines), transform=_moved(*origin(box))),
        transform=_moved(box.x, box.y),
    )


def inside(box: Box) -> Iterator[Html]:
    """What a card has, from its upper left corner."""
    call = box.item.call
    yield el("title", f"{call.name} ({call.kind})")
    yield rect(box, "card")
    height = box.card.height
    strip = f"M{STRIP} 0H6A6 6 0 0 0 0 6V{height - 6:.1f}A6 6 0 0 0 6 {height:.1f}H{STRIP}Z"
    yield el("path", d=strip, fill=COLORS[box.item.family])
    for line in box.card.lines:
        yield text(line)


def rect(box: Box, kind: str) -> Html:
    """The outline of a card or a frame."""
    return el(
        "rect", class_=kind, width=f"{box.card.width:.1f}", height=f"{box.card.height:.1f}", rx=6
    )


def text(line: Line) -> Html:
    """A line of a card."""
    return el("text", line.text, class_=line.style, x=f"{line.x:.1f}", y=f"{line.y:.1f}")


def _moved(x: float, y: float) -> str:
    return f"translate({x:.1f} {y:.1f})"
