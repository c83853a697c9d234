"""Losses of whole regions and whole batches: Dice, Tversky, Circle.

With `axis=None` the first two give one number for the whole batch; Circle compares every row with
every other. Such values cannot be taken apart by rows.
"""

from collections.abc import Callable
from typing import Any, ClassVar

from cornu import engine, state
from cornu.graph import op
from cornu.losses.base import FunctionLoss, Reduction, elementwise_pair, least
from cornu.ops.crossentropy import floating


@op
def dice(y_true: Any, y_pred: Any, axis: Any = None) -> Any:
    """`1 - 2 sum(t p) / (sum(t) + sum(p) + epsilon)` over `axis`, None for everything.

    Sorensen, 1948; Dice, "Measures of the Amount of Ecologic Association Between Species", 1945.
    """
    np = engine.np
    y_true, y_pred = elementwise_pair("dice", y_true, y_pred)
    axis = tuple(axis) if isinstance(axis, list) else axis
    both = np.sum(y_true * y_pred, axis=axis)
    sizes = np.sum(y_true, axis=axis) + np.sum(y_pred, axis=axis)
    return 1 - 2 * both / (sizes + least(y_pred.dtype))


@op
def tversky(
    y_true: Any, y_pred: Any, alpha: float = 0.5, beta: float = 0.5, axis: Any = None
) -> Any:
    """`1 - b / (b + alpha sum(t (1 - p)) + beta sum(p (1 - t)) + epsilon)`, b = sum(t p).

    Sums go over `axis`, None for everything. Salehi et al., "Tversky Loss Function for Image
    Segmentation Using 3D Fully Convolutional Deep Networks", 2017.
    """
    np = engine.np
    y_true, y_pred = elementwise_pair("tversky", y_true, y_pred)
    axis = tuple(axis) if isinstance(axis, list) else axis
    both = np.sum(y_true * y_pred, axis=axis)
    missed = np.sum(y_true * (1 - y_pred), axis=axis)
    false = np.sum(y_pred * (1 - y_true), axis=axis)
    return 1 - both / (both + alpha * missed + beta * false + least(y_pred.dtype))


@op
def circle(
    y_true: Any,
    y_pred: Any,
    ref_labels: Any = None,
    ref_embeddings: Any = None,
    remove_diagonal: bool = True,
    gamma: float = 80.0,
    margin: float = 0.4,
) -> Any:
    """The circle loss of embeddings `(batch, n)` of length 1 with class numbers `(batch,)`.

    With d = 1 - cosine, m = `margin`: softplus(logsumexp over rows of the same class of
    gamma (d + m) (d - m) + logsumexp over others of gamma (1 + m - d)+ (1 - m - d)). A row without
    a partner of either sort gives 0 and is masked out. `ref_labels` and `ref_embeddings` are what
    rows are compared with, the batch itself unless given; then `remove_diagonal` keeps a row from
    being its own partner.

    Sun et al., "Circle Loss: A Unified Perspective of Pair Similarity Optimization", 2020.
    """
    np = engine.np
    y_pred = floating(y_pred)
    y_true = engine.cast(engine.array(y_true), "int32").reshape(-1)
    others = y_pred if ref_embeddings is None else engine.cast(ref_embeddings, y_pred.dtype)
    labels = y_true if ref_labels is None else engine.cast(ref_labels, "int32").reshape(-1)
    distance = np.maximum(1 - engine.matmul(y_pred, np.swapaxes(others, 0, 1)), 0)
    same = y_true[:, None] == labels[None, :]  # (batch, references)
    different = ~same
    if remove_diagonal:
        same = same & ~np.eye(*same.shape, dtype=bool)
    near = gamma * (distance + margin) * (distance - margin)
    far = gamma * np.maximum(1 + margin - distance, 0) * (1 - margin - distance)
    paired = np.any(same, axis=1) & np.any(different, axis=1)
    score = _logsumexp_where(near, same) + _logsumexp_where(far, different)
    values = np.where(paired, np.logaddexp(score, 0), 0)
    state.set_mask(values, values > 0)
    return values


def _logsumexp_where(x: Any, chosen: Any) -> Any:
    """logsumexp of the chosen entries of each row; a row without any gives some finite number."""
    lowest = float(engine.np.finfo(x.dtype).min) / 4
    return engine.logsumexp(engine.np.where(chosen, x, lowest), axis=1)


class Dice(FunctionLoss):
    """How little two regions overlap; see `dice`."""

    reduction: Reduction = "sum_over_batch_size"
    name: str | None = "dice"
    axis: Any = None

    function: ClassVar[Callable] = staticmethod(dice)
    kind: ClassVar[str] = "vectors"


class Tversky(FunctionLoss):
    """Overlap with a price for what is missed and what is false; see `tversky`."""

    alpha: float = 0.5
    beta: float = 0.5
    reduction: Reduction = "sum_over_batch_size"
    name: str | None = "tversky"
    axis: Any = None

    function: ClassVar[Callable] = staticmethod(tversky)
    kind: ClassVar[str] = "vectors"


class Circle(FunctionLoss):
    """Pulls rows of one class together and others apart; see `circle`."""

    gamma: float = 80.0
    margin: float = 0.4
    remove_diagonal: bool = True

    function: ClassVar[Callable] = staticmethod(circle)
    kind: ClassVar[str] = "free"
