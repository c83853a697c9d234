"""The walk over rows: its six verbs, the generation in force, one warning for a spelling."""

import inspect
import warnings

import numpy as np
import pytest

from cornu import config, constraints, initializers, layers, optimizers
from cornu.config import Configurable
from cornu.dialects import (
    generations,
    keras0,
    keras1,
    keras1_optimizers,
    keras2,
    settling,
    spellings,
    table,
)
from cornu.dialects.table import Row, applied, made, told, until
from cornu.errors import UsageError, UsageTypeError


@pytest.fixture(autouse=True)
def old_spellings():
    table.forget_warnings()
    with spellings.registered():
        yield
    assert table.retold not in config.translate


ROW = Row(
    "Old",
    "1.2",
    is_now="New",
    positional=("nb", "a", "b"),
    rename={"nb": "number", "mode": "kind"},
    values={"mode": {"x": "cross"}, "kind": str.lower},
    fuse={"size": ("a", "b")},
    split={"both": lambda value: {"left": value, "right": value}},
    drop={"speed": "", "lost": "it is gone."},
    expand=lambda given: {**given, "seen": True},
    defaults={"depth": until("1.0", 7)},
)


def test_the_six_verbs():
    given = {"nb": 1, "mode": "x", "a": 2, "b": 3, "both": 4, "speed": "fast"}
    assert applied(ROW, given, {"number", "kind"}, "3") == {
        "number": 1,
        "kind": "cross",
        "size": (2, 3),
        "left": 4,
        "right": 4,
        "seen": True,
    }


def test_a_name_that_is_still_in_use_follows_the_generation():
    assert applied(ROW, {"kind": "LOUD"}, {"kind"}, "3")["kind"] == "LOUD"
    assert applied(ROW, {"kind": "LOUD"}, {"kind"}, "1.2")["kind"] == "loud"


@pytest.mark.parametrize(
    ("generation", "depth"), [("0.3", 7), ("1.0", 7), ("1.2", None), ("3", None)]
)
def test_defaults_are_those_of_the_generation(generation, depth):
    assert told([ROW], {"nb": 1}, {"number"}, generation).get("depth") == depth
    assert told([ROW], {"nb": 1, "depth": 2}, {"number"}, generation)["depth"] == 2


def test_what_is_lost_is_said_where_it_was_set():
    with pytest.warns(UserWarning, match="lost=5 .* has no effect any more: it is gone"):
        applied(ROW, {"lost": 5}, set(), "3", "Old()")
    for nothing in (0, None, False, 0.0):
        applied(ROW, {"lost": nothing}, set(), "3", "Old()")


def test_one_name_given_twice_is_refused():
    with pytest.raises(UsageTypeError, match="Dense.* got units twice, once as output_dim"):
        layers.Dense(3, output_dim=4)


def test_half_of_what_is_fused_is_refused():
    with pytest.raises(UsageTypeError, match=r"nb_row needs nb_col too.*kernel_size=\(3, 3\)"):
        layers.Conv2D(3, nb_row=3)


def test_one_warning_for_a_spelling():
    with pytest.warns(UserWarning, match=r"Today: Dense\(units=2\)") as seen:
        layers.Dense(output_dim=2)
        layers.Dense(output_dim=3)
    assert len(seen) == 1
    assert seen[0].filename == __file__


def test_todays_calls_are_not_warned_of():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        layers.Dense(2, "relu")
        layers.Conv2D(2, 3, 3)
        optimizers.Adam(0.1, clipnorm=1.0)


def test_an_unknown_name_is_still_an_error():
    with pytest.raises(UsageTypeError, match='no argument "nonsense"'):
        layers.Dense(3, nonsense=4)


@pytest.mark.parametrize(
    ("generation", "strides"),
    [("0.3", (1, 1)), ("1.2", (1, 1)), ("2.0", (1, 1)), ("2.3", (1, 1)), ("3", (3, 3))],
)
def test_three_ints_of_a_convolution(generation, strides):
    """Rows and columns in Keras 1, and 2 took them so too; size and strides today."""
    with generations.within(generation):
        layer = layers.Conv2D(8, 3, 3)
        sized = layers.Conv2D(np.int64(8), np.int64(3), np.int64(3))
    assert (layer.kernel_size, layer.strides) == ((3, 3), strides)
    assert (sized.kernel_size, sized.strides) == ((3, 3), strides)


def test_positional_arguments_follow_the_generation():
    with generations.within("1.2"):
        old = layers.Dense(3, "uniform", "relu")
    new = layers.Dense(3, "relu", True, "uniform")
    assert old.get_config() | {"name": ""} == new.get_config() | {"name": ""}


def test_an_old_keyword_tells_the_order_unless_they_clash():
    with pytest.warns(UserWarning, match="old spelling"):
        first = layers.Dense(3, "uniform", W_regularizer="l2")
    with pytest.warns(UserWarning, match="old spelling"):
        second = layers.Dense(3, "relu", init="uniform")
    assert type(first.kernel_initializer).__name__ == "RandomUniform"
    assert type(second.kernel_initializer).__name__ == "RandomUniform"
    assert second.activation.__name__ == "relu"


def test_a_subclass_is_spoken_to_as_its_base():
    class Mine(layers.Dense):
        pass

    with pytest.warns(UserWarning, match=r"Mine\(output_dim\)"):
        assert Mine(output_dim=5).units == 5


def test_a_layer_of_the_users_passes_old_options_on():
    class Mine(layers.Layer):
        def __init__(self, size, **kwargs):
            super().__init__(**kwargs)
            self.size = size

    with pytest.warns(UserWarning, match="batch_input_shape"):
        assert Mine(3, batch_input_shape=(None, 4), input_dtype="int32").declared_shape == (None, 4)


@pytest.mark.parametrize("generation", generations.GENERATIONS)
@pytest.mark.parametrize("cls", [layers.LSTM, layers.Conv2D, layers.BatchNormalization])
def test_a_config_of_today_survives_every_generation(cls, generation):
    args = {layers.LSTM: (3,), layers.Conv2D: (3, (2, 2)), layers.BatchNormalization: ()}[cls]
    plain = cls(*args).get_config()
    with generations.within(generation):
        assert cls.from_config(plain).get_config() == plain


def test_an_optimizers_config_of_today_survives():
    plain = optimizers.Adam(clipnorm=1.0).get_config()
    with generations.within("2.2"):
        assert optimizers.Adam.from_config(optimizers.Adam().get_config()).clipnorm is None
        assert optimizers.Adam.from_config(plain).get_config()["clipnorm"] == 1.0


def test_a_class_of_no_generation():
    with pytest.raises(UsageError, match='No class "Convolutoin2D".*Convolution2D') as raised:
        made("Convolutoin2D", 3)
    assert raised.value.code == "E-UNKNOWN-CLASS"


ROWS = [*keras0.ROWS, *keras1.ROWS, *keras1_optimizers.ROWS, *keras2.ROWS]


@pytest.mark.parametrize(
    "row", [r for r in ROWS if not r.name.startswith("any ")], ids=lambda r: f"{r.name}-{r.until}"
)
def test_rows_end_at_arguments_of_today(row):
    """Every present name in a row is an argument of its class, which exists."""
    classes = config.classes_named(row.present)
    assert classes, row.present
    cls = classes[-1]
    assert issubclass(cls, Configurable)
    known = {*cls.fields, *cls.options, "input_length", "decay", "class_name"}
    late = {new for r in ROWS if r.present == row.present for new in r.rename}
    for new in [*row.rename.values(), *row.fuse, *row.defaults]:
        assert new in known | late, (row.name, new)
    order = table.table.of(row.name, cls)
    spoken = set().union(*(r.names() for r in order))
    for name in row.positional:
        assert name in known | spoken, (row.name, name)


def test_hooks_are_put_once():
    spellings.register()
    assert config.translate.count(table.retold) == 1
    assert layers.Dense.settled_by.count(settling.settled) == 1
    assert list(inspect.signature(table.retold).parameters) == ["cls", "args", "kwargs"]


def test_a_class_of_one_meaning_is_asked_for_none():
    spellings.register()
    assert initializers.Zeros.settled_by == ()
    assert constraints.NonNeg.settled_by == ()


@pytest.mark.parametrize("generation", generations.GENERATIONS)
@pytest.mark.parametrize(
    ("cls", "args", "kwargs"),
    [
        (layers.Dense, (3,), {"activation": "relu"}),
        (layers.Dense, (3,), {"activation": "hard_sigmoid"}),
        (layers.Dense, (3,), {"activity_regularizer": "l2"}),
        (layers.Dense, (3,), {"kernel_initializer": lambda shape, name=None: np.ones(shape)}),
        (layers.Conv1D, (3, 5), {"padding": "same"}),
        (layers.LSTM, (3,), {}),
        (layers.LSTM, (), {"units": 3, "input_dim": 4}),
        (layers.Embedding, (9, 3), {}),
        (layers.LeakyReLU, (0.2,), {}),
        (initializers.Orthogonal, (), {}),
        (optimizers.SGD, (0.1,), {"momentum": 0.5}),
    ],
)
@pytest.mark.filterwarnings("ignore:.*old spelling")
def test_a_call_that_is_not_in_doubt_is_as_its_rules_tell_it(generation, cls, args, kwargs):
    """What `settled` does not ask its rules of, none of them would change."""
    known = (args, dict(kwargs))
    with spellings.registered(), generations.within(generation):
        asked = settling._watched(cls, generation, len(args), *kwargs)
        for rule in settling._rules(cls):
            known = rule(cls, *known)
        found = settling.settled(cls, args, kwargs)
    assert found[0] == known[0] and found[1].keys() == known[1].keys()
    if table.is_right(asked, args, kwargs):
        assert (found[0], found[1]) == (args, kwargs)
        assert all(known[1][name] is value for name, value in kwargs.items())


def test_a_right_spelling_is_not_in_doubt():
    with spellings.registered(), generations.within("2.3"):
        watched = settling._watched(layers.Dense, "2.3", 1, "activation")
        assert table.is_right(watched, (3,), {"activation": "relu"})
        assert not table.is_right(watched, (3,), {"activation": "hard_sigmoid"})


def test_unregister_takes_every_rule_back():
    with spellings.registered():
        assert settling.settled in optimizers.SGD.settled_by
    spellings.unregister()
    try:
        assert optimizers.SGD.settled_by == layers.LSTM.settled_by == ()
        assert table.retold not in config.translate
    finally:
        spellings.register()
