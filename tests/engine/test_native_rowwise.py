"""Softmax, GELU, normalization and crossentropy of rows by native kernels, against float64."""

import math

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.test_util import check_grads

from cornu import activations, engine, layers, losses
from cornu.engine import native
from cornu.engine.native import rowwise

KERNELS = [
    f"cornu_{name}{way}"
    for name in ("softmax", "gelu", "normalize", "binary")
    for way in ("", "_back")
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


LEAST = float(np.float32(1.2e-7))


def crossentropy(p, t):
    p = np.clip(p, np.float32(LEAST), np.float32(1) - np.float32(LEAST))
    return (-t * np.log(p) - (1 - t) * np.log1p(-p)).mean(-1)


def crossentropy_slope(p, t, dy):
    inside = (p >= np.float32(LEAST)) & (p <= np.float32(1) - np.float32(LEAST))
    p = np.where(inside, p, 0.5)
    return np.where(inside, (p - t) / (p * (1 - p)), 0) * dy[..., None] / p.shape[-1]


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


def binary(p, t):
    return rowwise.binary_p.bind(p, t, least=LEAST)


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
    p, t, dy = softmax(x) * 1.01, softmax(dy), dy[..., 0]
    p.reshape(-1)[: p.size // 3] **= 4  # some are next to nothing, some above 1
    found = jax.jit(lambda p, dy: with_slopes(lambda p: binary(p, t), p, dy))(p, dy)
    p, t, dy = wide(p, t, dy)
    near(found, (crossentropy(p, t), crossentropy_slope(p, t, dy)), 4e-7)


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
def test_crossentropy_next_to_certainty():
    """Logarithms of what is next to 0 and to 1 keep their bits."""
    p = np.geomspace(1e-6, 0.5, 4096).astype("float32")
    p = np.concatenate([p, 1 - p])[:, None]
    t = np.clip(drawn(p.shape, 1), 0, 1)
    found, by_p = with_slopes(lambda p: binary(p, t), p, np.ones(len(p), "float32"))
    p, t = wide(p, t)
    np.testing.assert_allclose(found, crossentropy(p, t), rtol=6e-7)
    rounding = 1e-7 / (p * (1 - p))  # of p - t
    np.testing.assert_array_less(
        np.abs(by_p - crossentropy_slope(p, t, np.ones(len(p)))), 2 * rounding
    )


@built
def test_crossentropy_of_targets_that_are_learned():
    """Slopes by targets, and of both by both, are those of the formula."""
    p, t = softmax(drawn((2, 5), 1)), softmax(drawn((2, 5), 2))
    p[0, :2] = [np.nan, 2.0]

    def cubes(of):
        return lambda p, t: (of(p, t) ** 3).sum()

    def plain(p, t):
        return rowwise.plain_binary(p, t, LEAST)

    for row in (p[1:], t[1:]), (p, t):
        found, wanted = (jax.grad(cubes(of), (0, 1))(*row) for of in (binary, plain))
        for one, other in zip(found, wanted, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    found, wanted = (jax.hessian(cubes(of), (0, 1))(p[1:], t[1:]) for of in (binary, plain))
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(wanted), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


@built
def test_losses_ask_for_crossentropy():
    p, t = softmax(drawn((64, 256), 1)), softmax(drawn((64, 256), 2))
    loss = losses.BinaryCrossentropy()
    assert "cornu_binary" in text(loss, t, p)
    np.testing.assert_allclose(loss(t, p), crossentropy(*wide(p, t)).mean(), rtol=1e-6)
    smoothed = losses.BinaryCrossentropy(label_smoothing=0.2)
    wanted = crossentropy(p.astype("float64"), t * 0.8 + 0.1).mean()
    np.testing.assert_allclose(smoothed(t, p), wanted, rtol=1e-6)
    others = [
        text(losses.BinaryCrossentropy(from_logits=True), t, p),
        text(losses.BinaryCrossentropy(axis=0), t, p),
        text(loss, t[:, :4], p[:, :4]),
    ]
    assert not any("cornu_binary" in words for words in others)


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
    assert engine.softmax_rows(x) is engine.gelu(x) is None
    assert engine.normalized_rows(x, None, None, 1) is engine.binary_crossentropy(x, x, 0.1) is None
    np.testing.assert_allclose(activations.gelu(x), gelu(x.astype("float64")), atol=1e-6)
