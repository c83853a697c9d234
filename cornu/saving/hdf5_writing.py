"""Writing weights as HDF5 in the layout of Keras 3: groups by path, a dataset for each Variable.

Arrays go from where they lie into the file; they are not put together in memory before.
"""

import io
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, BinaryIO

import numpy as np

from cornu.saving.hdf5 import BFLOAT16, checksum

LAYOUT = "3.15.1"
"""The version of Keras whose layouts are written."""


def write_hdf5(
    weights: Mapping[str, Any], names: Mapping[str, str], out: BinaryIO, checked: bool = True
) -> None:
    """Write arrays by path, and the names of layers by path, into an empty open file.

    `checked` arrays carry a checksum each. Raises OSError where the disk says no.
    """
    with hdf5_file(out) as file:
        for path, name in names.items():
            file.create_group(f"{path}/vars" if path else "vars").attrs["name"] = name
        write_arrays(file, list(weights.items()), checked)


@contextmanager
def hdf5_file(out: BinaryIO) -> Iterator[Any]:
    """An HDF5 file written straight into an empty open file. Raises what writing there raised."""
    import h5py

    sink = _Sink(out)
    try:
        with h5py.File(sink, "w") as file:
            yield file
    except Exception as error:
        raise sink.failure or error from None
    if sink.failure:
        raise sink.failure


def write_arrays(group: Any, values: Sequence[tuple[str, Any]], checked: bool) -> None:
    """Write arrays by path into an open file or group, with checksums made beside the writing."""
    with ThreadPoolExecutor(2) as pool:
        written = []
        for path, value in values:
            value = np.asarray(value)
            short = str(value.dtype) == BFLOAT16
            plain = value.view("V2") if short else value
            dataset = group.create_dataset(path, data=plain)
            if short:
                dataset.attrs["dtype"] = BFLOAT16
            if checked:
                written.append((dataset, pool.submit(checksum, plain)))
        for dataset, found in written:
            dataset.attrs["crc32"] = np.bytes_(found.result())


class _Sink(io.RawIOBase):
    """A file for the HDF5 library, which does not survive a full disk: it never hears of one.

    Attributes:
        failure: what the first failing write raised; nothing is written from then on.
    """

    def __init__(self, out: BinaryIO):
        self.out = out
        self.failure: BaseException | None = None

    def write(self, data: Any) -> int:
        if self.failure is None:
            try:
                self.out.write(data)
            except BaseException as error:
                self.failure = error
        return len(data)

    def flush(self) -> None:
        if self.failure is None:
            try:
                self.out.flush()
            except BaseException as error:
                self.failure = error

    def truncate(self, size: int | None = None) -> int:
        if self.failure is None:
            try:
                self.out.truncate(size)
            except BaseException as error:
                self.failure = error
        return size or 0

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self.out.seek(offset, whence)

    def tell(self) -> int:
        return self.out.tell()

    def readinto(self, data: Any) -> int:
        return self.out.readinto(data)  # pyright: ignore[reportAttributeAccessIssue]

    def seekable(self) -> bool:
        return True
