"""The shortcut of a few rows past the engine: right numbers, and only where they are right."""

import re
import threading

import numpy as np
import pytest

import cornu as keras
from cornu import activations, engine, layers, state
from cornu.engine.chain import BLOCK, Chain, Link, available
from cornu.errors import UsageError, UsageTypeError
from cornu.training import chains

pytestmark = pytest.mark.skipif(not available(), reason="the native library was not built")

ROWS = np.random.default_rng(0).normal(size=(16, 5)).astype("float32")
FAR = np.array([-1e4, -100, -20, -3, -1, -1e-3, -1e-6, 0, 1e-6, 1e-3, 1, 3, 5.9, 20, 80], "float32")


def mlp(*middle, features=5, last="softmax"):
    return keras.Sequential([keras.Input((features,)), *middle, layers.Dense(3, last)])


def taken(model, x):
    """What the shortcut gives; None where it is not taken."""
    found = model._kept["predictor"].shortcut
    return None if found is None else found(x, len(x))


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


@pytest.mark.parametrize("shape", [(1, 1), (5, BLOCK), (7, BLOCK + 1), (300, 3 * BLOCK - 1)])
def test_products(shape):
    rng = np.random.default_rng(1)
    kernel, bias, x = (rng.normal(size=s).astype("f") for s in (shape, shape[1], (3, shape[0])))
    chain = Chain([Link(*shape, kernel, bias=bias)], 4)
    same(chain(x, 3), x.astype("d") @ kernel.astype("d") + bias)


def test_scaling_and_several_links():
    rng = np.random.default_rng(2)
    shift, scale, bias = rng.normal(size=(3, 5))
    kernel = rng.normal(size=(5, 40))
    links = [
        Link(5, 5, shift=shift, scale=scale, bias=bias),
        Link(5, 40, kernel, activation="relu"),
    ]
    middle = (ROWS.astype("d") - shift) * scale + bias
    same(Chain(links, 16)(ROWS, 16), np.maximum(middle @ kernel, 0))


@pytest.mark.parametrize("function", chains.ACTIVATIONS, ids=lambda f: f.__name__)
def test_activations_are_the_ops(function):
    said = chains.ACTIVATIONS[function]
    x = FAR if function is not activations.exponential else np.minimum(FAR, 80)
    chain = Chain([Link(len(x), len(x), **said)], 1)
    same(chain(x[None], 1), engine.numpy(function(engine.array(x[None]))))
    for odd in (np.nan, np.inf, -np.inf):
        x = np.array([[odd, 0.5]], "f")
        wanted = engine.numpy(function(engine.array(x)))
        assert np.allclose(Chain([Link(2, 2, **said)], 1)(x, 1), wanted, equal_nan=True), odd


def test_numbers_that_do_not_fit_are_refused():
    chain = Chain([Link(5, 5)], 2)
    with pytest.raises(ValueError, match="2 rows of 20 bytes"):
        chain(ROWS[:2, :4], 2)
    with pytest.raises(IndexError):
        chain(ROWS[:3], 3)
    for links in ([Link(5, 5), Link(4, 4)], [Link(5000, 5000)]):
        with pytest.raises(ValueError, match="no chain"):
            Chain(links, 1)


def test_any_strides_and_dtypes_are_read():
    chain = Chain([Link(5, 5)], 16)
    wide = np.arange(160.0).reshape(16, 10)
    same(chain(wide[::-1, ::2], 16), wide[::-1, ::2])
    same(chain(np.asfortranarray(ROWS), 16), ROWS)


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
    assert taken(model, np.concatenate([ROWS, ROWS])) is None
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
    "too much work": lambda: mlp(layers.Dense(30_000)),
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


def test_what_is_filled_up_is_taken_alike():
    """Work that allows for four rows: five to fifteen go the long way every time."""
    model = mlp(layers.Dense(200, "relu"), layers.Dense(120, "relu"))
    for rows in (4, 5):
        found = [model.predict(ROWS[:rows], verbose=0) for _ in range(3)]
        assert np.array_equal(found[0], found[1])
        assert np.array_equal(found[0], found[2])
        assert (taken(model, ROWS[:rows]) is not None) == (rows == 4)


def test_nothing_is_proven_by_a_nan():
    model, x = mlp(), np.full((1, 5), np.nan, "f")
    for _ in range(3):
        assert np.isnan(model.predict(x, verbose=0)).all()
    assert taken(model, x) is None
    assert taken(ready(model, ROWS[:1]), ROWS[:1]) is not None
    assert np.isnan(taken(model, x)).all()


def test_values_are_copied_once(monkeypatch):
    learnt = []
    plain = Chain.learn
    monkeypatch.setattr(Chain, "learn", lambda *args: learnt.append(args) or plain(*args))
    model, x = mlp(), ROWS[:1]
    ready(model, x)
    assert len(learnt) == 1
    model.set_weights([w + 1 for w in model.get_weights()])
    ready(model, x)
    assert len(learnt) == 2
