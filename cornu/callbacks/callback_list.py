"""CallbackList: callbacks that are told together, and which of them must see every batch."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from cornu.callbacks.base import (
    BATCH_HOOKS,
    PREDICT_HOOKS,
    TEST_HOOKS,
    Callback,
    overrides,
)
from cornu.callbacks.history import History
from cornu.callbacks.progress import ProgbarLogger

HOOKS = tuple(name for name in vars(Callback) if name.startswith("on_") and name != "on_chunk_end")

ENDS = ("on_batch_end", "on_train_batch_end")


class CallbackList:
    """Callbacks told together, in order, for loops of your own; `fit` makes one by itself.

    Args:
        callbacks: a callback, or a list of them; lists inside are opened.
        add_history, add_progbar: whether to add a `History`, a `ProgbarLogger`, where none is.
        model: told to all of them.
        params: facts about the run by name (`epochs`, `steps`, `verbose`), told to all.

    Attributes:
        live, passive: those that must see every batch, and those that may be told later.

    Example:
        >>> callbacks = CallbackList([EarlyStopping("loss")], add_history=True, model=model)
        >>> callbacks.on_train_begin()
    """

    on_train_begin: Callable[..., None]
    on_train_end: Callable[..., None]
    on_epoch_begin: Callable[..., None]
    on_epoch_end: Callable[..., None]
    on_batch_begin: Callable[..., None]
    on_batch_end: Callable[..., None]
    on_train_batch_begin: Callable[..., None]
    on_train_batch_end: Callable[..., None]
    on_test_begin: Callable[..., None]
    on_test_end: Callable[..., None]
    on_test_batch_begin: Callable[..., None]
    on_test_batch_end: Callable[..., None]
    on_predict_begin: Callable[..., None]
    on_predict_end: Callable[..., None]
    on_predict_batch_begin: Callable[..., None]
    on_predict_batch_end: Callable[..., None]
    on_failure: Callable[..., None]

    def __init__(
        self,
        callbacks: Any = None,
        add_history: bool = False,
        add_progbar: bool = False,
        model: Any = None,
        **params: Any,
    ):
        self.callbacks: list[Any] = _opened(callbacks)
        if add_history and not any(isinstance(c, History) for c in self.callbacks):
            self.callbacks.append(History())
        if add_progbar and not any(isinstance(c, ProgbarLogger) for c in self.callbacks):
            self.callbacks.append(ProgbarLogger())
        self.model: Any = None
        self._sort()
        if model is not None:
            self.set_model(model)
        self.set_params(params)

    def _sort(self) -> None:
        """Find out who is to be told of what."""
        batchwise = [c for c in self.callbacks if overrides(c, BATCH_HOOKS)]
        self.live = [c for c in batchwise if not getattr(c, "passive", False)]
        self.passive = [c for c in batchwise if getattr(c, "passive", False)]
        self.on_test_batches = [c for c in self.callbacks if overrides(c, TEST_HOOKS)]
        self.on_predict_batches = [c for c in self.callbacks if overrides(c, PREDICT_HOOKS)]
        self.on_chunks = [c for c in self.callbacks if overrides(c, ["on_chunk_end"])]

    def append(self, callback: Any) -> None:
        """Take one more, and tell it of model and params where they are known."""
        self.callbacks.append(callback)
        self._sort()
        if self.model is not None:
            callback.set_model(self.model)
        if self.params:
            callback.set_params(dict(self.params))

    def set_params(self, params: Mapping[str, Any]) -> None:
        """Tell all of them facts about the run."""
        self.params = params
        for callback in self.callbacks if params else ():
            callback.set_params(dict(params))

    def set_model(self, model: Any) -> None:
        """Tell all of them the model; its `history` is that of a `History` among them."""
        self.model = model
        for callback in self.callbacks:
            callback.set_model(model)

    @contextmanager
    def undone(self) -> Iterator[None]:
        """Around what may fail: all are told of an exception, which goes on."""
        try:
            yield
        except BaseException:
            self.tell("on_failure", {})
            raise

    def tell(self, hook: str, *args: Any, **kwargs: Any) -> None:
        """Call one hook on all, with the very logs that are given."""
        for callback in self.callbacks:
            method = getattr(callback, hook, None)
            if method is not None:
                method(*args, **kwargs)


def _opened(callbacks: Any) -> list[Any]:
    if callbacks is None:
        return []
    if isinstance(callbacks, CallbackList):
        return list(callbacks.callbacks)
    if not isinstance(callbacks, Iterable):
        return [callbacks]
    return [one for each in callbacks for one in _opened(each)]


def _telling(hook: str) -> Callable[..., None]:
    numbered = "batch" in hook or "epoch" in hook

    def alone(self: CallbackList, logs: Mapping[str, Any] | None = None) -> None:
        self.tell(hook, _plain(logs))

    def told(self: CallbackList, number: int, logs: Mapping[str, Any] | None = None) -> None:
        plain = _plain(logs)
        self.tell(hook, number, plain)
        if hook in ENDS:  # in a loop of the user's every batch is a chunk of its own
            for callback in self.on_chunks:
                callback.on_chunk_end(number + 1, plain)

    chosen: Any = told if numbered else alone
    chosen.__name__, chosen.__doc__ = hook, f"Tell all callbacks of `{hook}`, figures as numbers."
    return chosen


def _plain(logs: Mapping[str, Any] | None) -> dict[str, Any]:
    """Logs with single numbers as Python floats; arrays stay."""
    return {name: _number(value) for name, value in (logs or {}).items()}


def _number(value: Any) -> Any:
    single = hasattr(value, "dtype") and np.ndim(value) == 0
    return np.asarray(value).item() if single else value


for _hook in HOOKS:
    setattr(CallbackList, _hook, _telling(_hook))
