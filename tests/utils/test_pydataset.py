"""PyDataset and HDF5Matrix."""

import pickle

import numpy as np
import pytest

from cornu.errors import UsageError, UsageTypeError
from cornu.utils.hdf5_matrix import HDF5Matrix
from cornu.utils.pydataset import PyDataset, Sequence
from training.reference import Reference, X, Y, linear


class Parts(PyDataset):
    """X and Y in batches of five."""

    def __init__(self, **said):
        super().__init__(**said)
        self.epochs = []

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return X[5 * index : 5 * index + 5], Y[5 * index : 5 * index + 5]

    def on_epoch_begin(self):
        self.epochs.append("begin")

    def on_epoch_end(self):
        self.epochs.append("end")


def test_training_evaluation_and_prediction():
    model, expected = linear(), Reference()
    data = Parts()
    history = model.fit(data, epochs=2, shuffle=False, verbose=0).history
    wanted = [expected.epoch(X, Y, 5) for _ in range(2)]
    assert np.allclose(history["loss"], wanted, rtol=1e-4) and expected.agrees(model)
    assert data.epochs == ["begin", "end"] * 2
    assert np.isclose(model.evaluate(data, verbose=0), expected.loss(X, Y), rtol=1e-4)
    assert np.allclose(model.predict(data, verbose=0), model.predict(X, verbose=0))


def test_settings_and_a_constructor_that_does_not_call_ours():
    class Old(Sequence):
        def __init__(self):
            pass

        def __len__(self):
            return 2

        def __getitem__(self, index):
            return X[index : index + 1]

    old, new = Old(), Parts(workers=3, use_multiprocessing=True, max_queue_size=4)
    assert (old.workers, old.use_multiprocessing, old.max_queue_size) == (1, False, 10)
    assert (new.workers, new.use_multiprocessing, new.max_queue_size) == (3, True, 4)
    assert old.num_batches == 2 and len(list(old)) == 2
    assert linear().predict(old, verbose=0).shape == (2, 1)


def test_data_without_an_end():
    class Endless(PyDataset):
        num_batches = None

        def __getitem__(self, index):
            at = 5 * (index % 4)
            return X[at : at + 5], Y[at : at + 5]

    with pytest.raises(UsageError, match="pass steps_per_epoch"):
        linear().fit(Endless(), verbose=0)
    model, expected = linear(), Reference()
    model.fit(Endless(), epochs=2, steps_per_epoch=3, verbose=0)
    for i in (0, 1, 2, 3, 0, 1):
        expected.step(X[5 * i : 5 * i + 5], Y[5 * i : 5 * i + 5])
    assert expected.agrees(model)


def test_what_is_not_written():
    class Empty(PyDataset):
        pass

    with pytest.raises(UsageTypeError, match="Empty needs __len__"):
        linear().fit(Empty(), verbose=0)
    with pytest.raises(NotImplementedError, match="Empty needs __getitem__"):
        Empty()[0]


# ---------------------------------------------------------------- HDF5Matrix


def doubled(rows):
    return rows * 2


@pytest.fixture
def path(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "data.h5", "w") as file:
        file["group/x"], file["y"] = X, Y
        file["number"] = 3.0
    return tmp_path / "data.h5"


def test_rows_that_count(path):
    x = HDF5Matrix(str(path), "group/x", 5, 15, normalizer=doubled)
    assert x.shape == (10, 3) and len(x) == 10 and x.ndim == 2 and x.size == 30
    assert x.dtype == np.float32
    rows = 2 * X[5:15]
    for key in (3, -1, slice(2, 5), slice(None, None, 3), [7, 0, 7], rows[:, 0] > 0):
        assert np.array_equal(x[key], rows[key])
    assert np.array_equal(np.asarray(x), rows)
    with pytest.raises(IndexError, match="index 10 is beyond the 10 rows"):
        x[10]
    x.close()
    assert np.array_equal(pickle.loads(pickle.dumps(x))[:2], rows[:2])
    x.close()


@pytest.mark.parametrize("shuffle", [True, "batch"])
def test_training_on_rows_of_a_file(path, shuffle):
    x, y = HDF5Matrix(path, "group/x"), HDF5Matrix(path, "y")
    model, expected = linear(rate=0.0), Reference(rate=0.0)
    history = model.fit(x, y, batch_size=5, shuffle=shuffle, verbose=0).history
    assert np.isclose(history["loss"][0], expected.loss(X, Y), rtol=1e-4)
    assert np.allclose(model.predict(x, verbose=0), model.predict(X, verbose=0))
    x.close()
    y.close()


def test_what_is_not_there(path, tmp_path):
    with pytest.raises(UsageError, match="no data set 'grop/x'.*Did you mean .group/x") as info:
        HDF5Matrix(path, "grop/x")
    assert info.value.code == "E-DATASET"
    with pytest.raises(UsageError, match="with rows"):
        HDF5Matrix(path, "number")
    with pytest.raises(UsageError, match='"y" has 20 rows; got start=5, end=21'):
        HDF5Matrix(path, "y", 5, 21)
    with pytest.raises(UsageError, match="cannot be read as HDF5"):
        HDF5Matrix(tmp_path / "none.h5", "x")
