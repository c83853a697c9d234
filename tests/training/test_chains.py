"""The shortcut past the engine, of few rows and of many: right numbers, and only where right."""

import math
import re
import sys
import threading

import numpy as np
import pytest

import cornu as keras
from cornu import activations, engine, layers, state
from cornu.engine import chain as chain_of_engine
from cornu.engine.chain import Chain, Link, available
from cornu.errors import UsageError, UsageTypeError
from cornu.training import chains
from cornu.training.step import Predictor

pytestmark = pytest.mark.skipif(not available(), reason="the native library was not built")

ROWS = np.random.default_rng(0).normal(size=(16, 5)).astype("float32")
FAR = np.array([-1e4, -100, -20, -3, -1, -1e-3, -1e-6, 0, 1e-6, 1e-3, 1, 3, 5.9, 20, 80], "float32")


def mlp(*middle, features=5, last="softmax"):
    return keras.Sequential([keras.Input((features,)), *middle, layers.Dense(3, last)])


def taken(model, x):
    """What the shortcut gives, in every way; None where it is not taken."""
    predictor = model._kept["predictor"]
    chain = None if predictor.shortcut is None else predictor.shortcut.chain
    if chain is None or not predictor.shortcut.takes(x):
        return None
    found = chain(x)
    few = predictor.shortcut.few(x)
    assert few is None or (few.flags.owndata and np.array_equal(few, found, equal_nan=True))
    return found


def ready(model, x):
    """The model, once it has predicted `x` so often that a shortcut would be taken."""
    for _ in range(4):
        model.predict(x, verbose=0)
    return model


def same(found, wanted):
    wanted = np.asarray(wanted)
    assert found is not None
    assert found.dtype == np.float32
    assert found.shape == wanted.shape
    assert np.allclose(found, wanted, rtol=1e-6, atol=1e-6 * max(1, np.abs(wanted).max()))


# ---------------------------------------------------------------- the native function


@pytest.mark.parametrize("inputs", [1, 5, 8, 303])
@pytest.mark.parametrize("outputs", [1, 16, 17, 40, 64, 65, 191, 3000])
def test_products(inputs, outputs):
    rng = np.random.default_rng(1)
    shapes = (inputs, outputs), outputs, (59, inputs)  # rows: tiles of every size
    kernel, bias, x = (rng.normal(size=s).astype("f") for s in shapes)
    found = Chain([Link(inputs, outputs, kernel, bias=bias)])(x)
    same(found, x.astype("d") @ kernel.astype("d") + bias)


def test_every_row_comes_once_from_several_threads():
    """Bits too: each row alone gives what it gives among many."""
    rng = np.random.default_rng(7)
    links = [
        Link(5, 70, rng.normal(size=(5, 70)), activation="tanh"),
        Link(70, 700, rng.normal(size=(70, 700)), activation="relu"),
        Link(700, 3, rng.normal(size=(700, 3)) / 30, bias=[1.0, 2, 3], activation="softmax"),
    ]
    chain, x = Chain(links), rng.normal(size=(1000, 5)).astype("f")  # some pieces of work
    middle = np.maximum(np.tanh(x.astype("d") @ links[0].kernel) @ links[1].kernel, 0)
    wanted = np.exp(middle @ links[2].kernel + links[2].bias)
    found = chain(x)
    same(found, wanted / wanted.sum(1, keepdims=True))
    assert all(np.array_equal(chain(x[i : i + 1])[0], found[i]) for i in range(0, 1000, 7))
    for rows in (2, 3, 5, 11, 47, 49):
        assert np.array_equal(chain(x[rows : 2 * rows]), found[rows : 2 * rows])


def test_scaling_and_several_links():
    rng = np.random.default_rng(2)
    shift, scale, bias = rng.normal(size=(3, 5))
    kernel = rng.normal(size=(5, 40))
    links = [
        Link(5, 5, shift=shift, scale=scale, bias=bias),
        Link(5, 40, kernel, activation="relu"),
    ]
    middle = (ROWS.astype("d") - shift) * scale + bias
    same(Chain(links)(ROWS), np.maximum(middle @ kernel, 0))


@pytest.mark.parametrize("function", chains.ACTIVATIONS, ids=lambda f: f.__name__)
def test_activations_are_the_ops(function):
    said = chains.ACTIVATIONS[function]
    x = FAR if function is not activations.exponential else np.minimum(FAR, 80)
    chain = Chain([Link(len(x), len(x), **said)])
    same(chain(x[None]), engine.numpy(function(engine.array(x[None]))))
    for odd in (np.nan, np.inf, -np.inf):
        x = np.array([[odd, 0.5]], "f")
        wanted = engine.numpy(function(engine.array(x)))
        assert np.allclose(Chain([Link(2, 2, **said)])(x), wanted, equal_nan=True), odd


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "gelu", "softplus", "exponential"])
def test_functions_are_float64_numpys(name):
    x = np.concatenate([np.linspace(-20, 20, 998), np.logspace(-7, 1, 99), -np.logspace(-7, 1, 99)])
    x = x.astype("f").astype("d")
    wanted = {
        "sigmoid": lambda: 1 / (1 + np.exp(-x)),
        "tanh": lambda: np.tanh(x),
        "gelu": lambda: x * np.vectorize(lambda v: math.erfc(-v / math.sqrt(2)) / 2)(x),
        "softplus": lambda: np.log1p(np.exp(x)),
        "exponential": lambda: np.exp(x),
    }[name]()
    found = Chain([Link(len(x), len(x), activation=name)])(x[None])[0]
    assert np.abs(found - wanted).max() < 3e-7 * max(1, np.abs(wanted).max())
    if name != "gelu":  # whose tail is next to nothing
        assert (np.abs(found / wanted - 1) < 4e-7).all()


def test_numbers_that_do_not_fit_are_refused():
    chain = Chain([Link(5, 5)])
    with pytest.raises(ValueError, match="no rows of 5 inputs"):
        chain(ROWS[:2, :4])
    with pytest.raises(ValueError, match="no rows of 5 inputs"):
        chain.write(ROWS, np.empty((15, 5), "f"))
    with pytest.raises(ValueError, match="bytes into"):
        chain._native.run(chain._made, ROWS, np.empty((15, 5), "f"))
    form = chain_of_engine._form(Link(5, 5))
    with pytest.raises(ValueError, match="16 bytes, not 20"):
        chain._native.chain(form, ROWS[0], ROWS[0, :4], ROWS[0])
    with pytest.raises(ValueError, match="not C-contiguous"):
        chain._native.chain(form, ROWS[0], ROWS[:5, 0], ROWS[0])
    with pytest.raises(IndexError):
        chain._native.chain(form, ROWS[0])
    with pytest.raises(ValueError, match="no chain"):
        Chain([Link(5, 5), Link(4, 4)])
    assert chain(ROWS[:0]).shape == (0, 5)


def test_numbers_of_a_link_are_spread():
    for bias in (2, [2.0], np.full(5, 2), np.arange(10.0)[::2]):
        link = Link(5, 5, np.eye(5)[::-1], bias=bias)
        same(Chain([link])(ROWS), ROWS[:, ::-1] + np.asarray(bias))
    with pytest.raises(ValueError, match="broadcast"):
        Chain([Link(5, 5, shift=[1.0, 2.0])])


def test_any_strides_and_dtypes_are_read():
    chain = Chain([Link(5, 5)])
    wide = np.arange(160.0).reshape(16, 10)
    same(chain(wide[::-1, ::2]), wide[::-1, ::2])
    same(chain(np.asfortranarray(ROWS)), ROWS)


def test_few_rows_are_looked_at():
    cell, known = {"_value": object()}, object()
    few = Chain([Link(5, 5, bias=1.0)]).few(3, (5,), [cell], [known])
    assert few(ROWS[:1]) is None  # another value
    cell["_value"] = known
    for rows in (1, 2, 3):
        same(few(ROWS[:rows]), ROWS[:rows] + 1)
    still = ROWS[:1].copy()
    still.flags.writeable = False
    same(few(still), still + 1)
    others = [
        ROWS[:0],
        ROWS[:4],
        ROWS[0],
        ROWS[:1, :4],
        ROWS[:1, None],
        ROWS[:2, ::-1],
        ROWS[:6:2],
        ROWS[:1].astype("d"),
        ROWS[:1].view("int32"),
        ROWS[:1].astype(">f4"),
        ROWS[:1].view(np.matrix),
        ROWS[:1].tolist(),
        None,
    ]
    assert [few(x) for x in others] == [None] * len(others)
    del cell["_value"]
    assert few(ROWS[:1]) is None


def test_what_few_rows_hold_is_given_back():
    cell, known = {"_value": 1}, ROWS[:1].copy()
    before = sys.getrefcount(known), sys.getrefcount(cell)
    few = Chain([Link(5, 5)]).few(3, (5,), [cell], [known])
    x, counts = ROWS[:1].copy(), []
    for value in (known, 1, known):
        cell["_value"] = value
        for _ in range(100):
            few(x)
            few(ROWS[0])
        counts.append(sys.getrefcount(x))
    cell["_value"] = value = 1
    del few
    assert counts == [2, 2, 2]
    assert (sys.getrefcount(known), sys.getrefcount(cell)) == before


def test_the_module_can_be_refused(monkeypatch):
    assert chain_of_engine._module.__wrapped__() is not None
    monkeypatch.setenv("CORNU_NATIVE", "0")
    assert chain_of_engine._module.__wrapped__() is None
    monkeypatch.setattr(chains, "available", lambda: False)
    assert chains.shortcut(mlp()) is None


# ---------------------------------------------------------------- models


def test_layers_that_are_taken():
    model = keras.Sequential(
        [
            keras.Input((2, 5)),
            layers.Dropout(0.5),
            layers.Flatten(),
            layers.Dense(6, use_bias=False),
            layers.BatchNormalization(),
            layers.LeakyReLU(),
            layers.GaussianNoise(1.0),
            layers.Dense(4, "tanh"),
            layers.BatchNormalization(center=False, scale=False, epsilon=0.1),
            layers.ReLU(1.5, negative_slope=0.1),
            layers.Dense(3),
            layers.ELU(0.7),
            layers.Activation("gelu"),
            layers.Softmax(),
        ]
    )
    rng = np.random.default_rng(3)
    model.set_weights([rng.uniform(0.5, 1.5, w.shape) for w in model.get_weights()])
    x = rng.normal(size=(2, 2, 5)).astype("f")
    same(taken(ready(model, x), x), engine.numpy(model(x)))


def test_what_looks_after_the_scale_of_inputs():
    learned = layers.Normalization()
    learned.adapt(ROWS * 3 + 1)
    figures = {"mean": [1.0, 2, 3, 4, 5], "variance": [0.0, 0.5, 1, 2, 3]}
    whole = layers.Normalization(axis=None, mean=0.5, variance=2.0, invert=True)
    whitened = ROWS.astype("d") - (ROWS * 3 + 1).mean(0)
    whitened = (whitened / (ROWS * 3 + 1).std(0)) * np.sqrt(2) + 0.5
    model = keras.Sequential([keras.Input((5,)), learned, whole])
    same(taken(ready(model, ROWS), ROWS), whitened)
    model = keras.Sequential([keras.Input((5,)), layers.Normalization(**figures)])
    deviation = np.maximum(np.sqrt(figures["variance"]), 1e-7)
    same(taken(ready(model, ROWS), ROWS), (ROWS - np.array(figures["mean"])) / deviation)


def test_pictures_and_models_inside():
    inside = keras.Sequential([keras.Input((18,)), layers.Dense(4, "selu"), layers.Dense(2)])
    model = keras.Sequential(
        [
            keras.Input((3, 3, 2)),
            layers.Rescaling(1 / 127.5, -1),
            layers.Flatten(),
            inside,
            layers.Activation("sigmoid"),
        ]
    )
    x = np.random.default_rng(5).integers(0, 256, (3, 3, 3, 2)).astype("uint8")
    same(taken(ready(model, x), x), engine.numpy(model(x)))


def test_a_functional_model_gives_float64_numpys_numbers():
    start = keras.Input((5,))
    model = keras.Model(start, layers.Dense(2, "sigmoid")(layers.Dense(40, "relu")(start)))
    first, shift, second, offset = (w.astype("d") for w in model.get_weights())
    shift += 0.1
    model.set_weights([first, shift, second, offset])
    wanted = 1 / (1 + np.exp(-(np.maximum(ROWS @ first + shift, 0) @ second + offset)))
    for rows in (1, 3, 16):
        x = ROWS[:rows]
        same(taken(ready(model, x), x), wanted[:rows])
        same(model.predict(x, verbose=0), wanted[:rows])
        same(model.predict_on_batch(x), wanted[:rows])
    assert model.predict(x, verbose=0).flags.writeable


@pytest.fixture(scope="module")
def small():
    """One for all: it is compiled once."""
    model = mlp(layers.Dense(4, "tanh"))
    model.compile("sgd", "sparse_categorical_crossentropy")
    return ready(model, ROWS[:1])


def test_weights_that_change_are_seen(small, tmp_path):
    x, begun = ROWS[:1], small.get_weights()
    changes = [
        lambda: small.fit(ROWS, np.arange(16) % 3, verbose=0),
        lambda: small.train_on_batch(ROWS, np.arange(16) % 3),
        lambda: small.layers[0].kernel.assign(np.ones((5, 4))),
        lambda: small.layers[-1].bias.assign(engine.array([1.0, -2.0, 3.0], "float32")),
        lambda: small.set_weights([w * 2 for w in begun]),
        lambda: small.load_weights(tmp_path / "begun.weights.h5"),
    ]
    small.save_weights(tmp_path / "begun.weights.h5")
    for change in changes:
        ready(small, x)
        before = taken(small, x)
        change()
        assert taken(small, x) is None  # what is known there is no more
        after = [small.predict(x, verbose=0) for _ in range(4)]
        wanted = engine.numpy(small(x))
        for found in after:
            same(found, wanted)
        assert taken(small, x) is not None
        assert np.abs(after[-1] - before).max() > 1e-4


def test_inputs_of_every_kind(small):
    x = np.round(ROWS[:2] * 3)
    wanted = engine.numpy(small(x))
    kinds = [x.astype(d) for d in ("float64", "float16", "int64", "int8", ">f4")]
    kinds += [x.tolist(), engine.array(x), np.asfortranarray(x), np.repeat(x, 2, 0)[::2]]
    kinds[0].flags.writeable = False
    for kind in kinds:
        for _ in range(4):
            same(small.predict(kind, verbose=0), wanted)
            same(small.predict_on_batch(kind), wanted)


def test_errors_are_those_of_the_long_way(small):
    x = np.round(ROWS[:1] * 3).astype("float64")
    ready(small, x)
    fresh = mlp(layers.Dense(4, "tanh"))
    fresh.name = small.name
    wrong = [
        lambda model: model.predict(x * 1e300, verbose=0),
        lambda model: model.predict_on_batch(x * 1e300),
        lambda model: model.predict(x[:, :4], verbose=0),
        lambda model: model.predict(x, verbose=0, batch_size=0),
        lambda model: model.predict(x, verbose=0, batch_size="2"),
        lambda model: model.predict(x, verbose=0, batch_size=True),
    ]
    for call in wrong:
        with pytest.raises((UsageError, UsageTypeError)) as raised:
            call(small)
        with pytest.raises((UsageError, UsageTypeError)) as wanted:
            call(fresh)
        said, usual = (re.sub(r"dense_\d+", "dense", str(e.value)) for e in (raised, wanted))
        assert said == usual
    assert small.predict(x[:0], verbose=0).shape == (0, 3)
    assert np.isnan(small.predict(x * np.nan, verbose=0)).all()


def test_threads_at_once_while_weights_change(small):
    x, begun = ROWS[:1], small.get_weights()
    other = [w + 0.5 for w in begun]
    allowed = []
    for weights in (other, begun):
        small.set_weights(weights)
        allowed.append(engine.numpy(small(x)))
    over, wrong = threading.Event(), []

    def predict():
        while not over.is_set():
            found = small.predict(x, verbose=0)
            if not any(np.allclose(found, a, atol=1e-6) for a in allowed):
                wrong.append(found)

    threads = [threading.Thread(target=predict) for _ in range(8)]
    for thread in threads:
        thread.start()
    for _ in range(8):
        with state.cells_lock:
            small.set_weights(other)
        small.predict(x, verbose=0)
        with state.cells_lock:
            small.set_weights(begun)
        ready(small, x)
    over.set()
    for thread in threads:
        thread.join()
    assert not wrong


# ---------------------------------------------------------------- many rows

MANY = np.random.default_rng(8).normal(size=(777, 5)).astype("float32")


def numpys(model, x):
    """Outputs of a Dense with tanh and one with softmax, in float64."""
    kernel, bias, second, offset = (w.astype("d") for w in model.get_weights())
    found = np.exp(np.tanh(x.astype("d") @ kernel + bias) @ second + offset)
    return found / found.sum(1, keepdims=True)


def test_many_rows(small, monkeypatch):
    wanted = numpys(small, MANY)
    compiled, plain = [], Predictor._compiled
    monkeypatch.setattr(Predictor, "_compiled", lambda *args: compiled.append(1) or plain(*args))
    for size in (None, 1, 32, 777, 10_000):
        same(small.predict(MANY, batch_size=size, verbose=0), wanted)
    for kind in (MANY.tolist(), np.asfortranarray(MANY), engine.array(MANY), MANY.astype("d")):
        for _ in range(2):
            same(small.predict(kind, verbose=0), wanted)
    for rows in (17, 33, 777):
        same(small.predict_on_batch(MANY[:rows]), wanted[:rows])
    same(small.predict(MANY, steps=3, verbose=0), wanted[:96])
    assert len(compiled) == 2 * 25  # of the engine's own array


def test_many_rows_of_a_new_model_and_of_new_weights():
    model = mlp(layers.Dense(4, "tanh"))
    for _ in range(2):
        for _ in range(3):
            same(model.predict(MANY, verbose=0), numpys(model, MANY))
        model.set_weights([w + 0.5 for w in model.get_weights()])
    assert model._kept["predictor"]._run._cache_size() == 1  # a few rows, to compare
    bits = model.predict(MANY, verbose=0)
    assert np.array_equal(np.concatenate([model.predict(x[None], verbose=0) for x in MANY]), bits)


def test_many_rows_in_turns(small, capsys, monkeypatch):
    monkeypatch.setattr(small._kept["predictor"].shortcut, "stretch", 100)
    written = []
    plain = Chain.write
    monkeypatch.setattr(Chain, "write", lambda *args: written.append(args[1]) or plain(*args))
    same(small.predict(MANY), numpys(small, MANY))
    assert [len(x) for x in written] == [100] * 7 + [77]
    assert "25/25" in capsys.readouterr().out
    same(small.predict(MANY, verbose=0), numpys(small, MANY))
    assert [len(x) for x in written[8:]] == [100] * 7 + [77]


def test_callbacks_see_every_batch(small):
    class Seen(keras.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.begun, self.outputs = [], []

        def on_predict_batch_begin(self, batch, logs=None):
            self.begun.append(batch)

        def on_predict_batch_end(self, batch, logs=None):
            self.outputs.append(logs["outputs"])

    seen = Seen()
    found = small.predict(MANY[:100], batch_size=40, callbacks=[seen], verbose=0)
    assert seen.begun == [0, 1, 2]
    assert [len(x) for x in seen.outputs] == [40, 40, 20]
    assert np.array_equal(np.concatenate(seen.outputs), found)
    assert np.array_equal(small.predict(MANY[:100], verbose=0), found)


def test_batches_stay_small_where_nothing_is_proven(monkeypatch):
    model, sizes, x = mlp(layers.Dense(4, "tanh")), [], MANY[:64]
    plain = Predictor._compiled
    monkeypatch.setattr(
        Predictor, "_compiled", lambda self, x: sizes.append(len(x)) or plain(self, x)
    )
    weights = model.get_weights()
    model.set_weights([w * np.nan for w in weights])
    for _ in range(2):
        assert np.isnan(model.predict(x, verbose=0)).all()
    model.set_weights(weights)
    model._kept["predictor"].shortcut._refused = True
    sizes.clear()
    same(model.predict(x, verbose=0), numpys(model, x))
    assert sizes == [32, 32]


def test_numbers_too_large_are_refused_among_many(small):
    x = MANY.astype("d")
    small.predict(x, verbose=0)
    x[700, 0] = 1e300
    for _ in range(2):
        with pytest.raises(UsageError, match="1e\\+300"):
            small.predict(x, verbose=0)


# ---------------------------------------------------------------- where it is not taken


class Doubled(keras.Model):
    def call(self, inputs, training=None):
        return 2 * super().call(inputs)


class OwnDense(layers.Dense):
    def call(self, x):
        return super().call(x) + 1


def graph(make, **kwargs):
    x = keras.Input((5,))
    return keras.Model(x, make(x), **kwargs)


REFUSED = {
    "own model": lambda: Doubled(x := keras.Input((5,)), layers.Dense(3)(x)),
    "own layer": lambda: mlp(OwnDense(4)),
    "own activation": lambda: mlp(layers.Dense(4, lambda x: x * 2)),
    "short dtype": lambda: mlp(layers.Dense(4, dtype="mixed_bfloat16")),
    "noise that was asked for": lambda: graph(
        lambda x: layers.GaussianNoise(1.0)(x, training=True)
    ),
    "branch": lambda: graph(lambda x: layers.Add()([x, layers.Dense(5)(x)])),
    "same Tensor twice": lambda: graph(lambda x: layers.Dense(5)(x) * 2.0),
    "time": lambda: mlp(layers.Reshape((5, 1)), layers.Dense(2), layers.Flatten()),
    "channels first": lambda: mlp(
        layers.Reshape((1, 5)), layers.Flatten(data_format="channels_first")
    ),
    "too much work": lambda: mlp(layers.Dense(40_000)),
    "own layer inside": lambda: mlp(keras.Sequential([keras.Input((5,)), OwnDense(5)])),
    "own model inside": lambda: mlp(Doubled(x := keras.Input((5,)), layers.Dense(5)(x))),
    "a dict": lambda: graph(lambda x: {"a": layers.Dense(2)(x)}),
    "two outputs": lambda: graph(lambda x: [layers.Dense(2)(x), layers.Dense(3)(x)]),
    "integers": lambda: keras.Sequential([keras.Input((5,), dtype="int32"), layers.Dense(3)]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    model = REFUSED[name]()
    assert chains.shortcut(model) is None


def test_refused_where_a_call_was_put_in_its_place(monkeypatch):
    model = mlp(layers.Dense(4))
    assert chains.shortcut(model) is not None
    plain = layers.Dense.call
    monkeypatch.setattr(layers.Dense, "call", lambda self, x: plain(self, x) + 1)
    assert chains.shortcut(model) is None
    monkeypatch.undo()
    model.layers[0].call = lambda x: x[:, :4]
    assert chains.shortcut(model) is None


def test_refused_where_python_runs_every_step():
    model = mlp()
    model.run_eagerly = True
    assert taken(ready(model, ROWS[:1]), ROWS[:1]) is None


def test_refused_where_it_gives_other_numbers(monkeypatch):
    monkeypatch.setitem(chains.RECIPES, layers.Dense, lambda layer, n: wrong(layer, n))

    def wrong(layer, inputs):
        piece = chains._dense(layer, inputs)
        return piece._replace(cells={"kernel": layer.kernel})  # no bias

    model = mlp()
    model.layers[0].bias.assign([1.0, 2.0, 3.0])
    x = ROWS[:1]
    assert taken(ready(model, x), x) is None
    same(model.predict(x, verbose=0), engine.numpy(model(x)))


def test_the_same_rows_give_the_same_bits_in_any_company():
    model = mlp(layers.Dense(4, "tanh"))
    first = model.predict(ROWS[:7])
    for rows in (7, 1, 3, 16):
        for _ in range(3):
            found = model.predict(ROWS[:rows], verbose=0)[:7]
            assert np.array_equal(found, first[:rows])
            assert np.array_equal(model.predict_on_batch(ROWS[:rows])[:7], first[:rows])
    model.set_weights(model.get_weights())
    assert np.array_equal(model.predict(ROWS[:7], verbose=0), first)


def test_nothing_is_proven_by_a_nan():
    model, x = mlp(), np.full((1, 5), np.nan, "f")
    for _ in range(3):
        assert np.isnan(model.predict(x, verbose=0)).all()
    assert taken(model, x) is None
    assert taken(ready(model, ROWS[:1]), ROWS[:1]) is not None
    assert np.isnan(taken(model, x)).all()


def test_values_are_copied_once(monkeypatch):
    learnt = []
    monkeypatch.setattr(chains, "Chain", lambda links: learnt.append(links) or Chain(links))
    model, x = mlp(), ROWS[:1]
    ready(model, x)
    assert len(learnt) == 1
    model.set_weights([w + 1 for w in model.get_weights()])
    ready(model, x)
    assert len(learnt) == 2
