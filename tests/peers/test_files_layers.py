"""Every layer of the contract table in a model of Keras 3.15.1: its files load here, ours there."""

import os

import numpy as np
import pytest

os.environ["KERAS_BACKEND"] = "jax"  # before it is imported
keras = pytest.importorskip("keras", minversion="3.15")

from contracts.layers_row import Row  # noqa: E402
from contracts.layers_table import ROWS  # noqa: E402
from cornu import layers, models, saving, state  # noqa: E402

pytestmark = [pytest.mark.peers, pytest.mark.filterwarnings("ignore")]

UNSAID = {
    "Equalization": "a graph with it in Keras is a circle, which Keras cannot compute",
    "Lambda": "its function is code there",
}

OTHERWISE = {
    "RandomCrop": "at rest Keras returns images as they are",
    "Solarization": "all numbers are shares here",
}
"""Layers that compute something else, as `test_photometry` and `test_image` tell."""

FIRST_OF_EACH = [
    row
    for row in {row.name: row for row in reversed(ROWS)}.values()
    if hasattr(keras.layers, row.name) and row.name not in UNSAID
]


def shape_of(row: Row, x):
    return x.shape if row.options.get("stateful") else (None, *x.shape[1:])


def made(row: Row, library):
    inputs = [
        library.layers.Input(batch_shape=shape_of(row, x), dtype=state.dtype_name(x))
        for x in row.args
    ]
    size = {"pool_size": 2} if row.name.startswith("AveragePooling") else {}  # a default here
    layer = getattr(library.layers, row.name)(**{**size, **row.made()})
    return library.models.Model(inputs, layer(inputs if row.several else inputs[0]))


class Ours:
    layers, models = layers, models


def fill(model):
    rng = np.random.default_rng(2)
    values = model.get_weights()
    model.set_weights(
        [rng.uniform(0.2, 0.9, w.shape) if w.dtype.kind in "fV" else w for w in values]
    )
    return model


def outputs(model, row: Row):
    found = model(list(row.args) if row.several else row.args[0])
    found = found if isinstance(found, (list, tuple)) else [found]
    return [np.asarray(one) for one in found]


def check(row: Row, ours, theirs):
    if row.name in OTHERWISE:
        return
    for a, b in zip(outputs(ours, row), outputs(theirs, row), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("ending", [".keras", ".h5"])
@pytest.mark.parametrize("row", FIRST_OF_EACH, ids=lambda row: row.name)
def test_layers_of_keras_here(row: Row, ending, tmp_path):
    if not simple(row):
        pytest.skip("holds a layer of ours")
    theirs = fill(made(row, keras))
    try:
        theirs.save(tmp_path / f"t{ending}")
    except TypeError:
        pytest.skip("Keras cannot save it so")
    ours = saving.load_model(tmp_path / f"t{ending}")
    assert [w.shape for w in ours.get_weights()] == [w.shape for w in weights(theirs)]
    check(row, ours, theirs)


@pytest.mark.parametrize("ending", [".keras", ".h5"])
@pytest.mark.parametrize("row", FIRST_OF_EACH, ids=lambda row: row.name)
def test_our_layers_in_keras(row: Row, ending, tmp_path):
    if row.name in OTHERWISE or (row.name, ending) == ("Attention", ".h5"):
        pytest.skip("Keras cannot load its own")
    ours = fill(made(row, Ours))
    ours.save(tmp_path / f"m{ending}")
    theirs = keras.saving.load_model(tmp_path / f"m{ending}")
    check(row, ours, theirs)


def simple(row: Row) -> bool:
    return not any(type(value).__name__ == "Anew" for value in row.options.values())


def weights(theirs):
    """Without the state of what draws, which is no weight here."""
    return [v for v in theirs.variables if "seed_generator" not in v.path]
