"""Rows of a table and the slope of the table, against NumPy in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cornu import engine
from cornu.engine import native
from cornu.engine.native import lookup

pytestmark = pytest.mark.skipif(
    not (native.available(lookup.BACK) and jax.default_backend() == "cpu"),
    reason="native kernels are not built here",
)
ROWS, WIDTH = 2048, 128  # as many numbers as the kernel asks for


def table(rows=ROWS, width=WIDTH):
    return np.random.default_rng(0).normal(size=(rows, width)).astype("float32")


def slope_of(f, x, indices, dy):
    return jax.jit(lambda x: jax.vjp(lambda x: f(x, indices, 0), x)[1](dy)[0])(x)


def reference(x, indices, dy):
    """Sums by rows; what is no row is left out."""
    flat, slopes = indices.ravel().astype(int), dy.reshape(-1, x.shape[1]).astype(float)
    flat = np.where(flat < 0, flat + len(x), flat)
    inside = (flat >= 0) & (flat < len(x))
    total = np.zeros(x.shape)
    np.add.at(total, flat[inside], slopes[inside])
    return total


@settings(max_examples=10, deadline=None)
@given(st.integers(ROWS, ROWS + 5), st.integers(WIDTH, WIDTH + 9), st.integers(1, 400),
       st.integers(0, 9))  # fmt: skip
def test_random_shapes(rows, width, count, seed):
    x, random = table(rows, width), np.random.default_rng(seed)
    indices = random.integers(-rows - 3, rows + 3, count).astype("int32")
    dy = random.normal(size=(count, width)).astype("float32")
    np.testing.assert_array_equal(engine.take(x, indices, 0), jnp.take(x, indices, axis=0))
    found = slope_of(engine.take, x, indices, dy)
    np.testing.assert_allclose(found, reference(x, indices, dy), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", ["int32", "uint8", "int16"])
def test_indices_of_any_shape_and_dtype(dtype):
    x, random = table(), np.random.default_rng(1)
    indices = random.integers(0, 100, (3, 4, 5)).astype(dtype)
    dy = random.normal(size=(3, 4, 5, WIDTH)).astype("float32")
    found = slope_of(engine.take, x, indices, dy)
    np.testing.assert_allclose(found, reference(x, indices, dy), rtol=1e-5, atol=1e-5)


def test_one_row_often_gives_the_same_bits_every_time():
    x, indices = table(), np.full(5000, 7, "int32")
    dy = np.random.default_rng(2).normal(size=(5000, WIDTH)).astype("float32")
    first = slope_of(engine.take, x, indices, dy)
    np.testing.assert_allclose(first, reference(x, indices, dy), rtol=1e-4, atol=1e-3)
    assert all(np.array_equal(slope_of(engine.take, x, indices, dy), first) for _ in range(3))


def test_derivatives_of_derivatives_and_vmap():
    x, indices = table(), np.array([[1, 5, 5], [0, 2, 1]], "int32")

    def twice(take):
        first = jax.grad(lambda x: (take(x, indices, 0) ** 3).sum())
        return jax.grad(lambda x: (first(x) ** 2).sum())

    np.testing.assert_allclose(twice(engine.take)(x), twice(jnp.take)(x), rtol=1e-5)
    found = jax.vmap(lambda i: engine.take(x, i, 0))(indices)
    np.testing.assert_array_equal(found, x[indices])


def test_the_kernel_is_for_large_tables_on_a_cpu():
    def text(x, indices, platform):
        traced = jax.jit(jax.grad(lambda x: engine.take(x, indices, 0).sum())).trace(x)
        return traced.lower(lowering_platforms=(platform,)).as_text()

    indices = np.array([1, 2])
    assert lookup.BACK in text(table(), indices, "cpu")
    assert "cornu" not in text(table(), indices, "cuda")
    assert "cornu" not in text(table(16, 8), indices, "cpu")
    assert "cornu" not in text(table().astype("float16"), indices, "cpu")
