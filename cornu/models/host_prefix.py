"""Models that begin with text: the layers that read it run on the host, before what is compiled.

No engine computes with text. So the graph of such a model has two parts: a prefix of layers that
make numbers of text (`StringLookup`, `TextVectorization`, `Hashing` …), run in NumPy on what is
passed to `fit`, `predict` and the like, and the rest, which begins at their results.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from cornu import engine, tree
from cornu.errors import UsageError
from cornu.graph import Node, Tensor
from cornu.models.functional import Graph

TEXT = "string"


def laid_out(model: Any, inputs: Any, outputs: Any) -> Graph:
    """The graph between Tensors, in two parts where it begins with text."""
    if all(getattr(t, "dtype", None) != TEXT for t in tree.leaves(inputs)):
        return Graph(inputs, outputs)
    model.autocast = False  # text cannot be cast
    return TextGraph(inputs, outputs)


class TextGraph(Graph):
    """A graph that begins with text.

    Attributes:
        prefix: the Nodes that run on the host, in order.
        fed: the rest, which begins at their results and at the inputs that are no text.

    Raises:
        UsageError: where text is read by something that does not run on the host.
    """

    def __init__(self, inputs: Any, outputs: Any):
        super().__init__(inputs, outputs)
        self.prefix = [n for n in self.plan if any(t.dtype == TEXT for t in n.inputs)]
        ready = {id(t) for t in self.input_leaves}
        for node in self.prefix:
            _check_ready(node, ready)
            ready |= {id(t) for t in node.outputs}
        hosted = {node.number for node in self.prefix}
        read = [t for n in self.plan if n.number not in hosted for t in n.inputs]
        made = {id(t): t for n in self.prefix for t in n.outputs}
        read += [t for t in self.output_leaves if id(t) in made]
        plain = [t for t in self.input_leaves if t.dtype != TEXT]
        begins = {id(t): t for t in [*read, *plain] if id(t) in made or t in plain}
        leaves = list(begins.values())
        self._fed = Graph(leaves[0] if len(leaves) == 1 else leaves, outputs)

    @property
    def fed(self) -> Graph:
        """The part that is compiled."""
        return self._fed

    def arrange(self, inputs: Any) -> Any:
        """What a user passed, text made to numbers, in the structure of the compiled part."""
        leaves = tree.leaves(tree.map_structure(_Leaf, self.inputs, super().arrange(inputs)))
        pairs = zip(self.input_leaves, leaves, strict=True)
        values = {id(t): _fitting(leaf.value, t, self) for t, leaf in pairs}
        for node in self.prefix:
            result = node.op(*_exchanged(node.args, values), **node.kwargs)
            values[id(node.outputs[0])] = engine.numpy(result)
        return tree.map_structure(lambda t: values[id(t)], self._fed.inputs)

    def __call__(self, inputs: Any) -> Any:
        """Values of the outputs, from what a user passed or from what `arrange` made of it."""
        given = list(inputs.values()) if isinstance(inputs, Mapping) else inputs
        return self._fed(self.arrange(inputs) if _has_text(given) else inputs)


class _Leaf:
    """Keeps a list of texts that stands for one input from being walked as a structure."""

    def __init__(self, _: Tensor, value: Any):
        self.value = value


def _check_ready(node: Node, ready: set[int]) -> None:
    late = next((t for t in node.inputs if id(t) not in ready), None)
    if late is not None:
        raise UsageError(
            "E-TEXT",
            f'"{node.name}" reads text beside "{late.name}", which is computed in the model. '
            "Begin the model with both: text is made to numbers before the model computes.",
        )


def _exchanged(structure: Any, values: Mapping[int, Any]) -> Any:
    return tree.map_structure(lambda x: values[id(x)] if isinstance(x, Tensor) else x, structure)


def _has_text(given: Any) -> bool:
    """Whether it is what a user passes, and not the numbers that were made of it."""
    return any(
        isinstance(x, (str, bytes)) or getattr(getattr(x, "dtype", None), "kind", "") in "USOT"
        for x in ([given] if isinstance(given, np.ndarray) else tree.leaves(given))
    )


def _fitting(value: Any, tensor: Tensor, graph: Graph) -> Any:
    """A value as an array of the rank of an input, for which an axis of 1 may be missing."""
    try:
        array = np.asarray(value.to_numpy() if hasattr(value, "to_numpy") else value)
    except ValueError as error:
        raise UsageError(
            "E-RAGGED", f'"{tensor.name}": rows have different lengths; pass an array of text.'
        ) from error
    if array.ndim == tensor.ndim - 1 and tensor.shape[-1] == 1:
        array = array[..., None]
    elif array.ndim == tensor.ndim + 1 and array.shape[-1] == 1:
        array = array[..., 0]
    sizes = zip(tensor.shape[1:], array.shape[1:], strict=False)
    if array.ndim != tensor.ndim or any(want not in (None, got) for want, got in sizes):
        name = graph.input_names[graph.input_leaves.index(tensor)]
        raise UsageError(
            "E-SHAPE",
            f'input "{name}" takes {tensor.dtype} of shape {tensor.shape}; got {array.shape}.',
        )
    return array
