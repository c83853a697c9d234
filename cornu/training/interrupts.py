"""Ctrl-C and a polite kill: the chunk is finished and the run kept before they have their way."""

import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

POLITE = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGUSR1") if hasattr(signal, name))


class Interrupts:
    """While it is open, the first signal waits for the end of the chunk; a second one does not.

    Args:
        kept: whether the run is kept; else signals do what they do without this.

    Only the main thread of a process may catch signals: in another one nothing is changed.
    """

    def __init__(self, kept: bool):
        self.catches = kept and threading.current_thread() is threading.main_thread()
        self.asked: int = 0  # the number of the signal that came
        self.before: dict[int, Any] = {}

    def __enter__(self) -> "Interrupts":
        if self.catches:
            for number in (signal.SIGINT, *POLITE):
                # None: not Python's to set again; ignored: a job in the background stays one
                if signal.getsignal(number) not in (None, signal.SIG_IGN):
                    self.before[number] = signal.signal(number, self._came)
        return self

    def __exit__(self, *exc: Any) -> None:
        self._give_back()

    def _came(self, number: int, frame: FrameType | None) -> None:
        if not self.asked:
            self.asked = number
            return
        self._give_back()
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(128 + number)

    def _give_back(self) -> None:
        while self.before:
            number, handler = self.before.popitem()
            signal.signal(number, handler)

    def follow(self, way_on: Callable[[], str]) -> None:
        """Have the signal's way, if one came: the run is kept by now, and `way_on` says where."""
        if not self.asked:
            return
        number, self.asked = self.asked, 0
        before = self.before.get(number)
        self._give_back()
        print(f"\n{way_on()}", file=sys.stderr)
        if not callable(before):
            raise SystemExit(128 + number)
        before(number, None)  # Python's own raises KeyboardInterrupt
