"""Reading a model from inside: inputs and outputs of layers, models of parts of models."""

import inspect

import numpy as np
import pytest

from cornu import Model, Sequential, graph, layers, ops, state
from cornu.graph import Function, Tensor
from cornu.layers import Dense, Input

X = np.array([[1.0, 2.0, 3.0], [-1.0, 0.5, 4.0]], "float32")


@pytest.fixture(autouse=True)
def seed():
    state.set_random_seed(0)


# ---------------------------------------------------------------- where a layer stands


def test_the_calls_of_a_shared_layer_by_number():
    x, y = Input((3,)), Input((5, 3))
    dense = Dense(2)
    first, second = dense(x), dense(y)
    assert dense.get_input_at(0) is x and dense.get_input_at(1) is y
    assert dense.get_output_at(0) is first and dense.get_output_at(-1) is second
    assert dense.get_input_shape_at(1) == (None, 5, 3)
    assert dense.get_output_shape_at(1) == (None, 5, 2)
    assert dense.input is x and dense.output is first  # those of the first call, as in Keras 3
    assert dense.input_shape == (None, 3) and dense.output_shape == (None, 2)
    with pytest.raises(ValueError, match="2 symbolic inputs.*no call 2.*E-NODES"):
        dense.get_output_at(2)
    with pytest.raises(TypeError, match="its number, from 0; got 'a'"):
        dense.get_input_at("a")


def test_a_layer_that_was_never_called():
    dense = Dense(2, name="lonely")
    for name in ("input", "output", "input_shape", "output_shape"):
        assert not hasattr(dense, name)
        with pytest.raises(AttributeError, match="call it on an Input first"):
            getattr(dense, name)
    with pytest.raises(ValueError, match='"lonely".*E-NODES'):
        dense.get_output_at(0)
    dense(X)  # on data: still in no graph
    assert not hasattr(dense, "output") and dense.built
    assert inspect.getmembers(dense)  # which reads every attribute


def test_structures_of_inputs_and_outputs():
    a, b = Input((2, 4)), Input((3, 4))
    attention = layers.MultiHeadAttention(2, 4)
    attention(a, value=b)
    assert attention.input == [a, b]
    assert attention.input_shape == [(None, 2, 4), (None, 3, 4)]
    both = layers.Concatenate(axis=1)
    both([a, b])
    assert both.input == [a, b] and both.get_input_shape_at(0) == [(None, 2, 4), (None, 3, 4)]
    lstm = layers.LSTM(5, return_state=True)
    parts = lstm(a)
    assert [p is q for p, q in zip(lstm.output, parts, strict=True)] == [True] * 3
    assert lstm.output_shape == [(None, 5)] * 3
    by_name = layers.MultiHeadAttention(2, 4)
    by_name(query=a, value=b)
    assert by_name.input == [a, b] and Input((3,)).node.op.output.shape == (None, 3)


def test_masks_as_tensors():
    tokens = Input((None,), dtype="int32")
    embedding = layers.Embedding(9, 4, mask_zero=True)
    lstm = layers.LSTM(3, return_sequences=True)
    last = layers.LSTM(2)
    y = last(lstm(embedding(tokens)))
    assert embedding.get_input_mask_at(0) is None and last.get_output_mask_at(0) is None
    masks = [embedding.get_output_mask_at(0), lstm.get_input_mask_at(0), last.get_input_mask_at(0)]
    assert [(m.shape, m.dtype) for m in masks] == [((None, None), "bool")] * 3
    data = np.array([[3, 1, 0], [2, 0, 0]], "int32")
    for found in Function([tokens], masks)([data]):
        assert np.array_equal(found, data != 0)
    counted = Model(tokens, [y, ops.sum(ops.cast(masks[1], "float32"), axis=1)])
    assert np.array_equal(counted.predict(data, verbose=0)[1], [2, 1])
    middle = Function([embedding.output], masks[0])  # what is fed brings no mask with it
    assert np.asarray(middle([np.zeros((2, 3, 4))])).all()
    pair = layers.Concatenate()
    pair([lstm.output, embedding.output])
    assert [m.shape for m in pair.get_input_mask_at(0)] == [(None, None)] * 2
    dense = Dense(2)
    dense(Input((3,)))
    assert dense.get_input_mask_at(0) is None is dense.get_output_mask_at(0)


def test_a_layers_names_are_its_users():
    class Own(layers.Layer):
        def __init__(self):
            super().__init__()
            self.place, self.places, self.input_mask = Dense(2), [1], None

        def call(self, x):
            return self.place(x)

    own = Own()
    y = own(Input((3,)))
    assert own.output is y and own.get_output_at(0) is y and len(own.weights) == 2


# ---------------------------------------------------------------- parts of models


def chain():
    x = Input((3,), name="x")
    y = Dense(4, activation="tanh", name="one")(x)
    y = layers.Dropout(0.5, name="drop")(y)
    y = Dense(5, name="two")(y)
    return Model(x, Dense(1, name="three")(y), name="chain")


def by_hand(model, x):
    one, bias, two, other, three, last = model.get_weights()
    hidden = np.tanh(x @ one + bias)
    return hidden, hidden @ two + other, (hidden @ two + other) @ three + last


@pytest.mark.parametrize("asked", [3, "two"])
def test_the_answers_of_a_middle_layer(asked):
    model = chain()
    layer = model.get_layer(asked) if isinstance(asked, str) else model.layers[asked]
    part = Model(inputs=model.input, outputs=layer.output)
    assert np.allclose(part.predict(X, verbose=0), by_hand(model, X)[1], atol=1e-5)
    assert part.layers == model.layers[:4] and len(part.weights) == 4
    assert part.output_shape == (None, 5) and part.output_names == ["two"]


def test_all_layers_at_once_and_the_rest_of_a_model():
    model = chain()
    hidden, middle, end = by_hand(model, X)
    every = Model(model.inputs, {layer.name: layer.output for layer in model.layers[1:]})
    found = every.predict(X, verbose=0)
    assert list(found) == every.output_names or set(found) == set(every.output_names)
    for name, wanted in {"one": hidden, "drop": hidden, "two": middle, "three": end}.items():
        assert np.allclose(found[name], wanted, atol=1e-5)
    tail = Model(model.get_layer("two").input, model.output)
    assert tail.input_shape == (None, 4)
    assert np.allclose(tail.predict(hidden, verbose=0), end, atol=1e-5)
    between = Model(model.get_layer("drop").output, model.get_layer("two").output)
    assert np.allclose(between(hidden), middle, atol=1e-5)
    with pytest.raises(ValueError, match='Input "x".*inputs=.*E-DISCONNECTED'):
        Model(model.get_layer("two").output, model.get_layer("one").output)


def test_a_part_that_is_trained_trains_the_whole():
    model = chain()
    part = Model(model.input, model.get_layer("one").output)
    part.compile("sgd", "mse")
    before = model.get_weights()
    part.fit(X, np.ones((2, 4)), verbose=0)
    changed = [not np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)]
    assert changed == [True, True, False, False, False, False]


def test_a_longer_head_on_a_middle_layer():
    base = chain()
    base.trainable = False
    model = Model(base.input, Dense(2, name="head")(base.get_layer("two").output))
    assert [v.path for v in model.trainable_variables] == ["head/kernel", "head/bias"]
    kernel, _ = model.get_layer("head").get_weights()
    assert np.allclose(model(X), by_hand(base, X)[1] @ kernel, atol=1e-5)


def test_models_of_models_and_their_calls():
    inner = chain()
    a, b = Input((3,), name="a"), Input((3,), name="b")
    first, second = inner(a), inner(b)
    outer = Model([a, b], [first, second, inner.get_layer("one")(a)], name="outer")
    assert inner.get_output_at(0) is inner.output and inner.get_output_at(1) is first
    assert inner.get_input_at(2) is b and inner.output.shape == (None, 1)
    assert inner.get_layer("one").get_input_at(1) is a
    found = outer.predict([X, 2 * X], verbose=0)
    assert np.allclose(found[0], by_hand(inner, X)[2], atol=1e-5)
    assert np.allclose(found[1], by_hand(inner, 2 * X)[2], atol=1e-5)
    assert np.allclose(found[2], by_hand(inner, X)[0], atol=1e-5)
    assert outer.input_names == ["a", "b"]
    assert outer.output_names == ["chain", "chain_1", "one"]
    again = Model(outer.inputs, outer.get_layer("chain").get_output_at(2))
    assert np.allclose(again([X, 2 * X]), found[1], atol=1e-5)


def test_several_outputs_of_one_layer_and_of_ops():
    x = Input((4,), name="x")
    left, right = ops.split(x, 2, axis=1)
    model = Model(x, {"left": left, "sum": left + right})
    assert model.output_shape == {"left": (None, 2), "sum": (None, 2)}
    assert (
        model.output_names == ["left", "sum"]
        and [t.shape for t in model.outputs] == [(None, 2)] * 2
    )
    tail = Model([left, right], left * right)
    assert np.array_equal(tail([X[:, :2], X[:, 1:]]), X[:, :2] * X[:, 1:])


def test_a_layer_is_asked_for_by_name_or_number():
    model = chain()
    assert model.get_layer("two") is model.get_layer(index=3) is model.layers[-2]
    assert model.get_layer(name="two") is model.get_layer(None, 3)
    for ask, words in {
        lambda: model.get_layer("tow"): 'Did you mean "two".*drop, one, three, two, x',
        lambda: model.get_layer(): "takes a name or an index",
        lambda: model.get_layer("two", 3): 'got both, "two" and 3',
        lambda: model.get_layer(index=5): "5 layers; there is no 5",
    }.items():
        with pytest.raises(ValueError, match=f"(?s){words}.*E-LAYER"):
            ask()
    with pytest.raises(TypeError, match="index must be a number; got 'two'"):
        model.get_layer(index="two")


# ---------------------------------------------------------------- Sequential


NAMES = ("input", "output", "inputs", "outputs", "input_shape", "output_shape")


def test_a_sequential_that_is_not_built_says_what_to_do():
    model = Sequential([Dense(2), Dense(1)], name="late")
    for name in NAMES:
        assert not hasattr(model, name)
        with pytest.raises(AttributeError, match=r'"late" is not built.*Input\(shape\).*build\('):
            getattr(model, name)
    with pytest.raises(ValueError, match="E-UNBUILT"):
        Model(model.input, model.output)
    with pytest.raises(ValueError, match="E-EMPTY-MODEL"):
        _ = Sequential().output


@pytest.mark.parametrize("way", ["Input", "build", "data", "Tensor"])
def test_a_sequential_that_is_built(way):
    dense = Dense(2, name="d")
    model = Sequential([Input((3,)), dense] if way == "Input" else [dense])
    given = Input((3,))
    {"build": lambda: model.build((None, 3)), "data": lambda: model(X),
     "Tensor": lambda: model(given), "Input": lambda: None}[way]()  # fmt: skip
    assert model.input is model.inputs[0] and model.output is model.outputs[0] is dense.output
    assert model.input_shape == (None, 3) and model.output_shape == (None, 2)
    assert model.input_names == [model.input.name] and model.output_names == ["d"]
    part = Model(model.input, model.layers[0].output * 2.0)
    assert np.allclose(part(X), 2 * np.asarray(model(X)), atol=1e-5)
    if way == "Tensor":
        assert model.get_input_at(1) is given and model.get_input_at(0) is model.input


def test_a_build_that_failed_leaves_no_calls_behind():
    model = Sequential([Dense(2, name="d"), layers.Reshape((7,))])
    with pytest.raises(ValueError, match="E-RESHAPE"):
        model.build((None, 3))
    assert not hasattr(model.layers[0], "output") and not hasattr(model, "output")
    model.pop()
    model.build((None, 3))
    assert Model(model.input, model.layers[0].output)(X).shape == (2, 2)


def test_a_model_of_python_code_has_places_where_it_was_called():
    class Own(Model):
        def __init__(self):
            super().__init__(name="own")
            self.dense = Dense(2)

        def call(self, x):
            return self.dense(x)

    model = Own()
    model(X)
    assert not hasattr(model, "output")
    with pytest.raises(ValueError, match='"own" computes in Python.*Input'):
        _ = model.input
    x = Input((3,))
    y = model(x)
    assert model.input is x and model.output is y and model.output_shape == (None, 2)
    assert np.allclose(Model(x, y + 1.0)(X), np.asarray(model(X)) + 1, atol=1e-6)


# ---------------------------------------------------------------- placeholders and Inputs


def test_models_are_called_on_bare_placeholders():
    bare = Tensor((None, 3), name="bare")
    model, stack = chain(), Sequential([Dense(2)])
    y = layers.Concatenate()([model(bare), stack(bare)])
    assert y.shape == (None, 3)
    both = Model(bare, y)
    assert both.input_names == ["bare"] and len(both.weights) == 8
    found = Function([bare], y)([X])
    assert np.allclose(found[:, :1], by_hand(model, X)[2], atol=1e-5)
    assert np.allclose(both.predict(X, verbose=0), found, atol=1e-6)
    assert np.allclose(both({"bare": X}), found, atol=1e-6)


def test_an_input_that_begins_at_a_tensor():
    x = Input((3,), name="x")
    middle = Dense(4, name="d")(x)
    start = Input(tensor=middle)
    tail = Model(start, Dense(1)(start))
    assert tail.input_shape == (None, 4) and len(tail.weights) == 2
    whole = Model(x, tail.output)
    assert np.allclose(whole(X), tail(Model(x, middle)(X)), atol=1e-5)
    assert Input((4,), tensor=middle) is Input(batch_shape=(None, 4), tensor=middle) is middle
    with pytest.raises(ValueError, match=r"shape \(None, 4\); got shape=\(5,\).*E-INPUT-SHAPE"):
        Input((5,), tensor=middle)
    with pytest.raises(ValueError, match="E-INPUT-SHAPE"):
        Input(batch_shape=(2, 4), tensor=middle)
    with pytest.raises(ValueError, match="dtype float32; got int32.*E-DTYPE"):
        Input(tensor=middle, dtype="int32")
    with pytest.raises(TypeError, match="takes a symbolic Tensor; got ndarray"):
        Input(tensor=X)


def test_what_an_input_is_made_of():
    fixed = Input(batch_shape=(2, None, 3), dtype="float64", name="fixed")
    assert (fixed.shape, fixed.dtype, fixed.name) == ((2, None, 3), "float64", "fixed")
    assert Input((5,), batch_size=4).shape == (4, 5) and Input(()).shape == (None,)
    words = Input((None,), dtype="int32", sparse=True)
    layer = words.node.op
    assert layer.sparse and layer.get_config()["sparse"] and layer.dtype == "int32"
    assert layer.input is layer.output is words and layer.get_output_at(0) is words
    a, b = Input((2,)), Input((2,))
    assert a.name != b.name
    model = Model([a, b], a + b)
    assert model.input_names == [a.name, b.name]
    assert np.array_equal(model.predict({a.name: X[:, :2], b.name: X[:, 1:]}, verbose=0),
                          X[:, :2] + X[:, 1:])  # fmt: skip


def test_evaluation_anywhere_in_a_model():
    model = chain()
    _, middle, end = by_hand(model, X)
    two = model.get_layer("two").output
    found = graph.evaluate([two, model.output], {model.input: X})
    assert np.allclose(found[0], middle, atol=1e-5) and np.allclose(found[1], end, atol=1e-5)
    assert np.allclose(graph.evaluate(model.output, {two: middle}), end, atol=1e-5)
