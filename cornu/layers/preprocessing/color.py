"""Layers that change the light and the colours of images; their arithmetic is in `pixels`."""

from collections.abc import Sequence
from typing import Annotated, Any

from cornu import engine
from cornu.errors import UsageError
from cornu.fields import DataFormat, Rate
from cornu.layers.preprocessing import pixels
from cornu.layers.preprocessing.augmentation import Augmentation, Factor, ValueRange, even
from cornu.layers.sizes import channel_axis
from cornu.ops.image.layout import working

MOST = 1e4  # a larger factor of saturation changes nothing and overflows float16


class _BothWays(Factor):
    """As `Factor`, but a number f means (f, f): f below and f above the middle."""

    def __call__(self, value: Any, owner: str, name: str) -> Any:
        ends = super().__call__(value, owner, name)
        return ends if ends is None or isinstance(value, (list, tuple)) else (ends[1], ends[1])


class _FromZero(Factor):
    """As `Factor`, but a number f means (0, f)."""

    def __call__(self, value: Any, owner: str, name: str) -> Any:
        ends = super().__call__(value, owner, name)
        return ends if ends is None or isinstance(value, (list, tuple)) else (0.0, ends[1])


def require_rgb(layer: Augmentation, images_shape: Sequence[int]) -> None:
    """Raise UsageError unless images have 3 channels."""
    axis = channel_axis(layer.data_format)
    if images_shape[axis] != 3:
        raise UsageError(
            "E-COLORS",
            f'{type(layer).__name__} "{layer.name}" needs images of 3 channels (red, green, blue) '
            f"on axis {axis % 4} of a batch; got shape {tuple(images_shape)}.",
        )


class _Colours(Augmentation):
    """Needs RGB images."""

    def settle(self, images_shape: Sequence[int], training: bool) -> Any:
        require_rgb(self, images_shape)
        return super().settle(images_shape, training)


class RandomBrightness(Augmentation):
    """In training: one number added to all pixels of an image, a share of the range of values.

    Args:
        factor: interval within [-1, 1] from which the share is drawn; f means (-f, f).
        value_range: least and greatest value of a pixel; results stay within.
        seed: whole number for a stream of draws of its own.

    Example:
        >>> RandomBrightness(0.2)(Input((32, 32, 3))).shape
        (None, 32, 32, 3)
    """

    factor: Annotated[Any, Factor(-1, 1)]
    value_range: ValueRange = (0, 255)
    seed: int | None = None

    def draw(self, images_shape: Sequence[int], key: Any) -> Any:
        return even(key, images_shape[:1], self.factor)

    def augment_images(self, images: Any, drawn: Any) -> Any:
        return pixels.brightened(images, drawn, self.value_range)


class RandomContrast(Augmentation):
    """In training: `(x - mean) * c + mean`, with the mean of each channel of an image.

    Args:
        factor: (lower, upper): c is drawn evenly from [1 - lower, 1 + upper]; f means (f, f).
        value_range: least and greatest value of a pixel; results stay within.
        seed: whole number for a stream of draws of its own.
    """

    factor: Annotated[Any, _BothWays(-1, 1)]
    value_range: ValueRange = (0, 255)
    seed: int | None = None

    def draw(self, images_shape: Sequence[int], key: Any) -> Any:
        return even(key, images_shape[:1], (1 - self.factor[0], 1 + self.factor[1]))

    def augment_images(self, images: Any, drawn: Any) -> Any:
        return pixels.contrasted(images, drawn, self.value_range, self.data_format)


class RandomColorDegeneration(_Colours):
    """In training: `x + f (gray - x)`; f = 0 leaves the colours and f = 1 takes them all.

    Args:
        factor: interval from which f is drawn, within [-1, 1]: below 0 colours grow stronger. A
            number means (0, number).
        value_range: least and greatest value of a pixel; results stay within.
        data_format: where channels lie.
        seed: whole number for a stream of draws of its own.

    Raises:
        UsageError: for images without 3 channels.
    """

    factor: Annotated[Any, _FromZero(-1, 1)]
    value_range: ValueRange = (0, 255)
    data_format: DataFormat = None
    seed: int | None = None

    def draw(self, images_shape: Sequence[int], key: Any) -> Any:
        return even(key, images_shape[:1], self.factor)

    def augment_images(self, images: Any, drawn: Any) -> Any:
        return pixels.degenerated(images, drawn, self.value_range, self.data_format)


class RandomGrayscale(_Colours):
    """In training: images turned gray with probability `factor`; they keep 3 channels.

    Args:
        factor: the probability.
        data_format: where channels lie.
        seed: whole number for a stream of draws of its own.

    Raises:
        UsageError: for images without 3 channels.
    """

    factor: Rate = 0.5
    data_format: DataFormat = None
    seed: int | None = None

    def draw(self, images_shape: Sequence[int], key: Any) -> Any:
        return even(key, images_shape[:1], (0, 1)) < self.factor

    def augment_images(self, images: Any, drawn: Any) -> Any:
        gray = pixels.grayed(images, self.data_format)
        return engine.np.where(drawn.reshape(-1, 1, 1, 1), gray, images)


class RandomHue(_Colours):
    """In training: hues turned by f / 2 of the circle, one way or the other.

    Args:
        factor: interval within [0, 1] from which f is drawn; a number means (0, number).
        value_range: least and greatest value of a pixel.
        data_format: where channels lie.
        seed: whole number for a stream of draws of its own.

    Raises:
        UsageError: for images without 3 channels.
    """

    factor: Annotated[Any, Factor(0, 1)]
    value_range: ValueRange = (0, 255)
    data_format: DataFormat = None
    seed: int | None = None

    def draw(self, images_shape: Sequence[int], key: Any) -> Any:
        turns = even(engine.fold(key, 0), images_shape[:1], self.factor) / 2
        back = even(engine.fold(key, 1), images_shape[:1], (0, 1)) < 0.5
        return engine.np.where(back, -turns, turns)

    def augment_images(self, images: Any, drawn: Any) -> Any:
        return pixels.hue_turned(images, drawn, self.value_range, self.data_format)


class RandomSaturation(_Colours):
    """In training: saturation times `f / (1 - f)`: f = 0 makes gray, 0.5 changes nothing.

    Args:
        factor: interval from which f is drawn; a number means (0, number). What lies below 0
            makes gray too.
        value_range: least and greatest value of a pixel.
        data_format: where channels lie.
        seed: whole number for a stream of draws of its own.

    Raises:
        UsageError: for images without 3 channels.
    """

    factor: Annotated[Any, _FromZero(-1, 1)]
    value_range: ValueRange = (0, 255)
    data_format: DataFormat = None
    seed: int | None = None

    def draw(self, images_shape: Sequence[int], key: Any) -> Any:
        share = even(key, images_shape[:1], self.factor)
        return engine.np.minimum(share / engine.np.maximum(1 - share, 1 / MOST), MOST)

    def augment_images(self, images: Any, drawn: Any) -> Any:
        return pixels.saturated(images, drawn, self.value_range, self.data_format)


class RandomColorJitter(Augmentation):
    """In training: brightness, contrast, saturation and hue changed, in this order.

    Args:
        value_range: least and greatest value of a pixel.
        brightness_factor, contrast_factor, saturation_factor, hue_factor: as in
            `RandomBrightness`, `RandomContrast`, `RandomSaturation`, `RandomHue`; None for none.
        seed: whole number for a stream of draws of its own.
        data_format: where channels lie.

    Raises:
        UsageError: for images without 3 channels, where colours are to change.
    """

    value_range: ValueRange = (0, 255)
    brightness_factor: Annotated[Any, Factor(-1, 1, optional=True)] = None
    contrast_factor: Annotated[Any, _BothWays(-1, 1, optional=True)] = None
    saturation_factor: Annotated[Any, _FromZero(-1, 1, optional=True)] = None
    hue_factor: Annotated[Any, Factor(0, 1, optional=True)] = None
    seed: int | None = None
    data_format: DataFormat = None

    def set_up(self) -> None:
        """Make the layers of which it consists."""
        super().set_up()
        factors = {
            RandomBrightness: self.brightness_factor,
            RandomContrast: self.contrast_factor,
            RandomSaturation: self.saturation_factor,
            RandomHue: self.hue_factor,
        }
        common = {"value_range": self.value_range, "data_format": self.data_format}
        common["dtype"] = self.dtype_policy
        self.steps = [
            kind(factor, name=f"{self.name}_{kind.__name__[6:].lower()}", **common)
            for kind, factor in factors.items()
            if factor is not None
        ]

    def settle(self, images_shape: Sequence[int], training: bool) -> Any:
        if any(isinstance(step, _Colours) for step in self.steps):
            require_rgb(self, images_shape)
        return super().settle(images_shape, training)

    def draw(self, images_shape: Sequence[int], key: Any) -> Any:
        keys = [engine.fold(key, i) for i in range(len(self.steps))]
        return [s.draw(images_shape, k) for s, k in zip(self.steps, keys, strict=True)]

    def augment_images(self, images: Any, drawn: Any) -> Any:
        x, back = working(images)  # no rounding of short floats between the steps
        for step, settings in zip(self.steps, drawn, strict=True):
            x = step.augment_images(x, settings)
        return back(x)
