"""`keras.utils.data_utils`: batches by number, and threads that make batches ahead.

`fit` makes batches ahead by itself. What is here is for loops of one's own, as old scripts had
them: `enqueuer.start(workers, max_queue_size)`, `enqueuer.get()`, `enqueuer.stop()`.
"""

import hashlib
import queue
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from cornu.errors import UsageError, shown
from cornu.utils.downloads import get_file

__all__ = [
    "GeneratorEnqueuer",
    "OrderedEnqueuer",
    "Sequence",
    "SequenceEnqueuer",
    "get_file",
    "validate_file",
]


class Sequence:
    """Batches by number; subclasses write `__len__` and `__getitem__(index)`.

    `on_epoch_end()`, if written, is called when a pass is over.
    """

    def __getitem__(self, index: int) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must define __getitem__(self, index).")

    def __len__(self) -> int:
        raise NotImplementedError(f"{type(self).__name__} must define __len__(self).")

    def on_epoch_end(self) -> None:
        """A pass is over."""

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))


# ---------------------------------------------------------------- batches made ahead


class SequenceEnqueuer:
    """What is common to both: batches are made by threads between `start` and `stop`.

    Args:
        sequence: where batches come from.
        use_multiprocessing: taken, and of no effect: threads make them.
    """

    def __init__(self, sequence: Any, use_multiprocessing: bool = False):
        self.sequence, self.use_multiprocessing = sequence, use_multiprocessing
        self.workers, self.max_queue_size = 0, 10
        self._running = threading.Event()

    def is_running(self) -> bool:
        """Whether it was started, and neither stopped nor is at its end."""
        return self._running.is_set()

    def start(self, workers: int = 1, max_queue_size: int = 10) -> None:
        """Begin to make batches: `max_queue_size` of them ahead, by so many threads."""
        self.workers, self.max_queue_size = max(int(workers), 1), max(int(max_queue_size), 1)
        self._running.set()

    def stop(self, timeout: float | None = None) -> None:
        """Make no more batches. What `get` gave ends."""
        self._running.clear()

    def get(self) -> Iterator[Any]:
        """The batches."""
        raise NotImplementedError(f"{type(self).__name__} must define get(self).")

    def _check_started(self) -> None:
        if not self.is_running():
            raise UsageError(
                "E-WORKERS", "the enqueuer does not run: call start(workers, max_queue_size) first."
            )


class OrderedEnqueuer(SequenceEnqueuer):
    """Batches of a `Sequence`, pass after pass, in their order whoever makes them.

    Args:
        sequence: has `__len__` and `__getitem__(index)`; its `on_epoch_end` is called after each
            pass.
        use_multiprocessing: taken, and of no effect.
        shuffle: whether each pass has an order of its own, by NumPy's global generator.
        scheduling: "sequential" or "random", which said the same in 2.0.6.
    """

    def __init__(
        self,
        sequence: Any,
        use_multiprocessing: bool = False,
        shuffle: bool = False,
        scheduling: str = "sequential",
    ):
        super().__init__(sequence, use_multiprocessing)
        self.shuffle = shuffle is True or "random" in (shuffle, scheduling)

    def get(self) -> Iterator[Any]:
        """The batches, for ever, until `stop`. Raises UsageError before `start`."""
        self._check_started()
        return self._passes()

    def _passes(self) -> Iterator[Any]:
        with ThreadPoolExecutor(self.workers) as pool:
            while self.is_running():
                order = np.arange(len(self.sequence))
                if self.shuffle:
                    np.random.shuffle(order)
                yield from self._pass(pool, order.tolist())
                done = getattr(self.sequence, "on_epoch_end", None)
                if done is not None and self.is_running():
                    done()

    def _pass(self, pool: ThreadPoolExecutor, order: list[int]) -> Iterator[Any]:
        ahead: deque[Future] = deque()
        try:
            for index in order:
                ahead.append(pool.submit(self.sequence.__getitem__, index))
                if len(ahead) > self.max_queue_size:
                    yield ahead.popleft().result()
                if not self.is_running():
                    return
            while ahead and self.is_running():
                yield ahead.popleft().result()
        finally:
            for waiting in ahead:
                waiting.cancel()


class _End:
    """The last entry of a queue: nothing more comes, or an error that the generator raised."""

    def __init__(self, error: BaseException | None):
        self.error = error


class GeneratorEnqueuer(SequenceEnqueuer):
    """What a generator yields, in its order, made ahead by a thread.

    Args:
        generator: any iterable.
        use_multiprocessing, pickle_safe, wait_time, random_seed, seed: taken, and of no effect.

    Attributes:
        queue: where batches wait, for loops that look into it; made by `start`.
    """

    def __init__(
        self,
        generator: Iterable[Any],
        use_multiprocessing: bool = False,
        wait_time: float | None = None,
        random_seed: int | None = None,
        seed: int | None = None,
        pickle_safe: bool = False,
    ):
        super().__init__(generator, use_multiprocessing or pickle_safe)
        self.queue: queue.Queue = queue.Queue()
        self._thread: threading.Thread | None = None

    def start(
        self,
        workers: int = 1,
        max_queue_size: int = 10,
        wait_time: float | None = None,
        nb_worker: int | None = None,
        max_q_size: int | None = None,
    ) -> None:
        """Begin to make batches, `max_queue_size` ahead; one thread does it, in their order."""
        super().start(nb_worker or workers, max_q_size or max_queue_size)
        self.queue = queue.Queue(self.max_queue_size)
        self._thread = threading.Thread(target=self._fill, args=(self.queue,), daemon=True)
        self._thread.start()

    def _fill(self, batches: queue.Queue) -> None:
        error = None
        try:
            for batch in self.sequence:
                if not self._put(batches, batch):
                    return
        except BaseException as caught:  # it is raised where the batch is asked for
            error = caught
        self._put(batches, _End(error))

    def _put(self, batches: queue.Queue, item: Any) -> bool:
        while self.is_running():
            try:
                batches.put(item, timeout=0.05)
                return True
            except queue.Full:
                continue
        return False

    def stop(self, timeout: float | None = None) -> None:
        """Make no more batches, and wait for the thread."""
        super().stop(timeout)
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout)

    def get(self) -> Iterator[Any]:
        """The batches, until the generator ends or `stop` is called.

        Raises UsageError before `start`, and what the generator raised.
        """
        self._check_started()
        return self._batches()

    def _batches(self) -> Iterator[Any]:
        while self.is_running():
            try:
                item = self.queue.get(timeout=0.05)
            except queue.Empty:
                continue
            if isinstance(item, _End):
                self._running.clear()
                if item.error is not None:
                    raise item.error
                return
            yield item


# ---------------------------------------------------------------- files


def validate_file(
    fpath: Any, file_hash: str, algorithm: str = "auto", chunk_size: int = 65535
) -> bool:
    """Whether a file has this hash: "sha256", "md5", or by the number of digits with "auto".

    Raises UsageError for another algorithm.
    """
    said = str(file_hash)
    chosen = algorithm if algorithm != "auto" else "sha256" if len(said) == 64 else "md5"
    if chosen not in ("sha256", "md5"):
        raise UsageError(
            "E-CHOICE", f'algorithm must be "auto", "sha256" or "md5"; got {shown(algorithm)}.'
        )
    with Path(fpath).open("rb") as file:
        found = hashlib.file_digest(file, lambda: hashlib.new(chosen, usedforsecurity=False))
    return found.hexdigest() == said
