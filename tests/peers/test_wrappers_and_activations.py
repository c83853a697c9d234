"""Activations, adaptive pooling and wrappers compute what those of Keras 3.15.1 compute."""

import json

import numpy as np
import pytest

import cornu
from cornu import config
from peers.checks import same, scattered
from peers.test_layers import EXACT, compare, some

pytestmark = pytest.mark.peers

ACTIVATIONS = [
    ("ELU", {}),
    ("ELU", {"alpha": 0.3}),
    ("LeakyReLU", {}),
    ("LeakyReLU", {"negative_slope": 0.1}),
    ("PReLU", {}),
    ("PReLU", {"shared_axes": [1]}),
    ("PReLU", {"shared_axes": [1, 2], "alpha_initializer": "ones"}),
    ("ReLU", {}),
    ("ReLU", {"max_value": 0.5}),
    ("ReLU", {"max_value": 0.5, "negative_slope": 0.2, "threshold": 0.1}),
    ("ReLU", {"threshold": 0.3}),
    ("Softmax", {}),
    ("Softmax", {"axis": 1}),
    ("Softmax", {"axis": [1, 2]}),
]


@pytest.mark.parametrize("name, options", ACTIVATIONS)
def test_activations(name, options, keras):
    compare(keras, name, options, some(3, 4, 5))


@pytest.mark.parametrize("shape", [(3, 4, 5), (1, 1, 5), (3, 1, 1)])
def test_softmax_with_a_mask(shape, keras):
    mask = np.random.default_rng(2).random(shape) > 0.4
    x = some(3, 4, 5)
    ours = cornu.layers.Softmax()(x, mask=mask)
    same(ours, keras.layers.Softmax()(x, mask=mask), f"a mask {shape}", EXACT)


@pytest.mark.parametrize("scale", [False, True])
def test_layer_normalization_with_the_mean_left_in(scale, keras):
    x, options = some(3, 5), {"rms_scaling": True, "scale": scale}
    with pytest.warns(UserWarning, match="deprecated"):
        theirs = keras.layers.LayerNormalization(**options)
    ours = cornu.layers.LayerNormalization(**options)
    theirs.build(x.shape)
    ours.build(x.shape)
    weights = scattered(theirs)
    theirs.set_weights(weights)
    ours.set_weights(weights)
    same(ours(x), theirs(x), "rms_scaling", EXACT)


@pytest.mark.parametrize("kind", ["Average", "Max"])
@pytest.mark.parametrize("first", [False, True], ids=["last", "first"])
@pytest.mark.parametrize(
    "space, size",
    [((7,), 3), ((4,), 6), ((6, 5), (2, 3)), ((5, 7), 4), ((3, 4, 5), (2, 2, 7)), ((4, 4, 4), 2)],
)
def test_adaptive_pooling(kind, first, space, size, keras):
    rank = len(space)
    x = some(2, 3, *space) if first else some(2, *space, 3)
    layout = "channels_first" if first else "channels_last"
    options = {"output_size": size, "data_format": layout}
    compare(keras, f"Adaptive{kind}Pooling{rank}D", options, x)


def test_adaptive_pooling_ops(keras):
    x = some(2, 7, 5, 3)
    for name in ("adaptive_average_pool", "adaptive_max_pool"):
        both = [
            getattr(k.ops, name)(x, (3, 4), data_format="channels_last") for k in (cornu, keras)
        ]
        same(*both, name, EXACT)


# ---------------------------------------------------------------- wrappers

INNER = [
    ("Dense", lambda k: k.layers.Dense(3, activation="tanh"), (2, 3, 4)),
    ("Conv2D", lambda k: k.layers.Conv2D(3, 2), (2, 3, 5, 4, 2)),
    ("BatchNormalization", lambda k: k.layers.BatchNormalization(), (2, 3, 4)),
    ("TimeDistributed", lambda k: k.layers.TimeDistributed(k.layers.Dense(2)), (2, 3, 2, 4)),
    (
        "Sequential",
        lambda k: k.Sequential([k.layers.Flatten(), k.layers.Dense(3), k.layers.Dropout(0.2)]),
        (2, 3, 2, 2),
    ),
]


def built(k, make, shape):
    """The layer in a model, and the model."""
    inputs = k.Input(shape[1:])
    layer = make(k)
    return layer, k.Model(inputs, layer(inputs))


def alike(mine, its):
    def tail(v):
        return [part.rstrip("_0123456789") for part in v.path.split("/")]

    assert [(tail(v), tuple(v.shape), v.trainable) for v in mine.weights] == [
        (tail(v), tuple(v.shape), v.trainable) for v in its.weights
    ]


@pytest.mark.parametrize("name, inner, shape", INNER)
def test_time_distributed(name, inner, shape, keras):
    """In inference; names, paths and order of weights; configs and files both ways."""

    def make(k):
        return k.layers.TimeDistributed(inner(k))

    (mine, ours), (its, theirs) = (built(k, make, shape) for k in (cornu, keras))
    alike(mine, its)
    weights = scattered(theirs)
    theirs.set_weights(weights)
    ours.set_weights(weights)
    x = some(*shape)
    same(ours(x), theirs(x, training=False), name, EXACT)
    exchange(keras, ours, theirs)


def exchange(keras, ours, theirs):
    """Each library reads the other's layers."""
    mine = json.loads(json.dumps(config.serialize(ours.layers[-1])))
    its = json.loads(json.dumps(keras.saving.serialize_keras_object(theirs.layers[-1])))
    read = keras.saving.deserialize_keras_object(mine)
    assert type(read) is type(theirs.layers[-1])
    assert type(config.deserialize(its)) is type(ours.layers[-1])


@pytest.mark.parametrize("name, inner, shape", [row for row in INNER if "Batch" not in row[0]])
def test_files_go_across(name, inner, shape, keras, tmp_path):
    def make(k):
        return k.layers.TimeDistributed(inner(k))

    _, theirs = built(keras, make, shape)
    theirs.save(tmp_path / "theirs.keras")
    ours = cornu.saving.load_model(tmp_path / "theirs.keras")
    x = some(*shape)
    same(ours(x), theirs(x, training=False), f"{name} from Keras", EXACT)
    ours.save(tmp_path / "ours.keras")
    again = keras.saving.load_model(tmp_path / "ours.keras")
    same(ours(x), again(x, training=False), f"{name} to Keras", EXACT)


def test_a_model_with_a_graph_inside_goes_across(keras, tmp_path):
    def make(k):
        frame = k.Input((4,))
        return k.layers.TimeDistributed(k.Model(frame, k.layers.Dense(3)(frame)))

    x = some(2, 3, 4)
    _, theirs = built(keras, make, x.shape)
    theirs.save(tmp_path / "theirs.keras")
    ours = cornu.saving.load_model(tmp_path / "theirs.keras")
    same(ours(x), theirs(x), "from Keras", EXACT)
    ours.save(tmp_path / "ours.keras")
    same(ours(x), keras.saving.load_model(tmp_path / "ours.keras")(x), "to Keras", EXACT)


@pytest.mark.parametrize(
    "inner, shape",
    [
        (lambda k: k.layers.Dense(5), (3, 4)),
        (lambda k: k.layers.Conv2D(3, 2), (2, 4, 5, 2)),
    ],
    ids=["Dense", "Conv2D"],
)
@pytest.mark.parametrize("iterations", [1, 3])
def test_spectral_normalization(inner, shape, iterations, keras, tmp_path):
    def make(k):
        return k.layers.SpectralNormalization(inner(k), power_iterations=iterations)

    (mine, ours), (its, theirs) = (built(k, make, shape) for k in (cornu, keras))
    alike(mine, its)
    weights = scattered(theirs)
    theirs.set_weights(weights)
    ours.set_weights(weights)
    x = some(*shape)
    for training in (False, True, True, False):
        same(mine(x, training=training), its(x, training=training), f"{training}", EXACT)
    same(ours.get_weights(), theirs.get_weights(), "weights", EXACT)
    exchange(keras, ours, theirs)
    theirs.save(tmp_path / "theirs.keras")
    loaded = cornu.saving.load_model(tmp_path / "theirs.keras")
    same(loaded(x), theirs(x), "from Keras", EXACT)
