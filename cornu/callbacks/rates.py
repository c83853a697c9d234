"""Callbacks that set the learning rate between epochs."""

import inspect
import math
from collections.abc import Callable, Iterator, MutableMapping
from typing import Any

import numpy as np

from cornu.callbacks.base import Callback
from cornu.callbacks.messages import number, say
from cornu.callbacks.monitor import MonitorCallback
from cornu.errors import UsageError, UsageTypeError, shown

Logs = MutableMapping[str, Any]


def rated(optimizer: Any) -> Iterator[tuple[str, Any]]:
    """The optimizers that have a learning rate, each with what logs add to "learning_rate"."""
    parts = getattr(optimizer, "optimizers", None)
    if parts is None:
        yield "", optimizer
        return
    for part in parts:
        yield f"_{part.name}", part


def rate_of(optimizer: Any) -> float:
    """An optimizer's learning rate of this moment."""
    return float(np.asarray(optimizer.learning_rate))


def set_rate(optimizer: Any, value: float) -> None:
    """Give an optimizer another rate. Raises UsageTypeError where it follows a schedule."""
    optimizer.learning_rate = value


def rate_key() -> str:
    """What logs call the learning rate."""
    return "learning_rate"


def note_rates(model: Any, logs: Logs | None) -> None:
    """Put the learning rate, or that of each part of a `MultiOptimizer`, into the logs."""
    if logs is None:
        return
    for suffix, optimizer in rated(model.optimizer):
        logs[f"{rate_key()}{suffix}"] = rate_of(optimizer)


class LearningRateScheduler(Callback):
    """Sets the learning rate at the beginning of every epoch; logs get it at the end.

    Args:
        schedule: `schedule(epoch)` or `schedule(epoch, learning_rate)`, epochs counted from 0 and
            the rate that of this moment; returns the rate of the epoch.
        verbose: 1 to say what was set.

    Raises:
        UsageTypeError: for a schedule that is no function.
        UsageError: in `fit`, for a rate that is none.

    Example:
        >>> halve = LearningRateScheduler(lambda epoch, rate: rate / 2 if epoch else rate)
    """

    def __init__(self, schedule: Callable[..., float], verbose: int = 0):
        if not callable(schedule):
            raise UsageTypeError(
                "E-TYPE",
                "LearningRateScheduler: schedule must be a function of the epoch, as in "
                f"LearningRateScheduler(lambda epoch: 0.1 / (epoch + 1)); got {shown(schedule)}.",
            )
        self.schedule, self.verbose = schedule, verbose

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Set the rate."""
        for suffix, optimizer in rated(self.model.optimizer):
            rate = self._rate(epoch, optimizer)
            set_rate(optimizer, rate)
            if self.verbose > 0:
                of = f" of {suffix[1:]}" if suffix else ""
                say(f"\nEpoch {epoch + 1}: learning rate{of} set to {rate}.")

    def _rate(self, epoch: int, optimizer: Any) -> float:
        both = takes_rate(self.schedule)
        found = self.schedule(epoch, rate_of(optimizer)) if both else self.schedule(epoch)
        single = isinstance(found, (int, float)) or (hasattr(found, "dtype") and not np.ndim(found))
        if isinstance(found, bool) or not single or not 0 <= float(found) < math.inf:
            raise UsageError(
                "E-LEARNING-RATE",
                f"LearningRateScheduler: the schedule must return a number >= 0; for epoch "
                f"{epoch} it returned {shown(found)}.",
            )
        return float(found)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Note the rate."""
        note_rates(self.model, logs)


def positional(schedule: Callable, required: bool = False) -> float:
    """How many arguments a schedule takes by position, or how many it needs."""
    try:
        parameters = inspect.signature(schedule).parameters.values()
    except (TypeError, ValueError):
        return 1  # written in C: it says nothing of itself
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    if not required and any(p.kind is inspect.Parameter.VAR_POSITIONAL for p in parameters):
        return math.inf
    found = [p for p in parameters if p.kind in kinds]
    return sum(p.default is p.empty for p in found) if required else len(found)


def takes_rate(schedule: Callable) -> bool:
    """Whether a schedule is given the rate too."""
    return positional(schedule) >= 2


class ReduceLROnPlateau(MonitorCallback):
    """Lowers the learning rate when a figure no longer becomes better.

    Args:
        monitor: name of the figure.
        factor: `new rate = factor * rate`; below 1.
        patience: epochs without improvement after which the rate is lowered.
        verbose: 1 to say what was set.
        mode: "min", "max", or "auto" for what the metric says.
        min_delta: a change by less than this is no improvement.
        cooldown: epochs after a change in which none counts as without improvement.
        min_lr: the rate is not lowered below this.

    Raises:
        UsageError: for a factor of 1 or more, or of 0 or less.

    Example:
        >>> lower = ReduceLROnPlateau("val_loss", factor=0.2, patience=5, min_lr=1e-5)
    """

    keeps = ("wait", "best", "cooldown_counter", "_missed")

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
        **kwargs: Any,
    ):
        who = "ReduceLROnPlateau"
        if kwargs:
            name = next(iter(kwargs))
            raise UsageTypeError("E-ARGUMENT", f'{who}() has no argument "{name}".')
        super().__init__(monitor, mode, min_delta=min_delta)
        if number(who, "factor", factor) >= 1 or factor <= 0:
            raise UsageError(
                "E-RANGE",
                f"{who}: factor must lie between 0 and 1, for the rate is multiplied by it; got "
                f"{shown(factor)}. Say {who}(factor=0.1).",
            )
        self.factor = factor
        self.patience = number(who, "patience", patience, 0)
        self.verbose = verbose
        self.cooldown = number(who, "cooldown", cooldown, 0)
        self.min_lr = number(who, "min_lr", min_lr, 0)
        self._begin()

    def _begin(self) -> None:
        self.wait = self.cooldown_counter = 0
        self.best: float | None = None
        self._missed = False

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Begin anew."""
        self._begin()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Compare the figure, lower the rate if it is time; note the rate of this epoch."""
        note_rates(self.model, logs)
        figure = self.get_monitor_value(logs)
        if figure is None:
            return
        if self.in_cooldown():
            self.cooldown_counter -= 1
            self.wait = 0
        if self.is_better(figure, self.best):
            self.best, self.wait = figure, 0
        elif not self.in_cooldown():
            self.wait += 1
            if self.is_exhausted() and self._lower(epoch):
                self.rest()

    def rest(self) -> None:
        """The rate was lowered: wait from here."""
        self.cooldown_counter, self.wait = self.cooldown, 0

    def is_exhausted(self) -> bool:
        """Whether there were as many epochs without improvement as `patience` allows."""
        return self.wait >= self.patience

    def _lower(self, epoch: int) -> bool:
        """Lower what is not at the bottom yet; whether there was any."""
        lowered = False
        for suffix, optimizer in rated(self.model.optimizer):
            rate = rate_of(optimizer)
            if rate > np.float32(self.min_lr):
                lowered, rate = True, max(rate * self.factor, self.min_lr)
                set_rate(optimizer, rate)
                if self.verbose > 0:
                    of = f" of {suffix[1:]}" if suffix else ""
                    say(f"\nEpoch {epoch + 1}: learning rate{of} lowered to {rate}.")
        return lowered

    def in_cooldown(self) -> bool:
        """Whether the rate was changed so lately that the figure does not count."""
        return self.cooldown_counter > 0
