"""Layers of Keras 0 and 1 that have no successor: `Highway` and `MaxoutDense`."""

from typing import Any

from cornu import ops
from cornu.fields import Activation, Constraint, Initializer, Positive, Regularizer
from cornu.layers.activation import Start
from cornu.layers.base import Layer
from cornu.layers.dense import known_size
from cornu.layers.spec import InputSpec


class _OverFeatures(Layer):
    """Works over the last axis."""

    supports_masking = True
    input_spec = InputSpec(min_ndim=2)

    def features_of(self, shape: Any) -> int:
        """The size of the last axis; sets `input_spec`."""
        features = known_size(self, shape, -1, "the last axis")
        self.input_spec = InputSpec(min_ndim=2, axes={-1: features})
        return features


class Highway(_OverFeatures):
    """`t * activation(x @ kernel + bias) + (1 - t) * x`: a layer that learns how much to do.

    t is `sigmoid(x @ transform_kernel + transform_bias)`, between 0 (`x` passes) and 1.

    Shapes: (batch, ..., features), unchanged; kernels are (features, features).

    Args:
        activation: name or function.
        use_bias: whether there are biases.
        kernel_initializer, transform_kernel_initializer, bias_initializer: as they say.
        transform_bias_initializer: an initializer or a number; below 0 the layer begins by letting
            `x` pass.
        kernel_regularizer, bias_regularizer, activity_regularizer, kernel_constraint,
        bias_constraint: as they say.

    Source: Srivastava, Greff and Schmidhuber, "Highway Networks", 2015.
    """

    activation: Activation = None
    use_bias: bool = True
    kernel_initializer: Initializer = "glorot_uniform"
    transform_kernel_initializer: Initializer = "glorot_uniform"
    bias_initializer: Initializer = "zeros"
    transform_bias_initializer: Start = -2
    kernel_regularizer: Regularizer = None
    bias_regularizer: Regularizer = None
    activity_regularizer: Regularizer = None
    kernel_constraint: Constraint = None
    bias_constraint: Constraint = None

    def build(self, input_shape: Any) -> None:
        size = self.features_of(input_shape)
        self.kernel = self.weight("kernel", (size, size))
        self.transform_kernel = self.weight("transform_kernel", (size, size))
        self.bias = self.weight("bias", (size,)) if self.use_bias else None
        self.transform_bias = self.weight("transform_bias", (size,)) if self.use_bias else None

    def call(self, x: Any) -> Any:
        made, gate = ops.matmul(x, self.kernel), ops.matmul(x, self.transform_kernel)
        if self.bias is not None:
            made, gate = made + self.bias, gate + self.transform_bias
        gate = ops.sigmoid(gate)
        return gate * self.activation(made) + (1 - gate) * x


class MaxoutDense(_OverFeatures):
    """The largest of several dense layers, unit by unit: `max over f of x @ kernel[f] + bias[f]`.

    Shapes: (batch, ..., features in) gives (batch, ..., units); the kernel is
    (features, features in, units), the bias (features, units).

    Args:
        units: number of outputs.
        features: number of dense layers among which each output is the largest.
        use_bias: whether there are biases.
        kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer,
        activity_regularizer, kernel_constraint, bias_constraint: as they say.

    Source: Goodfellow et al., "Maxout Networks", 2013.
    """

    units: Positive
    features: Positive = 4
    use_bias: bool = True
    kernel_initializer: Initializer = "glorot_uniform"
    bias_initializer: Initializer = "zeros"
    kernel_regularizer: Regularizer = None
    bias_regularizer: Regularizer = None
    activity_regularizer: Regularizer = None
    kernel_constraint: Constraint = None
    bias_constraint: Constraint = None

    def build(self, input_shape: Any) -> None:
        size = self.features_of(input_shape)
        self.kernel = self.weight("kernel", (self.features, size, self.units))
        self.bias = self.weight("bias", (self.features, self.units)) if self.use_bias else None

    def call(self, x: Any) -> Any:
        y = ops.einsum("...i,fiu->...fu", x, self.kernel.value)  # (..., features, units)
        return ops.max(y if self.bias is None else y + self.bias, axis=-2)
