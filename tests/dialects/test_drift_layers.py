"""Layers of older generations, as scripts make them, against their formulas in float64."""

import copy
import pickle

import numpy as np
import pytest

from cornu import config, layers, losses, models, ops, settings
from cornu.dialects import generations, spellings, table
from cornu.dialects.generations import GENERATIONS

OLDER = GENERATIONS[:-1]
RANDOM = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def old_spellings():
    table.forget_warnings()
    with spellings.registered():
        yield


def near(found, expected, **more):
    np.testing.assert_allclose(np.asarray(found), expected, **{"rtol": 2e-5, "atol": 1e-6, **more})


def until(generation, last):
    return GENERATIONS.index(generation) <= GENERATIONS.index(last)


# ---------------------------------------------------------------- BatchNormalization

X = RANDOM.normal(2, 3, (6, 4))
NUMBERS = {"0.3": (0.9, 1e-6), "1.0": (0.99, 1e-5)}


@pytest.mark.parametrize("generation", GENERATIONS)
def test_defaults_of_batch_normalization(generation):
    with generations.within(generation):
        layer = layers.BatchNormalization()
    assert (layer.momentum, layer.epsilon) == NUMBERS.get(generation, (0.99, 1e-3))


def batch_normalization(generation, x, **options):
    with generations.within(generation):
        layer = layers.BatchNormalization(momentum=0.5, epsilon=0.1, **options)
    layer.build((None, *x.shape[1:]))
    return layer


def variance_of(generation, variance, count, images):
    """What the moving variance follows; see generations.md, and Keras's own code of that time."""
    if generation not in ("2.2", "2.3"):
        return variance
    return variance * (count / (count - 1) if images else 1) * count / (count - 1.1)


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("images", [False, True])
def test_moving_variance(generation, images):
    x = RANDOM.normal(2, 3, (3, 2, 2, 4)) if images else X
    layer = batch_normalization(generation, x)
    y = layer(x.astype("float32"), training=True)
    flat = x.reshape(-1, 4)
    mean, variance = flat.mean(0), flat.var(0)
    near(y, (x - mean) / np.sqrt(variance + 0.1))
    near(layer.moving_mean.numpy(), 0.5 * mean)
    if generation == "0.3":  # it kept s = sqrt(variance + epsilon), and divided by s + epsilon
        s = 0.5 * (np.sqrt(1.1) - 0.1) + 0.5 * np.sqrt(variance + 0.1)
        near(layer(x.astype("float32")), (x - 0.5 * mean) / (s + 0.1), rtol=1e-4)
    else:
        followed = variance_of(generation, variance, len(flat), images)
        near(layer.moving_variance.numpy(), 0.5 + 0.5 * followed)


@pytest.mark.parametrize("generation", GENERATIONS)
def test_frozen_batch_normalization(generation):
    layer = batch_normalization(generation, X, trainable=False)
    y = layer(X.astype("float32"), training=True)
    mean = X.mean(0)
    old = (X - mean) / np.sqrt(X.var(0) + 0.1)
    near(y, X / np.sqrt(1.1) if generation == "3" else old)
    near(layer.moving_mean.numpy(), 0.5 * mean if until(generation, "2.0") else 0 * mean)


@pytest.mark.parametrize("generation", GENERATIONS)
def test_masked_batch_normalization(generation):
    x = np.concatenate([X[:, None], X[:, None] * 5], 1)  # (rows, 2 steps, 4)
    x[:2, 1] = 0
    layer = batch_normalization(generation, x)
    mask = np.any(x != 0, -1)
    y = layer(x.astype("float32"), training=True, mask=mask)
    flat = x[mask] if generation == "3" else x.reshape(-1, 4)
    near(np.asarray(y)[mask], ((x - flat.mean(0)) / np.sqrt(flat.var(0) + 0.1))[mask])


def sample_wise(x):
    deviation = np.sqrt(x.var(-1, keepdims=True) + 0.1) + 0.1
    return (x - x.mean(-1, keepdims=True)) / deviation


def by_batch(x):
    return (x - x.mean(0)) / np.sqrt(x.var(0) + 0.1)


@pytest.mark.parametrize("generation", ["0.3", "1.0", "1.2", "3"])
@pytest.mark.parametrize(("mode", "formula"), [(1, sample_wise), (2, by_batch)])
def test_modes_of_batch_normalization(generation, mode, formula):
    """In inference; what cannot be meant otherwise is taken in generation 3 too."""
    with pytest.warns(UserWarning, match=r"BatchNormalization\(mode\) is an old spelling"):
        layer = batch_normalization(generation, X, mode=mode)
    near(layer(X.astype("float32")), formula(X))


# ---------------------------------------------------------------- what they go by


@pytest.mark.parametrize("generation", OLDER)
def test_scripts_see_the_class_of_today(generation):
    config.forget_names()
    with generations.within(generation):
        layer = layers.BatchNormalization()
    assert type(layer) is not layers.BatchNormalization
    assert layer.__class__ is layers.BatchNormalization
    assert isinstance(layer, layers.BatchNormalization)
    assert layer.name == "batch_normalization"


def test_copies_stay_what_they_are():
    with generations.within("2.2"):
        layer = layers.BatchNormalization(epsilon=0.5)
    copies = (copy.copy(layer), copy.deepcopy(layer), pickle.loads(pickle.dumps(layer)))
    for made in (*copies, type(layer).from_config(layer.get_config())):
        assert type(made) is type(layer)
        assert made.epsilon == 0.5


def test_models_keep_them(tmp_path):
    with generations.within("2.2"):
        model = models.Sequential([layers.Input((4,)), layers.BatchNormalization()])
        model.save(tmp_path / "m.keras")
        again = models.clone_model(model)
    assert type(again.layers[-1]) is type(model.layers[-1])
    loaded = models.load_model(tmp_path / "m.keras")
    assert type(loaded.layers[-1]) is type(model.layers[-1])
    form = config.serialize(model.layers[-1])
    assert form["class_name"] == "BatchNormalization"  # for other readers


def test_what_a_file_describes_is_left_as_it_is(tmp_path):
    model = models.Sequential([layers.Input((4,)), layers.BatchNormalization()])
    model.save(tmp_path / "m.keras")
    with generations.within("2.2"):
        loaded = models.load_model(tmp_path / "m.keras")
        again = models.Sequential.from_config(model.get_config())
    for made in (loaded, again):
        assert type(made.layers[-1]) is layers.BatchNormalization


def test_classes_of_scripts_are_left_as_they_are():
    class Own(layers.BatchNormalization):
        def call(self, x, training=None, mask=None):
            return super().call(x, training=training) * 2

    with generations.within("2.2"):
        assert type(Own()) is Own


# ---------------------------------------------------------------- gates

S = RANDOM.normal(size=(2, 3, 2))  # (batch, steps, features)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def hard(x):
    return np.clip(0.2 * x + 0.5, 0, 1)


def gru(x, w, u, b, gate, after):
    n, h = u.shape[0], np.zeros((len(x), u.shape[0]))
    b = np.zeros((2, 3 * n)) if b.ndim == 2 else b
    for t in range(x.shape[1]):
        xs = np.split(x[:, t] @ w, 3, -1)
        hz, hr, hh = np.split(h @ u, 3, -1)
        z, r = gate(xs[0] + hz), gate(xs[1] + hr)
        inner = r * hh if after else (r * h) @ u[:, 2 * n :]
        h = z * h + (1 - z) * np.tanh(xs[2] + inner)
    return h


def lstm(x, w, u, b, gate):
    h = c = np.zeros((len(x), u.shape[0]))
    for t in range(x.shape[1]):
        i, f, g, o = np.split(x[:, t] @ w + h @ u + b, 4, -1)
        c = gate(f) * c + gate(i) * np.tanh(g)
        h = gate(o) * np.tanh(c)
    return h


@pytest.mark.parametrize("generation", GENERATIONS)
def test_gates(generation):
    gate = hard if until(generation, "2.2") else sigmoid
    with generations.within(generation):
        first, second = layers.LSTM(2), layers.GRU(2)
    x = S.astype("float32")
    near(first(x), lstm(S, *(v.numpy() for v in _built(first)), gate))
    after = generation == "3"
    near(second(x), gru(S, *(v.numpy() for v in _built(second)), gate, after))


def _built(layer):
    layer.build(S.shape)
    return layer.weights


def test_gates_of_images():
    for generation in OLDER:
        with generations.within(generation):
            layer = layers.ConvLSTM2D(2, (1, 1))
        near(layer.recurrent_activation(np.float32([1.0])), [0.7])


@pytest.mark.parametrize("generation", GENERATIONS)
def test_hard_sigmoid(generation):
    with generations.within(generation):
        layer = layers.Activation("hard_sigmoid")
    near(layer(np.float32([1.0])), [1 / 6 + 0.5 if generation == "3" else 0.7])


# ---------------------------------------------------------------- penalties


@pytest.mark.parametrize("generation", GENERATIONS)
def test_penalties_on_activities(generation):
    x = X.astype("float32")
    share = 1 if generation in ("1.2", "2.0", "2.2", "2.3") else 1 / len(X)

    def halved(y):
        return 0.5 * ops.sum(ops.abs(y))

    with generations.within(generation):
        made = [
            layers.Activation("linear", activity_regularizer="l2"),
            layers.ActivityRegularization(l2=0.01),
            layers.Activation("linear", activity_regularizer=halved),
        ]
    expected = [0.01 * (X**2).sum(), 0.01 * (X**2).sum(), 0.5 * np.abs(X).sum()]
    for layer, penalty in zip(made, expected, strict=True):
        model = models.Sequential([layers.Input((4,)), layer])
        model.compile("sgd", losses.MeanSquaredError())
        near(model.test_on_batch(x, x), share * penalty)


# ---------------------------------------------------------------- words, pictures


@pytest.mark.parametrize("generation", ["1.0", "1.2"])
def test_dropped_words(generation):
    """Every word is either gone wherever it stands, or as much larger as others are gone."""
    with generations.within(generation):
        with pytest.warns(UserWarning, match=r"Embedding\(dropout\) is an old spelling"):
            layer = layers.Embedding(200, 2, dropout=0.25)
    words = np.tile(np.arange(200), (2, 1))
    layer.build(words.shape)
    table_of = layer.embeddings.numpy()
    near(layer(words)[0], table_of)
    found = np.asarray(layer(words, training=True)).astype("float64")
    near(found[0], found[1])
    gone = np.all(found[0] == 0, -1)
    assert 20 < gone.sum() < 80
    near(found[0][~gone], table_of[~gone] / 0.75)
    assert layer.name.startswith("embedding")


@pytest.mark.parametrize("generation", GENERATIONS)
def test_bilinear_upsampling(generation):
    """Of 0 and 1, twice as large: 0, 1/2, 1, 1 from the corner; 0, 1/4, 3/4, 1 from the middle."""
    with generations.within(generation):
        layer = layers.UpSampling2D(2, data_format="channels_last", interpolation="bilinear")
    row = np.float32([0, 1]).reshape(1, 1, 2, 1)
    middle = generation == "3"
    near(layer(row)[0, 0, :, 0], [0, 0.25, 0.75, 1] if middle else [0, 0.5, 1, 1])


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("backend", ["theano", "tensorflow"])
def test_theano_windows(generation, backend, monkeypatch):
    """A window of two over 1, 2, 3 begins one before on Theano, and ends one after elsewhere."""
    monkeypatch.setattr(settings.current(), "backend", backend)
    with generations.within(generation):
        layer = layers.Conv1D(1, 2, padding="same", kernel_initializer="ones", use_bias=False)
    around = backend == "theano" and generation != "3"
    y = layer(np.float32([1, 2, 3]).reshape(1, 3, 1))
    near(np.asarray(y)[0, :, 0], [1, 3, 5] if around else [3, 5, 3])
    assert layer.__class__ is layers.Conv1D
    assert layer.name.startswith("conv1d")
