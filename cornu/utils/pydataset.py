"""PyDataset: data that give batches by number, for `fit`, `evaluate` and `predict`."""

import itertools
from collections.abc import Iterator
from typing import Any

from cornu.errors import UsageTypeError

__all__ = ["PyDataset", "Sequence"]


def _nothing(method: Any) -> Any:
    """Mark a hook that does nothing, so that workers need not be told of it."""
    method.does_nothing = True
    return method


class PyDataset:
    """Batches by number. A subclass writes `__getitem__` and `__len__`.

    `dataset[i]` is batch `i`: `(x, y)`, `(x, y, sample_weight)` or `x`; `len(dataset)` says how
    many there are. `fit(dataset)` takes them in a new order every epoch, unless `shuffle=False`.

    Args:
        workers: how many threads or processes make batches side by side; 0 makes them on the main
            thread. Batches come in the same order for any number.
        use_multiprocessing: processes instead of threads, for work in Python itself. They are
            started anew and get a pickle of the dataset.
        max_queue_size: batches that are made ahead.

    Example:
        >>> class Squares(PyDataset):
        ...     def __len__(self):
        ...         return 10
        ...     def __getitem__(self, index):
        ...         x = np.arange(32.0).reshape(32, 1) + index
        ...         return x, x**2
    """

    workers: int = 1
    use_multiprocessing: bool = False
    max_queue_size: int = 10

    def __init__(
        self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10
    ):
        self.workers = workers
        self.use_multiprocessing = use_multiprocessing
        self.max_queue_size = max_queue_size

    def __getitem__(self, index: int) -> Any:
        """Batch number `index`."""
        raise NotImplementedError(
            f"{type(self).__name__} needs __getitem__(self, index), which returns a batch."
        )

    @property
    def num_batches(self) -> int | None:
        """Number of batches; None for data without an end. It is `len(self)` unless written."""
        if not hasattr(type(self), "__len__"):
            raise UsageTypeError(
                "E-DATA-TYPE",
                f"{type(self).__name__} needs __len__(self), the number of batches, or num_batches "
                "= None for data without an end.",
            )
        return len(self)  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[Any]:
        """All batches, in order."""
        count = self.num_batches
        for index in itertools.count() if count is None else range(count):
            yield self[index]

    @_nothing
    def on_epoch_begin(self) -> None:
        """Called before the first batch of each epoch is asked for."""

    @_nothing
    def on_epoch_end(self) -> None:
        """Called when the last batch of an epoch has been used."""


Sequence = PyDataset
"""What Keras 2 called it."""
