"""Files of Keras 0.3.3 to 2.3.1 become models that predict what these versions predicted.

`predicted_old.zip` holds every file that they wrote for us, on Theano and on TensorFlow: whole
models, weights, JSON and YAML; and beside each the inputs and the outputs which the version itself
computed, with how far off they may be. `cases.json` there lists them.

In one place the original is not what it meant to be: Keras 1 on Theano, without a compiler for
C++, computed one dilated convolution with padding "valid" as if it were not dilated (`UNDILATED`).
TensorFlow, later versions and Theano otherwise do not, and we hold to what the config says.
"""

import json
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest

from cornu import models, saving, tree
from cornu.dialects import generations, spellings, table
from cornu.saving.text import parse
from cornu.saving.yaml_form import plain_of

ARCHIVE = zipfile.ZipFile(Path(__file__).parent / "predicted_old.zip")
CASES = {f"{c['version']}/{c['name']}": c for c in json.loads(ARCHIVE.read("cases.json"))}
UNDILATED = {"1.0.8/conv2d_tfdim-th": 5, "1.2.2/conv2d_tfdim-th": 5}
"""Case -> the output that is otherwise, by its number."""

TEXTS = ("json", "yaml")
QUICK_TEXTS = {"1.2.2/sequential_merge-tf", "1.2.2/conv1d-th", "2.0.8/nested_model-th"}


def marked(quick):
    """Every file of a whole model, or every text, those that say nothing new marked as slow."""

    def mark(name, kind):
        new = quick(name, kind)
        return pytest.param(name, kind, marks=() if new else pytest.mark.slow, id=f"{name}-{kind}")

    return mark


def is_new(name, kind):
    """Whether a whole model has something that others have not; training has its own tests."""
    case = CASES[name]["name"]
    by_both = case.endswith("-th") and f"{name[:-3]}-tf" in CASES
    same = by_both and not any(word in case for word in ("conv", "pool", "separable", "batchnorm"))
    return not (same or case.startswith(("opt_", "loss_", "activations", "mlp")))


def is_new_text(name, kind):
    """Whether a text is to be read in the quick tests: JSON of Keras 0, some of the others."""
    return kind == "json" and (name in QUICK_TEXTS or name.startswith("0.3") and is_new(name, kind))


WHOLE = [marked(is_new)(name, "h5") for name in CASES if "h5" in CASES[name]["files"]]
SPELT = [
    marked(is_new_text)(name, kind)
    for name in CASES
    for kind in TEXTS
    if kind in CASES[name]["files"]
]


def path_of(name, kind, folder):
    version, case = name.split("/")
    ending = {"h5": ".h5", "weights": ".weights.h5"}.get(kind, f".{kind}")
    return ARCHIVE.extract(f"{version}/{case}{ending}", folder)


def text_of(name, kind):
    return ARCHIVE.read(f"{name}.{kind}").decode()


def numbered(known, letter):
    keys = [key for key in known if key[0] == letter and key[1:].isdigit()]
    return [known[key] for key in sorted(keys, key=lambda key: int(key[1:]))]


def said(name, kind):
    """What the file does not say: padding and cropping of Keras 1 had no format of their own."""
    case = CASES[name]
    silent = case["version"][0] == "1" and (kind != "h5" or not case["weights"])
    backend = {"backend": case["backend"]} if silent else {}
    return {"data_format": case["data_format"], **backend}


def check(model, name, folder):
    case = CASES[name]
    with np.load(ARCHIVE.extract(f"{name}.npz", folder)) as arrays:
        known = dict(arrays)
    inputs = numbered(known, "x")
    made = model.predict(inputs if len(inputs) > 1 else inputs[0], verbose=0)
    assert isinstance(made, list) == (len(numbered(known, "y")) > 1)
    found = tree.leaves(made)
    near = {"rtol": case["rtol"], "atol": case["atol"]}
    for i, (ours, theirs) in enumerate(zip(found, numbered(known, "y"), strict=True)):
        if i != UNDILATED.get(name):
            np.testing.assert_allclose(ours, theirs, err_msg=f"output {i}", **near)
    if "y0_call2" in known:  # a stateful model goes on where it was
        again = model.predict(inputs[0], verbose=0)
        np.testing.assert_allclose(again, known["y0_call2"], **near)


def as_many(model, name):
    """Keras 2 had as many weights as there are today; Keras 1 more of recurrent layers."""
    count = CASES[name]["weights"]
    if count is not None and CASES[name]["version"][0] == "2":
        assert len(model.weights) == count


@pytest.mark.parametrize(("name", "kind"), WHOLE)
def test_a_whole_model(name, kind, tmp_path):
    model = saving.load_model(path_of(name, kind, tmp_path), compile=False, **said(name, kind))
    as_many(model, name)
    check(model, name, tmp_path)


@pytest.mark.parametrize(("name", "kind"), SPELT)
def test_a_text_and_weights(name, kind, tmp_path):
    if kind == "yaml":
        pytest.importorskip("yaml")
    read = saving.model_from_json if kind == "json" else saving.model_from_yaml
    model = read(text_of(name, kind), **said(name, kind))
    model.load_weights(path_of(name, "weights", tmp_path))
    as_many(model, name)
    check(model, name, tmp_path)


@pytest.mark.parametrize("name", [n for n in CASES if "yaml" in CASES[n]["files"]])
def test_yaml_says_what_json_says(name):
    pytest.importorskip("yaml")
    assert plain_of(text_of(name, "yaml")) == parse(text_of(name, "json"))


@pytest.mark.parametrize("name", UNDILATED)
def test_what_theano_computed_without_dilation(name, tmp_path):
    """The recorded output is that of the layer with dilation left out."""
    model = saving.load_model(path_of(name, "h5", tmp_path), compile=False, **said(name, "h5"))
    layer = model.get_layer(model.output_names[UNDILATED[name]])
    kernel, bias = layer.get_weights()
    with np.load(ARCHIVE.extract(f"{name}.npz", tmp_path)) as known:
        x, expected = known["x0"], known[f"y{UNDILATED[name]}"]
    rows, columns = expected.shape[1:3]
    found = bias + sum(
        x[:, i : i + rows, j : j + columns] @ kernel[i, j] for i in range(2) for j in range(2)
    )
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_every_kind_of_file_is_there():
    """What the archive is for: all six versions, both backends, all four kinds of files."""
    versions = {case["version"] for case in CASES.values()}
    assert versions == {"0.3.3", "1.0.8", "1.2.2", "2.0.8", "2.2.4", "2.3.1"}
    assert {case["backend"] for case in CASES.values()} == {"theano", "tensorflow"}
    assert len(WHOLE) == 250 and len(SPELT) == 178


CALLED = {
    "0.3.3/embedding_lstm_train-th": "0.3",
    "1.2.2/mlp_dropout-tf": "1.2",
    "2.0.8/embedding_lstm_train-tf": "2.0",
    "2.0.8/reg_constraints-th": "2.0",
}
"""Case, a Sequential -> its generation."""


@pytest.mark.parametrize("name", CALLED)
def test_weights_in_a_model_of_old_constructor_calls(name, tmp_path):
    """Each layer is made by the call that its config tells, as a script of then made it."""
    config = parse(text_of(name, "json"))
    entries = config["layers"] if "layers" in config else config["config"]
    entries = entries["layers"] if isinstance(entries, dict) else entries
    with spellings.registered(), generations.within(CALLED[name]), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of old spellings
        model = models.Sequential([called(entry) for entry in entries])
    model.load_weights(path_of(name, "weights", tmp_path))
    check(model, name, tmp_path)


def called(entry):
    if "class_name" in entry:
        return table.made(entry["class_name"], **entry["config"])
    given = {key: value for key, value in entry.items() if key not in ("name", "custom_name")}
    return table.made(entry["name"], **given)
