"""Regularizers: values against float64 NumPy, slopes, kinds of input, names and configs."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

from contracts.checks import check_gradient, check_symbolic, wide
from cornu import engine, regularizers
from cornu.errors import UsageError
from cornu.graph import Tensor
from cornu.state import Variable

W = np.array([[1.5, -2.0, 0.25], [-0.5, 3.0, -1.25], [0.75, 0.1, 2.0], [-1.0, 1.0, 0.3]], "float32")


def _cosines(x: np.ndarray) -> float:
    """The mean |cos| over pairs of rows, one pair after another."""
    found = []
    for i in range(len(x)):
        for j in range(i):
            lengths = math.sqrt(x[i] @ x[i]) * math.sqrt(x[j] @ x[j])
            found.append(abs(x[i] @ x[j]) / lengths)
    return float(np.mean(found))


class Row(NamedTuple):
    """`name(**kwargs)(x)` equals `reference(x)`; `config` is what Keras 3.15.1 writes."""

    name: str
    kwargs: dict
    reference: Callable
    config: dict

    @property
    def make(self) -> Any:
        return getattr(regularizers, self.name)(**self.kwargs)


def _l1(factor: float) -> Callable:
    return lambda x: factor * np.abs(x).sum()


def _l2(factor: float) -> Callable:
    return lambda x: factor * (x * x).sum()


ROWS = [
    Row("L1", {}, _l1(0.01), {"l1": 0.01}),
    Row("L1", {"l1": 0.3}, _l1(0.3), {"l1": 0.3}),
    Row("L2", {}, _l2(0.01), {"l2": 0.01}),
    Row("L2", {"l2": 0.5}, _l2(0.5), {"l2": 0.5}),
    Row("L1L2", {}, lambda x: 0.0 * x.sum(), {"l1": 0.0, "l2": 0.0}),
    Row("L1L2", {"l1": 0.1}, _l1(0.1), {"l1": 0.1, "l2": 0.0}),
    Row("L1L2", {"l2": 0.2}, _l2(0.2), {"l1": 0.0, "l2": 0.2}),
    Row(
        "L1L2",
        {"l1": 0.1, "l2": 0.2},
        lambda x: 0.1 * np.abs(x).sum() + 0.2 * (x * x).sum(),
        {"l1": 0.1, "l2": 0.2},
    ),
    Row(
        "OrthogonalRegularizer",
        {},
        lambda x: 0.01 * _cosines(x),
        {"factor": 0.01, "mode": "rows"},
    ),
    Row(
        "OrthogonalRegularizer",
        {"factor": 0.4, "mode": "columns"},
        lambda x: 0.4 * _cosines(x.T),
        {"factor": 0.4, "mode": "columns"},
    ),
]
ALIASES = {
    "l1": "L1",
    "l2": "L2",
    "l1_l2": "L1L2",
    "orthogonal_regularizer": "OrthogonalRegularizer",
}
OTHERS = {"Regularizer", "deserialize", "get", "serialize"}


def by_label(row: Row) -> str:
    return "-".join([row.name, *row.kwargs])


def test_every_public_member_has_a_row():
    assert set(regularizers.__all__) == {row.name for row in ROWS} | set(ALIASES) | OTHERS


@pytest.mark.parametrize("row", ROWS, ids=by_label)
def test_values(row: Row):
    found = row.make(W)
    assert np.shape(found) == ()
    assert str(found.dtype) == "float32"
    assert float(found) == pytest.approx(float(row.reference(wide(W))), rel=1e-5)


@pytest.mark.parametrize("row", ROWS, ids=by_label)
def test_gradients(row: Row):
    check_gradient(row.make, row.reference, [W], (0,))


@pytest.mark.parametrize("row", ROWS, ids=by_label)
def test_variables_and_tensors(row: Row):
    assert float(row.make(Variable(W))) == float(row.make(W))
    assert isinstance(row.make(Tensor((4, 3))), Tensor)


def test_symbolic():
    row = ROWS[-3]
    check_symbolic(row.make, row.reference, [W], {0: (0,)})


def test_half_precision_stays():
    assert str(regularizers.L1L2(0.1, 0.1)(engine.array(W, "bfloat16")).dtype) == "bfloat16"


def test_orthogonal_matrix_costs_nothing():
    rotation = np.array([[0.6, -0.8], [0.8, 0.6]], "float32")
    assert float(regularizers.OrthogonalRegularizer(1.0)(rotation)) == pytest.approx(0, abs=1e-7)
    assert float(regularizers.OrthogonalRegularizer(1.0)(np.ones((1, 5), "float32"))) == 0
    slope = engine.value_and_grad(regularizers.OrthogonalRegularizer())(np.zeros((3, 2), "float32"))
    assert np.isfinite(slope[1]).all()


def test_orthogonal_takes_matrices():
    with pytest.raises(UsageError, match=r"takes matrices; got the shape \(2, 3, 4\)"):
        regularizers.OrthogonalRegularizer()(np.ones((2, 3, 4)))


@pytest.mark.parametrize("value", [-0.1, math.inf, math.nan, "0.1", True, [0.1]])
def test_wrong_factors(value: Any):
    for name, field in (("L1", "l1"), ("L2", "l2"), ("L1L2", "l2")):
        with pytest.raises(UsageError, match="a finite number >= 0, as in 0.01; got") as info:
            getattr(regularizers, name)(**{field: value})
        assert f'(argument "{field}" of {name})' in info.value.__notes__


def test_missing_factors():
    assert regularizers.L2(None).l2 == 0.01
    assert regularizers.L1L2(None, 0.3).get_config() == {"l1": 0.0, "l2": 0.3}


def test_wrong_mode():
    with pytest.raises(UsageError, match="mode must be one of 'rows', 'columns'; got 'row'"):
        regularizers.OrthogonalRegularizer(mode="row")


@pytest.mark.parametrize("row", ROWS, ids=by_label)
def test_configs(row: Row):
    plain = regularizers.serialize(row.make)
    assert plain == {
        "module": "keras.regularizers",
        "class_name": row.name,
        "config": row.config,
        "registered_name": None,
    }
    again = regularizers.deserialize(plain)
    assert type(again) is type(row.make)
    assert again.get_config() == row.config


@pytest.mark.parametrize(("alias", "name"), ALIASES.items())
def test_names(alias: str, name: str):
    cls = getattr(regularizers, name)
    assert getattr(regularizers, alias) is cls
    assert type(regularizers.get(alias)) is cls
    assert type(regularizers.get(name)) is cls


def test_get():
    def mine(x: Any) -> Any:
        return 0.5

    assert regularizers.get(None) is None
    assert regularizers.get(mine) is mine
    assert regularizers.get({"class_name": "L2", "config": {"l2": 0.5}}).l2 == 0.5
    with pytest.raises(UsageError, match='"l1_l3". Did you mean "l1_l2"') as info:
        regularizers.get("l1_l3")
    assert info.value.code == "E-UNKNOWN-REGULARIZER"


def test_an_unwritten_regularizer():
    class Nothing(regularizers.Regularizer):
        pass

    with pytest.raises(NotImplementedError, match="Nothing has no __call__ method"):
        Nothing()(W)
