"""EarlyStopping: training ends when a figure no longer becomes better."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from cornu.callbacks.messages import number, say
from cornu.callbacks.monitor import MonitorCallback, kept_values
from cornu.errors import warn


class EarlyStopping(MonitorCallback):
    """Stops training after `patience` epochs in which a figure has not become better.

    Args:
        monitor: name of the figure.
        min_delta: a change by less than this is no improvement.
        patience: epochs without improvement after which to stop.
        verbose: 1 to say when it stops, and what it restores.
        mode: "min", "max", or "auto" for what the metric says.
        baseline: epochs count as no improvement while the figure is not better than this.
        restore_best_weights: set the weights of the best epoch at the end of training, however it
            ends; those of the best epoch so far where none was better than `baseline`.
        start_from_epoch: epochs before this one, counted from 0, are not looked at.

    Attributes:
        stopped_epoch: the epoch, from 0, that was the last one; 0 where training was not stopped.
        best, best_epoch, best_weights: the best figure, the number of its epoch, its weights.
        wait: epochs since the last improvement.

    Raises:
        UsageError, UsageTypeError: for a patience below 0, and anything that is no number.

    Example:
        >>> stop = EarlyStopping("val_loss", patience=3, restore_best_weights=True)
        >>> model.fit(x, y, validation_split=0.2, epochs=100, callbacks=[stop])
    """

    keeps = ("wait", "best", "best_epoch", "best_weights", "stopped_epoch", "_missed")

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ):
        super().__init__(monitor, mode, min_delta=min_delta)
        self.patience = number("EarlyStopping", "patience", patience, 0)
        self.verbose = verbose
        self.baseline = None if baseline is None else number("EarlyStopping", "baseline", baseline)
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = number("EarlyStopping", "start_from_epoch", start_from_epoch, 0)
        self._begin()

    def _begin(self) -> None:
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best: float | None = None
        self.best_weights: list[np.ndarray] | None = None
        self._missed = False

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Begin anew."""
        self._begin()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Compare the figure, keep the weights if it is the best, stop if it is time."""
        figure = self.get_monitor_value(logs)
        if figure is None or epoch < self.start_from_epoch:
            return
        self.wait += 1
        if self.is_better(figure, self.best):
            self._keep(epoch, figure)
            if self.baseline is None or self.is_better(figure, self.baseline):
                self.wait = 0
        elif self.is_exhausted() and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def _keep(self, epoch: int, figure: float) -> None:
        self.best, self.best_epoch = figure, epoch
        if self.restore_best_weights:
            self.best_weights = kept_values(self.model.weights)

    def is_exhausted(self) -> bool:
        """Whether there were as many epochs without improvement as `patience` allows."""
        return self.wait >= self.patience

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Say that training was stopped; restore the best weights."""
        if self.stopped_epoch > 0 and self.verbose > 0:
            say(f"Epoch {self.stopped_epoch + 1}: stopped early")
        if self.restores():
            self._restore()

    def restores(self) -> bool:
        """Whether the weights of the best epoch are wanted now."""
        return self.restore_best_weights

    def _restore(self) -> None:
        if self.best_weights is not None:
            if self.verbose > 0:
                say(f"Restoring the weights of the best epoch, number {self.best_epoch + 1}.")
            self.model.set_weights(self.best_weights)
        elif self.wait:
            warn(
                f'EarlyStopping has no best weights to restore: "{self.monitor}" was never a '
                "number. The weights are those of the last step."
            )
