"""Whole models and weights as `.h5`: what they keep, whose they are, and what is refused."""

import json
import os

import h5py
import numpy as np
import pytest

from cornu import config, layers, models, saving
from cornu.errors import UsageError
from saving.samples import MAKERS, filled, inputs_of, mlp, outputs_of


@pytest.mark.parametrize("name", MAKERS)
def test_a_model_comes_back(name, tmp_path):
    model = filled(MAKERS[name]())
    model.save(tmp_path / "m.h5")
    twin = saving.load_model(tmp_path / "m.h5")
    assert twin.get_config() == model.get_config()
    assert all(map(np.array_equal, model.get_weights(), twin.get_weights()))
    for key, value in outputs_of(twin).items():
        np.testing.assert_array_equal(value, outputs_of(model)[key])


def named():
    return models.Sequential(
        [
            layers.Input((4,)),
            layers.Dense(6, name="dense"),
            layers.BatchNormalization(name="normal"),
            layers.Dense(3, activation="softmax", name="dense_1"),
        ]
    )


def trained():
    model = filled(named())
    model.compile("adam", "kld", metrics=["mae"])
    x = inputs_of(model, rows=8)
    y = np.eye(3, dtype="float32")[np.arange(8) % 3]
    model.fit(x, y, epochs=2, batch_size=4, verbose=0)
    return model, x, y


@pytest.mark.parametrize("kept", [True, False])
def test_the_optimizer_goes_on_or_begins_anew(kept, tmp_path):
    model, x, y = trained()
    model.save(tmp_path / "m.h5", include_optimizer=kept)
    twin = saving.load_model(tmp_path / "m.h5")
    assert int(twin.optimizer.iterations.value) == (4 if kept else 0)
    assert saving.load_model(tmp_path / "m.h5", compile=False).optimizer is None
    if kept:
        pairs = zip(model.optimizer.variables, twin.optimizer.variables, strict=True)
        assert all(np.array_equal(a.numpy(), b.numpy()) for a, b in pairs)


def test_an_optimizer_that_has_made_no_step_has_no_slots(tmp_path):
    """Keras 3 makes the slots at the first step; until then there are two numbers."""
    model, *_ = trained()
    model.save(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5", "a") as file:
        mark = json.loads(file.attrs["cornu"])
        mark["full"]["slots"] = mark["full"]["slots"][:2]
        del mark["sha256"]["full"]
        file.attrs["cornu"] = json.dumps(mark)
    optimizer = saving.load_model(tmp_path / "m.h5").optimizer  # and no warning
    assert int(optimizer.iterations.value) == 4
    assert not any(v.numpy().any() for v in optimizer.variables[2:])


def test_a_users_class(tmp_path):
    @config.register_keras_serializable("mine")
    class Twice(layers.Layer):
        def call(self, x):
            return 2 * x

    model = models.Sequential([layers.Input((4,)), Twice(), layers.Dense(2)])
    try:
        filled(model).save(tmp_path / "m.h5")
        with h5py.File(tmp_path / "m.h5") as file:
            assert '"mine>Twice"' in file.attrs["model_config"]
        twin = saving.load_model(tmp_path / "m.h5")
        assert all(map(np.array_equal, model.get_weights(), twin.get_weights()))
    finally:
        del config.custom_names["mine>Twice"]
    with pytest.raises(saving.ModelFileError, match="custom_objects"):
        saving.load_model(tmp_path / "m.h5")


def test_a_vocabulary_has_no_place_in_it(tmp_path):
    x = layers.Input((1,), dtype="int32")
    model = models.Model(x, layers.IntegerLookup(vocabulary=[4, 7])(x))
    with pytest.warns(UserWarning, match='Save as "\\.keras"'):
        model.save(tmp_path / "m.h5")


# ---------------------------------------------------------------- weights


def dense(*names, units=3):
    found = [layers.Dense(units, name=name) for name in names]
    return filled(models.Sequential([layers.Input((3,)), *found]))


def test_weights_by_order_and_by_name(tmp_path):
    one, path = dense("a", "b"), tmp_path / "w.h5"
    one.save_weights(path)
    other = filled(dense("c", "d"), seed=1)
    other.load_weights(path)
    assert all(map(np.array_equal, one.get_weights(), other.get_weights()))
    other = filled(dense("b", "a"), seed=1)  # the names are known, so they count
    other.load_weights(path)
    np.testing.assert_array_equal(other.get_weights()[0], one.get_weights()[2])
    other = filled(dense("x", "b", "y"), seed=1)
    before = other.get_weights()
    other.load_weights(path, by_name=True)
    np.testing.assert_array_equal(other.get_weights()[2], one.get_weights()[2])
    for i in (0, 1, 4, 5):
        np.testing.assert_array_equal(other.get_weights()[i], before[i])


MISFITS = {
    "fewer layers": (lambda: dense("a"), {}, "1 unexpected"),
    "more layers": (lambda: dense("a", "b", "c"), {}, r"2 missing(?s:.)*c/kernel \(3, 3\)"),
    "other shapes": (
        lambda: dense("a", "b", units=4),
        {},
        r"a/kernel file \(3, 3\) model \(3, 4\)",
    ),
    "other shapes by name": (lambda: dense("a", units=4), {"by_name": True}, "shape mismatch"),
    "no such names": (lambda: dense("x", "y"), {"by_name": True}, "no layer of the file"),
}


@pytest.mark.parametrize("name", MISFITS)
def test_weights_of_another_model_change_nothing(name, tmp_path):
    make, options, words = MISFITS[name]
    dense("a", "b").save_weights(tmp_path / "w.h5")
    model = filled(make(), seed=1)
    before = model.get_weights()
    with pytest.raises(saving.ModelFileError, match=words) as caught:
        model.load_weights(tmp_path / "w.h5", **options)
    assert caught.value.code == "E-WEIGHTS-FILE"
    assert all(map(np.array_equal, before, model.get_weights()))


def test_what_fits_can_be_set_alone(tmp_path):
    one = dense("a", "b")
    one.save_weights(tmp_path / "w.h5")
    model = filled(dense("a", "b", "c"), seed=1)
    with pytest.warns(UserWarning, match="2 missing"):
        model.load_weights(tmp_path / "w.h5", skip_mismatch=True)
    assert all(map(np.array_equal, one.get_weights(), model.get_weights()[:4]))


def test_by_name_is_for_this_layout(tmp_path):
    model = dense("a")
    model.save_weights(tmp_path / "w.weights.h5")
    with pytest.raises(saving.ModelFileError, match=r"save_weights\('….h5'\)") as caught:
        model.load_weights(tmp_path / "w.weights.h5", by_name=True)
    assert caught.value.code == "E-BY-NAME"


def test_names_by_the_hundred_are_cut_into_pieces(tmp_path):
    model = models.Sequential([layers.Input((1,))])
    for i in range(300):
        model.add(layers.Dense(1, name=f"{i:03}" + "x" * 250))
    filled(model).save_weights(tmp_path / "w.h5")
    with h5py.File(tmp_path / "w.h5") as file:
        assert "layer_names0" in file.attrs and "layer_names1" in file.attrs
    known = model.get_weights()
    filled(model, seed=3).load_weights(tmp_path / "w.h5")
    assert all(map(np.array_equal, known, model.get_weights()))


def test_a_name_that_no_attribute_can_hold_is_refused(tmp_path):
    with pytest.raises(UsageError, match="holds 64512 bytes; one of layer_names has 70000"):
        dense("x" * 70_000).save_weights(tmp_path / "w.h5")
    assert not list(tmp_path.iterdir())


def test_weights_are_no_model(tmp_path):
    dense("a").save_weights(tmp_path / "w.h5")
    with pytest.raises(saving.ModelFileError, match=r"model\.load_weights\(path\)"):
        saving.load_model(tmp_path / "w.h5")


# ---------------------------------------------------------------- hostile and damaged files


def with_attribute(name, value, where="/"):
    def change(file):
        file[where].attrs[name] = value

    return change


def link(file, made):
    del file["model_weights/dense"]
    file["model_weights/dense"] = made


def circle(file):
    file["model_weights/dense/again"] = file["model_weights"]


def bomb(file):
    del file["model_weights/dense/dense/kernel"]
    group = file["model_weights/dense/dense"]
    group.create_dataset("kernel", (2**40,), "f4", chunks=(2**20,), compression="gzip")


def outside(file):
    del file["model_weights/dense/dense/kernel"]
    group = file["model_weights/dense/dense"]
    group.create_dataset("kernel", (4, 6), "f4", external=[("/etc/hostname", 0, 96)])


def text_weights(file):
    del file["model_weights/dense/dense/kernel"]
    file["model_weights/dense/dense/kernel"] = "text"


def change_model(file, change):
    """Change the model as we read it, and let no checksum tell."""
    mark = json.loads(file.attrs["cornu"])
    change(mark["full"]["model_config"]["config"]["layers"])
    file.attrs["cornu"] = json.dumps({"full": mark["full"]})


def large(file):
    change_model(file, lambda forms: forms[1]["config"].update(units=10**12))


def code(file):
    evil = {"class_name": "__lambda__", "config": {"code": "4wAA", "defaults": None}}
    form = {"class_name": "Lambda", "config": {"function": evil}}
    change_model(file, lambda forms: forms.append(form))


def own_checksum(file):
    mark = json.loads(file.attrs["cornu"])
    mark["full"]["model_config"]["config"]["name"] = "other"
    file.attrs["cornu"] = json.dumps(mark)


HOSTILE = {
    "a config of another type": (with_attribute("model_config", 3), "no text"),
    "a config that is a list": (with_attribute("model_config", "[]"), "checksum"),
    "a mark that is no object": (with_attribute("cornu", '{"full": [1]}'), "objects"),
    "a model that was changed": (own_checksum, "checksum"),
    "names of numbers": (with_attribute("layer_names", [1, 2], "model_weights"), "no list"),
    "names in two axes": (
        with_attribute("layer_names", np.array([[b"a"]]), "model_weights"),
        "no list",
    ),
    "a layer that is not there": (
        with_attribute("layer_names", [b"../dense"], "model_weights"),
        "is missing",
    ),
    "a layer twice": (
        with_attribute("layer_names", [b"dense", b"dense"], "model_weights"),
        "twice",
    ),
    "a path above": (
        with_attribute("weight_names", [b"../dense_1/dense_1/bias"], "model_weights/dense"),
        "is missing",
    ),
    "an empty name": (with_attribute("weight_names", [b""], "model_weights/dense"), "is missing"),
    "no UTF-8": (
        with_attribute("weight_names", np.array([b"\xff\xfe"]), "model_weights/dense"),
        "utf-8",
    ),
    "a soft link": (lambda f: link(f, h5py.SoftLink("/model_weights/dense_1")), "link"),
    "an external link": (lambda f: link(f, h5py.ExternalLink("/etc/x.h5", "/")), "link"),
    "a circle": (circle, "circle"),
    "a bomb": (bomb, "declares"),
    "another file's bytes": (outside, "another file"),
    "text for weights": (text_weights, "not numbers"),
    "a layer for which no weights come": (large, "bytes"),
    "code": (code, "Lambda|lambda"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_files_that_no_honest_writer_makes(name, tmp_path):
    change, words = HOSTILE[name]
    model = filled(named())
    model.compile("adam", "kld")
    model.save(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5", "a") as file:
        change(file)
    with pytest.raises(saving.ModelFileError, match=words):
        saving.load_model(tmp_path / "m.h5")
    assert os.listdir(tmp_path) == ["m.h5"]


@pytest.mark.parametrize("said", ["[]", "{", '{"class_name": 3}', '{"a": 1, "a": 2}', "null"])
def test_configs_that_are_none(said, tmp_path):
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file.attrs["model_config"] = said
        file.create_group("model_weights").attrs["layer_names"] = np.array([b"a"])
        file["model_weights"].create_group("a")
    with pytest.raises(saving.ModelFileError):
        saving.load_model(tmp_path / "m.h5")


@pytest.mark.parametrize("said", ["[]", '{"optimizer_config": 3}', '{"optimizer_config": "none"}'])
def test_how_it_was_compiled_can_be_wrong(said, tmp_path):
    filled(mlp()).save(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5", "a") as file:
        file.attrs["training_config"] = said
    with pytest.raises(saving.ModelFileError):
        saving.load_model(tmp_path / "m.h5")


def test_no_end_and_no_changed_bit_goes_unnoticed(tmp_path):
    model, path = trained()[0], tmp_path / "m.h5"
    model.save(path)
    content, rng = path.read_bytes(), np.random.default_rng(0)
    for length in range(1, len(content), 3001):
        path.write_bytes(content[:length])
        with pytest.raises(saving.ModelFileError):
            saving.load_model(path)
    known = model.get_weights()
    for place in rng.integers(0, len(content), 60):
        changed = bytearray(content)
        changed[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(changed)
        try:
            found = saving.load_model(path, compile=False).get_weights()
        except saving.ModelFileError:
            continue
        assert all(map(np.array_equal, known, found))


def test_one_large_string_that_all_names_are(tmp_path):
    """Each name of the list is a reference; here all are made to say the same."""
    path = tmp_path / "w.h5"
    with h5py.File(path, "w") as file:
        names = [f"layer{i:0500}" for i in range(50)]
        file.attrs.create("layer_names", names, dtype=h5py.string_dtype())
        for name in names:
            file.create_group(name).attrs["weight_names"] = np.zeros(0)
    model = dense("a")
    with pytest.raises(saving.ModelFileError, match="missing"):  # of a: the list itself is right
        model.load_weights(path)
    content = path.read_bytes()
    place = content.index(b"layer_names\0")
    start = content.index((505).to_bytes(4, "little"), place + 40)
    first = content[start : start + 16]
    path.write_bytes(content[:start] + first * 50 + content[start + 800 :])
    with pytest.raises(saving.ModelFileError, match="twice"):
        model.load_weights(path)
