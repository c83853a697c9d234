"""Files between tf-keras and us: its models in all of its formats load here, our weights there.

Whole `.h5` models of ours are in words that tf-keras and Keras 3 both understand; those of Keras 3
itself tf-keras cannot read.
"""

import os

import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
tf_keras = pytest.importorskip("tf_keras")
tf = pytest.importorskip("tensorflow")

import cornu  # noqa: E402
from cornu import layers, saving  # noqa: E402
from peers.files_models import MODELS, TRAINED, data_of, fill, outputs  # noqa: E402

pytestmark = [pytest.mark.peers, pytest.mark.filterwarnings("ignore")]
L = tf_keras.layers


def check(model, x, known):
    model.reset_states()
    for ours, theirs in zip(outputs(model, x), known, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=2e-6)


def saved(theirs, folder):
    """The model in each format."""
    theirs.save(folder / "m.h5")
    theirs.save(folder / "m.keras")
    theirs.save_weights(folder / "w.h5")
    theirs.save_weights(folder / "w.weights.h5")
    return theirs.to_json()


@pytest.mark.parametrize("name", MODELS)
def test_we_load_what_tf_keras_saves(name, tmp_path):
    tf_keras.backend.clear_session()
    theirs = fill(MODELS[name](tf_keras))
    x = data_of(theirs)
    known = outputs(theirs, x)
    text = saved(theirs, tmp_path)
    for file in ("m.h5", "m.keras"):
        check(saving.load_model(tmp_path / file), x, known)
    model = saving.model_from_json(text)
    for file in ("w.h5", "w.weights.h5", "m.h5", "m.keras"):
        fill(model, 5).load_weights(tmp_path / file)
        check(model, x, known) if file[0] == "w" else None
        assert all(map(np.array_equal, model.get_weights(), in_order(model, theirs)))


def in_order(model, theirs):
    """The weights of tf-keras as our `get_weights` lists them, layer by layer."""
    known = {layer.name: layer for layer in theirs.layers}
    return [
        w
        for layer in model.layers
        if layer.weights
        for w in by_trained(layer, known[layer.name].get_weights())
    ]


def by_trained(layer, values):
    """Both list what is trained first; ours lists a model's weights layer by layer."""
    ordered = [*layer.trainable_weights, *layer.non_trainable_weights]
    return [values[next(i for i, v in enumerate(ordered) if v is w)] for w in layer.weights]


OPTIMIZERS = {
    "sgd": lambda k: k.optimizers.SGD(0.05),
    "momentum": lambda k: k.optimizers.SGD(0.05, momentum=0.9, nesterov=True),
    "adam": lambda k: k.optimizers.Adam(0.01),
    "amsgrad": lambda k: k.optimizers.Adam(0.01, amsgrad=True, clipnorm=0.5),
    "rmsprop": lambda k: k.optimizers.RMSprop(0.01, momentum=0.5, centered=True),
    "adagrad": lambda k: k.optimizers.Adagrad(0.05),
    "adadelta": lambda k: k.optimizers.Adadelta(1.0),
    "adamax": lambda k: k.optimizers.Adamax(0.01),
    "ftrl": lambda k: k.optimizers.Ftrl(0.05, l1_regularization_strength=0.01),
    "adamw": lambda k: k.optimizers.AdamW(0.01, weight_decay=0.01),
    "falling": lambda k: k.optimizers.Adam(k.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)),
    "averaged": lambda k: k.optimizers.SGD(0.05, momentum=0.5, use_ema=True, ema_momentum=0.9),
    "old_adam": lambda k: k.optimizers.legacy.Adam(0.01, decay=0.1),
    "old_rmsprop": lambda k: k.optimizers.legacy.RMSprop(0.01),
    "old_adagrad": lambda k: k.optimizers.legacy.Adagrad(0.05),
    "old_nadam": lambda k: k.optimizers.legacy.Nadam(0.01),
    "old_sgd": lambda k: k.optimizers.legacy.SGD(0.05, momentum=0.9),
}
ALL_OF = [("mlp", name) for name in OPTIMIZERS]
SOME_OF = [(model, kind) for model in sorted(TRAINED - {"mlp"}) for kind in ("sgd", "adam")]


@pytest.mark.parametrize(("name", "kind"), [*ALL_OF, *SOME_OF])
def test_we_train_on_where_tf_keras_stopped(name, kind, tmp_path):
    tf_keras.backend.clear_session()
    theirs = fill(MODELS[name](tf_keras))
    x = data_of(theirs)
    y = np.random.default_rng(4).uniform(size=outputs(theirs, x)[0].shape).astype("float32")
    theirs.compile(OPTIMIZERS[kind](tf_keras), "mse", metrics=["mae"])
    for _ in range(2):
        theirs.train_on_batch(x, y)
    files = ["m.h5"] if kind.startswith("old") else ["m.h5", "m.keras"]
    for file in files:  # of optimizers called legacy archives keep no state
        theirs.save(tmp_path / file)
    known = [theirs.train_on_batch(x, y) for _ in range(3)]
    for file in files:
        model = saving.load_model(tmp_path / file)
        assert int(model.optimizer.iterations) == 2
        found = [model.train_on_batch(x, y) for _ in range(3)]
        np.testing.assert_allclose(found, known, rtol=1e-4)


def test_losses_and_metrics_of_several_outputs(tmp_path):
    theirs = fill(MODELS["two_ends"](tf_keras))
    x = data_of(theirs)
    y = {"p": np.ones((4, 2), "float32"), "q": np.eye(3, dtype="float32")[[0, 2, 1, 1]]}
    theirs.compile(
        "sgd",
        {"p": "mse", "q": tf_keras.losses.CategoricalCrossentropy(label_smoothing=0.1)},
        loss_weights={"p": 0.5, "q": 2.0},
        metrics={"p": ["mae"], "q": ["accuracy", tf_keras.metrics.TopKCategoricalAccuracy(2)]},
    )
    theirs.train_on_batch(x, y)
    for file in ("m.h5", "m.keras"):
        theirs.save(tmp_path / file)
        model = saving.load_model(tmp_path / file)
        ours = model.evaluate(x, y, verbose=0, return_dict=True)
        known = theirs.evaluate(x, y, verbose=0, return_dict=True)
        assert ours.keys() == known.keys()
        np.testing.assert_allclose([ours[key] for key in known], list(known.values()), rtol=1e-5)


# ---------------------------------------------------------------- what stands beside layers


def functions():
    """Functions of TensorFlow and of its K, and operators, called on Tensors."""
    k, x, y = tf_keras.backend, tf_keras.Input((4, 6)), tf_keras.Input((4, 6))
    h = [x * 2.0 + 1.0, 1.0 - x, x / (tf.abs(y) + 1.0), -x, x**2, abs(x)]
    h += [x @ tf.transpose(y, [0, 2, 1]), tf.tensordot(x, np.ones((6, 2), "float32"), 1)]
    h += [tf.nn.relu(x), tf.nn.softmax(x, axis=1), tf.nn.l2_normalize(x, axis=-1)]
    h += [tf.math.log(tf.abs(x) + 1.0), tf.exp(x), tf.sqrt(tf.abs(y)), tf.nn.leaky_relu(x)]
    h += [tf.nn.gelu(y), tf.tanh(x), tf.sigmoid(x), tf.maximum(x, y), tf.nn.silu(x)]
    h += [tf.clip_by_value(x, -0.5, 0.5), tf.concat([x[:, :, :2], y[:, :, 4:]], -1)]
    h += [tf.stack([x[:, :, 0], y[:, :, 1]], axis=2), tf.expand_dims(x[:, :, 3], -1)]
    h += [tf.tile(x[:, :, :1], [1, 1, 2]), tf.reverse(x, [1]), tf.cumsum(x, axis=1)]
    h += [tf.cast(x > 0.0, "float32"), tf.where(x > y, x, y), tf.pad(x, [[0, 0], [0, 0], [1, 1]])]
    h += [tf.gather(x, [0, 2], axis=2), tf.split(x, 3, axis=2)[1], tf.split(x, [1, 2, 3], 2)[2]]
    h += [x + tf.constant(np.arange(6.0), tf.float32), tf.repeat(x, 2, axis=2), tf.roll(x, 1, 1)]
    h += [tf.square(x) - tf.negative(y), tf.reshape(x, (-1, 4, 3, 2))[:, :, :, 0]]
    h += [tf.squeeze(x[:, :, 1:2], -1)[:, :, tf.newaxis], tf.reduce_max(x, 1, keepdims=True) + x]
    h += [tf.unstack(x, axis=1)[2][:, None, :] + x, k.mean(x, axis=1, keepdims=True) + y]
    h += [k.square(x), k.concatenate([x, y]), k.l2_normalize(x, -1), tf.identity(x)]
    h += [tf.stop_gradient(x), tf.one_hot(tf.argmax(x, axis=-1), 6), tf.math.reduce_std(x) + x]
    return tf_keras.Model([x, y], h)


@pytest.mark.parametrize("file", ["m.h5", "m.keras"])
def test_functions_of_tensorflow(file, tmp_path):
    theirs = functions()
    x = data_of(theirs)
    theirs.save(tmp_path / file)
    check(saving.load_model(tmp_path / file), x, outputs(theirs, x))


def on(shape, fn):
    x = tf_keras.Input(shape)
    return tf_keras.Model(x, fn(x))


REFUSED = {
    "no op": (lambda: on((3, 3, 3), tf.image.flip_left_right), r"tf\.image\.flip_left_right"),
    "no option": (lambda: on((3, 3), lambda x: tf.cumsum(x, 1, reverse=True)), "reverse="),
    "code": (lambda: on((3,), L.Lambda(lambda x: 2 * x)), "never"),
    "ragged": (lambda: ragged(), "ragged"),
    "time first": (lambda: on((3, 4), L.LSTM(2, time_major=True)), "time_major"),
    "several axes": (lambda: on((3, 4), L.BatchNormalization(axis=[1, 2])), "axis"),
}


def ragged():
    x = tf_keras.Input((None,), ragged=True, dtype="int32")
    return tf_keras.Model(x, L.Embedding(3, 2)(x))


@pytest.mark.parametrize("name", REFUSED)
def test_what_nothing_here_does_is_named(name, tmp_path):
    make, words = REFUSED[name]
    make().save(tmp_path / "m.h5")
    with pytest.raises(saving.ModelFileError, match=words):
        saving.load_model(tmp_path / "m.h5")


def scaled(base, **register):
    class Scaled(base):
        def __init__(self, factor=2.0, **kwargs):
            super().__init__(**kwargs)
            self.factor = factor

        def build(self, shape):
            self.w = self.add_weight(name="w", shape=(shape[-1],), initializer="ones")

        def call(self, x):
            return x * self.w * self.factor

        def get_config(self):
            return {**super().get_config(), "factor": self.factor}

    return Scaled


@pytest.mark.parametrize("registered", [False, True])
def test_a_users_layer_and_a_users_model(registered, tmp_path):
    theirs_of = scaled(L.Layer)
    if registered:
        theirs_of = tf_keras.utils.register_keras_serializable("files")(theirs_of)
    x = tf_keras.Input((3,))
    theirs = fill(tf_keras.Model(x, L.Dense(2)(theirs_of(3.0)(x))))
    data = data_of(theirs)
    for file in ("m.h5", "m.keras"):
        theirs.save(tmp_path / file)
        own = {"Scaled": scaled(layers.Layer)}
        check(saving.load_model(tmp_path / file, own), data, outputs(theirs, data))
        with pytest.raises(saving.ModelFileError, match="Scaled"):
            saving.load_model(tmp_path / file)


@pytest.mark.parametrize(("policy", "near"), [("mixed_float16", 2e-3), ("mixed_bfloat16", 2e-2)])
def test_policies(policy, near, tmp_path):
    x = tf_keras.Input((3,))
    h = L.BatchNormalization(dtype=policy)(L.Dense(4, dtype=policy)(x))
    theirs = fill(tf_keras.Model(x, L.Dense(2, dtype="float32")(h)))
    data = data_of(theirs)
    for file in ("m.h5", "m.keras"):
        theirs.save(tmp_path / file)
        model = saving.load_model(tmp_path / file)
        assert model.layers[1].dtype_policy.name == policy
        np.testing.assert_allclose(outputs(model, data)[0], outputs(theirs, data)[0], rtol=near)


def test_vocabularies(tmp_path):
    x = tf_keras.Input((3,), dtype="int32")
    table = L.IntegerLookup()
    table.adapt(np.array([4, 7, 9, 7, 4, 4]))
    theirs = fill(tf_keras.Model(x, L.Embedding(5, 2)(table(x))))
    theirs.save(tmp_path / "m.keras")
    data = np.array([[4, 7, 5], [9, 9, 4]], "int32")
    check(saving.load_model(tmp_path / "m.keras"), data, outputs(theirs, data))


def test_a_saved_model_and_a_checkpoint_are_named(tmp_path):
    theirs = MODELS["mlp"](tf_keras)
    theirs.save(tmp_path / "folder", save_format="tf")
    theirs.save_weights(tmp_path / "weights")
    ours = MODELS["mlp"](cornu)
    for call, path in (
        (saving.load_model, "folder"),
        (ours.load_weights, "folder"),
        (ours.load_weights, "weights"),
        (ours.load_weights, "weights.index"),
    ):
        with pytest.raises(saving.ModelFileError, match="tf_keras") as caught:
            call(tmp_path / path)
        assert caught.value.code == "E-FILE-TENSORFLOW"


# ---------------------------------------------------------------- our weights there

OTHERWISE = {
    "activated": "today's hard_sigmoid has another slope",
    "gru": "today's hard_sigmoid has another slope",
    "convolved_in_time": "the recurrent activation of its ConvLSTM2D is the hard one",
}
"""Models whose code means something else there: their outputs are not compared."""

UNREADABLE = {"attentive"}
"""Its MultiHeadAttention is read there by other paths than those of Keras 3."""


@pytest.mark.parametrize("name", [n for n in MODELS if n != "stateful"])
def test_tf_keras_loads_our_weights(name, tmp_path):
    tf_keras.backend.clear_session()
    model = fill(MODELS[name](cornu))
    x = data_of(model)
    theirs = MODELS[name](tf_keras)
    for file in ("w.h5", "w.weights.h5")[: 1 if name in UNREADABLE else 2]:
        model.save_weights(tmp_path / file)
        fill(theirs, 9).load_weights(tmp_path / file)
        if name not in OTHERWISE:
            check(model, x, outputs(theirs, x))


# ---------------------------------------------------------------- our whole models there

KERAS_3_ALONE = {"lstm", "attentive"}
"""Their calls take Tensors beside the first argument, which Keras 3 finds in its own form alone."""


def models_inside(k):
    """Models with and without an input, called twice, as outputs and as one layer of another."""
    L, x = k.layers, k.Input((4,))
    a = k.Input((4,))
    deep = k.Model(a, [L.Dense(3)(a), L.Dense(2)(a)], name="deep")
    tower = k.Sequential([k.Input((4,)), L.Dense(4), L.Dense(4)], name="tower")
    h = tower(tower(L.Dense(4)(x)))
    (p, q), (_, r) = deep(h), deep(x)
    each = L.TimeDistributed(deep.layers[1])(L.Reshape((1, 4))(h))
    return k.Model(x, [tower(h), L.Add()([q, r]), p, L.Flatten()(each)])


SAVED = {**MODELS, "models_inside": models_inside}


@pytest.mark.parametrize("name", [n for n in SAVED if n not in KERAS_3_ALONE])
def test_tf_keras_loads_our_whole_h5(name, tmp_path):
    tf_keras.backend.clear_session()
    model = fill(SAVED[name](cornu))
    x = data_of(model)
    model.save(tmp_path / "m.h5")
    theirs = tf_keras.models.load_model(tmp_path / "m.h5")
    assert [layer.name for layer in theirs.layers] == [layer.name for layer in model.layers]
    if name not in {"activated", "gru"}:
        check(model, x, outputs(theirs, x))


THERE = ("sgd", "momentum", "adam", "amsgrad", "rmsprop", "adagrad", "adamax", "ftrl", "falling")
"""Optimizers of both generations; AdamW, averages and what else is new Keras 2 does not read."""

SOME_THERE = [
    *((name, "adam") for name in ("cnn", "nested", "shared")),
    *((name, "momentum") for name in ("nested", "shared")),
]


@pytest.mark.parametrize(("name", "kind"), [*(("mlp", kind) for kind in THERE), *SOME_THERE])
def test_tf_keras_trains_on_from_our_whole_h5(name, kind, tmp_path):
    tf_keras.backend.clear_session()
    model = fill(MODELS[name](cornu))
    x = data_of(model)
    y = np.random.default_rng(4).uniform(size=outputs(model, x)[0].shape).astype("float32")
    model.compile(OPTIMIZERS[kind](cornu), "mse", metrics=["mae"])
    for _ in range(2):
        model.train_on_batch(x, y)
    model.save(tmp_path / "m.h5")
    theirs = tf_keras.models.load_model(tmp_path / "m.h5")
    assert int(theirs.optimizer.iterations) == 2
    known = [theirs.train_on_batch(x, y) for _ in range(3)]
    found = [model.train_on_batch(x, y) for _ in range(3)]
    np.testing.assert_allclose(found, known, rtol=1e-4)


def test_our_losses_and_metrics_there(tmp_path):
    model = fill(MODELS["two_ends"](cornu))
    x = data_of(model)
    y = {"p": np.ones((4, 2), "float32"), "q": np.eye(3, dtype="float32")[[0, 2, 1, 1]]}
    model.compile(
        "sgd",
        {"p": "mse", "q": cornu.losses.CategoricalCrossentropy(label_smoothing=0.1)},
        loss_weights={"p": 0.5, "q": 2.0},
        metrics={"p": ["mae"], "q": ["accuracy", cornu.metrics.TopKCategoricalAccuracy(2)]},
    )
    model.save(tmp_path / "m.h5")
    theirs = tf_keras.models.load_model(tmp_path / "m.h5")
    ours = model.evaluate(x, y, verbose=0, return_dict=True)
    known = theirs.evaluate(x, y, verbose=0, return_dict=True)
    assert len(ours) == len(known)
    np.testing.assert_allclose(list(ours.values()), list(known.values()), rtol=1e-5)
