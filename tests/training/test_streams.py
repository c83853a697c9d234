"""Streams: passes, reading ahead, batches that lie together, going to a place, errors."""

import gc
import threading
import time
import weakref

import numpy as np
import pytest

from cornu import engine, state
from cornu.callbacks import Callback
from cornu.errors import UsageError
from cornu.training import reader
from cornu.training.batches import Batch
from cornu.training.feeds import ByIndex, Once, Rounds
from cornu.training.streams import Stream
from training.reference import Reference, X, Y, linear, same


def number(value, rows=2):
    return np.full((rows, 1), value, "float32")


def as_batch(item, index, looked_at):
    return Batch(item, [None], [None])


def stream(feed, steps=None, asked=True, **said):
    return Stream(feed, as_batch, feed.length if steps is None else steps, asked, **said)


def seen(source):
    """The number of every batch of a pass, as a step would see it."""
    found = []
    for part in source.parts():
        for one in part.singly():
            rows = np.array(one.batch.take(one.order, one.first, one.rows).x)
            assert len(set(rows.ravel().tolist())) == 1
            found.append(int(rows[0, 0]))
    return found


class Numbers:
    """Batches 0, 1, … by number, and what was called."""

    def __init__(self, length=5):
        self.length, self.calls = length, []

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        return number(index)

    def on_epoch_begin(self):
        self.calls.append("begin")

    def on_epoch_end(self):
        self.calls.append("end")


class Again:
    """What can be iterated again; it counts how often."""

    def __init__(self, length=5):
        self.length, self.rounds = length, 0

    def __iter__(self):
        self.rounds += 1
        return (number(100 * (self.rounds - 1) + i) for i in range(self.length))


def counting():
    i = 0
    while True:
        yield number(i)
        i += 1


# ---------------------------------------------------------------- passes


def test_a_generator_goes_on_where_its_last_pass_ended():
    given = []

    def noted():
        for item in counting():
            given.append(item)
            yield item

    source = stream(Once(noted()), 4)
    assert source.first.x.tolist() == [[0.0], [0.0]] and len(given) == 1
    assert seen(source) == [0, 1, 2, 3]
    time.sleep(0.02)
    assert len(given) == 4  # nothing is read beyond the end of a pass
    assert seen(source) == [4, 5, 6, 7]
    source.close()


def test_what_is_iterated_begins_anew_every_pass_or_goes_on_in_shorter_ones():
    data = Again()
    assert [seen(s) for s in [stream(Rounds(data, False))] for _ in range(2)] == [
        [0, 1, 2, 3, 4],
        [100, 101, 102, 103, 104],
    ]
    source = stream(Rounds(Again(), True), 3)
    assert [seen(source) for _ in range(3)] == [[0, 1, 2], [3, 4, 100], [101, 102, 103]]
    whole = stream(Rounds(Again(), False), 3)
    assert [seen(whole) for _ in range(2)] == [[0, 1, 2], [100, 101, 102]]


def test_batches_by_number_run_on_into_the_next_round():
    source = stream(ByIndex(Numbers(), False, True), 3)
    assert [seen(source) for _ in range(3)] == [[0, 1, 2], [3, 4, 0], [1, 2, 3]]
    fixed = stream(ByIndex(Numbers(), False, False), 3)
    assert [seen(fixed) for _ in range(2)] == [[0, 1, 2], [0, 1, 2]]


def test_shuffled_batches_come_once_a_pass_in_an_order_of_the_seed():
    def orders(seed, passes, count):
        source = stream(ByIndex(Numbers(20), True, False), asked=False)
        assert source.first.x[0, 0] == 0
        source.follow(seed, passes)
        return [seen(source) for _ in range(count)]

    first, second = orders(3, 0, 2)
    assert sorted(first) == sorted(second) == list(range(20)) and first != second
    assert orders(3, 1, 1) == [second] and orders(4, 0, 1) != [first]


def test_hooks_are_called_around_every_pass():
    data = Numbers()
    source = stream(ByIndex(data, True, False), asked=False)
    assert source.first is not None and data.calls == ["begin"]
    seen(source)
    assert data.calls == ["begin", "end"]
    seen(source)
    assert data.calls == ["begin", "end"] * 2


def test_the_number_of_batches_may_change_between_passes():
    class Growing(Numbers):
        def on_epoch_end(self):
            self.length += 1

    source = stream(ByIndex(Growing(2), False, False), asked=False)
    assert [seen(source) for _ in range(3)] == [[0, 1], [0, 1, 2], [0, 1, 2, 3]]


# ---------------------------------------------------------------- going to a place


def fresh(kind):
    feeds = {
        "rounds": lambda: Rounds(Again(), False),
        "going on": lambda: Rounds(Again(), True),
        "numbers": lambda: ByIndex(Numbers(), True, False),
        "numbers going on": lambda: ByIndex(Numbers(), True, True),
    }
    going = kind.endswith("going on")
    source = stream(feeds[kind](), 3 if going else 5, asked=going)
    assert source.first is not None
    source.follow(7, 2)
    return source


@pytest.mark.parametrize("kind", ["rounds", "going on", "numbers", "numbers going on"])
@pytest.mark.parametrize("place", [(0, 0), (0, 2), (1, 0), (2, 1), (1, 3)])
def test_any_place_is_found_again(kind, place):
    whole = fresh(kind)
    wanted = [seen(whole) for _ in range(4)]
    source = fresh(kind)
    source.go_to(*place)
    assert source.restarts
    left = wanted[place[0]][place[1] :]
    assert [seen(source) for _ in range(2)] == [left, wanted[place[0] + 1]]


def test_hooks_are_called_as_often_on_the_way_to_a_place():
    data = Numbers()
    source = stream(ByIndex(data, False, False), asked=False)
    assert source.first is not None
    source.go_to(2, 1)
    assert data.calls == ["begin", "end"] * 2 + ["begin"]
    assert seen(source) == [1, 2, 3, 4] and data.calls[-1] == "end" and len(data.calls) == 6


def test_a_generator_cannot_return_but_is_counted():
    source = stream(Once(counting()), 4)
    assert source.first is not None and not source.restarts
    source.go_to(1, 1)
    assert seen(source) == [0, 1, 2] and seen(source) == [3, 4, 5, 6]


class Placed:
    """An iterator that says where it is, in bytes as Grain's do."""

    def __init__(self):
        self.at = 0

    def __iter__(self):
        return self

    def __next__(self):
        self.at += 1
        return number(self.at - 1)

    def get_state(self):
        return str(self.at).encode()

    def set_state(self, state):
        self.at = int(state)


def test_an_iterator_with_a_state_is_set_to_that_of_the_last_batch_used():
    source = stream(Once(Placed()), 9)
    parts = source.parts()
    for _ in range(4):
        next(parts)
    kept = source.state()
    assert isinstance(kept, dict)  # plain data
    again = stream(Once(Placed()), 9)
    assert again.restarts and again.first is not None
    again.go_to(0, 4, kept)
    assert seen(again) == [4, 5, 6, 7, 8]
    parts.close()


def test_batches_by_number_that_have_a_state_of_their_own():
    class Own(Numbers):
        add = 0

        def __getitem__(self, index):
            self.add += 10
            return number(index + self.add)

        def get_state(self):
            return {"add": self.add}

        def set_state(self, state):
            self.add = state["add"]

    source = stream(ByIndex(Own(), False, False), asked=False)
    assert source.first is not None
    parts = source.parts()
    for _ in range(2):
        next(parts)
    kept = source.state()
    assert kept == {"add": 20}
    again = stream(ByIndex(Own(), False, False), asked=False)
    again.go_to(3, 2, kept)
    assert seen(again) == [32, 43, 54] and again.feed.data.calls == ["end"]
    parts.close()


def test_a_state_that_is_refused_says_so():
    source = stream(Once(Placed()), 9)
    with pytest.raises(UsageError, match="Placed.set_state refused the place"):
        source.go_to(0, 4, "not bytes, nor a number")


# ---------------------------------------------------------------- reading ahead


def test_batches_are_read_ahead_and_lie_together():
    read = []

    def noted():
        for item in counting():
            read.append(item)
            yield item

    source = stream(Once(noted()), 100)
    assert source.first is not None and len(read) == 1
    parts = source.parts()
    taken = next(parts).count
    wait_for(lambda: len(read) == taken + reader.MOST)
    part = next(parts)
    assert part.count == reader.MOST
    wanted = np.repeat(np.arange(taken, taken + part.count), 2)
    assert np.array_equal(np.array(part.batch.x)[:, 0], wanted)
    parts.close()
    source.close()


def wait_for(condition):
    """Wait until it holds, and see that it goes on to hold."""
    until = time.monotonic() + 5
    while not condition() and time.monotonic() < until:
        time.sleep(0.001)
    time.sleep(0.02)
    assert condition()


def test_batches_of_other_shapes_are_by_themselves():
    rows = [2, 2, 3, 2, 2, 1]
    source = stream(Once(iter([number(i, r) for i, r in enumerate(rows)])), 6)
    assert seen(source) == list(range(6))
    again = stream(Once(iter([number(i, r) for i, r in enumerate(rows)])), 6)
    lengths = {part.rows: set() for part in again.parts() for part in [part]}
    assert set(lengths) == {1, 2, 3}


def test_large_batches_are_by_themselves_and_two_are_ready():
    size = reader.TOGETHER // 8 + 1
    read = []

    def large():
        for i in range(9):
            read.append(i)
            yield np.full((2, size), i, "float32")

    parts = stream(Once(large()), 9).parts()
    next(parts)
    wait_for(lambda: len(read) == 1 + reader.ALONE)
    assert [part.count for part in parts] == [1] * 8


def test_an_array_that_is_filled_again_and_again():
    def careless():
        array = np.empty((2, 1), "float32")
        for i in range(20):
            array[:] = i
            yield array

    assert seen(stream(Once(careless()), 20)) == list(range(20))


def test_arrays_of_the_engine_stay_where_they_are():
    arrays = [engine.array(number(i)) for i in range(3)]
    parts = list(stream(Once(iter(arrays)), 3).parts())
    assert [part.batch.x is array for part, array in zip(parts, arrays, strict=True)] == [True] * 3


def test_everything_is_read_on_one_thread_or_on_the_main_one():
    def threads(threaded):
        found = []

        def noted():
            for item in counting():
                found.append(threading.current_thread())
                yield item

        source = stream(Once(noted()), 3, threaded=threaded)
        assert source.first is not None
        seen(source)
        seen(source)
        source.close()
        return set(found)

    (one,) = threads(True)
    assert one is not threading.main_thread() and not one.is_alive()
    assert threads(False) == {threading.main_thread()}


def test_no_thread_outlives_its_stream():
    source = stream(Once(counting()), 3)
    assert source.first is not None
    thread, gone = source.reader.thread, weakref.ref(source)
    assert thread.is_alive()
    del source
    gc.collect()
    thread.join(5)
    assert gone() is None and not thread.is_alive()


def test_a_batch_that_does_not_come_is_warned_of(monkeypatch):
    monkeypatch.setattr(reader, "SLOW", 0.02)
    gate = threading.Event()

    def slow():
        yield number(0)
        gate.wait(5)
        yield number(1)

    threading.Timer(0.2, gate.set).start()
    with pytest.warns(UserWarning, match="batch 1 of epoch 1 has not come for 0.02 s") as caught:
        assert seen(stream(Once(slow()), 2)) == [0, 1]
    assert len(caught) == 1


def test_a_generator_made_here_is_closed_and_the_users_own_is_not():
    closed = []

    class Cleaning:
        def __iter__(self):
            try:
                yield from counting()
            finally:
                closed.append(1)

    source = stream(Rounds(Cleaning(), True), 3)
    seen(source)
    source.close()
    assert closed == [1]
    own = counting()
    source = stream(Once(own), 3)
    seen(source)
    source.close()
    assert next(own)[0, 0] == 3


# ---------------------------------------------------------------- errors


def test_errors_keep_their_traceback_and_say_which_batch():
    class Wrong(Numbers):
        def __getitem__(self, index):
            if index == 3:
                raise KeyError("mine")
            return number(index)

    source = stream(ByIndex(Wrong(), False, False), asked=False)
    found = []
    with pytest.raises(KeyError, match="mine") as info:
        for part in source.parts():
            found += [part.count]
    assert sum(found) == 3  # all before it were given out
    assert info.value.__notes__ == ["while reading batch 3 of epoch 1"]
    assert info.traceback[-1].name == "__getitem__"


def test_stopping_in_the_middle_is_no_end():
    class Stopping(Numbers):
        def __getitem__(self, index):
            raise StopIteration

    with pytest.raises(RuntimeError, match=r"__getitem__\(0\) raised StopIteration"):
        seen(stream(ByIndex(Stopping(), False, False), asked=False))


def test_data_that_end_early():
    with pytest.raises(UsageError, match="ended after 2 of 3 steps in epoch 1"):
        seen(stream(Once(iter([number(0), number(1)])), 3))
    with pytest.raises(UsageError, match="x yields no batches"):
        seen(stream(Rounds([], False)))
    shorter = stream(Rounds(Again(2), False), 3, asked=False)  # its own length said more
    assert seen(shorter) == [0, 1]


# ---------------------------------------------------------------- fit


class Parts:
    """X and Y in batches of five, as lists, like older sequences."""

    def __len__(self):
        return 4

    def __getitem__(self, i):
        return [X[5 * i : 5 * i + 5], Y[5 * i : 5 * i + 5]]


def test_training_on_batches_together_is_training_on_each():
    class Live(Callback):
        def on_train_batch_end(self, batch, logs=None):
            """Nothing; one batch at a time for it."""

    runs = []
    for callbacks in ([], [Live()]):
        state.set_random_seed(0)
        model = linear()
        model.compile("adam", "mse")
        history = model.fit(Parts(), epochs=12, verbose=0, callbacks=callbacks)
        runs.append((model.get_weights(), history.history["loss"]))
    assert same(runs[0][0], runs[1][0]) and runs[0][1] == runs[1][1]


def test_callbacks_that_only_read_see_every_batch():
    class Passive(Callback):
        passive = True

        def __init__(self):
            super().__init__()
            self.seen = []

        def on_train_batch_end(self, batch, logs=None):
            self.seen.append((batch, logs["loss"]))

    passive, expected = Passive(), Reference(rate=0.0)
    linear(rate=0.0).fit(Parts(), epochs=3, verbose=0, callbacks=[passive])
    losses = np.cumsum([expected.loss(*Parts()[i]) for i in range(4)]) / np.arange(1, 5)
    assert [batch for batch, _ in passive.seen] == [0, 1, 2, 3] * 3
    assert np.allclose([loss for _, loss in passive.seen], [*losses] * 3, rtol=1e-4)


def test_lists_of_what_is_no_generator_are_batches():
    model, expected = linear(), Reference()
    history = model.fit(Parts(), epochs=2, verbose=0).history
    wanted = [expected.epoch(X, Y, 5) for _ in range(2)]
    assert np.allclose(history["loss"], wanted, rtol=1e-4) and expected.agrees(model)
    assert model.predict(Parts(), verbose=0).shape == (20, 1)
    assert np.isclose(model.evaluate(Parts(), verbose=0), expected.loss(X, Y), rtol=1e-4)


def test_fit_leaves_no_thread():
    before = set(threading.enumerate())
    model = linear()
    model.fit(Parts(), validation_data=Parts(), epochs=2, verbose=0)
    with pytest.raises(ZeroDivisionError):
        model.fit(Parts(), verbose=0, callbacks=[Failing()])
    gc.collect()
    made = set(threading.enumerate()) - before
    for thread in made:
        thread.join(1)  # one that watched a program being compiled may be about to end
    assert not [thread for thread in made if thread.is_alive()]


class Failing(Callback):
    def on_train_batch_end(self, batch, logs=None):
        raise ZeroDivisionError


@pytest.mark.parametrize(("room", "rows"), [(1, 2), (5, 2), (5, 70_000), (40, 2)])
def test_as_many_batches_ahead_as_the_generator_says(room, rows):
    """Small ones, which lie together, and large ones; never one more."""

    class Counted:
        max_queue_size = room

        def __init__(self):
            self.given = 0

        def __iter__(self):
            return self

        def __next__(self):
            self.given += 1
            return number(self.given - 1, rows)

    data = Counted()
    source = stream(Once(data), steps=1000)
    taken, ahead = 0, []
    for part in source.parts():
        taken += part.count
        until = time.monotonic() + 5
        while data.given < taken + room and time.monotonic() < until:
            time.sleep(0.002)
        time.sleep(0.005)
        ahead.append(data.given - taken)
        if len(ahead) == 4:
            break
    source.close()
    assert set(ahead) == {room}


def test_a_room_that_is_none():
    for wrong in (-1, "many", True):
        data = type("Odd", (), {"max_queue_size": wrong, "__next__": lambda self: number(0)})()
        with pytest.raises(TypeError, match="max_queue_size must be an int"):
            stream(Once(data), steps=1)
    data = type("Usual", (), {"max_queue_size": 0, "__next__": lambda self: number(0)})()
    assert stream(Once(data), steps=1).reader.room is None
