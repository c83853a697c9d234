"""Convolution with bias and relu of the engine against float64 NumPy, and against its parts."""

import jax
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cornu import engine
from cornu.engine import native
from engine.test_native_convolution import KNOWN, SMALL, arrays, geometries, how
from engine.window_reference import Geometry, conv, conv_slopes, error

CLOSE = 1e-5
QUIET = {"deadline": None, "suppress_health_check": list(HealthCheck), "derandomize": True}
built = pytest.mark.skipif(native.load().library is None, reason=native.described())


def with_bias(g: Geometry, seed: int = 0) -> tuple:
    rng = np.random.default_rng(seed + 100)
    return (*arrays(g, seed), rng.standard_normal(g.y[-1], "float32"))


def reference(x, w, bias, dy, g: Geometry, above) -> tuple:
    """y and the slopes of x, w and bias. `above`: what of y is not cut, None for all of it."""
    y = conv(x, w, g) + bias.astype("float64")
    if above is None:
        above = np.ones(y.shape, bool)
    else:
        near = np.abs(y) <= 1e-5 * np.abs(y).max()  # float32 may put it on either side of zero
        assert np.all(near | (above == (y > 0)))
    slope = np.where(above, dy.astype("float64"), 0)
    sums = slope.sum(tuple(range(slope.ndim - 1)))
    return np.where(above, y, 0), *conv_slopes(x, w, slope, g), sums


def check(g: Geometry, relu: bool, seed: int = 0) -> None:
    x, w, dy, bias = with_bias(g, seed)

    def all_of_it(x, w, bias, dy):
        y, back = jax.vjp(lambda *a: engine.conv(*a[:2], *how(g), a[2], relu), x, w, bias)
        return y, *back(dy)

    found = jax.jit(all_of_it)(x, w, bias, dy)
    above = np.asarray(found[0]) > 0 if relu else None
    wanted = reference(x, w, bias, dy, g, above)
    errors = [error(a, b) for a, b in zip(found, wanted, strict=True)]
    assert max(errors) <= CLOSE, errors


@pytest.mark.parametrize("name", KNOWN)
def test_known_geometries(name: str):
    check(KNOWN[name], True)


@pytest.mark.parametrize("name", ["mnist stem", "causal", "depthwise, two each", "one by one"])
def test_bias_alone(name: str):
    check(KNOWN[name], False)


@settings(max_examples=15, **QUIET)
@given(geometries(), st.booleans())
def test_random_geometries(g: Geometry, relu: bool):
    check(g, relu)


@pytest.mark.slow
@settings(max_examples=150, **(QUIET | {"derandomize": False}))
@given(geometries(), st.booleans(), st.integers(0, 1000))
def test_many_random_geometries(g: Geometry, relu: bool, seed: int):
    check(g, relu, seed)


@pytest.mark.parametrize("channels", [1, 3, 20, 64, 100])
def test_slopes_of_many_rows(channels: int):
    """Sums over more numbers than float32 could add one by one."""
    g = Geometry((40, 40), (1, 1), (1, 1), (1, 1), ((0, 0),) * 2, 8, 1, 2, channels)
    x, w, dy, bias = with_bias(g)
    dy += 1
    y, back = jax.vjp(lambda b: engine.conv(x, w, *how(g), b, True), bias)
    wanted = np.where(np.asarray(y) > 0, dy.astype("float64"), 0).sum((0, 1, 2))
    assert error(back(dy)[0], wanted) <= 1e-6
    assert np.array_equal(back(dy)[0], back(dy)[0])


# ---------------------------------------------------------------- what is no number


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", ["mnist second", "depthwise", "one by one"])
def test_nan_infinity_and_zero(name: str, dtype: str):
    """As relu has it: NaN stays, and has a slope; what is below zero and -0 become 0."""
    g = KNOWN[name]
    x, w = (engine.array(np.zeros(s, "float32"), dtype) for s in (g.x, g.w))
    said = [np.nan, np.inf, -np.inf, -0.0, 0.0, -1e-40, 1e-30, -1e30, -3, 5]
    bias = np.resize(np.array(said, "float32"), g.y[-1])
    y, back = jax.vjp(lambda b: engine.conv(x, w, *how(g), b, True), engine.array(bias, dtype))
    for channel, value in enumerate(bias[: len(said)]):
        value = float(engine.array(value, dtype))
        found = np.asarray(y[..., channel], "float32")
        if np.isnan(value):
            assert np.all(np.isnan(found))
        else:
            assert np.all(found == max(value, 0)) and not np.any(np.signbit(found))
    slope = np.asarray(back(y * 0 + engine.array(1.0, dtype))[0], "float32")[:2]
    assert np.all(np.isnan(slope))  # infinity and NaN times 0: the slope went through
    ones = engine.array(np.ones(g.y, "float32"), dtype)
    passes = np.array([1, 1, 0, 0, 0, 0, 1, 0, 0, 1], bool)
    assert np.array_equal(np.asarray(back(ones)[0], "float32")[: len(said)] > 0, passes)


# ---------------------------------------------------------------- functions of functions


def fused(x, w, bias):
    return engine.conv(x, w, *how(SMALL), bias, True)


def parts(x, w, bias):
    """The same by ops of JAX, whose derivatives are not ours."""
    where = jax.lax.ConvDimensionNumbers((0, 3, 1, 2), (3, 2, 0, 1), (0, 3, 1, 2))
    y = jax.lax.conv_general_dilated(
        x, w, SMALL.strides, SMALL.padding, None, SMALL.dilation, where
    )
    y = y + bias
    return jax.numpy.where(y <= 0, 0, y)


def loss(of):
    return lambda *a: (of(*a) ** 3).sum()


def close(found, wanted, tolerance: float = CLOSE) -> None:
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(wanted), strict=True):
        assert a.shape == b.shape and error(a, np.asarray(b, "float64")) <= tolerance


def small() -> tuple:
    x, w, _, bias = with_bias(SMALL)
    return x, w, bias


EVERY = (0, 1, 2)


@pytest.mark.parametrize("which", [(1,), (2,), (0, 2), EVERY])
def test_forward_differentiation(which: tuple):
    given, others = small(), with_bias(SMALL, 1)
    along = (others[0], others[1], others[3])

    def of(function):
        def some(*chosen):
            whole = list(given)
            for i, value in zip(which, chosen, strict=True):
                whole[i] = value
            return function(*whole)

        return some

    chosen, slopes = (tuple(v[i] for i in which) for v in (given, along))
    close(jax.jvp(of(fused), chosen, slopes), jax.jvp(of(parts), chosen, slopes))


def test_second_order():
    given, others = small(), with_bias(SMALL, 1)
    along = (others[0], others[1], others[3])

    def curved(of):
        return jax.jit(lambda: jax.jvp(jax.grad(loss(of), EVERY), given, along)[1])()

    def again(of):
        def product(*a):
            slopes = jax.grad(loss(of), EVERY)(*a)
            return sum((s * v).sum() for s, v in zip(slopes, along, strict=True))

        return jax.grad(product, EVERY)(*given)

    close(curved(fused), curved(parts), 1e-4)
    close(again(fused), curved(parts), 1e-4)


@pytest.mark.parametrize("axes", [(0, None, None), (2, 1, 0)])
def test_vmap(axes: tuple):
    many = [
        a if axis is None else np.stack([a, 2 * a, -a], axis)
        for a, axis in zip(small(), axes, strict=True)
    ]
    close(jax.vmap(fused, axes)(*many), jax.vmap(parts, axes)(*many))
    slopes = [jax.vmap(jax.grad(loss(of), EVERY), axes)(*many) for of in (fused, parts)]
    close(*slopes, 1e-4)


def test_in_loops():
    x, w, bias = small()

    def trained(of):
        def step(state, _):
            dw, db = jax.grad(loss(of), (1, 2))(x, *state)
            return (state[0] - 1e-5 * dw, state[1] - 1e-5 * db), of(x, *state).mean()

        return jax.jit(lambda: jax.lax.scan(step, (w, bias), None, 3))()

    close(trained(fused), trained(parts))


def test_computed_again():
    """A checkpoint, whose gradient runs forward twice."""
    given = small()
    again = jax.checkpoint(fused)
    close(jax.grad(loss(again), EVERY)(*given), jax.grad(loss(parts), EVERY)(*given), 1e-4)


# ---------------------------------------------------------------- what is not computed


def names(function, *given) -> str:
    return str(jax.make_jaxpr(function)(*given))


@built
def test_no_slope_is_made_for_data():
    """Of the first convolution of a network: nobody asks for it."""
    x, w, bias = small()
    text = names(jax.grad(loss(fused), (1, 2)), x, w, bias)
    assert "cornu_conv_weights" in text and "cornu_conv_data" not in text
    text = names(jax.grad(loss(fused), 2), x, w, bias)
    assert "cornu_finish_back" in text and "cornu_conv_weights" not in text


@built
def test_one_kernel_does_it():
    given = small()
    text = jax.jit(fused).lower(*given).as_text()
    assert "@cornu_conv_fused" in text and "compare" not in text
    text = jax.jit(jax.grad(loss(fused), EVERY)).lower(*given).as_text()
    assert "@cornu_finish_slopes" in text and text.count("@cornu_conv_fused") == 1


def test_a_gpu_gets_what_xla_has():
    slopes = jax.jit(jax.grad(loss(fused), EVERY)).trace(*small())
    text = slopes.lower(lowering_platforms=("cuda",)).as_text()
    assert text.count("stablehlo.convolution") == 3 and "cornu" not in text


def test_without_the_library(monkeypatch: pytest.MonkeyPatch):
    given = small()
    before = [fused(*given), jax.grad(loss(fused), EVERY)(*given)]
    monkeypatch.setattr(native, "available", lambda name: False)
    after = [fused(*given), jax.grad(loss(fused), EVERY)(*given)]
    assert "cornu" not in names(jax.grad(loss(fused), EVERY), *given)
    close(before, after, 1e-4)


@pytest.mark.parametrize("relu", [True, False])
def test_transposed(relu: bool):
    rng = np.random.default_rng(0)
    shapes = ((2, 5, 6, 16), (3, 3, 32, 16), (32,))
    x, w, bias = (rng.standard_normal(s, "float32") for s in shapes)
    args = ((2, 2), ((2, 1), (2, 1)), (1, 1))

    def apart(x, w, bias):
        y = engine.conv_transpose(x, w, *args) + bias
        return jax.numpy.maximum(y, 0) if relu else y

    def together(x, w, bias):
        return engine.conv_transpose(x, w, *args, bias, relu)

    close(together(x, w, bias), apart(x, w, bias))
    grads = [jax.grad(loss(of), EVERY)(x, w, bias) for of in (together, apart)]
    close(*grads, 1e-4)


def test_a_bias_of_another_dtype():
    """bfloat16 and a bias in float32: as adding them does."""
    x, w, bias = small()
    x, w = engine.array(x, "bfloat16"), engine.array(w, "bfloat16")
    y = engine.conv(x, w, *how(SMALL), bias, True)
    wanted = engine.conv(x, w, *how(SMALL)) + bias
    assert y.dtype == "float32"
    np.testing.assert_array_equal(y, np.maximum(wanted, 0))
