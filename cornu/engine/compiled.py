"""Compiled programs on disk: what a full disk or a kill has left of one is removed, and what is
too much.

JAX writes them in place and never replaces one. A half of one would be compiled anew, with a
warning, by every process to come.
"""

import atexit
import contextlib
import os
import time
import zlib
from pathlib import Path

STAMP = ".looked-at"
ENDING = "-cache"
ZLIB = b"\x78"
DAY = 86_400 * 10**9  # nanoseconds
MOST = 64
"""Programs that are read through, the latest ones; of others the size is looked at."""

ROOM = 2 * 2**30
"""Bytes of all of them. Where there are more, those that were not read for longest go."""


def swept(folder: Path) -> None:
    """Have `sweep` look through the folder when this process ends."""
    atexit.register(sweep, folder)


def sweep(folder: Path) -> None:
    """Remove what is damaged of the programs written since the last time, and what is too much of
    all. Never raises OSError.

    Where nothing was written since then, that is seen from the folder and costs 20 microseconds.
    """
    stamp = folder / STAMP
    with contextlib.suppress(OSError):
        last = _time(stamp)
        if _time(folder) <= last:
            return
        since = last or time.time_ns() - DAY
        with os.scandir(folder) as entries:
            found = [(e.stat(), e.path) for e in entries if e.name.endswith(ENDING)]
        written = sorted((s.st_mtime_ns, s.st_size, p) for s, p in found if s.st_mtime_ns >= since)
        for place, (_, size, path) in enumerate(reversed(written)):
            if not size or (place < MOST and _is_damaged(path)):
                os.unlink(path)
        for path in _too_many(found):
            Path(path).unlink(missing_ok=True)
        stamp.touch(mode=0o600)
        os.utime(stamp)


def _too_many(found: list[tuple[os.stat_result, str]]) -> list[str]:
    """The programs unread for longest, until a quarter of the room is free again."""
    excess = sum(stat.st_size for stat, _ in found) - ROOM
    gone: list[str] = []
    if excess > 0:
        excess += ROOM // 4
        for stat, path in sorted(found, key=lambda one: max(one[0].st_atime, one[0].st_mtime)):
            if excess <= 0:
                break
            gone.append(path)
            excess -= stat.st_size
    return gone


def _time(path: Path) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except FileNotFoundError:
        return 0


def _is_damaged(path: str) -> bool:
    """Whether a program is cut off. One that is compressed otherwise is looked at for its size."""
    with open(path, "rb") as file:
        content = file.read()
    if not content.startswith(ZLIB):
        return not content
    stream = zlib.decompressobj()
    try:
        while content and not stream.eof:
            stream.decompress(content, 2**20)
            content = stream.unconsumed_tail
    except zlib.error:
        return True
    return not stream.eof
