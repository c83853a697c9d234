"""R1 and R2: a run that ends anywhere goes on, and ends with the same bits.

`tests/training/test_resume.py` has what else there is to it; here are the numbers of the recipes.
"""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from reliability import resumed
from reliability.resumed import KINDS, STEPS, Counts
from reliability.runs import environment

SCRIPT = str(Path(resumed.__file__))
IN_SHORT = {"mixed": [11, 40], "recurrent": [21]}


def goes_on(kind: str, folder: Path, stops: list[int], fresh: bool) -> None:
    """From each of these steps; `fresh` for a process of its own."""
    copies = folder / "copies"
    copies.mkdir()
    counts = Counts(folder / "whole", copies)
    expected, steps = resumed.ended(kind, folder / "whole", counts)
    assert steps == STEPS
    folders = [copies / str(stop) for stop in stops]
    if fresh:
        command = [sys.executable, SCRIPT, kind, *map(str, folders)]
        done = subprocess.run(command, capture_output=True, text=True, env=environment())
        assert done.returncode == 0, done.stderr
        pairs = [(line.split()[0], int(line.split()[1])) for line in done.stdout.splitlines()]
    else:
        pairs = [resumed.ended(kind, one) for one in folders]
    wrong = [
        (stop, taken)
        for stop, (found, taken) in zip(stops, pairs, strict=True)
        if found != expected or stop + taken != STEPS
    ]
    assert not wrong


@pytest.mark.parametrize("kind", IN_SHORT)
def test_some_steps(kind, tmp_path):
    goes_on(kind, tmp_path, IN_SHORT[kind], False)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", KINDS)
def test_any_of_48_steps(kind, tmp_path):
    goes_on(kind, tmp_path, list(range(1, STEPS)), True)


# ---------------------------------------------------------------- R2


KILLED = """
import hashlib, os, sys
from pathlib import Path
import jax, h5py, numpy  # loaded once; nothing of it runs before the fork
import cornu.training.loop, cornu.engine.jax
from reliability import resumed
folder = Path(sys.argv[1])
while line := sys.stdin.readline():
    child = os.fork()
    if not child:
        print(os.getpid(), flush=True)
        print(*resumed.ended("plain", folder), flush=True)
        os._exit(0)
    os.waitpid(child, 0)
    print("gone", flush=True)
"""


class Children:
    """Starts the script in new processes, quickly: what it imports is there already."""

    def __init__(self, folder: Path):
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", KILLED, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(),
        )

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def run(self, seconds: float | None) -> str:
        """The answer of the script; "" where it was killed after so many seconds."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        pid = int(self.line())
        if seconds is not None:
            time.sleep(seconds)
            with contextlib.suppress(ProcessLookupError):  # it was faster
                os.kill(pid, signal.SIGKILL)
        found = self.line()
        if found != "gone":
            assert self.line() == "gone"
            return found
        return ""

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


def kept_steps(folder: Path) -> int:
    """Steps that are over, of the run that is kept; 0 where nothing is kept yet."""
    from cornu.training.keeping import Folder

    found = Folder(folder).latest()
    return 0 if found is None else found["epoch"] * (STEPS // resumed.EPOCHS) + found["done"]


def killed(folder: Path, kills: int, most: float) -> None:
    """Kill runs that are kept after each step, and start them again, until so many were killed."""
    draw = random.Random(8)
    done = turn = 0
    expected = ""
    while done < kills:
        turn += 1
        path = folder / str(turn)
        children = Children(path)
        try:
            before, answer = 0, ""
            while not answer:
                answer = children.run(draw.uniform(0.0, most) if done < kills else None)
                done += not answer
                after = kept_steps(path)  # raises for what cannot be loaded
                assert after >= before
                before = after
        finally:
            children.close()
        expected = expected or resumed.ended("plain", folder / "whole")[0]
        assert answer.split()[0] == expected, turn
    assert turn > 1 or kills < 10


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
@pytest.mark.parametrize(
    "kills", [2, pytest.param(300, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])]
)
def test_kills_at_random_moments(kills, tmp_path):
    killed(tmp_path, kills, 3.0)
