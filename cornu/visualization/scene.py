"""A sketch with places: cards of text, frames of models inside, and the ways of arrows.

Lengths are in pixels of 1/96 inch. What colours these have is said by who draws them.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from cornu.errors import printable
from cornu.visualization.layout import Layout, Piece, Place, Route, lay_out
from cornu.visualization.layout_ranks import Link
from cornu.visualization.sketch import Item, Shown, Sketch, facts
from cornu.visualization.text_width import clipped, text_width

Point = tuple[float, float]
Command = tuple[str, tuple[Point, ...]]
"""A letter of SVG's paths (M, L, Q, C) with its points."""

BIG, SMALL = 12.5, 11.0
"""Sizes of the two fonts: of the kind, and of all else."""

EDGE, STRIP, WIDEST, NARROWEST = 12.0, 5.0, 330.0, 96.0
FIRST, LINE, FACTS, FOOT = 20.0, 15.5, 5.0, 8.0
PAD, HEAD, MARGIN = 16.0, 30.0, 12.0
TIP, BREADTH = 7.0, 3.5
ROUND = 7.0

SHORT = {"Input shape": "in", "Output shape": "out", "Output dtype": "dtype", "Activation": "act"}
"""What facts are called in a card."""


class Line(NamedTuple):
    """A text of a card, where its baseline begins, and in which style it is set."""

    text: str
    x: float
    y: float
    style: str


class Card(NamedTuple):
    """A box: its size, and its lines of text."""

    width: float
    height: float
    lines: tuple[Line, ...]


class Box(NamedTuple):
    """A card, or the frame of a model inside, at its upper left corner."""

    item: Item
    card: Card
    inner: "Scene | None"
    x: float
    y: float


class Scene(NamedTuple):
    """A sketch with places.

    Attributes:
        gates: of a model inside, numbers of the boxes in `layout` that stand for its inputs and
            outputs: they come before and after those of its items.
    """

    sketch: Sketch
    layout: Layout
    rankdir: str
    gates: tuple[int, int]
    width: float
    height: float
    boxes: list[Box]


def scene(sketch: Sketch, what: Shown, rankdir: str = "TB", inside: bool = False) -> Scene:
    """Places for all of a sketch.

    Args:
        sketch: of the model.
        what: what cards say.
        rankdir: where arrows lead.
        inside: whether this is a part of a larger scene, which reads and is read.

    Raises:
        UsageError: for a graph of so many long arrows that nobody would see anything.
    """
    turned = rankdir in ("LR", "RL")
    inner = [scene(i.inner, what, rankdir, True) if i.inner else None for i in sketch.items]
    cards = [
        card(item, what) if part is None else frame(item, part)
        for item, part in zip(sketch.items, inner, strict=True)
    ]
    before = len(sketch.inputs) if inside else 0
    after = len(sketch.outputs) if inside else 0
    sizes = [(c.height, c.width) if turned else (c.width, c.height) for c in cards]
    count = len(sizes)
    links = [
        Link(before + a.start, before + a.end, a.output)
        if a.start >= a.end  # it leads up, where a frame has no gates for it
        else Link(
            before + a.start,
            before + a.end,
            a.output,
            _gate(cards[a.start], inner[a.start], a.output, out=True),
            _gate(cards[a.end], inner[a.end], a.input, out=False),
        )
        for a in sketch.arrows
    ]
    links += [Link(i, before + item) for i, item in enumerate(sketch.inputs[:before])]
    for i, (item, output) in enumerate(sketch.outputs[:after]):
        leaves = _gate(cards[item], inner[item], output, out=True)
        links.append(Link(before + item, before + count + i, output, leaves))
    layout = lay_out(
        [(0.0, 0.0)] * before + sizes + [(0.0, 0.0)] * after,
        links,
        first=range(before),
        last=range(before + count, before + count + after),
    )
    width, height = layout.width, layout.height
    made = Scene(sketch, layout, rankdir, (before, after), *_turned(turned, width, height), [])
    for item, drawn, part, place in zip(
        sketch.items, cards, inner, layout.places[before:], strict=False
    ):
        x, y = corner(made, place)
        made.boxes.append(Box(item, drawn, part, x, y))
    return made


def _turned(turned: bool, x: float, y: float) -> Point:
    return (y, x) if turned else (x, y)


def _gate(outer: Card, inner: Scene | None, number: int, out: bool) -> float | None:
    """Where an arrow meets the frame of a model inside, from the middle of that side."""
    if inner is None or number >= inner.gates[out]:
        return None
    place = inner.layout.places[number if not out else number - inner.gates[1]]
    turned = inner.rankdir in ("LR", "RL")
    begin = HEAD if turned else (outer.width - inner.width) / 2
    return begin + place.x - (outer.height if turned else outer.width) / 2


def corner(scene: Scene, place: Place) -> Point:
    """The upper left corner of a place on the screen."""
    at = mapping(scene)
    ends = (at((place.x, place.y)), at((place.x + place.width, place.y + place.height)))
    return min(x for x, _ in ends), min(y for _, y in ends)


def mapping(scene: Scene) -> Callable[[Point], Point]:
    """Where a point of the layout, which leads down, is on the screen."""
    length = scene.layout.height
    return {
        "TB": lambda p: p,
        "BT": lambda p: (p[0], length - p[1]),
        "LR": lambda p: (p[1], p[0]),
        "RL": lambda p: (length - p[1], p[0]),
    }[scene.rankdir]


# ---------------------------------------------------------------- cards


def card(item: Item, what: Shown) -> Card:
    """The box of an item."""
    most = WIDEST - 2 * EDGE - STRIP
    x, y = EDGE + STRIP, FIRST
    lines = [Line(clipped(printable(item.call.kind), BIG, most, bold=True), x, y, "kind")]
    if what.names:
        y += LINE
        lines.append(Line(clipped(printable(item.call.name), SMALL, most), x, y, "name"))
    told = facts(item.call, what)
    named = [SHORT.get(fact.label, fact.label) for fact in told]
    column = max((text_width(name, SMALL) + 8 for name in named if name), default=0.0)
    y += FACTS if told else 0
    for fact, name in zip(told, named, strict=True):
        y += LINE
        if name:
            lines.append(Line(name, x, y, "label"))
            value = clipped(printable(fact.value), SMALL, most - column)
            lines.append(Line(value, x + column, y, "value"))
        else:
            lines.append(Line(fact.value.lower(), x, y, fact.value.lower()))
    right = max(line.x + width_of(line) for line in lines)
    return Card(max(NARROWEST, right + EDGE), y + FOOT + 3, tuple(lines))


def width_of(line: Line) -> float:
    """The width of a line's text."""
    bold = line.style in ("kind", "trainable", "frozen")
    return text_width(line.text, BIG if line.style == "kind" else SMALL, bold)


def frame(item: Item, inner: Scene) -> Card:
    """The frame around a model inside, with its kind and name in the head."""
    turned = inner.rankdir in ("LR", "RL")
    width = inner.width + (0.0 if turned else 2 * PAD)
    height = HEAD + inner.height + (PAD if turned else 0.0)
    kind = Line(printable(item.call.kind), EDGE, FIRST, "kind")
    start = EDGE + width_of(kind) + 8
    name = Line(clipped(printable(item.call.name), SMALL, WIDEST), start, FIRST, "name")
    needed = start + width_of(name) + EDGE
    if turned:
        name = name._replace(text=clipped(name.text, SMALL, max(width - start - EDGE, 20)))
    return Card(width if turned else max(width, needed), height, (kind, name))


def origin(box: Box) -> Point:
    """Where the scene inside of a frame begins, from the upper left corner of the frame."""
    assert box.inner is not None
    return (box.card.width - box.inner.width) / 2, HEAD


# ---------------------------------------------------------------- arrows


class Stroke(NamedTuple):
    """An arrow: its line, and the corners of its head, if it has one here."""

    line: list[Command]
    head: tuple[Point, ...]


def strokes(scene: Scene, splines: str) -> Iterator[Stroke]:
    """The arrows of a scene, without those of scenes inside."""
    at = mapping(scene)
    for route in scene.layout.routes:
        line, head = _loop(scene, route) if not route.pieces else _way(scene, route, splines)
        yield Stroke([(letter, tuple(map(at, points))) for letter, points in line],
                     tuple(map(at, head)))  # fmt: skip


def _loop(scene: Scene, route: Route) -> tuple[list[Command], tuple[Point, ...]]:
    place = scene.layout.places[route.upper]
    x, y = place.x + place.width, place.y + place.height / 2
    far = x + 20
    line = [("M", ((x, y + 9),)), ("C", ((far, y + 13), (far, y - 13), (x + TIP, y - 9)))]
    return line, _head((x, y - 9), (-1, 0))


def _way(scene: Scene, route: Route, splines: str) -> tuple[list[Command], tuple[Point, ...]]:
    places, ranks = scene.layout.places, scene.layout.ranks
    upper, lower = places[route.upper], places[route.lower]
    x, y = route.pieces[0].x1, upper.y + upper.height
    to, down = route.pieces[-1].x2, lower.y
    gate = route.lower >= len(places) - scene.gates[1]  # the arrow goes on outside
    head: tuple[Point, ...] = ()
    if route.turned:
        head, y = _head((x, y), (0, -1)), y + TIP - 1
    elif not gate:
        head, down = _head((to, down), (0, 1)), down - TIP + 1
    line: list[Command] = [("M", ((x, y),))]
    for piece in route.pieces:
        top, height = ranks[piece.rank]
        below = ranks[piece.rank + 1][0]
        line += sideways(piece, max(top + height, y), min(below, down), splines)
    line.append(("L", ((to, down),)))
    return line, head


def sideways(piece: Piece, top: float, bottom: float, splines: str) -> Iterator[Command]:
    """The way from a rank to the next: straight down, or in the form that is asked for."""
    a, b = piece.x1, piece.x2
    yield "L", ((a, top),)
    if abs(a - b) <= 0.5:
        yield "L", ((b, bottom),)
        return
    if splines in ("line", "polyline"):
        yield "L", ((b, bottom),)
    elif splines == "ortho":
        y = top + (bottom - top) * piece.share
        radius = min(ROUND, abs(a - b) / 2, y - top, bottom - y)
        side = radius if b > a else -radius
        yield "L", ((a, y - radius),)
        yield "Q", ((a, y), (a + side, y))
        yield "L", ((b - side, y),)
        yield "Q", ((b, y), (b, y + radius))
        yield "L", ((b, bottom),)
    else:
        middle = (top + bottom) / 2
        yield "C", ((a, middle), (b, middle), (b, bottom))


def _head(tip: Point, way: Point) -> tuple[Point, ...]:
    """The corners of an arrow's head that points along `way`."""
    (x, y), (dx, dy) = tip, way
    back = (x - dx * TIP, y - dy * TIP)
    side = (dy * BREADTH, dx * BREADTH)
    return tip, (back[0] + side[0], back[1] + side[1]), (back[0] - side[0], back[1] - side[1])


def text_of(commands: Sequence[Command], digits: int = 1) -> str:
    """Commands as the text of an SVG path."""

    def number(value: float) -> str:
        return f"{value:.{digits}f}".removesuffix(".0")

    return "".join(
        letter + " ".join(f"{number(x)} {number(y)}" for x, y in points)
        for letter, points in commands
    )
