"""Layers for text: StringLookup and TextVectorization, which run on the host."""

import json

import numpy as np
import pytest

import cornu
from cornu import layers
from cornu.config import custom_object_scope, deserialize, register_keras_serializable, serialize
from cornu.errors import UsageError, UsageTypeError
from cornu.layers import Input

sentences = ["The cat sat.", "the dog, ran! ran"]


def test_docstrings_say_what_they_are():
    assert "Example" in (layers.StringLookup.__doc__ or "")
    assert "Example" in (layers.TextVectorization.__doc__ or "")


# ---------------------------------------------------------------- words


@pytest.mark.parametrize(
    "x",
    [
        [["a", "c", "z"]],
        np.array([["a", "c", "z"]]),
        np.array([[b"a", b"c", b"z"]]),
        np.array([["a", b"c", "z"]], dtype=object),
    ],
    ids=["list", "str", "bytes", "objects"],
)
def test_text_of_every_kind(x):
    layer = layers.StringLookup(vocabulary=["a", "b", "c"])
    found = layer(x)
    assert found.dtype == "int32"
    np.testing.assert_array_equal(found, [[1, 3, 0]])
    np.testing.assert_array_equal(layer("b"), 2)


def test_places_and_back():
    layer = layers.StringLookup(vocabulary=["a", "b"], mask_token="", num_oov_indices=2)
    assert layer.get_vocabulary() == ["", "[UNK]", "[UNK]", "a", "b"]
    found = np.asarray(layer([["a", "", "b", "q"]]))[0]
    assert found[:3].tolist() == [3, 0, 4]
    assert found[3] in (1, 2)
    twice = {"mask_token": "", "num_oov_indices": 2, "invert": True}
    back = layers.StringLookup(vocabulary=layer.get_vocabulary(), **twice)
    assert back(np.array([0, 1, 2, 3, 4])).tolist() == layer.get_vocabulary()
    words = layers.StringLookup(vocabulary=["a", "b"], invert=True)(np.array([[1, 2, 0, 9, -1]]))
    assert words.tolist() == [["a", "b", "[UNK]", "[UNK]", "[UNK]"]]


def test_most_frequent_words_come_first():
    """Of words as frequent as each other the later in the alphabet comes first, as in Keras."""
    layer = layers.StringLookup()
    layer.adapt([["b", "a", "a"], ["c", "b", "[UNK]"]])
    assert layer.get_vocabulary() == ["[UNK]", "b", "a", "c"]
    layer.adapt(np.array(w) for w in (["x"], ["x", "y"]))
    assert layer.get_vocabulary() == ["[UNK]", "x", "y"]


def test_vectors_of_words():
    for mode, expected in (
        ("multi_hot", [[1, 1, 0]]),
        ("count", [[1, 2, 0]]),
        ("tf_idf", [[1.5, 2, 0]]),
    ):
        weights = {"idf_weights": [1.0, 2.0]} if mode == "tf_idf" else {}
        layer = layers.StringLookup(vocabulary=["a", "b"], output_mode=mode, **weights)
        found = layer([["a", "z", "a"]])
        assert found.dtype == "float32"
        np.testing.assert_allclose(found, expected)


def test_masked_words_count_nowhere():
    layer = layers.StringLookup(vocabulary=["a"], mask_token="", output_mode="count")
    np.testing.assert_allclose(layer([["a", "", ""]]), [[0, 1]])


# ---------------------------------------------------------------- texts


def test_texts_to_places():
    layer = layers.TextVectorization()
    layer.adapt(sentences)
    assert layer.get_vocabulary() == ["", "[UNK]", "the", "ran", "sat", "dog", "cat"]
    assert layer.vocabulary_size() == 7
    expected = [[2, 6, 1], [3, 0, 0]]
    np.testing.assert_array_equal(layer(["THE cat, flew", "ran"]), expected)
    np.testing.assert_array_equal(layer([["THE cat, flew"], ["ran"]]), expected)
    np.testing.assert_array_equal(layer("the cat"), [2, 6])
    assert layer([""]).shape == (1, 0)


@pytest.mark.parametrize(
    "length, expected", [(2, [[2, 6], [3, 0]]), (4, [[2, 6, 1, 0], [3, 0, 0, 0]])]
)
def test_length_of_sequences(length: int, expected: list):
    layer = layers.TextVectorization(output_sequence_length=length)
    layer.adapt(sentences)
    np.testing.assert_array_equal(layer(["the cat flew", "ran"]), expected)


@pytest.mark.parametrize(
    "options, words",
    [
        ({}, ["été", "plage", "dont", "a", "b\u00a0c"]),
        ({"standardize": "lower"}, ["été,", "plage", "don't", "a", "b\u00a0c"]),
        ({"standardize": "strip_punctuation"}, ["été", "Plage", "dont", "A", "b\u00a0c"]),
        (
            {"standardize": None, "ngrams": (2,)},
            ["été, Plage", "Plage don't", "don't A", "A b\u00a0c"],
        ),
        ({"standardize": None, "split": None}, ["été, Plage\tdon't A b\u00a0c"]),
        ({"standardize": np.char.upper}, ["ÉTÉ,", "PLAGE", "DON'T", "A", "B\u00a0C"]),
        (
            {"split": lambda texts: [t.split("'") for t in texts], "standardize": None},
            ["été, Plage\tdon", "t A b\u00a0c"],
        ),
    ],
)
def test_cleaning_and_cutting(options: dict, words: list[str]):
    layer = layers.TextVectorization(**options)
    assert layer.words(layer._standardized([])) == []
    assert layer.words(["été, Plage\tdon't A b\u00a0c"]) == [words]


def test_ngrams_up_to_a_size():
    layer = layers.TextVectorization(ngrams=2)
    assert layer.words(["a b c"]) == [["a", "b", "c", "a b", "b c"]]


def test_vectors_of_texts():
    layer = layers.TextVectorization(output_mode="count", max_tokens=9, pad_to_max_tokens=True)
    layer.adapt(sentences)
    assert layer.get_vocabulary() == ["[UNK]", "the", "ran", "sat", "dog", "cat"]
    found = layer(["ran ran the bird", "", "cat"])
    expected = np.zeros((3, 9))
    expected[0, :3] = 1, 1, 2
    expected[2, 5] = 1
    np.testing.assert_allclose(found, expected)


def test_weights_of_rare_words_in_texts():
    layer = layers.TextVectorization(output_mode="tf_idf")
    layer.adapt(iter([sentences[:1], sentences[1:]]))
    weights = np.log(1 + 2 / (1 + np.array([2, 1, 1, 1, 1])))
    expected = [[weights.mean(), weights[0], 2 * weights[1], 0, 0, 0]]
    np.testing.assert_allclose(layer(["the ran ran bird"]), expected, rtol=1e-6)


def test_texts_feed_a_model():
    layer = layers.TextVectorization(output_sequence_length=4)
    layer.adapt(sentences)
    model = cornu.Sequential(
        [
            Input((4,), dtype="int32"),
            layers.Embedding(layer.vocabulary_size(), 3, mask_zero=True),
            layers.GlobalAveragePooling1D(),
            layers.Dense(1),
        ]
    )
    model.compile("sgd", "mse")
    model.fit(layer(sentences), np.zeros((2, 1)), verbose=0)


# ---------------------------------------------------------------- configs and files


@register_keras_serializable("tests")
def loud(texts):
    """In capitals."""
    return np.char.upper(texts)


@pytest.mark.parametrize("mode", ["int", "tf_idf"])
def test_what_was_learned_is_in_the_config(mode: str):
    text = layers.TextVectorization(output_mode=mode, standardize=loud)
    word = layers.StringLookup(output_mode=mode, mask_token="m")
    text.adapt(sentences)
    word.adapt([["a", "b", "m"], ["b", "c", "c"]])
    for layer, data in ((text, ["cat ran"]), (word, [["a", "c", "q"]])):
        written = json.loads(json.dumps(serialize(layer)))
        again = deserialize(written)
        assert again.get_vocabulary() == layer.get_vocabulary()
        assert json.loads(json.dumps(serialize(again))) == written
        np.testing.assert_allclose(again(data), layer(data))


def test_vocabularies_as_files(tmp_path):
    layer = layers.TextVectorization()
    layer.adapt(sentences)
    layer.save_assets(tmp_path)
    lines = (tmp_path / "vocabulary.txt").read_text().split("\n")
    assert lines == layer.get_vocabulary()
    again = layers.TextVectorization()
    again.load_assets(tmp_path)
    np.testing.assert_array_equal(again(sentences), layer(sentences))
    (tmp_path / "words.txt").write_text("cat\ndog\n")
    read = layers.TextVectorization(vocabulary=str(tmp_path / "words.txt"))
    assert read.get_vocabulary() == ["", "[UNK]", "cat", "dog"]


# ---------------------------------------------------------------- bad input

L = layers


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda: L.StringLookup()([["a"]]), ["no vocabulary", "adapt(data)"]),
        (lambda: L.StringLookup(vocabulary=["a"])(np.array([1])), ["text", "astype(str)"]),
        (lambda: L.StringLookup(vocabulary=["a"])(np.array([None, "a"])), ["text", "None"]),
        (lambda: L.StringLookup(vocabulary=[1]), ["words", "IntegerLookup"]),
        (lambda: L.StringLookup(vocabulary=["a", "a"]), ["twice", "'a'"]),
        (lambda: L.StringLookup(vocabulary=["a"], num_oov_indices=0)(["b"]), ["'b'"]),
        (lambda: L.StringLookup(["a"]), ["max_tokens", "int"]),
        (lambda: L.StringLookup(sparse=True, output_mode="count"), ["sparse=True"]),
        (lambda: L.StringLookup(vocabulary=["a"])([["a"], ["a", "b"]]), ["pad_sequences"]),
        (lambda: L.StringLookup.from_config({"vocabulary": "/etc/passwd"}), ["itself"]),
        (lambda: L.TextVectorization()(["a"]), ["no vocabulary", "adapt(data)"]),
        (lambda: L.TextVectorization(vocabulary=["a"])([["a", "b"]]), ["(1, 2)", "one column"]),
        (lambda: L.TextVectorization(ragged=True), ["ragged", "filled up"]),
        (lambda: L.TextVectorization(sparse=True), ["sparse=True"]),
        (lambda: L.TextVectorization(output_mode="one_hot"), ["'multi_hot'"]),
        (lambda: L.TextVectorization(standardize="lowercase"), ["'lower'", "Did you mean"]),
        (lambda: L.TextVectorization(split="chars"), ["'character'"]),
        (lambda: L.TextVectorization(ngrams=0), ["ngrams", ">= 1"]),
        (lambda: L.TextVectorization(output_mode="count", output_sequence_length=3), ['"int"']),
        (lambda: L.TextVectorization().adapt([1, 2]), ["text", "astype(str)"]),
        (lambda: L.TextVectorization().adapt(["", "  "]), ["no tokens"]),
        (lambda: L.TextVectorization(split=lambda x: [["a"]]).adapt(["a", "b"]), ["1 for 2"]),
        (lambda: L.TextVectorization(split=lambda x: x).get_config(), ["lambda", "register"]),
        (lambda: L.TextVectorization.from_config({"vocabulary": "/etc/passwd"}), ["itself"]),
    ],
)
def test_bad_input(act, words: list[str]):
    with pytest.raises((UsageError, UsageTypeError)) as caught:
        act()
    for word in words:
        assert word in str(caught.value)
    assert len(str(caught.value)) <= 600


def test_functions_are_found_by_name():
    with custom_object_scope({"loud": loud}):
        layer = layers.TextVectorization(vocabulary=["CAT"], standardize=loud)
        assert layer.get_config()["standardize"]["config"] == "tests>loud"
    np.testing.assert_array_equal(layer(["cat"]), [[2]])
