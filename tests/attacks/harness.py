"""Tries attacks in another process, which may crash, hang or eat memory without harm.

`tried` starts `attacks.worker` and reads what it says of each job; where the process dies or a job
takes too long, that job has failed, and another process goes on behind it.
"""

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]
START, HANG = 240.0, 60.0
"""Seconds that a process may take to start, and one job."""


class Outcome(NamedTuple):
    """What came of one job: its name, what is wrong with it, and what it is said to have done."""

    name: str
    complaints: list[str]
    said: str = ""


def tried(suite: str, start: int, stop: int, hang: float = HANG) -> Iterator[Outcome]:
    """The outcome of the jobs `start` to `stop` of a suite (`attacks.<suite>`)."""
    while start < stop:
        with tempfile.TemporaryDirectory(prefix="cornu-attacks-") as folder:
            process = _started(suite, start, stop, folder)
            try:
                for outcome in _outcomes(process, start, stop, hang):
                    start += 1
                    yield outcome
            finally:
                process.kill()
                process.wait()
                process.stdout.close()
        if start < stop and process.returncode == 0:
            raise RuntimeError(f"the worker ended before job {start}")


def _started(suite: str, start: int, stop: int, folder: str) -> Any:
    home = Path(folder, "home")
    home.mkdir()
    own = {
        **environment(),
        "CORNU_HOME": str(home),
        "KERAS_HOME": str(home),
        "CORNU_CACHE": "0",
        "TMPDIR": str(Path(folder, "watched", "tmp")),
        "JAX_PLATFORMS": "cpu",
    }
    return subprocess.Popen(
        [sys.executable, "-m", "attacks.worker", suite, str(start), str(stop), folder],
        stdout=subprocess.PIPE,
        env=own,
        cwd=folder,
    )


def environment() -> dict[str, str]:
    """Where a process of ours finds the library and the tests."""
    return {**os.environ, "PYTHONPATH": f"{ROOT / 'tests'}{os.pathsep}{ROOT}"}


def _outcomes(process: Any, start: int, stop: int, hang: float) -> Iterator[Outcome]:
    """What a process says; where it dies or hangs, the job it was at has failed."""
    name, begun, wait = "its start", False, [START]
    for line in _lines(process.stdout, wait):
        said = json.loads(line)
        if "begin" in said:
            name, begun, wait[0] = said["begin"], True, hang
        else:
            yield Outcome(said["end"], said["complaints"], said.get("said", ""))
            start, begun, name = start + 1, False, "between jobs"
    if start < stop:
        if process.poll() is None:
            try:
                process.wait(0.5)
            except subprocess.TimeoutExpired:
                if not begun:
                    raise RuntimeError(f"the worker hangs at {name}") from None
                yield Outcome(name, [f"takes longer than {wait[0]:g} s"])
                return
        if not begun:
            raise RuntimeError(f"the worker died at {name}: {_ending(process.returncode)}")
        yield Outcome(name, [f"ended the process: {_ending(process.returncode)}"])


def _ending(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit status {code}"


def _lines(stream: Any, wait: list[float]) -> Iterator[bytes]:
    """Lines as they come, until the end, or until none comes for `wait[0]` seconds."""
    rest = b""
    until = time.monotonic() + wait[0]
    while True:
        ready, _, _ = select.select([stream], [], [], max(until - time.monotonic(), 0))
        if not ready:
            return
        got = os.read(stream.fileno(), 1 << 16)
        if not got:
            return
        *whole, rest = (rest + got).split(b"\n")
        for line in whole:
            yield line
            until = time.monotonic() + wait[0]
