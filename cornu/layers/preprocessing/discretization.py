"""Numbers as the numbers of the bins they fall into."""

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np

from cornu import engine, policy
from cornu.config import Convert, OneOf, Within, field
from cornu.errors import UsageError
from cornu.layers.base import Layer
from cornu.layers.preprocessing.encoding import (
    TableLayer,
    batches,
    check_numbers,
    encoded,
    positive,
)


class Discretization(TableLayer):
    """The number of the bin that a value falls into: `b[i - 1] <= x < b[i]` for bin i.

    Shapes: the input's in mode "int" (int32); as `CategoryEncoding` in the others.

    Args:
        bin_boundaries: in order; one fewer than there are bins.
        num_bins: how many bins `adapt` makes, each with as many of the values.
        epsilon: error of the learned boundaries, as a part of all values: the values are kept as
            about 1 / epsilon weighted ones, so data may come from a generator.
        output_mode: "int", "one_hot", "multi_hot" or "count".
        sparse: must not be set: results are dense.

    Raises:
        UsageError: where neither or both of boundaries and number of bins are given.

    Example:
        >>> Discretization([0.0, 1.0])([[-0.5, 0.0, 3.0]])
        [[0, 1, 2]]
    """

    bin_boundaries: Any = None
    num_bins: Any = None
    epsilon: Annotated[float, Within(0, 1, open="()")] = 0.01
    output_mode: Annotated[str, OneOf("int", "one_hot", "multi_hot", "count")] = "int"
    sparse: bool = False
    dtype: Annotated[Any, Convert(policy.get)] = field(
        default=None, descriptor=Layer.__dict__["dtype"]
    )
    name: Any = None

    def set_up(self) -> None:
        """Check boundaries or number of bins."""
        super().set_up()
        if (self.bin_boundaries is None) == (self.num_bins is None):
            raise UsageError(
                "E-ARGUMENT-MISSING",
                f"{self.who} needs either bin_boundaries, as in [0.0, 1.0], or num_bins and "
                f"adapt(data); got {'both' if self.num_bins is not None else 'neither'}.",
            )
        if self.num_bins is not None:
            self.num_bins = positive(self.num_bins, self, "num_bins")
        else:
            self._take(self.bin_boundaries)

    def _take(self, boundaries: Any) -> None:
        found = np.asarray(boundaries, "float64").ravel()
        if len(found) == 0 or np.any(np.diff(found) < 0) or not np.all(np.isfinite(found)):
            raise UsageError(
                "E-RANGE",
                f"{self.who}: bin_boundaries must be finite numbers in rising order, at least one.",
            )
        self.bin_boundaries = [float(b) for b in found]

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Learn the boundaries anew: quantiles of all values of an array or of batches.

        NaN counts nowhere. `steps` ends after so many batches.
        """
        if self.num_bins is None:
            raise UsageError("E-ADAPT", f"{self.who} was given its boundaries: nothing to adapt.")
        values, weights = np.zeros(0), np.zeros(0)
        for batch in batches(data, self, steps):
            check_numbers(batch, self)
            more, counted = _summary(batch, self.epsilon)
            values, weights = np.append(values, more), np.append(weights, counted)
            order = np.argsort(values, kind="stable")
            values, weights = _shortened(values[order], weights[order], self.epsilon)
        if len(values) == 0:
            raise UsageError("E-EMPTY", f"{self.who}: adapt got no numbers besides NaN.")
        found, _ = _shortened(values, weights, 1 / self.num_bins)
        self._take(found[:-1] if len(found) > 1 else found)

    def call(self, x: Any) -> Any:
        check_numbers(x, self)
        if self.bin_boundaries is None:
            raise UsageError("E-ADAPT", f"{self.who} has no boundaries yet: call adapt(data).")
        x = engine.array(x)
        exact = "float64" if str(x.dtype) == "float64" else "float32"
        boundaries = np.asarray(self.bin_boundaries, exact)
        bins = engine.np.searchsorted(boundaries, engine.cast(x, exact), side="right")
        if self.output_mode == "int":
            return engine.cast(bins, "int32")
        return encoded(bins, self.output_mode, len(boundaries) + 1, self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """The constructor arguments, with the boundaries that were learned."""
        config = {**super().get_config(), "dtype": self.dtype_policy.name}
        del config["trainable"]
        return config

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "Discretization":
        """A layer from what `get_config` gave, learned boundaries included."""
        learned = config.get("num_bins") is not None and config.get("bin_boundaries")
        if not learned:
            return super().from_config(config)
        made = super().from_config({**config, "bin_boundaries": None})
        made._take(learned)
        return made


def _summary(batch: np.ndarray, epsilon: float) -> tuple[np.ndarray, np.ndarray]:
    """Every n-th of the sorted values, n being `epsilon` of them, each standing for n."""
    values = np.sort(batch.astype("float64").ravel())
    values = values[: np.searchsorted(values, np.nan)]
    step = max(int(len(values) * epsilon), 1)
    found = values[step - 1 :: step]
    return found, np.full(len(found), float(step))


def _shortened(
    values: np.ndarray, weights: np.ndarray, epsilon: float
) -> tuple[np.ndarray, np.ndarray]:
    """Sorted weighted values as those at every `epsilon` of the weight, between two if need be."""
    if len(values) * epsilon < 1:
        return values, weights
    upto = np.cumsum(weights)
    parts = epsilon + np.arange(0, 1, epsilon)
    found = np.interp(parts, upto / upto[-1], values)
    counted = np.interp(parts, upto / upto[-1], upto)
    return found, np.diff(counted, prepend=0)
