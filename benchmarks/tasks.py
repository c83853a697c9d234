"""What the networks are trained on: random data of the right shapes, the same for every library."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.models import Mlp


@dataclass(frozen=True)
class Task:
    """Training data: inputs `x` (rows, …), targets `y` (rows, …), and how they are used.

    Integer targets are classes, of which there are `classes`; with `one_hot` Keras is given them as
    rows of zeros and a one. Float targets lie between 0 and 1 and are learned by binary
    cross-entropy.
    """

    x: tuple[np.ndarray, ...]
    y: np.ndarray
    batch: int
    classes: int = 0
    one_hot: bool = False
    accuracy: bool = False

    @property
    def rows(self) -> int:
        """How many there are."""
        return len(self.y)

    @property
    def binary(self) -> bool:
        """Whether the targets are learned by binary cross-entropy."""
        return self.y.dtype.kind == "f"

    @property
    def keras_x(self) -> np.ndarray | list[np.ndarray]:
        """The inputs as `fit` takes them: one array, or a list of several."""
        return self.x[0] if len(self.x) == 1 else list(self.x)

    @property
    def keras_y(self) -> np.ndarray:
        """The targets as `fit` takes them."""
        return np.eye(self.classes, dtype=np.float32)[self.y] if self.one_hot else self.y

    @property
    def keras_loss(self) -> str:
        """Keras's name of the loss."""
        if self.binary:
            return "binary_crossentropy"
        return "categorical_crossentropy" if self.one_hot else "sparse_categorical_crossentropy"


def vectors(rows: int, shape: Mlp, batch: int, **options: bool) -> Task:
    """Random float32 rows with labels that depend on them."""
    random = np.random.default_rng(0)
    x = random.standard_normal((rows, shape.inputs), dtype=np.float32)  # (rows, inputs)
    y = np.argmax(x[:, : shape.classes], axis=1).astype(np.int32)  # (rows,)
    return Task((x,), y, batch, shape.classes, **options)


def pictures(rows: int, shape: tuple[int, int, int], batch: int) -> Task:
    """Random pictures, values 0 to 1, of ten classes; accuracy is asked for, as tutorials do."""
    random = np.random.default_rng(0)
    x = random.random((rows, *shape), dtype=np.float32)  # (rows, height, width, channels)
    y = random.integers(0, 10, rows).astype(np.int32)  # (rows,)
    return Task((x,), y, batch, classes=10, accuracy=True)


def copies(rows: int, shape: tuple[int, ...], batch: int) -> Task:
    """Random pictures, values 0 to 1, that are their own targets."""
    x = np.random.default_rng(0).random((rows, *shape), dtype=np.float32)
    return Task((x,), x, batch)


def reviews(rows: int, words: int, steps: int, batch: int, classes: int = 2) -> Task:
    """Random texts, numbers of `steps` words, and their classes."""
    random = np.random.default_rng(0)
    x = random.integers(1, words, (rows, steps)).astype(np.int32)  # (rows, steps)
    y = random.integers(0, classes, rows).astype(np.int32)  # (rows,)
    return Task((x,), y, batch, classes, accuracy=True)


def verdicts(rows: int, words: int, steps: int, batch: int) -> Task:
    """Random texts, each with a yes or no: `y` is float32 (rows, 1)."""
    task = reviews(rows, words, steps, batch)
    return Task(task.x, task.y.astype(np.float32)[:, None], batch, accuracy=True)


def translations(rows: int, words: int, steps: int, batch: int) -> Task:
    """Random pairs of texts; the second is to be said one word ahead: `y` (rows, steps)."""
    random = np.random.default_rng(0)
    source, target = random.integers(1, words, (2, rows, steps)).astype(np.int32)
    return Task((source, target), np.roll(target, -1, axis=1), batch, words)
