"""TerminateOnNaN: training ends when the loss is infinite or no number."""

import math
from collections.abc import Mapping
from typing import Any

from cornu.callbacks.base import Callback
from cornu.callbacks.messages import say
from cornu.errors import UsageError


class LossError(UsageError, RuntimeError):
    """The loss has become infinite, or no number."""


class TerminateOnNaN(Callback):
    """Stops training when the loss is infinite or no number.

    It looks after some batches at a time, so it costs nothing.

    Args:
        raise_error: raise a `LossError`, which is a RuntimeError, instead.
    """

    def __init__(self, raise_error: bool = False):
        self.raise_error = raise_error
        self.stops_on_nonfinite = not raise_error  # asked by `fit`, which takes the step back

    def on_chunk_end(self, done: int, logs: Mapping[str, Any]) -> None:
        """Look at the loss."""
        loss = logs.get("loss")
        if loss is None or math.isfinite(loss):
            return
        if self.raise_error:
            raise LossError(
                "E-NONFINITE",
                f"the loss is {loss:g} after {done} batches. Lower the learning rate, clip "
                "gradients (clipnorm=1.0) or look at the data.",
            )
        if not self.model.stop_training:
            say(f"\nBatch {done - 1}: the loss is {loss:g}; training stops.")
            self.model.stop_training = True
