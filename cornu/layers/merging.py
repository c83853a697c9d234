"""Layers of several inputs: sums, products, extremes, joins and dot products, and their functions.

Inputs are broadcast as NumPy does, but the batch axis stays where it is: an input with fewer axes
gets axes of size 1 behind it.
"""

from collections.abc import Sequence
from functools import reduce
from typing import Any

from cornu import ops
from cornu.errors import UsageError, UsageTypeError, shown
from cornu.graph import Tensor
from cornu.layers.base import Layer
from cornu.ops import rectified


def _names(inputs: Sequence[Any]) -> list[str]:
    """What to call each input in messages: its layer where it has one, else its place."""
    made = [x.node.name if isinstance(x, Tensor) and x.node else None for x in inputs]
    return [f'"{name}"' if name else f"input {i}" for i, name in enumerate(made)]


def _said(inputs: Sequence[Any]) -> str:
    """Every input with its shape, for messages."""
    shapes = [
        tuple("batch" if d is None and i == 0 else d for i, d in enumerate(x.shape)) for x in inputs
    ]
    named = zip(_names(inputs), shapes, strict=True)
    return "; ".join(f"{name} has shape {str(shape).replace(chr(39), '')}" for name, shape in named)


class _Several(Layer):
    """A layer whose first argument is a list of inputs."""

    supports_masking = True
    least = 1

    def _build_from(self, args: tuple, kwargs: Any) -> None:
        inputs = args[0] if args else None
        if not isinstance(inputs, (list, tuple)) or len(inputs) < self.least:
            raise UsageTypeError(
                "E-MERGE",
                f'{type(self).__name__} "{self.name}" takes a list of {self.least} or more inputs, '
                f"as in {type(self).__name__}()([a, b]); got "
                + (f"{len(inputs)}." if isinstance(inputs, (list, tuple)) else f"{shown(inputs)}."),
            )
        self.check(inputs)
        super()._build_from(args, kwargs)

    def check(self, inputs: Sequence[Any]) -> None:
        """Raise UsageError for shapes that do not go together."""

    def refuse(self, inputs: Sequence[Any], why: str) -> UsageError:
        """The error for these inputs."""
        return UsageError(
            "E-MERGE-SHAPE", f'{type(self).__name__} "{self.name}": {_said(inputs)}. {why}'
        )


def _aligned(shape: Sequence[Any], rank: int) -> tuple:
    """The shape with axes of size 1 behind the batch axis."""
    return (*shape[:1], *[1] * (rank - len(shape)), *shape[1:])


class _Merge(_Several):
    """Element by element over all inputs."""

    def check(self, inputs: Sequence[Any]) -> None:
        rank = max(len(x.shape) for x in inputs)
        shapes = [_aligned(x.shape, rank) for x in inputs]
        for axis in range(rank):
            sizes = {s[axis] for s in shapes} - {None, 1}
            if len(sizes) > 1:
                have = " and ".join(str(s) for s in sorted(sizes))
                raise self.refuse(inputs, f"They differ in axis {axis}: {have}.")

    def call(self, inputs: Sequence[Any]) -> Any:
        rank = max(x.ndim for x in inputs)
        return self.merge([ops.reshape(x, _aligned(x.shape, rank)) for x in inputs])

    def merge(self, inputs: list) -> Any:
        """The result for inputs of one rank."""
        raise NotImplementedError

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        if previous_mask is None or any(m is None for m in previous_mask):
            return None
        rank = max(m.ndim for m in previous_mask)
        masks = [ops.reshape(m, _aligned(m.shape, rank)) for m in previous_mask]
        return reduce(ops.logical_or, masks)


class Add(_Merge):
    """`a + b + ...`, element by element.

    Shapes: a list of arrays that broadcast gives one. Where every input has a mask, a step counts
    if it counts in any of them.

    Raises:
        UsageError: naming the inputs and the axis, where shapes do not go together.

    Example:
        >>> Add()([Input((3,)), Input((3,))]).shape
        (None, 3)
    """

    def merge(self, inputs: list) -> Any:
        return reduce(rectified.added, inputs)


class Subtract(_Merge):
    """`a - b`, element by element, of exactly two inputs. Shapes and masks as in `Add`."""

    least = 2

    def check(self, inputs: Sequence[Any]) -> None:
        if len(inputs) != 2:
            raise self.refuse(inputs, f"It takes exactly 2 inputs; got {len(inputs)}.")
        super().check(inputs)

    def merge(self, inputs: list) -> Any:
        return inputs[0] - inputs[1]


class Multiply(_Merge):
    """`a * b * ...`, element by element. Shapes and masks as in `Add`."""

    def merge(self, inputs: list) -> Any:
        return reduce(ops.multiply, inputs)


class Average(_Merge):
    """The mean of the inputs, element by element. Shapes and masks as in `Add`."""

    def merge(self, inputs: list) -> Any:
        return reduce(ops.add, inputs) / len(inputs)


class Maximum(_Merge):
    """The largest of the inputs, element by element. Shapes and masks as in `Add`."""

    def merge(self, inputs: list) -> Any:
        return reduce(ops.maximum, inputs)


class Minimum(_Merge):
    """The smallest of the inputs, element by element. Shapes and masks as in `Add`."""

    def merge(self, inputs: list) -> Any:
        return reduce(ops.minimum, inputs)


class Concatenate(_Several):
    """Inputs one after another along an axis; all other sizes must be equal.

    Where any input has a mask, those of the others count everywhere, and the masks are joined as
    the inputs are.

    Args:
        axis: which axis, the last by default; not the batch axis.

    Raises:
        UsageError: naming the inputs and the axis, where another size differs.

    Example:
        >>> Concatenate()([Input((3,)), Input((4,))]).shape
        (None, 7)
    """

    axis: int = -1

    def check(self, inputs: Sequence[Any]) -> None:
        ranks = {len(x.shape) for x in inputs}
        if len(ranks) > 1:
            raise self.refuse(inputs, "They must have the same number of axes.")
        rank = ranks.pop()
        if not -rank <= self.axis < rank:
            raise self.refuse(inputs, f"They have no axis {self.axis}.")
        for axis in range(rank):
            sizes = {x.shape[axis] for x in inputs} - {None}
            if axis != self.axis % rank and len(sizes) > 1:
                have = " and ".join(str(s) for s in sorted(sizes))
                raise self.refuse(
                    inputs,
                    f"Joined along axis {self.axis}, they must be equal in axis {axis}: {have}.",
                )

    def call(self, inputs: Sequence[Any]) -> Any:
        return ops.concatenate(list(inputs), axis=self.axis)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        if previous_mask is None or all(m is None for m in previous_mask):
            return None
        pairs = zip(inputs, previous_mask, strict=True)
        along_steps = self.axis % inputs[0].ndim < min(
            m.ndim for m in previous_mask if m is not None
        )
        if along_steps:
            rank = max(m.ndim for m in previous_mask if m is not None)
            masks = [ops.ones(x.shape[:rank], "bool") if m is None else m for x, m in pairs]
            return ops.concatenate(masks, axis=self.axis % inputs[0].ndim)
        # joined features: a step counts if it counts in any input
        if any(m is None for m in previous_mask):
            known = next(m for m in previous_mask if m is not None)
            return ops.ones_like(known)
        return reduce(ops.logical_or, previous_mask)


class Dot(_Several):
    """Sums of products over one axis of each of two inputs, sample by sample.

    Shapes: (batch, a, n) and (batch, n, b) with `axes=(2, 1)` give (batch, a, b); two of shape
    (batch, n) with `axes=1` give (batch, 1). No mask is passed on.

    Args:
        axes: the axis of both, or one for each; not the batch axis.
        normalize: whether vectors along these axes are divided by their length first, which gives
            the cosine of the angle between them.

    Raises:
        UsageError: naming the inputs, where the axes differ in size.
    """

    axes: Any
    normalize: bool = False

    least = 2

    def set_up(self) -> None:
        """Check the axes."""
        super().set_up()
        axes = self.axes if isinstance(self.axes, (list, tuple)) else (self.axes,) * 2
        whole = [a for a in axes if hasattr(a, "__index__") and a != 0]
        if len(whole) != 2 or len(axes) != 2:
            raise UsageError(
                "E-DOT",
                f"Dot: axes must be one or two axes, not 0 (batch); got {shown(self.axes)}.",
            )
        if isinstance(self.axes, (list, tuple)):
            self.axes = tuple(self.axes)

    def _pair(self, inputs: Sequence[Any]) -> list[int]:
        axes = self.axes if isinstance(self.axes, tuple) else (self.axes,) * 2
        return [a % len(x.shape) for a, x in zip(axes, inputs, strict=True)]

    def check(self, inputs: Sequence[Any]) -> None:
        if len(inputs) != 2:
            raise self.refuse(inputs, f"It takes exactly 2 inputs; got {len(inputs)}.")
        if min(len(x.shape) for x in inputs) < 2:
            raise self.refuse(inputs, "Each needs a batch axis and another one.")
        sizes = [x.shape[a] for x, a in zip(inputs, self._pair(inputs), strict=True)]
        if None not in sizes and sizes[0] != sizes[1]:
            where = " and ".join(
                f"axis {a}: {n}" for a, n in zip(self._pair(inputs), sizes, strict=True)
            )
            raise self.refuse(
                inputs, f"They are multiplied over axes of different sizes ({where})."
            )

    def call(self, inputs: Sequence[Any]) -> Any:
        left, right = inputs
        axis_left, axis_right = self._pair(inputs)
        if self.normalize:
            left, right = ops.normalize(left, axis_left), ops.normalize(right, axis_right)
        left = ops.moveaxis(left, axis_left, -1)
        right = ops.moveaxis(right, axis_right, 1)
        free_left, free_right = left.shape[1:-1], right.shape[2:]
        batch, size = left.shape[0], left.shape[-1]
        rows = ops.reshape(left, (batch, _count(free_left), size))
        columns = ops.reshape(right, (batch, size, _count(free_right)))
        y = ops.matmul(rows, columns)  # (batch, rows, columns)
        return ops.reshape(y, (batch, *(free_left + free_right or (1,))))

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        return None


def _count(sizes: Sequence[int]) -> int:
    return reduce(lambda a, b: a * b, sizes, 1)


# ---------------------------------------------------------------- the same as functions


def add(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """`Add(**kwargs)(inputs)`."""
    return Add(**kwargs)(inputs)


def subtract(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """`Subtract(**kwargs)(inputs)`."""
    return Subtract(**kwargs)(inputs)


def multiply(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """`Multiply(**kwargs)(inputs)`."""
    return Multiply(**kwargs)(inputs)


def average(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """`Average(**kwargs)(inputs)`."""
    return Average(**kwargs)(inputs)


def maximum(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """`Maximum(**kwargs)(inputs)`."""
    return Maximum(**kwargs)(inputs)


def minimum(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """`Minimum(**kwargs)(inputs)`."""
    return Minimum(**kwargs)(inputs)


def concatenate(inputs: Sequence[Any], axis: int = -1, **kwargs: Any) -> Any:
    """`Concatenate(axis, **kwargs)(inputs)`."""
    return Concatenate(axis=axis, **kwargs)(inputs)


def dot(inputs: Sequence[Any], axes: Any = -1, **kwargs: Any) -> Any:
    """`Dot(axes, **kwargs)(inputs)`."""
    return Dot(axes=axes, **kwargs)(inputs)
