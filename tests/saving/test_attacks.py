"""Files that somebody made to do harm, and files that time has: refused, quickly, by one error.

The list of what may come is that of the weaknesses published for Keras and its peers.
"""

import io
import json
import os
import resource
import struct
import sys
import time
import zipfile
from contextlib import nullcontext

import h5py
import numpy as np
import pytest

from cornu import models, saving, settings
from cornu.saving.hdf5 import stored_weights
from cornu.saving.text import parse
from saving.samples import filled, mlp, wired

SECONDS, MEGABYTES = 2.0, 150


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """The members of a good `.keras` file."""
    path = tmp_path_factory.mktemp("good") / "m.keras"
    filled(mlp()).save(path)
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def refused(path, words=None):
    """That loading raises ModelFileError, soon, at little cost, and leaves nothing."""
    before = sorted(os.listdir(path.parent))
    begin, peak = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(saving.ModelFileError, match=words) as caught:
        saving.load_model(path)
    assert time.perf_counter() - begin < SECONDS
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < MEGABYTES * 1024
    assert sorted(os.listdir(path.parent)) == before
    assert str(path) in str(caught.value)


def packed(path, members, **changes):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {**members, **changes}.items():
            archive.writestr(name, content)
    return path


def without_digests(members):
    return {**members, "metadata.json": b"{}"}


# ---------------------------------------------------------------- archives


def extra(name, content=b"x", **options):
    def write(archive):
        info = zipfile.ZipInfo(name)
        for key, value in options.items():
            setattr(info, key, value)
        archive.writestr(info, content)

    return write


ZIPS = {
    "twice": (extra("config.json", b"{}"), "twice"),
    "twice but for case": (extra("CONFIG.json", b"{}"), "twice"),
    "above": (extra("../x"), "no name"),
    "from the root": (extra("/etc/x"), "no name"),
    "with a drive": (extra("C:x"), "no name"),
    "with a backslash": (extra("a\\b"), "no name"),
    "with a hidden end": (extra("a\u202eb"), "no name"),
    "an empty part": (extra("a//b"), "no name"),
    "a folder": (extra("a/"), "no name"),
    "a link": (extra("a", b"/etc/passwd", external_attr=0o120777 << 16), "no regular file"),
    "a device": (extra("a", b"", external_attr=0o020666 << 16), "no regular file"),
    "bzip2": (extra("a", compress_type=zipfile.ZIP_BZIP2), "method 12"),
    "lzma": (extra("a", compress_type=zipfile.ZIP_LZMA), "method 14"),
    "a bomb": (extra("a", bytes(9 << 20), compress_type=zipfile.ZIP_DEFLATED), "200 times"),
}


@pytest.mark.parametrize("name", ZIPS)
def test_archives_that_no_honest_writer_makes(name, good, tmp_path):
    write, words = ZIPS[name]
    path = packed(tmp_path / "m.keras", good)
    with pytest.warns(UserWarning) if name == "twice" else nullcontext():
        with zipfile.ZipFile(path, "a") as archive:
            write(archive)
    refused(path, words)


def test_many_small_bombs(good, tmp_path):
    path = packed(tmp_path / "m.keras", good)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        for i in range(120):
            archive.writestr(f"a{i}", bytes(1 << 20))
    refused(path, "four times")


@pytest.mark.parametrize("where", ["before", "behind", "comment", "between"])
def test_every_byte_belongs_to_a_member(where, good, tmp_path):
    path = packed(tmp_path / "m.keras", good)
    content = path.read_bytes()
    if where == "comment":
        with zipfile.ZipFile(path, "a") as archive:
            archive.comment = b"hidden"
    elif where == "between":
        with zipfile.ZipFile(path) as archive:
            start = archive.start_dir
        end = bytearray(content[start:] + b"")
        place = len(end) - 6
        offset = struct.unpack("<I", end[place : place + 4])[0]
        end[place : place + 4] = struct.pack("<I", offset + 40)
        path.write_bytes(content[:start] + bytes(40) + bytes(end))
    else:
        path.write_bytes(bytes(30) + content if where == "before" else content + bytes(30))
    refused(path)


def test_overlapping_members(good, tmp_path):
    path = packed(tmp_path / "m.keras", good)
    content = bytearray(path.read_bytes())
    first = content.index(b"PK\x01\x02")
    second = content.index(b"PK\x01\x02", first + 1)
    content[second + 42 : second + 46] = content[first + 42 : first + 46]
    path.write_bytes(content)
    refused(path)


@pytest.mark.parametrize("missing", ["metadata.json", "config.json", "model.weights.h5"])
def test_a_member_that_is_missing(missing, good, tmp_path):
    members = {name: content for name, content in good.items() if name != missing}
    refused(packed(tmp_path / "m.keras", members), missing)


@pytest.mark.parametrize(
    "content",
    [b"", b"\x80\x04\x95", b"\x93NUMPY", b"PK\x05\x06" + bytes(18), b"hello", bytes(5000)],
    ids=["empty", "pickle", "numpy", "empty archive", "text", "zeros"],
)
def test_what_is_no_model_at_all(content, tmp_path):
    path = tmp_path / "m.keras"
    path.write_bytes(content)
    refused(path)


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


def test_a_changed_bit_in_a_weights_file(tmp_path):
    model, path = filled(mlp()), tmp_path / "m.weights.h5"
    model.save_weights(path)
    content, rng = path.read_bytes(), np.random.default_rng(0)
    known = model.get_weights()
    for place in rng.integers(0, len(content), 200):
        changed = bytearray(content)
        changed[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(changed)
        filled(model, seed=2)
        before = model.get_weights()
        try:
            model.load_weights(path)
        except saving.ModelFileError:
            assert all(map(np.array_equal, before, model.get_weights()))
            continue
        assert all(map(np.array_equal, known, model.get_weights()))


def test_a_damaged_tensor_is_named(tmp_path):
    model, path = filled(mlp()), tmp_path / "m.weights.h5"
    model.save_weights(path)
    content = bytearray(path.read_bytes())
    content[content.index(model.layers[3].kernel.numpy().tobytes()) + 5] ^= 1
    path.write_bytes(content)
    with pytest.raises(saving.ModelFileError, match="layers/dense_1/vars/0: is damaged.*checksum"):
        model.load_weights(path)


# ---------------------------------------------------------------- HDF5


def kernel(file):
    """The group of the first kernel, with the kernel taken away."""
    group = file["layers/dense/vars"]
    del group["0"]
    return group


def linked(name, make):
    def change(file, canary):
        parent, _, last = name.rpartition("/")
        if name in file:
            del file[name]
        (file[parent] if parent else file)[last] = make(canary)

    return change


def declared(**options):
    def change(file, canary):
        kernel(file).create_dataset("0", **options)

    return change


def external(file, canary):
    kernel(file).create_dataset("0", (4, 6), "f4", external=[(str(canary), 0, 96)])


def virtual(file, canary):
    layout = h5py.VirtualLayout((4, 6), "f4")
    layout[:] = h5py.VirtualSource(str(canary), "data", (4, 6))
    kernel(file).create_virtual_dataset("0", layout)


def circle(file, canary):
    file["layers/dense/again"] = file["layers"]


def committed(file, canary):
    file["layers/dense/kind"] = np.dtype("f4")


def deep(file, canary):
    group = file
    for _ in range(80):
        group = group.create_group("a")


HDF5S = {
    "a file of others": (external, "another file"),
    "a view of another file": (virtual, "another file"),
    "link outside, at the root": (linked("layers", lambda c: h5py.ExternalLink(c, "/")), "link"),
    "link outside, in the middle": (
        linked("layers/dense", lambda c: h5py.ExternalLink(str(c), "/")),
        "link",
    ),
    "link outside, at a leaf": (
        linked("layers/dense/vars/0", lambda c: h5py.ExternalLink(str(c), "data")),
        "link",
    ),
    "soft link": (linked("layers/dense/vars/0", lambda c: h5py.SoftLink("/layers")), "link"),
    "dangling link": (linked("layers/x", lambda c: h5py.SoftLink("/no/where")), "link"),
    "circle": (circle, "twice|circle"),
    "committed type": (committed, "neither a group nor an array"),
    "too deep": (deep, "too deep"),
    "huge, packed": (
        declared(shape=(2**50,), dtype="f4", chunks=(1024,), compression="gzip"),
        "declare",
    ),
    "huge, not there": (declared(shape=(2**40,), dtype="f4"), "declares"),
    "just huge": (declared(shape=(10**9,), dtype="f4", chunks=(1024,)), "declares"),
    "text": (declared(data=[b"abc"] * 3), "not numbers"),
    "long text": (declared(shape=(2,), dtype="S1000000000"), "not numbers|declares"),
    "objects": (declared(data=["a", "b"], dtype=h5py.string_dtype()), "not numbers"),
    "records": (declared(shape=(2,), dtype=[("a", "f4"), ("b", "f4")]), "not numbers"),
    "lists": (declared(shape=(2,), dtype=h5py.vlen_dtype("f4")), "not numbers"),
    "references": (declared(shape=(2,), dtype=h5py.ref_dtype), "not numbers"),
    "many axes": (declared(data=np.zeros((1,) * 20)), "shape"),
    "nothing": (declared(data=h5py.Empty("f4")), "shape"),
    "opaque": (declared(data=np.zeros((4, 6), "V2")), "not numbers"),
    "whole numbers": (declared(data=np.zeros((4, 6), "i4")), "mismatch"),
    "truth values": (declared(data=np.zeros((4, 6), "?")), "mismatch"),
    "another shape": (declared(data=np.zeros((6, 4), "f4")), "mismatch"),
}


@pytest.mark.parametrize("name", HDF5S)
def test_weights_that_are_no_plain_arrays(name, good, tmp_path):
    change, words = HDF5S[name]
    canary = tmp_path / "canary.h5"
    with h5py.File(canary, "w") as file:
        file["data"] = np.full((4, 6), 42.0, "f4")
    image = io.BytesIO(good["model.weights.h5"])
    with h5py.File(image, "r+") as file:
        change(file, canary)
    members = {**without_digests(good), "model.weights.h5": image.getvalue()}
    refused(packed(tmp_path / "m.keras", members), words)
    (tmp_path / "m.weights.h5").write_bytes(image.getvalue())
    model = mlp()
    before = model.get_weights()
    with pytest.raises(saving.ModelFileError, match=words):
        model.load_weights(tmp_path / "m.weights.h5")
    assert all(map(np.array_equal, before, model.get_weights()))


def test_other_byte_orders_and_widths_are_numbers_too(good, tmp_path):
    image = io.BytesIO(good["model.weights.h5"])
    values = np.arange(24.0).reshape(4, 6)
    with h5py.File(image, "r+") as file:
        kernel(file).create_dataset("0", data=values.astype(">f8"), compression="gzip")
    members = {**without_digests(good), "model.weights.h5": image.getvalue()}
    model = saving.load_model(packed(tmp_path / "m.keras", members))
    assert np.array_equal(model.layers[0].kernel.numpy(), values.astype("float32"))


def test_many_arrays_together(tmp_path):
    image = io.BytesIO()
    with h5py.File(image, "w") as file:
        for i in range(3000):
            file.create_dataset(f"a{i}", (10**6,), "f4", chunks=(10**6,), compression="gzip")
    with pytest.raises(saving.ModelFileError):
        with stored_weights(image, "m.weights.h5"):
            pass


# ---------------------------------------------------------------- configs


def with_config(good, path, change):
    config = json.loads(good["config.json"])
    change(config)
    return packed(path, without_digests(good), **{"config.json": json.dumps(config)})


def dense(config):
    return config["config"]["layers"][1]


MODULES = [
    "os",
    "builtins",
    "subprocess",
    "importlib",
    "keras.utils",
    "numpy",
    "jax",
    "cornu.state",
]
NAMES = [
    "system",
    "eval",
    "Popen",
    "__import__",
    "set_floatx",
    "get_file",
    "load_model",
    "Variable",
]
ROLES = {
    "layer": lambda c, form: c["config"]["layers"].__setitem__(1, form),
    "initializer": lambda c, form: dense(c)["config"].update(kernel_initializer=form),
    "regularizer": lambda c, form: dense(c)["config"].update(kernel_regularizer=form),
    "activation": lambda c, form: dense(c)["config"].update(activation=form),
    "dtype": lambda c, form: dense(c)["config"].update(dtype=form),
    "model": lambda c, form: (c.clear(), c.update(form)),
    "optimizer": lambda c, form: c.update(compile_config={"optimizer": form}),
    "loss": lambda c, form: c.update(compile_config={"optimizer": "sgd", "loss": form}),
}


@pytest.mark.parametrize("role", ROLES)
def test_a_file_names_no_foreign_class_or_function(role, good, tmp_path):
    for module in MODULES:
        for name in NAMES:
            canary = str(tmp_path / "canary")
            form = {"module": module, "class_name": name, "config": {"name": canary}}
            path = with_config(good, tmp_path / "m.keras", lambda c, f=form: ROLES[role](c, f))
            refused(path)
            function = {"module": module, "class_name": "function", "config": name}
            path = with_config(good, path, lambda c, f=function: ROLES[role](c, f))
            refused(path)
    assert settings.floatx() == "float32" and not (tmp_path / "canary").exists()


def test_code_in_a_file_is_never_run(good, tmp_path):
    code = {"class_name": "__lambda__", "config": {"code": "4wAAAA==", "defaults": None}}
    form = {"module": "keras.layers", "class_name": "Lambda", "config": {"function": code}}
    path = with_config(good, tmp_path / "m.keras", lambda c: ROLES["layer"](c, form))
    refused(path, "never run")
    with pytest.raises(saving.ModelFileError, match="never run"):
        saving.load_model(path, safe_mode=False)


@pytest.mark.parametrize("units", [2 * 10**7, 10**12, 2**62, 0, -1, 1.5, "9", True, [1], None, {}])
def test_sizes_that_do_not_fit_the_weights(units, good, tmp_path):
    path = with_config(good, tmp_path / "m.keras", lambda c: dense(c)["config"].update(units=units))
    refused(path)


def test_a_bomb_of_text_alone():
    text = mlp().to_json().replace('"units": 6', f'"units": {10**12}')
    begin = time.perf_counter()
    with pytest.raises(ValueError, match="asks for a weight of shape"):
        saving.model_from_json(text)
    assert time.perf_counter() - begin < 0.5


JSONS = {
    "deep": "[" * 200_000,
    "deep objects": '{"a":' * 1000 + "1" + "}" * 1000,
    "a key twice": '{"a": 1, "a": 2}',
    "a long number": '{"a": ' + "9" * 100_000 + "}",
    "a large number": '{"a": 9223372036854775808}',
    "a long string": json.dumps({"a": "x" * (1 << 21)}),
    "an open string": '"' + '\\"' * 500_000,
    "many items": "[" + "1," * 2_100_000 + "1]",
    "a list": "[1]",
    "a number": "1",
    "nothing": "",
    "half": '{"a": ',
    "bytes": b"\xff\xfe{\x00}\x00",
    "a mark": b"\xef\xbb\xbf{}",
}


@pytest.mark.parametrize("name", JSONS)
def test_json_that_cannot_be(name, good, tmp_path):
    path = packed(tmp_path / "m.keras", without_digests(good), **{"config.json": JSONS[name]})
    refused(path)


def test_json_is_read_as_it_is():
    text = '{"a": [1, -2.5, 1e3, true, null, "\\u00e9\\"[{,"], "b": {"c": []}}'
    assert parse(text) == json.loads(text)


EVIL = [None, -1, 2**40, 1e999, "../x", "\x00", [], {}, True, {"class_name": "Dense", "config": 3}]


def places(tree, path=()):
    """Where every value of a config stands."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield (*path, key)
            yield from places(value, (*path, key))
    elif isinstance(tree, list):
        for i, value in enumerate(tree[:3]):
            yield (*path, i)
            yield from places(value, (*path, i))


def test_no_value_of_a_config_leads_to_another_error():
    config = json.loads(wired().to_json())
    rng = np.random.default_rng(0)
    every = [p for p in places(config)]
    for i in rng.permutation(len(every))[:400]:
        changed = json.loads(json.dumps(config))
        *above, last = every[i]
        owner = changed
        for key in above:
            owner = owner[key]
        owner[last] = EVIL[int(rng.integers(len(EVIL)))]
        try:
            model = saving.model_from_json(json.dumps(changed))
        except saving.ModelFileError:
            raise
        except ValueError as error:
            assert getattr(error, "code", None), (every[i], owner[last], error)
            continue
        assert isinstance(model, models.Model)


def test_nothing_dangerous_is_imported():
    dangerous = {"dill", "importlib", "joblib", "marshal", "pickle", "subprocess", "yaml"}
    ours = [m for name, m in sys.modules.items() if name.startswith("cornu.saving")]
    assert len(ours) > 5
    for module in ours:
        assert not dangerous & set(vars(module))
