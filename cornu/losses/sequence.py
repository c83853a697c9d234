"""The loss of sequences whose labels are not aligned with time."""

from collections.abc import Callable
from typing import Any, ClassVar

from cornu import engine, state
from cornu.graph import op
from cornu.losses.base import FunctionLoss, Reduction
from cornu.ops.crossentropy import floating
from cornu.ops.ctc import check_shapes, ctc_loss


@op
def ctc(y_true: Any, y_pred: Any) -> Any:
    """`-log p(labels)` by connectionist temporal classification; see `ops.ctc_loss`.

    Shapes: class numbers (batch, labels), zeros being padding wherever they stand (class 0 is the
    blank), and logits (batch, time, classes); the result is (batch,). A mask that travels with
    `y_pred` says which time steps are valid. Raises UsageError where shapes do not fit.
    """
    np = engine.np
    mask = state.mask_of(y_pred)
    y_pred, y_true = floating(y_pred), engine.array(y_true)
    check_shapes("ctc", y_true.shape, y_pred.shape)
    labels = engine.cast(y_true, "int32")
    labels = np.take_along_axis(labels, np.argsort(labels == 0, axis=1), 1)  # padding to the end
    count = np.sum(labels != 0, 1)
    if mask is None:
        return ctc_loss(labels, y_pred, count, np.full(y_pred.shape[:1], y_pred.shape[1]))
    valid = engine.array(mask)[..., None]
    steps = np.argsort(~valid, axis=1)  # valid steps first, in their order
    y_pred = np.take_along_axis(y_pred, steps, 1)
    return ctc_loss(labels, y_pred, count, np.sum(valid[..., 0], 1))


class CTC(FunctionLoss):
    """How unlikely labels without a place in time are; see `ctc`."""

    reduction: Reduction = "sum_over_batch_size"
    name: str | None = "ctc"
    dtype: str | None = None

    function: ClassVar[Callable] = staticmethod(ctc)
    kind: ClassVar[str] = "alignment"
