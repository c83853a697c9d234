"""Texts and data sets of words, as old scripts ask for them."""

import pickle
import warnings

import numpy as np
import pytest

from cornu.datasets import imdb, reuters
from cornu.dialects import generations, modules, spellings, table
from cornu.errors import UsageTypeError
from cornu.preprocessing import text

ROWS, LABELS = [[1, 5, 2], [3], [2, 2, 9, 4], [7, 8], [6]], [1, 0, 0, 1, 0]


@pytest.fixture(autouse=True)
def old(tmp_path, monkeypatch):
    """Old spellings are taken; the cache has the files of Keras 0."""
    monkeypatch.setenv("CORNU_HOME", str(tmp_path))
    (tmp_path / "datasets").mkdir()
    for name in ("imdb", "reuters"):
        data = pickle.dumps((ROWS, LABELS), 2)
        (tmp_path / "datasets" / f"{name}.pkl").write_bytes(data)
    table.forget_warnings()
    with spellings.registered(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def test_nb_words_is_num_words():
    tokenizer = text.Tokenizer(nb_words=3)
    tokenizer.fit_on_texts(["a a b b b c"])
    assert tokenizer.num_words == 3
    assert tokenizer.texts_to_sequences(["a b c"]) == [[2, 1]]
    assert text.one_hot(text="a", n=9) == text.one_hot("a", 9)
    with pytest.raises(UsageTypeError, match="num_words twice"):
        text.Tokenizer(nb_words=3, num_words=3)


def test_pickles_of_every_generation():
    # The attributes that a Tokenizer of Keras 1.2 had, which is what its pickle holds.
    state = {
        "word_counts": {"a": 2, "b": 3},
        "word_docs": {"a": 1, "b": 1},
        "filters": "!",
        "split": " ",
        "lower": True,
        "nb_words": 2,
        "document_count": 1,
        "char_level": False,
        "word_index": {"b": 1, "a": 2},
        "index_docs": {1: 1, 2: 1},
    }
    tokenizer = text.Tokenizer.__new__(text.Tokenizer)
    tokenizer.__setstate__(state)
    assert tokenizer.texts_to_sequences(["A! b"]) == [[1]]
    assert tokenizer.sequences_to_texts([[1, 2]]) == ["b"]
    again = pickle.loads(pickle.dumps(tokenizer))
    assert again.to_json() == tokenizer.to_json()


def test_it_is_told_once():
    table.forget_warnings()
    with pytest.warns(UserWarning, match=r"Today: Tokenizer\(num_words=…\)"):
        text.Tokenizer(nb_words=3)


def test_imdb_of_keras_0():
    with generations.within("0.3"):
        (x, y), (x_test, y_test) = imdb.load_data(nb_words=99)
        order = np.random.RandomState(113).permutation(5)
        assert x + x_test == [[1, *(w + 3 for w in ROWS[i])] for i in order]
        assert y + y_test == [LABELS[i] for i in order] and len(x) == 4
        (x, _), (x_test, _) = imdb.load_data("imdb.pkl", 99, 0, None, 0.4, 7)
        assert len(x) == 3 and len(x_test) == 2
        (x, _), (x_test, _) = reuters.load_data(nb_words=6, test_split=0.2)
        assert len(x) == 4 and max(max(row) for row in x + x_test) < 6


def test_later_generations_give_arrays():
    with generations.within("1.2"):
        (x, _), (x_test, _) = reuters.load_data("reuters.pkl", nb_words=99)
    assert x.dtype == object and len(x) == 4 and len(x_test) == 1


def test_paths_of_old_code_lead_here():
    for path, names in {
        "preprocessing.text": ["Tokenizer", "base_filter", "hashing_trick", "one_hot"],
        "preprocessing.sequence": ["TimeseriesGenerator", "pad_sequences", "skipgrams"],
        "preprocessing": ["text_dataset_from_directory", "timeseries_dataset_from_array"],
        "preprocessing.timeseries": ["timeseries_dataset_from_array"],
        "utils": ["pad_sequences"],
        "datasets.cifar": ["load_batch"],
        "datasets.imdb": ["get_word_index", "load_data"],
    }.items():
        for name in names:
            assert callable(modules.value(path, name)), (path, name)


def test_spellings_are_taken_back():
    spellings.unregister()
    try:
        with pytest.raises(TypeError, match="nb_words"):
            text.Tokenizer(nb_words=3)
    finally:
        spellings.register()
