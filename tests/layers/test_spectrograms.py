"""What spectrogram layers promise beyond the layer contract; the initializer of their kernels."""

import numpy as np
import pytest

from contracts.layers_spectrograms import mel
from cornu import initializers, layers
from cornu.errors import UsageError

TURNS = 2 * np.pi * np.outer(np.arange(6), np.arange(5)) / 8
HANN = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(6) / 5)
PERIODIC = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(6) / 6)
OWN = np.array([1.0, 2, 3, 3, 2, 1])
KERNELS = [
    ({}, np.cos(TURNS) * (HANN / np.sqrt((HANN**2).sum()))[:, None]),
    ({"side": "imag", "scaling": "spectrum"}, -np.sin(TURNS) * (HANN / HANN.sum())[:, None]),
    ({"scaling": None, "periodic": True}, np.cos(TURNS) * PERIODIC[:, None]),
    ({"window": None}, np.cos(TURNS)),
    ({"window": OWN, "scaling": "spectrum"}, np.cos(TURNS) * (OWN / 12)[:, None]),
]


@pytest.mark.parametrize(("options", "expected"), KERNELS, ids=lambda x: str(x)[:40])
def test_stft_initializer(options: dict, expected: np.ndarray):
    made = initializers.STFT(**options)((6, 1, 5))
    assert made.dtype == "float32"
    np.testing.assert_allclose(made[:, 0], expected, atol=1e-6)


def test_stft_initializer_by_name():
    assert type(initializers.get("stft")) is initializers.STFT
    assert initializers.STFT().get_config() == {
        "side": "real",
        "window": "hann",
        "scaling": "density",
        "periodic": False,
    }


def test_kernels_are_those_of_the_initializer():
    layer = layers.STFTSpectrogram(frame_length=6, fft_length=8, window="hamming", trainable=False)
    layer.build((None, 20, 1))
    assert [w.name for w in layer.weights] == ["real_kernel", "imag_kernel"]
    assert not layer.trainable_weights
    made = initializers.STFT("imag", "hamming")((6, 1, 5))
    np.testing.assert_array_equal(layer.weights[1].numpy(), made)


def test_decibels_are_cut_below_the_largest_of_the_batch():
    x = np.random.default_rng(0).normal(size=(2, 60)).astype("float32") * [[1.0], [0.01]]
    how = {"fft_length": 32, "sequence_stride": 8, "num_mel_bins": 4}
    layer = layers.MelSpectrogram(**how, top_db=20.0)
    expected = mel(x, {}, **how)
    expected = np.maximum(expected, expected.max() - 20)
    np.testing.assert_allclose(layer(x), expected, rtol=1e-4, atol=1e-3)
    assert layer.mixes_rows
    assert layer(x[0]).shape == (4, 8)


def test_silence():
    how = {"fft_length": 16, "sequence_stride": 8, "num_mel_bins": 3, "power_to_db": False}
    assert np.all(np.asarray(layers.MelSpectrogram(**how, mag_exp=1.0)(np.zeros((1, 40)))) == 0)
    found = layers.STFTSpectrogram(frame_length=8)(np.zeros((1, 16, 1), "float32"))
    np.testing.assert_allclose(found, np.log(1e-7) / 2, rtol=1e-6)


REFUSED = {
    "frame_step.*got 300.*E-RANGE": lambda: layers.STFTSpectrogram(frame_step=300),
    "fft_length.*got 100.*E-RANGE": lambda: layers.STFTSpectrogram(fft_length=100),
    "mode must be one of.*E-CHOICE": lambda: layers.STFTSpectrogram(mode="logs"),
    'Did you mean "hann".*E-WINDOW': lambda: layers.STFTSpectrogram(window="han"),
    "needs 256 values.*E-WINDOW": lambda: layers.STFTSpectrogram(window=[1.0, 2.0]),
    "sequence_length.*got 64.*E-WINDOW": lambda: layers.MelSpectrogram(32, sequence_length=64),
    "min_freq < max_freq.*E-RANGE": lambda: layers.MelSpectrogram(min_freq=9000.0),
    "kernels of shape.*E-SHAPE": lambda: initializers.STFT()((6, 5)),
}


@pytest.mark.parametrize("message", REFUSED)
def test_refused(message: str):
    with pytest.raises(UsageError, match=message):
        REFUSED[message]()
