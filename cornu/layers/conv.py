"""Convolutions: `Conv1D`, `Conv2D`, `Conv3D`, and what they share with their kin.

One rank-generic class says what a convolution is; the ranks name themselves. Transposed ones are in
`conv_transpose`, depthwise and separable ones in `conv_depthwise`.
"""

from collections.abc import Callable
from typing import Any, ClassVar

from cornu import activations, ops
from cornu.errors import UsageError
from cornu.fields import (
    Activation,
    CausalPadding,
    Constraint,
    DataFormat,
    Initializer,
    Positive,
    Regularizer,
    window,
)
from cornu.layers.base import Layer
from cornu.layers.dense import known_size
from cornu.layers.sizes import channel_axis, check_window, layout, missing_channels
from cornu.layers.spec import InputSpec


class Windowed(Layer):
    """What layers with a window, its steps and its dilation have in common. Has no fields."""

    rank = 0
    paddings = ("valid", "same")
    window_name = "kernel_size"
    padding = "valid"
    data_format = "channels_last"
    strides: ClassVar[Any]
    activation: ClassVar[Any]
    bias = None

    def set_up(self) -> None:
        """Bring the sizes to one for each space axis, and check them."""
        super().set_up()
        for name in (self.window_name, "strides", "dilation_rate"):
            if name in type(self).fields:
                sizes = window(self.rank)(getattr(self, name), type(self).__name__, name)
                setattr(self, name, sizes)
        self._check_padding()
        dilation = getattr(self, "dilation_rate", (1,))
        if max(dilation) > 1 and max(self.strides) > 1:
            raise UsageError(
                "E-STRIDES",
                f"{type(self).__name__}: strides={self.strides} and dilation_rate={dilation} "
                "cannot both be larger than 1.",
            )
        self.input_spec = self._spec()

    def _check_padding(self) -> None:
        known = ("valid", "same", "causal") if self.rank == 1 else ("valid", "same")
        known = tuple(p for p in known if p in self.paddings)
        if self.padding not in known:
            raise UsageError(
                "E-PADDING",
                f"{type(self).__name__}: padding must be one of "
                f'{", ".join(map(repr, known))}; got "{self.padding}".',
            )

    def _spec(self, channels: int | None = None) -> InputSpec:
        return InputSpec(
            ndim=self.rank + 2,
            axes={channel_axis(self.data_format): channels},
            layout=layout(self.rank, self.data_format),
            hint=missing_channels(self.rank, self.data_format),
        )

    def channels_of(self, shape: Any) -> int:
        """The number of channels that weights are made for; sets `input_spec`."""
        axis = channel_axis(self.data_format)
        channels = known_size(self, shape, axis, "the axis of channels")
        self.input_spec = self._spec(channels)
        return channels

    def check_fits(self, shape: Any) -> None:
        """Raise UsageError for an input smaller than the window."""
        if self.padding == "valid":
            sizes = getattr(self, self.window_name)
            dilation = getattr(self, "dilation_rate", (1,) * self.rank)
            spread = [d * (k - 1) + 1 for k, d in zip(sizes, dilation, strict=True)]
            check_window(self, spread, shape, self.data_format)

    def finished(self, convolve: Callable, *arguments: Any) -> Any:
        """`convolve(*arguments)`, an op, with bias and activation: by the op where it knows both.

        One kernel then does all of it, forward and back.
        """
        if type(self).finish is not Windowed.finish:
            return self.finish(convolve(*arguments))
        relu = self.activation is activations.relu
        y = convolve(*arguments, bias=self.bias, relu=relu)
        return y if relu else self.activation(y)

    def finish(self, y: Any) -> Any:
        """Add the bias along the axis of channels, and apply the activation."""
        if self.bias is not None:
            first = self.data_format == "channels_first"
            y = y + (ops.reshape(self.bias, (-1, *[1] * self.rank)) if first else self.bias)
        return self.activation(y)


class _Conv(Windowed):
    """Convolution over `rank` space axes."""

    filters: Positive
    kernel_size: Any
    strides: Any = 1
    padding: CausalPadding = "valid"
    data_format: DataFormat = None
    dilation_rate: Any = 1
    groups: Positive = 1
    activation: Activation = None
    use_bias: bool = True
    kernel_initializer: Initializer = "glorot_uniform"
    bias_initializer: Initializer = "zeros"
    kernel_regularizer: Regularizer = None
    bias_regularizer: Regularizer = None
    activity_regularizer: Regularizer = None
    kernel_constraint: Constraint = None
    bias_constraint: Constraint = None

    paddings = ("valid", "same", "causal")

    def set_up(self) -> None:
        """Check sizes, and that groups divide filters."""
        super().set_up()
        if self.filters % self.groups:
            raise UsageError(
                "E-GROUPS",
                f"{type(self).__name__}: filters must be a multiple of groups; got "
                f"filters={self.filters}, groups={self.groups}.",
            )

    def build(self, input_shape: Any) -> None:
        channels = self.channels_of(input_shape)
        if channels % self.groups:
            raise UsageError(
                "E-GROUPS",
                f'{type(self).__name__} "{self.name}": the number of channels must be a multiple '
                f"of groups; got {channels} channels, groups={self.groups}.",
            )
        shape = (*self.kernel_size, channels // self.groups, self.filters)
        self.kernel = self.weight("kernel", shape)
        self.bias = self.weight("bias", (self.filters,)) if self.use_bias else None

    def call(self, x: Any) -> Any:
        self.check_fits(x.shape)
        how = (self.strides, self.padding, self.data_format, self.dilation_rate)
        return self.finished(ops.conv, x, self.kernel, *how)


class Conv1D(_Conv):
    """Convolution over time: `activation(sum over window and channels of x * kernel + bias)`.

    Shapes: (batch, time, channels) gives (batch, new time, filters); new time is
    (time - window) // stride + 1 with "valid" and ceil(time / stride) with "same" and "causal".

    Args:
        filters: number of output channels.
        kernel_size: steps that one output sees.
        strides: distance between outputs.
        padding: "valid" adds nothing; "same" adds zeros at both ends; "causal" only in front, so
            that no output sees the future.
        data_format: "channels_last", or "channels_first" for (batch, channels, time).
        dilation_rate: distance between the steps of the window.
        groups: parts into which channels fall that do not see each other.
        activation, use_bias and the rest: as in `Dense`.

    Raises:
        UsageError: for inputs of another rank, or shorter than the window.
    """

    rank = 1


class Conv2D(_Conv):
    """Convolution over images: `activation(sum over window and channels of x * kernel + bias)`.

    Shapes: (batch, height, width, channels) gives (batch, new height, new width, filters); a new
    size is (size - window) // stride + 1 with "valid" and ceil(size / stride) with "same".
    The kernel is (window height, window width, channels / groups, filters).

    Args:
        filters: number of output channels.
        kernel_size: the window, a number or (height, width).
        strides: distance between outputs.
        padding: "valid" adds nothing; "same" adds zeros on all sides.
        data_format: "channels_last", or "channels_first" for (batch, channels, height, width).
        dilation_rate: distance between the elements of the window.
        groups: parts into which channels fall that do not see each other.
        activation, use_bias and the rest: as in `Dense`.

    Raises:
        UsageError: for inputs of another rank, or smaller than the window.

    Example:
        >>> Conv2D(8, 3)(Input((28, 28, 1))).shape
        (None, 26, 26, 8)
    """

    rank = 2


class Conv3D(_Conv):
    """Convolution over volumes: `activation(sum over window and channels of x * kernel + bias)`.

    Shapes: (batch, depth, height, width, channels) gives the same with new sizes and `filters`
    channels. Arguments as in `Conv2D`, with three numbers where that has two.
    """

    rank = 3
