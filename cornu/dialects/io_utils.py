"""`keras.utils.io_utils`: rows of HDF5 files as training data, and small things about files."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from cornu.errors import UsageError, shown
from cornu.saving.legacy_writing import MOST_ATTRIBUTE

__all__ = [
    "HDF5_OBJECT_HEADER_LIMIT",
    "HDF5Matrix",
    "ask_to_proceed_with_overwrite",
    "load_array",
    "load_from_binary_h5py",
    "save_array",
    "save_to_binary_h5py",
]

HDF5_OBJECT_HEADER_LIMIT = MOST_ATTRIBUTE
"""Bytes that an attribute of an HDF5 file can hold."""


class HDF5Matrix:
    """Rows of a data set in an HDF5 file, read when they are asked for.

    Args:
        datapath: the file; it is opened once for all that read it.
        dataset: name of the data set in it.
        start, end: its rows, from `start` up to `end`; all of them by default.
        normalizer: what is done to rows that are read, a function of an array.

    Attributes:
        refs: path -> open file.
        shape, dtype, ndim, size: as of an array.

    Raises:
        UsageError: for a name that the file does not have.
    """

    refs: dict[str, Any] = {}

    def __init__(
        self,
        datapath: Any,
        dataset: str,
        start: int = 0,
        end: int | None = None,
        normalizer: Callable[[Any], Any] | None = None,
    ):
        import h5py

        path = str(datapath)
        file = self.refs.get(path)
        if not file:  # a closed one is false
            file = self.refs[path] = h5py.File(path, "r")
        if dataset not in file:
            raise UsageError(
                "E-NAMES", f"{path} has no data set {shown(dataset)}; it has {sorted(file)[:8]}."
            )
        self.data: Any = file[dataset]
        self.normalizer = normalizer
        self.start = start
        self.end = len(self.data) if end is None else end

    def __len__(self) -> int:
        return self.end - self.start

    def __getitem__(self, key: Any) -> Any:
        """Rows by number, slice, or list or array of numbers or of flags."""
        rows = self._read(key)
        return rows if self.normalizer is None else self.normalizer(rows)

    def _read(self, key: Any) -> Any:
        if isinstance(key, slice):
            first, last, step = key.indices(len(self))
            if step > 0:
                return self.data[self.start + first : self.start + last : step]
            key = range(first, last, step)
        if np.ndim(key) == 0:
            number = int(key)
            if not -len(self) <= number < len(self):
                raise IndexError(f"row {number} of {len(self)}")
            return self.data[self.start + number % len(self)]
        numbers = np.arange(len(self))[np.asarray(key)]
        order, places = np.unique(numbers, return_inverse=True)  # h5py reads in rising order
        return self.data[(self.start + order).tolist()][places]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self[:], dtype)

    @property
    def _sample(self) -> Any:
        return None if self.normalizer is None or not len(self) else np.asarray(self[0:1])

    @property
    def shape(self) -> tuple[int, ...]:
        """As of an array: (rows, ...)."""
        sample = self._sample
        return (len(self), *(self.data.shape if sample is None else sample.shape)[1:])

    @property
    def dtype(self) -> Any:
        """As of an array."""
        sample = self._sample
        return self.data.dtype if sample is None else sample.dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self.data.ndim

    @property
    def size(self) -> int:
        """Number of entries."""
        return int(np.prod(self.shape))


# ---------------------------------------------------------------- arrays and streams


def save_array(array: Any, name: Any) -> None:
    """Write an array into an HDF5 file of its own, as "data"."""
    import h5py

    with h5py.File(str(name), "w") as file:
        file["data"] = np.asarray(array)


def load_array(name: Any) -> np.ndarray:
    """The array that `save_array` wrote."""
    import h5py

    with h5py.File(str(name), "r") as file:
        data: Any = file["data"]
        return np.asarray(data)


def save_to_binary_h5py(save_function: Callable[[Any], Any], stream: BinaryIO) -> None:
    """Have a function fill an HDF5 file in memory, and write that to a stream."""
    import h5py

    held = io.BytesIO()
    with h5py.File(held, "w") as file:
        save_function(file)
    stream.write(held.getvalue())


def load_from_binary_h5py(load_function: Callable[[Any], Any], stream: BinaryIO) -> Any:
    """What a function makes of the HDF5 file that a stream holds."""
    import h5py

    with h5py.File(io.BytesIO(stream.read()), "r") as file:
        return load_function(file)


def ask_to_proceed_with_overwrite(filepath: Any) -> bool:
    """Ask at the keyboard whether a file may be written over."""
    answer = ""
    while answer not in ("y", "n"):
        answer = input(f"[WARNING] {Path(filepath)} is there already. Overwrite it? [y/n] ")
        answer = answer.strip().lower()
    return answer == "y"
