"""Arrays of other libraries as NumPy arrays: data frames, series, tensors. None is imported."""

from typing import Any

import numpy as np

from cornu.errors import UsageTypeError


def plain(value: Any) -> Any:
    """`value` as NumPy reads it at once, where it is of another library; else as it is."""
    if isinstance(value, np.ndarray):
        return value
    if hasattr(value, "to_numpy"):
        return _frame(value)
    if hasattr(value, "detach") and hasattr(value, "cpu"):
        return _tensor(value)
    return _refuse_sparse(value)


def _frame(value: Any) -> Any:
    """A data frame or series; one of numbers and truth values is no array of objects."""
    array = value.to_numpy()
    if array.dtype.kind != "O" or array.ndim != 2 or not hasattr(value, "columns"):
        return array
    columns = [np.asarray(value[name].to_numpy()) for name in value.columns]
    numbers = all(column.dtype.kind in "biuf" for column in columns)
    return np.stack(columns, -1).astype("float64") if numbers else array


def _tensor(value: Any) -> Any:
    """A tensor of torch, wherever it lies and whatever made it."""
    found = value.detach()
    if getattr(found, "is_sparse", False):
        found = found.to_dense()
    found = found.cpu()
    if str(found.dtype) == "torch.bfloat16":
        found = found.float()
    return found.numpy()


def _refuse_sparse(value: Any) -> Any:
    if type(value).__name__ == "SparseTensor" and hasattr(value, "dense_shape"):
        raise UsageTypeError(
            "E-SPARSE",
            f"x is a SparseTensor of shape {tuple(value.shape)}. Pass tf.sparse.to_dense(x), or a "
            "matrix of scipy.sparse, which is written out a few batches at a time.",
        )
    return value
