"""Saving and loading a whole model of 100 million parameters: time, and memory at the peak."""

from __future__ import annotations

import gc
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import libraries, memory
from benchmarks.protocol import Bar, Measure, Options, Outcome, Workload, main

WORKLOAD = Workload(
    name="files",
    title="Files of a model of 100 M parameters",
    about=(
        "Ten Dense layers of 3,162 units (400 MB), whole model as `.keras`, saved and loaded "
        "five times each, median; the folder is the system's temporary one. *Memory*: the "
        "process's largest resident size meanwhile, less what it held before, as a share of "
        "the weights' bytes (a load's own weights count). Linux only."
    ),
    measures=(
        Measure("save", "save", "s", "lower", (Bar("most", 1.0),)),
        Measure("load", "load", "s", "lower", (Bar("most", 1.0),)),
        Measure("save_memory", "memory of a save", "x", "lower", (Bar("most", 1.2, against=None),)),
        Measure("load_memory", "memory of a load", "x", "lower", (Bar("most", 1.2, against=None),)),
    ),
    libraries=("cornu", "keras-jax"),
)
UNITS, LAYERS, TIMES = 3162, 10, 5


def measure(options: Options) -> Outcome:
    """Seconds and shares of the weights' size."""
    keras = libraries.load(options.library)
    units, times = (64, 2) if options.quick else (UNITS, TIMES)
    model = keras.Sequential([keras.Input((units,))])
    for _ in range(LAYERS):
        model.add(keras.layers.Dense(units))
    size = 4 * sum(w.shape[0] * (w.shape[1] if len(w.shape) > 1 else 1) for w in model.weights)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        save = _repeated(lambda: model.save(path), times)
        load = _repeated(lambda: keras.models.load_model(path), times)
    found = {
        "save": save[0],
        "load": load[0],
        "save_memory": save[1] * 2**20 / size,
        "load_memory": load[1] * 2**20 / size,
    }
    return Outcome(found, libraries.device_in_use(options.library), {"bytes": size})


def _repeated(act: Callable[[], Any], times: int) -> tuple[float, float]:
    """Median seconds and median MB beyond what was held, of calls after a first one."""
    act()
    seconds, held = [], []
    for _ in range(times):
        gc.collect()
        Path("/proc/self/clear_refs").write_text("5")  # the largest size begins anew
        before = memory.resident()
        begin = time.perf_counter()
        kept = act()
        seconds.append(time.perf_counter() - begin)
        held.append(memory.peak() - before)
        del kept
    return statistics.median(seconds), statistics.median(held)


if __name__ == "__main__":
    main(measure)
