"""Starting: the import, and the way from a fresh process to the first trained batch."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks import libraries
from benchmarks.protocol import (
    BEST,
    Bar,
    Measure,
    Options,
    Outcome,
    Workload,
    main,
)

WORKLOAD = Workload(
    name="startup",
    title="Start-up",
    about=(
        "Fresh processes. *Import*: the import statement alone, after an untimed import that "
        "leaves byte code and page cache ready. *First batch*: import, build a Dense 20-64-64-10, "
        "compile, one `train_on_batch`, from spawning the process to the line it prints then; "
        "inside: the same by the process's own clock. Cold: with an empty home and no compilation "
        "cache on disk; warm: the same once more over the same home and cache. Keras and PyTorch "
        "run as they come, without a cache on disk or a compiler that they do not start by "
        "themselves; one row shows Keras with JAX's cache switched on."
    ),
    measures=(
        Measure("import", "import", "s", "lower", (Bar("most", 0.25, against=None),)),
        Measure(
            "cold", "first batch, cold", "s", "lower", (Bar("most", 0.6), Bar("most", 0.5, BEST))
        ),
        Measure(
            "warm", "first batch, warm", "s", "lower", (Bar("most", 0.4), Bar("most", 0.5, BEST))
        ),
        Measure("cold_inside", "first batch, cold, inside", "s", "lower"),
        Measure("warm_inside", "first batch, warm, inside", "s", "lower"),
    ),
    libraries=(
        *("cornu", "keras-jax", "keras-jax-cached", "keras-tensorflow", "keras-torch"),
        *("tf-keras", "torch"),
    ),
)
CHILD = libraries.ROOT / "benchmarks" / "children" / "first_batch.py"


@dataclass(frozen=True)
class Start:
    """Times of one fresh process, in seconds, and the device it named."""

    outside: float
    inside: float
    imported: float
    device: str


def measure(options: Options) -> Outcome:
    """Import time, and time to the first trained batch over an empty cache and a filled one."""
    with tempfile.TemporaryDirectory() as folder:
        if not options.quick:
            start(options, Path(folder, "import"), "import")
        imported = start(options, Path(folder, "import"), "import").imported
        cold = start(options, Path(folder, "train"), "train")
        warm = start(options, Path(folder, "train"), "train")
    times = {
        "import": imported,
        "cold": cold.outside,
        "warm": warm.outside,
        "cold_inside": cold.inside,
        "warm_inside": warm.inside,
    }
    return Outcome(times, cold.device)


def start(options: Options, scratch: Path, step: str) -> Start:
    """Run the child program once over `scratch`, timed until its mark.

    Raises:
        RuntimeError: if it ended without the mark, with the last line of its standard error.
    """
    module = libraries.LIBRARIES[options.library].module
    command = [sys.executable, str(CHILD), options.library, module, step]
    environment = libraries.environment(options.library, scratch, options.device)
    with tempfile.TemporaryFile("w+") as errors:
        began = time.perf_counter()
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment
        ) as process:
            found: dict[str, float] = {}
            outside = 0.0
            device = ""
            for line in process.stdout or ():
                if line.startswith('{"import_s"'):
                    outside = time.perf_counter() - began
                    found = json.loads(line)
                elif line.startswith('{"device"'):
                    device = json.loads(line)["device"]
        if not found:
            errors.seek(0)
            last = (errors.read().strip().splitlines() or ["no message"])[-1]
            raise RuntimeError(f"{options.library} did not reach the end of {step!r}: {last}")
    return Start(outside, found["inside_s"], found["import_s"], device)


if __name__ == "__main__":
    main(measure)
