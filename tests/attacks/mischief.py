"""What the harness must notice, done by jobs of its own: nothing here tries the library."""

import ctypes
import os
import pickle
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

from attacks.trial import tried
from attacks.watch import Watch
from cornu import config, settings


class Job:
    """One kind of mischief."""

    def __init__(self, name: str, act: Callable[[Watch], Any]):
        self.name, self.act = name, act

    def run(self, watch: Watch) -> tuple[list[str], str]:
        kept = dict(os.environ), settings.floatx()
        complaints, _ = tried(lambda: self.act(watch), watch, 0.5, 64, errors=(ZeroDivisionError,))
        settings.set_floatx(kept[1])
        config.custom_names.pop("evil", None)
        os.environ.pop("EVIL", None)
        return complaints, ""


def _open_in_c(watch: Watch) -> None:
    """As libraries in C do, of which Python knows nothing."""
    libc.close(libc.open(os.fsencode(watch.canaries / "a.txt"), os.O_RDONLY))


libc = ctypes.CDLL(None)


def _call(watch: Watch) -> None:
    socket.create_connection(("127.0.0.1", watch.port)).close()


def _register(watch: Watch) -> None:
    config.custom_names["evil"] = print


def _spend(watch: Watch) -> None:
    until = time.process_time() + 0.7
    while time.process_time() < until:
        pass


def _recurse(watch: Watch) -> None:
    try:
        _recurse(watch)
    except RecursionError as error:
        raise ZeroDivisionError from error


def _tell(watch: Watch) -> None:
    raise ZeroDivisionError("\x1b]0;x\x07")


def _hang(watch: Watch) -> None:
    with suppress(BaseException):
        time.sleep(60)


def _crash(watch: Watch) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


ACTS: dict[str, Callable[[Watch], Any]] = {
    "opens a canary": _open_in_c,
    "opens a file": lambda watch: open("/etc/hostname").close(),
    "calls": _call,
    "starts a process": lambda watch: subprocess.run([sys.executable, "-c", ""]),
    "evaluates": lambda watch: eval("1 + 1"),
    "unpickles": lambda watch: pickle.loads(pickle.dumps(Fraction(1, 2))),
    "changes a setting": lambda watch: settings.set_floatx("float16"),
    "registers a class": _register,
    "leaves a file": lambda watch: Path(watch.tmp, "left").write_text("x"),
    "takes memory": lambda watch: bytearray(b"x") * (100 << 20),
    "takes time": _spend,
    "raises another error": lambda watch: {}["x"],
    "recurses": _recurse,
    "tells a terminal": _tell,
    "sets the environment": lambda watch: os.environ.update(EVIL="1"),
    "crashes": _crash,
    "hangs": _hang,
    "does nothing": lambda watch: None,
}


def jobs(watch: Watch) -> list[Job]:
    """The suite."""
    watch.canary("a.txt", b"x")
    return [Job(name, act) for name, act in ACTS.items()]
