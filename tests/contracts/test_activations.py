"""Activations: values against float64 NumPy, slopes, extremes, dtypes, shapes, names."""

import math
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

from contracts.checks import assert_close, check_gradient, check_symbolic, wide
from cornu import activations, engine, settings
from cornu.config import custom_object_scope
from cornu.engine import Spec
from cornu.errors import UsageError
from cornu.graph import Tensor
from cornu.ops import activation as ops
from cornu.state import Variable

INF = math.inf
_phi = np.vectorize(lambda v: 0.5 * math.erfc(-v / math.sqrt(2)))
# no point is near a kink of any function below (0, ±0.5, ±1, ±3, 6)
POINTS = np.array(
    [[-7.3, -4.1, -2.7, -1.31, -0.77, -0.21], [0.13, 0.83, 1.62, 2.4, 4.9, 8.1]], "float32"
)


class Row(NamedTuple):
    """`name(x, **kwargs)` equals `reference(x)`; `far`: its values at -1e4 and 1e4."""

    name: str
    reference: Callable
    far: tuple[float, float] | None = None
    kwargs: dict = {}
    at_zero: float | None = None  # the slope at 0, where there is a kink

    @property
    def label(self) -> str:
        return self.name + "".join(f"-{k}={v}" for k, v in self.kwargs.items())

    @property
    def call(self) -> Callable:
        function = getattr(activations, self.name)
        return lambda x: function(x, **self.kwargs)


def _softmax(x: np.ndarray, axis: Any = -1) -> np.ndarray:
    powers = np.exp(x)
    return powers / powers.sum(axis=axis, keepdims=True)


def _sparsemax(x: np.ndarray, axis: int = -1) -> np.ndarray:
    """max(x - t, 0) with the t for which it sums to 1, found by halving."""
    low, high = x.min(axis, keepdims=True) - 1, x.max(axis, keepdims=True)
    for _ in range(100):
        middle = (low + high) / 2
        over = np.maximum(x - middle, 0).sum(axis, keepdims=True) > 1
        low, high = np.where(over, middle, low), np.where(over, high, middle)
    return np.maximum(x - high, 0)


def _glu(x: np.ndarray, axis: int = -1) -> np.ndarray:
    a, b = np.split(x, 2, axis)
    return a / (1 + np.exp(-b))


def _gelu_by_tanh(x: np.ndarray) -> np.ndarray:
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def _full_relu(slope: float, most: float, start: float) -> Callable:
    return lambda x: np.where(x >= most, most, np.where(x > start, x, slope * (x - start)))


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def _hard_sigmoid(x: np.ndarray) -> np.ndarray:
    return np.clip(x + 3, 0, 6) / 6


def _elu(x: np.ndarray, alpha: float = 1.0) -> np.ndarray:
    return np.where(x > 0, x, alpha * (np.exp(x) - 1))


def _selu(x: np.ndarray) -> np.ndarray:
    return 1.0507009873554804934193349852946 * _elu(x, 1.6732632423543772848170429916717)


def _soft_shrink(t: float) -> Callable:
    return lambda x: np.sign(x) * np.maximum(np.abs(x) - t, 0)


FAR = 1e4
ROWS = [
    Row("celu", _elu, (-1, FAR)),
    Row(
        "celu",
        lambda x: np.where(x > 0, x, 0.7 * (np.exp(x / 0.7) - 1)),
        (-0.7, FAR),
        {"alpha": 0.7},
    ),
    Row("elu", _elu, (-1, FAR)),
    Row("elu", lambda x: _elu(x, 0.4), (-0.4, FAR), {"alpha": 0.4}, 0.4),
    Row("exponential", np.exp),
    Row("gelu", lambda x: x * _phi(x), (0, FAR)),
    Row("gelu", _gelu_by_tanh, (0, FAR), {"approximate": True}),
    Row("glu", _glu),
    Row("glu", lambda x: _glu(x, 0), None, {"axis": 0}),
    Row("hard_shrink", lambda x: np.where(np.abs(x) > 0.5, x, 0), (-FAR, FAR), {}, 0),
    Row("hard_shrink", lambda x: np.where(np.abs(x) > 2, x, 0), (-FAR, FAR), {"threshold": 2.0}, 0),
    Row("hard_sigmoid", _hard_sigmoid, (0, 1)),
    Row("hard_silu", lambda x: x * _hard_sigmoid(x), (0, FAR)),
    Row("hard_swish", lambda x: x * _hard_sigmoid(x), (0, FAR)),
    Row("hard_tanh", lambda x: np.clip(x, -1, 1), (-1, 1)),
    Row("leaky_relu", lambda x: np.maximum(x, 0.2 * x), (-2e3, FAR), {}, 0.2),
    Row(
        "leaky_relu", lambda x: np.maximum(x, 0.01 * x), (-1e2, FAR), {"negative_slope": 0.01}, 0.01
    ),
    Row("linear", lambda x: x, (-FAR, FAR)),
    Row("log_sigmoid", lambda x: -np.log1p(np.exp(-x)), (-FAR, 0)),
    Row("log_softmax", lambda x: np.log(_softmax(x))),
    Row("log_softmax", lambda x: np.log(_softmax(x, 0)), None, {"axis": 0}),
    Row("mish", lambda x: x * np.tanh(np.log1p(np.exp(x))), (0, FAR)),
    Row("relu", lambda x: np.maximum(x, 0), (0, FAR), {}, 0),
    Row(
        "relu",
        _full_relu(0.1, 6, 1),
        (-1000.1, 6),
        {"negative_slope": 0.1, "max_value": 6, "threshold": 1},
    ),
    Row("relu", _full_relu(0, 4, 0), (0, 4), {"max_value": 4.0}, 0),
    Row("relu", _full_relu(0, INF, 2), (0, FAR), {"threshold": 2.0}),
    Row("relu6", lambda x: np.clip(x, 0, 6), (0, 6), {}, 0),
    Row("selu", _selu, (-1.7580993408473766, 10507.009873554805)),
    Row("sigmoid", _sigmoid, (0, 1)),
    Row("silu", lambda x: x * _sigmoid(x), (0, FAR)),
    Row("soft_shrink", _soft_shrink(0.5), (-FAR + 0.5, FAR - 0.5), {}, 0),
    Row("soft_shrink", _soft_shrink(1.1), (-FAR + 1.1, FAR - 1.1), {"threshold": 1.1}, 0),
    Row("softmax", _softmax),
    Row("softmax", lambda x: _softmax(x, 0), None, {"axis": 0}),
    Row("softmax", lambda x: _softmax(x, (0, 1)), None, {"axis": (0, 1)}),
    Row("softplus", lambda x: np.log1p(np.exp(x)), (0, FAR)),
    Row("softsign", lambda x: x / (1 + np.abs(x)), (-FAR / (FAR + 1), FAR / (FAR + 1))),
    Row(
        "sparse_plus",
        lambda x: np.where(x <= -1, 0, np.where(x < 1, (x + 1) ** 2 / 4, x)),
        (0, FAR),
    ),
    Row("sparse_sigmoid", lambda x: np.clip((x + 1) / 2, 0, 1), (0, 1)),
    Row("sparsemax", _sparsemax),
    Row("sparsemax", lambda x: _sparsemax(x, 0), None, {"axis": 0}),
    Row("squareplus", lambda x: (x + np.sqrt(x**2 + 4)) / 2, (1e-4, FAR)),
    Row("squareplus", lambda x: (x + np.sqrt(x**2 + 0.5)) / 2, (1.25e-5, FAR), {"b": 0.5}),
    Row("swish", lambda x: x * _sigmoid(x), (0, FAR)),
    Row("tanh", np.tanh, (-1, 1)),
    Row("tanh_shrink", lambda x: x - np.tanh(x), (-FAR + 1, FAR - 1)),
    Row(
        "threshold",
        lambda x: np.where(x > 1, x, -3),
        (-3, FAR),
        {"threshold": 1.0, "default_value": -3},
        0,
    ),
]
NAMES = sorted({row.name for row in ROWS})
LAYERLIKE = ("get", "serialize", "deserialize")
# What Keras 1, 2 and 3 call by name.
KERAS_NAMES = (
    "softmax elu selu softplus softsign relu tanh sigmoid hard_sigmoid exponential linear gelu "
    "swish silu mish leaky_relu log_softmax relu6 celu glu log_sigmoid hard_silu hard_swish "
    "hard_tanh hard_shrink soft_shrink tanh_shrink sparse_plus sparse_sigmoid sparsemax "
    "squareplus threshold"
).split()


def by_label(row: Row) -> str:
    return row.label


def all_at_once(fn: Callable, x: Any, rows: list[Row]) -> dict[str, np.ndarray]:
    """`fn(call, x)` for every row, compiled as one program."""
    run = engine.jit(lambda x: {row.label: fn(row.call, x) for row in rows})
    return {label: np.asarray(y) for label, y in run(x).items()}


def test_every_public_activation_has_a_row():
    assert set(activations.__all__) - set(LAYERLIKE) == set(NAMES)
    assert set(ops.__all__) == set(NAMES)


def test_values():
    for label, y in all_at_once(lambda call, x: call(x), POINTS, ROWS).items():
        row = next(r for r in ROWS if r.label == label)
        assert y.dtype == np.float32
        np.testing.assert_allclose(y, row.reference(wide(POINTS)), 2e-5, 2e-6, err_msg=label)


@pytest.mark.parametrize("row", ROWS, ids=by_label)
def test_gradients(row: Row):
    check_gradient(row.call, row.reference, [POINTS], (0,))


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_far_from_zero(dtype: str):
    """Values reach their limits and slopes stay finite, in every float dtype."""
    rows = [row for row in ROWS if row.far]

    def value_and_slope(call: Callable, x: Any) -> Any:
        value, slope = engine.value_and_grad(lambda x: engine.np.sum(call(x)))(x)
        return engine.np.stack([call(x), slope]).astype("float32")

    x = engine.array(np.array([-FAR, FAR]), dtype)
    rounding = {"float32": 1e-6, "float16": 2e-3, "bfloat16": 1e-2}[dtype]
    for label, found in all_at_once(value_and_slope, x, rows).items():
        row = next(r for r in rows if r.label == label)
        far = row.reference(np.array([-300.0, 300.0]))  # where float64 formulas do not overflow
        farther = row.reference(np.array([-301.0, 301.0]))
        slopes = (farther - far) * [-1, 1]
        np.testing.assert_allclose(found[0], row.far, rounding, rounding, err_msg=label)
        # the slopes of softsign and squareplus still change by 1e-5 from 300 to 1e4
        np.testing.assert_allclose(found[1], slopes, rounding, 2e-5 + rounding, err_msg=label)


def test_rows_at_far_points_agree_with_the_formulas():
    """The limits written in the rows are those of the formulas, as far as float64 carries them."""
    for row in ROWS:
        if row.far and row.name != "squareplus":
            with np.errstate(over="ignore", invalid="ignore"):
                formula = row.reference(np.array([-FAR, FAR]))
            known = np.isfinite(formula)
            np.testing.assert_allclose(np.array(row.far)[known], formula[known], 1e-9, 1e-9)


def test_slopes_at_kinks():
    rows = [row for row in ROWS if row.at_zero is not None]
    slope = all_at_once(
        lambda call, x: engine.value_and_grad(lambda x: engine.np.sum(call(x)))(x)[1],
        np.zeros(3, "float32"),
        rows,
    )
    for row in rows:
        np.testing.assert_allclose(slope[row.label], [row.at_zero] * 3, 1e-6, err_msg=row.label)
    assert len(rows) > 8


def test_slopes_at_zero_of_smooth_functions():
    """d/dx at 0 by hand: a `where` or an `abs` at 0 must not spoil it."""
    expected = {
        "sigmoid": 0.25,
        "silu": 0.5,
        "softsign": 1.0,
        "softplus": 0.5,
        "log_sigmoid": 0.5,
        "squareplus": 0.5,
        "tanh": 1.0,
        "mish": math.tanh(math.log(2)),
        "gelu": 0.5,
        "tanh_shrink": 0.0,
        "elu": 1.0,
    }
    rows = [row for row in ROWS if row.name in expected and not row.kwargs]
    slopes = all_at_once(
        lambda call, x: engine.value_and_grad(call)(x)[1], np.float32(0).reshape(()), rows
    )
    assert {k: pytest.approx(v, rel=1e-6) for k, v in expected.items()} == slopes


def test_nan_stays_nan():
    """A NaN that an activation hides is a model that goes wrong in silence."""
    x = np.array([[np.nan, 1.0], [np.nan, 2.0]], "float32")
    for label, y in all_at_once(lambda call, x: call(x), x, ROWS).items():
        assert np.isnan(y).any(), label


def test_sigmoid_is_exact_for_small_probabilities():
    found = np.asarray(activations.sigmoid(np.array([-20.0, -60.0], "float32")))
    np.testing.assert_allclose(found, [2.0611536181902037e-09, 8.75651076269652e-27], 1e-5)


def test_softmax_family_far_from_zero():
    x = np.array([[1e4, -1e4, 0.0], [-1e4, -1e4, -1e4]], "float32")

    def slope(call: Callable) -> np.ndarray:
        return np.asarray(engine.value_and_grad(lambda x: engine.np.sum(call(x)[:, 0]))(x)[1])

    third = 1 / 3
    np.testing.assert_allclose(activations.softmax(x), [[1, 0, 0], [third] * 3], 1e-6)
    np.testing.assert_allclose(activations.sparsemax(x), [[1, 0, 0], [third] * 3], 1e-6)
    np.testing.assert_allclose(
        activations.log_softmax(x), [[0, -2e4, -1e4], [-math.log(3)] * 3], 1e-6
    )
    mixed = [[0, 0, 0], [third - third**2, -(third**2), -(third**2)]]
    np.testing.assert_allclose(slope(activations.softmax), mixed, 1e-5, 1e-7)
    np.testing.assert_allclose(
        slope(activations.log_softmax), [[0, 0, 0], [1 - third, -third, -third]], 1e-5, 1e-7
    )
    np.testing.assert_allclose(
        slope(activations.sparsemax), [[0, 0, 0], [1 - third, -third, -third]], 1e-5, 1e-7
    )


def test_sparsemax_shares_ties():
    x = np.array([[0.5, 0.5, -3.0], [0.0, 0.0, 0.0], [1.0, 0.0, 0.0]], "float32")
    expected = [[0.5, 0.5, 0.0], [1 / 3, 1 / 3, 1 / 3], [1.0, 0.0, 0.0]]
    np.testing.assert_allclose(activations.sparsemax(x), expected, 1e-6, 1e-7)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "int32", "uint8", "bool"])
def test_dtypes(dtype: str):
    def everything(x: Any) -> dict:
        return {row.label: row.call(x) for row in ROWS}

    found = engine.infer(everything, Spec((2, 4), dtype))
    for row in ROWS:
        whole = "float" not in dtype
        keeps = row.name == "linear" or row.label == "relu" or not whole
        if row.name == "relu" and whole and "negative_slope" not in row.kwargs:
            continue  # whole numbers stay whole, whatever the bounds
        wanted = dtype if keeps else "float32"
        assert found[row.label].dtype == wanted, row.label


def test_relu_of_whole_numbers_is_whole():
    found = activations.relu(np.array([-2, 3], "int32"), max_value=2)
    assert str(found.dtype) == "int32"
    assert np.asarray(found).tolist() == [0, 2]


def test_python_and_numpy_numbers_do_not_widen():
    assert str(activations.elu([-1.0, 2.0], alpha=np.float64(0.5)).dtype) == settings.floatx()
    half = engine.array(POINTS, "bfloat16")
    for name in ("elu", "celu"):
        assert str(getattr(activations, name)(half, np.float64(0.5)).dtype) == "bfloat16"
    assert str(activations.relu(POINTS.astype("float64")).dtype) == "float32"


SYMBOLIC = [r for r in ROWS if r.name in ("relu", "softmax", "glu", "sparsemax", "gelu")]


@pytest.mark.parametrize("row", SYMBOLIC, ids=by_label)
def test_symbolic(row: Row):
    if row.kwargs.get("axis") == 0:
        check_symbolic(row.call, row.reference, [POINTS], {0: (1,)})
    else:
        check_symbolic(row.call, row.reference, [POINTS], {0: (0,)})


def test_reads_variables():
    assert_close(activations.relu(Variable(POINTS)), np.maximum(POINTS, 0), 0, 0)


def test_gelu_defaults_differ_as_in_keras():
    x = wide(POINTS)
    assert_close(activations.gelu(POINTS), x * _phi(x), 1e-5, 1e-6)
    assert_close(ops.gelu(POINTS), _gelu_by_tanh(x), 1e-5, 1e-6)


def test_glu_needs_halves():
    with pytest.raises(UsageError, match=r"must be even; got shape \(2, 3\).*E-GLU"):
        activations.glu(POINTS[:, :3])


@pytest.mark.parametrize("x", [np.ones((4, 1), "float32"), Tensor((None, 1))])
def test_softmax_of_one_unit_warns(x: Any):
    with pytest.warns(UserWarning, match=r"has size 1, always returns 1. Did you mean sigmoid\?"):
        activations.softmax(x)


def test_softmax_of_several_units_is_silent():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        activations.softmax(Tensor((None, 2)))
        activations.softmax(np.ones((1, 3), "float32"))


# ---------------------------------------------------------------- names


@pytest.mark.parametrize("name", KERAS_NAMES)
def test_names(name: str):
    function = activations.get(name)
    assert function is getattr(activations, name)
    assert activations.get(activations.serialize(function)) is function
    assert activations.deserialize(name) is function


def test_keras_names_are_the_members():
    assert sorted(KERAS_NAMES) == NAMES


def test_get():
    assert activations.get(None) is activations.linear
    assert activations.deserialize(None) is activations.linear
    assert activations.get(np.tanh) is np.tanh
    assert activations.get("ReLU") is activations.relu
    assert activations.serialize(activations.swish) == "silu"
    assert activations.get({"class_name": "function", "config": "relu"}) is activations.relu


def test_unknown_name():
    with pytest.raises(UsageError, match='Unknown activation "rleu". Did you mean "relu"') as info:
        activations.get("rleu")
    assert info.value.code == "E-UNKNOWN-ACTIVATION"
    with pytest.raises(UsageError, match="must be a name, an object or a function; got 3"):
        activations.get(3)


class Doubled:
    """A user's activation with a state."""

    def __init__(self, by: float = 2.0):
        self.by = by

    def __call__(self, x: Any) -> Any:
        return x * self.by

    def get_config(self) -> dict:
        return {"by": self.by}

    @classmethod
    def from_config(cls, config: dict) -> "Doubled":
        return cls(**config)


def test_custom_objects():
    def shifted(x: Any) -> Any:
        return x + 1

    with custom_object_scope({"shifted": shifted}):
        assert activations.get("shifted") is shifted
        assert activations.get({"class_name": "function", "config": "shifted"}) is shifted
    plain = activations.serialize(Doubled(3.0))
    again = activations.deserialize(plain, custom_objects={"Doubled": Doubled})
    assert isinstance(again, Doubled)
    assert again.by == 3.0
