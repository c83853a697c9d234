"""`Recurrent`, from which users of Keras 0.3 to 2.3 made recurrent layers with a `step` of theirs.

Today a step is a cell's: `RNN(cell)` with `cell.call(inputs, states)`. Layers of the library are
not made from this class.
"""

from collections.abc import Sequence
from typing import Any

from cornu import ops
from cornu.dialects.backend_loops import rnn
from cornu.dialects.backend_nn import dropout as k_dropout
from cornu.dialects.backend_state import in_train_phase
from cornu.errors import UsageError
from cornu.layers import Layer
from cornu.layers.signature import call_signature

__all__ = ["Recurrent", "time_distributed_dense"]


class Recurrent(Layer):
    """A loop over time steps; subclasses write `build` and `step(x, states)`.

    `build` sets `self.states` to a list of as many None as there are states. `step` is given
    (batch, ...) and the states, then constants, and returns its output and the new states.

    Args:
        return_sequences: whether all outputs are given, or the last one.
        return_state: whether the last states are given too.
        go_backwards: whether it begins at the last step.
        unroll: whether the loop is written out.
        weights: kept as `initial_weights`, for `build` to set.
        input_dim, input_length: the shape of sequences: (input_length, input_dim).

    Shapes: (batch, time, ...) gives (batch, units), or (batch, time, units).

    Raises:
        UsageError: for `stateful=True`, which a layer that is made of cells can do.
    """

    supports_masking = True

    def __init__(
        self,
        weights: Sequence[Any] | None = None,
        return_sequences: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        consume_less: str | None = None,
        input_dim: int | None = None,
        input_length: int | None = None,
        return_state: bool = False,
        implementation: int | None = None,
        **options: Any,
    ):
        if (input_dim or input_length) and not {"input_shape", "batch_shape"} & options.keys():
            options["input_shape"] = (input_length, input_dim)
        super().__init__(**options)
        if stateful:
            raise UsageError(
                "E-OLD-OPTION",
                f"{type(self).__name__}(stateful=True): a layer with a step of its own begins "
                "every batch anew. Make the step a cell: RNN(cell, stateful=True).",
            )
        self.return_sequences, self.return_state = return_sequences, return_state
        self.go_backwards, self.unroll, self.stateful = go_backwards, unroll, False
        self.consume_less, self.implementation = consume_less, implementation
        self.initial_weights = weights
        self.states: list[Any] = [None]

    # ---------------------------------------------------------------- to be written by subclasses

    def step(self, x: Any, states: Sequence[Any]) -> tuple[Any, list]:
        """The output of a time step, and the new states."""
        raise NotImplementedError(f"{type(self).__name__} must define step(self, x, states).")

    def preprocess_input(self, x: Any) -> Any:
        """What the loop runs over."""
        return x

    def get_constants(self, x: Any) -> Sequence[Any]:
        """What every step is given behind the states."""
        return []

    def get_initial_states(self, x: Any) -> list:
        """The states to begin with: zeros of shape (batch, units)."""
        size = getattr(self, "units", None) or getattr(self, "output_dim", None)
        if size is None:
            raise UsageError(
                "E-CELL",
                f'"{self.name}" must have units (or output_dim), or define '
                "get_initial_states(self, x).",
            )
        return [ops.zeros((x.shape[0], size), x.dtype) for _ in self.states]

    def get_initial_state(self, inputs: Any) -> list:
        """The same, by its name in Keras 2."""
        return self.get_initial_states(inputs)

    # ---------------------------------------------------------------- the loop

    def build(self, input_shape: Any) -> None:
        """Make no weights; subclasses do."""

    def call(self, x: Any, mask: Any = None, training: Any = None) -> Any:
        mask = mask[0] if isinstance(mask, (list, tuple)) else mask
        last, outputs, states = rnn(
            self.step,
            self._asked("preprocess_input", x, training),
            self.get_initial_state(x),
            go_backwards=self.go_backwards,
            mask=mask,
            constants=self._asked("get_constants", x, training),
            unroll=self.unroll,
            input_length=x.shape[1],
        )
        found = outputs if self.return_sequences else last
        return [found, *states] if self.return_state else found

    def _asked(self, name: str, x: Any, training: Any) -> Any:
        """What a method says of the input; in Keras 2 it could ask for the phase."""
        takes = call_signature(getattr(type(self), name)).training
        return getattr(self, name)(x, training=training) if takes else getattr(self, name)(x)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        return previous_mask if self.return_sequences else None

    def get_config(self) -> dict[str, Any]:
        """What the loop was told."""
        return {
            **{name: v for name, v in super().get_config().items() if name in ("name", "dtype")},
            "return_sequences": self.return_sequences,
            "return_state": self.return_state,
            "go_backwards": self.go_backwards,
            "unroll": self.unroll,
        }


def time_distributed_dense(
    x: Any,
    w: Any,
    b: Any = None,
    dropout: float | None = None,
    input_dim: int | None = None,
    output_dim: int | None = None,
    timesteps: int | None = None,
    training: Any = None,
) -> Any:
    """`x @ w + b` for every time step, as layers with a `step` computed it ahead.

    Shapes: x (batch, time, input_dim), w (input_dim, output_dim), b (output_dim,) give
    (batch, time, output_dim). `dropout` drops the same entries in each step, in training.
    """
    if dropout:
        ones = ops.ones_like(x[:, :1])
        x = in_train_phase(x * k_dropout(ones, dropout), x, training)
    y = ops.matmul(x, w)
    return y if b is None else y + b
