"""History: the figures of every epoch, and what is made of them: a line, a picture, a page."""

import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from cornu.callbacks.base import Callback
from cornu.state import seeds

PICTURES = "cornu.visualization"
"""What draws. It stands above everything here, so it is named, and loaded when it is used."""


class History(Callback):
    """Keeps the logs of every epoch; `fit` returns one.

    Attributes:
        epoch: numbers of the epochs run.
        history: log key -> list of figures, one for each epoch.
        when: log key -> numbers of the epochs that its figures are of.
        seconds: how long each epoch took, its validation included.
        begun: when training began, in seconds since 1970 (UTC).
        seed: of the process, when training began; `set_random_seed` takes it.
        validation: `(x, y)` that `fit` was validated by, for `report`; None where that was nothing,
            a stream, several outputs, or more than 64 MiB.

    Example:
        >>> history = model.fit(x, y, epochs=10, validation_split=0.1)
        >>> history.plot().savefig("curves.png")
        >>> history.report("run.html")
    """

    keeps = ("epoch", "history", "when", "seconds", "begun", "seed")

    def __init__(self) -> None:
        self.epoch: list[int] = []
        self.history: dict[str, list[float]] = {}
        self.when: dict[str, list[int]] = {}
        self.seconds: list[float] = []
        self.begun: float | None = None
        self.seed: int | None = None
        self.validation: tuple[Any, Any] | None = None
        self._mark = time.perf_counter()

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Begin anew."""
        self.epoch, self.history, self.when, self.seconds = [], {}, {}, []
        self.begun, self.seed = time.time(), seeds.seed
        self._mark = time.perf_counter()

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Look at the clock."""
        self._mark = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Take the figures of an epoch."""
        self.epoch.append(epoch)
        self.seconds.append(time.perf_counter() - self._mark)
        for name, value in (logs or {}).items():
            single = hasattr(value, "dtype") and np.ndim(value) == 0  # a Variable would change
            self.history.setdefault(name, []).append(np.asarray(value).item() if single else value)
            self.when.setdefault(name, []).append(epoch)

    def plot(
        self,
        figures: Sequence[str] | str | None = None,
        log: bool = False,
        path: str | Path | None = None,
    ) -> Any:
        """Draw the learning curves with matplotlib (the extra `plot`); returns the figure.

        Args:
            figures: names of the figures to draw, without "val_"; all by default.
            log: whether the vertical axis is logarithmic.
            path: where to write the picture besides.

        Raises:
            ImportError: without matplotlib, with the way to get it.
            UsageError: for a history without epochs, and for unknown figures.
        """
        return import_module(PICTURES).plot_history(self, path, figures=figures, log=log)

    def report(self, path: str | Path, data: Any = None, classes: Sequence[str] = ()) -> Path:
        """Write the run as one page (HTML) that needs nothing else: no network, no library.

        It has the curves, the best epoch, the settings, and the model's layers and graph; of a
        classifier also how often each class was taken for each other one.

        Args:
            path: of the page, as "run.html"; replaced at once, or not at all.
            data: `(x, y)` to predict and compare; those that `fit` was validated by (see
                `validation`), unless given.
            classes: names of the classes, in order.

        Returns:
            The path.

        Raises:
            UsageError: for a history without epochs, and for data that are not classes.
        """
        return import_module(PICTURES).write_report(self, path, data, classes)

    def __repr__(self) -> str:
        if not self.epoch:
            return "History(no epochs)"
        last = ", ".join(f"{name} {_short(values[-1])}" for name, values in self.history.items())
        count = len(self.epoch)
        return f"History({count} epoch{'s' * (count > 1)}, at the end: {last})"


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, (int, float)) else "…"
