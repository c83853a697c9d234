"""Keras 3 itself loads our files, and computes what we compute; and we load what it saves."""

import os
import warnings

import numpy as np
import pytest

from cornu import saving
from saving.samples import MAKERS, filled, inputs_of, outputs_of

pytestmark = [pytest.mark.peers, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def keras():
    os.environ.setdefault("KERAS_BACKEND", "jax")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = pytest.importorskip("keras", minversion="3.15")
    if not hasattr(module, "__version__") or "site-packages" not in module.__file__:
        pytest.skip("the real Keras is not what `import keras` finds")
    return module


def predicted(model, x):
    found = model.predict(x, verbose=0)
    return found if isinstance(found, dict) else {"output": found}


@pytest.mark.parametrize("name", MAKERS)
def test_keras_loads_our_model(name, keras, tmp_path):
    model = filled(MAKERS[name]())
    model.save(tmp_path / "m.keras")
    theirs = keras.saving.load_model(tmp_path / "m.keras")
    assert [x.name for x in theirs.layers] == [x.name for x in model.layers]
    found = predicted(theirs, inputs_of(model))
    for key, value in outputs_of(model).items():
        np.testing.assert_allclose(found[key], value, atol=1e-6)


@pytest.mark.parametrize("name", MAKERS)
def test_keras_loads_our_weights(name, keras, tmp_path):
    model = filled(MAKERS[name]())
    model.save(tmp_path / "m.keras")
    model.save_weights(tmp_path / "m.weights.h5")
    theirs = keras.models.clone_model(keras.saving.load_model(tmp_path / "m.keras"))
    theirs.load_weights(tmp_path / "m.weights.h5")
    found = predicted(theirs, inputs_of(model))
    for key, value in outputs_of(model).items():
        np.testing.assert_allclose(found[key], value, atol=1e-6)


def test_keras_goes_on_with_our_optimizer(keras, tmp_path):
    model = filled(MAKERS["cnn"]())
    model.layers[-3].rate = 0.0
    model.compile("adam", "mse")
    x = inputs_of(model, rows=16)
    y = np.random.default_rng(4).normal(size=(16, 2)).astype("float32")
    model.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0)
    model.save(tmp_path / "m.keras")
    theirs = keras.saving.load_model(tmp_path / "m.keras")
    assert int(theirs.optimizer.iterations) == 4
    ours = [model.train_on_batch(x, y) for _ in range(3)]
    others = [theirs.train_on_batch(x, y) for _ in range(3)]
    np.testing.assert_allclose(np.ravel(ours), np.ravel(others), rtol=1e-4)


def theirs_of(keras, name):
    """A model of Keras's own, with parts that number their layers in unlike ways."""
    k = keras.layers
    x, y = keras.Input((4,), name="x"), keras.Input((4,), name="y")
    if name == "chain":
        return keras.Sequential([keras.Input((4,)), k.Dense(3), k.LeakyReLU(), k.Dense(2)][:2])
    if name == "shared":
        shared = k.Dense(4, name="shared")
        inner = keras.Sequential([keras.Input((4,)), k.Dense(4), k.Dense(4)], name="inner")
        a, b = shared(inner(x)), shared(y)
        return keras.Model([x, y], [k.Dense(4)(a), k.Dense(4)(k.Add()([a, b * 2.0]))])
    h = k.BatchNormalization()(k.Dense(4)(x))
    h = keras.ops.concatenate([keras.ops.relu(h), y], axis=-1)[:, 1:7]
    h = keras.ops.reshape(h, (-1, 3, 2)) / keras.ops.sum(keras.ops.exp(y), axis=1)[:, None, None]
    return keras.Model({"x": x, "y": y}, {"o": k.Flatten()(k.Dropout(0.5)(h)), "p": k.Dense(1)(y)})


@pytest.mark.parametrize("name", ["chain", "shared", "ops"])
def test_we_load_what_keras_saves(name, keras, tmp_path):
    theirs = theirs_of(keras, name)
    rng = np.random.default_rng(0)
    theirs.set_weights([rng.uniform(0.1, 1, w.shape) for w in theirs.get_weights()])
    theirs.save(tmp_path / "m.keras")
    model = saving.load_model(tmp_path / "m.keras")
    x = {"x": rng.normal(size=(5, 4)).astype("float32"), "y": rng.normal(size=(5, 4))}
    given = x if name == "ops" else list(x.values()) if name == "shared" else x["x"]
    found, known = model.predict(given, verbose=0), theirs.predict(given, verbose=0)
    for ours, other in zip(leaves(found), leaves(known), strict=True):
        np.testing.assert_allclose(ours, other, rtol=1e-5, atol=1e-6)


def leaves(found):
    if isinstance(found, dict):
        return [found[key] for key in sorted(found)]
    return found if isinstance(found, list) else [found]


def test_a_subclass_goes_both_ways(keras, tmp_path):
    from saving.test_models import Own

    model = Own(6)
    x = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
    model(x)
    filled(model)
    model.save(tmp_path / "m.keras")

    class Doubled(keras.layers.Layer):
        def call(self, x):
            return x * 2

    class Theirs(keras.Model):
        def __init__(self, units=5, **kwargs):
            super().__init__(**kwargs)
            k = keras.layers
            self.units, self.first = units, k.Dense(units)
            self.blocks = [[k.Dense(4)], Doubled(), k.BatchNormalization()]
            self.by_name = {"z": k.Dense(3)}
            self._last = k.Dense(1)  # `layers` is numbered in this order

        call = Own.call

    theirs = keras.saving.load_model(tmp_path / "m.keras", custom_objects={"Own": Theirs})
    np.testing.assert_allclose(theirs.predict(x, verbose=0), model.predict(x, verbose=0), atol=1e-6)
    theirs.save_weights(tmp_path / "t.weights.h5")
    filled(model, seed=9)
    model.load_weights(tmp_path / "t.weights.h5")
    np.testing.assert_allclose(theirs.predict(x, verbose=0), model.predict(x, verbose=0), atol=1e-6)
