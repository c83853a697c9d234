"""Merging as Keras 0 to 2.1 wrote it: the layer `Merge` with a mode, and the function `merge`.

`Merge([left, right], mode="sum")` joins what models or layers give; as the first layer of a
Sequential it makes a model that is fed a list. `Merge(mode="sum")` is called on a list of Tensors.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cornu import graph
from cornu.config import deserialize_inner, serialize
from cornu.dialects import attributes, merging
from cornu.dialects.patches import Patch
from cornu.dialects.table import _warn_once
from cornu.errors import UsageTypeError, shown
from cornu.graph import Tensor
from cornu.layers import Input, Layer
from cornu.models import Model, Sequential
from cornu.saving.forms import wire_form

__all__ = ["LambdaMerge", "Merge", "merge"]

TODAY = {
    "sum": "Add()([a, b])",
    "mul": "Multiply()([a, b])",
    "ave": "Average()([a, b])",
    "max": "Maximum()([a, b])",
    "concat": "Concatenate(axis={concat_axis})([a, b])",
    "dot": "Dot(axes={dot_axes})([a, b])",
    "cos": "Dot(axes={dot_axes}, normalize=True)([a, b])",
    "join": 'Lambda(function)({{"a": a, "b": b}})',
}
LAMBDA = "Lambda(function)([a, b])"


class Merge(Layer):
    """Several inputs made one, as `mode` says.

    Args:
        layers: models or layers whose outputs are joined; none for a layer to be called on Tensors.
        mode: "sum", "mul", "concat", "ave", "max", "cos", "dot", or a function of the list of
            inputs.
        concat_axis: axis of "concat".
        dot_axes: axis of "dot" and "cos", or one for each input.
        output_shape, output_mask, arguments: of a function; shapes are found by tracing.
        node_indices, tensor_indices: which call and which output of each of `layers`.

    Raises:
        UsageError: for an unknown mode.
    """

    supports_masking = True

    def __init__(
        self,
        layers: Sequence[Any] | None = None,
        mode: str | Callable = "sum",
        concat_axis: int = -1,
        dot_axes: Any = -1,
        output_shape: Any = None,
        output_mask: Any = None,
        arguments: Mapping[str, Any] | None = None,
        node_indices: Sequence[int] | None = None,
        tensor_indices: Sequence[int] | None = None,
        name: str | None = None,
        **options: Any,
    ):
        super().__init__(name=name or "", **options)
        self.mode, self.arguments = mode, arguments
        self.concat_axis, self.dot_axes = concat_axis, dot_axes
        self.given_output_shape, self.output_mask = output_shape, output_mask
        self.node_indices, self.tensor_indices = node_indices, tensor_indices
        self.inner = merging.merger(
            mode, concat_axis, dot_axes, output_shape, output_mask, arguments
        )
        self.mixes_rows = self.inner.mixes_rows
        self.branches = [_branch(one) for one in layers or ()]
        _tell("Merge", mode, self.concat_axis, self.dot_axes)
        if self.branches:
            self(self._ends())

    def _ends(self) -> list[Tensor]:
        """What each branch gives."""
        count = len(self.branches)
        calls = self.node_indices or [0] * count
        places = self.tensor_indices or [0] * count
        found = []
        for branch, call, place in zip(self.branches, calls, places, strict=True):
            outputs = graph.tensors(branch.get_output_at(call))
            found.append(outputs[place])
        return found

    @property
    def layers(self) -> list[Layer]:
        """What is joined."""
        return list(self.branches)

    def sources(self) -> list[Tensor]:
        """The Tensors to feed, branch by branch, each once."""
        found: dict[int, Tensor] = {}
        for branch, end in zip(self.branches, self._ends(), strict=True):
            layout = branch._graph if isinstance(branch, Model) else None
            leaves = graph._placeholders(end, ()) if layout is None else layout.input_leaves
            found.update((id(t), t) for t in leaves)
        return list(found.values())

    def build(self, input_shape: Any) -> None:
        """Nothing: there are no weights but those of the branches."""

    def call(self, inputs: Any) -> Any:
        return self.inner(inputs)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        return self.inner.compute_mask(inputs, previous_mask)

    def get_config(self) -> dict[str, Any]:
        """The constructor arguments; branches as layers' forms, functions by their names."""
        return {
            "name": self.name,
            "layers": [wire_form(one) for one in self.branches],
            "mode": serialize(self.mode),
            "concat_axis": self.concat_axis,
            "dot_axes": serialize(self.dot_axes),
            "arguments": serialize(self.arguments),
            "node_indices": self.node_indices,
            "tensor_indices": self.tensor_indices,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "Merge":
        """A layer, and its branches, from what `get_config` gave."""
        return cls(**{name: deserialize_inner(value) for name, value in config.items()})


class LambdaMerge(Merge):
    """`Merge(layers, mode=function)`, as Keras 0.3 had it."""

    def __init__(
        self,
        layers: Sequence[Any],
        function: Callable,
        output_shape: Any = None,
        arguments: Mapping[str, Any] | None = None,
        **options: Any,
    ):
        super().__init__(layers, function, -1, -1, output_shape, None, arguments, **options)


def _branch(one: Any) -> Layer:
    """A branch that stands in a graph; a layer that says its input's shape is put into one."""
    if not isinstance(one, Layer):
        raise UsageTypeError(
            "E-MERGE", f"Merge([left, right]) joins models or layers; got {shown(one)}."
        )
    if not isinstance(one, Model) and not one._places() and one.declared_shape is not None:
        one(Input(batch_shape=one.declared_shape))
    return one


def _tell(spelt: str, mode: Any, concat_axis: Any, dot_axes: Any) -> None:
    name = getattr(mode, "__name__", mode) if callable(mode) else repr(mode)
    today = LAMBDA if callable(mode) else TODAY[mode]
    now = today.format(concat_axis=concat_axis, dot_axes=dot_axes)
    key = (spelt, "a function" if callable(mode) else mode)
    _warn_once(key, f"{spelt}(mode={name}) is an old spelling. Today: {now}")


def merge(
    inputs: Sequence[Tensor],
    mode: str | Callable = "sum",
    concat_axis: int = -1,
    dot_axes: Any = -1,
    output_shape: Any = None,
    output_mask: Any = None,
    arguments: Mapping[str, Any] | None = None,
    name: str | None = None,
) -> Tensor:
    """Tensors merged into one, as `mode` says: a name, or a function of the list of them.

    Raises UsageError for an unknown mode.
    """
    made = merging.merge(
        inputs, mode, concat_axis, dot_axes, output_shape, output_mask, arguments, name
    )
    _tell("merge", mode, concat_axis, dot_axes)
    return made


def joined(names: Sequence[str], tensors: Sequence[Tensor]) -> OrderedDict[str, Tensor]:
    """Tensors by name, in order: what "join" handed to the function of a Lambda."""
    return OrderedDict(zip(names, tensors, strict=True))


def _add(model: Any, layer: Any) -> None:
    """`Sequential.add`, of a Merge of branches or a layer that was told its input too."""
    first = not model._stack and model._start is None
    if first and isinstance(layer, Merge) and layer.branches:
        model._start, model._end = layer.sources(), layer.output
        model._stack.append(layer)
        model.built = True
        model._changed()
        return
    if first and isinstance(layer, Layer) and attributes.begin_at(layer) is not None:
        model._begin(attributes.begin_at(layer))
    ADD(model, layer)


ADD = Sequential.add

PATCHES = (Patch(Sequential, "add", _add),)
