"""Windows of a series, by plain loops over the same steps; passes that can be repeated."""

import json

import numpy as np
import pytest

from cornu.errors import UsageError, UsageTypeError
from cornu.preprocessing.timeseries import TimeseriesGenerator, timeseries_dataset_from_array

DATA = np.arange(60).reshape(30, 2)
TARGETS = np.arange(30) * 10


def windows(length, stride=1, rate=1, start=0, end=30, count=30):
    """First steps, and the steps of every window, by a loop."""
    found, begin = [], start
    while begin + (length - 1) * rate < end and begin - start < count:
        found.append([begin + i * rate for i in range(length)])
        begin += stride
    return found


@pytest.mark.parametrize(
    ("said", "loop"),
    [
        ({"sequence_length": 4}, {"length": 4}),
        (
            {"sequence_length": 3, "sequence_stride": 4, "sampling_rate": 5},
            {"length": 3, "stride": 4, "rate": 5},
        ),
        (
            {"sequence_length": 5, "start_index": 6, "end_index": 20},
            {"length": 5, "start": 6, "end": 20},
        ),
    ],
)
def test_all_windows_come_once(said, loop):
    expected = windows(**loop)
    made = timeseries_dataset_from_array(DATA, TARGETS, batch_size=4, **said)
    batches = list(made)
    assert len(batches) == len(made) == -(-len(expected) // 4)
    assert [len(x) for x, _ in batches[:-1]] == [4] * (len(batches) - 1)
    x, y = (np.concatenate(part) for part in zip(*batches, strict=True))
    np.testing.assert_array_equal(x, DATA[np.array(expected)])
    np.testing.assert_array_equal(y, TARGETS[[steps[0] for steps in expected]])
    alone = list(timeseries_dataset_from_array(DATA, None, batch_size=4, **said))
    np.testing.assert_array_equal(np.concatenate(alone), x)


def test_fewer_targets_make_fewer_windows():
    made = timeseries_dataset_from_array(DATA, TARGETS[10:], 3)
    ((x, y),) = made
    assert len(x) == 20 and y.tolist() == TARGETS[10:].tolist()


def test_single_windows():
    made = timeseries_dataset_from_array(DATA[:5], TARGETS[:5], 3, batch_size=None)
    assert [(x.shape, int(y)) for x, y in made] == [((3, 2), 0), ((3, 2), 10), ((3, 2), 20)]


def test_shuffled_passes_differ_and_can_be_repeated():
    def made():
        return timeseries_dataset_from_array(np.arange(40), None, 1, shuffle=True, seed=3)

    one, passes = made(), []
    for _ in range(3):
        passes.append(np.concatenate(list(one)).ravel().tolist())
    assert all(sorted(each) == list(range(40)) for each in passes)
    assert passes[0] != passes[1] != passes[2] != list(range(40))
    other = made()
    other.go_to(2)
    assert np.concatenate(list(other)).ravel().tolist() == passes[2]


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"sequence_length": 31}, "no window fits"),
        ({"sequence_length": 4, "sampling_rate": 10}, "take 31 steps"),
        ({"sequence_length": 0}, "sequence_length must be a whole number above 0"),
        ({"sequence_length": 3, "sequence_stride": 0}, "sequence_stride must be"),
        ({"sequence_length": 3, "sampling_rate": 1.5}, "sampling_rate must be"),
        ({"sequence_length": 3, "start_index": -1}, "start_index must be a whole number from 0"),
        ({"sequence_length": 3, "end_index": 31}, "end_index must be a whole number from 0 to 30"),
        ({"sequence_length": 3, "start_index": 9, "end_index": 9}, "no window fits"),
        ({"sequence_length": 3, "batch_size": 0}, "batch_size must be"),
        ({"sequence_length": 3, "format": "torch"}, 'format must be "tf" or "grain"'),
        ({"sequence_length": 3, "shuffle": True, "seed": -1}, "seed must be"),
    ],
)
def test_what_has_no_windows_is_refused(said, message):
    with pytest.raises(UsageError) as caught:
        timeseries_dataset_from_array(DATA, TARGETS, **said)
    assert message in str(caught.value)


def test_no_targets_left_is_said():
    with pytest.raises(UsageError, match="with 0 targets"):
        timeseries_dataset_from_array(DATA, TARGETS[:0], 3)


# ---------------------------------------------------------------- TimeseriesGenerator


def test_windows_before_their_targets():
    made = TimeseriesGenerator(DATA, TARGETS, length=10, sampling_rate=2, batch_size=3)
    assert len(made) == 7  # targets 10 to 29
    x, y = made[0]
    assert x.shape == (3, 5, 2) and y.tolist() == [100, 110, 120]
    assert x[1, :, 0].tolist() == [2, 6, 10, 14, 18]
    assert [len(y) for _, y in made] == [3] * 6 + [2]
    assert made[-1][1].tolist() == made[6][1].tolist() == [280, 290]


def test_strides_bounds_and_backwards():
    said = {"length": 3, "stride": 4, "start_index": 5, "end_index": 20, "reverse": True}
    made = TimeseriesGenerator(list(range(30)), TARGETS.tolist(), batch_size=2, **said)
    assert [y.tolist() for _, y in made] == [[80, 120], [160, 200]]
    assert made[0][0].tolist() == [[7, 6, 5], [11, 10, 9]]


def test_random_rows_come_from_the_global_state():
    made = TimeseriesGenerator(DATA, TARGETS, length=4, shuffle=True, batch_size=6)
    np.random.seed(1)
    expected = np.random.randint(4, 30, 6)
    np.random.seed(1)
    x, y = made[0]
    assert y.tolist() == TARGETS[expected].tolist()
    assert np.array_equal(x[0], DATA[expected[0] - 4 : expected[0]])


def test_json():
    made = TimeseriesGenerator(np.arange(6), list(range(6)), length=2, batch_size=4)
    found = json.loads(made.to_json())
    assert found["class_name"] == "TimeseriesGenerator"
    assert found["config"] == {
        "data": "[0, 1, 2, 3, 4, 5]",
        "targets": "[0, 1, 2, 3, 4, 5]",
        "length": 2,
        "sampling_rate": 1,
        "stride": 1,
        "start_index": 2,
        "end_index": 5,
        "shuffle": False,
        "reverse": False,
        "batch_size": 4,
    }
    with pytest.raises(UsageTypeError, match="data cannot be written as JSON"):
        TimeseriesGenerator([{1}, {2}, {3}], [1, 2, 3], length=1).to_json()


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"length": 30}, "no window fits"),
        ({"length": 3, "start_index": 28}, "the last step is 29"),
        ({"length": 0}, "length must be"),
        ({"length": 3, "batch_size": 0}, "batch_size must be"),
        ({"length": 3, "end_index": 30}, "end_index must be a whole number from 0 to 29"),
        ({"length": 3, "targets": TARGETS[1:]}, "data has 30 steps and targets 29"),
    ],
)
def test_windows_that_do_not_fit_are_refused(said, message):
    with pytest.raises(UsageError) as caught:
        TimeseriesGenerator(DATA, **{"targets": TARGETS, **said})
    assert message in str(caught.value)


def test_a_batch_that_is_not_there():
    with pytest.raises(IndexError, match="batch 9 is asked for; there are 1"):
        TimeseriesGenerator(DATA, TARGETS, length=4)[9]
