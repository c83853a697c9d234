"""What the `keras` alias costs: importing under it, and constructing layers while it is there."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile

from benchmarks import libraries
from benchmarks.protocol import Bar, Measure, Options, Outcome, Workload, main

WORKLOAD = Workload(
    name="alias",
    title="The alias for old code",
    about=(
        "Fresh interpreters, 15 of each kind by turns, medians of processor time. *Import*: what "
        "a plain script imports (Sequential, Dense, Activation, Dropout, SGD, to_categorical), "
        "from `cornu`, and after `import cornu.as_keras` from `keras`. *Construct*: 1,000 Dense "
        "layers with today's arguments, median of 5 rounds in each interpreter."
    ),
    measures=(
        Measure("plain", "import from cornu", "s", "lower"),
        Measure("alias", "import from keras", "s", "lower"),
        Measure("beyond", "import beyond", "s", "lower", (Bar("most", 0.05, against=None),)),
        Measure("plain_layers", "1,000 layers, from cornu", "ms", "lower"),
        Measure("alias_layers", "1,000 layers, from keras", "ms", "lower"),
    ),
    libraries=("cornu",),
)

PLAIN = """
import cornu
from cornu.models import Sequential
from cornu.layers import Dense, Activation, Dropout
from cornu.optimizers import SGD
from cornu.utils import to_categorical
"""
ALIAS = """
import cornu.as_keras
from keras.models import Sequential
from keras.layers import Dense, Activation, Dropout
from keras.optimizers import SGD
from keras.utils.np_utils import to_categorical
"""
CHILD = """
import json, statistics, time
began = time.process_time()
{imports}
imported = time.process_time() - began
rounds = []
for _ in range(6):
    began = time.process_time()
    for _ in range(1000):
        Dense(10, activation="relu", use_bias=True)
    rounds.append(1e3 * (time.process_time() - began))
print(json.dumps([imported, statistics.median(rounds[1:])]))
"""
KINDS = {"plain": PLAIN, "alias": ALIAS}


def measure(options: Options) -> Outcome:
    """Medians of both kinds of interpreters, and the difference of those of the imports."""
    times: dict[str, list[list[float]]] = {kind: [] for kind in KINDS}
    with tempfile.TemporaryDirectory() as cache:
        for _ in range(2 if options.quick else 16):  # the first of each leaves byte code
            for kind, imports in KINDS.items():
                times[kind].append(_child(CHILD.format(imports=imports), cache))
    plain, alias = (
        [statistics.median(one) for one in zip(*times[kind][1:], strict=True)] for kind in KINDS
    )
    found = {
        "plain": plain[0],
        "alias": alias[0],
        "beyond": alias[0] - plain[0],
        "plain_layers": plain[1],
        "alias_layers": alias[1],
    }
    return Outcome(found, libraries.device_in_use(options.library))


def _child(code: str, cache: str) -> list[float]:
    """Seconds of the imports and milliseconds of the layers, in an interpreter of its own."""
    unwanted = ("CORNU_GENERATION", "PYTHONDONTWRITEBYTECODE")
    environment = {name: v for name, v in os.environ.items() if name not in unwanted}
    environment |= {"PYTHONPATH": str(libraries.ROOT), "PYTHONPYCACHEPREFIX": cache}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    main(measure)
