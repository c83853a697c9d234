"""Where images carry their channels in scripts of Keras 0.3 and 1.0: first, unless somebody says.

From 1.0.4 on layers asked the setting for it, whose value was "th" until Keras 1.1.2. So a script
that branches on `K.image_dim_ordering()` finds the order that its layers take.
"""

import json

from cornu import config, settings
from cornu.dialects import generations
from cornu.dialects.described import is_described

__all__ = ["as_set", "begin", "end"]

FIRST = "channels_first"
SAID = "image_dim_ordering"
"""What Keras 1 asked its file of settings for; it did not know the name of later years."""


class _Order:
    """Whether the setting is that of Keras 1.0, and whether it was put here."""

    governs = False
    put = False


def begin() -> None:
    """Set the order of the generation in force, where no file of settings says another."""
    _Order.governs = generations.before("1.2")
    if _Order.governs and settings.image_data_format() != FIRST and not _said():
        settings._set("image_data_format", FIRST)
        _Order.put = True


def end() -> None:
    """Take back what `begin` set."""
    if _Order.put and settings.image_data_format() == FIRST:
        settings._set("image_data_format", "channels_last")
    _Order.governs = _Order.put = False


def _said() -> bool:
    for path in settings.files():
        try:
            found = json.loads(path.read_text(encoding="utf-8-sig"))
        except (OSError, ValueError):
            continue
        if isinstance(found, dict) and SAID in found:
            return True
    return False


def as_set(cls: type, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
    """A rule of `settling`, before old names are told: layers of 1.0 follow the setting."""
    if not _Order.governs or generations.current() != "1.0":
        return args, kwargs
    fields = getattr(cls, "fields", {})
    default = fields["data_format"].default if "data_format" in fields else FIRST
    told = {"dim_ordering", "data_format"} & kwargs.keys() or {"th", "tf"} & _names(args)
    if told or is_described(cls) or default is not None or cls.__name__.endswith("1D"):
        return args, kwargs
    return args, {**kwargs, "data_format": config.image_data_format()}


def _names(args: tuple) -> set[str]:
    return {arg for arg in args if isinstance(arg, str)}
