"""Where a layer stands in graphs: the Tensors of each of its calls, their shapes and masks."""

from typing import Any, ClassVar, NamedTuple

from cornu import engine, graph, state, tree
from cornu.errors import UsageError, UsageTypeError, shown
from cornu.graph import Node, Tensor
from cornu.layers.signature import WholeShape, plain_shapes


class Place(NamedTuple):
    """One call of a layer on Tensors: structures of them."""

    inputs: Any
    outputs: Any


class NoPlace(UsageError, AttributeError):
    """The layer stands in no graph yet: so `hasattr(layer, "output")` is False."""


class Places:
    """What a layer knows of its calls on Tensors, in the order in which they were made."""

    name: ClassVar[Any]

    def _places(self) -> list[Place]:
        """One `Place` for each call."""
        return [_place(node) for node in self.__dict__.get("_nodes", ())]

    def _no_place(self) -> NoPlace:
        """The error for a layer that was never called on Tensors."""
        return NoPlace(
            "E-NODES",
            f'"{self.name}" was called on 0 symbolic inputs, so it has no input or output: call '
            "it on an Input first.",
        )

    def _place_at(self, index: int = 0) -> Place:
        """The call number `index`, from 0. Raises UsageError where there is none."""
        places = self._places()
        if isinstance(index, bool) or not hasattr(index, "__index__"):
            raise UsageTypeError(
                "E-TYPE", f"a call is asked for by its number, from 0; got {shown(index)}."
            )
        if not places:
            raise self._no_place()
        if not -len(places) <= index < len(places):
            raise UsageError(
                "E-NODES",
                f'"{self.name}" was called on {len(places)} symbolic inputs, numbered from 0: '
                f"there is no call {index}.",
            )
        return places[index]

    @property
    def input(self) -> Any:
        """The Tensor(s) of the first call. Raises UsageError where there is none."""
        return self._place_at().inputs

    @property
    def output(self) -> Any:
        """The Tensor(s) that the first call returned. Raises UsageError where there is none."""
        return self._place_at().outputs

    @property
    def input_shape(self) -> Any:
        """Shape(s) of `input`."""
        return _shapes(self.input)

    @property
    def output_shape(self) -> Any:
        """Shape(s) of `output`."""
        return _shapes(self.output)

    def get_input_at(self, node_index: int) -> Any:
        """The Tensor(s) that call number `node_index`, from 0, was made on."""
        return self._place_at(node_index).inputs

    def get_output_at(self, node_index: int) -> Any:
        """The Tensor(s) that call number `node_index` returned."""
        return self._place_at(node_index).outputs

    def get_input_shape_at(self, node_index: int) -> Any:
        """Shape(s) of `get_input_at(node_index)`."""
        return _shapes(self.get_input_at(node_index))

    def get_output_shape_at(self, node_index: int) -> Any:
        """Shape(s) of `get_output_at(node_index)`."""
        return _shapes(self.get_output_at(node_index))

    def get_input_mask_at(self, node_index: int) -> Any:
        """Boolean Tensor(s): the masks of `get_input_at(node_index)`, None where there is none."""
        return tree.map_structure(mask_tensor, self.get_input_at(node_index))

    def get_output_mask_at(self, node_index: int) -> Any:
        """Boolean Tensor(s): the masks of `get_output_at(node_index)`, None where there is none."""
        return tree.map_structure(mask_tensor, self.get_output_at(node_index))


def _place(node: Node) -> Place:
    outputs = node.outputs[0] if len(node.outputs) == 1 else list(node.outputs)
    if not node.inputs:  # of an InputLayer
        return Place(outputs, outputs)
    first = node.args[0] if node.args else None
    alone = len(graph.tensors(first)) == len(node.inputs)
    others = node.inputs[0] if len(node.inputs) == 1 else list(node.inputs)
    return Place(first if alone else others, outputs)


def _shapes(structure: Any) -> Any:
    if isinstance(structure, (list, tuple)) and len(structure) == 1:
        structure = structure[0]
    return plain_shapes(tree.map_structure(lambda t: WholeShape(t.shape), structure))


# ---------------------------------------------------------------- masks as Tensors


def mask_tensor(tensor: Any) -> Tensor | None:
    """The mask that travels with the value of `tensor`, as a Tensor; None where there is none."""
    if not isinstance(tensor, Tensor):
        return None
    traced = _Traced(tensor)
    found = graph.infer(traced, tuple(traced.begins), {})
    if found is None:
        return None
    node = Node(_Mask(found.ndim), (tensor,))
    node.outputs = [Tensor(found.shape, found.dtype, node)]
    return node.outputs[0]


class _Traced:
    """From the placeholders under a Tensor to the mask of its value."""

    name = "mask"

    def __init__(self, tensor: Tensor):
        self.tensor = tensor
        self.begins = graph._placeholders(tensor, ())
        self.variables = graph.variables_of(tensor)

    def __call__(self, *values: Any) -> Any:
        feed = dict(zip(self.begins, values, strict=True))
        return state.mask_of(graph.evaluate(self.tensor, feed))


class _Mask:
    """The mask of a value; all true where it was fed without one."""

    name = "mask"

    def __init__(self, ndim: int):
        self.ndim = ndim

    def __call__(self, x: Any) -> Any:
        mask = state.mask_of(x)
        return engine.np.ones(x.shape[: self.ndim], "bool") if mask is None else mask
