"""What `ImageDataGenerator.fit` learns: the mean, deviation and whitening of pictures."""

from typing import Any

import numpy as np

ROWS_AT_ONCE = 4096


def learn(generator: Any, images: np.ndarray) -> None:
    """Set `mean`, `std` and `zca_whitening_matrix`, as far as asked for. `images` is changed."""
    axes = (0, generator.row_axis, generator.col_axis)
    shape = [1, 1, 1]
    shape[generator.channel_axis - 1] = images.shape[generator.channel_axis]
    if generator.featurewise_center:
        mean = images.mean(axes, dtype="float64")
        generator.mean = mean.reshape(shape).astype(images.dtype)
        images -= generator.mean
    if generator.featurewise_std_normalization:
        std = images.std(axes, dtype="float64")
        generator.std = std.reshape(shape).astype(images.dtype)
        images /= generator.std + 1e-6
    if generator.zca_whitening:
        flat = images.reshape(len(images), -1)
        generator.zca_whitening_matrix = whitening(flat, generator.zca_epsilon)


def whitening(rows: np.ndarray, epsilon: float) -> np.ndarray:
    """The matrix (numbers, numbers), float64, that makes rows of numbers independent.

    `U diag(sqrt(count) / (s + epsilon)) Uᵀ`, with U and s of the singular value decomposition of
    the centred rows. Krizhevsky, "Learning multiple layers of features from tiny images", 2009.
    """
    count, numbers = rows.shape
    if count <= numbers:
        basis, scales, _ = np.linalg.svd(rows.T.astype("float64"), full_matrices=False)
    else:  # by eigenvalues: much less work where there are many rows
        products = np.zeros((numbers, numbers))
        for first in range(0, count, ROWS_AT_ONCE):
            some = rows[first : first + ROWS_AT_ONCE].astype("float64")
            products += some.T @ some
        squares, basis = np.linalg.eigh(products)
        scales = np.sqrt(np.maximum(squares, 0))
    return (basis * (np.sqrt(count) / (scales + epsilon))) @ basis.T
