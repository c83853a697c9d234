"""Folders of sound as data sets: `.wav` files of whole numbers, read by Python's own `wave`."""

import math
import os
import wave
from collections.abc import Sequence
from typing import Any

import numpy as np

from cornu.errors import UsageError, shown
from cornu.utils.batches import Batches
from cornu.utils.folders import Wanted, dataset_of

ENDINGS = (".wav",)
MOST_BYTES, MOST_RATE = 2**30, 1_000_000


def audio_dataset_from_directory(
    directory: str | os.PathLike[str],
    labels: str | Sequence[int] | None = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    batch_size: int | None = 32,
    sampling_rate: int | None = None,
    output_sequence_length: int | None = None,
    ragged: bool = False,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    follow_links: bool = False,
    verbose: bool = True,
) -> Batches | tuple[Batches, Batches]:
    """`.wav` files as batches of sound and labels.

    Args:
        directory, labels, label_mode, class_names, batch_size, shuffle, seed, validation_split,
            subset, follow_links, verbose: as in `text_dataset_from_directory`.
        sampling_rate: samples a second; files of another rate are converted (needs SciPy). None
            to take them as they are.
        output_sequence_length: cut or fill up to so many samples; else those of a batch are filled
            up with silence to the longest of it.
        ragged: must not be set: batches have one length.

    Returns:
        `Batches` of (sounds, labels), or of sounds: float32 (batch, samples, channels) in [-1, 1).

    Raises:
        UsageError: as `text_dataset_from_directory`, and for files that are no sound.
    """
    if ragged:
        raise UsageError(
            "E-RAGGED", "ragged=True is not supported: short sounds are filled up with silence."
        )
    for name, value in (
        ("sampling_rate", sampling_rate),
        ("output_sequence_length", output_sequence_length),
    ):
        whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
        if value is not None and (not whole or value < 1):
            raise _error(f"{name} must be a whole number above 0; got {shown(value)}.")
    wanted = Wanted(label_mode, batch_size, shuffle, seed, validation_split, subset, verbose)

    def read(paths: Sequence[str]) -> np.ndarray:
        sounds = [read_wav(path, sampling_rate) for path in paths]
        return _filled(paths, sounds, output_sequence_length)

    return dataset_of(directory, labels, class_names, ENDINGS, follow_links, wanted, read)


def read_wav(path: str, sampling_rate: int | None = None) -> np.ndarray:
    """A sound: float32 (samples, channels), from -1 to 1. Raises UsageError with the file's name.

    Numbers of 8 to 32 bits are read. `sampling_rate` converts to that many samples a second.
    """
    try:
        if os.path.getsize(path) > MOST_BYTES:
            raise _error(f"{path} has more than {MOST_BYTES} bytes.")
        with wave.open(path, "rb") as file:
            width, channels, rate = file.getsampwidth(), file.getnchannels(), file.getframerate()
            data = file.readframes(file.getnframes())
    except (wave.Error, EOFError, OSError) as error:
        reason = getattr(error, "strerror", None) or error or "it ends early"
        raise _error(f"{path} is no WAV file of whole numbers: {reason}.") from None
    data = data[: len(data) - len(data) % (width * channels)]
    sound = _numbers(data, width).reshape(-1, channels)
    if sampling_rate is None or rate == sampling_rate or not len(sound):
        return sound
    return _converted(sound, rate, sampling_rate, path)


def _numbers(data: bytes, width: int) -> np.ndarray:
    """Whole numbers of so many bytes as float32 from -1 to 1; those of one byte are unsigned."""
    if width == 1:
        return (np.frombuffer(data, np.uint8).astype("float32") - 128) / 128
    if width == 3:
        wide = np.zeros((len(data) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        data, width = wide.tobytes(), 4
    return np.frombuffer(data, f"<i{width}").astype("float32") / np.float32(2 ** (8 * width - 1))


def _converted(sound: np.ndarray, rate: int, wanted: int, path: str) -> np.ndarray:
    try:
        from scipy import signal
    except ImportError:
        raise _error(
            f"{path} has {rate} samples a second; to make them {wanted} takes SciPy: "
            "pip install scipy."
        ) from None
    if not 0 < rate <= MOST_RATE:
        raise _error(f"{path} says that it has {rate} samples a second; at most {MOST_RATE} are.")
    common = math.gcd(rate, wanted)
    made: Any = signal.resample_poly(sound, wanted // common, rate // common, axis=0)
    return made.astype("float32")


def _filled(paths: Sequence[str], sounds: list[np.ndarray], length: int | None) -> np.ndarray:
    """Sounds as one array, cut or filled up with silence."""
    channels = {sound.shape[1] for sound in sounds}
    if len(channels) > 1:
        other = next(i for i, s in enumerate(sounds) if s.shape[1] != sounds[0].shape[1])
        raise _error(
            f"{paths[other]} has {sounds[other].shape[1]} channels, {paths[0]} "
            f"{sounds[0].shape[1]}: a batch needs one number."
        )
    longest = max(map(len, sounds)) if length is None else length
    batch = np.zeros((len(sounds), longest, *channels), "float32")
    for row, sound in zip(batch, sounds, strict=True):
        row[: len(sound)] = sound[:longest]
    return batch


def _error(message: str) -> UsageError:
    return UsageError("E-FOLDER", message)
