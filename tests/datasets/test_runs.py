"""Pickled lists of numbers, read side by side: what Python's pickle reads."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cornu.datasets import pickled, runs

EDGES = [0, 1, 40, 75, 77, 255, 256, 10315, 65535, 65536, 2**31 - 1, -1, -(2**31), 2**31, 2**40]
NUMBERS = st.one_of(st.integers(0, 90_000), st.sampled_from(EDGES))
LISTS = st.lists(NUMBERS, max_size=12)
MARKS = st.sampled_from([b"(K", b"(M((", b"xx(J(K(M", b"(K\x01(K\x02e"])


@pytest.fixture(autouse=True, scope="module")
def small():
    """Small pickles are read like large ones, some runs at a time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "WORTH", 0)
        patch.setattr(runs, "TOGETHER", 3)
        patch.setattr(runs, "MOST_BYTES", 20)
        yield


@given(
    found=st.lists(st.one_of(LISTS, st.tuples(MARKS, LISTS), MARKS.map(bytes.decode)), max_size=9),
    protocol=st.integers(1, 5),
)
def test_what_pickle_reads(found, protocol):
    data = pickle.dumps(found, protocol)
    assert pickled.read(data, "x.pkl") == found


@pytest.mark.parametrize("protocol", [2, 4])
def test_object_arrays_of_long_lists(protocol, monkeypatch):
    monkeypatch.setattr(runs, "MOST_BYTES", 5000)
    random = np.random.default_rng(0)
    lists = [random.integers(0, 90_000, size).tolist() for size in (1, 999, 1000, 1001, 2500, 2)]
    array = np.empty(len(lists), object)
    array[:] = lists
    data = pickle.dumps(array, protocol)
    assert len(runs.found(data).numbers) >= 5  # a list of one number has no mark
    assert pickled.read(data, "x.pkl").tolist() == lists


def test_equal_numbers_are_one_object():
    lists = [[700 + i % 300 for i in range(j, j + 400)] for j in range(5)]
    first, second = pickled.read(pickle.dumps(lists, 2), "x.pkl")[:2]
    assert (first, second) == (lists[0], lists[1])
    runs_ = runs.shared(np.array([5, 900, 900]), runs.objects(np.arange(1000)))
    assert runs_ == [5, 900, 900] and runs_[1] is runs_[2]
    for few in ([5, 900], [-1] * 9, [2**20] * 9, []):
        assert not runs.objects(np.array(few, "int64")).size


def test_ends_early():
    data = pickle.dumps([[1, 2, 70_000, 4]] * 3, 2)
    for end in range(1, len(data)):
        with pytest.raises(Exception, match="damaged"):
            pickled.read(data[:end], "x.pkl")
