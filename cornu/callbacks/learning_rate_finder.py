"""LearningRateFinder: which learning rates a model learns by, from a short sweep over them."""

import math
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from cornu.callbacks.base import Callback
from cornu.callbacks.callback_list import CallbackList
from cornu.callbacks.messages import number
from cornu.errors import UsageError, warn


class LearningRateFinder(Callback):
    """Trains with a learning rate that grows from batch to batch, then takes it all back.

    The rate of batch `i` is `lowest * (highest / lowest) ** (i / (steps - 1))`. The losses are
    smoothed by a moving average without bias, `smoothing` of it old. The sweep ends early when the
    smoothed loss is `diverged` times its least value, or no number. Then weights, optimizer and
    random state are what they were before. (Smith, "Cyclical Learning Rates for Training Neural
    Networks", 2017, https://arxiv.org/abs/1506.01186)

    Args:
        lowest, highest: the first and the last rate.
        steps: batches of the sweep.
        smoothing: from 0, for none, up to 1.
        diverged: how many times its least value the loss may be.

    Attributes:
        rates, losses, smoothed: of every batch of the sweep.
        suggestion: where the loss fell most steeply.

    Raises:
        UsageError, UsageTypeError: for numbers out of range, and in `fit` for an optimizer whose
            rate cannot be set.

    Example:
        >>> finder = LearningRateFinder()
        >>> finder.find(model, x, y)
        >>> model.optimizer.learning_rate = finder.suggestion
    """

    stops_on_nonfinite = True

    def __init__(
        self,
        lowest: float = 1e-6,
        highest: float = 1.0,
        steps: int = 100,
        smoothing: float = 0.9,
        diverged: float = 4.0,
    ):
        who = "LearningRateFinder"
        if not 0 < number(who, "lowest", lowest) < number(who, "highest", highest) < math.inf:
            raise UsageError(
                "E-RANGE", f"{who}: 0 < lowest < highest; got lowest={lowest}, highest={highest}."
            )
        if number(who, "smoothing", smoothing, 0) >= 1:
            raise UsageError("E-RANGE", f"{who}: smoothing must be below 1; got {smoothing}.")
        self.lowest, self.highest = lowest, highest
        self.steps = int(number(who, "steps", steps, 5, whole=True))
        self.smoothing = smoothing
        self.diverged = number(who, "diverged", diverged, 1)
        self.rates: list[float] = []
        self.losses: list[float] = []
        self.smoothed: list[float] = []
        self._held: tuple[Any, list, int] | None = None

    def find(
        self, model: Any, x: Any = None, y: Any = None, **options: Any
    ) -> "LearningRateFinder":
        """Sweep over as many epochs of these data as it takes; `options` are those of `fit`."""
        said = {"epochs": self.steps, "verbose": 0, "on_nonfinite": "ignore", **options}
        callbacks = [*CallbackList(said.pop("callbacks", None)).callbacks, self]
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "the loss is not finite")
                model.fit(x, y, callbacks=callbacks, **said)
        finally:
            self._take_back()
        return self

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Keep everything as it is."""
        optimizer = self.model.optimizer
        if getattr(optimizer, "optimizers", None) is not None:
            raise UsageError(
                "E-LEARNING-RATE",
                "LearningRateFinder sweeps one learning rate, and a MultiOptimizer has several. "
                "Compile the model with one of its parts for the sweep.",
            )
        self.rates, self.losses, self.smoothed = [], [], []
        self._mean = 0.0
        program = self.model._kept["program"]
        self._held = program, [np.array(value) for value in program.snapshot()], program.passes

    def on_train_batch_begin(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Set the rate of this batch, and begin its figures."""
        growth = (self.highest / self.lowest) ** (len(self.rates) / (self.steps - 1))
        self.rates.append(self.lowest * growth)
        self.model.optimizer.learning_rate = self.rates[-1]
        self.model.reset_metrics()

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Note the loss; end the sweep when it is over or the loss is too large."""
        loss = (logs or {}).get("loss", math.nan)
        if not math.isfinite(loss):
            self.rates.pop()
            self.model.stop_training = True
            return
        self.losses.append(loss)
        self._mean = self.smoothing * self._mean + (1 - self.smoothing) * loss
        self.smoothed.append(self._mean / (1 - self.smoothing ** len(self.losses)))
        least = min(self.smoothed)
        too_large = least > 0 and self.smoothed[-1] > self.diverged * least
        if too_large or len(self.losses) == self.steps:
            self.model.stop_training = True

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Have everything as it was."""
        self._take_back()
        if len(self.losses) < self.steps and not self.model.stop_training:
            warn(
                f"LearningRateFinder saw {len(self.losses)} of {self.steps} batches: train for "
                "more epochs, or call finder.find(model, x, y), which takes as many as it needs."
            )

    def _take_back(self) -> None:
        if self._held is not None:
            program, values, passes = self._held
            program.restore(values)
            program.passes = passes
            self._held = None

    @property
    def suggestion(self) -> float:
        """The rate at which the smoothed loss fell most steeply over the logarithm of the rate.

        The slope is taken from `steps // 20` batches before to as many behind (at least one), the
        first tenth of the sweep left out, where the average is of few losses still.
        Raises UsageError where there was no sweep, or the loss never fell.
        """
        reach, first = max(self.steps // 20, 1), self.steps // 10
        losses, logs = np.array(self.smoothed[first:]), np.log(self.rates[first:])
        slopes = np.zeros(0)
        if len(losses) > 2 * reach:
            run = logs[2 * reach : len(losses)] - logs[: len(losses) - 2 * reach]
            slopes = (losses[2 * reach :] - losses[: -2 * reach]) / run
        if not len(slopes) or slopes.min() >= 0:
            why = "the loss never fell" if len(slopes) else "there are too few losses"
            raise UsageError(
                "E-SWEEP",
                f"LearningRateFinder has nothing to suggest: {why} in a sweep of "
                f"{len(self.smoothed)} batches. Call finder.find(model, x, y) with a lower "
                "`lowest` or more `steps`.",
            )
        return float(self.rates[first + reach + int(slopes.argmin())])

    def plot(self, path: Any = None) -> Any:
        """A figure of the smoothed loss over the rate, written to `path` if there is one.

        Needs matplotlib (the extra `plot`). Raises ImportError with the way to get it.
        """
        try:
            from matplotlib.figure import Figure
        except ImportError as error:
            raise ImportError(
                'Pictures need matplotlib: pip install "cornu[plot]" or pip install matplotlib.'
            ) from error
        figure = Figure(figsize=(6, 4), layout="constrained")
        axes = figure.add_subplot()
        rates = self.rates[: len(self.losses)]
        axes.plot(rates, self.losses, color="0.8", label="loss")
        axes.plot(rates, self.smoothed, label="smoothed")
        try:
            axes.axvline(self.suggestion, color="tab:red", ls=":", label=f"{self.suggestion:.1e}")
        except UsageError:
            pass  # a sweep without a descent is shown as it is
        axes.set(xscale="log", xlabel="learning rate", ylabel="loss")
        axes.legend()
        if path is not None:
            figure.savefig(path, dpi=120)
        return figure
