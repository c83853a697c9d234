"""What a file may not do while it is read, seen from inside the process that reads it.

Python's own doings are seen by an audit hook: all of them are complaints but those on a short list.
What libraries in C open is seen by inotify on files that nobody has a reason to open, what is
called over the network by a socket that listens. Files, settings, tables and seeds are compared
before and after.
"""

import ctypes
import os
import random
import socket
import sys
import time
import warnings
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

import cornu
from cornu import config, policy, settings, state
from cornu.initializers import Orthogonal
from cornu.layers import Layer

HARMLESS = {
    "array.__new__",
    "builtins.id",
    "code.__new__",
    "cpython.run_interactivehook",
    "function.__new__",
    "gc.get_objects",
    "gc.get_referents",
    "gc.get_referrers",
    "mmap.__new__",
    "object.__delattr__",
    "object.__getattr__",
    "object.__setattr__",
    "os.fwalk",
    "sys._current_frames",
    "sys._getframe",
    "sys.excepthook",
    "sys.set_asyncgen_hooks_finalizer",
    "sys.unraisablehook",
    "time.sleep",
}
"""What Python tells an audit hook of, and what changes nothing and reads nothing from outside."""

IN_A_FOLDER = {"open", "os.listdir", "os.mkdir", "os.remove", "os.rmdir", "os.scandir"}
IN_A_FOLDER |= {"shutil.rmtree", "tempfile.mkdtemp", "os.chmod"}
"""What may be done in the private folder for temporary files."""

SCRIPTS = {"__main__", "as_keras", "_host", "_kernels"}
"""Modules that do something when they are imported, and libraries that are no modules."""

ACCESSED = 0x1 | 0x2 | 0x4 | 0x20 | 0x100 | 0x200 | 0x400
"""inotify: read, written, its attributes changed, opened, made, deleted."""


class Watch:
    """Complaints about what happens between `begin` and `end`.

    Args:
        folder: where `canaries`, which nobody may touch, and `tmp`, for temporary files, are made.
    """

    def __init__(self, folder: Path):
        self.folder, self.canaries, self.tmp = folder, folder / "canaries", folder / "tmp"
        self.canaries.mkdir()
        self.tmp.mkdir()
        self.recording = False
        self.events: list[str] = []
        self.allowed: tuple[str, ...] = ()
        self.clearing = False
        self.bell = _bell(self.canaries)
        self.door = socket.create_server(("127.0.0.1", 0))
        self.door.setblocking(False)
        sys.addaudithook(self._hear)

    @property
    def port(self) -> int:
        """Where the socket listens."""
        return self.door.getsockname()[1]

    def canary(self, name: str, content: bytes) -> Path:
        """A file that nobody may open."""
        path = self.canaries / name
        path.write_bytes(content)
        self._heard_of_canaries()
        return path

    def begin(self, allowed: Iterable[Path] = ()) -> None:
        """From here on; the `allowed` files, and what lies in allowed folders, may be read."""
        self.allowed = tuple(os.path.abspath(path) for path in allowed)
        self.events, self.clearing = [], False
        self.before = self._everything()
        self._heard_of_canaries()  # our own looking
        Path("/proc/self/clear_refs").write_text("5")  # the peak of memory begins anew
        self.memory = _status("VmRSS")
        self.wall, self.cpu = time.perf_counter(), time.process_time()
        self.recording = True

    def end(self) -> list[str]:
        """Up to here: what happened that may not, and then `seconds`, `megabytes` are known."""
        self.recording = False
        self.wall, self.cpu = time.perf_counter() - self.wall, time.process_time() - self.cpu
        self.megabytes = max(_status("VmHWM") - self.memory, 0) / 1024
        touched = self._heard_of_canaries()
        after = self._everything()
        found = [f"did {event}" for event in dict.fromkeys(self.events)][:10]
        for name, value in self.before.items():
            if after[name] != value:
                found.append(f"changed {name}: {_difference(value, after[name])}")
        found += [f"touched the canary {name}" for name in touched]
        try:
            self.door.accept()[0].close()
            found.append("called 127.0.0.1")
        except BlockingIOError:
            pass
        return found

    def _hear(self, event: str, args: tuple) -> None:
        if not self.recording or event in HARMLESS:
            return
        self.recording = False
        try:
            if not self._is_allowed(event, args):
                said = ", ".join(repr(arg)[:200] for arg in args[:2])
                self.events.append(f"{event}({said}) in {_place()}")
        finally:
            self.recording = True

    def _is_allowed(self, event: str, args: tuple) -> bool:
        if event not in IN_A_FOLDER or not isinstance(args[0], str | bytes | os.PathLike):
            return event in ("open", "os.listdir") and (args[0] is None or isinstance(args[0], int))
        path = os.fsdecode(args[0])
        below = os.path.abspath(path).startswith(f"{self.tmp}{os.sep}")
        self.clearing = self.clearing or event == "shutil.rmtree" and below
        if below or self.clearing and os.sep not in path:  # rmtree goes by folder and name
            return True
        if event == "os.listdir":  # for the nearest name, where a file is missing
            return True
        reads = event == "open" and (not isinstance(args[2], int) or not args[2] & 0o1103)
        whole = os.path.abspath(path)
        known = any(whole == one or whole.startswith(one + os.sep) for one in self.allowed)
        return reads and (known or _is_source(path))

    def _heard_of_canaries(self) -> list[str]:
        try:
            heard = os.read(self.bell, 65536)
        except BlockingIOError:
            return []
        names, place = [], 0
        while place < len(heard):
            length = int.from_bytes(heard[place + 12 : place + 16], sys.byteorder)
            names.append(heard[place + 16 : place + 16 + length].rstrip(b"\0").decode() or "folder")
            place += 16 + length
        return sorted(set(names))

    def _everything(self) -> dict[str, Any]:
        """All that an attack might change."""
        return {
            "files": {
                str(p): (s.st_size, s.st_mtime_ns, s.st_mode) for p, s in _files(self.folder)
            },
            "settings": asdict(settings.current()),
            "registered names": dict(config.custom_names),
            "classes": {name: list(found) for name, found in config.known_classes.items()},
            "tables": {f"{kind} {name}": dict(t.members) for kind, name, t in _families()},
            "rules": (list(config.translate), Layer.settled_by, Orthogonal.settled_by),
            "policy": dict(policy._default),
            "seed": state.seeds.seed,
            "random": random.getstate(),
            "numpy.random": _drawn(),
            "frame": state.frame(),
            "environment": dict(os.environ),
            "folder": os.getcwd(),
            "path": list(sys.path),
            "mask": _umask(),
            "warnings": list(warnings.filters),
            "modules": len(sys.modules),
            "lasting": cornu.__version__,
        }


def _is_source(path: str) -> bool:
    """Whether it is a file that a loaded module came from: errors quote lines of it."""
    return path.endswith(".py") and any(
        getattr(module, "__file__", None) == path for module in list(sys.modules.values())
    )


_known_families: list[tuple[str, str, config.Family]] = []


def _families() -> list[tuple[str, str, config.Family]]:
    if not _known_families:
        for module, loaded in sorted(sys.modules.items()):
            if module.split(".")[0] == "cornu":
                for name, value in sorted(vars(loaded).items()):
                    if isinstance(value, config.Family):
                        _known_families.append((module, name, value))
    return _known_families


def _files(folder: Path) -> list[tuple[Path, os.stat_result]]:
    found = []
    for root, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(root, name)
            found.append((path, path.lstat()))
    return found


def _drawn() -> tuple:
    """Where NumPy's old global generator stands."""
    name, keys, *more = np.random.get_state()
    return (name, np.asarray(keys).tobytes(), *more)


def _umask() -> int:
    line = Path("/proc/self/status").read_text().partition("Umask:")[2]
    return int(line.split()[0], 8)


def _status(name: str) -> int:
    """A figure of this process in KiB."""
    return int(Path("/proc/self/status").read_text().partition(f"{name}:")[2].split()[0])


def _bell(folder: Path) -> int:
    """An inotify descriptor for a folder."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.inotify_init1(os.O_NONBLOCK)
    if descriptor < 0 or libc.inotify_add_watch(descriptor, os.fsencode(folder), ACCESSED) < 0:
        raise OSError(ctypes.get_errno(), "inotify")
    return descriptor


def _place() -> str:
    """Where in the library an event came from."""
    frame, found = sys._getframe(2), "?"
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        if name.split(".")[0] == "cornu":
            return f"{name}:{frame.f_lineno}"
        frame, found = frame.f_back, name
    return found


def _difference(before: Any, after: Any) -> str:
    if isinstance(before, dict):
        keys = [k for k in {**before, **after} if before.get(k) != after.get(k)]
        return ", ".join(str(key) for key in keys[:5])
    return f"{str(before)[:80]} to {str(after)[:80]}"


def import_all(package: Any) -> None:
    """Load every module of a package, so that nothing is left to be loaded by an attack."""
    import importlib
    import pkgutil

    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if found.name.rpartition(".")[2] not in SCRIPTS:
            importlib.import_module(found.name)
