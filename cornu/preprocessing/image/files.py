"""Batches of pictures in files, above all in a folder for each class; tables are in `tables`.

Files are read when their batch is wanted, by some threads at a time. Which is the first that
cannot be read is said by the error, and nothing is given then.
"""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from cornu.errors import UsageError, listed, shown, suggestion, warn
from cornu.preprocessing.image.draws import Random
from cornu.preprocessing.image.iterators import PictureIterator
from cornu.utils.folders import files_below
from cornu.utils.image_files import (
    COLOR_MODES,
    choice,
    color_mode_of,
    data_format_of,
    img_to_array,
    interpolation_of,
    load_img,
    size_of,
)
from cornu.utils.image_folders import filled

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".ppm", ".tif", ".tiff")
FOLDER_MODES = ("categorical", "binary", "sparse", "input", None)


class FileIterator(PictureIterator):
    """What iterators over files have in common.

    Attributes:
        filenames, filepaths: the files, by name and by whole path.
        samples: how many there are.
        classes: the number of each one's class.
        class_indices: name of a class -> its number.
        image_shape: shape of a picture, channels included.
    """

    filenames: list[str]
    classes: Any = None
    directory: str
    sample_weight: np.ndarray | None = None

    def __init__(
        self,
        generator: Any,
        target_size: Sequence[int],
        color_mode: str,
        data_format: str | None,
        interpolation: str,
        keep_aspect_ratio: bool,
        dtype: Any,
        batch_size: int,
        shuffle: bool,
        seed: int | None,
        save: tuple[Any, str, str],
    ):
        self.target_size = size_of(target_size, "target_size")
        self.color_mode, self.interpolation = color_mode_of(color_mode), interpolation
        interpolation_of(interpolation)
        self.keep_aspect_ratio = bool(keep_aspect_ratio)
        self.dtype = "float32" if dtype is None else dtype
        channels = COLOR_MODES[color_mode][1]
        first = data_format_of(data_format) == "channels_first"
        size = self.target_size
        self.image_shape = (channels, *size) if first else (*size, channels)
        self.samples = len(self.filenames)
        super().__init__(
            self.samples, batch_size, shuffle, seed, generator, data_format, save, 10_000_000
        )

    @property
    def filepaths(self) -> list[str]:
        """The files, by their whole paths."""
        return [os.path.join(self.directory, name) for name in self.filenames]

    @property
    def labels(self) -> Any:
        """The number of each file's class, or its targets."""
        return self.classes

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.class_indices)

    class_indices: dict[str, int]
    class_mode: str | None

    def _made(self, rows: np.ndarray, random: Random) -> Any:
        paths = [os.path.join(self.directory, self.filenames[row]) for row in rows]
        pictures = filled(np.empty((len(rows), *self.image_shape), self.dtype), self._read, paths)
        x = self._changed(pictures, rows, random)
        if self.class_mode is None:
            return x
        y = x.copy() if self.class_mode == "input" else self._targets_of(rows)
        return (x, y) if self.sample_weight is None else (x, y, self.sample_weight[rows])

    def _read(self, path: str) -> np.ndarray:
        picture = load_img(
            path, self.color_mode, self.target_size, self.interpolation, self.keep_aspect_ratio
        )
        return img_to_array(picture, self.data_format, self.dtype)

    def _targets_of(self, rows: np.ndarray) -> Any:
        if self.class_mode in ("binary", "sparse"):
            return np.array([self.classes[row] for row in rows], self.dtype)
        made = np.zeros((len(rows), len(self.class_indices)), self.dtype)
        for i, row in enumerate(rows):
            made[i, self.classes[row]] = 1  # one class, or a list of them
        return made


class DirectoryIterator(FileIterator):
    """Batches of pictures in a folder that has a folder for each class.

    Files with other endings than those of pictures are left out, and folders whose name begins
    with a dot.

    Args:
        directory: the folder.
        image_data_generator: what changes the pictures.
        target_size: (height, width) that all are brought to.
        color_mode: "grayscale", "rgb" or "rgba".
        classes: the folders to take, in the order of their numbers; else all, sorted.
        class_mode: the targets: "categorical": a row of zeros and a one; "binary", "sparse": the
            number; "input": the picture itself; None: batches of pictures alone.
        batch_size: pictures of a batch; the last one of a pass may have fewer.
        shuffle: whether each pass has an order of its own.
        seed: of the order and of all that is drawn.
        data_format: where channels are.
        save_to_dir, save_prefix, save_format: as in `ImageDataGenerator.flow`.
        follow_links: whether links to folders are followed.
        subset: "training" or "validation": one part of each class.
        interpolation: how pictures are resized, as in `load_img`.
        keep_aspect_ratio: whether to cut what does not fit, so that nothing is distorted.
        dtype: of the batches.

    Raises:
        UsageError: for a folder without pictures, or without a class that was named.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        image_data_generator: Any,
        target_size: Sequence[int] = (256, 256),
        color_mode: str = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        data_format: str | None = None,
        save_to_dir: str | os.PathLike[str] | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        follow_links: bool = False,
        subset: str | None = None,
        interpolation: str = "nearest",
        keep_aspect_ratio: bool = False,
        dtype: Any = None,
    ):
        self.class_mode = choice("class_mode", class_mode, FOLDER_MODES)
        self.directory, self.subset = os.fspath(directory), subset
        part = None if image_data_generator is None else image_data_generator.part(subset)
        names = _class_folders(self.directory, classes)
        self.class_indices = {name: number for number, name in enumerate(names)}
        self._find(names, follow_links, part)
        super().__init__(
            image_data_generator,
            target_size,
            color_mode,
            data_format,
            interpolation,
            keep_aspect_ratio,
            dtype,
            batch_size,
            shuffle,
            seed,
            (save_to_dir, save_prefix, save_format),
        )
        print(f"Found {self.samples} images belonging to {len(names)} classes.")

    def _find(
        self, names: Sequence[str], follow_links: bool, part: tuple[float, float] | None
    ) -> None:
        """Set `filenames` and `classes`. Raises UsageError where there are none."""
        self.filenames, numbers, empty = [], [], []
        for number, name in enumerate(names):
            found = list(files_below(os.path.join(self.directory, name), ENDINGS, follow_links))
            if not found:
                empty.append(name)
            if part is not None:
                found = found[int(part[0] * len(found)) : int(part[1] * len(found))]
            self.filenames += [os.path.relpath(path, self.directory) for path in found]
            numbers += [number] * len(found)
        self.classes = np.array(numbers, "int32")
        if not self.filenames:
            raise UsageError("E-FOLDER", self._nothing(names, empty, part))
        if empty:
            warn(
                f"{self.directory}: no pictures in {listed(empty)}, which are classes all the "
                "same. Take the folders away, or name those that count: classes=[…]."
            )

    def _nothing(
        self, names: Sequence[str], empty: Sequence[str], part: tuple[float, float] | None
    ) -> str:
        if part is not None and len(empty) < len(names):
            return f"{self.directory}: the split leaves no pictures for subset={self.subset!r}."
        if not names and list(files_below(self.directory, ENDINGS, False)):
            return (
                f"{self.directory} has pictures, and no folders, one for each class. For pictures "
                f'without classes: flow_from_directory("{os.path.dirname(self.directory) or "."}", '
                f'classes=["{os.path.basename(self.directory)}"], class_mode=None).'
            )
        where = f"the folders {listed(names)} of {self.directory}" if names else self.directory
        return f"there are no pictures in {where}. Their names end in {', '.join(ENDINGS)}."


def _class_folders(directory: str, classes: Sequence[str] | None) -> list[str]:
    """Names of the classes. Raises UsageError for one without a folder."""
    if not os.path.isdir(directory):
        raise UsageError("E-FOLDER", f"{directory} is no folder.")
    there = sorted(
        name
        for name in os.listdir(directory)
        if not name.startswith(".") and os.path.isdir(os.path.join(directory, name))
    )
    if classes is None or len(classes) == 0:
        return there
    names = [classes] if isinstance(classes, str) else list(classes)
    for name in names:
        if not isinstance(name, str) or not os.path.isdir(os.path.join(directory, name)):
            raise UsageError(
                "E-FOLDER",
                f"classes has {shown(name)}, which is no folder in {directory}. "
                f"{suggestion(str(name), there)}There are: {listed(there)}.",
            )
    return names
