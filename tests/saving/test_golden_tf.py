"""Files of tf.keras 2.4 to 2.15 load, predict as recorded, and train on as recorded.

What the files are is told in `tests/golden/tf_keras/README.md`.
"""

from pathlib import Path

import numpy as np
import pytest

from cornu import saving

FOLDER = Path(__file__).parents[1] / "golden" / "tf_keras"
FILES = sorted(
    f"{path.parent.name}/{path.name}"
    for path in FOLDER.rglob("*")
    if path.suffix in (".h5", ".keras") and ".weights" not in path.name
)
DRIFTED = {"2.12.1/shared.keras"}
"""Nadam of 2.11 and later counts its steps in Python, which a traced function does once: what it
did is not its formula, and its state is not in the file. Its losses are near those recorded."""

QUICK = {
    *("2.4.4/lstm.h5", "2.4.4/mlp.h5", "2.8.4/shared.h5", "2.8.4/cnn.h5", "2.11.1/lstm.h5"),
    *("2.12.1/each_step.keras", "2.12.1/nested.keras", "2.12.1/crossed.keras"),
    *("2.15.1/attentive.keras", "2.15.1/adapted.keras", "2.15.1/normalized.h5"),
}
MARKED = [f if f in QUICK else pytest.param(f, marks=pytest.mark.slow) for f in FILES]


def known(file):
    with np.load((FOLDER / file).with_suffix(".npz")) as values:
        found = dict(values)
    x = [found[f"x{i}"] for i in range(sum(key.startswith("x") for key in found))]
    y = [found[f"y{i}"] for i in range(sum(key.startswith("y") for key in found))]
    return x if len(x) > 1 else x[0], y, found


def check_outputs(model, x, y):
    found = model.predict(x, verbose=0)
    found = found if isinstance(found, list) else [found]
    for ours, theirs in zip(found, y, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize("file", MARKED)
def test_it_predicts_and_trains_on_as_tf_keras_did(file):
    x, y, values = known(file)
    model = saving.load_model(FOLDER / file)
    check_outputs(model, x, y)
    assert model.compiled == ("losses" in values)
    if model.compiled:
        assert int(model.optimizer.iterations) == 2
        losses = [model.train_on_batch(x, values["by0"])[0] for _ in range(3)]
        near = 2e-2 if file in DRIFTED else 1e-4
        np.testing.assert_allclose(losses, values["losses"], rtol=near)


def test_its_json_and_its_weights():
    """2.12 to 2.14 count layers that have weights twice, and tell no names."""
    model = saving.model_from_json((FOLDER / "2.4.4" / "lstm.json").read_text())
    model.load_weights(FOLDER / "2.4.4" / "lstm.h5")
    check_outputs(model, *known("2.4.4/lstm.h5")[:2])
    model = saving.load_model(FOLDER / "2.12.1" / "nested.keras")
    before = model.get_weights()
    model.set_weights([np.zeros_like(w) for w in before])
    model.load_weights(FOLDER / "2.12.1" / "nested.weights.h5")
    assert all(map(np.array_equal, model.get_weights(), before))


def test_saved_again_it_is_a_file_of_today(tmp_path):
    x, y, _ = known("2.12.1/each_step.keras")
    model = saving.load_model(FOLDER / "2.12.1" / "each_step.keras")
    model.save(tmp_path / "m.keras")
    twin = saving.load_model(tmp_path / "m.keras")
    assert twin.get_config() == model.get_config()
    check_outputs(twin, x, y)


# ---------------------------------------------------------------- what only TensorFlow opens


def saved_model(folder):
    (folder / "m" / "variables").mkdir(parents=True)
    (folder / "m" / "saved_model.pb").write_bytes(b"\x08\x01\x12\x00")
    return folder / "m"


def checkpoint(folder):
    (folder / "w.index").write_bytes(bytes(40) + bytes.fromhex("57fb808b247547db"))
    (folder / "w.data-00000-of-00001").write_bytes(bytes(8))
    (folder / "checkpoint").write_bytes(b'model_checkpoint_path: "w"\n')
    return folder / "w"


FOREIGN = {
    "a folder": (saved_model, "SavedModel"),
    "its graph": (lambda d: saved_model(d) / "saved_model.pb", "SavedModel"),
    "a prefix": (checkpoint, "checkpoint"),
    "an index": (lambda d: checkpoint(d).with_suffix(".index"), "checkpoint"),
    "data": (lambda d: checkpoint(d).with_suffix(".data-00000-of-00001"), "checkpoint"),
    "a pointer": (lambda d: checkpoint(d).with_name("checkpoint"), "checkpoint"),
    "a folder of checkpoints": (lambda d: checkpoint(d).parent, "checkpoint"),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_what_only_tensorflow_opens_is_named(name, tmp_path):
    make, kind = FOREIGN[name]
    path = make(tmp_path)
    for call in (saving.load_model, saving.load_model(FILES_OWN).load_weights):
        with pytest.raises(saving.ModelFileError, match=kind) as caught:
            call(path)
        assert caught.value.code == "E-FILE-TENSORFLOW" and "save" in str(caught.value)


FILES_OWN = FOLDER / "2.12.1" / "crossed.keras"


def test_a_file_whose_neighbour_is_a_checkpoint_is_read(tmp_path):
    checkpoint(tmp_path)
    (tmp_path / "w").write_bytes(FILES_OWN.read_bytes())
    assert saving.load_model(tmp_path / "w").built
