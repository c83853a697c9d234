"""BatchNormalization as Keras 0.3 to 2.3 trained it, in files and in scripts.

In training all of them normalized by the moments of the batch, frozen or not, and saw no mask. Up
to 2.0 the moving averages followed even while frozen. What the moving variance followed changed
too: see the classes. In inference they all do what today's layer does.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from cornu import engine, ops
from cornu.dialects.generations import GENERATIONS
from cornu.dialects.older import OlderClass
from cornu.layers import BatchNormalization

__all__ = [
    "CorrectedNormalization",
    "DeviationNormalization",
    "FollowingNormalization",
    "TheanoCorrectedNormalization",
    "TheanoNormalization",
    "class_in",
    "normalized_as_then",
]


class _Older(OlderClass, BatchNormalization):
    """By the moments of the batch in training."""

    stands_for: ClassVar[type] = BatchNormalization
    follows_frozen: ClassVar[bool] = False

    def call(self, x: Any, training: Any = None, mask: Any = None) -> Any:
        if not training:
            return super().call(x, training=False)
        axis = self.axis % x.ndim
        along = [-1 if a == axis else 1 for a in range(x.ndim)]
        wide = engine.cast(x, "float32") if str(x.dtype) in ("float16", "bfloat16") else x
        mean, variance = self._batch_moments(wide, axis, None)
        if self.trainable or self.follows_frozen:
            self._follow(self.moving_mean, mean, self.momentum)
            self.follow_variance(variance, wide)
        return self.finish(wide, ops.reshape(mean, along), ops.reshape(variance, along), along)

    def follow_variance(self, variance: Any, x: Any) -> None:
        """Move the moving variance towards that of the batch `x`."""
        self._follow(self.moving_variance, self.estimate(variance, x), self.momentum)

    def estimate(self, variance: Any, x: Any) -> Any:
        """What the moving variance follows."""
        return variance


class FollowingNormalization(_Older):
    """The moving averages follow while frozen too: Keras 1.0.6 to 2.0."""

    follows_frozen = True


class TheanoNormalization(FollowingNormalization):
    """The moving variance follows `variance + epsilon`: Keras 1.2 and 2.0 on Theano."""

    def estimate(self, variance: Any, x: Any) -> Any:
        return variance + self.epsilon


class CorrectedNormalization(_Older):
    """The moving variance follows `variance * n / (n - 1 - epsilon)`: Keras 2.1 to 2.3.

    n is how many entries a channel has in the batch. For images with their channels last
    TensorFlow's own kernel gave `variance * n / (n - 1)` already, so that it counted twice.
    """

    def estimate(self, variance: Any, x: Any) -> Any:
        count = x.size // x.shape[self.axis]
        twice = x.ndim == 4 and self.axis % 4 == 3 and count > 1
        return self.corrected(variance * (count / (count - 1)) if twice else variance, count)

    def corrected(self, variance: Any, count: int) -> Any:
        """The variance of which these entries are a sample."""
        return variance * (count / (count - (1 + self.epsilon)))


class TheanoCorrectedNormalization(CorrectedNormalization):
    """The moving variance follows `(variance + epsilon) * n / (n - 1 - epsilon)`.

    Keras 2.1 to 2.3 on Theano.
    """

    def estimate(self, variance: Any, x: Any) -> Any:
        return self.corrected(variance + self.epsilon, x.size // x.shape[self.axis])


class DeviationNormalization(FollowingNormalization):
    """The moving average is that of `s = sqrt(variance + epsilon)`: Keras 0.3 to 1.0.5.

    It is kept as the variance `(s + epsilon)**2 - epsilon`, by which inference is as it was then.
    """

    def follow_variance(self, variance: Any, x: Any) -> None:
        past = ops.sqrt(self.moving_variance + self.epsilon) - self.epsilon
        now = ops.sqrt(variance + self.epsilon)
        s = past * self.momentum + now * (1 - self.momentum)
        self.moving_variance.assign(ops.square(s + self.epsilon) - self.epsilon)


def class_in(generation: str, theano: bool) -> str | None:
    """The name of the class that trains as a generation did; None for the present one."""
    place = GENERATIONS.index(generation)
    if generation == "3":
        return None
    if place < GENERATIONS.index("1.0"):
        return DeviationNormalization.__name__
    if place >= GENERATIONS.index("2.2"):
        return (TheanoCorrectedNormalization if theano else CorrectedNormalization).__name__
    late = theano and place >= GENERATIONS.index("1.2")
    return (TheanoNormalization if late else FollowingNormalization).__name__


def normalized_as_then(
    plain: Any, version: tuple[int, ...], theano: bool, deviations: bool, masks: bool
) -> Any:
    """A model's config in today's words, with the BatchNormalization of an older version.

    Args:
        plain: the config, or a part of it.
        version: of Keras, as numbers.
        theano: whether Theano computed it.
        deviations: whether the file has deviations in the place of variances.
        masks: whether any layer makes masks.
    """
    if isinstance(plain, list):
        return [normalized_as_then(one, version, theano, deviations, masks) for one in plain]
    if not isinstance(plain, Mapping):
        return plain
    found = {
        key: normalized_as_then(value, version, theano, deviations, masks)
        for key, value in plain.items()
    }
    if found.get("class_name") != BatchNormalization.__name__:
        return found
    frozen = not (found.get("config") or {}).get("trainable", True)
    if deviations:
        cls = DeviationNormalization
    elif version >= (2, 1):
        cls = TheanoCorrectedNormalization if theano else CorrectedNormalization
    elif theano and version >= (1, 2):
        cls = TheanoNormalization
    else:
        cls = FollowingNormalization if frozen or masks else BatchNormalization
    return {**found, "class_name": cls.__name__}
