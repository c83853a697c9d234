"""Softmax, GELU and normalization of rows by native kernels, against NumPy in float64."""

import math

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.test_util import check_grads

from cornu import activations, engine, layers
from cornu.engine import native
from cornu.engine.native import rowwise

KERNELS = [
    f"cornu_{name}{way}" for name in ("softmax", "gelu", "normalize") for way in ("", "_back")
]
built = pytest.mark.skipif(
    not (all(map(native.available, KERNELS)) and jax.default_backend() == "cpu"),
    reason="native kernels are not built here, or vectors are short",
)
EPSILON = 1e-3
SIZES = [(2, 3), (1, 8), (130, 16), (67, 33), (5, 3, 130), (900, 256)]


def softmax(x):
    powers = np.exp(x - x.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def softmax_slope(x, dy):
    y = softmax(x)
    return y * (dy - (y * dy).sum(-1, keepdims=True))


def normal(x):
    return 0.5 * np.vectorize(math.erfc)(-x / math.sqrt(2))


def gelu(x):
    return x * normal(x)


def gelu_slope(x, dy):
    return dy * (normal(x) + x * np.exp(-x * x / 2) / math.sqrt(2 * math.pi))


def apart(x):
    """Rows of mean 0 and variance 1, and what they were divided by."""
    centred = x - x.mean(-1, keepdims=True)
    size = np.sqrt((centred**2).mean(-1, keepdims=True) + EPSILON)
    return centred / size, size


def normalized(x, gamma, beta):
    return apart(x)[0] * gamma + beta


def normalized_slopes(x, gamma, dy):
    y, size = apart(x)
    g = dy * gamma
    dx = (g - g.mean(-1, keepdims=True) - y * (g * y).mean(-1, keepdims=True)) / size
    rows = tuple(range(x.ndim - 1))
    return dx, (dy * y).sum(rows), dy.sum(rows)


def drawn(shape, seed, scale=1.0):
    return (np.random.default_rng(seed).standard_normal(shape) * scale).astype("float32")


def with_slopes(fn, *operands):
    *given, dy = operands
    y, back = jax.vjp(fn, *given)
    return (y, *back(dy))


def wide(*arrays):
    return [a.astype("float64") for a in arrays]


def near(found, expected, tolerance):
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == np.float32
        np.testing.assert_allclose(one, other, rtol=2e-6, atol=tolerance * max(1, abs(other).max()))


def norm(*operands):
    return rowwise.normalize_p.bind(*operands, epsilon=EPSILON)


def check(shape, seed, scale):
    x, dy = drawn(shape, seed, scale), drawn(shape, seed + 1)
    gamma, beta = drawn((2, shape[-1]), seed + 2)
    x64, dy64 = wide(x, dy)
    found = jax.jit(lambda *a: with_slopes(rowwise.softmax_p.bind, *a))(x, dy)
    near(found, (softmax(x64), softmax_slope(x64, dy64)), 4e-7)
    found = jax.jit(lambda *a: with_slopes(rowwise.gelu_p.bind, *a))(x, dy)
    near(found, (gelu(x64), gelu_slope(x64, dy64)), 4e-7)
    found = jax.jit(lambda *a: with_slopes(norm, *a))(x + 3, gamma, beta, dy)
    x64, gamma, beta = wide(x + 3, gamma, beta)
    near(found, (normalized(x64, gamma, beta), *normalized_slopes(x64, gamma, dy64)), 3e-6)


@built
@pytest.mark.parametrize("shape", SIZES)
def test_against_float64(shape):
    check(shape, 1, 2.0)


@built
@settings(max_examples=10, deadline=None, derandomize=True)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=3), st.integers(0, 99))
def test_any_shape(shape, seed):
    check(tuple(shape), seed, 3.0)


@built
def test_the_normal_distribution_everywhere():
    """To 2e-7 of float64, and to 1e-6 of the tail itself."""
    x = np.linspace(-14, 14, 50_001).astype("float32")
    x64 = x.astype("float64")
    y, slope = jax.jit(lambda x: with_slopes(rowwise.gelu_p.bind, x, np.ones(x.shape, "float32")))(
        x
    )
    assert np.all(np.abs(y - gelu(x64)) <= 2e-7 * np.maximum(1, np.abs(x64)))
    assert np.abs(slope - gelu_slope(x64, 1.0)).max() <= 3e-7
    tail = (x64 < -1) & (x64 > -12)
    assert np.abs(y[tail] / gelu(x64)[tail] - 1).max() <= 1e-5
    large = np.array([1e4, -1e4, 1e30, -1e30, 0.0], "float32")
    np.testing.assert_array_equal(rowwise.gelu_p.bind(large), [1e4, 0, np.float32(1e30), 0, 0])


ODD = [
    [np.nan, 0, 1],
    [np.inf, 0, 1],
    [-np.inf, 0, 1],
    [-np.inf] * 3,
    [3e38, -3e38, 0],
    [-1e4, 0, 1e4],
]


@built
@pytest.mark.parametrize("odd", ODD, ids=str)
@pytest.mark.parametrize("name", ["softmax", "gelu", "normalize"])
def test_what_is_no_number_comes_out_as_from_the_formula(name, odd):
    x = np.tile(drawn((1, 19), 0), (4, 1))
    x[1, 14:17] = odd  # at the end of a vector
    x[2, :3] = odd
    if name == "normalize":
        weights = (np.ones(19, "float32"), np.zeros(19, "float32"))
        found = norm(x, *weights)
        wanted = rowwise.plain_normalize(x, *weights, EPSILON)
    else:
        found = getattr(rowwise, f"{name}_p").bind(x)
        wanted = getattr(rowwise, f"plain_{name}")(x)
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


@built
@pytest.mark.parametrize("name", ["softmax", "gelu", "normalize"])
def test_derivatives_of_any_order(name):
    given = [drawn((3, 9), 4)]
    fn = norm if name == "normalize" else getattr(rowwise, f"{name}_p").bind
    if name == "normalize":
        given += list(drawn((2, 9), 5))
    check_grads(lambda *a: fn(*a) * np.arange(9, dtype="float32"), given, 2, eps=1e-2, rtol=2e-2)


@built
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_vmap(axis):
    x, gamma, beta = drawn((4, 5, 6), 1), *drawn((2, 6), 2)
    if axis == 2:
        gamma, beta = drawn((2, 5), 3)
    moved = np.moveaxis(x, axis, 0)
    ours = jax.vmap(lambda x: norm(x, gamma, beta), axis)(x)
    np.testing.assert_allclose(ours, normalized(moved, gamma, beta), rtol=1e-4, atol=1e-5)
    ours = jax.vmap(rowwise.softmax_p.bind, axis)(x)
    np.testing.assert_allclose(ours, softmax(moved), rtol=1e-5)

    def slopes(x, dy):
        return with_slopes(rowwise.gelu_p.bind, x, dy)[1]

    ours = jax.vmap(slopes, (axis, None))(x, np.ones(moved.shape[1:], "float32"))
    np.testing.assert_allclose(ours, gelu_slope(moved, 1.0), rtol=1e-5, atol=1e-6)


def text(fn, *given, platform="cpu"):
    return jax.jit(fn).trace(*given).lower(lowering_platforms=(platform,)).as_text()


@built
@pytest.mark.parametrize("platform", ["cpu", "cuda"])
def test_kernels_are_for_cpus(platform):
    x = drawn((64, 256), 1)
    ones, zeros = np.ones(256, "float32"), np.zeros(256, "float32")
    found = {
        "softmax": text(lambda x: with_slopes(rowwise.softmax_p.bind, x, x), x, platform=platform),
        "gelu": text(lambda x: with_slopes(rowwise.gelu_p.bind, x, x), x, platform=platform),
        "normalize": text(lambda x: with_slopes(norm, x, ones, zeros, x), x, platform=platform),
    }
    for name, words in found.items():
        for kernel in (f"@cornu_{name}(", f"@cornu_{name}_back("):
            assert (kernel in words) == (platform == "cpu"), kernel


@built
def test_layers_and_activations_ask_for_them():
    x = drawn((64, 256), 1)
    layer = layers.LayerNormalization()
    layer.build(x.shape)
    assert "cornu_normalize" in text(layer, x)
    assert "cornu_gelu" in text(activations.gelu, x)
    assert "cornu_softmax" in text(activations.softmax, x)
    across = [
        text(layers.LayerNormalization(axis=0), x),
        text(lambda x: activations.gelu(x, approximate=True), x),
        text(lambda x: activations.softmax(x, axis=0), x),
        text(activations.softmax, x[:, :4]),
        text(activations.gelu, x.astype("float16")),
    ]
    assert not any("cornu_" in words for words in across)


@built
@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("scale", [True, False])
def test_layer_normalization_is_the_same_without_kernels(center, scale, monkeypatch):
    x = drawn((64, 256), 1) + 2
    layer = layers.LayerNormalization(center=center, scale=scale)
    layer.build(x.shape)
    with_kernels = layer(x)
    np.testing.assert_allclose(with_kernels, apart(x.astype("float64"))[0], atol=3e-6)
    monkeypatch.setattr(native, "available", lambda name: False)
    assert engine.gelu(x) is None
    np.testing.assert_allclose(layer(x), with_kernels, atol=3e-6)


def test_none_of_it_where_nothing_was_built(monkeypatch):
    monkeypatch.setattr(native, "available", lambda name: False)
    x = drawn((64, 256), 1)
    assert (
        engine.softmax_rows(x) is engine.gelu(x) is engine.normalized_rows(x, None, None, 1) is None
    )
    np.testing.assert_allclose(activations.gelu(x), gelu(x.astype("float64")), atol=1e-6)
