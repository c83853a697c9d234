"""Columns: arrays that are read a piece at a time, because all of them would be too much.

A data set in a file, an array that is mapped from a file, a sparse matrix. A column has the shape
and dtype that steps will see; indexing one reads those rows, as NumPy arrays of that dtype.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from cornu.errors import UsageError, warn

DENSE = 4
"""Rows picked by number are read as one stretch where it is at most so many times as long."""

SMALL = 16 * 2**20
"""Bytes of an array in a file of which any stretch may simply be read."""


class Column:
    """An array-like that is read by rows.

    Args:
        stored: has `shape`, `dtype` and is read by slices, or by growing lists of row numbers.
        settle: what makes a piece an array of a dtype that engines compute in.
        first, last: the rows that count.
    """

    def __init__(
        self, stored: Any, settle: Callable, first: int = 0, last: int | None = None
    ) -> None:
        self.stored, self.settle, self.first = stored, settle, first
        self.last = int(stored.shape[0]) if last is None else last
        self.checks: list[Callable[[np.ndarray], Any]] = []
        self.shape = (self.last - first, *(int(size) for size in stored.shape[1:]))
        self.dtype = settle(np.empty((0, *self.shape[1:]), stored.dtype)).dtype
        self._told = False

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of all rows, were they read."""
        return int(np.prod(self.shape)) * self.dtype.itemsize

    def cut(self, first: int, last: int) -> "Column":
        """Some of the rows, unread."""
        last = min(last, len(self))
        twin = type(self)(self.stored, self.settle, self.first + first, self.first + last)
        twin.checks = self.checks
        return twin

    def __getitem__(self, where: Any) -> np.ndarray:
        """Rows by a slice of step 1, or by their numbers in any order."""
        if isinstance(where, slice):
            first, last, _ = where.indices(len(self))
            found = self.settle(self.stretch(self.first + first, self.first + max(first, last)))
            place = f"row {self.first + first} on"
        else:
            found = self._picked(np.asarray(where))
            place = "the first of those read together, in the order of this epoch"
        try:
            for check in self.checks:
                check(found)
        except UsageError as error:
            error.add_note(f"(samples are counted from {place})")
            raise
        return found

    def _picked(self, where: np.ndarray) -> np.ndarray:
        """Rows by number: files want each once, in growing order, and long stretches best."""
        rows, places = np.unique(where, return_inverse=True)
        if not len(rows):
            return self.settle(self.stretch(0, 0))
        first, last = int(rows[0]), int(rows[-1]) + 1
        if last - first <= DENSE * len(rows) or self.nbytes <= SMALL:
            found = self.stretch(self.first + first, self.first + last)[rows - first]
        else:
            self._say_once()
            found = self.pick(rows + self.first)
        return self.settle(found)[places]

    def _say_once(self) -> None:
        """Say what would be faster, where rows far from each other are wanted."""

    def stretch(self, first: int, last: int) -> np.ndarray:
        """Rows that follow each other."""
        return np.asarray(self.stored[first:last])

    def pick(self, rows: np.ndarray) -> np.ndarray:
        """Rows by growing numbers."""
        return np.asarray(self.stored[rows])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """All rows."""
        found = self[:]
        return found if dtype is None else found.astype(dtype)


class FileColumn(Column):
    """A data set in a file, such as one of h5py."""

    def _say_once(self) -> None:
        if not self._told:
            self._told = True
            warn(
                "rows are read one by one, all over a data set in a file, because every epoch has "
                'a new order of all rows. fit(..., shuffle="batch") reads whole batches and is '
                "much faster."
            )

    def pick(self, rows: np.ndarray) -> np.ndarray:
        """Rows by growing numbers; h5py takes lists."""
        return np.asarray(self.stored[rows.tolist()])


class SparseColumn(Column):
    """A sparse matrix of SciPy, written out a piece at a time."""

    def stretch(self, first: int, last: int) -> np.ndarray:
        """Rows that follow each other."""
        return self.stored[first:last].toarray()

    def pick(self, rows: np.ndarray) -> np.ndarray:
        """Rows by growing numbers."""
        return self.stored[rows].toarray()


def cut(array: Any, first: int, last: int) -> Any:
    """Rows of an array; of a column without reading them."""
    return array.cut(first, last) if isinstance(array, Column) else array[first:last]


def read(array: Any) -> Any:
    """A column as an array, anything else as it is."""
    return array[:] if isinstance(array, Column) else array


def column(value: Any, settle: Callable) -> Column | None:
    """A column of what should not be read whole; None for what is an array in memory."""
    if isinstance(value, np.memmap):
        return Column(value, settle) if value.ndim and value.nbytes > SMALL else None
    if getattr(value, "format", None) is not None and hasattr(value, "tocsr"):
        return SparseColumn(value.tocsr(), settle)
    if _is_stored(value):
        return FileColumn(value, settle)
    return None


def _is_stored(value: Any) -> bool:
    """Whether it is a data set in a file: h5py's, zarr's, `HDF5Matrix`."""
    if isinstance(value, np.ndarray) or not hasattr(value, "__getitem__"):
        return False
    shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
    if not isinstance(shape, tuple) or not shape or not isinstance(dtype, np.dtype):
        return False
    return hasattr(value, "chunks") or getattr(value, "is_stored", False)
