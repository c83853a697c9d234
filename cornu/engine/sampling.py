"""Pictures seen through maps, by a small native library (`native/src/sampling.cc`).

It knows neither Python nor an engine, so that preprocessing loads none; while it computes, other
Python threads run, and each call is one thread's work. It is loaded at its first use. Where it is
missing `sample` says so, and who asked computes the same by NumPy.
"""

import ctypes
import functools
import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

FOLDER = Path(__file__).parent / "native"
FILLS = ("constant", "nearest", "reflect", "wrap")
SOURCES, RESULTS = ("uint8", "float32", "float64"), ("float32", "float64")
MOST = 2**31 - 1  # pixels across, and channels, that it counts
FLIP_ROWS, FLIP_COLUMNS, STILL = 1, 2, 4

_AT, _INT, _FLOAT = ctypes.c_void_p, ctypes.c_int, ctypes.c_double
_ARGUMENTS = (_AT, _AT, _AT, _INT, _AT, _AT, _INT, _AT, _AT, _AT, _INT, _INT, _FLOAT, _FLOAT)


class Loaded(NamedTuple):
    """What came of loading: a line for people, and the function."""

    words: str
    function: Any = None


def available() -> bool:
    """Whether the library can be used; loads it if need be."""
    return load().function is not None


def described() -> str:
    """What is in use, or why nothing is."""
    return load().words


@functools.cache
def load() -> Loaded:
    """The library's function, if it was built and is wanted."""
    if os.environ.get("CORNU_NATIVE") == "0":
        return Loaded("none: CORNU_NATIVE=0")
    found = library()
    if found is None:
        return Loaded("none: it was not built when Cornu was installed")
    try:
        function = ctypes.CDLL(str(found)).cornu_sample
    except Exception as error:  # whatever it is, NumPy computes the same
        return Loaded(f"none: {type(error).__name__}: {error}".splitlines()[0])
    function.argtypes, function.restype = _ARGUMENTS, _INT
    return Loaded("in use: pictures are turned, moved and zoomed in one pass", function)


def library() -> Path | None:
    """The file of the library, if it was built."""
    return next(iter(sorted(FOLDER.glob("_host*.so"))), None)


def takes(source: np.ndarray, dtype: Any, order: int) -> bool:
    """Whether `sample` can read such pictures, and write them in this dtype."""
    return (
        order in (0, 1)
        and source.dtype in SOURCES
        and np.dtype(dtype) in RESULTS
        and source.dtype.isnative
        and np.dtype(dtype).isnative
        and source.flags.aligned
        and max(source.shape[1:]) <= MOST
        and available()
    )


def sample(
    source: np.ndarray,
    made: np.ndarray,
    maps: np.ndarray,
    changes: np.ndarray,
    fill: str,
    order: int,
    cval: float = 0.0,
    scale: float = 1.0,
    rows: np.ndarray | None = None,
) -> None:
    """Write pictures seen through maps into `made`; `takes` must have said that it can.

    Args:
        source: (pictures, height, width, channels), any strides.
        made: (count, height, width, channels), any strides, another array than `source`.
        maps: (count, 2, 3), from (row, column, 1) of a result to (row, column) of its source.
        changes: (count,), sums of FLIP_ROWS, FLIP_COLUMNS and STILL (its map counts for nothing).
        fill: what lies outside, one of FILLS.
        order: 0 for the nearest pixel, 1 for weights by distance.
        cval: value outside, with "constant".
        scale: factor of all values, `cval` included.
        rows: (count,), numbers of the pictures to read, from 0 on; the first ones if None.

    Raises:
        IndexError: for numbers of pictures that there are not.
        ValueError: for arrays whose shapes do not go together.
        MemoryError: where there is none for a row.
    """
    maps = np.ascontiguousarray(maps, "float64")
    changes = np.ascontiguousarray(changes, "uint8")
    count = len(made)
    if maps.shape != (count, 2, 3) or changes.shape != (count,) or made.ndim != 4:
        raise ValueError(f"{count} pictures, maps {maps.shape}, changes {changes.shape}")
    if made.shape[1:] != source.shape[1:]:
        raise ValueError(f"pictures of {source.shape[1:]} are none of {made.shape[1:]}")
    if rows is None and count > len(source):
        raise IndexError(f"there are {len(source)} pictures, and {count} are wanted")
    if rows is not None:
        rows = np.ascontiguousarray(rows, "int64")
        if rows.shape != (count,) or (count and not 0 <= rows.min() <= rows.max() < len(source)):
            raise IndexError(f"{len(source)} pictures have no numbers {rows}")
    if not made.size:
        return
    sizes = np.array(made.shape, "int64")
    steps = [np.array(each.strides, "int64") // each.itemsize for each in (source, made)]
    failed = load().function(
        sizes.ctypes.data,
        None if rows is None else rows.ctypes.data,
        source.ctypes.data,
        SOURCES.index(source.dtype.name),
        steps[0].ctypes.data,
        made.ctypes.data,
        SOURCES.index(made.dtype.name),
        steps[1].ctypes.data,
        maps.ctypes.data,
        changes.ctypes.data,
        FILLS.index(fill),
        int(order),
        float(cval),
        float(scale),
    )
    if failed:
        raise MemoryError(f"for a row of {made.shape[2]} places")
