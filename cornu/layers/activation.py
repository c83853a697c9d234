"""Activations that are layers: with arguments of their own, and those that learn their shape.

The functions are in `cornu.ops.activation`; `Activation`, for any function by name, in `core`.
"""

from collections.abc import Sequence
from typing import Annotated, Any

from cornu import engine, initializers, ops
from cornu.config import Convert, Within
from cornu.errors import UsageError, UsageTypeError, shown
from cornu.fields import Axis, Constraint, Initializer, Regularizer
from cornu.layers.base import Layer
from cornu.layers.dense import known_size
from cornu.layers.spec import InputSpec
from cornu.ops.array import as_array, as_float


def _given(value: Any) -> Any:
    if value is None:
        raise UsageTypeError("E-TYPE", "a number >= 0 is needed; got None.")
    return value


Slope = Annotated[float, Convert(_given), Within(0)]
"""A number >= 0, not None."""


class ReLU(Layer):
    """`max(x, 0)`, or in full `ops.relu(x, negative_slope, max_value, threshold)`.

    That is `max_value` from there on, `x` from `threshold` on, and
    `negative_slope * (x - threshold)` below.

    Args:
        max_value: the largest output, >= 0; None for no limit.
        negative_slope: slope below the threshold, >= 0.
        threshold: where the line `y = x` begins, >= 0.
    """

    max_value: Annotated[float | None, Within(0)] = None
    negative_slope: Slope = 0.0
    threshold: Slope = 0.0

    supports_masking = True

    def call(self, x: Any) -> Any:
        return ops.relu(x, self.negative_slope, self.max_value, self.threshold)


class LeakyReLU(Layer):
    """`x` where positive, `negative_slope * x` elsewhere.

    Args:
        negative_slope: slope of the negative side, >= 0.

    Source: Maas, Hannun and Ng, "Rectifier Nonlinearities", 2013.
    """

    negative_slope: Slope = 0.3

    supports_masking = True

    def call(self, x: Any) -> Any:
        return ops.leaky_relu(x, self.negative_slope)


class ELU(Layer):
    """`x` where positive, `alpha * (exp(x) - 1)` elsewhere.

    Args:
        alpha: minus the limit for small x.

    Source: Clevert, Unterthiner and Hochreiter, "Exponential Linear Units", 2015.
    """

    alpha: float = 1.0

    supports_masking = True

    def call(self, x: Any) -> Any:
        return ops.elu(x, self.alpha)


class ThresholdedReLU(Layer):
    """`x` where `x > theta`, 0 elsewhere.

    Args:
        theta: the threshold, >= 0.

    Source: Konda, Memisevic and Krueger, "Zero-bias autoencoders", 2014.
    """

    theta: Slope = 1.0

    supports_masking = True

    def call(self, x: Any) -> Any:
        return ops.threshold(x, self.theta, 0)


class Softmax(Layer):
    """`exp(x) / sum(exp(x))` over `axis`; only over places where a mask is True.

    Masked places become 0, and so does everything where all places are masked. The mask has the
    axes of `x`, each of its size or 1, or the last of these axes. One whose sizes are the first of
    `x`, as (batch, time) for (batch, time, features), says which steps count; it passes on and
    changes nothing here.

    Args:
        axis: an axis, or several.

    Raises:
        UsageError: for a mask that does not fit.
    """

    axis: Axis = -1

    supports_masking = True

    def call(self, x: Any, mask: Any = None) -> Any:
        if mask is None:
            return ops.softmax(x, self.axis)
        x, mask = as_float(x), as_array(mask)
        if self._is_of_steps(x.shape, mask.shape):
            return ops.softmax(x, self.axis)
        kept = mask if mask.dtype == bool else mask > 0.5
        least = engine.np.finfo(x.dtype).min / 2  # half of it, so that differences are finite
        return ops.where(kept, ops.softmax(ops.where(kept, x, least), self.axis), 0)

    def _is_of_steps(self, shape: Sequence[int], mask: Sequence[int]) -> bool:
        """Whether a mask tells steps apart, not places. Raises UsageError if it does neither."""
        rank = len(mask)
        if 1 < rank < len(shape) and tuple(shape[:rank]) == tuple(mask):
            return True
        last = shape[len(shape) - rank :] if rank <= len(shape) else ()
        if len(last) == rank and all(m in (1, n) for m, n in zip(mask, last, strict=True)):
            return False
        raise UsageError(
            "E-MASK",
            f'Softmax "{self.name}": a mask of shape {tuple(mask)} does not fit inputs of shape '
            f"{tuple(shape)}; each of its axes must have the size of theirs, or 1.",
        )


# ---------------------------------------------------------------- with weights


class _Shaped(Layer):
    """A function with weights for each feature of a sample, save along shared axes."""

    shared_axes: Axis = None

    supports_masking = True

    def set_up(self) -> None:
        """Keep axes as a list. Raises UsageError for the batch axis."""
        super().set_up()
        if self.shared_axes is not None:
            axes = self.shared_axes
            self.shared_axes = list(axes) if isinstance(axes, tuple) else [axes]
            if 0 in self.shared_axes:
                raise UsageError(
                    "E-AXIS",
                    f"{type(self).__name__}: shared_axes count from 1, the first after the batch; "
                    f"got {shown(self.shared_axes)}.",
                )

    def shape_for(self, input_shape: Sequence[int | None]) -> tuple[int, ...]:
        """The shape of the weights: 1 along shared axes. Sets `input_spec`."""
        rank = len(input_shape)
        shared = self.shared_axes or []
        for axis in shared:
            if not -rank < axis < rank:
                raise UsageError(
                    "E-AXIS",
                    f'{type(self).__name__} "{self.name}": inputs of shape {tuple(input_shape)} '
                    f"have no axis {axis} to share weights along.",
                )
        alone = [a for a in range(1, rank) if a not in shared and a - rank not in shared]
        words = "every axis that is not in shared_axes"
        sizes = {a: known_size(self, input_shape, a, words) for a in alone}
        self.input_spec = InputSpec(ndim=rank, axes=sizes)
        return tuple(sizes.get(a, 1) for a in range(1, rank))


class PReLU(_Shaped):
    """`x` where positive, `alpha * x` elsewhere, with a learned `alpha` for each feature.

    Shapes: any, unchanged; alpha has the shape of a sample, with 1 along shared axes.

    Args:
        alpha_initializer, alpha_regularizer, alpha_constraint: as they say.
        shared_axes: axes along which there is one alpha, counted from 1: (1, 2) for one for each
            channel of an image.

    Source: He, Zhang, Ren and Sun, "Delving Deep into Rectifiers", 2015.
    """

    alpha_initializer: Initializer = "Zeros"
    alpha_regularizer: Regularizer = None
    alpha_constraint: Constraint = None
    shared_axes: Axis = None

    def build(self, input_shape: Any) -> None:
        self.alpha = self.weight("alpha", self.shape_for(input_shape))

    def call(self, x: Any) -> Any:
        return ops.leaky_relu(x, self.alpha.value)


class SReLU(_Shaped):
    """Three lines with learned bends: an S made of straight pieces.

    `t_left + a_left * (x - t_left)` below `t_left`, `x` up to `t_right`,
    `t_right + a_right * (x - t_right)` above, where `t_right` is t_left + |the weight t_right|.

    Shapes: any, unchanged; weights have the shape of a sample, with 1 along shared axes.

    Args:
        t_left_initializer, a_left_initializer, t_right_initializer, a_right_initializer: as they
            say.
        shared_axes: as in `PReLU`.

    Source: Jin et al., "Deep Learning with S-shaped Rectified Linear Activation Units", 2015.
    """

    t_left_initializer: Initializer = "zeros"
    a_left_initializer: Initializer = "glorot_uniform"
    t_right_initializer: Initializer = "glorot_uniform"
    a_right_initializer: Initializer = "ones"
    shared_axes: Axis = None

    def build(self, input_shape: Any) -> None:
        shape = self.shape_for(input_shape)
        self.t_left = self.weight("t_left", shape)
        self.a_left = self.weight("a_left", shape)
        self.t_right = self.weight("t_right", shape)
        self.a_right = self.weight("a_right", shape)

    def call(self, x: Any) -> Any:
        left = self.t_left.value
        right = left + ops.abs(self.t_right)
        below = left + self.a_left * (x - left)
        above = right + self.a_right * (x - right)
        return ops.where(x < left, below, ops.where(x < right, x, above))


def _number_or_initializer(value: Any) -> Any:
    plain = isinstance(value, (int, float)) and not isinstance(value, bool)
    return initializers.Constant(value) if plain else initializers.get(value)


Start = Annotated[Any, Convert(_number_or_initializer)]
"""An initializer, or the number with which a weight is filled."""


class ParametricSoftplus(_Shaped):
    """`alpha * log(1 + exp(beta * x))`, with learned `alpha` and `beta` for each feature.

    Shapes: any, unchanged; weights have the shape of a sample, with 1 along shared axes.

    Args:
        alpha_initializer, beta_initializer: initializers, or numbers.
        shared_axes: as in `PReLU`.

    Source: McFarland, Cui and Butts, "Inferring Nonlinear Neuronal Computation", 2013.
    """

    alpha_initializer: Start = 0.2
    beta_initializer: Start = 5.0
    shared_axes: Axis = None

    def build(self, input_shape: Any) -> None:
        shape = self.shape_for(input_shape)
        self.alpha = self.weight("alpha", shape)
        self.beta = self.weight("beta", shape)

    def call(self, x: Any) -> Any:
        return self.alpha * ops.softplus(self.beta * x)
