"""What every layer inherits: being called, losses, shapes and places in graphs."""

import threading
import time

import numpy as np
import pytest

from cornu import Model, layers, ops, policy, state
from cornu.layers import Dense, Input, Layer
from layers.samples import Pair, Penalty, X


@pytest.fixture(autouse=True)
def seed():
    state.set_random_seed(0)


@pytest.fixture
def mixed():
    policy.set_dtype_policy("mixed_bfloat16")
    yield
    policy.set_dtype_policy("float32")


# ---------------------------------------------------------------- calling


def test_build_once_with_the_shapes_of_the_first_call():
    class Counted(Layer):
        def __init__(self):
            super().__init__()
            self.shapes = []

        def build(self, input_shape):
            self.shapes.append(input_shape)

        def call(self, x):
            return x

    layer = Counted()
    layer(X)
    layer(X[:1])
    assert layer.shapes == [(2, 3)] and layer.built
    symbolic = Counted()
    symbolic(Input((3,)))
    assert symbolic.shapes == [(None, 3)]


def test_build_takes_structures_and_one_shape_an_argument():
    class Several(Layer):
        def build(self, input_shape):
            self.seen = input_shape

        def call(self, x):
            return x

    class Named(Layer):
        def build(self, query_shape, key_shape):
            self.seen = (query_shape, key_shape)

        def call(self, query, key):
            return query

    given = {"a": X, "b": [X[:, :1]]}
    several = Several()
    several(given)
    assert several.seen == {"a": (2, 3), "b": [(2, 1)]}
    for call in (lambda n: n(X, X[:, :2]), lambda n: n(X, key=X[:, :2])):
        named = Named()
        call(named)
        assert named.seen == ((2, 3), (2, 2))


@pytest.mark.parametrize("default", [None, False, True])
@pytest.mark.parametrize("running", [None, False, True])
@pytest.mark.parametrize("passed", [None, False, True])
def test_which_phase_call_sees(default, running, passed):
    class Phase(Layer):
        def call(self, x, training=default):
            return x + (10.0 if training else 0.0)

    kwargs = {} if passed is None else {"training": passed}
    with state.within(training=running):
        found = float(Phase()(np.float32(0), **kwargs))
    wanted = next((v for v in (passed, running, default) if v is not None), False)
    assert found == (10 if wanted else 0)


def test_the_phase_reaches_layers_inside_and_may_be_given_by_position():
    class Outer(Layer):
        def __init__(self):
            super().__init__()
            self.inner = layers.Dropout(0.5)

        def call(self, x):
            return self.inner(x)

    ones = np.ones((8, 100), "float32")
    assert np.array_equal(Outer()(ones), ones)
    assert (np.asarray(Outer()(ones, training=True)) == 0).any()
    assert (np.asarray(layers.Dropout(0.5)(ones, True)) == 0).any()
    assert np.array_equal(layers.Dropout(0.5)(ones, False), ones)


def test_inputs_by_name_and_several_inputs():
    class Sub(Layer):
        def call(self, left, right, scale=1.0):
            return (left - right) * scale

    assert np.array_equal(Sub()(left=X, right=2 * X), -X)
    assert np.array_equal(Sub()(X, 2 * X, scale=3.0), -3 * X)
    a, b = Input((3,)), Input((3,))
    model = Model([a, b], Sub()(left=a, right=b, scale=2.0))
    assert np.array_equal(model([X, 3 * X]), -4 * X)


def test_nested_lists_of_numbers_are_one_array():
    dense = Dense(1, kernel_initializer="ones")
    assert np.array_equal(dense([[1, 2, 3], [4, 5, 6]]), [[6], [15]])


def test_a_missing_super_call_is_explained():
    class Forgot(Layer):
        def __init__(self):
            self.units = 3

        def call(self, x):
            return x

    with pytest.raises(ValueError, match=r"Forgot.__init__ must call super\(\).__init__\(\)"):
        Forgot()(X)


def test_a_missing_call_is_explained():
    class Empty(Layer):
        pass

    with pytest.raises(NotImplementedError, match='Empty \\("empty"\\) has no call method'):
        Empty()(X)


def test_a_failed_build_can_be_done_again():
    class Fragile(Layer):
        fail = True

        def build(self, shape):
            if self.fail:
                raise RuntimeError("on purpose")
            self.w = self.add_weight((1,), "ones", name="w")

        def call(self, x):
            return x * self.w

    layer = Fragile()
    with pytest.raises(RuntimeError):
        layer(X)
    assert not layer.built
    layer.fail = False
    assert np.array_equal(layer(X), X)


def test_an_eager_call_assigns_at_its_end_or_not_at_all():
    class Counter(Layer):
        def build(self, shape):
            self.count = self.add_weight((), "zeros", trainable=False, name="count")

        def call(self, x, fail=False):
            self.count.assign_add(1.0)
            if fail:
                raise RuntimeError("on purpose")
            return x

    layer = Counter()
    layer(X)
    layer(X)
    with pytest.raises(RuntimeError):
        layer(X, fail=True)
    assert float(layer.count) == 2


def test_threads_that_meet_an_unbuilt_layer_build_it_once():
    class Slow(Layer):
        def build(self, shape):
            time.sleep(0.02)
            self.w = self.add_weight((3,), "ones", name="w")

        def call(self, x):
            return x * self.w

    layer, found = Slow(), []
    threads = [threading.Thread(target=lambda: found.append(layer(X))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(layer.weights) == 1 and len(found) == 8


def test_add_loss_is_there_after_an_eager_call():
    layer = Penalty(factor=2.0)
    assert layer.losses == []
    layer(X)
    assert [float(v) for v in layer.losses] == [7]
    layer(X * 2)
    assert [float(v) for v in layer.losses] == [14]


def test_losses_of_everything_inside_and_of_regularizers():
    x = Input((3,))
    hidden = Dense(2, kernel_regularizer="l1", bias_regularizer="l2", kernel_initializer="ones")
    model = Model(x, Penalty()(hidden(Penalty(factor=3.0)(x))))
    model(X)
    found = [float(v) for v in model.losses]
    assert np.allclose(found, [3 * 3.5, np.mean(X.sum(axis=1)), 0.01 * 6, 0.0])
    hidden.trainable = False
    assert len(model.losses) == 2


def test_activity_regularizers_are_a_mean_over_the_batch():
    dense = Dense(2, kernel_initializer="ones", activity_regularizer=lambda y: ops.sum(y**2))
    dense(X)
    assert np.isclose(float(dense.losses[0]), 2 * (6.0**2 + 15.0**2) / 2)
    assert Dense(1, activity_regularizer="l2").activity_regularizer is not None


# ---------------------------------------------------------------- shapes and places in graphs


@pytest.mark.parametrize(
    ("layer", "given", "expected"),
    [
        (lambda: Dense(2), [(None, 3)], (None, 2)),
        (lambda: Dense(2), [(5, 3)], (5, 2)),
        (lambda: layers.Concatenate(), [[(None, 3), (None, 4)]], (None, 7)),
        (lambda: layers.Flatten(), [(None, 2, 3)], (None, 6)),
        (lambda: Pair(Dense(2), Dense(4)), [(None, 3)], (None, 4)),
    ],
)
def test_compute_output_shape(layer, given, expected):
    assert layer().compute_output_shape(*given) == expected


def test_compute_output_shape_of_several_outputs():
    class Two(Layer):
        def call(self, x):
            return {"sum": ops.sum(x, axis=-1), "both": (x, x[:, :1])}

    found = Two().compute_output_shape((None, 3))
    assert found == {"sum": (None,), "both": ((None, 3), (None, 1))}


def test_a_users_compute_output_shape_names_what_tracing_cannot():
    class Picked(Layer):
        def call(self, x):
            return x[:, : x.shape[1] // 2]

        def compute_output_shape(self, shape):
            return (shape[0], 7)

    assert Picked()(Input((None,))).shape == (None, 7)


def test_input_and_output_of_a_layer_called_once():
    x = Input((3,))
    dense = Dense(2)
    y = dense(x)
    assert dense.input is x and dense.output is y
    assert dense.input_shape == (None, 3) and dense.output_shape == (None, 2)
    both = layers.Add()
    z = both([y, y])
    assert both.input[0] is y and both.input_shape == [(None, 2), (None, 2)]
    assert z is both.output


def test_a_layer_that_was_not_called_has_no_output():
    dense = Dense(3, name="shared")
    for ask in ("input", "output", "input_shape", "output_shape"):
        with pytest.raises(ValueError, match='"shared" was called on 0 symbolic inputs'):
            getattr(dense, ask)
        assert not hasattr(dense, ask)


def test_inputs_may_be_given_by_name():
    """Keras's own layers call their first argument `inputs`; a user's layer may have any name."""
    x = np.ones((2, 3), "float32")
    layer = layers.Dense(2)
    np.testing.assert_array_equal(layer(inputs=x), layer(x))
    assert layer(inputs=layers.Input((3,))).shape == (None, 2)
