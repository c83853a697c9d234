"""Random transforms of pictures: what is drawn for each, and in which order.

The order and the kind of every draw are those of Keras 2, so that a seed gives the numbers that it
gave there. One thing differs from its last releases: what is drawn from `height_shift_range` moves
rows and is `ty`; there it moved columns.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from cornu.preprocessing.image.affine import PARAMETERS

Random = Any
"""What draws: a `numpy.random.RandomState`, or the module `numpy.random`, NumPy's global state."""

Parameters = dict[str, Any]

NOTHING: Mapping[str, Any] = {
    **PARAMETERS,
    "flip_horizontal": 0,
    "flip_vertical": 0,
    "channel_shift_intensity": None,
    "brightness": None,
}
"""What leaves a picture as it is."""


class Column(NamedTuple):
    """One number for each picture, evenly drawn between two bounds; a part of one axis, maybe."""

    name: str
    low: float
    high: float
    axis: int | None = None

    def of(self, uniform: Any, shape: Sequence[int]) -> Any:
        """The number, from one evenly drawn between 0 and 1."""
        number = self.low + (self.high - self.low) * uniform
        return number if self.axis is None else number * shape[self.axis]


class Choice(NamedTuple):
    """One of some numbers of pixels, with either sign; a part of one axis, maybe."""

    name: str
    pixels: Any
    axis: int | None = None

    def draw(self, random: Random, shape: Sequence[int]) -> Any:
        """The number."""
        number = random.choice(self.pixels) * random.choice([-1, 1])
        return number if self.axis is None else number * shape[self.axis]


class Draws:
    """The table of what is drawn, in its order.

    Args:
        rotation: degrees to either side.
        height_shift, width_shift: a float: a part of the size, or pixels from 1 on, to either
            side; an int: whole pixels below it; a list: one of these numbers, with either sign.
        shear: degrees to either side.
        zoom: (least, most).
        flips: whether pictures are mirrored (left to right, upside down).
        channel_shift: most that is added to, or taken off, all values.
        brightness: (least, most), or None.
    """

    def __init__(
        self,
        rotation: float = 0.0,
        height_shift: Any = 0.0,
        width_shift: Any = 0.0,
        shear: float = 0.0,
        zoom: Sequence[float] = (1.0, 1.0),
        flips: tuple[bool, bool] = (False, False),
        channel_shift: float = 0.0,
        brightness: Sequence[float] | None = None,
    ):
        self.flips = flips
        rows: list[Column | Choice] = []
        if rotation:
            rows.append(Column("theta", -rotation, rotation))
        rows += _shift("ty", height_shift, 0) + _shift("tx", width_shift, 1)
        if shear:
            rows.append(Column("shear", -shear, shear))
        if tuple(zoom) != (1, 1):
            rows += [Column("zx", zoom[0], zoom[1]), Column("zy", zoom[0], zoom[1])]
        rows += [Column("flip_horizontal", 0, 1), Column("flip_vertical", 0, 1)]
        if channel_shift:
            rows.append(Column("channel_shift_intensity", -channel_shift, channel_shift))
        if brightness is not None:
            rows.append(Column("brightness", brightness[0], brightness[1]))
        self.rows = rows

    def draw(self, random: Random, count: int, shape: Sequence[int]) -> Parameters:
        """Parameters of `count` pictures of this (height, width): arrays (count,), by name."""
        if any(isinstance(row, Choice) for row in self.rows):
            each = [self._one(random, shape) for _ in range(count)]
            found = {row.name: np.array([one[row.name] for one in each]) for row in self.rows}
        else:
            uniform = random.random_sample((count, len(self.rows)))
            columns = zip(self.rows, uniform.T, strict=True)
            found = {row.name: row.of(drawn, shape) for row, drawn in columns}  # type: ignore
        for name, wanted in zip(("flip_horizontal", "flip_vertical"), self.flips, strict=True):
            found[name] = (found[name] < 0.5) & bool(wanted)
        return {**NOTHING, **found}

    def _one(self, random: Random, shape: Sequence[int]) -> Parameters:
        return {
            row.name: row.draw(random, shape)
            if isinstance(row, Choice)
            else row.of(random.random_sample(), shape)
            for row in self.rows
        }

    def single(self, random: Random, shape: Sequence[int]) -> Parameters:
        """Parameters of one picture, as plain numbers."""
        return {
            name: value[0].item() * 1 if isinstance(value, np.ndarray) else value
            for name, value in self.draw(random, 1, shape).items()
        }


def _shift(name: str, wanted: Any, axis: int) -> list[Column | Choice]:
    several = isinstance(wanted, (list, tuple, np.ndarray))
    if not several and not wanted:
        return []
    part = axis if np.max(wanted) < 1 else None
    if several or isinstance(wanted, (int, np.integer)):
        return [Choice(name, wanted, part)]
    return [Column(name, -wanted, wanted, part)]
