"""Files written by Keras 3.15.1 load, predict what Keras predicted, and train on as Keras did.

`x*` and `y*` of a case are inputs and Keras's outputs. `bx0`, `by0` are a batch, `losses` what
three training steps on it gave, `w*` the weights after them.
"""

from pathlib import Path

import numpy as np
import pytest

from cornu import models, saving, tree

FOLDER = Path(__file__).parents[1] / "golden" / "3.15.1"
TRAINED = ["cnn_train-tf", "model_in_sequential-tf", "opt_adam_ema-tf"]
RECURRENT = ["bidirectional-tf", "convlstm-tf", "lstm_bank-tf", "rnn_cells-tf", "simplernn_bank-tf"]
CASES = [*TRAINED, "dict_io-tf", *RECURRENT]


@pytest.fixture(params=CASES)
def case(request):
    return request.param


def loaded(case):
    with np.load(FOLDER / f"{case}.npz") as values:
        known = dict(values)
    return saving.load_model(FOLDER / f"{case}.keras"), known


def numbered(known, letters):
    keys = [key for key in known if key.removeprefix(letters).isdigit()]
    return [known[key] for key in sorted(keys, key=lambda key: int(key.removeprefix(letters)))]


def one_or_all(values):
    return values if len(values) > 1 else values[0]


def test_it_predicts_what_keras_predicted(case):
    model, known = loaded(case)
    found = tree.leaves(model.predict(one_or_all(numbered(known, "x")), verbose=0))
    for ours, theirs in zip(found, numbered(known, "y"), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_saved_again_it_is_the_same(case, tmp_path):
    model, known = loaded(case)
    model.save(tmp_path / "again.keras")
    twin = saving.load_model(tmp_path / "again.keras")
    assert twin.get_config() == model.get_config()
    assert all(map(np.array_equal, model.get_weights(), twin.get_weights()))


@pytest.mark.parametrize("case", TRAINED)
def test_it_trains_on_as_keras_did(case):
    model, known = loaded(case)
    x, y = one_or_all(numbered(known, "bx")), one_or_all(numbered(known, "by"))
    losses = [np.ravel(model.train_on_batch(x, y))[0] for _ in known["losses"]]
    np.testing.assert_allclose(losses, known["losses"][:, 0], rtol=1e-4, atol=1e-5)
    for ours, theirs in zip(model.get_weights(), numbered(known, "w"), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=5e-5)


def test_frozen_layers_stay_frozen():
    model, _ = loaded("model_in_sequential-tf")
    assert isinstance(model.layers[1], models.Model)
    assert 0 < len(model.trainable_variables) < len(model.variables)
