"""`x.get_shape()`, `x.set_shape(…)`: what scripts asked of TensorFlow's tensors beside Keras."""

from collections.abc import Sequence
from typing import Any

from cornu.dialects.patches import Patch
from cornu.graph import Tensor
from cornu.state import Variable

__all__ = ["PATCHES", "Size", "TensorShape"]


class Size(int):
    """One known size: a number, which TensorFlow 1 kept in `value`."""

    @property
    def value(self) -> int:
        """The number."""
        return int(self)


class TensorShape(tuple):
    """A shape with the methods of TensorFlow's; unknown sizes are None."""

    def __new__(cls, sizes: Sequence[int | None]) -> "TensorShape":
        return super().__new__(cls, (None if n is None else Size(n) for n in sizes))

    @property
    def ndims(self) -> int:
        """The number of axes."""
        return len(self)

    @property
    def rank(self) -> int:
        """The number of axes."""
        return len(self)

    def as_list(self) -> list[int | None]:
        """The sizes as plain numbers."""
        return [None if n is None else int(n) for n in self]

    def is_fully_defined(self) -> bool:
        """Whether every size is known."""
        return None not in self


def _get_shape(x: Any) -> TensorShape:
    """The shape, with TensorFlow's methods."""
    return TensorShape(x.shape)


def _set_shape(tensor: Any, shape: Sequence[int | None]) -> None:
    """Say sizes that are not known."""
    both = zip(tensor.shape, shape, strict=True)
    tensor.shape = tuple(known if known is not None else said for known, said in both)


PATCHES: Sequence[Patch] = (
    Patch(Tensor, "get_shape", _get_shape),
    Patch(Tensor, "set_shape", _set_shape),
    Patch(Variable, "get_shape", _get_shape),
)
