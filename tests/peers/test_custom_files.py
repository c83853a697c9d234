"""Functions of the user's in files, as Keras 3 finds them; models as folders, both ways."""

import numpy as np
import pytest

from cornu import layers, models, saving
from saving.samples import filled, inputs_of, mlp, outputs_of

pytestmark = [pytest.mark.peers, pytest.mark.filterwarnings("ignore")]

keras = pytest.importorskip("keras", minversion="3.15")

X = np.linspace(-1, 1, 12, dtype="float32").reshape(4, 3)


def relu(x):
    """Not the library's."""
    return x * 3


def test_keras_finds_our_users_functions(tmp_path):
    model = models.Sequential(
        [
            layers.Input((3,)),
            layers.Dense(2, activation=relu),
            layers.Lambda(relu, name="named"),
            layers.Lambda(lambda x: x - 1, name="lam"),
        ]
    )
    model.save(tmp_path / "m.keras")
    with pytest.raises(Exception, match="Could not locate function"):
        keras.saving.load_model(tmp_path / "m.keras")
    known = {"relu": relu, "lam": lambda x: x - 1}
    theirs = keras.saving.load_model(tmp_path / "m.keras", custom_objects=known)
    wanted = model.predict(X, verbose=0)
    np.testing.assert_allclose(theirs.predict(X, verbose=0), wanted, atol=1e-6)


def test_keras_finds_ops_in_our_lambdas(tmp_path):
    from cornu import ops

    model = models.Sequential([layers.Input((3,)), layers.Lambda(ops.sin)])
    model.save(tmp_path / "m.keras")
    theirs = keras.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_allclose(theirs.predict(X, verbose=0), np.sin(X), atol=1e-6)


def test_we_find_their_users_functions(tmp_path):
    L = keras.layers
    theirs = keras.Sequential(
        [
            keras.Input((3,)),
            L.Dense(2, activation=keras.activations.relu),
            L.Lambda(relu, name="named"),
            L.Lambda(lambda x: x - 1, name="lam"),
        ]
    )
    theirs.save(tmp_path / "m.keras")
    with pytest.raises(saving.ModelFileError, match="named|lam"):
        saving.load_model(tmp_path / "m.keras")
    known = {"named": relu, "lam": lambda x: x - 1}
    ours = saving.load_model(tmp_path / "m.keras", custom_objects=known)
    wanted = theirs.predict(X, verbose=0)
    np.testing.assert_allclose(ours.predict(X, verbose=0), wanted, atol=1e-6)


def test_folders_both_ways(tmp_path):
    model = filled(mlp())
    model.save(tmp_path / "ours", zipped=False)
    theirs = keras.saving.load_model(tmp_path / "ours")
    wanted = outputs_of(model)["output"]
    np.testing.assert_allclose(theirs.predict(inputs_of(model), verbose=0), wanted, atol=1e-6)
    theirs.save(tmp_path / "theirs", zipped=False)
    again = saving.load_model(tmp_path / "theirs")
    np.testing.assert_allclose(outputs_of(again)["output"], wanted, atol=1e-6)


@pytest.mark.parametrize("mode", ["int8", "float8"])
def test_quantized_models(mode, tmp_path):
    L = keras.layers
    x = keras.Input((6,), dtype="int32")
    h = L.Embedding(9, 8)(x)
    h = L.EinsumDense("abc,cde->abde", (6, 3, 2), bias_axes="de")(h)
    h = L.EinsumDense("abcd,edc->aeb", (4, 6), activation="tanh")(h)
    theirs = keras.Model(x, L.Dense(3)(L.Flatten()(h)))
    given = np.arange(12).reshape(2, 6) % 9
    wanted = theirs.predict(given, verbose=0)
    theirs.quantize(mode)
    theirs.save(tmp_path / "m.keras")
    ours = saving.load_model(tmp_path / "m.keras")
    tolerance = 0.02 * np.abs(wanted).max() if mode == "int8" else 1e-6
    np.testing.assert_allclose(ours.predict(given, verbose=0), wanted, atol=tolerance)
