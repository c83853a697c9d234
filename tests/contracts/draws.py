"""Random numbers of tests, the same whatever other tests are there."""

import functools
import math
import os
import sys
import zlib

import numpy as np


def some(*shape: int) -> np.ndarray:
    """Normal draws in float32."""
    return _random().normal(size=shape).astype("float32")


def apart(*shape: int) -> np.ndarray:
    """Numbers at least 0.1 from each other, so that a maximum stays where it is."""
    return (_random().permutation(math.prod(shape)).reshape(shape) / 10).astype("float32")


def _random() -> np.random.Generator:
    """One for each file that asks and each test that runs: who else draws changes nothing."""
    file = sys._getframe(2).f_code.co_filename
    test = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")[0]
    return _of(f"{os.path.basename(os.path.dirname(file))}/{os.path.basename(file)}", test)


@functools.lru_cache(1000)
def _of(file: str, test: str) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(f"{file} {test.partition('::')[2]}".encode()))
