"""Transposed convolutions: the adjoint of a convolution, which makes arrays larger."""

from typing import Any

from cornu import ops
from cornu.config import Field
from cornu.errors import UsageError
from cornu.fields import (
    Activation,
    Constraint,
    DataFormat,
    Initializer,
    Padding,
    Positive,
    Regularizer,
    window,
)
from cornu.layers.conv import Windowed


class _ConvTranspose(Windowed):
    """Transposed convolution over `rank` space axes."""

    filters: Positive
    kernel_size: Any
    strides: Any = 1
    padding: Padding = "valid"
    output_padding: Any = None
    data_format: DataFormat = None
    dilation_rate: Any = 1
    activation: Activation = None
    use_bias: bool = True
    kernel_initializer: Initializer = "glorot_uniform"
    bias_initializer: Initializer = "zeros"
    kernel_regularizer: Regularizer = None
    bias_regularizer: Regularizer = None
    activity_regularizer: Regularizer = None
    kernel_constraint: Constraint = None
    bias_constraint: Constraint = None

    def set_up(self) -> None:
        """Check that what is added behind is less than a stride."""
        super().set_up()
        if self.output_padding is None:
            return
        sizes = window(self.rank, least=0)
        self.output_padding = sizes(self.output_padding, type(self).__name__, "output_padding")
        if any(p >= s for p, s in zip(self.output_padding, self.strides, strict=True)):
            raise UsageError(
                "E-STRIDES",
                f"{type(self).__name__}: output_padding must be smaller than strides; got "
                f"output_padding={self.output_padding}, strides={self.strides}.",
            )

    def build(self, input_shape: Any) -> None:
        channels = self.channels_of(input_shape)
        self.kernel = self.weight("kernel", (*self.kernel_size, self.filters, channels))
        self.bias = self.weight("bias", (self.filters,)) if self.use_bias else None

    def call(self, x: Any) -> Any:
        return self.finished(
            ops.conv_transpose,
            x,
            self.kernel,
            self.strides,
            self.padding,
            self.output_padding,
            self.data_format,
            self.dilation_rate,
        )


class Conv1DTranspose(_ConvTranspose):
    """Transposed convolution over time: the adjoint of `Conv1D`, with a bias and an activation.

    Shapes: (batch, time, channels) gives (batch, new time, filters). With a window k (spread by the
    dilation) and a stride s, new time is (time - 1) * s + max(k, s) with "valid" and time * s with
    "same"; with an output_padding p it is (time - 1) * s + k + p, or
    (time - 1) * s + k % 2 + p.

    Args:
        filters: number of output channels.
        kernel_size: the window.
        strides: how far apart steps of the input come to lie.
        padding: "valid" or "same".
        output_padding: steps added behind, below strides.
        data_format, dilation_rate, activation, use_bias and the rest: as in `Conv1D`.

    Raises:
        UsageError: for inputs of another rank.
    """

    rank = 1


class Conv2DTranspose(_ConvTranspose):
    """Transposed convolution over images: the adjoint of `Conv2D`, with a bias and an activation.

    Shapes: (batch, height, width, channels) gives (batch, new height, new width, filters); sizes
    and arguments as in `Conv1DTranspose`, with a number or a pair. The kernel is
    (window height, window width, filters, channels).

    Source: Zeiler et al., "Deconvolutional Networks", CVPR 2010.

    Example:
        >>> Conv2DTranspose(8, 3, strides=2, padding="same")(Input((14, 14, 1))).shape
        (None, 28, 28, 8)
    """

    rank = 2


class Conv3DTranspose(_ConvTranspose):
    """Transposed convolution over volumes: the adjoint of `Conv3D`, with a bias and an activation.

    Sizes and arguments as in `Conv1DTranspose`, with a number or three; `data_format` comes before
    `output_padding` here, as in Keras 3.
    """

    rank = 3

    @classmethod
    def ordered_fields(
        cls, inherited: dict[str, Field], declared: dict[str, Field]
    ) -> dict[str, Field]:
        """The layout before `output_padding`."""
        fields = super().ordered_fields(inherited, declared)
        names = [name for name in fields if name != "data_format"]
        names.insert(names.index("output_padding"), "data_format")
        return {name: fields[name] for name in names}
