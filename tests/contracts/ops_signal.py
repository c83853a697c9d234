"""Rows of ops of signals, linear algebra beyond the common, and functions of functions."""

from typing import Any

import numpy as np

from contracts.draws import some
from contracts.ops_numeric import Fn, row
from contracts.ops_table import POSITIVE, SQUARE, between

X, WAVE = some(3, 4), some(2, 20)
PAIR = (some(2, 3), some(2, 4, 3)[:, 0])

# ---------------------------------------------------------------- references


def _parts(z: np.ndarray) -> tuple:
    return z.real, z.imag


def _dft(x: np.ndarray, sign: int = -1) -> np.ndarray:
    """By the definition: sum over n of x[n] exp(-2 pi i k n / N)."""
    n = np.arange(x.shape[-1])
    return x @ np.exp(sign * 2j * np.pi * np.outer(n, n) / len(n))


def _both(x: np.ndarray, sign: int) -> np.ndarray:
    return np.swapaxes(_dft(np.swapaxes(_dft(x, sign), -1, -2), sign), -1, -2)


def _window(name: Any, length: int) -> np.ndarray:
    if not isinstance(name, str):
        return np.asarray(name, "float64")
    t = 2 * np.pi * np.arange(length) / length
    return {"hann": 0.5 - 0.5 * np.cos(t), "hamming": 0.54 - 0.46 * np.cos(t)}[name]


def _stft(x, length, stride, size, window="hann", center=True):
    ahead = (size - length) // 2
    shape = np.ones(size) if window is None else np.pad(
        _window(window, length), (ahead, size - length - ahead))  # fmt: skip
    x = np.pad(x, ((0, 0), (size // 2,) * 2), "reflect") if center else x
    count = 1 + (x.shape[-1] - size) // stride
    pieces = np.stack([x[:, i * stride : i * stride + size] for i in range(count)], 1)
    return _parts(_dft(pieces * shape)[..., : size // 2 + 1])


def _cut(x: np.ndarray, length: int, stride: int) -> np.ndarray:
    count = 1 + (x.shape[-1] - length) // stride
    return np.stack([x[..., i * stride : i * stride + length] for i in range(count)], -2)


def _unfold(x, size, dilation=(1, 1), padding=(0, 0), stride=(1, 1)):
    x = np.pad(x, [(0, 0), (0, 0), *[(p, p) for p in padding]])
    high, wide = (
        (n - d * (k - 1) - 1) // s + 1
        for n, d, k, s in zip(x.shape[2:], dilation, size, stride, strict=True)
    )
    y = np.zeros((*x.shape[:2], *size, high, wide))
    for i, j, r, c in np.ndindex(*size, high, wide):
        place = (r * stride[0] + i * dilation[0], c * stride[1] + j * dilation[1])
        y[:, :, i, j, r, c] = x[:, :, place[0], place[1]]
    return y.reshape(len(x), -1, high * wide)


def _fold(x, output, size, dilation=(1, 1), padding=(0, 0), stride=(1, 1)):
    """The adjoint of `_unfold`, element by element of the image."""
    channels = x.shape[1] // (size[0] * size[1])
    y = np.zeros((len(x), channels, *output))
    for c, i, j in np.ndindex(channels, *output):
        image = np.zeros((1, channels, *output))
        image[0, c, i, j] = 1
        y[:, c, i, j] = np.sum(_unfold(image, size, dilation, padding, stride) * x, (1, 2))
    return y


def _lu(x: np.ndarray) -> tuple:
    """Gauss's elimination, the largest of a column first."""
    x, rows = x.copy(), []
    for k in range(len(x)):
        best = k + int(np.argmax(np.abs(x[k:, k])))
        x[[k, best]] = x[[best, k]]
        rows.append(best)
        x[k + 1 :, k] /= x[k, k]
        x[k + 1 :, k + 1 :] -= np.outer(x[k + 1 :, k], x[k, k + 1 :])
    return x, np.array(rows)


def _symmetric(fn: Any) -> Any:
    """NumPy reads one half of a symmetric matrix, the op the mean of both."""
    return lambda x, *a: fn((x + np.swapaxes(x, -1, -2)) / 2, *a)


def _triangle(a: np.ndarray, b: np.ndarray, lower: bool = False) -> np.ndarray:
    return np.linalg.solve(np.tril(a) if lower else np.triu(a), b)


# ---------------------------------------------------------------- rows

WINDOWS = [
    row("bartlett", (7,), lambda n: 1 - np.abs(2 * np.arange(n) / (n - 1) - 1)),
    row("blackman", (7,), lambda n: sum(
        a * np.cos(2 * np.pi * k * np.arange(n) / (n - 1))
        for k, a in enumerate((0.42, -0.5, 0.08)))),
    row("hamming", (6,), lambda n: 0.54 - 0.46 * np.cos(2 * np.pi * np.arange(n) / (n - 1))),
    row("hanning", (6,), lambda n: 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / (n - 1))),
    row("kaiser", (7, 4.0), lambda n, b: np.i0(
        b * np.sqrt(1 - (2 * np.arange(n) / (n - 1) - 1) ** 2)) / np.i0(b)),
    row("hanning", (np.array([1]),), lambda n: np.ones(1), unknown={}),
]  # fmt: skip

SIGNAL = [
    row("fft", (PAIR,), lambda p: _parts(_dft(p[0] + 1j * p[1]))),
    row("fft2", (PAIR,), lambda p: _parts(_both(p[0] + 1j * p[1], -1))),
    row("ifft2", (PAIR,), lambda p: _parts(_both(p[0] + 1j * p[1], 1) / p[0].size)),
    row("rfft", (some(2, 5),), lambda x: _parts(_dft(x)[:, :3]), wrt=(0,))._replace(
        whole="float32"),
    row("rfft", (some(2, 5), 8), lambda x, n: _parts(_dft(np.pad(x, ((0, 0), (0, 3))))[:, :5])),
    row("irfft", ((some(2, 4), some(2, 4) * [0, 1, 1, 0]),), lambda p: (
        lambda z: np.real(_dft(np.concatenate([z, np.conj(z[:, 2:0:-1])], 1), 1)) / 6)(
        p[0] + 1j * p[1])),
    row("stft", (WAVE, 8, 4, 8), _stft, wrt=(0,), unknown={0: (0, 1)}, whole="float32"),
    row("stft", (WAVE, 6, 3, 8), _stft, {"window": "hamming", "center": False}),
    row("stft", (WAVE, 5, 5, 8), _stft, {"window": None}),
    row("stft", (WAVE, 3, 2, 8), _stft, {"window": np.array([0.5, 1, 0.25])}),
    row("extract_sequences", (WAVE, 6, 4), _cut, wrt=(0,), unknown={0: (0, 1)}, whole="int32"),
    row("unfold", (some(2, 3, 4, 5), (2, 2)), _unfold, wrt=(0,), unknown={0: (0, 2)},
          whole="int32"),
    row("unfold", (some(1, 2, 5, 6), (2, 3), (2, 1), (1, 0), (1, 2)), _unfold),
    row("fold", (some(2, 8, 12), (4, 5), (2, 2)), _fold, wrt=(0,), whole="int32"),
    row("fold", (some(1, 6, 12), (4, 5), (2, 3), (1, 1), (1, 0), (2, 1)), _fold,
          unknown={})._replace(args=(some(1, 6, 9), (4, 5), (2, 3), (1, 1), (1, 0), (2, 1))),
]  # fmt: skip

LINALG = [
    row("cholesky", (POSITIVE,), _symmetric(np.linalg.cholesky), wrt=(0,), unknown={}),
    row("cholesky_inverse", (np.linalg.cholesky(POSITIVE),), lambda x: np.linalg.inv(
        np.tril(x) @ np.tril(x).T), wrt=(0,), whole="float32", unknown={}),
    row("cholesky_inverse", (np.linalg.cholesky(POSITIVE).T, True), lambda x, _: np.linalg.inv(
        x.T @ x), unknown={}),
    row("slogdet", (np.stack([SQUARE, -POSITIVE]),), lambda x: tuple(np.linalg.slogdet(x))),
    row("logdet", (POSITIVE,), lambda x: np.linalg.slogdet(x)[1], wrt=(0,), unknown={},
          whole="float32"),
    row("matrix_rank", (np.stack([SQUARE, np.ones((3, 3), "float32")]),), np.linalg.matrix_rank,
          dtype="int32", whole="int32"),
    row("matrix_rank", (np.diag([5.0, 1, 0.1]).astype("float32"), 0.5),
          lambda x, tol: np.array(2), dtype="int32", unknown={}),
    row("lu_factor", (SQUARE[::-1].copy(),), _lu, wrt=(0,), unknown={}),
    row("pinv", (X,), np.linalg.pinv, wrt=(0,), unknown={}, whole="float32"),
    row("lstsq", (some(5, 3), some(5, 2)), lambda a, b: np.linalg.lstsq(a, b, None)[0],
          wrt=(0, 1), unknown={}, whole="float32"),
    row("solve_triangular", (SQUARE, some(3)), _triangle, wrt=(0, 1), unknown={}),
    row("solve_triangular", (np.stack([SQUARE] * 2), some(2, 3, 2), True), _triangle,
          wrt=(0, 1), unknown={0: (0,), 1: (0,)}),
    row("inner", (X, some(2, 4)), np.inner, wrt=(0, 1), whole="int32"),
    row("vdot", (X, some(3, 4)), np.vdot, wrt=(0, 1), unknown={}, whole="int32"),
    row("kron", (X, some(2, 2)), np.kron, wrt=(0, 1), whole="int32"),
    row("cross", (some(2, 3), some(2, 3)), np.cross, wrt=(0, 1), unknown={0: (0,), 1: (0,)},
          whole="int32"),
    row("cross", (some(3, 2), some(3, 2)), np.cross, {"axis": 0}, unknown={0: (1,), 1: (1,)}),
    row("trace", (some(3, 3),), np.trace, whole="int32", unknown={}),
]  # fmt: skip

PLUS, TIMES, TWICE = (
    Fn("plus", lambda a, b: a + b),
    Fn("times", lambda a, b: a * b),
    Fn("twice", lambda x: x * 2),
)
SQUARED = Fn("squared", lambda x: x * x)
FUNCTIONS = [
    row("associative_scan", (PLUS, X), lambda f, x: np.cumsum(x, 0), wrt=(1,),
          unknown={1: (1,)}, whole="int32"),
    row("associative_scan", (TIMES, X, True, 1), lambda f, x, *_: np.cumprod(
        x[:, ::-1], 1)[:, ::-1], wrt=(1,), unknown={1: (0, 1)}),
    row("switch", (1, [SQUARED, TWICE], X), lambda i, b, x: 2 * x, wrt=(2,), unknown={2: (0,)},
          whole="int32"),
    row("switch", (-4, [SQUARED, TWICE], X), lambda i, b, x: x * x),
    row("jvp", (SQUARED, (X,), (between(-1, 1, 3, 4),)), lambda f, p, t: (
        p[0] ** 2, 2 * p[0] * t[0])),
]  # fmt: skip

ROWS = WINDOWS + SIGNAL + LINALG + FUNCTIONS
