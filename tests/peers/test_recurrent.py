"""Recurrent layers compute, learn and are saved as those of Keras 3.15.1."""

import json

import numpy as np
import pytest

import cornu
from cornu import config
from peers.checks import leaves, same, scattered

pytestmark = pytest.mark.peers

NEAR = {"rtol": 1e-5, "atol": 5e-6}
TRAINED = {"rtol": 1e-4, "atol": 1e-5}


def some(*shape):
    return np.random.default_rng(sum(shape)).normal(size=shape).astype("float32")


X = some(3, 5, 4)
MASK = np.array([[1, 1, 0, 1, 0], [1, 1, 1, 0, 0], [1, 0, 1, 1, 1]], bool)
SEQ, STATE, BACK = ({n: True} for n in ("return_sequences", "return_state", "go_backwards"))
PLAIN = {"use_bias": False, "activation": "relu"}

ROWS = [
    ("SimpleRNN(3, {})", {}),
    ("SimpleRNN(3, {})", {**SEQ, **STATE, **PLAIN}),
    ("GRU(3, {})", {}),
    ("GRU(3, {})", {**SEQ, **STATE, **BACK}),
    ("GRU(3, {})", {**STATE, "reset_after": False}),
    ("GRU(3, {})", {**SEQ, "reset_after": False, "recurrent_activation": "hard_sigmoid", **PLAIN}),
    ("LSTM(3, {})", {}),
    ("LSTM(3, {})", {**SEQ, **STATE, **BACK}),
    ("LSTM(3, {})", {**SEQ, "recurrent_activation": "hard_sigmoid", **PLAIN}),
    ("LSTM(3, {})", {"unroll": True, **SEQ, "unit_forget_bias": False}),
    ("LSTM(3, {})", {**SEQ, "zero_output_for_mask": True}),
    ("GRU(3, {})", {"zero_output_for_mask": True}),
    ("RNN({k}.LSTMCell(3), {})", {**SEQ, **STATE}),
    ("RNN({k}.GRUCell(3, reset_after=False), {})", {**BACK}),
    ("RNN([{k}.LSTMCell(4), {k}.GRUCell(3)], {})", {**SEQ, **STATE}),
    ("RNN([{k}.SimpleRNNCell(4), {k}.SimpleRNNCell(3)], {})", {**BACK}),
    ("RNN({k}.StackedRNNCells([{k}.LSTMCell(4), {k}.LSTMCell(3)]), {})", {}),
    ("Bidirectional({k}.LSTM(3), {})", {}),
    ("Bidirectional({k}.LSTM(3, return_sequences=True), {})", {"merge_mode": "sum"}),
    ("Bidirectional({k}.GRU(3, return_sequences=True), {})", {"merge_mode": "mul"}),
    ("Bidirectional({k}.GRU(3), {})", {"merge_mode": "ave"}),
    ("Bidirectional({k}.SimpleRNN(3, return_sequences=True), {})", {"merge_mode": None}),
    ("Bidirectional({k}.LSTM(3, return_sequences=True, return_state=True), {})", {}),
    ("Bidirectional({k}.LSTM(3, return_state=True), {})", {"merge_mode": "ave"}),
    ("Bidirectional({k}.RNN({k}.LSTMCell(3), return_sequences=True), {})", {}),
    (
        "Bidirectional({k}.LSTM(3, return_sequences=True), backward_layer="
        "{k}.GRU(2, return_sequences=True, go_backwards=True), {})",
        {},
    ),
]
IMAGES = [
    ("ConvLSTM1D(3, 2, {})", {}, (2, 3, 6, 2)),
    ("ConvLSTM1D(3, 3, {})", {**SEQ, **BACK, "padding": "same", "strides": 2}, (2, 3, 6, 2)),
    ("ConvLSTM2D(3, 2, {})", {**SEQ, **STATE}, (2, 3, 5, 6, 2)),
    ("ConvLSTM2D(3, (3, 2), {})", {**PLAIN, "dilation_rate": 2}, (2, 3, 7, 6, 2)),
    (
        "ConvLSTM2D(2, 2, {})",
        {"data_format": "channels_first", **SEQ, **STATE, "recurrent_activation": "hard_sigmoid"},
        (2, 3, 2, 5, 6),
    ),
    ("ConvLSTM3D(2, 2, {})", {**SEQ, "unit_forget_bias": False}, (1, 2, 3, 4, 3, 2)),
    ("Bidirectional({k}.ConvLSTM1D(2, 2, return_sequences=True), {})", {}, (2, 3, 6, 2)),
]
LABELS = {"ids": lambda v: v if isinstance(v, str) else "-".join(map(str, v)) if v else "-"}


def made(k, text, options):
    """A layer of library `k` from its call in words."""
    filled = text.replace("{k}", "k.layers").replace("{}", "**options")
    return eval(f"k.layers.{filled}", {"k": k, "options": options})


def pair(keras, text, options, shape):
    theirs, ours = (made(k, text, options) for k in (keras, cornu))
    for layer in (theirs, ours):
        layer.build(shape)
    mine = [(w.name, tuple(w.shape), w.trainable) for w in ours.weights]
    assert mine == [(w.name, tuple(w.shape), w.trainable) for w in theirs.weights]
    assert paths(ours) == paths(theirs)
    weights = scattered(theirs)
    theirs.set_weights(weights)
    ours.set_weights(weights)
    return ours, theirs


def paths(layer):
    """Paths of weights without the numbers that names end in."""
    return [[part.rstrip("_0123456789") for part in v.path.split("/")] for v in layer.weights]


@pytest.mark.parametrize(("text", "options"), ROWS, **LABELS)
def test_layers(text, options, keras):
    ours, theirs = pair(keras, text, options, X.shape)
    for training in (False, True):
        same(ours(X, training=training), theirs(X, training=training), text, NEAR)


@pytest.mark.parametrize(("text", "options", "shape"), IMAGES, **LABELS)
def test_layers_of_images(text, options, shape, keras):
    ours, theirs = pair(keras, text, options, shape)
    x = some(*shape)
    for training in (False, True):
        same(ours(x, training=training), theirs(x, training=training), text, NEAR)


@pytest.mark.parametrize(("text", "options"), ROWS, **LABELS)
def test_masks(text, options, keras):
    ours, theirs = pair(keras, text, options, X.shape)
    same(ours(X, mask=MASK), theirs(X, mask=MASK), text, NEAR)


@pytest.mark.parametrize("name, count", [("SimpleRNN", 1), ("GRU", 1), ("LSTM", 2)])
def test_initial_states(name, count, keras):
    ours, theirs = pair(keras, f"{name}(3, {{}})", {**SEQ, **STATE}, X.shape)
    states = [some(3, 3) * (i + 1) for i in range(count)]
    given = [[states], [states[0] if count == 1 else tuple(states)]]
    for (one,) in given:
        same(ours(X, initial_state=one), theirs(X, initial_state=one), name, NEAR)
    both = [made(k, f"Bidirectional({{k}}.{name}(3), {{}})", {}) for k in (cornu, keras)]
    for layer in both:
        layer.build(X.shape)
    both[0].set_weights(both[1].get_weights())
    same(*[b(X, initial_state=[*states, *states]) for b in both], f"{name} both ways", NEAR)


@pytest.mark.parametrize("name", ["SimpleRNN", "GRU", "LSTM"])
def test_stateful(name, keras):
    """States go on from call to call, and begin anew when asked.

    Passes over data are not compared: those of Keras on JAX do not carry states as its calls do.
    `tests/layers/test_stateful.py` holds ours to the formula.
    """
    models = []
    for k in (cornu, keras):
        x = k.layers.Input(batch_shape=(3, 5, 4))
        models.append(k.Sequential([x, made(k, f"{name}(3, {{}})", {"stateful": True})]))
    ours, theirs = models
    ours.set_weights(theirs.get_weights())
    data = some(9, 5, 4)
    for x in np.split(data, 3):
        same(*[m(x) for m in models], name, NEAR)
    for m in models:
        m.layers[0].reset_state()
    same(*[m(data[:3]) for m in models], name, NEAR)


@pytest.mark.parametrize("name", ["SimpleRNNCell", "GRUCell", "LSTMCell"])
def test_cells(name, keras):
    ours, theirs = pair(keras, f"{name}(3, {{}})", {}, (2, 4))
    begun = ours.get_initial_state(batch_size=2)
    same(begun, theirs.get_initial_state(batch_size=2), name)
    states = [some(2, 3) for _ in begun]
    same(ours(some(2, 4), states), theirs(some(2, 4), states), name, NEAR)
    assert leaves(ours.state_size) == leaves(theirs.state_size)
    assert ours.output_size == theirs.output_size


# ---------------------------------------------------------------- learning


def words(k):
    """Padded words through three recurrent layers."""
    layers = k.layers
    return k.Sequential(
        [
            layers.Input((5,), dtype="int32"),
            layers.Embedding(9, 4, mask_zero=True),
            layers.Bidirectional(layers.LSTM(3, return_sequences=True)),
            layers.GRU(4, return_sequences=True, recurrent_regularizer="l2"),
            layers.SimpleRNN(3, kernel_regularizer="l1", bias_constraint="non_neg"),
            layers.Dense(1),
        ]
    )


def stacks(k):
    layers = k.layers
    x = layers.Input((5, 4))
    cells = [layers.LSTMCell(3), layers.GRUCell(4, reset_after=False)]
    y, *states = layers.RNN(cells, return_sequences=True, return_state=True)(x)
    y = layers.LSTM(4, go_backwards=True, activity_regularizer="l2")(y)
    last = states[-1][0] if isinstance(states[-1], (list, tuple)) else states[-1]
    return k.Model(x, layers.Dense(1)(layers.Concatenate()([y, last])))


def images(k):
    layers = k.layers
    return k.Sequential(
        [
            layers.Input((3, 5, 5, 2)),
            layers.ConvLSTM2D(2, 3, padding="same", return_sequences=True),
            layers.ConvLSTM2D(2, 2, strides=2),
            layers.Flatten(),
            layers.Dense(1),
        ]
    )


def decoder(k):
    layers = k.layers
    x = layers.Input((5, 4))
    _, h, c = layers.LSTM(3, return_state=True)(x)
    y = layers.LSTM(3, return_sequences=True)(x, initial_state=[h, c])
    return k.Model(x, layers.TimeDistributed(layers.Dense(1))(y))


rng = np.random.default_rng(4)
TOKENS = rng.integers(1, 9, (8, 5)).astype("int32") * (np.arange(5) < rng.integers(1, 6, (8, 1)))
MODELS = [
    (words, TOKENS.astype("int32"), some(8, 1)),
    (stacks, some(8, 5, 4), some(8, 1)),
    (images, some(8, 3, 5, 5, 2), some(8, 1)),
    (decoder, some(8, 5, 4), some(8, 5, 1)),
]


@pytest.mark.parametrize(("make", "x", "y"), MODELS, ids=lambda v: getattr(v, "__name__", ""))
def test_three_steps_of_training(make, x, y, keras):
    theirs, ours = make(keras), make(cornu)
    weights = scattered(theirs)
    for k, model in ((keras, theirs), (cornu, ours)):
        model.set_weights(weights)
        model.compile(k.optimizers.SGD(0.2), "mse")
    for step in range(3):
        losses = [np.ravel(m.train_on_batch(x, y))[0] for m in (ours, theirs)]
        same(*losses, f"loss of step {step}", TRAINED)
    same(ours.get_weights(), theirs.get_weights(), "weights", TRAINED)
    assert max(np.abs(a - b).max() for a, b in zip(weights, ours.get_weights(), strict=True)) > 0.01


# ---------------------------------------------------------------- files and configs


@pytest.mark.parametrize(("make", "x", "y"), MODELS, ids=lambda v: getattr(v, "__name__", ""))
def test_files_both_ways(make, x, y, keras, tmp_path):
    theirs, ours = make(keras), make(cornu)
    theirs.set_weights(scattered(theirs))
    theirs.save(tmp_path / "theirs.keras")
    read = cornu.saving.load_model(tmp_path / "theirs.keras")
    same(read.predict(x, verbose=0), theirs.predict(x, verbose=0), "read by us", NEAR)
    ours.set_weights(theirs.get_weights())
    ours.save(tmp_path / "ours.keras")
    read = keras.saving.load_model(tmp_path / "ours.keras")
    same(read.predict(x, verbose=0), ours.predict(x, verbose=0), "read by Keras", NEAR)
    theirs.save_weights(tmp_path / "theirs.weights.h5")
    other = make(cornu)
    other.load_weights(tmp_path / "theirs.weights.h5")
    same(other.get_weights(), theirs.get_weights(), "weights alone", {"rtol": 0, "atol": 0})


@pytest.mark.parametrize(
    ("text", "options"),
    [*ROWS, *[(t, o) for t, o, _ in IMAGES], ("StackedRNNCells([{k}.LSTMCell(2)], {})", {})],
    **LABELS,
)
def test_configs_both_ways(text, options, keras):
    theirs, ours = (made(k, text, options) for k in (keras, cornu))
    form = json.loads(json.dumps(config.serialize(ours)))
    read = keras.saving.deserialize_keras_object(form)
    assert type(read) is type(theirs)
    its = json.loads(json.dumps(keras.saving.serialize_keras_object(theirs)))
    assert form["module"] == its["module"]
    back = config.deserialize(its)
    assert type(back) is type(ours)
    known = without_names(config.serialize(back)["config"])
    wanted = without_names(its["config"])
    assert {n: known.get(n) for n in wanted} == wanted
    assert without_names(read.get_config()) == wanted


UNSAID = {"name", "dtype", "build_config", "registered_name", "seed", "quantization_config"}


def without_names(form):
    """Plain data without names, and without what says nothing."""
    if isinstance(form, dict):
        return {k: without_names(v) for k, v in form.items() if k not in UNSAID and v is not None}
    if isinstance(form, (list, tuple)):
        return [without_names(v) for v in form]
    return form
