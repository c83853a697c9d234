"""Configurable, families and plain data, through initializers, regularizers and field types."""

import copy
import inspect
import json
import pickle
from collections.abc import Callable
from typing import Annotated, Any

import numpy as np
import pytest

from cornu import activations, config, fields, initializers, regularizers, settings
from cornu.config import (
    Configurable,
    custom_object_scope,
    deserialize,
    field,
    register_keras_serializable,
    serialize,
)
from cornu.errors import UsageError, UsageTypeError


class Brick(Configurable):
    """Has one field of every type that layers use."""

    units: fields.Positive
    activation: fields.Activation = None
    kernel_initializer: fields.Initializer = "glorot_uniform"
    kernel_regularizer: fields.Regularizer = None
    kernel_constraint: fields.Constraint = None
    rate: fields.Rate = 0.5
    strict_rate: fields.StrictRate = 0.0
    kernel_size: Annotated[Any, fields.window(2)] = 3
    strides: Annotated[Any, fields.window(1, optional=True)] = None
    cropping: Annotated[Any, fields.window(2, least=0)] = 0
    padding: fields.Padding = "valid"
    causal: fields.CausalPadding = "valid"
    data_format: fields.DataFormat = None
    axis: fields.Axis = -1
    shape: fields.Shape = None
    note: str = field(default=None, kw_only=True, config=False)


# ---------------------------------------------------------------- fields make the constructor


def test_fields_are_constructor_attributes_and_config():
    brick = Brick(4, "relu", kernel_size=5, note="hello")
    assert brick.units == 4
    assert brick.activation is activations.relu
    assert type(brick.kernel_initializer) is initializers.GlorotUniform
    assert brick.kernel_size == (5, 5)
    assert brick.note == "hello"
    assert brick.get_config() == {
        "units": 4,
        "activation": "relu",
        "kernel_initializer": {
            "module": "keras.initializers",
            "class_name": "GlorotUniform",
            "config": {"seed": None, "input_axes": None, "output_axes": None},
            "registered_name": None,
        },
        "kernel_regularizer": None,
        "kernel_constraint": None,
        "rate": 0.5,
        "strict_rate": 0.0,
        "kernel_size": [5, 5],
        "strides": None,
        "cropping": [0, 0],
        "padding": "valid",
        "causal": "valid",
        "data_format": "channels_last",
        "axis": -1,
        "shape": None,
    }


def test_signature():
    parameters = list(inspect.signature(Brick).parameters.values())
    assert [p.name for p in parameters[:3]] == ["units", "activation", "kernel_initializer"]
    assert parameters[0].default is inspect.Parameter.empty
    assert parameters[2].default == "glorot_uniform"
    assert parameters[-1].name == "note"
    assert parameters[-1].kind is inspect.Parameter.KEYWORD_ONLY


def test_repr_shows_what_differs_from_the_defaults():
    assert repr(initializers.RandomNormal(stddev=0.1)) == "RandomNormal(stddev=0.1)"
    assert repr(initializers.Zeros()) == "Zeros()"
    assert repr(regularizers.L1L2(0.1, 0.2)) == "L1L2(l1=0.1, l2=0.2)"


def test_subclasses_inherit_fields_and_may_add_and_change_them():
    class Larger(Brick):
        height: int = 1
        units: fields.Positive = 8

    larger = Larger(height=3)
    assert (larger.units, larger.height, larger.rate) == (8, 3, 0.5)
    assert list(larger.get_config())[-2:] == ["height", "units"]
    assert "height" not in Brick.fields


def test_instances_do_not_share():
    one, other = Brick(1), Brick(1)
    assert one.kernel_initializer is not other.kernel_initializer


def test_set_up_runs_when_the_fields_are_there():
    with pytest.raises(UsageError, match="maxval must be >= minval"):
        initializers.RandomUniform(3.0, 2.0)


@pytest.mark.parametrize(
    "twin", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]
)
def test_copies(twin: Callable):
    made = initializers.VarianceScaling(2.0, seed=3)
    again = twin(made)
    assert again.get_config() == made.get_config()
    np.testing.assert_array_equal(again((3, 4)), made((3, 4)))


# ---------------------------------------------------------------- conversion


def test_conversions():
    brick = Brick(
        np.int64(3),
        activation={"class_name": "function", "config": "tanh"},
        kernel_initializer=initializers.Zeros,
        kernel_regularizer="l2",
        kernel_constraint={"class_name": "MaxNorm", "config": {"max_value": 3, "axis": 0}},
        rate=1,
        kernel_size=[3, np.int32(4)],
        strides=2,
        padding="SAME",
        causal="causal",
        data_format="channels_first",
        axis=[1, -1],
        shape=28,
    )
    assert type(brick.units) is int
    assert brick.activation is activations.tanh
    assert type(brick.kernel_initializer) is initializers.Zeros
    assert brick.kernel_regularizer.l2 == 0.01
    assert brick.kernel_constraint.max_value == 3
    assert brick.kernel_size == (3, 4)
    assert type(brick.kernel_size[1]) is int
    assert brick.strides == (2,)
    assert brick.padding == "same"
    assert brick.causal == "causal"
    assert brick.axis == (1, -1)
    assert brick.shape == (28,)


def test_plain_functions_are_taken_as_they_are():
    def mine(x: Any, dtype: Any = None) -> Any:
        return x

    brick = Brick(1, mine, mine, mine, mine)
    held = (brick.activation, brick.kernel_initializer, brick.kernel_regularizer)
    assert all(f is mine for f in (*held, brick.kernel_constraint))


def test_activation_none_is_linear_and_the_others_stay_none():
    brick = Brick(1, kernel_initializer=None)
    assert brick.activation is activations.linear
    assert brick.get_config()["activation"] == "linear"
    assert brick.kernel_initializer is None
    assert brick.kernel_regularizer is None


def test_data_format_follows_the_settings():
    before = settings.image_data_format()
    try:
        settings.set_image_data_format("channels_first")
        assert Brick(1).data_format == "channels_first"
        assert Brick(1, data_format="channels_last").data_format == "channels_last"
    finally:
        settings.set_image_data_format(before)


# ---------------------------------------------------------------- errors

WRONG = [
    ({"units": 0}, UsageError, "Brick: units must be >= 1; got 0 "),
    ({"units": -3}, UsageError, "Brick: units must be >= 1; got -3 "),
    ({"units": None}, UsageTypeError, "Brick: units must be an int >= 1, as in 32; got None"),
    ({"units": 2.0}, UsageTypeError, r"Brick: units must be an int; got 2.0 .float.. Use 2\."),
    ({"units": "10"}, UsageTypeError, "Brick: units must be an int.*Use 10 without quotes"),
    ({"units": True}, UsageTypeError, "Brick: units must be an int; got True"),
    ({"rate": 50}, UsageError, r"Brick: rate must be in \[0, 1\]; got 50 .int.. Did you mean 0.5"),
    ({"rate": -0.1}, UsageError, r"Brick: rate must be in \[0, 1\]; got -0.1"),
    ({"rate": float("nan")}, UsageError, "Brick: rate must be in"),
    ({"rate": "0.5"}, UsageTypeError, "Brick: rate must be a number; got '0.5'"),
    ({"rate": [0.5]}, UsageTypeError, "Brick: rate must be a number; got"),
    ({"strict_rate": 1}, UsageError, r"Brick: strict_rate must be in \[0, 1\); got 1 "),
    ({"strict_rate": 50}, UsageError, r"got 50 .int.. Did you mean 0.5\?"),
    ({"kernel_size": 0}, UsageError, "Brick: kernel_size must be >= 1; got 0 "),
    ({"kernel_size": (3, 0)}, UsageError, r"Brick: kernel_size must be >= 1; got \(3, 0\)"),
    (
        {"kernel_size": (3, 3, 3)},
        UsageError,
        r"Brick: kernel_size must be an int or a tuple of 2 ints, as in 2 or \(2, 2\); got 3 in",
    ),
    ({"kernel_size": 2.5}, UsageTypeError, "kernel_size must be an int or a tuple of 2 ints"),
    ({"kernel_size": None}, UsageTypeError, "kernel_size must be an int.*got None"),
    ({"kernel_size": (True, 1)}, UsageTypeError, "kernel_size must be an int"),
    ({"strides": (1, 2)}, UsageError, r"a tuple of one int, as in 2 or \(2,\); got 2 in \(1, 2\)"),
    ({"cropping": -1}, UsageError, "Brick: cropping must be >= 0; got -1"),
    ({"padding": "sane"}, UsageError, "padding must be one of 'valid', 'same'.*mean \"same\""),
    ({"padding": "causal"}, UsageError, "padding must be one of 'valid', 'same'; got 'causal'"),
    ({"causal": 3}, UsageError, "causal must be one of 'valid', 'same', 'causal'; got 3"),
    ({"data_format": "channel_last"}, UsageError, 'data_format must be.*mean "channels_last"'),
    ({"axis": 1.0}, UsageTypeError, "Brick: axis must be an int or a tuple of ints"),
    ({"axis": []}, UsageTypeError, "Brick: axis must be an int or a tuple of ints"),
    ({"shape": (2, "3")}, UsageTypeError, "Brick: shape must be a tuple of ints, None for"),
    ({"shape": (2, -2)}, UsageError, "Brick: shape cannot hold the size -2"),
]


@pytest.mark.parametrize(("given", "kind", "said"), WRONG, ids=lambda x: str(x)[:40])
def test_wrong_values_name_class_field_and_value(given: dict, kind: type, said: str):
    with pytest.raises(kind, match=said) as info:
        Brick(**{"units": 1, **given})
    assert info.value.code.startswith("E-")


@pytest.mark.parametrize(
    ("name", "given", "near"),
    [
        ("activation", "rleu", "relu"),
        ("kernel_initializer", "he_norml", "he_normal"),
        ("kernel_regularizer", "l1_l3", "l1_l2"),
        ("kernel_constraint", "maxnorn", "max_norm"),
    ],
)
def test_unknown_names_suggest_the_nearest(name: str, given: str, near: str):
    with pytest.raises(UsageError, match=f'"{given}". Did you mean "{near}"') as info:
        Brick(1, **{name: given})
    assert info.value.__notes__ == [f'(argument "{name}" of Brick)']


def test_arguments_that_do_not_fit():
    with pytest.raises(
        UsageTypeError, match=r'no argument "activations". Did you mean "activation"'
    ):
        Brick(1, activations="relu")
    with pytest.raises(UsageTypeError, match=r'Brick\(\) needs "units", as in Brick\(units=…\)'):
        Brick()
    with pytest.raises(UsageTypeError, match="takes at most 15 positional arguments .* 16 were"):
        Brick(*range(16))
    with pytest.raises(UsageTypeError, match="or one of them also by name"):
        Brick(1, units=2)


# ---------------------------------------------------------------- plain data and back


def test_round_trip_through_json():
    brick = Brick(7, "gelu", "he_normal", regularizers.L1(0.2), "max_norm", shape=(None, 3), axis=1)
    plain = json.loads(json.dumps(brick.get_config()))
    again = Brick.from_config(plain)
    assert again.get_config() == brick.get_config()
    assert again.shape == (None, 3)
    assert again.activation is activations.gelu
    assert again.kernel_regularizer.l1 == 0.2


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (None, None),
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        ((1, (2, "a")), [1, [2, "a"]]),
        ({"a": (1,)}, {"a": [1]}),
        (activations.relu, "relu"),
        (np.array([[1, 2]], "int32"), None),
    ],
)
def test_plain_forms(value: Any, plain: Any):
    found = serialize(value)
    if isinstance(value, np.ndarray):
        again = deserialize(json.loads(json.dumps(found)))
        assert again.dtype == value.dtype
        np.testing.assert_array_equal(again, value)
    else:
        assert found == plain
        assert type(found) is type(plain)


def test_what_has_no_plain_form():
    with pytest.raises(UsageTypeError, match="has no plain form to save"):
        serialize(object())


def test_classes_of_one_name_are_told_apart_by_module():
    made = deserialize({"module": "keras.initializers", "class_name": "Identity", "config": {}})
    assert type(made) is initializers.Identity


def test_unknown_classes():
    with pytest.raises(UsageError, match='No class "HeNorml" is known. Did you mean "HeNormal"'):
        deserialize({"class_name": "HeNorml", "config": {}})
    with pytest.raises(UsageError, match='an initializer config needs|needs "class_name"'):
        initializers.get({"seed": 3})


# ---------------------------------------------------------------- users' own classes


class Scaled(initializers.Initializer):
    """A user's initializer in the style of Keras: its own constructor, no config."""

    def __init__(self, factor: float, inner: Any = "ones"):
        super().__init__()
        self.times = factor
        self.within = initializers.get(inner)

    def __call__(self, shape: tuple, dtype: Any = None) -> Any:
        return self.times * self.within(shape, dtype)


class Written(Scaled):
    """As `Scaled`, with a config that says something else."""

    def __init__(self, twice: float):
        super().__init__(2 * twice)
        self.twice = twice

    def get_config(self) -> dict:
        return {"twice": self.twice}


def test_a_constructor_of_its_own_is_recorded():
    made = Scaled(3.0, inner=initializers.Constant(2.0))
    assert made.get_config()["factor"] == 3.0
    again = Scaled.from_config(json.loads(json.dumps(made.get_config())))
    np.testing.assert_array_equal(again((2,)), [6.0, 6.0])


def test_a_config_of_its_own_is_used():
    assert Written(1.5).get_config() == {"twice": 1.5}
    np.testing.assert_array_equal(Written.from_config({"twice": 1.5})((1,)), [3.0])


def test_users_classes_go_by_custom_objects():
    plain = initializers.serialize(Scaled(3.0))
    assert plain["module"] is None
    assert plain["registered_name"] == "Scaled"
    with pytest.raises(UsageError, match='Unknown initializer "Scaled"'):
        initializers.deserialize(plain)
    with custom_object_scope({"Scaled": Scaled}):
        made = Brick(1, kernel_initializer=plain).kernel_initializer
    assert isinstance(made, Scaled)
    assert isinstance(initializers.deserialize(plain, {"Scaled": Scaled}), Scaled)
    with pytest.raises(UsageError):
        initializers.deserialize(plain)


def test_scopes_nest():
    with custom_object_scope({"first": np.zeros}), custom_object_scope({"second": np.ones}):
        assert initializers.get("first") is np.zeros
        assert initializers.get("second") is np.ones
    with pytest.raises(UsageError):
        initializers.get("first")


def test_registered_classes_and_functions():
    try:

        @register_keras_serializable(package="mine")
        class Sevens(initializers.Initializer):
            def __call__(self, shape: tuple, dtype: Any = None) -> Any:
                return np.full(shape, 7, dtype)

        @register_keras_serializable("mine", "steep")
        def steep(x: Any) -> Any:
            return 100 * x

        plain = serialize(Sevens())
        assert plain["registered_name"] == "mine>Sevens"
        assert isinstance(deserialize(plain), Sevens)
        assert isinstance(initializers.get("mine>Sevens"), Sevens)
        assert activations.serialize(steep)["config"] == "mine>steep"
        assert activations.deserialize(activations.serialize(steep)) is steep
        assert activations.get("mine>steep") is steep
    finally:
        for name in ("mine>Sevens", "mine>steep"):
            config.custom_names.pop(name, None)


def test_only_what_can_be_saved_is_registered():
    with pytest.raises(UsageError, match="Plain needs get_config to be registered"):

        @register_keras_serializable()
        class Plain:
            pass


def test_a_user_may_shadow_a_name():
    def relu(x: Any) -> Any:
        return -x

    with custom_object_scope({"relu": relu}):
        assert activations.get("relu") is relu
    assert activations.get("relu") is not relu


# ---------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("name", "snake"),
    [
        ("GlorotUniform", "glorot_uniform"),
        ("L1L2", "l1_l2"),
        ("ReLU", "re_lu"),
        ("Conv2DTranspose", "conv2d_transpose"),
        ("LSTM", "lstm"),
        ("relu6", "relu6"),
    ],
)
def test_snake(name: str, snake: str):
    assert config.snake(name) == snake


def test_unique_names():
    config.forget_names()
    assert [config.unique_name("brick") for _ in range(3)] == ["brick", "brick_1", "brick_2"]
    assert config.unique_name("stone") == "stone"
    config.forget_names()
    assert config.unique_name("brick") == "brick"
