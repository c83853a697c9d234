"""A model as one page that needs nothing else: a graph to zoom, search, open and look into."""

from collections.abc import Iterator
from typing import Any

from cornu.errors import printable
from cornu.layers import Layer
from cornu.models import Model
from cornu.visualization import scene as scenes
from cornu.visualization.model_page_script import SCRIPT
from cornu.visualization.model_page_style import STYLE
from cornu.visualization.model_svg import inside, text
from cornu.visualization.report_html import Html, el, page
from cornu.visualization.scene import HEAD, MARGIN, PAD, Scene, frame, scene, strokes, text_of
from cornu.visualization.sketch import (
    Item,
    Shown,
    Sketch,
    activation_of,
    checked,
    dtypes,
    shapes,
    sketch,
)
from cornu.visualization.told import briefly, data_block, parameters

SAID = Shown(names=True, outputs=True)
SPLINES = "ortho"
SIGN = 22.0
"""What opens and closes a model needs so much room in the head of its frame."""

OPEN_AT_ONCE = 60
"""A page of no more boxes begins with all models inside opened."""


def model_page(model: Model, rankdir: str = "TB") -> str:
    """The page of a model.

    Args:
        model: any; models inside can be opened and closed.
        rankdir: where arrows lead: "TB" down, "LR" to the right, "BT", "RL".

    Raises:
        UsageTypeError: for what is no Model.
        UsageError: for an unknown `rankdir`, and for graphs too large to be seen.
    """
    checked(model, rankdir)
    drawn = sketch(model, nested=True)
    book = _Book(rankdir)
    root = book.level(drawn, False)
    width, height = book.scenes[root].width, book.scenes[root].height
    sizes = {"pad": PAD, "head": HEAD, "tip": scenes.TIP, "breadth": scenes.BREADTH,
             "round": scenes.ROUND, "margin": MARGIN}  # fmt: skip
    facts = {
        "levels": book.levels,
        "items": book.items,
        "rankdir": rankdir,
        "sizes": sizes,
        "open": drawn.count() <= OPEN_AT_ONCE,
    }
    view = el("g", book.drawing(root), id="view")
    canvas = el(
        "svg",
        view,
        id="graph",
        viewBox=f"{-MARGIN:.0f} {-MARGIN:.0f} {width + 2 * MARGIN:.0f} {height + 2 * MARGIN:.0f}",
        role="group",
        aria_label="graph of the model",
    )
    body = (_bar(model, drawn), el("div", canvas, id="stage"), _panel(), data_block("data", facts))
    return page(f"{model.name}: graph", *body, style=STYLE, script=SCRIPT)


def _bar(model: Model, drawn: Sketch) -> Html:
    kind = type(model).__name__
    told = [f"{drawn.count():,} layers and ops"]
    if model.built:
        told.append(f"{parameters(model.weights):,} parameters")
    nested = any(item.inner is not None for item in drawn.items)
    buttons = [("in", "+", "Zoom in (+)"), ("out", "−", "Zoom out (-)"), ("fit", "Fit", "Fit (0)")]
    if nested:
        buttons += [("all", "Open all", "Open all models inside"), ("none", "Close all", "Close")]
    return el(
        "header",
        el("h1", model.name),
        el("span", f"{kind} · {' · '.join(told)}", class_="soft"),
        el("div", el("input", type="search", id="search", placeholder="Search (/)",
                     aria_label="Search layers by name or type", autocomplete="off"),
           el("div", id="found", role="listbox", hidden="hidden"), class_="search"),
        el("div", *(el("button", sign, type="button", id=f"do-{name}", title=title)
                    for name, sign, title in buttons), class_="tools"),
    )  # fmt: skip


def _panel() -> Html:
    return el("aside", id="panel", hidden="hidden", tabindex="-1", aria_label="the chosen layer")


class _Book:
    """All graphs of a model, each laid out with models inside closed; the script opens them."""

    def __init__(self, rankdir: str):
        self.rankdir = rankdir
        self.scenes: list[Scene] = []
        self.levels: list[dict[str, Any]] = []
        self.items: list[dict[str, Any]] = []

    def level(self, drawn: Sketch, inside: bool) -> int:
        """Note a graph and those in it; returns its number."""
        closed = drawn._replace(items=[item._replace(inner=None) for item in drawn.items])
        made = scene(closed, SAID, self.rankdir, inside)
        number = len(self.scenes)
        self.scenes.append(made)
        first = len(self.items)
        self.items += [_told(item, number, i) for i, item in enumerate(drawn.items)]
        self.levels.append({})
        below = [None if i.inner is None else self.level(i.inner, True) for i in drawn.items]
        self.levels[number] = {
            "first": first,
            "inner": below,
            "heads": [
                None if to is None else frame(item, self.scenes[to]).width + SIGN
                for item, to in zip(drawn.items, below, strict=True)
            ],
            "gates": made.gates,
            "width": round(made.layout.width, 1),
            "ranks": [[round(n, 1) for n in band] for band in made.layout.ranks],
            "places": [[*(round(n, 1) for n in p[:4]), p.rank] for p in made.layout.places],
            "routes": [
                [r.upper, r.lower, int(r.turned),
                 [[p.rank, round(p.x1, 1), round(p.x2, 1), round(p.share, 3)] for p in r.pieces]]
                for r in made.layout.routes
            ],
            "outputs": [output for _, output in drawn.outputs],
            "arrows": [[a.start, a.end, a.output, a.input] for a in drawn.arrows],
        }  # fmt: skip
        return number

    def drawing(self, number: int) -> Html:
        """The graph as SVG, models inside closed."""
        made, level = self.scenes[number], self.levels[number]
        ways = [
            el("g", el("path", class_="way", d=text_of(stroke.line)), _tip(stroke), class_="arrow")
            for stroke in strokes(made, SPLINES)
        ]
        boxes = []
        for i, box in enumerate(made.boxes):
            place, to = level["first"] + i, level["inner"][i]
            call = box.item.call
            opened = None if to is None else self._opened(box.item, to)
            sign = None if to is None else self._sign(box.card.width)
            shut = el("g", *inside(box), sign, class_="shut")
            boxes.append(
                el(
                    "g",
                    shut,
                    opened,
                    class_="box",
                    data_item=place,
                    tabindex="0" if place == 0 else "-1",
                    role="button",
                    aria_label=f"{call.name}, {call.kind}",
                    aria_expanded=None if to is None else "false",
                    transform=f"translate({box.x:.1f} {box.y:.1f})",
                )
            )
        return el("g", el("g", *ways, class_="arrows"), *boxes, data_level=number)

    def _opened(self, item: Item, to: int) -> Html:
        card = frame(item, self.scenes[to])
        return el(
            "g",
            el("rect", class_="frame", width=card.width, height=card.height, rx=6),
            *(text(line) for line in card.lines),
            self._sign(card.width, "−"),
            el("g", self.drawing(to), class_="within"),
            class_="open",
            display="none",
        )

    @staticmethod
    def _sign(width: float, sign: str = "+") -> Html:
        """What opens and closes a model inside."""
        mark = el("text", sign, class_="mark", x="0", y="4.5", text_anchor="middle")
        return el("g", el("circle", r="8"), mark, class_="sign",
                  transform=f"translate({width - 16:.1f} 16)")  # fmt: skip


def _tip(stroke: scenes.Stroke) -> Html | None:
    if not stroke.head:
        return None
    return el("path", class_="tip", d=tip_of(stroke.head))


def tip_of(head: tuple[scenes.Point, ...]) -> str:
    """The head of an arrow as the text of an SVG path."""
    first, *more = head
    return text_of([("M", (first,)), *(("L", (point,)) for point in more)]) + "Z"


# ---------------------------------------------------------------- what the panel tells of an item


def _told(item: Item, level: int, place: int) -> dict[str, Any]:
    call = item.call
    return {
        "name": printable(call.name),
        "kind": printable(call.kind),
        "path": printable(item.path),
        "family": item.family,
        "level": level,
        "place": place,
        "facts": [[label, printable(value)] for label, value in _facts(item)],
        "config": [[printable(str(k)), v] for k, v in _config(item)],
        "weights": [list(row) for row in _weights(item)],
    }


def _facts(item: Item) -> Iterator[tuple[str, str]]:
    call, op = item.call, item.call.op
    if any(node.inputs for node in call.nodes):
        yield "Input shape", shapes(call, "inputs")
    if call.nodes:
        yield "Output shape", shapes(call, "outputs")
        yield "Output dtype", dtypes(call)
    activation = activation_of(op)
    if activation is not None:
        yield "Activation", activation
    if isinstance(op, Layer):
        every, trained = parameters(op.weights), parameters(op.trainable_weights)
        said = "" if trained == every else f" ({trained:,} trained)"
        yield "Parameters", f"{every:,}{said}"
        if len(call.nodes) > 1:
            yield "Called", f"{len(call.nodes)} times"


def _config(item: Item) -> Iterator[tuple[str, str]]:
    """Fields of a layer, or the arguments of an op; a model's layers stand in its own graph."""
    op = item.call.op
    if not isinstance(op, Layer):
        for node in item.call.nodes[:1]:
            yield from ((key, briefly(value)) for key, value in node.kwargs.items())
        return
    try:
        config = op.get_config()
    except Exception as error:  # a user's own method: the page is written without it
        yield "get_config", briefly(f"{type(error).__name__}: {error}")
        return
    inner = ("layers", "input_layers", "output_layers", "nodes") if isinstance(op, Model) else ()
    for key, value in config.items():
        if key not in inner:
            yield key, briefly(value)


def _weights(item: Item) -> Iterator[tuple[str, str, str, str]]:
    op = item.call.op
    if not isinstance(op, Layer) or isinstance(op, Model):
        return
    trained = {id(weight) for weight in op.trainable_weights}
    for weight in op.weights:
        name = printable(weight.path.removeprefix(f"{op.name}/"))
        state = "trained" if id(weight) in trained else "not trained"
        yield name, str(tuple(weight.shape)), str(weight.dtype), state
