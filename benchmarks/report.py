"""The report: results rendered as Markdown, with the notes that people wrote kept as they were."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.libraries import LIBRARIES
from benchmarks.protocol import Bar, Measure, Workload
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
meets all of them. Shown are the median over the rounds and the range from smallest to largest.
A ratio is one of medians: below 1× is slower for a speed, and faster for a time. Cornu runs in the
same environment as its peers: the same Python, NumPy and JAX.
"""


def render(
    rows: Mapping[str, Workload], results: Mapping[str, WorkloadResult], previous: str = ""
) -> str:
    """The whole report; `previous` is the report that it replaces, for its notes."""
    shown = [rows[name] for name in rows if name in results]
    parts = [INTRODUCTION, _bars(shown, results), _notes(previous)]
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
    head = ("workload", "measure", "bar", "verdict", "Cornu", "measured", "of fastest peer")
    lines = []
    for workload in shown:
        for measure in workload.measures:
            if measure.bar is not None:
                found = summaries(results[workload.name], measure.key)
                lines.append(_bar_line(workload, measure, measure.bar, found))
    return "## Bars\n\n" + table(head, lines, left=4)


def _bar_line(
    workload: Workload, measure: Measure, bar: Bar, found: Mapping[str, Summary]
) -> tuple[str, ...]:
    verdict = judge(bar, found)
    sign = "≥" if bar.at == "least" else "≤"
    unit = f" × {LIBRARIES[bar.against].title}" if bar.against else f" {measure.unit}"
    cornu = f"{number(found['cornu'].median)} {measure.unit}" if "cornu" in found else "–"
    measured = (
        "–" if verdict.value is None else number(verdict.value) + ("×" if bar.against else "")
    )
    fastest = fastest_peer(measure, found)
    of_fastest = _times(ratio(found, "cornu", fastest))
    beside = f"{of_fastest} ({LIBRARIES[fastest].title})" if fastest else "–"
    promised = f"{sign} {bar.limit:g}{unit}"
    outcome = f"**{verdict.text}**"
    return workload.title, measure.title, promised, outcome, cornu, measured, beside


def _times(value: float | None) -> str:
    return "–" if value is None else f"{number(value)}×"


def _section(workload: Workload, result: WorkloadResult) -> str:
    parts = [f"## {workload.title}\n\n{workload.about}\n"]
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
    head = ("library", f"median, {unit}", "range", "rounds", "× Keras on JAX", "× fastest peer")
    lines = []
    for name in (name for name in LIBRARIES if name in found):
        row = found[name]
        lines.append(
            (
                LIBRARIES[name].title,
                number(row.median),
                f"{number(row.low)} … {number(row.high)}",
                str(row.count),
                _times(ratio(found, name, "keras-jax")),
                _times(ratio(found, name, fastest)),
            )
        )
    return f"### {measure.title} ({unit}, {measure.better} is better)\n\n{table(head, lines)}"


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
    parts.append("Set for each library:\n")
    parts.append("".join(_library_line(n, shown, results) for n in LIBRARIES if n in names))
    return "\n".join(parts)


def _condition_lines(conditions: Mapping[str, Any]) -> str:
    return "".join(f"- {key}: {value}\n" for key, value in conditions.items())


def _library_line(
    name: str, shown: Sequence[Workload], results: Mapping[str, WorkloadResult]
) -> str:
    devices: set[str] = set()
    settings: dict[str, set[Any]] = {}
    for workload in shown:
        for run in (run for run in results[workload.name].runs if run.library == name):
            devices.add(run.outcome.device)
            for key, value in run.outcome.settings.items():
                settings.setdefault(f"`{workload.name}` {key}", set()).add(value)
    used = "; ".join(f"{key} {_spread(values)}" for key, values in settings.items())
    facts = f"{LIBRARIES[name].note}; device used: {', '.join(sorted(devices))}"
    return f"- {LIBRARIES[name].title}: {facts}{'; ' + used if used else ''}.\n"


def _spread(values: set[Any]) -> str:
    low, high = min(values), max(values)
    return str(low) if low == high else f"{low}–{high}"
