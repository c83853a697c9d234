"""Curves as SVG: round numbers on the axes, lines that stop where there is no number, the best."""

import json
import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from cornu.visualization.curves import Curve, Line
from cornu.visualization.report_html import Html, el, join

WIDTH, HEIGHT = 520, 250
LEFT, RIGHT, TOP, BOTTOM = 50, 12, 14, 26
DECADES = 1.5
"""Where positive numbers span more powers of ten than that, the axis is logarithmic."""

Scale = Callable[[float], float]


def number(value: float) -> str:
    """A figure as text, in four digits."""
    if not math.isfinite(value):
        return str(value)
    if value == int(value) and abs(value) < 1e6:
        return f"{int(value)}"
    return f"{value:.4f}" if 1e-3 <= abs(value) < 1e4 else f"{value:.3e}"


def chart(curve: Curve) -> Html:
    """A card with the curve of one figure."""
    kinds = (("training", curve.training), ("validation", curve.validation))
    lines = [(name, line) for name, line in kinds if line is not None]
    finite = np.concatenate([line.values[np.isfinite(line.values)] for _, line in lines])
    if not finite.size:
        told = el("p", "There are no finite numbers.", class_="soft small")
        return el("div", el("h3", curve.name), told, class_="card")
    epochs = sorted({float(e) for _, line in lines for e in line.epochs})
    x = _linear(epochs[0], epochs[-1], LEFT, WIDTH - RIGHT)
    y, marks, logarithmic = _vertical(finite)
    judged = curve.judged
    place = judged.best(curve.way) if judged is not None and curve.way else None
    mark = None
    if judged is not None and place is not None:
        epoch = float(judged.epochs[place])
        mark = _best(x(epoch), epoch, low=curve.way == "up")
    drawing = el(
        "svg",
        *_axes(x, y, marks, epochs),
        mark,
        *(_drawn(i, name, line, x, y) for i, (name, line) in enumerate(lines)),
        el("line", class_="hair", y1=TOP, y2=HEIGHT - BOTTOM, visibility="hidden"),
        *(_ring(i, name) for i, (name, _) in enumerate(lines)),
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        class_="chart",
        role="img",
        tabindex="0",
        aria_label=f"{curve.name} by epoch",
    )
    last = f"epoch {epochs[-1]:g}"
    top = el(
        "div",
        el(
            "h3", curve.name, el("span", " · log scale", class_="soft small") if logarithmic else ""
        ),
        el("span", last, class_="soft small at"),
        class_="top",
    )
    return el(
        "div", top, _key(lines), drawing, class_="card", data_chart=_data(lines, epochs, x, y)
    )


def _linear(low: float, high: float, start: float, end: float) -> Scale:
    if low == high:
        return lambda value: (start + end) / 2
    return lambda value: start + (value - low) / (high - low) * (end - start)


def _vertical(values: np.ndarray) -> tuple[Scale, list[float], bool]:
    """The vertical scale, its marks, and whether it is logarithmic."""
    low, high = float(values.min()), float(values.max())
    top, bottom = TOP + 4.0, HEIGHT - BOTTOM - 4.0
    if low > 0 and math.log10(high / low) > DECADES:
        inner = _linear(math.log10(low), math.log10(high), bottom, top)
        powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        digits = (1, 2, 5) if math.log10(high / low) < 2.5 else (1,)
        marks = [d * 10.0**p for p in powers for d in digits if low <= d * 10.0**p <= high]
        return lambda value: inner(math.log10(value)), marks[:: len(marks) // 8 + 1], True
    if low == high:
        pad = abs(low) / 2 or 1.0
        low, high = low - pad, high + pad
    marks = ticks(low, high, 5)
    low, high = min(low, marks[0]), max(high, marks[-1])
    return _linear(low, high, bottom, top), marks, False


def ticks(low: float, high: float, count: int, whole: bool = False) -> list[float]:
    """Round numbers in steps of 1, 2 or 5 times a power of ten, about `count` of them.

    They begin and end within a step of `low` and `high`.
    """
    raw = (high - low) / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= raw * 0.999)
    if whole:
        step = max(1.0, step)
    first, last = math.ceil(low / step - 0.3), math.floor(high / step + 0.3)
    if last <= first:
        return [low, high]
    return [round(i * step, 12) for i in range(first, last + 1)]


def _axes(x: Scale, y: Scale, marks: list[float], epochs: list[float]) -> Iterable[Html]:
    for mark in marks:
        at = _place(y(mark))
        yield el("line", class_="grid", x1=LEFT, x2=WIDTH - RIGHT, y1=at, y2=at)
        yield el("text", f"{mark:.6g}", x=LEFT - 8, y=_place(y(mark) + 4), text_anchor="end")
    base = HEIGHT - BOTTOM
    yield el("line", class_="base", x1=LEFT, x2=WIDTH - RIGHT, y1=base, y2=base)
    first, last = epochs[0], epochs[-1]
    found = [first] if first == last else ticks(first, last, 7, whole=True)
    for mark in found:
        if first <= mark <= last:
            yield el("text", f"{mark:g}", x=_place(x(mark)), y=base + 17, text_anchor="middle")


def _best(at: float, epoch: float, low: bool) -> Html:
    """A mark at the best epoch; its name stands where the curve is not."""
    left = at > WIDTH * 0.8
    y = HEIGHT - BOTTOM - 8 if low else TOP + 8
    side = "end" if left else "start"
    return join(
        el("line", class_="best", x1=_place(at), x2=_place(at), y1=TOP, y2=HEIGHT - BOTTOM),
        el("text", f"best: {epoch:g}", x=_place(at + (-6 if left else 6)), y=y, text_anchor=side),
    )


def _drawn(i: int, name: str, line: Line, x: Scale, y: Scale) -> Html:
    """The line, broken where there is no number; dots for numbers that stand alone."""
    path, dots, fresh = [], [], True
    good = [math.isfinite(v) and _fits(y, v) for v in line.values]
    for place, (epoch, value) in enumerate(zip(line.epochs, line.values, strict=True)):
        if not good[place]:
            fresh = True
            continue
        path.append(f"{'M' if fresh else 'L'}{_place(x(epoch))} {_place(y(value))}")
        alone = fresh and (place + 1 == len(good) or not good[place + 1])
        if alone:
            dots.append(el("circle", cx=_place(x(epoch)), cy=_place(y(value)), r=4))
        fresh = False
    return el("g", el("path", d=" ".join(path)), *dots, class_=_shade(name))


def _fits(y: Scale, value: float) -> bool:
    try:
        return math.isfinite(y(value))
    except ValueError:
        return False  # nothing and less, on a logarithmic axis


def _ring(i: int, name: str) -> Html:
    ring = el("circle", class_="ring", r=4.5, visibility="hidden", data_ring=i)
    return el("g", ring, class_=_shade(name))


def _key(lines: list[tuple[str, Line]]) -> Html:
    return el(
        "div",
        *(
            el("span", el("i"), name, el("b", number(line.values[-1])),
               class_=_shade(name), data_line=i)
            for i, (name, line) in enumerate(lines)
        ),
        class_="key",
    )  # fmt: skip


def _shade(name: str) -> str:
    return "two" if name == "validation" else "one"


def _data(lines: list[tuple[str, Line]], epochs: list[float], x: Scale, y: Scale) -> str:
    """What the script reads: places and texts for each epoch."""
    told: list[dict[str, Any]] = []
    for _, line in lines:
        known = dict(zip(line.epochs.tolist(), line.values.tolist(), strict=True))
        values = [known.get(epoch) for epoch in epochs]
        good = [v is not None and math.isfinite(v) and _fits(y, v) for v in values]
        told.append(
            {
                "text": ["–" if v is None else number(v) for v in values],
                "y": [_place(y(v)) if g else None for v, g in zip(values, good, strict=True)],  # pyright: ignore
            }
        )
    shown = [float(f"{epoch:g}") for epoch in epochs]
    whole = [int(e) if e == int(e) else e for e in shown]
    found = {"width": WIDTH, "epochs": whole, "x": [_place(x(e)) for e in epochs], "lines": told}
    return json.dumps(found, separators=(",", ":"), ensure_ascii=False)


def _place(value: float) -> float:
    return round(float(value), 1)
