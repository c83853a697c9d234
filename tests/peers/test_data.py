"""Data of pandas, polars, torch, TensorFlow, Grain and SciPy; passes and hooks as in Keras 3.15."""

import gc
import inspect
import threading

import numpy as np
import pytest

import cornu
from cornu.errors import UsageError, UsageTypeError
from cornu.training.batches import Batch
from cornu.training.feeds import Rounds
from cornu.training.streams import Stream
from cornu.utils.pydataset import PyDataset
from training.reference import START, Reference, X, Y, linear

pytestmark = pytest.mark.peers


@pytest.fixture(scope="module")
def model():
    return linear()


@pytest.fixture
def trained(model):
    """Weights after a pass without shuffling, and figures."""

    def run(x, y=None, epochs=2, **said):
        model.set_weights(START)
        history = model.fit(x, y, batch_size=5, epochs=epochs, shuffle=False, verbose=0, **said)
        return [*model.get_weights(), np.array(history.history["loss"])]

    return run


def alike(found, wanted):
    return all(map(np.array_equal, found, wanted))


# ---------------------------------------------------------------- frames


def test_pandas(trained, model):
    pd = pytest.importorskip("pandas")
    wanted = trained(X, Y)
    frame = pd.DataFrame(X, columns=list("abc"))
    assert alike(trained(frame, pd.Series(Y[:, 0])), wanted)
    assert alike(trained(frame.astype("float64"), pd.DataFrame(Y)), wanted)
    mixed = pd.DataFrame({"a": [1, 2], "b": [True, False], "c": [0.5, 1.5]})
    found = model.predict(mixed, verbose=0)
    assert np.allclose(found, model.predict(np.array([[1, 1, 0.5], [2, 0, 1.5]]), verbose=0))
    nullable = mixed.convert_dtypes()
    assert np.allclose(found, model.predict(nullable, verbose=0))
    missing = pd.DataFrame({"a": pd.array([1, None], "Int64"), "b": [1, 2], "c": [1, 2]})
    with pytest.raises(UsageError, match="x contains NaN: first at sample 1, column 0"):
        model.fit(missing, [1, 2], verbose=0)


def test_columns_of_frames_by_the_names_of_inputs():
    pd, pl = pytest.importorskip("pandas"), pytest.importorskip("polars")
    inputs = {name: cornu.Input((1,), name=name) for name in "ab"}
    total = cornu.layers.Dense(1, kernel_initializer="ones")(inputs["a"] + inputs["b"])
    model = cornu.Model(inputs, total)
    for make in (pd.DataFrame, pl.DataFrame):
        frame = make({"a": X[:, 0], "b": X[:, 1]})
        found = model.predict({name: frame[name] for name in "ab"}, verbose=0)
        assert np.allclose(found[:, 0], X[:, 0] + X[:, 1])


def test_polars(trained):
    pl = pytest.importorskip("polars")
    frame = pl.DataFrame({name: X[:, i] for i, name in enumerate("abc")})
    assert alike(trained(frame, pl.Series(Y[:, 0])), trained(X, Y))


# ---------------------------------------------------------------- tensors


def test_tensors_of_torch(trained):
    torch = pytest.importorskip("torch")
    wanted = trained(X, Y)
    x, y = torch.from_numpy(X), torch.from_numpy(Y)
    assert alike(trained(x, y), wanted)
    assert alike(trained(x.clone().requires_grad_(), y), wanted)
    assert alike(trained(x.double(), y), wanted)
    assert alike(trained(x.to_sparse(), y), wanted)
    rounded = x.bfloat16()
    assert alike(trained(rounded, y), trained(rounded.float().numpy(), Y))


def test_tensors_of_tensorflow(trained):
    tf = pytest.importorskip("tensorflow")
    wanted = trained(X, Y)
    assert alike(trained(tf.constant(X), tf.constant(Y)), wanted)
    assert alike(trained(tf.Variable(X), tf.constant(Y)), wanted)
    with pytest.raises(UsageTypeError, match="tf.sparse.to_dense"):
        trained(tf.sparse.from_dense(X), Y)


# ---------------------------------------------------------------- loaders


def test_loaders_of_torch(trained, model):
    torch = pytest.importorskip("torch")
    data = torch.utils.data
    wanted = trained(X, Y)
    pairs = data.TensorDataset(torch.from_numpy(X), torch.from_numpy(Y))
    loader = data.DataLoader(pairs, batch_size=5)  # gives lists
    assert alike(trained(loader), wanted)
    assert alike(trained(loader, epochs=2, steps_per_epoch=4), wanted)
    assert np.allclose(model.predict(loader, verbose=0), model.predict(X, verbose=0))
    named = [{"x": x, "y": y} for x, y in pairs]
    as_tuple = data.DataLoader(
        named,
        batch_size=5,
        collate_fn=lambda rows: tuple(torch.stack([r[k] for r in rows]) for k in "xy"),
    )
    assert alike(trained(as_tuple), wanted)
    shuffled = data.DataLoader(pairs, 5, shuffle=True)
    losses = trained(shuffled)[-1]
    assert np.isfinite(losses).all()


def test_a_loader_of_torch_finds_its_place_again():
    torch = pytest.importorskip("torch")
    pairs = torch.utils.data.TensorDataset(torch.arange(20.0)[:, None])

    def loader():
        torch.manual_seed(3)
        return torch.utils.data.DataLoader(pairs, 5, shuffle=True)

    def source():
        def convert(item, number, looked_at):
            return Batch(item[0].numpy(), [None], [None])

        return Stream(Rounds(loader(), False), convert, 4, False)

    def rows(stream):
        return [
            np.array(one.batch.take(one.order, one.first, one.rows).x)[:, 0].tolist()
            for part in stream.parts()
            for one in part.singly()
        ]

    whole = source()
    wanted = [rows(whole) for _ in range(3)]
    again = source()
    assert again.first is not None
    again.go_to(1, 2)
    assert [rows(again), rows(again)] == [wanted[1][2:], wanted[2]]


def test_datasets_of_tensorflow(trained):
    tf = pytest.importorskip("tensorflow")
    wanted = trained(X, Y)
    data = tf.data.Dataset.from_tensor_slices((X, Y)).batch(5)
    assert alike(trained(data), wanted)
    assert alike(trained(data.repeat(), steps_per_epoch=4), wanted)
    unknown = data.filter(lambda x, y: True)
    assert unknown.cardinality() == -2
    assert alike(trained(unknown), wanted)
    with pytest.raises(UsageError, match="pass steps_per_epoch"):
        trained(data.repeat())
    expected = Reference()
    expected.epoch(X, Y, 5)
    expected.epoch(X, Y, 5)
    kernel, bias, _ = wanted
    assert np.allclose(kernel, expected.kernel, rtol=1e-4)


def test_datasets_of_grain(trained):
    grain = pytest.importorskip("grain")
    wanted = trained(X, Y)
    pairs = list(zip(X, Y, strict=True))
    mapped = grain.MapDataset.source(pairs).batch(5)
    assert alike(trained(mapped), wanted)
    assert alike(trained(mapped.to_iter_dataset()), wanted)
    with pytest.raises(UsageError, match="pass steps_per_epoch"):
        trained(grain.MapDataset.source(pairs).repeat().batch(5))
    assert alike(
        trained(grain.MapDataset.source(pairs).repeat().batch(5), steps_per_epoch=4), wanted
    )


def test_grain_is_set_to_its_state_and_read_no_further():
    grain = pytest.importorskip("grain")
    read = []

    def note(value):
        read.append(int(value))
        return np.float32([value])

    def source():
        data = grain.MapDataset.range(40).map(note).to_iter_dataset().batch(2)
        return Stream(Rounds(data, True), lambda x, n, f: Batch(x, [None], [None]), 10)

    first = source()
    parts = first.parts()
    seen = [np.array(next(parts).batch.x)[:, 0].tolist() for _ in range(4)]
    kept = first.state()
    parts.close()
    again = source()
    read.clear()
    again.go_to(0, 4, kept)
    rest = [np.array(part.batch.x)[:, 0].tolist() for part in again.parts()]
    assert seen + rest == [[2.0 * i, 2.0 * i + 1] for i in range(10)]
    assert min(read) == 8


# ---------------------------------------------------------------- as Keras has it


class Noted:
    """Batches by number, and a list of what was called."""

    def __init__(self, **said):
        super().__init__(**said)
        self.calls = []

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return X[5 * index : 5 * index + 5], Y[5 * index : 5 * index + 5]

    def on_epoch_begin(self):
        self.calls.append("begin")

    def on_epoch_end(self):
        self.calls.append("end")


def test_hooks_and_figures_of_a_dataset(keras):
    runs = []
    for k, base in ((cornu, PyDataset), (keras, keras.utils.PyDataset)):
        data = type("Data", (Noted, base), {})()
        model = k.Sequential([k.Input((3,)), k.layers.Dense(1)])
        model.set_weights([np.full((3, 1), 0.5), np.zeros(1)])
        model.compile(k.optimizers.SGD(0.1), "mse")
        history = model.fit(data, epochs=3, shuffle=False, verbose=0, validation_data=(X, Y))
        runs.append((data.calls, history.history))
    assert runs[0][0] == ["begin", "end"] * 3
    assert runs[1][0][-6:] == runs[0][0]  # Keras looks at a batch before, between hooks
    for name, values in runs[1][1].items():
        assert np.allclose(runs[0][1][name], values, rtol=1e-4)


def test_the_same_constructor(keras):
    ours, theirs = (inspect.signature(c).parameters for c in (PyDataset, keras.utils.PyDataset))
    assert [(p.name, p.default) for p in ours.values()] == [
        (p.name, p.default) for p in theirs.values()
    ]
    public = {name for name in dir(keras.utils.PyDataset) if not name.startswith("_")}
    assert public <= set(dir(PyDataset))


def test_no_thread_is_left():
    gc.collect()
    assert not [t for t in threading.enumerate() if t.name.startswith(("data reader", "data work"))]
