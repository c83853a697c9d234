"""Ops that choose, find and group by value; sorting itself is in `ops.array`.

The size of some results depends on values. They are computed from concrete arrays; where there are
no values yet (a Tensor, a compiled function) the size must be given, or `UsageError` says how.
"""

from collections.abc import Callable, Sequence
from typing import Any

from cornu import engine
from cornu.errors import UsageError
from cornu.graph import op
from cornu.ops.array import as_array, as_arrays
from cornu.ops.families import named

__all__ = [
    "argpartition",
    "in_top_k",
    "isin",
    "nonzero",
    "segment_max",
    "segment_min",
    "segment_prod",
    "segment_sum",
    "select",
    "unique",
    "unravel_index",
]


def _size_unknown(name: str, argument: str) -> UsageError:
    return UsageError(
        "E-SIZE-UNKNOWN",
        f"{name}: the size of the result depends on values that are not known yet. Give it, as in "
        f"ops.{name}(..., {argument}=10).",
    )


# ---------------------------------------------------------------- finding


@op
def argpartition(x: Any, kth: int | Sequence[int], axis: int | None = -1) -> Any:
    """int32 indices that bring the `kth` smallest to its place, smaller ones before it.

    With several `kth` all come to their places. `axis=None` orders `x` as a vector.
    """
    x = as_array(x)
    if axis is None:
        x, axis = x.reshape(-1), -1
    if isinstance(kth, (list, tuple)):
        return engine.cast(engine.np.argsort(x, axis), "int32")
    return engine.cast(engine.np.argpartition(x, kth, axis), "int32")


@op
def in_top_k(targets: Any, predictions: Any, k: int) -> Any:
    """Whether the score of class `targets` is among the `k` largest of its row.

    Args:
        targets: class numbers, (batch,).
        predictions: scores, (batch, classes). Of equal scores at the border all are in.
        k: how many.

    A class number out of range, or a score that is not finite, is never in.
    """
    targets, predictions = as_array(targets), as_array(predictions)
    classes = predictions.shape[-1]
    known = (targets >= 0) & (targets < classes)
    places = engine.np.where(known, targets, 0)[..., None]
    own = engine.np.take_along_axis(predictions, places, -1)  # (batch, 1)
    larger = engine.np.sum(predictions > own, -1, dtype="int32")
    return known & engine.np.isfinite(own[..., 0]) & (larger < k)


@op
def isin(x1: Any, x2: Any, assume_unique: bool = False, invert: bool = False) -> Any:
    """Where elements of `x1` are among those of `x2`; with `invert` where they are not.

    `assume_unique` is accepted for Keras's signature.
    """
    return engine.np.isin(as_array(x1), as_array(x2), invert=invert)


@op
def nonzero(x: Any, size: int | None = None, fill_value: Any = None) -> tuple:
    """The int32 indices of elements that are not 0, a vector for each axis.

    Args:
        x: array.
        size: length of the vectors. It must be given where `x` has no values yet.
        fill_value: index in the places beyond the last one found; 0 by default.
    """
    x = as_array(x)
    if size is None and engine.is_traced(x):
        raise _size_unknown("nonzero", "size")
    fill = 0 if fill_value is None else fill_value
    more = {} if size is None else {"size": size, "fill_value": fill}
    return tuple(engine.cast(i, "int32") for i in engine.np.nonzero(x, **more))


@op
def unique(
    x: Any,
    sorted: bool = True,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    size: int | None = None,
    fill_value: Any = None,
) -> Any:
    """The different elements of `x` in ascending order, and more where asked.

    Args:
        x: array.
        sorted: accepted for Keras's signature: the result is always in order.
        return_index: whether to return also the int32 place of the first of each.
        return_inverse: ... for each element of `x` its place in the result.
        return_counts: ... how often each occurs.
        axis: slices along this axis are compared; by default elements of `x` as a vector.
        size: length of the result. It must be given where `x` has no values yet.
        fill_value: stands beyond the last one found; the smallest by default.

    Returns:
        The elements, or a tuple that begins with them.
    """
    x = as_array(x)
    if size is None and engine.is_traced(x):
        raise _size_unknown("unique", "size")
    asked = (return_index, return_inverse, return_counts)
    found = engine.np.unique(x, *asked, axis, size=size, fill_value=fill_value)
    if not any(asked):
        return found
    return (found[0], *(engine.cast(i, "int32") for i in found[1:]))


@op
def unravel_index(indices: Any, shape: Sequence[int]) -> tuple:
    """Places in an array of `shape`, an array for each axis, of indices into it as a vector."""
    indices = as_array(indices)
    found = engine.np.unravel_index(indices, tuple(shape))
    return tuple(engine.cast(i, indices.dtype) for i in found)


@op
def select(condlist: Sequence, choicelist: Sequence, default: Any = 0) -> Any:
    """Elements of the first of `choicelist` whose condition holds, `default` where none does.

    Raises `UsageError` unless there is one choice for each condition.
    """
    if len(condlist) != len(choicelist) or not condlist:
        raise UsageError(
            "E-SELECT",
            f"select needs one choice for each condition, and one at least; got {len(condlist)} "
            f"conditions and {len(choicelist)} choices.",
        )
    *choices, default = as_arrays(*choicelist, default)
    return engine.np.select([as_array(c) for c in condlist], choices, default)


# ---------------------------------------------------------------- grouping


def _count(name: str, segments: Any, count: int | None) -> int:
    """How many segments there are: as told, or 1 + the largest number."""
    if count is not None:
        return count
    if engine.is_traced(segments):
        raise _size_unknown(name, "num_segments")
    return int(segments.max()) + 1 if segments.size else 0


@op
def segment_sum(
    data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False
) -> Any:
    """Sums of the rows of `data` that share a segment number: (num_segments, ...).

    `num_segments` is 1 + the largest number by default; it must be given where those have no
    values yet, or UsageError says so. `sorted` is accepted for Keras's signature.
    """
    data, segments = as_array(data), as_array(segment_ids)
    return engine.segment_sum(data, segments, _count("segment_sum", segments, num_segments))


def _segments(name: str, doc: str, mode: str) -> Callable[..., Any]:
    def fn(
        data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False
    ) -> Any:
        data, segments = as_array(data), as_array(segment_ids)
        count = _count(name, segments, num_segments)
        return engine.segment_reduce(data, segments, count, mode)

    return named(fn, name, doc)


_SEGMENTS = (
    " of the rows of `data` that share a segment number: (num_segments, ...). `num_segments` is "
    "1 + the largest number by default; it must be given where those have no values yet. A segment "
    "without rows has {}. `sorted` is accepted for Keras's signature."
)
segment_max = _segments(
    "segment_max", "The largest elements" + _SEGMENTS.format("the least of the dtype"), "max"
)
segment_min = _segments(
    "segment_min", "The smallest elements" + _SEGMENTS.format("the largest of the dtype"), "min"
)
segment_prod = _segments("segment_prod", "The products" + _SEGMENTS.format("1"), "prod")
