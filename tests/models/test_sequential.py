"""Sequential: made from a list, built when its input is known, changed afterwards."""

import numpy as np
import pytest

from cornu import Model, layers, state
from cornu.layers import Dense, Input
from cornu.models import Sequential

X = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], "float32")
Y = np.ones((2, 1), "float32")


@pytest.fixture(autouse=True)
def seed():
    state.set_random_seed(0)


def ones(units, **kwargs):
    return Dense(units, kernel_initializer="ones", **kwargs)


WAYS = {
    "Input first": lambda: Sequential([Input((3,)), ones(2), ones(1)]),
    "InputLayer first": lambda: Sequential([layers.InputLayer((3,)), ones(2), ones(1)]),
    "input_shape": lambda: Sequential([ones(2, input_shape=(3,)), ones(1)]),
    "input_dim": lambda: Sequential([ones(2, input_dim=3), ones(1)]),
    "batch_shape": lambda: Sequential([ones(2, batch_shape=(None, 3)), ones(1)]),
    "a model first": lambda: Sequential([Sequential([Input((3,)), ones(2)]), ones(1)]),
}


@pytest.mark.parametrize("way", WAYS)
def test_built_where_the_input_is_known(way):
    model = WAYS[way]()
    assert model.built and len(model.weights) == 4
    assert model.input_shape == (None, 3) and model.output_shape == (None, 1)
    assert len(model.layers) == 2 and len(model.inputs) == len(model.outputs) == 1
    assert np.array_equal(model(X), [[12], [30]])


def added():
    model = Sequential()
    for layer in (Input((3,)), ones(2), ones(1)):
        model.add(layer)
    return model


def test_add_one_by_one():
    assert np.array_equal(added()(X), [[12], [30]])
    alone = Sequential(ones(1))
    assert np.array_equal(alone(X), [[6], [15]])


LATE = {
    "call": lambda m: m(X),
    "symbolic call": lambda m: m(Input((3,))),
    "build": lambda m: m.build((None, 3)),
    "build for a batch": lambda m: m.build((2, 3)),
    "predict": lambda m: m.predict(X, verbose=0),
    "fit": lambda m: m.compile("sgd", "mse") or m.fit(X, Y, verbose=0),
    "train_on_batch": lambda m: m.compile("sgd", "mse") or m.train_on_batch(X, Y),
    "evaluate": lambda m: m.compile("sgd", "mse") or m.evaluate(X, Y, verbose=0),
}


@pytest.mark.parametrize("way", LATE)
def test_built_by_the_first_data(way):
    model = Sequential([ones(2), layers.Dropout(0.5), ones(1)])
    assert not model.built and model.weights == [] and not hasattr(model, "inputs")
    LATE[way](model)
    assert model.built and len(model.weights) == 4
    assert model.input_shape == (None, 3) and model.output_shape == (None, 1)
    assert model.predict(X[:1], verbose=0).shape == (1, 1)


def test_compiled_before_it_is_built_trains_everything():
    model = Sequential([ones(2), ones(1)])
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0)
    assert all(not np.array_equal(w, np.ones_like(w)) for w in model.get_weights()[::2])


@pytest.mark.parametrize("make", [WAYS["Input first"], lambda: Sequential([ones(2), ones(1)])])
def test_pop_and_add(make):
    model = make()
    model(X)
    assert model.pop().units == 1
    assert model.output_shape == (None, 2)
    assert np.array_equal(model.predict(X, verbose=0), [[6, 6], [15, 15]])
    model.add(ones(3))
    assert np.array_equal(model.predict(X, verbose=0), np.array([[12] * 3, [30] * 3]))
    model.pop()
    model.pop()
    model.add(ones(4))
    assert model(X).shape == (2, 4) and len(model.weights) == 2


def test_pop_before_it_is_built():
    model = Sequential([ones(2), ones(1)])
    model.pop()
    assert model(X).shape == (2, 2)


def test_there_is_an_end_to_pop():
    model = added()
    model.pop()
    model.pop()
    assert model.layers == [] and model.weights == []
    with pytest.raises(ValueError, match="E-EMPTY-MODEL"):
        model.pop()


def test_pop_after_the_last_layer_was_used_elsewhere():
    model = added()
    last = model.layers[-1]
    last(Input((2,)))
    model.pop()
    assert model(X).shape == (2, 2)


def test_add_after_fit():
    model = Sequential([Input((3,)), ones(1)])
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0)
    model.predict(X, verbose=0)
    kernel = model.get_weights()[0]
    model.add(ones(2))
    found = model.predict(X, verbose=0)
    assert found.shape == (2, 2) and np.allclose(
        found[:, 0], (X @ kernel)[:, 0] + model.get_weights()[1]
    )
    model.compile("sgd", "mse")
    model.fit(X, np.zeros((2, 2)), verbose=0)
    assert all(not np.array_equal(w, np.ones_like(w)) for w in model.get_weights()[::2])


def test_add_after_fit_without_compiling_again_trains_the_new_layer_too():
    model = Sequential([Input((3,)), ones(1)])
    model.compile("adam", "mse")
    model.fit(X, Y, verbose=0)
    model.add(ones(1))
    before = model.get_weights()
    model.fit(X, Y, verbose=0)
    assert not any(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_nested_and_shared():
    inner = Sequential([ones(2), ones(2)], name="inner")
    model = Sequential([Input((3,)), inner, ones(1)])
    assert [x.name for x in model.layers][0] == "inner" and len(model.weights) == 6
    assert np.array_equal(model(X), [[24], [60]])
    x = Input((3,))
    both = Model(x, inner(x) - inner(x * 2))
    assert np.array_equal(both(X), -np.asarray(inner(X)))
    assert len(both.weights) == 4


def test_a_whole_number_input_reaches_an_embedding():
    model = Sequential([layers.Embedding(5, 2), layers.Flatten(), ones(1)])
    found = model(np.array([[1, 2], [3, 4]]))
    table = model.get_weights()[0]
    wanted = [table[1].sum() + table[2].sum(), table[3].sum() + table[4].sum()]
    assert np.allclose(np.asarray(found)[:, 0], wanted)


def test_several_outputs_of_the_last_layer():
    class Two(layers.Layer):
        def call(self, x):
            return x, x[:, :1]

    model = Sequential([Input((3,)), Two()])
    first, second = model.predict(X, verbose=0)
    assert first.shape == (2, 3) and second.shape == (2, 1)
    assert model.output_shape == [(None, 3), (None, 1)] or model.output_shape == (
        (None, 3),
        (None, 1),
    )


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (Dense, r"parentheses: Dense\("),
        ("dense", "takes layers"),
        (lambda x: x, "takes layers"),
        (None, "takes layers"),
    ],
)
def test_what_is_no_layer(wrong, says):
    model = Sequential([Input((3,))])
    with pytest.raises(TypeError, match=says):
        model.add(wrong)
    assert model.layers == []


def test_names_clash_with_both_places():
    with pytest.raises(ValueError, match='"twin": a Dense at position 0 and a Dense at position 2'):
        Sequential([Dense(2, name="twin"), Dense(2), Dense(2, name="twin")])


def test_an_input_in_the_middle():
    with pytest.raises(ValueError, match="E-INPUT-LAYER"):
        Sequential([Dense(2), Input((3,))])


def test_a_layer_that_does_not_fit_is_not_added():
    model = Sequential([Input((3,)), ones(2)])
    with pytest.raises(ValueError, match="Conv2D"):
        model.add(layers.Conv2D(2, 3))
    assert len(model.layers) == 1 and model(X).shape == (2, 2)
    late = Sequential([ones(2), layers.Conv2D(2, 3)])
    with pytest.raises(ValueError, match="Conv2D"):
        late(X)
    assert not late.built and len(late.layers) == 2


def test_data_of_another_width_than_the_first():
    model = Sequential([ones(2)])
    model(X)
    with pytest.raises(ValueError, match="3"):
        model.predict(X[:, :2], verbose=0)
    with pytest.raises(ValueError, match="3"):
        model(X[:, :2])


def test_an_empty_model():
    with pytest.raises(ValueError, match="E-EMPTY-MODEL"):
        Sequential().build((None, 3))
    with pytest.raises(ValueError):
        Sequential().predict(X, verbose=0)


def test_freezing_before_it_is_built():
    model = Sequential([ones(2), ones(1)], trainable=False)
    model(X)
    assert model.trainable_variables == []
    other = Sequential([ones(2), ones(1)])
    other.layers[0].trainable = False
    other(X)
    assert other.trainable_variables == other.layers[1].variables
