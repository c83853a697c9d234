"""The arrays of optimizers in old files, made here by the orders of these versions.

`golden/test_training_old.py` holds whole files to what Keras did with them.
"""

import re

import numpy as np
import pytest

from cornu import layers, models, optimizers
from cornu.dialects.optimizers import NadamSlowWarmup
from cornu.dialects.slots import slots
from cornu.saving.older import Origin
from cornu.saving.weights import Stored

W1, B1, W2, B2 = (2, 3), (3,), (3, 3), (3,)


def compiled(optimizer):
    """Two layers, of which the second has the name that comes first."""
    model = models.Sequential(
        [layers.Input((2,)), layers.Dense(3, name="dense_9"), layers.Dense(3, name="dense_10")]
    )
    model.compile(optimizer, "mse")
    return model


def lists(old):
    """What a file has for each layer, with names as Keras 1 or 2 gave them."""
    names = ("W", "b") if old else ("kernel:0", "bias:0")
    sign = "_" if old else "/"
    shapes = {"dense_9": (W1, B1), "dense_10": (W2, B2)}
    return {
        layer: [
            (f"{layer}{sign}{n}", np.zeros(s, "float32")) for n, s in zip(names, two, strict=True)
        ]
        for layer, two in shapes.items()
    }


def counted(*shapes):
    """Arrays of these shapes that hold their own number, from 1."""
    return [np.full(shape, i, "float32") for i, shape in enumerate(shapes, 1)]


def told(model, values, version, layered=None, first="param_0"):
    names = [first, *(f"param_{i}" for i in range(1, len(values)))]
    named = list(zip(names, values, strict=True))
    layered = lists(version.startswith("1")) if layered is None else layered
    found = slots(model, named, Origin(version, "tensorflow"), layered)
    assert len(found) == len(model.optimizer.variables)
    arrays = [v.read() if isinstance(v, Stored) else np.asarray(v) for _, v in found]
    for array, cell in zip(arrays, model.optimizer.variables, strict=True):
        assert array.shape == cell.shape
    return [float(np.max(array)) for array in arrays]


STEPS = np.asarray(7.0)
FOUR, BY_NAME = (W1, B1, W2, B2), (W2, B2, W1, B1)
ORDERS = {
    # all m, then all v, weights by their names
    "1.2.2 Adam": (optimizers.Adam, [STEPS, *counted(*BY_NAME, *BY_NAME)],
                   [3, 7, 4, 8, 1, 5, 2, 6]),
    "2.0.8 Adam": (optimizers.Adam, [STEPS, *counted(*FOUR, *FOUR)], [1, 5, 2, 6, 3, 7, 4, 8]),
    # vhats that are not used are there all the same
    "2.2.4 Adam": (optimizers.Adam, [STEPS, *counted(*FOUR, *FOUR, (1,), (1,), (1,), (1,))],
                   [1, 5, 2, 6, 3, 7, 4, 8]),
    "2.3.1 Adamax": (optimizers.Adamax, [STEPS, *counted(*FOUR, *FOUR)],
                     [1, 5, 2, 6, 3, 7, 4, 8]),
    "2.2.4 Adadelta": (optimizers.Adadelta, counted(*FOUR, *FOUR), [1, 5, 2, 6, 3, 7, 4, 8]),
    "1.2.2 RMSprop": (optimizers.RMSprop, counted(*BY_NAME), [3, 4, 1, 2]),
    "2.3.1 RMSprop": (optimizers.RMSprop, [STEPS, *counted(*FOUR)], [1, 2, 3, 4]),
    # moments of a momentum of 0 are in files, and nobody reads them
    "2.2.4 SGD": (optimizers.SGD, [STEPS, *counted(*FOUR)], []),
    "2.4.0 Adam": (optimizers.Adam, [STEPS, *counted(*FOUR, *FOUR)], [1, 5, 2, 6, 3, 7, 4, 8]),
    # from 2.11 on side by side, after the learning rate
    "2.15.0 Adam": (optimizers.Adam,
                    [STEPS, np.asarray(0.5), *counted(W1, W1, B1, B1, W2, W2, B2, B2)],
                    [1, 2, 3, 4, 5, 6, 7, 8]),
    # but for "legacy" ones, which are told by the name of the first
    "2.15.0 legacy Adam": (optimizers.Adam, [STEPS, *counted(*FOUR, *FOUR)],
                           [1, 5, 2, 6, 3, 7, 4, 8]),
}  # fmt: skip


@pytest.mark.parametrize("name", ORDERS)
def test_orders(name):
    cls, values, expected = ORDERS[name]
    steps = 7 if not values[0].shape else 0
    first = "Adam/iter:0" if "legacy" in name else "param_0"
    found = told(compiled(cls(0.25)), values, name.split()[0], first=first)
    assert found == [steps, 0.25, *expected]


def test_all_slots_of_amsgrad_and_of_momentum():
    model = compiled(optimizers.Adam(0.25, amsgrad=True))
    found = told(model, [STEPS, *counted(*FOUR, *FOUR, *FOUR)], "2.2.4")
    assert found == [7, 0.25, 1, 5, 2, 6, 3, 7, 4, 8, 9, 10, 11, 12]
    model = compiled(optimizers.RMSprop(0.25, momentum=0.5, centered=True))
    found = told(model, [STEPS, *counted(*FOUR, *FOUR, *FOUR)], "2.4.0")
    assert found == [7, 0.25, *range(1, 13)]


@pytest.mark.parametrize("steps", [0, 1, 5])
def test_the_product_of_momenta_of_nadam(steps):
    """It is in no file: `prod(0.9 (1 - 0.5 * 0.96^(0.004 t)))` over the steps done."""
    model = compiled(NadamSlowWarmup(0.25))
    found = told(model, [np.asarray(float(steps)), *counted(*FOUR, *FOUR)], "2.2.4")
    expected = 1.0
    for t in range(1, steps + 1):
        expected *= 0.9 * (1 - 0.5 * 0.96 ** (0.004 * t))
    assert found[-1] == pytest.approx(expected, rel=1e-6)


def test_frozen_layers_have_no_slots():
    model = compiled(optimizers.RMSprop(0.25))
    model.get_layer("dense_9").trainable = False
    model.compile(optimizers.RMSprop(0.25), "mse")
    assert told(model, [STEPS, *counted(W2, B2)], "2.3.1") == [7, 0.25, 1, 2]


def test_slots_lie_as_the_weights_do():
    """A kernel of Theano is turned around in its window; so is what belongs to it."""
    model = models.Sequential([layers.Input((4, 4, 2)), layers.Conv2D(3, 2, name="conv")])
    model.compile(optimizers.RMSprop(0.25), "mse")
    shape = (2, 2, 2, 3)
    kernel, bias = np.arange(24.0).reshape(shape), np.arange(3.0)
    layered = {"conv": [("conv/kernel", np.zeros(shape)), ("conv/bias", np.zeros(3))]}
    values = [("a", np.asarray(1)), ("b", kernel), ("c", bias)]
    found = slots(model, values, Origin("2.2.4", "theano"), layered)
    np.testing.assert_array_equal(found[2][1].read(), kernel[::-1, ::-1])
    np.testing.assert_array_equal(found[3][1].read(), bias)


def test_nothing_is_read_before_it_is_wanted():
    def read():
        raise AssertionError("it was read")

    model = compiled(optimizers.RMSprop(0.25))
    stored = [Stored(shape, "float32", read) for shape in FOUR]
    values = [(str(i), value) for i, value in enumerate(stored)]
    weights = {
        layer: [(name, Stored(value.shape, "float32", read)) for name, value in listed]
        for layer, listed in lists(False).items()
    }
    found = slots(model, values, Origin("2.2.4", "tensorflow"), weights)
    assert [value.shape for _, value in found[2:]] == list(FOUR)


LATE = np.asarray(2.0**40)
UNFIT = {
    "number": ([STEPS, *counted(W1, B1, W2)], "3 arrays .* 4 trained weights"),
    "shape": ([STEPS, *counted(W1, B1, W2, (4,))], "not the shapes"),
    "steps": ([LATE, *counted(*FOUR)], "1099511627776 steps"),
}


@pytest.mark.parametrize("name", UNFIT)
def test_what_does_not_fit_is_said(name):
    values, why = UNFIT[name]
    model = compiled(optimizers.RMSprop(0.25))
    with pytest.warns(UserWarning, match=f"state of RMSprop is not taken: .*{why}.*begins anew"):
        assert told(model, values, "2.3.1") == [0, 0.25, 0, 0, 0, 0]


def test_sums_of_arrays_are_no_slots():
    """A CuDNNLSTM had two biases; the state of their sum is not that of either."""
    model = models.Sequential([layers.Input((3, 2)), layers.LSTM(2, name="lstm")])
    model.compile(optimizers.RMSprop(0.25), "mse")
    shapes = {"kernel": (2, 8), "recurrent_kernel": (2, 8), "bias": (16,)}
    layered = {"lstm": [(f"lstm/{n}:0", np.zeros(s, "float32")) for n, s in shapes.items()]}
    with pytest.warns(UserWarning, match=re.escape('"lstm" has weights today that are sums')):
        found = told(model, [STEPS, *counted(*shapes.values())], "2.2.4", layered)
    assert found == [0, 0.25, 0, 0, 0]


def test_an_optimizer_of_an_unknown_order():
    model = compiled(optimizers.Lion(0.25))
    with pytest.warns(UserWarning, match="Lion is not taken: its order is not known"):
        told(model, [STEPS, *counted(*FOUR)], "2.3.1")
