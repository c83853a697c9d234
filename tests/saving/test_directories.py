"""Models as folders: written whole or not at all, read without following links."""

import os
import stat

import numpy as np
import pytest

from cornu import layers, models, saving
from cornu.saving import directories
from saving.samples import filled, mlp

X = np.linspace(-1, 1, 8, dtype="float32").reshape(2, 4)


@pytest.fixture
def folder(tmp_path):
    model = filled(mlp())
    model.compile("adam", "mse")
    model.save(tmp_path / "m", zipped=False)
    return tmp_path / "m"


def test_the_members_are_those_of_keras_3(folder):
    found = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*"))
    assert found == ["assets", "config.json", "metadata.json", "model.weights.h5"]
    assert [p.name for p in folder.parent.iterdir()] == ["m"]  # nothing is left over


def test_round_trip(folder, tmp_path):
    wanted = filled(mlp()).predict(X, verbose=0)
    again = saving.load_model(folder)
    np.testing.assert_array_equal(again.predict(X, verbose=0), wanted)
    assert type(again.optimizer).__name__ == "Adam"
    other = filled(mlp(), seed=3)
    other.load_weights(folder)
    np.testing.assert_array_equal(other.predict(X, verbose=0), wanted)
    (tmp_path / "link").symlink_to(folder)  # the user's own, and not the file's
    assert saving.load_model(tmp_path / "link").name == "mlp"


def test_vocabularies_lie_in_assets(tmp_path):
    layer = layers.TextVectorization(name="words")
    layer.adapt(["the cat", "the dog"])
    model = models.Sequential([layer, layers.Embedding(9, 2), layers.GlobalAveragePooling1D()])
    model.save(tmp_path / "m", zipped=False)
    files = [p for p in (tmp_path / "m" / "assets").rglob("*") if p.is_file()]
    assert {p.name for p in files} == {"vocabulary.txt"}
    assert "text_vectorization" in files[0].parts
    again = saving.load_model(tmp_path / "m")
    text = np.array([["the dog"]])
    np.testing.assert_array_equal(again.predict(text, verbose=0), model.predict(text, verbose=0))
    files[0].write_text("mask\nunk\nevil\n")
    with pytest.raises(saving.ModelFileError, match="checksum"):
        saving.load_model(tmp_path / "m")


def test_a_folder_replaces_only_a_model(folder, tmp_path):
    model = filled(mlp(), seed=9)
    model.save(folder, zipped=False)
    assert all(map(np.array_equal, saving.load_model(folder).get_weights(), model.get_weights()))
    with pytest.raises(saving.ModelFileError, match="overwrite=True"):
        model.save(folder, overwrite=False, zipped=False)
    (folder / "thesis.tex").write_text("years of work")
    with pytest.raises(saving.ModelFileError, match=r"more than a model \('thesis.tex'\)"):
        model.save(folder, zipped=False)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(saving.ModelFileError, match="is a file"):
        model.save(tmp_path / "file", zipped=False)
    assert (tmp_path / "file").read_text() == "mine"
    with pytest.raises(ValueError, match='Use ".*/m", or leave zipped off'):
        model.save(tmp_path / "m.keras", zipped=False)
    with pytest.raises(OSError, match="as it was"):
        model.save(tmp_path / "none" / "m", zipped=False)


@pytest.mark.parametrize("at", ["model.weights.h5", "metadata.json"])
def test_a_save_that_fails_leaves_the_old_one(at, folder, tmp_path, monkeypatch):
    before = saving.load_model(folder).get_weights()
    write = directories._write_member

    def fail(place, name, content):
        if name == at:
            raise OSError(28, "No space left on device")
        return write(place, name, content)

    monkeypatch.setattr(directories, "_write_member", fail)
    with pytest.raises(OSError, match="No space left"):
        filled(mlp(), seed=9).save(folder, zipped=False)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m"]
    assert all(map(np.array_equal, saving.load_model(folder).get_weights(), before))


def test_a_name_that_cannot_be_taken(folder, tmp_path, monkeypatch):
    rename, calls = os.rename, []

    def fail_second(source, target):
        calls.append(source)
        if len(calls) == 2:
            raise OSError(13, "Permission denied")
        rename(source, target)

    monkeypatch.setattr(os, "rename", fail_second)
    with pytest.raises(OSError, match="Permission denied"):
        filled(mlp(), seed=9).save(folder, zipped=False)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m"]
    assert saving.load_model(folder).name == "mlp"


# ---------------------------------------------------------------- folders that are no models


def exchanged(name, make):
    def attack(folder, canary):
        (folder / name).unlink()
        make(folder / name, canary)

    return attack


def asset(make):
    return lambda folder, canary: make(folder / "assets" / "x", canary)


def link(place, canary):
    place.symlink_to(canary)


def pipe(place, canary):
    os.mkfifo(place)


def damage(folder, canary):
    path = folder / "model.weights.h5"
    content = bytearray(path.read_bytes())
    content[-3000] ^= 1
    path.write_bytes(content)


def linked_assets(folder, canary):
    (folder / "assets").rmdir()
    (folder / "assets").symlink_to(canary.parent)


ATTACKS = {
    "a config that is a link": (exchanged("config.json", link), "is a link"),
    "weights that are a link": (exchanged("model.weights.h5", link), "is a link"),
    "a config that is a pipe": (exchanged("config.json", pipe), "no regular file"),
    "weights that are a folder": (exchanged("model.weights.h5", lambda p, c: p.mkdir()), "regular"),
    "no config": (lambda f, c: (f / "config.json").unlink(), "no model lies there"),
    "no weights": (lambda f, c: (f / "model.weights.h5").unlink(), "missing"),
    "no metadata": (lambda f, c: (f / "metadata.json").unlink(), "missing"),
    "a link among assets": (asset(link), "is a link"),
    "a pipe among assets": (asset(pipe), "no regular file"),
    "assets elsewhere": (linked_assets, "is a link"),
    "a name of control characters": (
        lambda f, c: (f / "assets" / "a\x1b[2J").write_text(""),
        "no name for a member",
    ),
    "an asset of no layer": (asset(lambda p, c: p.write_text("x")), "no layer's"),
    "damaged weights": (damage, "checksum"),
    "a config that is no JSON": (lambda f, c: (f / "config.json").write_text("{"), "config.json"),
    "an empty config": (lambda f, c: (f / "config.json").write_text(""), "config.json"),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_folders_that_no_writer_makes(attack, folder, tmp_path):
    canary = tmp_path / "canary"
    canary.write_text("{}")
    times = canary.stat()
    change, words = ATTACKS[attack]
    change(folder, canary)
    with pytest.raises(saving.ModelFileError, match=words) as raised:
        saving.load_model(folder)
    assert "\x1b" not in str(raised.value)
    assert canary.stat().st_atime_ns == times.st_atime_ns


def test_too_many_assets(folder, monkeypatch):
    monkeypatch.setattr(directories.zip, "MOST_ASSETS", 10)
    (folder / "assets" / "a").write_bytes(bytes(11))
    with pytest.raises(saving.ModelFileError, match="more than 10 bytes"):
        saving.load_model(folder)
    (folder / "assets" / "a").unlink()
    deep = folder / "assets"
    monkeypatch.setattr(directories, "DEPTH", 3)
    for _ in range(5):
        deep = deep / "d"
        deep.mkdir()
    with pytest.raises(saving.ModelFileError, match="too many"):
        saving.load_model(folder)


def test_other_folders(tmp_path):
    with pytest.raises(saving.ModelFileError, match="is a directory without a config.json"):
        saving.load_model(tmp_path)
    (tmp_path / "saved_model.pb").write_bytes(b"")
    with pytest.raises(saving.ModelFileError, match="SavedModel"):
        saving.load_model(tmp_path)


def test_what_a_folder_says(folder):
    found = saving.facts(folder)
    assert found.format == "Keras 3 archive as a folder"
    kinds = ["InputLayer", "Dense", "BatchNormalization", "Dropout", "Dense"]
    assert [kind for _, kind in found.layers] == kinds
    assert found.size == sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())
    assert stat.S_ISDIR(folder.stat().st_mode)
