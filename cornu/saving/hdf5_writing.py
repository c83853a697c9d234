"""Writing weights as HDF5 in the layout of Keras 3: groups by path, a dataset for each Variable."""

import io
from collections.abc import Mapping
from typing import Any

import numpy as np

from cornu.saving.hdf5 import BFLOAT16, digest_of

LAYOUT = "3.15.1"
"""The version of Keras whose layouts are written."""


def to_hdf5(
    weights: Mapping[str, Any], names: Mapping[str, str], digests: bool = False
) -> memoryview:
    """The content of a file with these arrays by path, and the layers' names by path.

    With `digests` every array carries its SHA-256. The file is made in memory, for the HDF5 library
    does not survive a full disk.
    """
    import h5py

    image = io.BytesIO()
    with h5py.File(image, "w") as file:
        for path, name in names.items():
            file.create_group(f"{path}/vars" if path else "vars").attrs["name"] = name
        for path, value in weights.items():
            write_array(file, path, np.asarray(value), digests)
    return image.getbuffer()


def write_array(file: Any, path: str, value: np.ndarray, digests: bool) -> None:
    """Write an array into an open file or group; with `digests` it carries its SHA-256."""
    short = str(value.dtype) == BFLOAT16
    plain = value.view("V2") if short else value
    dataset = file.create_dataset(path, data=plain)
    if short:
        dataset.attrs["dtype"] = BFLOAT16
    if digests:
        dataset.attrs["sha256"] = digest_of(plain)
