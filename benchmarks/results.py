"""Results: what was measured under which conditions, its JSON file, and what the numbers say."""

from __future__ import annotations

import json
import os
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.protocol import BEST, Bar, Measure, Outcome


@dataclass(frozen=True)
class Run:
    """One run of one library in one round."""

    library: str
    round: int
    outcome: Outcome


@dataclass(frozen=True)
class WorkloadResult:
    """All runs of one workload, the libraries left out with the reason, and the conditions."""

    runs: list[Run]
    left_out: Mapping[str, str]
    conditions: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Summary:
    """Median and range of one measure over the rounds."""

    median: float
    low: float
    high: float
    count: int

    @property
    def spread(self) -> float:
        """Half of the range, as a share of the median."""
        return (self.high - self.low) / 2 / self.median if self.median else 0.0


@dataclass(frozen=True)
class Verdict:
    """A bar and what was measured against it; `value` is None where it could not be measured."""

    bar: Bar
    value: float | None

    @property
    def met(self) -> bool:
        """Whether the value is on the good side of the limit, or on it."""
        if self.value is None:
            return False
        limit = self.bar.limit
        return self.value >= limit if self.bar.at == "least" else self.value <= limit

    @property
    def text(self) -> str:
        """`met`, or by how much of the limit it is missed."""
        if self.value is None:
            return "not measured"
        if self.met:
            return "met"
        return f"missed by {abs(self.value / self.bar.limit - 1):.0%}"


def summarize(values: Sequence[float]) -> Summary:
    """Median, smallest, largest and number of `values`."""
    return Summary(statistics.median(values), min(values), max(values), len(values))


def summaries(result: WorkloadResult, key: str) -> dict[str, Summary]:
    """The summary of measure `key` for each library that has it, in order of first appearance."""
    values: dict[str, list[float]] = {}
    for run in sorted(result.runs, key=lambda run: run.round):
        if key in run.outcome.measurements:
            values.setdefault(run.library, []).append(run.outcome.measurements[key])
    return {library: summarize(found) for library, found in values.items()}


def ratio(found: Mapping[str, Summary], library: str, other: str | None) -> float | None:
    """Median of `library` over median of `other`; None if either was not measured."""
    if other is None or library not in found or other not in found:
        return None
    return found[library].median / found[other].median


def fastest_peer(measure: Measure, found: Mapping[str, Summary]) -> str | None:
    """The library other than Cornu with the best median."""
    peers = [name for name in found if name != "cornu"]
    if not peers:
        return None
    best = max if measure.better == "higher" else min
    return best(peers, key=lambda name: found[name].median)


def judge(measure: Measure, bar: Bar, found: Mapping[str, Summary]) -> Verdict:
    """Cornu against `bar`, which is one of `measure`."""
    if bar.against is None:
        return Verdict(bar, found["cornu"].median if "cornu" in found else None)
    other = fastest_peer(measure, found) if bar.against == BEST else bar.against
    return Verdict(bar, ratio(found, "cornu", other))


def load(path: Path) -> dict[str, WorkloadResult]:
    """The results in a JSON file, by workload; none if there is no file."""
    if not path.exists():
        return {}
    stored = json.loads(path.read_text(encoding="utf-8"))["workloads"]
    return {name: _from_plain(entry) for name, entry in stored.items()}


def save(path: Path, results: Mapping[str, WorkloadResult]) -> None:
    """Write the results as JSON."""
    plain = {"workloads": {name: asdict(results[name]) for name in sorted(results)}}
    write(path, json.dumps(plain, indent=1) + "\n")


def write(path: Path, text: str) -> None:
    """Write a file at once or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def _from_plain(entry: Mapping[str, Any]) -> WorkloadResult:
    runs = [Run(run["library"], run["round"], Outcome(**run["outcome"])) for run in entry["runs"]]
    return WorkloadResult(runs, entry["left_out"], entry["conditions"])
