"""Merge and merge of Keras 0 to 2.1 beside NumPy, and beside the layers of today."""

import numpy as np
import pytest

from cornu import Input, layers
from cornu import backend as K
from cornu.dialects import spellings, table
from cornu.dialects.merge_calls import LambdaMerge, Merge, merge
from cornu.errors import UsageError, UsageTypeError
from cornu.models import Model, Sequential, clone_model
from cornu.saving import load_model

pytestmark = pytest.mark.filterwarnings("ignore:.*is an old spelling")

RNG = np.random.default_rng(3)
A, B = (RNG.normal(size=(4, 3)).astype("float32") for _ in range(2))


@pytest.fixture(autouse=True)
def old_spellings():
    table.forget_warnings()
    with spellings.registered():
        yield


def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


MODES = {
    "sum": (lambda a, b: a + b, {}),
    "mul": (lambda a, b: a * b, {}),
    "ave": (lambda a, b: (a + b) / 2, {}),
    "max": (np.maximum, {}),
    "concat": (lambda a, b: np.concatenate([a, b], axis=1), {}),
    "concat axis": (lambda a, b: np.concatenate([a, b], axis=1), {"concat_axis": 1}),
    "dot": (lambda a, b: (a * b).sum(axis=1, keepdims=True), {"dot_axes": 1}),
    "dot 0.x": (lambda a, b: (a * b).sum(axis=1, keepdims=True), {"dot_axes": [(1,), (1,)]}),
    "cos": (lambda a, b: (unit(a) * unit(b)).sum(axis=1)[:, None, None], {"dot_axes": 1}),
}


@pytest.mark.parametrize("case", MODES)
def test_modes(case):
    expected, options = MODES[case]
    wide = expected(A.astype("float64"), B.astype("float64"))
    mode = case.split()[0]
    x, y = Input((3,)), Input((3,))
    by_layer = Merge(mode=mode, **options)([x, y])
    by_function = merge([x, y], mode=mode, **options)
    assert by_layer.shape == by_function.shape == (None, *wide.shape[1:])
    for found in Model([x, y], [by_layer, by_function]).predict([A, B], verbose=0):
        np.testing.assert_allclose(found, wide, rtol=1e-5, atol=1e-6)


def difference(inputs):
    return inputs[0] - inputs[1]


@pytest.mark.parametrize("shape", [None, (3,), lambda shapes: shapes[0]])
def test_a_function_as_mode(shape):
    x, y = Input((3,)), Input((3,))
    by_layer = Merge(mode=difference, output_shape=shape)([x, y])
    by_function = merge(
        [x, y], mode=lambda v, factor: factor * K.abs(v[0] - v[1]), output_shape=shape,
        arguments={"factor": 2.0},
    )  # fmt: skip
    assert by_layer.shape == (None, 3)
    found = Model([x, y], [by_layer, by_function]).predict([A, B], verbose=0)
    np.testing.assert_allclose(found[0], A - B, rtol=1e-6)
    np.testing.assert_allclose(found[1], 2 * np.abs(A - B), rtol=1e-6)


def test_a_function_over_branches():
    left, right = branches()
    model = Sequential([LambdaMerge([left, right], function=difference, output_shape=(2,))])
    expected = left.predict(A, verbose=0) - right.predict(B, verbose=0)
    np.testing.assert_allclose(model.predict([A, B], verbose=0), expected, rtol=1e-6)


def branches():
    """Two models of one layer each."""
    left = Sequential([layers.Dense(2, input_dim=3, name="left")])
    right = Sequential([layers.Dense(2, input_dim=3, name="right")])
    return left, right


def joined():
    left, right = branches()
    model = Sequential()
    model.add(Merge([left, right], mode="concat", name="both"))
    model.add(layers.Dense(1, name="last"))
    return left, right, model


def test_a_sequential_that_begins_with_a_merge():
    left, right, model = joined()
    assert [t.shape for t in model.inputs] == [(None, 3), (None, 3)]
    assert [layer.name for layer in model.layers] == ["both", "last"]
    assert model.layers[0].layers == [left, right]
    own = [*left.get_weights(), *right.get_weights()]
    assert len(model.get_weights()) == len(own) + 2
    for a, b in zip(model.get_weights(), own, strict=False):
        np.testing.assert_array_equal(a, b)

    x, y = Input((3,)), Input((3,))
    today = Model([x, y], model.layers[-1](layers.Concatenate()([left(x), right(y)])))
    np.testing.assert_allclose(
        model.predict([A, B], verbose=0), today.predict([A, B], verbose=0), rtol=1e-6
    )
    model.compile("sgd", "mse")
    today.compile("sgd", "mse")
    before = model.get_weights()
    model.fit([A, B], np.ones((4, 1)), nb_epoch=1, batch_size=4, verbose=0)
    after = model.get_weights()
    model.set_weights(before)
    today.fit([A, B], np.ones((4, 1)), epochs=1, batch_size=4, verbose=0)
    for a, b in zip(after, model.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


def test_merges_within_merges():
    left, right = branches()
    inner = Sequential([Merge([left, right], mode="sum")])
    third = Sequential([layers.Activation("linear", input_shape=(2,))])
    outer = Sequential()
    outer.add(Merge([inner, third], mode="mul"))
    c = RNG.normal(size=(4, 2)).astype("float32")
    both = left.predict(A, verbose=0) + right.predict(B, verbose=0)
    np.testing.assert_allclose(outer.predict([A, B, c], verbose=0), both * c, rtol=1e-5)


def test_layers_as_branches_and_one_input_twice():
    shared = Sequential([layers.Dense(2, input_dim=3)])
    model = Sequential([Merge([shared, shared], mode="sum")])
    assert len(model.inputs) == 1
    doubled = 2 * shared.predict(A, verbose=0)
    np.testing.assert_allclose(model.predict(A, verbose=0), doubled, rtol=1e-6)
    layer = layers.Dense(2, input_dim=3)
    model = Sequential([Merge([layer, shared], mode="max")])
    assert model.predict([A, B], verbose=0).shape == (4, 2)


def test_which_call_of_a_layer():
    layer, x, y = layers.Dense(2), Input((3,)), Input((3,))
    first, second = layer(x), layer(y)
    found = Merge([layer, layer], mode="sum", node_indices=[0, 1]).output
    expected, got = Model([x, y], [first + second, found]).predict([A, B], verbose=0)
    np.testing.assert_allclose(got, expected, rtol=1e-6)


def test_the_mask_of_what_is_merged():
    x = Input((4,))
    words = layers.Embedding(5, 2, mask_zero=True)(x)
    last = layers.LSTM(1)(merge([words, words], mode="sum"))
    today = layers.LSTM(1)
    again = today(layers.Add()([words, words]))
    model = Model(x, [last, again, layers.LSTM(1)(Merge(mode="sum")([words, words]))])
    for layer in model.layers[-2:]:
        layer.set_weights(today.get_weights())
    model.layers[-3].set_weights(today.get_weights())
    a, b, c = model.predict(np.array([[1, 2, 0, 0], [3, 0, 0, 0]]), verbose=0)
    np.testing.assert_allclose(a, b, rtol=1e-6)
    np.testing.assert_allclose(c, b, rtol=1e-6)
    assert np.abs(a).min() > 0


def test_copies_and_files(tmp_path):
    _, _, model = joined()
    expected = model.predict([A, B], verbose=0)
    twin = clone_model(model)
    twin.set_weights(model.get_weights())
    np.testing.assert_array_equal(twin.predict([A, B], verbose=0), expected)
    path = tmp_path / "m.keras"
    model.save(path)
    np.testing.assert_array_equal(load_model(path).predict([A, B], verbose=0), expected)


def test_it_goes_on_when_old_spellings_are_no_longer_taken():
    _, _, model = joined()
    expected = model.predict([A, B], verbose=0)
    spellings.unregister()
    np.testing.assert_array_equal(model.predict([A, B], verbose=0), expected)
    spellings.register()


@pytest.mark.filterwarnings("default")
def test_one_warning_for_a_mode():
    x, y = Input((3,)), Input((3,))
    today = r"merge\(mode='concat'\) .* Today: Concatenate\(axis=1\)\(\[a, b\]\)"
    with pytest.warns(UserWarning, match=today) as seen:
        merge([x, y], mode="concat", concat_axis=1)
        merge([x, y], mode="concat")
    assert len(seen) == 1


def test_what_cannot_be_merged():
    with pytest.raises(UsageError, match="Merge\\(mode=\"?'?nonsense") as raised:
        Merge(mode="nonsense")
    assert raised.value.code == "E-OLD-OPTION"
    with pytest.raises(UsageTypeError, match="joins models or layers; got 'a'"):
        Merge(["a"])
    with pytest.raises(UsageError, match="not built yet"):
        Merge([Sequential([layers.Dense(2)]), Sequential([layers.Dense(2)])])
