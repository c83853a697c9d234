"""Rows of the layer contract: spectrograms."""

from typing import Any

import numpy as np

from contracts.draws import some
from contracts.layers_row import FIRST, Row, long_time, rows

SOUND = some(2, 40, 2)


def _kernel(w: dict, side: str, like: np.ndarray) -> np.ndarray:
    return w.get(f"{side}_kernel", np.zeros_like(like))


def stft(x: np.ndarray, w: dict, mode: str = "log", **options: Any) -> np.ndarray:
    """Frame by frame: products of samples and kernels."""
    first = options.get("data_format") == "channels_first"
    x = x if first else np.swapaxes(x, 1, 2)  # (batch, channels, time)
    some_kernel = next(iter(w.values()))
    length = len(some_kernel)
    step = options.get("frame_step", length // 2)
    if options.get("padding") == "same":
        missing = max((-(-x.shape[2] // step) - 1) * step + length - x.shape[2], 0)
        x = np.pad(x, ((0, 0), (0, 0), (missing // 2, missing - missing // 2)))
    count = (x.shape[2] - length) // step + 1
    frames = np.stack([x[:, :, i * step : i * step + length] for i in range(count)], 2)
    re, im = (frames @ _kernel(w, side, some_kernel)[:, 0] for side in ("real", "imag"))
    power = re**2 + im**2
    twice = np.r_[1, np.full(power.shape[-1] - 2, 2), 1]
    y = {
        "real": re,
        "imag": im,
        "stft": np.concatenate([re, im], -1),
        "psd": power * twice,
        "magnitude": np.sqrt(np.maximum(power, 1e-7)),
        "log": np.log(np.maximum(power, 1e-7)) / 2,
        "angle": np.arctan2(im, re),
    }[mode]  # (batch, channels, frames, bins)
    if options.get("expand_dims"):
        return y if first else y.transpose(0, 2, 3, 1)
    if first:
        return y.transpose(0, 1, 3, 2).reshape(len(y), -1, count)
    return y.transpose(0, 2, 1, 3).reshape(len(y), count, -1)


def mel(x: np.ndarray, w: dict, **options: Any) -> np.ndarray:
    """Discrete Fourier transforms by the definition, then triangles on the scale."""
    size, stride = options["fft_length"], options["sequence_stride"]
    length = options.get("sequence_length", size)
    turn = 2 * np.pi * np.arange(length) / length
    window = np.pad(0.5 - 0.5 * np.cos(turn), (size - length) // 2)
    x = np.pad(x, [(0, 0)] * (x.ndim - 1) + [(size // 2,) * 2], "reflect")
    count = (x.shape[-1] - size) // stride + 1
    frames = np.stack([x[..., i * stride : i * stride + size] for i in range(count)], -2)
    bins = np.arange(size // 2 + 1)
    found = (frames * window) @ np.exp(-2j * np.pi * np.outer(np.arange(size), bins) / size)
    weights = _triangles(bins * 16000 / size, options["num_mel_bins"])
    y = np.swapaxes(np.abs(found) ** options.get("mag_exp", 2.0) @ weights, -1, -2)
    return 10 * np.log10(np.maximum(y, 1e-10)) if options.get("power_to_db", True) else y


def _triangles(frequencies: np.ndarray, count: int) -> np.ndarray:
    scale = 1127 * np.log(1 + frequencies / 700)
    edges = np.linspace(1127 * np.log(1 + 20 / 700), 1127 * np.log(1 + 8000 / 700), count + 2)
    return np.stack([np.interp(scale, edges[k : k + 3], [0, 1, 0]) for k in range(count)], 1)


ROWS: tuple[Row, ...] = (
    *rows(
        "STFTSpectrogram",
        stft,
        ((SOUND,), {"frame_length": 8}, long_time),
        ((SOUND,), {"frame_length": 8, "mode": "stft", "expand_dims": True, "frame_step": 3}),
        ((SOUND,), {"frame_length": 8, "mode": "psd", "fft_length": 16, "padding": "same"}),
        ((np.swapaxes(SOUND, 1, 2),), {"frame_length": 7, "mode": "real", **FIRST}),
        ((np.swapaxes(SOUND, 1, 2),),
         {"frame_length": 8, "mode": "angle", "expand_dims": True, **FIRST}),
        ((SOUND,), {"frame_length": 8, "mode": "imag"}),
        ((SOUND,), {"frame_length": 8, "mode": "magnitude"}),
    ),
    *rows(
        "MelSpectrogram",
        mel,
        ((some(2, 60),), {"fft_length": 32, "sequence_stride": 8, "num_mel_bins": 4,
                          "power_to_db": False}, {"unknown": {0: (0, 1)}}),
        ((some(2, 60),), {"fft_length": 32, "sequence_stride": 8, "num_mel_bins": 4,
                          "top_db": None, "mag_exp": 1.0, "sequence_length": 24}),
    ),
)  # fmt: skip
