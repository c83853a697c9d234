"""Adaptive pooling: whatever the size of the input, the output has the size that was asked for."""

from typing import Any, ClassVar

from cornu import ops
from cornu.fields import DataFormat, window
from cornu.layers.base import Layer
from cornu.layers.sizes import layout, missing_channels
from cornu.layers.spec import InputSpec


class _AdaptivePooling(Layer):
    """Windows that cover `rank` space axes evenly."""

    rank = 0
    pool: ClassVar[Any]
    output_size: Any
    data_format: DataFormat = None

    def set_up(self) -> None:
        """Bring the size to one for each space axis; ask for the right rank."""
        super().set_up()
        self.output_size = window(self.rank)(self.output_size, type(self).__name__, "output_size")
        self.input_spec = InputSpec(
            ndim=self.rank + 2,
            layout=layout(self.rank, self.data_format),
            hint=missing_channels(self.rank, self.data_format),
        )

    def call(self, x: Any) -> Any:
        return self.pool(x, self.output_size, self.data_format)


class _AdaptiveAverage(_AdaptivePooling):
    pool = staticmethod(ops.adaptive_average_pool)


class _AdaptiveMax(_AdaptivePooling):
    pool = staticmethod(ops.adaptive_max_pool)


class AdaptiveAveragePooling1D(_AdaptiveAverage):
    """The means of `output_size` windows that cover time evenly.

    Shapes: (batch, time, features) gives (batch, output_size, features). Window i of m over n
    steps goes from floor(i * n / m) to ceil((i + 1) * n / m).

    Args:
        output_size: how many windows.
        data_format: "channels_last", or "channels_first" for (batch, features, time).
    """

    rank = 1


class AdaptiveAveragePooling2D(_AdaptiveAverage):
    """The means of windows that cover an image evenly, `output_size` in each direction.

    Shapes: (batch, height, width, channels) gives (batch, *output_size, channels). Windows as in
    `AdaptiveAveragePooling1D`.

    Args:
        output_size: how many windows, a number or (height, width).
        data_format: "channels_last", or "channels_first" for (batch, channels, height, width).

    Example:
        >>> AdaptiveAveragePooling2D(7)(Input((None, None, 64))).shape
        (None, 7, 7, 64)
    """

    rank = 2


class AdaptiveAveragePooling3D(_AdaptiveAverage):
    """The means of windows that cover a volume evenly, `output_size` in each direction.

    Shapes and arguments as in `AdaptiveAveragePooling2D`, with depth before height.
    """

    rank = 3


class AdaptiveMaxPooling1D(_AdaptiveMax):
    """The largest steps of `output_size` windows that cover time evenly, feature by feature.

    Shapes and arguments as in `AdaptiveAveragePooling1D`.
    """

    rank = 1


class AdaptiveMaxPooling2D(_AdaptiveMax):
    """The largest elements of windows that cover an image evenly, channel by channel.

    Shapes and arguments as in `AdaptiveAveragePooling2D`.
    """

    rank = 2


class AdaptiveMaxPooling3D(_AdaptiveMax):
    """The largest elements of windows that cover a volume evenly, channel by channel.

    Shapes and arguments as in `AdaptiveAveragePooling2D`, with depth before height.
    """

    rank = 3
