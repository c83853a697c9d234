"""What recurrent layers ask of a cell, and `StackedRNNCells`.

A cell is any layer with `state_size` (a number, or a list of them) and
`call(inputs, states) -> (output, new states)`; it may have `output_size` and `get_initial_state`.
"""

from typing import Any

from cornu import engine, state, tree
from cornu.errors import UsageError, shown
from cornu.layers.base import Layer
from cornu.layers.signature import call_signature

__all__ = ["StackedRNNCells"]


def require_cell(owner: Layer, cell: Any) -> None:
    """Raise UsageError where `cell` does not keep the cell protocol."""
    missing = [name for name in ("state_size", "call") if not hasattr(cell, name)]
    if missing:
        raise UsageError(
            "E-CELL",
            f"{type(owner).__name__} needs a cell: a layer with state_size and "
            f"call(inputs, states) -> (output, new states), as LSTMCell(32); got {shown(cell)}, "
            f"which has no {' and no '.join(missing)}.",
        )


def call_cell(cell: Any, inputs: Any, states: Any, training: Any, **more: Any) -> tuple:
    """One step of any cell: the output and the new states, in the structure of `states`."""
    if "training" in call_signature(type(cell).call).names:
        more["training"] = training
    given = states if isinstance(states, (list, tuple)) else [states]
    output, new = cell(inputs, list(given), **more)
    made = tree.leaves(new)
    wanted = len(tree.leaves(states))
    if len(made) != wanted:
        raise UsageError(
            "E-CELL",
            f'{type(cell).__name__} "{cell.name}" got {wanted} states and returned {len(made)}: '
            "return (output, [new states]), one for each in state_size.",
        )
    return output, tree.fill(states, made)


def output_size(cell: Any) -> Any:
    """Size of a cell's output: what it says, else that of its first state."""
    said = getattr(cell, "output_size", None)
    if said is not None:
        return said
    sizes = cell.state_size
    return sizes[0] if isinstance(sizes, (list, tuple)) else sizes


def _zero_states(sizes: Any, batch_size: Any, dtype: str) -> list:
    """Zeros (batch, size) for each size, a list of them where there is a list of sizes."""
    each = sizes if isinstance(sizes, (list, tuple)) else [sizes]
    return [
        _zero_states(size, batch_size, dtype)
        if isinstance(size, (list, tuple))
        else engine.np.zeros((batch_size, size), dtype)
        for size in each
    ]


def initial_state(cell: Any, batch_size: Any, dtype: str) -> list:
    """A cell's states before the first step, a list: what it says, else zeros."""
    if hasattr(cell, "get_initial_state"):
        made = cell.get_initial_state(batch_size=batch_size)
        return list(made) if isinstance(made, (list, tuple)) else [made]
    return _zero_states(cell.state_size, batch_size, dtype)


class StackedRNNCells(Layer):
    """Cells one above the other, as one cell: each takes the output of the one below.

    Shapes: as the first cell takes and the last one gives; states are a list with the states of
    each cell.

    Args:
        cells: a list of cells.

    Raises:
        UsageError: for something that is no cell.
    """

    cells: Any

    def set_up(self) -> None:
        """Check that these are cells."""
        super().set_up()
        self.cells = list(self.cells)
        for cell in self.cells:
            require_cell(self, cell)

    @property
    def state_size(self) -> list:
        """The state size of each cell."""
        return [cell.state_size for cell in self.cells]

    @property
    def output_size(self) -> Any:
        """The output size of the last cell."""
        return output_size(self.cells[-1])

    def get_initial_state(self, batch_size: Any = None) -> list:
        """The states of each cell before the first step."""
        return [initial_state(cell, batch_size, self.compute_dtype) for cell in self.cells]

    def build(self, input_shape: Any) -> None:
        for cell in self.cells:
            if not cell.built:
                with state.within(path=self._path()):
                    cell.build(input_shape)
            size = output_size(cell)
            input_shape = (input_shape[0], *(size if isinstance(size, (list, tuple)) else [size]))

    def call(self, inputs: Any, states: Any, training: Any = None) -> tuple:
        news = []
        for cell, own in zip(self.cells, states, strict=True):
            inputs, new = call_cell(cell, inputs, own, training)
            news.append(new)
        return inputs, news
