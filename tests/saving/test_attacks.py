"""Damage that time does to files, and a few of the files of `tests/attacks`, seen closely."""

import io
import json
import os
import sys
import time
import zipfile

import h5py
import numpy as np
import pytest

from cornu import layers, models, saving
from cornu.saving.text import parse
from saving.samples import filled, mlp

SECONDS = 2.0


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """The members of a good `.keras` file."""
    path = tmp_path_factory.mktemp("good") / "m.keras"
    filled(mlp()).save(path)
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def refused(path, words=None):
    """That loading raises ModelFileError, soon, and leaves nothing."""
    before = sorted(os.listdir(path.parent))
    begin = time.process_time()
    with pytest.raises(saving.ModelFileError, match=words) as caught:
        saving.load_model(path)
    assert time.process_time() - begin < SECONDS
    assert sorted(os.listdir(path.parent)) == before
    assert str(path) in str(caught.value)


def packed(path, members, **changes):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {**members, **changes}.items():
            archive.writestr(name, content)
    return path


def without_digests(members):
    return {**members, "metadata.json": b"{}"}


def test_any_end_is_missed(good, tmp_path):
    path = packed(tmp_path / "m.keras", good)
    content = path.read_bytes()
    for length in range(1, len(content), 997):
        path.write_bytes(content[:length])
        refused(path, "damaged|neither")


@pytest.mark.parametrize("metadata", [True, False], ids=["with digests", "without"])
def test_a_changed_bit_never_goes_unnoticed(metadata, good, tmp_path):
    path = packed(tmp_path / "m.keras", good if metadata else without_digests(good))
    content, rng = path.read_bytes(), np.random.default_rng(0)
    known = saving.load_model(path).get_weights()
    for place in rng.integers(0, len(content), 60):
        changed = bytearray(content)
        changed[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(changed)
        try:
            found = saving.load_model(path).get_weights()
        except saving.ModelFileError:
            continue
        assert all(map(np.array_equal, known, found))


def test_a_damaged_tensor_is_named(tmp_path):
    model, path = filled(mlp()), tmp_path / "m.weights.h5"
    model.save_weights(path)
    content = bytearray(path.read_bytes())
    content[content.index(model.layers[3].kernel.numpy().tobytes()) + 5] ^= 1
    path.write_bytes(content)
    with pytest.raises(saving.ModelFileError, match="layers/dense_1/vars/0: is damaged.*checksum"):
        model.load_weights(path)


def test_other_byte_orders_and_widths_are_numbers_too(good, tmp_path):
    image = io.BytesIO(good["model.weights.h5"])
    values = np.arange(24.0).reshape(4, 6)
    with h5py.File(image, "r+") as file:
        group = file["layers/dense/vars"]
        del group["0"]
        group.create_dataset("0", data=values.astype(">f8"), compression="gzip")
    members = {**without_digests(good), "model.weights.h5": image.getvalue()}
    model = saving.load_model(packed(tmp_path / "m.keras", members))
    assert np.array_equal(model.layers[0].kernel.numpy(), values.astype("float32"))


@pytest.mark.parametrize("units", [2 * 10**7, 10**12, 2**62, 0, -1, 1.5, "9", True, [1], None, {}])
def test_sizes_that_do_not_fit_the_weights(units, good, tmp_path):
    config = json.loads(good["config.json"])
    config["config"]["layers"][1]["config"]["units"] = units
    members = {**without_digests(good), "config.json": json.dumps(config)}
    refused(packed(tmp_path / "m.keras", members))


def test_a_bomb_of_text_alone():
    text = mlp().to_json().replace('"units": 6', f'"units": {10**12}')
    begin = time.process_time()
    with pytest.raises(ValueError, match="asks for a weight of shape"):
        saving.model_from_json(text)
    assert time.process_time() - begin < 0.5


def test_large_weights_of_a_text_wait_until_they_are_used():
    text = models.Sequential([layers.Input((4,)), layers.Dense(6)]).to_json()
    begin = time.process_time()
    model = saving.model_from_json(text.replace('"units": 6', '"units": 4000000'))
    kernel = model.layers[0].kernel
    assert time.process_time() - begin < 0.5
    assert kernel.shape == (4, 4_000_000) and kernel.dtype == "float32"
    bound = np.sqrt(6 / (4 + 4_000_000))  # glorot_uniform
    assert 0.9 * bound < np.abs(kernel.numpy()).max() <= bound
    assert np.array_equal(kernel.numpy(), kernel.numpy())


def test_messages_quote_nothing_that_moves_a_cursor():
    with pytest.raises(saving.ModelFileError) as caught:
        saving.load_model("no\x1b]0;x\x07ne.keras")
    assert str(caught.value).isprintable() and "\\x1b" in str(caught.value)


def test_json_is_read_as_it_is():
    text = '{"a": [1, -2.5, 1e3, true, null, "\\u00e9\\"[{,"], "b": {"c": []}}'
    assert parse(text) == json.loads(text)


def test_nothing_dangerous_is_imported():
    dangerous = {"dill", "joblib", "marshal", "pickle", "subprocess", "yaml"}
    ours = [m for name, m in sys.modules.items() if name.startswith("cornu.saving")]
    assert len(ours) > 5
    for module in ours:
        assert not dangerous & set(vars(module))
