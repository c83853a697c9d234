"""What image layers share: how data come in and go out, and how random settings are drawn.

`ImageLayer` takes images, or a dict of images with labels, boxes and masks; `Augmentation` draws
settings for every sample in training and returns its input otherwise.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, ClassVar

import numpy as np

from cornu import engine, settings, state
from cornu.config import Convert, field
from cornu.errors import UsageError, UsageTypeError, shown
from cornu.fields import DataFormat
from cornu.layers.base import Layer
from cornu.layers.preprocessing.bounding_boxes import BoxFormat, densified
from cornu.layers.sizes import channel_axis
from cornu.ops.array import as_array
from cornu.random import SeedGenerator

# ---------------------------------------------------------------- arguments


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.number)) and not isinstance(value, bool)


class Factor(Convert):
    """The mark of an interval to draw from: `factor: Annotated[Any, Factor(-1, 1)]`.

    A number f becomes (-|f|, |f|), cut off at `low`; a pair is put in order. None stays None
    where the field is `optional`.
    """

    def __init__(self, low: float, high: float, optional: bool = False):
        self.low, self.high, self.optional = low, high, optional

    def __call__(self, value: Any, owner: str, name: str) -> Any:
        if value is None and self.optional:
            return None
        pair = isinstance(value, (list, tuple))
        ends: tuple[Any, ...] = tuple(value) if pair else (value,)
        example = f"{self.high / 2:g} or ({max(self.low, 0):g}, {self.high / 2:g})"
        if len(ends) != (2 if pair else 1) or not all(_is_number(end) for end in ends):
            raise UsageTypeError(
                "E-TYPE",
                f"{owner}: {name} must be a number or a pair of numbers, as in {example}; "
                f"got {shown(value)}.",
            )
        ends = tuple(float(end) for end in ends)
        if not all(self.low <= end <= self.high for end in ends):
            percent = self.high == 1 and all(2 <= abs(end) <= 100 for end in ends)
            hint = f" Did you mean {ends[-1] / 100:g}?" if percent else ""
            raise UsageError(
                "E-RANGE",
                f"{owner}: {name} must lie in [{self.low:g}, {self.high:g}], as in {example}; "
                f"got {shown(value)}.{hint}",
            )
        if len(ends) == 1:
            return max(-abs(ends[0]), float(self.low)), abs(ends[0])
        return min(ends), max(ends)


def _value_range(value: Any) -> tuple[float, float]:
    pair = tuple(value) if isinstance(value, (list, tuple)) else ()
    if len(pair) != 2 or not all(_is_number(end) for end in pair) or pair[0] == pair[1]:
        raise UsageError(
            "E-RANGE",
            "value_range must be the least and the greatest value of a pixel, as in (0, 255) or "
            f"(0, 1); got {shown(value)}.",
        )
    return min(pair), max(pair)


ValueRange = Annotated[Any, Convert(_value_range)]
"""The least and the greatest value that a pixel may have: (0, 255), (0, 1) …"""


def rescaled(images: Any, source: Sequence[float], target: Sequence[float]) -> Any:
    """`images` with the range `source` of values moved linearly to the range `target`."""
    if tuple(source) == tuple(target):
        return images
    scale = (target[1] - target[0]) / (source[1] - source[0])
    return (images - source[0]) * scale + target[0]


def even(key: Any, shape: Sequence[int], ends: Sequence[float]) -> Any:
    """Even draws from [ends[0], ends[1]), in float32 at least; `ends[0]` where both are one."""
    return engine.uniform(key, shape, ends[0], ends[1], drawn_dtype())


def drawn_dtype() -> str:
    """The dtype of settings that are drawn: never a short one, whatever images are in."""
    return "float64" if settings.floatx() == "float64" else "float32"


# ---------------------------------------------------------------- layers

PARTS = ("images", "labels", "bounding_boxes", "segmentation_masks")


class ImageLayer(Layer):
    """Changes images, and labels, boxes and masks with them.

    Takes one image (height, width, channels), a batch of them, or a dict with "images" and any of
    "labels", "bounding_boxes" ({"boxes": (batch, boxes, 4), "labels": (batch, boxes)}) and
    "segmentation_masks" (with a channel or without). Other entries pass unchanged, and the caller's
    dict stays as it is. Images of whole numbers become floats of the compute dtype, unless
    `whole_stays`; masks keep their dtype.

    Subclasses write `settle`, `augment_images`, and `augment_labels`, `augment_bounding_boxes`,
    `augment_segmentation_masks` where these change. All of them see batches.

    Args:
        data_format: where channels lie.
        bounding_box_format: "xyxy", "yxyx", "xywh", "center_xywh", "rel_xyxy" …, needed with boxes.

    Raises:
        UsageError: for images that have neither 3 nor 4 axes, and boxes without their format.
    """

    data_format: DataFormat = field(default=None, kw_only=True)
    bounding_box_format: BoxFormat = field(default=None, kw_only=True)

    autocast = False  # labels, boxes and masks keep their dtype
    whole_stays: ClassVar[bool] = False

    def settle(self, images_shape: Sequence[int], training: bool) -> Any:
        """What `augment_…` is to do with a batch of this shape; None: leave it alone."""
        raise NotImplementedError

    def augment_images(self, images: Any, drawn: Any) -> Any:
        """New images from `images`, a float batch."""
        raise NotImplementedError

    def augment_labels(self, labels: Any, drawn: Any) -> Any:
        """New labels, rows along the first axis."""
        return labels

    def augment_bounding_boxes(self, bounding_boxes: dict[str, Any], drawn: Any) -> dict[str, Any]:
        """New boxes {"boxes": (batch, boxes, 4), "labels": (batch, boxes)}, in their format."""
        return bounding_boxes

    def augment_segmentation_masks(self, segmentation_masks: Any, drawn: Any) -> Any:
        """New masks, in the dtype of the old ones."""
        return segmentation_masks

    def call(self, data: Any, training: Any = True) -> Any:
        given = dict(data) if isinstance(data, Mapping) else {"images": data}
        parts = self._taken_in(given)
        single = parts["images"].ndim == 3
        if single:
            parts = _each(lambda x: x[None], parts)
        drawn = self.settle(tuple(parts["images"].shape), bool(training))
        if drawn is not None:
            parts = self._augmented(parts, drawn)
        if not self._stays(parts["images"]):
            parts["images"] = _in_dtype(parts["images"], self.compute_dtype)
        if single:
            parts = _each(lambda x: x[0], parts)
        return {**given, **parts} if isinstance(data, Mapping) else parts["images"]

    def _taken_in(self, given: dict[str, Any]) -> dict[str, Any]:
        """The parts that this layer knows, as arrays; images in a float dtype."""
        if "images" not in given:
            raise UsageError(
                "E-IMAGES",
                f'{self._who()} needs "images" in its dict of data; got {sorted(given)}.',
            )
        parts = {name: given[name] for name in PARTS if name in given}
        if "bounding_boxes" in parts:
            parts["bounding_boxes"] = densified(parts["bounding_boxes"], self._who())
            self._require_box_format()
        parts = _each(as_array, parts)
        if parts["images"].ndim not in (3, 4):
            first = self.data_format == "channels_first"
            axes = "channels, height, width" if first else "height, width, channels"
            raise UsageError(
                "E-RANK",
                f"{self._who()} needs one image ({axes}) or a batch of them; got shape "
                f"{tuple(parts['images'].shape)}. Grayscale images have 1 channel: x[..., None].",
            )
        if self._stays(parts["images"]):
            return parts
        floats = self.compute_dtype in settings.FLOATS
        dtype = self.compute_dtype if floats else settings.floatx()
        return {**parts, "images": engine.cast(parts["images"], dtype)}

    def _stays(self, images: Any) -> bool:
        return self.whole_stays and images.dtype.kind in "iu"

    def _require_box_format(self) -> None:
        if self.bounding_box_format is None:
            raise UsageError(
                "E-BOXES",
                f"{self._who()} was given bounding boxes and does not know their format: "
                f'{type(self).__name__}(…, bounding_box_format="xyxy").',
            )

    def _augmented(self, parts: dict[str, Any], drawn: Any) -> dict[str, Any]:
        masks, axis = parts.get("segmentation_masks"), channel_axis(self.data_format)
        flat = masks is not None and masks.ndim == 3  # (batch, height, width)
        if flat:
            parts = {**parts, "segmentation_masks": engine.np.expand_dims(masks, axis)}
        made = {name: getattr(self, f"augment_{name}")(x, drawn) for name, x in parts.items()}
        if flat:
            made["segmentation_masks"] = engine.np.squeeze(made["segmentation_masks"], axis)
        return made

    def _who(self) -> str:
        return f'{type(self).__name__} "{self.name}"'

    def get_config(self) -> dict[str, Any]:
        """The constructor arguments; the format of boxes only where one is set."""
        config = super().get_config()
        if config["bounding_box_format"] is None:
            del config["bounding_box_format"]
        return config


class Augmentation(ImageLayer):
    """Changes images at random in training, and returns them as they are otherwise.

    Subclasses write `draw(images_shape, key)`, which returns the settings of the whole batch (any
    structure of arrays, one row a sample), and the methods of `ImageLayer` that use them. `rest`
    gives the settings outside of training, where images must change there too.

    Args:
        seed: whole number for a stream of draws of its own.
        data_format, bounding_box_format: as in `ImageLayer`.
    """

    seed: int | None = field(default=None, kw_only=True)

    stream: ClassVar[Any] = None

    def set_up(self) -> None:
        """Begin the stream of draws, if the layer has its own."""
        super().set_up()
        if self.seed is not None:
            self.__dict__["stream"] = SeedGenerator(self.seed)

    def draw(self, images_shape: Sequence[int], key: Any) -> Any:
        """Random settings for a batch of images of this shape. `engine.fold(key, i)` splits."""
        raise NotImplementedError

    def rest(self, images_shape: Sequence[int]) -> Any:
        """The settings outside of training; None leaves images alone."""
        return None

    def settle(self, images_shape: Sequence[int], training: bool) -> Any:
        """Settings that are drawn in training."""
        if not training:
            return self.rest(images_shape)
        key = state.draw_key() if self.stream is None else self.stream.next()
        return self.draw(images_shape, key)


def _each(fn: Callable[[Any], Any], parts: Mapping[str, Any]) -> dict[str, Any]:
    """`fn` over the arrays of a dict of arrays and dicts."""
    return {k: _each(fn, v) if isinstance(v, Mapping) else fn(v) for k, v in parts.items()}


def _in_dtype(images: Any, dtype: str) -> Any:
    """In the compute dtype; whole numbers are the nearest ones."""
    if dtype in settings.FLOATS or images.dtype == dtype:
        return engine.cast(images, dtype)
    limits = np.iinfo(dtype)
    return engine.cast(engine.np.clip(engine.np.round(images), limits.min, limits.max), dtype)
