"""What a workload is, and how one run of it speaks: one JSON line with its measurements.

A workload is one file in `benchmarks/workloads/` with a table row (`WORKLOAD`) and a function
(`measure`). This module holds both their types and the command line they share; it knows no
library, and imports nothing beyond the standard library, so that reading a row costs nothing.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Literal

STANDARD_LIBRARIES = ("cornu", "keras-jax", "keras-tensorflow", "keras-torch", "torch")
DEVICES = ("any", "cpu", "gpu")


@dataclass(frozen=True)
class Bar:
    """What Cornu promises: its median, or the ratio to a peer's, on the good side of `limit`.

    `at` says which side is good. With `against=None` the limit is a value in the measure's unit.
    """

    at: Literal["least", "most"]
    limit: float
    against: str | None = "keras-jax"


@dataclass(frozen=True)
class Measure:
    """One number that a run reports under `key`, and how to read it."""

    key: str
    title: str
    unit: str
    better: Literal["higher", "lower"]
    bar: Bar | None = None


@dataclass(frozen=True)
class Workload:
    """A row of the benchmark table; `name` is the name of its module."""

    name: str
    title: str
    about: str
    measures: tuple[Measure, ...]
    libraries: tuple[str, ...] = STANDARD_LIBRARIES


@dataclass(frozen=True)
class Options:
    """What one run is asked for. `quick` shrinks the work: a check that it runs, not a result."""

    library: str
    device: str = "any"
    quick: bool = False


@dataclass(frozen=True)
class Outcome:
    """What one run found: `measurements` by key, and the facts needed to read them."""

    measurements: Mapping[str, float]
    device: str
    settings: Mapping[str, object] = field(default_factory=dict)


def main(measure: Callable[[Options], Outcome], arguments: Sequence[str] | None = None) -> None:
    """Run `measure` once and print its outcome as one JSON line: what a workload's script does."""
    parser = argparse.ArgumentParser(description="One run of one workload under one library.")
    parser.add_argument("--library", required=True, help="a name from benchmarks/libraries.py")
    parser.add_argument("--device", choices=DEVICES, default="any")
    parser.add_argument("--quick", action="store_true", help="little work, no result")
    outcome = measure(Options(**vars(parser.parse_args(arguments))))
    print(json.dumps(asdict(outcome)), flush=True)


def read_outcome(output: str) -> Outcome:
    """The outcome in a run's standard output: its last line that is a JSON object.

    Raises:
        ValueError: if no line is one, as when the run ended early.
    """
    for line in reversed(output.splitlines()):
        if line.startswith("{"):
            return Outcome(**json.loads(line))
    raise ValueError("the run printed no measurements (expected one JSON line on standard output)")
