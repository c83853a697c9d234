"""The progress bar. It is told of chunks, not of batches, so it never makes the device wait."""

import shutil
import sys
import time
from collections.abc import Mapping
from typing import Any, TextIO

from cornu.callbacks.base import Callback

WIDTH = 20


class Progbar:
    """A bar with running figures on one line, or one line at the end of each pass.

    Args:
        target: number of steps, or None if unknown.
        verbose: 1 for a bar, 2 for one line a pass, 0 for silence.
        unit: what a step is called.
        stream: where to write; `sys.stdout` at the time of writing by default.
    """

    def __init__(
        self,
        target: int | None,
        verbose: int = 1,
        unit: str = "step",
        stream: TextIO | None = None,
    ):
        self.target, self.verbose, self.unit, self._stream = target, verbose, unit, stream
        self.begun = time.perf_counter()
        self.done = 0
        self._shown = 0

    def update(
        self, done: int, figures: Mapping[str, Any] | None = None, last: bool = False
    ) -> None:
        """Show that `done` steps are over."""
        self.done = done
        if self.verbose == 0 or (not last and (self.verbose == 2 or not self._is_watched())):
            return
        text = self._text(figures or {}, last)
        if self.verbose == 2:
            self._write(text + "\n")
            return
        padding = " " * max(0, self._shown - len(text))
        self._shown = len(text)
        self._write(f"\r{text}{padding}" + ("\n" if last else ""))

    def _text(self, figures: Mapping[str, Any], last: bool) -> str:
        seconds = time.perf_counter() - self.begun
        counted = f"{self.done}/{self.target or '?'}"
        parts = [counted]
        if self.verbose == 1 and self.target:
            filled = int(WIDTH * min(self.done / self.target, 1.0))
            parts.append("━" * filled + "─" * (WIDTH - filled))
        parts.append(self._pace(seconds, last))
        parts += [f"{name}: {_figure(value)}" for name, value in figures.items()]
        text = " - ".join(parts)
        room = shutil.get_terminal_size((200, 24)).columns if self._to_terminal() else 0
        return text[: room - 1] if room and self.verbose == 1 and not last else text

    def _pace(self, seconds: float, last: bool) -> str:
        each = seconds / max(self.done, 1)
        if last or not self.target or not self.done:
            return f"{_duration(seconds)} {_duration(each)}/{self.unit}"
        return f"{_duration(each * (self.target - self.done))} left"

    def _to_terminal(self) -> bool:
        try:
            return bool(getattr(self._stream or sys.stdout, "isatty", lambda: False)())
        except ValueError:
            return False  # it is closed

    def _is_watched(self) -> bool:
        """Whether somebody sees the bar move: a terminal, a notebook, or a stream asked for."""
        notebook = "ipykernel" in type(sys.stdout).__module__
        return self._stream is not None or notebook or self._to_terminal()

    def _write(self, text: str) -> None:
        stream = self._stream or sys.stdout
        try:
            stream.write(text)
            stream.flush()
        except UnicodeEncodeError:
            stream.write(text.replace("━", "=").replace("─", "."))
            stream.flush()
        except (OSError, ValueError, AttributeError):
            self.verbose = 0  # nobody reads, or there is no stream at all; training goes on


def _figure(value: Any) -> str:
    number = float(value)
    return f"{number:.4f}" if 1e-3 <= abs(number) < 1e5 or number == 0 else f"{number:.4e}"


def _duration(seconds: float) -> str:
    if seconds >= 60:
        minutes, rest = divmod(int(seconds), 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
    if seconds >= 1:
        return f"{seconds:.0f}s"
    return f"{seconds * 1e3:.0f}ms" if seconds >= 1e-3 else f"{seconds * 1e6:.0f}us"


class ProgbarLogger(Callback):
    """Shows epochs as they run: a bar (`verbose=1`) or a line each (`verbose=2`)."""

    passive = True

    def __init__(self, verbose: int = 1):
        self.verbose = verbose
        self._bar: Progbar | None = None

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Begin a bar."""
        epochs = self.params.get("epochs") or 1
        self._bar = Progbar(self.params.get("steps"), self.verbose)
        if epochs > 1 or self.verbose == 1:
            self._bar._write(f"Epoch {epoch + 1}/{epochs}\n")

    def on_chunk_end(self, done: int, logs: Mapping[str, Any]) -> None:
        """Show the running figures."""
        if self._bar is not None:
            self._bar.update(done, logs)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Close the bar with the epoch's figures."""
        if self._bar is not None:
            self._bar.target = self._bar.target or self._bar.done
            self._bar.update(self._bar.done, logs, last=True)
            self._bar = None

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Leave the line of an unfinished bar."""
        if self._bar is not None and self.verbose == 1:
            self._bar._write("\n")
