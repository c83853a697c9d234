"""Where a step of Cornu's training goes: `python -m benchmarks.profile WORKLOAD`.

XLA says when each of its operations ran, by JAX's profiler, and what it is made of, in the text of
the compiled program. Shown is the time of XLA's threads by operation (a native kernel's own threads
are not counted beside the one that waits for them), and the clock's time. For the workloads that
train one network (`work` in their module).
"""

from __future__ import annotations

import argparse
import importlib
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import harness, training
from benchmarks.protocol import Options

INSTRUCTION = re.compile(
    r"^\s*(?:ROOT )?%?(?P<name>[\w.\-]+) = (?P<shape>\([^)]*\)|\S+) (?P<op>[\w\-]+)\("
)
TARGET = re.compile(r'custom_call_target="([^"]+)"')
SOURCE = re.compile(r'op_name="([^"]+)"')


@dataclass
class Event:
    """Something that a thread did: from when to when (ns), and as which operation, if as one."""

    start: float
    end: float
    name: str
    operation: tuple[str, int, str] | None = None  # program's name and number, operation
    own: float = 0.0


@dataclass(frozen=True)
class Meaning:
    """What the text of a program says of an operation."""

    kind: str
    source: str
    shape: str


@dataclass
class Total:
    """A thread's time (ns), and how often something ran."""

    time: float = 0.0
    count: int = 0

    def add(self, time: float, count: int) -> None:
        """More of it."""
        self.time += time
        self.count += count


UNKNOWN = Meaning("?", "?", "?")


def own_times(events: Sequence[Event]) -> Iterator[Event]:
    """The events of one thread that are operations, `own` being what passed in them alone.

    What lies inside an operation without being one counts as its own, except for the executor's
    waiting: the work waited for is on some thread itself.
    """
    stack: list[Event] = []
    for event in sorted(events, key=lambda event: (event.start, -event.end)):
        while stack and stack[-1].end <= event.start:
            stack.pop()
        event.own = event.end - event.start
        around = next((one for one in reversed(stack) if one.operation), None)
        executor = event.name.startswith("ThunkExecutor")
        if around is not None and (event.operation or executor):
            around.own -= event.own
        if event.operation or executor:
            stack.append(event)
        if executor and event.operation is None:
            event.operation = ("", 0, "")
    return (event for event in events if event.operation and event.operation[0])


def threads(path: Path) -> Iterator[list[Event]]:
    """The events of each thread in a trace of JAX's profiler."""
    data = importlib.import_module("jax").profiler.ProfileData.from_file(str(path))
    for plane in data.planes:
        for line in plane.lines:
            yield [_event(event) for event in line.events]


def _event(event: Any) -> Event:
    facts = dict(event.stats)
    operation = None
    if "hlo_op" in facts:
        operation = (facts["hlo_module"], facts["program_id"], facts["hlo_op"])
    return Event(event.start_ns, event.start_ns + event.duration_ns, event.name, operation)


def meanings(text: str) -> dict[str, Meaning]:
    """The operations of a compiled program's text, by name."""
    found = {}
    for line in text.splitlines():
        if match := INSTRUCTION.match(line):
            source = SOURCE.search(line)
            path = source[1] if source else ""
            found[match["name"]] = Meaning(_kind(line, match, path), path, _shape(match["shape"]))
    return found


def _kind(line: str, match: re.Match[str], path: str) -> str:
    """A custom call's target; else the last step of where it comes from, and its opcode."""
    if target := TARGET.search(line):
        return target[1]
    way = ", backward" if "transpose(" in path else ""
    if match["op"] in ("dot", "convolution"):  # the path ends in what was made one with it
        return {"dot": "dot_general"}.get(match["op"], match["op"]) + way
    return (path.rsplit("/", 1)[-1] or match["op"]) + way


def _shape(text: str) -> str:
    return re.sub(r"\{[^}]*\}|/\*[^*]*\*/", "", text)


def measure(work: training.Work, options: Options, scratch: Path) -> tuple[float, int, list[Event]]:
    """Seconds by the clock, steps, and the operations, of about a second of training."""
    jax = importlib.import_module("jax")
    fit = training.fit(options, work)
    fit(1)
    once = training.timed(fit, 1)
    epochs = max(1, round(options.seconds / 3 / once))
    seconds = training.timed(fit, epochs)
    settings = jax.profiler.ProfileOptions()
    settings.python_tracer_level = 0
    with jax.profiler.trace(str(scratch / "trace"), profiler_options=settings):
        fit(epochs)
    (path,) = (scratch / "trace").rglob("*.xplane.pb")
    steps = epochs * -(-work.task.rows // work.task.batch)
    return seconds, steps, [event for thread in threads(path) for event in own_times(thread)]


def explained(events: Iterable[Event], folder: Path) -> Iterator[tuple[Event, Meaning]]:
    """Each operation with what the texts in `folder`, as XLA names them, say of it."""
    texts: dict[tuple[str, int], dict[str, Meaning]] = {}
    for event in events:
        module, number, name = event.operation or ("", 0, "")
        if (module, number) not in texts:
            paths = folder.glob(f"module_{number:04}.{module}.*after_optimizations.txt")
            texts[module, number] = {}
            for path in paths:
                texts[module, number] |= meanings(path.read_text(encoding="utf-8"))
        yield event, texts[module, number].get(name, UNKNOWN)


def totals(pairs: Iterable[tuple[Event, Meaning]]) -> tuple[dict[str, Total], dict[tuple, Total]]:
    """Threads' time by kind, and by operation (name and meaning)."""
    kinds: dict[str, Total] = {}
    operations: dict[tuple, Total] = {}
    for event, meaning in pairs:
        name = event.operation[2] if event.operation else ""
        kinds.setdefault(meaning.kind, Total()).add(event.own, 1)
        operations.setdefault((name, meaning), Total()).add(event.own, 1)
    return kinds, operations


def show(found: Mapping[Any, Total], steps: int, top: int, title: str) -> Iterator[str]:
    """The greatest of `found`, a line each."""
    whole = sum(total.time for total in found.values()) or 1.0
    yield f"{'ms a step':>10} {'share':>6} {'times':>6}  {title}"
    ordered = sorted(found.items(), key=lambda item: -item[1].time)
    for key, total in ordered[:top]:
        each = total.time / steps / 1e6
        yield f"{each:10.3f} {total.time / whole:6.1%} {total.count / steps:6.1f}  {_name(key)}"


def _name(key: Any) -> str:
    if isinstance(key, str):
        return key
    name, meaning = key
    return f"{name}  {meaning.shape}  {meaning.kind}  {meaning.source}"


def profile(workload: str, options: Options, top: int) -> str:
    """The whole report of one workload."""
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        flags = f"--xla_dump_to={scratch} --xla_dump_hlo_as_text"
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {flags}".strip()
        os.environ["CORNU_CACHE_DIR"] = str(scratch / "cache")  # a kept program leaves no text
        work = importlib.import_module(f"benchmarks.workloads.{workload}").work(options)
        seconds, steps, events = measure(work, options, scratch)
        kinds, operations = totals(explained(events, scratch))
    busy = sum(total.time for total in kinds.values()) / steps / 1e6
    lines = [
        f"{workload}: {steps} steps of {work.task.batch} rows, {seconds / steps * 1e3:.3f} ms a "
        f"step by the clock; {busy:.3f} ms a step of threads' time in operations, on "
        f"{os.cpu_count()} cores",
        "",
        *show(kinds, steps, top, "kind"),
        "",
        *show(operations, steps, top, "operation, its result, kind, where it comes from"),
    ]
    return "\n".join(lines)


def profiled() -> list[str]:
    """The workloads that can be looked into."""
    names = harness.find_workloads()
    modules = {name: importlib.import_module(f"benchmarks.workloads.{name}") for name in names}
    return [name for name, module in modules.items() if hasattr(module, "work")]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print where the time of a workload's step goes."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profile", description=__doc__)
    parser.add_argument("workload", choices=profiled())
    parser.add_argument("--top", type=int, default=25, help="lines of each table")
    parser.add_argument("--budget", type=float, default=3.0, help="a third of it is profiled")
    parser.add_argument("--quick", action="store_true", help="little work")
    asked = parser.parse_args(arguments)
    options = Options("cornu", quick=asked.quick, budget=asked.budget)
    print(profile(asked.workload, options, asked.top))


if __name__ == "__main__":
    main()
