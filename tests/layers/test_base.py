"""What every layer shares: finding Variables, weights, losses, shapes, policies, copies."""

import copy
import gc
import pickle
import threading
import time
import weakref

import numpy as np
import pytest

from cornu import Model, config, engine, layers, ops, policy, state
from cornu.layers import Dense, Input, Layer

X = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], "float32")


@pytest.fixture(autouse=True)
def seed():
    state.set_random_seed(0)


@pytest.fixture
def mixed():
    policy.set_dtype_policy("mixed_bfloat16")
    yield
    policy.set_dtype_policy("float32")


def paths(variables):
    return [v.path for v in variables]


# ---------------------------------------------------------------- finding Variables


class Nest(Layer):
    """Sublayers in every container."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.table = {"z": [Dense(3, name="p"), (Dense(3, name="q"),)], "a": Dense(3, name="r")}
        self.last = Dense(3, name="s")
        self.stages = [self.last, self.table]
        self.stages.append(self.stages)
        self.me = self

    def build(self, shape):
        self.own = self.add_weight((1,), "ones", name="own")
        self.fixed = self.add_weight((1,), "zeros", trainable=False, name="fixed")
        self.late = self.add_weight((1,), "zeros", name="late")

    def call(self, x):
        for inner in (self.table["a"], *self.table["z"][:1], *self.table["z"][1], self.last):
            x = inner(x)
        return x * self.own + self.late


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


class Pair(Layer):
    """Keeps its arguments in an order of its own."""

    def __init__(self, first, second, **kwargs):
        super().__init__(**kwargs)
        self.b, self.a = second, first

    def call(self, x):
        return self.b(self.a(x))


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


# ---------------------------------------------------------------- losses


class Penalty(Layer):
    """Adds the mean of its input, times `factor`."""

    factor: float = 1.0

    def call(self, x):
        self.add_loss(self.factor * ops.mean(x))
        return x


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


@pytest.mark.parametrize("times", [0, 2])
def test_a_layer_called_more_or_less_often_has_no_single_output(times):
    dense = Dense(3, name="shared")
    for _ in range(times):
        dense(Input((3,)))
    for ask in ("input", "output", "input_shape", "output_shape"):
        with pytest.raises(ValueError, match=f'"shared" was called on {times} symbolic inputs'):
            getattr(dense, ask)


# ---------------------------------------------------------------- policies


@pytest.mark.parametrize(
    ("name", "compute", "variable"),
    [
        ("float32", "float32", "float32"),
        ("bfloat16", "bfloat16", "bfloat16"),
        ("mixed_bfloat16", "bfloat16", "float32"),
        ("mixed_float16", "float16", "float32"),
    ],
)
def test_a_policy_says_in_which_dtypes(name, compute, variable):
    dense = Dense(2, dtype=name)
    outputs = dense(X)
    assert (dense.compute_dtype, dense.variable_dtype, dense.dtype) == (compute, variable, variable)
    assert {v.dtype for v in dense.variables} == {variable}
    assert str(outputs.dtype) == compute == Dense(2, dtype=name)(Input((3,))).dtype
    assert dense.dtype_policy.name == name


def test_the_policy_in_force_is_that_of_new_layers(mixed):
    dense = Dense(2)
    assert dense.dtype_policy.name == "mixed_bfloat16" and Input((3,)).dtype == "float32"
    policy.set_dtype_policy("float32")
    assert dense.compute_dtype == "bfloat16" and Dense(2).compute_dtype == "float32"


def test_mixed_training_keeps_weights_and_figures_in_float32(mixed):
    x = Input((3,))
    dense = Dense(4, activation="relu")
    model = Model(x, Dense(1, dtype="float32")(layers.BatchNormalization()(dense(x))))
    model.compile("adam", "mse", metrics=["mae"])
    history = model.fit(X, np.ones((2, 1)), epochs=2, verbose=0).history
    assert {v.dtype for v in model.variables} == {"float32"}
    assert {v.dtype for v in model._objective.variables} == {"float32"}
    assert np.isfinite(history["loss"]).all()
    assert model.predict(X, verbose=0).dtype == np.float32
    assert str(dense(X).dtype) == "bfloat16"


def test_a_float32_layer_inside_a_mixed_one_computes_in_float32():
    class Outer(Layer):
        def __init__(self):
            super().__init__(dtype="mixed_bfloat16")
            self.exact = Dense(1, dtype="float32", kernel_initializer="ones")

        def build(self, shape):
            self.w = self.add_weight((3,), "ones", name="w")

        def call(self, x):
            self.seen = (str(x.dtype), str(self.w.value.dtype), str(self.exact(x).dtype))
            return x

    outer = Outer()
    outer(X)
    assert outer.seen == ("bfloat16", "bfloat16", "float32")


def test_integers_are_not_cast_and_autocast_can_be_off():
    seen = []

    class Look(Layer):
        def call(self, x):
            seen.append(str(x.dtype))
            return x

    Look(dtype="bfloat16")(np.ones(3, "int32"))
    Look(dtype="bfloat16")(np.ones(3, "float64"))
    off = Look(dtype="bfloat16")
    off.autocast = False
    off(np.ones(3, "float32"))
    assert seen == ["int32", "bfloat16", "float32"]


@pytest.mark.parametrize("name", ["float31", "mixed_float32", 5])
def test_an_unknown_policy(name):
    with pytest.raises(ValueError, match="E-DTYPE"):
        Dense(2, dtype=name)


# ---------------------------------------------------------------- masks


def test_masks_go_through_layers_that_support_them_and_end_at_others():
    class Through(Layer):
        supports_masking = True

        def call(self, x):
            return x + 0

    class Asks(Layer):
        def call(self, x, mask=None):
            self.seen = mask
            return x + 0

    x = np.array([[[1.0], [0.0]]], "float32")
    masked = layers.Masking()(x)
    assert np.array_equal(state.mask_of(masked), [[True, False]])
    assert np.array_equal(state.mask_of(Through()(masked)), [[True, False]])
    asks = Asks()
    with pytest.warns(UserWarning, match="does not support masking"):
        out = asks(masked)
    assert np.array_equal(asks.seen, [[True, False]]) and state.mask_of(out) is None
    other = Asks()
    with pytest.warns(UserWarning, match="does not support masking"):
        other(masked, mask=np.array([[False, True]]))
    assert np.array_equal(other.seen, [[False, True]])


def test_a_mask_computed_by_the_user():
    class First(Layer):
        def call(self, x):
            return x[:, :1]

        def compute_mask(self, inputs, previous_mask=None):
            return previous_mask[:, :1]

    masked = layers.Masking()(np.array([[[1.0], [0.0]]], "float32"))
    assert np.array_equal(state.mask_of(First()(masked)), [[True]])


# ---------------------------------------------------------------- configs


class Fields(Layer):
    """Fields only."""

    units: int
    rate: float = 0.5

    def call(self, x):
        return x * self.rate


class OwnInit(Layer):
    """Its own constructor, no get_config."""

    def __init__(self, units, rate=0.5, **kwargs):
        super().__init__(**kwargs)
        self.count, self.scale = units, rate

    def call(self, x):
        return x * self.scale


class OwnBoth(OwnInit):
    """Its own constructor and get_config, in the way of Keras."""

    def get_config(self):
        return {**super().get_config(), "units": self.count, "rate": self.scale}


class OwnFrom(OwnBoth):
    """And from_config."""

    @classmethod
    def from_config(cls, config):
        config["rate"] = config["rate"] * 2
        return cls(**config)


@pytest.mark.parametrize("cls", [Fields, OwnInit, OwnBoth])
def test_a_config_makes_an_equal_layer(cls):
    layer = cls(4, rate=0.25, name="mine", trainable=False, dtype="bfloat16")
    made = layer.get_config()
    assert (made["units"], made["rate"], made["name"]) == (4, 0.25, "mine")
    assert made["trainable"] is False
    twin = cls.from_config(made)
    assert twin.get_config() == made
    assert (twin.name, twin.trainable, twin.dtype_policy.name) == ("mine", False, "bfloat16")
    assert np.array_equal(twin(X), layer(X))


def test_a_users_from_config_is_asked():
    assert OwnFrom.from_config(OwnFrom(2, rate=0.5).get_config()).scale == 1.0
    serialized = config.serialize(OwnFrom(2, rate=0.5))
    assert config.deserialize(serialized, {"OwnFrom": OwnFrom}).scale == 1.0


def test_names_are_counted_from_the_class():
    config.forget_names()
    assert [Fields(1).name, Fields(1).name, Dense(1).name, Fields(1).name] == [
        "fields",
        "fields_1",
        "dense",
        "fields_2",
    ]
    with pytest.raises(TypeError, match="name must be a string"):
        Dense(1, name=3)


# ---------------------------------------------------------------- copies


DUPLICATES = [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]


@pytest.mark.parametrize("duplicate", DUPLICATES, ids=["deepcopy", "pickle"])
@pytest.mark.parametrize(
    "make",
    [
        lambda: Dense(2, kernel_regularizer="l2", activation="relu"),
        lambda: Nest(),
        lambda: OwnInit(2, rate=0.75),
        lambda: layers.BatchNormalization(),
    ],
)
def test_copies_of_layers_stand_alone(make, duplicate):
    layer = make()
    wanted = np.asarray(layer(X))
    twin = duplicate(layer)
    assert twin is not layer and twin.name == layer.name
    assert np.array_equal(twin(X), wanted)
    assert [v.path for v in twin.weights] == [v.path for v in layer.weights]
    twin.set_weights([w + 1 for w in twin.get_weights()])
    assert np.array_equal(layer(X), wanted)
    assert twin.get_config() == layer.get_config()


def test_copies_of_layers_that_were_not_built():
    twin = copy.deepcopy(Dense(2))
    assert not twin.built
    twin.build((None, 3))
    assert len(twin.weights) == 2


def test_a_layer_goes_when_nobody_holds_it():
    layer = Nest()
    layer(X)
    watched = weakref.ref(layer)
    del layer
    gc.collect()
    assert watched() is None


# ---------------------------------------------------------------- without state


def test_stateless_call_leaves_the_layer_alone():
    layer = layers.BatchNormalization(momentum=0.9)
    layer.build((None, 3))
    free = [v.numpy() + 1 for v in layer.trainable_variables]
    fixed = [v.numpy() for v in layer.non_trainable_variables]
    outputs, news = layer.stateless_call(free, fixed, X, training=True)
    mean, variance = X.mean(axis=0), X.var(axis=0)
    assert np.allclose(outputs, 2 * (X - mean) / np.sqrt(variance + 1e-3) + 1, atol=1e-5)
    assert np.allclose(news[0], 0.1 * mean) and np.allclose(news[1], 0.9 + 0.1 * variance)
    assert np.array_equal(layer.non_trainable_variables[0].numpy(), np.zeros(3))


def test_stateless_call_returns_losses_and_can_be_compiled():
    layer = Pair(Dense(2, kernel_initializer="ones"), Penalty(factor=2.0))
    layer(X)

    def run(values, x):
        return layer.stateless_call(values, [], x, return_losses=True)

    outputs, news, losses = engine.jit(run)([np.zeros((3, 2), "float32"), np.ones(2)], X)
    assert np.array_equal(outputs, np.ones((2, 2))) and news == []
    assert [float(v) for v in losses] == [2.0]
