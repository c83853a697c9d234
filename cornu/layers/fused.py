"""Where recurrent layers ask the engine for a kernel that runs all steps of an LSTM or a GRU."""

from collections.abc import Callable
from typing import Any

from cornu import activations, engine
from cornu.layers.cells import Cell, GRUCell, LSTMCell
from cornu.ops.recurrent import recurrence

__all__ = ["composite", "fused"]


def fused(
    cell: Cell, step: Callable, x: Any, states: tuple, mask: Any, every: bool, reverse: bool
) -> tuple | None:
    """Outputs of all steps where asked, and last states; None where there is no such kernel.

    Kernels are there for LSTM and GRU with tanh and sigmoid; a subclass may do anything.

    Args:
        cell: the cell of the layer.
        step: of the loop that computes the same, as `recurrence` takes it.
        x: (time, batch, features). mask: (time, batch), or None.
        states: (batch, units), before the first step.
        every: whether the outputs of all steps are wanted.
        reverse: from the last step to the first.
    """
    if not isinstance(cell, (LSTMCell, GRUCell)) or type(cell) not in (LSTMCell, GRUCell):
        return None
    if cell.activation is not activations.tanh:
        return None
    if cell.recurrent_activation is not activations.sigmoid:
        return None
    after = isinstance(cell, LSTMCell) or cell.reset_after
    bias = None if cell.bias is None else cell.bias.value
    weights = (cell.kernel.value, cell.recurrent_kernel.value, bias)
    plain = composite(cell, step, every, reverse)
    how = {"every": every, "reverse": reverse, "after": after}
    return engine.recurrent(plain, x, weights, states, mask, **how)


def composite(
    cell: LSTMCell | GRUCell, step: Callable, every: bool, reverse: bool
) -> Callable[[tuple, Any], tuple]:
    """The same as a loop: a function of arrays alone, as `engine.recurrent` takes it."""

    def plain(operands: tuple, mask: Any) -> tuple:
        x, (kernel, recurrent, bias), states = operands
        beside, kernels = cell.parts(recurrent, bias)
        projected = engine.matmul(x, kernel)  # (time, batch, gates * units)
        if beside is not None:
            projected = projected + beside
        given = (projected, mask, None, states, kernels)
        return recurrence(step, cell.product, *given, every=every, reverse=reverse)

    return plain
