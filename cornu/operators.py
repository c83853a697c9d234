"""Python's operators for Tensors and Variables.

Both inherit from `Operators`. The methods are made in `give_operators`, by way of `op`, which is
defined above this module: `graph.py` calls it once.
"""

import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from cornu import engine

BINARY = "add sub mul truediv floordiv mod pow matmul and or xor".split()
COMPARISONS = "lt le gt ge".split()
UNARY = "neg pos abs invert".split()


class Operators:
    """Arithmetic, comparison and indexing; every operator is an op. `==` compares identity."""

    __array_priority__ = 1000
    __array_ufunc__ = None  # NumPy leaves the operation to us

    if TYPE_CHECKING:

        def __add__(self, other: Any) -> Any: ...
        def __radd__(self, other: Any) -> Any: ...
        def __sub__(self, other: Any) -> Any: ...
        def __rsub__(self, other: Any) -> Any: ...
        def __mul__(self, other: Any) -> Any: ...
        def __rmul__(self, other: Any) -> Any: ...
        def __truediv__(self, other: Any) -> Any: ...
        def __rtruediv__(self, other: Any) -> Any: ...
        def __floordiv__(self, other: Any) -> Any: ...
        def __mod__(self, other: Any) -> Any: ...
        def __pow__(self, other: Any) -> Any: ...
        def __rpow__(self, other: Any) -> Any: ...
        def __matmul__(self, other: Any) -> Any: ...
        def __rmatmul__(self, other: Any) -> Any: ...
        def __and__(self, other: Any) -> Any: ...
        def __or__(self, other: Any) -> Any: ...
        def __xor__(self, other: Any) -> Any: ...
        def __lt__(self, other: Any) -> Any: ...
        def __le__(self, other: Any) -> Any: ...
        def __gt__(self, other: Any) -> Any: ...
        def __ge__(self, other: Any) -> Any: ...
        def __neg__(self) -> Any: ...
        def __pos__(self) -> Any: ...
        def __abs__(self) -> Any: ...
        def __invert__(self) -> Any: ...
        def __getitem__(self, where: Any) -> Any: ...


class Index:
    """An index, kept whole: slices and Ellipsis are no structure to walk.

    What is only known when it is computed is taken out, to be among an op's arguments.
    """

    def __init__(self, where: Any):
        self.computed: list[Any] = []
        self.where = tuple(map(self._take_out, where if isinstance(where, tuple) else (where,)))

    def _take_out(self, part: Any) -> Any:
        if not isinstance(part, Operators):
            return part
        self.computed.append(part)
        return _Computed

    def filled(self, values: list) -> tuple:
        """The index with `values` in place of what was taken out."""
        feed = iter(values)
        return tuple(next(feed) if part is _Computed else part for part in self.where)


class _Computed:
    """Stands in an index for what was taken out."""


def _item(x: Any, index: Index, computed: list) -> Any:
    return x[index.filled(computed)]


def _indexed(item: Callable, x: Any, where: Any) -> Any:
    index = Index(where)
    computed, index.computed = index.computed, []
    return item(x, index, computed)


def _operand(x: Any) -> Any:
    """Float64 NumPy operands become floatx, as data do; single numbers stay weakly typed."""
    if isinstance(x, np.float64):
        return float(x)
    return engine.array(x) if isinstance(x, np.ndarray) else x


class Recorded:
    """The ops behind the operators, under names by which pickle finds them again."""


def _kept(recorded: Callable) -> Callable:
    name = recorded.__name__
    recorded.__module__, recorded.__qualname__ = __name__, f"{Recorded.__name__}.{name}"
    setattr(Recorded, name, staticmethod(recorded))
    return recorded


def give_operators(op: Callable[[Callable], Callable]) -> None:
    """Make the methods of `Operators`, each recorded by `op`."""
    for name in BINARY:
        word = f"{name}_" if name in ("and", "or") else name
        recorded = _kept(op(getattr(operator, word)))
        setattr(Operators, f"__{name}__", lambda a, b, f=recorded: f(a, _operand(b)))
        setattr(Operators, f"__r{name}__", lambda a, b, f=recorded: f(_operand(b), a))
    for name in COMPARISONS:
        recorded = _kept(op(getattr(operator, name)))
        setattr(Operators, f"__{name}__", lambda a, b, f=recorded: f(a, _operand(b)))
    for name in UNARY:
        recorded = _kept(op(getattr(operator, name)))
        setattr(Operators, f"__{name}__", lambda a, f=recorded: f(a))
    item = _kept(op(_item))
    setattr(Operators, "__getitem__", lambda a, where: _indexed(item, a, where))  # noqa: B010
