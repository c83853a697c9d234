"""The command: `python -m benchmarks`, or `python benchmarks/run.py`, from the checkout.

    python -m benchmarks --only small_mlp,predict_one --peers keras-jax,torch --repeats 5

Results of workloads that are not run again stay as they were, with the conditions they had.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

if __package__ in (None, ""):  # run by path: the checkout is not on the path yet
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import libraries, plot, report, results
from benchmarks.harness import Plan, find_workloads, run_workload, without_paths
from benchmarks.protocol import DEVICES, Workload

FOLDER = Path(__file__).resolve().parent
PEERS = tuple(name for name in libraries.LIBRARIES if name != "cornu")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmarks that the command line asks for; 1 if nothing could be measured."""
    rows = find_workloads()
    asked = parse(rows, arguments)
    stored = beside(asked.results, ".json") if asked.results else None
    found = results.load(stored) if stored else {}
    if not asked.render:
        found |= measure(asked, rows, found, stored)
    print(write(rows, found, asked.results))
    return 0 if any(found[name].runs for name in asked.only if name in found) else 1


def write(
    rows: Mapping[str, Workload],
    found: Mapping[str, results.WorkloadResult],
    path: Path | None,
) -> str:
    """The report; with a path, it and the picture are written."""
    if path is None:
        return report.render(rows, found)
    previous = path.read_text(encoding="utf-8") if path.exists() else ""
    picture = plot.svg(rows, found)
    if picture:
        results.write(beside(path, ".svg"), picture)
    name = beside(path, ".svg").name if picture else ""
    text = report.render(rows, found, previous, plot=name)
    results.write(path, text)
    return text


def parse(rows: Mapping[str, Workload], arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line, with names checked and defaults filled in."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--only", nargs="+", type=comma, default=[list(rows)], metavar="WORKLOAD")
    parser.add_argument("--peers", type=peer_names, default=PEERS, help=f"of {', '.join(PEERS)}")
    parser.add_argument("--repeats", type=positive, default=5, help="rounds (default 5)")
    parser.add_argument("--device", choices=DEVICES, default="any", help="what to compute on")
    parser.add_argument("--budget", type=float, default=3.0, help="seconds for each measured part")
    parser.add_argument("--timeout", type=float, default=400.0, help="seconds, for one run")
    parser.add_argument("--results", type=Path, help="default: RESULTS.md here; JSON beside it")
    default = libraries.default_python()
    parser.add_argument("--python-peers", type=interpreter, default=default, help="to run with")
    parser.add_argument("--quick", action="store_true", help="only see that it runs; no results")
    parser.add_argument("--render", action="store_true", help="write the report anew, run nothing")
    asked = parser.parse_args(arguments)
    asked.only = [name for words in asked.only for name in words]
    for name in asked.only:
        if name not in rows:
            parser.error(f"argument --only: unknown workload {name!r}; there are {', '.join(rows)}")
    if asked.results is None and not asked.quick:
        asked.results = FOLDER / "RESULTS.md"
    return asked


def comma(text: str) -> list[str]:
    """Names separated by commas."""
    return list(filter(None, text.split(",")))


def peer_names(text: str) -> tuple[str, ...]:
    """A list of peers separated by commas; none if it is empty."""
    names = tuple(comma(text))
    unknown = [name for name in names if name not in PEERS]
    if unknown:
        known = ", ".join(PEERS)
        raise argparse.ArgumentTypeError(f"unknown peer {unknown[0]!r}; choose from {known}")
    return names


def interpreter(text: str) -> Path:
    """A Python executable; links are kept, because an environment is found by its link."""
    path = Path(text).absolute()
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"expected a Python executable, received {text!r}")
    return path


def positive(text: str) -> int:
    """A whole number above zero."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected at least 1, received {value}")
    return value


def measure(
    asked: argparse.Namespace,
    rows: Mapping[str, Workload],
    found: Mapping[str, results.WorkloadResult],
    stored: Path | None,
) -> dict[str, results.WorkloadResult]:
    """Run the workloads, saving after each, so that a stop loses one at most."""
    versions = libraries.probe(asked.python_peers)
    plan = Plan(
        libraries=("cornu", *asked.peers),
        repeats=asked.repeats,
        python=asked.python_peers,
        versions=versions,
        device=asked.device,
        quick=asked.quick,
        budget=asked.budget,
        timeout=asked.timeout,
    )
    around = conditions(asked, versions)
    new: dict[str, results.WorkloadResult] = {}
    for name in asked.only:
        new[name] = replace(run_workload(rows[name], plan, say=_say), conditions=around)
        if stored:
            results.save(stored, {**found, **new})
    return new


def conditions(
    asked: argparse.Namespace, versions: Mapping[str, str | None]
) -> dict[str, str | int]:
    """What a reader needs to judge the numbers, and to measure again."""
    installed = (f"{name} {version}" for name, version in versions.items() if version)
    return {
        "date": datetime.date.today().isoformat(),
        "command": f"`{command_line(asked)}`",
        "processor": f"{processor()}, {os.cpu_count()} cores, {platform.system()}",
        "versions": ", ".join(installed),
        "native kernels of Cornu": libraries.native_kernels(asked.python_peers),
        "load of the machine before": load(),
        "rounds": asked.repeats,
    }


def command_line(asked: argparse.Namespace) -> str:
    """The command that measures the same again, free of this machine's paths."""
    words = ["python -m benchmarks --only", ",".join(asked.only)]
    words += ["--peers", ",".join(asked.peers), "--repeats", str(asked.repeats)]
    words += ["--budget", f"{asked.budget:g}"]
    words += ["--device", asked.device] if asked.device != "any" else []
    words += ["--quick"] if asked.quick else []
    return without_paths(" ".join(words))


def processor() -> str:
    """The processor's model name."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def load() -> str:
    """How many processes wanted to run during the last minute."""
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


def beside(report_path: Path, suffix: str) -> Path:
    """What lies beside a report: `results.json` and `results.svg` for `RESULTS.md`."""
    return report_path.with_name(report_path.stem.lower() + suffix)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
