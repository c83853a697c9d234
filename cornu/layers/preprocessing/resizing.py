"""Images and numbers made alike: `Resizing`, `CenterCrop`, `Rescaling`."""

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np

from cornu import engine, ops, settings
from cornu.config import OneOf
from cornu.errors import UsageError, UsageTypeError, shown
from cornu.fields import DataFormat, Positive
from cornu.layers.base import Layer
from cornu.layers.preprocessing.augmentation import ImageLayer
from cornu.layers.preprocessing.bounding_boxes import clip_to_image_size, convert_format, crop
from cornu.ops.image.layout import height_axis, size_of
from cornu.ops.image.resampling import INTERPOLATIONS, middle_part

Interpolation = Annotated[str, OneOf(*INTERPOLATIONS)]


class Resizing(ImageLayer):
    """Images of one size; boxes and masks follow. The same in training and out of it.

    Whole numbers stay whole numbers.

    Args:
        height, width: new size in pixels.
        interpolation: "nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"; masks are always
            "nearest".
        crop_to_aspect_ratio: cut the largest middle part with the new proportions out first.
        pad_to_aspect_ratio: add margins of `fill_value` first, until the proportions fit.
        fill_mode: "constant".
        fill_value: value of the margins.
        antialias: whether to average over what falls together when images get smaller.
        data_format: where channels lie.

    Example:
        >>> Resizing(32, 24)(Input((None, None, 3))).shape
        (None, 32, 24, 3)
    """

    height: Positive
    width: Positive
    interpolation: Interpolation = "bilinear"
    crop_to_aspect_ratio: bool = False
    pad_to_aspect_ratio: bool = False
    fill_mode: Annotated[str, OneOf("constant")] = "constant"
    fill_value: float = 0.0
    antialias: bool = False
    data_format: DataFormat = None

    whole_stays = True

    def set_up(self) -> None:
        """Refuse cropping and padding at once."""
        super().set_up()
        if self.crop_to_aspect_ratio and self.pad_to_aspect_ratio:
            raise UsageError(
                "E-CHOICE",
                "Resizing: give crop_to_aspect_ratio or pad_to_aspect_ratio, not both.",
            )

    def settle(self, images_shape: Sequence[int], training: bool) -> Any:
        """The size of the images before."""
        return _height_width(images_shape, self.data_format)

    def augment_images(self, images: Any, drawn: Any) -> Any:
        """Images of the new size."""
        return self._resized(images, self.interpolation)

    def augment_segmentation_masks(self, segmentation_masks: Any, drawn: Any) -> Any:
        """Masks of the new size, without new values."""
        return self._resized(segmentation_masks, "nearest")

    def _resized(self, x: Any, interpolation: str) -> Any:
        return ops.image.resize(
            x,
            (self.height, self.width),
            interpolation,
            self.antialias,
            self.crop_to_aspect_ratio,
            self.pad_to_aspect_ratio,
            self.fill_mode,
            self.fill_value,
            self.data_format,
        )

    def augment_bounding_boxes(self, bounding_boxes: dict[str, Any], drawn: Any) -> dict[str, Any]:
        """Boxes in the new images; those made of zeros or of -1 are none, and become zeros."""
        old = bounding_boxes["boxes"]
        none = engine.np.all((old == 0) | (old == -1), -1, keepdims=True)
        height, width = drawn
        given = convert_format(bounding_boxes, self.bounding_box_format, "xyxy", height, width)
        (x, y), (left, top) = self._moves(height, width)
        moved = given["boxes"] * np.array([x, y, x, y], "float32")
        given["boxes"] = moved + np.array([left, top, left, top], "float32")
        cut = clip_to_image_size(given, self.height, self.width)
        cut["boxes"] = engine.np.where(none, 0, cut["boxes"])
        return convert_format(cut, "xyxy", self.bounding_box_format, self.height, self.width)

    def _moves(self, height: int, width: int) -> tuple[Sequence[float], Sequence[float]]:
        """Factors and offsets across and down."""
        x, y = self.width / width, self.height / height
        if not (self.crop_to_aspect_ratio or self.pad_to_aspect_ratio):
            return (x, y), (0, 0)
        both = min(x, y) if self.pad_to_aspect_ratio else max(x, y)
        # margins of whole pixels; parts that are cut off are rounded down as well
        left, top = (self.width - width * both) / 2, (self.height - height * both) / 2
        if self.pad_to_aspect_ratio:
            return (both, both), (np.floor(left), np.floor(top))
        return (both, both), (-np.floor(-left), -np.floor(-top))


class CenterCrop(ImageLayer):
    """The middle part of images. The same in training and out of it.

    Images that are too small are cut to the new proportions and enlarged.

    Args:
        height, width: size of the part in pixels.
        data_format: where channels lie.
    """

    height: Positive
    width: Positive
    data_format: DataFormat = None

    def settle(self, images_shape: Sequence[int], training: bool) -> Any:
        """Where the part lies: (top, left, height, width)."""
        size = _height_width(images_shape, self.data_format)
        if size[0] >= self.height and size[1] >= self.width:
            top, left = (size[0] - self.height) // 2, (size[1] - self.width) // 2
            return size, (top, left, self.height, self.width)
        return size, middle_part(size, (self.height, self.width))

    def augment_images(self, images: Any, drawn: Any) -> Any:
        """The middle part."""
        return self._middle(images, drawn[1], "bilinear")

    def augment_segmentation_masks(self, segmentation_masks: Any, drawn: Any) -> Any:
        """The middle part, without new values."""
        return self._middle(segmentation_masks, drawn[1], "nearest")

    def _middle(self, x: Any, where: Sequence[int], interpolation: str) -> Any:
        return resized_part(x, where, (self.height, self.width), interpolation, self.data_format)

    def augment_bounding_boxes(self, bounding_boxes: dict[str, Any], drawn: Any) -> dict[str, Any]:
        """Boxes in the middle part, cut off at its edges."""
        size, where = drawn
        target = (self.height, self.width)
        return boxes_in_part(bounding_boxes, self.bounding_box_format, size, where, target)


def _height_width(shape: Sequence[int], data_format: str) -> tuple[int, int]:
    axis = height_axis(data_format)
    return shape[axis], shape[axis + 1]


def resized_part(
    x: Any, where: Sequence[int], size: Sequence[int], interpolation: str, data_format: str
) -> Any:
    """The part (top, left, height, width) of images, brought to `size`."""
    top, left, height, width = where
    part = ops.image.crop_images(
        x,
        top_cropping=top,
        left_cropping=left,
        target_height=height,
        target_width=width,
        data_format=data_format,
    )
    if size_of(part, data_format) == tuple(size):
        return part
    return ops.image.resize(part, size, interpolation, data_format=data_format)


def boxes_in_part(
    bounding_boxes: dict[str, Any],
    box_format: str,
    size: Sequence[int],
    where: Sequence[Any],
    target: Sequence[int],
) -> dict[str, Any]:
    """Boxes of images of `size` in the part (top, left, height, width), brought to `target`."""
    top, left, height, width = where
    given = convert_format(bounding_boxes, box_format, "xyxy", size[0], size[1])
    boxes = crop(given["boxes"], top, left, height, width)
    x, y = target[1] / width, target[0] / height
    given["boxes"] = boxes * np.array([x, y, x, y], "float32")
    cut = clip_to_image_size(given, target[0], target[1])
    return convert_format(cut, "xyxy", box_format, target[0], target[1])


class Rescaling(Layer):
    """`x * scale + offset`, in the compute dtype: 1 / 255 takes pixels to [0, 1].

    Args:
        scale: factor; a list has one for each channel.
        offset: what is added; a list has one for each channel.
    """

    scale: Any
    offset: Any = 0.0

    supports_masking = True

    def set_up(self) -> None:
        """Ask for numbers."""
        super().set_up()
        for name in ("scale", "offset"):
            value = getattr(self, name)
            try:
                np.asarray(value, "float64")
            except (TypeError, ValueError):
                raise UsageTypeError(
                    "E-TYPE",
                    f"Rescaling: {name} must be a number, or one for each channel, as in "
                    f"1 / 255; got {shown(value)}.",
                ) from None

    def call(self, x: Any) -> Any:
        x = engine.cast(x, self.compute_dtype)
        return x * self._numbers(self.scale, True) + self._numbers(self.offset, False)

    def _numbers(self, value: Any, for_each: bool) -> Any:
        if isinstance(value, (int, float)):
            return float(value)
        numbers = np.asarray(value)
        if numbers.ndim and for_each and settings.image_data_format() == "channels_first":
            numbers = numbers.reshape(numbers.shape + (1,) * (3 - numbers.ndim))
        return engine.array(numbers.astype("float64"), self.compute_dtype)
