"""What this process holds in memory, and held at most."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

STATUS = Path("/proc/self/status")


def resident() -> float:
    """What is held now, in MB; Linux only."""
    return _status("VmRSS")


def peak() -> float:
    """The most that was held so far, in MB."""
    if STATUS.exists():  # what getrusage says may be the parent's: it outlives exec
        return _status("VmHWM")
    unit = 2**20 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def _status(name: str) -> float:
    line = next(ln for ln in STATUS.read_text().splitlines() if ln.startswith(name))
    return int(line.split()[1]) / 1024
