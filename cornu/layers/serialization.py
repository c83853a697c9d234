"""Layers as plain data, and back: `layers.serialize` and `layers.deserialize`."""

from collections.abc import Mapping
from typing import Any

from cornu import config as plain
from cornu.errors import UsageError, UsageTypeError, shown
from cornu.layers.base import Layer


def serialize(layer: Layer) -> dict[str, Any]:
    """A layer's class and arguments as plain data. Raises UsageTypeError for what is no layer."""
    if not isinstance(layer, Layer):
        raise UsageTypeError("E-LAYER-CLASS", f"serialize takes a layer; got {shown(layer)}.")
    return plain.serialize(layer)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Layer:
    """The layer that `serialize` described, with new weights.

    Args:
        config: what `serialize` gave.
        custom_objects: name -> class, for classes that are neither Cornu's nor registered.

    Raises:
        UsageError: for an unknown class, or one that is no layer.
    """
    made = plain.deserialize(config, custom_objects)
    if not isinstance(made, Layer):
        raise UsageError("E-CONFIG", f"this describes no layer, but {shown(made)}.")
    return made
