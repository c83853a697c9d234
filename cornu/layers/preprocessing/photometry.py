"""Layers that change the tones and the sharpness of images; their arithmetic is in `pixels`."""

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np

from cornu import engine
from cornu.config import Convert, Within
from cornu.errors import UsageError, UsageTypeError, shown
from cornu.fields import DataFormat, window
from cornu.layers.preprocessing import pixels
from cornu.layers.preprocessing.augmentation import (
    Augmentation,
    Factor,
    ImageLayer,
    ValueRange,
    even,
)


def picked(key: Any, batch: Sequence[int], probability: Sequence[float]) -> Any:
    """Which samples a change shall reach: a probability is drawn for each, then that decides."""
    least = even(engine.fold(key, 0), batch, (0, 1))
    return least < even(engine.fold(key, 1), batch, probability)


def where_picked(chosen: Any, changed: Any, images: Any) -> Any:
    """`changed` for the samples that were picked, `images` for the others."""
    return engine.np.where(chosen.reshape(-1, 1, 1, 1), changed, images)


# ---------------------------------------------------------------- tones


class RandomInvert(Augmentation):
    """In training: some images turned into their negatives, `low + high - x`.

    Args:
        factor: interval within [0, 1] from which each image's probability is drawn; a number
            means (0, number).
        value_range: (low, high), the least and greatest value of a pixel.
        seed: whole number for a stream of draws of its own.
        data_format: where channels lie.
    """

    factor: Annotated[Any, Factor(0, 1)] = 1.0
    value_range: ValueRange = (0, 255)
    seed: int | None = None
    data_format: DataFormat = None

    def draw(self, images_shape: Sequence[int], key: Any) -> Any:
        return picked(key, images_shape[:1], self.factor)

    def augment_images(self, images: Any, drawn: Any) -> Any:
        return where_picked(drawn, pixels.inverted(images, self.value_range), images)


class RandomPosterization(Augmentation):
    """In training: only the upper bits of 8 bits a channel are kept.

    Args:
        factor: (least, most) number of bits, within [1, 8]; each number between them, both
            included, is drawn equally often. A number n means (1, n).
        value_range: least and greatest value of a pixel.
        data_format: where channels lie.
        seed: whole number for a stream of draws of its own.
    """

    factor: Annotated[Any, Factor(1, 8)]
    value_range: ValueRange = (0, 255)
    data_format: DataFormat = None
    seed: int | None = None

    def set_up(self) -> None:
        """Bits are whole."""
        super().set_up()
        if any(bits != int(bits) for bits in self.factor):
            raise UsageError(
                "E-RANGE",
                f"RandomPosterization: factor must be made of whole numbers of bits, as in 4 or "
                f"(3, 5); got {shown(self.factor)}.",
            )
        self.factor = tuple(int(bits) for bits in self.factor)

    def draw(self, images_shape: Sequence[int], key: Any) -> Any:
        least, most = self.factor
        return engine.integers(key, images_shape[:1], least, most + 1, "int32")

    def augment_images(self, images: Any, drawn: Any) -> Any:
        return pixels.posterized(images, drawn, self.value_range)


class Solarization(Augmentation):
    """In training: `x + addition`, then the negative of what is at least the threshold.

    Args:
        addition_factor: interval within [0, 1] from which the addition is drawn, as a share of
            the range of values; a number means (0, number).
        threshold_factor: the same for the threshold; 0 turns every pixel into its negative.
        value_range: least and greatest value of a pixel; results stay within.
        seed: whole number for a stream of draws of its own.
    """

    addition_factor: Annotated[Any, Factor(0, 1)] = 0.0
    threshold_factor: Annotated[Any, Factor(0, 1)] = 0.0
    value_range: ValueRange = (0, 255)
    seed: int | None = None

    def draw(self, images_shape: Sequence[int], key: Any) -> Any:
        ends = (self.addition_factor, self.threshold_factor)
        return [even(engine.fold(key, i), images_shape[:1], e) for i, e in enumerate(ends)]

    def augment_images(self, images: Any, drawn: Any) -> Any:
        addition, threshold = drawn
        return pixels.solarized(images, addition, threshold, self.value_range)


class Equalization(ImageLayer):
    """In training: each channel of each image moved to an even histogram.

    Args:
        value_range: least and greatest value of a pixel.
        bins: number of steps into which values are counted.
        data_format: where channels lie.
    """

    value_range: ValueRange = (0, 255)
    bins: Annotated[int, Within(2)] = 256
    data_format: DataFormat = None

    def settle(self, images_shape: Sequence[int], training: bool) -> Any:
        return () if training else None

    def augment_images(self, images: Any, drawn: Any) -> Any:
        return pixels.equalized(images, self.bins, self.value_range, self.data_format)


class AutoContrast(ImageLayer):
    """Each channel of each image stretched over the whole range of values, in both phases.

    Args:
        value_range: least and greatest value of a pixel.
    """

    value_range: ValueRange = (0, 255)

    def settle(self, images_shape: Sequence[int], training: bool) -> Any:
        return ()

    def augment_images(self, images: Any, drawn: Any) -> Any:
        return pixels.stretched(images, self.value_range, self.data_format)


class ContrastLimitedAdaptiveHistogramEqualization(ImageLayer):
    """Equalization tile by tile with limited contrast (CLAHE), in both phases.

    Args:
        value_range: least and greatest value of a pixel.
        clip_limit: the most pixels of a tile that one of 256 levels may have, in units of its
            even share; 0 for no limit.
        tile_grid_size: number of tiles, (rows, columns).
        data_format: where channels lie.

    Source: Zuiderveld, "Contrast Limited Adaptive Histogram Equalization", Graphics Gems IV, 1994.
    """

    value_range: ValueRange = (0, 255)
    clip_limit: float = 4.0
    tile_grid_size: Annotated[Any, window(2)] = (8, 8)
    data_format: DataFormat = None

    def settle(self, images_shape: Sequence[int], training: bool) -> Any:
        return ()

    def augment_images(self, images: Any, drawn: Any) -> Any:
        how = (self.clip_limit, self.tile_grid_size, self.value_range, self.data_format)
        return pixels.locally_equalized(images, *how)


# ---------------------------------------------------------------- sharpness


class RandomSharpness(Augmentation):
    """In training: `x + (1 - 2 f) (smooth - x)`: f = 0 smooths, 0.5 changes nothing, 1 sharpens.

    `smooth` is the 3 by 3 mean in which the middle counts five times; zeros beyond the edge.

    Args:
        factor: interval within [0, 1] from which f is drawn; a number means (0, number).
        value_range: least and greatest value of a pixel; results stay within.
        data_format: where channels lie.
        seed: whole number for a stream of draws of its own.
    """

    factor: Annotated[Any, Factor(0, 1)]
    value_range: ValueRange = (0, 255)
    data_format: DataFormat = None
    seed: int | None = None

    def draw(self, images_shape: Sequence[int], key: Any) -> Any:
        return even(key, images_shape[:1], self.factor)

    def augment_images(self, images: Any, drawn: Any) -> Any:
        return pixels.sharpened(images, drawn, self.value_range, self.data_format)


def _odd(value: Any) -> tuple[int, int]:
    sizes = tuple(value) if isinstance(value, (list, tuple)) else (value, value)
    whole = [isinstance(s, (int, np.integer)) and not isinstance(s, bool) for s in sizes]
    if len(sizes) != 2 or not all(whole):
        raise UsageTypeError(
            "E-WINDOW",
            f"kernel_size must be an odd number or a pair (width, height) of them, as in 3 or "
            f"(3, 5); got {shown(value)}.",
        )
    if any(s < 1 or s % 2 == 0 for s in sizes):
        raise UsageError(
            "E-WINDOW", f"kernel_size must be odd, as in 3 or (3, 5); got {shown(value)}."
        )
    return int(sizes[0]), int(sizes[1])


class RandomGaussianBlur(Augmentation):
    """In training: some images seen through a Gaussian window; zeros beyond the edge.

    Args:
        factor: interval within [0, 1] from which each image's probability is drawn; a number
            means (0, number).
        kernel_size: size of the window, an odd number or (width, height).
        sigma: interval within [0, 1] from which the window's deviation is drawn, in pixels, for
            width and height of each image; a number means (0, number).
        value_range: least and greatest value of a pixel; results stay within.
        data_format: where channels lie.
        seed: whole number for a stream of draws of its own.

    Raises:
        UsageError: for windows of an even size.
    """

    factor: Annotated[Any, Factor(0, 1)] = 1.0
    kernel_size: Annotated[Any, Convert(_odd)] = 3
    sigma: Annotated[Any, Factor(0, 1)] = 1.0
    value_range: ValueRange = (0, 255)
    data_format: DataFormat = None
    seed: int | None = None

    def draw(self, images_shape: Sequence[int], key: Any) -> Any:
        sigma = even(engine.fold(key, 2), (images_shape[0], 2), self.sigma)
        return {
            "picked": picked(key, images_shape[:1], self.factor),
            "sigma": engine.np.maximum(sigma, 1e-6),
        }

    def augment_images(self, images: Any, drawn: Any) -> Any:
        soft = pixels.blurred(images, self.kernel_size, drawn["sigma"], self.data_format)
        return pixels.clipped(where_picked(drawn["picked"], soft, images), self.value_range)
