"""`keras.utils.theano_utils` of Keras 0.1 and 0.2: shared variables and symbols, before K."""

from typing import Any

import numpy as np

from cornu import engine
from cornu.dialects.backend_tensors import placeholder, variable
from cornu.graph import Tensor
from cornu.settings import floatx
from cornu.state import Variable

__all__ = [
    "alloc_zeros_matrix",
    "floatX",
    "ndim_tensor",
    "on_gpu",
    "sharedX",
    "shared_ones",
    "shared_scalar",
    "shared_zeros",
]


def floatX(X: Any) -> np.ndarray:
    """An array of the numbers that are computed with."""
    return np.asarray(X, floatx())


def sharedX(X: Any, dtype: str | None = None, name: str | None = None) -> Variable:
    """A Variable of these values."""
    return variable(np.asarray(X, dtype or floatx()), dtype or floatx(), name)


def shared_zeros(shape: Any, dtype: str | None = None, name: str | None = None) -> Variable:
    """A Variable of zeros."""
    return sharedX(np.zeros(shape), dtype, name)


def shared_ones(shape: Any, dtype: str | None = None, name: str | None = None) -> Variable:
    """A Variable of ones."""
    return sharedX(np.ones(shape), dtype, name)


def shared_scalar(val: float = 0.0, dtype: str | None = None, name: str | None = None) -> Variable:
    """A Variable of one number."""
    return sharedX(val, dtype, name)


def alloc_zeros_matrix(*dims: Any) -> Any:
    """An array of zeros of shape `dims`."""
    return engine.np.zeros(dims, floatx())


def ndim_tensor(ndim: int) -> Tensor:
    """A symbol with so many axes, of any sizes."""
    return placeholder(ndim=ndim)


def on_gpu() -> bool:
    """Whether a GPU computes."""
    return any(text.startswith(("gpu", "cuda", "rocm")) for text in engine.devices())
