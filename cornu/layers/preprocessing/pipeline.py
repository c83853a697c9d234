"""Pipeline: layers of preparation, one after another."""

from collections.abc import Sequence
from typing import Annotated, Any

from cornu.config import Convert, field
from cornu.errors import UsageTypeError, shown
from cornu.layers.base import Layer
from cornu.layers.signature import call_signature


def _layers(value: Any) -> list[Layer]:
    if isinstance(value, (list, tuple)):
        for layer in value:
            if not isinstance(layer, Layer):
                raise UsageTypeError(
                    "E-TYPE", f"layers must hold layers only; got {shown(layer)} among them."
                )
        return list(value)
    raise UsageTypeError(
        "E-TYPE",
        f"layers must be a list of layers, as in [Resizing(64, 64), RandomFlip()]; "
        f"got {shown(value)}.",
    )


class Pipeline(Layer):
    """Layers of preparation, one after another; takes what the first one takes, dicts too.

    Unlike a `Sequential`, it augments when it is called on its own, and data may be a dict of
    images, labels, boxes and masks.

    Args:
        layers: a list of layers.
        name: unique within a model.

    Raises:
        UsageTypeError: for anything that is not a layer.

    Example:
        >>> from cornu import layers
        >>> Pipeline([layers.RandomInvert(), layers.RandomFlip()])(Input((32, 32, 3))).shape
        (None, 32, 32, 3)
    """

    layers: Annotated[Sequence[Layer], Convert(_layers)]
    name: str = field(default=None)

    autocast = False  # each layer casts what it computes with

    def set_up(self) -> None:
        """Masks go through where all layers let them."""
        super().set_up()
        self.supports_masking = all(layer.supports_masking for layer in self.layers)

    def call(self, inputs: Any, training: Any = True) -> Any:
        for layer in self.layers:
            takes = call_signature(type(layer).call).training
            inputs = layer(inputs, training=training) if takes else layer(inputs)
        return inputs

    def get_config(self) -> dict[str, Any]:
        """The layers and the name: what the whole has no use for is not there."""
        config = super().get_config()
        return {"layers": config["layers"], "name": config["name"]}
