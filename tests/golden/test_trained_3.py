"""Training goes on as Keras 3.15.1 itself went on, from the state in its files.

Every case is a model that Keras trained a little and saved, optimizer slots included; then it
trained on one batch three times more and noted losses and weights. `trained.json` says within
which tolerances.
"""

import io
import json
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from cornu import config, layers, losses, models, optimizers

FOLDER = Path(__file__).parent / "3.15.1"
TOLERANCES = json.loads((FOLDER / "trained.json").read_text())["tolerance"]
CASES = sorted(TOLERANCES)


UNUSED = {
    "input_axes": None,
    "output_axes": None,
    "quantization_config": None,
    "renorm": False,
    "renorm_clipping": None,
    "renorm_momentum": 0.99,
}
"""Entries of configs that say, here, that something is off: what they must be."""


def known(entry):
    """A layer's plain form without the entries that say nothing."""
    if not isinstance(entry, dict):
        return entry
    said = {k: known(v) for k, v in entry.items() if k != "build_config"}
    for name in UNUSED.keys() & said.keys():
        assert said.pop(name) == UNUSED[name]
    return said


def weights_of(group: h5py.Group) -> list:
    """The arrays of a group's `vars`, in order."""
    cells = group["vars"] if "vars" in group else {}
    return [np.asarray(cells[str(i)]) for i in range(len(cells))]


def loss_of(said):
    return losses.deserialize(said) if isinstance(said, dict) else said


def restored(name: str):
    """The Sequential in a case's file, compiled, with its weights and its optimizer's state."""
    with zipfile.ZipFile(FOLDER / f"{name}.keras") as archive:
        plain = json.loads(archive.read("config.json"))
        file = h5py.File(io.BytesIO(archive.read("model.weights.h5")))
    entries = plain["config"]["layers"]
    model = models.Sequential([layers.Input(tuple(entries[0]["config"]["batch_shape"][1:]))])
    for entry in entries[1:]:
        model.add(config.deserialize(known(entry)))
    said = plain["compile_config"]
    optimizer = optimizers.deserialize(said["optimizer"])
    mixed = "inner_optimizer" in file["optimizer"]
    if mixed:
        optimizer = optimizers.LossScaleOptimizer(optimizer)
    model.compile(optimizer, loss_of(said["loss"]), metrics=said["metrics"])
    groups = seen_names(model.layers)
    for layer, group in groups:
        layer.set_weights(weights_of(file["layers"][group]) if group in file["layers"] else [])
    optimizer.build(model.trainable_variables)
    optimizer.set_weights(weights_of(file["optimizer"]))
    return model


def seen_names(found: list) -> list:
    """Layers with the names of their groups: the class's, numbered from the second on."""
    counts: dict[str, int] = {}
    named = []
    for layer in found:
        base = config.snake(type(layer).__name__)
        number = counts.get(base, 0)
        counts[base] = number + 1
        named.append((layer, f"{base}_{number}" if number else base))
    return named


def recorded(name: str):
    with np.load(FOLDER / f"{name}.npz") as arrays:
        return dict(arrays)


@pytest.fixture(scope="module", params=CASES)
def case(request):
    return (
        request.param,
        restored(request.param),
        recorded(request.param),
        TOLERANCES[request.param],
    )


def test_predictions_losses_and_weights(case):
    name, model, data, near = case
    prediction = model.predict(data["x0"], verbose=0)
    tolerance = {"rtol": near["predict_rtol"], "atol": near["predict_atol"]}
    np.testing.assert_allclose(prediction, data["y0"], **tolerance)
    batch = (data["bx0"], data["by0"], data.get("bsw0"))
    tolerance = {"rtol": near["train_loss_rtol"], "atol": near["train_loss_atol"]}
    before = np.atleast_1d(model.test_on_batch(*batch))
    np.testing.assert_allclose(before, data["loss_before"], **tolerance)
    counted = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    begun = int(counted._iterations.value)
    for step, expected in enumerate(data["losses"]):
        found = np.atleast_1d(model.train_on_batch(*batch))
        np.testing.assert_allclose(found, expected, **tolerance, err_msg=f"step {step}")
    after = [data[f"w{i}"] for i in range(len(model.weights))]
    assert f"w{len(after)}" not in data
    assert int(counted._iterations.value) == begun + 3
    for found, expected in zip(model.get_weights(), after, strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=near["weights_after_atol"])
