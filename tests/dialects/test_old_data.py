"""`keras.utils.data_utils`, `io_utils` and groups of HDF5 files, as old scripts used them."""

import hashlib
import io
import threading

import numpy as np
import pytest

from cornu import Input, layers
from cornu.dialects import data_utils, hdf5_groups, io_utils, spellings, table
from cornu.dialects.data_utils import GeneratorEnqueuer, OrderedEnqueuer, validate_file
from cornu.dialects.io_utils import HDF5Matrix
from cornu.errors import UsageError
from cornu.models import Model, Sequential

h5py = pytest.importorskip("h5py")


class Squares(data_utils.Sequence):
    def __init__(self, count=5):
        self.count, self.passes = count, 0
        self.threads = set()

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        self.threads.add(threading.get_ident())
        return index * index

    def on_epoch_end(self):
        self.passes += 1


# ---------------------------------------------------------------- batches made ahead


@pytest.mark.parametrize("workers", [1, 3])
def test_the_loop_of_keras_2(workers):
    squares = Squares()
    enqueuer = OrderedEnqueuer(squares, use_multiprocessing=False, shuffle=False)
    enqueuer.start(workers=workers, max_queue_size=2)
    batches = enqueuer.get()
    found = [next(batches) for _ in range(12)]
    assert found == [0, 1, 4, 9, 16] * 2 + [0, 1]
    assert squares.passes == 2 and enqueuer.is_running()
    assert threading.get_ident() not in squares.threads
    enqueuer.stop()
    assert not enqueuer.is_running() and list(batches) == []


def test_an_order_for_each_pass():
    np.random.seed(1)
    enqueuer = OrderedEnqueuer(Squares(9), shuffle=True)
    enqueuer.start(2, 3)
    batches = enqueuer.get()
    first, second = ([next(batches) for _ in range(9)] for _ in range(2))
    enqueuer.stop()
    assert sorted(first) == sorted(second) == [i * i for i in range(9)]
    assert first != second


def test_an_error_in_a_batch_comes_where_it_is_asked_for():
    class Broken(Squares):
        def __getitem__(self, index):
            if index == 2:
                raise ValueError("row 2")
            return index

    enqueuer = OrderedEnqueuer(Broken())
    enqueuer.start()
    batches = enqueuer.get()
    assert [next(batches), next(batches)] == [0, 1]
    with pytest.raises(ValueError, match="row 2"):
        next(batches)
    enqueuer.stop()


def test_a_generator_made_ahead():
    enqueuer = GeneratorEnqueuer((i for i in range(6)), pickle_safe=True)
    enqueuer.start(nb_worker=4, max_q_size=2)
    assert list(enqueuer.get()) == list(range(6))
    assert not enqueuer.is_running()
    enqueuer.stop()

    def endless():
        while True:
            yield 1

    enqueuer = GeneratorEnqueuer(endless(), wait_time=0.05)
    enqueuer.start(max_queue_size=3)
    assert enqueuer.queue.get(timeout=5) == 1  # as loops of Keras 1 took batches
    enqueuer.stop(timeout=5)
    assert enqueuer._thread is not None and not enqueuer._thread.is_alive()


def test_a_generator_that_fails():
    def broken():
        yield 1
        raise ValueError("the second")

    enqueuer = GeneratorEnqueuer(broken())
    enqueuer.start()
    batches = enqueuer.get()
    assert next(batches) == 1
    with pytest.raises(ValueError, match="the second"):
        next(batches)
    enqueuer.stop()


def test_an_enqueuer_that_was_not_started():
    for enqueuer in (OrderedEnqueuer(Squares()), GeneratorEnqueuer(iter([1]))):
        with pytest.raises(UsageError, match=r"call start\(workers, max_queue_size\) first"):
            enqueuer.get()


def test_a_sequence_is_fed_to_fit():
    class Rows(data_utils.Sequence):
        def __len__(self):
            return 3

        def __getitem__(self, index):
            return np.ones((2, 3), "float32"), np.ones((2, 1), "float32")

    model = Sequential([Input((3,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    assert len(model.fit(Rows(), epochs=2, verbose=0).history["loss"]) == 2
    assert list(Squares(3)) == [0, 1, 4]


def test_hashes_of_files(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"horn")
    for name in ("sha256", "md5"):
        right = hashlib.new(name, b"horn").hexdigest()
        assert validate_file(path, right) and validate_file(path, right, name)
        assert not validate_file(path, right[::-1])
    with pytest.raises(UsageError, match='"sha256" or "md5"; got \'sha1\''):
        validate_file(path, "00", "sha1")


# ---------------------------------------------------------------- rows of HDF5 files


@pytest.fixture
def rows(tmp_path):
    values = np.arange(30, dtype="float32").reshape(10, 3)
    with h5py.File(tmp_path / "rows.h5", "w") as file:
        file["x"] = values
    yield tmp_path / "rows.h5", values
    known = HDF5Matrix.refs.pop(str(tmp_path / "rows.h5"), None)
    if known:
        known.close()


def test_rows_are_read_as_of_an_array(rows):
    path, values = rows
    whole, part = HDF5Matrix(path, "x"), HDF5Matrix(str(path), "x", 2, 8)
    assert (len(whole), whole.shape, whole.ndim, whole.size) == (10, (10, 3), 2, 30)
    assert (len(part), part.shape, part.dtype) == (6, (6, 3), np.float32)
    cut = values[2:8]
    for key in (0, -1, slice(1, 4), slice(None), slice(None, None, 2), slice(-2, None), [3, 1, 3]):
        np.testing.assert_array_equal(part[key], cut[key])
    np.testing.assert_array_equal(part[cut[:, 0] > 10], cut[cut[:, 0] > 10])
    np.testing.assert_array_equal(part[::-1], cut[::-1])
    np.testing.assert_array_equal(np.asarray(part), cut)
    with pytest.raises(IndexError):
        part[6]
    with pytest.raises(UsageError, match=r"no data set 'y'; it has \['x'\]"):
        HDF5Matrix(path, "y")


def test_rows_are_normalized_when_they_are_read(rows):
    path, values = rows
    matrix = HDF5Matrix(path, "x", normalizer=lambda x: (x / 2).astype("float64")[..., :2])
    assert matrix.shape == (10, 2) and matrix.dtype == np.float64
    np.testing.assert_array_equal(matrix[3:5], values[3:5, :2] / 2)


def test_training_on_rows_of_a_file(rows):
    path, values = rows
    model = Sequential([Input((3,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    x = HDF5Matrix(path, "x", 0, 8)
    expected = model.evaluate(values[:8], np.zeros((8, 1)), batch_size=4, verbose=0)
    assert model.evaluate(x, np.zeros((8, 1)), batch_size=4, verbose=0) == pytest.approx(expected)


def test_arrays_and_streams(tmp_path):
    values = np.arange(6).reshape(2, 3)
    io_utils.save_array(values, tmp_path / "a.h5")
    np.testing.assert_array_equal(io_utils.load_array(tmp_path / "a.h5"), values)
    stream = io.BytesIO()
    io_utils.save_to_binary_h5py(lambda file: file.create_dataset("x", data=values), stream)
    stream.seek(0)
    found = io_utils.load_from_binary_h5py(lambda file: np.asarray(file["x"]), stream)
    np.testing.assert_array_equal(found, values)


def test_asking_before_writing_over(monkeypatch):
    answers = iter(["what?", " Y ", "n"])
    monkeypatch.setattr("builtins.input", lambda text: next(answers))
    assert io_utils.ask_to_proceed_with_overwrite("a.h5") is True
    assert io_utils.ask_to_proceed_with_overwrite("a.h5") is False


# ---------------------------------------------------------------- weights in opened files


@pytest.fixture
def old_spellings():
    table.forget_warnings()
    with spellings.registered():
        yield


def network():
    x = Input((4, 3))
    y = layers.Dense(1, name="end")(layers.GRU(2, name="middle", reset_after=False)(x))
    return Model(x, y)


def test_weights_to_and_from_a_group():
    one, other = network(), network()
    with h5py.File(io.BytesIO(), "w") as file:
        hdf5_groups.save_weights_to_hdf5_group(file, one.layers)
        names = hdf5_groups.load_attributes_from_hdf5_group(file, "layer_names")
        assert names == [layer.name for layer in one.layers]
        hdf5_groups.load_weights_from_hdf5_group(file, other.layers)
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_weights_by_name_leave_the_others():
    one, other = network(), network()
    before = other.get_layer("middle").get_weights()
    with h5py.File(io.BytesIO(), "w") as file:
        hdf5_groups.save_weights_to_hdf5_group(file, [one.get_layer("end")])
        hdf5_groups.load_weights_from_hdf5_group_by_name(file, other.layers)
        wide = [layers.Dense(3, name="end")]
        wide[0].build((None, 2))
        with pytest.raises(UsageError, match="end"):
            hdf5_groups.load_weights_from_hdf5_group_by_name(file, wide)
        with pytest.warns(UserWarning, match="end"):
            hdf5_groups.load_weights_from_hdf5_group_by_name(file, wide, skip_mismatch=True)
    np.testing.assert_array_equal(
        one.get_layer("end").get_weights()[0], other.get_layer("end").get_weights()[0]
    )
    for a, b in zip(before, other.get_layer("middle").get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_attributes_that_are_too_long_for_one():
    texts = [f"layer_{i}".ljust(1000, "x") for i in range(100)]
    with h5py.File(io.BytesIO(), "w") as file:
        hdf5_groups.save_attributes_to_hdf5_group(file, "names", texts)
        assert "names" not in file.attrs and "names1" in file.attrs
        assert hdf5_groups.load_attributes_from_hdf5_group(file, "names") == texts
        hdf5_groups.save_attributes_to_hdf5_group(file, "none", [])
        assert hdf5_groups.load_attributes_from_hdf5_group(file, "none") == []
        with pytest.raises(UsageError, match="64512 bytes"):
            hdf5_groups.save_attributes_to_hdf5_group(file, "one", ["x" * 70000])


@pytest.mark.usefixtures("old_spellings")
def test_arrays_of_an_older_layer():
    """Keras 1 with Theano kept kernels as (filters, channels, rows, columns), turned around."""
    layer = layers.Conv2D(2, (2, 2), data_format="channels_first")
    layer.build((None, 3, 4, 4))
    kernel = np.arange(24, dtype="float32").reshape(2, 3, 2, 2)
    found = hdf5_groups.preprocess_weights_for_loading(
        layer, [kernel, np.zeros(2, "float32")], "1.2.2", "theano"
    )
    np.testing.assert_array_equal(found[0], kernel[:, :, ::-1, ::-1].transpose(2, 3, 1, 0))
    assert found[1].shape == (2,)
