"""The plot beside the report: each library in each workload, against the best peer; plain SVG.

A dot to the right of 1× is better than the best peer, whatever the measure; the scale is by powers
of ten. Written by hand, so that it needs no library and the same results give the same file.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape

from benchmarks.libraries import LIBRARIES
from benchmarks.protocol import BEST, Measure, Workload
from benchmarks.results import WorkloadResult, fastest_peer, ratio, summaries

COLOURS = {
    "cornu": "#c2185b",
    "keras-jax": "#1f77b4",
    "keras-jax-cached": "#6baed6",
    "keras-tensorflow": "#ff7f0e",
    "keras-tensorflow-xla": "#fdb462",
    "keras-torch": "#8c6d31",
    "tf-keras": "#2ca02c",
    "tf-keras-xla": "#98df8a",
    "torch": "#7f3fbf",
    "torch-compiled": "#c5b0d5",
    "lax": "#7f7f7f",
}
LEFT, WIDTH, LINE, TOP, RIGHT = 330, 560, 22, 96, 30
LOWEST = -2  # the power of ten where the axis begins, at the lowest


@dataclass(frozen=True)
class Line:
    """One measure: its name, how much better than the best peer each library is, Cornu's bar."""

    title: str
    ratios: Mapping[str, float]
    bar: float


def svg(rows: Mapping[str, Workload], results: Mapping[str, WorkloadResult]) -> str:
    """The whole picture; empty if nothing of it was measured."""
    lines = [
        line
        for workload in rows.values()
        if workload.name in results
        for line in _lines(workload, results[workload.name])
    ]
    return _picture(lines) if lines else ""


def _lines(workload: Workload, result: WorkloadResult) -> Iterable[Line]:
    """The measures of a workload that are held against the best peer, if they were taken."""
    for measure in workload.measures:
        bar = _bar(measure)
        found = summaries(result, measure.key)
        best = fastest_peer(measure, found)
        if bar is None or best is None or "cornu" not in found:
            continue
        better = {}
        for name in found:
            value = ratio(found, name, best)
            if value:
                better[name] = value if measure.better == "higher" else 1 / value
        yield Line(f"{workload.title}: {measure.title}".replace("`", ""), better, bar)


def _bar(measure: Measure) -> float | None:
    """The bar against the best peer, as how much better Cornu must be."""
    limits = [bar.limit for bar in measure.bars if bar.against == BEST]
    if not limits:
        return None
    return limits[0] if measure.better == "higher" else 1 / limits[0]


def _picture(lines: list[Line]) -> str:
    values = [value for line in lines for value in line.ratios.values()]
    low = max(math.floor(math.log10(min(values))), LOWEST)
    high = max(math.ceil(math.log10(max(values))), 1)

    def at(value: float) -> float:
        """The place of a ratio on the axis; what is below it lies on its end."""
        return LEFT + WIDTH * max(math.log10(value) - low, 0) / (high - low)

    height = TOP + LINE * len(lines) + 30
    width = LEFT + WIDTH + RIGHT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        *_legend({name for line in lines for name in line.ratios}),
        *_axis(low, high, at, height),
    ]
    for number, line in enumerate(lines):
        parts += _row(line, TOP + LINE * number + LINE / 2, at)
    return "\n".join([*parts, "</svg>", ""])


def _legend(names: set[str]) -> Iterable[str]:
    shown = [name for name in LIBRARIES if name in names]
    for number, name in enumerate(shown):
        x, y = 20 + 225 * (number % 4), 20 + 18 * (number // 4)
        yield f'<circle cx="{x}" cy="{y}" r="5" fill="{COLOURS[name]}"/>'
        yield f'<text x="{x + 10}" y="{y + 4}">{escape(LIBRARIES[name].title)}</text>'
    yield f'<text x="{LEFT - 12}" y="{TOP - 16}" text-anchor="end">dotted: the bar for Cornu</text>'


def _axis(low: int, high: int, at, height: int) -> Iterable[str]:
    bottom = height - 24
    for power in range(low, high + 1):
        x = at(10.0**power)
        colour = "#555555" if power == 0 else "#dddddd"
        yield f'<line x1="{x:.1f}" y1="{TOP - 8}" x2="{x:.1f}" y2="{bottom}" stroke="{colour}"/>'
        label = f"{10.0**power:g}×" + (" best peer" if power == 0 else "")
        label = f"≤ {label}" if power == LOWEST else label
        yield f'<text x="{x:.1f}" y="{height - 8}" text-anchor="middle">{label}</text>'


def _row(line: Line, y: float, at) -> Iterable[str]:
    title = line.title if len(line.title) <= 54 else line.title[:53] + "…"
    yield f'<text x="{LEFT - 12}" y="{y + 4:.1f}" text-anchor="end">{escape(title)}</text>'
    x = at(line.bar)
    yield (
        f'<line x1="{x:.1f}" y1="{y - 8:.1f}" x2="{x:.1f}" y2="{y + 8:.1f}" '
        f'stroke="{COLOURS["cornu"]}" stroke-dasharray="2 2"/>'
    )
    ordered = sorted(line.ratios, key=lambda name: name == "cornu")  # Cornu on top
    for name in ordered:
        radius = 5 if name == "cornu" else 4
        x = at(line.ratios[name])
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill="{COLOURS[name]}"/>'
