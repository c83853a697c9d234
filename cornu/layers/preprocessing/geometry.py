"""Images flipped, turned, moved, zoomed, cropped and bent at random, in training only.

Boxes and masks follow: boxes become the upright ones around what was in them, masks keep their
values.
"""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, NamedTuple

import numpy as np

from cornu import engine, ops
from cornu.config import OneOf, Within
from cornu.errors import UsageError
from cornu.fields import DataFormat, Positive
from cornu.layers.preprocessing.augmentation import (
    Augmentation,
    Factor,
    ValueRange,
    drawn_dtype,
    even,
)
from cornu.layers.preprocessing.bounding_boxes import around, clip_to_image_size, convert_format
from cornu.layers.preprocessing.resizing import boxes_in_part, resized_part
from cornu.ops.image.layout import compiled, height_axis, size_of
from cornu.ops.image.pixels import part
from cornu.ops.image.resampling import middle_part
from cornu.ops.image.warp import ORDERS, homography, shaken

FillMode = Annotated[str, OneOf("reflect", "wrap", "constant", "nearest")]
Interpolation = Annotated[str, OneOf("nearest", "bilinear")]
HORIZONTAL, VERTICAL, BOTH = "horizontal", "vertical", "horizontal_and_vertical"

# ---------------------------------------------------------------- flips


class Flips(NamedTuple):
    """Which samples are flipped, (batch,), and the size of images."""

    flipped: Any
    size: tuple[int, int]


class RandomFlip(Augmentation):
    """In training: each image flipped, or not, with equal chances.

    Args:
        mode: "horizontal" (left and right), "vertical" (top and bottom), or
            "horizontal_and_vertical", which turns an image by half a circle.
        seed: whole number for a stream of draws of its own.
        data_format: where channels lie.
    """

    mode: Annotated[str, OneOf(HORIZONTAL, VERTICAL, BOTH)] = BOTH
    seed: int | None = None
    data_format: DataFormat = None

    def draw(self, images_shape: Sequence[int], key: Any) -> Flips:
        """Which samples are flipped."""
        flipped = even(key, (images_shape[0],), (0, 1)) <= 0.5
        return Flips(flipped, _size(images_shape, self.data_format))

    def augment_images(self, images: Any, drawn: Flips) -> Any:
        """Images, some of them flipped."""
        rows = images.ndim + height_axis(self.data_format)
        axes = {HORIZONTAL: (rows + 1,), VERTICAL: (rows,), BOTH: (rows, rows + 1)}[self.mode]
        return engine.np.where(_rows(drawn.flipped), engine.np.flip(images, axes), images)

    def augment_segmentation_masks(self, segmentation_masks: Any, drawn: Flips) -> Any:
        """Masks, flipped with their images."""
        return self.augment_images(segmentation_masks, drawn)

    def augment_bounding_boxes(
        self, bounding_boxes: dict[str, Any], drawn: Flips
    ) -> dict[str, Any]:
        """Boxes, flipped with their images."""
        height, width = drawn.size
        given = convert_format(bounding_boxes, self.bounding_box_format, "xyxy", height, width)
        x1, y1, x2, y2 = (given["boxes"][..., i] for i in range(4))
        if self.mode != VERTICAL:
            x1, x2 = width - x2, width - x1
        if self.mode != HORIZONTAL:
            y1, y2 = height - y2, height - y1
        moved = engine.np.stack([x1, y1, x2, y2], -1)
        given["boxes"] = engine.np.where(drawn.flipped[:, None, None], moved, given["boxes"])
        cut = clip_to_image_size(given, height, width)
        return convert_format(cut, "xyxy", self.bounding_box_format, height, width)


def _size(shape: Sequence[int], data_format: str) -> tuple[int, int]:
    axis = height_axis(data_format)
    return shape[axis], shape[axis + 1]


def _rows(x: Any) -> Any:
    """One value a sample beside a batch of images."""
    return x[:, None, None, None]


# ---------------------------------------------------------------- planes


class Plane(NamedTuple):
    """Where pixels are read, (batch, 8) as in `ops.image.affine_transform`, and images' size."""

    transform: Any
    size: tuple[int, int]


class _Plane(Augmentation):
    """Reads images through one projective map each; subclasses write `transforms`."""

    interpolation: ClassVar[Any]
    fill_value: ClassVar[Any]
    fill_mode: ClassVar[Any] = "constant"

    def draw(self, images_shape: Sequence[int], key: Any) -> Plane:
        """A map for every sample."""
        size = _size(images_shape, self.data_format)
        return Plane(self.transforms(images_shape[0], size, key), size)

    def transforms(self, count: int, size: tuple[int, int], key: Any) -> Any:
        """(count, 8) for images of `size`."""
        raise NotImplementedError

    def augment_images(self, images: Any, drawn: Plane) -> Any:
        """Images read through their maps."""
        return self._read(images, drawn, self.interpolation)

    def augment_segmentation_masks(self, segmentation_masks: Any, drawn: Plane) -> Any:
        """Masks read through the same maps, without new values."""
        return self._read(segmentation_masks, drawn, "nearest")

    def _read(self, x: Any, drawn: Plane, interpolation: str) -> Any:
        return ops.image.affine_transform(
            x, drawn.transform, interpolation, self.fill_mode, self.fill_value, self.data_format
        )

    def augment_bounding_boxes(
        self, bounding_boxes: dict[str, Any], drawn: Plane
    ) -> dict[str, Any]:
        """The upright boxes around what was in them, cut off at the edges."""
        height, width = drawn.size
        given = convert_format(bounding_boxes, self.bounding_box_format, "xyxy", height, width)
        x1, y1, x2, y2 = (given["boxes"][..., i] for i in range(4))
        given["boxes"] = around([_back(drawn.transform, x, y) for x in (x1, x2) for y in (y1, y2)])
        cut = clip_to_image_size(given, height, width)
        return convert_format(cut, "xyxy", self.bounding_box_format, height, width)


def _back(transform: Any, x: Any, y: Any) -> tuple[Any, Any]:
    """Where points (batch, n) of the old image come to lie: the inverse of the map."""
    a0, a1, a2, b0, b1, b2, c0, c1 = (transform[:, i, None] for i in range(8))
    k = (b0 * c1 - b1 * c0) * x + (a1 * c0 - a0 * c1) * y + a0 * b1 - a1 * b0
    across = (b1 - b2 * c1) * x + (a2 * c1 - a1) * y + a1 * b2 - a2 * b1
    down = (b2 * c0 - b0) * x + (a0 - a2 * c0) * y + a2 * b0 - a0 * b2
    return across / k, down / k


def _maps(count: int, *numbers: Any) -> Any:
    """(count, 8) from 8 numbers or arrays (count,)."""
    dtype = drawn_dtype()
    return engine.np.stack(
        [engine.np.broadcast_to(engine.cast(n, dtype), (count,)) for n in numbers], -1
    )


class RandomRotation(_Plane):
    """In training: images turned around their middle.

    Args:
        factor: parts of a full turn, from -1 to 1: f draws from (-f, f), a pair from between its
            ends. 0.5 is half a circle; more than 0 turns counterclockwise.
        fill_mode: what lies beyond the edges: "reflect" (c b a | a b c), "wrap", "nearest" or
            "constant".
        interpolation: "nearest" or "bilinear".
        seed: whole number for a stream of draws of its own.
        fill_value: value beyond the edges with "constant".
        data_format: where channels lie.
    """

    factor: Annotated[Any, Factor(-1, 1)]
    fill_mode: FillMode = "reflect"
    interpolation: Interpolation = "bilinear"
    seed: int | None = None
    fill_value: float = 0.0
    data_format: DataFormat = None

    def transforms(self, count: int, size: tuple[int, int], key: Any) -> Any:
        """Rotations by drawn angles."""
        angle = even(key, (count,), self.factor) * (2 * np.pi)
        cos, sin = engine.np.cos(angle), engine.np.sin(angle)
        y, x = ((n - 1) / 2 for n in size)
        return _maps(count, cos, -sin, x - x * cos + y * sin, sin, cos, y - x * sin - y * cos, 0, 0)


class RandomTranslation(_Plane):
    """In training: images moved down and to the right, or up and to the left.

    Args:
        height_factor: parts of the height, from -1 to 1: f draws from (-f, f), a pair from between
            its ends; more than 0 moves down.
        width_factor: the same across; more than 0 moves to the right.
        fill_mode, interpolation, seed, fill_value, data_format: as in `RandomRotation`.
    """

    height_factor: Annotated[Any, Factor(-1, 1)]
    width_factor: Annotated[Any, Factor(-1, 1)]
    fill_mode: FillMode = "reflect"
    interpolation: Interpolation = "bilinear"
    seed: int | None = None
    fill_value: float = 0.0
    data_format: DataFormat = None

    def transforms(self, count: int, size: tuple[int, int], key: Any) -> Any:
        """Moves by drawn parts of the size."""
        down = even(engine.fold(key, 0), (count,), self.height_factor) * size[0]
        across = even(engine.fold(key, 1), (count,), self.width_factor) * size[1]
        return _maps(count, 1, 0, -across, 0, 1, -down, 0, 0)


class RandomZoom(_Plane):
    """In training: images zoomed around their middle.

    Args:
        height_factor: how much more is seen, above -1 to 1: f draws from (-f, f), a pair from
            between its ends. 0.3 shows 30% more (zooms out), -0.3 30% less.
        width_factor: the same across; None keeps the proportions.
        fill_mode, interpolation, seed, fill_value, data_format: as in `RandomRotation`.
    """

    height_factor: Annotated[Any, Factor(-1, 1)]
    width_factor: Annotated[Any, Factor(-1, 1, optional=True)] = None
    fill_mode: FillMode = "reflect"
    interpolation: Interpolation = "bilinear"
    seed: int | None = None
    fill_value: float = 0.0
    data_format: DataFormat = None

    def set_up(self) -> None:
        """Refuse -1: nothing would be seen."""
        super().set_up()
        for name in ("height_factor", "width_factor"):
            ends = getattr(self, name)
            if ends is not None and ends[0] == -1:
                raise UsageError(
                    "E-RANGE",
                    f"RandomZoom: {name} must be above -1, which would show nothing; got {ends}.",
                )

    def transforms(self, count: int, size: tuple[int, int], key: Any) -> Any:
        """Zooms by drawn factors."""
        down = 1 + even(engine.fold(key, 0), (count,), self.height_factor)
        across = down
        if self.width_factor is not None:
            across = 1 + even(engine.fold(key, 1), (count,), self.width_factor)
        y, x = ((n - 1) / 2 for n in size)
        return _maps(count, across, 0, x * (1 - across), 0, down, y * (1 - down), 0, 0)


class RandomShear(_Plane):
    """In training: images sheared, `x + s_x y` and `y + s_y x` from the top left corner.

    Args:
        x_factor: from 0 to 1: f draws s_x from (0, f), a pair from between its ends. For half of
            the images both directions are turned around.
        y_factor: the same for s_y.
        interpolation, fill_mode, fill_value, data_format, seed: as in `RandomRotation`.
    """

    x_factor: Annotated[Any, Factor(0, 1)] = 0.0
    y_factor: Annotated[Any, Factor(0, 1)] = 0.0
    interpolation: Interpolation = "bilinear"
    fill_mode: FillMode = "reflect"
    fill_value: float = 0.0
    data_format: DataFormat = None
    seed: int | None = None

    def transforms(self, count: int, size: tuple[int, int], key: Any) -> Any:
        """Shears by drawn factors."""
        turned = engine.np.where(even(engine.fold(key, 0), (count,), (0, 1)) > 0.5, -1, 1)
        across = even(engine.fold(key, 1), (count,), self.x_factor) * turned
        down = even(engine.fold(key, 2), (count,), self.y_factor) * turned
        return _maps(count, 1, across, 0, down, 1, 0, 0, 0)


class RandomPerspective(_Plane):
    """In training: images seen from another side, as if their corners had moved.

    Args:
        factor: the chance of an image to be changed, from 0 to 1; a pair draws it.
        scale: how far corners move, from 0 to 1: each coordinate is multiplied by a number from
            1 - scale / 2 to 1 + scale / 2.
        interpolation: "nearest" or "bilinear".
        fill_value: value beyond the edges.
        seed: whole number for a stream of draws of its own.
        data_format: where channels lie.
    """

    factor: Annotated[Any, Factor(0, 1)] = 1.0
    scale: Annotated[float, Within(0, 1)] = 1.0
    interpolation: Interpolation = "bilinear"
    fill_value: float = 0.0
    seed: int | None = None
    data_format: DataFormat = None

    def transforms(self, count: int, size: tuple[int, int], key: Any) -> Any:
        """The map that moves the corners, or none."""
        bottom, right = size[0] - 1, size[1] - 1
        corners = np.array([[0, 0], [right, 0], [0, bottom], [right, bottom]], "float32")
        ends = (1 - 0.5 * self.scale, 1 + 0.5 * self.scale)
        moved = corners * even(engine.fold(key, 0), (count, 4, 2), ends)
        start = engine.np.broadcast_to(corners, moved.shape)
        still = np.array([1, 0, 0, 0, 1, 0, 0, 0], "float32")
        changed = _chosen(engine.fold(key, 1), count, self.factor)
        return engine.np.where(changed[:, None], compiled(homography)(start, moved), still)


def _chosen(key: Any, count: int, chance: Sequence[float]) -> Any:
    """Booleans (count,), True with a chance that is drawn from between the ends."""
    likely = even(engine.fold(key, 0), (count,), chance)
    return even(engine.fold(key, 1), (count,), (0, 1)) < likely


# ---------------------------------------------------------------- parts


class Part(NamedTuple):
    """Where parts begin, one a sample or plain numbers, their size, and the size of images."""

    top: Any
    left: Any
    size: tuple[int, int]
    images: tuple[int, int]


class RandomCrop(Augmentation):
    """In training: a part of each image, from anywhere.

    Images that are too small, and all of them out of training, are cut to the new proportions
    around their middle and resized.

    Args:
        height, width: size of the part in pixels.
        seed: whole number for a stream of draws of its own.
        data_format: where channels lie.
        name: a name, which may be given by position here.
    """

    height: Positive
    width: Positive
    seed: int | None = None
    data_format: DataFormat = None
    name: str = None  # pyright: ignore[reportAssignmentType]

    def draw(self, images_shape: Sequence[int], key: Any) -> Part:
        """Where the part of each image begins."""
        size, count = _size(images_shape, self.data_format), images_shape[0]
        if size[0] < self.height or size[1] < self.width:
            return self.rest(images_shape)
        top = engine.integers(engine.fold(key, 0), (count,), 0, size[0] - self.height + 1, "int32")
        left = engine.integers(engine.fold(key, 1), (count,), 0, size[1] - self.width + 1, "int32")
        return Part(top, left, (self.height, self.width), size)

    def rest(self, images_shape: Sequence[int]) -> Part:
        """The middle part."""
        size = _size(images_shape, self.data_format)
        top, left, height, width = middle_part(size, (self.height, self.width))
        return Part(top, left, (height, width), size)

    def augment_images(self, images: Any, drawn: Part) -> Any:
        """The parts."""
        return self._parts(images, drawn, "bilinear")

    def augment_segmentation_masks(self, segmentation_masks: Any, drawn: Part) -> Any:
        """The same parts, without new values."""
        return self._parts(segmentation_masks, drawn, "nearest")

    def _parts(self, x: Any, drawn: Part, interpolation: str) -> Any:
        if isinstance(drawn.top, int):
            where = (drawn.top, drawn.left, *drawn.size)
            target = (self.height, self.width)
            return resized_part(x, where, target, interpolation, self.data_format)
        return part(x, drawn.top, drawn.left, drawn.size, self.data_format)

    def augment_bounding_boxes(self, bounding_boxes: dict[str, Any], drawn: Part) -> dict[str, Any]:
        """Boxes in the parts, cut off at their edges."""
        top, left = drawn.top, drawn.left
        if not isinstance(top, int):
            top, left = top[:, None], left[:, None]
        where, target = (top, left, *drawn.size), (self.height, self.width)
        box_format = self.bounding_box_format
        return boxes_in_part(bounding_boxes, box_format, drawn.images, where, target)


# ---------------------------------------------------------------- bends


class Bends(NamedTuple):
    """Which samples change, how much, (batch,), and the key of the moves."""

    changed: Any
    strength: Any
    key: Any


class RandomElasticTransform(Augmentation):
    """In training: pixels moved at random, neighbouring ones alike.

    Args:
        factor: the chance of an image to be changed, from 0 to 1; a pair draws it.
        scale: how much, from 0 to 1: f draws from (0, f), a pair from between its ends. At 1 the
            strength is a tenth of the longer side and the smoothness a twentieth of the shorter.
        interpolation: "nearest" or "bilinear".
        fill_mode: as in `RandomRotation`, and "mirror" (c b | a b c | b a).
        fill_value: value beyond the edges with "constant".
        value_range: the least and the greatest value of a pixel; results are cut off there.
        seed: whole number for a stream of draws of its own.
        data_format: where channels lie.

    Raises:
        UsageError: for bounding boxes, which have no shape of their own to be bent.
    Source: Simard et al., "Best practices for convolutional neural networks", ICDAR 2003.
    """

    factor: Annotated[Any, Factor(0, 1)] = 1.0
    scale: Annotated[Any, Factor(0, 1)] = 1.0
    interpolation: Interpolation = "bilinear"
    fill_mode: Annotated[str, OneOf("constant", "nearest", "wrap", "mirror", "reflect")] = "reflect"
    fill_value: float = 0.0
    value_range: ValueRange = (0, 255)
    seed: int | None = None
    data_format: DataFormat = None

    def draw(self, images_shape: Sequence[int], key: Any) -> Any:
        """Which samples change and how much; None where none can."""
        if not (self.factor[1] and self.scale[1]):
            return None
        count = images_shape[0]
        changed = _chosen(engine.fold(key, 0), count, self.factor)
        strength = even(engine.fold(key, 1), (count,), self.scale)
        return Bends(changed, strength, engine.fold(key, 2))

    def augment_images(self, images: Any, drawn: Bends) -> Any:
        """Images with their pixels moved."""
        moved = self._bent(images, drawn, self.interpolation)
        return engine.np.clip(moved, self.value_range[0], self.value_range[1])

    def augment_segmentation_masks(self, segmentation_masks: Any, drawn: Bends) -> Any:
        """Masks moved alike, without new values."""
        return self._bent(segmentation_masks, drawn, "nearest")

    def augment_bounding_boxes(
        self, bounding_boxes: dict[str, Any], drawn: Bends
    ) -> dict[str, Any]:
        """Boxes cannot follow."""
        raise UsageError(
            "E-BOXES",
            f"{self._who()} cannot bend bounding boxes. Leave them out, or use RandomPerspective.",
        )

    def _bent(self, x: Any, drawn: Bends, interpolation: str) -> Any:
        first = self.data_format == "channels_first"
        height, width = size_of(x, self.data_format)
        alpha, sigma = 0.1 * max(height, width), 0.05 * min(height, width)
        moved = compiled(shaken, (4, 5, 6))(
            engine.np.moveaxis(x, 1, -1) if first else x,
            alpha * drawn.strength,
            sigma * drawn.strength,
            drawn.key,
            int(6 * sigma * self.scale[1]) | 1,
            ORDERS[interpolation],
            self.fill_mode,
            self.fill_value,
        )
        moved = engine.np.moveaxis(moved, -1, 1) if first else moved
        return engine.np.where(_rows(drawn.changed), moved, x)
