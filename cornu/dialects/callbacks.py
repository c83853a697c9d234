"""What callbacks of older generations found: more in `params`, data to validate by, old hooks."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from cornu import tree
from cornu.callbacks import Callback, CallbackList
from cornu.dialects.patches import Patch

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


def _told(
    self: Any,
    callbacks: Iterable[Any] | None = None,
    model: Any = None,
    params: Mapping[str, Any] | None = None,
) -> None:
    """`CallbackList.__init__`, with params by their old names and the data of old attributes.

    Loops of users make a list first, and tell it of model and params later.
    """
    if model is None or params is None:
        TODAY(self, callbacks or (), model, params or {})
        return
    found = _running.get() or {}
    callbacks = list(callbacks or ())
    held = _held(model, found)
    told = {**params, **_old_params(model, params, found, held)}
    TODAY(self, callbacks, model, told)
    for callback in self.callbacks:
        for hook, value in (("_set_params", told), ("_set_model", model)):
            own = getattr(type(callback), hook, None)
            if own is not None and own is not getattr(Callback, hook, None):
                own(callback, value)
        callback.validation_data = held
    model._kept["validation_data"] = held


TODAY = CallbackList.__init__


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
    callback.on_batch_begin(batch, logs={**(logs or {}), **_of_batch(callback, batch)})


def _batch_end(callback: Any, batch: int, logs: Mapping[str, Any] | None = None) -> None:
    """Tell `on_batch_end`, with the number and the size of the batch in its logs."""
    callback.on_batch_end(batch, logs={**_of_batch(callback, batch), **(logs or {})})


def _of_batch(callback: Any, batch: int) -> dict[str, int]:
    size, samples = callback.params.get("batch_size"), callback.params.get("samples")
    if size is None or samples is None:
        return {"batch": batch}
    return {"batch": batch, "size": min(size, samples - batch * size)}


# ---------------------------------------------------------------- lists in loops of users


def _telling(hook: str) -> Callable:
    def told(self: Any, *args: Any, **kwargs: Any) -> None:
        self.tell(hook, *args, **kwargs)

    told.__name__, told.__doc__ = hook, f"Tell all callbacks of `{hook}`."
    return told


def _append(self: Any, callback: Any) -> None:
    """Take one more."""
    self.callbacks.append(callback)


TOLD = ("set_model", "set_params", "_set_model", "_set_params")
HOOKS = tuple(name for name in vars(Callback) if name.startswith("on_"))

PATCHES = (
    *(Patch(CallbackList, name, _telling(name)) for name in (*HOOKS, *TOLD)),
    Patch(CallbackList, "append", _append),
    Patch(CallbackList, "__init__", _told),
    Patch(Callback, "_set_params", Callback.set_params),
    Patch(Callback, "_set_model", Callback.set_model),
    Patch(Callback, "validation_data", None),
    Patch(Callback, "on_train_batch_begin", _batch_begin),
    Patch(Callback, "on_train_batch_end", _batch_end),
)
