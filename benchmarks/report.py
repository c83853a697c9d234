"""The report: results rendered as Markdown, with the notes that people wrote kept as they were."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.libraries import LIBRARIES
from benchmarks.protocol import BEST, Bar, Measure, Workload
from benchmarks.results import (
    Summary,
    WorkloadResult,
    fastest_peer,
    judge,
    ratio,
    summaries,
)

NOTES_BEGIN = "<!-- notes: written by hand, kept between runs -->"
NOTES_END = "<!-- end of notes -->"
EMPTY_NOTES = "\nNone yet.\n"
INTRODUCTION = """\
# Benchmark results

Written by `python -m benchmarks` from what it measured; only the notes are by hand. Each run of a
library is a process of its own; the libraries take turns, so that a change of the machine's mood
meets all of them. Shown are the median over the rounds and the range from smallest to largest, or
half of it as a percentage. The data are random numbers of the right shapes. A ratio is one of
medians: below 1× is slower for a speed, and faster for a time. Cornu runs in the same environment
as its peers: the same Python, NumPy and JAX. Ratios to "the best peer" are to the peer that did
best in that very measure.
"""
PLOT = """\
![Each library beside the best peer of each workload]({name})
"""


def render(
    rows: Mapping[str, Workload],
    results: Mapping[str, WorkloadResult],
    previous: str = "",
    plot: str = "",
) -> str:
    """The whole report.

    `previous` is the report that it replaces, for its notes; `plot` the name of the picture beside
    it, if there is one.
    """
    shown = [rows[name] for name in rows if name in results]
    parts = [INTRODUCTION]
    parts += [PLOT.format(name=plot)] if plot else []
    parts += [_bars(shown, results), _notes(previous)]
    parts += [_section(workload, results[workload.name]) for workload in shown]
    parts.append(_conditions(shown, results))
    return "\n".join(parts)


def notes(previous: str) -> str:
    """What stands between the note markers of a report; a placeholder if it has none."""
    _, begin, rest = previous.partition(NOTES_BEGIN)
    text, end, _ = rest.partition(NOTES_END)
    return text if begin and end else EMPTY_NOTES


def table(head: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1) -> str:
    """A Markdown table; the columns after the first `left` are aligned to the right."""
    rule = ["---" if column < left else "---:" for column in range(len(head))]
    return "".join(f"| {' | '.join(row)} |\n" for row in (head, rule, *rows))


def number(value: float) -> str:
    """Three significant digits, thousands grouped, no exponent."""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:#.3g}".rstrip(".")


def _notes(previous: str) -> str:
    return f"## Notes\n\n{NOTES_BEGIN}{notes(previous)}{NOTES_END}\n"


def _bars(shown: Sequence[Workload], results: Mapping[str, WorkloadResult]) -> str:
    head = ("workload", "measure", "bar", "verdict", "Cornu", "measured", "of the best peer")
    lines = []
    for workload in shown:
        result = results[workload.name]
        if workload.wide:
            lines += _wide_bar_lines(workload, result)
            continue
        for measure in workload.measures:
            found = summaries(result, measure.key)
            lines += [_bar_line(workload, measure, bar, found) for bar in measure.bars]
    return "## Bars\n\n" + table(head, lines, left=4)


def _bar_line(
    workload: Workload, measure: Measure, bar: Bar, found: Mapping[str, Summary]
) -> tuple[str, ...]:
    verdict = judge(measure, bar, found)
    cornu = f"{number(found['cornu'].median)} {measure.unit}" if "cornu" in found else "–"
    measured = (
        "–" if verdict.value is None else number(verdict.value) + ("×" if bar.against else "")
    )
    fastest = fastest_peer(measure, found)
    of_fastest = _times(ratio(found, "cornu", fastest))
    beside = f"{of_fastest} ({LIBRARIES[fastest].title})" if fastest else "–"
    outcome = f"**{verdict.text}**"
    return workload.title, measure.title, promise(measure, bar), outcome, cornu, measured, beside


def _wide_bar_lines(workload: Workload, result: WorkloadResult) -> list[tuple[str, ...]]:
    """One line for all bars of a wide workload; its own table tells them apart."""
    judged = [
        judge(measure, bar, summaries(result, measure.key))
        for measure in workload.measures
        for bar in measure.bars
    ]
    if not judged:
        return []
    first = next(measure for measure in workload.measures if measure.bars)
    met = sum(verdict.met for verdict in judged)
    promised = "each " + promise(first, first.bars[0])
    verdict = f"**met by {met} of {len(judged)}**"
    return [(workload.title, f"{len(judged)} of them", promised, verdict, "–", "–", "–")]


def promise(measure: Measure, bar: Bar) -> str:
    """What a bar asks for."""
    sign = "≥" if bar.at == "least" else "≤"
    if bar.against is None:
        return f"{sign} {bar.limit:g} {measure.unit}"
    title = BEST if bar.against == BEST else LIBRARIES[bar.against].title
    return f"{sign} {bar.limit:.4g} × {title}"


def _times(value: float | None) -> str:
    return "–" if value is None else f"{number(value)}×"


def _section(workload: Workload, result: WorkloadResult) -> str:
    parts = [f"## {workload.title}\n\n{workload.about}\n"]
    if workload.wide:
        parts.append(_wide_table(workload, result))
    else:
        parts += [_measure_table(measure, result) for measure in workload.measures]
    if result.left_out:
        left = (f"- {LIBRARIES[name].title}: {why}." for name, why in result.left_out.items())
        parts.append("Left out:\n\n" + "\n".join(left) + "\n")
    return "\n".join(parts)


def _measure_table(measure: Measure, result: WorkloadResult) -> str:
    found = summaries(result, measure.key)
    if not found:
        return f"### {measure.title}\n\nNot measured.\n"
    fastest = fastest_peer(measure, found)
    unit = measure.unit
    head = ("library", f"median, {unit}", "range", "rounds", "× Keras on JAX", "× best peer")
    lines = []
    for name in LIBRARIES:
        if name in found:
            row = found[name]
            numbers = (number(row.median), f"{number(row.low)} … {number(row.high)}")
            beside = (_times(ratio(found, name, other)) for other in ("keras-jax", fastest))
            lines.append((LIBRARIES[name].title, *numbers, str(row.count), *beside))
        elif name in result.left_out:
            lines.append((LIBRARIES[name].title, _short(result.left_out[name]), *["–"] * 4))
    return f"### {measure.title} ({unit}, {measure.better} is better)\n\n{table(head, lines)}"


def _wide_table(workload: Workload, result: WorkloadResult) -> str:
    """All measures of a workload, a row each, a column for each library."""
    first = workload.measures[0]
    names = [name for name in LIBRARIES if any(run.library == name for run in result.runs)]
    if not names:
        return "Not measured.\n"
    judged = any(measure.bars for measure in workload.measures)
    bar = promise(first, first.bars[0]) if first.bars else ""
    titles = [LIBRARIES[name].title for name in names]
    head = [first.unit, *titles, "Cornu × best peer", *([bar] if judged else [])]
    lines = []
    for measure in workload.measures:
        found = summaries(result, measure.key)
        cells = [_cell(found.get(name)) for name in names]
        beside = _times(ratio(found, "cornu", fastest_peer(measure, found)))
        verdicts = [judge(measure, one, found).text for one in measure.bars]
        lines.append((measure.title, *cells, beside, *verdicts))
    return f"{first.unit}, {first.better} is better:\n\n{table(head, lines)}"


def _cell(found: Summary | None) -> str:
    if found is None:
        return "–"
    return number(found.median) + (f" ±{found.spread:.0%}" if found.count > 1 else "")


def _short(reason: str) -> str:
    return "failed" if reason.startswith("failed") else "left out"


def _conditions(shown: Sequence[Workload], results: Mapping[str, WorkloadResult]) -> str:
    """The distinct conditions, each with its workloads; then what was set for each library."""
    groups: dict[str, list[str]] = {}
    for workload in shown:
        result = results[workload.name]
        text = _condition_lines(result.conditions)
        groups.setdefault(text, []).append(f"`{workload.name}`")
    parts = ["## Conditions\n"]
    parts += [f"{', '.join(names)}:\n\n{text}" for text, names in groups.items()]
    names = {run.library for workload in shown for run in results[workload.name].runs}
    parts.append("Set for each library; what each run counted (epochs, calls) is in the JSON:\n")
    parts.append("".join(_library_line(n, shown, results) for n in LIBRARIES if n in names))
    return "\n".join(parts)


def _condition_lines(conditions: Mapping[str, Any]) -> str:
    return "".join(f"- {key}: {value}\n" for key, value in conditions.items())


def _library_line(
    name: str, shown: Sequence[Workload], results: Mapping[str, WorkloadResult]
) -> str:
    devices = {
        run.outcome.device
        for workload in shown
        for run in results[workload.name].runs
        if run.library == name
    }
    facts = f"{LIBRARIES[name].note}; device used: {', '.join(sorted(devices))}"
    return f"- {LIBRARIES[name].title}: {facts}.\n"
