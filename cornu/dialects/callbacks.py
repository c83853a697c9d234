"""Callbacks of older generations: how they were made, what they did, and what they found.

They found more in `params`, data to validate by, and hooks of other names.
"""

import functools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from types import SimpleNamespace
from typing import Any

import numpy as np

from cornu import tree
from cornu.callbacks import (
    Callback,
    CallbackList,
    EarlyStopping,
    LambdaCallback,
    ModelCheckpoint,
    MonitorCallback,
    ProgbarLogger,
    ReduceLROnPlateau,
    TensorBoard,
    checkpoint,
    rates,
)
from cornu.callbacks.messages import number
from cornu.callbacks.monitor import direction
from cornu.dialects import generations
from cornu.dialects.patches import Patch, tell
from cornu.dialects.table import Row, _positional, told
from cornu.errors import UsageError, UsageTypeError

__all__ = ["PATCHES", "running"]

_running: ContextVar[Mapping[str, Any] | None] = ContextVar("running", default=None)


@contextmanager
def running(found: Mapping[str, Any]) -> Iterator[None]:
    """While `fit` runs with these arguments: callbacks are told of them."""
    token = _running.set(found)
    try:
        yield
    finally:
        _running.reset(token)


def _list_init(self: Any, callbacks: Any = None, *args: Any, **kwargs: Any) -> None:
    """`CallbackList.__init__`, which once took the length of a queue of times."""
    kwargs.pop("queue_length", None)
    if args and not isinstance(args[0], bool):
        args = ()
    LIST_INIT(self, callbacks, *args, **kwargs)


def _list_model(self: Any, model: Any) -> None:
    """`CallbackList.set_model`, with hooks of older names and the data to validate by."""
    LIST_MODEL(self, model)
    found = _running.get()
    held = None if found is None else _held(model, found)
    for callback in self.callbacks:
        _tell_older(callback, "_set_model", model)
        callback.validation_data = held
    if found is not None:
        model._kept["validation_data"] = held


def _list_params(self: Any, params: Mapping[str, Any]) -> None:
    """`CallbackList.set_params`, with params by their old names too."""
    found = _running.get()
    if found is not None and self.model is not None:
        held = self.model._kept.get("validation_data")
        params = {**params, **_old_params(self.model, params, found, held)}
    LIST_PARAMS(self, params)
    for callback in self.callbacks:
        _tell_older(callback, "_set_params", params)


def _tell_older(callback: Any, hook: str, value: Any) -> None:
    own = getattr(type(callback), hook, None)
    if own is not None and own is not getattr(Callback, hook, None):
        own(callback, value)


LIST_INIT, LIST_MODEL = CallbackList.__init__, CallbackList.set_model
LIST_PARAMS = CallbackList.set_params


def _old_params(
    model: Any, params: Mapping[str, Any], found: Mapping[str, Any], held: Any
) -> dict[str, Any]:
    steps, size = params.get("steps"), found.get("batch_size") or 32
    samples = _samples(found)
    if samples is not None and not found.get("validation_data"):
        samples = int(samples * (1 - (found.get("validation_split") or 0.0)))
    if samples is None and steps is not None:
        samples = steps * size
    names = model.metrics_names
    validates = held is not None or found.get("validation_data") is not None
    return {
        "nb_epoch": params.get("epochs"),
        "batch_size": size,
        "samples": samples,
        "nb_sample": samples,
        "do_validation": validates,
        "metrics": [*names, *(f"val_{name}" for name in names if validates)],
    }


def _samples(found: Mapping[str, Any]) -> int | None:
    leaves = [x for x in tree.leaves(found.get("x")) if getattr(x, "shape", ())]
    return int(leaves[0].shape[0]) if leaves else None


def _held(model: Any, found: Mapping[str, Any]) -> list | None:
    """Inputs, targets and weights to validate by in one list; None where they are not arrays."""
    data, fraction = found.get("validation_data"), found.get("validation_split")
    if isinstance(data, (tuple, list)) and len(data) in (2, 3):
        x, y, weights = (*data, None)[:3]
    elif data is None and fraction and _samples(found) is not None:
        first = int((_samples(found) or 0) * (1 - fraction))
        x, y, weights = (
            tree.map_structure(lambda a: a if a is None else np.asarray(a)[first:], found.get(key))
            for key in ("x", "y", "sample_weight")
        )
    else:
        return None
    xs, ys = _in_order(x, model.input_names), _in_order(y, model.output_names)
    rows = len(xs[0])
    held = [*xs, *ys, *(_in_order(weights, model.output_names) or [np.ones(rows)] * len(ys))]
    return [*held, 0.0] if model.uses_learning_phase else held


def _in_order(data: Any, names: Iterable[str]) -> list:
    if isinstance(data, Mapping):
        return [data[name] for name in names if name in data]
    several = isinstance(data, (list, tuple)) and any(np.ndim(one) for one in data)
    return list(data) if several else [] if data is None else [data]


def _batch_begin(callback: Any, batch: int, logs: Mapping[str, Any] | None = None) -> None:
    """Tell `on_batch_begin`, with the number and the size of the batch in its logs."""
    callback.on_batch_begin(batch, {**(logs or {}), **_of_batch(callback, batch)})


def _batch_end(callback: Any, batch: int, logs: Mapping[str, Any] | None = None) -> None:
    """Tell `on_batch_end`, with the number and the size of the batch in its logs."""
    callback.on_batch_end(batch, {**_of_batch(callback, batch), **(logs or {})})


def _of_batch(callback: Any, batch: int) -> dict[str, int]:
    size, samples = callback.params.get("batch_size"), callback.params.get("samples")
    if size is None or samples is None:
        return {"batch": batch}
    return {"batch": batch, "size": min(size, samples - batch * size)}


# ---------------------------------------------------------------- constructors


CHECKPOINT = ("filepath", "monitor", "verbose", "save_best_only")
TENSORBOARD = {"batch_size": "", "write_grads": "gradients are not written.", **dict.fromkeys(
    ("embeddings_layer_names", "embeddings_data"), "all Embedding layers are written."
)}  # fmt: skip
ROWS: Mapping[type, Sequence[Row]] = {
    ModelCheckpoint: (
        Row("ModelCheckpoint", "0.3", positional=(*CHECKPOINT, "mode")),
        Row("ModelCheckpoint", "1.0", positional=(*CHECKPOINT, "save_weights_only", "mode")),
        Row(
            "ModelCheckpoint",
            "2.3",
            positional=(*CHECKPOINT, "save_weights_only", "mode", "period"),
            drop={"load_weights_on_restart": "fit(resume=folder) goes on with a run."},
        ),
    ),
    EarlyStopping: (Row("EarlyStopping", "1.0", positional=("monitor", "patience", "verbose")),),
    ReduceLROnPlateau: (Row("ReduceLROnPlateau", "2.3", rename={"epsilon": "min_delta"}),),
    LambdaCallback: (
        Row(
            "LambdaCallback",
            "2.3",
            positional=(
                *("on_epoch_begin", "on_epoch_end", "on_batch_begin", "on_batch_end"),
                *("on_train_begin", "on_train_end"),
            ),
        ),
    ),
    ProgbarLogger: (
        Row(
            "ProgbarLogger",
            "2.3",
            positional=("count_mode", "stateful_metrics"),
            drop={"count_mode": "", "stateful_metrics": ""},
        ),
    ),
    TensorBoard: (
        Row("TensorBoard", "1.2"),
        Row(
            "TensorBoard",
            "2.3",
            positional=(
                *("log_dir", "histogram_freq", "batch_size", "write_graph", "write_grads"),
                *("write_images", "embeddings_freq", "embeddings_layer_names"),
                *("embeddings_metadata", "embeddings_data", "update_freq"),
            ),
            drop=TENSORBOARD,
        ),
    ),
}
"""What was said otherwise: no `min_delta` before 1.1, a `period` of checkpoints up to 2.3."""


def _constructor(cls: type, rows: Sequence[Row]) -> Callable[..., None]:
    """The constructor of a callback, which takes the arguments of all generations."""
    today: Any = vars(cls)["__init__"]
    order = _positional(SimpleNamespace(__init__=today))
    old = {name for row in rows for name in (*row.names(), *row.positional)} - set(order)

    @functools.wraps(today)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        generation = generations.current()
        force = [row for row in rows if row.positional and row.in_force(generation)]
        first = next((row for row in rows if row.in_force(generation)), None)
        names = first.positional if first in force and first is not None else order
        if len(args) > len(names) or set(names[: len(args)]) & kwargs.keys():
            today(self, *args, **kwargs)  # it says what is wrong
            return
        given = {**dict(zip(names, args, strict=False)), **kwargs}
        spelt = sorted(old & kwargs.keys() - PLAIN)
        if spelt:
            tell(f"{cls.__name__}({', '.join(spelt)})", TODAY[spelt[0]])
        period = given.pop("period", None)
        today(self, **told(rows, given, set(order), generation, f"{cls.__name__}()"))
        if cls is ModelCheckpoint:
            self.period = 1 if period is None else number("ModelCheckpoint", "period", period, 1)
            self.epochs_since_last_save = 0

    return __init__


PLAIN = {"on_batch_begin", "on_batch_end"}  # hooks that there are today too
TODAY = {
    "period": "ModelCheckpoint(save_freq=batches)",
    "load_weights_on_restart": "fit(resume=folder)",
    "epsilon": "ReduceLROnPlateau(min_delta=0.0001)",
    "count_mode": "ProgbarLogger()",
    "stateful_metrics": "ProgbarLogger()",
    **dict.fromkeys(TENSORBOARD, "TensorBoard(log_dir, histogram_freq, …)"),
}

# ---------------------------------------------------------------- what they did


def _look_up(self: Any, logs: Mapping[str, Any], name: str) -> Any:
    """The figure of a name, or that of the name which it had in other generations."""
    found = logs.get(name)
    if found is None:
        found = next((logs[other] for other in _others(name) if other in logs), None)
    return found


def _others(name: str) -> Iterator[str]:
    """What else a figure was called: "acc" was short for every accuracy up to Keras 2.2."""
    parts = name.split("_")
    if "acc" in parts:
        yield "_".join("accuracy" if part == "acc" else part for part in parts)
    if "accuracy" in parts:
        yield "_".join("acc" if part == "accuracy" else part for part in parts)
    for short, long in (("lr", "learning_rate"), ("learning_rate", "lr")):
        if name == short:
            yield long


def _unknown_direction(self: Any) -> str:
    """Up to Keras 2.3, more was better for what has "acc" in its name or is an F score."""
    known = (direction(self.model, other) for other in _others(self.monitor))
    found = next((one for one in known if one), None)
    if found is None and generations.before("3"):
        found = "up" if "acc" in self.monitor or self.monitor.startswith("fmeasure") else "down"
    return UNKNOWN(self) if found is None else found


def _is_exhausted(self: Any) -> bool:
    """Up to 2.0.8 the epoch after the last that patience allows was waited for too."""
    return self.wait > self.patience if generations.before("2.2") else self.wait >= self.patience


def _rest(self: Any) -> None:
    """Up to 2.0.8 the epoch in which the rate was lowered counted as waited for."""
    REST(self)
    self.wait = int(generations.before("2.2"))


def _restores(self: Any) -> bool:
    """Up to 2.3 the best weights were restored only where training was stopped."""
    return self.restore_best_weights and (self.stopped_epoch > 0 or not generations.before("3"))


def _is_due(self: Any, epoch: int) -> bool:
    """Every so many epochs, by `period`."""
    self.epochs_since_last_save += 1
    if self.epochs_since_last_save < self.period:
        return False
    self.epochs_since_last_save = 0
    return True


def _saves_unseen(self: Any) -> bool:
    return not generations.before("3")


def _numbered(epoch: int) -> int:
    """Up to 2.0.8 names of files had epochs counted from 0."""
    return epoch if generations.before("2.2") else epoch + 1


def _rate_key() -> str:
    return "lr" if generations.before("3") else "learning_rate"


def _takes_rate(schedule: Callable) -> bool:
    """Up to 2.0.8 a schedule was given the epoch alone; what else it took had a default."""
    old = generations.before("2.2")
    return rates.positional(schedule, required=True) >= 2 if old else TAKES_RATE(schedule)


def _any_path(filepath: Any, weights_only: bool) -> str:
    """Any name did, before endings told of formats."""
    try:
        return CHECKED(filepath, weights_only)
    except UsageTypeError:
        raise
    except UsageError:
        if not generations.before("3"):
            raise
        return os.fspath(filepath)


def _write(self: Any, path: str) -> None:
    """Write the file; one whose name tells of no format is an HDF5 file."""
    endings = checkpoint.WEIGHTS if self.save_weights_only else checkpoint.WHOLE
    plain = not (path.endswith(".weights.h5") and not self.save_weights_only)
    if path.endswith(endings) and plain:
        WRITE(self, path)
        return
    beside = f"{path}.part.h5"
    WRITE(self, beside)
    os.replace(beside, path)


UNKNOWN, REST = MonitorCallback.unknown_direction, ReduceLROnPlateau.rest
CHECKED, WRITE = checkpoint.checked_path, ModelCheckpoint.write
TAKES_RATE = rates.takes_rate

PATCHES = (
    *(Patch(cls, "__init__", _constructor(cls, rows)) for cls, rows in ROWS.items()),
    Patch(MonitorCallback, "look_up", _look_up),
    Patch(MonitorCallback, "unknown_direction", _unknown_direction),
    Patch(EarlyStopping, "is_exhausted", _is_exhausted),
    Patch(EarlyStopping, "restores", _restores),
    Patch(ReduceLROnPlateau, "is_exhausted", _is_exhausted),
    Patch(ReduceLROnPlateau, "rest", _rest),
    Patch(ModelCheckpoint, "is_due", _is_due),
    Patch(ModelCheckpoint, "saves_unseen", _saves_unseen),
    Patch(ModelCheckpoint, "write", _write),
    Patch(ModelCheckpoint, "keeps", (*(ModelCheckpoint.keeps or ()), "epochs_since_last_save")),
    Patch(checkpoint, "checked_path", _any_path),
    Patch(checkpoint, "numbered", _numbered),
    Patch(rates, "rate_key", _rate_key),
    Patch(rates, "takes_rate", _takes_rate),
    Patch(CallbackList, "__init__", _list_init),
    Patch(CallbackList, "set_model", _list_model),
    Patch(CallbackList, "set_params", _list_params),
    Patch(CallbackList, "_set_model", _list_model),
    Patch(CallbackList, "_set_params", _list_params),
    Patch(Callback, "_set_params", Callback.set_params),
    Patch(Callback, "_set_model", Callback.set_model),
    Patch(Callback, "validation_data", None),
    Patch(Callback, "on_train_batch_begin", _batch_begin),
    Patch(Callback, "on_train_batch_end", _batch_end),
)
