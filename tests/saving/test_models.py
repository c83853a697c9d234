"""Whole models and weights in files: all is there again, and a failure harms nothing."""

import json
import os
import sys
import zipfile

import numpy as np
import pytest

from cornu import layers, models, saving
from cornu.config import register_keras_serializable
from saving.samples import MAKERS, filled, inputs_of, mlp, outputs_of


def same(ours, theirs):
    return ours.keys() == theirs.keys() and all(np.array_equal(ours[k], theirs[k]) for k in ours)


@pytest.mark.parametrize("name", MAKERS)
def test_a_model_is_there_again(name, tmp_path):
    model = filled(MAKERS[name]())
    model.save(tmp_path / "m.keras")
    twin = saving.load_model(tmp_path / "m.keras")
    assert twin.name == model.name and not twin.compiled
    assert all(map(np.array_equal, model.get_weights(), twin.get_weights()))
    assert same(outputs_of(model), outputs_of(twin))


@pytest.mark.parametrize("name", MAKERS)
def test_weights_go_into_another_model(name, tmp_path):
    model, other = filled(MAKERS[name]()), filled(MAKERS[name](), seed=5)
    model.save_weights(tmp_path / "m.weights.h5")
    model.save(tmp_path / "m.keras")
    for file in ("m.weights.h5", "m.keras"):
        filled(other, seed=5)
        assert not same(outputs_of(model), outputs_of(other))
        other.load_weights(tmp_path / file)
        assert same(outputs_of(model), outputs_of(other))


def trained(optimizer="adam", epochs=2):
    model = filled(mlp())
    model.layers[2].rate = 0.0
    model.compile(optimizer, "categorical_crossentropy", metrics=["accuracy"])
    fit(model, epochs)
    return model


def fit(model, epochs=1):
    x = inputs_of(model, rows=32)
    y = np.eye(3, dtype="float32")[np.arange(32) % 3]
    return model.fit(x, y, batch_size=8, epochs=epochs, shuffle=False, verbose=0).history


def test_the_optimizer_goes_on_where_it_was(tmp_path):
    model = trained()
    model.save(tmp_path / "m.keras")
    twin = saving.load_model(tmp_path / "m.keras")
    assert twin.compiled and int(twin.optimizer.iterations) == 8
    for ours, theirs in zip(model.optimizer.variables, twin.optimizer.variables, strict=True):
        assert np.array_equal(ours.numpy(), theirs.numpy())
    assert fit(model, 2) == fit(twin, 2)
    assert all(map(np.array_equal, model.get_weights(), twin.get_weights()))


def test_without_optimizer_and_without_compile(tmp_path):
    model = trained()
    model.save(tmp_path / "m.keras", include_optimizer=False)
    assert int(saving.load_model(tmp_path / "m.keras").optimizer.iterations) == 0
    assert not saving.load_model(tmp_path / "m.keras", compile=False).compiled


@register_keras_serializable("tests")
class Doubled(layers.Layer):
    def call(self, x):
        return x * 2


class Own(models.Model):
    """A model as users write them: layers in attributes, a list, a dict and a list of lists."""

    def __init__(self, units=5, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.first = layers.Dense(units)
        self.blocks = [[layers.Dense(4)], Doubled(), layers.BatchNormalization()]
        self.by_name = {"z": layers.Dense(3)}
        self._last = layers.Dense(1)

    def call(self, x, training=None):
        x = self.blocks[0][0](self.first(x))
        x = self.blocks[2](self.blocks[1](x))
        return self._last(self.by_name["z"](x))


def test_a_subclass_of_ones_own(tmp_path):
    model = Own(6)
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
    model.fit(x, np.ones((8, 1)), epochs=2, verbose=0)
    model.save(tmp_path / "m.keras")
    twin = saving.load_model(tmp_path / "m.keras", custom_objects={"Own": Own})
    assert twin.units == 6 and int(twin.optimizer.iterations) == 2
    assert np.array_equal(model.predict(x, verbose=0), twin.predict(x, verbose=0))


class Counting(layers.Layer):
    """Saves what is no Variable, under a key of its own."""

    def build(self, shape):
        self.seen = self.add_weight((2,), "zeros", trainable=False, name="seen")
        self.words = ["a", "b"]

    def call(self, x):
        return x

    def save_own_variables(self, store):
        store["seen"] = self.seen.numpy()
        store["lengths"] = np.array([len(w) for w in self.words], "int64")

    def load_own_variables(self, store):
        self.seen.assign(store["seen"])
        self.lengths = store["lengths"].tolist()


def test_a_layer_that_saves_in_its_own_way(tmp_path):
    model = models.Sequential([layers.Input((2,)), Counting()])
    model.layers[0].seen.assign([3.0, 4.0])
    model.save(tmp_path / "m.keras")
    twin = saving.load_model(tmp_path / "m.keras", custom_objects={"Counting": Counting})
    assert twin.layers[0].seen.numpy().tolist() == [3.0, 4.0] and twin.layers[0].lengths == [1, 1]


def test_within_a_custom_object_scope(tmp_path):
    from cornu.config import custom_object_scope

    model = filled(mlp())
    model.save(tmp_path / "m.keras")
    with custom_object_scope({"Counting": Counting}):
        twin = saving.load_model(tmp_path / "m.keras")
    assert all(map(np.array_equal, model.get_weights(), twin.get_weights()))


def test_short_floats_are_kept_bit_by_bit(tmp_path):
    model = models.Sequential([layers.Input((3,)), layers.Dense(2, dtype="bfloat16")])
    kernel = model.layers[0].kernel
    kernel.assign(np.array([[1.0, -2.5], [0.125, 3.0], [1 / 3, 1e20]]))
    model.save(tmp_path / "m.keras")
    twin = saving.load_model(tmp_path / "m.keras")
    found = twin.layers[0].kernel
    assert found.dtype == "bfloat16"
    assert found.numpy().astype("float32").tolist() == kernel.numpy().astype("float32").tolist()


def test_layers_of_the_same_shapes_are_told_apart_by_name(tmp_path):
    def make(order):
        a, b = layers.Input((2,), name="a"), layers.Input((2,), name="b")
        made = {n: layers.Dense(2, name=n)(t) for n, t in (("one", a), ("two", b))}
        return models.Model([a, b], [made[n] for n in order], name="pair")

    model = filled(make(["one", "two"]))
    model.save_weights(tmp_path / "m.weights.h5")
    other = make(["two", "one"])
    other.load_weights(tmp_path / "m.weights.h5")
    for name in ("one", "two"):
        ours, theirs = (m.get_layer(name).get_weights() for m in (model, other))
        assert all(map(np.array_equal, ours, theirs))


# ---------------------------------------------------------------- what is said of the file


def test_the_file_is_laid_out_as_keras_3_does(tmp_path):
    h5py = pytest.importorskip("h5py")
    trained().save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as archive:
        assert set(archive.namelist()) == {"metadata.json", "config.json", "model.weights.h5"}
        assert {i.compress_type for i in archive.infolist()} == {zipfile.ZIP_STORED}
        config = json.loads(archive.read("config.json"))
        with archive.open("model.weights.h5") as member, h5py.File(member) as weights:
            found = {}
            weights.visititems(lambda n, o: found.update({n: getattr(o, "shape", None)}))
            assert (
                weights["layers/dense_1/vars"].attrs["name"]
                == config["config"]["layers"][-1]["config"]["name"]
            )
    assert found["layers/dense/vars/0"] == (4, 6) and found["layers/dense_1/vars/1"] == (3,)
    assert found["layers/batch_normalization/vars/3"] == (6,)
    assert found["optimizer/vars/0"] == () and found["optimizer/vars/2"] == (4, 6)
    assert config["class_name"] == "Sequential" and config["compile_config"]["metrics"] == [
        "accuracy"
    ]


def test_a_loss_without_a_name_is_left_out_with_a_warning(tmp_path):
    model = mlp()
    model.compile("adam", lambda y, p: (y - p) ** 2)
    with pytest.warns(UserWarning, match="saved without how it was compiled: loss is a lambda"):
        model.save(tmp_path / "m.keras")
    assert not saving.load_model(tmp_path / "m.keras").compiled


# ---------------------------------------------------------------- names and places


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda m, d: m.save(d / "m.pt"), r'must end in "\.keras" or "\.h5".*m\.pt\.keras'),
        (lambda m, d: m.save(d / "m.weights.h5"), r"for weights alone.*m\.keras"),
        (lambda m, d: m.save(d / "m"), r"m\.keras"),
        (lambda m, d: m.save_weights(d / "m.keras"), r"m\.weights\.h5"),
        (lambda m, d: m.save(d / "old.keras", overwrite=False), "exists already"),
        (lambda m, d: m.save(3), "must be a path"),
        (lambda m, d: saving.load_model(d / "od.keras"), r"no such file.*old\.keras"),
        (lambda m, d: saving.load_model(d / "no" / "m.keras"), "there is no folder"),
        (lambda m, d: saving.load_model(d), "is a directory"),
        (lambda m, d: m.load_weights(d / "none.weights.h5"), "no such file"),
    ],
)
def test_names_that_cannot_be(call, words, tmp_path):
    (tmp_path / "old.keras").write_bytes(b"old")
    with pytest.raises(ValueError, match=words):
        call(mlp(), tmp_path)
    assert (tmp_path / "old.keras").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["old.keras"]


def test_a_missing_file_is_also_what_python_calls_it(tmp_path):
    with pytest.raises(FileNotFoundError):
        saving.load_model(tmp_path / "m.keras")


def test_models_that_are_not_built(tmp_path):
    model = models.Sequential([layers.Dense(2)])
    mlp().save_weights(tmp_path / "m.weights.h5")
    for call in (
        lambda: model.save(tmp_path / "m.keras"),
        lambda: model.save_weights(tmp_path / "n.weights.h5"),
        lambda: model.load_weights(tmp_path / "m.weights.h5"),
    ):
        with pytest.raises(ValueError, match="not built yet"):
            call()


def test_a_fifo_does_not_block(tmp_path):
    if not hasattr(os, "mkfifo"):
        pytest.skip("no named pipes here")
    os.mkfifo(tmp_path / "m.keras")
    with pytest.raises(saving.ModelFileError, match="no regular file"):
        saving.load_model(tmp_path / "m.keras")


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    link = tmp_path / "m.keras"
    link.symlink_to(tmp_path / "real" / "m.keras")
    mlp().save(link)
    assert link.is_symlink() and (tmp_path / "real" / "m.keras").is_file()
    assert saving.load_model(link).name == "mlp"


# ---------------------------------------------------------------- weights of another model


def test_a_table_of_what_does_not_fit(tmp_path):
    mlp().save_weights(tmp_path / "m.weights.h5")
    other = models.Sequential(
        [layers.Input((4,)), layers.Dense(9, name="wide"), layers.Dense(3), layers.Dense(1)]
    )
    before = other.get_weights()
    with pytest.raises(saving.ModelFileError) as caught:
        other.load_weights(tmp_path / "m.weights.h5")
    text = str(caught.value)
    assert "2 missing, 4 unexpected, 3 shape mismatch" in text
    assert "wide/kernel file (4, 6) model (4, 9)" in text and "skip_mismatch" in text
    assert all(map(np.array_equal, before, other.get_weights()))


def test_extra_layers_in_the_file_are_an_error(tmp_path):
    mlp().save_weights(tmp_path / "m.weights.h5")
    part = models.Sequential([layers.Input((4,)), layers.Dense(6)])
    with pytest.raises(ValueError, match="6 unexpected"):
        part.load_weights(tmp_path / "m.weights.h5")


def test_what_fits_may_be_taken_alone(tmp_path):
    model = filled(mlp())
    model.save_weights(tmp_path / "m.weights.h5")
    other = models.Sequential([layers.Input((4,)), layers.Dense(6), layers.Dense(2)])
    last = other.layers[1].get_weights()
    with pytest.warns(UserWarning, match="2 shape mismatch|1 shape mismatch"):
        other.load_weights(tmp_path / "m.weights.h5", skip_mismatch=True)
    assert np.array_equal(other.layers[0].kernel.numpy(), model.layers[0].kernel.numpy())
    assert np.array_equal(other.layers[1].kernel.numpy(), last[0])


# ---------------------------------------------------------------- all or nothing


FAULTS = ["os.fsync", "os.replace", "zipfile.ZipInfo.FileHeader", "hashlib.sha256", "json.dumps"]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_save_that_fails_leaves_the_old_file(fault, error, tmp_path, monkeypatch):
    model = filled(mlp())
    model.save(tmp_path / "m.keras")
    old = (tmp_path / "m.keras").read_bytes()
    filled(model, seed=3)

    def fail(*args, **kwargs):
        raise error

    owner, _, name = fault.rpartition(".")
    target = sys.modules[owner.split(".")[0]]
    for part in owner.split(".")[1:]:
        target = getattr(target, part)
    with monkeypatch.context() as patch:
        patch.setattr(target, name, fail)
        with pytest.raises(type(error)):
            model.save(tmp_path / "m.keras")
    assert (tmp_path / "m.keras").read_bytes() == old
    assert os.listdir(tmp_path) == ["m.keras"]


def test_a_config_that_fails_leaves_the_old_file(tmp_path):
    class Broken(layers.Layer):
        def call(self, x):
            return x

        def get_config(self):
            raise RuntimeError("no config today")

    (tmp_path / "m.keras").write_bytes(b"old")
    with pytest.raises(RuntimeError):
        models.Sequential([layers.Input((2,)), Broken()]).save(tmp_path / "m.keras")
    assert (tmp_path / "m.keras").read_bytes() == b"old"


def test_a_full_disk_is_named(tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"No space left on device, \d+ bytes are free.*m\.keras"):
        mlp().save(tmp_path / "m.keras")


def test_the_permissions_are_those_of_the_old_file(tmp_path):
    path = tmp_path / "m.keras"
    mlp().save(path)
    path.chmod(0o640)
    mlp().save(path)
    assert path.stat().st_mode & 0o777 == 0o640
