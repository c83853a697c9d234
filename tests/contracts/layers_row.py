"""What a row of the layer contract is, and words that many rows share."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np


class Anew(NamedTuple):
    """An option that is made for each layer by itself, as a layer inside of it is."""

    make: Callable[..., Any]


class Row(NamedTuple):
    """`layers.name(**options)` of `args` must equal `reference(*args, w=weights)`.

    training: the same for a training step; "drawn" where it draws, None where it is no other.
    unknown: argument -> axes whose size a Tensor need not know.
    wrt: arguments to differentiate by. several: whether the layer takes a list.
    mask: what becomes of a mask: "passes", "ends", "warns" (ends with a warning) or "own".
    """

    name: str
    args: tuple
    reference: Callable[..., Any]
    options: Mapping[str, Any] = {}
    training: Any = None
    unknown: Mapping[int, Sequence[int]] = {0: (0,)}
    wrt: Sequence[int] = (0,)
    several: bool = False
    mask: str = "warns"

    def made(self, **more: Any) -> dict[str, Any]:
        """The options, and `more` for the layer and for layers inside of it."""
        own = {k: v.make(**more) if isinstance(v, Anew) else v for k, v in self.options.items()}
        return {**own, **more}

    @property
    def label(self) -> str:
        said = {k: v for k, v in self.options.items() if not (callable(v) or isinstance(v, Anew))}
        words = [self.name, *(f"{k}={v}" for k, v in said.items())]
        return "-".join(words).replace(" ", "")[:80]


FIRST = {"data_format": "channels_first"}
LAST = {"data_format": "channels_last"}


def rows(name: str, formula: Callable, *cases: tuple, **common: Any) -> list[Row]:
    """A row for each (args, options, more) of one layer."""
    made = []
    for args, options, *more in cases:
        extra = {**common, **(more[0] if more else {})}
        made.append(Row(name, args, formula, options, **extra))
    return made


ids = np.array([[1, 0, 4], [2, 2, 3]], "int32")
long_time = {"unknown": {0: (0, 1)}}
wide_space = {"unknown": {0: (0, 1, 2)}}
two = {"several": True, "unknown": {0: (0,), 1: (0,)}, "wrt": (0, 1), "mask": "passes"}
