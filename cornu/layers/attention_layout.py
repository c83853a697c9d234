"""How inputs of several axes are laid out for attention over one axis of places, and back."""

import math
from collections.abc import Sequence
from typing import Any

from cornu import engine, ops
from cornu.errors import UsageError
from cornu.layers.base import Layer
from cornu.ops.attention import both, causal


class Way:
    """How axes are laid out for attention over one batch axis and one axis of places, and back.

    query, value: shapes of the inputs. axes: those that places lie along. `plain`: whether inputs
    are laid out so already.
    """

    def __init__(self, layer: Layer, query: Any, value: Any, axes: tuple, is_causal: bool):
        rank = len(query)
        self.layer, self.axes, self.is_causal = layer, axes, is_causal
        self.others = [a for a in range(rank - 1) if a not in axes]
        self.plain = rank == 3 and axes == (1,)
        self.order = [*self.others, *axes, rank - 1, rank]  # heads and depth stay last
        self.outside = [query[a] for a in self.others]
        self.places = [query[a] for a in axes]
        self.key_places = [value[a] for a in axes]

    def fold(self, x: Any) -> Any:
        """(batch, time, heads, depth) from a projection."""
        if self.plain:
            return x
        x = ops.transpose(x, self.order)
        sizes = x.shape[len(self.others) : -2]
        return ops.reshape(x, (math.prod(self.outside), math.prod(sizes), *x.shape[-2:]))

    def unfold(self, x: Any) -> Any:
        """The layout of the query, with heads and depth last."""
        if self.plain:
            return x
        x = ops.reshape(x, (*self.outside, *self.places, *x.shape[-2:]))
        back = sorted(range(len(self.order)), key=self.order.__getitem__)
        return ops.transpose(x, back)

    def open(self, weights: Any) -> Any:
        """(batch, other axes, heads, places of the query, places of the key)."""
        if self.plain:
            return weights
        heads = weights.shape[1]
        return ops.reshape(weights, (*self.outside, heads, *self.places, *self.key_places))

    def seen(self, mask: Any) -> Any:
        """The mask with the causal one."""
        time, size = math.prod(self.places), math.prod(self.key_places)
        return both(mask, causal(time, size) if self.is_causal else None)

    def mask(
        self, given: Any, query_mask: Any, key_masks: Sequence[Any], window: int | None
    ) -> Any:
        """All masks but the causal one in one, for (batch, heads, time, key time); or None."""
        if len(self.axes) > 1 and (window is not None or self.is_causal):
            raise UsageError(
                "E-ATTENTION",
                f'{type(self.layer).__name__} "{self.layer.name}": places have an order along one '
                f"axis only; got attention_axes={self.axes} with "
                f"{'a causal mask' if self.is_causal else 'a sliding window'}.",
            )
        found = None
        if given is not None:
            found = self._fold_mask(_truth(given))
        if query_mask is not None:
            found = both(found, self._in_line(query_mask, self.places)[:, None, :, None])
        for one in key_masks:
            if one is not None:
                found = both(found, self._in_line(one, self.key_places)[:, None, None])
        if window is not None:
            found = both(found, _near(self.places[0], self.key_places[0], window))
        return found

    def _fold_mask(self, mask: Any) -> Any:
        """A mask of the layout of scores, axes before those of places missing from the right."""
        count = len(self.axes)
        rank = len(self.outside) + 1 + 2 * count
        start = mask.ndim - 2 * count
        if start < 0 or mask.ndim > rank:
            raise UsageError(
                "E-ATTENTION",
                f'{type(self.layer).__name__} "{self.layer.name}": attention_mask must have '
                f"{2 * count + 1} axes, (batch, query places, key places), or up to {rank} with "
                f"heads; got shape {tuple(mask.shape)}.",
            )
        shape = mask.shape
        mask = ops.reshape(mask, (*shape[:start], *[1] * (rank - mask.ndim), *shape[start:]))
        if self.plain:
            return mask
        before = len(self.outside)
        mask = _merged(mask, before + 1 + count, self.key_places)
        mask = _merged(mask, before + 1, self.places)
        return _merged(mask, 0, self.outside)

    def _in_line(self, mask: Any, places: Sequence[int]) -> Any:
        """(batch, time) from a mask of the layout of an input, last axes of which may lack."""
        mask = _truth(mask)
        if self.plain:
            return mask
        rank = len(self.outside) + len(self.axes)
        mask = ops.reshape(mask, (*mask.shape, *[1] * (rank - mask.ndim)))
        mask = ops.transpose(mask, self.order[:-2])
        return _merged(_merged(mask, len(self.outside), places), 0, self.outside)


def _truth(mask: Any) -> Any:
    return engine.cast(engine.array(mask), "bool")


def _merged(mask: Any, start: int, sizes: Sequence[int]) -> Any:
    """`mask` with the axes from `start`, of `sizes` or 1, made one."""
    end = start + len(sizes)
    here = tuple(mask.shape[start:end])
    if any(n != 1 for n in here) and here != tuple(sizes):
        mask = ops.broadcast_to(mask, (*mask.shape[:start], *sizes, *mask.shape[end:]))
    merged = math.prod(mask.shape[start:end])
    return ops.reshape(mask, (*mask.shape[:start], merged, *mask.shape[end:]))


def _near(time: int, size: int, window: int) -> Any:
    """True where two places are less than `window` apart."""
    apart = engine.np.arange(time)[:, None] - engine.np.arange(size)
    return engine.np.abs(apart) < window
