"""A data worker: the process that makes batches of a dataset for another one.

It is started by `workers`, over two pipes: one tells it what to do, the other takes what it made.
A message is a pickle with the arrays in it apart, so that they are copied once. It ends when the
first pipe is closed, which is so too when the process that started it was killed.
"""

import importlib
import os
import pickle
import queue
import random
import signal
import struct
import sys
import threading
import traceback
from collections.abc import Sequence
from typing import Any, BinaryIO

import numpy as np

__all__ = ["SPAWN", "main", "receive", "send"]

PATIENCE = 1.0
"""Seconds for a batch that is being made while nobody waits for it any more."""


SPAWN = "multiprocessing.spawn"
"""What knows how to read a script again. It is loaded late: it loads what runs files."""

serving = False
"""Whether this process is a worker."""


def send(pipe: BinaryIO, value: Any) -> None:
    """Write a message."""
    arrays: list[pickle.PickleBuffer] = []
    head = pickle.dumps(value, protocol=5, buffer_callback=arrays.append)
    raw = [array.raw() for array in arrays]
    pipe.write(struct.pack(f"<{len(raw) + 2}Q", len(raw), len(head), *(r.nbytes for r in raw)))
    pipe.write(head)
    for piece in raw:
        pipe.write(piece)
    pipe.flush()


def receive(pipe: BinaryIO) -> Any:
    """Read a message. Raises EOFError where the other side has gone."""
    (count,) = struct.unpack("<Q", _exactly(pipe, 8))
    sizes = struct.unpack(f"<{count + 1}Q", _exactly(pipe, 8 * (count + 1)))
    head, *arrays = [_exactly(pipe, size) for size in sizes]
    return pickle.loads(head, buffers=arrays)


def _exactly(pipe: BinaryIO, size: int) -> bytearray:
    found = bytearray(size)
    view = memoryview(found)
    while view.nbytes:
        count = pipe.readinto(view)  # type: ignore[attr-defined]
        if not count:
            raise EOFError
        view = view[count:]
    return found


def main(arguments: Sequence[str]) -> None:
    """Serve until the pipe to hear from is closed. `arguments`: numbers of the two pipes."""
    global serving
    serving = True
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the one that waits for us says when to end
    hear, tell = os.fdopen(int(arguments[0]), "rb"), os.fdopen(int(arguments[1]), "wb")
    try:
        _prepare(receive(hear))
    except EOFError:
        return
    except Exception as error:
        _tell_error(tell, error)
        return
    orders: queue.SimpleQueue = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(hear, orders), daemon=True).start()
    data: Any = None
    while True:
        order = orders.get()
        if order is None:
            return
        what, told = order
        try:
            if what == "data":
                data = pickle.loads(told)
                continue
            send(tell, ("made", _made(data, *told)))
        except BrokenPipeError:
            return
        except Exception as error:
            _tell_error(tell, error)


def _prepare(told: dict[str, Any]) -> None:
    """Become like the process that sent this, as far as a dataset's classes need it."""
    sys.path[:] = told["spawn"]["sys_path"]
    for name in told["imports"]:
        importlib.import_module(name).install()
    importlib.import_module(SPAWN).prepare(told["spawn"])


def _made(data: Any, number: int, index: int, seed: int) -> Any:
    """Batch `index`. What it draws by chance depends on no other batch, nor on the worker."""
    draws = np.random.SeedSequence([seed, number, index]).generate_state(5)
    random.seed(int(draws[0]))
    np.random.seed(draws[1:])
    return data[index]


def _listen(hear: BinaryIO, orders: queue.SimpleQueue) -> None:
    """Take orders; when the pipe is closed, end this process, in the midst of a batch too."""
    try:
        while True:
            orders.put(receive(hear))
    except (EOFError, OSError):
        orders.put(None)
    threading.Event().wait(PATIENCE)
    os._exit(0)


def _tell_error(tell: BinaryIO, error: Exception) -> None:
    """Send an error with its traceback as text; as text alone where it cannot be pickled."""
    text = "".join(traceback.format_exception(error))
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        error = RuntimeError(f"{type(error).__name__}: {error}")
    send(tell, ("failed", (error, text)))
