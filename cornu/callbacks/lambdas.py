"""LambdaCallback: hooks from functions, without a class."""

from collections.abc import Callable
from typing import Any

from cornu.callbacks.base import Callback
from cornu.errors import UsageTypeError, listed, shown, suggestion

HOOKS = tuple(name for name in vars(Callback) if name.startswith("on_"))


class LambdaCallback(Callback):
    """Calls functions in place of methods.

    Args:
        on_epoch_begin, on_epoch_end: functions of (epoch, logs).
        on_train_begin, on_train_end: functions of (logs).
        on_train_batch_begin, on_train_batch_end: functions of (batch, logs). With one of these
            every batch is waited for; with `passive=True` too, they are told after some batches.
        kwargs: any other hook of `Callback`, and attributes.

    Raises:
        UsageTypeError: for a hook that there is not, and for what is no function.

    Example:
        >>> LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs["loss"]))
    """

    def __init__(
        self,
        on_epoch_begin: Callable[..., Any] | None = None,
        on_epoch_end: Callable[..., Any] | None = None,
        on_train_begin: Callable[..., Any] | None = None,
        on_train_end: Callable[..., Any] | None = None,
        on_train_batch_begin: Callable[..., Any] | None = None,
        on_train_batch_end: Callable[..., Any] | None = None,
        **kwargs: Any,
    ):
        hooks = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
            **kwargs,
        }
        for name, value in hooks.items():
            if name.startswith("on_") and name not in HOOKS:
                raise UsageTypeError(
                    "E-ARGUMENT",
                    f'LambdaCallback() has no hook "{name}". {suggestion(name, HOOKS)}'
                    f"Hooks: {listed(HOOKS, 20)}.",
                )
            if name in HOOKS and value is not None and not callable(value):
                raise UsageTypeError(
                    "E-TYPE", f"LambdaCallback: {name} must be a function; got {shown(value)}."
                )
            if value is not None or name not in HOOKS:
                setattr(self, name, value)
