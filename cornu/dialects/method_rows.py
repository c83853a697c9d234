"""The rows of methods: what `fit`, `compile` and their kin, and their arguments, were called.

They are told by the verbs of `table`. What calls them is in `methods`.
"""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import GeneratorType
from typing import Any

import numpy as np

from cornu import tree
from cornu.dialects import generations
from cornu.dialects.table import Arguments, Row, until
from cornu.errors import warn

__all__ = ["ROWS", "SEQUENTIAL", "counted"]

# ---------------------------------------------------------------- what rows say


def _absent(value: Any) -> Any:
    """An empty dict or list, which said nothing, as None."""
    return None if isinstance(value, (dict, list, tuple)) and not value else value


def _reset_metrics(value: Any) -> Arguments:
    if not value:
        warn("reset_metrics=False has no effect any more: figures are those of the batch.")
    return {}


WORKERS: dict[str, str] = dict.fromkeys(
    (
        *("max_q_size", "max_queue_size", "nb_worker", "nb_val_worker", "workers"),
        *("pickle_safe", "use_multiprocessing", "wait_time"),
    ),
    "",
)
"""How many batches were made ahead, and by how many threads: batches are made one ahead now."""

EMPTY = {"class_weight": _absent, "sample_weight": _absent, "callbacks": _absent}
DATA = {"X": "x"}
ASKED = {"show_accuracy": "show_accuracy", "accuracy": "show_accuracy"}
"""Arguments by which accuracy was asked for; see `_with_accuracy`."""

FIT = ("x", "y", "batch_size", "nb_epoch", "verbose", "callbacks", "validation_split")
FIT = (*FIT, "validation_data", "shuffle")
OLD_SIZE = {"batch_size": {"0.3": 128}}

# ---------------------------------------------------------------- metrics by their old names

LONG = {
    "accuracy": "acc",
    "crossentropy": "ce",
    "mse": "mean_squared_error",
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "msle": "mean_squared_logarithmic_error",
}
"""What logs called a metric before 2.3, whatever `compile` was told."""


def _logged_names(given: Arguments) -> Arguments:
    """Metrics by the names that logs gave them: "accuracy" was "acc" up to 2.2."""
    found = dict(given)
    for key in ("metrics", "weighted_metrics"):
        if key in found and generations.before("2.3"):
            found[key] = _named(found[key])
    return found


def _named(said: Any) -> Any:
    if isinstance(said, str):
        return LONG.get(said.lower(), said)
    if isinstance(said, Mapping) and "class_name" not in said:
        return {name: _named(one) for name, one in said.items()}
    return [_named(one) for one in said] if isinstance(said, (list, tuple)) else said


def _names_third(args: tuple) -> bool:
    """Whether the third argument of `compile` is a list of metrics, and no weights of losses."""
    third = args[2] if len(args) > 2 else None
    return isinstance(third, (list, tuple)) and any(isinstance(x, str) for x in third)


# ---------------------------------------------------------------- samples of an epoch as steps


def counted(data: Any, samples: Any) -> tuple[Any, Any]:
    """The data, and the steps in which so many samples come; looks at one batch for its size."""
    if samples is None or data is None:
        return data, None
    size: Any = getattr(data, "batch_size", None)
    if not hasattr(size, "__index__"):
        if hasattr(data, "__getitem__"):
            size = _rows(data[0])
        else:
            ahead = iter(data)
            first = next(ahead)
            data, size = itertools.chain([first], ahead), _rows(first)
    return data, max(1, math.ceil(samples / size))


class _Tuples:
    """Batches by index of something else, as tuples where it gives lists."""

    def __init__(self, data: Any):
        self.data = data

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> Any:
        return _as_tuple(self.data[index])

    def __getattr__(self, name: str) -> Any:
        if name == "data":  # asked while it is being unpickled
            raise AttributeError(name)
        return getattr(self.data, name)


def _as_tuple(batch: Any) -> Any:
    return tuple(batch) if isinstance(batch, list) else batch


def _as_tuples(data: Any) -> Any:
    """What yields batches, which in Keras 2 could be lists `[x, y]` too."""
    if isinstance(data, GeneratorType):
        return (_as_tuple(batch) for batch in data)
    by_index = hasattr(data, "__getitem__") and hasattr(data, "__len__")
    plain = isinstance(data, (list, tuple, Mapping, Iterator)) or hasattr(data, "shape")
    return _Tuples(data) if by_index and not plain else data


def _rows(batch: Any) -> int:
    """Samples in a batch as generators yield it."""
    inputs = batch[0] if isinstance(batch, (tuple, list)) else batch
    return next(len(leaf) for leaf in tree.leaves(inputs) if np.ndim(leaf))


def _epoch_of_samples(given: Arguments) -> Arguments:
    """`samples_per_epoch` and `nb_val_samples` as steps."""
    found = {
        name: _as_tuples(value) if name in ("x", "validation_data") else value
        for name, value in given.items()
    }
    samples = found.pop("samples_per_epoch", None)
    held = found.pop("nb_val_samples", None)
    if samples is not None:
        found["x"], found["steps_per_epoch"] = counted(found.get("x"), samples)
    data = found.get("validation_data")
    if held is not None and data is not None and not isinstance(data, (tuple, list)):
        found["validation_data"], found["validation_steps"] = counted(data, held)
    return found


def _inputs_of_samples(given: Arguments) -> Arguments:
    """`val_samples` as steps."""
    found = dict(given)
    samples = found.pop("val_samples", None)
    if samples is not None:
        found["x"], found["steps"] = counted(found.get("x"), samples)
    return found


def _pass_of_samples(given: Arguments) -> Arguments:
    """The same, for batches with targets."""
    return _inputs_of_samples({**given, "x": _as_tuples(given.get("x"))})


# ---------------------------------------------------------------- rows

GENERATED = ("verbose", "callbacks", "validation_data")
SOURCE = {"generator": "x", "nb_epoch": "epochs", **ASKED}
STEPS = {"samples_per_epoch": "samples_per_epoch", "nb_val_samples": "nb_val_samples"}
VAL = {"generator": "x", "val_samples": "val_samples", **ASKED}
SILENT = {"verbose": until("2.3", 0)}

FIT_ROWS = (
    Row(
        "fit",
        "0.3",
        positional=(*FIT, "show_accuracy", "class_weight", "sample_weight"),
        rename={**DATA, **ASKED},
        defaults={**OLD_SIZE, "epochs": {"0.3": 100, "1.0": 10, "1.2": 10}},
    ),
    Row("fit", "2.3", positional=(), rename={"nb_epoch": "epochs"}, values=EMPTY, drop=WORKERS),
)
BATCH = Row(
    "train_on_batch",
    "0.3",
    positional=("x", "y", "accuracy", "class_weight", "sample_weight"),
    rename={**DATA, **ASKED},
)
TEST = Row(
    "test_on_batch",
    "0.3",
    positional=("x", "y", "accuracy", "sample_weight"),
    rename={**DATA, **ASKED},
)
BATCH_2 = Row(
    "on_batch", "2.3", values=EMPTY, split={"reset_metrics": _reset_metrics}, drop={"verbose": ""}
)
EVALUATE_ROWS = (
    Row(
        "evaluate",
        "0.3",
        positional=("x", "y", "batch_size", "show_accuracy", "verbose", "sample_weight"),
        rename={**DATA, **ASKED},
        defaults=OLD_SIZE,
    ),
    Row("evaluate", "2.3", values=EMPTY, drop=WORKERS),
)
PREDICT_ROWS = (
    Row("predict", "0.3", rename=DATA, defaults=OLD_SIZE),
    Row("predict", "2.3", drop=WORKERS, defaults=SILENT),
)
CLASSES_ROWS = (
    Row("predict_classes", "0.3", rename=DATA, defaults=OLD_SIZE),
    Row("predict_classes", "2.3", defaults={"verbose": {**until("3", 0), **until("2.0", 1)}}),
)
FIT_GENERATOR_ROWS = (
    Row(
        "fit_generator",
        "0.3",
        positional=(
            *("generator", "samples_per_epoch", "nb_epoch", "verbose", "show_accuracy"),
            *("callbacks", "validation_data", "nb_val_samples", "class_weight", "nb_worker"),
        ),
        rename={**SOURCE, **STEPS},
    ),
    Row(
        "fit_generator",
        "1.2",
        positional=(
            *("generator", "samples_per_epoch", "nb_epoch", *GENERATED, "nb_val_samples"),
            *("class_weight", "max_q_size", "nb_worker", "pickle_safe", "initial_epoch"),
        ),
        rename={**SOURCE, **STEPS},
    ),
    Row(
        "fit_generator",
        "2.2",
        positional=(
            *("generator", "steps_per_epoch", "epochs", *GENERATED, "validation_steps"),
            *("class_weight", "max_queue_size", "workers", "use_multiprocessing", "shuffle"),
            "initial_epoch",
        ),
    ),
    Row(
        "fit_generator",
        "2.3",
        apart=True,
        positional=(
            *("generator", "steps_per_epoch", "epochs", *GENERATED, "validation_steps"),
            *("validation_freq", "class_weight", "max_queue_size", "workers"),
            *("use_multiprocessing", "shuffle", "initial_epoch"),
        ),
        rename=SOURCE,
        values=EMPTY,
        drop=WORKERS,
        expand=_epoch_of_samples,
    ),
)
WORKING = ("max_queue_size", "workers", "use_multiprocessing")
EVALUATE_GENERATOR_ROWS = (
    Row(
        "evaluate_generator",
        "0.3",
        positional=("generator", "val_samples", "show_accuracy", "verbose"),
        rename=VAL,
    ),
    Row("evaluate_generator", "1.2", positional=("generator", "val_samples"), rename=VAL),
    Row("evaluate_generator", "2.2", positional=("generator", "steps", *WORKING, "verbose")),
    Row(
        "evaluate_generator",
        "2.3",
        apart=True,
        positional=("generator", "steps", "callbacks", *WORKING, "verbose"),
        rename=VAL,
        values=EMPTY,
        drop={**WORKERS, "nb_val_samples": ""},
        expand=_pass_of_samples,
        defaults={"verbose": until("3", 0)},
    ),
)
PREDICT_GENERATOR_ROWS = (
    Row("predict_generator", "1.2", positional=("generator", "val_samples"), rename=VAL),
    EVALUATE_GENERATOR_ROWS[2],
    replace(EVALUATE_GENERATOR_ROWS[3], name="predict_generator", expand=_inputs_of_samples),
)
COMPILE_ROWS = (
    Row("compile", "0.3", positional=("optimizer", "loss", "class_mode", "theano_mode")),
    Row(
        "compile",
        "2.3",
        positional=(
            *("optimizer", "loss", "metrics", "loss_weights", "sample_weight_mode"),
            *("weighted_metrics", "target_tensors"),
        ),
        values={"metrics": _absent, "weighted_metrics": _absent, "loss_weights": _absent},
        drop={
            **dict.fromkeys(("class_mode", "theano_mode", "sample_weight_mode"), ""),
            "sample_weight_modes": "",
            "target_tensors": "targets are those that fit is given.",
        },
        expand=_logged_names,
        also=_names_third,
    ),
)
WEIGHTS_ROWS = (
    Row(
        "load_weights",
        "2.3",
        positional=("filepath", "by_name", "skip_mismatch", "reshape"),
        rename={"fname": "filepath"},
        drop={"reshape": "weights of another shape are not reshaped."},
    ),
)
SUMMARY_ROWS = (
    Row(
        "summary",
        "2.3",
        positional=("line_length", "positions", "print_fn"),
        drop={"positions": "columns are as wide as what stands in them."},
    ),
)
ROWS: Mapping[str, Sequence[Row]] = {
    "compile": COMPILE_ROWS,
    "evaluate": EVALUATE_ROWS,
    "evaluate_generator": EVALUATE_GENERATOR_ROWS,
    "fit": FIT_ROWS,
    "fit_generator": FIT_GENERATOR_ROWS,
    "load_weights": WEIGHTS_ROWS,
    "predict": PREDICT_ROWS,
    "predict_classes": CLASSES_ROWS,
    "predict_generator": PREDICT_GENERATOR_ROWS,
    "predict_proba": CLASSES_ROWS,
    "summary": SUMMARY_ROWS,
    "test": (TEST, BATCH_2),
    "test_on_batch": (TEST, BATCH_2),
    "train": (BATCH, BATCH_2),
    "train_on_batch": (BATCH, BATCH_2),
}
"""Method, by its old name -> its rows, the oldest first."""

SEQUENTIAL: Mapping[str, Sequence[Row]] = {
    "compile": (
        Row(
            "compile",
            "1.2",
            positional=("optimizer", "loss", "metrics", "sample_weight_mode"),
            also=_names_third,
        ),
    ),
    "fit": (Row("fit", "2.0", defaults={"epochs": {"2.0": 10}}),),
    "train_on_batch": (
        Row("train_on_batch", "2.0", positional=("x", "y", "class_weight", "sample_weight")),
    ),
}
"""More rows, of Sequential alone."""
