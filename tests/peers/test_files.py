"""Files between Keras 3 and us, both ways: whole models, weights, shards, assets."""

import os

import h5py
import numpy as np
import pytest

os.environ["KERAS_BACKEND"] = "jax"  # before it is imported
keras = pytest.importorskip("keras", minversion="3.15")

import cornu  # noqa: E402
from cornu import layers, models, saving  # noqa: E402
from peers.files_models import MODELS, TRAINED, data_of, fill, outputs  # noqa: E402
from saving.samples import MAKERS, filled, inputs_of, outputs_of  # noqa: E402

pytestmark = [pytest.mark.peers, pytest.mark.filterwarnings("ignore")]

legacy = pytest.importorskip("keras.src.legacy.saving.legacy_h5_format")
load_optimizer_weights_from_hdf5_group = legacy.load_optimizer_weights_from_hdf5_group


def predicted(model, x):
    found = model.predict(x, verbose=0)
    return found if isinstance(found, dict) else {"output": found}


def same_outputs(theirs, ours):
    found = predicted(theirs, inputs_of(ours))
    for key, value in outputs_of(ours).items():
        np.testing.assert_allclose(found[key], value, atol=1e-6)


def nested():
    inner = models.Sequential([layers.Input((4,)), layers.Dense(3), layers.BatchNormalization()])
    inner.layers[0].trainable = False
    x = layers.Input((5, 4))
    h = layers.TimeDistributed(inner)(x)
    h = layers.Bidirectional(layers.LSTM(2, return_sequences=True))(h)
    h = layers.MultiHeadAttention(2, 3)(h, h)
    h = layers.GroupQueryAttention(2, 2, 1)(h, h)
    return models.Model(x, layers.GRU(2)(layers.LayerNormalization()(h)))


NAMES = ["mlp", "cnn", "nested"]  # of ops without layers Keras 3 writes .h5, but reads none


@pytest.mark.parametrize("name", NAMES)
def test_keras_loads_our_whole_h5(name, tmp_path):
    model = filled({**MAKERS, "nested": nested}[name]())
    model.save(tmp_path / "m.h5")
    theirs = keras.saving.load_model(tmp_path / "m.h5")
    assert [x.name for x in theirs.layers] == [x.name for x in model.layers]
    same_outputs(theirs, model)


@pytest.mark.parametrize("name", NAMES)
def test_we_load_the_whole_h5_that_keras_saves_again(name, tmp_path):
    model = filled({**MAKERS, "nested": nested}[name]())
    model.save(tmp_path / "m.h5")
    keras.saving.load_model(tmp_path / "m.h5").save(tmp_path / "again.h5")
    again = saving.load_model(tmp_path / "again.h5")
    for key, value in outputs_of(again).items():
        np.testing.assert_allclose(outputs_of(model)[key], value, atol=1e-6)


def trained(optimizer):
    model = filled(MAKERS["cnn"]())
    model.layers[-3].rate = 0.0
    model.compile(optimizer, "mse", metrics=["mae"])
    x = inputs_of(model, rows=16)
    y = np.random.default_rng(4).normal(size=(16, 2)).astype("float32")
    model.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0)
    return model, x, y


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "rmsprop", "nadam"])
def test_keras_goes_on_with_our_optimizer(optimizer, tmp_path):
    """Keras 3 builds the optimizer of an .h5 for no Variables, its own files' too: so by hand.

    What the file lists is in the order of Keras 2; the values themselves are those of Keras 3.
    """
    model, x, y = trained(optimizer)
    model.save(tmp_path / "m.h5")
    theirs = keras.saving.load_model(tmp_path / "m.h5")
    assert int(theirs.optimizer.iterations) == 4
    assert float(theirs.optimizer.learning_rate) == float(model.optimizer.learning_rate)
    kept = keras.optimizers.deserialize(keras.optimizers.serialize(theirs.optimizer))
    kept.build(theirs.trainable_variables)
    with h5py.File(tmp_path / "m.h5") as file:
        assert load_optimizer_weights_from_hdf5_group(file)[0][()] == 4
        stored = file["optimizer_weights"]
        kept.set_weights([stored[v.path][()] for v in model.optimizer.variables])
    theirs.compile(kept, "mse")
    ours = [model.train_on_batch(x, y)[0] for _ in range(3)]
    others = [theirs.train_on_batch(x, y)[0] for _ in range(3)]
    np.testing.assert_allclose(ours, np.ravel(others), rtol=1e-4)


def test_we_go_on_with_the_optimizer_of_keras(tmp_path):
    model, x, y = trained("adam")
    model.save(tmp_path / "m.keras")
    theirs = keras.saving.load_model(tmp_path / "m.keras")
    theirs.train_on_batch(x, y)
    theirs.save(tmp_path / "t.h5")
    again = saving.load_model(tmp_path / "t.h5")
    assert int(again.optimizer.iterations.value) == 5
    ours = [again.train_on_batch(x, y)[0] for _ in range(3)]
    others = [theirs.train_on_batch(x, y)[0] for _ in range(3)]
    np.testing.assert_allclose(ours, np.ravel(others), rtol=1e-4)


@pytest.mark.parametrize("by_name", [False, True])
def test_weights_of_h5(by_name, tmp_path):
    model = filled(MAKERS["wired"]())
    model.save(tmp_path / "m.keras")
    model.save_weights(tmp_path / "w.h5")
    theirs = keras.saving.load_model(tmp_path / "m.keras")
    theirs.set_weights([np.zeros(w.shape) for w in theirs.get_weights()])
    theirs.load_weights(tmp_path / "w.h5", by_name=by_name)
    same_outputs(theirs, model)


def test_shards_both_ways(tmp_path):
    model = filled(MAKERS["cnn"]())
    model.save(tmp_path / "m.keras")
    size = 230 / 2**30
    model.save_weights(tmp_path / "w.weights.json", max_shard_size=size)
    assert len(list(tmp_path.glob("w_*.weights.h5"))) > 2
    theirs = keras.saving.load_model(tmp_path / "m.keras")
    known = theirs.get_weights()
    theirs.set_weights([np.zeros(w.shape) for w in known])
    theirs.load_weights(tmp_path / "w.weights.json")
    same_outputs(theirs, model)
    theirs.save_weights(tmp_path / "t.weights.json", max_shard_size=size)
    assert len(list(tmp_path.glob("t_*.weights.h5"))) > 2
    filled(model, seed=8)
    model.load_weights(tmp_path / "t.weights.json")
    assert all(map(np.array_equal, model.get_weights(), known))


def holder(library, **tables):
    """A model with tables among its layers, which work on the data before it."""

    class Holder(library.Model):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.out = library.layers.Dense(2)
            for name, table in tables.items():
                setattr(self, name, table)

        def call(self, x):
            return self.out(x)

    return Holder


def tables_of(library, adapted=True):
    found = {
        "words": library.layers.StringLookup(),
        "numbers": library.layers.IntegerLookup(),
        "text": library.layers.TextVectorization(output_mode="tf_idf"),
    }
    if adapted:
        found["words"].adapt(np.array(["a", "b", "a", "ö"]))
        found["numbers"].adapt(np.array([7, 3, 7]))
        found["text"].adapt(np.array(["a b", "a c", "ö"]))
    return found


def test_vocabularies_of_keras(tmp_path):
    known = tables_of(keras)
    theirs = holder(keras, **known)()
    theirs(np.zeros((1, 3), "float32"))
    theirs.save(tmp_path / "t.keras")
    ours = holder(cornu, **tables_of(cornu, adapted=False))
    again = saving.load_model(tmp_path / "t.keras", custom_objects={"Holder": ours})
    for name, table in known.items():
        assert getattr(again, name).get_vocabulary() == table.get_vocabulary()


def test_our_vocabularies_in_keras(tmp_path):
    known = tables_of(cornu)
    ours = holder(cornu, **known)()
    ours(np.zeros((1, 3), "float32"))
    ours.save(tmp_path / "m.keras")
    theirs = holder(keras, **tables_of(keras, adapted=False))
    again = keras.saving.load_model(tmp_path / "m.keras", custom_objects={"Holder": theirs})
    for name, table in known.items():
        assert getattr(again, name).get_vocabulary() == table.get_vocabulary()


def test_ops_in_an_h5_that_keras_cannot_load_itself(tmp_path):
    x = keras.Input((4,))
    y = keras.ops.concatenate([x[:, 0:3] * 2.0, keras.ops.relu(x)], axis=-1)
    theirs = keras.Model(x, keras.layers.Dense(2)(y))
    theirs.save(tmp_path / "t.h5")
    with pytest.raises(ValueError):
        keras.saving.load_model(tmp_path / "t.h5")
    ours = saving.load_model(tmp_path / "t.h5")
    data = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
    np.testing.assert_allclose(ours.predict(data, verbose=0), theirs.predict(data, verbose=0), 1e-5)


def test_the_package_reads_our_safetensors_and_we_its_own(tmp_path):
    package = pytest.importorskip("safetensors.numpy")
    model = filled(MAKERS["cnn"]())
    model.save_weights(tmp_path / "m.safetensors")
    found = package.load_file(tmp_path / "m.safetensors")
    assert {tuple(v.shape) for v in found.values()} == {v.shape for v in model.weights}
    known = model.get_weights()
    package.save_file(found, tmp_path / "t.safetensors")
    filled(model, seed=8)
    model.load_weights(tmp_path / "t.safetensors")
    assert all(map(np.array_equal, model.get_weights(), known))


# ---------------------------------------------------------------- many architectures


def near(ours, theirs, x):
    for model in (ours, theirs):
        for layer in model.layers:
            if getattr(layer, "stateful", False):
                layer.reset_states() if model is ours else layer.reset_state()
    for a, b in zip(outputs(ours, x), outputs(theirs, x), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=2e-6)


UNLOADED = {"normalized"}
"""Keras 3 cannot load its own LayerNormalization over several axes from .h5."""

COMPUTED = [name for name in MODELS if name != "attentive"]
"""On JAX, Keras 3 cannot compute attention whose values have another depth than its keys."""


@pytest.mark.parametrize("name", COMPUTED)
def test_architectures_of_keras_here(name, tmp_path):
    theirs = fill(MODELS[name](keras))
    x = data_of(theirs)
    for file in ("m.keras", "m.h5"):
        theirs.save(tmp_path / file)
        near(saving.load_model(tmp_path / file), theirs, x)
    ours = MODELS[name](cornu)
    theirs.save_weights(tmp_path / "w.weights.h5")
    theirs.save_weights(tmp_path / "w.weights.json", max_shard_size=2e-6)
    for file in ("w.weights.h5", "w.weights.json", "m.keras", "m.h5"):
        fill(ours, 5).load_weights(tmp_path / file)
    near(ours, theirs, x)


@pytest.mark.parametrize("name", COMPUTED)
def test_our_architectures_in_keras(name, tmp_path):
    ours = fill(MODELS[name](cornu))
    x = data_of(ours)
    for file in ("m.keras", "m.h5")[: 1 if name in UNLOADED else 2]:
        ours.save(tmp_path / file)
        near(ours, keras.saving.load_model(tmp_path / file), x)
    theirs = MODELS[name](keras)
    ours.save_weights(tmp_path / "w.weights.h5")
    ours.save_weights(tmp_path / "w.weights.json", max_shard_size=2e-6)
    ours.save_weights(tmp_path / "w.h5")
    for file in ("w.weights.h5", "w.weights.json", "w.h5"):
        fill(theirs, 5).load_weights(tmp_path / file)
        near(ours, theirs, x)


STEPS = {
    "momentum": lambda k: k.optimizers.SGD(0.02, momentum=0.9),
    "adam": lambda k: k.optimizers.Adam(0.01),
    "rmsprop": lambda k: k.optimizers.RMSprop(0.01),
}


@pytest.mark.parametrize("kind", STEPS)
@pytest.mark.parametrize("name", sorted(TRAINED))
def test_training_goes_on_both_ways(name, kind, tmp_path):
    theirs = fill(MODELS[name](keras))
    x = data_of(theirs)
    y = np.random.default_rng(4).uniform(size=outputs(theirs, x)[0].shape).astype("float32")
    theirs.compile(STEPS[kind](keras), "mse")
    first = [theirs.train_on_batch(x, y) for _ in range(2)]
    theirs.save(tmp_path / "t.keras")
    ours = saving.load_model(tmp_path / "t.keras")
    assert int(ours.optimizer.iterations) == len(first)
    near_losses(ours, theirs, x, y)
    ours.save(tmp_path / "m.keras")
    near_losses(ours, keras.saving.load_model(tmp_path / "m.keras"), x, y)


def near_losses(ours, theirs, x, y):
    found = [np.ravel(ours.train_on_batch(x, y))[0] for _ in range(3)]
    known = [np.ravel(theirs.train_on_batch(x, y))[0] for _ in range(3)]
    np.testing.assert_allclose(found, known, rtol=2e-4)
