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

KERAS_LIKE = (
    "cornu",
    "keras-jax",
    "keras-tensorflow",
    "keras-tensorflow-xla",
    "keras-torch",
    "tf-keras",
    "tf-keras-xla",
)
"""The libraries that run one and the same script, in the Keras 3 API."""

STANDARD_LIBRARIES = (*KERAS_LIKE, "torch", "torch-compiled")
BEST = "the best peer"
DEVICES = ("any", "cpu", "gpu")


@dataclass(frozen=True)
class Bar:
    """What Cornu promises: its median, or the ratio to a peer's, on the good side of `limit`.

    `at` says which side is good. With `against=BEST` the peer is the one that did best in this very
    measure, and with `against=None` the limit is a value in the measure's unit.
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
    bars: tuple[Bar, ...] = ()


@dataclass(frozen=True)
class Workload:
    """A row of the benchmark table; `name` is the name of its module.

    A `wide` one has measures of one kind, which its report shows as the rows of one table.
    """

    name: str
    title: str
    about: str
    measures: tuple[Measure, ...]
    libraries: tuple[str, ...] = STANDARD_LIBRARIES
    wide: bool = False


@dataclass(frozen=True)
class Options:
    """What one run is asked for.

    `quick` shrinks the work: a check that it runs, not a result. `budget` is about how many seconds
    each measured part may take, once it is warm.
    """

    library: str
    device: str = "any"
    quick: bool = False
    budget: float = 3.0

    @property
    def seconds(self) -> float:
        """The budget, or next to nothing for a quick run."""
        return 0.01 if self.quick else self.budget


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
    parser.add_argument("--budget", type=float, default=3.0, help="seconds to measure for")
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
