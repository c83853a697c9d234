"""Recurrent layers: `RNN` over any cell, and the layers that are named after theirs."""

from typing import Any, ClassVar

from cornu.config import field, snake
from cornu.fields import Regularizer
from cornu.layers.base import Layer
from cornu.layers.cell_protocol import (
    StackedRNNCells,
    require_cell,
)
from cornu.layers.cells import (
    Cell,
    GRUCell,
    GRUFields,
    LSTMCell,
    LSTMFields,
    SimpleRNNCell,
    SimpleRNNFields,
)
from cornu.layers.recurrent_base import OVER_TIME, Recurrent

__all__ = ["GRU", "LSTM", "RNN", "OfCell", "SimpleRNN"]


class RNN(Recurrent):
    """Any cell over time.

    Shapes: (batch, time, features) gives (batch, size), or (batch, time, size) with
    `return_sequences`; with `return_state` a tuple of that and the last states.

    Args:
        cell: a layer with `state_size` and `call(inputs, states) -> (output, new states)`; a list
            of them is stacked.
        return_sequences, return_state, go_backwards, stateful, unroll, zero_output_for_mask: as
            in `LSTM`.

    Raises:
        UsageError: for something that is no cell, or inputs of another rank.

    Example:
        >>> RNN([LSTMCell(8), GRUCell(4)])(Input((None, 3))).shape
        (None, 4)
    """

    cell: Any  # pyright: ignore[reportGeneralTypeIssues]
    zero_output_for_mask: bool = False

    def set_up(self) -> None:
        """Stack a list of cells; check that it is a cell."""
        super().set_up()
        if isinstance(self.cell, (list, tuple)):
            self.cell = StackedRNNCells(self.cell)
        require_cell(self, self.cell)

    def get_config(self) -> dict[str, Any]:
        """The constructor arguments, the cell last."""
        config = super().get_config()
        return {**{k: v for k, v in config.items() if k != "cell"}, "cell": config["cell"]}


class OfCell(Recurrent):
    """A recurrent layer named after its cell: it takes the cell's arguments and makes it."""

    cell_class: ClassVar[type[Cell]]
    activity_regularizer: Regularizer = None

    def set_up(self) -> None:
        """Make the cell."""
        super().set_up()
        taken = {n: getattr(self, n) for n in self.cell_class.fields if n not in Layer.fields}
        common = {"dtype": self.dtype_policy, "trainable": self.trainable}
        self.cell = self.cell_class(**taken, **common, name=snake(self.cell_class.__name__))


class SimpleRNN(OfCell, SimpleRNNFields):
    """`h = activation(x @ kernel + h @ recurrent_kernel + bias)` over time.

    Shapes: (batch, time, features) gives the last h (batch, units), or all (batch, time, units)
    with `return_sequences`; with `return_state` a tuple of that and the last state.

    Args:
        units and all that comes by position: as in `SimpleRNNCell`.
        activity_regularizer: function of the output whose value is added to the loss.
        return_sequences and the rest: as in `LSTM`.
    """

    over_time = (*OVER_TIME, "seed")
    cell_class = SimpleRNNCell


class GRU(OfCell, GRUFields):
    """Gated recurrent units over time; the formula is at `GRUCell`.

    Shapes: (batch, time, features) gives the last h (batch, units), or all (batch, time, units)
    with `return_sequences`; with `return_state` a tuple of that and the last state.

    Args:
        units and all that comes by position: as in `GRUCell`.
        activity_regularizer: function of the output whose value is added to the loss.
        use_cudnn: accepted; the engine takes the fastest way that it has.
        return_sequences and the rest: as in `LSTM`.
    """

    cell_class = GRUCell
    use_cudnn: Any = field(default="auto", config=False)


class LSTM(OfCell, LSTMFields):
    """Long short-term memory over time; the formula is at `LSTMCell`.

    Shapes: (batch, time, features) gives the last h (batch, units), or all (batch, time, units)
    with `return_sequences`; with `return_state` a tuple of that and the last h and c. A mask
    (batch, time) leaves steps out: states and outputs stay as they were.

    Args:
        units and all that comes by position: as in `LSTMCell`.
        activity_regularizer: function of the output whose value is added to the loss.
        return_sequences: whether the outputs of all steps are returned, not only the last one.
        return_state: whether the last states are returned too.
        go_backwards: from the last step to the first; outputs come in that order.
        stateful: whether row i of a batch goes on from where row i of the batch before ended. The
            size of a batch must be known. `reset_states()` begins anew.
        unroll: whether the loop is written out: faster for a few steps, slower to compile.
        use_cudnn: accepted; the engine takes the fastest way that it has.
        zero_output_for_mask: whether the output of a masked step is zero.

    Raises:
        UsageError: for inputs of another rank, states of other shapes, or a stateful layer that
            does not know the size of a batch.

    Example:
        >>> LSTM(8, return_sequences=True)(Input((None, 3))).shape
        (None, None, 8)
    """

    cell_class = LSTMCell
    use_cudnn: Any = field(default="auto", config=False)
