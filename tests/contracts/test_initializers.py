"""Initializers: fans, moments, bounds, distributions, orthogonality, seeds, dtypes, configs."""

import math
import subprocess
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

from cornu import initializers, settings, state
from cornu.config import custom_object_scope
from cornu.errors import UsageError, UsageTypeError
from cornu.initializers import compute_fans
from cornu.state import Variable

SIGMAS = 5
SHAPES = [(200, 300), (5000,), (3, 3, 40, 32), (7, 32, 48), (2, 3, 3, 24, 40)]

# ---------------------------------------------------------------- fans

# Published rules: a matrix is (inputs, units), a kernel (*window, inputs, units) whose window
# counts for both; a vector has one fan, a scalar 1. With groups, inputs are those of one group.
FANS = {
    (): (1, 1),
    (7,): (7, 7),
    (1,): (1, 1),
    (3, 4): (3, 4),
    (784, 10): (784, 10),
    (1, 64): (1, 64),
    (3, 8, 16): (24, 48),
    (1, 5, 6): (5, 6),
    (5, 1, 32): (5, 160),
    (3, 3, 3, 64): (27, 576),
    (1, 1, 64, 256): (64, 256),
    (7, 7, 3, 64): (147, 3136),
    (3, 3, 32, 1): (288, 9),
    (5, 3, 4, 8): (60, 120),
    (2, 2, 2, 2): (8, 8),
    (3, 3, 3, 1, 16): (27, 432),
    (2, 3, 4, 5, 6): (120, 144),
    (1, 1, 1, 9, 9): (9, 9),
    (3, 1, 1, 8, 4): (24, 12),
    (2, 2, 2, 2, 3, 5): (48, 80),
    (64, 128, 4): (8192, 256),
}


@pytest.mark.parametrize(("shape", "fans"), FANS.items())
def test_fans(shape: tuple, fans: tuple):
    assert compute_fans(shape) == fans


@pytest.mark.parametrize(
    ("inputs", "outputs", "fans"),
    [
        ([0], [3], (20, 5)),
        ([0, 1], [2, 3], (600, 20)),
        ([0, 2], [-1], (80, 5)),
        ([2], None, (2400, 3000)),
    ],
)
def test_fans_of_named_axes(inputs: list, outputs: list | None, fans: tuple):
    assert compute_fans((20, 30, 4, 5), inputs, outputs) == fans


@pytest.mark.parametrize("mode", ["fan_in", "fan_out", "fan_avg"])
def test_fans_bound_the_draws(mode: str):
    """Uniform draws of 2880 numbers nearly fill their bounds sqrt(3 * scale / fan)."""
    make = initializers.VarianceScaling(2.0, mode, "uniform", seed=3)
    fan = {"fan_in": 90, "fan_out": 288, "fan_avg": 189}[mode]
    draws = make((3, 3, 10, 32))
    limit = math.sqrt(6 / fan)
    assert 0.99 * limit < draws.max() <= limit
    assert -limit <= draws.min() < -0.99 * limit


# ---------------------------------------------------------------- distributions

# E(z**2) and E(z**4) of a normal variable cut at 2 deviations, by parts:
# m2 = 1 - 2 a phi(a) / P and m4 = 3 m2 - 2 a**3 phi(a) / P, with P = P(|z| < a)
CUT = 2.0
_density = math.exp(-CUT * CUT / 2) / math.sqrt(2 * math.pi)
_inside = math.erf(CUT / math.sqrt(2))
CUT_M2 = 1 - 2 * CUT * _density / _inside
CUT_M4 = 3 * CUT_M2 - 2 * CUT**3 * _density / _inside
KURTOSIS = {"normal": 3.0, "uniform": 1.8, "truncated": CUT_M4 / CUT_M2**2}
_normal_below = np.vectorize(lambda z: 0.5 * math.erfc(-z / math.sqrt(2)))


def below(family: str, z: np.ndarray) -> np.ndarray:
    """P(draw < z), where z is in deviations of the draw."""
    if family == "uniform":
        return np.clip((z / math.sqrt(3) + 1) / 2, 0, 1)
    if family == "normal":
        return _normal_below(z)
    return (_normal_below(z * math.sqrt(CUT_M2)) - _normal_below(-CUT)) / _inside


class Row(NamedTuple):
    """A class, how its draws are distributed, and their deviation for fans (in, out)."""

    name: str
    family: str
    deviation: Callable[[float, float], float]
    kwargs: dict = {}
    mean: float = 0.0

    def make(self, seed: Any = 11) -> Any:
        return getattr(initializers, self.name)(**self.kwargs, seed=seed)


def _ratio(scale: float, fan: Callable) -> Callable:
    return lambda inputs, outputs: math.sqrt(scale / fan(inputs, outputs))


def _in(inputs: float, outputs: float) -> float:
    return inputs


def _out(inputs: float, outputs: float) -> float:
    return outputs


def _average(inputs: float, outputs: float) -> float:
    return (inputs + outputs) / 2


CUT_DEVIATION = math.sqrt(CUT_M2)
NORMAL = {"mode": "fan_out", "distribution": "untruncated_normal"}
DRAWS = [
    Row("GlorotNormal", "truncated", _ratio(1, _average)),
    Row("GlorotUniform", "uniform", _ratio(1, _average)),
    Row("HeNormal", "truncated", _ratio(2, _in)),
    Row("HeUniform", "uniform", _ratio(2, _in)),
    Row("LecunNormal", "truncated", _ratio(1, _in)),
    Row("LecunUniform", "uniform", _ratio(1, _in)),
    Row("RandomNormal", "normal", lambda *_: 0.05),
    Row("RandomNormal", "normal", lambda *_: 2.0, {"mean": 3.0, "stddev": 2.0}, 3.0),
    Row("RandomUniform", "uniform", lambda *_: 0.1 / math.sqrt(12)),
    Row("RandomUniform", "uniform", lambda *_: 4 / math.sqrt(12), {"minval": 1, "maxval": 5}, 3.0),
    Row("TruncatedNormal", "truncated", lambda *_: 0.05 * CUT_DEVIATION),
    Row(
        "TruncatedNormal",
        "truncated",
        lambda *_: 2 * CUT_DEVIATION,
        {"mean": -1.0, "stddev": 2.0},
        -1.0,
    ),
    Row("VarianceScaling", "truncated", _ratio(1, _in)),
    Row("VarianceScaling", "normal", _ratio(0.7, _out), {"scale": 0.7, **NORMAL}),
    Row("VarianceScaling", "uniform", _ratio(1, _in), {"distribution": "uniform"}),
]
FIXED = ("Constant", "Identity", "Ones", "Orthogonal", "Zeros")
ALIASES = {
    "IdentityInitializer": "Identity",
    "OrthogonalInitializer": "Orthogonal",
    "STFTInitializer": "STFT",
    "constant": "Constant",
    "glorot_normal": "GlorotNormal",
    "glorot_uniform": "GlorotUniform",
    "he_normal": "HeNormal",
    "he_uniform": "HeUniform",
    "identity": "Identity",
    "lecun_normal": "LecunNormal",
    "lecun_uniform": "LecunUniform",
    "normal": "RandomNormal",
    "one": "Ones",
    "ones": "Ones",
    "orthogonal": "Orthogonal",
    "random_normal": "RandomNormal",
    "random_uniform": "RandomUniform",
    "stft": "STFT",
    "truncated_normal": "TruncatedNormal",
    "uniform": "RandomUniform",
    "variance_scaling": "VarianceScaling",
    "zero": "Zeros",
    "zeros": "Zeros",
}
OTHERS = {"Initializer", "compute_fans", "deserialize", "get", "serialize"}


def by_label(row: Row) -> str:
    return "-".join([row.name, row.family, *map(str, row.kwargs)])


def test_every_public_member_has_a_row():
    classes = {row.name for row in DRAWS} | set(FIXED) | {"STFT"}  # layers/test_spectrograms.py
    short = {alias for alias in ALIASES if hasattr(initializers, alias)}
    assert set(initializers.__all__) == classes | short | OTHERS


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("row", DRAWS, ids=by_label)
def test_moments_and_bounds(row: Row, shape: tuple):
    draws = row.make()(shape)
    assert draws.shape == shape
    assert draws.dtype == np.float32
    assert type(draws) is np.ndarray
    wide = draws.astype("float64").ravel() - row.mean
    deviation = row.deviation(*FANS.get(shape, compute_fans(shape)))
    error = deviation / math.sqrt(wide.size)
    assert abs(wide.mean()) < SIGMAS * error
    spread = np.mean(wide**2) / deviation**2
    assert abs(spread - 1) < SIGMAS * math.sqrt((KURTOSIS[row.family] - 1) / wide.size)
    most = {"uniform": math.sqrt(3), "truncated": CUT / CUT_DEVIATION, "normal": 8}[row.family]
    assert np.abs(wide).max() <= deviation * most * (1 + 1e-6)


@pytest.mark.parametrize("row", DRAWS, ids=by_label)
def test_distribution(row: Row):
    """Kolmogorov and Smirnov: sqrt(n) times the largest gap exceeds 2.7 once in a million."""
    shape = (300, 400)
    draws = row.make()(shape).astype("float64").ravel() - row.mean
    ordered = np.sort(draws) / row.deviation(*shape)
    expected = below(row.family, ordered[::50])
    found = np.arange(ordered.size)[::50] / ordered.size
    assert np.abs(found - expected).max() * math.sqrt(ordered.size) < 2.7


def test_draws_are_independent_of_their_neighbours():
    """Correlation of each number with the next, along both axes, within 5 sigma."""
    for row in DRAWS:
        draws = row.make()((300, 400)).astype("float64")
        draws = (draws - draws.mean()) / draws.std()
        for one, other in ((draws[1:], draws[:-1]), (draws[:, 1:], draws[:, :-1])):
            assert abs(np.mean(one * other)) < SIGMAS / math.sqrt(one.size)


# ---------------------------------------------------------------- orthogonal


@pytest.mark.parametrize("shape", [(6, 6), (12, 5), (5, 12), (3, 3, 4, 8), (64, 256)], ids=str)
@pytest.mark.parametrize("gain", [1.0, 1.7])
def test_orthogonal(shape: tuple, gain: float):
    made = initializers.Orthogonal(gain, seed=5)(shape)
    assert made.dtype == np.float32
    matrix = made.astype("float64").reshape(-1, shape[-1])
    product = matrix.T @ matrix if matrix.shape[0] >= matrix.shape[1] else matrix @ matrix.T
    np.testing.assert_allclose(product, gain**2 * np.eye(len(product)), atol=1e-5)


def test_orthogonal_is_even_over_all_rotations():
    """The mean of each entry over the group is 0 and its variance 1/n; plain QR leans one way."""
    made = np.stack([initializers.Orthogonal(seed=s)((3, 3)) for s in range(600)])
    assert np.abs(made.mean(0)).max() < SIGMAS * math.sqrt(1 / 3 / len(made))
    np.testing.assert_allclose((made**2).mean(0), np.full((3, 3), 1 / 3), atol=0.07)
    assert 200 < (np.linalg.det(made) > 0).sum() < 400


def test_orthogonal_needs_a_matrix():
    with pytest.raises(UsageError, match=r"as in \(64, 64\); got the shape \(4,\)"):
        initializers.Orthogonal()((4,))


# ---------------------------------------------------------------- fixed values


def test_fixed_values():
    np.testing.assert_array_equal(initializers.Zeros()((2, 3)), [[0, 0, 0], [0, 0, 0]])
    np.testing.assert_array_equal(initializers.Ones()([2, 1]), [[1], [1]])
    np.testing.assert_array_equal(initializers.Constant(2.5)((2,)), [2.5, 2.5])
    np.testing.assert_array_equal(initializers.Constant()(()), 0)
    np.testing.assert_array_equal(initializers.Constant([1, 2])((2, 2)), [[1, 2], [1, 2]])
    np.testing.assert_array_equal(initializers.Identity(3.0)((2, 3)), [[3, 0, 0], [0, 3, 0]])


def test_constant_does_not_lend_its_array():
    value = np.arange(3.0)
    made = initializers.Constant(value)((3,), "float64")
    made[0] = 9
    assert value[0] == 0


def test_fixed_values_that_do_not_fit():
    with pytest.raises(UsageError, match=r"of shape \(3,\), which does not fit \(2, 2\)"):
        initializers.Constant([1, 2, 3])((2, 2))
    with pytest.raises(UsageError, match=r"got the shape \(2, 2, 2\)"):
        initializers.Identity()((2, 2, 2))


# ---------------------------------------------------------------- shapes and dtypes


@pytest.mark.parametrize("name", [*(row.name for row in DRAWS), *FIXED])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_float_dtypes(name: str, dtype: str):
    make = getattr(initializers, name)()
    made = make((5, 4), dtype=dtype)
    assert isinstance(made, np.ndarray)
    assert str(made.dtype) == dtype
    variable = Variable(make, (5, 4), dtype)
    assert variable.dtype == dtype
    assert variable.shape == (5, 4)


def test_float64_draws_have_all_their_bits():
    for row in DRAWS:
        draws = row.make()((40,), "float64")
        assert (draws != draws.astype("float32")).all()
    made = initializers.Orthogonal(seed=1)((9, 9), "float64")
    np.testing.assert_allclose(made @ made.T, np.eye(9), atol=1e-14)


@pytest.mark.parametrize("name", ["Zeros", "Ones", "Constant", "Identity"])
@pytest.mark.parametrize("dtype", ["int32", "uint8", "bool", "int64"])
def test_whole_dtypes(name: str, dtype: str):
    assert getattr(initializers, name)()((2, 2), dtype).dtype == dtype


def test_draws_need_a_float_dtype():
    for make in (initializers.GlorotUniform(), initializers.RandomNormal()):
        with pytest.raises(UsageError, match="draws floats and cannot fill int32") as info:
            make((2, 2), "int32")
        assert info.value.code == "E-DTYPE"


def test_default_dtype_is_floatx():
    before = settings.floatx()
    try:
        settings.set_floatx("float64")
        assert initializers.HeNormal()((2, 2)).dtype == np.float64
        assert initializers.Zeros()((2, 2)).dtype == np.float64
    finally:
        settings.set_floatx(before)
    assert initializers.HeNormal()((2, 2)).dtype == np.float32


@pytest.mark.parametrize("name", ["GlorotUniform", "Zeros", "RandomNormal"])
@pytest.mark.parametrize("shape", [(None, 3), (2, -1), (2.0, 3), ("a",), None])
def test_unknown_shapes(name: str, shape: Any):
    with pytest.raises(UsageError, match=f"{name} needs a fully known shape.*E-SHAPE-UNKNOWN"):
        getattr(initializers, name)()(shape)


@pytest.mark.parametrize("name", [row.name for row in DRAWS])
def test_scalars_and_empty_shapes(name: str):
    make = getattr(initializers, name)()
    assert make(()).shape == ()
    assert make((0, 4)).shape == (0, 4)
    assert make(3).shape == (3,)


def test_draws_load_no_framework():
    code = (
        "import sys; from cornu import initializers as i; i.get('he_normal')((3, 3)); "
        "i.get('orthogonal')((3, 3)); assert 'jax' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# ---------------------------------------------------------------- seeds


@pytest.mark.parametrize("row", [*DRAWS, Row("Orthogonal", "", lambda *_: 0)], ids=by_label)
def test_seeds(row: Row):
    make, twin, other = row.make(7), row.make(7), row.make(8)
    first = make((4, 6))
    np.testing.assert_array_equal(first, make((4, 6)))
    np.testing.assert_array_equal(first, twin((4, 6)))
    assert (first != other((4, 6))).all()


@pytest.mark.parametrize("row", [*DRAWS, Row("Orthogonal", "", lambda *_: 0)], ids=by_label)
def test_without_a_seed_every_call_draws_anew(row: Row):
    make = row.make(None)
    state.set_random_seed(5)
    first, second = make((4, 6)), make((4, 6))
    assert (first != second).all()
    state.set_random_seed(5)
    np.testing.assert_array_equal(first, row.make(None)((4, 6)))
    np.testing.assert_array_equal(second, make((4, 6)))


def test_one_seed_gives_shapes_their_own_draws():
    """A short weight is no prefix of a long one made with the same seed."""
    make = initializers.RandomNormal(seed=1)
    assert not np.isin(make((6,)), make((8,))).any()
    assert not np.isin(make((2, 3)), make((3, 2))).any()


def test_whole_seeds_of_any_kind():
    reference = initializers.RandomNormal(seed=3)((5,))
    np.testing.assert_array_equal(initializers.RandomNormal(seed=np.int64(3))((5,)), reference)
    assert (initializers.RandomNormal(seed=-3)((5,)) != reference).all()
    assert initializers.RandomNormal(seed=2**40)((5,)).shape == (5,)


def test_a_generator_of_seeds_is_asked_at_every_call():
    class Counter:
        count = 0

        def next(self) -> np.ndarray:
            self.count += 1
            return np.array([self.count, 0], "uint32")

    counter = Counter()
    make = initializers.RandomUniform(seed=counter)
    assert (make((9,)) != make((9,))).all()
    assert counter.count == 2


@pytest.mark.parametrize("seed", [True, 1.5, "7"])
def test_seeds_of_the_wrong_type(seed: Any):
    with pytest.raises(UsageTypeError, match="seed must be an int, None or a SeedGenerator"):
        initializers.HeNormal(seed=seed)


# ---------------------------------------------------------------- arguments


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: initializers.VarianceScaling(scale=0), "scale must be > 0; got 0"),
        (lambda: initializers.VarianceScaling(mode="fan"), "mode must be one of 'fan_in'"),
        (lambda: initializers.VarianceScaling(mode="fan_inn"), 'Did you mean "fan_in"'),
        (lambda: initializers.VarianceScaling(distribution="cauchy"), "distribution must be"),
        (lambda: initializers.RandomNormal(stddev=-1), "stddev must be >= 0; got -1"),
        (lambda: initializers.TruncatedNormal(stddev=-0.1), "stddev must be >= 0"),
        (lambda: initializers.RandomUniform(1, 0), "maxval must be >= minval; got minval=1"),
    ],
)
def test_wrong_arguments(make: Callable, said: str):
    with pytest.raises(UsageError, match=said):
        make()


def test_normal_is_short_for_truncated_normal():
    short = initializers.VarianceScaling(distribution="Normal", seed=1)
    assert short.distribution == "truncated_normal"


def test_an_unwritten_initializer():
    class Nothing(initializers.Initializer):
        pass

    with pytest.raises(NotImplementedError, match="Nothing has no __call__ method"):
        Nothing()((2,))


# ---------------------------------------------------------------- names and configs


@pytest.mark.parametrize(("alias", "name"), ALIASES.items())
def test_aliases(alias: str, name: str):
    cls = getattr(initializers, name)
    assert type(initializers.get(alias)) is cls
    assert type(initializers.get(name)) is cls
    assert getattr(initializers, alias, cls) is cls


SCALED = {"seed": None, "input_axes": None, "output_axes": None}
# As Keras 3.15.1 writes them; Identity also keeps its gain, which Keras forgets.
CONFIGS = {
    "Constant": {"value": 0.0},
    "GlorotNormal": SCALED,
    "GlorotUniform": SCALED,
    "HeNormal": SCALED,
    "HeUniform": SCALED,
    "Identity": {"gain": 1.0},
    "LecunNormal": SCALED,
    "LecunUniform": SCALED,
    "Ones": {},
    "Orthogonal": {"seed": None, "gain": 1.0},
    "RandomNormal": {"seed": None, "mean": 0.0, "stddev": 0.05},
    "RandomUniform": {"seed": None, "minval": -0.05, "maxval": 0.05},
    "TruncatedNormal": {"seed": None, "mean": 0.0, "stddev": 0.05},
    "VarianceScaling": {
        **SCALED,
        "scale": 1.0,
        "mode": "fan_in",
        "distribution": "truncated_normal",
    },
    "Zeros": {},
}


@pytest.mark.parametrize(("name", "config"), CONFIGS.items())
def test_configs(name: str, config: dict):
    cls = getattr(initializers, name)
    assert initializers.serialize(cls()) == {
        "module": "keras.initializers",
        "class_name": name,
        "config": config,
        "registered_name": None,
    }


@pytest.mark.parametrize("row", DRAWS, ids=by_label)
def test_round_trip(row: Row):
    make = row.make(4)
    for again in (initializers.get(initializers.serialize(make)), make.clone()):
        assert type(again) is type(make)
        assert again.get_config() == make.get_config()
        np.testing.assert_array_equal(again((3, 5)), make((3, 5)))


def test_round_trip_of_an_array():
    make = initializers.Constant(np.arange(6, dtype="float32").reshape(2, 3))
    again = initializers.deserialize(initializers.serialize(make))
    np.testing.assert_array_equal(again((2, 3)), [[0, 1, 2], [3, 4, 5]])


def test_get():
    assert initializers.get(None) is None
    ready = initializers.HeNormal()
    assert initializers.get(ready) is ready
    assert type(initializers.get(initializers.HeNormal)) is initializers.HeNormal
    assert initializers.get({"class_name": "HeNormal", "config": {"seed": 3}}).seed == 3

    def threes(shape: tuple, dtype: Any = None) -> np.ndarray:
        return np.full(shape, 3, dtype)

    assert initializers.get(threes) is threes
    with custom_object_scope({"threes": threes}):
        assert initializers.get("threes") is threes
    made = initializers.get(np.eye(2))
    np.testing.assert_array_equal(made((2, 2)), np.eye(2))


def test_unknown_names():
    with pytest.raises(UsageError, match='"glorot". Did you mean "glorot_') as info:
        initializers.get("glorot")
    assert info.value.code == "E-UNKNOWN-INITIALIZER"
    with pytest.raises(
        UsageError, match='Unknown initializer "he_norml". Did you mean "he_normal"'
    ):
        initializers.get("he_norml")
    with pytest.raises(UsageError, match="must be a name, an object or a function; got 3"):
        initializers.get(3)
