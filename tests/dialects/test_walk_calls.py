"""Every row of every table of constructors: the old call makes what today's call makes.

Each argument of each row by itself, all of a row's arguments by their places, and each default in
each generation; what the rows say is held to `walk_words`, where it was written a second time. A
row, an argument or a default that is not there is an error.
"""

import warnings
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import numpy as np
import pytest

from cornu import config, constraints, optimizers, regularizers
from cornu.config import Configurable
from cornu.dialects import generations, keras0, keras1, keras1_optimizers, keras2, spellings, table
from cornu.dialects.generations import GENERATIONS
from cornu.dialects.optimizers import DECAYING
from cornu.dialects.table import Row, made
from cornu.errors import UsageError
from cornu.layers import Dense, Input, Layer
from cornu.layers import LSTMCell as Cell
from cornu.models import Model
from cornu.state import Variable
from dialects.rows_alone import rows_alone
from dialects.walk_words import (
    ARGUMENTS,
    LOST,
    OF,
    OF_ROW,
    REFUSED,
    RULES,
    SAME,
    THEN,
    VALUES,
)

ROWS: list[Row] = [*keras0.ROWS, *keras1.ROWS, *keras1_optimizers.ROWS, *keras2.ROWS]
STAND_IN = "Dense"
"""What rows that speak of any layer are tried on."""

PLANE = {"filters": 3, "kernel_size": (2, 3)}
ROW_OF = (6, 4)
IMAGE = (6, 5, 4)

BASE: dict[str, tuple[dict[str, Any], Any]] = {
    **dict.fromkeys(("Dense", "MaxoutDense"), ({"units": 3}, (4,))),
    **dict.fromkeys(
        ("Conv1D", "LocallyConnected1D", "SeparableConv1D"),
        ({"filters": 3, "kernel_size": 2}, ROW_OF),
    ),
    **dict.fromkeys(("Conv2D", "Conv2DTranspose", "SeparableConv2D"), (PLANE, IMAGE)),
    "LocallyConnected2D": (PLANE, IMAGE),
    "DepthwiseConv2D": ({"kernel_size": 2}, IMAGE),
    **dict.fromkeys(
        ("Conv3D", "Conv3DTranspose"), ({"filters": 3, "kernel_size": (1, 2, 3)}, (6, 5, 4, 4))
    ),
    "ConvLSTM2D": (PLANE, (2, *IMAGE)),
    **dict.fromkeys(("SimpleRNN", "GRU", "LSTM"), ({"units": 3}, ROW_OF)),
    **dict.fromkeys(("SimpleRNNCell", "GRUCell", "LSTMCell"), ({"units": 3}, None)),
    "RNN": ({"cell": Cell(3, name="cell")}, None),
    "Embedding": ({"input_dim": 9, "output_dim": 3}, "numbers"),
    "Reshape": ({"target_shape": (2, 2)}, (4,)),
    "Dropout": ({"rate": 0.5}, (4,)),
    "Activation": ({"activation": "tanh"}, (4,)),
    "GaussianDropout": ({"rate": 0.5}, (4,)),
    "GaussianNoise": ({"stddev": 0.5}, (4,)),
    "SpatialDropout1D": ({"rate": 0.5}, ROW_OF),
    "SpatialDropout2D": ({"rate": 0.5}, IMAGE),
    "SpatialDropout3D": ({"rate": 0.5}, (6, 5, 4, 4)),
    **dict.fromkeys(("PReLU", "ParametricSoftplus", "SReLU"), ({}, ROW_OF)),
    **dict.fromkeys(("BatchNormalization", "Highway", "LeakyReLU", "ThresholdedReLU"), ({}, (4,))),
    **dict.fromkeys(("MergedSteps", "UpSampling1D", "ZeroPadding1D"), ({}, ROW_OF)),
    **dict.fromkeys((f"{kind}Pooling1D" for kind in ("Max", "Average")), ({}, ROW_OF)),
    **dict.fromkeys((f"Global{kind}Pooling1D" for kind in ("Max", "Average")), ({}, ROW_OF)),
    **dict.fromkeys(("Flatten", "UpSampling2D", "ZeroPadding2D", "Cropping2D"), ({}, IMAGE)),
    **dict.fromkeys((f"{kind}Pooling2D" for kind in ("Max", "Average")), ({}, IMAGE)),
    **dict.fromkeys((f"Global{kind}Pooling2D" for kind in ("Max", "Average")), ({}, IMAGE)),
    **dict.fromkeys(("UpSampling3D", "ZeroPadding3D", "Cropping3D"), ({}, (6, 5, 4, 4))),
    **dict.fromkeys((f"{kind}Pooling3D" for kind in ("Max", "Average")), ({}, (6, 5, 4, 4))),
    **dict.fromkeys((f"Global{kind}Pooling3D" for kind in ("Max", "Average")), ({}, (6, 5, 4, 4))),
    "InputLayer": ({"batch_shape": (2, 4)}, None),
    **{name: ({}, None) for name in RULES},
    **dict.fromkeys(("SGD", "Adadelta", "Adam", "Adamax", "L1L2", "L1", "L2"), ({}, None)),
    **dict.fromkeys(("MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm"), ({}, None)),
    "Model": ({}, None),
}
"""Class of today -> what it must be given, and the shape of a sample for it."""

EXPANDED: dict[tuple[str, str], list[tuple[dict[str, Any], dict[str, Any]]]] = {
    ("ZeroPadding1D", "1.2"): [
        ({"padding": {"left_pad": 1, "right_pad": 2}}, {"padding": (1, 2)}),
    ],
    ("ZeroPadding2D", "1.2"): [
        ({"padding": (1, 0, 2, 1)}, {"padding": ((1, 0), (2, 1))}),
        ({"padding": {"top_pad": 1, "right_pad": 2}}, {"padding": ((1, 0), (0, 2))}),
    ],
    ("BatchNormalization", "1.2"): [
        ({"mode": 1, "axis": 1}, {"class": "SampleNormalization", "axis": 1}),
        ({"mode": 2}, {"class": "BatchMomentsNormalization"}),
    ],
    ("Embedding", "0.3"): [({"input_shape": (9,)}, {})],
    ("UpSampling2D", "2.3"): [
        (
            {"interpolation": "bilinear"},
            {"class": "CornerUpSampling2D", "interpolation": "bilinear"},
        ),
    ],
    ("any Layer", "2.3"): [
        ({"batch_size": 2, "input_shape": (4,)}, {"batch_shape": (2, 4)}),
        ({"batch_size": 2, "input_dim": 4}, {"batch_shape": (2, 4)}),
    ],
    ("CuDNNLSTM", "2.3"): [({}, {"recurrent_activation": "sigmoid"})],
    ("CuDNNGRU", "2.3"): [({}, {"recurrent_activation": "sigmoid", "reset_after": True})],
    ("l1l2", "1.2"): [({}, {"l1": 0.01, "l2": 0.01}), ({"l1": 0.5}, {"l1": 0.5, "l2": 0.01})],
    ("activity_l1l2", "1.2"): [({}, {"l1": 0.01, "l2": 0.01})],
    ("Nadam", "2.2"): [({"epsilon": None}, {"epsilon": 1e-7, "class": "NadamSlowWarmup"})],
}
"""Row -> calls of which more than one argument is told together: (old, today's)."""

ALSO = {
    "Convolution2D": (8, 3, 2),
    "SeparableConvolution2D": (8, 3, 2),
    "LocallyConnected2D": (8, 3, 2),
}
"""Rows whose order was taken in later generations too: filters, rows, columns."""


NOT_ALONE = {("any Layer", "batch_size")}
"""Arguments that mean something beside others only, by which `EXPANDED` tries them."""


def _is_1(row: Row) -> bool:
    return GENERATIONS.index(row.until) < GENERATIONS.index("2.0")


STEPPED = (
    "Convolution1D AtrousConvolution1D LocallyConnected1D TimeDistributedDense SimpleRNN GRU "
    "LSTM RNN Conv1D"
).split()
"""Rows that make a shape of `input_dim` and `input_length`; each is tried with both."""


@pytest.fixture(autouse=True)
def old_spellings():
    table.forget_warnings()
    with spellings.registered(), rows_alone(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


# ---------------------------------------------------------------- what is expected


def _at(by_last: Mapping[str, Any], generation: str) -> list:
    """The value of the first entry that this generation is not later than, in a list; else []."""
    place = GENERATIONS.index
    return [v for last, v in by_last.items() if place(generation) <= place(last)][:1]


def _then(present: str, generation: str) -> dict[str, Any]:
    found = {n: _at(by, generation) for n, by in THEN.get(present, {}).items()}
    return {name: value[0] for name, value in found.items() if value}


def _today(row: Row, generation: str, expected: Mapping[str, Any]) -> Any:
    """Today's object for what is expected besides what the class must be given."""
    present = STAND_IN if row.name.startswith("any ") else row.present
    taken = {} if row.apart and row.name.startswith("CuDNN") else _then(present, generation)
    found = {**BASE[present][0], **taken, **expected}
    name = found.pop("class", None)
    if "schedule_decay" in found:
        name = "NadamSlowWarmup"
    if "decay" in found:
        name = DECAYING[present]
    if "word_dropout" in found and generation not in ("1.0", "1.2"):
        del found["word_dropout"]
    elif "word_dropout" in found:
        name = "WordDropEmbedding"
    name = name or (_at(RULES.get(present, {}), generation) or [present])[0]
    with generations.within("3"):
        cls: Any = config.classes_named(name)[-1]
        return cls(**found)


def _old(row: Row, generation: str, given: Mapping[str, Any], *args: Any, less: Any = ()) -> Any:
    """What the old call makes; arguments that are called otherwise in it are left out."""
    present = STAND_IN if row.name.startswith("any ") else row.present
    base = {n: v for n, v in BASE[present][0].items() if n not in {*less, *given}}
    with generations.within(generation):
        if row.name.startswith("any "):
            return Dense(*args, **base, **given)
        return made(row.name, *args, **base, **given)


def _word(row: Row, name: str) -> tuple[Any, dict[str, Any]]:
    """A value for an argument of a row, and today's arguments."""
    own = {**OF.get(row.name, {}), **OF_ROW.get((row.name, row.until), {})}
    if name in own:
        return own[name]
    if name in ARGUMENTS and (name in row.names() or name not in SAME):
        return ARGUMENTS[name]
    if name == "decay":
        return 0.1, {"decay": 0.1}
    assert name in SAME, f"{row.name}({name}=) stands in no table of walk_words"
    return SAME[name], {name: SAME[name]}


def _plain(thing: Any) -> Any:
    """A config to compare: without the name, and arrays as lists."""
    if isinstance(thing, Mapping):
        return {k: _plain(v) for k, v in thing.items() if k != "name"}
    if isinstance(thing, (list, tuple)):
        return [_plain(v) for v in thing]
    return thing.tolist() if isinstance(thing, np.ndarray) else thing


def _same(old: Any, new: Any) -> None:
    """Two objects of one class, config and declared shape."""
    assert type(old) is type(new)
    assert _plain(old.get_config()) == _plain(new.get_config())
    assert getattr(old, "declared_shape", None) == getattr(new, "declared_shape", None)


# ---------------------------------------------------------------- each argument of each row


def _units(row: Row) -> Iterator[tuple[str, ...]]:
    """What is tried by itself: an argument, or the parts of one that is fused."""
    fused = {part for parts in row.fuse.values() for part in parts}
    yield from row.fuse.values()
    for name in dict.fromkeys([*row.positional, *sorted(row.names())]):
        if name not in fused:
            yield (name,)


def _id(row: Row) -> str:
    return f"{row.name}-{row.until}"


PLAIN_ROWS = [row for row in ROWS if row.present != "Model"]


@pytest.mark.parametrize("row", PLAIN_ROWS, ids=_id)
def test_each_argument(row: Row):
    """By the generation that spoke so, and by today's: a name that is gone is always taken."""
    cls: Any = config.classes_named(STAND_IN if row.name[:4] == "any " else row.present)[-1]
    known = {*cls.fields, *cls.options} - {"input_dim"}
    for names in _units(row):
        for generation in (row.until, "3"):
            later = names[0] in OF_ROW.get((row.name, row.until), {})
            if generation == "3" and (names[0] in known or later):
                continue  # it means what it says today, or what a later row says
            _try(row, names, generation)


def _try(row: Row, names: tuple[str, ...], generation: str) -> None:
    if (row.name, names[0]) in NOT_ALONE:
        return
    if names[0] == "weights" and row.name in REFUSED and _is_1(row):
        if generation == row.until:
            with pytest.raises(UsageError, match="E-OLD-OPTION"):
                _old(row, generation, {"weights": [np.ones((2, 2))]})
        return  # later ones take it as Keras 2 did, of which there is a row too
    word = next(iter(row.fuse)) if len(names) > 1 else names[0]
    value, expected = _word(row, word)
    given = dict(zip(names, value, strict=True)) if len(names) > 1 else {word: value}
    old = _old(row, generation, given, less=expected)
    _same(old, _today(row, generation, expected))


@pytest.mark.parametrize("row", [row for row in PLAIN_ROWS if any(row.drop.values())], ids=_id)
def test_what_is_lost_is_said(row: Row):
    for name, text in row.drop.items():
        assert bool(text) == (name in LOST)
        if text:
            with pytest.warns(UserWarning, match=f"{name}=.* has no effect any more"):
                _old(row, row.until, {name: _word(row, name)[0]})


@pytest.mark.parametrize("row", [row for row in PLAIN_ROWS if row.values], ids=_id)
def test_each_value(row: Row):
    """Every value that meant something else, where the row speaks."""
    for name, said in row.values.items():
        for value in said if isinstance(said, Mapping) else ():
            assert value in VALUES[name], (row.name, name, value)
            today = [*(_word(row, name)[1] or {name: None})][0]
            now = VALUES[name][value]
            expected = {} if now is None else {today: now}
            old = _old(row, row.until, {name: value}, less=[today])
            _same(old, _today(row, row.until, expected))


# ---------------------------------------------------------------- all arguments by their places

TOGETHER = {"weights": None, "dilation_rate": 1, "atrous_rate": 1, "schedule_decay": 0.004}
"""What is given for arguments that do not go with others."""


def _in_order(row: Row) -> tuple[list, dict[str, Any]]:
    """The arguments of a row by their places, and today's for them."""
    args, expected = [], {}
    fused = {part: (new, i) for new, parts in row.fuse.items() for i, part in enumerate(parts)}
    for name in row.positional:
        if name in fused:
            new, i = fused[name]
            value, today = _word(row, new)
            value = value[i]
        elif name == "weights":
            value, today = None, {}
        elif name == "decay":
            value, today = 0.5, {"decay": 0.5}
        elif name in TOGETHER:
            value, today = TOGETHER[name], {next(iter(_word(row, name)[1])): TOGETHER[name]}
        else:
            value, today = _word(row, name)
        args.append(value)
        expected |= {new: v for new, v in today.items() if new == name or new not in expected}
    if {"input_dim", "input_length"} <= {*row.positional} and row.name in STEPPED:
        expected["input_shape"] = (7, 5)
    return args, expected


def _pairs(row: Row) -> tuple[Any, Any]:
    args, expected = _in_order(row)
    both = {} if not row.positional else {n: None for n in row.positional}
    old = _old(row, row.until, {}, *args, less={*expected, *both})
    return old, _today(row, row.until, expected)


@pytest.mark.parametrize("row", [row for row in PLAIN_ROWS if row.positional], ids=_id)
def test_arguments_by_their_places(row: Row):
    _same(*_pairs(row))


@pytest.mark.parametrize("row", PLAIN_ROWS, ids=_id)
def test_what_it_computes(row: Row):
    """Shapes and numbers: what the row makes, beside what today's call makes."""
    old, new = _pairs(row)
    if isinstance(old, Layer):
        _computes_the_same(old, new, BASE[STAND_IN if row.name[:4] == "any " else row.present][1])
    elif isinstance(old, optimizers.Optimizer):
        np.testing.assert_array_equal(_stepped(old), _stepped(new))
    else:
        x = np.linspace(-2, 2, 12, dtype="float32").reshape(4, 3)
        assert isinstance(old, (regularizers.Regularizer, constraints.Constraint))
        np.testing.assert_array_equal(old(x), new(x))


def _computes_the_same(old: Layer, new: Layer, shape: Any) -> None:
    if shape is None:
        return  # cells and inputs compute nothing by themselves; their configs are the same
    if old.declared_shape is not None and shape != "numbers":
        shape = tuple(n or 6 for n in old.declared_shape[1:])
    sample = _sample(shape)
    assert old.compute_output_shape(sample.shape) == new.compute_output_shape(sample.shape)
    first = np.asarray(new(sample))
    old(sample)
    old.set_weights(new.get_weights())
    np.testing.assert_array_equal(np.asarray(old(sample)), first)


@cache
def _sample(shape: Any) -> np.ndarray:
    if shape == "numbers":
        return np.array([[1, 3, 2]], "int32")
    return np.random.default_rng(0).normal(size=(2, *shape)).astype("float32")


def _stepped(optimizer: Any) -> np.ndarray:
    p = Variable(np.ones(3, "float32"), name="p")
    optimizer.build([p])
    for scale in (1.0, 2.0):
        optimizer.apply([np.array([0.5, -1, 0.01], "float32") * scale], [p])
    return p.numpy()


# ---------------------------------------------------------------- what acts on several at once


@pytest.mark.parametrize("row", [r for r in PLAIN_ROWS if r.expand], ids=_id)
def test_what_is_told_together(row: Row):
    examples = list(EXPANDED.get((row.name, row.until), ()))
    if row.name in STEPPED:
        examples.append(({"input_dim": 5, "input_length": 7}, {"input_shape": (7, 5)}))
    if row.name == "Embedding" and "input_length" in row.rename:
        examples.append(({"input_length": (2, 3)}, {"input_shape": (2, 3)}))
    if "decay" in row.values:
        given = {"lr": 0.5, "decay": 0.25}
        examples.append((given, {"learning_rate": 0.5, "decay": 0.25}))
    assert examples, f"{_id(row)} tells several arguments together, and has no example"
    for given, expected in examples:
        _same(_old(row, row.until, given), _today(row, row.until, expected))


@pytest.mark.parametrize("row", [r for r in ROWS if r.also], ids=_id)
def test_orders_that_lived_on(row: Row):
    assert row.also is not None
    args = ALSO[row.name]
    base = {"filters": 8, "kernel_size": (3, 2)}
    for generation in ("2.0", "2.3"):
        _same(_old(row, generation, {}, *args, less=base), _today(row, generation, base))
    with generations.within("3"):
        cls: Any = config.classes_named(row.present)[-1]
        assert cls(8, 3, 2).strides == (2, 2)


# ---------------------------------------------------------------- what was taken for granted


def _kinds() -> list[str]:
    return sorted({row.present for row in PLAIN_ROWS if row.defaults})


@pytest.mark.parametrize("present", _kinds())
def test_defaults_of_each_generation(present: str):
    said = {n for row in ROWS if row.present == present and not row.apart for n in row.defaults}
    rule = {"class_name"} if present in RULES else set()
    assert said == {*THEN[present], *rule}
    row = next(row for row in reversed(ROWS) if row.present == present and not row.apart)
    for generation in GENERATIONS:
        _same(_old(row, generation, {}), _today(row, generation, {}))


def test_no_class_has_other_defaults():
    assert set(THEN) == set(_kinds())


# ---------------------------------------------------------------- models


@pytest.mark.parametrize("row", [row for row in ROWS if row.present == "Model"], ids=_id)
def test_models(row: Row):
    x = Input((4,))
    y = Dense(3)(x)
    values = {"input": x, "inputs": x, "output": y, "outputs": y, "name": "named"}
    new = Model(inputs=x, outputs=y, name="named")
    with generations.within(row.until):
        by_place = Model(*(values[name] for name in row.positional))
        by_name = Model(**{name: values[name] for name in row.positional})
    sample = _sample((4,))
    for old in (by_place, by_name):
        assert old.get_config() == new.get_config()
        assert (old.input_shape, old.output_shape) == ((None, 4), (None, 3))
        np.testing.assert_array_equal(
            old.predict(sample, verbose=0), new.predict(sample, verbose=0)
        )


def test_every_row_is_walked():
    """The table that answers is these rows, and each class is one that the walk can make."""
    known = [*ROWS, *keras1_optimizers.DRIFTING]  # which `test_drift_optimizers` holds
    assert {id(row) for row in known} == {
        id(row) for rows in table.table.by_name.values() for row in rows
    }
    for row in ROWS:
        if not row.name.startswith("any "):
            assert row.present in BASE, row.present
            assert issubclass(config.classes_named(row.present)[-1], Configurable)
