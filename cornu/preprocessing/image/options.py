"""What `ImageDataGenerator` and its methods can be given: checked before anything is done."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from cornu.errors import UsageError, listed, shown, suggestion, warn
from cornu.preprocessing.image.affine import FILL_MODES
from cornu.preprocessing.image.draws import NOTHING
from cornu.utils.image_files import choice

RANGES = ("rotation_range", "shear_range", "channel_shift_range")
SHIFTS = ("width_shift_range", "height_shift_range")


def error(message: str) -> UsageError:
    """The error for an option that has no such value."""
    return UsageError("E-AUGMENTATION", message)


def settle(generator: Any) -> None:
    """Check all options of a generator, and put into one form those that have several.

    Raises UsageError; warns where one option brings another one with it.
    """
    choice("fill_mode", generator.fill_mode, FILL_MODES)
    order = generator.interpolation_order
    if not is_whole(order) or not 0 <= order <= 5:
        raise error(f"interpolation_order must be a whole number from 0 to 5; got {shown(order)}.")
    share = generator._validation_split
    if share and not (is_number(share) and 0 < share < 1):
        raise error(f"validation_split must lie between 0 and 1; got {shown(share)}.")
    for name in RANGES:
        if not is_number(getattr(generator, name)):
            value = shown(getattr(generator, name))
            raise error(f"{name} must be a number, for as much to either side; got {value}.")
    for name in SHIFTS:
        check_shift(name, getattr(generator, name))
    function = generator.preprocessing_function
    if function is not None and not callable(function):
        raise error(
            f"preprocessing_function must be a function of a picture; got {shown(function)}."
        )
    generator.zoom_range = zoom(generator.zoom_range)
    brightness(generator.brightness_range)
    _settle_scales(generator)


def zoom(value: Any) -> list[float]:
    """[least, most] factor. Raises UsageError."""
    if is_number(value):
        return [1 - value, 1 + value]
    if not _is_pair(value):
        raise error(f"zoom_range must be a number or (least, most); got {shown(value)}.")
    return [value[0], value[1]]


def brightness(value: Any) -> None:
    """Raises UsageError unless this is None or (least, most)."""
    if value is not None and not _is_pair(value):
        raise error(f"brightness_range must be (least, most), as (0.8, 1.2); got {shown(value)}.")


def check_shift(name: str, value: Any) -> None:
    """Raises UsageError unless this is a number or a list of them."""
    several = isinstance(value, (list, tuple, np.ndarray))
    good = len(value) and all(map(is_number, value)) if several else is_number(value) and value >= 0
    if not good:
        raise error(
            f"{name} must be a part of the size as 0.1, a number of pixels, or a list of such "
            f"numbers; got {shown(value)}."
        )


def is_number(value: Any) -> bool:
    """Whether this is a plain number."""
    kinds = (int, float, np.integer, np.floating)
    return isinstance(value, kinds) and not isinstance(value, bool) and bool(np.isfinite(value))


def is_whole(value: Any) -> bool:
    """Whether this is a whole number."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _is_pair(value: Any) -> bool:
    several = isinstance(value, (list, tuple, np.ndarray))
    return several and len(value) == 2 and all(map(is_number, value))


def _settle_scales(generator: Any) -> None:
    """What is divided is centred too, and whitening is instead of dividing."""
    if generator.zca_whitening:
        _set(generator, "featurewise_center", True, "zca_whitening")
        _set(generator, "featurewise_std_normalization", False, "zca_whitening")
    if generator.featurewise_std_normalization:
        _set(generator, "featurewise_center", True, "featurewise_std_normalization")
    if generator.samplewise_std_normalization:
        _set(generator, "samplewise_center", True, "samplewise_std_normalization")


def _set(generator: Any, name: str, value: bool, reason: str) -> None:
    if bool(getattr(generator, name)) is not value:
        setattr(generator, name, value)
        warn(f"{reason}=True makes {name}={value}: give it too.")


# ---------------------------------------------------------------- pictures


def image(x: Any, method: str, dtype: Any) -> np.ndarray:
    """A copy of a picture as floats. Raises UsageError for another number of axes than 3."""
    array = np.asarray(x)
    if array.ndim != 3:
        raise UsageError(
            "E-IMAGE",
            f"{method} takes one picture, an array of three axes; got {shown(array)}. Batches: "
            "generator.flow(x, y).",
        )
    return array.astype(array.dtype if array.dtype.kind == "f" else dtype)


def images(x: Any, channel_axis: int, method: str) -> np.ndarray:
    """Pictures as an array of four axes. Raises UsageError; warns of odd numbers of channels."""
    try:
        array = np.asarray(x)
    except ValueError as error:
        sizes = sorted({str(np.shape(each)) for each in x})
        raise UsageError(
            "E-IMAGE",
            f"{method} was given pictures of different sizes: {listed(sizes, 4)}. smart_resize(x, "
            "(height, width)) brings one to a size; flow_from_directory does so by itself.",
        ) from error
    if array.ndim != 4 or array.dtype.kind not in "fiub":
        hint = " For grey ones: x[..., None]." if array.ndim == 3 else ""
        raise UsageError(
            "E-IMAGE",
            f"{method} takes pictures as an array (count, height, width, channels); got "
            f"{shown(array)}.{hint}",
        )
    if not array.size:
        raise UsageError("E-EMPTY", f"{method} was given no pictures: {shown(array)}.")
    channels = array.shape[channel_axis]
    if channels not in (1, 3, 4):
        order = "channels_last" if channel_axis == 3 else "channels_first"
        warn(
            f'{shown(array)} with data_format="{order}" has {channels} channels; pictures have 1, '
            "3 or 4."
        )
    return array


def parameters(given: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters of a transform, those that are missing filled in. Raises UsageError."""
    unknown = [name for name in given if name not in NOTHING]
    if unknown:
        raise error(
            f'no transform has the parameter "{unknown[0]}". '
            f"{suggestion(str(unknown[0]), NOTHING)}Known: {listed(NOTHING)}."
        )
    return {**NOTHING, **given}


def same_shape(result: Any, image: np.ndarray) -> Any:
    """What a user's function made of a picture. Raises UsageError for another shape."""
    if np.shape(result) != image.shape:
        raise error(
            f"preprocessing_function must give a picture of the shape that it was given, "
            f"{image.shape}; it gave {shown(result)}."
        )
    return result
