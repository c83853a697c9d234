"""A dense layer in one kernel, and slopes before a bias and an activation, against float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cornu import engine, layers, models
from cornu.engine import native
from cornu.engine.native import dense, finish, products

tiles = pytest.mark.skipif(
    not (products.has_kernel() and jax.default_backend() == "cpu"),
    reason="no native kernels here, or a CPU without AMX",
)
slopes_built = pytest.mark.skipif(
    not (native.available(finish.SLOPES) and jax.default_backend() == "cpu"),
    reason="native kernels are not built here",
)
ACTIVATIONS = {
    "linear": (lambda s: s, lambda y: np.ones_like(y)),
    "relu": (lambda s: np.maximum(s, 0), lambda y: (y > 0).astype(float)),
    "sigmoid": (lambda s: 1 / (1 + np.exp(-s)), lambda y: y * (1 - y)),
    "tanh": (np.tanh, lambda y: 1 - y * y),
}
CLOSE = 3e-6
NAMES = pytest.mark.parametrize("name", ACTIVATIONS)


def numbers(*shape, seed=0, scale=1.0):
    return (np.random.default_rng(seed).normal(size=shape) * scale).astype("float32")


def operands(rows, depth, columns, seed=0):
    """x, w, bias, and a slope of the result."""
    scale = depth**-0.5
    x, w = numbers(rows, depth, seed=seed), numbers(depth, columns, seed=seed + 1, scale=scale)
    return x, w, numbers(columns, seed=seed + 2), numbers(rows, columns, seed=seed + 3)


def error(found, wanted):
    return np.abs(np.asarray(found, float) - wanted).max() / max(np.abs(wanted).max(), 1e-30)


def kernel(x, w, bias, name):
    return jax.jit(lambda *a: dense.dense_p.bind(*a, activation=name))(x, w, bias)


@tiles
@NAMES
@pytest.mark.parametrize(
    "sides", [(1, 1, 1), (33, 70, 17), (256, 64, 32), (70, 1100, 90), (40, 60, 2100)]
)
def test_against_float64(name, sides):
    """Sides that fill no tile, and more than a block of each."""
    x, w, bias, _ = operands(*sides)
    wanted = ACTIVATIONS[name][0](x.astype(float) @ w.astype(float) + bias)
    assert error(kernel(x, w, bias, name), wanted) <= CLOSE


@tiles
@NAMES
def test_slopes(name):
    x, w, bias, dy = operands(200, 150, 90)
    y, back = jax.vjp(jax.jit(lambda *a: dense.dense_p.bind(*a, activation=name)), x, w, bias)
    wide = ACTIVATIONS[name][0](x.astype(float) @ w.astype(float) + bias)
    before = dy * ACTIVATIONS[name][1](wide)
    wanted = (before @ w.T.astype(float), x.T.astype(float) @ before, before.sum(0))
    for found, expected in zip(back(dy), wanted, strict=True):
        assert found.dtype == np.float32 and error(found, expected) <= CLOSE
    ahead = jax.jvp(lambda *a: kernel(*a, name), (x, w, bias), (x, w, bias))[1]
    sums = 2 * (x.astype(float) @ w.astype(float)) + bias
    assert error(ahead, sums * ACTIVATIONS[name][1](wide)) <= CLOSE
    assert error(y, wide) <= CLOSE


@tiles
@NAMES
def test_second_order(name):
    """Slopes of slopes go through what the activation made, too."""
    x, w, bias, dy = operands(3, 2, 2)

    def loss(of):
        return lambda *a: (of(*a) ** 2 * dy).sum()

    def plain(x, w, bias):
        return finish.activated(jnp.matmul(x, w) + bias, name)

    ours = jax.jit(lambda x, w, bias: dense.dense_p.bind(x, w, bias, activation=name))
    which, given = (0, 1, 2), (x, w, bias + 0.1)
    turned = jax.tree.leaves(jax.hessian(loss(ours), which)(*given))
    wanted = jax.tree.leaves(jax.hessian(loss(plain), which)(*given))
    for found, expected in zip(turned, wanted, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def by_formula(name):
    """The slope before an activation, of y and of the slope after it, in plain JAX."""
    by = {
        "linear": lambda y: 1.0,
        "relu": lambda y: jnp.where(y > 0, 1.0, 0.0),
        "sigmoid": lambda y: y * (1 - y),
        "tanh": lambda y: 1 - y * y,
    }[name]
    return lambda y, dy: dy * by(y)


@slopes_built
@NAMES
@pytest.mark.parametrize("total", [True, False])
def test_slopes_before_an_activation(name, total):
    """Derivatives of second order, by what is kept too."""
    y, dy = np.maximum(numbers(3, 2, seed=1), 0), numbers(3, 2, seed=2)

    def ours(y, dy):
        dx, *sums = finish.back_p.bind(y, dy, total=total, activation=name)
        ahead = finish.along_p.bind(y, dy, *sums, activation=name)
        return (dx**3).sum() + (ahead**2).sum()

    def plain(y, dy):
        dx = by_formula(name)(y, dy)
        return (dx**3).sum() + (by_formula(name)(y, dy + (dx.sum(0) if total else 0)) ** 2).sum()

    wanted = jax.tree.leaves(jax.hessian(plain, (0, 1))(y, dy))
    for found, expected in zip(
        jax.tree.leaves(jax.hessian(ours, (0, 1))(y, dy)), wanted, strict=True
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@slopes_built
@NAMES
@pytest.mark.parametrize("shape", [(3, 1), (700, 3), (4, 70, 65), (2000, 17)])
def test_sums_for_the_bias(name, shape):
    y = ACTIVATIONS[name][0](numbers(*shape, seed=1))
    dy = numbers(*shape, seed=2) + 1
    back = jax.jit(lambda y, dy: finish.back_p.bind(y, dy, total=True, activation=name))
    assert finish.SLOPES in back.lower(y, dy).as_text()
    dx, total = back(y, dy)
    wanted = dy.astype(float) * ACTIVATIONS[name][1](y.astype(float))
    assert error(dx, wanted) <= 1e-6
    assert error(total, wanted.reshape(-1, shape[-1]).sum(0)) <= 1e-6


@tiles
@NAMES
@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf, 3.39e38])
def test_infinity_and_nan_are_what_they_are_elsewhere(name, odd):
    x, w, bias, _ = operands(40, 50, 60)
    x[3, 7] = odd
    with np.errstate(all="ignore"):
        wanted = finish.activated(jnp.matmul(x, w) + bias, name)
    np.testing.assert_allclose(kernel(x, w, bias, name), wanted, rtol=1e-4, atol=1e-5)


@tiles
def test_vmap_and_loops():
    x, w, bias, _ = operands(12, 10, 8)
    found = jax.vmap(lambda x: kernel(x, w, bias, "relu"))(np.stack([x, -x]))
    wanted = np.maximum(np.stack([x, -x]) @ w + bias, 0)
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)
    square = numbers(10, 10) * 0.3
    found = jax.lax.fori_loop(0, 3, lambda _, x: kernel(x, square, bias[0] * 0, "tanh"), x)
    for _ in range(3):
        x = np.tanh(x @ square)
    np.testing.assert_allclose(found, x, rtol=1e-4, atol=1e-6)


def text(fn, *given):
    return jax.jit(fn).lower(*given).as_text()


@tiles
def test_layers_ask_for_it():
    """Those with an activation of their own and those that an Activation follows."""
    x = numbers(256, 128)
    for name in ACTIVATIONS:
        number = f"activation = {list(ACTIVATIONS).index(name)} : i32"
        words = text(layers.Dense(64, activation=name, name=f"one_{name}"), x)
        assert words.count("@cornu_dense") == 1 and number in words
    apart = models.Sequential([layers.Input((128,)), layers.Dense(64), layers.Activation("relu")])
    words = text(lambda x: apart(x), x)
    assert words.count("@cornu_dense") == 1 and "activation = 1 : i32" in words
    more_axes = text(layers.Dense(64, activation="relu"), x.reshape(16, 16, 128))
    assert more_axes.count("@cornu_dense") == 1
    others = [
        text(layers.Dense(64, activation="relu", use_bias=False), x),
        text(layers.Dense(64, activation="elu"), x),
        text(layers.Dense(64, activation="relu"), x[:8]),
        text(layers.Dense(64, activation="relu", dtype="mixed_bfloat16"), x),
    ]
    assert not any("@cornu_dense" in words for words in others)


@tiles
def test_what_was_added_before_relu_counts():
    """Relu of a layer's sum with something is not relu of the layer."""
    inputs = layers.Input((128,))
    y = layers.Dense(128, name="sum")(inputs)
    model = models.Model(inputs, layers.Activation("relu")(layers.Add()([y, inputs])))
    x = numbers(256, 128)
    w, bias = (np.asarray(weight.value) for weight in model.get_layer("sum").weights)
    wanted = np.maximum(x.astype(float) @ w + bias + x, 0)
    assert error(jax.jit(lambda x: model(x))(x), wanted) <= CLOSE


def test_without_the_library(monkeypatch):
    layer = layers.Dense(64, activation="sigmoid")
    x = numbers(256, 128)
    layer.build(x.shape)
    with_kernels = layer(x)
    monkeypatch.setattr(products, "has_kernel", lambda *dtype: False)
    assert engine.dense(x, layer.kernel.value, layer.bias.value, "sigmoid") is None
    np.testing.assert_allclose(layer(x), with_kernels, rtol=1e-5, atol=1e-6)
