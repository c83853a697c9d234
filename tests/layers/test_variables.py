"""How a layer finds its Variables, which of them are trained, and how weights are set."""

import numpy as np
import pytest

from cornu import layers, state
from cornu.layers import Dense, Layer
from layers.samples import Nest, Pair, X, paths


@pytest.fixture(autouse=True)
def seed():
    state.set_random_seed(0)


def test_variables_come_from_attributes_lists_and_dicts_each_once():
    nest = Nest(name="nest")
    nest(X)
    assert paths(nest.variables) == [
        "nest/own",
        "nest/late",
        "nest/fixed",
        *(f"nest/{name}/{part}" for name in "pqrs" for part in ("kernel", "bias")),
    ]
    assert paths(nest.non_trainable_variables) == ["nest/fixed"]
    assert nest.weights == nest.variables and nest.trainable_weights == nest.trainable_variables
    assert nest.non_trainable_weights == nest.non_trainable_variables
    assert [x.name for x in nest.sublayers()] == ["p", "q", "r", "s", "nest"]
    assert nest.count_params() == 3 + 4 * (9 + 3)


def test_the_order_is_that_of_attributes_and_not_of_arguments():
    pair = Pair(Dense(2, name="first"), Dense(2, name="second"), name="pair")
    pair(X)
    assert [p.split("/")[1] for p in paths(pair.weights)] == ["second"] * 2 + ["first"] * 2


class Last(Layer):
    """Is given several layers and keeps one."""

    def __init__(self, choices):
        super().__init__()
        self.chosen = choices[-1]

    def call(self, x):
        return self.chosen(x)


def test_what_was_only_passed_to_the_constructor_is_no_part():
    unused = Dense(5)
    unused(X)
    layer = Last([unused, Dense(2)])
    layer(X)
    assert len(layer.weights) == 2 and unused not in layer.sublayers()


def test_a_shared_sublayer_counts_once():
    shared = Dense(3)
    outer = Pair(shared, shared)
    outer(X)
    assert len(outer.weights) == 2
    both = Pair(outer, Pair(shared, Dense(3)))
    both(X)
    assert len(both.weights) == 4


def test_two_layers_that_hold_each_other_end():
    class Friend(Layer):
        other = None

        def call(self, x):
            return x

    one, other = Friend(), Friend()
    one.other, other.other = other, one
    one.dense = Dense(1)
    one.dense(X)
    assert len(one.variables) == len(other.variables) == 2
    one.trainable = False
    assert not other.trainable


# ---------------------------------------------------------------- trainable


def test_trainable_reaches_everything_inside():
    nest = Nest()
    nest(X)
    nest.trainable = False
    assert nest.trainable_variables == [] and len(nest.non_trainable_variables) == 11
    assert not nest.table["z"][1][0].trainable
    nest.trainable = True
    nest.last.trainable = False
    assert len(nest.trainable_variables) == 8
    assert paths(nest.non_trainable_variables)[-2:] == paths(nest.last.variables)


def test_nothing_inside_a_frozen_layer_is_trained():
    class Late(Layer):
        """Makes its sublayer while it is built."""

        def build(self, shape):
            self.inner = Dense(2)

        def call(self, x):
            return self.inner(x)

    frozen = Late(trainable=False)
    frozen(X)
    assert frozen.inner.trainable  # nobody told it
    assert frozen.trainable_variables == [] and len(frozen.non_trainable_variables) == 2
    assert Nest(trainable=False).trainable_variables == []
    outer = Pair(frozen, Dense(2))
    outer(X)
    assert outer.trainable_variables == outer.a.trainable_variables + outer.b.trainable_variables


# ---------------------------------------------------------------- weights


def test_get_and_set_weights_are_copies():
    dense = Dense(2)
    dense.build((None, 3))
    kernel = np.arange(6.0).reshape(3, 2)
    dense.set_weights([kernel, np.ones(2)])
    kernel[:] = 0
    held = dense.get_weights()
    assert np.array_equal(held[0].ravel(), np.arange(6)) and held[0].flags.writeable
    held[0][:] = 9
    assert np.array_equal(dense.kernel.numpy().ravel(), np.arange(6))


@pytest.mark.parametrize(
    "wrong",
    [
        [np.zeros((3, 2))],
        [np.zeros((3, 2)), np.zeros(2), np.zeros(1)],
        [np.zeros((3, 2)), np.zeros(3)],
        [np.zeros((2, 3)), np.zeros(2)],
        [],
    ],
)
def test_weights_that_do_not_fit_change_nothing(wrong):
    dense = Dense(2, name="head")
    dense.build((None, 3))
    before = dense.get_weights()
    with pytest.raises(ValueError, match="E-WEIGHTS") as caught:
        dense.set_weights(wrong)
    assert "head" in str(caught.value) and "(" in str(caught.value)
    assert all(np.array_equal(a, b) for a, b in zip(before, dense.get_weights(), strict=True))


def test_add_weight_takes_what_it_is_told():
    class Made(Layer):
        def build(self, shape):
            self.a = self.add_weight((2,), "ones", name="a", regularizer="l2", constraint="non_neg")
            self.b = self.add_weight(shape=3, dtype="int32")
            self.c = self.add_weight(initializer=lambda shape, dtype: np.full(shape, 5, dtype))
            self.d = self.add_weight((4, 4), dtype="float16", trainable=False)

    made = Made(name="made")
    made.build((None, 1))
    assert [(v.shape, v.dtype, v.trainable) for v in (made.a, made.b, made.c, made.d)] == [
        ((2,), "float32", True),
        ((3,), "int32", True),
        ((), "float32", True),
        ((4, 4), "float16", False),
    ]
    assert float(made.c) == 5 and np.all(made.b.numpy() == 0) and np.ptp(made.d.numpy()) > 0
    assert np.isclose(float(made.losses[0]), 0.01 * 2)
    assert np.array_equal(made.a.constraint(np.array([-1.0, 2.0])), [0, 2])
    assert len(set(paths(made.weights))) == 4


def test_add_weight_needs_a_known_shape():
    with pytest.raises(ValueError, match="E-SHAPE-UNKNOWN"):
        Dense(2).add_weight((None, 2))


def test_count_params_before_the_shape_is_known():
    with pytest.raises(ValueError, match='"dense_x" has no weights yet'):
        Dense(2, name="dense_x").count_params()
    flat = layers.Flatten()
    flat(X)
    assert flat.count_params() == 0
