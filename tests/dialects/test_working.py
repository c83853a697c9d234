"""`fit(workers=, use_multiprocessing=, max_queue_size=)` of Keras 2: who makes the batches."""

import pickle

import pytest

from cornu.dialects import method_rows, spellings
from cornu.dialects.working import Working, idle_workers, with_workers
from cornu.training import streams, workers
from training.reference import X, Y, linear
from training.worked import Worked


@pytest.fixture
def pools(monkeypatch):
    """What the pools were asked for: workers, room, and whether in processes."""
    found = []
    before = workers.Pool.__init__

    def noted(self, data, count, room, pickled):
        found.append((count, room, pickled is not None))
        before(self, data, count, room, pickled)

    monkeypatch.setattr(workers.Pool, "__init__", noted)
    with spellings.registered():
        yield found


class Batches(Worked):
    """X and Y in four batches."""

    ended = 0

    def __getitem__(self, index):
        return X[5 * index : 5 * index + 5], Y[5 * index : 5 * index + 5]

    def on_epoch_end(self):
        self.ended += 1


@pytest.mark.filterwarnings("ignore:.*is an old spelling")
def test_workers_are_those_that_the_call_asks_for(pools):
    model, data = linear(), Batches(1, length=4)
    model.fit(data, epochs=2, verbose=0, workers=3, max_queue_size=5)
    assert pools == [(3, 5, False)] and data.ended == 2
    model.fit_generator(data, epochs=1, verbose=0, workers=2, validation_data=data)
    assert pools[1:] == [(2, 10, False)] * 2 and data.ended == 4
    model.evaluate(data, verbose=0)
    assert len(pools) == 3  # it asked for none
    model.evaluate_generator(data, max_queue_size=4, workers=2)
    assert pools[3:] == [(2, 4, False)]
    assert model.predict_generator(data, workers=2, max_queue_size=7).shape == (20, 1)
    assert pools[4:] == [(2, 7, False)]


@pytest.mark.parametrize("asked", [{"workers": 2}, {"pickle_safe": True}])
def test_a_generator_is_told_that_one_thread_reads_it(asked):
    found = {"x": iter([(X, Y)])}
    assert "One thread reads a generator" in idle_workers(found, asked)
    assert idle_workers(found, {"workers": 1, "max_queue_size": 3}) == ""
    assert idle_workers({"x": X}, asked) == idle_workers({"x": Batches(1)}, asked) == ""


def test_generators_and_arrays_stay_as_they_are():
    found = {"x": X, "validation_data": (X, Y), "epochs": 2}
    assert with_workers(found, {"workers": 4})["x"] is X
    assert with_workers(found, {}) is found


@pytest.mark.parametrize("wrap", [lambda d: Working(d, {"workers": 3}), method_rows._Tuples])
def test_what_is_wrapped_can_be_sent_to_a_process(wrap):
    made = pickle.loads(pickle.dumps(wrap(Worked(2, True, length=3))))
    assert len(made) == 3 and made[1].tolist() == [[1.0]] and made.use_multiprocessing
    assert not hasattr(made, "nothing")


@pytest.mark.filterwarnings("ignore:.*is an old spelling")
def test_a_generator_is_read_as_far_ahead_as_the_call_says(monkeypatch):
    rooms = []
    before = streams.Reader.__init__

    def noted(self, read, most, threaded, late, room=None):
        rooms.append(room)
        before(self, read, most, threaded, late, room)

    def batches():
        while True:
            yield X, Y

    monkeypatch.setattr(streams.Reader, "__init__", noted)
    with spellings.registered():
        model = linear()
        model.fit_generator(batches(), 2, 1, verbose=0, max_queue_size=3)
        model.fit_generator(batches(), 2, 1, verbose=0)
        model.evaluate_generator(batches(), 2, max_queue_size=7)
    assert rooms == [3, None, 7]
    found = with_workers({"x": iter([(X, Y)])}, {"max_queue_size": 4})
    assert next(found["x"])[0] is X and found["x"].max_queue_size == 4
