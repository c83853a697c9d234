"""The fully connected layer."""

from typing import Any

from cornu.config import field
from cornu.errors import UsageError
from cornu.fields import Activation, Constraint, Initializer, Positive, Regularizer
from cornu.layers.base import Layer
from cornu.layers.spec import InputSpec
from cornu.ops.dense import dense


class Dense(Layer):
    """`activation(x @ kernel + bias)` over the last axis.

    Shapes: (batch, ..., features) gives (batch, ..., units); the kernel is (features, units).

    Args:
        units: size of the output's last axis.
        activation: name or function; None leaves the sum as it is.
        use_bias: whether to add a bias.
        kernel_initializer, bias_initializer: how weights begin.
        kernel_regularizer, bias_regularizer, activity_regularizer: what they add to the loss.
        kernel_constraint, bias_constraint: what is done to them after every update.

    Raises:
        UsageError: for inputs with less than two axes, or another number of features.

    Example:
        >>> Dense(4, "relu")(Input((3,))).shape
        (None, 4)
    """

    units: Positive
    activation: Activation = None
    use_bias: bool = True
    kernel_initializer: Initializer = "glorot_uniform"
    bias_initializer: Initializer = "zeros"
    kernel_regularizer: Regularizer = None
    bias_regularizer: Regularizer = None
    activity_regularizer: Regularizer = field(default=None, config=False)
    kernel_constraint: Constraint = None
    bias_constraint: Constraint = None

    supports_masking = True
    input_spec = InputSpec(min_ndim=2)

    def build(self, input_shape: Any) -> None:
        features = known_size(self, input_shape, -1, "the last axis")
        self.kernel = self.weight("kernel", (features, self.units))
        self.bias = self.weight("bias", (self.units,)) if self.use_bias else None
        self.input_spec = InputSpec(min_ndim=2, axes={-1: features})

    def call(self, x: Any) -> Any:
        return dense(x, self.kernel, self.bias, self.activation)  # (batch, ..., units)


def known_size(layer: Layer, shape: Any, axis: int, words: str) -> int:
    """The size of one axis; raises UsageError where it is unknown, as weights need it."""
    size = shape[axis]
    if size is None:
        raise UsageError(
            "E-SHAPE-UNKNOWN",
            f'{type(layer).__name__} "{layer.name}" needs to know the size of {words} (axis '
            f"{axis}) to make its weights; got {tuple(shape)}. Give it in Input(shape).",
        )
    return int(size)
