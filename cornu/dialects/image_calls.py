"""Calls of `preprocessing.image` by the names that arguments and attributes once had."""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from cornu.dialects.patches import Patch, respelt, tell
from cornu.errors import UsageError
from cornu.preprocessing import image
from cornu.preprocessing.image.iterators import Iterator

__all__ = ["PATCHES"]

ORDER = {"dim_ordering": "data_format"}
ORDERS = {
    "dim_ordering": {"th": "channels_first", "tf": "channels_last", "default": None},
}
AXES = {"row_index": "row_axis", "col_index": "col_axis", "channel_index": "channel_axis"}

RENAMED: Sequence[tuple[Any, str, dict[str, str]]] = (
    (image.ImageDataGenerator, "__init__", ORDER),
    (image.ImageDataGenerator, "flow", {"X": "x"}),
    (image.NumpyArrayIterator, "__init__", {"X": "x", **ORDER}),
    (image.DirectoryIterator, "__init__", ORDER),
    (image, "img_to_array", ORDER),
    *((image, f"random_{name}", AXES) for name in ("rotation", "shift", "shear", "zoom")),
    (image, "random_channel_shift", {"channel_index": "channel_axis"}),
)
"""Owner, method or function, old argument -> today's."""

ATTRIBUTES: Sequence[tuple[Any, str, str]] = (
    *((Iterator, old, "n") for old in ("N", "nb_sample")),
    (image.NumpyArrayIterator, "X", "x"),
    *((kind, old, "num_classes") for kind in (image.DirectoryIterator, image.DataFrameIterator)
      for old in ("nb_class", "num_class")),
    (image.ImageDataGenerator, "principal_components", "zca_whitening_matrix"),
)  # fmt: skip
"""Class, an attribute of old, its name today."""

DROPPED = {"sort": "", "drop_duplicates": "", "has_ext": "file names must have their endings"}
"""Arguments of `flow_from_dataframe` that did nothing but hinder."""


def _alias(old: str, today: str) -> property:
    """An attribute by its old name, which warns once."""

    def get(self: Any) -> Any:
        tell(old, today)
        return getattr(self, today)

    return property(get)


def _load(today: Callable) -> Callable:
    """`load_img`, whose second argument once said whether to make it grey."""

    @wraps(today)
    def load_img(path: Any, *args: Any, **kwargs: Any) -> Any:
        if args and isinstance(args[0], bool):
            kwargs.update(zip(("grayscale", "target_size", "interpolation"), args, strict=False))
            args = ()
        if "grayscale" in kwargs:
            tell("load_img(grayscale)", 'load_img(color_mode="grayscale")')
            grey = kwargs.pop("grayscale")
            kwargs["color_mode"] = "grayscale" if grey else kwargs.get("color_mode", "rgb")
        return today(path, *args, **kwargs)

    return load_img


def _to_image(today: Callable) -> Callable:
    """`array_to_img`, whose second argument once was "th" or "tf"."""
    told = respelt("array_to_img", today, ORDER, ORDERS)

    @wraps(today)
    def array_to_img(x: Any, *args: Any, **kwargs: Any) -> Any:
        if args and args[0] in ORDERS["dim_ordering"]:
            return told(x, *args[1:], dim_ordering=args[0], **kwargs)
        return told(x, *args, **kwargs)

    return array_to_img


def _from_table(today: Callable) -> Callable:
    @wraps(today)
    def flow_from_dataframe(self: Any, *args: Any, **kwargs: Any) -> Any:
        for old, why in DROPPED.items():
            if kwargs.pop(old, True) is False and why:
                raise UsageError("E-OLD-OPTION", f"{old}=False is gone: {why}.")
        return today(self, *args, **kwargs)

    return flow_from_dataframe


def _shown(owner: Any, name: str) -> str:
    """A method as a message names it: the class alone where it is made."""
    if owner is image:
        return name
    return owner.__name__ if name == "__init__" else f"{owner.__name__}.{name}"


PATCHES: Sequence[Patch] = (
    *(
        Patch(owner, name, respelt(_shown(owner, name), getattr(owner, name), names, ORDERS))
        for owner, name, names in RENAMED
    ),
    *(Patch(owner, old, _alias(old, today)) for owner, old, today in ATTRIBUTES),
    Patch(image, "load_img", _load(image.load_img)),
    Patch(image, "array_to_img", _to_image(image.array_to_img)),
    Patch(
        image.ImageDataGenerator,
        "flow_from_dataframe",
        _from_table(image.ImageDataGenerator.flow_from_dataframe),
    ),
)
