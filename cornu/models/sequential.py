"""Sequential: a Model made of a list."""

from collections.abc import Mapping, Sequence
from typing import Any

from cornu import tree
from cornu.errors import UsageError, UsageTypeError, shown
from cornu.graph import Tensor
from cornu.layers import Input, InputLayer, Layer
from cornu.layers.places import NoPlace
from cornu.models.configs import sequential_config, sequential_from_config
from cornu.models.functional import Graph
from cornu.models.host_prefix import laid_out
from cornu.models.model import Model


class Sequential(Model):
    """Layers one after another.

    The input's shape is known from an `Input` as first item, from a first layer's `input_shape=`,
    or from the first data; the weights are made then.

    Args:
        layers: the layers, in order.
        name: name of the model.

    Example:
        >>> model = Sequential([Input((4,)), Dense(8, activation="relu"), Dense(1)])
    """

    def __init__(
        self,
        layers: Sequence[Any] | None = None,
        trainable: bool = True,
        name: str | None = None,
        dtype: Any = None,
    ):
        self._stack: list[Layer] = []
        self._start: Any = None  # the Tensor to begin at, or a list of several
        self._end: Any = None
        self._laid_out: Graph | None = None
        super().__init__(name=name or "", trainable=trainable, dtype=dtype)
        if isinstance(layers, Layer):
            layers = [layers]
        for layer in layers or ():
            self.add(layer)

    def set_up(self) -> None:
        """Give the model its name; the layers are added afterwards."""
        Layer.set_up(self)

    def _no_place(self) -> NoPlace:
        """The error for what is asked of a model whose input's shape is not known."""
        if not self._stack:
            return NoPlace("E-EMPTY-MODEL", f'"{self.name}" has no layers: add() some first.')
        return NoPlace(
            "E-UNBUILT",
            f'"{self.name}" is not built yet, so it has no inputs or outputs: begin it with '
            "Input(shape), call build((None, …)) with the input's shape, or call it on data.",
        )

    @property
    def _graph(self) -> Graph | None:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The graph from input to output, once the input's shape is known."""
        if self._laid_out is None and self._start is not None and self._stack:
            self._laid_out = laid_out(self, self._start, self._end)
        return self._laid_out

    @property
    def inputs(self) -> Any:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The Tensors to feed. Raises UsageError before they are known."""
        if self._start is None:
            raise self._no_place()
        return tree.leaves(self._start)

    @inputs.setter
    def inputs(self, value: Any) -> None:
        """Set by the layers."""

    @property
    def outputs(self) -> Any:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The Tensors computed. Raises UsageError before they are known."""
        if self._start is None:
            raise self._no_place()
        return tree.leaves(self._end)

    @outputs.setter
    def outputs(self, value: Any) -> None:
        """Set by the layers."""

    def get_config(self) -> dict[str, Any]:
        """The layers as plain data; for a subclass what its constructor was called with."""
        if type(self).__init__ is Sequential.__init__:
            return sequential_config(self)
        return super().get_config()

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Any:
        """A model from what `get_config` gave, with new weights."""
        if cls.__init__ is Sequential.__init__ or "layers" in config:
            return sequential_from_config(cls, config)
        return super().from_config(config)

    def get_build_config(self) -> dict[str, Any] | None:
        """The shape that the model begins with, as plain data; None where it is not known."""
        if isinstance(self._start, Tensor):
            return {"input_shape": list(self._start.shape)}
        return super().get_build_config()

    def add(self, layer: Any) -> None:
        """Put a layer at the end. Raises UsageTypeError for what is no layer."""
        if isinstance(layer, Tensor) and isinstance(getattr(layer.node, "op", None), InputLayer):
            layer = layer.node.op  # pyright: ignore[reportOptionalMemberAccess]
        if isinstance(layer, type):
            raise UsageTypeError(
                "E-LAYER-CLASS",
                f"add() takes layers; got {shown(layer)}. Did you forget the parentheses: "
                f"{layer.__name__}(…)?",
            )
        if not isinstance(layer, Layer):
            raise UsageTypeError("E-LAYER-CLASS", f"add() takes layers; got {shown(layer)}.")
        if isinstance(layer, InputLayer):
            self._begin(layer.output)
            return
        self._check_name(layer)
        if self._start is None and not self._stack:
            self._begin_from(layer)
        if self._start is not None:
            self._end = layer(self._end)
            self.built = True
        self._stack.append(layer)
        self._changed()

    def _begin(self, tensor: Tensor) -> None:
        if self._stack or self._start is not None:
            raise UsageError("E-INPUT-LAYER", "an Input must come first in a Sequential.")
        self._start = self._end = tensor

    def _begin_from(self, layer: Layer) -> None:
        """Begin from what the first layer says of its input."""
        if isinstance(layer, Model) and layer._graph is not None:
            leaves = layer._graph.input_leaves
            if len(leaves) == 1:
                self._begin(Input(batch_shape=leaves[0].shape, dtype=leaves[0].dtype))
        elif layer.declared_shape is not None:
            self._begin(Input(batch_shape=layer.declared_shape, dtype=layer.declared_dtype))

    def _check_name(self, layer: Layer) -> None:
        names = [x.name for x in self._stack]
        if layer.name in names:
            place = names.index(layer.name)
            raise UsageError(
                "E-NAMES",
                f'two layers have the name "{layer.name}": a '
                f"{type(self._stack[place]).__name__} at position {place} "
                f"and a {type(layer).__name__} at position {len(self._stack)}. Names must be "
                "unique in a model.",
            )

    def pop(self, rebuild: bool = True) -> Layer:
        """Take the last layer away and return it. Raises UsageError when there is none."""
        if not self._stack:
            raise UsageError("E-EMPTY-MODEL", f'"{self.name}" has no layers to pop.')
        last = self._stack.pop()
        if self._start is not None:
            nodes = last.__dict__.get("_nodes", [])
            made = next((n for n in reversed(nodes) if _same(n.outputs, self._end)), None)
            self._end = made.args[0] if made is not None else self._start
        self._changed()
        return last

    def _changed(self) -> None:
        self._laid_out = None
        self._kept.clear()

    @property
    def layers(self) -> list[Layer]:
        """The layers in order, without the input's."""
        return list(self._stack)

    def sublayers(self) -> list[Layer]:
        """The layers in order."""
        return list(self._stack)

    def build(self, input_shape: Any = None) -> None:
        """Make the weights for inputs of this shape, batch first."""
        if self._start is not None or input_shape is None:
            return
        if not self._stack:
            raise UsageError("E-EMPTY-MODEL", f'"{self.name}" has no layers: add() some first.')
        layers, self._stack = self._stack, []
        calls = {x: len(x.__dict__.get("_nodes", ())) for x in layers}
        try:
            self._begin(Input(batch_shape=(None, *tuple(input_shape)[1:])))
            for layer in layers:
                self._end = layer(self._end)
                self._stack.append(layer)
        except Exception:
            self._stack, self._start, self._end = layers, None, None
            for layer, count in calls.items():
                del layer.__dict__.get("_nodes", [])[count:]
            raise
        self._laid_out = None

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Apply the layers in order."""
        if self._graph is not None:
            return self._graph(inputs)
        if not self._stack:
            return inputs
        raise UsageError("E-UNBUILT", f'"{self.name}" is not built yet: call build(input_shape).')


def _same(outputs: list, end: Any) -> bool:
    leaves = tree.leaves(end)
    return len(outputs) == len(leaves) and all(a is b for a, b in zip(outputs, leaves, strict=True))
