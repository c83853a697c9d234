"""Losses by name and by config, and losses of the user's own."""

import json
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from contracts.losses_table import ROWS, softmax
from cornu import engine, losses
from cornu.errors import UsageError
from cornu.graph import Tensor
from cornu.losses.base import FunctionLoss

# ---------------------------------------------------------------- names, configs, users' own


@pytest.mark.parametrize("name", ROWS)
def test_config_round_trip(name):
    row = ROWS[name]
    cls = getattr(losses, row.cls)
    loss = cls(reduction="sum", name="mine", **row.options[-1])
    plain = json.loads(json.dumps(losses.serialize(loss)))
    assert plain["module"] == "keras.losses" and plain["class_name"] == row.cls
    again = losses.deserialize(plain)
    assert type(again) is cls
    assert again.get_config() == loss.get_config()
    assert (again.name, again.reduction) == ("mine", "sum")
    assert losses.get(name) is getattr(losses, name)
    assert losses.get(row.cls).get_config() == cls().get_config()
    assert losses.deserialize(losses.serialize(losses.get(name))) is losses.get(name)


@pytest.mark.parametrize(
    "short, name",
    [
        ("mse", "mean_squared_error"),
        ("MAE", "mean_absolute_error"),
        ("mape", "mean_absolute_percentage_error"),
        ("msle", "mean_squared_logarithmic_error"),
        ("kld", "kl_divergence"),
        ("bce", "binary_crossentropy"),
        ("BCE", "binary_crossentropy"),
    ],
)
def test_short_names(short, name):
    assert losses.get(short) is getattr(losses, name)
    assert losses.for_names(short).name == short


def test_unknown_names_suggest():
    with pytest.raises(UsageError, match='Did you mean "categorical_crossentropy"'):
        losses.get("categorical_crossentrpy")
    assert losses.get(None) is None
    assert losses.for_names(None) is None


@pytest.mark.parametrize(
    "y, p, name",
    [
        ((None,), (None, 1), "binary_crossentropy"),
        ((None, 1), (None, 5), "sparse_categorical_crossentropy"),
        ((None,), (None, 5), "sparse_categorical_crossentropy"),
        ((None, 5), (None, 5), "categorical_crossentropy"),
    ],
)
def test_crossentropy_is_told_by_the_shapes(y, p, name):
    for said in ("crossentropy", "ce"):
        loss = losses.for_names(said, y, p)
        assert (loss.fn, loss.name) == (getattr(losses, name), said)


def test_crossentropy_without_shapes_is_told_by_the_data():
    loss = losses.for_names("crossentropy")
    for labels, outputs in (
        (np.array([1]), [[0.2, 0.8]]),
        (np.array([[0, 1]]), [[0.2, 0.8]]),
        (np.array([[1]]), [[0.8]]),
    ):
        np.testing.assert_allclose(loss(labels, np.array(outputs)), -np.log(0.8), rtol=1e-6)


def test_positional_arguments_are_those_of_keras_3():
    assert losses.BinaryCrossentropy(True).from_logits is True
    assert losses.MeanSquaredError("sum", "mine").name == "mine"
    assert losses.Huber(0.5).get_config()["delta"] == 0.5
    assert losses.Huber().name == "huber_loss"
    assert losses.Loss("mine").name == "mine"


def absolute(y_true, y_pred, scale=1.0):
    return scale * abs(y_true - y_pred)


def test_any_function_is_a_loss():
    loss = losses.for_names(absolute)
    assert (loss.name, loss.per_sample) == ("absolute", None)
    np.testing.assert_allclose(loss(np.zeros(2), np.array([[1.0], [3.0]])), 2)
    assert loss.per_sample is True
    scalar = losses.LossFunction(lambda t, p: engine.np.max(p))
    assert scalar(np.zeros(2), np.array([1.0, 4.0])) == 4
    assert (scalar.name, scalar.per_sample) == ("lambda", False)
    scaled = losses.LossFunction(absolute, "sum", scale=3.0)
    plain = json.loads(json.dumps(losses.serialize(scaled)))
    again = losses.deserialize(plain, {"absolute": absolute})
    assert again([[0.0]], [[2.0]]) == 6
    known = losses.LossFunction(losses.huber, delta=0.5)
    assert losses.deserialize(losses.serialize(known)).fn is losses.huber
    with pytest.raises(UsageError, match="must be a function"):
        losses.LossFunction(3)


def test_users_write_call():
    class Pinball(losses.Loss):
        def __init__(self, quantile=0.5, **kwargs):
            super().__init__(**kwargs)
            self.quantile = quantile

        def call(self, y_true, y_pred):
            error = y_true - y_pred
            return engine.np.maximum(self.quantile * error, (self.quantile - 1) * error)

        def get_config(self):
            return {**super().get_config(), "quantile": self.quantile}

    loss = Pinball(0.9, reduction="sum")
    np.testing.assert_allclose(loss([1.0, 0.0], [0.0, 1.0]), 0.9 + 0.1, rtol=1e-6)
    assert Pinball.from_config(loss.get_config()).get_config() == loss.get_config()
    assert loss.name == "pinball"
    with pytest.raises(NotImplementedError, match="needs call"):
        losses.Loss()(1.0, 1.0)


def test_nested_labels_reach_call_as_they_are():
    class Two(losses.Loss):
        def call(self, y_true, y_pred):
            return (y_true["a"] - y_pred["a"]) ** 2 + y_pred["b"]

    two = {"a": np.ones(2), "b": np.full(2, 3)}
    assert Two()(two, two) == 3


def test_losses_of_symbolic_tensors_are_symbolic():
    y, p = Tensor((None,), "int32"), Tensor((None, 5, 3))
    assert losses.sparse_categorical_crossentropy(Tensor((None, 5), "int32"), p).shape == (None, 5)
    assert losses.SparseCategoricalCrossentropy()(Tensor((None, 5), "int32"), p).shape == ()
    assert losses.LossFunction(absolute, "none")(y, Tensor((None, 1))).shape == (None, 1)


def test_importing_loads_no_framework():
    code = "import sys, cornu.losses, cornu.metrics; sys.exit('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_class_is_made_of_its_function():
    for name, row in ROWS.items():
        cls: Any = getattr(losses, row.cls)
        assert issubclass(cls, FunctionLoss) and cls.function is getattr(losses, name)


@pytest.mark.peers
def test_scikit_learn_agrees():
    peer = pytest.importorskip("sklearn.metrics")
    labels, outputs = np.array([0, 2, 1, 1]), softmax(np.arange(12.0).reshape(4, 3) % 5)
    weight = np.array([1.0, 0.5, 2.0, 1.0])
    loss = losses.SparseCategoricalCrossentropy(reduction="mean_with_sample_weight")
    np.testing.assert_allclose(
        loss(labels, outputs, weight),
        peer.log_loss(labels, outputs, sample_weight=weight),
        rtol=1e-5,
    )
