"""A process that saves to a path which others save to as well.

    python sharing.py PATH NUMBER TIMES

Its model holds NUMBER everywhere. What is loaded must be of one writer.
"""

import sys
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


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
    print("done")
