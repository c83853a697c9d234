"""Datasets that worker processes can unpickle, right and wrong ones. Only NumPy is needed."""

import os
import random
import signal
import threading
import time

import numpy as np


class Worked:
    """Batches by number: batch `i` is `[[i]]`, unless `wrong` says what happens at number `at`."""

    def __init__(self, workers, processes=False, length=8, room=10, wrong=None, at=3):
        self.workers, self.use_multiprocessing, self.max_queue_size = workers, processes, room
        self.length, self.wrong, self.at = length, wrong, at

    def __len__(self):
        return self.length

    def on_epoch_end(self):
        """Nothing changes."""

    def __getitem__(self, index):
        if index == self.at and self.wrong is not None:
            getattr(self, self.wrong)()
        return np.full((1, 1), index, "float32")

    def raise_error(self):
        raise KeyError("mine")

    def kill(self):
        os.kill(os.getpid(), signal.SIGKILL)

    def exit(self):
        os._exit(3)

    def sleep(self):
        time.sleep(3600)

    def unpicklable_error(self):
        raise Odd(threading.Lock())


class Odd(Exception):
    """An error that cannot be pickled."""


class Shuffled(Worked):
    """Its numbers change before and after every epoch."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.add = 0

    def on_epoch_begin(self):
        self.add += 1000

    def on_epoch_end(self):
        self.add += 100

    def __getitem__(self, index):
        return np.full((1, 1), index + self.add, "float32")


class Drawn(Worked):
    """Batches drawn by chance, made in no even time."""

    def __getitem__(self, index):
        time.sleep(0.002 * (index % 3))
        return np.array([[np.random.normal(), random.random()]], "float32")


class Who(Worked):
    """Batches that say which process made them."""

    def __getitem__(self, index):
        return np.array([[os.getpid()]], "int32")


class Uneven(Worked):
    """Early batches take longest."""

    def __getitem__(self, index):
        time.sleep(0.02 * (3 - index % 4))
        return np.full((1, 1), index, "float32")


class Large(Worked):
    """Dictionaries, tuples and large arrays in a batch."""

    def __getitem__(self, index):
        return {"a": np.full((4, 300_000), index, "float32"), "b": (np.arange(4), None)}
