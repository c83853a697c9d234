"""Methods of models by their old arguments, beside the calls of today that they mean."""

import warnings

import numpy as np
import pytest

from cornu import Input, layers, optimizers
from cornu import backend as K
from cornu.callbacks import Callback, CallbackList
from cornu.dialects import generations, methods, spellings, table
from cornu.dialects.generations import within
from cornu.dialects.method_rows import counted
from cornu.models import Model, Sequential

pytestmark = pytest.mark.filterwarnings("ignore:.*is an old spelling")

RNG = np.random.default_rng(7)
X = RNG.normal(size=(12, 3)).astype("float32")
Y = np.eye(2, dtype="float32")[RNG.integers(0, 2, 12)]
WEIGHTS = [RNG.normal(size=(3, 2)).astype("float32"), np.zeros(2, "float32")]


@pytest.fixture(autouse=True)
def old_spellings():
    table.forget_warnings()
    with spellings.registered():
        yield
    K.clear_session()


def made(*compiled, **options):
    """A small classifier with known weights."""
    model = Sequential([Input((3,)), layers.Dense(2, activation="softmax")])
    model.set_weights(WEIGHTS)
    if compiled or options:
        model.compile(*compiled, **options)
    return model


@pytest.fixture(scope="module")
def plain():
    with spellings.registered(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return made("sgd", "categorical_crossentropy")


def known_probabilities():
    """The classifier in float64 NumPy."""
    z = X.astype("float64") @ WEIGHTS[0]
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


# ---------------------------------------------------------------- the hook itself

OWNERS = {patch.owner for patch in spellings.patches.known}


def test_unregister_leaves_nothing():
    spellings.unregister()
    before = {owner: dict(vars(owner)) for owner in OWNERS}
    spellings.register()
    changed = [owner for owner in OWNERS if dict(vars(owner)) != before[owner]]
    assert {Model, Sequential, layers.Layer} <= set(changed)
    spellings.register()  # a second time changes nothing that would stay
    spellings.unregister()
    assert {owner: dict(vars(owner)) for owner in OWNERS} == before
    assert not hasattr(Model, "fit_generator")
    spellings.register()


def test_todays_calls_go_straight_through():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = made("sgd", "categorical_crossentropy", metrics=["accuracy"])
        history = model.fit(X, Y, epochs=1, verbose=0)
        assert list(history.history) == ["loss", "accuracy"]
        assert len(model.evaluate(X, Y, verbose=0)) == 2


def test_an_unknown_argument_is_pythons_own_error(plain):
    with pytest.raises(TypeError, match="nonsense"):
        plain.fit(X, Y, nonsense=3)


@pytest.mark.filterwarnings("default")
def test_one_warning_for_a_spelling_with_the_call_of_today(plain):
    with pytest.warns(UserWarning, match=r"Today: model\.fit\(x, y, epochs=1, verbose=0\)") as seen:
        plain.fit(X, Y, nb_epoch=1, verbose=0)
        plain.fit(X, Y, nb_epoch=1, verbose=0)
    assert len(seen) == 1
    assert seen[0].filename == __file__


@pytest.mark.parametrize("spoken", methods.SPOKEN, ids=lambda s: s.name)
def test_rows_end_at_arguments_of_today(spoken):
    """What a row calls an argument today is one, or is acted upon in `methods`."""
    acted = {"show_accuracy", "samples_per_epoch", "nb_val_samples", "val_samples"}
    for row in spoken.sequential:
        assert set(row.rename.values()) <= spoken.known | acted
        assert set(row.defaults) <= spoken.known
        spelt = spoken.known | row.names() | {n for r in spoken.sequential for n in r.names()}
        assert set(row.positional) <= spelt, row


# ---------------------------------------------------------------- what each generation meant

EPOCHS = {"0.3": 100, "1.0": 10, "1.2": 10, "2.0": 10, "2.2": 1, "2.3": 1, "3": 1}
SIZES = {"0.3": 128}


class Told(Exception):
    """Carries what today's `fit` was called with."""


@pytest.fixture
def caught(monkeypatch):
    def fit(model, **found):
        raise Told(found)

    monkeypatch.setattr(methods, "FIT_TODAY", fit)


def told(call):
    with pytest.raises(Told) as raised:
        call()
    return raised.value.args[0]


@pytest.mark.parametrize("generation", [g for g in generations.GENERATIONS if g != "3"])
def test_defaults_of_fit(caught, plain, generation):
    with within(generation):
        found = told(lambda: plain.fit(X, Y))
        functional = told(lambda: Model(plain.input, plain.output).fit(X, Y))
    assert found.get("epochs", 1) == EPOCHS[generation]
    assert found.get("batch_size") == SIZES.get(generation)
    assert functional.get("epochs", 1) == (1 if generation == "2.0" else EPOCHS[generation])


@pytest.mark.parametrize(
    ("generation", "call", "expected"),
    [
        ("0.3", lambda m: m.fit(X, Y, 4, 2, 0, [], 0.0, None, False), {"shuffle": False}),
        (
            "0.3",
            lambda m: m.fit(X, Y, 4, 2, 0, [], 0.0, None, True, True, {0: 1.0, 1: 2.0}),
            {"class_weight": {0: 1.0, 1: 2.0}},
        ),
        ("1.2", lambda m: m.fit(X, Y, 4, 2, 0), {"batch_size": 4, "epochs": 2, "verbose": 0}),
        ("1.2", lambda m: m.fit(X, Y, nb_epoch=2, class_weight={}), {"class_weight": None}),
        ("2.3", lambda m: m.fit(X, Y, 4, 2, workers=3), {"batch_size": 4, "epochs": 2}),
        ("3", lambda m: m.fit(X=X, y=Y, nb_epoch=5), {"epochs": 5}),
        ("1.2", lambda m: m.fit_generator(batches(), 12, 3), {"steps_per_epoch": 3, "epochs": 3}),
        ("0.3", lambda m: m.fit_generator(batches(), 13, 3, 0), {"steps_per_epoch": 4}),
        ("2.2", lambda m: m.fit_generator(batches(), 12, 3), {"steps_per_epoch": 12}),
        ("3", lambda m: m.fit_generator(batches(), 12, 3), {"steps_per_epoch": 12}),
        (
            "3",
            lambda m: m.fit_generator(batches(), samples_per_epoch=8, nb_epoch=3, max_q_size=2),
            {"steps_per_epoch": 2, "epochs": 3},
        ),
        (
            "2.2",
            lambda m: m.fit_generator(batches(), 2, 3, 0, None, batches(), 5),
            {"validation_steps": 5, "verbose": 0},
        ),
        (
            "1.2",
            lambda m: m.fit_generator(
                batches(), 4, 1, validation_data=batches(), nb_val_samples=8, pickle_safe=True
            ),
            {"validation_steps": 2},
        ),
    ],
)
def test_orders_and_names_of_fit(caught, plain, generation, call, expected):
    with within(generation):
        found = told(lambda: call(plain))
    assert {name: found[name] for name in expected} == expected
    assert not {"nb_epoch", "workers", "max_q_size", "samples_per_epoch"} & found.keys()


def batches(size=4):
    """Batches for ever, as old generators gave them."""
    while True:
        for i in range(0, 12, size):
            yield X[i : i + size], Y[i : i + size]


def test_no_batch_is_lost_where_its_size_is_looked_at():
    data, steps = counted(batches(), 10)
    assert steps == 3
    np.testing.assert_array_equal(next(iter(data))[0], X[:4])
    sized = type("Sized", (), {"batch_size": 5})()
    assert counted(sized, 10) == (sized, 2)


# ---------------------------------------------------------------- the same numbers as today's call


def test_generators_train_as_todays_call_does():
    old, new = (made("sgd", "categorical_crossentropy") for _ in range(2))
    with within("1.2"):
        history = old.fit_generator(batches(), samples_per_epoch=12, nb_epoch=2, verbose=0)
    expected = new.fit(batches(), steps_per_epoch=3, epochs=2, verbose=0)
    assert history.history == expected.history
    for a, b in zip(old.get_weights(), new.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    with within("1.2"):
        assert old.evaluate_generator(batches(), 8) == new.evaluate(batches(), steps=2, verbose=0)
        figures = old.predict_generator(batches(), val_samples=8, nb_worker=2)
    np.testing.assert_allclose(figures, new.predict(X[:8], verbose=0), rtol=1e-6)


class Indexed:
    """Batches by index as Keras 2 had them, lists among them."""

    def __len__(self):
        return 3

    def __getitem__(self, i):
        return [X[4 * i : 4 * i + 4], Y[4 * i : 4 * i + 4]]


def test_batches_as_lists():
    old, new = (made("sgd", "categorical_crossentropy") for _ in range(2))
    lists = ([x, y] for x, y in batches())
    with within("2.2"):
        found = old.fit_generator(lists, 3, 1, verbose=0, validation_data=Indexed()).history
        assert old.evaluate_generator(Indexed()) == pytest.approx(found["val_loss"][0])
    expected = new.fit(batches(), steps_per_epoch=3, epochs=1, verbose=0)
    assert found["loss"] == expected.history["loss"]


def test_accuracy_that_was_asked_for_in_fit(plain):
    model = made("sgd", "categorical_crossentropy")
    with within("0.3"):
        history = model.fit(X, Y, nb_epoch=1, verbose=0, show_accuracy=True, validation_split=0.25)
        program = model._kept["program"]
        model.fit(X, Y, nb_epoch=1, verbose=0, show_accuracy=True)
        assert model._kept["program"] is program  # not compiled anew
        model.set_weights(WEIGHTS)
        alone = model.evaluate(X, Y, verbose=0)
        both = model.evaluate(X, Y, show_accuracy=True, verbose=0)
    assert list(history.history) == ["loss", "acc", "val_loss", "val_acc"]
    p = known_probabilities()
    loss = -np.log(p[Y.astype(bool)]).mean()
    accuracy = (p.argmax(axis=1) == Y.argmax(axis=1)).mean()
    assert alone == pytest.approx(loss, rel=1e-5)
    assert both == pytest.approx([loss, accuracy], rel=1e-5)


def test_batches_of_keras_0_give_lists():
    model = made("sgd", "categorical_crossentropy")
    with within("0.3"):
        (alone,) = model.test_on_batch(X, Y)
        loss, accuracy = model.test_on_batch(X, Y, accuracy=True)
        assert len(model.train_on_batch(X, Y)) == 1
    assert alone == loss
    assert 0 <= accuracy <= 1


@pytest.mark.parametrize("kind", [Sequential, Model])
def test_weights_of_classes_came_first_in_a_sequential(kind, monkeypatch):
    model = made("sgd", "categorical_crossentropy")
    model = model if kind is Sequential else Model(model.input, model.output)
    seen = {}
    monkeypatch.setattr(methods, "_figures", lambda model, found, work: seen.update(found))
    with within("1.2"):
        model.train_on_batch(X, Y, {0: 1.0, 1: 2.0})
    assert "class_weight" in seen if kind is Sequential else "sample_weight" in seen


def test_predict_and_its_kin(plain):
    model = made()
    p = known_probabilities()
    with within("0.3"):
        assert model.predict(X).dtype == "float64"
        np.testing.assert_allclose(model.predict(X), p, rtol=1e-5)
    with within("1.2"):
        assert model.predict(X).dtype == "float32"
        np.testing.assert_allclose(model.predict_proba(X, verbose=0), p, rtol=1e-5)
        np.testing.assert_array_equal(model.predict_classes(X, 4, 0), p.argmax(axis=1))


def test_classes_of_one_output():
    model = Sequential([Input((3,)), layers.Dense(1, activation="sigmoid")])
    model.set_weights([WEIGHTS[0][:, :1], np.zeros(1)])
    expected = (X @ WEIGHTS[0][:, :1] > 0).astype(int)
    found = model.predict_classes(X)
    assert found.dtype == "int32"
    np.testing.assert_array_equal(found, expected)


def test_predict_was_silent(capsys):
    model = made()
    with within("2.3"):
        model.predict(X)
    assert capsys.readouterr().out == ""
    model.predict(X)
    assert capsys.readouterr().out


# ---------------------------------------------------------------- compile

LOGS = [
    ("1.2", ["accuracy"], ["loss", "acc"]),
    ("2.2", ["acc"], ["loss", "acc"]),
    ("2.2", ["mse"], ["loss", "mean_squared_error"]),
    ("2.3", ["accuracy"], ["loss", "accuracy"]),
    ("2.3", ["mse"], ["loss", "mse"]),
    ("3", ["acc"], ["loss", "acc"]),
]


@pytest.mark.parametrize(("generation", "metrics", "keys"), LOGS)
def test_names_in_logs(generation, metrics, keys):
    with within(generation):
        model = made("sgd", "categorical_crossentropy", metrics=metrics)
        model.test_on_batch(X, Y)
    assert model.metrics_names == keys


def test_old_options_of_compile():
    model = made()
    with within("0.3"):
        model.compile("sgd", "categorical_crossentropy", "categorical")
    model.compile(loss="mse", optimizer="sgd", class_mode="binary", theano_mode=None)
    with within("1.2"):
        model.compile("sgd", "mse", ["accuracy"], sample_weight_mode=None)
    assert model._compiled_with["metrics"] == ["acc"]
    model.compile("sgd", "mse", ["accuracy"])  # names of metrics are no weights of losses
    assert model._compiled_with["metrics"] == ["accuracy"]
    with pytest.warns(UserWarning, match="target_tensors=.* has no effect any more"):
        model.compile("sgd", "mse", target_tensors=["t"])


# ---------------------------------------------------------------- callbacks


class Seen(Callback):
    def on_train_begin(self, logs=None):
        self.held = self.validation_data
        self.of_model = self.model.validation_data


class Counting(Callback):
    def on_train_begin(self, logs=None):
        self.sizes = []

    def on_batch_end(self, batch, logs=None):
        self.sizes.append((logs["batch"], logs["size"], "loss" in logs))


class Older(Callback):
    def _set_params(self, params):
        self.old_params = params

    def _set_model(self, model):
        self.old_model = model


def test_what_callbacks_find():
    seen, older, counting = Seen(), Older(), Counting()
    with within("1.2"):
        model = made("sgd", "categorical_crossentropy", metrics=["accuracy"])
        model.fit(
            *(X, Y), nb_epoch=2, batch_size=4, verbose=0, validation_split=0.25,
            callbacks=[seen, older, counting],
        )  # fmt: skip
    expected = {"nb_epoch": 2, "epochs": 2, "nb_sample": 9, "samples": 9, "batch_size": 4}
    assert {name: seen.params[name] for name in expected} == expected
    assert seen.params["do_validation"]
    assert seen.params["metrics"] == ["loss", "acc", "val_loss", "val_acc"]
    x, y, weights = seen.held
    np.testing.assert_array_equal(x, X[9:])
    np.testing.assert_array_equal(y, Y[9:])
    np.testing.assert_array_equal(weights, np.ones(3))
    assert seen.of_model is seen.held
    assert counting.sizes == [(0, 4, True), (1, 4, True), (2, 1, True)] * 2
    assert older.old_params["nb_epoch"] == 2
    assert older.old_model is model


def test_a_list_of_callbacks_in_a_loop_of_the_users():
    seen = Counting()
    callbacks = CallbackList([seen])
    callbacks.append(older := Older())
    callbacks._set_model("model")
    callbacks._set_params({"samples": 5, "batch_size": 4})
    callbacks.set_params({"samples": 5, "batch_size": 4})
    callbacks.on_train_begin()
    callbacks.on_batch_end(1, {"batch": 1, "size": 1, "loss": 0.5})
    callbacks.on_epoch_end(0, logs={})
    assert seen.sizes == [(1, 1, True)]
    assert (older.old_model, seen.model) == ("model", "model")


# ---------------------------------------------------------------- models and layers


def test_models_by_input_and_output():
    x = Input((3,))
    y = layers.Dense(2)(x)
    model = Model(input=x, output=[y])
    assert [model.inputs, model.outputs] == [[x], [y]]
    with within("1.2"):
        assert Model(x, y, "named").name == "named"
    assert model.get_layer(index=1) is model.layers[1]


def test_layers_are_taken_from_a_sequential():
    stack = [layers.Dense(n) for n in (4, 5, 6)]
    model = Sequential([Input((3,)), *stack])
    assert model.layers.pop() is stack[-1]
    assert model.output_shape == (None, 5)
    model.outputs = [model.layers[-1].output]
    model.layers[-1].outbound_nodes = []
    model.add(layers.Dense(2))
    assert model.output_shape == (None, 2)
    model.outputs = [stack[0].output]
    assert model.layers == stack[:1]
    assert model.model is model


def test_layers_are_taken_from_a_graph():
    x = Input((3,))
    hidden, last = layers.Dense(4), layers.Dense(5)
    model = Model(x, last(hidden(x)))
    model.layers.pop()
    assert model.layers[-1] is hidden
    assert model.output_shape == (None, 5)  # as it was: only the list is shorter
    model.outputs = [model.layers[-1].output]
    assert model.predict(X, verbose=0).shape == (12, 4)


def test_graphs_by_old_names():
    x = Input((3,))
    first, second = layers.Dense(4), layers.Dropout(0.5)
    y = second(first(x))
    assert y._keras_history == (second, 0, 0)
    assert y._keras_shape == (None, 4)
    assert y._uses_learning_phase
    assert not first.output._uses_learning_phase
    (node,) = second._inbound_nodes
    assert node.inbound_layers == [first]
    assert (node.node_indices, node.tensor_indices) == ([0], [0])
    assert [n.outbound_layer for n in first.outbound_nodes] == [second]
    assert node.output_shapes == [(None, 4)]
    assert node.get_config()["inbound_layers"] == [first.name]
    model = Model(x, y)
    assert model.uses_learning_phase
    assert model.output_layers == [second]
    assert model.flattened_layers == list(model.layers)


def test_weights_by_old_names():
    layer = made().layers[0]
    np.testing.assert_array_equal(layer.W.get_value(), WEIGHTS[0])
    layer.b.set_value(np.ones(2))
    np.testing.assert_array_equal(layer.get_weights()[1], np.ones(2))
    with pytest.raises(AttributeError):
        _ = layer.U


def test_outputs_of_layers_in_keras_0():
    model = made()
    layer = model.layers[0]
    given = K.function([layer.get_input(train=False)], [layer.get_output(train=False)])
    np.testing.assert_allclose(given([X])[0], known_probabilities(), rtol=1e-5)
    noisy = Sequential([layers.Dropout(0.5, input_shape=(3,))])
    trained = K.function([noisy.input], [noisy.layers[0].get_output(train=True)])
    assert set(np.unique(trained([np.ones((8, 3))])[0])) == {0.0, 2.0}
    assert layers.Dense(5, input_shape=(3,)).output_shape == (None, 5)


def test_a_layer_begins_at_a_placeholder():
    dream = K.placeholder((2, 3))
    first = layers.Dense(2, weights=WEIGHTS, input_shape=(3,))
    first.input = dream
    model = Sequential()
    model.add(first)
    found = K.function([dream], [model.output])([X[:2]])[0]
    np.testing.assert_allclose(found, X[:2] @ WEIGHTS[0], rtol=1e-5)


def test_the_learning_phase_is_that_of_the_call():
    K.set_learning_phase(1)
    training = Sequential([layers.Dropout(0.5, input_shape=(3,))])
    K.clear_session()
    normal = Sequential([layers.Dropout(0.5, input_shape=(3,))])
    ones = np.ones((8, 3), "float32")
    assert set(np.unique(training.predict(ones, verbose=0))) == {0.0, 2.0}
    np.testing.assert_array_equal(normal.predict(ones, verbose=0), ones)


def test_a_tensor_as_loss_of_a_model():
    x = Input((3,))
    hidden = layers.Dense(2, kernel_initializer="ones")(x)
    model = Model(x, hidden)
    model.add_loss(K.mean(K.square(hidden)))
    model.compile(optimizers.SGD(0.01))
    expected = np.mean(np.repeat(X.sum(axis=1), 2).astype("float64") ** 2)
    assert model.evaluate(X, verbose=0) == pytest.approx(expected, rel=1e-5)
    history = model.fit(X, nb_epoch=2, verbose=0, validation_data=(X, None)).history
    assert history["val_loss"][1] < history["val_loss"][0] < expected


def test_from_config_takes_custom_objects():
    class Twice(layers.Layer):
        def call(self, x):
            return 2 * x

    model = Sequential([Input((3,)), Twice()])
    again = Sequential.from_config(model.get_config(), custom_objects={"Twice": Twice})
    np.testing.assert_array_equal(again.predict(X, verbose=0), 2 * X)


def test_orders_of_weights_and_summary(tmp_path, capsys):
    model, other = made(), made()
    path = str(tmp_path / "w.h5")
    model.save_weights(path, True)
    other.set_weights([w * 0 for w in WEIGHTS])
    with within("2.2"):
        other.load_weights(path, False)
        np.testing.assert_array_equal(other.get_weights()[0], WEIGHTS[0])
        model.summary(80, None, lambda line: print("said", line[:8]))
    assert "said Model" in capsys.readouterr().out
