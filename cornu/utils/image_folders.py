"""Folders of pictures as data sets: a folder for each class, or pictures alone."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from cornu.errors import UsageError
from cornu.utils.batches import Batches
from cornu.utils.folders import FORMATS, Wanted, dataset_of
from cornu.utils.image_files import (
    COLOR_MODES,
    choice,
    color_mode_of,
    data_format_of,
    img_to_array,
    load_img,
    size_of,
)
from cornu.utils.image_resizing import INTERPOLATIONS, cropped, padded, resize

ENDINGS = (".bmp", ".gif", ".jpeg", ".jpg", ".png")
READERS = min(8, os.cpu_count() or 1)
"""Threads that read the pictures of one batch."""


def image_dataset_from_directory(
    directory: str | os.PathLike[str],
    labels: str | Sequence[int] | None = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    color_mode: str = "rgb",
    batch_size: int | None = 32,
    image_size: Sequence[int] = (256, 256),
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    interpolation: str = "bilinear",
    follow_links: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    data_format: str | None = None,
    format: str = "tf",
    verbose: bool = True,
) -> Batches | tuple[Batches, Batches]:
    """Pictures (`.bmp`, `.gif`, `.jpeg`, `.jpg`, `.png`) as batches of float32 and labels.

    Args:
        directory: the folder, with a folder for each class; pictures in these, at any depth.
        labels: "inferred" from the folders; None for none; or a number for each file, in the order
            of their sorted paths.
        label_mode: "int": int32 (batch,); "binary", of two classes: float32 (batch, 1);
            "categorical": float32 (batch, classes); None: no labels.
        class_names: the folders to take, in the order of their numbers; else all, sorted.
        color_mode: "grayscale", "rgb" or "rgba": 1, 3 or 4 channels.
        batch_size: pictures of a batch; None for single pictures.
        image_size: (height, width) that all are brought to.
        shuffle: whether to mix the files, and again in each pass.
        seed: of the shuffling.
        validation_split: the share of the files, in (0, 1), that `subset` leaves out or takes.
        subset: "training", "validation", or "both" for the pair.
        interpolation: "bilinear", "nearest", "bicubic", "area", "lanczos3", "lanczos5",
            "gaussian" or "mitchellcubic".
        follow_links: whether links to folders are followed.
        crop_to_aspect_ratio: whether to cut off what does not fit the new proportions.
        pad_to_aspect_ratio: whether to add black margins until the new proportions fit.
        data_format: where channels go; `image_data_format()` if None.
        format: taken as in Keras, and without effect: batches are NumPy arrays.
        verbose: whether to print how many files there are.

    Returns:
        `Batches` of (pictures, labels), or of pictures, with values from 0 to 255. The files of a
        subset are those that Keras 3 takes for the same seed.

    Raises:
        UsageError: for a folder or a class without pictures, and arguments that contradict each
            other; when a batch is read, for a file that is no picture, which it names.
        ImportError: without Pillow.

    Example:
        train, test = image_dataset_from_directory(
            "flowers", image_size=(64, 64), seed=1, validation_split=0.2, subset="both"
        )
        model.fit(train.map(lambda x, y: (x / 255, y)), validation_data=test)
    """
    size = size_of(image_size, "image_size")
    choice("interpolation", interpolation, INTERPOLATIONS)
    choice("format", format, FORMATS)
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise UsageError("E-CHOICE", "give crop_to_aspect_ratio or pad_to_aspect_ratio, not both.")
    way = _cropped if crop_to_aspect_ratio else padded if pad_to_aspect_ratio else resize
    read = _reader(size, color_mode_of(color_mode), interpolation, way, data_format_of(data_format))
    wanted = Wanted(label_mode, batch_size, shuffle, seed, validation_split, subset, verbose)
    return dataset_of(directory, labels, class_names, ENDINGS, follow_links, wanted, read)


def _cropped(picture: np.ndarray, size: tuple[int, int], interpolation: str) -> np.ndarray:
    return resize(cropped(picture, size), size, interpolation)


def _reader(
    size: tuple[int, int],
    color_mode: str,
    interpolation: str,
    way: Callable[[np.ndarray, tuple[int, int], str], np.ndarray],
    data_format: str,
) -> Callable[[Sequence[str]], np.ndarray]:
    """Paths -> float32 pictures of one size."""
    shape = (*size, COLOR_MODES[color_mode][1])

    def one(path: str) -> np.ndarray:
        picture = load_img(path, color_mode)
        return way(img_to_array(picture, "channels_last", "float32"), size, interpolation)

    def read(paths: Sequence[str]) -> np.ndarray:
        made = filled(np.empty((len(paths), *shape), "float32"), one, paths)
        if data_format == "channels_first":
            return np.ascontiguousarray(np.moveaxis(made, -1, 1))
        return made

    return read


def filled(made: np.ndarray, one: Callable[[str], Any], paths: Sequence[str]) -> np.ndarray:
    """`made` with `one(path)` for each path in its place, some of them side by side.

    Raises what `one` raises for the first path that it cannot read.
    """

    def fill(i: int) -> None:
        made[i] = one(paths[i])

    if len(paths) < 2 or READERS < 2:
        for i in range(len(paths)):
            fill(i)
        return made
    with ThreadPoolExecutor(min(READERS, len(paths))) as readers:
        futures = [readers.submit(fill, i) for i in range(len(paths))]
        try:
            for future in futures:
                future.result()
        finally:
            for future in futures:
                future.cancel()
    return made
