"""Spectrogram layers and the STFT initializer against Keras 3.15.1."""

from typing import Any

import numpy as np
import pytest

from cornu import initializers, layers
from peers.checks import scattered

pytestmark = pytest.mark.peers

SOUND = np.random.default_rng(0).normal(size=(2, 70, 2)).astype("float32")
SHORT = {"frame_length": 16}
STFT = [
    *[{**SHORT, "mode": m} for m in ("log", "magnitude", "psd", "real", "imag", "angle", "stft")],
    {**SHORT, "expand_dims": True},
    {**SHORT, "expand_dims": True, "mode": "stft"},
    {"frame_length": 10, "frame_step": 4, "fft_length": 32, "padding": "same"},
    {"frame_length": 10, "fft_length": 17, "mode": "psd"},
    {**SHORT, "data_format": "channels_first"},
    {**SHORT, "data_format": "channels_first", "expand_dims": True},
    {**SHORT, "window": None, "trainable": False},
    {**SHORT, "window": "hamming", "periodic": True, "scaling": "spectrum"},
    {**SHORT, "window": "blackman", "scaling": None},
]
TINY = {"fft_length": 64, "sequence_stride": 16, "num_mel_bins": 8}
MEL = [
    TINY,
    {**TINY, "power_to_db": False, "sequence_length": 32, "window": "hamming"},
    {**TINY, "top_db": 10.0, "ref_power": 2.0, "min_power": 1e-3, "mag_exp": 1.0},
    {**TINY, "sampling_rate": 8000, "min_freq": 100.0, "max_freq": 3000.0},
]


@pytest.mark.parametrize("options", STFT, ids=str)
def test_stft(keras: Any, options: dict):
    x = SOUND.transpose(0, 2, 1) if options.get("data_format") == "channels_first" else SOUND
    theirs, ours = (k.layers.STFTSpectrogram(**options) for k in (keras, _Ours))
    expected, found = theirs(x), ours(x)
    near = {"rtol": 1e-3, "atol": 1e-4}
    if options.get("mode") != "angle":  # whose first values are the arctan of nothing
        np.testing.assert_allclose(found, expected, **near)
    for which in ("weights", "trainable_weights"):
        facts = [[(w.name, tuple(w.shape)) for w in getattr(k, which)] for k in (theirs, ours)]
        assert facts[0] == facts[1]
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=3e-6)  # Keras's waves are float32's
    weights = scattered(theirs)
    theirs.set_weights(weights)
    ours.set_weights(weights)
    np.testing.assert_allclose(ours(x), theirs(x), **near)
    again = keras.layers.STFTSpectrogram.from_config(ours.get_config())
    assert {k: v for k, v in again.get_config().items() if k != "name"} == {
        k: v for k, v in theirs.get_config().items() if k != "name"
    }
    assert layers.STFTSpectrogram.from_config(theirs.get_config()).mode == ours.mode


class _Ours:
    layers = layers


@pytest.mark.parametrize("options", MEL, ids=str)
def test_mel(keras: Any, options: dict):
    x = np.random.default_rng(1).normal(size=(2, 300)).astype("float32")
    theirs, ours = (k.layers.MelSpectrogram(**options) for k in (keras, _Ours))
    for sound in (x, x[0]):
        np.testing.assert_allclose(ours(sound), theirs(sound), rtol=2e-4, atol=2e-4)
    again = keras.layers.MelSpectrogram.from_config(ours.get_config())
    assert {k: v for k, v in again.get_config().items() if k != "name"} == {
        k: v for k, v in theirs.get_config().items() if k != "name"
    }


@pytest.mark.parametrize("side", ["real", "imag"])
@pytest.mark.parametrize("scaling", ["density", "spectrum", None])
@pytest.mark.parametrize("window", ["hann", "hamming", "bartlett", "boxcar", "blackman", None])
def test_initializer(keras: Any, side: str, scaling: Any, window: Any):
    for periodic in (False, True):
        theirs, ours = (
            k.STFT(side, window, scaling, periodic)((6, 1, 5))
            for k in (keras.initializers, initializers)
        )
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
    assert keras.initializers.STFT().get_config() == initializers.STFT().get_config()
