"""`TimeseriesGenerator`: the windows of a series by number, as Keras 2 had them."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from cornu.errors import UsageTypeError
from cornu.utils.pydataset import PyDataset
from cornu.utils.series import check_size, error, index_of, timeseries_dataset_from_array

__all__ = ["TimeseriesGenerator", "timeseries_dataset_from_array"]


class TimeseriesGenerator(PyDataset):
    """Batches of windows that end before the step of their target, by index.

    Row r of a batch holds `data[r - length : r : sampling_rate]` with `targets[r]`.

    Args:
        data: list or array of steps.
        targets: one for each step.
        length: steps that a window spans.
        sampling_rate: steps from one entry of a window to the next.
        stride: steps from one target to the next.
        start_index, end_index: first and last step that are used.
        shuffle: whether rows are drawn at random, from NumPy's global state, as often as may be.
        reverse: whether a window runs backwards in time.
        batch_size: windows of a batch; the last one may have fewer.

    Raises:
        UsageError: for targets of another number than data, sizes below 1, and where no window
            fits.

    Example:
        >>> windows = TimeseriesGenerator(np.arange(6), np.arange(6), length=3, batch_size=2)
        >>> [(x.tolist(), y.tolist()) for x, y in windows]
        [([[0, 1, 2], [1, 2, 3]], [3, 4]), ([[2, 3, 4]], [5])]
    """

    def __init__(
        self,
        data: Sequence[Any] | np.ndarray,
        targets: Sequence[Any] | np.ndarray,
        length: int,
        sampling_rate: int = 1,
        stride: int = 1,
        start_index: int = 0,
        end_index: int | None = None,
        shuffle: bool = False,
        reverse: bool = False,
        batch_size: int = 128,
    ):
        super().__init__()
        if len(data) != len(targets):
            raise error(
                f"data has {len(data)} steps and targets {len(targets)}: one for each step."
            )
        for name, value in (
            ("length", length),
            ("sampling_rate", sampling_rate),
            ("stride", stride),
            ("batch_size", batch_size),
        ):
            check_size(name, value)
        first = index_of("start_index", start_index, len(data) - 1) + length
        last = (
            len(data) - 1 if end_index is None else index_of("end_index", end_index, len(data) - 1)
        )
        if first > last:
            raise error(
                f"no window fits: one of {length} steps from step {start_index} on has its target "
                f"at step {first}, and the last step is {last}."
            )
        self.data, self.targets, self.length = data, targets, length
        self.sampling_rate, self.stride = sampling_rate, stride
        self.start_index, self.end_index = first, last
        self.shuffle, self.reverse, self.batch_size = shuffle, reverse, batch_size

    def __len__(self) -> int:
        span = self.batch_size * self.stride
        return (self.end_index - self.start_index + span) // span

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        whole = range(len(self))
        if not -len(whole) <= index < len(whole):
            raise IndexError(f"batch {index} is asked for; there are {len(whole)}")
        rows = self._rows(whole[index])
        samples = np.array([self.data[r - self.length : r : self.sampling_rate] for r in rows])
        targets = np.array([self.targets[r] for r in rows])
        return (samples[:, ::-1] if self.reverse else samples), targets

    def _rows(self, index: int) -> Any:
        """The steps of a batch's targets."""
        if self.shuffle:
            return np.random.randint(self.start_index, self.end_index + 1, self.batch_size)
        first = self.start_index + self.batch_size * self.stride * index
        end = min(first + self.batch_size * self.stride, self.end_index + 1)
        return range(first, end, self.stride)

    def get_config(self) -> dict[str, Any]:
        """Settings, and data and targets as JSON text; `start_index` is that of the first target.

        Raises:
            UsageTypeError: for data that JSON has no form for.
        """
        names = ("length", "sampling_rate", "stride", "start_index", "end_index", "shuffle")
        return {
            "data": _json("data", self.data),
            "targets": _json("targets", self.targets),
            **{name: getattr(self, name) for name in (*names, "reverse", "batch_size")},
        }

    def to_json(self, **kwargs: Any) -> str:
        """`{"class_name": …, "config": …}` as JSON; `kwargs` go to `json.dumps`."""
        return json.dumps(
            {"class_name": type(self).__name__, "config": self.get_config()}, **kwargs
        )


def _json(name: str, values: Any) -> str:
    plain = values.tolist() if isinstance(values, (np.ndarray, np.generic)) else values
    try:
        return json.dumps(plain)
    except (TypeError, ValueError) as error:
        raise UsageTypeError(
            "E-TIMESERIES", f"{name} cannot be written as JSON: {error}. Make it an array."
        ) from error
