"""The rows of Keras 0.3 to 2.2 for optimizers, regularizers and constraints."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from cornu.dialects.generations import GENERATIONS
from cornu.dialects.optimizers import (
    DECAYING,
    AdagradOuterEpsilon,
    NadamSlowWarmup,
    RMSpropOuterEpsilon,
)
from cornu.dialects.table import Arguments, Row, until
from cornu.optimizers.schedules import InverseTimeDecay

LAST = "1.2"

# ---------------------------------------------------------------- regularizers and their like

SMALL: Sequence[Row] = (
    Row("WeightRegularizer", LAST, is_now="L1L2", apart=True, positional=("l1", "l2")),
    Row("L1L2Regularizer", LAST, is_now="L1L2", apart=True, positional=("l1", "l2")),
    Row("ActivityRegularizer", LAST, is_now="L1L2", apart=True, positional=("l1", "l2")),
    *(
        Row(
            name,
            LAST,
            is_now="L1L2",
            apart=True,
            positional=("l1", "l2"),
            expand=lambda given: {"l1": 0.01, "l2": 0.01, **given},
        )
        for name in ("l1l2", "activity_l1l2")
    ),
    Row("activity_l1", LAST, is_now="L1", apart=True, positional=("l",), rename={"l": "l1"}),
    Row("activity_l2", LAST, is_now="L2", apart=True, positional=("l",), rename={"l": "l2"}),
    Row("L1", LAST, rename={"l": "l1"}),
    Row("L2", LAST, rename={"l": "l2"}),
    Row("MaxNorm", LAST, rename={"m": "max_value"}),
    Row("MinMaxNorm", LAST, rename={"low": "min_value", "high": "max_value"}),
    Row("maxnorm", "2.3", is_now="MaxNorm", apart=True, rename={"m": "max_value"}),
    Row("nonneg", "2.3", is_now="NonNeg", apart=True),
    Row("unitnorm", "2.3", is_now="UnitNorm", apart=True),
)

# ---------------------------------------------------------------- optimizers


def _decaying(name: str, rate: float) -> Callable[[Arguments], Arguments]:
    """`decay` as a schedule, `rate / (1 + decay * updates)`, in place of the class that has it."""

    def expand(given: Arguments) -> Arguments:
        found = _without_none(given)
        decay = found.pop("decay", None) if name in DECAYING else None
        if decay:
            begin_with = found.get("learning_rate", rate)
            if isinstance(begin_with, (int, float)):
                found["learning_rate"] = InverseTimeDecay(begin_with, 1, decay)
            found["class_name"] = DECAYING[name]
        if "schedule_decay" in found:
            found["class_name"] = SLOW
        return found

    return expand


def _without_none(given: Arguments) -> Arguments:
    """An epsilon of None was that of the settings."""
    return {n: value for n, value in given.items() if n != "epsilon" or value is not None}


def _as_it_is(value: Any) -> Any:
    return value


def _optimizer(
    name: str, rate: float, middle: Sequence[str], defaults: Mapping[str, Any], other: str = ""
) -> Row:
    """The row of an optimizer.

    `middle` are its positional arguments after the rate; `other` is the class that has the rule of
    Keras 1 and 2.
    """
    rule = {"class_name": between("1.0", "2.3", other)} if other else {}
    return Row(
        name,
        "2.2",
        positional=("lr", *middle),
        rename=OPTIMIZER,
        values={"decay" if name in DECAYING else "schedule_decay": _as_it_is},
        expand=_decaying(name, rate),
        defaults={"learning_rate": until("2.3", rate), **defaults, **rule},
    )


def _with_decay(row: Row) -> Sequence[Row]:
    """The rows of the class that has `decay` as a field of its own."""
    name = DECAYING[row.name]
    defaults = {n: value for n, value in row.defaults.items() if n != "class_name"}
    return (
        replace(row, name=name, values={}, expand=_without_none, defaults=defaults),
        Row(name, "2.3", rename=OPTIMIZER),
    )


def between(first: str, last: str, value: Any) -> dict[str, Any]:
    """`value` for these two generations and those between."""
    place = GENERATIONS.index
    return dict.fromkeys(GENERATIONS[place(first) : place(last) + 1], value)


SLOW = NadamSlowWarmup.__name__
SQRT = {"epsilon": {"0.3": 1e-6, "1.0": 1e-8, "1.2": 1e-8, "2.0": 1e-8}}
TINY = {"epsilon": until("2.0", 1e-8)}
OPTIMIZER = {"lr": "learning_rate", "clipnorm": "global_clipnorm"}
BETAS = ("beta_1", "beta_2", "epsilon")

OPTIMIZERS: Sequence[Row] = (
    _optimizer("SGD", 0.01, ("momentum", "decay", "nesterov"), {}),
    _optimizer("RMSprop", 0.001, ("rho", "epsilon", "decay"), SQRT, RMSpropOuterEpsilon.__name__),
    _optimizer(
        "Adagrad",
        0.01,
        ("epsilon", "decay"),
        {**SQRT, "initial_accumulator_value": until("2.3", 0.0)},
        AdagradOuterEpsilon.__name__,
    ),
    _optimizer("Adadelta", 1.0, ("rho", "epsilon", "decay"), SQRT),
    _optimizer("Adam", 0.001, (*BETAS, "decay", "amsgrad"), TINY),
    _optimizer("Adamax", 0.002, (*BETAS, "decay"), TINY),
    _optimizer("Nadam", 0.002, (*BETAS, "schedule_decay"), TINY, SLOW),
    *(
        Row(name.lower(), "2.3", is_now=name, apart=True)
        for name in ("SGD", "RMSprop", "Adagrad", "Adadelta", "Adam", "Adamax", "Nadam")
    ),
)

ROWS: Sequence[Row] = (*SMALL, *OPTIMIZERS)

DRIFTING: Sequence[Row] = tuple(
    made for row in OPTIMIZERS if row.name in DECAYING for made in _with_decay(row)
)
"""Rows of classes that no old script calls by these names."""
