"""Batches by number and without end: the order of pictures, and where one is in it.

Batch number k is made of the seed and k alone, whoever asks for it and when: by `next()`, by
index, in any number of threads or processes. What a batch holds is said by the subclasses, here for
arrays, in `files` for folders, in `tables` for tables.
"""

import contextlib
import os
import threading
from collections.abc import Iterator as Iterating
from typing import Any

import numpy as np

from cornu.errors import UsageError, shown
from cornu.preprocessing.image import options
from cornu.preprocessing.image.draws import Random
from cornu.utils.image_files import array_to_img, data_format_of, encoded
from cornu.utils.pydataset import PyDataset

_global_state = threading.RLock()


@contextlib.contextmanager
def borrowed(random: Random) -> Iterating[None]:
    """NumPy's global state is that of `random` for a while, and then what it was."""
    if random is np.random:
        yield
        return
    with _global_state:
        before = np.random.get_state()
        np.random.set_state(random.get_state())
        try:
            yield
        finally:
            random.set_state(np.random.get_state())
            np.random.set_state(before)


class Iterator(PyDataset):
    """Batches of numbered samples, as a `Sequence` and without end.

    `len(it)` is the number of batches of a pass, `it[i]` a batch of the present pass, `next(it)`
    the next one; behind the last batch the next pass begins: `it[len(it)]` is its first one.
    `on_epoch_end()` begins the next pass for those who ask by index.

    A subclass has `_get_batches_of_transformed_samples(index_array)`, which gives the samples with
    these numbers as a batch. What it draws from NumPy's global state follows from the seed.

    Args:
        n: number of samples.
        batch_size: samples of a batch; the last one of a pass may have fewer.
        shuffle: whether each pass has an order of its own.
        seed: of the orders and of what is drawn; drawn from NumPy's global state if None.

    Raises:
        UsageError: for no samples, and sizes that are none.
    """

    goes_beyond = True  # says to `fit` that there are batches behind `len(self)`

    def __init__(self, n: int, batch_size: int, shuffle: bool, seed: int | None):
        for name, value in (("n", n), ("batch_size", batch_size)):
            if not options.is_whole(value) or value < 1:
                raise UsageError(
                    "E-AUGMENTATION", f"{name} must be a whole number above 0; got {shown(value)}."
                )
        if seed is not None and (not options.is_whole(seed) or seed < 0):
            raise UsageError(
                "E-SEED", f"seed must be a whole number from 0 on, or None; got {shown(seed)}."
            )
        super().__init__()
        self.n, self.batch_size, self.shuffle = int(n), int(batch_size), bool(shuffle)
        self.seed = int(np.random.randint(2**31 - 1) if seed is None else seed)
        self.lock = threading.Lock()
        self.begun = 0  # number of the batch that the present pass began with
        self.batch_index = 0  # batches of it that `next` has given
        self._order: tuple[int, np.ndarray] | None = None

    def __len__(self) -> int:
        return -(-self.n // self.batch_size)

    def __iter__(self) -> "Iterator":
        return self

    def __next__(self) -> Any:
        with self.lock:
            begun, index = self.begun, self.batch_index
            self.batch_index += 1
            if self.batch_index == len(self):
                self.begun, self.batch_index = begun + len(self), 0
        return self._at(begun, index)

    def next(self) -> Any:
        """The next batch."""
        return self.__next__()

    def __getitem__(self, idx: int) -> Any:
        later, index = divmod(idx, len(self))
        if idx < 0:
            later, index = 0, idx + len(self)
        if index < 0:
            raise UsageError(
                "E-AUGMENTATION", f"there is no batch {idx}: a pass has {len(self)}, from 0 on."
            )
        return self._at(self.begun + later * len(self), index)

    def reset(self) -> None:
        """Have a pass begin with the next batch."""
        with self.lock:
            self.begun, self.batch_index = self.begun + self.batch_index, 0

    def on_epoch_end(self) -> None:
        """Have the next pass begin."""
        with self.lock:
            self.begun, self.batch_index = self.begun + len(self), 0

    @property
    def total_batches_seen(self) -> int:
        """Number of batches before the next one."""
        return self.begun + self.batch_index

    @property
    def index_array(self) -> np.ndarray:
        """The order of samples in the present pass: (n,)."""
        return self._order_of(self.begun)

    # ---------------------------------------------------------------- places

    def get_state(self) -> dict[str, int]:
        """Where the next batch is from, as plain numbers."""
        with self.lock:
            return {
                "seed": self.seed,
                "begun": self.begun,
                "batch_index": self.batch_index,
                "n": self.n,
                "batch_size": self.batch_size,
            }

    def set_state(self, state: dict[str, int]) -> None:
        """Go on where `get_state` was called. Raises UsageError for another number of samples."""
        for name in ("n", "batch_size"):
            if state.get(name) != getattr(self, name):
                raise UsageError(
                    "E-RESUME",
                    f"this state is of {name}={shown(state.get(name))}, and there are "
                    f"{getattr(self, name)} here. Are these the same data?",
                )
        with self.lock:
            self.seed = int(state["seed"])
            self.begun, self.batch_index = int(state["begun"]), int(state["batch_index"])
            self._order = None

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if k not in ("lock", "_order")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, lock=threading.Lock(), _order=None)

    # ---------------------------------------------------------------- batches

    def _random(self, number: int) -> np.random.RandomState:
        """What draws for batch `number`, counted from the very first one."""
        return np.random.RandomState((self.seed + number) % 2**32)

    def _order_of(self, begun: int) -> np.ndarray:
        if not self.shuffle:
            return np.arange(self.n)
        known = self._order
        if known is None or known[0] != begun:
            known = self._order = (begun, self._random(begun).permutation(self.n))
        return known[1]

    def _at(self, begun: int, index: int) -> Any:
        """Batch `index` of the pass that began with batch number `begun`."""
        random = self._random(begun + index)
        if index == 0 and self.shuffle:
            order = random.permutation(self.n)  # as Keras: the first batch draws on after it
            self._order = (begun, order)
        else:
            order = self._order_of(begun)
        rows = order[index * self.batch_size : (index + 1) * self.batch_size]
        return self._batch(rows, random)

    def _batch(self, rows: np.ndarray, random: Random) -> Any:
        """The samples `rows`, with what is drawn for them."""
        with borrowed(random):
            return self._get_batches_of_transformed_samples(rows)

    def _get_batches_of_transformed_samples(self, index_array: np.ndarray) -> Any:
        """A batch of the samples with these numbers."""
        raise NotImplementedError(
            f"{type(self).__name__} must have _get_batches_of_transformed_samples(index_array)."
        )


class PictureIterator(Iterator):
    """What iterators over pictures have in common: how they are changed, and where they are kept.

    Args as of `Iterator`, and:
        generator: what changes the pictures; None for none.
        save_to_dir: a folder to write every picture to, as it was made; or None.
        save_prefix, save_format: names of these files begin with, and end in.
        numbers: how many different numbers are drawn for these names.
    """

    def __init__(
        self,
        n: int,
        batch_size: int,
        shuffle: bool,
        seed: int | None,
        generator: Any,
        data_format: str | None,
        save: tuple[Any, str, str],
        numbers: int,
    ):
        super().__init__(n, batch_size, shuffle, seed)
        self.image_data_generator, self.data_format = generator, data_format_of(data_format)
        folder, self.save_prefix, self.save_format = save
        self.save_to_dir = None if folder is None else os.fspath(folder)
        self._numbers = numbers
        if self.save_to_dir is not None and not os.path.isdir(self.save_to_dir):
            raise UsageError(
                "E-FOLDER", f"save_to_dir: there is no folder {self.save_to_dir}. Make it first."
            )

    def _get_batches_of_transformed_samples(self, index_array: np.ndarray) -> Any:
        return self._made(np.asarray(index_array), np.random)

    def _batch(self, rows: np.ndarray, random: Random) -> Any:
        own = type(self)._get_batches_of_transformed_samples
        if own is PictureIterator._get_batches_of_transformed_samples:
            return self._made(rows, random)
        return super()._batch(rows, random)  # a subclass has its own

    def _made(self, rows: np.ndarray, random: Random) -> Any:
        raise NotImplementedError

    def _changed(self, pictures: np.ndarray, rows: np.ndarray, random: Random) -> np.ndarray:
        """Pictures as they go to the model, and to `save_to_dir`."""
        if self.image_data_generator is not None:
            pictures = self.image_data_generator.batch(pictures, random)
        self._save(pictures, rows, random)
        return pictures

    def _save(self, pictures: np.ndarray, rows: np.ndarray, random: Random) -> None:
        if self.save_to_dir is None:
            return
        for row, picture in zip(rows, pictures, strict=True):
            name = f"{self.save_prefix}_{row}_{random.randint(self._numbers)}"
            content = encoded(array_to_img(picture, self.data_format), self.save_format)
            path = os.path.join(self.save_to_dir, f"{name}.{self.save_format}")
            with open(path, "wb") as file:
                file.write(content)


class NumpyArrayIterator(PictureIterator):
    """Batches of pictures in an array; arguments as of `ImageDataGenerator.flow`."""

    def __init__(
        self,
        x: Any,
        y: Any,
        image_data_generator: Any,
        batch_size: int = 32,
        shuffle: bool = False,
        sample_weight: Any = None,
        seed: int | None = None,
        data_format: str | None = None,
        save_to_dir: str | os.PathLike[str] | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: str | None = None,
        ignore_class_split: bool = False,
        dtype: Any = None,
    ):
        self.dtype = "float32" if dtype is None else dtype
        several = isinstance(x, (tuple, list)) and len(x) == 2 and np.ndim(x[0]) == 4
        x, misc = x if several else (x, [])
        axis = 1 if data_format_of(data_format) == "channels_first" else 3
        self.x = options.images(x, axis, "flow")
        misc = misc if isinstance(misc, (list, tuple)) else [misc]
        self.x_misc = [np.asarray(each) for each in misc]
        self.y = None if y is None else np.asarray(y)
        self.sample_weight = None if sample_weight is None else np.asarray(sample_weight)
        self._check_lengths()
        part = None if image_data_generator is None else image_data_generator.part(subset)
        if part is not None:
            self._take(part, ignore_class_split)
        save = (save_to_dir, save_prefix, save_format)
        super().__init__(
            len(self.x), batch_size, shuffle, seed, image_data_generator, data_format, save, 10_000
        )

    def _check_lengths(self) -> None:
        named = [(f"x[{i + 1}]", each) for i, each in enumerate(self.x_misc)]
        named += [("y", self.y), ("sample_weight", self.sample_weight)]
        for name, each in named:
            if each is not None and (each.ndim == 0 or len(each) != len(self.x)):
                raise UsageError(
                    "E-IMAGE",
                    f"there are {len(self.x)} pictures, and {name} is {shown(each)}: one entry for "
                    "each picture.",
                )

    def _take(self, part: tuple[float, float], ignore_classes: bool) -> None:
        """Keep a part of the samples: the first ones are for validation."""
        cut = int(len(self.x) * (part[1] if part[0] == 0 else part[0]))
        rows = slice(cut) if part[0] == 0 else slice(cut, None)
        if not 0 < cut < len(self.x):
            raise UsageError(
                "E-SPLIT",
                f"a split of {len(self.x)} pictures that leaves {cut} for validation has an empty "
                "part.",
            )
        if self.y is not None and not ignore_classes:
            if not np.array_equal(np.unique(self.y[:cut]), np.unique(self.y[cut:])):
                raise UsageError(
                    "E-SPLIT",
                    "training and validation pictures have different classes after the split: the "
                    "first ones are for validation. If y is sorted, mix x and y first: order = "
                    "np.random.permutation(len(x)). Where y is no class: ignore_class_split=True.",
                )
        self.x, self.x_misc = self.x[rows], [each[rows] for each in self.x_misc]
        self.y = None if self.y is None else self.y[rows]
        self.sample_weight = None if self.sample_weight is None else self.sample_weight[rows]

    def _made(self, rows: np.ndarray, random: Random) -> Any:
        if self.image_data_generator is None:
            pictures = self.x[rows].astype(self.dtype, copy=False)
        else:
            pictures = self.image_data_generator.batch(self.x, random, rows, self.dtype)
        self._save(pictures, rows, random)
        x = [pictures, *(each[rows] for each in self.x_misc)] if self.x_misc else pictures
        if self.y is None:
            return x
        if self.sample_weight is None:
            return x, self.y[rows]
        return x, self.y[rows], self.sample_weight[rows]
