"""Texts, sequences, series and folders of texts, against tf-keras and Keras on the same input."""

import json
import os
import random

import numpy as np
import pytest

from cornu.datasets import words as cornu_words
from cornu.preprocessing import sequence, text, timeseries
from cornu.utils import folders, splitting
from cornu.utils.feature_space import FeatureSpace

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
pytestmark = pytest.mark.peers

TEXTS = [
    "The cat sat on the mat; the dog did not!",
    "A dog, a cat & a very-long-word: don't...",
    "",
    "Ärger mit dem ÖL, 東京 is far\taway\n",
    "the the the cat",
]
NEW = ["the dog flew", "unknown words only", "", "cat mat dog the"]
SETTINGS = [
    {},
    {"num_words": 4},
    {"oov_token": "<oov>"},
    {"oov_token": "<oov>", "num_words": 5},
    {"oov_token": "cat"},
    {"char_level": True},
    {"char_level": True, "lower": False, "oov_token": "?"},
    {"lower": False},
    {"filters": "aeiou"},
    {"filters": "", "split": "t"},
    {"split": "the"},
    {"analyzer": lambda line: line.upper().split()},
    {"num_words": 1, "oov_token": "o"},
]


@pytest.fixture(scope="module")
def old():
    tf_keras = pytest.importorskip("tf_keras")
    return tf_keras.preprocessing


def pair(old, settings):
    made = (text.Tokenizer(**settings), old.text.Tokenizer(**settings))
    for one in made:
        one.fit_on_texts(TEXTS)
    return made


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_tokenizers_learn_and_say_the_same(old, settings):
    ours, theirs = pair(old, settings)
    for name in ("word_index", "index_word", "word_counts", "word_docs", "document_count"):
        assert getattr(ours, name) == getattr(theirs, name), name
    assert list(ours.word_counts) == list(theirs.word_counts)
    assert ours.index_docs == theirs.index_docs
    sequences = theirs.texts_to_sequences(NEW)
    assert ours.texts_to_sequences(NEW) == sequences
    rows = [[0, 1, 2, 99], [3], [], *sequences]
    assert ours.sequences_to_texts(rows) == theirs.sequences_to_texts(rows)
    for mode in ("binary", "count", "tfidf", "freq"):
        expected = theirs.sequences_to_matrix(rows, mode)
        found = ours.sequences_to_matrix(rows, mode)
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(found, expected, rtol=1e-14)


@pytest.mark.parametrize("settings", [s for s in SETTINGS if "analyzer" not in s], ids=str)
def test_json_passes_both_ways(old, settings):
    ours, theirs = pair(old, settings)
    back = text.tokenizer_from_json(theirs.to_json())
    there = old.text.tokenizer_from_json(ours.to_json())
    for first, second in ((back, theirs), (there, ours)):
        assert first.texts_to_sequences(NEW) == second.texts_to_sequences(NEW)
        pairs = (each.texts_to_matrix(NEW, "tfidf") for each in (first, second))
        np.testing.assert_allclose(*pairs, rtol=1e-14)
    mine, other = (json.loads(t.to_json())["config"] for t in (ours, theirs))
    assert mine.keys() == other.keys()
    for name in ("word_index", "word_counts", "index_word"):
        assert json.loads(mine[name]) == json.loads(other[name])


def test_sequences_are_counted_alike(old):
    made = text.Tokenizer(num_words=9), old.text.Tokenizer(num_words=9)
    rows = [[1, 1, 2], [], [8, 2, 10]]
    for one in made:
        one.fit_on_sequences(rows)
    ours, theirs = (one.sequences_to_matrix(rows, "tfidf") for one in made)
    np.testing.assert_allclose(ours, theirs, rtol=1e-14)


def test_lists_of_words(old):
    rows = [["The", "cat"], ["cat", "X"]]
    made = text.Tokenizer(), old.text.Tokenizer()
    for one in made:
        one.fit_on_texts(rows)
    assert made[0].word_index == made[1].word_index
    assert made[0].texts_to_sequences(rows) == made[1].texts_to_sequences(rows)


@pytest.mark.parametrize("line", TEXTS)
def test_words_and_hashes(old, line):
    for given in ({}, {"lower": False}, {"filters": "ao", "split": "-"}):
        expected = old.text.text_to_word_sequence(line, **given)
        assert text.text_to_word_sequence(line, **given) == expected
    for function in ("md5", None, len):
        expected = old.text.hashing_trick(line, 50, function)
        assert text.hashing_trick(line, 50, function) == expected
    assert text.one_hot(line, 20) == old.text.one_hot(line, 20)


PADDED = [[1], [2, 3], [4, 5, 6], [], [7, 8, 9, 10]]


@pytest.mark.parametrize("padding", ["pre", "post"])
@pytest.mark.parametrize("truncating", ["pre", "post"])
@pytest.mark.parametrize("maxlen", [None, 2, 6])
def test_padding(old, padding, truncating, maxlen):
    rows = [[[i, i + 1] for i in row] for row in PADDED]
    for given, more in ((PADDED, {}), (rows, {"value": -1.5, "dtype": "float32"})):
        said = {"padding": padding, "truncating": truncating, "maxlen": maxlen, **more}
        ours = sequence.pad_sequences(given, **said)
        theirs = old.sequence.pad_sequences(given, **said)
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)


def test_padding_of_texts(old):
    rows = [["a"], ["bc", "d"]]
    said = {"dtype": object, "value": "-"}
    expected = old.sequence.pad_sequences(rows, **said)
    np.testing.assert_array_equal(sequence.pad_sequences(rows, **said), expected)


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"seed": 7},
        {"window_size": 1, "shuffle": False},
        {"negative_samples": 0},
        {"negative_samples": 2.5, "categorical": True, "seed": 3},
        {"sampling_table": True},
    ],
    ids=str,
)
def test_skipgrams_draw_alike(old, said):
    words = [1, 5, 0, 9, 3, 3, 7, 2, 8]
    results = []
    for module in (sequence, old.sequence):
        random.seed(12)
        table = module.make_sampling_table(10, 1e-2) if said.get("sampling_table") else None
        given = {**said, "sampling_table": table}
        results.append([module.skipgrams(words, 10, **given) for _ in range(2)])  # seeds go on
    assert results[0] == results[1]


def test_sampling_table(old):
    expected = old.sequence.make_sampling_table(1000)
    np.testing.assert_allclose(sequence.make_sampling_table(1000), expected, rtol=1e-14)


@pytest.mark.parametrize(
    "said",
    [
        {"length": 10, "sampling_rate": 2, "batch_size": 2},
        {"length": 3, "stride": 4, "reverse": True, "batch_size": 5},
        {"length": 4, "start_index": 5, "end_index": 30, "batch_size": 7},
        {"length": 4, "shuffle": True, "batch_size": 7},
    ],
    ids=str,
)
def test_timeseries_generators(old, said):
    data, targets = np.arange(100).reshape(50, 2), np.arange(50)
    ours = timeseries.TimeseriesGenerator(data, targets, **said)
    theirs = old.sequence.TimeseriesGenerator(data, targets, **said)
    assert len(ours) == len(theirs)
    for i in range(len(ours)):
        np.random.seed(i)
        expected = theirs[i]
        np.random.seed(i)
        for a, b in zip(ours[i], expected, strict=True):
            np.testing.assert_array_equal(a, b)
    assert json.loads(ours.to_json()) == json.loads(theirs.to_json())


# ---------------------------------------------------------------- Keras 3


@pytest.mark.parametrize(
    "said",
    [
        {"sequence_length": 5},
        {"sequence_length": 4, "sequence_stride": 3, "sampling_rate": 2, "batch_size": 4},
        {"sequence_length": 4, "start_index": 10, "end_index": 40, "batch_size": 9},
        {"sequence_length": 4, "batch_size": None},
    ],
    ids=str,
)
def test_windows_of_a_series(keras, said):
    pytest.importorskip("tensorflow")
    data, targets = np.arange(100).reshape(50, 2), np.arange(50)
    for wanted in (None, targets):
        theirs = keras.utils.timeseries_dataset_from_array(data, wanted, **said)
        ours = timeseries.timeseries_dataset_from_array(data, wanted, **said)
        both = list(zip(ours, theirs.as_numpy_iterator(), strict=True))
        assert len(both) == len(ours)
        for a, b in both:
            for x, y in zip(as_tuple(a), as_tuple(b), strict=True):
                np.testing.assert_array_equal(x, y)


def as_tuple(batch):
    return batch if isinstance(batch, tuple) else (batch,)


@pytest.fixture
def folder(tmp_path):
    for name, count in (("pos", 7), ("neg", 9), ("other", 3)):
        for i in range(count):
            path = tmp_path / name / ("deep" if i == 4 else "") / f"{i}.{'TXT' if i else 'txt'}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{name} {i}: Ä")
    (tmp_path / "pos" / "ignored.md").write_text("no")
    (tmp_path / ".hidden").mkdir()
    return tmp_path


@pytest.mark.parametrize("mode", ["int", "categorical", None])
@pytest.mark.parametrize("names", [None, ["pos", "other", "neg"]])
def test_folders_of_texts(keras, folder, mode, names):
    pytest.importorskip("tensorflow")
    if mode is None and names:
        pytest.skip("no classes, no names")
    said = {"label_mode": mode, "class_names": names, "shuffle": False, "batch_size": 4}
    ours = folders.text_dataset_from_directory(folder, **said)
    theirs = keras.utils.text_dataset_from_directory(str(folder), **said)
    assert ours.class_names == theirs.class_names
    for a, b in zip(ours, theirs.as_numpy_iterator(), strict=True):
        (texts, *labels), (others, *expected) = as_tuple(a), as_tuple(b)
        assert texts.tolist() == [t.decode() for t in others.tolist()]
        for x, y in zip(labels, expected, strict=True):
            assert x.dtype == y.dtype
            np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("subset", ["training", "validation", "both"])
def test_a_seed_splits_folders_alike(keras, folder, subset):
    pytest.importorskip("tensorflow")
    said = {"seed": 5, "validation_split": 0.3, "subset": subset, "batch_size": None}
    ours = folders.text_dataset_from_directory(folder, **said)
    theirs = keras.utils.text_dataset_from_directory(str(folder), **said)
    if subset != "both":
        ours, theirs = [ours], [theirs]
    for a, b in zip(ours, theirs, strict=True):
        expected = sorted((t.decode(), int(y)) for t, y in b.as_numpy_iterator())
        assert sorted((t, int(y)) for t, y in a) == expected


@pytest.mark.parametrize(
    "said",
    [
        {"left_size": 0.8},
        {"right_size": 3},
        {"left_size": 2, "right_size": 5},
        {"left_size": 0.5, "shuffle": True, "seed": 4},
    ],
    ids=str,
)
def test_split_dataset(keras, said):
    pytest.importorskip("tensorflow")
    x, y = np.arange(22).reshape(11, 2), np.arange(11)
    for given in (x, (x, y)):
        ours = splitting.split_dataset(given, **said)
        theirs = keras.utils.split_dataset(given, **said)
        for a, b in zip(ours, theirs, strict=True):
            both = zip(a, b.as_numpy_iterator(), strict=True)
            for one, other in both:
                for p, q in zip(as_tuple(one), as_tuple(other), strict=True):
                    np.testing.assert_array_equal(p, q)


# ---------------------------------------------------------------- data sets of words

REVIEWS = [[4, 9, 1], [7], [2, 2, 30, 5, 11], [6, 3], [8, 9, 10, 12], [1, 2, 3, 4, 5, 6]]
LABELS = np.array([0, 1, 1, 0, 1, 0])


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"num_words": 8},
        {"num_words": 10, "skip_top": 5, "oov_char": None},
        {"maxlen": 5, "start_char": None},
        {"start_char": None, "index_from": 0, "seed": 3},
    ],
    ids=str,
)
def test_words_are_cut_as_in_keras(keras, said, tmp_path, monkeypatch):
    x = np.empty(len(REVIEWS), object)
    x[:] = REVIEWS
    path = tmp_path / "words.npz"
    np.savez(path, x_train=x, y_train=LABELS, x_test=x[::-1], y_test=LABELS[::-1], x=x, y=LABELS)
    for name in ("imdb", "reuters"):
        theirs = getattr(keras.datasets, name)
        module = __import__(f"keras.src.datasets.{name}", fromlist=[""])
        monkeypatch.setattr(module, "get_file", lambda *a, **k: str(path))
        expected = theirs.load_data(**said)
        ours = cornu_words.load(name, str(path), **said)
        for (a, b), (c, d) in zip(ours, expected, strict=True):
            assert [list(row) for row in a] == [list(row) for row in c]
            assert list(b) == list(d)


# ---------------------------------------------------------------- FeatureSpace


@pytest.mark.parametrize("output_mode", ["concat", "dict"])
def test_feature_spaces(keras, output_mode):
    pytest.importorskip("tensorflow")
    table = {
        "age": [20.0, 40.0, 30.0, 33.0],
        "pay": [1.0, 2.0, 3.0, 9.0],
        "job": ["cook", "pilot", "cook", "clerk"],
        "code": [7, 7, 9, 3],
    }
    results = []
    for space in (keras.utils.FeatureSpace, FeatureSpace):
        made = space(
            {
                "age": "float_normalized",
                "pay": space.float_rescaled(0.5, 1.0),
                "job": "string_categorical",
                "code": space.integer_hashed(5),
            },
            crosses=[("job", "code")],
            crossing_dim=7,
            output_mode=output_mode,
        )
        made.adapt(table)
        results.append(made(table))
    theirs, ours = results
    if output_mode == "concat":
        theirs, ours = {"all": theirs}, {"all": ours}
    assert theirs.keys() == ours.keys()
    for name in theirs:
        np.testing.assert_allclose(np.asarray(ours[name]), np.asarray(theirs[name]), atol=1e-6)
