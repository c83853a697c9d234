"""Rows of the engine contract: a function, arguments, and what float64 NumPy makes of them."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from contracts.checks import convolve, pooled, spread
from contracts.draws import apart, some


class Row(NamedTuple):
    """`member(*args)` must equal `reference(*args)`; `wrt`: arguments it is differentiated by."""

    member: str
    args: tuple
    reference: Callable
    wrt: tuple[int, ...] = ()

    @property
    def label(self) -> str:
        words = [self.member]
        for x in self.args:
            words.append("x".join(map(str, x.shape)) if isinstance(x, np.ndarray) else repr(x))
        return "-".join(words).replace(" ", "")


def _slice(x: np.ndarray, starts: tuple, sizes: tuple) -> np.ndarray:
    return x[tuple(np.s_[a : a + n] for a, n in zip(starts, sizes, strict=True))]


def _put_slice(x: np.ndarray, update: np.ndarray, starts: tuple) -> np.ndarray:
    x = x.copy()
    x[tuple(np.s_[a : a + n] for a, n in zip(starts, update.shape, strict=True))] = update
    return x


def _rows(x: np.ndarray, where: np.ndarray) -> np.ndarray:
    return np.stack([x[min(max(i, 0), len(x) - 1)] for i in where])


def _put_at(x: np.ndarray, indices: np.ndarray, values: np.ndarray, add: bool = False) -> Any:
    x = x.copy()
    for i, value in zip(indices, values, strict=True):
        x[i] = x[i] + value if add else value
    return x


def _segment_sum(x: np.ndarray, segments: np.ndarray, count: int) -> np.ndarray:
    return np.stack([sum(x[segments == s], np.zeros(x.shape[1:])) for s in range(count)])


def _top_k(x: np.ndarray, k: int) -> tuple:
    order = np.argsort(-x, -1, kind="stable")[..., :k]
    return np.take_along_axis(x, order, -1), order


_IDS = np.array([0, 2, 0, 1, 2])


def _segment_reduce(x: np.ndarray, segments: np.ndarray, count: int, mode: str) -> np.ndarray:
    reduce = {"max": np.max, "min": np.min, "prod": np.prod}[mode]
    return np.stack([reduce(x[segments == s], 0) for s in range(count)])


def _erfinv_of_three(x: np.ndarray) -> np.ndarray:
    """erf(0.5) = 0.5204998778 and erf(1) = 0.8427007929 (NIST DLMF 7)."""
    return np.array([0.5, 0, -1])


def _eliminated(x: np.ndarray) -> tuple:
    """Rows of [[1, 2], [4, 3]] exchanged: 1 / 4 is left of 2 - 3 / 4."""
    return np.array([[4, 3], [0.25, 1.25]]), np.array([1, 1])


def _logsumexp(x: np.ndarray, axis: Any = None, keepdims: bool = False) -> Any:
    top = np.max(x, axis, keepdims=True)
    total = np.log(np.sum(np.exp(x - top), axis, keepdims=True)) + top
    return total if keepdims else np.squeeze(total, axis)


def _conv_transpose(
    x: np.ndarray, kernel: np.ndarray, strides: tuple, padding: Any, dilation: tuple
) -> np.ndarray:
    """`padding` surrounds the spread-out input: window - 1 on each side gives all of the output."""
    reach = [d * (k - 1) + 1 for d, k in zip(dilation, kernel.shape, strict=False)]
    before = [r - 1 - p[0] for r, p in zip(reach, padding, strict=True)]
    sizes = [
        (n - 1) * s + 2 - r + sum(p)
        for n, s, r, p in zip(x.shape[1:-1], strides, reach, padding, strict=True)
    ]
    return spread(x, kernel, strides, dilation, before, sizes)


def _conv(shape: tuple, window: tuple, *options: Any) -> Row:
    return Row("conv", (some(*shape), some(*window), *options), convolve, (0, 1))


def _transposed(shape: tuple, window: tuple, *options: Any) -> Row:
    args = (some(*shape), some(*window), *options)
    return Row("conv_transpose", args, _conv_transpose, (0, 1))


def _pool(shape: tuple, *options: Any) -> Row:
    return Row("pool", (apart(*shape), *options), pooled, (0,))


ROWS = (
    Row("cast", (some(3), "float16"), lambda x, _: x.astype("float16")),
    Row("cast", (np.array([0.0, 1.7, -1.7], "float32"), "int32"), lambda x, _: np.trunc(x)),
    Row("matmul", (some(2, 3), some(3, 4)), np.matmul, (0, 1)),
    Row("matmul", (some(5, 1, 2, 3), some(4, 3, 2)), np.matmul, (0, 1)),
    Row("matmul", (some(3), some(3, 2)), np.matmul, (0, 1)),
    _conv((2, 7, 3), (3, 3, 4), (1,), "VALID", (1,), 1),
    _conv((2, 8, 4), (3, 2, 6), (2,), "SAME", (1,), 2),
    _conv((1, 9, 2), (3, 2, 2), (1,), [(4, 0)], (2,), 1),
    _conv((2, 6, 7, 2), (3, 2, 2, 3), (2, 1), "VALID", (1, 1), 1),
    _conv((1, 7, 6, 3), (3, 3, 3, 2), (1, 1), "SAME", (2, 1), 1),
    _conv((1, 6, 5, 3), (4, 3, 3, 2), (3, 2), "SAME", (1, 1), 1),
    _conv((1, 5, 5, 4), (2, 2, 1, 8), (1, 1), "SAME", (1, 1), 4),
    _conv((1, 4, 4, 3), (1, 1, 3, 2), (1, 1), "VALID", (1, 1), 1),
    _conv((1, 4, 5, 4, 2), (2, 3, 2, 2, 3), (1, 2, 1), "SAME", (1, 1, 1), 1),
    _transposed((2, 4, 3), (3, 2, 3), (2,), [(2, 2)], (1,)),
    _transposed((1, 3, 4, 2), (3, 2, 3, 2), (2, 1), [(1, 2), (1, 0)], (1, 1)),
    _transposed((1, 3, 3, 2), (2, 3, 1, 2), (1, 2), [(2, 1), (0, 3)], (2, 1)),
    _transposed((1, 2, 3, 2, 2), (2, 2, 2, 1, 2), (1, 2, 1), [(1, 1)] * 3, (1, 1, 1)),
    _pool((2, 7, 3), "max", (3,), (2,), "VALID"),
    _pool((2, 7, 3), "average", (3,), (2,), "SAME"),
    _pool((1, 5, 6, 2), "max", (2, 3), (2, 2), "SAME"),
    _pool((1, 5, 6, 2), "average", (2, 3), (1, 2), "VALID"),
    _pool((1, 4, 4, 3, 2), "max", (2, 2, 2), (2, 2, 1), "VALID"),
    _pool((1, 3, 4, 3, 1), "average", (2, 2, 2), (2, 2, 2), "SAME"),
    Row("erf", (some(9),), np.vectorize(math.erf), (0,)),
    Row("sigmoid", (some(9),), lambda x: 1 / (1 + np.exp(-x)), (0,)),
    Row("erfc", (some(9) * 3,), np.vectorize(math.erfc), (0,)),
    Row("erfinv", (np.array([0.5204998778, 0, -0.8427007929], "float32"),), _erfinv_of_three),
    Row("complex", (some(3), some(3)), lambda x, y: x + 1j * y),
    Row("lu_factor", (np.array([[1, 2], [4, 3]], "float32"),), _eliminated),
    Row(
        "solve_triangular",
        (some(3, 3) + 3 * np.eye(3, dtype="float32"), some(3, 2), True),
        lambda a, b, lower: np.linalg.solve(np.tril(a), b),
        (0, 1),
    ),
    Row("logsumexp", (some(3, 4),), _logsumexp, (0,)),
    Row("logsumexp", (some(3, 4) * 50, 1, True), _logsumexp, (0,)),
    Row("logsumexp", (np.array([[1e4, 1e4], [-1e4, -1e4]], "float32"), -1), _logsumexp),
    Row("slice", (some(4, 5), (1, 2), (2, 3)), _slice, (0,)),
    Row("put_slice", (some(4, 5), some(2, 3), (1, 2)), _put_slice, (0, 1)),
    Row("rows", (some(4, 2), np.array([2, 0, 3, 9, -1], "int32")), _rows),
    Row("rows", (some(4, 2), np.array([2, 0])), _rows),
    Row("put_at", (some(4, 2), np.array([2, 0]), some(2, 2)), _put_at, (0, 2)),
    Row("put_at", (some(4, 2), np.array([2, 0, 2]), some(3, 2), True), _put_at, (0, 2)),
    Row("segment_sum", (some(5, 2), np.array([0, 2, 0, 3, 2]), 4), _segment_sum, (0,)),
    Row("segment_reduce", (apart(5, 2), _IDS, 3, "max"), _segment_reduce, (0,)),
    Row("segment_reduce", (apart(5, 2), _IDS, 3, "min"), _segment_reduce, (0,)),
    Row("segment_reduce", (some(5, 2), _IDS, 3, "prod"), _segment_reduce),
    Row("take", (some(5, 2), np.array([[0, -1], [3, 0]]), 0), np.take, (0,)),
    Row("take", (some(5, 2), np.array([7, 2])), np.take),
    Row("top_k", (apart(3, 6), 2), _top_k, (0,)),
    Row("stop_gradient", (some(3),), lambda x: x),
)
