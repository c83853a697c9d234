"""What scripts took from `keras.engine.training`: batches by number, and slices of arrays."""

from typing import Any

import numpy as np

from cornu.dialects.generic_utils import slice_arrays
from cornu.errors import warn

__all__ = ["batch_shuffle", "make_batches", "multi_gpu_model", "slice_X", "slice_arrays"]

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


def multi_gpu_model(
    model: Any, gpus: Any = None, cpu_merge: bool = True, cpu_relocation: bool = False
) -> Any:
    """The model itself, with a warning: the same results, on one device."""
    warn("multi_gpu_model gives the model itself: it computes the same, on one device.")
    return model
