"""Learning curves: what a history has of each figure, and a picture of it."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from cornu.callbacks.monitor import direction
from cornu.errors import UsageError, suggestion
from cornu.visualization.figures import finished, new_figure

VALIDATION = "val_"


class Line(NamedTuple):
    """Epochs, counted from 1, and a figure for each."""

    epochs: np.ndarray
    values: np.ndarray

    def best(self, way: str) -> int | None:
        """Place of the best number, the least or, for "up", the greatest; None without any."""
        finite = np.where(np.isfinite(self.values), self.values, math.inf * (-1) ** (way == "up"))
        if not np.isfinite(finite).any():
            return None
        return int(finite.argmax() if way == "up" else finite.argmin())


class Curve(NamedTuple):
    """A figure in training and in validation.

    Attributes:
        name: of the figure, without "val_".
        training, validation: its lines; None where there is none.
        way: "up" or "down", whichever is better; None where nobody knows.
    """

    name: str
    training: Line | None
    validation: Line | None
    way: str | None

    @property
    def judged(self) -> Line | None:
        """The line to judge by: validation, or training where there is none."""
        return self.validation or self.training


def curves(history: Any, figures: Sequence[str] | str | None = None) -> list[Curve]:
    """The figures of a history, those of validation beside those of training.

    Args:
        history: a `History`, or its dict of lists by log key.
        figures: names without "val_"; all by default. Figures that are arrays are left out.

    Raises:
        UsageError: for a history without epochs, and for an unknown name.
    """
    logs: Mapping[str, Sequence[float]] = getattr(history, "history", history)
    names = list(dict.fromkeys(n.removeprefix(VALIDATION) for n in logs if _is_line(logs[n])))
    if not names or not any(name in logs for name in names):
        raise UsageError("E-HISTORY", "the history is empty: fit the model first.")
    chosen = [figures] if isinstance(figures, str) else names if figures is None else list(figures)
    for name in chosen:
        if name not in names:
            raise UsageError(
                "E-FIGURE",
                f'the history has no figure "{name}"; it has {", ".join(names)}.'
                f"{suggestion(name, names)}",
            )
    model = getattr(history, "model", None)
    last = max(len(values) for values in logs.values())
    return [
        Curve(
            name,
            _line(history, logs, name, last),
            _line(history, logs, VALIDATION + name, last),
            direction(model, name),
        )
        for name in chosen
    ]


def _is_line(values: Sequence[Any]) -> bool:
    return bool(len(values)) and all(np.ndim(value) == 0 for value in values)


def _line(history: Any, logs: Mapping[str, Sequence[float]], name: str, last: int) -> Line | None:
    """A dict does not say of which epochs fewer figures are: they are spread over all."""
    if name not in logs or not _is_line(logs[name]):
        return None
    values = np.asarray(logs[name], "float64")
    when = getattr(history, "when", {}).get(name, ())
    if len(when) == len(values):
        return Line(np.asarray(when, "float64") + 1, values)
    first = 1.0 if len(values) > 1 else float(last)
    return Line(np.linspace(first, last, len(values)), values)


def plot_history(
    history: Any,
    path: str | Path | None = None,
    figures: Sequence[str] | str | None = None,
    log: bool = False,
) -> Any:
    """Learning curves: one panel a figure, training and validation together.

    Args:
        history: a `History`, or its dict of lists by log key.
        path: where to write the picture.
        figures: names of the figures to draw, without "val_"; all by default.
        log: whether the vertical axis is logarithmic.

    Raises:
        UsageError: for a history without epochs, and for unknown figures.
    """
    drawn = curves(history, figures)
    figure = new_figure(5 * len(drawn), 3.5)
    for axes, curve in zip(figure.subplots(1, len(drawn), squeeze=False)[0], drawn, strict=True):
        for line, label in ((curve.training, "training"), (curve.validation, "validation")):
            if line is not None:
                single = "o" if len(line.values) == 1 else None
                axes.plot(line.epochs, line.values, label=label, marker=single)
        axes.set(title=curve.name, xlabel="epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        if log:
            axes.set_yscale("log")
        axes.grid(alpha=0.3)
        axes.legend()
    return finished(figure, path)
