"""What recurrent layers share: the way over time, states, masks, and the two loops.

The cells of this library run layer by layer: the product with the whole input is one product before
the loop, and the loop is `ops.recurrent.recurrence`. Any other cell is called step by step.
"""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, cast

import numpy as np

from cornu import engine, graph, ops, state, tree
from cornu.config import Field, attribute, field
from cornu.errors import UsageError
from cornu.graph import Tensor
from cornu.layers.base import Layer
from cornu.layers.cell_protocol import (
    StackedRNNCells,
    call_cell,
    initial_state,
)
from cornu.layers.cells import (
    Cell,
)
from cornu.layers.fused import fused
from cornu.layers.spec import InputSpec
from cornu.ops.recurrent import recurrence
from cornu.state import Variable

__all__ = ["Recurrent", "require_sequences"]


OVER_TIME = (
    "return_sequences",
    "return_state",
    "go_backwards",
    "stateful",
    "unroll",
    "reset_after",
    "use_cudnn",
    "zero_output_for_mask",
)
"""Constructor arguments of recurrent layers that come last, in Keras's order."""


class Recurrent(Layer):
    """What all recurrent layers share: how they go over time and what they return.

    Args:
        return_sequences: whether the outputs of all steps are returned, not only the last one.
        return_state: whether the last states are returned too, after the output.
        go_backwards: from the last step to the first; outputs come in that order.
        stateful: whether a batch goes on from the states that the one before it left, row by row.
            The size of a batch must be known then. `reset_states()` begins anew.
        unroll: whether the loop is written out, for a known and small number of steps.
        zero_output_for_mask: whether the output of a masked step is zero, not that of the step
            before it.
    """

    return_sequences: bool = False
    return_state: bool = False
    go_backwards: bool = False
    stateful: bool = False
    unroll: bool = False
    zero_output_for_mask: bool = field(default=False, kw_only=True)

    supports_masking = True
    over_time: ClassVar[tuple[str, ...]] = OVER_TIME
    cell: Any = attribute()
    states: Any = attribute()

    @classmethod
    def ordered_fields(
        cls, inherited: dict[str, Field], declared: dict[str, Field]
    ) -> dict[str, Field]:
        """First the cell or what it takes, then how it goes over time."""
        own = {**inherited, **declared}
        over_time = {name: own.pop(name) for name in cls.over_time if name in own}
        regularizer = own.pop("activity_regularizer")
        ordered: dict[str, Field] = {}
        for name, one in own.items():
            ordered[name] = one
            if name == "bias_regularizer":
                ordered["activity_regularizer"] = regularizer
        return {**ordered, "activity_regularizer": regularizer, **over_time}

    def set_up(self) -> None:
        """Ask for sequences."""
        super().set_up()
        self.input_spec = [InputSpec(ndim=3, layout="(batch, time, features)")]
        self.mixes_rows = self.stateful

    # ---------------------------------------------------------------- building

    def build(self, sequences_shape: Any) -> None:
        shape = sequences_shape[0] if isinstance(sequences_shape, list) else sequences_shape
        batch, time = shape[:2]
        if self.unroll and time is None:
            raise UsageError(
                "E-SHAPE-UNKNOWN",
                f'{type(self).__name__} "{self.name}" with unroll=True needs a known number of '
                f"steps; got {tuple(shape)}. Give it in Input((steps, features)), or leave unroll.",
            )
        if not self.cell.built:
            with state.within(path=self._path()):
                self.cell.build(self.cell_shape(tuple(shape)))
        if self.stateful:
            self.states = self._state_cells(batch, shape)

    def _state_cells(self, batch: int | None, shape: Sequence) -> list:
        if batch is None:
            raise UsageError(
                "E-BATCH-UNKNOWN",
                f'{type(self).__name__} "{self.name}" with stateful=True keeps a state for each '
                f"row, so it must know the size of a batch; got {tuple(shape)}. Give it: "
                f"Input(batch_shape=(32, {', '.join(map(str, shape[1:]))})).",
            )
        path = (*self._path(), "state")
        wanted = self._states_wanted(batch, shape)

        def made(like: Tensor, number: int) -> Variable:
            place = "/".join((*path, str(number)))
            known = cast("tuple[int, ...]", like.shape)
            cell = Variable(_zeros, known, like.dtype, False, "state", place)
            cell.passing = True
            return cell

        numbers = tree.fill(wanted, list(range(len(tree.leaves(wanted)))))
        return tree.map_structure(made, wanted, numbers)

    def _states_wanted(self, batch: int, shape: Sequence) -> list:
        """Shapes and dtypes of the states, as Tensors."""
        return graph.infer(lambda: self.zero_states(batch, tuple(shape)), (), {})

    def reset_states(self, states: Any = None) -> None:
        """Begin the next batch from `states`, zeros by default.

        Raises UsageError where the layer is not stateful, not built, or states do not fit.
        """
        cells = tree.leaves(self.states) if self.states is not None else []
        if not cells:
            raise UsageError(
                "E-STATE",
                f'{type(self).__name__} "{self.name}" keeps no states: make it with stateful=True '
                "and call it once, or build it.",
            )
        if states is None:
            given = [_zeros(c.shape, c.dtype) for c in cells]
        else:
            given = [self.inward(s, 1) for s in tree.leaves(states)]
            self._require_shapes("states", given, [c.shape for c in cells])
        for cell, value in zip(cells, given, strict=True):
            cell.assign(value)

    def _require_shapes(self, name: str, states: list, wanted: list) -> None:
        """Raise UsageError where `states`, given as argument `name`, have other shapes."""
        shapes = [tuple(np.shape(s)) for s in states]
        if shapes != wanted:
            raise UsageError(
                "E-STATE",
                f'{type(self).__name__} "{self.name}": {name} must hold arrays of shapes '
                f"{wanted}; got {shapes}.",
            )

    reset_state = reset_states

    def get_initial_state(self, batch_size: Any) -> list:
        """States before the first step."""
        return initial_state(self.cell, batch_size, self.compute_dtype)

    # ---------------------------------------------------------------- the shape of a step

    def cell_shape(self, shape: tuple) -> tuple:
        """The shape of one step of sequences of `shape`, as the cell sees it."""
        return (shape[0], *shape[2:])

    def zero_states(self, batch: Any, shape: tuple) -> list:
        """States before the first step of sequences of `shape`."""
        return self.get_initial_state(batch)

    def inward(self, x: Any, axis: int) -> Any:
        """`x` laid out as the cell wants it; `axis` is that of channels."""
        return x

    def outward(self, x: Any, axis: int) -> Any:
        """`x` laid out as it is given to the user; `axis` is that of channels."""
        return x

    # ---------------------------------------------------------------- calling

    def _build_from(self, args: tuple, kwargs: Any) -> None:
        x = args[0] if args else kwargs.get("sequences")
        require_sequences(self, x)
        super()._build_from(args, kwargs)

    def call(
        self,
        sequences: Any,
        initial_state: Any = None,
        mask: Any = None,
        training: Any = None,
        constants: Any = None,
    ) -> Any:
        """Outputs, and last states where asked.

        Args:
            sequences: (batch, time, ...); or a list of that, initial states and constants.
            initial_state: states before the first step, one array or several.
            mask: (batch, time), False where a step is to be left out: states stay then.
            training: whether dropout is on.
            constants: arrays that a cell with `call(inputs, states, constants)` gets at every step.
        """
        x, begin, constants = self._told_apart(sequences, initial_state, constants)
        mask = mask[0] if isinstance(mask, (list, tuple)) else mask
        self._check_steps(x, mask)
        begin = self._begin(begin, x)
        x = self.inward(x, 2)
        swapped = engine.np.swapaxes(x, 0, 1)  # (time, batch, ...)
        over = None if mask is None else engine.np.swapaxes(mask, 0, 1).astype(bool)
        how = {"reverse": self.go_backwards, "unroll": max(x.shape[1], 1) if self.unroll else 1}
        chain = _plain_cells(self.cell) if constants is None else None
        if chain:
            outputs, last = self._over_plain(chain, swapped, begin, over, training, how)
        else:
            outputs, last = self._over_any(swapped, begin, over, training, constants, how)
        if self.stateful:
            for cell, new in zip(tree.leaves(self.states), tree.leaves(last), strict=True):
                cell.assign(new)
        made = self._arranged(outputs)
        if not self.return_state:
            return made
        return (made, *tree.map_structure(lambda s: self.outward(s, 1), last))

    def _check_steps(self, x: Any, mask: Any) -> None:
        """Raise UsageError for sequences without a step, and for a mask or rows that do not fit."""
        if self.stateful:
            self._require_rows(x.shape[0])
        if x.shape[1] == 0:
            raise UsageError(
                "E-EMPTY",
                f'{type(self).__name__} "{self.name}" got sequences without a step: '
                f"{tuple(x.shape)}. Look at how they were cut, or pad them.",
            )
        if mask is not None and mask.shape[:2] != x.shape[:2]:
            raise UsageError(
                "E-MASK",
                f'{type(self).__name__} "{self.name}": a mask of shape {tuple(mask.shape)} does '
                f"not fit inputs of (batch, time) = {x.shape[:2]}.",
            )

    def _told_apart(self, sequences: Any, states: Any, constants: Any) -> tuple:
        """The sequence, the states and the constants of a call, however they were given."""
        if not isinstance(sequences, (list, tuple)):
            return sequences, states, constants
        x, *rest = sequences
        count = len(tree.leaves(self.cell.state_size))
        if rest and states is None:
            states, rest = rest[:count], rest[count:]
        return x, states, (rest or constants)

    def _require_rows(self, rows: int) -> None:
        """Raise UsageError where a batch is not of the size that states are kept for."""
        kept = tree.leaves(self.states)[0].shape[0]
        if rows != kept:
            probing = getattr(state.frame(), "probing", False)
            raise UsageError(
                "E-STATE",
                f'{type(self).__name__} "{self.name}" with stateful=True keeps states for batches '
                f"of {kept} rows; got {'an unknown number' if probing else rows}. Say "
                f"batch_size={kept} in fit, evaluate and predict, with rows that it divides, and "
                f"batch_shape=({kept}, …) in Input.",
            )

    def _begin(self, given: Any, x: Any) -> list:
        """States before the first step."""
        if given is None:
            return self.states_now() if self.stateful else self.zero_states(x.shape[0], x.shape)
        given = tree.map_structure(lambda s: self.inward(s, 1), given)
        wanted = self._states_wanted(x.shape[0], x.shape)
        said = tree.leaves(given)
        self._require_shapes("initial_state", said, [t.shape for t in tree.leaves(wanted)])
        pairs = zip(said, tree.leaves(wanted), strict=True)
        return tree.fill(wanted, [engine.cast(s, like.dtype) for s, like in pairs])

    def states_now(self) -> list:
        """The states that the last batch left."""
        return tree.map_structure(lambda v: v.value, self.states)

    def _arranged(self, outputs: Any) -> Any:
        """Outputs batch first, those of all steps in the order in which they were made."""
        if not self.return_sequences:
            return tree.map_structure(lambda y: self.outward(y, 1), outputs)

        def arranged(y: Any) -> Any:
            y = engine.np.flip(y, 0) if self.go_backwards else y
            return self.outward(engine.np.swapaxes(y, 0, 1), 2)

        return tree.map_structure(arranged, outputs)

    # ---------------------------------------------------------------- the two loops

    def _over_plain(
        self, cells: list[Cell], x: Any, begin: list, mask: Any, training: Any, how: dict
    ) -> tuple:
        """All steps of the first cell, then all of the next: each gets what it would one by one."""
        each = begin if isinstance(self.cell, StackedRNNCells) else [begin]
        last = []
        for place, (cell, own) in enumerate(zip(cells, each, strict=True)):
            every = self.return_sequences or place < len(cells) - 1
            own = tuple(own) if isinstance(own, (list, tuple)) else (own,)
            outputs, end = _plain_loop(cell, x, own, mask, training, every, how)
            last.append(list(end) if isinstance(each[place], (list, tuple)) else end[0])
            x = outputs
        if not self.return_sequences:
            x = tree.leaves(last[-1])[0]
        if mask is not None and self.zero_output_for_mask:
            kept = mask if self.return_sequences else mask[0 if self.go_backwards else -1]
            x = ops.where(_beside(kept, x), x, 0)
        return x, last if isinstance(self.cell, StackedRNNCells) else last[0]

    def _over_any(
        self, x: Any, begin: list, mask: Any, training: Any, constants: Any, how: dict
    ) -> tuple:
        """The cell called step by step; what it assigns goes on from step to step."""
        frame: Any = state.frame()
        moving = [v for v in self.cell.variables if not v.trainable]
        key = _key_of_steps(frame, training)
        more = {} if constants is None else {"constants": list(constants)}

        def once(carry: tuple, given: tuple) -> tuple:
            states, values = carry
            number, x, kept = given
            bound = {**frame.bound, **dict(zip(moving, values, strict=True))}
            own_key = None if key is None else engine.fold(key, number)
            scene = {"bound": bound, "losses": [], "masks": {}, "placed": dict(frame.placed)}
            with state.within(**scene, key=own_key) as inner:
                output, new = call_cell(self.cell, x, states, training, **more)
                losses = list(inner.losses)
            new = self._fitted(new, states)
            after = [inner.bound[v] for v in moving]
            if kept is not None:
                output = self._held(output, states, kept)
                new = _chosen(kept, new, states)
            return (new, after), (output, losses)

        numbers = engine.np.arange(x.shape[0])
        with state.within(dtype=None):  # in their own dtypes, which mixed precision leaves them
            carry = (begin, [v.value for v in moving])
        (last, after), (outputs, losses) = engine.scan(once, carry, (numbers, x, mask), **how)
        for variable, value in zip(moving, after, strict=True):
            variable.assign(value)
        frame.losses.extend(engine.np.sum(one) for one in losses)
        if not self.return_sequences:
            outputs = tree.map_structure(lambda y: y[0 if self.go_backwards else -1], outputs)
        return outputs, last

    def _fitted(self, new: Any, states: list) -> Any:
        """New states in the dtypes of the old. Raises UsageError where shapes differ."""
        shapes = [[tuple(s.shape) for s in tree.leaves(these)] for these in (states, new)]
        if shapes[0] != shapes[1]:
            raise UsageError(
                "E-CELL",
                f'{type(self).__name__} "{self.name}": {type(self.cell).__name__} must return new '
                f"states with the shapes of the old ones, {shapes[0]}; got {shapes[1]}.",
            )
        return tree.map_structure(lambda n, s: engine.cast(n, str(s.dtype)), new, states)

    def _held(self, output: Any, states: list, kept: Any) -> Any:
        """The output where a step counts; elsewhere zero, or that before it (the first state)."""
        before = _output_state(self.cell, states)

        def held(y: Any) -> Any:
            other = before if y.shape == before.shape and not self.zero_output_for_mask else 0
            return ops.where(_beside(kept, y), y, other)

        return tree.map_structure(held, output)

    # ---------------------------------------------------------------- masks

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """The mask of the outputs where all steps are returned; states have none."""
        mask = tree.leaves(previous_mask)[0] if previous_mask is not None else None
        mask = mask if self.return_sequences else None
        if not self.return_state:
            return mask
        return [mask, *[None] * len(tree.leaves(self.cell.state_size))]


def require_sequences(layer: Layer, x: Any) -> None:
    """Say it where the layer before, that made Tensor `x`, returns only its last step."""
    before: Any = x.node.op if isinstance(x, Tensor) and x.node is not None else None
    wanted: Any = layer.input_spec
    if getattr(before, "return_sequences", True) or x.ndim != wanted[0].ndim - 1:
        return
    raise UsageError(
        "E-RANK",
        f"{type(layer).__name__} needs {wanted[0].layout}, got {x.shape}. The layer "
        f'before, "{before.name}", returns only its last step: set return_sequences=True.',
    )


def _output_state(cell: Any, states: Any) -> Any:
    """The state that stands for the output before: the first one, of the last cell of a stack."""
    while isinstance(cell, StackedRNNCells):
        cell, states = cell.cells[-1], states[-1]
    return tree.leaves(states)[0]


def _key_of_steps(frame: state.Frame, training: Any) -> Any:
    """What the keys of all steps come from, apart from all other draws; None where none is known.

    Outside of a computation the process's seeds are asked only in training.
    """
    if frame.key is not None:
        return engine.fold(frame.key, STEPS)
    return state.draw_key() if training else None


STEPS = 0x53544550  # a number that no count of draws reaches


def _plain_cells(cell: Any) -> list[Cell]:
    """The cells that a fast loop can run, or none: their own `call`, and no layers inside."""
    cells = cell.cells if type(cell) is StackedRNNCells else [cell]
    plain = all(
        isinstance(c, Cell) and type(c).call is Cell.call and not c.sublayers() for c in cells
    )
    return cells if plain else []


def _plain_loop(
    cell: Cell, x: Any, states: tuple, mask: Any, training: Any, every: bool, how: dict
) -> tuple:
    """Outputs of all steps where asked, and last states. `x`: (time, batch, ...)."""
    x, states = cell._cast((x, states))

    def step(x: Any, kept: Any, noise: Any, states: tuple, dot: Callable) -> tuple:
        new = cell.step(x, states, dot, noise)
        if kept is None:
            return new
        return _chosen(kept, new, states)

    with state.within(**cell._scene(state.frame(), None)):
        noise = cell.draw(x[0], states, training)
        x = x if noise.inputs is None else x * noise.inputs
        if noise.states is None:
            made = fused(cell, step, x, states, mask, every, how["reverse"])
            if made is not None:
                return made
        time, batch = x.shape[:2]
        rows = cell.project(engine.np.reshape(x, (time * batch, *x.shape[2:])))
        projected = tree.map_structure(
            lambda y: engine.np.reshape(y, (time, batch, *y.shape[1:])), rows
        )
        kernels = cell.kernels()

    given = (projected, mask, noise.states, states, kernels)
    return recurrence(step, cell.product, *given, every=every, **how)


def _chosen(mask: Any, new: Any, old: Any) -> Any:
    """A structure with the rows of `new` where `mask` is True, of `old` elsewhere."""
    return tree.map_structure(lambda n, o: ops.where(_beside(mask, n), n, o), new, old)


def _beside(mask: Any, x: Any) -> Any:
    """`mask` with as many axes as `x`."""
    return engine.np.reshape(mask, (*mask.shape, *[1] * (x.ndim - mask.ndim)))


def _zeros(shape: Sequence[int], dtype: str) -> Any:
    return np.zeros(shape, dtype)
