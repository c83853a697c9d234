"""MNIST: 70,000 handwritten digits of 28 by 28 pixels (Y. LeCun, C. Cortes; CC BY-SA 3.0)."""

import os

import numpy as np

from cornu.datasets.containers import error_of, read_npz, read_pickle, wanted
from cornu.datasets.fetching import fetched, older

__all__ = ["load_data"]

Part = tuple[np.ndarray, np.ndarray]
NAMES = ("x_train", "y_train", "x_test", "y_test")


def load_data(path: str | os.PathLike[str] = "mnist.npz") -> tuple[Part, Part]:
    """The digits as `(x_train, y_train), (x_test, y_test)`; 11 MB are downloaded once.

    Args:
        path: name of the file in `~/.keras/datasets`, or the path of one that is elsewhere.
            `mnist.pkl.gz` of Keras 0 and 1 is read too.

    Returns:
        `x`: uint8 (60000 and 10000, 28, 28), 0 paper to 255 ink; `y`: uint8, the digits 0 to 9.

    Raises:
        UsageError: where the file does not come, or is another.
    """
    old = older(path, "mnist.npz", "mnist.pkl.gz")
    if old is None:
        file = fetched("mnist.npz", None if str(path).endswith(".pkl.gz") else path)
        x, y, x_test, y_test = wanted(read_npz(file), NAMES, file)
        return (x, y), (x_test, y_test)
    parts = read_pickle(old)
    if not _are_pairs(parts):
        raise error_of(old, "is no MNIST of Keras: it holds no two pairs of images and labels")
    return parts[0], parts[1]


def _are_pairs(parts: object) -> bool:
    return (
        isinstance(parts, (tuple, list))
        and len(parts) == 2
        and all(isinstance(part, tuple) and len(part) == 2 for part in parts)
        and all(isinstance(array, np.ndarray) and array.ndim for part in parts for array in part)
        and all(len(x) == len(y) for x, y in parts)
    )
