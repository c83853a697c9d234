"""Models that begin with text: the layers that read it run before what is compiled."""

import copy

import numpy as np
import pytest

from cornu import layers, models, ops, saving
from cornu.errors import UsageError
from cornu.layers import Input

TEXTS = np.array([["the cat sat"], ["the dog"], ["a bird sang the song"], ["cat cat"]])
WORDS = ["the", "cat", "dog"]


def vectorized(**options):
    return layers.TextVectorization(vocabulary=WORDS, name="words", **options)


def counter(name="counter"):
    """Counts of unknown words, of "the", "cat" and "dog", then one product with known weights."""
    x = Input((1,), dtype="string", name="text")
    y = layers.Dense(1, use_bias=False, name="sum")(vectorized(output_mode="count")(x))
    model = models.Model(x, y, name=name)
    model.get_layer("sum").set_weights([np.array([[1.0], [10.0], [100.0], [1000.0]], "float32")])
    return model


WANTED = np.array([[111], [1010], [14], [200]], "float32")


@pytest.mark.parametrize(
    "x",
    [
        TEXTS,
        TEXTS[:, 0],
        TEXTS.astype("S"),
        TEXTS.astype(object),
        TEXTS[:, 0].tolist(),
        TEXTS.tolist(),
        {"text": TEXTS},
        [TEXTS],
    ],
    ids=["str", "rank 1", "bytes", "objects", "list", "lists", "dict", "list of one"],
)
def test_predict_takes_text(x):
    np.testing.assert_array_equal(counter().predict(x, verbose=0), WANTED)


def test_other_ways_to_call():
    model = counter()
    np.testing.assert_array_equal(np.asarray(model(TEXTS)), WANTED)
    np.testing.assert_array_equal(model.predict_on_batch(TEXTS), WANTED)
    stream = ((TEXTS[i : i + 2],) for i in (0, 2))
    np.testing.assert_array_equal(model.predict(stream, verbose=0), WANTED)
    np.testing.assert_array_equal(model.predict(TEXTS, batch_size=3, verbose=0), WANTED)
    assert model.input_shape == (None, 1) and model.input.dtype == "string"


def test_fit_and_evaluate_on_text():
    model = counter()
    model.compile("sgd", "mse", metrics=["mae"])
    before = model.evaluate(TEXTS, WANTED * 0, verbose=0, return_dict=True)
    assert before["mae"] == pytest.approx(np.abs(WANTED).mean())
    model.get_layer("sum").set_weights([np.zeros((4, 1), "float32")])
    history = model.fit(
        TEXTS, np.array([1.0, 0, 0, 0]), epochs=2, verbose=0, validation_split=0.25, shuffle=False
    )
    # by hand: one step on the counts of the first three rows, learning rate 0.01
    counts = np.array([[1, 1, 1, 0], [0, 1, 0, 1], [4, 1, 0, 0]], "float64")
    weights = np.zeros(4)
    for _ in range(2):
        error = counts @ weights - [1, 0, 0]
        weights -= 0.01 * 2 / 3 * counts.T @ error
    found = model.get_layer("sum").get_weights()[0][:, 0]
    np.testing.assert_allclose(found, weights, rtol=1e-5)
    assert set(history.history) == {"loss", "mae", "val_loss", "val_mae"}
    model.train_on_batch(TEXTS, WANTED)
    model.test_on_batch(TEXTS, WANTED)
    model.fit(iter([(TEXTS, WANTED)] * 2), steps_per_epoch=2, verbose=0)


def test_a_sequential_begins_with_text():
    layer = vectorized(output_sequence_length=4)
    model = models.Sequential([layer, layers.Embedding(5, 1), layers.Flatten()])
    model.layers[1].set_weights([np.arange(5.0)[:, None]])
    wanted = [[2, 3, 1, 0], [2, 4, 0, 0], [1, 1, 1, 2], [3, 3, 0, 0]]
    np.testing.assert_array_equal(model.predict(TEXTS, verbose=0), wanted)
    assert model.inputs[0].dtype == "string"


def test_several_inputs_of_text_and_numbers():
    word = Input((1,), dtype="string", name="word")
    number = Input((2,), name="number")
    crossed = Input((1,), dtype="int32", name="crossed")
    one = layers.StringLookup(vocabulary=WORDS, output_mode="one_hot")(word)
    both = layers.HashedCrossing(7, name="both")([word, crossed])
    y = layers.Concatenate()([one, number, ops.cast(both, "float32")])
    model = models.Model([word, number, crossed], {"y": y, "bins": both})
    x = [np.array(["dog", "x"]), np.array([[5.0, 6], [7, 8]]), np.array([101, 102])]
    found = model.predict(x, verbose=0)
    bins = np.asarray(layers.HashedCrossing(7)((x[0], x[2])))
    wanted = [[0, 0, 0, 1, 5, 6, bins[0]], [1, 0, 0, 0, 7, 8, bins[1]]]
    np.testing.assert_array_equal(found["y"], wanted)
    np.testing.assert_array_equal(found["bins"], bins[:, None])
    by_name = dict(zip(("word", "number", "crossed"), x, strict=True))
    np.testing.assert_array_equal(model.predict(by_name, verbose=0)["y"], wanted)


def test_numbers_of_text_alone_are_a_model():
    x = Input((2,), dtype="string")
    model = models.Model(x, layers.Hashing(3, salt=1)(x))
    given = np.array([["a", "b"], ["c", "a"]])
    np.testing.assert_array_equal(
        model.predict(given, verbose=0), np.asarray(layers.Hashing(3, salt=1)(given))
    )


@pytest.mark.parametrize("adapted", [True, False])
def test_round_trip_with_the_vocabulary(adapted, tmp_path):
    x = Input((1,), dtype="string", name="text")
    layer = layers.TextVectorization(
        output_sequence_length=3, name="words", vocabulary=None if adapted else WORDS
    )
    if adapted:
        layer.adapt(TEXTS[:, 0])
    h = layers.Embedding(20, 2)(layer(x))
    model = models.Model(x, layers.Dense(1)(layers.Flatten()(h)))
    model.compile("adam", "mse")
    model.fit(TEXTS, np.zeros(4), verbose=0)
    model.save(tmp_path / "m.keras")
    again = saving.load_model(tmp_path / "m.keras")
    assert again.get_layer("words").get_vocabulary() == layer.get_vocabulary()
    wanted = model.predict(TEXTS, verbose=0)
    np.testing.assert_array_equal(again.predict(TEXTS, verbose=0), wanted)
    np.testing.assert_array_equal(copy.deepcopy(model).predict(TEXTS, verbose=0), wanted)
    twin = models.clone_model(model)
    twin.set_weights(model.get_weights())
    np.testing.assert_array_equal(twin.predict(TEXTS, verbose=0), wanted)
    twin.load_weights(tmp_path / "m.keras")
    again.fit(TEXTS, np.zeros(4), verbose=0)


def test_summary_shows_the_text_layers(capsys):
    counter().summary()
    shown = capsys.readouterr().out
    assert "TextVectorization" in shown and "text (InputLayer)" in shown


def test_a_vocabulary_learned_after_the_model_was_made():
    x = Input((1,), dtype="string")
    layer = layers.StringLookup()
    model = models.Model(x, layer(x))
    with pytest.raises(UsageError, match="call adapt"):
        model.predict(TEXTS, verbose=0)
    layer.adapt(["u", "v", "v"])
    assert model.predict(np.array([["v"], ["w"]]), verbose=0).tolist() == [[1], [0]]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda x: layers.Dense(1)(x), 'Dense "dense[_0-9]*" cannot compute with the text of "t"'),
        (lambda x: x + 1, "StringLookup, TextVectorization"),
        (lambda x: ops.reshape(x, (-1,)), "the op"),
        (lambda x: layers.Flatten()(x), "Flatten"),
        (lambda x: layers.IntegerLookup(vocabulary=[1])(x), "takes numbers; got text"),
        (lambda x: layers.CategoryEncoding(3)(x), "takes numbers; got text"),
        (lambda x: layers.StringLookup(vocabulary=["a"], invert=True)(x), "takes numbers"),
        (lambda x: layers.StringLookup(output_mode="count")(x), "call adapt"),
        (lambda x: counter()(x), 'Model "counter" cannot compute with'),
    ],
)
def test_text_where_numbers_belong(make, words):
    with pytest.raises((UsageError, TypeError), match=words) as raised:
        make(Input((1,), dtype="string", name="t"))
    assert "Tracer" not in str(raised.value) and len(str(raised.value)) < 600


def test_text_beside_what_is_computed():
    x, n = Input((1,), dtype="string"), Input((1,), dtype="int32")
    with pytest.raises(UsageError, match="which is computed in the model"):
        models.Model([x, n], layers.HashedCrossing(5)([x, n + 1]))


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (np.zeros((4, 1)), "takes text"),
        (np.array([["a", "b"]]), r"takes string of shape \(None, 1\); got \(1, 2\)"),
        (None, "needs x"),
        ([["a", "b"], ["c"]], "different lengths|inhomogeneous"),
    ],
)
def test_what_is_no_text(x, words):
    with pytest.raises((ValueError, TypeError), match=words):
        counter().predict(x, verbose=0)


def test_numbers_of_samples_differ():
    model = counter()
    model.compile("sgd", "mse")
    with pytest.raises(UsageError, match="x has 4 samples but y has 3"):
        model.fit(TEXTS, np.zeros(3), verbose=0)


def test_integers_are_looked_up_in_the_model():
    x = Input((1,), dtype="int64")
    model = models.Model(x, layers.IntegerLookup(vocabulary=[10, 20])(x))
    assert model.predict(np.array([[20], [7]]), verbose=0).tolist() == [[2], [0]]
