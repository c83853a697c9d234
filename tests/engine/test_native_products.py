"""Products of matrices by AMX's tiles, against float64 in NumPy."""

import os
import subprocess
import sys
import threading

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cornu import engine
from cornu.engine import native
from cornu.engine.native import products

pytestmark = pytest.mark.skipif(
    not (products.has_kernel("bfloat16") and jax.default_backend() == "cpu"),
    reason="no native kernels here, or a CPU without AMX",
)
CLOSE = 2e-6  # of the largest result; float32's own sums come to as much
QUIET = {"deadline": None, "suppress_health_check": list(HealthCheck), "derandomize": True}
LARGE = ((512, 128), (128, 160))  # worth the kernel, as are its slopes


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def reference(a, b, a_turned=False, b_turned=False):
    a = np.swapaxes(a, -1, -2) if a_turned else a
    b = np.swapaxes(b, -1, -2) if b_turned else b
    return np.matmul(a.astype(float), b.astype(float))


def kernel(a, b, a_turned=False, b_turned=False):
    """The handler itself, whatever the sizes."""
    rows, columns = a.shape[-1 if a_turned else -2], b.shape[-2 if b_turned else -1]
    turned = {"a_turned": np.bool_(a_turned), "b_turned": np.bool_(b_turned)}
    result = jax.ShapeDtypeStruct((*a.shape[:-2], rows, columns), a.dtype)
    call = jax.jit(lambda a, b: native.call("cornu_product", result, a, b, **turned))
    return np.asarray(call(a, b))


def error(found, wanted):
    return np.abs(found - wanted).max() / max(np.abs(wanted).max(), 1e-30)


SIZES = st.one_of(st.integers(1, 40), st.sampled_from([64, 129, 160, 257]))


def check(sides, before, turned, seed=0):
    rows, depth, columns = sides
    a = numbers(*before, *((depth, rows) if turned[0] else (rows, depth)), seed=seed)
    b = numbers(*before, *((columns, depth) if turned[1] else (depth, columns)), seed=seed + 1)
    wanted = reference(a, b, *turned)
    usual = np.sqrt(reference(np.square(a), np.square(b), *turned))  # where terms do not cancel
    apart = np.abs(kernel(a, b, *turned) - wanted).max()
    assert apart <= CLOSE * max(np.abs(wanted).max(), usual.max())


@settings(max_examples=30, **QUIET)
@given(st.tuples(SIZES, SIZES, SIZES), st.sampled_from([(), (1,), (3,), (2, 2)]),
       st.tuples(st.booleans(), st.booleans()))  # fmt: skip
def test_random_shapes(sides, before, turned):
    check(sides, before, turned)


@settings(max_examples=15, **QUIET)
@given(st.tuples(SIZES, SIZES, SIZES), st.sampled_from([(), (3,)]),
       st.tuples(st.booleans(), st.booleans()))  # fmt: skip
def test_bfloat16_is_rounded_once(sides, before, turned):
    rows, depth, columns = sides
    a = numbers(*before, *((depth, rows) if turned[0] else (rows, depth)))
    b = numbers(*before, *((columns, depth) if turned[1] else (depth, columns)), seed=1)
    a, b = (np.asarray(jnp.asarray(x).astype("bfloat16")) for x in (a, b))
    wanted = reference(a, b, *turned)
    found = kernel(a, b, *turned).astype(float)
    np.testing.assert_allclose(found, wanted, rtol=2.0**-8, atol=1e-5 * np.abs(wanted).max())


@pytest.mark.slow
@settings(max_examples=500, **(QUIET | {"derandomize": False}))
@given(st.tuples(SIZES, SIZES, SIZES), st.sampled_from([(), (1,), (3,), (2, 2)]),
       st.tuples(st.booleans(), st.booleans()), st.integers(0, 999))  # fmt: skip
def test_many_random_shapes(sides, before, turned, seed):
    check(sides, before, turned, seed)


@pytest.mark.parametrize("turned", [(False, False), (True, False), (False, True), (True, True)])
def test_more_than_a_block_of_each_side(turned):
    check((300, 1100, 1050), (), turned)


def test_as_exact_as_float32():
    a, b = numbers(96, 2000), numbers(2000, 96, seed=1)
    wanted = reference(a, b)
    assert error(kernel(a, b), wanted) <= 2 * error(np.matmul(a, b), wanted)


def test_all_bits_of_a_number_count():
    """Each product of two numbers of 24 bits, alone, is rounded once."""
    a, b = numbers(64, 1), numbers(1, 64, seed=1)
    np.testing.assert_allclose(kernel(a, b), reference(a, b), rtol=2.0**-23)


@pytest.mark.parametrize("size", [1e-30, 1e-18, 1e18, 3e38, 3.4e38])
def test_small_and_large_numbers(size):
    a, b = np.sign(numbers(32, 33)) * np.float32(size), numbers(33, 48, seed=1) * np.float32(1e-3)
    assert error(kernel(a, b), reference(a, b)) <= CLOSE


@pytest.mark.parametrize("odd", [np.inf, -np.inf, np.nan])
def test_infinity_and_nan_are_what_they_are_elsewhere(odd):
    a, b = numbers(70, 50), numbers(50, 40, seed=1)
    a[3, 7], b[2, 11] = odd, -odd
    with np.errstate(invalid="ignore"):
        wanted = reference(a, b)
    found = kernel(a, b)
    assert np.array_equal(np.isnan(found), np.isnan(wanted))
    assert np.array_equal(np.isinf(found), np.isinf(wanted))
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)


def test_the_same_every_time_and_in_any_company():
    a, b = numbers(333, 200), numbers(200, 77, seed=1)
    first, wrong = kernel(a, b), []

    def often():
        wrong.extend(i for i in range(10) if not np.array_equal(kernel(a, b), first))

    threads = [threading.Thread(target=often) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


# ---------------------------------------------------------------- as a function of JAX


def uses(f, *arrays) -> bool:
    return "cornu_product" in jax.jit(f).lower(*arrays).as_text()


@pytest.mark.parametrize("b_turned", [False, True])
@pytest.mark.parametrize("before", [(), (2, 3)])
def test_slopes_are_products_again(b_turned, before):
    a = numbers(*before, *LARGE[0])
    b = numbers(*before, *(LARGE[1][::-1] if b_turned else LARGE[1]), seed=1)
    slope = numbers(*before, 512, 160, seed=2)

    def slopes(a, b):
        return jax.vjp(lambda a, b: engine.matmul(a, b, b_turned), a, b)[1](slope)

    text = jax.jit(slopes).lower(a, b).as_text()
    assert text.count("call @cornu_product") + text.count("custom_call @cornu_product") >= 2
    of_a, of_b = jax.jit(slopes)(a, b)
    wanted_b = reference(a, slope, a_turned=True)
    assert error(of_a, reference(slope, b, False, not b_turned)) <= CLOSE
    assert error(of_b, np.swapaxes(wanted_b, -1, -2) if b_turned else wanted_b) <= CLOSE


def plain(a, b):
    return jnp.matmul(a, b)


def test_second_order():
    a, b = numbers(*LARGE[0]), numbers(*LARGE[1], seed=1)
    v = numbers(*LARGE[0], seed=2)

    def twice(product):
        first = jax.grad(lambda a: (product(a, b) ** 3).sum())
        return jax.grad(lambda a: (first(a) * v).sum())

    assert error(jax.jit(twice(engine.matmul))(a), jax.jit(twice(plain))(a)) <= 1e-5


@pytest.mark.parametrize("axes", [(0, 0), (0, None), (None, 0), (1, 2)])
def test_vmap(axes):
    a, b = numbers(*LARGE[0]), numbers(*LARGE[1], seed=1)
    a, b = (np.stack([x, 2 * x, 3 * x], axis) if axis is not None else x
            for x, axis in zip((a, b), axes, strict=True))  # fmt: skip
    found = jax.jit(jax.vmap(engine.matmul, axes))(a, b)
    assert error(found, jax.vmap(plain, axes)(a, b)) <= CLOSE


def test_in_a_loop():
    a, b = numbers(512, 128), numbers(128, 128, seed=1) / 12

    def loop(product):
        def step(x, _):
            return jnp.tanh(product(x, b)), None

        return lambda a: jax.lax.scan(step, a, None, 4)[0].sum()

    found, wanted = (jax.jit(jax.grad(loop(f)))(a) for f in (engine.matmul, plain))
    assert error(found, wanted) <= 1e-5


def test_rows_of_more_axes():
    a, b = numbers(8, 64, 128), numbers(128, 160, seed=1)
    assert uses(engine.matmul, a, b)
    assert error(engine.matmul(a, b), reference(a, b)) <= CLOSE


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ((8, 128), (128, 8192)),  # fewer rows than a tile has
        ((64, 64), (64, 64)),  # not worth it
        ((1, 512, 128), (2, 128, 160)),  # factors that are repeated
        ((0, 128), (128, 160)),
    ],
)
def test_the_rest_is_left_to_xla(a, b):
    a, b = numbers(*a), numbers(*b, seed=1)
    assert not uses(engine.matmul, a, b)
    np.testing.assert_allclose(engine.matmul(a, b), reference(a, b), rtol=1e-4, atol=1e-4)


def test_bfloat16():
    a, b = (jnp.asarray(numbers(*shape)).astype("bfloat16") for shape in LARGE)
    assert uses(engine.matmul, a, b)
    found = engine.matmul(a, b)
    assert found.dtype == "bfloat16"
    assert error(np.asarray(found, float), reference(np.asarray(a), np.asarray(b))) < 4e-3


@pytest.mark.parametrize("dtype", ["float16", "int32"])
def test_other_dtypes_are_left_to_xla(dtype):
    a, b = (jnp.asarray(numbers(*shape)).astype(dtype) for shape in LARGE)
    assert not uses(engine.matmul, a, b)
    assert engine.matmul(a, b).dtype == dtype


def test_a_gpu_gets_what_xla_has():
    a, b = numbers(*LARGE[0]), numbers(*LARGE[1])
    traced = jax.jit(engine.matmul).trace(a, b)
    assert "cornu_product" in traced.lower(lowering_platforms=("cpu",)).as_text()
    on_gpu = traced.lower(lowering_platforms=("cuda",)).as_text()
    assert "cornu" not in on_gpu
    assert "dot_general" in on_gpu


WITHOUT = """
import jax
import numpy as np
from cornu import engine
from cornu.engine.native import products
kinds = {kinds}
assert [products.has_kernel(t) for t in products.TYPES] == [kinds > 0, kinds > 1]
a = np.arange(512 * 128, dtype="float32").reshape(512, 128) % 7
b = np.arange(128 * 160, dtype="float32").reshape(128, 160) % 5
assert np.array_equal(engine.matmul(a, b), a @ b)
bias = np.arange(160, dtype="float32")
y = engine.dense(a, b, bias, "relu")
assert (y is None) == (kinds == 0)
assert y is None or np.array_equal(y, np.maximum(a @ b + bias, 0))
ones = np.ones((512, 160), "float32")
da, db = jax.vjp(engine.matmul, a, b)[1](ones)
assert np.array_equal(da, ones @ b.T) and np.array_equal(db, a.T @ ones)
big = jax.ShapeDtypeStruct((4096, 1024), "float32")
assert not products.takes(big, jax.ShapeDtypeStruct((1024, 256), "float32"))
half = jax.ShapeDtypeStruct((512, 128), "bfloat16")
assert not products.takes(half, jax.ShapeDtypeStruct((128, 160), "bfloat16"))
"""


@pytest.mark.parametrize(
    "said, kinds",
    [({"ONEDNN_MAX_CPU_ISA": "AVX512_CORE"}, 1), ({"ONEDNN_MAX_CPU_ISA": "AVX2"}, 0),
     ({"CORNU_NATIVE": "0"}, 0)],
)  # fmt: skip
def test_without_the_tiles(said, kinds):
    """By oneDNN alone where vectors are wide, for products that are not too large."""
    program = WITHOUT.format(kinds=kinds)
    done = subprocess.run(
        [sys.executable, "-c", program], env=os.environ | said, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
