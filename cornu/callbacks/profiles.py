"""What some batches of training cost, written down by the engine for TensorBoard's profile page."""

from importlib.util import find_spec
from typing import Any

from cornu import engine
from cornu.errors import UsageError, shown, warn

PLUGINS = ("xprof", "tensorboard_plugin_profile")
"""What shows it in TensorBoard; either will do."""


class Profile:
    """A profile of the batches numbered `first` to `last` of a training, from 1.

    Args:
        batches: what `profile_batch` was: a number, a pair, or a text as "10,20".
        folder: where it is written.

    Raises:
        UsageError: for anything else.
    """

    def __init__(self, batches: Any, folder: str):
        self.first, self.last = _pair(batches)
        self.folder = folder
        self.runs = False
        if not any(map(find_spec, PLUGINS)):
            warn(
                "TensorBoard: the profile will be written, but TensorBoard shows none without its "
                f"plugin: pip install {PLUGINS[0]}."
            )

    def begin(self, batch: int) -> None:
        """Before batch number `batch`: begin, if it is the first one to look at."""
        if batch != self.first or self.runs:
            return
        try:
            engine.begin_profile(self.folder)
        except RuntimeError as error:  # another one is being made in this process
            warn(f"TensorBoard: no profile is written: {error}")
        else:
            self.runs = True

    def end(self, batch: int | None = None) -> None:
        """After batch number `batch`: write the profile, if it was the last one; None: at once."""
        if self.runs and (batch is None or batch >= self.last):
            self.runs = False
            engine.end_profile()


def _pair(batches: Any) -> tuple[int, int]:
    found = batches
    if isinstance(found, str):
        found = found.split(",")
    if not isinstance(found, (tuple, list)):
        found = [found]
    try:
        numbers = [int(one) for one in found]
    except (TypeError, ValueError):
        numbers = []
    first, last = (numbers * 2)[0:2] if len(numbers) == 1 else (numbers + [0, 0])[:2]
    if len(numbers) not in (1, 2) or not 1 <= first <= last:
        raise UsageError(
            "E-FREQUENCY",
            "TensorBoard: profile_batch must be the number of a batch, from 1, or the first and "
            f"the last one, as (10, 20); got {shown(batches)}.",
        )
    return first, last
