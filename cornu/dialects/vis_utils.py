"""`keras.utils.vis_utils`: small questions that drawing asked."""

from typing import Any

from cornu.layers import Wrapper
from cornu.models import Model

__all__ = ["add_edge", "is_model", "is_wrapped_model"]


def is_model(layer: Any) -> bool:
    """Whether a layer is a model."""
    return isinstance(layer, Model)


def is_wrapped_model(layer: Any) -> bool:
    """Whether a layer wraps a model."""
    return isinstance(layer, Wrapper) and isinstance(layer.layer, Model)


def add_edge(dot: Any, src: str, dst: str) -> None:
    """Add an edge to a graph of pydot, once."""
    if not dot.get_edge(src, dst):
        import pydot  # pyright: ignore[reportMissingImports]

        dot.add_edge(pydot.Edge(src, dst))
