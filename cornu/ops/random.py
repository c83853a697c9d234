"""Random draws from a key; `cornu.random` has the same with seeds.

Every function takes `key` (`uint32[2]`), the Frame's next one by default: a draw is then keyed by
the Frame's key, the node or layer and a count, so that it can be repeated exactly.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from cornu import engine, settings, state
from cornu.errors import UsageError, UsageTypeError
from cornu.graph import op
from cornu.ops.array import as_array, as_float, dtype_named, known_shape

__all__ = [
    "beta",
    "binomial",
    "categorical",
    "gamma",
    "normal",
    "randint",
    "shuffle",
    "truncated_normal",
    "uniform",
]


def _key(key: Any) -> Any:
    return state.draw_key() if key is None else key


@op
def normal(
    shape: Sequence[int],
    mean: float = 0.0,
    stddev: float = 1.0,
    dtype: Any = None,
    key: Any = None,
) -> Any:
    """Draws from the normal distribution."""
    draws = engine.normal(_key(key), known_shape(shape), dtype_named(dtype))
    return engine.cast(draws * stddev + mean, draws.dtype)


@op
def truncated_normal(
    shape: Sequence[int],
    mean: float = 0.0,
    stddev: float = 1.0,
    dtype: Any = None,
    key: Any = None,
) -> Any:
    """Draws from the normal distribution, those beyond 2 deviations drawn again.

    Their own deviation is 0.8796 `stddev`.
    """
    draws = engine.truncated_normal(_key(key), known_shape(shape), dtype_named(dtype))
    return engine.cast(draws * stddev + mean, draws.dtype)


@op
def uniform(
    shape: Sequence[int],
    minval: float = 0.0,
    maxval: float = 1.0,
    dtype: Any = None,
    key: Any = None,
) -> Any:
    """Even draws from [minval, maxval)."""
    return engine.uniform(_key(key), known_shape(shape), minval, maxval, dtype_named(dtype))


@op
def randint(
    shape: Sequence[int], minval: int, maxval: int, dtype: Any = "int32", key: Any = None
) -> Any:
    """Even draws of whole numbers from `minval` to `maxval - 1`."""
    return engine.integers(_key(key), known_shape(shape), minval, maxval, dtype_named(dtype))


@op
def gamma(shape: Sequence[int], alpha: Any, dtype: Any = None, key: Any = None) -> Any:
    """Draws from the Gamma distribution of shape `alpha` > 0 and scale 1: mean and variance alpha.

    `alpha` is a number, or an array that broadcasts to `shape`.
    """
    return engine.np.exp(_log_gamma(_key(key), shape, alpha, dtype))


@op
def beta(shape: Sequence[int], alpha: Any, beta: Any, dtype: Any = None, key: Any = None) -> Any:
    """Draws from the Beta distribution: mean alpha / (alpha + beta), between 0 and 1.

    `alpha` and `beta` > 0 are numbers, or arrays that broadcast to `shape`.
    """
    key = _key(key)
    # from logarithms of two Gamma draws, so that a small alpha divides no 0 by 0
    one = _log_gamma(engine.fold(key, 1), shape, alpha, dtype)
    other = _log_gamma(engine.fold(key, 2), shape, beta, dtype)
    return engine.np.exp(one - engine.np.logaddexp(one, other))


@op
def binomial(
    shape: Sequence[int], counts: Any, probabilities: Any, dtype: Any = None, key: Any = None
) -> Any:
    """How many of `counts` trials, each true with its probability, are true, as floats.

    `counts` and `probabilities` are numbers, or arrays that broadcast to `shape`.
    """
    dtype = _real("binomial", dtype)
    wide = _wide(dtype)
    trials = [engine.cast(as_array(x), wide) for x in (counts, probabilities)]
    return engine.cast(engine.binomial(_key(key), known_shape(shape), *trials, wide), dtype)


def _log_gamma(key: Any, shape: Sequence[int], alpha: Any, dtype: Any) -> Any:
    dtype = _real("gamma", dtype)
    wide = _wide(dtype)
    alpha = engine.cast(as_array(alpha), wide)
    return engine.cast(engine.log_gamma(key, known_shape(shape), alpha, wide), dtype)


def _wide(dtype: str) -> str:
    """float32 for what is shorter: the loops that draw need its digits."""
    return "float64" if dtype == "float64" else "float32"


def _real(name: str, dtype: Any) -> str:
    named = dtype_named(dtype)
    if named in settings.FLOATS:
        return named
    raise UsageTypeError("E-DTYPE", f"{name} draws floats, as in float32; got dtype {dtype!r}.")


@op
def categorical(logits: Any, num_samples: int, dtype: Any = "int32", key: Any = None) -> Any:
    """Class numbers drawn with probabilities softmax(logits), by the Gumbel-max trick.

    Args:
        logits: unnormalized log-probabilities, (batch, classes).
        num_samples: draws for each row.
        dtype: of the result, (batch, num_samples).
        key: as in the module.
    """
    logits = as_float(logits)
    if logits.ndim != 2:
        raise UsageError(
            "E-RANK", f"categorical: logits must be (batch, classes); got {tuple(logits.shape)}."
        )
    rows, classes = logits.shape
    least = float(np.finfo(np.float32).tiny)
    even = engine.uniform(_key(key), (rows, num_samples, classes), least, 1.0, "float32")
    gumbel = -engine.np.log(-engine.np.log(even))
    return engine.cast(engine.np.argmax(logits[:, None] + gumbel, -1), dtype_named(dtype))


@op
def shuffle(x: Any, axis: int = 0, key: Any = None) -> Any:
    """`x` with its slices along `axis` in random order."""
    x = as_array(x)
    return engine.np.take(x, engine.permutation(_key(key), x.shape[axis]), axis)
