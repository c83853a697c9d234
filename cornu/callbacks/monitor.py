"""MonitorCallback: what callbacks that follow one figure have in common."""

import math
import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from cornu.callbacks.base import Callback
from cornu.callbacks.messages import number
from cornu.errors import UsageError, UsageTypeError, listed, shown, suggestion, warn
from cornu.metrics import Metric
from cornu.state import Variable

MODES = ("auto", "min", "max")


class MonitorCallback(Callback):
    """Follows one figure of the logs, and knows whether it has become better.

    A figure that is no number (NaN) is never better than another one, and never the best.

    Args:
        monitor: name of the figure: "loss", "val_accuracy", …
        mode: "min", "max", or "auto" for what the metric of that name says.
        baseline: what the first figure must be better than; None for nothing.
        min_delta: a change by less than this is none.

    Attributes:
        best: the best figure so far; None before there is one.
        monitor_op: `operator.lt` or `operator.gt`, None before it is known.
    """

    keeps = ("best",)

    def __init__(
        self,
        monitor: str = "val_loss",
        mode: str = "auto",
        baseline: float | None = None,
        min_delta: float = 0,
    ):
        who = type(self).__name__
        if not isinstance(monitor, str):
            raise UsageTypeError(
                "E-TYPE",
                f"{who}: monitor must be the name of a figure, as in "
                f'{who}(monitor="val_loss"); got {shown(monitor)}.',
            )
        if mode not in MODES:
            near = suggestion(str(mode), MODES)
            said = (
                f'{who}: mode {shown(mode)} is none of "auto", "min", "max": "auto" it is. {near}'
            )
            warn(said.rstrip())
            mode = "auto"
        self.monitor, self.mode = monitor, mode
        self.best = None if baseline is None else number(who, "baseline", baseline)
        self.min_delta = abs(number(who, "min_delta", min_delta))
        self.monitor_op: Callable[[Any, Any], bool] | None = None
        self._missed = False

    def get_monitor_value(self, logs: Mapping[str, Any] | None) -> float | None:
        """The figure in `logs`; None, with a warning once, where it is not there.

        Raises UsageError for an array of figures.
        """
        found = self.look_up(logs or {}, self.monitor)
        if found is None:
            if not self._missed:
                self._missed = True
                warn(self._missing(logs or {}))
            return None
        self._missed = True  # it does not come in every epoch, and that is known now
        if np.ndim(found):
            raise UsageError(
                "E-MONITOR",
                f'{type(self).__name__}: "{self.monitor}" is {shown(found)}, and only a single '
                "number can be followed.",
            )
        return float(found)

    def _missing(self, logs: Mapping[str, Any]) -> str:
        validated = any(name.startswith("val_") for name in logs)
        why = ""
        if self.monitor.startswith("val_") and not validated:
            why = "There was no validation: pass fit(..., validation_data=(x, y)). "
        name = self.monitor if validated else self.monitor.removeprefix("val_")
        near = suggestion(name, logs) if self.monitor not in logs else ""
        return (
            f'{type(self).__name__} follows "{self.monitor}", which is not in the logs: '
            f"{listed(logs)}. {why}{near}".rstrip()
        )

    def is_better(self, figure: float, than: float | None) -> bool:
        """Whether a figure is better, by more than `min_delta`; any is better than None.

        Raises UsageError where nobody knows whether less or more of it is better.
        """
        if self.monitor_op is None:
            self.monitor_op = self._comparison()
        if math.isnan(figure):
            return False
        if than is None or math.isnan(than):
            return True
        change = self.min_delta if self.monitor_op is operator.lt else -self.min_delta
        return bool(self.monitor_op(figure + change, than))

    def _comparison(self) -> Callable[[Any, Any], bool]:
        known = {"min": "down", "max": "up"}.get(self.mode) or direction(self.model, self.monitor)
        return operator.gt if (known or self.unknown_direction()) == "up" else operator.lt

    def look_up(self, logs: Mapping[str, Any], name: str) -> Any:
        """The figure of a name; None where there is none."""
        return logs.get(name)

    def unknown_direction(self) -> str:
        """Raises UsageError: `mode` must say whether "up" or "down" is better."""
        who = type(self).__name__
        raise UsageError(
            "E-MONITOR",
            f'{who} follows "{self.monitor}", of which nobody knows whether less or more is '
            f'better. Say {who}(monitor="{self.monitor}", mode="max"), or mode="min".',
        )


def direction(model: Any, monitor: str) -> str | None:
    """Whether a figure of this name is better "up" or "down"; None where that is not known."""
    name = monitor.removeprefix("val_")
    if name == "loss" or name.endswith("_loss"):
        return "down"
    objective = getattr(model, "_objective", None)
    named = {} if objective is None else {key: m for _, key, m, _ in objective.metrics}
    more = [m for m in getattr(model, "metrics", None) or () if isinstance(m, Metric)]
    named = {**{m.name: m for m in more}, **named}
    return named[name].direction if name in named else None


def kept_values(weights: Iterable[Variable]) -> list[np.ndarray]:
    """The values of this moment, which on a CPU costs no copy, in dtypes that a run can keep."""
    values = [weight.snapshot() for weight in weights]
    return [v if v.dtype.kind in "biuf" else v.astype("float32") for v in values]
