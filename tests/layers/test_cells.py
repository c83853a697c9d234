"""Cells of the library, called by themselves and stacked."""

import json

import numpy as np
import pytest

from contracts.checks import assert_close, check_gradient, in_float64, wide
from contracts.draws import some
from contracts.layers_values import by_name, randomize
from contracts.recurrent_reference import (
    gru_step,
    lstm_step,
    simple_step,
)
from cornu import config, engine, layers, state
from cornu.layers import (
    GRU,
    LSTM,
    RNN,
    GRUCell,
    Input,
    LSTMCell,
    SimpleRNN,
    SimpleRNNCell,
    StackedRNNCells,
)
from cornu.models import Sequential

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


def test_cells_in_a_model_are_found_by_name():
    """Names and paths of weights, as in Keras: layer, cell, weight."""
    layer = layers.LSTM(2, name="memory")
    layer.build((None, 3, 4))
    assert [v.path for v in layer.weights] == [
        f"memory/lstm_cell/{name}" for name in ("kernel", "recurrent_kernel", "bias")
    ]
    stack = StackedRNNCells([GRUCell(2, use_bias=False, name="low")], name="stack")
    layer = RNN(stack, name="tower")
    layer.build((None, 3, 4))
    assert [v.path for v in layer.weights] == [
        f"tower/stack/low/{name}" for name in ("kernel", "recurrent_kernel")
    ]
