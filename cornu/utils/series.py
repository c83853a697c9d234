"""`timeseries_dataset_from_array`: the windows of a series of measurements, as batches."""

from typing import Any

import numpy as np

from cornu.errors import UsageError, shown
from cornu.utils.batches import Batches, drawn


def timeseries_dataset_from_array(
    data: Any,
    targets: Any,
    sequence_length: int,
    sequence_stride: int = 1,
    sampling_rate: int = 1,
    batch_size: int | None = 128,
    shuffle: bool = False,
    seed: int | None = None,
    start_index: int | None = None,
    end_index: int | None = None,
    format: str = "tf",
) -> Batches:
    """All windows of a series, `data[i], data[i + sampling_rate], …`, as batches.

    Args:
        data: array (steps, ...).
        targets: array in which entry i belongs to the window that begins at step i; None for
            windows alone.
        sequence_length: steps of a window.
        sequence_stride: steps from the beginning of one window to that of the next.
        sampling_rate: steps from one entry of a window to the next.
        batch_size: windows of a batch; None for single windows.
        shuffle: whether to mix the windows, anew in each pass.
        seed: of the shuffling.
        start_index, end_index: the steps to use: from the first on, up to and without the second.
        format: taken as in Keras, and without effect: batches are NumPy arrays.

    Returns:
        `Batches` of (windows, targets), or of windows: (batch, sequence_length, ...). Nothing is
        copied before its batch is wanted.

    Raises:
        UsageError: for sizes below 1, and where not one window fits.

    Example:
        >>> ds = timeseries_dataset_from_array(np.arange(6), np.arange(6)[3:], sequence_length=3)
        >>> [(x.tolist(), y.tolist()) for x, y in ds]
        [([[0, 1, 2], [1, 2, 3], [2, 3, 4]], [3, 4, 5])]
    """
    if format not in ("tf", "grain"):
        raise UsageError("E-CHOICE", f'format must be "tf" or "grain"; got {shown(format)}.')
    data = np.asarray(data)
    steps = len(data) if data.ndim else 0
    for name, value in (
        ("sequence_length", sequence_length),
        ("sequence_stride", sequence_stride),
        ("sampling_rate", sampling_rate),
    ):
        check_size(name, value)
    first = 0 if start_index is None else index_of("start_index", start_index, steps - 1)
    last = steps if end_index is None else index_of("end_index", end_index, steps)
    count = last - first - (sequence_length - 1) * sampling_rate
    series = data[first:last]
    wanted = None if targets is None else np.asarray(targets)[first:last]
    if wanted is not None:
        count = min(count, len(wanted))
    if count < 1:
        raise error(
            f"no window fits: {sequence_length} entries, {sampling_rate} steps apart, take "
            f"{(sequence_length - 1) * sampling_rate + 1} steps, and from {first} to {last} there "
            f"are {last - first}" + ("." if wanted is None else f", with {len(wanted)} targets.")
        )
    starts = np.arange(0, count, sequence_stride)
    if shuffle:
        seed = drawn(seed)
        np.random.RandomState(seed).shuffle(starts)
    offsets = np.arange(sequence_length) * sampling_rate

    def read(rows: np.ndarray) -> Any:
        begin = starts[rows]
        x = series[begin[:, None] + offsets]  # (batch, sequence_length, ...)
        return x if wanted is None else (x, wanted[begin])

    return Batches(len(starts), read, batch_size, shuffle, seed)


def check_size(name: str, value: Any) -> None:
    """Raise UsageError unless this is a whole number above 0."""
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not whole or value < 1:
        raise error(f"{name} must be a whole number above 0; got {shown(value)}.")


def index_of(name: str, value: Any, most: int) -> int:
    """A whole number from 0 to `most`. Raises UsageError for anything else."""
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not whole or not 0 <= value <= most:
        raise error(f"{name} must be a whole number from 0 to {most}; got {shown(value)}.")
    return int(value)


def error(message: str) -> UsageError:
    """The error for a series that gives no windows."""
    return UsageError("E-TIMESERIES", message)
