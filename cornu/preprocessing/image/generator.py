"""`ImageDataGenerator`: pictures changed at random, and brought to a common scale, as they come.

It holds what was asked for, and does it to batches. Where the pictures are from is `iterators`'
and `files`'; the draws are in `draws`, the geometry in `affine`.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from cornu import settings
from cornu.errors import UsageError, shown, warn
from cornu.preprocessing.image import affine, colors, options, statistics
from cornu.preprocessing.image.draws import Draws, Random
from cornu.preprocessing.image.files import DirectoryIterator
from cornu.preprocessing.image.iterators import NumpyArrayIterator, borrowed
from cornu.preprocessing.image.tables import DataFrameIterator
from cornu.utils.image_files import data_format_of

SPLITS = (None, "training", "validation")
TRANSFORMING = ("random_transform", "get_random_transform", "apply_transform")
"""Methods of which a subclass may have its own; pictures are then taken one by one."""


class ImageDataGenerator:
    """Batches of pictures, each changed at random in its own way and brought to a common scale.

    First the geometry (turned, moved, sheared, zoomed, mirrored), then colours, then
    `preprocessing_function`, `rescale` and what is centred and scaled.

    Args:
        featurewise_center, featurewise_std_normalization: whether to take off the mean, and divide
            by the standard deviation, of each channel over all pictures that `fit` was given.
        samplewise_center, samplewise_std_normalization: the same with those of the picture itself.
        zca_whitening: whether to take out what pixels have in common, by what `fit` learned.
        zca_epsilon: added to the deviations there.
        rotation_range: degrees to either side.
        width_shift_range, height_shift_range: a float below 1: part of the size to either side; a
            float from 1 on: pixels to either side; an int: whole pixels, fewer than it; a list:
            one of these, with either sign.
        brightness_range: (least, most) factor; pictures become whole numbers from 0 to 255.
        shear_range: degrees to either side.
        zoom_range: (least, most) factor, or `z` for (1 - z, 1 + z); below 1 is nearer.
        channel_shift_range: most to add to all values, or to take off.
        fill_mode: what lies outside of a picture: "nearest", "constant", "reflect" or "wrap".
        cval: value outside, with "constant".
        horizontal_flip, vertical_flip: whether to mirror every second picture on average.
        rescale: factor of all values, as 1/255; None for none.
        preprocessing_function: takes a picture (an array of three axes), gives one of that shape.
        data_format: where channels are; `image_data_format()` if None.
        validation_split: part of the pictures that `subset="validation"` takes.
        interpolation_order: 0 for the nearest pixel, 1 for weights by distance, 2 to 5 for splines.
        dtype: of the batches; `floatx()` if None.

    Raises:
        UsageError: for a value that an option cannot have.

    Example:
        >>> images = np.zeros((8, 4, 4, 1))
        >>> generator = ImageDataGenerator(rotation_range=20, horizontal_flip=True, rescale=1 / 255)
        >>> next(generator.flow(images, np.arange(8), batch_size=4))[0].shape
        (4, 4, 4, 1)
    """

    def __init__(
        self,
        featurewise_center: bool = False,
        samplewise_center: bool = False,
        featurewise_std_normalization: bool = False,
        samplewise_std_normalization: bool = False,
        zca_whitening: bool = False,
        zca_epsilon: float = 1e-6,
        rotation_range: float = 0,
        width_shift_range: float | int | Sequence[float] = 0.0,
        height_shift_range: float | int | Sequence[float] = 0.0,
        brightness_range: Sequence[float] | None = None,
        shear_range: float = 0.0,
        zoom_range: float | Sequence[float] = 0.0,
        channel_shift_range: float = 0.0,
        fill_mode: str = "nearest",
        cval: float = 0.0,
        horizontal_flip: bool = False,
        vertical_flip: bool = False,
        rescale: float | None = None,
        preprocessing_function: Callable[[np.ndarray], Any] | None = None,
        data_format: str | None = None,
        validation_split: float = 0.0,
        interpolation_order: int = 1,
        dtype: Any = None,
    ):
        self.featurewise_center, self.samplewise_center = featurewise_center, samplewise_center
        self.featurewise_std_normalization = featurewise_std_normalization
        self.samplewise_std_normalization = samplewise_std_normalization
        self.zca_whitening, self.zca_epsilon = zca_whitening, zca_epsilon
        self.rotation_range, self.shear_range = rotation_range, shear_range
        self.width_shift_range, self.height_shift_range = width_shift_range, height_shift_range
        self.brightness_range, self.zoom_range = brightness_range, zoom_range
        self.channel_shift_range, self.cval = channel_shift_range, cval
        self.fill_mode, self.interpolation_order = fill_mode, interpolation_order
        self.horizontal_flip, self.vertical_flip = horizontal_flip, vertical_flip
        self.rescale, self.preprocessing_function = rescale, preprocessing_function
        self.data_format = data_format_of(data_format)
        first = self.data_format == "channels_first"
        self.channel_axis, self.row_axis, self.col_axis = (1, 2, 3) if first else (3, 1, 2)
        self._validation_split = validation_split
        self.dtype = settings.floatx() if dtype is None else dtype
        self.mean: np.ndarray | None = None
        self.std: np.ndarray | None = None
        self.zca_whitening_matrix: np.ndarray | None = None
        options.settle(self)
        low, high = options.zoom(zoom_range)
        self.draws = Draws(
            rotation=rotation_range,
            height_shift=height_shift_range,
            width_shift=width_shift_range,
            shear=shear_range,
            zoom=(low, high),
            flips=(horizontal_flip, vertical_flip),
            channel_shift=channel_shift_range,
            brightness=brightness_range,
        )

    # ---------------------------------------------------------------- where pictures are from

    def flow(
        self,
        x: Any,
        y: Any = None,
        batch_size: int = 32,
        shuffle: bool = True,
        sample_weight: Any = None,
        seed: int | None = None,
        save_to_dir: str | os.PathLike[str] | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        ignore_class_split: bool = False,
        subset: str | None = None,
    ) -> NumpyArrayIterator:
        """Batches of pictures in an array.

        Args:
            x: array (count, height, width, channels); or (that array, other inputs): a list of
                arrays that are passed along as they are.
            y: one target for each picture; None for batches of pictures alone.
            batch_size: pictures of a batch; the last one of a pass may have fewer.
            shuffle: whether each pass has an order of its own.
            sample_weight: one weight for each picture.
            seed: of the order and of all that is drawn.
            save_to_dir: a folder to write every picture of every batch to, as it was made.
            save_prefix, save_format: names of these files begin with, and end in.
            ignore_class_split: whether a split may leave classes out of one part.
            subset: "training" or "validation": one part of the split.

        Raises:
            UsageError: for arrays that are none of pictures, or differ in length.
        """
        return NumpyArrayIterator(
            x,
            y,
            self,
            batch_size=batch_size,
            shuffle=shuffle,
            sample_weight=sample_weight,
            seed=seed,
            data_format=self.data_format,
            save_to_dir=save_to_dir,
            save_prefix=save_prefix,
            save_format=save_format,
            subset=subset,
            ignore_class_split=ignore_class_split,
            dtype=self.dtype,
        )

    def flow_from_directory(
        self,
        directory: str | os.PathLike[str],
        target_size: Sequence[int] = (256, 256),
        color_mode: str = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        save_to_dir: str | os.PathLike[str] | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        follow_links: bool = False,
        subset: str | None = None,
        interpolation: str = "nearest",
        keep_aspect_ratio: bool = False,
    ) -> DirectoryIterator:
        """Batches of pictures in a folder that has a folder for each class.

        Arguments as of `DirectoryIterator`, and of `flow`.
        """
        return DirectoryIterator(
            directory,
            self,
            target_size=target_size,
            color_mode=color_mode,
            classes=classes,
            class_mode=class_mode,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            data_format=self.data_format,
            save_to_dir=save_to_dir,
            save_prefix=save_prefix,
            save_format=save_format,
            follow_links=follow_links,
            subset=subset,
            interpolation=interpolation,
            keep_aspect_ratio=keep_aspect_ratio,
            dtype=self.dtype,
        )

    def flow_from_dataframe(
        self,
        dataframe: Any,
        directory: str | os.PathLike[str] | None = None,
        x_col: str = "filename",
        y_col: str | Sequence[str] = "class",
        weight_col: str | None = None,
        target_size: Sequence[int] = (256, 256),
        color_mode: str = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        save_to_dir: str | os.PathLike[str] | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: str | None = None,
        interpolation: str = "nearest",
        validate_filenames: bool = True,
        keep_aspect_ratio: bool = False,
    ) -> DataFrameIterator:
        """Batches of pictures whose files, and labels, are in columns of a table.

        Arguments as of `DataFrameIterator`, and of `flow`.
        """
        return DataFrameIterator(
            dataframe,
            directory,
            self,
            x_col=x_col,
            y_col=y_col,
            weight_col=weight_col,
            target_size=target_size,
            color_mode=color_mode,
            classes=classes,
            class_mode=class_mode,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            data_format=self.data_format,
            save_to_dir=save_to_dir,
            save_prefix=save_prefix,
            save_format=save_format,
            subset=subset,
            interpolation=interpolation,
            keep_aspect_ratio=keep_aspect_ratio,
            dtype=self.dtype,
            validate_filenames=validate_filenames,
        )

    def part(self, subset: str | None) -> tuple[float, float] | None:
        """Where a part of the split begins and ends, from 0 to 1. Raises UsageError."""
        if subset not in SPLITS:
            raise UsageError(
                "E-CHOICE", f'subset must be "training" or "validation"; got {shown(subset)}.'
            )
        if subset is None:
            return None
        if not self._validation_split:
            raise UsageError(
                "E-SPLIT",
                f'subset="{subset}" needs a split: ImageDataGenerator(validation_split=0.2).',
            )
        held = self._validation_split
        return (0.0, held) if subset == "validation" else (held, 1.0)

    # ---------------------------------------------------------------- one picture

    def get_random_transform(self, img_shape: Sequence[int], seed: int | None = None) -> dict:
        """Parameters of a transform, drawn for a picture of this shape.

        Returns "theta", "shear" (degrees), "tx", "ty" (pixels to the right, and down, that the
        place is moved by which is read), "zx", "zy", "flip_horizontal", "flip_vertical", and
        "channel_shift_intensity" and "brightness", which are None where they were not asked for.
        """
        shape = [img_shape[self.row_axis - 1], img_shape[self.col_axis - 1]]
        return self.draws.single(random_of(seed), shape)

    def apply_transform(self, x: Any, transform_parameters: Mapping[str, Any]) -> np.ndarray:
        """A picture changed as the parameters say; those that are missing change nothing.

        Raises UsageError for a name that is none, and for another number of axes than 3.
        """
        image = options.image(x, "apply_transform", self.dtype)
        parameters = options.parameters(transform_parameters)
        each = {k: v if v is None else np.array([v]) for k, v in parameters.items()}
        return self._transformed(image[None], each)[0]

    def random_transform(self, x: Any, seed: int | None = None) -> np.ndarray:
        """A picture changed by parameters that are drawn."""
        image = options.image(x, "random_transform", self.dtype)
        return self.apply_transform(image, self.get_random_transform(image.shape, seed))

    def standardize(self, x: Any) -> np.ndarray:
        """A picture, or a batch, brought to the common scale; an array of floats is changed.

        Warns where `fit` has not learned yet what it takes.
        """
        array = np.asarray(x)
        array = array if array.dtype.kind == "f" else array.astype(self.dtype)
        return self._standardized(array if array.ndim == 4 else array[None]).reshape(array.shape)

    # ---------------------------------------------------------------- batches

    def batch(
        self, x: np.ndarray, random: Random, rows: np.ndarray | None = None, dtype: Any = None
    ) -> np.ndarray:
        """A batch of pictures as they go to the model.

        Args:
            x: pictures, which may be changed unless `rows` are asked for.
            random: what draws.
            rows: numbers of the pictures to take; all if None.
            dtype: in which they are changed; that of `x` if None.
        """
        if not self._is_own(*TRANSFORMING, "standardize"):
            x = (x if rows is None else x[rows]).astype(dtype or x.dtype, copy=False)
            with borrowed(random):  # a subclass draws from NumPy's global state
                return np.stack([self._by_subclass(image) for image in x]).astype(self.dtype)
        shape = (x.shape[self.row_axis], x.shape[self.col_axis])
        drawn = self.draws.draw(random, len(x) if rows is None else len(rows), shape)
        early = self._scales_early(drawn)
        scale = self.rescale if early and self.rescale else 1.0
        return self._standardized(self._transformed(x, drawn, scale, rows, dtype), early)

    def _scales_early(self, drawn: Mapping[str, Any]) -> bool:
        """Whether nothing comes between the geometry and `rescale`, which then go together."""
        between = (
            self.preprocessing_function,
            drawn["channel_shift_intensity"],
            drawn["brightness"],
        )
        return type(self.rescale) in (int, float) and all(each is None for each in between)

    def _by_subclass(self, image: np.ndarray) -> Any:
        if not self._is_own("random_transform"):
            return self.standardize(self.random_transform(image))
        parameters = self.get_random_transform(image.shape)
        return self.standardize(self.apply_transform(image, parameters))

    def _is_own(self, *names: str) -> bool:
        """Whether no subclass has methods of its own by these names."""
        return all(getattr(type(self), n) is getattr(ImageDataGenerator, n) for n in names)

    def _transformed(
        self,
        x: np.ndarray,
        parameters: Mapping[str, Any],
        scale: float = 1.0,
        rows: np.ndarray | None = None,
        dtype: Any = None,
    ) -> np.ndarray:
        """A batch changed by parameters, each None or of shape (count,); the rest as of `moved`."""
        images = np.moveaxis(x, self.channel_axis, -1)
        how = (self.fill_mode, self.cval, self.interpolation_order)
        images = affine.moved(images, parameters, *how, scale, rows, dtype)
        if parameters["channel_shift_intensity"] is not None:
            colors.shift_channels(images, parameters["channel_shift_intensity"])
        if parameters["brightness"] is not None:
            for image, factor in zip(images, parameters["brightness"], strict=True):
                image[...] = colors.brighten(image, factor, scale=False)
        return np.moveaxis(images, -1, self.channel_axis)

    def _standardized(self, x: np.ndarray, scaled: bool = False) -> np.ndarray:
        """A batch of floats on the common scale; it is changed. `scaled`: `rescale` was done."""
        if self.preprocessing_function is not None:
            for i, image in enumerate(x):
                x[i] = options.same_shape(self.preprocessing_function(image), image)
        if self.rescale and not scaled:
            x *= self.rescale
        axes = (1, 2, 3)
        if self.samplewise_center:
            x -= x.mean(axes, keepdims=True)
        if self.samplewise_std_normalization:
            x /= x.std(axes, keepdims=True) + 1e-6
        if self.featurewise_center and self._is_known("mean", "featurewise_center"):
            x -= np.asarray(self.mean, x.dtype)
        if self.featurewise_std_normalization:
            if self._is_known("std", "featurewise_std_normalization"):
                x /= np.asarray(self.std, x.dtype) + 1e-6
        if self.zca_whitening and self._is_known("zca_whitening_matrix", "zca_whitening"):
            flat = x.reshape(len(x), -1) @ np.asarray(self.zca_whitening_matrix, x.dtype)
            x = flat.reshape(x.shape)
        return x

    def _is_known(self, attribute: str, option: str) -> bool:
        known = getattr(self, attribute) is not None
        if not known:
            warn(f"{option}=True does nothing before generator.fit(x) has seen the pictures.")
        return known

    def fit(self, x: Any, augment: bool = False, rounds: int = 1, seed: int | None = None) -> None:
        """Learn the figures for `featurewise_…` and `zca_whitening` from pictures.

        Args:
            x: array (count, height, width, channels).
            augment: whether to learn from pictures that are changed at random.
            rounds: how often each is changed then.
            seed: of these changes.

        Raises:
            UsageError: for an array that is none of pictures.
        """
        images = options.images(x, self.channel_axis, "fit")
        images = images.astype(settings.floatx())  # a copy, to be changed
        if self.rescale:
            images *= self.rescale
        if augment:
            images = self._augmented(images, rounds, random_of(seed))
        statistics.learn(self, images)

    def _augmented(self, images: np.ndarray, rounds: int, random: Random) -> np.ndarray:
        if self._is_own(*TRANSFORMING):
            shape = (images.shape[self.row_axis], images.shape[self.col_axis])
            drawn = [self.draws.draw(random, len(images), shape) for _ in range(rounds)]
            return np.concatenate([self._transformed(images.copy(), each) for each in drawn])
        with borrowed(random):
            return np.stack([self.random_transform(i) for _ in range(rounds) for i in images])


def random_of(seed: int | None) -> Random:
    """What draws: anew from a seed, or NumPy's global state for None."""
    return np.random if seed is None else np.random.RandomState(seed)
