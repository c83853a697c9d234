"""Rows by their numbers: the native kernel against NumPy."""

import jax
import numpy as np
import pytest

from cornu import engine
from cornu.engine import native

kernels = pytest.mark.skipif(
    not native.available("cornu_rows"), reason=f"native kernels: {native.described()}"
)


@kernels
def test_the_kernel_is_in_the_program():
    lowered = jax.jit(engine.rows).lower(np.zeros((4, 3), "float32"), np.zeros(2, "int32"))
    assert "cornu_rows" in lowered.as_text()


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "uint8", "bool", "int32"])
@pytest.mark.parametrize("shape", [(7,), (7, 3), (7, 2, 5), (7, 0), (1, 4)])
def test_every_dtype_and_shape(dtype, shape):
    x = np.arange(np.prod(shape)).reshape(shape).astype(jax.numpy.dtype(dtype))
    where = np.array([6, 0, 3, 3, 100, -1], "int32")
    found = jax.jit(engine.rows)(x, where)
    expected = x[np.clip(where, 0, shape[0] - 1)]
    assert found.dtype == expected.dtype and np.array_equal(found, expected)


def test_none_and_many():
    x = np.random.default_rng(0).normal(size=(3000, 500)).astype("float32")
    assert jax.jit(engine.rows)(x, np.zeros(0, "int32")).shape == (0, 500)
    where = np.random.default_rng(1).permutation(3000).astype("int32")
    assert np.array_equal(jax.jit(engine.rows)(x, where), x[where])


def test_inside_a_loop():
    x, where = np.arange(12.0, dtype="float32").reshape(6, 2), np.arange(6, dtype="int32")[::-1]

    def step(i, total):
        return total * 2 + engine.rows(x, jax.lax.dynamic_slice(where, (i * 2,), (2,)))

    found = jax.jit(lambda where: jax.lax.fori_loop(0, 3, step, np.zeros((2, 2), "float32")))(where)
    expected = (x[[5, 4]] * 2 + x[[3, 2]]) * 2 + x[[1, 0]]
    assert np.array_equal(found, expected)
