"""Data sets that are downloaded: from a server here, small files of every layout there was."""

import gzip
import hashlib
import io
import json
import pickle
import tarfile
import threading
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from cornu import settings
from cornu.datasets import (
    boston_housing,
    california_housing,
    cifar10,
    cifar100,
    fashion_mnist,
    fetching,
    imdb,
    mnist,
    reuters,
)
from cornu.errors import UsageError

RNG = np.random.default_rng(0)


class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        name = self.path.rpartition("/")[2]
        self.server.asked.append(name)
        data = self.server.files.get(name)
        self.send_response(200 if data is not None else 404)
        self.send_header("Content-Length", str(len(data or b"")))
        self.end_headers()
        self.wfile.write(data or b"")

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def running():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def server(running, monkeypatch, tmp_path):
    """A server with the files that a test puts there; the cache is an empty folder."""
    running.files, running.asked = {}, []
    address = f"http://127.0.0.1:{running.server_address[1]}/"

    def published(name):
        data = running.files.get(name, b"")
        return fetching.Published(address + name, hashlib.sha256(data).hexdigest())

    monkeypatch.setenv("CORNU_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(fetching, "published", published)
    return running


@pytest.fixture
def cache(tmp_path):
    folder = tmp_path / "home" / "datasets"
    folder.mkdir(parents=True)
    return folder


def npz(**arrays) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def lists(*rows) -> np.ndarray:
    found = np.empty(len(rows), object)
    for i, row in enumerate(rows):
        found[i] = list(row)
    return found


def digits(rows: int) -> tuple[np.ndarray, np.ndarray]:
    x = RNG.integers(0, 256, (rows, 28, 28), "uint8")
    return x, RNG.integers(0, 10, rows, "uint8")


def same(parts, *expected):
    found = [array for part in parts for array in part]
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


# ---------------------------------------------------------------- images


def test_mnist_is_downloaded_once(server, cache):
    (x, y), (x_test, y_test) = digits(5), digits(2)
    server.files["mnist.npz"] = npz(x_train=x, y_train=y, x_test=x_test, y_test=y_test)
    for _ in range(2):
        parts = mnist.load_data()
        same(parts, x, y, x_test, y_test)
    assert server.asked == ["mnist.npz"] and (cache / "mnist.npz").exists()
    parts[0][0][0, 0, 0] = 7  # arrays are the caller's own
    same(mnist.load_data(path="other.npz"), x, y, x_test, y_test)
    assert (cache / "other.npz").exists()


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_mnist_of_keras_1_is_read(server, cache, protocol):
    train, test = digits(5), digits(2)
    with gzip.open(cache / "mnist.pkl.gz", "wb") as file:
        file.write(pickle.dumps((train, test), protocol))
    for said in ((), ("mnist.pkl.gz",), (str(cache / "mnist.pkl.gz"),)):
        same(mnist.load_data(*said), *train, *test)
    assert server.asked == []


def test_the_old_name_gets_the_file_of_today(server):
    (x, y), (x_test, y_test) = digits(5), digits(2)
    server.files["mnist.npz"] = npz(x_train=x, y_train=y, x_test=x_test, y_test=y_test)
    same(mnist.load_data("mnist.pkl.gz"), x, y, x_test, y_test)
    assert server.asked == ["mnist.npz"]


def test_three_parts_of_another_mnist_are_refused(server, cache):
    (cache / "mnist.pkl.gz").write_bytes(gzip.compress(pickle.dumps((digits(2),) * 3)))
    with pytest.raises(UsageError, match="is no MNIST of Keras"):
        mnist.load_data()


def test_fashion_mnist(server, tmp_path):
    (x, y), (x_test, y_test) = digits(5), digits(2)
    for name, array in (
        ("train-images-idx3-ubyte.gz", x),
        ("train-labels-idx1-ubyte.gz", y),
        ("t10k-images-idx3-ubyte.gz", x_test),
        ("t10k-labels-idx1-ubyte.gz", y_test),
    ):
        head = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
        server.files[name] = gzip.compress(head + array.tobytes())
    same(fashion_mnist.load_data(), x, y, x_test, y_test)
    assert (tmp_path / "home" / "datasets" / "fashion-mnist").is_dir()
    assert len(fashion_mnist.CLASSES) == 10
    short = server.files["t10k-labels-idx1-ubyte.gz"]
    path = tmp_path / "home" / "datasets" / "fashion-mnist" / "t10k-labels-idx1-ubyte.gz"
    for data, said in (
        (gzip.compress(gzip.decompress(short)[:-1]), "another size than its shape"),
        (gzip.compress(b"\0\0\x09\1" + bytes(8)), "no file of images"),
        (short[:-9], "cannot be read"),
    ):
        server.files[path.name] = data
        path.unlink()
        with pytest.raises(UsageError, match=said):
            fashion_mnist.load_data()


def batch(rows: int, key: bytes = b"labels") -> dict:
    labels = RNG.integers(0, 10, rows).tolist()
    data = RNG.integers(0, 256, (rows, 3072), "uint8")
    return {b"data": data, key: labels, b"batch_label": b"one", b"filenames": [b"a.png"] * rows}


def tar(folder: str, files: dict[str, dict]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            data = pickle.dumps(content, 2)
            info = tarfile.TarInfo(f"{folder}/{name}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


NAMES = [f"data_batch_{i}" for i in range(1, 6)]


def test_cifar10(server):
    files = {name: batch(3) for name in (*NAMES, "test_batch")}
    server.files["cifar-10-python.tar.gz"] = tar("cifar-10-batches-py", files)
    x = np.concatenate([files[name][b"data"] for name in NAMES]).reshape(15, 3, 32, 32)
    y = np.concatenate([files[name][b"labels"] for name in NAMES]).astype("uint8")[:, None]
    (x_train, y_train), (x_test, y_test) = cifar10.load_data()
    assert x_train.flags.c_contiguous and x_train.shape == (15, 32, 32, 3)
    np.testing.assert_array_equal(x_train, x.transpose(0, 2, 3, 1))
    np.testing.assert_array_equal(y_train, y)
    assert y_train.dtype == "uint8" and x_test.shape == (3, 32, 32, 3) and len(y_test) == 3
    before = settings.image_data_format()
    settings.set_image_data_format("channels_first")
    try:
        np.testing.assert_array_equal(cifar10.load_data()[0][0], x)
    finally:
        settings.set_image_data_format(before)
    assert server.asked == ["cifar-10-python.tar.gz"]


@pytest.mark.parametrize("folder", ["cifar-10-batches-py", "cifar-10-batches-py-target"])
def test_cifar10_as_any_keras_unpacked_it(server, cache, folder):
    inner = cache / folder / ("" if folder.endswith("py") else "cifar-10-batches-py")
    inner.mkdir(parents=True)
    files = {name: batch(2) for name in (*NAMES, "test_batch")}
    for name, content in files.items():
        (inner / name).write_bytes(pickle.dumps(content, 1))
    (x, _), _ = cifar10.load_data()
    assert np.array_equal(x[0, :, :, 1].ravel(), files[NAMES[0]][b"data"][0, 1024:2048])
    assert server.asked == []
    (inner / "data_batch_3").unlink()
    with pytest.raises(UsageError, match="data_batch_3 is missing"):
        cifar10.load_data()


@pytest.mark.parametrize("mode", ["fine", "coarse"])
def test_cifar100(server, mode):
    files = {name: batch(3, b"fine_labels") for name in ("train", "test")}
    for content in files.values():
        content[b"coarse_labels"] = [i % 20 for i in content[b"fine_labels"]][::-1]
    server.files["cifar-100-python.tar.gz"] = tar("cifar-100-python", files)
    (_, y), (x_test, _) = cifar100.load_data(mode)
    assert y.ravel().tolist() == files["train"][f"{mode}_labels".encode()]
    assert x_test.shape == (3, 32, 32, 3)
    with pytest.raises(UsageError, match='must be "fine" or "coarse"'):
        cifar100.load_data("finest")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({b"data": [1, 2]}, 'no images under "data"'),
        ({b"data": np.zeros((2, 3072), "uint8")}, 'no label under "labels" for each'),
        ({b"labels": None}, 'no label under "labels"'),
    ],
)
def test_other_batches_are_refused(server, cache, change, said):
    inner = cache / "cifar-10-batches-py"
    inner.mkdir()
    (inner / "data_batch_1").write_bytes(pickle.dumps({**batch(3), **change}, 2))
    with pytest.raises(UsageError, match=said):
        cifar10.load_data()


# ---------------------------------------------------------------- tables


def test_houses(server):
    x, y = RNG.normal(size=(30, 13)), RNG.normal(size=30)
    server.files["boston_housing.npz"] = npz(x=x, y=y)
    # The order that RandomState(113) gives, as in Keras.
    order = np.random.RandomState(113).permutation(30)
    same(boston_housing.load_data(), x[order[:24]], y[order[:24]], x[order[24:]], y[order[24:]])
    whole, nothing = boston_housing.load_data(test_split=0, seed=1)
    assert len(whole[0]) == 30 and len(nothing[0]) == 0
    with pytest.raises(UsageError, match="E-TEST-SPLIT"):
        boston_housing.load_data(test_split=1)


def test_blocks_of_california(server):
    x, y = RNG.normal(size=(700, 8)).astype("float32"), np.arange(700, dtype="float32")
    server.files["california_housing.npz"] = npz(x=x, y=y)
    (_, large), (_, rest) = california_housing.load_data()
    assert sorted([*large, *rest]) == y.tolist() and len(rest) == 140
    (_, small), (_, rest) = california_housing.load_data("small", test_split=0.5)
    assert sorted([*small, *rest]) == list(range(600))
    assert len(california_housing.FEATURES) == 8
    with pytest.raises(UsageError, match='must be "large" or "small"'):
        california_housing.load_data(version="tiny")


# ---------------------------------------------------------------- words

ROWS = [[1, 5, 2], [3], [2, 2, 9, 4], [7, 8]]
GOOD = np.array([1, 0, 0, 1])


def words(server) -> None:
    server.files["imdb.npz"] = npz(
        x_train=lists(*ROWS), y_train=GOOD, x_test=lists(*ROWS[::-1]), y_test=GOOD[::-1]
    )


def expected(rows, order, cut=lambda w: w):
    return [[cut(w) for w in rows[i]] for i in order]


def test_imdb(server):
    words(server)
    orders = np.random.RandomState(113)
    train, test = orders.permutation(4), orders.permutation(4)
    (x, y), (x_test, y_test) = imdb.load_data()
    largest = 9 + 3  # the largest number, which is cut out too

    def moved(w):
        return 2 if w + 3 >= largest else w + 3

    assert x.tolist() == [[1, *row] for row in expected(ROWS, train, moved)]
    assert x_test.tolist() == [[1, *row] for row in expected(ROWS[::-1], test, moved)]
    assert y.tolist() == GOOD[train].tolist() and y_test.tolist() == GOOD[::-1][test].tolist()
    assert x.dtype == object and all(type(w) is int for w in x[0])


def test_words_are_cut(server):
    words(server)
    train = np.random.RandomState(7).permutation(4)
    plain = {"start_char": None, "index_from": 0, "seed": 7}
    (x, _), _ = imdb.load_data(num_words=5, skip_top=2, **plain)
    assert x.tolist() == expected(ROWS, train, lambda w: w if 2 <= w < 5 else 2)
    (x, _), _ = imdb.load_data(num_words=5, skip_top=2, oov_char=None, **plain)
    assert x.tolist() == [[w for w in ROWS[i] if 2 <= w < 5] for i in train]
    (x, y), _ = imdb.load_data(num_words=99, maxlen=3, **plain)
    assert x.tolist() == [ROWS[i] for i in train if len(ROWS[i]) < 3]
    assert y.tolist() == [GOOD[i] for i in train if len(ROWS[i]) < 3]
    (x, _), _ = imdb.load_data(num_words=99, maxlen=3, seed=7)
    assert x.tolist() == [[1, 6]], "the start counts"


def test_one_list_is_split_as_keras_0_did(server, cache):
    words(server)
    (x, _), (x_test, y_test) = imdb.load_data(test_split=0.25, num_words=99)
    train = np.random.RandomState(113).permutation(4)
    whole = [[1, *(w + 3 for w in ROWS[i])] for i in train]
    assert [*x, *x_test] == whole and len(x) == 3 and y_test.tolist() == [GOOD[train[3]]]
    (cache / "imdb.npz").unlink()
    (cache / "imdb.pkl").write_bytes(pickle.dumps((ROWS, GOOD.tolist()), 2))
    again, _ = imdb.load_data("imdb.pkl", test_split=0.25, num_words=99)
    assert [*again[0]] == whole[:3]


def test_imdb_and_reuters_of_keras_1(server, cache):
    pair = (ROWS, GOOD.tolist())
    (cache / "imdb_full.pkl").write_bytes(pickle.dumps((pair, pair), 2))
    (cache / "reuters.pkl").write_bytes(pickle.dumps(pair, 0))
    (cache / "imdb_word_index.pkl").write_bytes(pickle.dumps({"the": 1, "café": 2}, 2))
    (x, _), (x_test, _) = imdb.load_data("imdb_full.pkl", num_words=99)
    assert len(x) == len(x_test) == 4
    (x, _), (x_test, _) = reuters.load_data(num_words=99)
    assert len(x) == 3 and len(x_test) == 1
    assert imdb.get_word_index("imdb_word_index.pkl") == {"the": 1, "café": 2}
    assert server.asked == []


def test_reuters(server):
    server.files["reuters.npz"] = npz(x=lists(*ROWS), y=np.array([3, 4, 0, 45]))
    server.files["reuters_word_index.json"] = json.dumps({"the": 1}).encode()
    order = np.random.RandomState(113).permutation(4)
    (x, _), (_, y_test) = reuters.load_data(num_words=99, test_split=0.5)
    assert x.tolist() == [[1, *(w + 3 for w in ROWS[i])] for i in order[:2]]
    assert y_test.tolist() == [[3, 4, 0, 45][i] for i in order[2:]]
    assert reuters.get_word_index() == {"the": 1}
    names = reuters.get_label_names()
    assert len(names) == len(set(names)) == 46 and (names[0], names[3], names[45]) == (
        "cocoa",
        "earn",
        "lead",
    )


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"maxlen": 1}, "no list of words is shorter than maxlen=1"),
        ({"num_words": -1}, "num_words must be a whole number from 0 on, or None; got -1"),
        ({"skip_top": 1.5}, "skip_top must be"),
        ({"seed": None}, "seed must be a whole number from 0 on; got None"),
        ({"test_split": 2}, "E-TEST-SPLIT"),
    ],
)
def test_wrong_cuts_are_refused(server, said, message):
    words(server)
    with pytest.raises(UsageError, match=message):
        imdb.load_data(**said)


# ---------------------------------------------------------------- what does not come


def test_offline_the_message_says_what_goes_where(server, cache):
    with pytest.raises(UsageError) as caught:
        imdb.load_data()
    assert caught.value.code == "E-DATA-SET"
    said = str(caught.value)
    assert f"put {fetching.published('imdb.npz').address}, to {cache / 'imdb.npz'}" in said
    assert "answers 404" in said
    with pytest.raises(UsageError, match=r"cifar-10-python.tar.gz, unpacked to .*batches-py"):
        cifar10.load_data()
    assert not [each for each in cache.iterdir() if not each.name.startswith(".")]


def test_a_file_that_is_not_the_published_one_is_used_offline_with_a_word(server, cache):
    (x, y), (x_test, y_test) = digits(5), digits(2)
    (cache / "mnist.npz").write_bytes(npz(x_train=x, y_train=y, x_test=x_test, y_test=y_test))
    with pytest.warns(UserWarning, match="not the published file"):
        same(mnist.load_data(), x, y, x_test, y_test)


def test_what_comes_with_another_hash_is_refused(server, monkeypatch, cache):
    words(server)
    address = fetching.published("imdb.npz").address
    other = fetching.Published(address, "0" * 64)
    monkeypatch.setattr(fetching, "published", lambda name: other)
    (cache / "imdb.npz").write_bytes(b"damaged")
    with pytest.raises(UsageError, match="E-DATA-SET"):
        imdb.load_data()
    assert (cache / "imdb.npz").read_bytes() == b"damaged"


def test_a_path_is_taken_as_it_is(server, tmp_path):
    (x, y), (x_test, y_test) = digits(5), digits(2)
    path = tmp_path / "mine.npz"
    path.write_bytes(npz(x_train=x, y_train=y, x_test=x_test, y_test=y_test))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        same(mnist.load_data(path), x, y, x_test, y_test)
    with pytest.raises(UsageError, match="there is no file .*none.npz"):
        mnist.load_data(tmp_path / "none.npz")
    assert server.asked == []


def test_addresses_and_hashes_are_well_formed():
    for name in (*fetching.FILES, *fetching.ARCHIVES):
        file = fetching.published(name)
        assert file.address.startswith("https://") and file.name == name
        assert len(file.digest) in (32, 64) and not file.digest.strip("0123456789abcdef")
