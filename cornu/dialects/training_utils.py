"""What scripts took from `keras.engine.training`: batches by number, and slices of arrays."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from cornu.dialects.generic_utils import slice_arrays
from cornu.errors import warn

__all__ = [
    "batch_shuffle",
    "is_generator_or_sequence",
    "is_sequence",
    "iter_sequence_infinite",
    "make_batches",
    "multi_gpu_model",
    "slice_X",
    "slice_arrays",
]

slice_X = slice_arrays


def make_batches(size: int, batch_size: int) -> list[tuple[int, int]]:
    """The rows of each batch, `(first, after the last)`; the last batch may be smaller."""
    return [(first, min(first + batch_size, size)) for first in range(0, size, batch_size)]


def batch_shuffle(index_array: Any, batch_size: int) -> np.ndarray:
    """Numbers of rows with whole batches in another order, and the rest after them."""
    numbers = np.asarray(index_array)
    whole = len(numbers) // batch_size * batch_size
    batches = numbers[:whole].reshape(-1, batch_size)
    return np.concatenate([np.random.permutation(batches).ravel(), numbers[whole:]])


def is_sequence(seq: Any) -> bool:
    """Whether batches are asked for by number, as of a `Sequence`."""
    return all(hasattr(seq, name) for name in ("__getitem__", "__len__", "on_epoch_end"))


def is_generator_or_sequence(x: Any) -> bool:
    """Whether something yields batches, or gives them by number."""
    return is_sequence(x) or isinstance(x, Iterator)


def iter_sequence_infinite(seq: Any) -> Iterator[Any]:
    """The batches of a `Sequence`, again and again."""
    while True:
        for i in range(len(seq)):
            yield seq[i]


def multi_gpu_model(
    model: Any, gpus: Any = None, cpu_merge: bool = True, cpu_relocation: bool = False
) -> Any:
    """The model itself, with a warning: the same results, on one device."""
    warn("multi_gpu_model gives the model itself: it computes the same, on one device.")
    return model
