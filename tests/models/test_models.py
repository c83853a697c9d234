"""Functional models, models of Python code, and models as layers."""

import copy
import gc
import pickle
import weakref

import numpy as np
import pytest

import cornu as keras
from cornu import layers, ops, state
from cornu.layers import Add, Concatenate, Dense, Input
from cornu.models import Model, Sequential
from cornu.state import Variable

X = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], "float32")


@pytest.fixture(autouse=True)
def seed():
    state.set_random_seed(0)


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


# ---------------------------------------------------------------- the order of layers


def unit(name):
    return Dense(4, name=name)


def diamond():
    x = Input((4,), name="x")
    a = unit("a")(x)
    b, c = unit("b")(a), unit("c")(a)
    return Model(x, Add(name="add")([c, b]))


def uneven():
    x = Input((4,), name="x")
    long = unit("l3")(unit("l2")(unit("l1")(x)))
    return Model(x, Add(name="add")([unit("s")(x), long]))


def two_in():
    a, b = Input((4,), name="a"), Input((4,), name="b")
    h, g = unit("hb")(b), unit("ga")(a)
    return Model([b, a], Concatenate(name="cat")([g, h]))


def two_out():
    x = Input((4,), name="x")
    trunk = unit("trunk")(x)
    p, q = unit("p")(trunk), unit("q2")(unit("q1")(trunk))
    return Model(x, [q, p])


def shared():
    a, b, s = Input((4,), name="a"), Input((4,), name="b"), unit("s")
    y = Add(name="add")([s(unit("pre")(a)), s(b)])
    return Model([a, b], unit("out")(s(y)))


def residual():
    x = Input((4,), name="x")
    h = unit("stem")(x)
    for i in range(2):
        h = Add(name=f"add{i}")([h, unit(f"r{i}b")(unit(f"r{i}a")(h))])
    return Model(x, unit("head")(h))


def dicts():
    z, a = Input((4,), name="z"), Input((4,), name="a")
    u, v = unit("u")(z), unit("v")(a)
    w = Add(name="w")([u, v])
    return Model({"z": z, "a": a}, {"second": unit("o2")(w), "first": unit("o1")(u)})


def nested():
    i = Input((4,), name="i")
    inner = Model(i, unit("in2")(unit("in1")(i)), name="inner")
    x = Input((4,), name="x")
    return Model(x, Add(name="add")([inner(unit("before")(x)), unit("side")(x)]))


def inception():
    x = Input((4,), name="x")
    b0, b1 = unit("b0")(x), unit("b1b")(unit("b1a")(x))
    b2, b3 = unit("b2c")(unit("b2b")(unit("b2a")(x))), unit("b3")(x)
    return Model(x, unit("head")(Concatenate(name="cat")([b0, b1, b2, b3])))


def late_input():
    x, late = Input((4,), name="x"), Input((4,), name="late")
    h = unit("h2")(unit("h1")(x))
    return Model([x, late], unit("out")(Concatenate(name="cat")([h, late])))


def made_the_other_way_round():
    x = Input((4,), name="x")
    second = unit("second")(x)
    first = unit("first")(x)
    return Model(x, Concatenate(name="cat")([first, second]))


def unread_input():
    x, unread = Input((4,), name="x"), Input((4,), name="unread")
    return Model([x, unread], unit("d2")(unit("d1")(x)))


# `[layer.name for layer in model.layers]` of Keras 3.15.1 for the same code
KERAS_ORDER = {
    diamond: "x a c b add",
    uneven: "x l1 l2 s l3 add",
    two_in: "a b ga hb cat",
    two_out: "x trunk q1 q2 p",
    shared: "a pre b s add out",
    residual: "x stem r0a r0b add0 r1a r1b add1 head",
    dicts: "z a u v w o1 o2",
    nested: "x before inner side add",
    inception: "x b2a b1a b2b b0 b1b b2c b3 cat head",
    late_input: "x h1 h2 late cat out",
    made_the_other_way_round: "x first second cat",
    unread_input: "x d1 unread d2",
}


@pytest.mark.parametrize("make", KERAS_ORDER, ids=lambda make: make.__name__)
def test_layers_come_in_the_order_of_keras(make):
    model = make()
    assert [layer.name for layer in model.layers] == KERAS_ORDER[make].split()
    owners = dict.fromkeys(v.path.split("/")[0] for v in model.weights)
    in_order = [n for n in KERAS_ORDER[make].split() if model.get_layer(n).weights]
    assert [o for o in owners if o not in ("in1", "in2")] == [n for n in in_order if n != "inner"]


# ---------------------------------------------------------------- structures


def test_several_inputs_by_list_tuple_name_and_position():
    a, b = Input((3,), name="a"), Input((2,), name="b")
    model = Model([a, b], Concatenate()([b, a * 2]))
    left, right = X, X[:, :2]
    wanted = np.concatenate([right, 2 * left], axis=1)
    for given in ([left, right], (left, right), {"b": right, "a": left}):
        assert np.array_equal(model(given), wanted)
        assert np.array_equal(model.predict(given, verbose=0), wanted)
    assert model.input_names == ["a", "b"] and model.inputs == [a, b] and model.input == [a, b]
    assert model.input_shape == [(None, 3), (None, 2)] and model.output_shape == (None, 5)


def test_outputs_keep_their_structure():
    x = Input((3,), name="x")
    parts = {"sum": ops.sum(x, axis=-1), "both": [x + 1, (x * 2,)]}
    model = Model(x, parts)
    for found in (model(X), model.predict(X, verbose=0), model.predict_on_batch(X)):
        assert set(found) == {"sum", "both"} and isinstance(found["both"][1], tuple)
        assert np.array_equal(found["sum"], X.sum(axis=1))
        assert np.array_equal(found["both"][0], X + 1)
        assert np.array_equal(found["both"][1][0], X * 2)
    assert len(model.outputs) == 3 and model.output is parts


def test_nested_inputs():
    x, y = Input((3,), name="x"), Input((3,), name="y")
    model = Model({"pair": [x, y]}, x - y)
    for given in ({"pair": [X, 2 * X]}, {"pair": (X, 2 * X)}):
        assert np.array_equal(model(given), -X)
        assert np.array_equal(model.predict(given, verbose=0), -X)


def test_dicts_by_keys_even_where_inputs_have_other_names():
    x, y = Input((3,), name="n1"), Input((3,), name="n2")
    model = Model({"left": x, "right": y}, x - 2 * y)
    assert np.array_equal(model({"right": X, "left": 5 * X}), 3 * X)
    assert np.array_equal(model.predict({"right": X, "left": 5 * X}, verbose=0), 3 * X)


def test_an_input_may_be_an_output():
    x = Input((3,))
    found = Model(x, [x, x + 1, x]).predict(X, verbose=0)
    assert same(found, [X, X + 1, X])


def test_inputs_that_are_not_used_are_still_inputs():
    x, unused = Input((3,), name="x"), Input((3,), name="unused")
    model = Model([x, unused], x + 1)
    assert np.array_equal(model([X, X]), X + 1)
    assert "unused" in [layer.name for layer in model.layers]


@pytest.mark.parametrize(
    "given", [[X], [X, X, X], {"a": X}, {"a": X, "c": X}, [X, X[:, :1]]], ids=str
)
def test_inputs_that_do_not_fit(given):
    a, b = Input((3,), name="a"), Input((3,), name="b")
    model = Model([a, b], a + b)
    with pytest.raises(ValueError, match=r'inputs|"b"'):
        model.predict(given, verbose=0)


# ---------------------------------------------------------------- shared layers, ops, middles


def test_a_shared_layer_has_one_set_of_weights():
    a, b, dense = Input((3,)), Input((3,)), Dense(2)
    model = Model([a, b], dense(a) - dense(b))
    assert len(model.weights) == 2
    kernel = np.arange(6.0).reshape(3, 2)
    model.set_weights([kernel, np.ones(2)])
    assert np.allclose(model([X, X + 1]), -kernel.sum(axis=0) * np.ones((2, 1)))


def test_ops_and_variables_between_layers_are_part_of_the_model():
    x, factor = Input((3,)), Variable(np.array(2.0), name="factor", path="factor")
    dense = Dense(1, kernel_initializer="ones")
    model = Model(x, ops.relu(dense(x * factor) - 20) ** 2)
    assert np.allclose(model(X), [[0], [100]])
    assert model.variables[0] is factor and factor in model.trainable_variables
    model.compile(keras.optimizers.SGD(0.0), "mse")
    model.compile(keras.optimizers.SGD(1e-4), "mse")
    model.fit(X[1:], np.zeros((1, 1)), verbose=0)
    # d/df (15 f - 20)**4 at f = 2: 4 * 10**3 * 15
    assert np.isclose(float(factor), 2 - 1e-4 * 4 * 10**3 * 15, rtol=1e-5)


def test_a_model_may_begin_and_end_in_the_middle_of_a_graph():
    x = Input((3,), name="x")
    hidden = Dense(4, name="one")(x)
    other = Dense(4, name="two")(hidden)
    last = Dense(1, name="three")(other)
    whole, tail = Model(x, last), Model(hidden, last)
    between = Model(hidden, other)
    values = np.asarray(Model(x, hidden)(X))
    assert np.allclose(tail(values), whole(X), atol=1e-6)
    assert len(tail.weights) == 4 and len(between.weights) == 2
    assert np.allclose(Model(x, [hidden, last])(X)[0], values)
    assert tail.predict(values, verbose=0).shape == (2, 1)


def test_a_model_may_begin_at_an_op():
    x = Input((3,))
    doubled = x * 2
    assert np.array_equal(Model(doubled, doubled + 1)(X), X + 1)


def test_models_inside_models():
    i = Input((3,), name="i")
    inner = Model(i, {"a": Dense(2, name="d")(i), "b": i}, name="inner")
    x = Input((3,), name="x")
    parts = inner(x)
    outer = Model(x, Concatenate()([parts["a"], parts["b"], inner(x * 0)["a"]]))
    assert [layer.name for layer in outer.layers].count("inner") == 1
    assert len(outer.weights) == 2 and outer.get_layer("inner") is inner
    kernel, bias = np.ones((3, 2)), np.array([0.5, -0.5])
    outer.set_weights([kernel, bias])
    wanted = np.concatenate([X @ kernel + bias, X, np.tile(bias, (2, 1))], axis=1)
    assert np.allclose(outer(X), wanted)
    assert np.allclose(inner(X)["a"], X @ kernel + bias)


def test_training_the_outer_model_trains_the_inner_one():
    inner = Sequential([Input((3,)), Dense(2, kernel_initializer="ones")])
    inner.predict(X, verbose=0)
    x = Input((3,))
    outer = Model(x, Dense(1, kernel_initializer="ones")(inner(x)))
    outer.compile(keras.optimizers.SGD(0.001), "mse")
    outer.fit(X, np.zeros((2, 1)), verbose=0, shuffle=False)
    # y = 2 sum(x); d mean(y**2)/d kernel[j, k] = mean(2 y x[j])
    y = 2 * X.sum(axis=1)
    kernel = 1 - 0.001 * np.mean(2 * y[:, None] * X, axis=0)
    assert np.allclose(inner.get_weights()[0], kernel[:, None] * np.ones((1, 2)), rtol=1e-5)
    assert np.allclose(inner.predict(X, verbose=0), inner(X), atol=1e-6)
    assert np.allclose(inner.predict(X, verbose=0), X @ inner.get_weights()[0]
                       + inner.get_weights()[1], rtol=1e-5)  # fmt: skip


def test_a_frozen_inner_model_stays_as_it_is():
    inner = Sequential([Input((3,)), Dense(4), layers.BatchNormalization()], name="inner")
    x = Input((3,))
    outer = Model(x, Dense(1)(inner(x)))
    inner.trainable = False
    outer.compile("sgd", "mse")
    before, whole = inner.get_weights(), outer.get_weights()
    outer.fit(X + 3, np.ones((2, 1)), epochs=2, verbose=0)
    assert same(before, inner.get_weights()) and not same(whole, outer.get_weights())
    assert len(outer.trainable_weights) == 2


# ---------------------------------------------------------------- names and connections


def test_get_layer_by_name_and_place():
    model = diamond()
    assert model.get_layer("b").name == "b" and model.get_layer(index=0).name == "x"
    assert model.get_layer(index=-1).name == "add"
    with pytest.raises(ValueError, match='Did you mean "add"'):
        model.get_layer("addd")
    with pytest.raises(ValueError, match="there is no 9"):
        model.get_layer(index=9)


def test_two_layers_of_one_name_are_refused_with_their_places():
    x = Input((3,), name="x")
    with pytest.raises(ValueError, match='"twin": a Dense at position 1 and a Activation'):
        Model(x, layers.Activation("relu", name="twin")(Dense(2, name="twin")(x)))


def test_an_input_that_was_left_out_is_named():
    a, b = Input((3,), name="a"), Input((3,), name="b")
    with pytest.raises(ValueError, match=r'Input "b".*\(read by ".*inputs=\[a\]'):
        Model(a, Add()([a, b]))


@pytest.mark.parametrize(
    ("inputs", "outputs"),
    [
        (lambda x: x, lambda x: X),
        (lambda x: X, lambda x: x),
        (lambda x: x, lambda x: Dense(2)),
        (lambda x: Dense(2), lambda x: x),
        (lambda x: [], lambda x: x),
        (lambda x: x, lambda x: []),
        (lambda x: x, lambda x: None),
    ],
)
def test_what_a_model_cannot_be_made_of(inputs, outputs):
    x = Input((3,))
    with pytest.raises((TypeError, ValueError), match="E-GRAPH"):
        Model(inputs(x), outputs(x))


# ---------------------------------------------------------------- models of Python code


class Residual(Model):
    """Branches by phase, keeps a list, and has a layer that is used in training only."""

    def __init__(self, units=3, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.blocks = [Dense(units, activation="tanh") for _ in range(2)]
        self.noise = Dense(units, name="only_in_training")
        self.head = Dense(1)

    def call(self, x, training=False):
        for block in self.blocks:
            x = block(x) + (self.noise(x) if training else 0.0)
        return self.head(x)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def test_layers_of_one_phase_only_are_built_with_the_others():
    model = Residual(3)
    model.compile("sgd", "mse")
    model.predict(X, verbose=0)
    assert len(model.weights) == 8 and model.built
    before = model.get_weights()
    model.fit(X, np.ones((2, 1)), verbose=0)
    assert not np.array_equal(before[4], model.get_weights()[4])


def test_a_model_of_python_code_is_built_by_shape_or_data():
    by_shape, by_data = Residual(3), Residual(3)
    by_shape.build((None, 3))
    by_data(X)
    assert [v.shape for v in by_shape.weights][:6] == [(3, 3), (3,)] * 3
    assert by_shape.count_params() == 3 * 12 + 4 and len(by_data.weights) >= 6
    with pytest.raises(ValueError, match="E-UNBUILT"):
        Residual().count_params()


def test_a_model_of_python_code_with_several_inputs_and_outputs():
    class Two(Model):
        def __init__(self):
            super().__init__()
            self.left, self.right = Dense(1), Dense(2)

        def call(self, inputs):
            return {"p": self.left(inputs["a"]), "q": self.right(inputs["b"])}

    model = Two()
    model.compile("sgd", {"p": "mse", "q": "mae"})
    x = {"a": X, "b": X[:, :2]}
    y = {"p": np.zeros((2, 1)), "q": np.ones((2, 2))}
    history = model.fit(x, y, verbose=0).history
    assert set(history) == {"loss", "p_loss", "q_loss"}
    assert model.predict(x, verbose=0)["q"].shape == (2, 2)


def test_a_python_model_inside_a_functional_one():
    x = Input((3,))
    inner = Residual(3, name="inner")
    model = Model(x, inner(x) * 2)
    assert [layer.name for layer in model.layers][1] == "inner"
    assert np.allclose(model(X), 2 * np.asarray(inner(X)))
    model.compile("sgd", "mse")
    before = inner.get_weights()
    model.fit(X, np.ones((2, 1)), verbose=0)
    assert not same(before, inner.get_weights())


def test_a_subclass_may_be_made_of_inputs_and_outputs():
    class Named(Model):
        def __init__(self, units):
            x = Input((3,))
            super().__init__(inputs=x, outputs=Dense(units)(x), name="named")
            self.units = units

    model = Named(2)
    assert model(X).shape == (2, 2) and model.units == 2 and len(model.weights) == 2


def test_inputs_without_outputs():
    with pytest.raises(TypeError, match="needs both"):
        Model(inputs=Input((3,)))


# ---------------------------------------------------------------- copies and memory


def trained(make):
    model = make()
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(X, np.ones((2, 1)), verbose=0)
    return model


def functional():
    x = Input((3,), name="x")
    hidden = layers.BatchNormalization()(Dense(4, activation="relu")(x))
    return Model(x, Dense(1)(hidden * 0.5 + 1.0)[:, :])


def sequential():
    return Sequential([Input((3,)), Dense(4), layers.Dropout(0.5), Dense(1)])


def lazy():
    return Sequential([Dense(4), Dense(1)])


@pytest.mark.parametrize("make", [functional, sequential, lazy, Residual])
@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_predict_the_same_and_train_on_alone(make, duplicate):
    model = trained(make)
    twin = duplicate(model)
    assert np.array_equal(model.predict(X, verbose=0), twin.predict(X, verbose=0))
    assert twin.optimizer is not model.optimizer
    assert twin.optimizer.iterations.numpy() == model.optimizer.iterations.numpy() == 1
    before = model.get_weights()
    twin.fit(X, np.ones((2, 1)), verbose=0)
    assert same(before, model.get_weights()) and not same(before, twin.get_weights())
    assert twin.evaluate(X, np.ones((2, 1)), verbose=0, return_dict=True).keys() == {"loss", "mae"}


@pytest.mark.parametrize("make", [functional, sequential, Residual])
def test_a_model_goes_when_nobody_holds_it(make):
    model = trained(make)
    model.predict(X, verbose=0)
    model.evaluate(X, np.ones((2, 1)), verbose=0)
    watched = [weakref.ref(model), weakref.ref(model.layers[-1])]
    del model
    gc.collect()
    assert [w() for w in watched] == [None, None]


def rss():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 / 1e6


@pytest.mark.slow
def test_two_hundred_models_leave_nothing_behind():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(64, 20)), rng.normal(size=(64, 1))

    def once():
        model = Sequential([Input((20,)), Dense(100, activation="relu"), Dense(1)])
        model.compile("adam", "mse")
        model.fit(x, y, epochs=2, verbose=0)
        model.predict(x, verbose=0)

    readings = []
    for i in range(205):
        once()
        if i >= 5 and i % 5 == 0:
            gc.collect()
            readings.append(rss())
    slope = np.polyfit(np.arange(len(readings)) * 5, readings, 1)[0]  # MB a model
    assert slope < 0.05 and not gc.garbage


@pytest.mark.parametrize("kind", [list, tuple])
def test_one_output_in_a_list_is_given_without_it(kind):
    x = Input((3,), name="x")
    model = Model(kind([x]), kind([Dense(2, name="made")(x)]))
    rows = np.ones((4, 3), "float32")
    expected = rows @ model.get_weights()[0]
    for found in (model(rows), model.predict(rows, verbose=0), model.predict_on_batch(rows)):
        assert found.shape == (4, 2) and np.allclose(found, expected)
    assert model.predict(rows[:0], verbose=0).shape == (0, 2)
    assert model.output_shape == (None, 2) and model.input_shape == (None, 3)
    assert isinstance(model.output, kind) and isinstance(model(x), kind)  # of Tensors it stays
    assert model.get_config()["output_layers"] == [["made", 0, 0]]
    around = Model(x, model(x)[0] * 2)
    assert np.allclose(around.predict(rows, verbose=0), 2 * expected)
