"""Normalization: over the batch, over features, over groups of channels, to unit length.

Statistics are taken in float32 at least, and the weights are kept so as well.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from cornu import engine, ops
from cornu.config import Within, field
from cornu.errors import UsageError, shown
from cornu.fields import Axis, Constraint, Initializer, Regularizer
from cornu.layers.base import Layer
from cornu.layers.dense import known_size
from cornu.layers.spec import InputSpec


def _wide(x: Any) -> Any:
    """`x` in float32 where it is shorter."""
    return engine.cast(x, "float32") if x.dtype.itemsize < 4 else x


class _Normalizing(Layer):
    """Keeps weights out of short dtypes, since inputs are widened."""

    center = scale = True
    epsilon = 1e-3
    supports_masking = True

    def whole(self, name: str, shape: Sequence[int], trainable: bool = True) -> Any:
        """A weight that a mixed policy does not shorten."""
        variable = self.weight(name, shape, trainable)
        variable.autocast = False
        return variable

    def scale_and_offset(self, shape: Sequence[int]) -> None:
        """Make gamma and beta, or None where the fields say so."""
        self.gamma = self.whole("gamma", shape) if self.scale else None
        self.beta = self.whole("beta", shape) if self.center else None

    def finish(self, x: Any, mean: Any, variance: Any, shape: Sequence[int]) -> Any:
        """`(x - mean) / sqrt(variance + epsilon) * gamma + beta`, in the compute dtype.

        `shape` is that of gamma and beta along the axes of `x`.
        """
        factor = 1 / ops.sqrt(variance + self.epsilon)
        if self.gamma is not None:
            factor = factor * ops.reshape(self.gamma, shape)
        y = (x - mean) * factor
        if self.beta is not None:
            y = y + ops.reshape(self.beta, shape)
        return engine.cast(y, self.compute_dtype)


def _axis_in(layer: Layer, axis: int, rank: int) -> int:
    """`axis` counted from 0. Raises UsageError for one that is not there."""
    if not -rank <= axis < rank:
        raise UsageError(
            "E-AXIS",
            f'{type(layer).__name__} "{layer.name}": inputs of {rank} axes have no axis {axis}.',
        )
    return axis % rank


class BatchNormalization(_Normalizing):
    """`(x - mean) / sqrt(variance + epsilon) * gamma + beta`, channel by channel.

    In training mean and variance are those of the batch (of unmasked steps where there is a mask),
    and move the moving averages: `moving = moving * momentum + batch * (1 - momentum)`. In
    inference, and with `trainable = False`, they are the moving averages.

    Shapes: any, unchanged.

    Args:
        axis: the axis of channels.
        momentum: how slowly the moving averages follow, from 0 to 1.
        epsilon: added to the variance.
        center, scale: whether there is a beta, a gamma.
        beta_initializer, gamma_initializer, moving_mean_initializer, moving_variance_initializer,
        beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint: as they say.
        renorm: whether training corrects towards the moving averages (batch renormalization).
        renorm_clipping: limits of the correction, a dict with "rmin", "rmax" and "dmax".
        renorm_momentum: as `momentum`, for the averages that the correction uses.
        synchronized: accepted; a batch spread over devices is one batch.

    Source: Ioffe and Szegedy, "Batch Normalization", 2015; Ioffe, "Batch Renormalization", 2017.
    """

    axis: int = -1
    momentum: Annotated[float, Within(0, 1)] = 0.99
    epsilon: Annotated[float, Within(0)] = 1e-3
    center: bool = True
    scale: bool = True
    beta_initializer: Initializer = "zeros"
    gamma_initializer: Initializer = "ones"
    moving_mean_initializer: Initializer = "zeros"
    moving_variance_initializer: Initializer = "ones"
    beta_regularizer: Regularizer = None
    gamma_regularizer: Regularizer = None
    beta_constraint: Constraint = None
    gamma_constraint: Constraint = None
    renorm: bool = False
    renorm_clipping: Any = None
    renorm_momentum: Annotated[float, Within(0, 1)] = 0.99
    synchronized: bool = False

    def set_up(self) -> None:
        """Check the axis and the limits."""
        super().set_up()
        limits = self.renorm_clipping
        known = {"rmin", "rmax", "dmax"}
        if limits is not None and not (isinstance(limits, Mapping) and set(limits) <= known):
            raise UsageError(
                "E-RENORM",
                'BatchNormalization: renorm_clipping must be a dict with "rmin", "rmax", "dmax"; '
                f"got {shown(limits)}.",
            )

    def build(self, input_shape: Any) -> None:
        axis = _axis_in(self, self.axis, len(input_shape))
        channels = known_size(self, input_shape, axis, "the axis of channels")
        self.scale_and_offset((channels,))
        self.moving_mean = self.whole("moving_mean", (channels,), trainable=False)
        self.moving_variance = self.whole("moving_variance", (channels,), trainable=False)
        if self.renorm:
            self._build_renorm((channels,))
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: channels})

    def _build_renorm(self, shape: Sequence[int]) -> None:
        def deviation(shape: Sequence[int], dtype: str | None = None) -> Any:
            return self.moving_variance_initializer(shape, dtype=dtype) ** 0.5

        def average(name: str, begin: Any) -> Any:
            return self.add_weight(shape, begin, trainable=False, autocast=False, name=name)

        self.moving_stddev = average("moving_stddev", deviation)
        self.renorm_mean = average("renorm_mean", self.moving_mean_initializer)
        self.renorm_stddev = average("renorm_stddev", deviation)

    def call(self, x: Any, training: Any = None, mask: Any = None) -> Any:
        axis = self.axis % x.ndim
        along = [-1 if a == axis else 1 for a in range(x.ndim)]
        wide = _wide(x)
        if not (training and self.trainable):
            mean, variance = self.moving_mean.value, self.moving_variance.value
        else:
            if mask is None and not self.renorm:
                return self._normalized(wide, axis)
            mean, variance = self._batch_moments(wide, axis, mask)
            if self.renorm:
                return self._renormalized(wide, mean, variance, along)
            self._follow_both(mean, variance)
        return self.finish(wide, ops.reshape(mean, along), ops.reshape(variance, along), along)

    def _batch_moments(self, x: Any, axis: int, mask: Any) -> tuple[Any, Any]:
        others = [a for a in range(x.ndim) if a != axis]
        if mask is not None:
            mask = ops.reshape(mask, (*mask.shape, *[1] * (x.ndim - mask.ndim)))
        return ops.moments(x, others, mask=mask)

    def _normalized(self, x: Any, axis: int) -> Any:
        """By the statistics of the whole batch, as most training does it."""
        scale = engine.np.ones(x.shape[axis], x.dtype) if self.gamma is None else self.gamma
        offset = engine.np.zeros(x.shape[axis], x.dtype) if self.beta is None else self.beta
        y, mean, variance = ops.batch_normalized(x, scale, offset, axis, self.epsilon)
        self._follow_both(mean, variance)
        return engine.cast(y, self.compute_dtype)

    def _follow_both(self, mean: Any, variance: Any) -> None:
        self._follow(self.moving_mean, mean, self.momentum)
        self._follow(self.moving_variance, variance, self.momentum)

    @staticmethod
    def _follow(average: Any, now: Any, momentum: float) -> None:
        average.assign(average * momentum + now * (1 - momentum))

    def _renormalized(self, x: Any, mean: Any, variance: Any, along: Sequence[int]) -> Any:
        """`((x - mean) / deviation * r + d) * gamma + beta`; r and d count as constants."""
        limits = self.renorm_clipping or {}
        deviation = ops.sqrt(variance + self.epsilon)
        past = ops.maximum(self.renorm_stddev, self.epsilon**0.5)
        r = ops.clip(deviation / past, limits.get("rmin", 0.0), limits.get("rmax", float("inf")))
        most = limits.get("dmax", float("inf"))
        d = ops.clip((mean - self.renorm_mean) / past, -most, most)
        r, d = ops.stop_gradient(r), ops.stop_gradient(d)
        factor, offset = r / deviation, d
        if self.gamma is not None:
            factor, offset = factor * self.gamma, offset * self.gamma
        if self.beta is not None:
            offset = offset + self.beta
        y = (x - ops.reshape(mean, along)) * ops.reshape(factor, along)
        self._follow(self.renorm_mean, mean, self.renorm_momentum)
        self._follow(self.renorm_stddev, deviation, self.renorm_momentum)
        self._follow(self.moving_mean, mean, self.momentum)
        self._follow(self.moving_stddev, deviation, self.momentum)
        squared = ops.square(self.moving_stddev) - self.epsilon
        self.moving_variance.assign(ops.maximum(squared, 0))
        return engine.cast(y + ops.reshape(offset, along), self.compute_dtype)


class _PerSample(_Normalizing):
    """Statistics over some axes of each sample."""

    axis: Axis = -1

    def set_up(self) -> None:
        """Keep axes as a tuple."""
        super().set_up()
        self.axis = self.axis if isinstance(self.axis, tuple) else (self.axis,)

    def axes_of(self, rank: int) -> list[int]:
        """The axes counted from 0."""
        return [_axis_in(self, a, rank) for a in self.axis]

    def sizes_of(self, shape: Sequence[int | None]) -> tuple[int, ...]:
        """Sizes of the axes, for weights; sets `input_spec`."""
        axes = self.axes_of(len(shape))
        sizes = {a: known_size(self, shape, a, "the axes it goes over") for a in axes}
        self.input_spec = InputSpec(ndim=len(shape), axes=sizes)
        return tuple(sizes.values())

    def along(self, x: Any) -> list[int]:
        """The shape of weights along the axes of `x`."""
        axes = self.axes_of(x.ndim)
        return [n if a in axes else 1 for a, n in enumerate(x.shape)]


class LayerNormalization(_PerSample):
    """`(x - mean) / sqrt(variance + epsilon) * gamma + beta`, each sample by itself.

    Mean and variance are over `axis`, the last axis by default; gamma and beta have its size.

    Shapes: any, unchanged.

    Args:
        axis: an axis, or several.
        epsilon: added to the variance.
        center, scale: whether there is a beta, a gamma.
        beta_initializer, gamma_initializer, beta_regularizer, gamma_regularizer, beta_constraint,
        gamma_constraint: as they say.
        rms_scaling: whether to leave the mean in, and do without beta: `x / sqrt(variance +
            epsilon) * gamma`. For the root mean square there is `RMSNormalization`.

    Source: Ba, Kiros and Hinton, "Layer Normalization", 2016.
    """

    epsilon: Annotated[float, Within(0)] = 1e-3
    center: bool = True
    scale: bool = True
    beta_initializer: Initializer = "zeros"
    gamma_initializer: Initializer = "ones"
    beta_regularizer: Regularizer = None
    gamma_regularizer: Regularizer = None
    beta_constraint: Constraint = None
    gamma_constraint: Constraint = None
    rms_scaling: bool = field(default=False, kw_only=True)

    def build(self, input_shape: Any) -> None:
        sizes = self.sizes_of(input_shape)
        if self.rms_scaling:
            self.gamma, self.beta = self.whole("gamma", sizes), None
        else:
            self.scale_and_offset(sizes)

    def call(self, x: Any) -> Any:
        wide, axes = _wide(x), self.axes_of(x.ndim)
        if axes == [x.ndim - 1] and not self.rms_scaling:
            y = ops.layer_normalization(wide, self.gamma, self.beta, axes, self.epsilon)
            return engine.cast(y, self.compute_dtype)
        mean, variance = ops.moments(wide, axes, keepdims=True)
        if self.rms_scaling:
            mean = 0
        return self.finish(wide, mean, variance, self.along(x))


class GroupNormalization(_Normalizing):
    """As `LayerNormalization` over all axes but the batch, for each group of channels by itself.

    Shapes: (batch, ..., channels), unchanged. `groups=1` is layer normalization over everything;
    `groups=-1`, a group for each channel, is instance normalization.

    Args:
        groups: number of groups; it must divide the number of channels.
        axis: the axis of channels.
        epsilon: added to the variance.
        center, scale: whether there is a beta, a gamma (one for each channel).
        beta_initializer, gamma_initializer, beta_regularizer, gamma_regularizer, beta_constraint,
        gamma_constraint: as they say.

    Raises:
        UsageError: when groups do not divide channels.

    Source: Wu and He, "Group Normalization", 2018.
    """

    groups: int = 32
    axis: int = -1
    epsilon: Annotated[float, Within(0)] = 1e-3
    center: bool = True
    scale: bool = True
    beta_initializer: Initializer = "zeros"
    gamma_initializer: Initializer = "ones"
    beta_regularizer: Regularizer = None
    gamma_regularizer: Regularizer = None
    beta_constraint: Constraint = None
    gamma_constraint: Constraint = None

    input_spec = InputSpec(min_ndim=2)

    def build(self, input_shape: Any) -> None:
        axis = _axis_in(self, self.axis, len(input_shape))
        channels = known_size(self, input_shape, axis, "the axis of channels")
        self._group_count(channels)
        self.scale_and_offset((channels,))
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: channels})

    def _group_count(self, channels: int) -> int:
        groups = channels if self.groups == -1 else self.groups
        if groups < 1 or channels % groups:
            raise UsageError(
                "E-GROUPS",
                f'GroupNormalization "{self.name}": groups must divide the {channels} channels; '
                f"got groups={self.groups}.",
            )
        return groups

    def call(self, x: Any) -> Any:
        axis = self.axis % x.ndim
        channels = x.shape[axis]
        groups = self._group_count(channels)
        split = (*x.shape[:axis], groups, channels // groups, *x.shape[axis + 1 :])
        wide = ops.reshape(_wide(x), split)
        others = [a for a in range(1, wide.ndim) if a != axis]
        mean, variance = ops.moments(wide, others, keepdims=True)
        along = [1] * wide.ndim
        along[axis : axis + 2] = [groups, channels // groups]
        return ops.reshape(self.finish(wide, mean, variance, along), x.shape)


class UnitNormalization(Layer):
    """`x / sqrt(sum x^2)` over `axis`: vectors of length 1. A vector of zeros stays one.

    Args:
        axis: an axis, or several.
    """

    axis: Axis = -1

    supports_masking = True

    def call(self, x: Any) -> Any:
        wide = _wide(x)
        return engine.cast(ops.normalize(wide, self.axis, 2, 1e-12), str(x.dtype))


class RMSNormalization(_PerSample):
    """`x / sqrt(mean x^2 + epsilon) * scale`, each sample by itself.

    The mean is over `axis`, the last axis by default; scale has its size.

    Args:
        axis: an axis, or several.
        epsilon: added to the mean square.

    Source: Zhang and Sennrich, "Root Mean Square Layer Normalization", 2019.
    """

    epsilon: Annotated[float, Within(0)] = 1e-6

    def build(self, input_shape: Any) -> None:
        sizes = self.sizes_of(input_shape)
        self.scale = self.add_weight(sizes, "ones", name="scale", autocast=False)

    def call(self, x: Any) -> Any:
        wide = _wide(x)
        power = ops.mean(ops.square(wide), axis=tuple(self.axes_of(x.ndim)), keepdims=True)
        y = wide / ops.sqrt(power + self.epsilon) * ops.reshape(self.scale, self.along(x))
        return engine.cast(y, self.compute_dtype)
