"""Noise against overfitting: dropout and its kin. In inference they return their input."""

import math
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

from cornu import engine, ops, state
from cornu.config import Within
from cornu.fields import DataFormat, Rate, StrictRate
from cornu.layers.base import Layer
from cornu.layers.sizes import layout
from cornu.layers.spec import InputSpec


class _Noisy(Layer):
    """Calls `noisy` in training, and returns its input otherwise."""

    supports_masking = True
    rate: ClassVar[Any]
    seed: ClassVar[Any]

    def call(self, x: Any, training: Any = None) -> Any:
        return self.noisy(x) if training and self.amount() > 0 else x

    def amount(self) -> float:
        """How strong the noise is; 0 for none."""
        return self.rate

    def noisy(self, x: Any) -> Any:
        """`x` with noise."""
        raise NotImplementedError


class Dropout(_Noisy):
    """In training: elements set to 0 with probability `rate`, the others divided by 1 - rate.

    Args:
        rate: from 0 to 1.
        noise_shape: shape of the draw, which is broadcast against the input: (None, 1, None) for
            (batch, time, features) drops the same features at all steps. None stands for the
            input's size.
        seed: a whole number for draws of its own.

    Source: Srivastava et al., "Dropout", JMLR 15, 2014.

    Example:
        >>> Dropout(0.5)(Input((3,))).shape
        (None, 3)
    """

    rate: Rate
    noise_shape: Any = None
    seed: int | None = None

    def noisy(self, x: Any) -> Any:
        key = state.draw_key(self.seed)
        return ops.dropout(x, self.rate, self.noise_shape, key)


class _SpatialDropout(_Noisy):
    """Whole feature maps dropped."""

    rank = 0

    def set_up(self) -> None:
        """Ask for the right rank."""
        super().set_up()
        self.input_spec = InputSpec(ndim=self.rank + 2, layout=layout(self.rank, self._format()))

    def get_config(self) -> dict[str, Any]:
        """The constructor arguments, without `trainable`: there is nothing to train."""
        config = super().get_config()
        del config["trainable"]
        return config

    def _format(self) -> str:
        return getattr(self, "data_format", "channels_last")

    def noisy(self, x: Any) -> Any:
        ones: Sequence[int] = (1,) * self.rank
        shape = (None, None, *ones) if self._format() == "channels_first" else (None, *ones, None)
        return ops.dropout(x, self.rate, shape, state.draw_key(self.seed))


class SpatialDropout1D(_SpatialDropout):
    """In training: whole features of a sequence (batch, time, features) set to 0, at all steps.

    Args:
        rate: share of features, from 0 to 1; the others are divided by 1 - rate.
        seed: a whole number for draws of its own.

    Source: Tompson et al., "Efficient Object Localization …", CVPR 2015.
    """

    rank = 1
    rate: Rate
    seed: int | None = None


class SpatialDropout2D(_SpatialDropout):
    """In training: whole channels of images (batch, height, width, channels) set to 0.

    Args:
        rate: share of channels, from 0 to 1; the others are divided by 1 - rate.
        data_format: where channels lie.
        seed: a whole number for draws of its own.

    Source: Tompson et al., "Efficient Object Localization …", CVPR 2015.
    """

    rank = 2
    rate: Rate
    data_format: DataFormat = None
    seed: int | None = None


class SpatialDropout3D(_SpatialDropout):
    """In training: whole channels of volumes set to 0. Arguments as in `SpatialDropout2D`."""

    rank = 3
    rate: Rate
    data_format: DataFormat = None
    seed: int | None = None


def _normal(x: Any, seed: int | None) -> Any:
    return engine.normal(state.draw_key(seed), x.shape, str(x.dtype))


class GaussianNoise(_Noisy):
    """In training: `x + stddev * n` with n from the normal distribution.

    Args:
        stddev: standard deviation of the noise, >= 0.
        seed: a whole number for draws of its own.
    """

    stddev: Annotated[float, Within(0)]
    seed: int | None = None

    def amount(self) -> float:
        return self.stddev

    def noisy(self, x: Any) -> Any:
        return x + self.stddev * _normal(x, self.seed)


class GaussianDropout(_Noisy):
    """In training: `x * (1 + sqrt(rate / (1 - rate)) * n)` with n from the normal distribution.

    Mean and variance are those of dropout with the same rate.

    Args:
        rate: from 0, below 1.
        seed: a whole number for draws of its own.

    Source: Srivastava et al., "Dropout", JMLR 15, 2014, section 10.
    """

    rate: StrictRate
    seed: int | None = None

    def noisy(self, x: Any) -> Any:
        deviation = math.sqrt(self.rate / (1 - self.rate))
        return x * (1 + deviation * _normal(x, self.seed))


SELU_FLOOR = -1.0507009873554805 * 1.6732632423543772
"""-scale * alpha: what SELU gives for x -> -infinity (Klambauer et al. 2017, equation 2)."""


class AlphaDropout(_Noisy):
    """In training: elements set to SELU's lowest value, then all scaled so that mean 0 and variance
    1 stay as they are: `a * (x where kept, else v) + b`.

    With v = -1.7581, `a = ((1 - rate) * (1 + rate * v^2))^(-1/2)` and `b = -a * rate * v`.

    Args:
        rate: from 0, below 1.
        noise_shape: as in `Dropout`.
        seed: a whole number for draws of its own.

    Source: Klambauer et al., "Self-Normalizing Neural Networks", 2017.
    """

    rate: StrictRate
    noise_shape: Any = None
    seed: int | None = None

    def noisy(self, x: Any) -> Any:
        shape = [n if d is None else d for n, d in zip(x.shape, self._noise(x), strict=True)]
        keep = engine.keep(state.draw_key(self.seed), shape, 1 - self.rate)
        a = ((1 - self.rate) * (1 + self.rate * SELU_FLOOR**2)) ** -0.5
        b = -a * self.rate * SELU_FLOOR
        return ops.where(keep, x, SELU_FLOOR) * a + b

    def _noise(self, x: Any) -> Sequence[int | None]:
        return (None,) * x.ndim if self.noise_shape is None else self.noise_shape
