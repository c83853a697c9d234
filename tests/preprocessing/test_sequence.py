"""Padding and pairs of words: the numbers of tf-keras 2.21 on fixed input, and what is refused."""

import random
import warnings

import numpy as np
import pytest

from cornu.errors import UsageError, UsageTypeError
from cornu.preprocessing import sequence
from cornu.preprocessing.sequence import make_sampling_table, pad_sequences, skipgrams

ROWS = [[1], [2, 3, 4], []]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, [[0, 0, 1], [2, 3, 4], [0, 0, 0]]),
        ({"padding": "post", "value": 9}, [[1, 9, 9], [2, 3, 4], [9, 9, 9]]),
        ({"maxlen": 2}, [[0, 1], [3, 4], [0, 0]]),
        ({"maxlen": 2, "truncating": "post"}, [[0, 1], [2, 3], [0, 0]]),
        ({"maxlen": 4, "padding": "post"}, [[1, 0, 0, 0], [2, 3, 4, 0], [0, 0, 0, 0]]),
    ],
)
def test_padding(said, expected):
    found = pad_sequences(ROWS, **said)
    assert found.dtype == "int32"
    assert found.tolist() == expected


def test_entries_may_be_arrays():
    rows = [np.ones((1, 2)), np.zeros((0, 2)), np.full((3, 2), 2.5)]
    found = pad_sequences(rows, maxlen=2, dtype="float32", value=-1)
    assert found.dtype == "float32"
    assert found.tolist() == [[[-1, -1], [1, 1]], [[-1, -1]] * 2, [[2.5, 2.5]] * 2]


def test_texts_are_padded_as_objects():
    assert pad_sequences([["a"], ["b", "cc"]], dtype=object, value="").tolist() == [
        ["", "a"],
        ["b", "cc"],
    ]


def test_no_sequences():
    assert pad_sequences([]).shape == (0, 0)
    assert pad_sequences([], maxlen=3).shape == (0, 3)
    assert pad_sequences([[], []], maxlen=3).tolist() == [[0] * 3] * 2


def test_fractions_are_not_cut_off_silently():
    with pytest.warns(UserWarning, match=r'sequences\[1\].*dtype="float32"'):
        assert pad_sequences([[1.0], [2.7]]).tolist() == [[1], [2]]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert pad_sequences([[1.0], [2.0]]).tolist() == [[1], [2]]


@pytest.mark.parametrize(
    ("given", "said", "message"),
    [
        ([[1]], {"padding": "Pre"}, 'Did you mean "pre"?'),
        ([[1]], {"truncating": "end"}, 'truncating must be "pre" or "post"'),
        ([[1]], {"maxlen": 0}, "maxlen must be a whole number above 0"),
        ([[1]], {"maxlen": 2.0}, "maxlen must be"),
        ([1, 2], {}, "pad_sequences([sequence])"),
        ("text", {}, "must be a list of sequences"),
        (["text"], {}, "sequences[0] must be a list of numbers"),
        ((x for x in ROWS), {}, "pad_sequences(list(sequences))"),
        ([[1], [[1, 2]]], {}, "sequences[1] has entries of shape (2,)"),
        ([["a"]], {}, "sequences[0] cannot be made int32"),
        ([[1], [1, [2]]], {}, "sequences[1] cannot be made int32"),
        ([["a"]], {"value": "pad"}, "For texts: dtype=object"),
    ],
)
def test_what_cannot_be_padded_is_refused(given, said, message):
    with pytest.raises((UsageError, UsageTypeError)) as caught:
        pad_sequences(given, **said)
    assert message in str(caught.value)


# ---------------------------------------------------------------- pairs of words


def test_sampling_table():
    expected = [0.315224787519, 0.315224787519, 0.547597269392, 0.741556409738, 0.912816745637]
    np.testing.assert_allclose(make_sampling_table(5, 1e-1), expected, rtol=1e-11)
    assert make_sampling_table(1000, 10.0).max() == 1.0


def test_pairs_draw_as_in_tf_keras():
    random.seed(3)
    couples, labels = skipgrams([1, 2, 0, 3], 5, window_size=1, seed=4)
    assert couples == [[2, 2], [1, 2], [1, 3], [2, 1]] and labels == [0, 1, 0, 1]


def test_a_table_leaves_frequent_words_out():
    random.seed(3)
    said = {"negative_samples": 0.5, "categorical": True, "shuffle": False}
    table = make_sampling_table(5, 1e-1)
    couples, labels = skipgrams([1, 2, 3], 5, window_size=2, sampling_table=table, **said)
    assert couples[:6] == [[1, 2], [1, 3], [2, 1], [2, 3], [3, 1], [3, 2]]
    assert couples[6:] == [[1, 4], [3, 3], [2, 2]]
    assert labels == [[0, 1]] * 6 + [[1, 0]] * 3
    assert skipgrams([1, 2], 5, sampling_table=np.zeros(5)) == ([], [])


def test_neighbours_are_all_pairs_within_the_window():
    words = [4, 0, 2, 3, 1]
    couples, labels = skipgrams(words, 5, window_size=2, negative_samples=0, shuffle=False)
    expected = [
        [words[i], words[j]]
        for i in range(5)
        for j in range(5)
        if i != j and abs(i - j) <= 2 and words[i] and words[j]
    ]
    assert sorted(couples) == sorted(expected) and labels == [1] * len(expected)
    assert skipgrams([], 5) == ([], [])


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: skipgrams([1, 5], 5), "sequence has 5; vocabulary_size=5 allow"),
        (lambda: skipgrams([1, -1], 5), "sequence has -1"),
        (lambda: skipgrams([1, 3], 5, sampling_table=np.ones(3)), "a sampling_table of 3"),
        (lambda: skipgrams([[1, 2]], 5), "must be one list of whole numbers"),
        (lambda: skipgrams(["a"], 5), "must be one list of whole numbers"),
        (lambda: skipgrams([1, 2], 5, negative_samples=-1), "negative_samples must be 0 or more"),
        (lambda: make_sampling_table(0), "size must be a whole number above 0"),
    ],
)
def test_words_that_are_none_are_refused(call, said):
    with pytest.raises((UsageError, UsageTypeError)) as caught:
        call()
    assert said in str(caught.value)


def test_the_module_has_the_names_of_keras():
    assert sequence.__all__ == [
        "TimeseriesGenerator",
        "make_sampling_table",
        "pad_sequences",
        "skipgrams",
    ]
