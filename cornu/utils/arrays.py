"""Labels and rows of NumPy arrays."""

from typing import Any

import numpy as np

from cornu.errors import UsageError, shown


def to_categorical(x: Any, num_classes: int | None = None) -> np.ndarray:
    """Class numbers as one-hot rows.

    Args:
        x: whole numbers from 0, of any shape; a last axis of 1 is dropped.
        num_classes: number of columns; one more than the largest label by default.

    Returns:
        float32 array of shape `(*x.shape, num_classes)`.

    Raises:
        UsageError: for a label that does not fit.
    """
    labels = np.asarray(x)
    whole = labels.dtype.kind in "iub"
    if not whole and (labels.dtype.kind != "f" or not np.array_equal(labels, np.floor(labels))):
        raise UsageError(
            "E-LABELS",
            f"to_categorical takes whole numbers from 0; got {shown(labels)}. For names: "
            "classes, x = np.unique(x, return_inverse=True).",
        )
    labels = labels.astype(np.int64)
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels[..., 0]
    if labels.size and labels.min() < 0:
        raise UsageError("E-LABELS", f"label {labels.min()} is negative; labels begin at 0.")
    counts = isinstance(num_classes, (int, np.integer)) and not isinstance(num_classes, bool)
    if num_classes is not None and (not counts or num_classes < 1):
        raise UsageError(
            "E-LABELS",
            f"num_classes must be a whole number above 0, or None; got {shown(num_classes)}.",
        )
    if num_classes is None:
        num_classes = int(labels.max()) + 1 if labels.size else 0
    bad = labels[labels >= num_classes]
    if bad.size:
        raise UsageError(
            "E-LABELS",
            f"label {bad[0]} does not fit num_classes={num_classes}. Use "
            f"num_classes={labels.max() + 1}, or leave it out.",
        )
    rows = np.zeros((labels.size, num_classes), "float32")
    rows[np.arange(labels.size), labels.ravel()] = 1.0
    return rows.reshape(*labels.shape, num_classes)


def normalize(x: Any, axis: int = -1, order: int = 2) -> np.ndarray:
    """`x` divided by its norm of `order` along `axis`; rows of zeros stay zeros."""
    x = np.asarray(x)
    norm = np.linalg.norm(x, order, axis, keepdims=True)
    return x / np.where(norm == 0, 1, norm)
