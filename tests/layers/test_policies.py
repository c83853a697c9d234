"""What a layer takes with it: dtype policy, masks, config, copies, calls without state."""

import copy
import gc
import pickle
import weakref

import numpy as np
import pytest

from cornu import Model, config, engine, layers, policy, state
from cornu.layers import Dense, Input, Layer
from layers.samples import Nest, Pair, Penalty, X


@pytest.fixture(autouse=True)
def seed():
    state.set_random_seed(0)


@pytest.fixture
def mixed():
    policy.set_dtype_policy("mixed_bfloat16")
    yield
    policy.set_dtype_policy("float32")


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
