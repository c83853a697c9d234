"""Every row of every method: the old call reaches today's method as today's call would.

Today's methods are recorded, not run: what they do with their arguments is their own tests' matter.
What rows say is written here a second time; a row, an argument, a value or a default that is not
here is an error.
"""

import functools
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest

from cornu.dialects import generations, method_rows, methods, spellings, table
from cornu.dialects.generations import GENERATIONS
from cornu.dialects.method_rows import ROWS, SEQUENTIAL
from cornu.dialects.methods import Spoken
from cornu.dialects.table import Row
from cornu.models import Sequential

X, Y = np.zeros((12, 3), "float32"), np.ones((12, 2), "float32")
MODELS = {"Model": object(), "Sequential": Sequential()}


def batches() -> Iterator[tuple]:
    while True:
        yield X[:4], Y[:4]


SOURCE = (batches, {"x": ...})
WORKERS = (
    "max_q_size max_queue_size nb_worker nb_val_worker workers pickle_safe "
    "use_multiprocessing wait_time"
).split()

WORDS: dict[str, tuple[Any, dict[str, Any]]] = {
    "X": (X, {"x": X}),
    "x": (X, {"x": X}),
    "y": (Y, {"y": Y}),
    "generator": SOURCE,
    "nb_epoch": (3, {"epochs": 3}),
    "show_accuracy": (True, {"show_accuracy": True}),
    "accuracy": (True, {"show_accuracy": True}),
    "samples_per_epoch": (10, {"steps_per_epoch": 3, "x": ...}),
    "nb_val_samples": (5, {}),
    "val_samples": (9, {"steps": 3, "x": ...}),
    "class_mode": ("categorical", {}),
    "theano_mode": ("fast", {}),
    "sample_weight_mode": ("temporal", {}),
    "sample_weight_modes": ({"a": "temporal"}, {}),
    "target_tensors": ([1], {}),
    "reset_metrics": (False, {}),
    "fname": ("w.h5", {"filepath": "w.h5"}),
    "reshape": (True, {}),
    "positions": ([0.5, 1.0], {}),
    **{name: (2, {}) for name in WORKERS},
}
"""Old argument -> (a value, today's arguments); ... is a source of batches, whichever."""

SAME: dict[str, Any] = {
    **{"batch_size": 4, "verbose": 0, "callbacks": [1], "validation_split": 0.25, "steps": 2},
    **{"validation_data": (X, Y), "shuffle": False, "class_weight": {0: 2.0}, "epochs": 3},
    **{"sample_weight": Y[:, 0], "initial_epoch": 1, "validation_steps": 2, "steps_per_epoch": 2},
    **{
        "validation_freq": 2,
        "optimizer": "sgd",
        "loss": "mse",
        "metrics": ["one"],
        "by_name": True,
    },
    **{"loss_weights": [2.0], "weighted_metrics": ["mae"], "filepath": "w.h5", "line_length": 70},
    **{"skip_mismatch": True, "print_fn": print},
}
"""Arguments that are called so today."""

NOT_OF = {
    ("verbose", "train"),
    ("verbose", "train_on_batch"),
    ("verbose", "test"),
    ("verbose", "test_on_batch"),
}
"""(argument, method): there only, what stands in `SAME` is let go without a word."""

LOST = {
    **{"target_tensors": "targets are those", "reshape": "not reshaped"},
    **{"positions": "columns are as wide", "reset_metrics": "no effect any more"},
}
"""Argument -> what is said of it where it is given."""

NEEDED: dict[str, dict[str, Any]] = {
    **dict.fromkeys(
        ("fit", "evaluate", "train", "train_on_batch", "test", "test_on_batch"), {"x": X, "y": Y}
    ),
    **dict.fromkeys(("predict", "predict_classes", "predict_proba"), {"x": X}),
    **dict.fromkeys(
        ("fit_generator", "evaluate_generator", "predict_generator"), {"generator": batches}
    ),
    "compile": {"optimizer": "sgd", "loss": "mse"},
    "load_weights": {"filepath": "w.h5"},
    "summary": {},
}
"""What each method must be given."""

SILENT = {"verbose": {"2.3": 0}}
THEN: dict[str, dict[str, dict[str, Any]]] = {
    "fit": {"batch_size": {"0.3": 128}, "epochs": {"0.3": 100, "1.2": 10}},
    "evaluate": {"batch_size": {"0.3": 128}},
    "predict": {"batch_size": {"0.3": 128}, **SILENT},
    **dict.fromkeys(
        ("predict_classes", "predict_proba"),
        {"batch_size": {"0.3": 128}, "verbose": {"2.0": 1, "3": 0}},
    ),
    **dict.fromkeys(("evaluate_generator", "predict_generator"), {"verbose": {"3": 0}}),
    "Sequential.fit": {"epochs": {"2.0": 10}},
}
"""Method -> argument -> {last generation: what it was where not given}, oldest first."""

EMPTY = (
    "class_weight",
    "sample_weight",
    "callbacks",
    "metrics",
    "weighted_metrics",
    "loss_weights",
)
"""Arguments that could be empty where nothing was meant."""

TODAY = {
    **{"fit_generator": "fit", "evaluate_generator": "evaluate", "predict_generator": "predict"},
    **{"predict_classes": "predict", "predict_proba": "predict"},
    **{"train": "train_on_batch", "test": "test_on_batch"},
}
"""Old method -> the one of today, where that is called otherwise."""


@pytest.fixture(autouse=True)
def old_spellings():
    table.forget_warnings()
    with spellings.registered(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


# ---------------------------------------------------------------- a call, and what it came to


def _called(name: str, model: str, generation: str, args: tuple, given: Mapping[str, Any]) -> dict:
    """What today's method is called with by an old call."""
    real = next(spoken for spoken in methods.SPOKEN if spoken.name == name).today

    @functools.wraps(real)
    def record(model: Any, *args: Any, **kwargs: Any) -> dict:
        return {**dict(zip(method.order, args, strict=False)), **kwargs}

    method = Spoken(name, record)
    with generations.within(generation):
        found = method.method()(MODELS[model], *args, **given)
    return {key: value for key, value in found.items() if value is not None}


def _given(value: Any) -> Any:
    return value() if value is batches else value


def _at(by_last: Mapping[str, Any], generation: str) -> list:
    place = GENERATIONS.index
    return [v for last, v in by_last.items() if place(generation) <= place(last)][:1]


def _expected(name: str, model: str, generation: str, today: Mapping[str, Any]) -> dict:
    """What today's method should be called with."""
    then = {**THEN.get(name, {})}
    if model == "Sequential":
        for argument, by in THEN.get(f"Sequential.{name}", {}).items():
            then[argument] = {**then.get(argument, {}), **by}
    taken = {argument: _at(by, generation) for argument, by in then.items()}
    needed = dict(NEEDED[name])
    if "generator" in needed:
        needed = {"x": ...}
    return {**{k: v[0] for k, v in taken.items() if v}, **needed, **today}


def _check(found: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    assert set(found) == set(expected)
    for name, value in expected.items():
        assert value is ... or found[name] is value or found[name] == value, name


def _word(name: str) -> tuple[Any, dict[str, Any]]:
    assert name in WORDS or name in SAME, f"{name} stands in no table of this file"
    return WORDS[name] if name in WORDS else (SAME[name], {name: SAME[name]})


def _rows() -> Iterator[tuple[str, str, Row]]:
    for model, rows in (("Model", ROWS), ("Sequential", SEQUENTIAL)):
        for name, of_method in rows.items():
            for row in of_method:
                yield model, name, row


WALKED = list(_rows())
ROW_IDS = [f"{model}.{name}-{row.until}" for model, name, row in WALKED]


# ---------------------------------------------------------------- each argument of each row


@pytest.mark.parametrize(("model", "name", "row"), WALKED, ids=ROW_IDS)
def test_each_argument(model: str, name: str, row: Row):
    """Where the row speaks, and today."""
    needed = NEEDED[name]
    for argument in {*row.positional, *row.names()}:
        value, today = _word(argument)
        if (argument, name) in NOT_OF and argument in row.drop:
            today = {}
        if argument == "nb_val_samples":
            given = {"validation_data": batches(), argument: value}
            today = {"validation_data": ..., "validation_steps": 2}
            if not name.startswith("fit"):
                given, today = {argument: value}, {}
        else:
            given = {argument: _given(value)}
        rest = {n: _given(v) for n, v in needed.items() if n not in {*given, *today}}
        for generation in (row.until, "3"):
            if generation == "3" and argument in row.drop and argument in SAME:
                continue
            given = {n: batches() if n in ("generator",) else v for n, v in given.items()}
            found = _called(name, model, generation, (), {**rest, **given})
            _check(found, _expected(name, model, generation, today))


@pytest.mark.parametrize(("model", "name", "row"), WALKED, ids=ROW_IDS)
def test_arguments_by_their_places(model: str, name: str, row: Row):
    """All of a row's, in its order, in its generation."""
    if not row.positional:
        return
    args, today = [], {}
    for argument in row.positional:
        value, now = _word(argument)
        args.append(_given(value))
        today |= {} if argument == "nb_val_samples" else now
    found = _called(name, model, row.until, tuple(args), {})
    _check(found, _expected(name, model, row.until, today))


def test_steps_of_validation_by_their_place():
    """Samples to validate by are counted where what yields them is given."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        args = (batches(), 10, 3, 0, None, batches(), 5)
        found = _called("fit_generator", "Model", "1.2", args, {})
    assert (found["validation_steps"], found["steps_per_epoch"]) == (2, 3)


# ---------------------------------------------------------------- values and defaults


@pytest.mark.parametrize(("model", "name", "row"), WALKED, ids=ROW_IDS)
def test_each_value_and_default(model: str, name: str, row: Row):
    for argument, said in row.values.items():
        assert argument in EMPTY and callable(said), argument
        for nothing in ({}, []):
            found = _called(name, model, row.until, (), {**_needed(name), argument: nothing})
            _check(found, _expected(name, model, row.until, {}))
    known = {*THEN.get(name, {}), *THEN.get(f"{model}.{name}", {})}
    assert set(row.defaults) <= known
    for generation in GENERATIONS if row.defaults else ():
        found = _called(name, model, generation, (), _needed(name))
        _check(found, _expected(name, model, generation, {}))


def _needed(name: str) -> dict[str, Any]:
    return {n: _given(v) for n, v in NEEDED[name].items()}


@pytest.mark.parametrize(("old", "new"), [*method_rows.LONG.items()])
def test_names_of_metrics_in_logs(old: str, new: str):
    """Up to 2.2 logs called them by these names; from 2.3 on by what `compile` was told."""
    logged = {
        **{"accuracy": "acc", "crossentropy": "ce", "mse": "mean_squared_error"},
        **{"mae": "mean_absolute_error", "mape": "mean_absolute_percentage_error"},
        **{"msle": "mean_squared_logarithmic_error"},
    }
    assert logged[old] == new
    for generation, name in (("2.2", new), ("2.3", old)):
        given = {**NEEDED["compile"], "metrics": [old], "weighted_metrics": {"a": [old]}}
        found = _called("compile", "Model", generation, (), given)
        assert found["metrics"] == [name] and found["weighted_metrics"] == {"a": [name]}


def test_the_third_argument_of_compile():
    found = _called("compile", "Model", "3", ("sgd", "mse", ["mae"]), {})
    assert found == {"optimizer": "sgd", "loss": "mse", "metrics": ["mae"]}
    fourth = ("sgd", "mse", ["one"], "temporal")
    assert "loss_weights" not in _called("compile", "Sequential", "1.2", fourth, {})
    for generation in ("2.3", "3"):
        found = _called("compile", "Sequential", generation, ("sgd", "mse", ["one"], [2.0]), {})
        assert found["loss_weights"] == [2.0]


@pytest.mark.parametrize(("model", "name", "row"), WALKED, ids=ROW_IDS)
def test_what_is_lost_is_said(model: str, name: str, row: Row):
    assert {n for n, text in row.drop.items() if text} | {*row.split} <= set(LOST)
    for argument in LOST:
        if row.drop.get(argument) or argument in row.split:
            given = {**_needed(name), argument: _word(argument)[0]}
            with pytest.warns(UserWarning, match=LOST[argument]):
                _called(name, model, row.until, (), given)


def test_every_method_is_walked():
    assert set(ROWS) == set(NEEDED) == {spoken.name for spoken in methods.SPOKEN}
    assert {s.name: s.today.__name__ for s in methods.SPOKEN if s.gone} == TODAY
    assert {row.expand.__name__ for rows in ROWS.values() for row in rows if row.expand} == {
        *("_epoch_of_samples", "_inputs_of_samples", "_pass_of_samples", "_logged_names"),
    }
    also = [name for _, name, row in WALKED if row.also]
    assert also == ["compile", "compile"]
