"""`Batches`: a data set that is read a batch at a time, again in every pass.

What the batches hold is a function's to say; here are their order, where a pass begins, and what
is done to them.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from cornu import tree
from cornu.errors import UsageError, shown

ELSEWHERE = {
    "as_numpy_iterator": "they are NumPy arrays; iter(ds)",
    "cardinality": "len(ds) is their number",
    "element_spec": "look at next(iter(ds))",
    "filter": "choose the samples where the batches are made",
    "repeat": "every pass of fit begins anew; say epochs=, or steps_per_epoch=",
    "shuffle": "say shuffle=True and seed= where they are made",
    "skip": "split_dataset(ds, left_size=0.8) keeps two parts apart in every pass",
    "unbatch": "say batch_size=None where they are made",
}
"""What a data set of TensorFlow has, and how the same is said here."""


class Batches:
    """Batches of NumPy arrays, to be passed to `fit` or iterated over, any number of times.

    Every iteration is a pass of its own. With `shuffle` each has another order, which follows from
    `seed` and the number of the pass alone: it can be repeated, and begun in its middle.

    Args:
        rows: how many samples there are.
        read: gives the samples of these numbers, an int64 array, as a batch: an array, or a tuple
            of arrays (x, y).
        batch_size: samples of a batch; None for single samples, without a batch axis.
        shuffle: whether the samples come in another order in each pass.
        seed: of the orders; drawn from NumPy's global state if None.

    Attributes:
        passes: number of the pass that the next iteration is, from 0.
        class_names: names of the classes, where they come from folders.
        file_paths: the files, where samples are files, in the order of an unshuffled pass.

    Raises:
        UsageError: for sizes below 1 and a negative seed.

    Example:
        >>> squares = Batches(5, lambda rows: rows**2, batch_size=2)
        >>> [batch.tolist() for batch in squares]
        [[0, 1], [4, 9], [16]]
        >>> len(squares.map(np.sqrt))
        3
    """

    def __init__(
        self,
        rows: int,
        read: Callable[[np.ndarray], Any],
        batch_size: int | None = 32,
        shuffle: bool = False,
        seed: int | None = None,
        class_names: Sequence[str] | None = None,
        file_paths: Sequence[str] | None = None,
    ):
        if batch_size is not None:
            _check("batch_size", batch_size, 1)
        self.rows, self.read, self.batch_size, self.shuffle = rows, read, batch_size, shuffle
        self.seed = drawn(seed) if shuffle else 0
        self.class_names = None if class_names is None else list(class_names)
        self.file_paths = None if file_paths is None else list(file_paths)
        self.passes, self._skipped = 0, 0
        self._functions: tuple[Callable, ...] = ()
        self._most: int | None = None

    def __len__(self) -> int:
        whole = -(-self.rows // (self.batch_size or 1))
        return whole if self._most is None else min(whole, self._most)

    def __iter__(self) -> "Pass":
        number, first = self.passes, self._skipped
        self.passes, self._skipped = number + 1, 0
        return Pass(self, number, first)

    def __repr__(self) -> str:
        size = "single" if self.batch_size is None else f"batches of {self.batch_size}"
        return f"<Batches: {self.rows} samples, {size}>"

    def order(self, number: int) -> np.ndarray:
        """The order of samples in pass `number`: int64 array of shape (rows,)."""
        if not self.shuffle:
            return np.arange(self.rows)
        generator = np.random.Generator(np.random.Philox(key=self.seed, counter=number))
        return generator.permutation(self.rows)

    def go_to(self, passes: int, batches: int = 0) -> None:
        """Have the next iteration be pass number `passes`, from after its first `batches` on."""
        _check("passes", passes, 0)
        _check("batches", batches, 0)
        self.passes, self._skipped = passes, batches

    def map(self, function: Callable[..., Any]) -> "Batches":
        """These batches with a function applied: to `x, y` of a pair, else to the batch alone."""
        if not callable(function):
            raise UsageError(
                "E-BATCHES",
                f"map takes a function; got {shown(function)}. ds.map(lambda x, y: (x / 255, y))",
            )
        found = copy.copy(self)
        found._functions = (*self._functions, function)
        return found

    def batch(self, batch_size: int) -> "Batches":
        """Single samples as batches. Raises UsageError where there are batches already."""
        _check("batch_size", batch_size, 1)
        if self.batch_size is not None:
            raise UsageError(
                "E-BATCHES",
                f"these are batches of {self.batch_size} already. Say the size where they are "
                "made; batch_size=None gives single samples.",
            )
        found = copy.copy(self)
        found.rows, found.batch_size, found._most = len(self), batch_size, None
        if self._functions:
            found.read, found._functions = self._stacked, ()
        return found

    def _stacked(self, rows: np.ndarray) -> Any:
        samples = [self._batch(rows, i) for i in range(len(rows))]
        return tree.map_structure(lambda *leaves: np.stack(leaves), *samples)

    def take(self, count: int) -> "Batches":
        """The first `count` batches of each pass."""
        _check("count", count, 0)
        found = copy.copy(self)
        found._most = min(count, len(self))
        return found

    def cache(self, filename: Any = None) -> "Batches":
        """These batches: files that were read once are in the memory of the system."""
        return self

    def prefetch(self, buffer_size: Any = None) -> "Batches":
        """These batches: `fit` makes them ahead by itself."""
        return self

    def __getattr__(self, name: str) -> Any:
        if name in ELSEWHERE:
            raise AttributeError(
                f"Batches have no '{name}': {ELSEWHERE[name]}", name=name, obj=self
            )
        raise AttributeError(f"Batches have no '{name}'", name=name, obj=self)

    def _identity(self) -> dict[str, Any]:
        """What must be the same for an order to mean the same batches."""
        return {"rows": self.rows, "batch_size": self.batch_size, "seed": self.seed}

    def _batch(self, order: np.ndarray, number: int) -> Any:
        size = self.batch_size or 1
        batch = self.read(order[number * size : (number + 1) * size])
        if self.batch_size is None:
            batch = tree.map_structure(lambda a: a[0], batch)
        for function in self._functions:
            batch = function(*batch) if isinstance(batch, tuple) else function(batch)
        return batch


class Pass:
    """The batches of one pass, from its batch `first` on; it can say and be told where it is."""

    def __init__(self, whole: Batches, number: int, first: int):
        self.whole = whole
        self._go_to(number, first)

    def _go_to(self, number: int, first: int) -> None:
        self.number, self.next = number, first
        self._order = self.whole.order(number)

    def __iter__(self) -> "Pass":
        return self

    def __next__(self) -> Any:
        if self.next >= len(self.whole):
            raise StopIteration
        batch = self.whole._batch(self._order, self.next)
        self.next += 1
        return batch

    def get_state(self) -> dict[str, Any]:
        """Which pass this is, which batch comes next, and what makes the same batches."""
        return {"pass": self.number, "batch": self.next, "of": self.whole._identity()}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go where `get_state` was; the next iteration is the pass after it.

        Raises UsageError where the batches are others than they were.
        """
        if state["of"] != self.whole._identity():
            raise UsageError(
                "E-BATCHES",
                f"these batches are others: then {state['of']}, now {self.whole._identity()}. Say "
                "the seed where they are made.",
            )
        self._go_to(state["pass"], state["batch"])
        self.whole.passes = self.number + 1


def drawn(seed: Any) -> int:
    """The seed, or one from NumPy's global state for None, as Keras draws it. Raises UsageError."""
    if seed is None:
        return int(np.random.randint(1_000_000))
    _check("seed", seed, 0)
    return int(seed)


def _check(name: str, value: Any, least: int) -> None:
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not whole or value < least:
        raise UsageError(
            "E-BATCHES", f"{name} must be a whole number from {least} on; got {shown(value)}."
        )
