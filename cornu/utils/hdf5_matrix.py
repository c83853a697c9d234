"""HDF5Matrix: a data set in an HDF5 file as an array, read a few rows at a time."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from cornu.errors import UsageError, listed, shown, suggestion

__all__ = ["HDF5Matrix"]


class HDF5Matrix:
    """Rows `start` to `end` of the data set `dataset` in the file `datapath`.

    `fit`, `evaluate` and `predict` read it batch by batch. With `shuffle="batch"` they read whole
    stretches, which is much faster than rows all over the file. The file is opened to read only,
    when a row is first asked for.

    Args:
        datapath: the file.
        dataset: the name of the data set in it, as in "group/images".
        start, end: the rows that count; all by default.
        normalizer: a function on the rows that are read, before they are used.

    Raises:
        UsageError: where there is no such file or data set, or `end` lies beyond it.

    Example:
        >>> x = HDF5Matrix("images.h5", "train/x", 0, 50_000, normalizer=lambda a: a / 255.0)
    """

    is_stored = True  # what says that it is not to be read whole

    def __init__(
        self,
        datapath: Any,
        dataset: str,
        start: int = 0,
        end: int | None = None,
        normalizer: Callable[[Any], Any] | None = None,
    ):
        self.datapath, self.dataset, self.normalizer = Path(datapath), dataset, normalizer
        self._open: Any = None
        stored = self.data
        self.start, self.end = start, len(stored) if end is None else end
        if not 0 <= self.start <= self.end <= len(stored):
            raise UsageError(
                "E-RANGE",
                f'"{dataset}" has {len(stored)} rows; got start={start}, end={end}. Rows count '
                f"from 0: HDF5Matrix(path, {shown(dataset)}, 0, {len(stored)}).",
            )
        row = self._settled(stored[:1])
        self.dtype, self._row = np.dtype(row.dtype), tuple(int(size) for size in row.shape[1:])

    @property
    def data(self) -> Any:
        """The data set of h5py."""
        if self._open is None:
            import h5py

            try:
                file = h5py.File(self.datapath, "r")
            except OSError as error:
                raise UsageError(
                    "E-FILE", f"{self.datapath} cannot be read as HDF5: {shown(str(error))}."
                ) from error
            found = file.get(self.dataset)
            if not isinstance(found, h5py.Dataset) or not found.shape:
                names = _datasets(file)
                file.close()
                raise UsageError(
                    "E-DATASET",
                    f"{self.datapath} has no data set {shown(self.dataset)} with rows. "
                    f"{suggestion(self.dataset, names)}It has: {listed(names)}.",
                )
            self._open = found
        return self._open

    def _settled(self, rows: np.ndarray) -> np.ndarray:
        return rows if self.normalizer is None else np.asarray(self.normalizer(rows))

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows, and what one row is."""
        return (len(self), *self._row)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of entries."""
        return int(np.prod(self.shape))

    def __len__(self) -> int:
        return self.end - self.start

    def __getitem__(self, key: Any) -> np.ndarray:
        """Rows by a slice, an index, or a list of indices in any order.

        Raises IndexError for an index beyond the rows that count.
        """
        if isinstance(key, slice):
            first, last, step = key.indices(len(self))
            if step == 1:
                rows = self.data[self.start + first : self.start + max(first, last)]
                return self._settled(rows)
            key = range(first, last, step)
        where = np.asarray(key)
        if where.dtype == bool:
            where = np.flatnonzero(where)
        if where.size and not (-len(self) <= where.min() and where.max() < len(self)):
            raise IndexError(f"index {int(where.max())} is beyond the {len(self)} rows that count")
        rows = np.where(where < 0, where + len(self), where)
        if not where.ndim:
            return self._settled(self.data[self.start + int(rows) : self.start + int(rows) + 1])[0]
        wanted, places = np.unique(rows, return_inverse=True)
        return self._settled(self.data[(wanted + self.start).tolist()])[places]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """All rows, in memory."""
        return self[:] if dtype is None else self[:].astype(dtype)

    def __getstate__(self) -> dict[str, Any]:
        """All but the open file: another process opens its own."""
        return {**self.__dict__, "_open": None}

    def close(self) -> None:
        """Close the file; it is opened anew when it is needed."""
        if self._open is not None:
            self._open.file.close()
            self._open = None


def _datasets(file: Any) -> list[str]:
    """Names of all data sets in a file."""
    found: list[str] = []
    file.visititems(lambda name, item: found.append(name) if hasattr(item, "dtype") else None)
    return found
