"""Processes that save to one path, side by side; `forking.Children` begins them.

The model of each holds its number everywhere. What is loaded must be of one writer.
"""

import os
import traceback
from pathlib import Path

import numpy as np

from reliability.runs import FORMATS, network

WRITERS = 100  # more than there are


def main(path: Path, number: int, times: int) -> None:
    model = network()
    for weight in model.weights:
        weight.assign(np.full(weight.shape, number))
    one = FORMATS[path.name]
    count = len(model.weights)
    for _ in range(times):
        one.write(model, path)
        found = {value for array in one.read(path)[:count] for value in np.unique(array)}
        assert len(found) == 1 and 0 < found.pop() < WRITERS, found


def serve(path: str, count: str, times: str) -> None:
    """So many processes that save so often; their exit codes are printed."""
    pids = []
    for number in range(1, int(count) + 1):
        pids.append(os.fork())
        if not pids[-1]:
            try:
                main(Path(path), number, int(times))
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
    print(*(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids), flush=True)
