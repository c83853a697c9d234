"""Processes that begin at once: forked from one that has imported everything and run nothing.

    python forking.py MODULE

reads calls from its input, a line of JSON each, and calls `serve` of the module with it in a
process of its own. What that prints comes back, and at last how it ended. So a recipe of hundreds
of kills spends its time in what is killed, and not in imports.
"""

import contextlib
import importlib
import json
import os
import subprocess
import sys
import tempfile
from typing import Any

from reliability.runs import environment

GONE = "\0gone "


class Children:
    """Runs `serve` of a module in new processes, one after another.

    Args:
        module: its name, as `reliability.resumed`.
    """

    def __init__(self, module: str):
        self.errors = tempfile.TemporaryFile("w+")
        self.pid = 0
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", __file__, module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            env=environment(),
        )

    def __enter__(self) -> "Children":
        return self

    def __exit__(self, *said: Any) -> None:
        self.close()

    def begin(self, *told: Any) -> int:
        """Begin a process that serves this call; returns its number."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps([str(one) for one in told]) + "\n")
        self.process.stdin.flush()
        self.pid = int(self._line())
        return self.pid

    def send(self, number: int) -> None:
        """Send it a signal, if it has not ended."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def end(self) -> tuple[int, str]:
        """Wait for its end: the exit code, as `subprocess` has it, and the last line it printed."""
        last = ""
        while GONE not in (line := self._line()):
            last = line
        return int(line.rpartition(GONE)[2]), last

    def said(self) -> str:
        """What all of them have said as errors, for a message."""
        self.errors.seek(0)
        return self.errors.read()[-4000:]

    def close(self) -> None:
        """End the process that the others are forked from."""
        self.process.kill()
        self.process.communicate()
        self.errors.close()

    def _line(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.said()
        return line.rstrip("\n")


def main(name: str) -> None:
    import h5py  # noqa: F401 (loaded once for all)
    import jax  # noqa: F401

    import cornu.engine.jax
    import cornu.training.loop  # noqa: F401

    module = importlib.import_module(name)
    while line := sys.stdin.readline():
        child = os.fork()
        if not child:
            print(os.getpid(), flush=True)
            module.serve(*json.loads(line))
            return
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        print(f"{GONE}{code}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
