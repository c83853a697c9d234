"""Layers that cover parts of images, mix the images of a batch, or fix the number of boxes."""

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np

from cornu import engine, settings
from cornu.config import Convert, Within
from cornu.errors import UsageError, UsageTypeError, shown
from cornu.fields import DataFormat, Positive
from cornu.layers.preprocessing import pixels
from cornu.layers.preprocessing.augmentation import (
    Augmentation,
    Factor,
    ImageLayer,
    ValueRange,
    even,
)
from cornu.layers.preprocessing.photometry import picked, where_picked
from cornu.layers.sizes import space_axes


def beta(key: Any, shape: Sequence[int], alpha: Any) -> Any:
    """Draws from Beta(alpha, alpha) in float32, finite for any alpha > 0."""
    one, other = engine.log_gamma(key, (2, *shape), alpha, "float32")
    return 1 / (1 + engine.np.exp(other - one))


def box(images_shape: Sequence[int], shares: Any, key: Any, data_format: str) -> tuple[Any, Any]:
    """Corners of a random box within each image: pairs (down, across) of arrays, in pixels.

    `shares`: parts of height and width that the box takes, a pair of arrays (batch,).
    """
    starts, ends = [], []
    places = even(key, (2, images_shape[0]), (0, 1))
    for place, share, axis in zip(places, shares, space_axes(2, data_format), strict=True):
        length = share * images_shape[axis]
        start = place * (images_shape[axis] - length)
        starts.append(start)
        ends.append(start + length)
    return tuple(starts), tuple(ends)


# ---------------------------------------------------------------- covering


def _fill_value(value: Any) -> Any:
    several = isinstance(value, (list, tuple))
    numbers = list(value) if several else [value]
    real = [isinstance(v, (int, float, np.number)) and not isinstance(v, bool) for v in numbers]
    if value is None or (all(real) and (not several or len(numbers) == 3)):
        return tuple(value) if several else value
    raise UsageTypeError(
        "E-TYPE",
        "fill_value must be a number, 3 numbers (red, green, blue) or None for noise; "
        f"got {shown(value)}.",
    )


class RandomErasing(Augmentation):
    """In training: a box in some of the images is covered.

    Args:
        factor: interval within [0, 1] from which each image's probability is drawn; a number
            means (0, number).
        scale: interval within [0, 1]; the box takes √a of the height and √b of the width, with a
            and b drawn from it.
        fill_value: a number, (red, green, blue), or None for normal noise of the deviation
            `value_range[1]`; held within the range of values.
        value_range: least and greatest value of a pixel.
        seed: whole number for a stream of draws of its own.
        data_format: where channels lie.

    Source: Zhong et al., "Random Erasing Data Augmentation", AAAI 2020.
    """

    factor: Annotated[Any, Factor(0, 1)] = 1.0
    scale: Annotated[Any, Factor(0, 1)] = (0.02, 0.33)
    fill_value: Annotated[Any, Convert(_fill_value)] = None
    value_range: ValueRange = (0, 255)
    seed: int | None = None
    data_format: DataFormat = None

    def draw(self, images_shape: Sequence[int], key: Any) -> Any:
        shares = even(engine.fold(key, 1), (2, images_shape[0]), self.scale) ** 0.5
        return {
            "picked": picked(engine.fold(key, 0), images_shape[:1], self.factor),
            "box": box(images_shape, shares, engine.fold(key, 2), self.data_format),
            "noise": engine.fold(key, 3) if self.fill_value is None else None,
        }

    def augment_images(self, images: Any, drawn: Any) -> Any:
        starts, ends = drawn["box"]
        covered = pixels.inside(images.shape, starts, ends, self.data_format)
        fill = pixels.clipped(self._fill(images, drawn["noise"]), self.value_range)
        return where_picked(drawn["picked"], engine.np.where(covered, fill, images), images)

    def _fill(self, images: Any, noise: Any) -> Any:
        if noise is not None:
            return engine.normal(noise, images.shape, str(images.dtype)) * self.value_range[1]
        fill = np.asarray(self.fill_value, images.dtype)
        first = self.data_format == "channels_first"
        return fill.reshape(-1, 1, 1) if first and fill.ndim else fill


# ---------------------------------------------------------------- mixing


class _Mixing(Augmentation):
    """Mixes each sample with another of its batch. Outside of training nothing is mixed."""

    def weighted(self, x: Any, drawn: Any, what: str) -> Any:
        """`w x + (1 - w) other`, w a number a sample."""
        if x.dtype.kind in "iub" and (what != "labels" or x.ndim < 2):
            raise UsageError(
                "E-MIX",
                f'{type(self).__name__} "{self.name}" mixes {what}, so they must be parts of '
                f"classes and not numbers of classes; got {shown(x)}. "
                "Use utils.to_categorical(y, num_classes).",
            )
        if x.dtype.kind in "iub":
            x = engine.cast(x, settings.floatx())
        weight = engine.cast(drawn["weight"], x.dtype).reshape(-1, *[1] * (x.ndim - 1))
        return weight * x + (1 - weight) * self.other(x, drawn)

    def other(self, x: Any, drawn: Any) -> Any:
        """The samples with which the batch is mixed."""
        return engine.np.take(x, drawn["other"], axis=0)

    def augment_labels(self, labels: Any, drawn: Any) -> Any:
        return self.weighted(labels, drawn, "labels")


class CutMix(_Mixing):
    """In training: a box of each image is filled from another image; labels are mixed by area.

    The box takes 1 - w of the image, w drawn from Beta(a, a). Labels become
    `w y + (1 - w) other y`, w the part of the pixels that stayed. A single image stays as it is.

    Args:
        factor: interval within [0, 1] from which a is drawn for each sample; a number means
            (0, number).
        seed: whole number for a stream of draws of its own.
        data_format: where channels lie.

    Raises:
        UsageError: for labels that are numbers of classes, and for boxes.

    Source: Yun et al., "CutMix", ICCV 2019.
    """

    factor: Annotated[Any, Factor(0, 1)] = 1.0
    seed: int | None = None
    data_format: DataFormat = None

    def draw(self, images_shape: Sequence[int], key: Any) -> Any:
        batch = images_shape[:1]
        alpha = even(engine.fold(key, 0), batch, self.factor) + 1e-6
        share = (1 - beta(engine.fold(key, 1), batch, alpha)) ** 0.5
        starts, ends = box(images_shape, (share, share), engine.fold(key, 2), self.data_format)
        held = pixels.inside(images_shape, starts, ends, self.data_format)
        return {
            "inside": held,
            "weight": 1 - engine.np.mean(engine.cast(held, "float32"), (1, 2, 3)),
            "other": engine.permutation(engine.fold(key, 3), images_shape[0]),
        }

    def augment_images(self, images: Any, drawn: Any) -> Any:
        return engine.np.where(drawn["inside"], self.other(images, drawn), images)

    def augment_segmentation_masks(self, segmentation_masks: Any, drawn: Any) -> Any:
        return self.augment_images(segmentation_masks, drawn)

    def augment_bounding_boxes(self, bounding_boxes: dict[str, Any], drawn: Any) -> dict[str, Any]:
        raise UsageError(
            "E-MIX",
            f'CutMix "{self.name}" cuts through things, so it cannot say where boxes are. '
            "Use MixUp, which keeps the boxes of both images.",
        )


class MixUp(_Mixing):
    """In training: `w x + (1 - w) other x` for images and labels, w drawn from Beta(a, a).

    Boxes of both images are kept: (batch, 2 boxes, 4).

    Args:
        alpha: a; 1 draws w evenly, small ones draw it near 0 and 1.
        data_format: where channels lie.
        seed: whole number for a stream of draws of its own.

    Raises:
        UsageError: for labels or masks that are numbers of classes.

    Source: Zhang et al., "mixup: Beyond Empirical Risk Minimization", ICLR 2018.
    """

    alpha: Annotated[float, Within(0, open="(")] = 0.2
    data_format: DataFormat = None
    seed: int | None = None

    def draw(self, images_shape: Sequence[int], key: Any) -> Any:
        return {
            "weight": beta(engine.fold(key, 0), images_shape[:1], self.alpha),
            "other": engine.permutation(engine.fold(key, 1), images_shape[0]),
        }

    def augment_images(self, images: Any, drawn: Any) -> Any:
        return self.weighted(images, drawn, "images")

    def augment_segmentation_masks(self, segmentation_masks: Any, drawn: Any) -> Any:
        return self.weighted(segmentation_masks, drawn, "segmentation masks")

    def augment_bounding_boxes(self, bounding_boxes: dict[str, Any], drawn: Any) -> dict[str, Any]:
        return {
            name: engine.np.concatenate([x, self.other(x, drawn)], axis=1)
            for name, x in bounding_boxes.items()
        }


# ---------------------------------------------------------------- boxes


class MaxNumBoundingBoxes(ImageLayer):
    """Exactly `max_number` boxes for each image: later ones are dropped, missing ones filled.

    Args:
        max_number: how many.
        fill_value: whole number for the coordinates and labels of boxes that are not there.
        bounding_box_format: any; it is not changed.
    """

    max_number: Positive
    fill_value: int = -1

    def settle(self, images_shape: Sequence[int], training: bool) -> Any:
        return ()

    def augment_images(self, images: Any, drawn: Any) -> Any:
        return images

    def augment_bounding_boxes(self, bounding_boxes: dict[str, Any], drawn: Any) -> dict[str, Any]:
        return {name: self._held(x) for name, x in bounding_boxes.items()}

    def _held(self, x: Any) -> Any:
        missing = max(self.max_number - x.shape[1], 0)
        margins = [(0, 0), (0, missing), *[(0, 0)] * (x.ndim - 2)]
        held = x[:, : self.max_number]
        return engine.np.pad(held, margins, constant_values=self.fill_value)
