"""The rows of Keras 0.3 to 2.2 for optimizers, regularizers and constraints."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cornu.dialects.table import Arguments, Row, until
from cornu.errors import UsageError, shown
from cornu.optimizers.schedules import InverseTimeDecay

LAST = "1.2"

# ---------------------------------------------------------------- regularizers, constraints

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


def _decaying(rate: float) -> Callable[[Arguments], Arguments]:
    """`decay` as a schedule: `rate / (1 + decay * updates)`; nothing for an epsilon of None."""

    def expand(given: Arguments) -> Arguments:
        found = dict(given)
        if found.get("epsilon", 0) is None:
            del found["epsilon"]
        decay = found.pop("decay", None)
        if decay:
            begin_with = found.get("learning_rate", rate)
            found["learning_rate"] = InverseTimeDecay(begin_with, 1, decay)
        return found

    return expand


def _schedule_decay(value: Any) -> Arguments:
    if value is not None and abs(value - 0.004) > 1e-6:
        raise UsageError(
            "E-OLD-OPTION",
            f"Nadam(schedule_decay={shown(value)}): today's Nadam has 0.004, and no other.",
        )
    return {}


def _optimizer(
    name: str, rate: float, middle: Sequence[str], defaults: Mapping[str, Any], **more: Any
) -> Row:
    """The row of an optimizer; `middle` are its positional arguments after the rate."""
    return Row(
        name,
        "2.2",
        positional=("lr", *middle),
        rename={"lr": "learning_rate", "clipnorm": "global_clipnorm"},
        expand=_decaying(rate),
        defaults={"learning_rate": until("2.3", rate), **defaults},
        **more,
    )


SQRT = {"epsilon": {"0.3": 1e-6, "1.0": 1e-8, "1.2": 1e-8, "2.0": 1e-8}}
TINY = {"epsilon": until("2.0", 1e-8)}
BETAS = ("beta_1", "beta_2", "epsilon")

OPTIMIZERS: Sequence[Row] = (
    _optimizer("SGD", 0.01, ("momentum", "decay", "nesterov"), {}),
    _optimizer("RMSprop", 0.001, ("rho", "epsilon", "decay"), SQRT),
    _optimizer(
        "Adagrad",
        0.01,
        ("epsilon", "decay"),
        {**SQRT, "initial_accumulator_value": until("2.3", 0.0)},
    ),
    _optimizer("Adadelta", 1.0, ("rho", "epsilon", "decay"), SQRT),
    _optimizer("Adam", 0.001, (*BETAS, "decay", "amsgrad"), TINY),
    _optimizer("Adamax", 0.002, (*BETAS, "decay"), TINY),
    _optimizer(
        "Nadam",
        0.002,
        (*BETAS, "schedule_decay"),
        TINY,
        split={"schedule_decay": _schedule_decay},
    ),
    *(
        Row(name.lower(), "2.3", is_now=name, apart=True)
        for name in ("SGD", "RMSprop", "Adagrad", "Adadelta", "Adam", "Adamax", "Nadam")
    ),
)

ROWS: Sequence[Row] = (*SMALL, *OPTIMIZERS)
