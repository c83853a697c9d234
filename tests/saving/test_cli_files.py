"""The verbs of the command line that read and write files of models."""

import hashlib
import json

import h5py
import numpy as np
import pytest

from cornu import cli, layers, saving
from saving.samples import filled, mlp


@pytest.fixture
def model(tmp_path):
    made = filled(mlp())
    made.compile("adam", "mse")
    made.save(tmp_path / "m.keras")
    return made


@pytest.mark.parametrize("ending", ["keras", "h5", "weights.h5", "safetensors"])
def test_inspect_tells_what_a_file_has(ending, model, tmp_path, capsys, monkeypatch):
    path = tmp_path / f"n.{ending}"
    (model.save if ending in ("keras", "h5") else model.save_weights)(path)
    monkeypatch.setattr(layers.Dense, "__init__", None)  # nothing is built
    assert cli.main(["inspect", str(path)]) == 0
    shown = capsys.readouterr().out
    assert hashlib.sha256(path.read_bytes()).hexdigest() in shown
    assert f"{path.stat().st_size:,} bytes" in shown
    assert "(4, 6)  float32" in shown
    if ending in ("keras", "h5"):
        assert "optimizer Adam" in shown and "batch_normalization" in shown


@pytest.mark.parametrize("ending", ["h5", "keras", "weights.h5", "safetensors", "json"])
def test_convert_writes_what_the_name_says(ending, model, tmp_path, capsys):
    out = tmp_path / f"out.{ending}"
    assert cli.main(["convert", str(tmp_path / "m.keras"), str(out)]) == 0
    shown = capsys.readouterr().out
    assert "read     Keras 3 archive" in shown and f"written  {out}" in shown
    if ending == "json":
        assert json.loads(out.read_text())["class_name"] == "Sequential"
        return
    twin = saving.load_model(out) if ending in ("h5", "keras") else filled(mlp(), seed=3)
    if ending not in ("h5", "keras"):
        twin.load_weights(out)
    assert all(map(np.array_equal, twin.get_weights(), model.get_weights()))


def test_convert_replaces_only_what_it_may(model, tmp_path, capsys):
    out = tmp_path / "out.h5"
    out.write_bytes(b"mine")
    assert cli.main(["convert", str(tmp_path / "m.keras"), str(out)]) == 1
    assert "exists already" in capsys.readouterr().err and out.read_bytes() == b"mine"
    assert cli.main(["convert", str(tmp_path / "m.keras"), str(out), "--overwrite"]) == 0
    assert saving.load_model(out).name == model.name


def test_summary_and_plot(model, tmp_path, capsys):
    assert cli.main(["summary", str(tmp_path / "m.keras")]) == 0
    assert "batch_normalization" in capsys.readouterr().out
    assert cli.main(["plot", str(tmp_path / "m.keras"), str(tmp_path / "m.dot")]) == 0
    assert (tmp_path / "m.dot").read_text().startswith("digraph")


@pytest.mark.parametrize("verb", ["summary", "inspect", "convert", "plot"])
@pytest.mark.parametrize(
    ("name", "words"),
    [("none.keras", "no such file"), ("bad.keras", "damaged"), (".", "directory")],
)
def test_files_that_cannot_be_read(verb, name, words, tmp_path, capsys):
    (tmp_path / "bad.keras").write_bytes(b"PK\x03\x04" + bytes(50))
    more = [str(tmp_path / "out.keras")] if verb in ("convert", "plot") else []
    assert cli.main([verb, str(tmp_path / name), *more]) == 1
    said = capsys.readouterr()
    assert said.err.startswith(f"cornu {verb}: ") and words in said.err and not said.out
    assert not (tmp_path / "out.keras").exists()


def test_what_a_file_says_cannot_steer_the_terminal(tmp_path, capsys):
    said = {"class_name": "Sequential", "config": {"name": "m", "layers": []}}
    for name in ("\x1b]0;x\x07", "a"):
        entry = {"class_name": name, "config": {"name": name}}
        said["config"]["layers"].append(entry)
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file.attrs["model_config"] = json.dumps(said)
        file.create_group("model_weights").attrs["layer_names"] = np.zeros(0)
    assert cli.main(["inspect", str(tmp_path / "m.h5")]) == 0
    said = capsys.readouterr()
    assert "\x1b" not in said.out + said.err


def test_convert_to_a_name_that_says_nothing(model, tmp_path, capsys):
    assert cli.main(["convert", str(tmp_path / "m.keras"), str(tmp_path / "out.pt")]) == 1
    assert "must end in" in capsys.readouterr().err
