"""Ops of linear algebra, over the last two axes. Names and arguments are those of `keras.ops`."""

from collections.abc import Sequence
from typing import Any

from cornu import engine
from cornu.graph import op
from cornu.ops.array import as_array, as_float

__all__ = [
    "cholesky",
    "cholesky_inverse",
    "cross",
    "det",
    "eig",
    "eigh",
    "inner",
    "inv",
    "kron",
    "logdet",
    "lstsq",
    "lu_factor",
    "matrix_rank",
    "norm",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "solve_triangular",
    "svd",
    "trace",
    "vdot",
]


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
def slogdet(x: Any) -> tuple:
    """The sign of the determinant, and the logarithm of its absolute value."""
    sign, size = engine.np.linalg.slogdet(as_float(x))
    return sign, size


@op
def logdet(x: Any) -> Any:
    """The logarithm of the determinant of a positive definite matrix."""
    return slogdet(x)[1]


@op
def matrix_rank(x: Any, tol: Any = None) -> Any:
    """How many singular values lie above `tol`, in int32.

    `tol` is the largest one times the longer side times the dtype's precision by default.
    """
    x = as_float(x)
    s = engine.np.linalg.svd(x, compute_uv=False)
    if tol is None:
        least = max(x.shape[-2:]) * float(engine.np.finfo(x.dtype).eps)
        tol = engine.np.max(s, -1, keepdims=True) * least
    else:
        tol = as_array(tol)[..., None]
    return engine.np.sum(s > tol, -1, dtype="int32")


@op
def eig(x: Any) -> tuple:
    """Eigenvalues of a square matrix in no order, and its eigenvectors as columns; both complex."""
    values, vectors = engine.np.linalg.eig(as_float(x))
    return values, vectors


@op
def eigh(x: Any) -> tuple:
    """Ascending eigenvalues of a symmetric matrix, and its eigenvectors as columns."""
    values, vectors = engine.np.linalg.eigh(as_float(x))
    return values, vectors


@op
def lu_factor(x: Any) -> tuple:
    """L and U of P x = L U in one matrix, and the int32 row that each row was exchanged with.

    L has ones on its diagonal, which are left out.
    """
    return engine.lu_factor(as_float(x))


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
def solve_triangular(a: Any, b: Any, lower: bool = False) -> Any:
    """x with a x = b for an upper (or `lower`) triangular `a`; its other half is not read.

    `b` is (..., n) for one right side, (..., n, k) for many.
    """
    a, b = as_float(a), as_float(b)
    if b.ndim == a.ndim - 1:
        return engine.solve_triangular(a, b[..., None], lower)[..., 0]
    return engine.solve_triangular(a, b, lower)


@op
def cholesky_inverse(x: Any, upper: bool = False) -> Any:
    """The inverse of the matrix whose Cholesky factor is `x`: of x xᵀ, or with `upper` of xᵀ x."""
    x = as_float(x)
    unit = engine.np.broadcast_to(engine.np.eye(x.shape[-1], dtype=x.dtype), x.shape)
    half = engine.solve_triangular(x, unit, not upper)
    turned = engine.np.swapaxes(half, -1, -2)
    return engine.matmul(half, turned) if upper else engine.matmul(turned, half)


@op
def pinv(x: Any, rcond: Any = None) -> Any:
    """The Moore-Penrose inverse; singular values up to `rcond` times the largest count as 0."""
    return engine.np.linalg.pinv(as_float(x), rcond)


@op
def lstsq(a: Any, b: Any, rcond: float | None = None) -> Any:
    """The shortest x with least |a x - b|, for (m, n) and (m,) or (m, k).

    Singular values of `a` up to `rcond` times the largest count as 0.
    """
    return engine.np.linalg.lstsq(as_float(a), as_float(b), rcond)[0]


@op
def svd(x: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """U, descending s and Vᵀ with U diag(s) Vᵀ = x; only s without `compute_uv`."""
    found = engine.np.linalg.svd(as_float(x), full_matrices, compute_uv)
    return tuple(found) if compute_uv else found


# ---------------------------------------------------------------- products


@op
def inner(x1: Any, x2: Any) -> Any:
    """Sums of products over the last axis of both; plain numbers multiply."""
    return engine.np.inner(as_array(x1), as_array(x2))


@op
def vdot(x1: Any, x2: Any) -> Any:
    """The sum of products of two arrays as vectors, the first one conjugated."""
    return engine.np.vdot(as_array(x1), as_array(x2))


@op
def kron(x1: Any, x2: Any) -> Any:
    """Kronecker's product: every element of `x1` times all of `x2`, laid out as blocks."""
    return engine.np.kron(as_array(x1), as_array(x2))


@op
def cross(
    x1: Any, x2: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None
) -> Any:
    """The vector product of vectors of 3 numbers; of 2, the third of the product alone.

    The vectors lie along `axisa`, `axisb` and in the result `axisc`; `axis` stands for all three.
    """
    return engine.np.cross(as_array(x1), as_array(x2), axisa, axisb, axisc, axis)


@op
def trace(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The sum of diagonals over two axes."""
    return engine.np.trace(as_array(x), offset, axis1, axis2)
