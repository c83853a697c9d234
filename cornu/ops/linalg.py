"""Ops of linear algebra, over the last two axes. Names and arguments are those of `keras.ops`."""

from collections.abc import Sequence
from typing import Any

from cornu import engine
from cornu.graph import op
from cornu.ops.array import as_float

__all__ = ["cholesky", "det", "eigh", "inv", "norm", "qr", "solve", "svd", "trace"]


@op
def norm(
    x: Any, ord: Any = None, axis: int | Sequence[int] | None = None, keepdims: bool = False
) -> Any:
    """A norm of vectors (one axis) or matrices (two): Euclid's or Frobenius's by default."""
    axis = tuple(axis) if isinstance(axis, list) else axis
    return engine.np.linalg.norm(as_float(x), ord, axis, keepdims)


@op
def cholesky(x: Any, upper: bool = False) -> Any:
    """The lower triangular L with L Lᵀ = x, or its transpose with `upper`."""
    lower = engine.np.linalg.cholesky(as_float(x))
    return engine.np.swapaxes(lower, -1, -2) if upper else lower


@op
def det(x: Any) -> Any:
    """The determinant."""
    return engine.np.linalg.det(as_float(x))


@op
def eigh(x: Any) -> tuple:
    """Ascending eigenvalues of a symmetric matrix, and its eigenvectors as columns."""
    values, vectors = engine.np.linalg.eigh(as_float(x))
    return values, vectors


@op
def inv(x: Any) -> Any:
    """The inverse."""
    return engine.np.linalg.inv(as_float(x))


@op
def qr(x: Any, mode: str = "reduced") -> tuple:
    """Q with orthonormal columns and upper triangular R with Q R = x; `mode` may be "complete"."""
    q, r = engine.np.linalg.qr(as_float(x), mode)
    return q, r


@op
def solve(a: Any, b: Any) -> Any:
    """x with a x = b; `b` is (..., n) for one right side, (..., n, k) for many."""
    a, b = as_float(a), as_float(b)
    if b.ndim == a.ndim - 1:
        return engine.np.linalg.solve(a, b[..., None])[..., 0]
    return engine.np.linalg.solve(a, b)


@op
def svd(x: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """U, descending s and Vᵀ with U diag(s) Vᵀ = x; only s without `compute_uv`."""
    found = engine.np.linalg.svd(as_float(x), full_matrices, compute_uv)
    return tuple(found) if compute_uv else found


@op
def trace(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The sum of diagonals over two axes."""
    return engine.np.trace(as_float(x), offset, axis1, axis2)
