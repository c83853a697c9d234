"""Initial values of weights, drawn by NumPy: no compile at start-up, the same on every engine.

An initializer is called as `initializer(shape, dtype)`. With `seed=None` every call draws anew from
`state.seeds`, which `set_random_seed` sets; with an int every call of one shape gives the same
values, and different shapes give independent ones.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, ClassVar

import numpy as np

from cornu import engine, settings, state
from cornu.config import Configurable, Convert, Family, OneOf, Within
from cornu.errors import UsageError, UsageTypeError, shown
from cornu.ops.signal import window_values

__all__ = [
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "IdentityInitializer",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "Orthogonal",
    "OrthogonalInitializer",
    "RandomNormal",
    "RandomUniform",
    "STFT",
    "STFTInitializer",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
    "compute_fans",
    "constant",
    "deserialize",
    "get",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "identity",
    "lecun_normal",
    "lecun_uniform",
    "ones",
    "orthogonal",
    "random_normal",
    "random_uniform",
    "serialize",
    "stft",
    "truncated_normal",
    "variance_scaling",
    "zeros",
]

TRUNCATED_DEVIATION = 0.87962566103423978
"""Standard deviation of a normal variable of deviation 1 that is kept within (-2, 2)."""

MODES = ("fan_in", "fan_out", "fan_avg")
DISTRIBUTIONS = ("truncated_normal", "untruncated_normal", "uniform")


def _seed(value: Any) -> Any:
    """None, an int, or a generator of seeds (an object with `next()`)."""
    if value is None or callable(getattr(value, "next", None)):
        return value
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        return int(value)
    raise UsageTypeError(
        "E-SEED", f"seed must be an int, None or a SeedGenerator, as in 42; got {shown(value)}."
    )


def _axes(value: Any) -> Any:
    """None, or a list of ints from one int or several."""
    if value is None:
        return None
    axes = list(value) if isinstance(value, (list, tuple)) else [value]
    if not all(isinstance(a, (int, np.integer)) and not isinstance(a, bool) for a in axes):
        raise UsageTypeError("E-AXIS", f"axes are ints, as in [0, 1]; got {shown(value)}.")
    return [int(a) for a in axes]


Seed = Annotated[Any, Convert(_seed)]
Axes = Annotated[Any, Convert(_axes)]


class Initializer(Configurable):
    """Makes the first value of a weight. Subclasses write `__call__(shape, dtype=None)`.

    Example:
        >>> class Halves(Initializer):
        ...     def __call__(self, shape, dtype=None):
        ...         return np.full(shape, 0.5, dtype)
    """

    wire_module = "keras.initializers"

    def __call__(self, shape: Sequence[int], dtype: str | None = None) -> Any:
        """An array of this shape and dtype (`settings.floatx()` by default)."""
        raise NotImplementedError(
            f"{type(self).__name__} has no __call__ method: write __call__(self, shape, dtype)."
        )

    def clone(self) -> "Initializer":
        """An initializer of the same config."""
        return type(self).from_config(self.get_config())


def _sizes(owner: Any, shape: Any) -> tuple[int, ...]:
    """The shape as a tuple of ints. Raises UsageError where it is not fully known."""
    sizes = tuple(shape) if isinstance(shape, (list, tuple)) else (shape,)
    for size in sizes:
        if not isinstance(size, (int, np.integer)) or isinstance(size, bool) or size < 0:
            raise UsageError(
                "E-SHAPE-UNKNOWN",
                f"{type(owner).__name__} needs a fully known shape, as in (784, 10); "
                f"got {shown(shape)}.",
            )
    return tuple(int(size) for size in sizes)


def _dtype(dtype: Any) -> np.dtype:
    """NumPy's dtype for a name; bfloat16 is the engine's."""
    name = settings.floatx() if dtype is None else dtype
    return np.dtype(engine.np.bfloat16 if str(name) == "bfloat16" else name)


def _drawing_dtype(owner: Any, dtype: Any) -> tuple[np.dtype, type]:
    """The dtype wanted, and the one to draw in. Raises UsageError unless it is a float dtype."""
    wanted = _dtype(dtype)
    if wanted.kind in "biuSU":
        raise UsageError(
            "E-DTYPE",
            f"{type(owner).__name__} draws floats and cannot fill {wanted}. Use a float dtype, or "
            '"zeros", "ones" or Constant.',
        )
    return wanted, (np.float64 if wanted == np.float64 else np.float32)


def _generator(seed: Any, shape: tuple[int, ...]) -> np.random.Generator:
    """A stream of numbers of its own for a seed and shape; the next of all where seed is None."""
    if seed is None:
        return np.random.Generator(np.random.PCG64(state.seeds.next()))
    found = [seed] if isinstance(seed, int) else np.ravel(np.asarray(seed.next())).tolist()
    entropy = [int(number) % 2**64 for number in found]
    return np.random.Generator(np.random.PCG64([*entropy, *shape]))


# ---------------------------------------------------------------- fixed values


class Zeros(Initializer):
    """All 0."""

    def __call__(self, shape: Sequence[int], dtype: str | None = None) -> np.ndarray:
        return np.zeros(_sizes(self, shape), _dtype(dtype))


class Ones(Initializer):
    """All 1."""

    def __call__(self, shape: Sequence[int], dtype: str | None = None) -> np.ndarray:
        return np.ones(_sizes(self, shape), _dtype(dtype))


class Constant(Initializer):
    """All `value`: a number, or an array that broadcasts to the shape.

    Raises UsageError where it does not broadcast.
    """

    value: Any = 0.0

    def __call__(self, shape: Sequence[int], dtype: str | None = None) -> np.ndarray:
        sizes = _sizes(self, shape)
        given = np.asarray(self.value)
        try:
            return np.broadcast_to(given, sizes).astype(_dtype(dtype))
        except ValueError:
            raise UsageError(
                "E-SHAPE",
                f"Constant holds a value of shape {given.shape}, which does not fit {sizes}.",
            ) from None


class Identity(Initializer):
    """A matrix with `gain` on its diagonal and 0 elsewhere. Raises UsageError unless rank 2."""

    gain: float = 1.0

    def __call__(self, shape: Sequence[int], dtype: str | None = None) -> np.ndarray:
        sizes = _sizes(self, shape)
        if len(sizes) != 2:
            raise UsageError(
                "E-SHAPE", f"Identity makes matrices, as in (64, 64); got the shape {sizes}."
            )
        return np.eye(*sizes, dtype=_dtype(dtype)) * _dtype(dtype).type(self.gain)


class STFT(Initializer):
    """Kernels (frame, 1, bins) that transform a windowed frame: cos or -sin of 2 pi k n / N.

    N is 2 (bins - 1). `side` is "real" or "imag". `window` is a name ("hann", "hamming"), its
    values, or None for no window; then there is no scaling either. `scaling` divides the window by
    the root of its energy ("density") or its sum ("spectrum"). A `periodic` window leaves out the
    last of frame + 1 values. Raises UsageError for a shape of another kind.
    """

    side: Annotated[str, OneOf("real", "imag")] = "real"
    window: Any = "hann"
    scaling: Annotated[Any, OneOf("density", "spectrum")] = "density"
    periodic: bool = False

    def __call__(self, shape: Sequence[int], dtype: str | None = None) -> np.ndarray:
        sizes = _sizes(self, shape)
        if len(sizes) != 3 or sizes[1] != 1 or sizes[2] < 2:
            raise UsageError(
                "E-SHAPE", f"STFT makes kernels of shape (frame, 1, bins >= 2); got {sizes}."
            )
        frame, _, bins = sizes
        turns = np.arange(frame)[:, None] * np.arange(bins) % (2 * (bins - 1)) / (2 * (bins - 1))
        waves = np.cos(2 * np.pi * turns) if self.side == "real" else -np.sin(2 * np.pi * turns)
        if self.window is not None:
            values = window_values(self.window, frame, self.periodic)
            size = {"density": np.sqrt(np.sum(values**2)), "spectrum": abs(np.sum(values))}
            waves *= (values / size.get(self.scaling, 1))[:, None]
        return waves[:, None].astype(_dtype(dtype))


# ---------------------------------------------------------------- draws


def _normal(stream: np.random.Generator, shape: tuple[int, ...], dtype: type) -> np.ndarray:
    return np.asarray(stream.standard_normal(shape, dtype=dtype))


def _truncated(stream: np.random.Generator, shape: tuple[int, ...], dtype: type) -> np.ndarray:
    """Normal draws; those of 2 deviations or more are drawn again."""
    drawn = _normal(stream, shape, dtype).reshape(-1)
    outside = np.flatnonzero(np.abs(drawn) >= 2)
    while outside.size:
        drawn[outside] = stream.standard_normal(outside.size, dtype=dtype)
        outside = outside[np.abs(drawn[outside]) >= 2]
    return drawn.reshape(shape)


def _uniform(stream: np.random.Generator, shape: tuple[int, ...], dtype: type) -> np.ndarray:
    return np.asarray(stream.random(shape, dtype=dtype))


def _placed(draws: np.ndarray, scale: float, shift: float, dtype: np.dtype) -> np.ndarray:
    """`draws * scale + shift`, in place where the dtype is the same."""
    draws *= draws.dtype.type(scale)
    if shift:
        draws += draws.dtype.type(shift)
    return draws.astype(dtype, copy=False)


class RandomNormal(Initializer):
    """Draws from the normal distribution."""

    mean: float = 0.0
    stddev: Annotated[float, Within(0)] = 0.05
    seed: Seed = None

    def __call__(self, shape: Sequence[int], dtype: str | None = None) -> np.ndarray:
        sizes = _sizes(self, shape)
        wanted, native = _drawing_dtype(self, dtype)
        draws = _normal(_generator(self.seed, sizes), sizes, native)
        return _placed(draws, self.stddev, self.mean, wanted)


class TruncatedNormal(Initializer):
    """Normal draws; those 2 `stddev` or more from the mean are drawn again."""

    mean: float = 0.0
    stddev: Annotated[float, Within(0)] = 0.05
    seed: Seed = None

    def __call__(self, shape: Sequence[int], dtype: str | None = None) -> np.ndarray:
        sizes = _sizes(self, shape)
        wanted, native = _drawing_dtype(self, dtype)
        draws = _truncated(_generator(self.seed, sizes), sizes, native)
        return _placed(draws, self.stddev, self.mean, wanted)


class RandomUniform(Initializer):
    """Even draws from [minval, maxval). Raises UsageError where `maxval < minval`."""

    minval: float = -0.05
    maxval: float = 0.05
    seed: Seed = None

    def set_up(self) -> None:
        """Hold the bounds against each other."""
        if self.maxval < self.minval:
            raise UsageError(
                "E-RANGE",
                f"RandomUniform: maxval must be >= minval; got minval={self.minval}, "
                f"maxval={self.maxval}.",
            )

    def __call__(self, shape: Sequence[int], dtype: str | None = None) -> np.ndarray:
        sizes = _sizes(self, shape)
        wanted, native = _drawing_dtype(self, dtype)
        draws = _uniform(_generator(self.seed, sizes), sizes, native)
        return _placed(draws, self.maxval - self.minval, self.minval, wanted)


class Orthogonal(Initializer):
    """A random matrix with orthonormal rows or columns (the fewer of both), times `gain`.

    A shape of higher rank is filled as the matrix `(all but the last, last)`. The sign of each
    column follows R's diagonal, so that the draw is even over all such matrices (Mezzadri, 2007).
    Raises UsageError below rank 2. Source: Saxe et al., ICLR 2014.
    """

    gain: float = 1.0
    seed: Seed = None

    def __call__(self, shape: Sequence[int], dtype: str | None = None) -> np.ndarray:
        sizes = _sizes(self, shape)
        if len(sizes) < 2:
            raise UsageError(
                "E-SHAPE", f"Orthogonal makes matrices, as in (64, 64); got the shape {sizes}."
            )
        wanted, _ = _drawing_dtype(self, dtype)
        rows, columns = math.prod(sizes[:-1]), sizes[-1]
        stream = _generator(self.seed, sizes)
        draws = stream.standard_normal((max(rows, columns), min(rows, columns)))
        q, r = np.linalg.qr(draws)
        q *= np.where(np.diagonal(r) < 0, -self.gain, self.gain)
        return np.ascontiguousarray(q if rows >= columns else q.T, wanted).reshape(sizes)


# ---------------------------------------------------------------- draws scaled by fans


def compute_fans(
    shape: Sequence[int],
    input_axes: Sequence[int] | None = None,
    output_axes: Sequence[int] | None = None,
) -> tuple[int, int]:
    """How many inputs each unit reads, and how many units each input reaches: `(in, out)`.

    A kernel is `(*window, inputs, units)` and each place of the window counts. With `input_axes`
    and `output_axes` (both) the fans are the products of those sizes and nothing else.
    """
    sizes = [int(size) for size in shape]
    if input_axes is not None and output_axes is not None:
        inputs = math.prod(sizes[axis] for axis in input_axes)
        return inputs, math.prod(sizes[axis] for axis in output_axes)
    if len(sizes) < 2:
        return (sizes[0], sizes[0]) if sizes else (1, 1)
    window = math.prod(sizes[:-2])
    return window * sizes[-2], window * sizes[-1]


def _scaled(owner: Any, shape: Any, dtype: Any, rule: tuple[float, str, str]) -> np.ndarray:
    """Draws of variance `scale / fan`."""
    scale, mode, distribution = rule
    sizes = _sizes(owner, shape)
    wanted, native = _drawing_dtype(owner, dtype)
    fan_in, fan_out = compute_fans(sizes, owner.input_axes, owner.output_axes)
    fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[mode]
    variance = scale / max(1.0, fan)
    stream = _generator(owner.seed, sizes)
    if distribution == "uniform":
        limit = math.sqrt(3.0 * variance)
        return _placed(_uniform(stream, sizes, native), 2.0 * limit, -limit, wanted)
    if distribution == "untruncated_normal":
        return _placed(_normal(stream, sizes, native), math.sqrt(variance), 0.0, wanted)
    deviation = math.sqrt(variance) / TRUNCATED_DEVIATION
    return _placed(_truncated(stream, sizes, native), deviation, 0.0, wanted)


def _distribution(value: Any) -> Any:
    lowered = value.lower() if isinstance(value, str) else value
    return "truncated_normal" if lowered == "normal" else lowered


class VarianceScaling(Initializer):
    """Draws of mean 0 and variance `scale / fan`; `mode` says which fan.

    `distribution` is "truncated_normal" ("normal" for short; no draw beyond 2 deviations of the
    normal distribution it is cut from), "untruncated_normal" or "uniform". For the axes see
    `compute_fans`.
    """

    scale: Annotated[float, Within(0, open="(")] = 1.0
    mode: Annotated[str, OneOf(*MODES)] = "fan_in"
    distribution: Annotated[str, Convert(_distribution), OneOf(*DISTRIBUTIONS)] = "truncated_normal"
    seed: Seed = None
    input_axes: Axes = None
    output_axes: Axes = None

    def __call__(self, shape: Sequence[int], dtype: str | None = None) -> np.ndarray:
        return _scaled(self, shape, dtype, (self.scale, self.mode, self.distribution))


class _Scaled(Initializer):
    """A `VarianceScaling` whose scale, mode and distribution have a name."""

    seed: Seed = None
    input_axes: Axes = None
    output_axes: Axes = None
    _rule: ClassVar[tuple[float, str, str]]

    def __call__(self, shape: Sequence[int], dtype: str | None = None) -> np.ndarray:
        return _scaled(self, shape, dtype, self._rule)


class GlorotUniform(_Scaled):
    """Even draws within sqrt(6 / (fan_in + fan_out)). Source: Glorot & Bengio, AISTATS 2010."""

    _rule = (1.0, "fan_avg", "uniform")


class GlorotNormal(_Scaled):
    """Truncated normal draws of variance 2 / (fan_in + fan_out). Source: Glorot & Bengio, 2010."""

    _rule = (1.0, "fan_avg", "truncated_normal")


class HeUniform(_Scaled):
    """Even draws within sqrt(6 / fan_in). Source: He et al., ICCV 2015."""

    _rule = (2.0, "fan_in", "uniform")


class HeNormal(_Scaled):
    """Truncated normal draws of variance 2 / fan_in. Source: He et al., ICCV 2015."""

    _rule = (2.0, "fan_in", "truncated_normal")


class LecunUniform(_Scaled):
    """Even draws within sqrt(3 / fan_in). Source: LeCun et al., Efficient BackProp, 1998."""

    _rule = (1.0, "fan_in", "uniform")


class LecunNormal(_Scaled):
    """Truncated normal draws of variance 1 / fan_in. Source: LeCun et al., 1998."""

    _rule = (1.0, "fan_in", "truncated_normal")


# ---------------------------------------------------------------- names

IdentityInitializer = identity = Identity
OrthogonalInitializer = orthogonal = Orthogonal
STFTInitializer = stft = STFT
constant = Constant
glorot_normal = GlorotNormal
glorot_uniform = GlorotUniform
he_normal = HeNormal
he_uniform = HeUniform
lecun_normal = LecunNormal
lecun_uniform = LecunUniform
ones = Ones
random_normal = RandomNormal
random_uniform = RandomUniform
truncated_normal = TruncatedNormal
variance_scaling = VarianceScaling
zeros = Zeros

family = Family("initializer", Initializer)
family.register(
    Constant,
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    Identity,
    LecunNormal,
    LecunUniform,
    Ones,
    Orthogonal,
    RandomNormal,
    RandomUniform,
    STFT,
    TruncatedNormal,
    VarianceScaling,
    Zeros,
    IdentityInitializer=Identity,
    OrthogonalInitializer=Orthogonal,
    STFTInitializer=STFT,
    stft=STFT,
    normal=RandomNormal,
    one=Ones,
    uniform=RandomUniform,
    zero=Zeros,
)


def get(identifier: Any) -> Any:
    """An initializer from a name, config, class, object or function `(shape, dtype) -> array`.

    An array becomes a `Constant`; None stays None. Raises UsageError for an unknown name.
    """
    if isinstance(identifier, np.ndarray) or engine.loaded() and engine.is_array(identifier):
        return Constant(identifier)
    return family.get(identifier)


def serialize(initializer: Initializer | Callable | None) -> Any:
    """The plain form of an initializer."""
    return family.serialize(initializer)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The initializer that a plain form describes. Raises UsageError for an unknown name."""
    return family.deserialize(config, custom_objects)
