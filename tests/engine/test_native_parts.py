"""Convolutions large enough for several threads, each with a part of the batch, against float64."""

import threading

import jax
import numpy as np
import pytest

from cornu import engine
from engine.convolving import all_three, how
from engine.window_reference import Geometry, arrays, conv, conv_slopes, error

CLOSE = 1e-5
ONES, NONE = (1, 1), ((0, 0), (0, 0))


def stem(batch: int) -> Geometry:
    """A first layer, in steps of two."""
    return Geometry((31, 30), (5, 5), (2, 2), ONES, ((2, 1), (1, 2)), batch, 1, 3, 32)


# Batches that two threads share evenly, nearly, and not.
SHAPES = {
    "two": stem(2),
    "three": stem(3),
    "eleven": stem(11),
    "one": Geometry((40, 40), (5, 5), ONES, ONES, NONE, 1, 1, 3, 32),
    "grouped": Geometry((15, 15), (3, 3), ONES, ONES, ((1, 1),) * 2, 12, 4, 8, 8),
    "line": Geometry((300,), (5,), (1,), (2,), ((8, 0),), 6, 1, 16, 32),
    "volume": Geometry((9, 9, 9), (3, 2, 3), (1, 2, 1), (1, 1, 1), ((1, 1),) * 3, 4, 1, 16, 16),
    "many weights": Geometry((4, 4), (3, 3), (2, 2), ONES, ((1, 1),) * 2, 4, 1, 96, 128),
}


@pytest.mark.parametrize("name", SHAPES)
def test_exact_and_the_same_bits_each_time(name: str):
    g = SHAPES[name]
    given = arrays(g, 0)
    compiled = all_three(g)
    first = [np.array(a) for a in compiled(*given)]
    wanted = (conv(*given[:2], g), *conv_slopes(*given, g))
    assert max(map(error, first, wanted)) <= CLOSE
    for _ in range(5):
        assert all(map(np.array_equal, first, compiled(*given)))


def test_bias_and_relu_of_each_part():
    g = stem(11)
    x, w, _ = arrays(g, 0)
    x[7, 3, 4, 1] = np.nan  # in the second half
    bias = np.linspace(-9, 9, 32, dtype="float32")
    finished = jax.jit(lambda x, w, bias: engine.conv(x, w, *how(g), bias, True))
    found = np.asarray(finished(x, w, bias))
    wanted = conv(x, w, g) + bias
    assert np.array_equal(np.isnan(found), np.isnan(wanted)) and np.isnan(found).any()
    assert error(np.nan_to_num(found), np.nan_to_num(np.maximum(wanted, 0))) <= CLOSE


def test_half_precision():
    g = stem(12)
    halves = [engine.array(a, "bfloat16") for a in arrays(g, 0)]
    given = [np.asarray(a, "float32") for a in halves]
    wanted = (conv(*given[:2], g), *conv_slopes(*given, g))
    found = all_three(g)(*halves)
    assert max(map(error, (np.asarray(a, "float32") for a in found), wanted)) <= 4e-3


def test_six_callers_at_once():
    compiled = []
    for g in (stem(8), stem(11), SHAPES["line"]):
        run, given = all_three(g), arrays(g, 0)
        compiled.append((run, given, [np.array(a) for a in run(*given)]))
    wrong: list = []

    def work(index: int) -> None:
        for turn in range(9):
            run, given, wanted = compiled[(index + turn) % len(compiled)]
            if not all(map(np.array_equal, run(*given), wanted)):
                wrong.append(index)

    callers = [threading.Thread(target=work, args=(i,)) for i in range(6)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert wrong == []
