"""Spectrograms of sound: by kernels that can be trained, and on the mel scale."""

import math
from typing import Annotated, Any

import numpy as np

from cornu import engine, ops, settings, state
from cornu.errors import UsageError, shown
from cornu.fields import DataFormat, Padding, Positive
from cornu.initializers import STFT
from cornu.kinds import OneOf
from cornu.layers.base import Layer
from cornu.layers.spec import InputSpec
from cornu.ops.signal import window_values

MODES = ("log", "magnitude", "psd", "real", "imag", "angle", "stft")


class STFTSpectrogram(Layer):
    """The short-time Fourier transform of signals, by convolution with kernels that may be trained.

    Args:
        mode: "real", "imag", "stft" (both, one after the other), "magnitude", "log" (of the
            magnitude), "angle", or "psd": the power, that of all but the first and last bin twice.
        frame_length: samples in a frame.
        frame_step: from one frame to the next; half a frame by default.
        fft_length: at least `frame_length`; by default the next power of two.
        window: "hann", "hamming" or another name, `frame_length` values, or None.
        periodic: whether a window by name leaves out the last of frame_length + 1 values.
        scaling: of the window: "density" (its energy is 1), "spectrum" (its sum is 1) or None.
        padding: "valid" or "same".
        expand_dims: whether bins get an axis of their own.
        data_format: "channels_last" or "channels_first"; as set in `settings` by default.

    Input (batch, time, channels) gives (batch, frames, channels * bins), or with `expand_dims`
    (batch, frames, bins, channels), with fft_length // 2 + 1 bins; channels-first (batch,
    channels * bins, frames) and (batch, channels, frames, bins). Raises UsageError for a step or
    an FFT that does not fit the frame.
    """

    mode: Annotated[str, OneOf(*MODES)] = "log"
    frame_length: Positive = 256
    frame_step: Any = None
    fft_length: Any = None
    window: Any = "hann"
    periodic: bool = False
    scaling: Annotated[Any, OneOf("density", "spectrum")] = "density"
    padding: Padding = "valid"
    expand_dims: bool = False
    data_format: DataFormat = None

    def set_up(self) -> None:
        """Hold the lengths against each other."""
        super().set_up()
        frame = self.frame_length
        self._step = max(frame // 2, 1) if self.frame_step is None else self.frame_step
        if (
            isinstance(self._step, bool)
            or not isinstance(self._step, int)
            or not (1 <= self._step <= frame)
        ):
            raise UsageError(
                "E-RANGE",
                f"STFTSpectrogram: frame_step must be a whole number from 1 to frame_length = "
                f"{frame}; got {shown(self._step)}.",
            )
        self._fft = 2 ** math.ceil(math.log2(frame)) if self.fft_length is None else self.fft_length
        if isinstance(self._fft, bool) or not isinstance(self._fft, int) or self._fft < frame:
            raise UsageError(
                "E-RANGE",
                f"STFTSpectrogram: fft_length must be a whole number, frame_length = {frame} at "
                f"least; got {shown(self._fft)}.",
            )
        if self.window is not None:
            window_values(self.window, frame, self.periodic)
        self.input_spec = InputSpec(ndim=3)

    def build(self, input_shape: Any) -> None:
        """Make the kernels that the mode needs, (frame_length, 1, bins)."""
        shape = (self.frame_length, 1, self._fft // 2 + 1)
        how = {"window": self.window, "scaling": self.scaling, "periodic": self.periodic}
        self.real_kernel = self.imag_kernel = None
        if self.mode != "imag":
            make = STFT(side="real", **how)
            self.real_kernel = self.add_weight(shape, make, name="real_kernel")
        if self.mode != "real":
            make = STFT(side="imag", **how)
            self.imag_kernel = self.add_weight(shape, make, name="imag_kernel")

    def call(self, inputs: Any) -> Any:
        """The spectrograms of all channels."""
        first = self.data_format == "channels_first"
        x = inputs if first else ops.swapaxes(inputs, 1, 2)  # (batch, channels, time)
        batch, channels, time = x.shape
        parts = self._transformed(ops.reshape(x, (batch * channels, time, 1)))
        y = self._shown(parts)
        y = ops.reshape(y, (batch, channels, *y.shape[1:]))  # (batch, channels, frames, bins)
        if self.expand_dims:
            return y if first else ops.transpose(y, (0, 2, 3, 1))
        frames = y.shape[2]
        if first:
            return ops.reshape(ops.swapaxes(y, 2, 3), (batch, -1, frames))
        return ops.reshape(ops.swapaxes(y, 1, 2), (batch, frames, -1))

    def _transformed(self, x: Any) -> list:
        """Real and imaginary part, or the one that the mode needs, by one convolution."""
        kernels = [k.value for k in (self.real_kernel, self.imag_kernel) if k is not None]
        kernel = kernels[0] if len(kernels) == 1 else ops.concatenate(kernels, -1)
        y = ops.conv(x, kernel, self._step, self.padding, "channels_last")
        return ops.split(y, len(kernels), -1)

    def _shown(self, parts: list) -> Any:
        if self.mode in ("real", "imag"):
            return parts[0]
        real, imaginary = parts
        if self.mode == "stft":
            return ops.concatenate(parts, -1)
        if self.mode == "angle":
            return ops.arctan2(imaginary, real)
        power = ops.square(real) + ops.square(imaginary)
        if self.mode == "psd":
            twice = np.full(power.shape[-1], 2.0)
            twice[[0, -1]] = 1.0
            return power * engine.array(twice, str(power.dtype))
        power = ops.maximum(power, settings.epsilon())
        return ops.sqrt(power) if self.mode == "magnitude" else 0.5 * ops.log(power)


class MelSpectrogram(Layer):
    """Spectrograms on the mel scale: (..., samples) gives (..., num_mel_bins, frames).

    Args:
        fft_length: length of a frame, in samples.
        sequence_stride: from one frame to the next.
        sequence_length: length of the window, `fft_length` by default.
        window: as in `ops.stft`.
        sampling_rate: samples in a second.
        num_mel_bins: triangles, evenly spaced and half overlapping on the scale.
        min_freq: where the first triangle begins, in Hz.
        max_freq: where the last one ends; half the sampling rate by default.
        power_to_db: whether the result is 10 log10(power / ref_power).
        top_db: how far below the largest of all of the batch values are kept; None for no limit.
        mag_exp: power of the magnitude: 2 for power, 1 for magnitude.
        min_power: what power and `ref_power` are taken to be at least.
        ref_power: what is 0 dB.

    Mel is 1127 ln(1 + f / 700). Raises UsageError where the frequencies are out of order, or the
    window longer than the frame. Source: O'Shaughnessy, Speech Communication, 1987.
    """

    fft_length: Positive = 2048
    sequence_stride: Positive = 512
    sequence_length: Any = None
    window: Any = "hann"
    sampling_rate: Positive = 16000
    num_mel_bins: Positive = 128
    min_freq: float = 20.0
    max_freq: Any = None
    power_to_db: bool = True
    top_db: Any = 80.0
    mag_exp: float = 2.0
    min_power: float = 1e-10
    ref_power: float = 1.0

    mixes_rows = True

    def set_up(self) -> None:
        """Fill in what follows from other arguments, and hold them against each other."""
        super().set_up()
        state.afford(8 * (self.fft_length // 2 + 1) * self.num_mel_bins)  # for what `call` makes
        self.sequence_length = self.sequence_length or self.fft_length
        self.max_freq = self.max_freq or self.sampling_rate / 2
        self.mixes_rows = bool(self.power_to_db and self.top_db is not None)
        if self.sequence_length > self.fft_length:
            raise UsageError(
                "E-WINDOW",
                f"MelSpectrogram: sequence_length must be fft_length = {self.fft_length} at most; "
                f"got {shown(self.sequence_length)}.",
            )
        if not 0 <= self.min_freq < self.max_freq:
            raise UsageError(
                "E-RANGE",
                f"MelSpectrogram: 0 <= min_freq < max_freq is needed; got min_freq="
                f"{self.min_freq}, max_freq={self.max_freq}.",
            )
        if self.window is not None:
            window_values(self.window, self.sequence_length, periodic=True)

    def call(self, inputs: Any) -> Any:
        """The spectrogram of one signal, or of each in a batch."""
        lengths = (self.sequence_length, self.sequence_stride, self.fft_length)
        real, imaginary = ops.stft(inputs, *lengths, window=self.window)
        power = ops.square(real) + ops.square(imaginary)  # (..., frames, bins)
        if self.mag_exp != 2:
            some = power > 0  # the slope of a root at 0 is infinite
            power = ops.where(some, ops.where(some, power, 1.0) ** (self.mag_exp / 2), 0.0)
        triangles = engine.array(self._triangles(), str(power.dtype))
        mel = ops.swapaxes(ops.matmul(power, triangles), -1, -2)  # (..., mel bins, frames)
        return engine.cast(self._in_db(mel) if self.power_to_db else mel, self.compute_dtype)

    def _triangles(self) -> np.ndarray:
        """(bins, num_mel_bins): how much each frequency counts in each mel bin."""
        mel = _mel(np.linspace(0, self.sampling_rate / 2, self.fft_length // 2 + 1))[:, None]
        edges = np.linspace(_mel(self.min_freq), _mel(self.max_freq), self.num_mel_bins + 2)
        low, middle, high = edges[:-2], edges[1:-1], edges[2:]
        rising, falling = (mel - low) / (middle - low), (high - mel) / (high - middle)
        return np.maximum(0, np.minimum(rising, falling))

    def _in_db(self, power: Any) -> Any:
        least = self.min_power
        zero = 10 * math.log10(max(least, self.ref_power))
        decibels = 10 * ops.log10(ops.maximum(power, least)) - zero
        if self.top_db is None:
            return decibels
        return ops.maximum(decibels, ops.max(decibels) - self.top_db)


def _mel(frequency: Any) -> Any:
    return 1127 * np.log1p(np.asarray(frequency) / 700)
