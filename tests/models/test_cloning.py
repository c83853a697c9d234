"""`clone_model`: the same architecture, weights of its own."""

import numpy as np
import pytest

from cornu import layers, metrics, models, optimizers
from cornu.errors import UsageError
from cornu.models.cloning import clone_model


def functional():
    x, y = layers.Input((4,), name="x"), layers.Input((4,), name="y")
    shared = layers.Dense(3, name="shared")
    inner = models.Sequential([layers.Input((3,)), layers.Dense(3, name="deep")], name="inner")
    joined = layers.Concatenate()([inner(shared(x)), shared(y) * 2.0])
    return models.Model({"x": x, "y": y}, [layers.Dense(1, name="out")(joined)], name="whole")


def data(rows=5):
    rng = np.random.default_rng(0)
    return {"x": rng.normal(size=(rows, 4)), "y": rng.normal(size=(rows, 4))}


def test_a_functional_clone_computes_the_same_with_the_same_weights():
    model = functional()
    twin = clone_model(model)
    assert [layer.name for layer in twin.layers] == [layer.name for layer in model.layers]
    assert [v.shape for v in twin.variables] == [v.shape for v in model.variables]
    twin.set_weights(model.get_weights())
    ours, theirs = (m.predict(data(), verbose=0) for m in (model, twin))
    assert np.array_equal(ours, theirs)


def test_weights_are_its_own_and_new():
    model = functional()
    twin = clone_model(model)
    assert not set(model.variables) & set(twin.variables)
    kernel, other = (m.get_layer("shared").kernel.numpy() for m in (model, twin))
    assert not np.array_equal(kernel, other)


def test_shared_layers_stay_shared_and_inner_models_are_cloned():
    model = functional()
    twin = clone_model(model)
    assert sum(layer.name == "shared" for layer in twin.layers) == 1
    assert twin.get_layer("inner") is not model.get_layer("inner")
    assert len(twin.variables) == len(model.variables) == 6


def test_trainable_flags_are_kept():
    model = functional()
    model.get_layer("inner").trainable = False
    twin = clone_model(model)
    assert not twin.get_layer("inner").get_layer("deep").trainable
    assert twin.get_layer("shared").trainable and twin.trainable


def test_a_sequential_clone_built_or_not():
    model = models.Sequential([layers.Dense(3), layers.Dense(1)], name="chain")
    twin = clone_model(model)
    assert not twin.built and twin.name == "chain"
    model.build((None, 4))
    assert [v.shape for v in clone_model(model).variables] == [(4, 3), (3,), (3, 1), (1,)]


def test_a_clone_function_exchanges_layers():
    def widened(layer):
        if layer.name != "shared":
            return type(layer).from_config(layer.get_config())
        return layers.Dense(3, name="wider", activation="relu")

    twin = clone_model(functional(), clone_function=widened)
    assert "wider" in [layer.name for layer in twin.layers]


def test_other_inputs():
    x, y = layers.Input((4,), batch_size=2, name="a"), layers.Input((4,), batch_size=2, name="b")
    twin = clone_model(functional(), input_tensors={"x": x, "y": y})
    assert twin.input_names == ["a", "b"] and twin.outputs[0].shape == (2, 1)
    chain = clone_model(models.Sequential([layers.Input((4,)), layers.Dense(2)]), input_tensors=[x])
    assert chain.outputs[0].shape == (2, 2)


class Own(models.Model):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.dense = layers.Dense(units)

    def call(self, x):
        return self.dense(x)


def test_a_subclass_is_made_from_its_config():
    model = Own(3, name="own")
    model(np.zeros((1, 2), "float32"))
    twin = clone_model(model)
    assert isinstance(twin, Own) and twin.units == 3 and twin.dense is not model.dense


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: clone_model(layers.Dense(1)), "takes a Model"),
        (lambda: clone_model(functional(), clone_function=lambda x: None), "must return a layer"),
        (lambda: clone_model(functional(), input_tensors=[layers.Input((4,))]), "has 2 inputs"),
        (lambda: clone_model(Own(1), clone_function=lambda x: x), "get_config"),
    ],
)
def test_what_cannot_be_cloned(call, words):
    with pytest.raises((ValueError, TypeError), match=words):
        call()


def test_a_compiled_model_has_a_compiled_clone():
    model = models.Sequential([layers.Input((3,)), layers.Dense(2)])
    model.compile(optimizers.SGD(0.25, momentum=0.5), "mae", metrics=[metrics.MeanSquaredError()])
    x, y = np.ones((4, 3), "float32"), np.zeros((4, 2), "float32")
    model.fit(x, y, verbose=0)
    twin = clone_model(model)
    assert float(twin.optimizer.learning_rate) == 0.25 and twin.optimizer is not model.optimizer
    assert int(twin.optimizer.iterations) == 0
    twin.set_weights(model.get_weights())
    assert twin.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)
    twin.fit(x, y, verbose=0)
    assert not np.array_equal(twin.get_weights()[0], model.get_weights()[0])


def test_a_clone_of_what_is_not_compiled_is_not():
    twin = clone_model(models.Sequential([layers.Input((3,)), layers.Dense(2)]))
    with pytest.raises(UsageError, match="must be compiled first"):
        twin.evaluate(np.ones((1, 3)), np.ones((1, 2)))
