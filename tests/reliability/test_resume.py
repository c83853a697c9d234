"""R1 and R2: a run that ends anywhere goes on, and ends with the same bits.

`tests/training/test_resume.py` has what else there is to it; here are the numbers of the recipes.
"""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from reliability import resumed
from reliability.forking import Children
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


def kept_steps(folder: Path) -> int:
    """Steps that are over, of the run that is kept; 0 where nothing is kept yet."""
    from cornu.training.keeping import Folder

    found = Folder(folder).latest()
    return 0 if found is None else found["epoch"] * (STEPS // resumed.EPOCHS) + found["done"]


def killed(folder: Path, kills: int, most: float) -> None:
    """Kill runs that are kept after each step, and start them again, until so many were killed."""
    draw = random.Random(8)
    done = turn = went_on = 0
    expected = resumed.ended("plain", folder / "whole")[0]
    with Children("reliability.resumed") as children:
        while done < kills:
            turn += 1
            path = folder / str(turn)
            before, code = 0, -1
            while code:
                children.begin("plain", path)
                if done < kills:
                    time.sleep(draw.uniform(0.0, most))
                    children.send(signal.SIGKILL)
                code, answer = children.end()
                assert code in (0, -signal.SIGKILL), children.said()
                done += code != 0
                after = kept_steps(path)  # raises for what cannot be loaded
                assert after >= before
                went_on += after > before > 0
                before = after
            assert answer.split()[0] == expected, turn
    assert went_on or kills < 10  # not all were killed before their first step


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
@pytest.mark.parametrize(
    "kills", [2, pytest.param(300, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])]
)
def test_kills_at_random_moments(kills, tmp_path):
    killed(tmp_path, kills, 3.0)
