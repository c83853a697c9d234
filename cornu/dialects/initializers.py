"""First values of weights as Keras 0.3 to 2.0 drew them, where that was not as today.

Formulas of fans and names of distributions are those of `cornu.initializers`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from cornu import initializers
from cornu.dialects import generations
from cornu.dialects.described import is_described
from cornu.dialects.older import OlderClass
from cornu.initializers import (
    TRUNCATED_DEVIATION,
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    Initializer,
    LecunNormal,
    Orthogonal,
    VarianceScaling,
)
from cornu.layers import GRU, LSTM, ConvLSTM2D

__all__ = [
    "OLDER_DRAWS",
    "FilterGlorotNormal",
    "FilterGlorotUniform",
    "GateByGate",
    "NarrowGlorotNormal",
    "NarrowHeNormal",
    "NarrowLecunNormal",
    "NarrowVarianceScaling",
    "WholeGlorotNormal",
    "WholeHeNormal",
    "gain_of_then",
    "gates_of_then",
    "whole_gates",
]

Shape = Sequence[int]

# ---------------------------------------------------------------- normal draws


class WholeGlorotNormal(OlderClass, GlorotNormal):
    """Normal draws of variance 2 / (fan_in + fan_out), none drawn again: Keras 1."""

    _rule = (1.0, "fan_avg", "untruncated_normal")
    stands_for: ClassVar[type] = GlorotNormal


class WholeHeNormal(OlderClass, HeNormal):
    """Normal draws of variance 2 / fan_in, none drawn again: Keras 0.3 and 1."""

    _rule = (2.0, "fan_in", "untruncated_normal")
    stands_for: ClassVar[type] = HeNormal


class _Narrow(OlderClass):
    """Draws beyond two deviations are drawn again, and nothing makes up for it: Keras 2.0, 2.1.

    So the variance is 0.77 of what the name promises.
    """

    def __call__(self, shape: Shape, dtype: str | None = None) -> np.ndarray:
        own: Any = self
        drawn = super().__call__(shape, dtype)  # pyright: ignore[reportAttributeAccessIssue]
        cut = getattr(own, "distribution", "truncated_normal") == "truncated_normal"
        return drawn * drawn.dtype.type(TRUNCATED_DEVIATION) if cut else drawn


class NarrowGlorotNormal(_Narrow, GlorotNormal):
    """`GlorotNormal` of Keras 2.0."""

    stands_for: ClassVar[type] = GlorotNormal


class NarrowHeNormal(_Narrow, HeNormal):
    """`HeNormal` of Keras 2.0."""

    stands_for: ClassVar[type] = HeNormal


class NarrowLecunNormal(_Narrow, LecunNormal):
    """`LecunNormal` of Keras 2.0."""

    stands_for: ClassVar[type] = LecunNormal


class NarrowVarianceScaling(_Narrow, VarianceScaling):
    """`VarianceScaling` of Keras 2.0."""

    stands_for: ClassVar[type] = VarianceScaling


# ---------------------------------------------------------------- fans


class _ByFilters(OlderClass):
    """The fan out of a convolution is its number of filters, whatever the window: Keras 0.3.

    That of kernels as Theano laid them; others counted axes that have other meanings there.
    """

    distribution: ClassVar[str]

    def __call__(self, shape: Shape, dtype: str | None = None) -> np.ndarray:
        own: Any = self
        places = list(range(len(shape)))
        axes = (places[:-1], places[-1:]) if len(shape) > 2 else (None, None)
        rule = (1.0, "fan_avg", self.distribution)
        return VarianceScaling(*rule, own.seed, *axes)(shape, dtype)


class FilterGlorotUniform(_ByFilters, GlorotUniform):
    """Even draws within sqrt(6 / (fan_in + filters)): Keras 0.3."""

    distribution: ClassVar[str] = "uniform"
    stands_for: ClassVar[type] = GlorotUniform


class FilterGlorotNormal(_ByFilters, GlorotNormal):
    """Normal draws of variance 2 / (fan_in + filters): Keras 0.3."""

    distribution: ClassVar[str] = "untruncated_normal"
    stands_for: ClassVar[type] = GlorotNormal


def gain_of_then(cls: type, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
    """A rule of `settling`: orthogonal matrices were taken 1.1 times in Keras 0.3 and 1."""
    said = args or "gain" in kwargs or is_described(cls)
    if cls is not Orthogonal or said or not generations.before("2.0"):
        return args, kwargs
    return args, {**kwargs, "gain": 1.1}


WHOLE = {"GlorotNormal": "WholeGlorotNormal", "HeNormal": "WholeHeNormal"}
OLDER_DRAWS: Mapping[str, Mapping[str, str]] = {
    "0.3": {
        "GlorotNormal": "FilterGlorotNormal",
        "GlorotUniform": "FilterGlorotUniform",
        "HeNormal": "WholeHeNormal",
    },
    "1.0": WHOLE,
    "1.2": WHOLE,
    "2.0": {
        name: f"Narrow{name}"
        for name in ("GlorotNormal", "HeNormal", "LecunNormal", "VarianceScaling")
    },
}
"""Generation -> class of today -> the class of then."""

# ---------------------------------------------------------------- gates


class GateByGate(Initializer):
    """Draws for each gate by itself, as Keras 0.3 and 1 did, whose gates had weights of their own.

    Shape: (..., gates * units), filled with one draw of (..., units) after the other.
    """

    initializer: Any
    gates: int

    def set_up(self) -> None:
        """Find the initializer of a name or config."""
        self.initializer = initializers.get(self.initializer)

    def __call__(self, shape: Shape, dtype: str | None = None) -> np.ndarray:
        own = (*shape[:-1], shape[-1] // self.gates)
        parts = [np.asarray(self.initializer(own, dtype=dtype)) for _ in range(self.gates)]
        return np.concatenate(parts, axis=-1)

    @property
    def stands_for(self) -> type | None:
        """What other readers take it for."""
        return type(self.initializer) if isinstance(self.initializer, Initializer) else None


GATES: Mapping[str, int] = {LSTM.__name__: 4, GRU.__name__: 3, ConvLSTM2D.__name__: 4}
NAMES = {"kernel_initializer": "init", "recurrent_initializer": "inner_init"}
"""Today's name of an initializer -> the old one."""


def _asked(cls: type) -> bool:
    """Whether the gates of a layer have weights of their own, and no file describes it."""
    return cls.__name__ in GATES and generations.before("2.0") and not is_described(cls)


def whole_gates(cls: type, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
    """A rule of `settling`, before old names are told: "gpu" had one kernel for all gates."""
    if kwargs.get("consume_less") != "gpu" or len(args) > 1 or not _asked(cls):
        return args, kwargs
    found = dict(kwargs)
    for name, old in NAMES.items():
        given = found.pop(old, None) or found.get(name) or _default(cls, name)
        found[name] = GateByGate(initializers.get(given), 1)
    return args, found


def gates_of_then(cls: type, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
    """A rule of `settling`, once names are today's: initializers gate by gate.

    In Keras 1.2 the recurrent weights of LSTM and GRU were begun as the kernel's, by a mistake.
    """
    if args[1:] or not _asked(cls):
        return args, kwargs
    found = dict(kwargs)
    for name in NAMES:
        given = found.get(name) or _default(cls, name)
        if not isinstance(given, GateByGate):
            mistaken = generations.current() == "1.2" and cls.__name__ != ConvLSTM2D.__name__
            if mistaken and name == "recurrent_initializer":
                given = found["kernel_initializer"].initializer
            found[name] = GateByGate(initializers.get(given), GATES[cls.__name__])
    return args, found


def _default(cls: Any, name: str) -> Any:
    return cls.fields[name].default
