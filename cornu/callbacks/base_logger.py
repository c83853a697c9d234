"""BaseLogger: the means of an epoch, as callbacks of older generations knew them."""

from collections.abc import Iterable, Mapping
from typing import Any

from cornu.callbacks.base import Callback


class BaseLogger(Callback):
    """Keeps the means of the figures of an epoch, which logs hold already.

    Older generations computed them here. It changes nothing; classes made of it find `totals`.

    Args:
        stateful_metrics: names of figures that are no means over samples.

    Attributes:
        seen: samples of the epoch, or batches where their number is not known.
        totals: figure -> its mean times `seen`; figures that are no means as they are.
    """

    def __init__(self, stateful_metrics: Iterable[str] | None = None):
        self.stateful_metrics = set(stateful_metrics or ())
        self.seen = 0
        self.totals: dict[str, float] = {}

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Begin again."""
        self.seen, self.totals = 0, {}

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Take the figures of the epoch."""
        self.seen = self.params.get("samples") or self.params.get("steps") or 0
        for name, value in (logs or {}).items():
            self.totals[name] = value * (1 if name in self.stateful_metrics else self.seen)
