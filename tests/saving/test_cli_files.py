"""The verbs of the command line that read and write files of models."""

import hashlib
import json
import shutil
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from cornu import cli, layers, models, saving
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


def test_convert_says_what_it_read(model, tmp_path, capsys):
    out = tmp_path / "out.keras"
    assert cli.main(["convert", str(tmp_path / "m.keras"), str(out)]) == 0
    shown = capsys.readouterr().out
    assert "Keras 3.15.1, by Cornu: 5 layers" in shown
    # two Dense layers of 4 * 6 + 6 and 6 * 3 + 3, and four vectors of 6
    assert "8 arrays, 75 numbers" in shown
    assert "optimizer Adam" in shown and "the whole model and its optimizer" in shown


def test_convert_between_weights_alone(model, tmp_path, capsys):
    model.save_weights(tmp_path / "a.safetensors")
    for source, target in (("a.safetensors", "b.weights.h5"), ("b.weights.h5", "c.safetensors")):
        assert cli.main(["convert", str(tmp_path / source), str(tmp_path / target)]) == 0
        assert "the weights alone" in capsys.readouterr().out
    twin = filled(mlp(), seed=3)
    twin.load_weights(tmp_path / "c.safetensors")
    assert all(map(np.array_equal, twin.get_weights(), model.get_weights()))
    assert cli.main(["convert", str(tmp_path / "a.safetensors"), str(tmp_path / "m.h5")]) == 1
    assert "must end in" in capsys.readouterr().err


def test_weights_by_layer_need_their_model(model, tmp_path, capsys):
    model.save_weights(tmp_path / "old.h5")
    out = tmp_path / "new.weights.h5"
    assert cli.main(["convert", str(tmp_path / "old.h5"), str(out)]) == 1
    said = capsys.readouterr()
    assert "model.load_weights(" in said.err and not out.exists()


def test_convert_to_and_from_a_folder(model, tmp_path, capsys):
    assert cli.main(["convert", str(tmp_path / "m.keras"), f"{tmp_path}/out/"]) == 0
    assert cli.main(["convert", f"{tmp_path}/out", str(tmp_path / "n.h5")]) == 0
    assert "as a folder" in capsys.readouterr().out
    found = saving.load_model(tmp_path / "n.h5").get_weights()
    assert all(map(np.array_equal, found, model.get_weights()))
    assert cli.main(["convert", str(tmp_path / "m.keras"), f"{tmp_path}/out/"]) == 1
    assert cli.main(["convert", "--force", str(tmp_path / "m.keras"), f"{tmp_path}/out/"]) == 0


@pytest.mark.parametrize("ending", ["json", "yaml"])
def test_architectures(ending, model, tmp_path, capsys):
    text = tmp_path / f"m.{ending}"
    assert cli.main(["convert", str(tmp_path / "m.keras"), str(text)]) == 0
    capsys.readouterr()
    for verb in ("inspect", "summary"):
        assert cli.main([verb, str(text)]) == 0
        shown = capsys.readouterr().out
        assert "Dropout" in shown
    assert cli.main(["inspect", str(text)]) == 0
    assert f"architecture as {ending.upper()}" in capsys.readouterr().out
    other = tmp_path / ("n.yaml" if ending == "json" else "n.json")
    assert cli.main(["convert", str(text), str(other)]) == 0
    assert cli.main(["convert", str(other), str(tmp_path / "n.keras")]) == 0
    assert "with new weights" in capsys.readouterr().out
    again = saving.load_model(tmp_path / "n.keras")
    assert [type(x).__name__ for x in again.layers] == [type(x).__name__ for x in model.layers]
    text.write_text("{")
    assert cli.main(["inspect", str(text)]) == 1
    assert capsys.readouterr().err.startswith("cornu inspect: ")


GOLDEN = Path(__file__).parents[1] / "golden"
OLD = {
    "1.0.8/batchnorm_bank-th.h5": "Keras 1.0.8",
    "1.2.2/activations-tf.h5": "Keras 1.2.2",
    "2.2.4/pool2d_last-tf.h5": "Keras 2.2.4 on tensorflow",
    "3.15.1/cnn_train-tf.keras": "Keras 3.15.1",
}


@pytest.mark.parametrize("name", OLD)
def test_files_of_older_generations(name, tmp_path, capsys):
    source, out = GOLDEN / name, tmp_path / "new.keras"
    assert cli.main(["inspect", str(source)]) == 0
    assert OLD[name] in capsys.readouterr().out
    assert cli.main(["convert", str(source), str(out)]) == 0
    shown = capsys.readouterr().out
    assert OLD[name] in shown and "written" in shown
    before, after = saving.load_model(source), saving.load_model(out)
    assert all(map(np.array_equal, before.get_weights(), after.get_weights()))


def test_a_backend_that_the_file_denies(tmp_path, capsys):
    source = str(GOLDEN / "2.2.4/pool2d_last-tf.h5")
    out = str(tmp_path / "out.keras")
    assert cli.main(["convert", source, out, "--backend", "theano"]) == 1
    assert "tensorflow" in capsys.readouterr().err and not (tmp_path / "out.keras").exists()
    with pytest.raises(SystemExit):
        cli.main(["convert", source, out, "--backend", "mxnet"])


def test_what_was_not_taken_is_told(tmp_path, capsys):
    model = models.Sequential([layers.Input((3,)), layers.Lambda(lambda x: x, name="lam")])
    with pytest.warns(UserWarning):
        model.save(tmp_path / "m.keras")
    assert cli.main(["convert", str(tmp_path / "m.keras"), str(tmp_path / "n.keras")]) == 1
    said = capsys.readouterr().err
    assert 'custom_objects={"lam": your_function}' in said and said.count("\n") == 1
    layer = layers.StringLookup(vocabulary=["a"])
    x = layers.Input((1,), dtype="string")
    models.Model(x, layer(x)).save(tmp_path / "t.keras")
    assert cli.main(["convert", str(tmp_path / "t.keras"), str(tmp_path / "t.h5")]) == 0
    assert "note " in capsys.readouterr().out


def test_a_damaged_member_is_told_in_one_line(model, tmp_path, capsys):
    bad = tmp_path / "bad.keras"
    shutil.copy(tmp_path / "m.keras", bad)
    with zipfile.ZipFile(bad) as archive:
        place = archive.getinfo("config.json").header_offset + 100
    content = bytearray(bad.read_bytes())
    content[place] ^= 1
    bad.write_bytes(content)
    assert cli.main(["convert", str(bad), str(tmp_path / "out.keras")]) == 1
    said = capsys.readouterr().err
    assert "config.json" in said and said.count("\n") == 1
