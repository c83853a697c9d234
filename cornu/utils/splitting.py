"""Data in parts: left and right of a data set, and x, y, sample_weight of what a batch is."""

import copy
import random
from collections.abc import Mapping
from typing import Any

import numpy as np

from cornu import tree
from cornu.errors import UsageError, UsageTypeError, shown
from cornu.utils.batches import Batches

WHOLE, SHARE = (int, np.integer), (float, np.floating)


def split_dataset(
    dataset: Any,
    left_size: int | float | None = None,
    right_size: int | float | None = None,
    shuffle: bool = False,
    seed: int | None = None,
    preferred_backend: str | None = None,
) -> tuple[Batches, Batches]:
    """A data set in two, as for training and testing.

    Args:
        dataset: an array, a list, tuple or dict of arrays of one length, or `Batches`; a data set
            of another library that has `__len__` and `__getitem__` is taken sample by sample.
        left_size: samples of the left part, or its share, between 0 and 1; the rest if None.
        right_size: the same for the right part, which is taken from the end.
        shuffle: whether to mix the samples first, always alike for the same `seed`.
        seed: of the shuffling; drawn from Python's `random` if None.
        preferred_backend: taken as in Keras, and without effect.

    Returns:
        Two `Batches`, of single samples where `dataset` has no batches: `left.batch(32)`.

    Raises:
        UsageError, UsageTypeError: for sizes that do not fit, and what is no data set.

    Example:
        >>> left, right = split_dataset(np.arange(10), left_size=0.8)
        >>> [int(x) for x in right]
        [8, 9]
    """
    if left_size is None and right_size is None:
        raise _error("give left_size or right_size: split_dataset(x, left_size=0.8).")
    whole = _batches(dataset)
    left, right = _sizes(left_size, right_size, whole.rows)
    order = list(range(whole.rows))
    if shuffle:
        random.Random(random.randint(0, 1_000_000) if seed is None else int(seed)).shuffle(order)
    numbers = np.array(order)
    return _part(whole, numbers[:left]), _part(whole, numbers[-right:])


def _part(whole: Batches, numbers: np.ndarray) -> Batches:
    """The samples of these numbers, in the same kind of batches."""
    part, read = copy.copy(whole), whole.read
    part.rows, part.read = len(numbers), lambda rows: read(numbers[rows])
    if whole.file_paths is not None:
        part.file_paths = [whole.file_paths[i] for i in numbers]
    return part


def _batches(dataset: Any) -> Batches:
    if isinstance(dataset, Batches):
        return dataset
    if isinstance(dataset, (list, tuple, Mapping)) or hasattr(dataset, "shape"):
        return _of_arrays(dataset)
    if not hasattr(dataset, "__len__") or not hasattr(dataset, "__getitem__"):
        raise UsageTypeError(
            "E-SPLITTING",
            f"dataset must be arrays or Batches; got {shown(dataset)}. What is read once is put "
            "together first: np.concatenate(list(batches)).",
        )

    def read(rows: np.ndarray) -> Any:
        samples = [dataset[int(i)] for i in rows]
        return tree.map_structure(lambda *leaves: np.stack(leaves), *samples)

    return Batches(_checked(len(dataset)), read, None)


def _of_arrays(dataset: Any) -> Batches:
    if isinstance(dataset, (list, tuple)):
        wrong = next((i for i, a in enumerate(dataset) if not hasattr(a, "shape")), None)
        if wrong is not None:
            raise UsageTypeError(
                "E-SPLITTING",
                f"dataset[{wrong}] is {shown(dataset[wrong])}; expected arrays. For one array: "
                "split_dataset(np.array(x), …).",
            )
        dataset = tuple(dataset)
    arrays = tree.map_structure(np.asarray, dataset)
    lengths = {len(a) if a.ndim else 0 for a in tree.leaves(arrays)}
    if len(lengths) > 1:
        listed = ", ".join(str(a.shape) for a in tree.leaves(arrays))
        raise _error(f"arrays of dataset differ in their first axis: {listed}.")

    def read(rows: np.ndarray) -> Any:
        return tree.map_structure(lambda a: a[rows], arrays)

    return Batches(_checked(max(lengths, default=0)), read, None)


def _checked(rows: int) -> int:
    if rows < 2:
        raise _error(f"dataset has {rows} samples; two parts need 2 at least.")
    return rows


def _sizes(left: Any, right: Any, rows: int) -> tuple[int, int]:
    """Samples of each part. Raises UsageError where they do not fit."""
    found = [_size(name, size, rows) for name, size in (("left", left), ("right", right))]
    first = rows - (found[1] or 0) if found[0] is None else found[0]
    second = rows - first if found[1] is None else found[1]
    if first < 1 or second < 1:
        raise _error(f"of {rows} samples {first} would be left and {second} right; both need one.")
    if first + second > rows:
        raise _error(f"left_size and right_size are {first} and {second} of {rows} samples.")
    return first, second


def _size(name: str, size: Any, rows: int) -> int | None:
    if size is None:
        return None
    if isinstance(size, bool) or not isinstance(size, (*WHOLE, *SHARE)):
        raise UsageTypeError(
            "E-SPLITTING", f"{name}_size must be a number of samples or a share; got {shown(size)}."
        )
    share = isinstance(size, SHARE)
    if not 0 < size < (1 if share else rows):
        raise _error(
            f"{name}_size must be from 1 to {rows - 1}, or a share between 0.0 and 1.0; got "
            f"{shown(size)}."
        )
    return round(float(size) * rows) if share else int(size)


def _error(message: str) -> UsageError:
    return UsageError("E-SPLITTING", message)


def pack_x_y_sample_weight(x: Any, y: Any = None, sample_weight: Any = None) -> Any:
    """`x`, `(x, y)` or `(x, y, sample_weight)`, as `fit` takes batches; `(x,)` for a list x."""
    if sample_weight is not None:
        return x, y, sample_weight
    if y is not None:
        return x, y
    return (x,) if isinstance(x, (list, tuple)) else x


def unpack_x_y_sample_weight(data: Any) -> tuple[Any, Any, Any]:
    """x, y and sample_weight of a batch, None for what it has not. Raises UsageError."""
    if not isinstance(data, (list, tuple)):
        return data, None, None
    if not 1 <= len(data) <= 3:
        raise UsageError(
            "E-YIELD",
            f"a batch is x, (x,), (x, y) or (x, y, sample_weight); got {len(data)} items.",
        )
    x, y, weight = (*data, None, None)[:3]
    return x, y, weight
