"""ModelCheckpoint: the model, or its weights, written while it trains."""

import os
import string
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from cornu import settings
from cornu.callbacks.messages import Writes, checked_policy, number, say
from cornu.callbacks.monitor import MonitorCallback
from cornu.errors import UsageError, UsageTypeError, listed, shown, suggestion, warn
from cornu.state import Variable

WHOLE = (".keras", ".h5", ".hdf5")
WEIGHTS = (".weights.h5", ".h5", ".hdf5", ".safetensors")


class ModelCheckpoint(Writes, MonitorCallback):
    """Saves the model after every epoch, after every so many batches, or when it is better.

    A file is written whole or not at all, and never with weights that are infinite or no numbers:
    then a warning says so, and the file before stays.

    Args:
        filepath: where to. `{epoch:02d}` stands for the number of the epoch, from 1, `{batch}` for
            that of the batch, and `{val_loss:.2f}` for any figure of the logs. It ends in ".keras"
            or ".h5"; for weights alone in ".weights.h5", ".safetensors" or ".h5".
        monitor: name of the figure that says which model is better.
        verbose: 1 to say what is saved.
        save_best_only: save only what is better than all before, in other fits too.
        save_weights_only: `model.save_weights` in place of `model.save`.
        mode: "min", "max", or "auto" for what the metric says.
        save_freq: "epoch", or the number of batches between saves; then every batch is waited for.
        initial_value_threshold: what the first figure must be better than.
        on_save_error: "raise", or "warn" to go on where the disk says no, and to try the next time.

    Attributes:
        best: the figure of the best model that was saved; not forgotten between fits.

    Raises:
        UsageError: for a name that ends otherwise, and in `fit` for a figure in it that no log has.
        OSError: in `fit`, where the disk says no, unless told to warn; what was there stays.

    Example:
        >>> keep = ModelCheckpoint("best.keras", monitor="val_loss", save_best_only=True)
        >>> model.fit(x, y, validation_split=0.2, epochs=10, callbacks=[keep])
    """

    leaves_traces = True
    keeps = ("best", "batches_since_saving", "_missed")

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: int | str = "epoch",
        initial_value_threshold: float | None = None,
        on_save_error: str = "raise",
    ):
        super().__init__(monitor, mode, initial_value_threshold)
        self.on_save_error = checked_policy("ModelCheckpoint", on_save_error)
        self.filepath = checked_path(filepath, save_weights_only)
        self.verbose = verbose
        self.save_best_only, self.save_weights_only = save_best_only, save_weights_only
        self.save_freq = save_freq
        self.batches_since_saving = 0
        self._epoch = 0
        self._refused = False
        if save_freq != "epoch":
            if isinstance(save_freq, str):
                raise UsageError(
                    "E-CHOICE",
                    'ModelCheckpoint: save_freq must be "epoch" or a number of batches; got '
                    f"{shown(save_freq)}.",
                )
            number("ModelCheckpoint", "save_freq", save_freq, 1, whole=True)
            # on the object, so that those that save by epochs need not see batches
            self.on_train_batch_end = self._after_batch  # pyright: ignore

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Know the number of the epoch."""
        self._epoch = epoch

    def _after_batch(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        self.batches_since_saving += 1
        if self.batches_since_saving >= int(self.save_freq):
            self.batches_since_saving = 0
            self._save(self._epoch, batch, logs or {})

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Save, if it is time and the model is good enough."""
        if self.save_freq == "epoch" and self.is_due(epoch):
            self._save(epoch, None, logs or {})

    def is_due(self, epoch: int) -> bool:
        """Whether anything is saved after this epoch."""
        return True

    def _save(self, epoch: int, batch: int | None, logs: Mapping[str, Any]) -> None:
        path = self.path_of(epoch, batch, logs)
        figure = self.get_monitor_value(logs) if self.save_best_only else None
        unknown = self.save_best_only and figure is None
        if unknown and not self.saves_unseen():
            return
        if figure is not None and not self.is_better(figure, self.best):
            self._say(epoch, f"{self.monitor} {figure:.5f} is not better than {_told(self.best)}")
            return
        if self._is_broken(epoch, path):
            return
        better = (
            f": {self.monitor} {_told(self.best)} -> {figure:.5f}" if figure is not None else ""
        )
        with self.writing("the file before stays"):
            self.write(path)
            self.best = self.best if figure is None else figure
            self._say(epoch, f"saved {path}{better}")

    def saves_unseen(self) -> bool:
        """Whether a model is saved where the figure that says if it is better is missing."""
        return True

    def _say(self, epoch: int, text: str) -> None:
        if self.verbose > 0:
            say(f"\nEpoch {epoch + 1}: {text}")

    def _is_broken(self, epoch: int, path: str) -> bool:
        """Whether a weight is infinite or no number, so that nothing must be written."""
        broken = non_finite(self.model.weights)
        if broken is None:
            self._refused = False
        elif not self._refused:
            self._refused = True
            warn(
                f'ModelCheckpoint did not write {path} in epoch {epoch + 1}: weight "{broken}" '
                "holds infinity or NaN. What was saved before is as it was."
            )
        return broken is not None

    def write(self, path: str) -> None:
        """Write the file, and the folder that it lies in."""
        folder = os.path.dirname(path)
        if folder:
            os.makedirs(folder, exist_ok=True)
        if self.save_weights_only:
            self.model.save_weights(path, overwrite=True)
        else:
            self.model.save(path, overwrite=True)

    def path_of(self, epoch: int, batch: int | None, logs: Mapping[str, Any]) -> str:
        """Where the model of this epoch goes. Raises UsageError for a figure that no log has."""
        numbers = {"epoch": numbered(epoch)}
        if batch is not None:
            numbers["batch"] = batch + 1
        return _Filled(partial(self.look_up, logs), logs, numbers).format(self.filepath)


class _Filled(string.Formatter):
    """Fills plain names only, so that no part of a name reaches into objects."""

    def __init__(
        self, find: Callable[[str], Any], logs: Mapping[str, Any], numbers: Mapping[str, int]
    ):
        self.find, self.logs, self.numbers = find, logs, numbers

    def get_field(
        self, field_name: str, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> tuple[Any, str]:
        found = self.find(field_name)
        found = self.numbers.get(field_name) if found is None else found
        if found is None:
            known = [*self.numbers, *self.logs]
            raise UsageError(
                "E-CHECKPOINT-NAME",
                f'ModelCheckpoint: filepath has "{{{field_name}}}", and no figure has that name: '
                f"{listed(known)}. {suggestion(field_name, known)}".rstrip(),
            )
        plain = np.asarray(found)
        if plain.ndim or plain.dtype.kind not in "biuf":
            raise UsageError(
                "E-CHECKPOINT-NAME",
                f'ModelCheckpoint: "{{{field_name}}}" of filepath is {shown(found)}; only numbers '
                "can stand in a name.",
            )
        return plain.item(), field_name


def numbered(epoch: int) -> int:
    """The number of an epoch in names of files."""
    return epoch + 1


def checked_path(filepath: Any, weights_only: bool) -> str:
    """`filepath` as text. Raises UsageError for a name that tells of no format."""
    try:
        path = os.fspath(filepath)
    except TypeError:
        raise UsageTypeError(
            "E-FILE-NAME", f"ModelCheckpoint: filepath must be a path; got {shown(filepath)}."
        ) from None
    endings = WEIGHTS if weights_only else WHOLE
    alone = path.endswith((".weights.h5", ".safetensors"))
    if not path.endswith(endings) or (alone and not weights_only):
        example = '"best.weights.h5"' if weights_only else '"best.keras"'
        more = "" if weights_only or not alone else ", or pass save_weights_only=True"
        raise UsageError(
            "E-FILE-NAME",
            f"ModelCheckpoint(save_weights_only={weights_only}): filepath must end in "
            f"{' or '.join(endings)}; got {path!r}. Write e.g. {example}{more}.",
        )
    return path


def non_finite(weights: Sequence[Variable]) -> str | None:
    """The path of the first weight that holds infinity or NaN; None where all are finite."""
    for weight in weights:
        if weight.dtype in settings.FLOATS and 0 not in weight.shape:
            value = weight.snapshot()
            ends = np.asarray([value.min(), value.max()], "float64")  # NaN comes through both
            if not np.isfinite(ends).all():
                return weight.path
    return None


def _told(figure: float | None) -> str:
    return "nothing" if figure is None else f"{figure:.5f}"
