"""Functions of graphs: what is fed, computed indices, phases, errors in the user's terms."""

import numpy as np
import pytest

from cornu import graph, layers, ops
from cornu.errors import UsageError
from cornu.graph import Tensor
from cornu.state import Variable


def test_an_op_that_cannot_be_is_told_at_its_line_in_the_users_terms():
    x, y = layers.Input((3,)), layers.Input((4,))
    with pytest.raises(UsageError, match=r"add of \(None, 3\), \(None, 4\) cannot") as info:
        _ = x + y
    assert "5040" not in str(info.value)
    with pytest.raises(UsageError, match=r"matmul of shapes \(None, 3\)"):
        _ = ops.matmul(x, np.ones((5, 2), "float32"))


def test_an_index_may_be_computed():
    x, i = layers.Input((4,)), Tensor((), "int32")
    values = np.arange(8, dtype="float32").reshape(2, 4)
    column, pair = x[:, i], x[..., None, i]
    found = graph.Function([x, i], [column, pair])([values, 2])
    np.testing.assert_array_equal(found[0], values[:, 2])
    np.testing.assert_array_equal(found[1], values[..., None, 2])
    assert column.shape == (None,)


def test_a_function_sees_variables_that_a_layer_closes_over():
    factor = Variable(2.0)
    x = layers.Input((3,))
    f = graph.Function([x], [layers.Lambda(lambda v: v * factor)(x)])
    ones = np.ones((1, 3), "float32")
    assert np.asarray(f([ones])[0]).tolist() == [[2.0, 2.0, 2.0]]
    factor.assign(5.0)
    assert np.asarray(f([ones])[0]).tolist() == [[5.0, 5.0, 5.0]]


def test_symbolic_variables_are_read_when_a_function_runs():
    count = Variable(1.0)
    assert not isinstance(count * 2, Tensor)
    count.symbolic = True
    double = count * 2
    assert isinstance(double, Tensor)
    f = graph.Function([], [double], [(count, count + 1)])
    assert [float(f([])[0]) for _ in range(3)] == [2.0, 4.0, 6.0]
    assert float(count) == 4.0


def test_phases_of_a_function_change_different_variables():
    layer = layers.BatchNormalization(momentum=0.5)
    x = layers.Input((2,))
    f = graph.Function([x], [layer(x)])
    ones = np.ones((4, 2), "float32")
    for _ in range(2):
        f([ones])
        assert np.asarray(layer.moving_mean).max() == 0
    f([ones], training=True)
    f([ones])
    assert np.asarray(layer.moving_mean).tolist() == [0.5, 0.5]


def test_what_is_fed_must_fit():
    x = layers.Input((3,))
    f = graph.Function([x], [x + 1])
    with pytest.raises(UsageError, match=r"\(None, 3\); it was fed an array of shape \(2, 4\)"):
        f([np.zeros((2, 4), "float32")])


def test_unknown_axes_beside_known_ones():
    """(None, None) and (None, 2) may well fit: only running it can tell that they do not."""
    x, y = Tensor((None, None)), layers.Input((2,))
    total = x + y
    assert total.shape == (None, 2)
    ones = np.ones((3, 2), "float32")
    assert np.asarray(graph.evaluate(total, {x: ones, y: ones})).tolist() == [[2.0, 2.0]] * 3
    assert (x * 2 + x).shape == (None, None)
    with pytest.raises(UsageError, match=r"add of \(None, 2, None\), \(None, 3, 2\) cannot"):
        _ = Tensor((None, 2, None)) + Tensor((None, 3, 2))
