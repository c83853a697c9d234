"""Where batches come from.

Arrays become a `Resident`: put on the device once, then cut there by an order of rows. Anything
that yields batches becomes a `Stream`. Both hand out `Part`s: some batches to be run in one go.
What users pass is checked in `checks.py` before anything is compiled.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from cornu import engine, settings, tree
from cornu.errors import UsageError, shown


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
        """`fn` over all arrays; None stays None."""
        return Batch(*(tree.map_structure(lambda a: None if a is None else fn(a), s) for s in self))

    def take(self, order: Any, first: Any, rows: int) -> "Batch":
        """`rows` rows: those that `order` names from `first` on, or the next ones without it."""
        if order is None:
            if self.rows == rows:
                return self
            return self.map(
                lambda a: engine.slice(a, (first, *[0] * (a.ndim - 1)), (rows, *a.shape[1:]))
            )
        where = engine.slice(order, (first,), (rows,))
        return self.map(lambda a: engine.np.take(a, where, axis=0, mode="clip"))


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


class Resident:
    """Arrays held on the device.

    Args:
        batch: all samples, NumPy or engine arrays.
        batch_size: rows of a batch; the last one of a pass may have fewer.
        shuffle: whether every pass has its own order, see `follow`.
        steps: batches of a pass, running on into the next order; all rows once if None.
    """

    def __init__(
        self,
        batch: Batch,
        batch_size: int,
        shuffle: bool = False,
        steps: int | None = None,
    ):
        self.rows, self.limit = batch.rows, batch_size
        self.batch_size = min(batch_size, max(self.rows, 1))
        self.shuffle, self.seed, self.passes = shuffle, 0, 0
        self.whole = -(-self.rows // self.batch_size)
        self.steps = self.whole if steps is None else steps
        self.host = batch
        self._placed: Batch | None = None
        self.position = 0  # batches taken since the beginning

    @property
    def batch(self) -> Batch:
        """All samples on the device, put there at the first use."""
        if self._placed is None:
            self._placed = engine.put(self.host)
        return self._placed

    def first_host(self) -> Batch:
        """Samples as they were passed."""
        return self.host

    def close(self) -> None:
        """Nothing is held."""

    def follow(self, seed: int, passes: int) -> None:
        """Make the orders of rows from `seed`, counting passes on from `passes`."""
        self.seed, self.passes = seed, passes

    def order(self, number: int) -> Any:
        """The order of rows in pass `number`, the same for the same seed.

        NumPy's Philox makes it in a twentieth of the time that XLA takes to sort on a CPU.
        """
        if not self.shuffle:
            return None
        counter = self.passes + number
        generator = np.random.Generator(np.random.Philox(key=self.seed, counter=counter))
        return engine.array(generator.permutation(self.rows).astype("int32"))

    def parts(self) -> Iterator[Part]:
        """The parts of one pass: runs of equal batches, cut where the rows end."""
        left = self.steps
        while left:
            number, done = divmod(self.position, self.whole)
            order = self.order(number)
            full = self.rows // self.batch_size
            if done < full:
                count = min(full - done, left)
                part = Part(self.batch, order, done * self.batch_size, count, self.batch_size)
            else:
                count, first = 1, full * self.batch_size
                part = Part(self.batch, order, first, 1, self.rows - first)
            self.position += count
            left -= count
            yield part

    @property
    def first(self) -> Batch:
        """One batch, to look at shapes."""
        return self.host.map(lambda a: a[: self.batch_size])

    def padded(self, mixes_rows: bool) -> Iterator[tuple[Any, int]]:
        """Inputs of every batch, cut on the host, with the number of rows that count.

        The last batch is filled up to a power of two by repeating its last row, so that few
        shapes are compiled, unless rows might influence each other.
        """
        size = self.batch_size
        for first in range(0, self.rows, size):
            x = tree.map_structure(lambda a, at=first: a[at : at + size], self.host.x)
            rows = min(size, self.rows - first)
            wanted = rows if mixes_rows else min(self.limit, 1 << (rows - 1).bit_length())
            yield (x if wanted == rows else _filled(x, wanted)), rows


def _filled(x: Any, rows: int) -> Any:
    """`x` with its last row repeated until there are `rows`."""

    def fill(a: Any) -> Any:
        namespace = np if isinstance(a, np.ndarray) else engine.np
        return namespace.concatenate([a, namespace.repeat(a[-1:], rows - len(a), axis=0)])

    return tree.map_structure(fill, x)


class Stream:
    """Batches from an iterable, one at a time.

    Args:
        make: called at the beginning of each pass that does not go on with the last iterator.
        convert: turns what the iterable yields into a `Batch`, given its number.
        steps: batches of a pass, or None for all there are.
        forever: whether passes go on with one iterator (a Python generator).
    """

    def __init__(
        self,
        make: Callable[[int], Iterable],
        convert: Callable[[Any, int], Batch],
        steps: int | None,
        forever: bool,
    ):
        self.make, self.convert, self.steps, self.forever = make, convert, steps, forever
        self.passes = 0
        self.number = 0
        self._iterator: Iterator | None = None
        self._peeked: list[Batch] = []

    def _begin(self) -> Iterator:
        if self._iterator is None or not self.forever:
            self._iterator = iter(self.make(self.passes))
        return self._iterator

    def _next(self, iterator: Iterator) -> Batch | None:
        """The next batch; None at the end. An error of the user's own tells which batch."""
        try:
            item = next(iterator)
        except StopIteration:
            return None
        except Exception as error:
            error.add_note(f"while reading batch {self.number} of epoch {self.passes + 1}")
            raise
        batch = self.convert(item, self.number)
        self.number += 1
        return batch

    @property
    def first(self) -> Batch:
        """The first batch, kept for the first pass."""
        if not self._peeked:
            batch = self._next(self._begin())
            if batch is None:
                raise UsageError("E-EMPTY", "x yields no batches: it must yield at least one.")
            self._peeked.append(batch)
        return self._peeked[0]

    def follow(self, seed: int, passes: int) -> None:
        """Streams come in their own order."""

    def first_host(self) -> Batch:
        """The first batch of what comes next."""
        return self.last

    def close(self) -> None:
        """Close a Python generator, so that its own clean-up runs now."""
        if not self.forever and hasattr(self._iterator, "close"):
            self._iterator.close()  # pyright: ignore[reportOptionalMemberAccess]

    def padded(self, mixes_rows: bool) -> Iterator[tuple[Any, int]]:
        """Inputs of every batch with its number of rows."""
        for part in self.parts():
            yield part.batch.x, part.rows

    def parts(self) -> Iterator[Part]:
        """One part for each batch of a pass. Raises UsageError where the data end too early."""
        iterator = self._iterator if self._peeked else self._begin()
        assert iterator is not None
        done = 0
        while self.steps is None or done < self.steps:
            batch = self._peeked.pop() if self._peeked else self._next(iterator)
            if batch is None:
                break
            done += 1
            self.last = batch
            yield Part(batch, None, 0, 1, batch.rows)
        if self.steps is not None and done < self.steps:
            raise UsageError(
                "E-DATA-ENDED",
                f"generator ended after {done} of {self.steps} steps in epoch {self.passes + 1}. "
                "Lower steps_per_epoch, or let it loop for ever (while True).",
            )
        if not done:
            raise UsageError("E-EMPTY", "x yields no batches: it must yield at least one.")
        self.passes += 1
        if not self.forever:
            self._iterator, self.number = None, 0


# ---------------------------------------------------------------- arrays from what users pass


def as_array(value: Any, name: str) -> Any:
    """`value` as a NumPy or engine array of numbers. Raises UsageError saying what it is instead.

    Rectangular nested lists become arrays; float64 becomes `settings.floatx()`.
    """
    if value is None or engine.is_array(value):
        return value
    array = np.asarray(value) if not _is_ragged(value) else _ragged(value, name)
    if array.dtype.kind in "US":
        raise _is_text(array, name)
    if array.dtype == object:
        array = _from_objects(array, name)
    if array.ndim == 0:
        raise UsageError(
            "E-SCALAR", f"{name} must be array-like with a batch axis; got {shown(value)}."
        )
    if array.dtype == np.float64 and settings.floatx() != "float64":
        return array.astype(settings.floatx())
    if array.dtype.kind in "iu" and array.dtype.itemsize == 8:
        return _whole_numbers(array, name)
    return array


def _whole_numbers(array: np.ndarray, name: str) -> np.ndarray:
    """64-bit integers in 32 bits, if they fit."""
    if settings.floatx() == "float64":
        return array
    limits = np.iinfo(np.int32)
    if array.size and (array.max() > limits.max or array.min() < limits.min):
        raise UsageError(
            "E-INTEGER-RANGE",
            f"{name} holds {int(array.max())}, beyond 32 bits ({limits.max}). Renumber it, or "
            'use float64 throughout: cornu.config.set_floatx("float64").',
        )
    return array.astype(np.int32)


def _is_ragged(value: Any) -> bool:
    if not isinstance(value, (list, tuple)) or not value:
        return False
    lengths = {len(v) if isinstance(v, (list, tuple, np.ndarray)) else -1 for v in value}
    return len(lengths) > 1


def _ragged(value: Any, name: str) -> np.ndarray:
    lengths = [len(v) if hasattr(v, "__len__") else 0 for v in value]
    raise UsageError(
        "E-RAGGED",
        f"{name} has rows of different lengths ({min(lengths)} to {max(lengths)}). "
        f"Use pad_sequences({name}).",
    )


def _from_objects(array: np.ndarray, name: str) -> np.ndarray:
    if any(isinstance(v, str) for v in array.ravel()[:100]):
        raise _is_text(array, name)
    if any(v is None for v in array.ravel()[:100]):
        raise UsageError("E-OBJECT", f"{name} holds None: fill or drop the missing values.")
    if any(hasattr(v, "__len__") for v in array.ravel()[:100]):
        lengths = sorted({len(v) if hasattr(v, "__len__") else 0 for v in array.ravel()})
        raise UsageError(
            "E-RAGGED",
            f"{name} is an object array; rows have different lengths "
            f"({', '.join(map(str, lengths[:4]))}). Use pad_sequences({name}).",
        )
    try:
        return array.astype(settings.floatx())
    except (TypeError, ValueError) as error:
        raise UsageError("E-OBJECT", f"{name} is an object array: {error}.") from error


def _is_text(array: np.ndarray, name: str) -> UsageError:
    if name.startswith("y"):
        classes = sorted({str(v) for v in array.ravel()[:1000]})
        named = ", ".join(repr(c) for c in classes[:3]) + (", …" if len(classes) > 3 else "")
        word = "class" if len(classes) == 1 else "classes"
        return UsageError(
            "E-TEXT",
            f"{name} holds {len(classes)} text {word}: {named}. Map them to integers: "
            f"classes, {name} = np.unique({name}, return_inverse=True).",
        )
    return UsageError(
        "E-TEXT",
        f"{name} is text (dtype {array.dtype}). Encode it first: StringLookup / "
        "TextVectorization, or pd.get_dummies.",
    )


def by_name(given: Any, names: Sequence[str], what: str) -> list:
    """A list in the order of `names`, from an array, a list or tuple, or a dict."""
    if isinstance(given, Mapping):
        missing = [n for n in names if n not in given]
        extra = [n for n in given if n not in names]
        if extra or (missing and what != "y"):
            raise UsageError(
                "E-KEYS",
                f"{what} has the keys {sorted(map(str, given))}; the model knows "
                f"{sorted(names)}."
                + (f" Missing: {', '.join(missing)}." if missing else "")
                + (f" Unknown: {', '.join(map(str, extra))}." if extra else ""),
            )
        return [given.get(n) for n in names]
    if len(names) == 1:
        alone = isinstance(given, (list, tuple)) and len(given) == 1 and hasattr(given[0], "shape")
        return [given[0]] if alone else [given]
    if given is None:
        return [None] * len(names)
    if isinstance(given, (list, tuple)) and len(given) == len(names):
        return list(given)
    got = f"{len(given)} arrays" if isinstance(given, (list, tuple)) else "one array"
    example = ", ".join(f'"{n}": …' for n in names)
    raise UsageError(
        "E-OUTPUTS",
        f"model has {len(names)} outputs ({', '.join(names)}) but {what} is {got}. "
        f"Pass {what}=[{', '.join(f'{what}_{n}' for n in names)}] or {{{example}}}.",
    )
