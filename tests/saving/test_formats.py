"""Weights in shards and as safetensors, assets in archives, models as YAML."""

import io
import json
import os
import zipfile

import numpy as np
import pytest

from cornu import layers, models, saving
from cornu.saving.hdf5 import widened
from saving.samples import MAKERS, filled, mlp

SMALL = 150 / 2**30


def same(model, known):
    return all(map(np.array_equal, model.get_weights(), known))


# ---------------------------------------------------------------- shards


def sharded(tmp_path):
    model = filled(mlp())
    model.save_weights(tmp_path / "m.weights.json", max_shard_size=SMALL)
    return model, tmp_path / "m.weights.json"


def test_weights_in_several_files(tmp_path):
    model, path = sharded(tmp_path)
    known = model.get_weights()
    files = sorted(tmp_path.glob("m_*.weights.h5"))
    index = json.loads(path.read_text())
    assert len(files) > 2 and files[0].name == "m_00000.weights.h5"
    assert index["metadata"]["total_size"] == sum(w.nbytes for w in known)
    assert {n for found in index["weight_map"].values() for n in found} == {f.name for f in files}
    filled(model, seed=5).load_weights(path)
    assert same(model, known)


def changed(path, **values):
    index = json.loads(path.read_text())
    path.write_text(json.dumps({**index, **values}))


BAD_NAMES = [
    "../m_00000.weights.h5",
    "/etc/passwd",
    "..",
    "",
    3,
    "a\0.weights.h5",
    "m.weights.json",
]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_shard_is_named_by_its_last_part(name, tmp_path):
    model, path = sharded(tmp_path)
    changed(path, weight_map={"/vars": name})
    with pytest.raises(saving.ModelFileError, match="names the file"):
        model.load_weights(path)


def test_shards_that_are_missing_exchanged_links_or_too_many(tmp_path):
    model, path = sharded(tmp_path)
    before = model.get_weights()
    first, second = tmp_path / "m_00000.weights.h5", tmp_path / "m_00001.weights.h5"
    content = first.read_bytes()
    for make, words in (
        (lambda: first.unlink(), "no such file"),
        (lambda: first.symlink_to(second), "is a link"),
        (lambda: (first.unlink(), first.write_bytes(second.read_bytes())), "not the file"),
        (lambda: first.write_bytes(content[:-9]), "not the file"),
        (lambda: changed(path, cornu={}), "damaged"),
        (lambda: first.write_bytes(second.read_bytes()), "in two of the files"),
        (lambda: changed(path, weight_map={f"/{i}": f"{i}.weights.h5" for i in range(10001)}),
         "10001 files"),
        (lambda: changed(path, weight_map=[]), "weight_map"),
        (lambda: path.write_text("{"), "JSON"),
    ):  # fmt: skip
        make()
        with pytest.raises(saving.ModelFileError, match=words):
            model.load_weights(path)
        assert same(model, before)


@pytest.mark.parametrize("size", [0, -1, "2GB"])
def test_a_size_of_shards_is_a_number(size, tmp_path):
    with pytest.raises(ValueError, match="GiB") as caught:
        mlp().save_weights(tmp_path / "m.weights.json", max_shard_size=size)
    assert caught.value.code == "E-SHARD-SIZE" and not os.listdir(tmp_path)


def test_what_is_there_stays(tmp_path):
    model, path = sharded(tmp_path)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    with pytest.raises(saving.ModelFileError, match="exists already"):
        filled(model, 3).save_weights(path, overwrite=False, max_shard_size=SMALL)
    assert before == {file.name: file.read_bytes() for file in tmp_path.iterdir()}


def test_a_full_disk_leaves_all_shards_as_they_were(tmp_path, monkeypatch):
    model, path = sharded(tmp_path)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    calls = []

    def fsync(descriptor):
        calls.append(descriptor)
        if len(calls) == 3:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError, match="as it was"):
        filled(model, 3).save_weights(path, max_shard_size=SMALL)
    assert before == {file.name: file.read_bytes() for file in tmp_path.iterdir()}


# ---------------------------------------------------------------- safetensors


@pytest.mark.parametrize("name", MAKERS)
def test_safetensors_come_back(name, tmp_path):
    model = filled(MAKERS[name]())
    known = model.get_weights()
    model.save_weights(tmp_path / "m.safetensors")
    filled(model, seed=5).load_weights(tmp_path / "m.safetensors")
    assert same(model, known)


def test_the_header_is_that_of_the_format(tmp_path):
    model = filled(mlp())
    model.save_weights(tmp_path / "m.safetensors")
    content = (tmp_path / "m.safetensors").read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    entry = header["layers/dense/vars/0"]
    begin, end = (8 + length + offset for offset in entry["data_offsets"])
    assert entry["dtype"] == "F32" and entry["shape"] == [4, 6] and length % 8 == 0
    found = np.frombuffer(content[begin:end], "<f4").reshape(4, 6)
    np.testing.assert_array_equal(found, model.get_weights()[0])


def tensors(header, body=b""):
    said = json.dumps(header).encode() if not isinstance(header, bytes) else header
    return len(said).to_bytes(8, "little") + said + body


def entry(dtype="F32", shape=(1,), offsets=(0, 4)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


BAD_TENSORS = {
    "a header beyond the end": (10**6).to_bytes(8, "little") + b'{"a": 1}',
    "no JSON": tensors(b'{"a": '),
    "a list": tensors(b'{"a": []}'),
    "twice": tensors(b'{"a": {}, "a": {}}'),
    "an unknown dtype": tensors({"a": entry("F8")}, bytes(4)),
    "a negative size": tensors({"a": entry(shape=(-1,))}, bytes(4)),
    "a size that is true": tensors({"a": entry(shape=(True,))}, bytes(4)),
    "a giant": tensors({"a": entry(shape=(2**50,), offsets=(0, 2**52))}, bytes(4)),
    "too small": tensors({"a": entry(shape=(2,))}, bytes(4)),
    "an overlap": tensors({"a": entry(), "b": entry()}, bytes(4)),
    "a gap": tensors({"a": entry(), "b": entry(offsets=(8, 12))}, bytes(12)),
    "bytes behind": tensors({"a": entry()}, bytes(5)),
    "cut off": tensors({"a": entry()}, bytes(3)),
    "three offsets": tensors({"a": entry(offsets=(0, 4, 4))}, bytes(4)),
}


@pytest.mark.parametrize("name", BAD_TENSORS)
def test_safetensors_that_are_none(name, tmp_path):
    model, path = filled(mlp()), tmp_path / "m.safetensors"
    before = model.get_weights()
    path.write_bytes(BAD_TENSORS[name])
    with pytest.raises(saving.ModelFileError):
        model.load_weights(path)
    assert same(model, before)


def test_a_changed_bit_of_safetensors(tmp_path):
    model, path = filled(mlp()), tmp_path / "m.safetensors"
    model.save_weights(path)
    content, known = path.read_bytes(), model.get_weights()
    for place in np.random.default_rng(0).integers(0, len(content), 60):
        bad = bytearray(content)
        bad[place] ^= 4
        path.write_bytes(bad)
        filled(model, seed=4)
        try:
            model.load_weights(path)
        except saving.ModelFileError:
            continue
        assert same(model, known)


def test_bfloat16_is_the_upper_half_of_float32():
    bits = np.array([[0x3F80, 0xC040]], "<u2")  # 1 and -3
    np.testing.assert_array_equal(widened(bits), np.array([[1.0, -3.0]], "float32"))


def test_weights_are_no_model(tmp_path):
    mlp().save_weights(tmp_path / "m.safetensors")
    with pytest.raises(saving.ModelFileError, match="load_weights"):
        saving.load_model(tmp_path / "m.safetensors")


# ---------------------------------------------------------------- assets


class Noting(layers.Layer):
    """Keeps a text in a file, one folder down."""

    def __init__(self, name=None):
        super().__init__(name=name)
        self.text = b""

    def call(self, x):
        return x

    def save_assets(self, dir_path):
        os.makedirs(os.path.join(dir_path, "sub"))
        with open(os.path.join(dir_path, "sub", "note.txt"), "wb") as file:
            file.write(self.text)

    def load_assets(self, dir_path):
        with open(os.path.join(dir_path, "sub", "note.txt"), "rb") as file:
            self.text = file.read()


def noting(text=b"hello"):
    layer = Noting()
    layer.text = text
    x = layers.Input((2,), dtype="int32")
    table = layers.IntegerLookup()
    table.adapt(np.array([7, 3, 7]))
    return models.Model(x, layer(table(x)))


def test_files_of_layers_come_back(tmp_path):
    noting().save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as archive:
        names = sorted(n for n in archive.namelist() if n.startswith("assets/"))
        assert names == [
            "assets/layers/integer_lookup/vocabulary.txt",
            "assets/layers/noting/sub/note.txt",
        ]
        assert archive.read(names[1]) == b"hello"
    model = saving.load_model(tmp_path / "m.keras", custom_objects={"Noting": Noting})
    assert model.layers[-1].text == b"hello"
    found = model.predict(np.array([[7, 3]]), verbose=0)
    np.testing.assert_array_equal(found, [[1, 2]])  # the first is for unknown numbers


def repacked(path, change):
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    path.write_bytes(kept.getvalue())


NOTE = "assets/layers/noting/sub/note.txt"
BAD_ASSETS = {
    "changed": (lambda m: m.update({NOTE: b"hallo"}), "checksum"),
    "missing": (lambda m: m.pop(NOTE), "missing"),
    "above": (lambda m: m.update({"assets/../../x": b""}), "no name"),
    "from the root": (lambda m: m.update({"/assets/x": b""}), "no name"),
    "of no layer": (lambda m: m.update({"assets/layers/dense/x": b""}), "no layer's"),
    "no text": (
        lambda m: m.update(
            {"metadata.json": b"{}", "assets/layers/integer_lookup/vocabulary.txt": b"\xff\xfe"}
        ),
        "vocabulary",
    ),
}


@pytest.mark.parametrize("name", BAD_ASSETS)
def test_assets_that_are_wrong(name, tmp_path):
    change, words = BAD_ASSETS[name]
    noting().save(tmp_path / "m.keras")
    repacked(tmp_path / "m.keras", change)
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(saving.ModelFileError, match=words):
        saving.load_model(tmp_path / "m.keras", custom_objects={"Noting": Noting})
    assert sorted(os.listdir(tmp_path)) == before


def test_a_layer_that_leaves_a_link(tmp_path):
    class Linking(Noting):
        def save_assets(self, dir_path):
            os.symlink("/etc/hostname", os.path.join(dir_path, "link"))

    model = models.Sequential([layers.Input((2,)), Linking()])
    with pytest.raises(ValueError, match="cannot be saved") as caught:
        model.save(tmp_path / "m.keras")
    assert caught.value.code == "E-SAVE" and not os.listdir(tmp_path)


# ---------------------------------------------------------------- YAML


def test_yaml_says_what_json_says():
    yaml = pytest.importorskip("yaml")
    model = mlp()
    model.compile("adam", "mse")
    text = model.to_yaml()
    assert yaml.safe_load(text) == json.loads(model.to_json())
    twin = saving.model_from_yaml(text)
    assert twin.get_config() == model.get_config() and twin.optimizer is not None


BAD_YAML = {
    "code": "!!python/object/apply:os.system ['true']",
    "a tag": "!mine {a: 1}",
    "a bomb": "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]",
    "deep": "[" * 400 + "]" * 400,
    "no YAML": "a: [",
    "no model": "a: 1",
    "nothing": "",
}


@pytest.mark.parametrize("name", BAD_YAML)
def test_yaml_that_is_no_model(name):
    pytest.importorskip("yaml")
    with pytest.raises(ValueError):
        saving.model_from_yaml(BAD_YAML[name])


def test_without_the_package_the_message_says_what_to_do(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "yaml", None)
    with pytest.raises(ImportError, match=r"cornu\[yaml\]"):
        mlp().to_yaml()
    with pytest.raises(ValueError, match="takes a string"):
        saving.model_from_yaml(3)
