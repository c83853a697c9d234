"""How a model of Python code is looked at without computing: its weights, and what it gives."""

from collections.abc import Mapping
from typing import Any

from cornu import tree
from cornu.errors import listed, warn
from cornu.graph import Tensor
from cornu.state import Variable


class Phase:
    """A model called in one phase, for tracing."""

    def __init__(self, model: Any, training: bool):
        self.model, self.training = model, training
        self.__name__ = model.name

    @property
    def variables(self) -> list[Variable]:
        """Those of the model."""
        return self.model.variables

    def __call__(self, x: Any) -> Any:
        return self.model(x, training=self.training)


def pseudo_names(outputs: Any) -> list[str]:
    """Names for outputs that no graph names."""
    if isinstance(outputs, Mapping):
        return ["/".join(map(str, path)) for path in tree.paths(outputs)]
    count = len(tree.leaves(outputs))
    return ["output"] if count == 1 else [f"output_{i + 1}" for i in range(count)]


def tensors_of(shapes: Any) -> Any:
    """Tensors for a shape, or a structure of shapes."""
    if isinstance(shapes, Mapping):
        return {k: tensors_of(v) for k, v in shapes.items()}
    if all(d is None or isinstance(d, int) for d in shapes):
        return Tensor(shapes)
    return [tensors_of(s) for s in shapes]


def warn_of_trainable(model: Any, changed: set[Variable]) -> None:
    """Say, once, which layers have changed what is trained since `compile` was called."""
    model._kept["warned of trainable"] = True
    names = [x.name for x in model.all_layers() if changed & set(x.own_variables())]
    warn(
        f"layers changed trainable since compile: {listed(names)}. Training goes on as "
        "compiled; call compile() again to make it count."
    )
