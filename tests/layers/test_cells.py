"""Cells: those of the library, called by themselves, and those that users write."""

import json

import numpy as np
import pytest

from contracts.checks import assert_close, check_gradient, in_float64, wide
from contracts.engine_table import some
from contracts.layers_values import by_name, randomize
from contracts.recurrent_reference import (
    gru_step,
    lstm_step,
    over_time,
    sigmoid,
    simple_step,
)
from cornu import config, engine, layers, ops, state
from cornu.errors import UsageError
from cornu.layers import (
    GRU,
    LSTM,
    RNN,
    BatchNormalization,
    Bidirectional,
    Dense,
    Dropout,
    GRUCell,
    Input,
    Layer,
    LSTMCell,
    PReLU,
    SimpleRNN,
    SimpleRNNCell,
    StackedRNNCells,
)
from cornu.models import Model, Sequential

UNITS = 3
CELLS = [
    (SimpleRNNCell, simple_step, 1, {}),
    (SimpleRNNCell, simple_step, 1, {"use_bias": False, "activation": "softplus"}),
    (GRUCell, gru_step, 1, {}),
    (GRUCell, gru_step, 1, {"reset_after": False, "use_bias": False}),
    (LSTMCell, lstm_step, 2, {}),
    (LSTMCell, lstm_step, 2, {"recurrent_activation": "tanh", "activation": "softplus"}),
]
LABELS = [f"{c[0].__name__}-{'-'.join(c[3])}" for c in CELLS]
X = some(2, 4)


def fed(count):
    """An input of one step, and states."""
    return X, [some(2, UNITS) * (i + 1) for i in range(count)]


# ---------------------------------------------------------------- cells of the library


@pytest.mark.parametrize(("kind", "step", "count", "options"), CELLS, ids=LABELS)
def test_one_step(kind, step, count, options):
    cell = kind(UNITS, **options)
    x, states = fed(count)
    cell.build(x.shape)
    randomize(cell.weights)
    expected = step(*wide([x, states]), by_name(cell), units=UNITS, **options)
    for given in (states, tuple(states)):
        output, new = cell(x, given)
        assert isinstance(new, list)
        assert_close([output, *new], [expected[0], *expected], 1e-5, 1e-5)
    assert cell.state_size == ([UNITS, UNITS] if count == 2 else UNITS)
    assert cell.output_size == UNITS
    assert [s.shape for s in cell.get_initial_state(5)] == [(5, UNITS)] * count
    assert not any(np.any(s) for s in cell.get_initial_state(batch_size=5))


@pytest.mark.parametrize(("kind", "step", "count", "options"), CELLS, ids=LABELS)
def test_slopes_of_one_step(kind, step, count, options):
    with in_float64():
        cell = kind(UNITS, **options)
        x, states = fed(count)
        cell.build(x.shape)
        randomize(cell.weights)
        values = [v.numpy() for v in cell.weights]
    run = state.pure(lambda x, *s: engine.np.concatenate(cell(x, list(s))[1]), cell.weights)
    names = list(by_name(cell))

    def reference(x, *rest):
        w = dict(zip(names, rest[count:], strict=True))
        return np.concatenate(step(x, list(rest[:count]), w, units=UNITS, **options))

    def fn(x, *rest):
        return run(list(rest[count:]), x, *rest[:count])[0]

    check_gradient(fn, reference, [x, *states, *values], range(1 + count + len(values)))


@pytest.mark.parametrize("kind", [SimpleRNNCell, GRUCell, LSTMCell])
@pytest.mark.parametrize("name", ["bfloat16", "mixed_bfloat16", "mixed_float16"])
def test_dtype_policies(kind, name):
    cell = kind(UNITS, dtype=name)
    states = cell.get_initial_state(2)
    output, new = cell(X, states)
    computed = cell.compute_dtype
    assert computed in name
    assert {str(v.dtype) for v in [output, *states, *new]} == {computed}
    assert {v.dtype for v in cell.weights} == {"bfloat16" if name == "bfloat16" else "float32"}


@pytest.mark.parametrize(
    "cell",
    [
        SimpleRNNCell(3, dropout=0.1, seed=4),
        GRUCell(3, reset_after=False, recurrent_constraint="non_neg"),
        LSTMCell(3, unit_forget_bias=False, kernel_regularizer="l2"),
        StackedRNNCells([LSTMCell(3), GRUCell(2)]),
    ],
    ids=lambda c: type(c).__name__,
)
def test_config_round_trip(cell):
    form = json.loads(json.dumps(config.serialize(cell)))
    again = config.deserialize(form)
    assert type(again) is type(cell)
    assert again.get_config() == cell.get_config()


@pytest.mark.parametrize("kind", [SimpleRNN, GRU, LSTM])
def test_what_is_asked_of_a_weight_reaches_it(kind):
    """Regularizers and constraints of a layer are those of its cell's weights."""
    told = {
        "kernel_regularizer": "l1",
        "recurrent_constraint": "unit_norm",
        "bias_regularizer": "l2",
        "bias_initializer": "ones",
    }
    layer = kind(3, **told)
    layer.build((None, None, 2))
    kernel, recurrent, bias = layer.weights
    assert [v.name for v in layer.weights] == ["kernel", "recurrent_kernel", "bias"]
    assert [v.regularizer is not None for v in layer.weights] == [True, False, True]
    assert [v.constraint is not None for v in layer.weights] == [False, True, False]
    expected = 0.01 * np.abs(kernel.numpy()).sum() + 0.01 * (bias.numpy() ** 2).sum()
    assert float(sum(layer.losses)) == pytest.approx(expected, rel=1e-5)
    model = Sequential([Input((4, 2)), layer])
    model.compile("sgd", "mse")
    model.fit(some(8, 4, 2), some(8, 3), verbose=0)
    np.testing.assert_allclose((recurrent.numpy() ** 2).sum(0), 1, rtol=1e-4)


@pytest.mark.parametrize(("kind", "gates"), [(SimpleRNN, 1), (GRU, 3), (LSTM, 4)])
def test_how_weights_begin(kind, gates):
    """The recurrent kernel is orthogonal, the bias zero but for the forget gate of an LSTM."""
    layer = kind(5)
    layer.build((None, None, 7))
    kernel, recurrent, bias = (v.numpy() for v in layer.weights)
    limit = np.sqrt(6 / (7 + 5 * gates))  # Glorot and Bengio 2010
    assert 0.8 * limit < np.abs(kernel).max() <= limit
    np.testing.assert_allclose(recurrent @ recurrent.T, np.eye(5), atol=1e-5)
    expected = np.zeros_like(bias)
    if kind is LSTM:
        expected[5:10] = 1
    np.testing.assert_array_equal(bias, expected)


# ---------------------------------------------------------------- stacks


def test_a_stack_is_one_cell():
    stack = StackedRNNCells([LSTMCell(3), GRUCell(2), SimpleRNNCell(4)])
    stack.build((None, 4))
    randomize(stack.weights)
    states = stack.get_initial_state(batch_size=2)
    assert [np.shape(s) for s in states[0]] == [(2, 3), (2, 3)]
    assert stack.state_size == [[3, 3], 2, 4]
    assert stack.output_size == 4
    output, new = stack(X, states)
    x = X
    for cell, own, found in zip(stack.cells, states, new, strict=True):
        x, expected = cell(x, own)
        assert_close(found, expected, 1e-5, 1e-5)
    assert_close(output, x, 1e-5, 1e-5)


@pytest.mark.parametrize("more", [{}, {"go_backwards": True, "unroll": True}], ids=str)
def test_a_stack_over_time_is_layers_one_above_the_other(more):
    """All outputs, the last states of each cell, and masks."""
    x, mask = some(2, 5, 4), np.array([[1, 1, 0, 1, 0], [0, 1, 1, 1, 1]], bool)
    options = {"return_sequences": True, "return_state": True}
    stacked = RNN([LSTMCell(3), GRUCell(2)], **options, **more)
    outputs, of_first, of_second = stacked(x, mask=mask)
    single = [LSTM(3, **options, **more), GRU(2, return_sequences=True, return_state=True)]
    middle = single[0](x, mask=mask)
    kept = mask[:, ::-1] if more else mask
    single[1](middle[0], mask=kept)
    for layer, cell in zip(single, stacked.cell.cells, strict=True):
        layer.set_weights(cell.get_weights())
    middle, *of_lower = single[0](x, mask=mask)
    expected, of_upper = single[1](middle, mask=kept)
    assert_close([outputs, of_first, of_second], [expected, of_lower, of_upper], 1e-5, 1e-5)


def test_a_stack_with_a_cell_of_the_users_is_run_step_by_step():
    """Fast cells beside a slow one: the same as all of them fast."""
    x = some(2, 5, 4)
    fast = RNN([LSTMCell(3), GRUCell(3)], return_sequences=True)
    slow = RNN([Told(3), GRUCell(3)], return_sequences=True)
    fast(x), slow(x)
    randomize(fast.weights)
    slow.set_weights(fast.get_weights())
    assert_close(slow(x), fast(x), 1e-5, 1e-5)
    mask = np.array([[1, 1, 0, 1, 0], [0, 1, 1, 1, 1]], bool)
    assert_close(slow(x, mask=mask), fast(x, mask=mask), 1e-5, 1e-5)


# ---------------------------------------------------------------- cells of users


class Told(LSTMCell):
    """A subclass with a `call` of its own, which notes what it is asked."""

    def call(self, inputs, states, training=None):
        self.phases = [*getattr(self, "phases", []), training]
        return super().call(inputs, states, training)


class Minimal(Layer):
    """A cell as the guides of Keras 3 show it."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.state_size = units

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1], self.units), name="kernel")
        self.recurrent_kernel = self.add_weight(
            shape=(self.units, self.units), initializer="orthogonal", name="recurrent_kernel"
        )

    def call(self, inputs, states):
        output = ops.tanh(
            ops.matmul(inputs, self.kernel) + ops.matmul(states[0], self.recurrent_kernel)
        )
        return output, [output]


class Fading(Layer):
    """Two states, their own beginning, a phase and constants: `s = s / 2 + x + constants`."""

    state_size = [4, 1]
    output_size = 4

    def get_initial_state(self, batch_size=None):
        return [ops.ones((batch_size, 4)), ops.zeros((batch_size, 1))]

    def call(self, inputs, states, constants=None, training=False):
        s, count = states
        for c in constants or ():
            inputs = inputs + c
        s = s / 2 + inputs
        return (s if training else -s), (s, count + 1)


class Bare(Layer):
    """A cell whose new state is no list."""

    state_size = 4

    def call(self, inputs, states):
        return inputs + states[0], inputs


def test_a_minimal_cell_trains_as_simple_rnn():
    x, y = some(16, 5, 4), some(16, 3)
    models = [
        Sequential([Input((5, 4)), RNN(Minimal(3)), Dense(3)]),
        Sequential([Input((5, 4)), SimpleRNN(3, use_bias=False), Dense(3)]),
    ]
    models[1].set_weights(models[0].get_weights())
    for model in models:
        model.compile("adam", "mse")
        model.fit(x, y, epochs=3, batch_size=8, shuffle=False, verbose=0)
    assert_close(*[m.get_weights() for m in models], rtol=1e-4, atol=1e-5)
    assert_close(*[m.predict(x, verbose=0) for m in models], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("training", [False, True])
def test_beginning_phase_and_constants_reach_a_cell(training):
    x, a, b = some(2, 3, 4), some(2, 4), some(2, 4)
    layer = RNN(Fading(), return_sequences=True, return_state=True)
    s, expected = np.ones((2, 4)), []
    for t in range(3):
        s = s / 2 + x[:, t] + a + b
        expected.append(s if training else -s)
    for found in (
        layer(x, constants=[a, b], training=training),
        layer([x, np.ones((2, 4), "float32"), np.zeros((2, 1), "float32"), a, b], training=training),
    ):
        outputs, last, count = found
        assert_close([outputs, last, count], [np.stack(expected, 1), s, np.full((2, 1), 3.0)], 1e-5, 1e-5)


def test_constants_in_a_graph():
    """A Tensor for a constant; the whole model learns through it."""
    x, c = Input((None, 4)), Input((4,))
    y = RNN(Fading())(x, constants=[Dense(4)(c)])
    model = Model([x, c], y)
    assert y.shape == (None, 4)
    model.compile("sgd", "mse")
    before = model.get_weights()
    model.fit([some(4, 3, 4), some(4, 4)], some(4, 4), verbose=0)
    assert not np.allclose(before[0], model.get_weights()[0])


def test_a_new_state_that_is_no_list():
    x = some(2, 3, 4)
    found = RNN(Bare(), return_sequences=True)(x)
    before = np.concatenate([np.zeros((2, 1, 4)), x[:, :-1]], 1)
    assert_close(found, x + before, 1e-6, 1e-6)


def test_masks_reach_no_cell_but_hold_its_states():
    x, mask = some(2, 4, 3), np.array([[1, 0, 1, 0], [0, 0, 1, 1]], bool)
    for options in ({}, {"go_backwards": True}, {"zero_output_for_mask": True}):
        slow = RNN(Minimal(3), return_sequences=True, return_state=True, **options)
        fast = RNN(
            SimpleRNNCell(3, use_bias=False), return_sequences=True, return_state=True, **options
        )
        slow(x), fast(x)
        fast.set_weights(slow.get_weights())
        w = by_name(slow)
        expected, last = over_time(
            lambda x, s, w=w: simple_step(x, s, w),
            x,
            [np.zeros((2, 3))],
            mask,
            options.get("go_backwards", False),
            options.get("zero_output_for_mask", False),
        )
        for layer in (slow, fast):
            assert_close(layer(x, mask=mask), [expected, *last], 1e-5, 1e-5)


def test_a_subclass_of_a_cell_keeps_its_call():
    x = some(2, 4, 3)
    layer, other = RNN(Told(3)), LSTM(3)
    layer(x, training=True), other(x)
    assert layer.cell.phases
    assert set(layer.cell.phases) == {True}
    other.set_weights(layer.get_weights())
    assert_close(layer(x), other(x), 1e-5, 1e-5)


class WithDropout(Layer):
    """What is left of ones after dropout, at every step."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.state_size = 8
        self.dropout = Dropout(0.5)

    def call(self, inputs, states, training=None):
        y = self.dropout(ops.ones_like(inputs), training=training)
        return y, [states[0] + y]


def test_dropout_in_a_cell_draws_anew_at_each_step():
    layer = RNN(WithDropout(), return_sequences=True)
    x = np.zeros((4, 6, 8), "float32")
    assert np.all(np.asarray(layer(x)) == 1)
    drawn = np.asarray(layer(x, training=True))
    assert set(np.unique(drawn)) == {0, 2}
    assert len({drawn[:, t].tobytes() for t in range(6)}) == 6

    run = state.pure(lambda: layer(x), [], training=True, key=engine.key(3))
    assert_close(run([])[0], run([])[0], 0, 0)


def test_dropout_in_a_cell_differs_from_batch_to_batch():
    model = Sequential([Input((2, 8)), RNN(WithDropout(), return_sequences=True)])
    seen = []

    def loss(y_true, y_pred):
        return ops.mean(ops.square(y_pred - y_true))

    model.compile("sgd", loss)
    for _ in range(3):
        x, y = np.zeros((1, 2, 8), "float32"), 10.0 ** -np.arange(16).reshape(1, 2, 8)
        seen.append(float(np.ravel(model.train_on_batch(x, y.astype("float32")))[0]))
    assert len(set(seen)) == 3


class Normalized(Layer):
    """Batch normalization at every step."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.state_size = 3
        self.norm = BatchNormalization(momentum=0.5)

    def build(self, input_shape):
        self.norm.build(input_shape)

    def call(self, inputs, states, training=None):
        y = self.norm(inputs, training=training)
        return y, [y]


def test_what_a_cell_assigns_goes_on_from_step_to_step():
    x = some(8, 3, 3)
    mean, variance = np.zeros(3), np.ones(3)
    for t in range(3):
        mean = (mean + x[:, t].mean(0)) / 2
        variance = (variance + x[:, t].var(0)) / 2
    for train in ("call", "fit"):
        model = Sequential([Input((3, 3)), RNN(Normalized())])
        norm = model.layers[0].cell.norm
        if train == "call":
            model(x, training=True)
        else:
            model.compile("sgd", "mse")
            model.fit(x, some(8, 3), batch_size=8, verbose=0)
        assert_close([norm.moving_mean.numpy(), norm.moving_variance.numpy()], [mean, variance], 1e-5, 1e-5)
        before = norm.get_weights()
        model.predict(x, verbose=0)
        assert_close(norm.get_weights(), before, 0, 0)


class Costly(Minimal):
    """A cell that adds to the loss at every step."""

    def call(self, inputs, states):
        output, new = super().call(inputs, states)
        self.add_loss(ops.sum(output**2))
        return output, new


def test_what_a_cell_adds_to_the_loss_arrives():
    x = some(4, 5, 4)
    layer = RNN(Costly(3), return_sequences=True)
    y = np.asarray(layer(x))
    assert float(sum(layer.losses)) == pytest.approx((y**2).sum(), rel=1e-5)
    model = Sequential([Input((5, 4)), layer])
    model.compile("sgd", loss=None)
    first, second = (float(np.ravel(model.train_on_batch(x, None))[0]) for _ in range(2))
    assert first == pytest.approx((y**2).sum(), rel=1e-5)
    assert second < first


@pytest.mark.parametrize("make", [SimpleRNN, GRU, LSTM])
def test_an_activation_with_weights_trains(make):
    """PReLU as the activation of a cell: its slopes get gradients, and are saved."""
    layer = make(3, activation=PReLU())
    model = Sequential([Input((5, 4)), layer])
    assert "alpha" in [v.name for v in model.trainable_weights]
    alpha = next(v for v in layer.weights if v.name == "alpha")
    alpha.assign(np.full((3,), 0.25, "float32"))
    before = alpha.numpy()
    model.compile("sgd", "mse")
    model.fit(some(8, 5, 4), some(8, 3), verbose=0)
    assert np.all(alpha.numpy() != before)
    if make is SimpleRNN:
        w, x = by_name(layer), some(8, 5, 4)

        def step(x, states):
            v = x @ w["kernel"] + states[0] @ w["recurrent_kernel"] + w["bias"]
            return [np.where(v > 0, v, w["alpha"] * v)]

        expected, _ = over_time(step, x, [np.zeros((8, 3))])
        assert_close(model.predict(x, verbose=0), expected[:, -1], 1e-4, 1e-5)


def test_the_functions_given_may_be_anything():
    """A function of the user's as activation, which no name knows."""
    x = some(2, 4, 3)
    layer = LSTM(3, recurrent_activation=lambda v: ops.sigmoid(v) ** 2)
    layer(x)
    w = by_name(layer)

    def step(x, states):
        total = x @ w["kernel"] + states[0] @ w["recurrent_kernel"] + w["bias"]
        i, f, g, o = np.split(total, 4, -1)
        c = sigmoid(f) ** 2 * states[1] + sigmoid(i) ** 2 * np.tanh(g)
        return [sigmoid(o) ** 2 * np.tanh(c), c]

    expected, _ = over_time(step, x, [np.zeros((2, 3))] * 2)
    assert_close(layer(x), expected[:, -1], 1e-5, 1e-5)


# ---------------------------------------------------------------- what is no cell


@pytest.mark.parametrize(
    "make",
    [
        lambda: RNN(Dense(3)),
        lambda: RNN([LSTMCell(3), Dense(3)]),
        lambda: StackedRNNCells([Dense(3)]),
        lambda: RNN(LSTM),
        lambda: RNN("lstm"),
    ],
)
def test_no_cell(make):
    with pytest.raises(UsageError, match=r"needs a cell.*LSTMCell\(32\).*E-CELL") as caught:
        make()
    assert caught.value.code == "E-CELL"


def test_no_recurrent_layer_for_both_ways():
    with pytest.raises(UsageError, match=r"Bidirectional\(LSTM\(32\)\); got .*Dense.*E-BIDIR"):
        Bidirectional(Dense(3))


def test_cells_in_a_model_are_found_by_name():
    """Names and paths of weights, as in Keras: layer, cell, weight."""
    layer = layers.LSTM(2, name="memory")
    layer.build((None, 3, 4))
    assert [v.path for v in layer.weights] == [
        f"memory/lstm_cell/{name}" for name in ("kernel", "recurrent_kernel", "bias")
    ]
