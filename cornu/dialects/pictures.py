"""`ImageDataGenerator` by the defaults of the generation in force.

In Keras 0.3 it took the mean away and divided by the deviation unless told not to, and `flow` kept
the order of the pictures.
"""

from typing import Any

from cornu.dialects import generations
from cornu.preprocessing.image import ImageDataGenerator as _Today

__all__ = ["ImageDataGenerator"]

ImageDataGenerator: Any


class _Then(_Today):
    """`ImageDataGenerator` of Keras 0.3."""

    def __init__(
        self,
        featurewise_center: bool = True,
        samplewise_center: bool = False,
        featurewise_std_normalization: bool = True,
        *args: Any,
        **kwargs: Any,
    ):
        own = (featurewise_center, samplewise_center, featurewise_std_normalization)
        super().__init__(*own, *args, **kwargs)

    def flow(
        self, x: Any, y: Any = None, batch_size: int = 32, shuffle: bool = False, **kwargs: Any
    ) -> Any:
        """Batches of pictures in an array, in their order."""
        return super().flow(x, y, batch_size, shuffle, **kwargs)


_Then.__name__ = _Then.__qualname__ = "ImageDataGenerator"


def __getattr__(name: str) -> Any:
    if name == "ImageDataGenerator":
        return _Then if generations.before("1.0") else _Today
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
