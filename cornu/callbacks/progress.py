"""The progress bar. It is told of chunks, not of batches, so it never makes the device wait.

A bar moves where somebody sees it move: in a terminal and in a notebook. Elsewhere (a log file, a
pipe) every pass is one plain line, without characters that move a cursor.
"""

import os
import shutil
import sys
import time
import weakref
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TextIO

import numpy as np

from cornu.callbacks.base import Callback
from cornu.errors import UsageError, shown

WIDTH = 20
INTERVAL = 0.05  # seconds

_open_lines: weakref.WeakKeyDictionary[Any, "Bar"] = weakref.WeakKeyDictionary()
"""Stream -> the bar that stands in its last line: whoever writes next there ends that line first.

A terminal has one cursor, whatever number of models train.
"""


class Bar:
    """A bar with running figures on one line, or one line at the end of each pass.

    Args:
        target: number of steps, or None if unknown.
        verbose: 1 for a bar, 2 for one line a pass, 0 for silence.
        unit: what a step is called.
        stream: where to write; `sys.stdout` at the time of writing by default.
        width: characters of the bar.
        interval: least seconds between two pictures of it.
    """

    def __init__(
        self,
        target: int | None,
        verbose: int = 1,
        unit: str = "step",
        stream: TextIO | None = None,
        width: int = WIDTH,
        interval: float = INTERVAL,
    ):
        self.target, self.verbose, self.unit, self._stream = target, verbose, unit, stream
        self.width, self.interval = width, interval
        self.begun = time.perf_counter()
        self.done = 0
        self._first: tuple[int, float] | None = None  # steps and time when something was done
        self._latest = (0, self.begun)  # the same when the last of them was
        self._drawn = 0.0
        self._shown = 0  # characters of the open line

    def update(
        self, done: int, figures: Mapping[str, Any] | None = None, last: bool = False
    ) -> None:
        """Show that `done` steps are over."""
        self.done = done
        if self.verbose == 0:
            return
        now = time.perf_counter()
        if done != self._latest[0]:
            self._latest = done, now  # what comes after the last step, as a validation, is no step
            self._first = self._first or self._latest
        moves = self.verbose == 1 and self._is_watched()
        if not last and (not moves or now - self._drawn < self.interval):
            return
        self._drawn = now
        if not moves:
            self._write(self._line(figures or {}, now, last) + "\n")
            return
        text = self._line(figures or {}, now, last, self.width)
        padding = " " * max(0, self._shown - len(text))
        self._write(f"\r{text}{padding}" + ("\n" if last else ""), opens=not last)
        self._shown = 0 if last else len(text)

    def say(self, text: str) -> None:
        """Write a line of text before the bar."""
        self._write(text + "\n")

    def leave(self) -> None:
        """End the line of a bar that will not be finished."""
        if self._shown:
            self._shown = 0
            self._write("\n", opens=False, begins=False)

    def _line(
        self, figures: Mapping[str, Any], now: float, last: bool, width: int | None = None
    ) -> str:
        """The text of a line; with a `width` it has a bar, as wide as the terminal lets it be."""
        counted = f"{self.done}/{self.target or '?'}"
        tail = "".join(f" - {name}: {_figure(value)}" for name, value in figures.items())
        if width is None:
            return f"{counted} - {self._pace(now, last, ' - ')}{tail}"
        # as wide for 5/10 as for 10/10, so that the bar stays in its place
        counted = counted.rjust(2 * len(str(self.target or "?")) + 1)
        tail = f" {self._pace(now, last, ' ')}{tail}"
        room = shutil.get_terminal_size((200, 24)).columns - 1 if self._to_terminal() else 10**6
        if not last and len(counted) + len(tail) + width + 1 > room:
            width = room - len(counted) - len(tail) - 1
        if self.target and width > 0:
            filled = int(width * min(self.done / self.target, 1.0))
            counted += " " + "━" * filled + "─" * (width - filled)
        return counted + tail if last else (counted + tail)[:room]

    def _pace(self, now: float, last: bool, between: str) -> str:
        """Time taken or left, and that of a step, without the first ones if they were compiled."""
        done, at = self._latest
        each = (at - self.begun) / max(done, 1)
        if self._first is not None and done > self._first[0]:
            each = min(each, (at - self._first[1]) / (done - self._first[0]))
        step = f"{_duration(each)}/{self.unit}"
        if last or not self.target or not self.done:
            return f"{_duration(now - self.begun)}{between}{step}"
        left = max(each * (self.target - self.done), 1.0)  # nobody waits for less
        return f"{_duration(left)} left{between}{step}"

    def _to_terminal(self) -> bool:
        try:
            return bool(getattr(self._stream or sys.stdout, "isatty", lambda: False)())
        except ValueError:
            return False  # it is closed

    def _is_watched(self) -> bool:
        """Whether somebody sees the bar move: in a terminal with a cursor, or a notebook."""
        stream = self._stream or sys.stdout
        if type(stream).__module__.startswith("ipykernel") or "PYCHARM_HOSTED" in os.environ:
            return True
        return self._to_terminal() and os.environ.get("TERM") != "dumb"

    def _write(self, text: str, opens: bool = False, begins: bool = True) -> None:
        """Write a text that `opens` a line; one that `begins` a line ends what others left open."""
        stream = self._stream or sys.stdout
        if stream is None:
            self.verbose = 0  # a program without a console
            return
        try:
            other = _open_lines.pop(stream, None)
            if begins and other is not None and (other is not self or text[:1] != "\r"):
                text, other._shown = "\n" + text, 0
            if opens:
                _open_lines[stream] = self
        except TypeError:
            pass  # a stream that cannot be remembered
        try:
            stream.write(text)
            stream.flush()
        except UnicodeEncodeError:
            stream.write(text.replace("━", "=").replace("─", "."))
            stream.flush()
        except (OSError, ValueError):
            self.verbose = 0  # nobody reads; training goes on


class Progbar:
    """A progress bar for loops of your own.

    Args:
        target: number of steps, or None if unknown.
        width: characters of the bar.
        verbose: 1 for a bar, 2 for one line at the end, 0 for silence.
        interval: least seconds between two pictures of it.
        stateful_metrics: names of figures that are shown as they are; all others as the mean over
            the steps so far.
        stateless_metrics: names of figures that are shown as the mean, all others as they are;
            instead of `stateful_metrics`.
        unit_name: what a step is called.

    Raises:
        UsageError: where both lists are given.

    Example:
        >>> bar = Progbar(len(batches))
        >>> for i, batch in enumerate(batches):
        ...     bar.update(i + 1, [("loss", train(batch))])
    """

    def __init__(
        self,
        target: int | None,
        width: int = WIDTH,
        verbose: int = 1,
        interval: float = INTERVAL,
        stateful_metrics: Iterable[str] | None = None,
        stateless_metrics: Iterable[str] | None = None,
        unit_name: str = "step",
    ):
        if stateful_metrics is not None and stateless_metrics is not None:
            raise UsageError(
                "E-PROGRESS",
                "Progbar takes stateful_metrics (the figures that are shown as they are) or "
                f"stateless_metrics (those that are averaged), not both; got "
                f"{shown(stateful_metrics)} and {shown(stateless_metrics)}.",
            )
        self.target, self.unit_name = target, unit_name
        self.stateful_metrics = set(stateful_metrics or ())
        self.stateless_metrics = None if stateless_metrics is None else set(stateless_metrics)
        self._bar = Bar(target, verbose, unit_name, width=width, interval=interval)
        self._sums: dict[str, tuple[float, int]] = {}  # name -> sum, steps

    def update(
        self,
        current: int,
        values: Sequence[tuple[str, Any]] | Mapping[str, Any] | None = None,
        finalize: bool | None = None,
    ) -> None:
        """Show that `current` steps are over.

        Args:
            current: number of steps so far.
            values: figures of the last steps by name, as pairs or a dict.
            finalize: whether the bar ends here; by default it does when `current` is the target.
        """
        if finalize is None:
            finalize = bool(self.target) and current >= int(self.target or 0)
        steps = max(current - self._bar.done, 1)
        for name, value in dict(values or ()).items():
            total, count = self._sums.get(name, (0.0, 0))
            if not self._is_averaged(name):
                total, count = 0.0, 0
            self._sums[name] = (total + float(np.mean(value)) * steps, count + steps)
        means = {name: total / count for name, (total, count) in self._sums.items()}
        self._bar.update(current, means, last=finalize)

    def add(self, n: int, values: Sequence[tuple[str, Any]] | None = None) -> None:
        """Show that `n` more steps are over."""
        self.update(self._bar.done + n, values)

    def _is_averaged(self, name: str) -> bool:
        if self.stateless_metrics is not None:
            return name in self.stateless_metrics
        return name not in self.stateful_metrics


def _figure(value: Any) -> str:
    try:
        number = float(np.mean(value))
    except (TypeError, ValueError):  # what a callback of the user's has put into the logs
        return shown(value)
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
    """Shows epochs as they run: a bar (`verbose=1`) or a line each (`verbose=2`).

    Args:
        verbose: 0, 1 or 2; by default what `fit` was told.
    """

    passive = True
    keeps = ()

    def __init__(self, verbose: int | None = None):
        self.verbose = verbose
        self._bar: Bar | None = None
        self._steps: int | None = None

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Forget how long epochs of another training were."""
        self._bar, self._steps = None, None

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Begin a bar, below the title of the epoch."""
        epochs = self.params.get("epochs") or 1
        verbose = self.params.get("verbose", 1) if self.verbose is None else self.verbose
        verbose = 1 if verbose == "auto" else int(verbose)
        self._bar = Bar(self.params.get("steps") or self._steps, verbose)
        if verbose and (epochs > 1 or verbose == 1):
            self._bar.say(f"Epoch {epoch + 1}/{epochs}")

    def on_chunk_end(self, done: int, logs: Mapping[str, Any]) -> None:
        """Show the running figures."""
        if self._bar is not None:
            self._bar.update(done, logs)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Close the bar with the epoch's figures."""
        if self._bar is not None:
            self._steps = self._bar.target = self._bar.target or self._bar.done
            self._bar.update(self._bar.done or self._steps, logs, last=True)
            self._bar = None

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Leave the line of an unfinished bar."""
        if self._bar is not None:
            self._bar.leave()
            self._bar = None
