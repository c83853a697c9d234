"""OptunaPruning: trials of a search that go badly end early."""

from collections.abc import Mapping
from typing import Any

from cornu.callbacks.messages import number
from cornu.callbacks.monitor import MonitorCallback
from cornu.errors import UsageTypeError, shown


class OptunaPruning(MonitorCallback):
    """Reports a figure of every epoch to an Optuna trial, and ends the trial where Optuna says so.

    Needs optuna (the extra `optuna`). What `fit` raises then, `optuna.TrialPruned`, is for
    `study.optimize` to catch.

    Args:
        trial: the `optuna.Trial` that the objective was called with.
        monitor: name of the figure that the study optimizes.
        interval: report every so many epochs.

    Raises:
        UsageTypeError: for something that is no trial.
        ImportError: in `fit`, with the way to get optuna.

    Example:
        >>> def objective(trial):
        ...     history = made(trial).fit(x, y, callbacks=[OptunaPruning(trial, "val_loss")], ...)
        ...     return history.history["val_loss"][-1]
    """

    keeps = ()

    def __init__(self, trial: Any, monitor: str = "val_loss", interval: int = 1):
        super().__init__(monitor)
        if not callable(getattr(trial, "report", None)):
            raise UsageTypeError(
                "E-TYPE",
                "OptunaPruning: trial must be what Optuna calls the objective with; got "
                f"{shown(trial)}. Say OptunaPruning(trial, monitor) inside of objective(trial).",
            )
        self.trial = trial
        self.interval = number("OptunaPruning", "interval", interval, 1, whole=True)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Report the figure; raise `optuna.TrialPruned` if the trial is to end."""
        if (epoch + 1) % self.interval:
            return
        figure = self.get_monitor_value(logs)
        if figure is None:
            return
        self.trial.report(figure, step=epoch)
        if self.trial.should_prune():
            raise _pruned()(f"pruned after epoch {epoch + 1}: {self.monitor} is {figure:g}")


def _pruned() -> type[Exception]:
    try:
        import optuna  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise ImportError(
            'OptunaPruning needs optuna: pip install "cornu[optuna]" or pip install optuna.'
        ) from error
    return optuna.TrialPruned
