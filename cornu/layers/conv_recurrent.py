"""Convolutional LSTMs: recurrent layers whose products are convolutions.

The loop runs channels-last; channels-first sequences are turned before it and after it.
"""

from typing import Any, ClassVar

from cornu import engine, ops
from cornu.config import field
from cornu.errors import UsageError
from cornu.fields import (
    Activation,
    Constraint,
    DataFormat,
    Initializer,
    Padding,
    Positive,
    Rate,
    Regularizer,
    window,
)
from cornu.layers import gates
from cornu.layers.base import Layer
from cornu.layers.cells import Cell, Dot, forgetful, noisy
from cornu.layers.dense import known_size
from cornu.layers.recurrent import OfCell
from cornu.layers.sizes import layout
from cornu.layers.spec import InputSpec

__all__ = ["ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "ConvLSTMCell"]


class ConvLSTMFields(Layer):
    """The constructor arguments that the cell and the layers share."""

    filters: Positive
    kernel_size: Any
    strides: Any = 1
    padding: Padding = "valid"
    data_format: DataFormat = None
    dilation_rate: Any = 1
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


class ConvLSTMCell(ConvLSTMFields, Cell):
    """An `LSTMCell` whose products are convolutions, on channels-last images of any rank.

    `kernel_size`, `strides` and `dilation_rate` hold a number for each space axis.
    """

    def build(self, input_shape: Any) -> None:
        channels = known_size(self, input_shape, -1, "the axis of channels")
        filters = self.filters
        self.kernel = self.weight("kernel", (*self.kernel_size, channels, 4 * filters))
        self.recurrent_kernel = self.recurrent_weight((*self.kernel_size, filters, 4 * filters))
        self.bias = self._bias() if self.use_bias else None

    def _bias(self) -> Any:
        begin = self.bias_initializer
        return self.add_weight(
            (4 * self.filters,),
            forgetful(begin, self.filters) if self.unit_forget_bias else begin,
            regularizer=self.bias_regularizer,
            constraint=self.bias_constraint,
            name="bias",
        )

    @property
    def state_size(self) -> list[int]:
        """Channels of h and c."""
        return [self.filters, self.filters]

    def project(self, x: Any) -> Any:
        how = (self.strides, self.padding, "channels_last", self.dilation_rate)
        y = ops.conv(x, self.kernel, *how)  # (rows, *space, 4 * filters)
        return y if self.bias is None else y + self.bias

    def kernels(self) -> tuple:
        return ((self.recurrent_kernel.value,),)

    def product(self, v: Any, kernel: tuple) -> Any:
        ones = (1,) * len(self.kernel_size)
        return engine.conv(v, kernel[0], ones, "SAME", ones, 1)

    def step(self, x: Any, states: tuple, dot: Dot, noise: Any) -> tuple:
        h, c = states
        return gates.lstm(self.recurrent_activation, self.activation, x, dot(noisy(h, noise), 0), c)


class _ConvLSTM(OfCell, ConvLSTMFields):
    """A convolutional LSTM over `rank` space axes."""

    rank: ClassVar[int] = 0
    cell_class = ConvLSTMCell
    unroll: bool = field(default=False, kw_only=True)

    def set_up(self) -> None:
        """Bring the sizes to one for each space axis, and check them."""
        for name in ("kernel_size", "strides", "dilation_rate"):
            sizes = window(self.rank)(getattr(self, name), type(self).__name__, name)
            setattr(self, name, sizes)
        if max(self.dilation_rate) > 1 and max(self.strides) > 1:
            raise UsageError(
                "E-STRIDES",
                f"{type(self).__name__}: strides={self.strides} and "
                f"dilation_rate={self.dilation_rate} cannot both be larger than 1.",
            )
        super().set_up()
        words = layout(self.rank, self.data_format).replace("(batch, ", "(batch, time, ")
        self.input_spec = [InputSpec(ndim=self.rank + 3, layout=words)]

    @property
    def _first(self) -> bool:
        return self.data_format == "channels_first"

    def inward(self, x: Any, axis: int) -> Any:
        """Channels moved from `axis` to the end."""
        return engine.np.moveaxis(x, axis, -1) if self._first else x

    def outward(self, x: Any, axis: int) -> Any:
        """Channels moved from the end to `axis`."""
        return engine.np.moveaxis(x, -1, axis) if self._first else x

    def cell_shape(self, shape: tuple) -> tuple:
        """What the cell is built for: a step, channels-last."""
        batch, _, *rest = shape
        return (batch, *rest[1:], rest[0]) if self._first else (batch, *rest)

    def get_initial_state(self, batch_size: Any, space: Any = None) -> list:
        """Zeros (batch, *space, filters): `space` is that of the outputs."""
        if space is None:
            raise UsageError(
                "E-STATE",
                f'{type(self).__name__} "{self.name}": get_initial_state needs the sizes of the '
                "outputs' space axes: get_initial_state(batch_size, (height, width)).",
            )
        shape = (batch_size, *space, self.filters)
        return [engine.np.zeros(shape, self.compute_dtype) for _ in range(2)]

    def zero_states(self, batch: Any, shape: tuple) -> list:
        space = self.cell_shape(shape)[1:-1]
        reach = [d * (k - 1) for k, d in zip(self.kernel_size, self.dilation_rate, strict=True)]
        cut = reach if self.padding == "valid" else [0] * self.rank
        pairs = zip(space, cut, self.strides, strict=True)
        return self.get_initial_state(batch, [-(-(n - c) // s) for n, c, s in pairs])


class ConvLSTM1D(_ConvLSTM):
    """A convolutional LSTM over sequences of sequences.

    Shapes: (batch, time, steps, channels) gives the last output (batch, new steps, filters), or all
    (batch, time, new steps, filters) with `return_sequences`. Arguments as in `ConvLSTM2D`.
    """

    rank = 1


class ConvLSTM2D(_ConvLSTM):
    """A convolutional LSTM over sequences of images: an `LSTM` whose products are convolutions.

    Shapes: (batch, time, height, width, channels) gives the last output
    (batch, new height, new width, filters), or all, with time after batch, with
    `return_sequences`; sizes as in `Conv2D`. The convolution of the state keeps its size.

    Args:
        filters: number of output channels.
        kernel_size: the window, of both convolutions.
        strides, padding, dilation_rate: of the convolution of the input.
        data_format: "channels_last", or "channels_first" for (batch, time, channels, ...).
        activation and the rest: as in `LSTM`.

    Source: Shi et al., "Convolutional LSTM Network", 2015, without peepholes.

    Example:
        >>> ConvLSTM2D(4, 3)(Input((None, 16, 16, 1))).shape
        (None, 14, 14, 4)
    """

    rank = 2


class ConvLSTM3D(_ConvLSTM):
    """A convolutional LSTM over sequences of volumes. Arguments as in `ConvLSTM2D`."""

    rank = 3
