"""The graph of a model as SVG, in layers from top to bottom, without Graphviz.

Every box stands one rank below the lowest that it reads. An arrow over several ranks is led through
places of its own in the ranks between, which are ordered like boxes, by the mean place of their
neighbours. (Sugiyama, Tagawa and Toda, 1981)
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from cornu.layers import Layer
from cornu.models.wiring import Call, Wiring
from cornu.visualization.report_html import Html, el, join

BOX, TALL, GAP, DROP, LANE = 192, 46, 22, 30, 18
MOST = 300
"""Of larger graphs nobody sees anything."""

SWEEPS = 6


class Box:
    """A layer or an op; or, without a call, a place that an arrow is led through."""

    def __init__(self, call: Call | None):
        self.call = call
        self.before: list[Box] = []
        self.after: list[Box] = []
        self.rank = 0
        self.x = 0.0

    @property
    def width(self) -> float:
        return LANE if self.call is None else BOX


class Graph(NamedTuple):
    """A drawing, and how wide it is in pixels."""

    drawing: Html
    width: float


def graph(model: Any) -> Graph | None:
    """The drawing; None for a model of Python code, and for one of too many layers."""
    if model._graph is None:
        return None
    calls = Wiring(model._graph).calls
    if len(calls) > MOST:
        return None
    boxes = _linked(calls)
    ranks = _ranked(boxes)
    for sweep in range(SWEEPS):
        _order(ranks, down=sweep % 2 == 0)
    _settle(ranks)
    return _drawn(ranks)


def _linked(calls: Sequence[Call]) -> list[Box]:
    """Boxes, each behind those that it reads."""
    boxes = [Box(call) for call in calls]
    made = {id(t): box for box in boxes for n in _nodes(box) for t in n.outputs}
    for box in boxes:
        read = [made[id(t)] for n in _nodes(box) for t in n.inputs if id(t) in made]
        box.before = [one for one in dict.fromkeys(read) if one is not box]
    place = {id(box): i for i, box in enumerate(boxes)}
    for box in boxes:  # a layer that is called twice may read what reads it
        box.before = [one for one in box.before if place[id(one)] < place[id(box)]]
        box.rank = 1 + max((one.rank for one in box.before), default=-1)
    return boxes


def _nodes(box: Box) -> Sequence[Any]:
    return box.call.nodes if box.call is not None else ()


def _ranked(boxes: list[Box]) -> list[list[Box]]:
    """Boxes by rank, with places for long arrows; inputs stand right above what reads them."""
    for box in boxes:
        readers = [other.rank for other in boxes if box in other.before]
        if not box.before and readers:
            box.rank = min(readers) - 1
    ranks: list[list[Box]] = [[] for _ in range(1 + max(box.rank for box in boxes))]
    for box in boxes:
        ranks[box.rank].append(box)
    for box in boxes:
        for i, start in enumerate(box.before):
            end = start
            for rank in range(start.rank + 1, box.rank):
                lane = Box(None)
                lane.rank, lane.before = rank, [end]
                ranks[rank].append(lane)
                end = lane
            box.before[i] = end
    for box in (box for rank in ranks for box in rank):
        for one in box.before:
            one.after.append(box)
    return ranks


def _order(ranks: list[list[Box]], down: bool) -> None:
    """Order each rank by the mean place of what it reads, or of what reads it."""
    for rank in ranks if down else reversed(ranks):
        for place, box in enumerate(rank):
            box.x = place
    for rank in ranks if down else list(reversed(ranks)):
        rank.sort(key=lambda box: _mean(box, down))
        for place, box in enumerate(rank):
            box.x = place


def _mean(box: Box, down: bool) -> float:
    near = box.before if down else box.after
    return sum(one.x for one in near) / len(near) if near else box.x


def _settle(ranks: list[list[Box]]) -> None:
    """Give every box its centre: near the mean of its neighbours, with a gap to the next."""
    for rank in ranks:
        at = 0.0
        for box in rank:
            box.x = at + box.width / 2
            at += box.width + GAP
        for box in rank:
            box.x -= (at - GAP) / 2
    for sweep in range(2 * SWEEPS):
        down = sweep % 2 == 0
        for rank in ranks if down else reversed(ranks):
            wanted = [_mean(box, down) for box in rank]
            _place(rank, wanted)


def _place(rank: list[Box], wanted: list[float]) -> None:
    """Put boxes as near to where they want to be as the gaps between them let them.

    Runs of boxes that touch move together to the mean of what they want.
    """
    runs: list[tuple[float, list[int]]] = []  # (sum of wanted places of its first box, boxes)
    offsets = [0.0]
    for before, box in zip(rank, rank[1:], strict=False):
        offsets.append(offsets[-1] + (before.width + box.width) / 2 + GAP)
    for i, want in enumerate(wanted):
        total, members = want - offsets[i], [i]
        while runs and runs[-1][0] / len(runs[-1][1]) > total / len(members):
            earlier, others = runs.pop()
            total, members = total + earlier, others + members
        runs.append((total, members))
    for total, members in runs:
        for i in members:
            rank[i].x = total / len(members) + offsets[i]


def _drawn(ranks: list[list[Box]]) -> Graph:
    boxes = [box for rank in ranks for box in rank]
    left = min(box.x - box.width / 2 for box in boxes) - 2
    right = max(box.x + box.width / 2 for box in boxes) + 2
    height = len(ranks) * (TALL + DROP) - DROP + 4
    arrows = [_arrow(one, box) for box in boxes for one in box.before]
    drawing = el(
        "svg",
        *arrows,
        *(_box(box) for box in boxes if box.call is not None),
        viewBox=f"{left:.0f} 0 {right - left:.0f} {height:.0f}",
        width=f"{right - left:.0f}",
        class_="graph",
        role="img",
        aria_label="graph of the model",
    )
    return Graph(drawing, right - left)


def _top(box: Box) -> float:
    return 2 + box.rank * (TALL + DROP)


def _arrow(start: Box, end: Box) -> Html:
    """A curve from a box to the next; only at a real box it has a head."""
    a, b = _top(start) + TALL, _top(end)
    head = None
    if end.call is not None:
        x, tip = end.x, b
        points = f"M{x:.1f} {tip:.1f} l-4 -7 h8 z"
        head = el("path", class_="head", d=points)
        b -= 6
    middle = (a + b) / 2
    curve = f"M{start.x:.1f} {a:.1f} C{start.x:.1f} {middle:.1f} {end.x:.1f} {middle:.1f} "
    through = f" V{_top(end) + TALL:.1f}" if end.call is None else ""
    return join(el("path", d=f"{curve}{end.x:.1f} {b:.1f}{through}"), head)


def _box(box: Box) -> Html:
    call, top = box.call, _top(box)
    assert call is not None
    is_layer = isinstance(call.op, Layer)
    kind = "trained" if is_layer and call.op.trainable_weights else ""
    if getattr(call.op, "is_placeholder", False):
        kind = "ends"
    shapes = ", ".join(dict.fromkeys(str(t.shape) for n in call.nodes for t in n.outputs))
    said = f"{call.kind} {shapes}"
    full = f"{call.name}: {said}"
    return el(
        "g",
        el("title", full),
        el("rect", x=f"{box.x - BOX / 2:.1f}", y=top, width=BOX, height=TALL, rx=7),
        el("text", _cut(call.name, 24), class_="name", x=f"{box.x:.1f}", y=top + 19),
        el("text", _cut(said, 30), x=f"{box.x:.1f}", y=top + 35),
        class_=kind or None,
    )


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
