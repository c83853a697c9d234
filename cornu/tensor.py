"""Tensors and Nodes: symbolic values, and the recorded calls that make them.

What is done with them (finding shapes, walking, computing) is in `inference` and `graph`.
"""

import itertools
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from cornu import settings, state, tree
from cornu.errors import UsageTypeError
from cornu.operators import Operators
from cornu.state import Variable

Shape = tuple[int | None, ...]

_numbers = itertools.count()


class Tensor(Operators):
    """A symbolic value: output `index` of `node`, or a placeholder that must be fed.

    Attributes:
        shape: sizes, None where unknown.
        dtype: dtype name ("float32").
        node: the Node that makes it; None for a bare placeholder.
        name: a name for messages and feeds.
    """

    def __init__(
        self,
        shape: Sequence[int | None],
        dtype: str | None = None,
        node: "Node | None" = None,
        index: int = 0,
        name: str | None = None,
    ):
        self.shape: Shape = tuple(None if d is None else int(d) for d in shape)
        self.dtype = dtype or settings.floatx()
        self.node, self.index = node, index
        self.name = name or (f"{node.name}:{index}" if node else f"placeholder_{next(_numbers)}")

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def __repr__(self) -> str:
        return f"<Tensor {self.name}, shape {self.shape}, {self.dtype}>"

    def __bool__(self) -> bool:
        raise UsageTypeError(
            "E-SYMBOLIC",
            f"{self.name} is symbolic: it has a shape {self.shape} but no value yet, so it cannot "
            "decide an `if` or `while`. Use ops.where or ops.cond, or evaluate it first.",
        )

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        raise UsageTypeError(
            "E-SYMBOLIC",
            f"{self.name} is symbolic, shape {self.shape}: NumPy cannot compute with it. Use "
            "cornu.ops, or wrap the computation in a layer.",
        )

    def __len__(self) -> int:
        if not self.shape or self.shape[0] is None:
            raise UsageTypeError("E-SYMBOLIC", f"{self.name} has no known length: {self.shape}.")
        return self.shape[0]

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self)))


class Node:
    """One recorded call, numbered at birth: ancestors always carry smaller numbers.

    `op` is what is called (an op's function or a layer); Tensors and Variables stand anywhere in
    `args` and `kwargs`. `outputs` are its Tensors in order.
    """

    def __init__(self, op: Callable, args: tuple = (), kwargs: Mapping[str, Any] | None = None):
        self.op, self.args, self.kwargs = op, args, dict(kwargs or {})
        self.number = next(_numbers)
        self.name = getattr(op, "name", None) or getattr(op, "__name__", type(op).__name__)
        self.inputs = tensors((args, self.kwargs))
        self.outputs: list[Tensor] = []
        self.closed_over: list[Variable] = []  # what `op` reads that no argument and no layer says
        self.beside: list[Tensor] = []  # Tensors that `op` closes over; among the inputs too

    def run(self, value_of: Callable[[Tensor], Any], fed: Collection[int] = frozenset()) -> Any:
        """Call `op` with the values of its inputs. `fed`: ids of Tensors that were fed."""
        args, kwargs = tree.map_structure(
            lambda x: value_of(x) if isinstance(x, Tensor) else x, (self.args, self.kwargs)
        )
        frame = state.frame()
        if frame is None or frame.key is None:
            return self.op(*args, **kwargs)
        with frame.draws.of(self.number):
            return self.op(*args, **kwargs)

    def __setstate__(self, kept: dict[str, Any]) -> None:
        """A copy is born after what it reads, and after all that this process has made."""
        self.__dict__.update(kept, number=next(_numbers))

    @property
    def variables(self) -> list[Variable]:
        """Variables that the call reads: those of a layer, and those among its arguments."""
        found = list(getattr(self.op, "variables", ()))
        return found + [x for x in tree.leaves((self.args, self.kwargs)) if isinstance(x, Variable)]

    def __repr__(self) -> str:
        return f"<Node {self.number} {self.name}>"


def tensors(structure: Any) -> list[Tensor]:
    """The Tensors in a structure, left to right."""
    return [x for x in tree.leaves(structure) if isinstance(x, Tensor)]


def is_symbolic(*structures: Any) -> bool:
    """Whether there is a Tensor anywhere."""
    return any(isinstance(x, Tensor) for x in tree.leaves(structures))
