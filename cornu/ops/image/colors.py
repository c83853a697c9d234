"""Colours: gray, and hue, saturation and value."""

from typing import Any

from cornu import engine, settings
from cornu.errors import UsageError
from cornu.graph import op
from cornu.ops.image.layout import channel_axis, format_of, images_of, working

__all__ = ["hsv_to_rgb", "rgb_to_grayscale", "rgb_to_hsv"]

LUMA = (0.2989, 0.5870, 0.1140)
"""Shares of red, green and blue in brightness (ITU-R BT.601)."""


@op
def rgb_to_grayscale(images: Any, data_format: str | None = None) -> Any:
    """`0.2989 red + 0.5870 green + 0.1140 blue`, in one channel and the dtype of `images`.

    Whole numbers are cut off; images of one channel stay as they are.
    Raises UsageError for another number of channels than 3 and 1.
    """
    images, axis = _colored("rgb_to_grayscale", images, data_format, (1, 3))
    if images.shape[axis] == 1:
        return images
    x, _ = working(images)
    red, green, blue = engine.np.split(x, 3, axis)
    gray = LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue
    return engine.cast(gray, str(images.dtype))


@op
def rgb_to_hsv(images: Any, data_format: str | None = None) -> Any:
    """Hue, saturation and value from red, green and blue, all in [0, 1]; hue 0 is red.

    Value is the largest of the three, saturation the spread divided by it, and hue goes around the
    hexagon of pure colours. Source: Smith, "Color gamut transform pairs", SIGGRAPH 1978.
    Raises UsageError unless the images are floats of 3 channels.
    """
    images, axis = _floats("rgb_to_hsv", images, data_format)
    np_ = engine.np
    x, back = working(images)
    tiny = np_.finfo(images.dtype).eps
    red, green, blue = np_.split(np_.where(np_.abs(x) < tiny, 0, x), 3, axis)
    value = np_.maximum(np_.maximum(red, green), blue)
    spread = value - np_.minimum(np_.minimum(red, green), blue)
    colored = spread > 0
    sixth = 1 / (6 * np_.where(colored, spread, 1))
    hue = np_.where(value == green, (blue - red) * sixth + 2 / 6, (red - green) * sixth + 4 / 6)
    hue = np_.where(value == red, (green - blue) * sixth, hue)
    hue = np_.where(colored, hue + np_.where(hue < 0, 1, 0), 0)
    saturation = np_.where(value > 0, spread / np_.where(value > 0, value, 1), 0)
    return back(np_.concatenate([hue, saturation, value], axis))


@op
def hsv_to_rgb(images: Any, data_format: str | None = None) -> Any:
    """Red, green and blue from hue, saturation and value, all in [0, 1].

    Raises UsageError unless the images are floats of 3 channels.
    """
    images, axis = _floats("hsv_to_rgb", images, data_format)
    np_ = engine.np
    x, back = working(images)
    hue, saturation, value = np_.split(x, 3, axis)
    place = np_.mod(hue, 1) * 6
    pure = (
        np_.clip(np_.abs(place - 3) - 1, 0, 1),
        np_.clip(2 - np_.abs(place - 2), 0, 1),
        np_.clip(2 - np_.abs(place - 4), 0, 1),
    )
    made = [value * (1 - saturation + saturation * part) for part in pure]
    return back(np_.concatenate(made, axis))


def _colored(owner: str, images: Any, data_format: Any, channels: tuple) -> tuple[Any, int]:
    chosen = format_of(owner, data_format)
    images, axis = images_of(owner, images, chosen), channel_axis(chosen)
    if images.shape[axis] not in channels:
        raise UsageError(
            "E-COLORS",
            f"{owner} needs {' or '.join(map(str, channels))} channels, as {chosen}; got "
            f"{images.shape[axis]} in shape {tuple(images.shape)}.",
        )
    return images, axis


def _floats(owner: str, images: Any, data_format: Any) -> tuple[Any, int]:
    images, axis = _colored(owner, images, data_format, (3,))
    if str(images.dtype) not in settings.FLOATS:
        raise UsageError(
            "E-DTYPE",
            f"{owner} needs floats in [0, 1]; got {images.dtype}. Divide by 255 first: "
            "ops.cast(images, 'float32') / 255.",
        )
    return images, axis
