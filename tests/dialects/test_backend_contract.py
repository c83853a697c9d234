"""Every function of `K` computes what its row says: on arrays, Tensors and Variables."""

import numpy as np
import pytest

from contracts.backend_table import ROWS, Row, _step
from contracts.checks import (
    Case,
    assert_close,
    check_slopes,
    check_symbolic,
    cuts,
    shrunk,
    slopes,
    wide,
)
from cornu import backend as K
from cornu import engine

LABEL = {"ids": lambda row: row.label}
FOLLOWS = ("dropout", "in_test_phase", "in_train_phase")
"""What follows the phase or the draw of each run, and so is a symbol for arrays too."""

WITH_AN_AXIS = ("argmax", "categorical_crossentropy", "cumsum", "softmax")
"""Functions along an axis, which a single number has not, though NumPy's formulas would take it."""


def call(row: Row, *args):
    if row.name == "rnn":
        return K.rnn(_step, args[0], [args[1]], **row.options)
    return getattr(K, row.name)(*args, **row.options)


def bound(row: Row):
    return lambda *args: call(row, *args)


def expected(row: Row):
    return lambda *args: row.reference(*args, **wide(dict(row.options)))


def first(found):
    return found[0] if isinstance(found, (list, tuple)) else found


@pytest.mark.parametrize("row", ROWS, **LABEL)
def test_arrays(row: Row):
    """Arrays in, arrays out, at once."""
    found = call(row, *row.args)
    if row.name in FOLLOWS:
        found = K.eval(found)
    assert not K.is_symbolic(first(found))
    assert_close(found, expected(row)(*wide(list(row.args))), rtol=2e-5, atol=2e-5)
    assert K.dtype(first(found)) == row.dtype


def has_axis(row: Row) -> bool:
    return "axis" in row.options or row.name in WITH_AN_AXIS


SMALL = [
    (row, cut)
    for row in ROWS
    if row.name not in FOLLOWS
    for cut in cuts(row.args)
    if not (has_axis(row) and isinstance(cut, tuple))
    if shrunk(expected(row), row.args, cut) is not None
]


@pytest.mark.parametrize(("row", "cut"), SMALL, ids=lambda x: getattr(x, "label", str(x)))
def test_empty_arrays_and_single_numbers(row: Row, cut: object):
    """Wherever NumPy has an answer for nothing, or for a 0-d array, it is that of `K`."""
    args, answer = shrunk(expected(row), row.args, cut)
    assert_close(call(row, *args), answer, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("row", [r for r in ROWS if r.unknown], **LABEL)
def test_symbolic(row: Row):
    """The inferred shape is that of the reference, and the values are its."""
    check_symbolic(bound(row), expected(row), row.args, row.unknown)


@pytest.fixture(scope="module")
def of_variables():
    """Every row on Variables, run as one `K.function`."""
    outputs = {}
    for i, row in enumerate(ROWS):
        cells = [
            K.variable(x, K.dtype(x)) if isinstance(x, np.ndarray) and x.dtype != bool else x
            for x in row.args
        ]
        if any(map(K.is_variable, cells)) and row.name != "print_tensor":  # never kept on disk
            outputs[i] = call(row, *cells)
    return outputs, K.function([], outputs)([])


@pytest.mark.parametrize("i", range(len(ROWS)), ids=lambda i: ROWS[i].label)
def test_variables(i: int, of_variables):
    """Variables in, a symbol out, whose value follows them."""
    outputs, values = of_variables
    row = ROWS[i]
    if i not in outputs:
        whole = any(isinstance(x, np.ndarray) and x.dtype != bool for x in row.args)
        assert not whole or row.name == "print_tensor"
        return
    as_it_is = row.name == "to_dense" or "training" in row.options
    if not as_it_is:
        assert K.is_symbolic(first(outputs[i]))
    assert_close(values[i], expected(row)(*wide(list(row.args))), rtol=2e-5, atol=2e-5)


CASES = {
    i: Case(bound(row), expected(row), row.args, row.wrt) for i, row in enumerate(ROWS) if row.wrt
}


@pytest.fixture(scope="module")
def found_slopes() -> dict:
    return dict(zip(CASES, slopes(list(CASES.values())), strict=True))


@pytest.mark.parametrize("i", CASES, ids=lambda i: ROWS[i].label)
def test_gradients(i: int, found_slopes: dict):
    check_slopes(CASES[i], found_slopes[i])


def test_stop_gradient():
    found = engine.value_and_grad(lambda x: K.sum(K.stop_gradient(x) * x))(np.ones(3, "float32"))
    np.testing.assert_array_equal(found[1], np.ones(3))
