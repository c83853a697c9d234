"""Functional and Sequential models as plain data, and the way back."""

import copy
import json

import numpy as np
import pytest

from cornu import layers, models, ops
from cornu.graph import op
from cornu.models.configs import functional_from_config
from cornu.saving import model_from_json
from saving.samples import MAKERS, filled, inputs_of, outputs_of, wired


@pytest.mark.parametrize("name", MAKERS)
def test_a_model_made_again_computes_the_same_with_the_same_weights(name):
    model = filled(MAKERS[name]())
    twin = type(model).from_config(json.loads(json.dumps(model.get_config())))
    assert [layer.name for layer in twin.layers] == [layer.name for layer in model.layers]
    assert twin.get_config() == model.get_config()
    twin.set_weights(model.get_weights())
    ours, theirs = outputs_of(model), outputs_of(twin)
    assert ours.keys() == theirs.keys()
    assert all(np.array_equal(ours[key], theirs[key]) for key in ours)


def test_the_form_is_that_of_keras_3():
    config = wired().get_config()
    assert list(config) == ["name", "trainable", "layers", "input_layers", "output_layers"]
    assert config["input_layers"] == [["x", 0, 0], ["y", 0, 0]]
    assert config["output_layers"] == {"p": ["p", 0, 0], "q": ["q", 0, 0]}
    entries = {entry["name"]: entry for entry in config["layers"]}
    shared = entries["shared"]
    assert (shared["module"], shared["class_name"]) == ("keras.layers", "Dense")
    assert shared["registered_name"] is None and shared["build_config"] == {
        "input_shape": [None, 4]
    }
    tensors = [node["args"][0]["config"] for node in shared["inbound_nodes"]]
    assert [t["keras_history"] for t in tensors] == [["inner", 0, 0], ["x", 0, 0]]
    assert tensors[1]["shape"] == [None, 4] and tensors[1]["dtype"] == "float32"
    total = entries["sum"]
    assert (total["module"], total["class_name"]) == ("keras.src.ops.numpy", "Sum")
    assert total["config"] == {"name": "sum", "axis": 1, "keepdims": True}
    index = entries["get_item"]["inbound_nodes"][0]["args"][1]
    assert index[1] == {"class_name": "__slice__", "config": {"start": 0, "stop": 3, "step": None}}


def test_a_sequential_is_listed_with_its_input():
    config = MAKERS["mlp"]().get_config()
    kinds = [entry["class_name"] for entry in config["layers"]]
    assert kinds == ["InputLayer", "Dense", "BatchNormalization", "Dropout", "Dense"]
    assert config["build_input_shape"] == [None, 4]
    deferred = models.Sequential([layers.Dense(2, name="only")]).get_config()
    assert "build_input_shape" not in deferred and len(deferred["layers"]) == 1


@pytest.mark.parametrize(
    "structure",
    [
        lambda a, b: ([a, b], a),
        lambda a, b: ({"l": a, "r": b}, [a]),
        lambda a, b: ((a, {"deep": [b]}), {"o": [a, (b,)]}),
    ],
)
def test_nested_inputs_and_outputs(structure):
    a, b = layers.Input((2,), name="a"), layers.Input((3,), name="b")
    inputs, _ = structure(a, b)
    _, outputs = structure(layers.Dense(2)(a), layers.Dense(2)(b))
    model = models.Model(inputs, outputs)
    twin = models.Model.from_config(json.loads(json.dumps(model.get_config())))
    assert json.dumps(twin.get_config()) == json.dumps(model.get_config())


def test_frozen_parts_stay_frozen_and_the_others_free():
    model = wired()
    model.get_layer("inner").trainable = False
    twin = models.Model.from_config(model.get_config())
    assert len(twin.trainable_variables) == len(model.trainable_variables)
    assert twin.trainable and not twin.get_layer("inner").trainable


def test_a_graph_that_begins_in_the_middle_of_another():
    x = layers.Input((4,))
    middle = layers.Dense(3, name="first")(x)
    model = filled(models.Model(middle, layers.Dense(2, name="second")(middle)))
    twin = models.Model.from_config(model.get_config())
    twin.get_layer("second").set_weights(model.get_layer("second").get_weights())
    values = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")
    assert np.array_equal(twin.predict(values, verbose=0), model.predict(values, verbose=0))


# ---------------------------------------------------------------- arguments of calls


def dropped(training, said=None):
    """A model whose Dropout was called with `training`, as a file would say it."""
    x = layers.Input((50,), name="x")
    config = models.Model(x, layers.Dropout(0.5, name="d")(x)).get_config()
    node = config["layers"][1]["inbound_nodes"][0]
    node["kwargs"] = {"training": training}
    if said:
        node["said"] = said
    return models.Model.from_config(config)


def zeros(model, training):
    return int((np.asarray(model(np.ones((4, 50), "float32"), training=training)) == 0).sum())


def test_what_keras_adds_to_a_call_is_no_order():
    assert zeros(dropped(False), training=True) > 0
    assert zeros(dropped(False, ["training"]), training=True) == 0
    assert zeros(dropped(True), training=False) > 0


def test_what_was_said_in_a_call_is_kept():
    x = layers.Input((50,))
    model = models.Model(x, layers.Dropout(0.5)(x, training=False))
    twin = models.Model.from_config(json.loads(json.dumps(model.get_config())))
    assert zeros(twin, training=True) == 0
    norm = models.Model(x, layers.BatchNormalization(name="n")(x, training=False))
    twin = models.Model.from_config(norm.get_config())
    twin(np.full((4, 50), 7.0, "float32"), training=True)
    assert np.array_equal(twin.get_layer("n").moving_mean.numpy(), np.zeros(50))


def test_a_mask_that_an_op_made():
    x = layers.Input((3,), dtype="int32", name="x")
    config = models.Model(x, layers.Embedding(9, 2, name="e")(x)).get_config()
    assert config["layers"][1]["inbound_nodes"][0]["kwargs"] == {}
    mask = {"class_name": "__keras_tensor__", "config": {"keras_history": ["not_equal", 0, 0]}}
    source = config["layers"][1]["inbound_nodes"][0]["args"][0]
    entries = [
        {
            "module": "keras.src.ops.numpy",
            "class_name": "NotEqual",
            "config": {"name": "not_equal"},
            "registered_name": "NotEqual",
            "name": "not_equal",
            "inbound_nodes": [{"args": [source, 0], "kwargs": {}}],
        },
        {
            "module": "keras.layers",
            "class_name": "GlobalAveragePooling1D",
            "config": {"name": "mean"},
            "name": "mean",
            "inbound_nodes": [
                {
                    "args": [
                        {
                            "class_name": "__keras_tensor__",
                            "config": {"keras_history": ["e", 0, 0]},
                        }
                    ],
                    "kwargs": {"mask": mask},
                }
            ],
        },
    ]
    config["layers"] = [entries[1], entries[0], *config["layers"]]
    config["output_layers"] = ["mean", 0, 0]
    model = models.Model.from_config(config)
    table = np.arange(18, dtype="float32").reshape(9, 2)
    model.get_layer("e").set_weights([table])
    found = model.predict(np.array([[4, 0, 6]], "int32"), verbose=0)
    assert np.allclose(found, [(table[4] + table[6]) / 2])


# ---------------------------------------------------------------- what cannot be


@op
def strange(x):
    return x + 1


class Factored(layers.Layer):
    def build(self, shape):
        self.factor = self.add_weight((shape[-1],), "ones", name="factor")

    def call(self, x):
        return x * self.factor


def test_what_has_no_plain_form_names_the_way_out():
    x = layers.Input((3,))
    with pytest.raises(ValueError, match='"strange" was called on a Tensor without a layer'):
        models.Model(x, strange(x)).get_config()
    dense = layers.Dense(2, name="dense_of_mine")
    dense(x)
    with pytest.raises(ValueError, match='"matmul" reads the Variable "dense_of_mine/kernel"'):
        models.Model(x, x @ dense.kernel).get_config()


def test_an_unknown_class_names_the_layer_and_the_way_out():
    text = models.Sequential([layers.Input((3,)), Factored(name="mine")]).to_json()
    with pytest.raises(ValueError, match=r'"Factored" is needed \(layer 1\).*custom_objects'):
        model_from_json(text)
    assert isinstance(model_from_json(text, {"Factored": Factored}).layers[0], Factored)


def changed(change):
    config = json.loads(wired().to_json())
    change(config["config"])
    return json.dumps(config)


def entry(config, name):
    return next(e for e in config["layers"] if e["name"] == name)


def history(config, name):
    return entry(config, name)["inbound_nodes"][0]["args"][0]["config"]["keras_history"]


def rename(config, name, new):
    history(config, name)[:] = new


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: rename(c, "inner", ["shared", 0, 0]), "form a cycle: (shared|inner) -> "),
        (lambda c: rename(c, "inner", ["inner", 0, 0]), "cycle: inner -> inner"),
        (lambda c: rename(c, "inner", ["yy", 0, 0]), 'reads call 0 of "yy"'),
        (lambda c: rename(c, "inner", ["y", 10**9, 0]), "call 1000000000"),
        (lambda c: rename(c, "inner", ["y", 0, 7]), 'call 0 of "y"'),
        (lambda c: rename(c, "inner", ["y", 0]), "is no .layer, call, output"),
        (lambda c: rename(c, "inner", ["y", True, 0]), "is no .layer, call, output"),
        (lambda c: c.update(layers={}), "must be a list"),
        (lambda c: c["layers"].append(copy.deepcopy(c["layers"][0])), "two layers"),
        (lambda c: entry(c, "sum").update(class_name="Popen"), 'no op "popen"'),
        (lambda c: entry(c, "sum").update(class_name="FunctoolsReduce"), "no op"),
        (lambda c: entry(c, "sum").update(class_name="WhileLoop"), "no op"),
        (lambda c: entry(c, "p").update(class_name="Adam"), "is no layer"),
        (lambda c: entry(c, "p").update(registered_name="evil>Dense"), "evil>Dense"),
        (lambda c: entry(c, "p")["config"].update(name="../../x"), "cannot be the name"),
        (lambda c: entry(c, "p")["config"].update(name="a\x1b[2Jb"), "cannot be the name"),
    ],
)
def test_a_config_that_cannot_be(change, words):
    with pytest.raises(ValueError, match=words):
        model_from_json(changed(change))


def test_a_config_without_outputs():
    config = wired().get_config()
    del config["output_layers"]
    with pytest.raises(ValueError, match="output_layers"):
        functional_from_config(models.Model, config)


def test_the_order_of_entries_does_not_matter():
    config = json.loads(wired().to_json())
    names = [e["name"] for e in config["config"]["layers"]]
    config["config"]["layers"].reverse()
    model = model_from_json(json.dumps(config))
    assert {e["name"] for e in model.get_config()["layers"]} == set(names)
    assert outputs_of(model)["p"].shape == (len(inputs_of(model)[0]), 1)


def test_ops_with_every_kind_of_argument():
    x = layers.Input((4, 3))
    y = ops.reshape(x, (-1, 3, 4))[:, ..., None][:, 0]
    y = abs(-y) ** 2 / 3 + np.array([[1.0], [2.0], [3.0], [4.0]], "float32")
    y = ops.where(y > 1, y, 0.0)
    y = ops.transpose(ops.expand_dims(y, -1), (0, 2, 1, 3))
    model = models.Model(x, ops.logsumexp(y, axis=(1, 2)))
    twin = models.Model.from_config(json.loads(json.dumps(model.get_config())))
    values = np.random.default_rng(0).normal(size=(3, 4, 3)).astype("float32")
    assert np.array_equal(twin.predict(values, verbose=0), model.predict(values, verbose=0))
