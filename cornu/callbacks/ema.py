"""SwapEMAWeights: judging by moving averages of the weights while others are trained."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from cornu.callbacks.base import Callback
from cornu.callbacks.monitor import kept_values
from cornu.errors import UsageError, shown
from cornu.optimizers.base import AVERAGE
from cornu.state import Variable


class SwapEMAWeights(Callback):
    """Puts the moving averages of an optimizer with `use_ema=True` in place of the weights.

    They are there while the model is evaluated or predicts; with `swap_on_epoch` also between
    epochs, so that what other callbacks save are averages: put it before `ModelCheckpoint`.
    Training goes on with the weights themselves.

    Args:
        swap_on_epoch: whether averages are there at the end of an epoch, until the next begins.

    Raises:
        UsageError: in `fit`, where the optimizer keeps no averages.

    Example:
        >>> model.compile(Adam(use_ema=True), "mse")
        >>> model.fit(x, y, callbacks=[SwapEMAWeights(swap_on_epoch=True), checkpoint])
    """

    keeps = ("trained",)

    def __init__(self, swap_on_epoch: bool = False):
        self.swap_on_epoch = swap_on_epoch
        self.trained: list[np.ndarray] | None = None  # the weights, while averages are in the model

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Begin with the weights in the model."""
        self.trained = None
        _averaging(self.model.optimizer)

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Go on with the weights."""
        self._put_back()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Have the averages in the model, if that is wanted."""
        if self.swap_on_epoch:
            self._put_averages()

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Averages are in the model for good: `fit` has seen to that."""
        self.trained = None

    def on_test_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Judge by the averages."""
        self._put_averages()

    def on_test_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Go on with the weights."""
        self._put_back()

    def on_predict_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Predict by the averages."""
        self._put_averages()

    def on_predict_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Go on with the weights."""
        self._put_back()

    def on_failure(self, logs: Mapping[str, Any] | None = None) -> None:
        """Have the weights of the last step in the model, wherever training ended."""
        self._put_back()

    def _put_averages(self) -> None:
        if self.trained is None:
            pairs = list(_pairs(self.model.optimizer))
            self.trained = kept_values(weight for weight, _ in pairs)
            for weight, average in pairs:
                weight.assign(average.value)

    def _put_back(self) -> None:
        if self.trained is not None:
            pairs = _pairs(self.model.optimizer)
            for (weight, _), value in zip(pairs, self.trained, strict=True):
                weight.assign(value)
            self.trained = None


def _averaging(optimizer: Any) -> list[Any]:
    """The optimizers that keep averages. Raises UsageError where none does."""
    inner = getattr(optimizer, "inner_optimizer", None) or optimizer
    parts = getattr(inner, "optimizers", None) or [inner]
    found = [part for part in parts if getattr(part, "use_ema", False)]
    if not found:
        raise UsageError(
            "E-EMA",
            f"SwapEMAWeights needs an optimizer that keeps averages; got {shown(inner)}. "
            f"Compile with e.g. {type(parts[0]).__name__}(use_ema=True).",
        )
    return found


def _pairs(optimizer: Any) -> Iterator[tuple[Variable, Variable]]:
    """Every weight with its average; none before the first step, when both are the same."""
    for part in _averaging(optimizer):
        for weight, slots in part._slots.items():
            yield weight, slots[AVERAGE]
