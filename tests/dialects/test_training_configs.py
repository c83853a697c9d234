"""How old models were compiled, as arguments of today's `compile`."""

import json

import numpy as np
import pytest

from cornu import layers, models
from cornu.config import deserialize
from cornu.dialects import spellings
from cornu.dialects.losses import OlderLoss
from cornu.dialects.training_configs import modern_training
from cornu.errors import UsageError

assert spellings.table.by_name  # the rows must be there
SGD = {"class_name": "SGD", "config": {"lr": 0.5, "momentum": 0.0, "decay": 0.0}}
MASKED = {"class_name": "Sequential", "config": [{"class_name": "Masking", "config": {}}]}


def told(generation, version="", model=None, **said):
    plain = {"model_config": model or {}, "training_config": {"optimizer_config": SGD, **said}}
    found = modern_training(plain, generation, version)
    json.dumps(found)  # it must stay plain data
    return found


def older(name, generation, **more):
    config = {"fn": name, "generation": generation, **more}
    return {"module": "keras.losses", "class_name": "OlderLoss", "config": config}


def test_one_loss_and_its_metrics():
    found = told("1.2", loss="mse", metrics=["accuracy", "mae"], loss_weights=None)
    assert found["loss"] == older("mse", "1.2")
    assert found["metrics"] == ["acc", "mae"]  # so it was called in logs up to 2.2
    assert found["optimizer_config"] == {
        "class_name": "SGD",
        "config": {"learning_rate": 0.5, "momentum": 0.0},
    }
    assert "loss_weights" not in found


def test_losses_by_output():
    by_name = {"a": "mse", "b": "hinge"}
    found = told("2.2", loss=by_name, metrics={"a": "accuracy"}, loss_weights={"a": 1.0, "b": 0.5})
    assert found["loss"] == {"a": older("mse", "2.2"), "b": older("hinge", "2.2")}
    assert found["metrics"] == {"a": ["acc"]}
    assert found["loss_weights"] == {"a": 1.0, "b": 0.5}
    assert told("2.0", loss=["mse", None])["loss"] == [older("mse", "2.0"), None]


def test_losses_of_2_3_are_those_of_today_but_for_masks():
    assert told("2.3", loss="mse")["loss"] == "mse"
    assert told("2.3", loss="cosine_proximity")["loss"] == "cosine_similarity"
    assert told("2.3", loss="logcosh")["loss"] == "log_cosh"
    assert told("2.3", loss="mine")["loss"] == "mine"  # the user's own, given with the file
    assert told("2.3", model=MASKED, loss="mse")["loss"] == older("mse", "2.3")
    assert told("2.3", loss="mse", metrics=["accuracy"])["metrics"] == ["accuracy"]


def test_losses_of_classes():
    said = {"class_name": "BinaryCrossentropy", "config": {"from_logits": True}}
    config = {**said["config"], "reduction": "auto"}
    found = told("2.3", loss={**said, "config": config})["loss"]
    config = {"from_logits": True, "reduction": "sum_over_batch_size"}
    assert found == {"module": "keras.losses", "class_name": said["class_name"], "config": config}
    found = told("2.3", model=MASKED, loss={**said, "config": config})["loss"]
    assert found == older("binary_crossentropy", "2.3", from_logits=True)


@pytest.mark.parametrize(("version", "meant"), [("2.0.8", "2.0"), ("2.1.6", "2.2"), ("", "2.0")])
def test_a_formula_that_changed_within_a_generation(version, meant):
    """cosine_proximity was a mean up to 2.0.8."""
    found = told("2.0", version, loss="cosine_proximity")
    assert found["loss"] == older("cosine_proximity", meant)


def test_accuracy_was_binary_where_the_loss_was():
    """Even for several outputs in one layer, where today's accuracy looks at the shapes."""
    binary = {
        "module": "keras.metrics",
        "class_name": "BinaryAccuracy",
        "config": {"name": "acc"},
    }
    assert told("2.2", loss="binary_crossentropy", metrics=["acc"])["metrics"] == [binary]
    loss = {"a": "mse", "b": "binary_crossentropy"}
    found = told("2.2", loss=loss, metrics={"a": "acc", "b": ["acc", "mae"]})
    assert found["metrics"] == {"a": ["acc"], "b": [binary, "mae"]}
    found = told("2.2", loss=["mse", "binary_crossentropy"], metrics=[["acc"], ["acc"]])
    assert found["metrics"] == [["acc"], [binary]]


def test_metrics_by_their_old_names():
    found = told("2.3", loss="mse", metrics=["cosine", "kullback_leibler_divergence", "logcosh"])
    model = models.Sequential([layers.Input((2,)), layers.Dense(2)])
    p = model.predict(np.ones((3, 2), "float32"), verbose=0)
    cosine = (p.sum(-1) / np.sqrt(2 * (p * p).sum(-1))).mean()
    model.compile("sgd", "mse", metrics=deserialize(found["metrics"]))
    values = model.test_on_batch(np.ones((3, 2), "float32"), np.ones((3, 2), "float32"))
    assert values[1] == pytest.approx(-cosine, rel=1e-5)  # with the sign of the loss


def test_metrics_that_were_taken_out():
    with pytest.warns(UserWarning, match='the metric "fmeasure" is left out: in Keras 1'):
        assert told("1.2", loss="mse", metrics=["fmeasure", "mae"])["metrics"] == ["mae"]


def test_keras_0_says_it_in_the_model():
    model = {
        "name": "Sequential",
        "layers": [],
        "loss": "mse",
        "class_mode": "categorical",
        "theano_mode": None,
        "sample_weight_mode": None,
        "optimizer": {"name": "Adagrad", "lr": 0.5, "epsilon": 1e-6},
    }
    found = modern_training({"model_config": model, "training_config": None}, "0.3")
    assert found == {
        "optimizer_config": {
            "class_name": "Adagrad",
            "config": {"learning_rate": 0.5, "epsilon": 1e-6, "initial_accumulator_value": 0.0},
        },
        "loss": older("mse", "0.3"),
    }


def test_the_outputs_of_a_graph_come_in_order():
    model = {
        "name": "Graph",
        "output_order": ["first", "second"],
        "optimizer": {"name": "SGD", "lr": 0.5},
        "loss": {"second": "mse", "first": "mae"},
        "loss_weights": {"second": 0.25},
    }
    found = modern_training({"model_config": model, "training_config": None}, "0.3")
    assert found["loss"] == [older("mae", "0.3"), older("mse", "0.3")]
    assert found["loss_weights"] == [1.0, 0.25]


@pytest.mark.parametrize("model", [None, {}, {"name": "Sequential", "layers": []}])
def test_what_was_not_compiled(model):
    assert modern_training({"model_config": model, "training_config": None}, "0.3") is None


MALFORMED = {
    "training_config": {"training_config": [1]},
    "optimizer": {"training_config": {"optimizer_config": 3}},
    "loss": {"training_config": {"optimizer_config": SGD, "loss": 3}},
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_ones_are_named(name):
    with pytest.raises(UsageError, match="must be|needs") as raised:
        modern_training(MALFORMED[name], "2.2")
    assert raised.value.code == "E-CONFIG"


def test_a_loss_is_made_by_its_form():
    """Labels of class numbers are known as such, so that wrong ones are found."""
    loss = OlderLoss.from_config(older("sparse_categorical_crossentropy", "1.2")["config"])
    assert loss.takes_class_numbers
    assert loss.kind == "sparse"
