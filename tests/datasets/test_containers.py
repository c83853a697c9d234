"""Files of strangers: pickles in which nothing runs, arrays that are what they say, no bombs."""

import gzip
import io
import os
import pickle
import struct
import time
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cornu.datasets import containers, pickled
from cornu.errors import UsageError

VALUES = [
    ([[1, 2, 300, 70_000, -5], [], [2**40]], [0, 1]),
    {"a": b"bytes", "é": [True, False, None, 2.5, -1e300], 3: ("x", ())},
    "text " * 20_000,
    b"\0\xff" * 50_000,
]
ARRAYS = [
    np.arange(6).reshape(2, 3),
    np.asfortranarray(np.eye(3)),
    np.zeros((300, 300), "uint8"),
    np.array([1.5, 2], "float32"),
    np.array(["a", "bc"]),
    np.array([True, False]),
    np.array(2.0),
    np.zeros((0, 4)),
]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_values_are_read(protocol):
    for value in VALUES:
        assert pickled.read(pickle.dumps(value, protocol), "x") == value


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_arrays_are_read(protocol):
    objects = np.empty(3, object)
    objects[:] = [[1, 2], [3, 4], [5, 6]], [7], "x"
    for value in (*ARRAYS, objects):
        found = pickled.read(pickle.dumps([value, value], protocol), "x")
        assert found[0] is found[1], "what is remembered is one thing"
        assert found[0].dtype == value.dtype and found[0].shape == value.shape
        assert found[0].tolist() == value.tolist()
        assert found[0].flags.writeable
    swapped = pickled.read(pickle.dumps(np.arange(3, dtype=">i4"), protocol), "x")
    assert swapped.tolist() == [0, 1, 2] and swapped.dtype == "int32"
    assert pickled.read(pickle.dumps(np.float32(1.5), protocol), "x") == 1.5


def test_equal_lists_stay_lists():
    objects = np.empty(2, object)
    objects[0], objects[1] = [1, 2], [3, 4]
    found = pickled.read(pickle.dumps(objects, 2), "x")
    assert found.shape == (2,) and found.tolist() == [[1, 2], [3, 4]]


def test_a_pickle_of_python_2_is_read():
    # pickle.dumps({"data": numpy.array([[1, 2]], "uint8"), "labels": [6]}, 2) of Python 2.7.
    data = (
        b"\x80\x02}q\x01(U\x04dataq\x02cnumpy.core.multiarray\n_reconstruct\nq\x03cnumpy\nndarray\n"
        b"q\x04K\x00\x85U\x01b\x87Rq\x05(K\x01K\x01K\x02\x86cnumpy\ndtype\nq\x06U\x02u1K\x00K\x01"
        b"\x87Rq\x07(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89U\x02\x01\x02tb"
        b"U\x06labelsq\x08]q\tK\x06au."
    )
    found = pickled.read(data, "x")
    assert found[b"data"].tolist() == [[1, 2]] and found[b"labels"] == [6]


class Runs:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    "value",
    [
        Runs(os.system, "touch PWNED"),
        Runs(eval, "open('PWNED', 'w')"),
        Runs(getattr, "x", "upper"),
        Runs(np.load, "PWNED"),
        Runs(np.fromfile, "PWNED"),
        np.ma.array([1]),
        np.zeros(2, "f4,i4"),
        {1, 2},
        1j,
        print,
        OSError("x"),
    ],
    ids=lambda v: type(v).__name__,
)
def test_nothing_in_a_pickle_runs(protocol, value, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="E-DATA-FILE"):
        pickled.read(pickle.dumps([value], protocol), "x")
    assert list(tmp_path.iterdir()) == []


def made(kind: bytes, shape: bytes, data: bytes, dtype: bytes = b"u1") -> bytes:
    """A pickle of an array, put together by hand."""
    name = b"U" + bytes([len(dtype)]) + dtype
    return (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n"
        + kind
        + b"K\0\x85U\x01b\x87R(K\x01"
        + shape
        + b"cnumpy\ndtype\n"
        + name
        + b"K\0K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xff"
        b"J\xff\xff\xff\xffK\0tb\x89" + data + b"tb."
    )


NDARRAY = b"cnumpy\nndarray\n"


def test_an_array_by_hand():
    assert pickled.read(made(NDARRAY, b"K\x02\x85", b"U\x02ab"), "x").tolist() == [97, 98]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80",
        b".",
        b"K",
        b"K\1",
        b"(K\1.",
        b"K\1K\2.",
        b"e.",
        b"]a.",
        b"K\1K\2a.",
        b"](K\1.",
        b"}]K\1s.",
        b"K\1K\2K\3s.",
        b"h\0.",
        b"g99999999999\n.",
        b"X\xff\xff\xff\xffabc.",
        b"T\xff\xff\xff\xff.",
        b"\x8e" + b"\xff" * 8 + b".",
        b"I" + b"9" * 100_000 + b"\n.",
        b"L" + b"9" * 100_000 + b"L\n.",
        b"Iten\n.",
        b"S'abc\n.",
        b"S'\\x4'\n.",
        b"Vab",
        b"\x8a\xff" + b"\x01" * 255 + b".",
        b"\x8b\xff\xff\xff\x7f.",
        b"(" * 1000,
        b"]2.",
        b"cos\nsystem\n.",
        b"c__builtin__\neval\n(S'1'\ntR.",
        b"K\1(tR.",
        b"K\1}b.",
        b"(S'x'\nos\nsystem\no.",
        b"Pid\n.",
        b"Q.",
        b"\x82\1.",
        b"\x97.",
        b"cnumpy\nndarray\n(tR.",
        b"cnumpy\ndtype\n(S'O8'\ntR.",
        b"cnumpy\ndtype\nU\x05f4,i4K\0K\1\x87R.",
        b"cnumpy\ndtype\nU\x02m8K\0K\1\x87R.",
        made(NDARRAY, b"K\x03\x85", b"U\x02ab"),
        made(NDARRAY, b"K\x02\x85", b"U\x02ab", b"O8"),
        made(NDARRAY, b"K\x02\x85", b"]", b"O8"),
        made(NDARRAY, b"J\xff\xff\xff\xff\x85", b"U\x02ab"),
        made(NDARRAY, b"J\xff\xff\xff\x7fJ\xff\xff\xff\x7f\x86", b"U\x02ab"),
        made(NDARRAY, b"G?\xf0\0\0\0\0\0\0\x85", b"U\x01a"),
        made(b"cnumpy\ndtype\n", b"K\x02\x85", b"U\x02ab"),
        made(NDARRAY, b"N", b"U\x02ab"),
    ],
    ids=range(49),
)
def test_damaged_and_hostile_pickles_are_refused(data):
    with pytest.raises(UsageError, match="E-DATA-FILE"):
        pickled.read(data, "x")


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x02" + b"]" * 400_000 + b".",
        b"N" + b"\x85" * 400_000 + b".",
        b"]" + b"\x94" * 400_000 + b".",
    ],
)
def test_bombs_are_refused_soon(data):
    begun = time.perf_counter()
    with pytest.raises(UsageError, match="more than 300000 parts|damaged"):
        pickled.read(data, "x")
    assert time.perf_counter() - begun < 10


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_change_of_a_pickle_is_read_or_refused(data):
    objects = np.empty(2, object)
    objects[0], objects[1] = [1, 2, 300], ["a"]
    whole = bytearray(pickle.dumps({"x": objects, "y": np.arange(3), "z": b"w"}, 2))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        pickled.read(bytes(whole), "x")
    except UsageError as error:
        assert error.code == "E-DATA-FILE"


# ---------------------------------------------------------------- npz and gzip


def archive(path, members: dict[str, bytes], how=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", how) as made:
        for name, data in members.items():
            made.writestr(name, data)
    return path


def npy(array) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def header(text: str, version: int = 1) -> bytes:
    size = struct.pack("<H" if version == 1 else "<I", len(text))
    return b"\x93NUMPY" + bytes([version, 0]) + size + text.encode()


def test_npz_is_read_as_numpy_does(tmp_path):
    objects = np.empty(2, object)
    objects[0], objects[1] = [1, 2], [3]
    arrays = {"a": np.arange(6).reshape(2, 3), "f": np.asfortranarray(np.eye(2)), "o": objects}
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "x.npz", **arrays)
        found = containers.read_npz(tmp_path / "x.npz")
        assert found.keys() == arrays.keys()
        for name, array in arrays.items():
            assert found[name].dtype == array.dtype and found[name].tolist() == array.tolist()
        assert found["a"].flags.writeable


BAD = "{'descr': %r, 'fortran_order': False, 'shape': %s}"


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"x.npy": npy(np.arange(3))[:-1]}, "another size"),
        ({"x.npy": npy(np.arange(3)) + b"!"}, "another size"),
        ({"x.npy": header(BAD % ("<i8", "(2**50,)"))}, "cannot be read"),
        ({"x.npy": header(BAD % ("<i8", "(1125899906842624,)"))}, "another size"),
        ({"x.npy": header(BAD % ("<i8", "(-1,)"))}, "of shape"),
        ({"x.npy": header(BAD % ("|O", "(3,)")) + pickle.dumps([1, 2, 3])}, "another shape"),
        ({"x.npy": header(BAD % ("|O", "(3,)")) + b"cos\nsystem\n."}, "it names os.system"),
        ({"x.npy": npy(np.zeros(2, "f4,i4"))}, "or of records"),
        ({"x.npy": npy(np.zeros(2, "f4,O"))}, "or of records"),
        ({"x.npy": b"\x93NUMPY\x09\x00" + bytes(9)}, "version"),
        ({"x.npy": b"no"}, "cannot be read"),
        ({"x.txt": b"no"}, "other members"),
        ({f"{i}.npy": npy(np.arange(1)) for i in range(101)}, "unpacks to 101 arrays"),
    ],
)
def test_archives_of_something_else_are_refused(tmp_path, members, said):
    path = archive(tmp_path / "x.npz", members)
    with pytest.raises(UsageError, match=said) as caught:
        containers.read_npz(path)
    assert caught.value.code == "E-DATA-FILE" and str(path) in str(caught.value)


def test_what_unpacks_to_far_more_is_refused(tmp_path):
    path = archive(tmp_path / "x.npz", {"x.npy": bytes(80 * 2**20)})
    with pytest.raises(UsageError, match="unpacks to"):
        containers.read_npz(path)
    (tmp_path / "x.gz").write_bytes(gzip.compress(bytes(80 * 2**20)))
    with pytest.raises(UsageError, match="unpacks to more"):
        containers.unzipped(tmp_path / "x.gz")


def test_no_file_and_no_archive(tmp_path):
    (tmp_path / "x.npz").write_bytes(b"PK no")
    (tmp_path / "x.gz").write_bytes(b"no")
    for call in (
        lambda: containers.read_npz(tmp_path / "none.npz"),
        lambda: containers.read_npz(tmp_path / "x.npz"),
        lambda: containers.read_npz(tmp_path),
        lambda: containers.unzipped(tmp_path / "x.gz"),
        lambda: containers.unzipped(tmp_path / "none.gz"),
        lambda: containers.read_pickle(tmp_path / "none"),
    ):
        with pytest.raises(UsageError, match="cannot be read"):
            call()


def test_a_bit_flipped_in_an_archive_is_found(tmp_path):
    np.savez(tmp_path / "x.npz", x=np.arange(100))
    data = bytearray((tmp_path / "x.npz").read_bytes())
    data[400] ^= 1
    (tmp_path / "x.npz").write_bytes(data)
    with pytest.raises(UsageError, match="cannot be read"):
        containers.read_npz(tmp_path / "x.npz")
