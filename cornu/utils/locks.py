"""A lock that is a file: one process at a time, on any file system, also when its owner was killed.

The owner touches the file every half second. Whoever waits takes over a lock that has not been
touched for `STALE_SECONDS`, by its own clock: computers that share a folder need not agree on the
time, nor on the numbers of processes.
"""

import contextlib
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator

TOUCH_SECONDS = 0.5
STALE_SECONDS = 8.0
LOOK_SECONDS = 0.05


@contextlib.contextmanager
def locked(path: str, on_wait: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold the lock `path`, waiting for it if need be; `on_wait` is called when that begins.

    Raises OSError where the file cannot be made.
    """
    token = secrets.token_hex(16)
    _take(path, token, on_wait)
    released = threading.Event()
    pulse = threading.Thread(target=_touch, args=(path, released), daemon=True)
    try:
        pulse.start()
        yield
    finally:
        released.set()
        if pulse.ident is not None:
            pulse.join()
        _drop(path, token)


def _take(path: str, token: str, on_wait: Callable[[], None] | None) -> None:
    seen, since = None, time.monotonic()
    while not _made(path, token):
        if on_wait is not None:
            on_wait()
            on_wait = None
        now = _look(path)
        if now != seen:
            seen, since = now, time.monotonic()
        elif now is not None and time.monotonic() - since > STALE_SECONDS:
            _drop(path, now[0])
            seen = None
        time.sleep(LOOK_SECONDS)


def _made(path: str, token: str) -> bool:
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return False
    try:
        os.write(descriptor, token.encode())
    except BaseException:
        _unlink(path)
        raise
    finally:
        os.close(descriptor)
    return True


def _look(path: str) -> tuple[str, int] | None:
    """Whose lock it is and when it was touched. Opening it asks a file server anew."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        return None
    try:
        token = os.read(descriptor, 64).decode("ascii", "replace")
        return token, os.fstat(descriptor).st_mtime_ns
    finally:
        os.close(descriptor)


def _touch(path: str, released: threading.Event) -> None:
    while not released.wait(TOUCH_SECONDS):
        with contextlib.suppress(OSError):
            os.utime(path)


def _drop(path: str, token: str) -> None:
    """Take the lock away if it is still that of `token`."""
    with contextlib.suppress(OSError):
        found = _look(path)
        if found is not None and found[0] == token:
            _unlink(path)


def _unlink(path: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)
