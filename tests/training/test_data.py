"""Where batches come from: arrays on the device and on the host, orders, parts."""

import numpy as np
import pytest

import cornu as keras
from cornu import engine, layers, tree
from cornu.training.data import Arrays, Batch, OnDevice, OnHost


def batch(rows, width=3):
    x = np.arange(rows * width, dtype="float32").reshape(rows, width)
    return Batch(x, [np.arange(rows, dtype="int32")], [None])


def rows_of(source):
    """The labels of every batch of a pass, as the steps would see them."""
    found = []
    for part in source.parts():
        for one in part.singly():
            taken = one.batch.take(one.order, one.first, one.rows)
            found.append(np.array(taken.y[0]).tolist())
            assert np.array_equal(np.array(taken.x)[:, 0], 3.0 * np.array(found[-1]))
    return found


@pytest.fixture(params=["device", "host"])
def home(request, monkeypatch):
    monkeypatch.setattr(engine, "room", lambda: 10**9 if request.param == "device" else 0)
    return request.param


def test_a_pass_without_shuffling_has_all_rows_in_order(home):
    source = Arrays(batch(10), 4, resident=True)
    assert rows_of(source) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert isinstance(source.home, OnDevice if home == "device" else OnHost)


def test_shuffled_passes_hold_every_row_once_and_differ(home):
    source = Arrays(batch(103), 8, shuffle=True, resident=True)
    source.follow(seed=5, passes=0)
    first, second = rows_of(source), rows_of(source)
    for found in (first, second):
        assert sorted(sum(found, [])) == list(range(103))
        assert [len(one) for one in found] == [8] * 12 + [7]
    assert first != second
    again = Arrays(batch(103), 8, shuffle=True, resident=True)
    again.follow(seed=5, passes=1)
    assert rows_of(again) == second


def test_orders_do_not_depend_on_where_the_rows_live(monkeypatch):
    found = []
    for room in (10**9, 0):
        monkeypatch.setattr(engine, "room", lambda room=room: room)
        source = Arrays(batch(50), 8, shuffle=True, resident=True)
        source.follow(seed=1, passes=0)
        found.append(rows_of(source))
    assert found[0] == found[1]


def test_steps_run_on_into_the_next_pass(home):
    source = Arrays(batch(10), 4, steps=2, resident=True)
    assert rows_of(source) == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert rows_of(source) == [[8, 9], [0, 1, 2, 3]]


def test_host_parts_have_shapes_that_do_not_depend_on_the_number_of_rows():
    shapes = set()
    for rows in (1000, 1500, 2000):
        home = OnHost(batch(rows), 8)
        home.CHUNK = 16 * 8 * 16  # bytes of sixteen batches
        for part in home.parts(None, 0, rows // 8, 8):
            shapes.add(part.batch.x.shape)
    assert len(shapes) == 1


def test_training_is_the_same_wherever_the_rows_live(monkeypatch):
    x = np.random.default_rng(0).normal(size=(150, 8)).astype("float32")
    results = []
    for room in (10**9, 0):
        monkeypatch.setattr(engine, "room", lambda room=room: room)
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((8,)), layers.Dropout(0.2), layers.Dense(1)])
        model.compile("adam", "mse")
        history = model.fit(x, x.sum(axis=1), epochs=3, batch_size=16, verbose=0)
        results.append((model.get_weights(), history.history))
    assert all(np.array_equal(a, b) for a, b in zip(results[0][0], results[1][0], strict=True))
    assert results[0][1] == results[1][1]


def test_buffers_are_aligned_for_the_device():
    for shape in ((3,), (7, 5), (1, 2, 3)):
        made = engine.buffer(shape, "float32")
        assert made.shape == shape and made.ctypes.data % 64 == 0


@pytest.mark.parametrize("same", [True, False])
def test_targets_that_are_the_input_are_there_once(home, same):
    """Autoencoders learn what they see: one buffer, one array for what is compiled, one cut."""
    x = np.arange(40, dtype="float32").reshape(20, 2)
    source = Arrays(Batch(x, [x if same else x.copy()], [None]), 4, shuffle=True, resident=True)
    seen = []
    for part in source.parts():
        lean = part.batch.lean()
        assert isinstance(lean.y[0], tuple) == same
        assert lean.whole().y[0] is part.batch.y[0]
        for one in part.singly():
            taken = lean.whole().take(one.order, one.first, one.rows)
            assert (taken.y[0] is taken.x) == same
            np.testing.assert_array_equal(taken.y[0], taken.x)
            seen += (np.asarray(taken.x)[:, 0] // 2).tolist()
    assert sorted(seen) == list(range(20))


def test_an_autoencoder_learns_the_same_from_a_copy(home):
    x = np.random.default_rng(0).random((40, 8)).astype("float32")
    found = []
    for targets in (x, x.copy()):
        keras.utils.set_random_seed(1)
        model = keras.Sequential([layers.Input((8,)), layers.Dense(3), layers.Dense(8)])
        model.compile("adam", "mse")
        history = model.fit(x, targets, batch_size=16, epochs=2, validation_data=(x, targets))
        found.append((history.history, model.evaluate(x, targets), model.get_weights()))
    for one, other in zip(*found, strict=True):
        for a, b in zip(tree.leaves(one), tree.leaves(other), strict=True):
            np.testing.assert_array_equal(a, b)
