"""Tokenizer and its kin: the numbers of tf-keras 2.21 on fixed texts, and what is refused."""

import json

import numpy as np
import pytest

from cornu.errors import UsageError, UsageTypeError
from cornu.preprocessing import text
from cornu.preprocessing.text import Tokenizer, tokenizer_from_json

TEXTS = [
    "The cat sat on the mat; the dog did not!",
    "A dog, a cat & a very-long-word: don't...",
    "",
    "the the the cat",
]
NEW = ["the dog flew", "cat mat cat"]

# What tf-keras 2.21 gives for TEXTS and NEW, with num_words=5 and oov_token="<oov>".
SEQUENCES = [[2, 1, 1], [3, 1, 3]]
MATRICES = {
    "binary": [[0, 1, 1, 0, 0], [0, 1, 0, 1, 0]],
    "count": [[0, 2, 1, 0, 0], [0, 1, 0, 2, 0]],
    "freq": [[0, 0.666667, 0.333333, 0, 0], [0, 0.333333, 0, 0.666667, 0]],
    "tfidf": [[0, 2.725015, 0.847298, 0, 0], [0, 1.609438, 0, 1.1736, 0]],
}
# What its `to_json` gave for ["the cat sat", "the mat"], with the same settings.
THEIRS = (
    r'{"class_name": "Tokenizer", "config": {"num_words": 5, "filters": "!\"#$%&()*+,-./:;<=>?@['
    r'\\]^_`{|}~\t\n", "lower": true, "split": " ", "char_level": false, "oov_token": "<oov>", '
    r'"document_count": 2, "word_counts": "{\"the\": 2, \"cat\": 1, \"sat\": 1, \"mat\": 1}", '
    r'"word_docs": "{\"cat\": 1, \"the\": 2, \"sat\": 1, \"mat\": 1}", "index_docs": "{\"3\": 1, '
    r'\"2\": 2, \"4\": 1, \"5\": 1}", "index_word": "{\"1\": \"<oov>\", \"2\": \"the\", \"3\": '
    r'\"cat\", \"4\": \"sat\", \"5\": \"mat\"}", "word_index": "{\"<oov>\": 1, \"the\": 2, '
    r'\"cat\": 3, \"sat\": 4, \"mat\": 5}"}}'
)


def fitted(**settings) -> Tokenizer:
    tokenizer = Tokenizer(**settings)
    tokenizer.fit_on_texts(TEXTS)
    return tokenizer


def test_words_are_numbered_by_frequency_then_by_place():
    words = "the cat a dog sat on mat did not very long word don't".split()
    tokenizer = fitted()
    assert tokenizer.word_index == {word: i for i, word in enumerate(words, 1)}
    assert tokenizer.index_word == dict(enumerate(words, 1))
    assert list(tokenizer.word_counts.items())[:3] == [("the", 6), ("cat", 3), ("sat", 1)]
    assert tokenizer.word_docs["the"] == 2 and tokenizer.index_docs[1] == 2
    assert tokenizer.document_count == 4


def test_texts_become_sequences_and_back():
    tokenizer = fitted()
    assert tokenizer.texts_to_sequences(NEW) == [[1, 4], [2, 7, 2]]
    assert tokenizer.sequences_to_texts([[1, 4, 99, 0], []]) == ["the dog", ""]


def test_rare_words_are_the_oov_token():
    tokenizer = fitted(num_words=5, oov_token="<oov>")
    assert tokenizer.texts_to_sequences(NEW) == SEQUENCES
    assert tokenizer.sequences_to_texts(SEQUENCES) == ["the <oov> <oov>", "cat <oov> cat"]
    assert len(tokenizer.word_index) == 14, "all words keep their numbers"


def test_rare_words_are_dropped_without_an_oov_token():
    assert fitted(num_words=3).texts_to_sequences(NEW) == [[1], [2, 2]]


@pytest.mark.parametrize("mode", MATRICES)
def test_matrices(mode):
    tokenizer = fitted(num_words=5, oov_token="<oov>")
    found = tokenizer.sequences_to_matrix(SEQUENCES, mode)
    assert found.dtype == "float64"
    np.testing.assert_allclose(found, MATRICES[mode], atol=5e-7)
    assert np.array_equal(tokenizer.texts_to_matrix(NEW, mode), found)


def test_numbers_past_the_last_column_count_for_the_length_alone():
    found = Tokenizer(num_words=3).sequences_to_matrix([[1, 1, 7, 8], []], "freq")
    assert found.tolist() == [[0, 0.5, 0], [0, 0, 0]]


def test_characters_as_words():
    tokenizer = fitted(char_level=True, num_words=6)
    assert "".join(tokenizer.word_index) == " taeohdncg.r-sm;i!,&vylw:'"
    assert tokenizer.texts_to_sequences(["the dog flew"]) == [[2, 4, 1, 5, 1, 4]]
    one = Tokenizer(char_level=True)
    one.fit_on_texts("abba")  # each character is a text: tutorials fit a whole book like this
    assert one.word_index == {"a": 1, "b": 2} and one.document_count == 4


def test_lists_of_words_and_generators():
    tokenizer = Tokenizer()
    tokenizer.fit_on_texts(words for words in [["The", "cat"], ("cat", "x y")])
    assert tokenizer.word_index == {"cat": 1, "the": 2, "x y": 3}
    assert list(tokenizer.texts_to_sequences_generator([["X y"], "CAT the"])) == [[3], [1, 2]]


def test_an_analyzer_finds_the_words():
    tokenizer = Tokenizer(analyzer=lambda line: line.split("-"))
    tokenizer.fit_on_texts(["a-b-b"])
    assert tokenizer.word_index == {"b": 1, "a": 2}
    assert text.hashing_trick("a-b", 50, len, analyzer=lambda line: line.split("-")) == [2, 2]


def test_texts_can_be_added():
    whole, parts = fitted(), Tokenizer()
    for part in (TEXTS[:1], TEXTS[1:]):
        parts.fit_on_texts(part)
    assert parts.word_index == whole.word_index and parts.index_docs == whole.index_docs


def test_json_of_tf_keras_is_read():
    tokenizer = tokenizer_from_json(THEIRS)
    assert tokenizer.texts_to_sequences(["the mat sat"]) == [[2, 1, 4]]
    assert tokenizer.document_count == 2 and tokenizer.index_docs == {2: 2, 3: 1, 4: 1, 5: 1}
    tokenizer.fit_on_texts(["sat sat sat"])
    assert tokenizer.word_index["sat"] == 2


def test_json_is_written_as_tf_keras_does():
    tokenizer = Tokenizer(num_words=5, oov_token="<oov>")
    tokenizer.fit_on_texts(["the cat sat", "the mat"])
    ours, theirs = json.loads(tokenizer.to_json()), json.loads(THEIRS)
    for one in (ours, theirs):
        for name in ("word_counts", "word_docs", "index_docs", "index_word", "word_index"):
            one["config"][name] = json.loads(one["config"][name])
    assert ours == theirs
    assert "\n  " in tokenizer.to_json(indent=2)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c.pop("word_index"), 'its config has no "word_index"'),
        (lambda c: c.update(word_index="[1]"), "its word_index is"),
        (lambda c: c.update(word_index='{"a": "b"}'), "its word_index has 'b'"),
        (lambda c: c.update(index_word='{"a": "b"}'), "no whole numbers"),
        (lambda c: c.update(word_counts="{"), "describes no Tokenizer"),
        (lambda c: c.update(filters=3), "its filters is 3"),
        (lambda c: c.update(num_words="5"), "num_words must be a whole number"),
        (lambda c: c.update(word_docs="[" * 100_000), "nested too deep"),
    ],
)
def test_json_of_something_else_is_refused(change, said):
    whole = json.loads(THEIRS)
    change(whole["config"])
    with pytest.raises(UsageError, match=r"E-TOKENIZER") as caught:
        tokenizer_from_json(json.dumps(whole))
    assert said in str(caught.value)


@pytest.mark.parametrize("given", ["", "[]", "{}", '{"config": 1}', "nul", "[" * 100_000])
def test_other_json_is_refused(given):
    with pytest.raises(UsageError, match="describes no Tokenizer"):
        tokenizer_from_json(given)


# ---------------------------------------------------------------- words


def test_words_of_a_text():
    assert text.text_to_word_sequence("Don't, DON'T!\tx\ny") == ["don't", "don't", "x", "y"]
    assert text.text_to_word_sequence("A-b", lower=False, filters="", split="-") == ["A", "b"]
    assert text.text_to_word_sequence("a1b", filters=["1"], split="--") == ["a", "b"]
    assert text.base_filter() == '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'


def test_hashes():
    # From tf-keras 2.21.
    assert text.hashing_trick("The cat, the mat", 100, "md5") == [51, 3, 51, 26]
    assert text.hashing_trick("a bb", 10, len) == [2, 3]
    assert text.one_hot("a b", 30) == [hash("a") % 29 + 1, hash("b") % 29 + 1]


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ("one text", "fit_on_texts([text])"),
        (b"bytes", "must be a list of texts"),
        (3, "must be a list of texts"),
        (["fine", 3.5], "texts[1] must be a text (str); got 3.5"),
        (["fine", None], "texts[1] must be a text (str); got None"),
        ([b"bytes"], "text.decode()"),
        ([["fine", 3]], "texts[0][1] must be a text"),
    ],
)
def test_what_is_no_text_is_refused_and_nothing_counted(texts, said):
    tokenizer = fitted()
    before = tokenizer.to_json()
    for call in (tokenizer.fit_on_texts, tokenizer.texts_to_sequences):
        with pytest.raises(UsageTypeError) as caught:
            call(texts)
        assert said in str(caught.value)
    assert tokenizer.to_json() == before


def test_words_that_are_no_texts_need_lower_false():
    tokenizer = Tokenizer(lower=False)
    tokenizer.fit_on_texts([[3, 3, 5]])
    assert tokenizer.texts_to_sequences([[5, 3]]) == [[2, 1]]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda t: t.sequences_to_matrix([[1, -1]]), "sequences[0] has -1"),
        (lambda t: t.sequences_to_matrix([[1.5]]), "sequences[0] has 1.5"),
        (lambda t: t.sequences_to_matrix([[1], "text"]), "sequences[1] must be a list"),
        (lambda t: t.sequences_to_matrix([3]), "sequences[0] must be a list"),
        (lambda t: t.sequences_to_matrix([[[1]]]), "sequences[0] has [1]"),
        (lambda t: t.sequences_to_matrix([[1]], "tf-idf"), 'Did you mean "tfidf"?'),
        (lambda t: t.texts_to_matrix(["a"], "counts"), 'Did you mean "count"?'),
        (lambda t: t.fit_on_sequences([[1], [-2]]), "sequences[1] has -2"),
    ],
)
def test_wrong_sequences_and_modes_are_refused(call, said):
    tokenizer = fitted()
    before = tokenizer.to_json()
    with pytest.raises((UsageError, UsageTypeError)) as caught:
        call(tokenizer)
    assert said in str(caught.value)
    assert tokenizer.to_json() == before


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: Tokenizer().texts_to_sequences(["a"]), "has seen no texts"),
        (lambda: Tokenizer().sequences_to_texts([[1]]), "has seen no texts"),
        (lambda: Tokenizer().sequences_to_matrix([[1]]), "how many columns"),
        (lambda: Tokenizer(3).sequences_to_matrix([[1]], "tfidf"), "texts that were counted"),
        (lambda: Tokenizer(num_words=-1), "num_words must be"),
        (lambda: Tokenizer(num_words=1.5), "num_words must be"),
        (lambda: text.hashing_trick("a", 1), "n must be a whole number above 1"),
        (lambda: text.hashing_trick("a", 9, "sha"), "hash_function must be"),
        (lambda: text.one_hot(None, 9), "input_text must be a text (str); got None"),
        (lambda: tokenizer_from_json(b"{}"), "takes a string"),
    ],
)
def test_other_calls_are_refused(call, said):
    with pytest.raises((UsageError, UsageTypeError)) as caught:
        call()
    assert said in str(caught.value)
