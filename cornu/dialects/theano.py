"""Layers as Keras computed them on Theano, where that was not as on TensorFlow.

With padding "same", a window of Theano's lies around its place: of size k it begins k // 2 before
it, whatever the strides, where TensorFlow's begins so that the zeros on both sides are as many.
They differ for windows of even size, and with strides. Files say which backend wrote them, and
models are made of these layers then. `as_theano` says where.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from cornu import engine, ops
from cornu.dialects.older import OlderClass
from cornu.layers import (
    AveragePooling1D,
    AveragePooling2D,
    AveragePooling3D,
    Conv1D,
    Conv2D,
    Conv2DTranspose,
    Conv3D,
    Conv3DTranspose,
    ConvLSTM2D,
    DepthwiseConv2D,
    MaxPooling1D,
    MaxPooling2D,
    MaxPooling3D,
    SeparableConv1D,
    SeparableConv2D,
)
from cornu.layers.conv import Windowed
from cornu.layers.conv_recurrent import ConvLSTMCell
from cornu.layers.sizes import space_axes

__all__ = [
    "TheanoAveragePooling1D",
    "TheanoAveragePooling2D",
    "TheanoAveragePooling3D",
    "TheanoConv1D",
    "TheanoConv2D",
    "TheanoConv2DTranspose",
    "TheanoConv3D",
    "TheanoConv3DTranspose",
    "TheanoConvLSTM2D",
    "TheanoConvLSTMCell",
    "TheanoDepthwiseConv2D",
    "TheanoMaxPooling1D",
    "TheanoMaxPooling2D",
    "TheanoMaxPooling3D",
    "TheanoSeparableConv1D",
    "TheanoSeparableConv2D",
    "as_theano",
]

# ---------------------------------------------------------------- where which layer is meant

CONVOLUTIONS = {
    *("Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose", "Conv3DTranspose"),
    *("DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D", "ConvLSTM2D"),
}
POOLINGS = {f"{kind}Pooling{rank}D" for kind in ("Max", "Average") for rank in (1, 2, 3)}


def as_theano(name: str, config: Mapping[str, Any]) -> str:
    """The class of today for one that Theano computed, by name and today's config."""
    if name in CONVOLUTIONS:
        even = any(k % 2 == 0 for k in _numbers(config.get("kernel_size", 1)))
        strided = any(s > 1 for s in _numbers(config.get("strides", 1)))
        around = config.get("padding") == "same"
        states = name == "ConvLSTM2D" and even  # the state is always convolved with "same"
        return f"Theano{name}" if around and (even or strided) or states else name
    if name in POOLINGS and config.get("padding") == "same":
        sizes = _numbers(config.get("pool_size", 2))
        strides = _numbers(config.get("strides") or sizes)
        centred = all(k in (1, 3) for k in sizes) and all(s == 1 for s in strides)
        return name if centred else f"Theano{name}"
    return name


def lies_otherwise(layer: Any) -> bool:
    """Whether a layer of today has its windows elsewhere than Theano had them."""
    name = type(layer).__name__
    if name not in CONVOLUTIONS | POOLINGS:
        return False
    fields = ("kernel_size", "pool_size", "strides", "padding")
    said = {field: getattr(layer, field) for field in fields if hasattr(layer, field)}
    return as_theano(name, said) != name


def _numbers(value: Any) -> Sequence[int]:
    return value if isinstance(value, (list, tuple)) else (value,)


# ---------------------------------------------------------------- windows around their places


def _widened(layer: Any, x: Any, margins: Sequence[int], value: float = 0.0) -> Any:
    """`x` with so many entries on both sides of each space axis."""
    around = dict(zip(space_axes(layer.rank, layer.data_format), margins, strict=True))
    widths = [(around.get(axis, 0),) * 2 for axis in range(x.ndim)]
    return ops.pad(x, widths, constant_values=value)


def _cut(layer: Any, y: Any, x: Any) -> Any:
    """`y` with ceil(size of x / stride) entries along each space axis."""
    taken = [slice(None)] * y.ndim
    for axis, s in zip(space_axes(layer.rank, layer.data_format), layer.strides, strict=True):
        taken[axis] = slice(0, -(-x.shape[axis] // s))
    return y[tuple(taken)]


def _spread(layer: Any) -> list[int]:
    """Sizes of the window with its dilation."""
    pairs = zip(layer.kernel_size, layer.dilation_rate, strict=True)
    return [(k - 1) * d + 1 for k, d in pairs]


def _halves(layer: Any) -> list[int]:
    return [k // 2 for k in _spread(layer)]


class _Around(OlderClass, Windowed):
    """A convolution, before the class of today's."""

    def call(self, x: Any) -> Any:
        if self.padding != "same":
            return super().call(x)
        return self.finish(self.cut(self.convolved(_widened(self, x, _halves(self))), x))

    def how(self) -> tuple:
        """What every convolution is told."""
        layer: Any = self
        return layer.strides, "valid", layer.data_format, layer.dilation_rate

    def convolved(self, x: Any) -> Any:
        """The windows that fit in."""
        layer: Any = self
        return ops.conv(x, layer.kernel, *self.how())

    def cut(self, y: Any, x: Any) -> Any:
        """Without what is too much."""
        return _cut(self, y, x)


class TheanoConv1D(_Around, Conv1D):
    """`Conv1D` whose windows lie around their places with padding "same"."""


class TheanoConv2D(_Around, Conv2D):
    """`Conv2D` whose windows lie around their places with padding "same"."""


class TheanoConv3D(_Around, Conv3D):
    """`Conv3D` whose windows lie around their places with padding "same"."""


class TheanoDepthwiseConv2D(_Around, DepthwiseConv2D):
    """`DepthwiseConv2D` whose windows lie around their places with padding "same"."""

    def convolved(self, x: Any) -> Any:
        return ops.depthwise_conv(x, self.kernel, *self.how())


class _AroundTwice(_Around):
    """A separable convolution; Keras cut nothing here, so an even window gives one entry more."""

    def convolved(self, x: Any) -> Any:
        layer: Any = self
        kernels = (layer.depthwise_kernel, layer.pointwise_kernel)
        return ops.separable_conv(x, *kernels, *self.how())

    def cut(self, y: Any, x: Any) -> Any:
        return y


class TheanoSeparableConv1D(_AroundTwice, SeparableConv1D):
    """`SeparableConv1D` whose windows lie around their places with padding "same"."""


class TheanoSeparableConv2D(_AroundTwice, SeparableConv2D):
    """`SeparableConv2D` whose windows lie around their places with padding "same"."""


class _Back(OlderClass, Windowed):
    """The adjoint of such a convolution, before the class of today's."""

    def call(self, x: Any) -> Any:
        if self.padding != "same":
            return super().call(x)
        layer: Any = self
        how = (layer.strides, "valid", None, layer.data_format, layer.dilation_rate)
        y = ops.conv_transpose(x, layer.kernel, *how)
        axes = space_axes(self.rank, self.data_format)
        taken, missing = [slice(None)] * y.ndim, [(0, 0)] * y.ndim
        for i, (axis, k) in enumerate(zip(axes, _spread(self), strict=True)):
            s, extra = layer.strides[i], (layer.output_padding or {i: None})[i]
            n = x.shape[axis]
            size = n * s if extra is None else (n - 1) * s + k - 2 * (k // 2) + extra
            taken[axis] = slice(k // 2, k // 2 + size)
            missing[axis] = (0, max(k // 2 + size - y.shape[axis], 0))
        return self.finish(ops.pad(y, missing)[tuple(taken)])


class TheanoConv2DTranspose(_Back, Conv2DTranspose):
    """`Conv2DTranspose`, the adjoint of `TheanoConv2D`, with padding "same"."""


class TheanoConv3DTranspose(_Back, Conv3DTranspose):
    """`Conv3DTranspose`, the adjoint of `TheanoConv3D`, with padding "same"."""


# ---------------------------------------------------------------- pooling


def _margins(layer: Any) -> list[int]:
    """Entries on both sides, as Keras gave them to Theano."""
    return [k - 2 if k > 2 and k % 2 else k - 1 for k in layer.pool_size]


class _MaxAround(OlderClass, Windowed):
    """The largest of windows that reach over the ends on both sides."""

    def call(self, x: Any) -> Any:
        layer: Any = self
        if layer.padding != "same":
            return super().call(x)
        wide = _widened(self, x, _margins(self), float("-inf"))
        y = layer.pool(wide, layer.pool_size, layer.strides, "valid", layer.data_format)
        return _cut(self, y, x)


class _MeanAround(OlderClass, Windowed):
    """The mean of what is there of windows that reach over the ends on both sides."""

    def call(self, x: Any) -> Any:
        layer: Any = self
        if layer.padding != "same":
            return super().call(x)
        how = (layer.pool_size, layer.strides, "valid", layer.data_format)
        share = layer.pool(_widened(self, ops.ones_like(x), _margins(self)), *how)
        y = layer.pool(_widened(self, x, _margins(self)), *how) / share
        return _cut(self, y, x)


class TheanoMaxPooling1D(_MaxAround, MaxPooling1D):
    """`MaxPooling1D` whose windows begin before the first entry with padding "same"."""


class TheanoMaxPooling2D(_MaxAround, MaxPooling2D):
    """`MaxPooling2D` whose windows begin before the first entry with padding "same"."""


class TheanoMaxPooling3D(_MaxAround, MaxPooling3D):
    """`MaxPooling3D` whose windows begin before the first entry with padding "same"."""


class TheanoAveragePooling1D(_MeanAround, AveragePooling1D):
    """`AveragePooling1D` whose windows begin before the first entry with padding "same"."""


class TheanoAveragePooling2D(_MeanAround, AveragePooling2D):
    """`AveragePooling2D` whose windows begin before the first entry with padding "same"."""


class TheanoAveragePooling3D(_MeanAround, AveragePooling3D):
    """`AveragePooling3D` whose windows begin before the first entry with padding "same"."""


# ---------------------------------------------------------------- the recurrent one


class TheanoConvLSTMCell(ConvLSTMCell):
    """`ConvLSTMCell` whose windows lie around their places, those over the state too."""

    def project(self, x: Any) -> Any:
        if self.padding != "same":
            return super().project(x)
        y = _around(x, self.kernel.value, self.strides, self.dilation_rate)
        return y if self.bias is None else y + self.bias

    def product(self, v: Any, kernel: tuple) -> Any:
        ones = (1,) * len(self.kernel_size)
        return _around(v, kernel[0], ones, ones)


def _around(x: Any, kernel: Any, strides: Sequence[int], dilation: Sequence[int]) -> Any:
    """A channels-last convolution with windows around their places."""
    sizes = [(k - 1) * d + 1 for k, d in zip(kernel.shape, dilation, strict=False)]
    widths = [(0, 0), *((k // 2, k // 2) for k in sizes), (0, 0)]
    wide = engine.np.pad(x, widths)
    y = engine.conv(wide, kernel, tuple(strides), "VALID", tuple(dilation), 1)
    pairs = zip(x.shape[1:], strides, strict=False)
    return y[(slice(None), *(slice(0, -(-n // s)) for n, s in pairs))]


class TheanoConvLSTM2D(OlderClass, ConvLSTM2D):
    """`ConvLSTM2D` whose windows lie around their places, those over the state too."""

    cell_class = TheanoConvLSTMCell
