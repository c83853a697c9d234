"""A dataset whose batches go wrong at one number; worker processes find it here."""

import os
import signal
import threading
import time
from typing import Any

import numpy as np

from cornu.utils.pydataset import PyDataset

WRONGS = ("raises", "kill", "exit", "hang", "unpicklable", "other type")


class Odd(Exception):
    """An error that cannot be pickled."""


class Failing(PyDataset):
    """Eight batches; number `at` does what `wrong` says."""

    def __init__(self, wrong: str, at: int, workers: int, processes: bool):
        super().__init__(workers=workers, use_multiprocessing=processes)
        self.wrong, self.at = wrong, at

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> Any:
        x = np.full((8, 6), index / 8, "float32")
        if index != self.at:
            return x, x[:, :1]
        if self.wrong == "raises":
            raise KeyError("mine")
        if self.wrong == "unpicklable":
            raise Odd(threading.Lock())
        if self.wrong == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.wrong == "exit":
            os._exit(3)
        if self.wrong == "hang":
            until = time.monotonic() + 60
            while time.monotonic() < until:
                time.sleep(0.2)
        return {"no": "batch"}
