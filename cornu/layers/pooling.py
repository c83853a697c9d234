"""Pooling: the largest, or the mean, of windows or of all space axes."""

from typing import Any, ClassVar

from cornu import ops
from cornu.fields import DataFormat, Padding
from cornu.layers.base import Layer
from cornu.layers.conv import Windowed
from cornu.layers.sizes import layout, missing_channels, space_axes
from cornu.layers.spec import InputSpec


class _Pooling(Windowed):
    """Windows over `rank` space axes."""

    window_name = "pool_size"
    pool: ClassVar[Any]
    pool_size: Any = 2
    strides: Any = None
    padding: Padding = "valid"
    data_format: DataFormat = None

    def set_up(self) -> None:
        """Let windows lie side by side where no strides are given."""
        if self.strides is None:
            self.strides = self.pool_size
        super().set_up()

    def call(self, x: Any) -> Any:
        self.check_fits(x.shape)
        return self.pool(x, self.pool_size, self.strides, self.padding, self.data_format)


class _MaxPooling(_Pooling):
    pool = staticmethod(ops.max_pool)


class _AveragePooling(_Pooling):
    pool = staticmethod(ops.average_pool)


class MaxPooling1D(_MaxPooling):
    """The largest of every `pool_size` time steps, feature by feature.

    Shapes: (batch, time, features) gives (batch, new time, features); new time is
    (time - window) // stride + 1 with "valid" and ceil(time / stride) with "same".

    Args:
        pool_size: the window.
        strides: its steps; as large as the window by default.
        padding: "valid", or "same": windows reach over the ends, and count only what is there.
        data_format: "channels_last", or "channels_first" for (batch, features, time).

    Raises:
        UsageError: for inputs of another rank, or shorter than the window.
    """

    rank = 1


class MaxPooling2D(_MaxPooling):
    """The largest element of every window of an image, channel by channel.

    Shapes: (batch, height, width, channels) gives (batch, new height, new width, channels); sizes
    and arguments as in `MaxPooling1D`, with a number or a pair.

    Example:
        >>> MaxPooling2D()(Input((28, 28, 8))).shape
        (None, 14, 14, 8)
    """

    rank = 2


class MaxPooling3D(_MaxPooling):
    """The largest element of every window of a volume, channel by channel.

    Shapes: (batch, depth, height, width, channels), sizes and arguments as in `MaxPooling1D`, with
    a number or three.
    """

    rank = 3


class AveragePooling1D(_AveragePooling):
    """The mean of every `pool_size` time steps. Shapes and arguments as in `MaxPooling1D`.

    Windows that reach over an end divide by the number of steps that are there.
    """

    rank = 1


class AveragePooling2D(_AveragePooling):
    """The mean of every window of an image. Shapes and arguments as in `MaxPooling2D`.

    Windows that reach over an edge divide by the number of elements that are there.
    """

    rank = 2


class AveragePooling3D(_AveragePooling):
    """The mean of every window of a volume. Shapes and arguments as in `MaxPooling3D`.

    Windows that reach over an edge divide by the number of elements that are there.
    """

    rank = 3


# ---------------------------------------------------------------- all of space at once


class _GlobalPooling(Layer):
    """All space axes at once."""

    rank = 0
    data_format: DataFormat = None
    keepdims: bool = False

    def set_up(self) -> None:
        """Ask for the right rank."""
        super().set_up()
        self.input_spec = InputSpec(
            ndim=self.rank + 2,
            layout=layout(self.rank, self.data_format),
            hint=missing_channels(self.rank, self.data_format),
        )
        self.axes = space_axes(self.rank, self.data_format)


class _GlobalMax(_GlobalPooling):
    def call(self, x: Any) -> Any:
        return ops.max(x, axis=self.axes, keepdims=self.keepdims)


class _GlobalAverage(_GlobalPooling):
    def call(self, x: Any) -> Any:
        return ops.mean(x, axis=self.axes, keepdims=self.keepdims)


class GlobalMaxPooling1D(_GlobalMax):
    """The largest of all time steps: (batch, time, features) gives (batch, features).

    Args:
        data_format: "channels_last", or "channels_first" for (batch, features, time).
        keepdims: whether time stays, with size 1.
    """

    rank = 1


class GlobalMaxPooling2D(_GlobalMax):
    """The largest element of an image: (batch, height, width, channels) gives (batch, channels).

    Args:
        data_format: "channels_last", or "channels_first" for (batch, channels, height, width).
        keepdims: whether the space axes stay, with size 1.
    """

    rank = 2


class GlobalMaxPooling3D(_GlobalMax):
    """The largest element of a volume. Arguments as in `GlobalMaxPooling2D`."""

    rank = 3


class GlobalAveragePooling1D(_GlobalPooling):
    """The mean of all time steps: (batch, time, features) gives (batch, features).

    With a mask (batch, time) only steps where it is True count; a row without any gives 0.

    Args:
        data_format: "channels_last", or "channels_first" for (batch, features, time).
        keepdims: whether time stays, with size 1.
    """

    rank = 1
    supports_masking = True

    def call(self, x: Any, mask: Any = None) -> Any:
        (axis,) = self.axes
        if mask is None:
            return ops.mean(x, axis=axis, keepdims=self.keepdims)
        weights = ops.expand_dims(ops.cast(mask, str(x.dtype)), 3 - axis)  # (batch, time, 1)
        count = ops.sum(weights, axis=axis, keepdims=self.keepdims)
        total = ops.sum(x * weights, axis=axis, keepdims=self.keepdims)
        return total / ops.maximum(count, 1)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        return None


class GlobalAveragePooling2D(_GlobalAverage):
    """The mean of an image: (batch, height, width, channels) gives (batch, channels).

    Args:
        data_format: "channels_last", or "channels_first" for (batch, channels, height, width).
        keepdims: whether the space axes stay, with size 1.
    """

    rank = 2


class GlobalAveragePooling3D(_GlobalAverage):
    """The mean of a volume. Arguments as in `GlobalAveragePooling2D`."""

    rank = 3
