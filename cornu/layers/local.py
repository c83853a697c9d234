"""Locally connected layers: convolutions whose kernel is another one at each place."""

import itertools
import math
from typing import Any

from cornu import ops
from cornu.errors import UsageError
from cornu.fields import (
    Activation,
    Constraint,
    DataFormat,
    Initializer,
    Padding,
    Positive,
    Regularizer,
)
from cornu.layers.conv import Windowed
from cornu.layers.dense import known_size
from cornu.layers.sizes import space_axes
from cornu.layers.spec import InputSpec

IMPLEMENTATIONS = (1, 2, 3)


class _LocallyConnected(Windowed):
    """Windows over `rank` space axes, each with weights of its own."""

    filters: Positive
    kernel_size: Any
    strides: Any = 1
    padding: Padding = "valid"
    data_format: DataFormat = None
    activation: Activation = None
    use_bias: bool = True
    kernel_initializer: Initializer = "glorot_uniform"
    bias_initializer: Initializer = "zeros"
    kernel_regularizer: Regularizer = None
    bias_regularizer: Regularizer = None
    activity_regularizer: Regularizer = None
    kernel_constraint: Constraint = None
    bias_constraint: Constraint = None
    implementation: int = 1

    def set_up(self) -> None:
        """Check sizes and the implementation."""
        super().set_up()
        if self.implementation not in IMPLEMENTATIONS:
            raise UsageError(
                "E-CHOICE",
                f"{type(self).__name__}: implementation must be 1, 2 or 3; got "
                f"{self.implementation}. It changes nothing but what padding may be.",
            )
        if self.padding == "same" and self.implementation == 1:
            raise UsageError(
                "E-PADDING",
                f'{type(self).__name__}: padding="same" needs implementation=2 (or 3).',
            )

    def build(self, input_shape: Any) -> None:
        channels = self.channels_of(input_shape)
        first = self.data_format == "channels_first"
        axes = space_axes(self.rank, self.data_format)
        sizes = [known_size(self, input_shape, axis, "every space axis") for axis in axes]
        self.check_fits(input_shape)
        self.margins = [
            _margin(n, k, s, self.padding)
            for n, k, s in zip(sizes, self.kernel_size, self.strides, strict=True)
        ]
        self.places = tuple(
            (n + sum(margin) - k) // s + 1
            for n, margin, k, s in zip(
                sizes, self.margins, self.kernel_size, self.strides, strict=True
            )
        )
        window = math.prod(self.kernel_size) * channels
        self.kernel = self.weight("kernel", (math.prod(self.places), window, self.filters))
        bias = (*self.places, self.filters)
        self.bias = self.weight("bias", bias) if self.use_bias else None
        spec = self._spec(channels)
        both = zip(axes, sizes, strict=True)
        self.input_spec = InputSpec(
            ndim=spec.ndim, axes={**spec.axes, **dict(both)}, layout=spec.layout, hint=spec.hint
        )
        self.first = first

    def call(self, x: Any) -> Any:
        windows = self._windows(x)  # (batch, place, window * channels)
        y = ops.einsum("bpi,pio->bpo", windows, self.kernel.value)
        y = ops.reshape(y, (x.shape[0], *self.places, self.filters))
        if self.first:
            y = ops.moveaxis(y, -1, 1)
        if self.bias is not None:
            y = y + ops.reshape(self.bias, y.shape[1:])  # channels-first too: files hold it so
        return self.activation(y)

    def _windows(self, x: Any) -> Any:
        """What each place sees, as rows: a slice for each element of the window."""
        axes = space_axes(self.rank, self.data_format)
        if any(map(any, self.margins)):
            around = dict(zip(axes, self.margins, strict=True))
            x = ops.pad(x, [around.get(axis, (0, 0)) for axis in range(x.ndim)])
        slices = []
        for offsets in itertools.product(*map(range, self.kernel_size)):
            taken = [slice(None)] * x.ndim
            for axis, o, m, s in zip(axes, offsets, self.places, self.strides, strict=True):
                taken[axis] = slice(o, o + (m - 1) * s + 1, s)
            slices.append(x[tuple(taken)])
        count = math.prod(self.places)
        if self.first:
            rows = ops.reshape(ops.stack(slices, axis=2), (x.shape[0], -1, count))
            return ops.swapaxes(rows, 1, 2)
        return ops.reshape(ops.stack(slices, axis=-2), (x.shape[0], count, -1))


def _margin(size: int, window: int, stride: int, padding: str) -> tuple[int, int]:
    """Zeros before and after an axis: "same" gives ceil(size / stride), the odd zero behind."""
    if padding == "valid":
        return (0, 0)
    missing = max((-(-size // stride) - 1) * stride + window - size, 0)
    return (missing // 2, missing - missing // 2)


class LocallyConnected1D(_LocallyConnected):
    """A convolution over time whose kernel is another one at each place.

    Shapes: (batch, time, features) gives (batch, new time, filters), as in `Conv1D`; time must be
    known. The kernel is (new time, window * features, filters), the bias (new time, filters).

    Args:
        filters: number of output channels.
        kernel_size: steps that one output sees.
        strides: distance between outputs.
        padding: "valid", or "same" with `implementation` 2 or 3.
        data_format: "channels_last", or "channels_first" for (batch, features, time); features
            come before the window in the kernel then, and the bias is read row by row as
            (filters, new time), as older files have it.
        activation, use_bias and the rest: as in `Dense`.
        implementation: 1, 2 or 3, as older code says it; all compute the same way here.

    Raises:
        UsageError: for inputs of unknown time, or shorter than the window.
    """

    rank = 1


class LocallyConnected2D(_LocallyConnected):
    """A convolution over images whose kernel is another one at each place.

    Shapes: (batch, height, width, channels) gives (batch, new height, new width, filters), as in
    `Conv2D`; sizes must be known. The kernel is (new height * new width, window * channels,
    filters), the bias (new height, new width, filters). Arguments as in `LocallyConnected1D`,
    with two numbers where that has one.

    Example:
        >>> LocallyConnected2D(4, 3)(Input((8, 8, 1))).shape
        (None, 6, 6, 4)
    """

    rank = 2
