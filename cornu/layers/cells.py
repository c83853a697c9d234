"""Cells: what a recurrent layer does at one time step.

A `Cell` says what a step sees of its input alone (`project`, computed for all steps at once), and
what it does with the states (`step`), so that one definition serves a single call, a fast loop and
a stack. What recurrent layers ask of any cell is in `cell_protocol`.
"""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np

from cornu import engine, ops, state
from cornu.fields import Activation, Constraint, Initializer, Positive, Rate, Regularizer
from cornu.layers import gates
from cornu.layers.base import Layer
from cornu.layers.dense import known_size
from cornu.layers.spec import InputSpec

__all__ = ["Cell", "GRUCell", "LSTMCell", "SimpleRNNCell"]

Dot = Callable[[Any, int], Any]


class Noise(NamedTuple):
    """What dropout multiplies inputs and states by, the same at all steps; None for nothing."""

    inputs: Any = None
    states: Any = None


class Cell(Layer):
    """A step of a recurrent layer, in two parts: what it sees of the input, and of the states."""

    dropout: ClassVar[Any]
    recurrent_dropout: ClassVar[Any]
    recurrent_initializer: ClassVar[Any]
    recurrent_regularizer: ClassVar[Any]
    recurrent_constraint: ClassVar[Any]
    seed: ClassVar[Any]

    def project(self, x: Any) -> Any:
        """What a step needs of its input `x` (rows, ...)."""
        raise NotImplementedError

    def kernels(self) -> tuple:
        """What states are multiplied by, as `product` takes it: values, not Variables."""
        raise NotImplementedError

    def step(self, x: Any, states: tuple, dot: Dot, noise: Any) -> tuple:
        """New states, the output first, from what `project` gave and the states.

        `dot(v, i)` is `product(v, kernels()[i])`. `noise` multiplies states before products.
        """
        raise NotImplementedError

    def product(self, v: Any, kernel: tuple) -> Any:
        """States by a kernel, and its bias where it has one."""
        y = engine.matmul(v, kernel[0])
        return y + kernel[1] if len(kernel) > 1 else y

    def recurrent_weight(self, shape: tuple) -> Any:
        """The weight of products with states, as the fields `recurrent_...` say."""
        return self.add_weight(
            shape,
            self.recurrent_initializer,
            regularizer=self.recurrent_regularizer,
            constraint=self.recurrent_constraint,
            name="recurrent_kernel",
        )

    @property
    def state_size(self) -> Any:
        """Size of the state, or a list of sizes."""
        raise NotImplementedError

    @property
    def output_size(self) -> Any:
        """Size of the output: that of the first state."""
        sizes = self.state_size
        return sizes[0] if isinstance(sizes, list) else sizes

    def get_initial_state(self, batch_size: Any = None) -> list:
        """States before the first step: zeros (batch, size)."""
        sizes = self.state_size if isinstance(self.state_size, list) else [self.state_size]
        return [engine.np.zeros((batch_size, size), self.compute_dtype) for size in sizes]

    def draw(self, inputs: Any, states: Sequence, training: bool | None) -> Noise:
        """The noise of one sequence: `inputs` and `states` are those of one step."""
        if not training:
            return Noise()
        on_inputs = self._noise_like(inputs, self.dropout)
        return Noise(on_inputs, self._noise_like(states[0], self.recurrent_dropout))

    def _noise_like(self, like: Any, rate: float) -> Any:
        if rate == 0:
            return None
        return ops.dropout(engine.np.ones_like(like), rate, None, state.draw_key(self.seed))

    def call(self, inputs: Any, states: Any, training: Any = None) -> tuple:
        """One step: the output, and the new states in a list."""
        states = tuple(states) if isinstance(states, (list, tuple)) else (states,)
        noise = self.draw(inputs, states, training)
        x = inputs if noise.inputs is None else inputs * noise.inputs
        kernels = self.kernels()
        new = self.step(
            self.project(x), states, lambda v, i: self.product(v, kernels[i]), noise.states
        )
        return new[0], list(new)


def noisy(v: Any, noise: Any) -> Any:
    """`v` as dropout leaves it."""
    return v if noise is None else v * noise


class _UnitsCell(Cell):
    """A cell of `units` numbers, `gates` products wide."""

    gates = 1
    units: ClassVar[Any]
    use_bias: ClassVar[Any]

    def build(self, input_shape: Any) -> None:
        features = known_size(self, input_shape, -1, "features")
        width = self.gates * self.units
        self.kernel = self.weight("kernel", (features, width))
        self.recurrent_kernel = self.recurrent_weight((self.units, width))
        self.bias = self.bias_weight() if self.use_bias else None
        self.input_spec = InputSpec(ndim=2, axes={-1: features})

    def bias_weight(self) -> Any:
        """The bias."""
        return self.weight("bias", (self.gates * self.units,))

    def project(self, x: Any) -> Any:
        y = ops.matmul(x, self.kernel)  # (rows, gates * units)
        beside, _ = self._parts_now()
        return y if beside is None else y + beside

    def kernels(self) -> tuple:
        return self._parts_now()[1]

    def _parts_now(self) -> tuple:
        return self.parts(
            self.recurrent_kernel.value, None if self.bias is None else self.bias.value
        )

    def parts(self, recurrent: Any, bias: Any) -> tuple:
        """What `project` adds, or None, and what `kernels` gives, from weights as they are kept."""
        return bias, ((recurrent,),)


# ---------------------------------------------------------------- constructor arguments


class SimpleRNNFields(Layer):
    """The constructor arguments that `SimpleRNNCell` and `SimpleRNN` share."""

    units: Positive
    activation: Activation = "tanh"
    use_bias: bool = True
    kernel_initializer: Initializer = "glorot_uniform"
    recurrent_initializer: Initializer = "orthogonal"
    bias_initializer: Initializer = "zeros"
    kernel_regularizer: Regularizer = None
    recurrent_regularizer: Regularizer = None
    bias_regularizer: Regularizer = None
    kernel_constraint: Constraint = None
    recurrent_constraint: Constraint = None
    bias_constraint: Constraint = None
    dropout: Rate = 0.0
    recurrent_dropout: Rate = 0.0
    seed: int | None = None


class GRUFields(Layer):
    """The constructor arguments that `GRUCell` and `GRU` share."""

    units: Positive
    activation: Activation = "tanh"
    recurrent_activation: Activation = "sigmoid"
    use_bias: bool = True
    kernel_initializer: Initializer = "glorot_uniform"
    recurrent_initializer: Initializer = "orthogonal"
    bias_initializer: Initializer = "zeros"
    kernel_regularizer: Regularizer = None
    recurrent_regularizer: Regularizer = None
    bias_regularizer: Regularizer = None
    kernel_constraint: Constraint = None
    recurrent_constraint: Constraint = None
    bias_constraint: Constraint = None
    dropout: Rate = 0.0
    recurrent_dropout: Rate = 0.0
    reset_after: bool = True
    seed: int | None = None


class LSTMFields(Layer):
    """The constructor arguments that `LSTMCell` and `LSTM` share."""

    units: Positive
    activation: Activation = "tanh"
    recurrent_activation: Activation = "sigmoid"
    use_bias: bool = True
    kernel_initializer: Initializer = "glorot_uniform"
    recurrent_initializer: Initializer = "orthogonal"
    bias_initializer: Initializer = "zeros"
    unit_forget_bias: bool = True
    kernel_regularizer: Regularizer = None
    recurrent_regularizer: Regularizer = None
    bias_regularizer: Regularizer = None
    kernel_constraint: Constraint = None
    recurrent_constraint: Constraint = None
    bias_constraint: Constraint = None
    dropout: Rate = 0.0
    recurrent_dropout: Rate = 0.0
    seed: int | None = None


# ---------------------------------------------------------------- the cells


class SimpleRNNCell(SimpleRNNFields, _UnitsCell):
    """`h = activation(x @ kernel + h @ recurrent_kernel + bias)`.

    Shapes: inputs (batch, features) and states [(batch, units)] give (batch, units) and new states.

    Args:
        units: size of the state, which is the output.
        activation: name or function.
        use_bias: whether to add a bias.
        dropout: share of the input's features dropped, the same ones at all steps of a sequence.
        recurrent_dropout: the same for the state.
        seed: a whole number for draws of its own.
        kernel_initializer and the rest: as in `Dense`, for kernel, recurrent kernel and bias.

    Source: Elman, "Finding Structure in Time", 1990; dropout: Gal and Ghahramani, 2016.
    """

    @property
    def state_size(self) -> int:
        """Size of the state."""
        return self.units

    def step(self, x: Any, states: tuple, dot: Dot, noise: Any) -> tuple:
        return (self.activation(x + dot(noisy(states[0], noise), 0)),)


class GRUCell(GRUFields, _UnitsCell):
    """`h = z * h + (1 - z) * candidate`, with an update gate z and a reset gate r.

    z and r are `recurrent_activation(x @ W + h @ U + b)`. The candidate is
    `activation(x @ W + r * (h @ U + b') + b)`, or `activation(x @ W + (r * h) @ U + b)` with
    `reset_after=False`, as in the paper. Weights hold the parts for z, r and candidate in this
    order; with `reset_after` the bias is (2, 3 * units), for inputs and for states.

    Shapes: inputs (batch, features) and states [(batch, units)] give (batch, units) and new states.

    Args:
        units: size of the state, which is the output.
        activation: of the candidate. recurrent_activation: of the gates.
        reset_after: whether the reset gate comes after the product with the state.
        use_bias and the rest: as in `SimpleRNNCell`.

    Source: Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder", 2014.
    """

    gates = 3

    @property
    def state_size(self) -> int:
        """Size of the state."""
        return self.units

    def bias_weight(self) -> Any:
        """One bias, or one for inputs and one for states."""
        width = self.gates * self.units
        return self.weight("bias", (2, width) if self.reset_after else (width,))

    def parts(self, recurrent: Any, bias: Any) -> tuple:
        if not self.reset_after:
            both = 2 * recurrent.shape[0]  # as many units as rows
            return bias, ((recurrent[:, :both],), (recurrent[:, both:],))
        return (None, ((recurrent,),)) if bias is None else (bias[0], ((recurrent, bias[1]),))

    def step(self, x: Any, states: tuple, dot: Dot, noise: Any) -> tuple:
        (h,) = states
        sigma, tanh, heard = self.recurrent_activation, self.activation, noisy(h, noise)
        if self.reset_after:
            return (gates.gru(sigma, tanh, x, dot(heard, 0), h),)
        x_update, x_reset, x_new = gates.apart(x, 3)
        h_update, h_reset = gates.apart(dot(heard, 0), 2)
        update, reset = sigma(x_update + h_update), sigma(x_reset + h_reset)
        candidate = tanh(x_new + dot(reset * heard, 1))
        return (update * h + (1 - update) * candidate,)


class LSTMCell(LSTMFields, _UnitsCell):
    """`c = f * c + i * g` and `h = o * activation(c)`, with gates i, f, o.

    The gates are `recurrent_activation(x @ W + h @ U + b)`, the news g is the same with
    `activation`. Weights hold the parts for i, f, g, o in this order.

    Shapes: inputs (batch, features) and states [(batch, units), (batch, units)] give the output h
    (batch, units) and new states [h, c].

    Args:
        units: size of each state.
        activation: of news and output. recurrent_activation: of the gates.
        unit_forget_bias: whether the bias of f begins at 1.
        use_bias and the rest: as in `SimpleRNNCell`.

    Source: Hochreiter and Schmidhuber 1997; Gers et al. 2000 for f, Jozefowicz et al. 2015 for its
    bias.
    """

    gates = 4

    @property
    def state_size(self) -> list[int]:
        """Sizes of h and c."""
        return [self.units, self.units]

    def bias_weight(self) -> Any:
        """The bias, ones for f where asked."""
        begin = self.bias_initializer
        return self.add_weight(
            (4 * self.units,),
            forgetful(begin, self.units) if self.unit_forget_bias else begin,
            regularizer=self.bias_regularizer,
            constraint=self.bias_constraint,
            name="bias",
        )

    def step(self, x: Any, states: tuple, dot: Dot, noise: Any) -> tuple:
        h, c = states
        return gates.lstm(self.recurrent_activation, self.activation, x, dot(noisy(h, noise), 0), c)


def forgetful(initializer: Any, units: int) -> Callable:
    """`initializer` for i, g and o, ones for f."""

    def make(shape: Sequence[int], dtype: str | None = None) -> Any:
        first = initializer((units,), dtype=dtype)
        rest = initializer((2 * units,), dtype=dtype)
        return np.concatenate([first, np.ones((units,), first.dtype), rest])

    return make
