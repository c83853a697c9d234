"""A folder that one process at a time may use: two of them would undo each other's work.

The lock is the system's (`fcntl.lockf` on a file): it is gone with its process, however that ends,
and worker processes do not inherit it. Where a system or a file system has none, there is none.
"""

import contextlib
import os
import platform
import threading
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

from cornu.errors import UsageError

NAME = ".in-use"


class Held:
    """A folder held by this process: the path and descriptor of its file, how often it is held."""

    def __init__(self, path: str, descriptor: int):
        self.path, self.descriptor, self.count = path, descriptor, 1
        self.process = os.getpid()  # a fork has a copy of this, and no lock


_turn = threading.RLock()  # what is collected may let go while something is held
_held: dict[str, Held] = {}


def hold(folder: Path) -> Held | None:
    """Hold a folder for this process; returns what `let_go` takes, None where nothing locks.

    Raises UsageError, naming the process, where another one holds it; OSError where its file cannot
    be made.
    """
    if fcntl is None:
        return None
    path = os.path.join(os.path.realpath(folder), NAME)
    with _turn:
        known = _held.get(path)
        if known is not None and known.process == os.getpid():
            known.count += 1
            if _is_there(known):
                return known
            let_go(known)  # somebody has removed the folder: its file is another one now
        while (found := _locked(path, folder)) is not None and not _is_there(found):
            os.close(found.descriptor)  # its holder removed it a moment ago
        if found is None:
            return None
        with contextlib.suppress(OSError):  # a full disk: the lock holds without a name
            os.truncate(found.descriptor, 0)
            os.write(found.descriptor, f"process {os.getpid()} on {platform.node()}".encode())
        _held[path] = found
        return found


def _locked(path: str, folder: Path) -> Held | None:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # pyright: ignore
    except (BlockingIOError, PermissionError):
        by = os.read(descriptor, 300).decode("utf-8", "replace")
        os.close(descriptor)
        raise UsageError(
            "E-RESUME-USED",
            f"{folder} is in use: {by or 'another process'} keeps a run in it. Wait until that "
            "one has ended, or end it; or take another folder for this run.",
        ) from None
    except OSError:  # a file system without locks
        os.close(descriptor)
        return None
    return Held(path, descriptor)


def let_go(held: Held | None) -> None:
    """End what `hold` began; with the last one the file goes, so that a folder can be removed."""
    if held is None or held.process != os.getpid():
        return
    with _turn:
        held.count -= 1
        if held.count:
            return
        if _held.get(held.path) is held:
            del _held[held.path]
        if _is_there(held):
            os.unlink(held.path)
        os.close(held.descriptor)


def _is_there(held: Held) -> bool:
    """Whether the open file is still the one of this name."""
    try:
        return os.path.samestat(os.stat(held.path), os.fstat(held.descriptor))
    except OSError:
        return False
