"""Random draws with seeds, in the spirit of `keras.random`.

`seed` is None (the next draw of the running computation, or of the process), a whole number (the
same draw every time), or a `SeedGenerator` (a stream of its own).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from cornu import engine, state
from cornu.config import Configurable, field
from cornu.errors import UsageTypeError, shown
from cornu.graph import op
from cornu.ops import networks
from cornu.ops import random as draws
from cornu.state import Variable

__all__ = [
    "SeedGenerator",
    "beta",
    "binomial",
    "categorical",
    "dropout",
    "gamma",
    "normal",
    "randint",
    "shuffle",
    "truncated_normal",
    "uniform",
]


class SeedGenerator(Configurable):
    """A stream of random keys from one seed: every draw is new, and the sequence repeats.

    Within a compiled step the key of the step is mixed with the seed, so that nothing has to be
    carried from step to step. Elsewhere `state`, (seed, draws so far) in uint32, counts.

    Args:
        seed: whole number; taken from the process's seeds where it is None.
        name: a name, for messages.
    """

    seed: int | None = None
    name: str | None = field(default=None, config=False)

    wire_module = "keras.random"

    def set_up(self) -> None:
        self._start = state.seeds.next() if self.seed is None else self.seed & 0xFFFFFFFF
        first = np.array([self._start, 0], "uint32")
        self.state = Variable(first, trainable=False, name="seed_generator_state")

    def next(self) -> Any:
        """The key of the next draw: `uint32[2]`."""
        frame = state.frame()
        if frame is not None and frame.key is not None:
            return state.draw_key(self._start)
        word = self.state.value
        self.state.assign(word + np.array([0, 1], "uint32"))
        return engine.fold(word, word[1])


def _key(seed: Any) -> Any:
    if seed is None:
        return state.draw_key()
    if isinstance(seed, SeedGenerator):
        return seed.next()
    if isinstance(seed, (int, np.integer)) and not isinstance(seed, bool):
        return engine.key(int(seed))
    raise UsageTypeError(
        "E-SEED", f"seed must be None, a whole number or a SeedGenerator; got {shown(seed)}."
    )


def normal(
    shape: Sequence[int],
    mean: float = 0.0,
    stddev: float = 1.0,
    dtype: Any = None,
    seed: Any = None,
) -> Any:
    """Draws from the normal distribution."""
    return draws.normal(shape, mean, stddev, dtype, _key(seed))


def truncated_normal(
    shape: Sequence[int],
    mean: float = 0.0,
    stddev: float = 1.0,
    dtype: Any = None,
    seed: Any = None,
) -> Any:
    """Draws from the normal distribution, those beyond 2 deviations drawn again."""
    return draws.truncated_normal(shape, mean, stddev, dtype, _key(seed))


def uniform(
    shape: Sequence[int],
    minval: float = 0.0,
    maxval: float = 1.0,
    dtype: Any = None,
    seed: Any = None,
) -> Any:
    """Even draws from [minval, maxval); whole numbers where `dtype` is one of them."""
    if dtype is not None and np.dtype(dtype if dtype != "bfloat16" else "float16").kind in "iu":
        return randint(shape, int(minval), int(maxval), dtype, seed)
    return draws.uniform(shape, minval, maxval, dtype, _key(seed))


def randint(
    shape: Sequence[int], minval: int, maxval: int, dtype: Any = "int32", seed: Any = None
) -> Any:
    """Even draws of whole numbers from `minval` to `maxval - 1`."""
    return draws.randint(shape, minval, maxval, dtype, _key(seed))


def gamma(shape: Sequence[int], alpha: Any, dtype: Any = None, seed: Any = None) -> Any:
    """Draws from the Gamma distribution of shape `alpha` > 0 and scale 1.

    `alpha` is a number, or an array that broadcasts to `shape`.
    """
    return draws.gamma(shape, alpha, dtype, _key(seed))


def beta(shape: Sequence[int], alpha: Any, beta: Any, dtype: Any = None, seed: Any = None) -> Any:
    """Draws from the Beta distribution with parameters `alpha` and `beta` > 0.

    Both are numbers, or arrays that broadcast to `shape`.
    """
    return draws.beta(shape, alpha, beta, dtype, _key(seed))


def binomial(
    shape: Sequence[int], counts: Any, probabilities: Any, dtype: Any = None, seed: Any = None
) -> Any:
    """How many of `counts` trials, each true with its probability, are true, as floats.

    Both are numbers, or arrays that broadcast to `shape`.
    """
    return draws.binomial(shape, counts, probabilities, dtype, _key(seed))


@op
def categorical(logits: Any, num_samples: int, dtype: Any = "int32", seed: Any = None) -> Any:
    """Class numbers drawn with probabilities softmax(logits).

    (batch, classes) gives (batch, num_samples).
    """
    return draws.categorical(logits, num_samples, dtype, _key(seed))


@op
def dropout(
    inputs: Any, rate: float, noise_shape: Sequence[int | None] | None = None, seed: Any = None
) -> Any:
    """`inputs` with elements set to 0 with probability `rate`, the others divided by 1 - rate.

    See `ops.dropout` for `noise_shape`.
    """
    return networks.dropout(inputs, rate, noise_shape, _key(seed))


@op
def shuffle(x: Any, axis: int = 0, seed: Any = None) -> Any:
    """`x` with its slices along `axis` in random order."""
    return draws.shuffle(x, axis, _key(seed))
