"""Cells that users write: what they are given, what they may do, and what is refused."""

import numpy as np
import pytest

from contracts.checks import assert_close
from contracts.draws import some
from contracts.layers_values import by_name, randomize
from contracts.recurrent_reference import (
    over_time,
    sigmoid,
    simple_step,
)
from cornu import engine, ops, state
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
        layer(
            [x, np.ones((2, 4), "float32"), np.zeros((2, 1), "float32"), a, b], training=training
        ),
    ):
        outputs, last, count = found
        assert_close(
            [outputs, last, count], [np.stack(expected, 1), s, np.full((2, 1), 3.0)], 1e-5, 1e-5
        )


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


class Deaf(WithDropout):
    """Dropout in inference too."""

    def call(self, inputs, states, training=None):
        y = self.dropout(ops.ones_like(inputs), training=True)
        return y, [y]


def test_draws_in_inference_are_new_at_each_step_and_call():
    model = Sequential([Input((6, 8)), RNN(Deaf(), return_sequences=True)])
    found = [model.predict(np.zeros((4, 6, 8)), verbose=0) for _ in range(2)]
    assert len({f[:, t].tobytes() for f in found for t in range(6)}) == 12


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
        assert_close(
            [norm.moving_mean.numpy(), norm.moving_variance.numpy()], [mean, variance], 1e-5, 1e-5
        )
        before = norm.get_weights()
        model.predict(x, verbose=0)
        assert_close(norm.get_weights(), before, 0, 0)


class Counting(Layer):
    """Counts all steps in a weight that no optimizer moves."""

    state_size = 3

    def build(self, input_shape):
        self.total = self.add_weight((), "zeros", trainable=False, name="total")

    def call(self, inputs, states):
        self.total.assign(self.total + 1)
        return inputs, [inputs]


@pytest.mark.parametrize("name", ["float32", "mixed_bfloat16"])
def test_what_is_assigned_keeps_its_dtype(name):
    layer = RNN(Counting(dtype=name), dtype=name)
    assert str(layer(some(2, 5, 3)).dtype) == layer.compute_dtype
    layer(some(2, 4, 3), mask=np.zeros((2, 4), bool))
    assert (float(layer.cell.total.numpy()), layer.cell.total.dtype) == (9, "float32")


class Firm(Bare):
    """A cell whose state begins in float32, whatever it computes in."""

    def get_initial_state(self, batch_size=None):
        return [ops.zeros((batch_size, 4), dtype="float32")]

    def call(self, inputs, states):
        return inputs, [inputs]


@pytest.mark.parametrize("unroll", [False, True])
def test_states_keep_the_dtype_in_which_they_began(unroll):
    name = "mixed_bfloat16"
    layer = RNN(Firm(dtype=name), return_state=True, unroll=unroll, dtype=name)
    x = some(2, 3, 4)
    y, state = layer(x)
    assert [str(v.dtype) for v in (y, state)] == ["bfloat16", "float32"]
    assert_close(state, x[:, -1], 0.01, 0.01)


class Nested(Layer):
    """A cell that leaves it to its layers to build themselves."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.state_size = 3
        self.dense = Dense(3, "tanh")

    def call(self, inputs, states):
        y = self.dense(ops.concatenate([inputs, states[0]], axis=-1))
        return y, y


def test_layers_in_a_cell_build_themselves_and_train():
    x, y = some(8, 5, 4), some(8, 3)
    model = Sequential([Input((5, 4)), RNN(Nested())])
    assert [v.shape for v in model.trainable_weights] == [(7, 3), (3,)]
    other = Sequential([Input((5, 4)), SimpleRNN(3)])
    kernel, bias = model.get_weights()
    other.set_weights([kernel[:4], kernel[4:], bias])
    for one in (model, other):
        one.compile("sgd", "mse")
        one.fit(x, y, epochs=2, shuffle=False, verbose=0)
    kernel, bias = model.get_weights()
    assert_close([kernel[:4], kernel[4:], bias], other.get_weights(), 1e-5, 1e-6)
    eager = RNN(Nested())
    assert eager(x).shape == (8, 3)
    assert len(eager.trainable_weights) == 2


@pytest.mark.parametrize("make", [LSTMCell, GRUCell, Told, Minimal])
def test_cells_of_another_precision_than_the_layer(make):
    """What a cell says of its dtype goes before what the layer says."""
    x = some(2, 5, 4)
    plain = RNN(make(3), return_sequences=True)
    expected = np.asarray(plain(x))
    for outer, inner in (("float32", "mixed_bfloat16"), ("mixed_bfloat16", "float32")):
        layer = RNN(make(3, dtype=inner), return_sequences=True, dtype=outer)
        found = layer(x)
        layer.set_weights(plain.get_weights())
        found = layer(x, training=True)
        assert str(found.dtype) == layer.cell.compute_dtype
        assert_close(np.asarray(found, "float32"), expected, 0.1, 0.05)
        model = Sequential([Input((5, 4)), layer])
        model.compile("sgd", "mse")
        model.fit(x, some(2, 5, 3), verbose=0)


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


class Wide(Bare):
    """A cell whose state grows."""

    def call(self, inputs, states):
        return inputs, [ops.concatenate([inputs, inputs], axis=-1)]


class Wordy(Bare):
    """A cell that returns a state too many."""

    def call(self, inputs, states):
        return inputs, [inputs, inputs]


@pytest.mark.parametrize(
    ("make", "words"),
    [(Wide, r"\[\(2, 4\)\]; got \[\(2, 8\)\]"), (Wordy, "got 1 states and returned 2")],
)
def test_new_states_that_are_not_like_the_old(make, words):
    with pytest.raises(UsageError, match=f"{words}.*E-CELL"):
        RNN(make())(some(2, 3, 4))


def test_no_recurrent_layer_for_both_ways():
    with pytest.raises(UsageError, match=r"Bidirectional\(LSTM\(32\)\); got .*Dense.*E-BIDIR"):
        Bidirectional(Dense(3))


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
