"""Ops of signals: windows, Fourier transforms, overlapping pieces of time and of images.

A complex array is here a pair (real part, imaginary part), as in `keras.ops`; `ops.complex` has the
ops on complex dtypes. Transforms are computed in float32 at least.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from cornu import engine, settings, state
from cornu.errors import UsageError, UsageTypeError, listed, shown, suggestion
from cornu.graph import Tensor, op
from cornu.ops.array import as_array, as_float
from cornu.ops.complex import wide_enough

__all__ = [
    "bartlett",
    "blackman",
    "extract_sequences",
    "fft",
    "fft2",
    "fold",
    "hamming",
    "hanning",
    "ifft2",
    "irfft",
    "istft",
    "kaiser",
    "rfft",
    "stft",
    "unfold",
]

# ---------------------------------------------------------------- windows


def _length(name: str, x: Any) -> int:
    """A window's length, given as a number or an array of one number."""
    if np.shape(x) not in ((), (1,)) or engine.is_traced(x) or isinstance(x, Tensor):
        raise UsageTypeError(
            "E-WINDOW", f"{name}: x is the length of the window, as in 256; got {shown(x)}."
        )
    return int(np.asarray(x).reshape(()))


def _made(values: np.ndarray) -> Any:
    return engine.array(values, settings.floatx())


def bartlett(x: Any) -> Any:
    """The triangular window of length `x`: 1 - |2 n / (x - 1) - 1|."""
    return _made(np.bartlett(_length("bartlett", x)))


def blackman(x: Any) -> Any:
    """Blackman's window of length `x`: 0.42 - 0.5 cos t + 0.08 cos 2t, t = 2 pi n / (x - 1)."""
    return _made(np.blackman(_length("blackman", x)))


def hamming(x: Any) -> Any:
    """Hamming's window of length `x`: 0.54 - 0.46 cos(2 pi n / (x - 1))."""
    return _made(np.hamming(_length("hamming", x)))


def hanning(x: Any) -> Any:
    """Hann's window of length `x`: 0.5 - 0.5 cos(2 pi n / (x - 1))."""
    return _made(np.hanning(_length("hanning", x)))


def kaiser(x: Any, beta: float) -> Any:
    """Kaiser's window of length `x`: I0(beta sqrt(1 - (2 n / (x - 1) - 1)**2)) / I0(beta)."""
    return _made(np.kaiser(_length("kaiser", x), float(beta)))


WINDOWS = {
    "bartlett": np.bartlett,
    "blackman": np.blackman,
    "boxcar": np.ones,
    "hamming": np.hamming,
    "hann": np.hanning,
}


def window_values(window: Any, length: int, periodic: bool) -> np.ndarray:
    """A window in float64, from its name or from its own `length` values.

    `periodic` leaves out the last of `length + 1` values, so that copies side by side go on evenly.
    Raises UsageError for an unknown name or a wrong length.
    """
    state.afford(4 * length)
    if isinstance(window, str):
        if window not in WINDOWS:
            raise UsageError(
                "E-WINDOW",
                f'window must be one of {listed(WINDOWS)}, or its values; got "{window}". '
                f"{suggestion(window, WINDOWS)}".rstrip(),
            )
        return WINDOWS[window](length + 1)[:-1] if periodic else WINDOWS[window](length)
    values = np.asarray(window, "float64")
    if values.shape != (length,):
        raise UsageError(
            "E-WINDOW", f"a window needs {length} values, one each; got shape {values.shape}."
        )
    return values


# ---------------------------------------------------------------- Fourier transforms


def _complex(name: str, x: Any) -> Any:
    if not isinstance(x, (list, tuple)) or len(x) != 2:
        raise UsageTypeError(
            "E-COMPLEX",
            f"{name} takes a pair (real, imaginary), as in ops.{name}((x, ops.zeros_like(x))); got "
            f"{shown(x)}.",
        )
    return engine.complex(wide_enough(x[0]), wide_enough(x[1]))


def _parts(x: Any, like: Any) -> tuple[Any, Any]:
    """Real and imaginary part, in the float dtype of what was transformed."""
    return tuple(engine.cast(part(x), like.dtype) for part in (engine.np.real, engine.np.imag))


@op
def fft(x: Any) -> tuple:
    """The discrete Fourier transform along the last axis: sum of x[n] exp(-2 pi i k n / N).

    `x` and the result are pairs (real, imaginary).
    """
    return _parts(engine.np.fft.fft(_complex("fft", x)), as_float(x[0]))


@op
def fft2(x: Any) -> tuple:
    """The discrete Fourier transform along the last two axes, of a pair (real, imaginary)."""
    return _parts(engine.np.fft.fft2(_complex("fft2", x)), as_float(x[0]))


@op
def ifft2(x: Any) -> tuple:
    """The inverse of `fft2`."""
    return _parts(engine.np.fft.ifft2(_complex("ifft2", x)), as_float(x[0]))


@op
def rfft(x: Any, fft_length: int | None = None) -> tuple:
    """The transform of real numbers along the last axis: its first fft_length // 2 + 1 values.

    `x` is cut or filled with zeros to `fft_length`. The result is a pair (real, imaginary).
    """
    x = as_float(x)
    return _parts(engine.np.fft.rfft(wide_enough(x), fft_length), x)


@op
def irfft(x: Any, fft_length: int | None = None) -> Any:
    """The inverse of `rfft`: `fft_length` real numbers, 2 * (size - 1) by default."""
    return engine.cast(engine.np.fft.irfft(_complex("irfft", x), fft_length), as_float(x[0]).dtype)


# ---------------------------------------------------------------- pieces of time


@op
def extract_sequences(x: Any, sequence_length: int, sequence_stride: int) -> Any:
    """Pieces of the last axis, `sequence_stride` apart: (..., n) gives (..., pieces, length).

    There are 1 + (n - sequence_length) // sequence_stride of them. Raises UsageError where `x` is
    shorter than one.
    """
    return _pieces(as_array(x), sequence_length, sequence_stride)


def _pieces(x: Any, length: int, stride: int) -> Any:
    for name, value in (("sequence_length", length), ("sequence_stride", stride)):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
            raise UsageError(
                "E-RANGE", f"{name} must be a whole number above 0; got {shown(value)}."
            )
    if x.shape[-1] < length:
        raise UsageError(
            "E-WINDOW", f"pieces of length {length} do not fit x of shape {tuple(x.shape)}."
        )
    count = 1 + (x.shape[-1] - length) // stride
    np_ = engine.np
    places = np_.arange(count)[:, None] * stride + np_.arange(length)
    return np_.take(x, places, -1)  # (..., pieces, length)


def _stft_window(
    name: str, window: Any, sequence_length: int, fft_length: int, dtype: Any
) -> np.ndarray:
    """The window with zeros on both sides up to `fft_length`; ones all along for None."""
    if fft_length < sequence_length:
        raise UsageError(
            "E-WINDOW",
            f"{name}: fft_length must be sequence_length at least; got fft_length={fft_length}, "
            f"sequence_length={sequence_length}.",
        )
    state.afford(4 * fft_length)
    if window is None:
        return np.ones(fft_length, dtype)
    before = (fft_length - sequence_length) // 2
    values = window_values(window, sequence_length, periodic=True)
    return np.pad(values, (before, fft_length - sequence_length - before)).astype(dtype)


@op
def stft(
    x: Any,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    window: Any = "hann",
    center: bool = True,
) -> tuple:
    """The transform of short pieces: (..., n) gives a pair of (..., pieces, fft_length // 2 + 1).

    Args:
        x: real numbers.
        sequence_length: length of the window, in samples.
        sequence_stride: from one piece to the next, in samples.
        fft_length: length of a piece; the window lies in its middle.
        window: "hann", "hamming" or another name, `sequence_length` values, or None: ones over the
            whole piece. Windows by name are periodic.
        center: whether `x` is reflected at its ends by fft_length // 2, so that piece t has its
            middle at t * sequence_stride.
    """
    like = as_float(x)
    x = wide_enough(like)
    shape = _stft_window("stft", window, sequence_length, fft_length, x.dtype)
    if center:
        state.afford(state.TURN * (fft_length // (2 * max(x.shape[-1], 1))))  # reflected in turns
        margin = [(0, 0)] * (x.ndim - 1) + [(fft_length // 2, fft_length // 2)]
        x = engine.np.pad(x, margin, "reflect")
    return _parts(engine.np.fft.rfft(_pieces(x, fft_length, sequence_stride) * shape), like)


@op
def istft(
    x: Any,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    length: int | None = None,
    window: Any = "hann",
    center: bool = True,
) -> Any:
    """The inverse of `stft` by least squares: overlapped pieces over the sum of squared windows.

    Args:
        x: a pair (real, imaginary) as from `stft`.
        length: of the result; all that there is by default.
        sequence_length, sequence_stride, fft_length, window, center: as in `stft`.

    Samples that no window reaches are 0. Source: Griffin and Lim, IEEE ASSP 1984.
    """
    np_, pieces = engine.np, engine.np.fft.irfft(_complex("istft", x), fft_length)
    shape = _stft_window("istft", window, sequence_length, fft_length, pieces.dtype)
    weight = np_.broadcast_to(np_.asarray(shape**2), (pieces.shape[-2], fft_length))
    total = _overlapped(pieces * shape, sequence_stride)
    weight = _overlapped(weight, sequence_stride)
    y = total / np_.where(weight > 1e-10, weight, 1)
    begin = fft_length // 2 if center else 0
    end = y.shape[-1] - begin if length is None else begin + length
    if end > y.shape[-1]:
        y = np_.pad(y, [(0, 0)] * (y.ndim - 1) + [(0, end - y.shape[-1])])
    return engine.cast(y[..., begin:end], as_float(x[0]).dtype)


def _overlapped(pieces: Any, stride: int) -> Any:
    """Sums of pieces (..., count, length) laid `stride` apart: (..., stride * (count-1) + length).

    Each piece is cut into blocks of `stride`. Block j of piece i belongs to place i + j, and rows
    of `count + blocks` read as rows of one less are moved by j.
    """
    np_ = engine.np
    *batch, count, length = pieces.shape
    blocks = -(-length // stride)
    none = [(0, 0)] * len(batch)
    cut = np_.pad(pieces, [*none, (0, blocks), (0, blocks * stride - length)])
    cut = cut.reshape(*batch, count + blocks, blocks, stride).swapaxes(-3, -2)
    flat = cut.reshape(*batch, blocks * (count + blocks), stride)
    moved = flat[..., : blocks * (count + blocks - 1), :]
    moved = moved.reshape(*batch, blocks, count + blocks - 1, stride)
    laid = np_.sum(moved, -3).reshape(*batch, -1)
    return laid[..., : stride * (count - 1) + length]


# ---------------------------------------------------------------- pieces of images


def _two(value: Any, name: str) -> tuple[int, int]:
    sizes = tuple(value) if isinstance(value, (list, tuple)) else (value, value)
    if len(sizes) != 2 or not all(isinstance(v, (int, np.integer)) for v in sizes):
        raise UsageError("E-WINDOW", f"{name} must be a whole number or 2; got {shown(value)}.")
    return int(sizes[0]), int(sizes[1])


def _steps(size: int, reach: int, stride: int, dilation: int) -> tuple[int, list[slice]]:
    """How many windows there are along an axis, and for each of their places where it is."""
    count = (size - dilation * (reach - 1) - 1) // stride + 1
    if count < 1:
        raise UsageError(
            "E-WINDOW",
            f"a window that reaches over {dilation * (reach - 1) + 1} does not fit "
            f"an image of {size}.",
        )
    last = stride * (count - 1) + 1
    return count, [slice(k * dilation, k * dilation + last, stride) for k in range(reach)]


@op
def unfold(
    x: Any,
    kernel_size: int | Sequence[int],
    dilation: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    stride: int | Sequence[int] = 1,
) -> Any:
    """The windows of channels-first images as columns ("im2col").

    Args:
        x: (batch, channels, height, width).
        kernel_size, dilation, stride: of the window, a number or (vertical, horizontal).
        padding: zeros on both sides of the image, likewise.

    Returns:
        (batch, channels * kernel height * kernel width, windows).
    """
    x = as_array(x)
    if x.ndim != 4:
        raise UsageError("E-RANK", f"unfold: x must have 4 axes; got shape {tuple(x.shape)}.")
    kernel, wide = _two(kernel_size, "kernel_size"), _two(dilation, "dilation")
    margin, step = _two(padding, "padding"), _two(stride, "stride")
    x = engine.np.pad(x, [(0, 0), (0, 0), *[(m, m) for m in margin]])
    (high, rows), (across, columns) = (
        _steps(x.shape[2 + i], kernel[i], step[i], wide[i]) for i in (0, 1)
    )
    parts = [x[:, :, row, column] for row in rows for column in columns]
    stacked = engine.np.stack(parts, 2)  # (batch, channels, places, rows, columns)
    return stacked.reshape(x.shape[0], x.shape[1] * len(parts), high * across)


@op
def fold(
    x: Any,
    output_size: int | Sequence[int],
    kernel_size: int | Sequence[int],
    dilation: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    stride: int | Sequence[int] = 1,
) -> Any:
    """The adjoint of `unfold`: windows laid where they came from, overlaps added ("col2im").

    Args:
        x: (batch, channels * kernel height * kernel width, windows).
        output_size: height and width of the images.
        kernel_size, dilation, padding, stride: as in `unfold`.

    Returns:
        (batch, channels, height, width).
    """
    x = as_array(x)
    size, kernel = _two(output_size, "output_size"), _two(kernel_size, "kernel_size")
    wide, margin = _two(dilation, "dilation"), _two(padding, "padding")
    step = _two(stride, "stride")
    whole = [n + 2 * m for n, m in zip(size, margin, strict=True)]
    (high, rows), (across, columns) = (
        _steps(whole[i], kernel[i], step[i], wide[i]) for i in (0, 1)
    )
    places, windows = len(rows) * len(columns), high * across
    if x.ndim != 3 or x.shape[1] % places or x.shape[2] != windows:
        raise UsageError(
            "E-SHAPE",
            f"fold: x must be (batch, a multiple of {places}, {windows}) for images of {size}; got "
            f"{tuple(x.shape)}.",
        )
    channels = x.shape[1] // places
    # (places * windows, batch, channels), a row for each element of each window
    parts = x.reshape(x.shape[0], channels, -1).transpose(2, 0, 1)
    state.afford(4 * whole[0] * whole[1])
    cells = np.arange(whole[0] * whole[1]).reshape(whole)
    where = np.concatenate([cells[row, column].reshape(-1) for row in rows for column in columns])
    start = engine.np.zeros((cells.size, x.shape[0], channels), x.dtype)
    laid = engine.put_at(start, where, parts, add=True)
    image = laid.transpose(1, 2, 0).reshape(x.shape[0], channels, *whole)
    return image[:, :, margin[0] : margin[0] + size[0], margin[1] : margin[1] + size[1]]
