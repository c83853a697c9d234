"""Callback: what may happen around epochs and batches while a model trains.

How often a callback must be asked decides how long compiled chunks may be, and is read off its
class: one that overrides no batch hook is an *epoch* callback; with `passive = True` it only reads
logs and may be told of batches after a chunk; any other one is *live* and sees every batch.
"""

from collections.abc import Iterable, Mapping
from typing import Any

BATCH_HOOKS = (
    "on_batch_begin",
    "on_batch_end",
    "on_train_batch_begin",
    "on_train_batch_end",
)
TEST_HOOKS = ("on_test_batch_begin", "on_test_batch_end")
PREDICT_HOOKS = ("on_predict_batch_begin", "on_predict_batch_end")


class Callback:
    """Base class of callbacks: override the hooks you need.

    Attributes:
        model: the model being trained.
        params: `epochs`, `steps`, `verbose` …
        passive: say True if batch hooks only read logs; chunks may then be long.
        timely: say True if each batch must be computed in its turn, because time is measured. Else
            small ones may be computed before their hooks are called; what these read of the model
            is always its state after the batch they are told of.
        keeps: names of the attributes that change during a run (numbers, text, lists, dicts,
            arrays): kept with a run, and set again after `on_train_begin` when it is resumed. None
            for all attributes of such kinds.
        leaves_traces: whether it writes somewhere: left out of a `fast_dev_run`.
    """

    passive = False
    timely = False
    leaves_traces = False
    keeps: tuple[str, ...] | None = None
    model: Any = None
    params: Mapping[str, Any] = {}

    def set_params(self, params: Mapping[str, Any]) -> None:
        """Called once with facts about the run."""
        self.params = params

    def set_model(self, model: Any) -> None:
        """Called once with the model."""
        self.model = model

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Before training."""

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """After training, also when it was stopped early."""

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Before epoch number `epoch`, counted from 0."""

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """After an epoch; logs hold the figures, `val_…` among them."""

    def on_batch_begin(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Older name of `on_train_batch_begin`."""

    def on_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Older name of `on_train_batch_end`."""

    def on_train_batch_begin(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Before a training batch."""
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """After a training batch; logs hold the running figures."""
        self.on_batch_end(batch, logs)

    def on_test_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Before evaluation."""

    def on_test_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """After evaluation."""

    def on_test_batch_begin(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Before a test batch."""

    def on_test_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """After a test batch."""

    def on_predict_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Before prediction."""

    def on_predict_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """After prediction."""

    def on_predict_batch_begin(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Before a batch of predictions."""

    def on_predict_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """After a batch of predictions; logs hold `outputs`."""

    def on_failure(self, logs: Mapping[str, Any] | None = None) -> None:
        """After an exception, Ctrl-C included, in place of the ends: take back what was begun."""

    def on_chunk_end(self, done: int, logs: Mapping[str, Any]) -> None:
        """After some batches have run in one go: `done` of this epoch so far (progress bars)."""


def overrides(callback: Any, hooks: Iterable[str]) -> bool:
    """Whether a callback says something of its own in one of `hooks`, on its class or itself."""
    found = ((getattr(callback, hook, None), getattr(Callback, hook)) for hook in hooks)
    return any(own is not None and getattr(own, "__func__", own) is not base for own, base in found)
