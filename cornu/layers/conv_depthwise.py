"""Convolutions of every channel by itself: depthwise ones, and separable ones, which then mix."""

from typing import Any

from cornu import ops
from cornu.fields import (
    Activation,
    CausalPadding,
    Constraint,
    DataFormat,
    Initializer,
    Positive,
    Regularizer,
)
from cornu.layers.conv import Windowed


class _DepthwiseConv(Windowed):
    """`depth_multiplier` convolutions of every channel by itself."""

    kernel_size: Any
    strides: Any = 1
    padding: CausalPadding = "valid"
    depth_multiplier: Positive = 1
    data_format: DataFormat = None
    dilation_rate: Any = 1
    activation: Activation = None
    use_bias: bool = True
    depthwise_initializer: Initializer = "glorot_uniform"
    bias_initializer: Initializer = "zeros"
    depthwise_regularizer: Regularizer = None
    bias_regularizer: Regularizer = None
    activity_regularizer: Regularizer = None
    depthwise_constraint: Constraint = None
    bias_constraint: Constraint = None

    paddings = ("valid", "same", "causal")

    def build(self, input_shape: Any) -> None:
        channels = self.channels_of(input_shape)
        self.kernel = self.add_weight(
            (*self.kernel_size, channels, self.depth_multiplier),
            self.depthwise_initializer,
            regularizer=self.depthwise_regularizer,
            constraint=self.depthwise_constraint,
            name="kernel",
        )
        filters = channels * self.depth_multiplier
        self.bias = self.weight("bias", (filters,)) if self.use_bias else None

    def call(self, x: Any) -> Any:
        self.check_fits(x.shape)
        how = (self.strides, self.padding, self.data_format, self.dilation_rate)
        return self.finished(ops.depthwise_conv, x, self.kernel, *how)


class DepthwiseConv1D(_DepthwiseConv):
    """Convolution over time of every channel by itself, `depth_multiplier` times.

    Shapes: (batch, time, channels) gives (batch, new time, channels * depth_multiplier); output
    channel c * depth_multiplier + m comes from channel c. New time as in `Conv1D`.

    Args:
        kernel_size: the window.
        strides, padding, data_format, dilation_rate, activation, use_bias: as in `Conv1D`.
        depth_multiplier: number of outputs for each channel.
        depthwise_initializer, depthwise_regularizer, depthwise_constraint and the rest: of the
            kernel (window, channels, depth_multiplier) and the bias.

    Raises:
        UsageError: for inputs of another rank, or shorter than the window.
    """

    rank = 1


class DepthwiseConv2D(_DepthwiseConv):
    """Convolution over images of every channel by itself, `depth_multiplier` times.

    Shapes: (batch, height, width, channels) gives the same with new sizes and
    channels * depth_multiplier. Arguments as in `DepthwiseConv1D`, with a number or a pair.
    """

    rank = 2


class _SeparableConv(Windowed):
    """A depthwise convolution, then a convolution of window 1 that mixes channels."""

    filters: Positive
    kernel_size: Any
    strides: Any = 1
    padding: CausalPadding = "valid"
    data_format: DataFormat = None
    dilation_rate: Any = 1
    depth_multiplier: Positive = 1
    activation: Activation = None
    use_bias: bool = True
    depthwise_initializer: Initializer = "glorot_uniform"
    pointwise_initializer: Initializer = "glorot_uniform"
    bias_initializer: Initializer = "zeros"
    depthwise_regularizer: Regularizer = None
    pointwise_regularizer: Regularizer = None
    bias_regularizer: Regularizer = None
    activity_regularizer: Regularizer = None
    depthwise_constraint: Constraint = None
    pointwise_constraint: Constraint = None
    bias_constraint: Constraint = None

    paddings = ("valid", "same", "causal")

    def build(self, input_shape: Any) -> None:
        channels = self.channels_of(input_shape)
        middle = channels * self.depth_multiplier
        self.depthwise_kernel = self.add_weight(
            (*self.kernel_size, channels, self.depth_multiplier),
            self.depthwise_initializer,
            regularizer=self.depthwise_regularizer,
            constraint=self.depthwise_constraint,
            name="depthwise_kernel",
        )
        self.pointwise_kernel = self.add_weight(
            (*[1] * self.rank, middle, self.filters),
            self.pointwise_initializer,
            regularizer=self.pointwise_regularizer,
            constraint=self.pointwise_constraint,
            name="pointwise_kernel",
        )
        self.bias = self.weight("bias", (self.filters,)) if self.use_bias else None

    def call(self, x: Any) -> Any:
        self.check_fits(x.shape)
        kernels = (self.depthwise_kernel, self.pointwise_kernel)
        how = (self.strides, self.padding, self.data_format, self.dilation_rate)
        return self.finished(ops.separable_conv, x, *kernels, *how)


class SeparableConv1D(_SeparableConv):
    """`DepthwiseConv1D`, then a convolution of window 1 that mixes channels.

    Shapes: (batch, time, channels) gives (batch, new time, filters); new time as in `Conv1D`.

    Args:
        filters: number of output channels.
        kernel_size: the window.
        strides, padding, data_format, dilation_rate, activation, use_bias: as in `Conv1D`.
        depth_multiplier: number of channels between for each input channel.
        depthwise_initializer, pointwise_initializer and the rest: of the two kernels,
            (window, channels, depth_multiplier) and (1, channels * depth_multiplier, filters), and
            the bias.

    Raises:
        UsageError: for inputs of another rank, or shorter than the window.

    Source: Chollet, "Xception", CVPR 2017.
    """

    rank = 1


class SeparableConv2D(_SeparableConv):
    """`DepthwiseConv2D`, then a convolution of window 1 that mixes channels.

    Shapes: (batch, height, width, channels) gives the same with new sizes and `filters` channels.
    Arguments as in `SeparableConv1D`, with a number or a pair.
    """

    rank = 2
