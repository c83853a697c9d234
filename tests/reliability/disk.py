"""Disks that fail: what a save asks of the system is counted, refused at one point, written down.

`Faulty` lets one call fail, of all that open, write, flush, sync, rename or remove files below a
folder. `Recorded` writes them down and says what may be on the disk when the power goes: of a file
what was synced, all of it, or some of it; of a folder the names of now or of its last sync.
"""

import builtins
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

CALLS = ("open", "fsync", "replace", "rename", "chmod", "unlink", "mkdir", "truncate", "link")
METHODS = ("write", "flush", "truncate", "close", "seek", "read", "readinto")
FLUSHING = ("seek", "read", "readinto")
"""These write what waits in a buffer, and touch the disk only where something does."""


class _File:
    """An open file, each call of which is told to `disk`."""

    def __init__(self, file: Any, path: str, disk: "Disk"):
        self.file, self.path, self.disk = file, path, disk
        self.waits = False

    def __getattr__(self, name: str) -> Any:
        inside = getattr(self.file, name)
        if name not in METHODS or (name in FLUSHING and not self.waits):
            return inside
        self.waits = name == "write"
        return lambda *args: self.disk.told(name, self.path, inside, *args, file=self.file)

    def __enter__(self) -> "_File":
        return self

    def __exit__(self, *said: Any) -> None:
        self.file.close()

    def __iter__(self) -> Iterator:
        return iter(self.file)


class Disk:
    """Sees every call below `folder` while it is open."""

    def __init__(self, folder: Path, monkeypatch: Any):
        self.folder, self.monkeypatch = os.path.realpath(folder), monkeypatch
        self.names: dict[int, str] = {}  # open descriptor -> path
        self.inside = False

    def __enter__(self) -> Self:
        context = self.patches = self.monkeypatch.context()
        patch = context.__enter__()
        self._open = builtins.open
        patch.setattr(builtins, "open", self.opened)
        for name in CALLS:
            patch.setattr(os, name, self._watched(name, getattr(os, name)))
        return self

    def __exit__(self, *said: Any) -> None:
        self.patches.__exit__(None, None, None)

    def is_here(self, path: Any) -> bool:
        """Whether a path lies below the folder."""
        if isinstance(path, int) or not isinstance(path, (str, os.PathLike)):
            return False
        return os.path.realpath(os.fspath(path)).startswith(self.folder)

    def opened(self, path: Any, mode: str = "r", *args: Any, **said: Any) -> Any:
        """As `open`."""
        if self.inside or not self.is_here(path) or not set(mode) & set("wax+"):
            return self._open(path, mode, *args, **said)
        path = os.path.realpath(os.fspath(path))
        file = self.told("create", path, lambda: self._open(path, mode, *args, **said))
        self.names[file.fileno()] = path
        return _File(file, path, self)

    def _watched(self, name: str, call: Callable) -> Callable:
        def watched(*args: Any, **said: Any) -> Any:
            path = self.names.get(args[0], "") if isinstance(args[0], int) else args[0]
            if self.inside or not self.is_here(path):
                return call(*args, **said)
            found = self.told(name, os.path.realpath(path), lambda: call(*args, **said), *args)
            if name == "open":
                self.names[found] = os.path.realpath(path)
            return found

        return watched

    def told(self, what: str, path: str, call: Callable, *args: Any, file: Any = None) -> Any:
        """A call that touches the disk."""
        self.inside = True
        try:
            return self.act(what, path, call, *args, file=file)
        finally:
            self.inside = False

    def act(self, what: str, path: str, call: Callable, *args: Any, file: Any) -> Any:
        """What is made of a call."""
        raise NotImplementedError


class Faulty(Disk):
    """Lets call number `at` fail with `error`; a write that fails has written half of its bytes.

    `at` of -1 lets none fail and counts them: `count`.
    """

    def __init__(self, folder: Path, monkeypatch: Any, at: int, error: BaseException):
        super().__init__(folder, monkeypatch)
        self.at, self.error, self.count, self.failed = at, error, 0, ""

    def act(self, what: str, path: str, call: Callable, *args: Any, file: Any) -> Any:
        number, self.count = self.count, self.count + 1
        if number == self.at:
            self.failed = what
            if what == "write":
                call(memoryview(args[0])[: len(memoryview(args[0]).cast("B")) // 2])
            raise self.error
        return call(*args) if file is not None else call()


class Recorded(Disk):
    """Writes down what a save does, as what it leaves on a disk."""

    def __init__(self, folder: Path, monkeypatch: Any):
        super().__init__(folder, monkeypatch)
        self.log: list[tuple[str, str, Any]] = []

    def act(self, what: str, path: str, call: Callable, *args: Any, file: Any) -> Any:
        found = call(*args) if file is not None else call()
        if file is not None and what != "close":
            file.flush()
            self.log.append(("content", path, Path(path).read_bytes()))
        elif what == "fsync":
            kind = "folder sync" if os.path.isdir(path) else "sync"
            self.log.append((kind, path, None))
        elif what in ("replace", "rename"):
            self.log.append(("rename", path, os.path.realpath(args[1])))
        elif what in ("create", "unlink"):
            self.log.append((what, path, None))
        return found


def crashes(log: list, before: dict[str, bytes]) -> Iterator[dict[str, bytes]]:
    """What may be on the disk, path -> content, when the power goes after any part of `log`."""
    for end in range(len(log) + 1):
        yield from _states(log[:end], before)


def _states(log: list, before: dict[str, bytes]) -> Iterator[dict[str, bytes]]:
    numbers = {path: i for i, path in enumerate(before)}  # path -> number of its file
    safe = dict(enumerate(before.values()))  # what is on the disk for certain
    last = dict(safe)  # what was written last
    names, safe_names = dict(numbers), dict(numbers)
    for what, path, more in log:
        if what == "create":
            numbers_used = len(safe)
            names[path] = numbers_used
            safe[numbers_used] = last[numbers_used] = b""
        elif what == "content":
            last[names[path]] = more
        elif what == "sync":
            safe[names[path]] = last[names[path]]
        elif what == "rename":
            names[more] = names.pop(path)
        elif what == "unlink":
            names.pop(path, None)
        elif what == "folder sync":
            safe_names = dict(names)
    for known in (names, safe_names):
        for share in (0.0, 0.5, 1.0):
            yield {p: _written(safe[n], last[n], share) for p, n in known.items()}


def _written(safe: bytes, last: bytes, share: float) -> bytes:
    """A file of which a share of what was written since its last sync is on the disk."""
    if safe == last or share == 0:
        return safe
    return last if share == 1 else last[: int(len(last) * share)]
