"""`keras.utils.np_utils` and `keras.utils.conv_utils`: small functions on arrays and on sizes."""

from typing import Any

import numpy as np

from cornu.dialects import generations
from cornu.dialects.backend_state import data_format_of, normalize_data_format
from cornu.errors import UsageError, listed, shown, suggestion
from cornu.utils import arrays

__all__ = [
    "accuracy",
    "binary_logloss",
    "categorical_probas_to_classes",
    "conv_input_length",
    "conv_output_length",
    "convert_kernel",
    "deconv_length",
    "multiclass_logloss",
    "normalize_data_format",
    "normalize_padding",
    "normalize_tuple",
    "pool_output_length",
    "probas_to_classes",
    "to_categorical",
]

PADDINGS = ("causal", "full", "same", "valid")

# ---------------------------------------------------------------- classes and scores


def to_categorical(
    y: Any = None,
    num_classes: int | None = None,
    dtype: Any = None,
    *,
    nb_classes: int | None = None,
    x: Any = None,
) -> np.ndarray:
    """Class numbers as one-hot rows (batch, classes): float32, or float64 before Keras 2.2.

    `x` and `nb_classes` are other names of `y` and `num_classes`. Raises UsageError for a label
    that does not fit.
    """
    rows = arrays.to_categorical(x if y is None else y, nb_classes or num_classes)
    if dtype is None:
        dtype = "float64" if generations.before("2.2") else "float32"
    return rows.astype(dtype, copy=False)


to_categorical.stands_for = arrays.to_categorical  # pyright: ignore[reportFunctionMemberAccess]


def probas_to_classes(y_pred: Any) -> np.ndarray:
    """Class numbers (batch,) of probabilities: (batch, classes), or (batch,) or (batch, 1) of 1."""
    p = np.asarray(y_pred)
    if p.ndim > 1 and p.shape[1] > 1:
        return categorical_probas_to_classes(p)
    return (p.reshape(len(p)) > 0.5).astype(int)


def categorical_probas_to_classes(p: Any) -> np.ndarray:
    """Class numbers (batch,) of probabilities (batch, classes)."""
    return np.argmax(p, axis=1)


def accuracy(p: Any, y: Any) -> float:
    """The share of entries that are equal."""
    return float(np.mean(np.asarray(p) == np.asarray(y)))


def binary_logloss(p: Any, y: Any) -> float:
    """`-mean(y log(p) + (1 - y) log(1 - p))`, with p within 1e-15 of 0 and 1 cut off."""
    p, y = np.clip(np.asarray(p, float), 1e-15, 1 - 1e-15), np.asarray(y, float)
    return float(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)))


def multiclass_logloss(P: Any, Y: Any) -> float:
    """`-mean(log(P[i, Y[i] - 1]))`: P are probabilities (batch, classes), Y counts from 1."""
    P, Y = np.asarray(P, float), np.asarray(Y, int)
    return float(-np.mean(np.log(P[np.arange(len(Y)), Y - 1])))


# ---------------------------------------------------------------- kernels and lengths


def convert_kernel(kernel: Any, dim_ordering: str | None = "channels_last") -> np.ndarray:
    """A convolution's kernel turned around in space, as between Theano and TensorFlow.

    Shape (*window, input channels, filters), or with "th" (filters, input channels, *window).
    Raises UsageError for a kernel that is no convolution's.
    """
    k = np.asarray(kernel)
    if not 3 <= k.ndim <= 5:
        raise UsageError(
            "E-SHAPE", f"a kernel of a convolution has 3 to 5 axes; got {shown(kernel)}."
        )
    first = 2 if data_format_of(dim_ordering) == "channels_first" else 0
    return np.flip(k, axis=tuple(range(first, first + k.ndim - 2))).copy()


def conv_output_length(
    input_length: int | None, filter_size: int, padding: str, stride: int, dilation: int = 1
) -> int | None:
    """How many steps a convolution makes along one axis; None of None. Raises UsageError."""
    if input_length is None:
        return None
    window = filter_size + (filter_size - 1) * (dilation - 1)
    rest = {"valid": 1 - window, "full": window - 1}.get(normalize_padding(padding), 0)
    return -(-(input_length + rest) // stride)


def pool_output_length(
    input_length: int | None, pool_size: int, ignore_border: bool, stride: int
) -> int | None:
    """How many windows pooling takes along one axis, as Keras 0.2 counted; None of None."""
    if input_length is None:
        return None
    last = input_length - pool_size if ignore_border else input_length - 1
    return max(last // stride + 1, 0)


def conv_input_length(
    output_length: int | None, filter_size: int, padding: str, stride: int
) -> int | None:
    """The least input that gives a convolution so many steps; None of None. Raises UsageError."""
    if output_length is None:
        return None
    return (output_length - 1) * stride - 2 * _margin(padding, filter_size) + filter_size


def deconv_length(
    dim_size: int | None,
    stride_size: int,
    kernel_size: int,
    padding: str,
    output_padding: int | None = None,
    dilation: int = 1,
) -> int | None:
    """The length that a transposed convolution gives; None of None. Raises UsageError."""
    if dim_size is None:
        return None
    window = kernel_size + (kernel_size - 1) * (dilation - 1)
    if output_padding is not None:
        covered = (dim_size - 1) * stride_size + window - 2 * _margin(padding, window)
        return covered + output_padding
    spread = dim_size * stride_size
    more = {"valid": max(window - stride_size, 0), "full": 2 - stride_size - window}
    return spread + more.get(normalize_padding(padding), 0)


def _margin(padding: str, window: int) -> int:
    return {"same": window // 2, "full": window - 1}.get(normalize_padding(padding), 0)


def normalize_padding(value: Any) -> str:
    """A padding's name in small letters. Raises UsageError for an unknown one."""
    found = str(value).lower()
    if found not in PADDINGS:
        raise UsageError(
            "E-CHOICE",
            f"padding must be one of {listed(PADDINGS)}; got {shown(value)}. "
            f"{suggestion(found, PADDINGS)}".rstrip(),
        )
    return found


def normalize_tuple(value: Any, n: int, name: str) -> tuple[int, ...]:
    """`n` whole numbers from one, or from a sequence of n. Raises UsageError otherwise."""
    if isinstance(value, int):
        return (value,) * n
    found = tuple(value) if isinstance(value, (list, tuple, np.ndarray)) else ()
    if len(found) != n or not all(hasattr(v, "__index__") for v in found):
        raise UsageError(
            "E-SIZE", f"{name} must be a whole number or {n} of them; got {shown(value)}."
        )
    return tuple(int(v) for v in found)
