"""R11: every way in which a worker can fail, for every number and kind of workers.

Order, warnings, the exit of a parent: `tests/training/test_workers.py`.
"""

import multiprocessing
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from cornu.errors import UsageError
from reliability.broken_worker import WRONGS, Failing
from reliability.runs import X, Y, network, values

SECONDS = 5.0  # from the moment that something goes wrong
AT = 3

KINDS = [(0, False), (1, False), (4, False), (1, True), (4, True)]
ALIVE = {"kill", "exit"}  # these end a process, so they are for processes alone


def children() -> set[str]:
    """Processes that this one has started and that are there."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if fields[1] == str(os.getpid()) and fields[0] not in "ZX":
            found.add(path.parent.name)
    return found


def fails(wrong: str, workers: int, processes: bool) -> None:
    model = network()
    before = children()
    model.fit(Failing("", -1, 0, False), verbose=0)  # compiled by now
    data = Failing(wrong, AT, workers, processes)
    if wrong == "hang":
        threading.Timer(2.0, os.kill, (os.getpid(), signal.SIGINT)).start()
    begun = time.monotonic()
    with pytest.raises(BaseException) as caught:
        model.fit(data, shuffle=False, verbose=0)
    took = time.monotonic() - begun
    error, start = caught.value, 6.0 if processes else 0.0  # processes are begun in that time
    assert took < SECONDS + start + (2 if wrong == "hang" else 0), took
    _is_told(wrong, error, processes)
    until = time.monotonic() + SECONDS
    while children() - before and time.monotonic() < until:
        time.sleep(0.05)
    assert children() == before
    assert values(model) and model.predict(X, verbose=0).shape == (64, 1)
    model.fit(X, Y, verbose=0)


def _is_told(wrong: str, error: BaseException, processes: bool) -> None:
    text = "\n".join([str(error), *getattr(error, "__notes__", []), str(error.__cause__ or "")])
    if wrong == "hang":
        assert isinstance(error, KeyboardInterrupt)
        return
    assert f"batch {AT}" in text, text
    if wrong == "kill":
        assert isinstance(error, UsageError) and "SIGKILL" in text and "out of memory" in text
        assert "pid " in text
    elif wrong == "exit":
        assert isinstance(error, UsageError) and "exit code 3" in text and "pid " in text
    elif wrong == "raises":
        assert type(error) is KeyError
        assert not processes or 'raise KeyError("mine")' in text
    elif wrong == "unpicklable":
        assert "Odd" in text or type(error).__name__ == "Odd"
    else:
        assert isinstance(error, UsageError)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").exists(), reason="looks at processes in /proc")
@pytest.mark.parametrize(("workers", "processes"), KINDS)
@pytest.mark.parametrize("wrong", WRONGS)
def test_a_worker_fails(wrong: str, workers: int, processes: bool) -> Any:
    if wrong in ALIVE and not processes:
        pytest.skip("it would end this process")
    assert multiprocessing.current_process().name == "MainProcess"
    fails(wrong, workers, processes)
