"""Numbers and slopes of the contracts: they depend on no other test."""

import numpy as np
import pytest

from contracts import draws
from contracts.checks import Case, check_slopes
from contracts.draws import apart, some

BEFORE = some(3)


def test_no_test_changes_the_numbers_of_another(monkeypatch):
    """What a file and a test draw are the same, whoever has drawn before."""

    def drawn_by(test):
        monkeypatch.setenv("PYTEST_CURRENT_TEST", f"test_draws.py::{test} (call)")
        return [*some(5), *apart(5)]

    own = some(3)
    assert not np.array_equal(own, BEFORE)
    alone = drawn_by("one")
    draws._of.cache_clear()
    other = drawn_by("another")
    assert drawn_by("one") == alone
    assert other[:5] != alone[:5]
    assert drawn_by("one") != alone, "a test's second draws are new"


def test_a_slope_that_bends():
    """Differences of 1e-5 err here by more than is allowed: the third derivative is large."""

    def cubed(x):
        return 30_000 * x**3 + x / 10

    point = np.zeros(1, "float32")
    case = Case(cubed, cubed, [point], [0])
    slope = 0.1 * case.weights()
    check_slopes(case, (0.0, [slope]))
    with pytest.raises(AssertionError):
        check_slopes(case, (0.0, [slope + 1e-6]))
