"""Layers of Keras 0.3 that passed masks on, shared a layer, or were told what came before them."""

from collections.abc import Mapping, Sequence
from typing import Any

from cornu import graph, state
from cornu.dialects.merge_calls import Merge, _branch
from cornu.dialects.patches import Patch, Unset, tell
from cornu.errors import UsageError, shown
from cornu.layers import Layer
from cornu.models import Sequential

__all__ = ["MaskedLayer", "Siamese", "SiameseHead", "add_shared_layer"]


class MaskedLayer(Layer):
    """A layer that passes on the mask of its input; subclasses write `get_output(train)`."""

    supports_masking = True

    def call(self, x: Any) -> Any:
        return x

    def get_input_mask(self, train: bool = False) -> Any:
        """The mask of what the layer is given; None where there is none."""
        given: Any = self
        return state.mask_of(given.get_input(train))


class Siamese(Merge):
    """One layer called on each of several inputs; what it gives is merged.

    Args:
        layer: the layer that is shared.
        inputs: models or layers whose outputs it is called on.
        merge_mode, concat_axis, dot_axes: as of `Merge`; with None all outputs are given, as a
            list of which `SiameseHead` takes one.
        is_graph: taken, and of no effect.

    Raises:
        UsageError: for an unknown mode.
    """

    def __init__(
        self,
        layer: Layer,
        inputs: Sequence[Any],
        merge_mode: Any = "concat",
        concat_axis: int = 1,
        dot_axes: Any = -1,
        is_graph: bool = False,
        **options: Any,
    ):
        self.layer, self.merge_mode = layer, merge_mode
        super().__init__(inputs, merge_mode or "concat", concat_axis, dot_axes, **options)

    def call(self, inputs: Any) -> Any:
        made = [self.layer(x) for x in inputs]
        return made if self.merge_mode is None else self.inner(made)


class SiameseHead(Layer):
    """One of the outputs of a `Siamese` that merges nothing.

    Args:
        head: which of them.
    """

    head: int

    def call(self, inputs: Any) -> Any:
        return inputs[self.head]


def add_shared_layer(layer: Layer, inputs: Sequence[Sequential]) -> None:
    """Add one layer to several models."""
    tell("add_shared_layer(layer, models)", "model.add(layer) for each of them")
    for model in inputs:
        model.add(layer)


# ---------------------------------------------------------------- one layer after another


def set_previous(layer: Any, previous: Any, connection_map: Mapping | None = None) -> None:
    """Have a layer read what another one gives. Raises UsageError where that has no input."""
    tell("layer.set_previous(previous)", "layer(previous.output)")
    if not isinstance(previous, Layer):
        raise UsageError("E-GRAPH", f"a layer comes after a layer; got {shown(previous)}.")
    layer(_branch(previous).output)


def _previous(layer: Any) -> Any:
    """The layer whose output a layer reads; None where there is none."""
    made = [t.node.op for t in graph.tensors(layer.input) if t.node is not None]
    return made[0] if made and isinstance(made[0], Layer) else None


PATCHES: Sequence[Patch] = (
    Patch(Layer, "set_previous", set_previous),
    Patch(Layer, "connect", set_previous),
    Patch(Layer, "previous", Unset("previous", _previous)),
)
