"""Running: every library by turns, each run a process of its own; a failure costs its row only."""

from __future__ import annotations

import contextlib
import importlib
import os
import pkgutil
import re
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import libraries, workloads
from benchmarks.protocol import Options, Outcome, Workload, read_outcome
from benchmarks.results import Run, WorkloadResult

ERROR = re.compile(r"[\w.]*(Error|Exception|Interrupt)\b")
CAUSE = re.compile("unsupported|not supported|not implemented", re.IGNORECASE)

Command = Callable[[str, Options, Path], Sequence[str]]


@dataclass(frozen=True)
class Plan:
    """What to run each workload with; `versions` is what `libraries.probe` says of `python`."""

    libraries: tuple[str, ...]
    repeats: int
    python: Path
    versions: Mapping[str, str | None]
    device: str = "any"
    quick: bool = False
    budget: float = 3.0
    timeout: float = 400.0


def find_workloads() -> dict[str, Workload]:
    """The rows of all files in `benchmarks/workloads/`, by name."""
    names = [module.name for module in pkgutil.iter_modules(workloads.__path__)]
    rows = [importlib.import_module(f"{workloads.__name__}.{name}").WORKLOAD for name in names]
    return {row.name: row for row in rows}


def workload_command(workload: str, options: Options, python: Path) -> list[str]:
    """The command line of one run."""
    command = [str(python), "-m", f"benchmarks.workloads.{workload}"]
    command += ["--library", options.library, "--device", options.device]
    command += ["--budget", f"{options.budget:g}"]
    return command + (["--quick"] if options.quick else [])


def turns(names: Sequence[str], repeats: int) -> Iterator[tuple[int, str]]:
    """(round, library) in running order: all libraries a round, another one first each time."""
    for turn in range(repeats):
        first = turn % len(names) if names else 0
        for name in (*names[first:], *names[:first]):
            yield turn, name


def run_workload(
    workload: Workload,
    plan: Plan,
    command: Command = workload_command,
    say: Callable[[str], object] = print,
) -> WorkloadResult:
    """Run one workload under the libraries of `plan` that take part in it.

    A library that is not installed, or whose run fails, is left out from there on, with the reason.
    """
    left_out: dict[str, str] = {}
    runs: list[Run] = []
    present = [name for name in workload.libraries if name in plan.libraries]
    for name in present:
        if reason := libraries.missing(name, plan.versions):
            left_out[name] = reason
    taking_turns = turns([n for n in present if n not in left_out], plan.repeats)
    with tempfile.TemporaryDirectory() as kept_caches:
        for turn, name in taking_turns:
            if name in left_out:
                continue
            options = Options(name, plan.device, plan.quick, plan.budget)
            try:
                outcome = run_once(workload.name, options, plan, command, Path(kept_caches))
            except RunFailed as failure:
                left_out[name] = f"failed in round {turn + 1}: {failure}"
                say(f"{workload.name} {name}: {left_out[name]}")
                continue
            runs.append(Run(name, turn, outcome))
            shown = ", ".join(f"{key} {value:.4g}" for key, value in outcome.measurements.items())
            say(f"{workload.name} [{turn + 1}/{plan.repeats}] {name}: {shown}")
    return WorkloadResult(runs, left_out)


class RunFailed(Exception):
    """A run that gave no measurements, and why, in one line without paths."""


def run_once(
    workload: str, options: Options, plan: Plan, command: Command, kept_caches: Path
) -> Outcome:
    """One run, in a fresh process with a fresh home, and a group, so that none of it stays.

    Raises:
        RunFailed: if it exits with an error, prints no measurements, or outlasts the time limit.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        environment = libraries.environment(
            options.library, Path(scratch), options.device, kept_caches
        )
        process = subprocess.Popen(
            command(workload, options, plan.python),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=libraries.ROOT,
            env=environment,
            start_new_session=True,
        )
        try:
            output, errors = process.communicate(timeout=plan.timeout)
        except subprocess.TimeoutExpired:
            raise RunFailed(f"no end after {plan.timeout:.0f} s") from None
        finally:
            end_group(process)
    if process.returncode != 0:
        raise RunFailed(last_words(errors, process.returncode))
    try:
        return read_outcome(output)
    except ValueError as error:
        raise RunFailed(str(error)) from None


def end_group(process: subprocess.Popen[str]) -> None:
    """End a run with all that it has started: compilers have workers of their own."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def last_words(errors: str, status: int) -> str:
    """Why a run failed: the last line that names an error, or else the last one; without paths.

    Where that only announces what is wrong (TensorFlow's does), the line that says it comes too.
    """
    lines = [line.strip() for line in errors.strip().splitlines()] or [f"exit status {status}"]
    named = [number for number, line in enumerate(lines) if ERROR.match(line)]
    last = named[-1] if named else len(lines) - 1
    said = next((line for line in lines[last + 1 :] if CAUSE.search(line)), "")
    told = f"{lines[last]} {said}" if lines[last].endswith(":") else lines[last]
    return without_paths(told.strip())[:300]


def without_paths(text: str) -> str:
    """`text` with every absolute path cut to its last part: a report tells nothing of a machine."""
    return re.sub(r"(?<![\w.])/(?:[^\s/'\":,()]+/)+([^\s/'\":,()]*)", r"\1", text)
