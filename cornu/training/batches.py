"""Batch and Part: what a step is given, and some batches to be run in one go."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from cornu import engine, tree


class Batch(NamedTuple):
    """Inputs in the model's structure; targets and sample weights a list by output."""

    x: Any
    y: list
    weights: list

    @property
    def rows(self) -> int:
        """Number of samples."""
        return next(int(leaf.shape[0]) for leaf in tree.leaves(self.x))

    def map(self, fn: Callable) -> "Batch":
        """`fn` over all arrays, once over one that is there twice; None stays None."""
        made: dict[int, Any] = {}

        def once(a: Any) -> Any:
            if a is not None and id(a) not in made:
                made[id(a)] = fn(a)
            return None if a is None else made[id(a)]

        return Batch(*(tree.map_structure(once, s) for s in self))

    def lean(self) -> "Batch":
        """Itself, with `()` for targets that are the input: autoencoders learn it.

        What is compiled is so given one array, and takes its rows once.
        """
        return self._replace(y=[() if a is not None and a is self.x else a for a in self.y])

    def whole(self) -> "Batch":
        """What was made `lean`."""
        return self._replace(y=[self.x if isinstance(a, tuple) else a for a in self.y])

    def take(self, order: Any, first: Any, rows: int) -> "Batch":
        """`rows` rows: those that `order` names from `first` on, or the next ones without it."""
        if order is None:
            if self.rows == rows:
                return self
            return self.map(
                lambda a: engine.slice(a, (first, *[0] * (a.ndim - 1)), (rows, *a.shape[1:]))
            )
        where = engine.slice(order, (first,), (rows,))
        return self.map(lambda a: engine.rows(a, where))


class Part(NamedTuple):
    """`count` batches of `rows` rows, from row `first` of `order` on."""

    batch: Batch
    order: Any
    first: int
    count: int
    rows: int

    def cut(self, done: int, count: int) -> "Part":
        """`count` of its batches, after the first `done`."""
        return self._replace(first=self.first + done * self.rows, count=count)

    def singly(self) -> Iterator["Part"]:
        """Its batches, each a part of its own."""
        return (self.cut(i, 1) for i in range(self.count))


def room_for(rows: int) -> int:
    """Rows of the compiled batch that takes `rows`: 1, 4, 16, then powers of two."""
    if rows <= 16:
        return 1 if rows <= 1 else 4 if rows <= 4 else 16
    return 1 << (rows - 1).bit_length()


def filled(x: Any, rows: int) -> Any:
    """Inputs with their last row repeated until there are `rows`."""

    def fill(a: Any) -> Any:
        namespace = np if isinstance(a, np.ndarray) else engine.np
        return namespace.concatenate([a, namespace.repeat(a[-1:], rows - len(a), axis=0)])

    return tree.map_structure(fill, x)
