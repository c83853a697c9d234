"""Features shifted and scaled by the mean and variance of data."""

from typing import Any

import numpy as np

from cornu import engine
from cornu.config import field
from cornu.errors import UsageError, UsageTypeError, shown
from cornu.layers.preprocessing.encoding import TableLayer, batches, check_numbers

SMALLEST = 1e-7
"""Least deviation that is divided by."""


class _Statistic:
    """Reads as what was given or, after `build`, learned; keeps what was given."""

    def __init__(self, name: str):
        self.name = name

    def __get__(self, layer: Any, owner: type | None = None) -> Any:
        if layer is None:
            return None
        given = layer.__dict__.get(f"_given_{self.name}")
        learned = layer.__dict__.get(f"adapt_{self.name}")
        return learned if given is None else given

    def __set__(self, layer: Any, value: Any) -> None:
        layer.__dict__[f"_given_{self.name}"] = value


class Normalization(TableLayer):
    """`(x - mean) / sqrt(variance)`, with the mean and variance of data seen by `adapt`.

    Shapes: the input's. In sums of many terms `adapt` uses the formulas of Chan, Golub, LeVeque
    (1979) in float64, one batch after another, so data may come from a generator.

    Args:
        axis: axes that keep a mean each: -1 for one per feature; None for one in all.
        mean: given instead of learned; a number, or the shape of the kept axes.
        variance: as `mean`; both or none.
        invert: undo it: `x * sqrt(variance) + mean`.

    Raises:
        UsageError: where only one of mean and variance is given, or `axis` names the batch.

    Example:
        >>> layer = Normalization()
        >>> layer.adapt([[1.0, 10.0], [3.0, 30.0]])
        >>> layer([[2.0, 40.0]])
        [[0., 2.]]
    """

    axis: Any = -1
    mean: Any = field(default=None, descriptor=_Statistic("mean"))
    variance: Any = field(default=None, descriptor=_Statistic("variance"))
    invert: bool = False

    autocast = True

    def set_up(self) -> None:
        """Check the axes, and that both figures are given or none."""
        super().set_up()
        self.axis = self._axes(self.axis)
        given = self.__dict__["_given_mean"], self.__dict__["_given_variance"]
        if (given[0] is None) != (given[1] is None):
            raise UsageError(
                "E-ARGUMENT-MISSING",
                f"{self.who} needs both mean and variance, or none; "
                f"got mean={shown(given[0])}, variance={shown(given[1])}.",
            )
        if given[0] is not None:
            self.mean, self.variance = (np.asarray(g, "float64") for g in given)
            if np.any(self.variance < 0):
                raise UsageError("E-RANGE", f"{self.who}: variance must be >= 0.")

    def _axes(self, axis: Any) -> tuple[int, ...]:
        if axis is None:
            return ()
        several = tuple(axis) if isinstance(axis, (list, tuple)) else (axis,)
        if not all(isinstance(a, (int, np.integer)) for a in several):
            raise UsageTypeError(
                "E-AXIS", f"{self.who}: axis must be an int, ints or None; got {shown(axis)}."
            )
        return tuple(int(a) for a in several)

    def build(self, input_shape: Any) -> None:
        shape = tuple(input_shape)
        kept = self._kept(len(shape))
        self._kept_axes = kept
        sizes = [shape[a] for a in kept]
        if None in sizes:
            raise UsageError(
                "E-SHAPE-UNKNOWN",
                f"{self.who}: axis {list(self.axis)} keeps a size that is not known: {shape}.",
            )
        given = self.__dict__["_given_mean"]
        if given is None:
            self.adapt_mean = self.add_weight(sizes, "zeros", trainable=False, name="mean")
            self.adapt_variance = self.add_weight(sizes, "ones", trainable=False, name="variance")
            self.count = self.add_weight((), "zeros", "int32", trainable=False, name="count")
            return
        self._check_given(given, sizes)
        self._check_given(self.__dict__["_given_variance"], sizes)

    def _check_given(self, given: np.ndarray, sizes: list[int]) -> None:
        try:
            np.broadcast_to(given, sizes)
        except ValueError as error:
            raise UsageError(
                "E-SIZE",
                f"{self.who}: mean and variance must fit the kept axes, shape {tuple(sizes)}; "
                f"got shape {given.shape}.",
            ) from error

    def _kept(self, rank: int) -> tuple[int, ...]:
        """The kept axes of an input of that rank, counted from the front."""
        for a in self.axis:
            if not -rank <= a < rank:
                raise UsageError(
                    "E-AXIS", f"{self.who}: axis {a} is none of an input with {rank} axes."
                )
            if a % rank == 0:
                raise UsageError(
                    "E-AXIS",
                    f"{self.who}: axis {a} of an input with {rank} axes is the batch. Give x a "
                    "feature axis, x[:, None], or use axis=None.",
                )
        return tuple(sorted(a % rank for a in self.axis))

    def adapt(self, data: Any) -> None:
        """Learn mean and variance anew from an array or an iterable of batches."""
        if self.__dict__["_given_mean"] is not None:
            raise UsageError(
                "E-ADAPT", f"{self.who} was given its mean and variance: there is nothing to adapt."
            )
        seen, mean, spread = 0, np.zeros(()), np.zeros(())
        for batch in batches(data, self):
            check_numbers(batch, self)
            if not self.built:
                self.build((None, *batch.shape[1:]))
            count, middle, around = self._moments(batch)
            step = middle - mean
            seen += count
            mean = mean + step * (count / seen)
            spread = spread + around + step**2 * (count * (seen - count) / seen)
        if not np.all(np.isfinite(mean)):
            raise UsageError(
                "E-NOT-FINITE",
                f"{self.who}: the data hold NaN or infinity. Fill or drop them first.",
            )
        self.adapt_mean.assign(mean)
        self.adapt_variance.assign(spread / seen)
        self.count.assign(min(seen, 2**31 - 1))

    def _moments(self, batch: np.ndarray) -> tuple[int, np.ndarray, np.ndarray]:
        """Number of values, mean, and sum of squared distances from it, of each kept place."""
        kept = self._kept(batch.ndim)
        sizes = tuple(batch.shape[a] for a in kept)
        if sizes != self.adapt_mean.shape:
            raise UsageError(
                "E-SIZE",
                f"{self.who} keeps shape {self.adapt_mean.shape}; a batch of shape {batch.shape} "
                f"has {sizes} there.",
            )
        others = tuple(a for a in range(batch.ndim) if a not in kept)
        wide = batch.astype("float64")
        middle = wide.mean(others)
        around = ((wide - np.expand_dims(middle, others)) ** 2).sum(others)
        return int(np.prod([batch.shape[a] for a in others])), middle, around

    def call(self, x: Any) -> Any:
        check_numbers(x, self)
        x = engine.cast(x, self.compute_dtype)
        mean, variance = self._shaped(self.mean, x.ndim), self._shaped(self.variance, x.ndim)
        deviation = engine.np.maximum(engine.np.sqrt(variance), SMALLEST)
        found = x * deviation + mean if self.invert else (x - mean) / deviation
        return engine.cast(found, self.compute_dtype)

    def _shaped(self, figure: Any, rank: int) -> Any:
        """A figure of the kept axes with axes of 1 between them."""
        value = getattr(figure, "value", figure)
        wide = "float32" if self.compute_dtype in ("float16", "bfloat16") else self.compute_dtype
        value = engine.cast(value, wide)
        kept = self._kept_axes
        if value.ndim < len(kept) or not kept:
            return value
        places = [slice(None) if a in kept else None for a in range(kept[0], rank)]
        return value[tuple(places)]

    def get_config(self) -> dict[str, Any]:
        """The constructor arguments; what was learned is in the Variables."""
        given = {n: self.__dict__[f"_given_{n}"] for n in ("mean", "variance")}
        plain = {n: None if g is None else g.tolist() for n, g in given.items()}
        return {**super().get_config(), "axis": list(self.axis), **plain}
