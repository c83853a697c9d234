"""Normalization over the batch by native kernels: against float64 NumPy, and its formulas."""

import os
import subprocess
import sys
from typing import NamedTuple

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cornu import engine
from cornu.engine import jax_normalization, native
from cornu.engine.native import normalization
from engine.convolving import a_few, many

pytestmark = pytest.mark.skipif(
    not (native.available("cornu_normal_slopes_beside") and jax.default_backend() == "cpu"),
    reason="native kernels are not built here",
)
KINDS = ("alone", "relu", "sum and relu")
EPSILON = 1e-3


class Case(NamedTuple):
    """What is normalized: numbers of a mean and deviation that differ from channel to channel."""

    shape: tuple[int, ...]
    mean: float = 0.0
    deviation: float = 1.0


def arrays(case: Case, seed: int = 0) -> list:
    """x, scale, offset, what is added, and the slope of y."""
    rng = np.random.default_rng(seed)
    channels = case.shape[-1]
    x, beside, dy = rng.standard_normal((3, *case.shape))
    means, deviations = rng.uniform(0.5, 1, (2, channels))
    x = x * deviations * case.deviation + means * case.mean
    vectors = rng.uniform(0.5, 2, channels), rng.standard_normal(channels)
    return [a.astype("float32") for a in (x, *vectors, beside, dy)]


def normalized(kind: str):
    """y, mean and variance as a function of x, scale, offset, and of what is added."""

    def of(x, scale, offset, *beside):
        y, mean, variance, above = normalization.normalized(x, scale, offset, EPSILON)
        return (y if kind == "alone" else above(*beside)), (mean, variance)

    return of


def plain(kind: str):
    """The same by ops of JAX, whose derivatives are not ours."""

    def of(x, scale, offset, *beside):
        axes = tuple(range(x.ndim - 1))
        mean, variance = x.mean(axes), x.var(axes)
        y = (x - mean) / jax.numpy.sqrt(variance + EPSILON) * scale + offset
        y = sum(beside, y)
        return (y if kind == "alone" else jax.numpy.where(y <= 0, 0, y)), (mean, variance)

    return of


def reference(x, scale, offset, beside, dy, above) -> list:
    """y, mean, variance and the slopes of x, scale, offset and beside, each with its size."""
    x, scale, offset, beside, dy = (a.astype("float64") for a in (x, scale, offset, beside, dy))
    axes, count = tuple(range(x.ndim - 1)), x[..., 0].size
    mean = x.mean(axes)
    variance = ((x - mean) ** 2).mean(axes)
    ratio = 1 / np.sqrt(variance + np.float64(np.float32(EPSILON)))
    unit = (x - mean) * ratio
    y = unit * scale + offset + beside
    above = np.ones(y.shape, bool) if above is None else above
    near = np.abs(y) <= 1e-5 * np.abs(y).max()  # float32 may put it on either side of zero
    assert np.all(near | (above == (y > 0)) | np.all(above))
    g = np.where(above, dy, 0)
    of_scale, of_offset = (g * unit).sum(axes), g.sum(axes)
    dx = scale * ratio * (g - of_offset / count - unit * of_scale / count)
    found = [np.where(above, y, 0), mean, variance, dx, of_scale, of_offset, g]
    sizes = [np.abs(a).max() for a in found]
    sizes[1] = np.abs(x).mean(axes).max()  # of what cancels in the mean
    sizes[3] = np.abs(scale * ratio * g).max()  # what dx is the rest of
    sizes[4:6] = [np.abs(g * unit).sum(axes).max(), np.abs(g).sum(axes).max()]
    return list(zip(found, sizes, strict=True))


def check(case: Case, kind: str, seed: int = 0) -> None:
    x, scale, offset, beside, dy = arrays(case, seed)
    wrt = (x, scale, offset, beside) if kind == "sum and relu" else (x, scale, offset)

    def all_of_it(dy, *wrt):
        y, back, moments = jax.vjp(normalized(kind), *wrt, has_aux=True)
        return [y, *moments, *back(dy)]

    found = [np.asarray(a, "float64") for a in jax.jit(all_of_it)(dy, *wrt)]
    beside = beside if kind == "sum and relu" else np.zeros_like(x)
    above = None if kind == "alone" else found[0] > 0
    wanted = reference(x, scale, offset, beside, dy, above)
    for i, (a, (b, size)) in enumerate(zip(found, wanted, strict=False)):
        assert a.shape == b.shape
        limit = 1e-6 if i in (1, 2) else 1e-5
        assert np.abs(a - b).max() <= limit * max(size, 1e-20), (i, np.abs(a - b).max(), size)


CASES = {
    "one channel": Case((37, 29, 1)),
    "three": Case((5, 13, 11, 3)),
    "sixteen, of a large mean": Case((16, 15, 17, 16), 1e3, 0.1),
    "one, of a large mean": Case((4099, 1), 1e3, 0.03),
    "a hundred": Case((67, 100), -5, 20),
    "more than make a row": Case((19, 1100)),
    "tiny numbers": Case((129, 7, 64), 0, 1e-6),
    "five axes": Case((3, 4, 5, 6, 7)),
    "two rows": Case((2, 33)),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", CASES)
def test_known_shapes(name: str, kind: str):
    check(CASES[name], kind)


@st.composite
def cases(draw) -> Case:
    channels = draw(st.sampled_from([1, 2, 3, 5, 16, 31, 64, 70, 129]))
    rows = draw(st.lists(st.integers(1, 40), min_size=1, max_size=3))
    mean = draw(st.sampled_from([0, 1, -30, 1e3]))
    return Case((2, *rows, channels), mean, draw(st.sampled_from([0.1, 1, 100])))


@a_few(20)
@given(cases(), st.sampled_from(KINDS))
def test_random_shapes(case: Case, kind: str):
    check(case, kind)


@many(200)
@given(cases(), st.sampled_from(KINDS), st.integers(0, 1000))
def test_many_random_shapes(case: Case, kind: str, seed: int):
    check(case, kind, seed)


@pytest.mark.parametrize("place", ["first", "last"])
def test_moments_with_one_number_far_from_all_others(place: str):
    x = np.random.default_rng(0).standard_normal((20_000, 5)).astype("float32")
    x[0 if place == "first" else -1] = 1e4
    _, (mean, variance) = normalized("alone")(x, np.ones(5, "float32"), np.zeros(5, "float32"))
    wide = x.astype("float64")
    np.testing.assert_allclose(mean, wide.mean(0), rtol=1e-6)
    np.testing.assert_allclose(variance, wide.var(0), rtol=1e-6)


def test_moments_of_numbers_that_rise():
    x = np.linspace(-1, 1e4, 60_000, dtype="float32").reshape(-1, 3)
    _, (mean, variance) = normalized("alone")(x, np.ones(3, "float32"), np.zeros(3, "float32"))
    wide = x.astype("float64")
    np.testing.assert_allclose(mean, wide.mean(0), rtol=1e-6)
    np.testing.assert_allclose(variance, wide.var(0), rtol=1e-6)


def test_what_is_no_number():
    """A channel with NaN or infinity is NaN, the others are not touched; NaN passes relu."""
    x = np.random.default_rng(0).standard_normal((300, 4)).astype("float32")
    x[7, 1], x[9, 2] = np.nan, np.inf
    for kind in KINDS:
        beside = [np.zeros_like(x)] if kind == "sum and relu" else []
        given = (x, np.ones(4, "float32"), np.zeros(4, "float32"), *beside)
        y, back, _ = jax.vjp(normalized(kind), *given, has_aux=True)
        for found in (y, back(np.ones_like(x))[0]):
            assert np.isnan(found[:, 1:3]).all() and np.isfinite(found[:, [0, 3]]).all()


def test_a_constant_channel():
    x = np.full((500, 3), 0.1, "float32")
    given = (x, np.ones(3, "float32"), np.full(3, 2, "float32"))
    y, (mean, variance) = normalized("relu")(*given)
    assert np.allclose(y, 2, atol=1e-6) and np.allclose(mean, 0.1) and np.all(variance < 1e-15)


# ---------------------------------------------------------------- functions of functions


def given_for(kind: str, seed: int = 0) -> tuple:
    *wrt, beside, _ = arrays(Case((6, 5, 3)), seed)
    return (*wrt, beside) if kind == "sum and relu" else tuple(wrt)


def loss(of):
    def total(*given):
        y, (mean, variance) = of(*given)
        return (y**3).sum() + (mean * variance**2).sum()

    return total


def close(found, wanted, tolerance: float = 1e-4) -> None:
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(wanted), strict=True):
        a, b = np.asarray(a, "float64"), np.asarray(b, "float64")
        assert a.shape == b.shape and np.abs(a - b).max() <= tolerance * max(np.abs(b).max(), 1e-3)


def every(kind: str) -> tuple:
    return tuple(range(len(given_for(kind))))


@pytest.mark.parametrize("kind", KINDS)
def test_forward_differentiation(kind: str):
    given, slopes = given_for(kind), given_for(kind, 1)
    close(
        *(jax.jit(lambda of=of: jax.jvp(of(kind), given, slopes))() for of in (normalized, plain))
    )


@pytest.mark.parametrize("kind", KINDS)
def test_slopes_through_mean_and_variance(kind: str):
    given = given_for(kind)
    close(*(jax.jit(jax.grad(loss(of(kind)), every(kind)))(*given) for of in (normalized, plain)))


@pytest.mark.parametrize("kind", KINDS)
def test_second_order(kind: str):
    given, along = given_for(kind), given_for(kind, 1)

    def curved(of):
        return jax.jvp(jax.grad(loss(of(kind)), every(kind)), given, along)[1]

    def again(of):
        def product(*a):
            slopes = jax.grad(loss(of(kind)), every(kind))(*a)
            return sum((s * v).sum() for s, v in zip(slopes, along, strict=True))

        return jax.grad(product, every(kind))(*given)

    wanted = jax.jit(lambda: curved(plain))()
    close(jax.jit(lambda: curved(normalized))(), wanted)
    close(jax.jit(lambda: again(normalized))(), wanted)


def test_back_is_linear_in_its_slope():
    given = given_for("relu")
    back = jax.vjp(normalized("relu"), *given, has_aux=True)[1]
    along = jax.jvp(lambda *a: normalized("relu")(*a)[0], given, given_for("relu", 1))[1]
    turned = jax.linear_transpose(back, jax.ShapeDtypeStruct((6, 5, 3), "float32"))
    close(turned(given_for("relu", 1))[0], along)


@pytest.mark.parametrize("kind", ["alone", "sum and relu"])
def test_vmap(kind: str):
    given = [np.stack([a, 2 * a, -a]) for a in given_for(kind)]
    close(*(jax.vmap(of(kind))(*given) for of in (normalized, plain)))
    slopes = [jax.vmap(jax.grad(loss(of(kind)), every(kind)))(*given) for of in (normalized, plain)]
    close(*slopes)


def test_in_loops_and_computed_again():
    x, scale, offset = given_for("relu")

    def trained(of):
        def step(state, _):
            slopes = jax.grad(loss(jax.checkpoint(of("relu"))), (1, 2))(x, *state)
            return tuple(a - 1e-3 * d for a, d in zip(state, slopes, strict=True)), 0

        return jax.jit(lambda: jax.lax.scan(step, (scale, offset), None, 3))()

    close(trained(normalized), trained(plain))


# ---------------------------------------------------------------- when


def text(function, *given) -> str:
    return str(jax.make_jaxpr(function)(*given))


@pytest.mark.parametrize(
    "shape, axis, dtype, taken",
    [
        ((128, 128), 1, "float32", True),
        ((128, 128), 0, "float32", False),
        ((4, 4), 1, "float32", False),
        ((128, 128), 1, "float16", False),
        ((128, 128, 0), 2, "float32", False),
    ],
)
def test_which_way_is_taken(shape, axis, dtype, taken):
    x = np.zeros(shape, dtype)
    scale = np.ones(shape[axis], dtype)

    def of(*given):
        *found, above = engine.normalized(*given, axis, EPSILON)
        assert (above is not None) == taken
        return found

    assert ("cornu_normal" in text(of, x, scale, scale)) == taken


def test_without_kernels(monkeypatch):
    monkeypatch.setattr(native, "available", lambda name: False)
    x, scale, offset, *_ = arrays(Case((128, 16, 16)))
    *found, above = engine.normalized(x, scale, offset, 2, EPSILON)
    assert above is None
    y, moments = plain("alone")(x, scale, offset)
    close(found, [y, *moments])


def test_both_ways_are_one_function():
    x, scale, offset, *_ = arrays(Case((128, 16, 16)))
    *ours, _ = jax_normalization.normalized(x, scale, offset, 2, EPSILON)
    x = np.moveaxis(x, 2, 1)
    y, *others, _ = jax_normalization.normalized(x, scale, offset, 1, EPSILON)
    close(ours, [np.moveaxis(np.asarray(y), 1, 2), *others], 1e-6)


NARROWER = """
import sys
sys.path[:0] = [sys.argv[1]]
from engine import test_native_normalization as tests
for name in ("three", "sixteen, of a large mean", "a hundred"):
    for kind in tests.KINDS:
        tests.check(tests.CASES[name], kind)
"""


@pytest.mark.slow
@pytest.mark.parametrize("width", ["AVX2", "SSE41"])
def test_machines_with_narrower_vectors(width):
    tests = os.path.dirname(os.path.dirname(__file__))
    command = [sys.executable, "-W", "error", "-c", NARROWER, tests]
    environment = {**os.environ, "ONEDNN_MAX_CPU_ISA": width}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
