"""Kinds of data: frames, series, tensors of others, sparse matrices, and arrays in files."""

import numpy as np
import pytest

from cornu import engine, state
from cornu.errors import UsageError
from cornu.layers import Dense, Input
from cornu.models import Model, Sequential
from cornu.training import columns, homes
from cornu.training.arrays import as_data
from cornu.training.columns import Column
from cornu.training.foreign import plain
from training.reference import START, Reference, X, Y, linear, same

h5py = pytest.importorskip("h5py")


@pytest.fixture(scope="module")
def model():
    """One for all: it is compiled once."""
    return linear()


@pytest.fixture
def trained(model):
    """Weights and figures of a fit, an evaluation and a prediction, always from the same start."""

    def run(x, y=Y, **said):
        model.set_weights(START)
        if "program" in model._kept:
            model._kept["program"].passes = 0  # the same orders again
        history = model.fit(x, y, batch_size=5, epochs=2, verbose=0, **said).history["loss"]
        judged = model.evaluate(x, y, batch_size=5, verbose=0)
        return [*model.get_weights(), history, judged, model.predict(x, batch_size=5, verbose=0)]

    return run


@pytest.fixture
def large(monkeypatch):
    """Files count as large, and buffers hold one batch."""
    monkeypatch.setattr(columns, "SMALL", 0)
    monkeypatch.setattr(columns, "DENSE", 99)
    monkeypatch.setattr(homes.OnHost, "CHUNK", 5 * 3 * 4)
    monkeypatch.setattr(engine, "room", lambda: 0)  # arrays at hand take the same way


# ---------------------------------------------------------------- frames, series and tensors


class Series:
    """As pandas's and polars's."""

    def __init__(self, values):
        self.values, self.shape = np.asarray(values), (len(values),)

    def to_numpy(self):
        return self.values

    def __array__(self, dtype=None, copy=None):
        return self.values


class Frame:
    """As pandas's, whose columns of different dtypes come as objects."""

    def __init__(self, **named):
        self.named, self.columns = named, list(named)
        self.shape = (len(next(iter(named.values()))), len(named))

    def __getitem__(self, name):
        return Series(self.named[name])

    def to_numpy(self):
        kinds = {np.asarray(v).dtype for v in self.named.values()}
        array = np.stack([np.asarray(v, "O") for v in self.named.values()], -1)
        return array if len(kinds) > 1 else array.astype(kinds.pop())

    def __array__(self, dtype=None, copy=None):
        return self.to_numpy()


class Tensor:
    """As torch's: on another device, and part of a graph."""

    def __init__(self, values, device="cuda", dtype="torch.float32", sparse=False):
        self.values, self.device, self.dtype, self.is_sparse = values, device, dtype, sparse
        self.shape, self.attached = values.shape, True

    def _like(self, **changed):
        twin = Tensor(self.values, self.device, self.dtype, self.is_sparse)
        twin.attached = self.attached
        twin.__dict__.update(changed)
        return twin

    def detach(self):
        return self._like(attached=False)

    def cpu(self):
        return self._like(device="cpu")

    def to_dense(self):
        return self._like(is_sparse=False)

    def float(self):
        return self._like(dtype="torch.float32")

    def numpy(self):
        assert not self.attached and self.device == "cpu" and not self.is_sparse
        assert self.dtype == "torch.float32"
        return self.values

    def __array__(self, dtype=None, copy=None):
        raise TypeError("can't convert a cuda tensor")


def test_frames_and_series(trained):
    frame = Frame(a=X[:, 0].astype("float64"), b=X[:, 1], c=X[:, 2])
    assert all(map(np.array_equal, trained(frame, Series(Y)), trained(X)))


def test_columns_of_several_kinds_are_numbers():
    found = plain(Frame(a=[1, 2], b=[0.5, 0.25], c=[True, False]))
    assert found.dtype == np.float64 and found.tolist() == [[1, 0.5, 1], [2, 0.25, 0]]
    with pytest.raises(UsageError, match="x is text|x has|E-TEXT"):
        linear().predict(Frame(a=[1, 2], b=["x", "y"], c=[1.0, 2.0]), verbose=0)


def test_columns_by_the_names_of_inputs():
    inputs = {name: Input((1,), name=name) for name in "ab"}
    model = Model(inputs, Dense(1, kernel_initializer="ones")(inputs["a"] + inputs["b"]))
    frame = Frame(a=X[:, 0], b=X[:, 1])
    found = model.predict({name: frame[name] for name in frame.columns}, verbose=0)
    assert np.allclose(found[:, 0], X[:, 0] + X[:, 1])


@pytest.mark.parametrize("said", [{}, {"dtype": "torch.bfloat16"}, {"sparse": True}])
def test_tensors_of_other_frameworks(trained, said):
    assert all(map(np.array_equal, trained(Tensor(X, **said), Tensor(Y)), trained(X)))


# ---------------------------------------------------------------- sparse matrices


def test_sparse_matrices_are_written_out_a_piece_at_a_time(trained, large, monkeypatch):
    sparse = pytest.importorskip("scipy.sparse")
    dense = np.where(np.abs(X) > 0.5, X, 0).astype("float64")
    wanted = trained(dense, shuffle=False)
    rows = []
    before = columns.SparseColumn.stretch

    def noted(self, first, last):
        rows.append(last - first)
        return before(self, first, last)

    monkeypatch.setattr(columns.SparseColumn, "stretch", noted)
    for make in (sparse.csr_matrix, sparse.coo_matrix, sparse.csc_array):
        found = trained(make(dense), shuffle=False)
        assert all(map(np.array_equal, found, wanted))
    assert max(rows) <= 16 and len(rows) >= 3 * 14  # `predict` takes more rows at once


def test_a_sparse_matrix_as_a_batch():
    sparse = pytest.importorskip("scipy.sparse")
    dense = np.where(np.abs(X) > 0.5, X, 0)
    one, other = linear(), linear()
    assert one.train_on_batch(sparse.csr_matrix(dense), Y) == other.train_on_batch(dense, Y)
    one.fit(iter([(sparse.csr_matrix(dense), Y)]), steps_per_epoch=1, verbose=0)
    other.train_on_batch(dense, Y)
    assert same(one.get_weights(), other.get_weights())


# ---------------------------------------------------------------- arrays in files


class Stored:
    """A data set in a file: it notes what is read, and refuses what h5py refuses."""

    chunks = None

    def __init__(self, values):
        self.values, self.shape, self.dtype = values, values.shape, values.dtype
        self.read = []

    def __getitem__(self, key):
        if not isinstance(key, slice):
            assert isinstance(key, list) and key == sorted(set(key))
        found = self.values[key]
        self.read.append(len(found))
        return found


@pytest.mark.parametrize("shuffle", [False, True, "batch"])
def test_a_data_set_in_a_file_is_read_by_slices(trained, large, shuffle):
    stored = Stored(X.astype("float64"))
    wanted = trained(X, shuffle=shuffle)
    assert all(map(np.array_equal, trained(stored, shuffle=shuffle), wanted))
    if shuffle is not True:
        assert max(stored.read) <= 16  # never whole; `predict` takes more rows at once


@pytest.mark.parametrize("shuffle", [True, "batch"])
def test_h5py(trained, large, tmp_path, shuffle):
    with h5py.File(tmp_path / "data.h5", "w") as file:
        file["x"], file["y"] = X, Y
        found = trained(file["x"], file["y"], shuffle=shuffle)
        assert all(map(np.array_equal, found, trained(X, shuffle=shuffle)))


def test_rows_far_from_each_other_are_read_with_a_word_on_what_is_faster(monkeypatch):
    monkeypatch.setattr(columns, "SMALL", 0)
    values = np.arange(400.0, dtype="float32").reshape(200, 2)
    stored = Stored(values)
    column = as_data(stored, "x")
    with pytest.warns(UserWarning, match='shuffle="batch"') as caught:
        found = column[np.array([150, 3, 3, 77])]
        column[np.array([0, 199])]
    assert len(caught) == 1
    assert np.array_equal(found, values[[150, 3, 3, 77]]) and stored.read[-2:] == [3, 2]


def test_a_validation_split_of_a_data_set_is_not_read(large):
    stored = Stored(X)
    model, expected = linear(rate=0.0), Reference(rate=0.0)
    history = model.fit(stored, Y, validation_split=0.25, verbose=0, shuffle=False).history
    assert np.isclose(history["val_loss"][0], expected.loss(X[15:], Y[15:]), rtol=1e-4)
    assert np.isclose(history["loss"][0], expected.loss(X[:15], Y[:15]), rtol=1e-4)
    assert max(stored.read) <= 15


def test_what_is_read_is_checked():
    values = X.copy()
    values[17, 1] = np.nan
    with pytest.raises(UsageError, match="x contains NaN") as info:
        linear().fit(Stored(values), Y, batch_size=5, shuffle=False, verbose=0)
    assert info.value.code == "E-NOT-FINITE"
    assert info.value.__notes__ == ["(samples are counted from row 0 on)"]
    with pytest.raises(UsageError, match="x is complex"):
        linear().predict(Stored(X.astype("complex64")), verbose=0)


def test_large_arrays_mapped_from_files_stay_there(trained, large, tmp_path):
    np.save(tmp_path / "x.npy", X.astype("float64"))
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert isinstance(as_data(mapped, "x"), Column)
    assert all(map(np.array_equal, trained(mapped), trained(X)))


def test_pieces_of_a_column():
    values = np.arange(60).reshape(20, 3)
    column = as_data(Stored(values), "x")
    assert column.shape == (20, 3) and column.dtype == np.int32 and column.nbytes == 240
    assert len(column) == 20 and column.ndim == 2
    cut = column.cut(5, 15)
    assert np.array_equal(cut[2:4], values[7:9]) and cut.shape == (10, 3)
    assert np.array_equal(cut[np.array([9, 0])], values[[14, 5]])
    assert np.array_equal(np.asarray(cut), values[5:15]) and cut[3:3].shape == (0, 3)
    assert np.array_equal(cut.cut(1, 99)[:], values[6:15])


# ---------------------------------------------------------------- several inputs


def test_several_inputs_of_different_kinds():
    a, b = Input((3,), name="a"), Input((3,), name="b")
    model = Model([a, b], Dense(1)(a + b))
    model.compile("sgd", "mse")
    start = model.get_weights()
    losses = []
    for x in ([X, X], [Stored(X), X], {"a": Stored(X), "b": engine.array(X)}):
        model.set_weights(start)
        state.set_random_seed(0)
        model.compile("sgd", "mse")
        losses.append(model.fit(x, Y, shuffle=False, verbose=0).history["loss"])
    assert losses[0] == losses[1] == losses[2]


def test_batches_of_dicts_and_tuples():
    a, b = Input((3,), name="a"), Input((1,), name="b")
    model = Model({"a": a, "b": b}, [Dense(1, name="one")(a), Dense(1, name="two")(b)])
    model.compile("sgd", ["mse", "mse"])
    start = model.get_weights()
    losses = []
    for item in (
        ({"a": X, "b": Y}, {"one": Y, "two": Y}),
        ({"b": Y, "a": X}, [Y, Y]),
        ({"a": X, "b": Y}, (Y, Y), (np.ones(20), np.ones(20))),
    ):
        model.set_weights(start)
        history = model.fit(iter([item]), steps_per_epoch=1, verbose=0).history
        losses.append(history["loss"])
    assert losses[0] == losses[1] and np.allclose(losses[0], losses[2], rtol=1e-6)


def test_a_model_that_is_built_by_its_data():
    model = Sequential([Dense(1)])
    model.compile("sgd", "mse")
    model.fit(Stored(X), Stored(Y), verbose=0)
    assert model.predict(Stored(X), verbose=0).shape == (20, 1)
