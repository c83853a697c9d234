"""Constraints: values against float64 NumPy, what holds after them, names and configs."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

from contracts.checks import check_symbolic, wide
from cornu import constraints, engine, settings
from cornu.errors import UsageError, UsageTypeError
from cornu.graph import Tensor
from cornu.state import Variable

W = np.array([[1.5, -2.0, 0.1], [-0.5, 3.0, -0.2], [0.75, 0.1, 0.3], [-1.0, 1.0, 0.0]], "float32")
KERNEL = np.linspace(-2, 2, 3 * 3 * 2 * 4).reshape(3, 3, 2, 4).astype("float32")
TINY = 1e-7  # Keras adds it to the norm it divides by


def _norms(w: np.ndarray, axis: Any) -> np.ndarray:
    return np.sqrt((w * w).sum(axis=axis, keepdims=True))


def _into(low: float, high: float, rate: float = 1.0, axis: Any = 0) -> Callable:
    def reference(w: np.ndarray) -> np.ndarray:
        norms = _norms(w, axis)
        wanted = rate * np.minimum(np.maximum(norms, low), high) + (1 - rate) * norms
        return w * wanted / (norms + TINY)

    return reference


class Row(NamedTuple):
    """`name(**kwargs)(w)` equals `reference(w)`; `config` is what Keras 3.15.1 writes."""

    name: str
    kwargs: dict
    reference: Callable
    config: dict
    w: np.ndarray = W

    @property
    def make(self) -> Any:
        return getattr(constraints, self.name)(**self.kwargs)


BOUNDS = {"min_value": 0.5, "max_value": 1.5, "rate": 0.25}
ROWS = [
    Row("MaxNorm", {}, _into(0, 2), {"max_value": 2, "axis": 0}),
    Row(
        "MaxNorm",
        {"max_value": 0.5, "axis": [0, 1, 2]},
        _into(0, 0.5, axis=(0, 1, 2)),
        {"max_value": 0.5, "axis": [0, 1, 2]},
        KERNEL,
    ),
    Row(
        "MaxNorm",
        {"max_value": 0.5, "axis": (0, 1)},
        _into(0, 0.5, axis=(0, 1)),
        {"max_value": 0.5, "axis": [0, 1]},
        KERNEL,
    ),
    Row(
        "MinMaxNorm",
        {},
        _into(0, 1),
        {"min_value": 0.0, "max_value": 1.0, "rate": 1.0, "axis": 0},
    ),
    Row("MinMaxNorm", {**BOUNDS, "axis": 1}, _into(0.5, 1.5, 0.25, 1), {**BOUNDS, "axis": 1}),
    Row("NonNeg", {}, lambda w: np.maximum(w, 0), {}),
    Row("UnitNorm", {}, _into(1, 1), {"axis": 0}),
    Row("UnitNorm", {"axis": -1}, _into(1, 1, axis=-1), {"axis": -1}, KERNEL),
]
ALIASES = {
    "max_norm": "MaxNorm",
    "min_max_norm": "MinMaxNorm",
    "non_neg": "NonNeg",
    "unit_norm": "UnitNorm",
}
OTHERS = {"Constraint", "deserialize", "get", "serialize"}


def by_label(row: Row) -> str:
    return "-".join([row.name, *map(str, row.kwargs.values())])


def test_every_public_member_has_a_row():
    assert set(constraints.__all__) == {row.name for row in ROWS} | set(ALIASES) | OTHERS


@pytest.mark.parametrize("row", ROWS, ids=by_label)
def test_values(row: Row):
    found = row.make(row.w)
    assert str(found.dtype) == "float32"
    np.testing.assert_allclose(found, row.reference(wide(row.w)), 1e-5, 1e-6)


@pytest.mark.parametrize("row", ROWS, ids=by_label)
def test_kinds_of_input(row: Row):
    expected = np.asarray(row.make(row.w))
    np.testing.assert_array_equal(row.make(Variable(row.w)), expected)
    symbolic = row.make(Tensor(row.w.shape))
    assert (symbolic.shape, symbolic.dtype) == (row.w.shape, "float32")
    half = row.make(engine.array(row.w, "bfloat16"))
    assert str(half.dtype) == "bfloat16"


def test_symbolic():
    check_symbolic(constraints.MaxNorm(), _into(0, 2), [W], {0: (1,)})


def test_what_holds_afterwards():
    high = _norms(np.asarray(constraints.MaxNorm(1.0)(W)), 0)
    np.testing.assert_allclose(high, np.minimum(_norms(W, 0), 1), rtol=1e-5)
    np.testing.assert_allclose(_norms(np.asarray(constraints.UnitNorm()(W)), 0), 1, rtol=1e-5)
    both = _norms(np.asarray(constraints.MinMaxNorm(0.5, 1.5)(W)), 0)
    assert (both > 0.4999).all()
    assert (both < 1.5001).all()


def test_zeros_stay_finite():
    for make in (constraints.UnitNorm(), constraints.MaxNorm(), constraints.MinMaxNorm(0.5)):
        np.testing.assert_array_equal(make(np.zeros((3, 2), "float32")), np.zeros((3, 2)))


def test_nan_stays_nan():
    w = np.array([[np.nan], [1.0]], "float32")
    for row in ROWS[:1] + ROWS[5:7]:
        assert np.isnan(row.make(w)).any()


def test_the_small_number_is_the_one_set():
    before = settings.epsilon()
    try:
        settings.set_epsilon(0.5)
        found = constraints.UnitNorm()(np.array([[2.0]], "float32"))
    finally:
        settings.set_epsilon(before)
    assert float(found[0, 0]) == pytest.approx(2 / 2.5)


@pytest.mark.parametrize("row", ROWS, ids=by_label)
def test_configs(row: Row):
    plain = constraints.serialize(row.make)
    assert plain == {
        "module": "keras.constraints",
        "class_name": row.name,
        "config": row.config,
        "registered_name": None,
    }
    again = constraints.deserialize(plain)
    assert type(again) is type(row.make)
    assert again.get_config() == row.config
    np.testing.assert_array_equal(again(row.w), row.make(row.w))


@pytest.mark.parametrize(("alias", "name"), ALIASES.items())
def test_names(alias: str, name: str):
    cls = getattr(constraints, name)
    assert getattr(constraints, alias) is cls
    assert type(constraints.get(alias)) is cls
    assert type(constraints.get(name)) is cls


def test_get():
    def mine(w: Any) -> Any:
        return w

    assert constraints.get(None) is None
    assert constraints.get(mine) is mine
    with pytest.raises(UsageError, match='"non_negg". Did you mean "non_neg"') as info:
        constraints.get("non_negg")
    assert info.value.code == "E-UNKNOWN-CONSTRAINT"


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: constraints.MaxNorm(-1), "MaxNorm: max_value must be >= 0; got -1"),
        (lambda: constraints.MinMaxNorm(rate=2), r"rate must be in \[0, 1\]; got 2"),
        (lambda: constraints.MinMaxNorm(2.0, 1.0), "max_value must be >= min_value; got"),
    ],
)
def test_wrong_arguments(make: Callable, said: str):
    with pytest.raises(UsageError, match=said):
        make()


@pytest.mark.parametrize("axis", ["0", 1.5, True, [0, "1"]])
def test_wrong_axes(axis: Any):
    with pytest.raises(UsageTypeError, match="axis must be an int or ints, as in 0 or"):
        constraints.UnitNorm(axis)


def test_an_unwritten_constraint():
    class Nothing(constraints.Constraint):
        pass

    with pytest.raises(NotImplementedError, match="Nothing has no __call__ method"):
        Nothing()(W)
