"""Folders of sound: numbers as they were written, one length a batch, files that are none."""

import wave

import numpy as np
import pytest

from cornu.errors import UsageError
from cornu.utils.audio import audio_dataset_from_directory, read_wav

RNG = np.random.default_rng(0)


def write(path, numbers, width=2, rate=8000):
    """Whole numbers (samples, channels) as a WAV file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = np.ascontiguousarray(numbers, "<i4").view("u1").reshape(*numbers.shape, 4)
    data = data[..., :width] if width > 1 else data[..., :1]
    with wave.open(str(path), "wb") as file:
        file.setnchannels(numbers.shape[1])
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(data.tobytes())
    return str(path)


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_numbers_of_every_width(tmp_path, width):
    half = 2 ** (8 * width - 1)
    numbers = RNG.integers(-half, half, (50, 2))
    stored = numbers + half if width == 1 else numbers
    sound = read_wav(write(tmp_path / "x.wav", stored, width))
    assert sound.dtype == "float32" and sound.shape == (50, 2)
    np.testing.assert_allclose(sound, numbers / half, atol=1e-7)


@pytest.fixture
def folder(tmp_path):
    for i, (name, length) in enumerate([("low", 30), ("low", 50), ("high", 40)]):
        write(tmp_path / name / f"{i}.wav", np.full((length, 1), (i + 1) * 1000))
    return tmp_path


def test_batches_are_filled_up_with_silence(folder, capsys):
    made = audio_dataset_from_directory(folder, shuffle=False, class_names=["low", "high"])
    assert capsys.readouterr().out == "Found 3 files belonging to 2 classes.\n"
    ((x, y),) = made
    assert x.shape == (3, 50, 1) and y.tolist() == [0, 0, 1]
    assert (x[0, :30] == np.float32(1000 / 32768)).all() and not x[0, 30:].any()
    cut = audio_dataset_from_directory(folder, None, output_sequence_length=35, shuffle=False)
    (x,) = cut
    assert x.shape == (3, 35, 1) and (x[0] == np.float32(3000 / 32768)).all()


def test_rates_are_converted(tmp_path):
    seconds = np.arange(8000) / 8000
    tone = (20_000 * np.sin(2 * np.pi * 100 * seconds)).astype(int)[:, None]
    path = write(tmp_path / "x.wav", tone)
    pytest.importorskip("scipy")
    sound = read_wav(path, 4000)
    assert sound.shape == (4000, 1)
    expected = 20_000 / 32768 * np.sin(2 * np.pi * 100 * np.arange(4000) / 4000)
    np.testing.assert_allclose(sound[100:-100, 0], expected[100:-100], atol=2e-3)
    assert read_wav(path, 8000).shape == (8000, 1)
    with pytest.raises(UsageError, match="2000000000 samples a second; at most"):
        read_wav(write(tmp_path / "y.wav", tone, rate=2_000_000_000), 4000)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"ragged": True}, "E-RAGGED"),
        ({"sampling_rate": 0}, "sampling_rate must be"),
        ({"output_sequence_length": 1.5}, "output_sequence_length must be"),
        ({"subset": "training"}, "go together"),
    ],
)
def test_wrong_calls_are_refused(folder, said, message):
    with pytest.raises(UsageError, match=message):
        audio_dataset_from_directory(folder, **said)


def test_files_that_are_no_sound_are_named(folder):
    made = audio_dataset_from_directory(folder, shuffle=False, batch_size=2)
    path = folder / "high" / "2.wav"
    whole = path.read_bytes()
    for data in (b"", b"no sound", whole[:30], whole.replace(b"\x01\0\x01\0", b"\x03\0\x01\0", 1)):
        path.write_bytes(data)
        with pytest.raises(UsageError, match=r"2\.wav is no WAV file of whole numbers"):
            list(made)
    path.write_bytes(whole[:-3])  # ends within a number: what is whole of it counts
    assert next(iter(made))[0].shape == (2, 38, 1)
    write(path, np.ones((3, 2), int))
    with pytest.raises(UsageError, match="has 1 channels, .* 2: a batch needs one number"):
        list(made)
