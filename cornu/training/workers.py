"""Workers: threads or processes that make the batches of a dataset, in order, some ahead.

Every worker makes one batch at a time; whatever their number, batches come out by their order. A
process gets the dataset once, pickled, and is started anew (never forked: a fork of a program with
threads, as every one with an engine has, may hang). What a dataset draws with `random` and
`numpy.random` in a process is seeded for each batch, so it is the same for any number of workers.
"""

import hashlib
import importlib
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from contextvars import copy_context
from pathlib import Path
from typing import Any

import numpy as np

from cornu.errors import UsageError, UsageTypeError, shown, warn
from cornu.training import worker
from cornu.training.holding import fcntl
from cornu.training.worker import SPAWN, receive, send

QUEUED = 10
"""Batches made ahead, unless the dataset says otherwise."""

ENDING = 2.0
"""Seconds for workers to end by themselves."""

PIPE = 2**20
"""Bytes that a pipe holds, where the system lets that be said: a batch passes in fewer turns."""

OUT_OF_MEMORY = "most likely out of memory. Try fewer workers, or a smaller max_queue_size."
ALIAS = "cornu.as_keras"
START = "import sys; from cornu.training.worker import main; main(sys.argv[1:])"


class Pool:
    """Makes batches of `data` by `workers` threads, or processes, at most `room` ahead."""

    def __init__(self, data: Any, workers: int, room: int, pickled: bytes | None):
        self.data, self.workers, self.room = data, workers, max(room, workers)
        self.pickled = pickled  # None: threads
        self.digest = hashlib.sha256(pickled or b"").digest()
        self.sent = 0  # processes that have it
        self.turn = threading.Condition()
        self.places: Iterator[tuple[int, int]] = iter(())
        self.given = self.taken = self.round = self.seed = 0
        self.made: dict[int, tuple[Any, BaseException | None]] = {}
        self.over = True
        self.stopped = self.stale = False
        self.threads: list[threading.Thread] = []
        self.processes: list[Process] = []

    @classmethod
    def serving(cls, data: Any) -> "Pool | None":
        """What `data.workers`, `use_multiprocessing` and `max_queue_size` ask for; None for none.

        Raises UsageTypeError where processes are asked for, and the data cannot be pickled.
        """
        workers = getattr(data, "workers", 1)
        room = getattr(data, "max_queue_size", QUEUED)
        for name, value in (("workers", workers), ("max_queue_size", room)):
            if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < 0:
                raise UsageTypeError("E-TYPE", f"{name} must be an int >= 0; got {shown(value)}.")
        processes = bool(getattr(data, "use_multiprocessing", False))
        if workers < 1 or (workers == 1 and not processes):
            return None
        if worker.serving:
            raise UsageError(
                "E-WORKER",
                "this process makes batches for another one and read the script to find the "
                'dataset. Put what trains under `if __name__ == "__main__":`.',
            )
        pickled = _pickled(data) if processes else None
        if pickled is not None:
            reason = _cannot_start(pickled)
            if reason is not None:
                warn(f"{reason} Batches are made by {workers} threads instead.")
                pickled = None
        return cls(data, int(workers), int(room) or QUEUED, pickled)

    def begin(self, places: Iterator[tuple[int, int]], seed: int) -> None:
        """Make the batches at `places`, pairs (round, index), from now on."""
        with self.turn:
            self.places, self.seed, self.over = places, seed, False
            self.given = self.taken = 0
            self.round += 1
            self.made.clear()
        if not self.threads:
            self._start()

    def renew(self) -> None:
        """The dataset may have changed: processes are sent it anew."""
        if self.pickled is not None:
            now = _pickled(self.data)
            digest = hashlib.sha256(now).digest()
            if digest != self.digest:
                self.digest, self.pickled, self.sent = digest, now, 0
                for process in self.processes:
                    process.stale = True

    def to_send(self) -> bytes:
        """The dataset for one more process; the last one takes it along."""
        with self.turn:
            assert self.pickled is not None
            found, self.sent = self.pickled, self.sent + 1
            if self.sent >= self.workers:
                self.pickled = b""
            return found

    def next(self) -> Any:
        """The next batch; raises what the user's code raised, and StopIteration at the end."""
        with self.turn:
            self.turn.notify_all()
            while self.taken not in self.made:
                if self.stopped or (self.over and self.taken >= self.given):
                    raise StopIteration
                self.turn.wait()
            item, error = self.made.pop(self.taken)
            self.taken += 1
            self.turn.notify_all()
        if error is not None:
            raise error
        return item

    # ---------------------------------------------------------------- workers

    def _start(self) -> None:
        context = copy_context()
        if self.pickled is not None:
            self.processes = [Process(self, number) for number in range(self.workers)]
        for number in range(self.workers):
            make = self._direct if self.pickled is None else self.processes[number].make
            thread = threading.Thread(
                target=context.copy().run,
                args=(self._work, make),
                name=f"data worker {number}",
                daemon=True,
            )
            self.threads.append(thread)
            thread.start()

    def _direct(self, number: int, index: int) -> Any:
        return self.data[index]

    def _work(self, make: Any) -> None:
        """What the thread of each worker does; that of a process waits for it."""
        while True:
            with self.turn:
                self.turn.wait_for(self._may_begin)
                if self.stopped:
                    return
                found = next(self.places, None)
                if found is None:
                    self.over = True
                    self.turn.notify_all()
                    continue
                place, now = self.given, self.round
                self.given += 1
            made: tuple[Any, BaseException | None]
            try:
                made = make(*found), None
            except StopIteration as error:
                wrong = RuntimeError(f"__getitem__({found[1]}) raised StopIteration")
                wrong.__cause__ = error
                made = None, wrong
            except BaseException as error:
                error.add_note(f"in __getitem__({found[1]})")
                made = None, error
            with self.turn:
                if now == self.round:
                    self.made[place] = made
                    self.turn.notify_all()

    def _may_begin(self) -> bool:
        return self.stopped or (not self.over and self.given - self.taken < self.room)

    def close(self) -> None:
        """End all workers: processes at once, threads when their batch is made."""
        with self.turn:
            self.stopped = True
            self.turn.notify_all()
        for process in self.processes:
            process.close()
        for process in self.processes:
            process.end()
        until = time.monotonic() + ENDING
        for thread in self.threads:
            thread.join(max(0.0, until - time.monotonic()))
        self.threads, self.processes = [], []


class Process:
    """One worker process, as its thread sees it."""

    def __init__(self, pool: Pool, number: int):
        self.pool, self.number = pool, number
        self.stale, self.prepared, self.closed = True, False, False
        hear, self.to = _pipe(write=True)
        self.back, tell = _pipe(write=False)
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-c", START, str(hear), str(tell)],
                pass_fds=(hear, tell),
                env=_environment(),
            )
        finally:
            os.close(hear)
            os.close(tell)

    def make(self, number: int, index: int) -> Any:
        """Batch `index`, made by the process. Raises what it raised, or that it has died."""
        try:
            if self.stale:
                self._send_data()
            send(self.to, ("make", (number, index, self.pool.seed)))
            what, found = receive(self.back)
        except (EOFError, OSError, ValueError) as error:
            if self.closed:
                raise UsageError("E-WORKER", "the data workers were ended.") from error
            raise self._death(index) from None
        if what == "made":
            return found
        error, text = found
        error.__cause__ = WorkerTraceback(text)
        error.add_note(f"in data worker {self.number} (pid {self.process.pid})")
        raise error

    def _send_data(self) -> None:
        """Say what to import and which dataset to serve: at first, and where it has changed."""
        pickled = self.pool.to_send()
        if not self.prepared:
            self.prepared = True
            send(self.to, _preparation(pickled))
        self.stale = False
        send(self.to, ("data", pickled))

    def _death(self, index: int) -> UsageError:
        """The error that says how the process ended."""
        try:
            code = self.process.wait(ENDING)
        except subprocess.TimeoutExpired:
            code = None
        who = f"data worker {self.number} (pid {self.process.pid})"
        if code is not None and code < 0:
            text = f"{who} was killed by {_signal(-code)} while making batch {index}"
            text += f"; {OUT_OF_MEMORY}" if -code == signal.SIGKILL else "."
        else:
            text = (
                f"{who} ended with exit code {code} while making batch {index}. What it printed is "
                "above; use_multiprocessing=False shows errors where they happen."
            )
        return UsageError("E-WORKER", text)

    def close(self) -> None:
        """Have the process end."""
        self.closed = True
        with suppress(OSError):
            self.to.close()

    def end(self) -> None:
        """Wait for the end, or kill it: then it was busy with a batch that nobody wants."""
        try:
            self.process.wait(0.2)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        with suppress(OSError, ValueError):
            self.back.close()


class WorkerTraceback(Exception):
    """The traceback of an error in a worker process, as text."""

    def __str__(self) -> str:
        return f'\n"""\n{self.args[0]}"""'


def _signal(number: int) -> str:
    known = {one.value: one.name for one in signal.Signals}
    return known.get(number, f"signal {number}")


def _pipe(write: bool) -> tuple[Any, Any]:
    """A pipe of which our end is a file: (their end, ours) to write, (ours, their end) to read."""
    reads, writes = os.pipe()
    if fcntl is not None and hasattr(fcntl, "F_SETPIPE_SZ"):
        with suppress(OSError):  # a user may have only so many large ones
            fcntl.fcntl(writes, fcntl.F_SETPIPE_SZ, PIPE)
    return (reads, os.fdopen(writes, "wb")) if write else (os.fdopen(reads, "rb"), writes)


def _environment() -> dict[str, str]:
    """Where a new process finds this very Cornu; an engine in it would only take memory away."""
    here = str(Path(__file__).parents[2])
    path = os.pathsep.join(filter(None, (here, os.environ.get("PYTHONPATH"))))
    return {**os.environ, "JAX_PLATFORMS": "cpu", "PYTHONPATH": path}


# ---------------------------------------------------------------- what a new process needs


def _preparation(pickled: bytes) -> dict[str, Any]:
    """What makes a new process like this one, as far as unpickling the dataset needs it."""
    spawn = importlib.import_module(SPAWN)
    found = spawn.get_preparation_data("data worker")
    found.pop("authkey", None)  # nobody else is talked to
    if b"__main__" not in pickled:
        found.pop("init_main_from_path", None)
        found.pop("init_main_from_name", None)
    imports = [ALIAS] if ALIAS in sys.modules else []
    return {"spawn": found, "imports": imports}


def _cannot_start(pickled: bytes) -> str | None:
    """Why new processes could not have the dataset: said before any is started."""
    if os.name == "nt":
        return "use_multiprocessing=True works on POSIX systems only."
    if b"__main__" not in pickled:
        return None
    path = getattr(sys.modules["__main__"], "__file__", None)
    if path is None or not os.path.exists(path):
        return "A new process does not find the dataset's class in a notebook or at a prompt."
    if "__main__" not in Path(path).read_text("utf-8", "replace"):
        return (
            "use_multiprocessing=True starts processes that read this script again, which would "
            'run all of it: put what trains under `if __name__ == "__main__":`, or the dataset\'s '
            "class into a file of its own."
        )
    return None


def _pickled(data: Any) -> bytes:
    """The dataset for a process. Raises UsageTypeError that names what cannot be pickled."""
    try:
        return pickle.dumps(data, protocol=5)
    except Exception as error:
        raise UsageTypeError(
            "E-PICKLE",
            f"x cannot be sent to worker processes: {_culprit(data, error)}. Open files, locks and "
            "connections in __getitem__, or take threads: use_multiprocessing=False.",
        ) from error


def _culprit(data: Any, error: Exception) -> str:
    """The attribute that cannot be pickled, or what pickle says."""
    if "<locals>" in type(data).__qualname__:
        return f"its class {type(data).__name__} stands inside of a function"
    for name, value in getattr(data, "__dict__", {}).items():
        try:
            pickle.dumps(value, protocol=5)
        except Exception:
            return f'its attribute "{name}" ({shown(value)}) cannot be pickled'
    return shown(str(error))
