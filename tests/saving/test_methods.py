"""What layers and models say of themselves for files, and what a user may override."""

import json

import numpy as np
import pytest

import cornu
from cornu import layers, models, saving
from cornu.errors import UsageError
from cornu.layers import Input


def test_a_layer_is_built_again_from_what_it_says():
    layer = layers.Dense(2)
    assert layer.get_build_config() is None
    layer.build((None, 3))
    said = json.loads(json.dumps(layer.get_build_config()))
    assert said == {"input_shape": [None, 3]}
    twin = layers.Dense(2)
    twin.build_from_config(said)
    assert [w.shape for w in twin.weights] == [(3, 2), (2,)]
    kernel = twin.kernel
    twin.build_from_config(said)  # a second time does nothing
    assert twin.kernel is kernel
    with pytest.raises(UsageError, match="a list of sizes"):
        layers.Dense(2).build_from_config({"input_shape": "abc"})


class Pair(layers.Layer):
    """Built from two shapes by name."""

    def build(self, left_shape, right_shape):
        self.scale = self.add_weight((left_shape[-1], right_shape[-1]), "ones", name="scale")

    def call(self, left, right):
        return cornu.ops.matmul(left, self.scale) * right


def test_several_shapes():
    layer = Pair()
    layer(np.ones((2, 3), "float32"), np.ones((2, 4), "float32"))
    said = json.loads(json.dumps(layer.get_build_config()))
    twin = Pair()
    twin.build_from_config(said)
    assert twin.scale.shape == (3, 4)


class Sized(layers.Layer):
    """Says its size in a build config of its own, and needs it before the first call."""

    def build(self, input_shape):
        self.table = self.add_weight((self.rows, input_shape[-1]), "ones", name="table")

    def get_build_config(self):
        return {"rows": self.rows, "shape": [None, 3]}

    def build_from_config(self, config):
        self.rows = config["rows"]
        self.build(config["shape"])

    def call(self, x):
        return x + cornu.ops.sum(self.table)


def test_a_build_config_of_ones_own(tmp_path):
    layer = Sized(name="sized")
    layer.rows = 5
    x = Input((3,))
    model = models.Model(x, layer(x))
    model.save(tmp_path / "m.keras")
    again = saving.load_model(tmp_path / "m.keras", {"Sized": Sized})
    assert again.get_layer("sized").table.shape == (5, 3)


def small():
    return models.Sequential([Input((3,)), layers.Dense(2, name="d")], name="s")


def test_how_a_model_was_compiled():
    model = small()
    assert model.get_compile_config() is None
    assert model.get_build_config() == {"input_shape": [None, 3]}
    model.compile(cornu.optimizers.SGD(0.25), "mse", metrics=["mae"])
    said = json.loads(json.dumps(model.get_compile_config()))
    assert said["loss"] == "mse" and said["metrics"] == ["mae"]
    twin = small()
    twin.compile_from_config(said)
    assert float(twin.optimizer.learning_rate) == 0.25 and twin.compiled
    twin = small()
    twin.compile_from_config({})
    assert not twin.compiled


class Own(models.Model):
    """Compiled in a way of its own."""

    def __init__(self, **options):
        super().__init__(**options)
        self.dense = layers.Dense(1)
        self.said = None

    def call(self, x):
        return self.dense(x)

    def get_compile_config(self):
        return {"temperature": 3}

    def compile_from_config(self, config):
        self.said = config


def test_a_compile_config_of_ones_own(tmp_path):
    model = Own(name="own")
    model.build((None, 3))
    model.save(tmp_path / "m.keras")
    again = saving.load_model(tmp_path / "m.keras", {"Own": Own})
    assert again.said == {"temperature": 3}
    assert saving.load_model(tmp_path / "m.keras", {"Own": Own}, compile=False).said is None


def test_names_of_cornu_models():
    model = small()
    said = json.loads(model.to_json())
    again = models.model_from_config(said)
    assert again.name == "s" and again.count_params() == 8
    assert models.model_from_json(model.to_json()).count_params() == 8
    assert models.load_model is saving.load_model and models.save_model is saving.save_model
    with pytest.raises(UsageError, match="takes a dict"):
        models.model_from_config([said])
    with pytest.raises(UsageError, match='No class|"Nope" is needed'):
        models.model_from_config({"class_name": "Nope", "config": {}})


def test_there_is_no_export(tmp_path):
    with pytest.raises(UsageError, match='model.save\\("model.keras"\\)'):
        small().export(tmp_path / "x")
