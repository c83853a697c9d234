"""Figures that need no screen, by matplotlib (the extra `plot`), asked for only when drawing."""

from pathlib import Path
from typing import Any

DPI = 120


def new_figure(width: float, height: float) -> Any:
    """A figure that needs no screen. Raises ImportError with the way to get matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            'Pictures need matplotlib: pip install "cornu[plot]" or pip install matplotlib.'
        ) from error
    return Figure(figsize=(width, height), layout="constrained")


def finished(figure: Any, path: str | Path | None) -> Any:
    """The figure, written to `path` if there is one."""
    if path is not None:
        figure.savefig(path, dpi=DPI)
    return figure
