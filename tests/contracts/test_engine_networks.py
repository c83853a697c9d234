"""Members of an engine that networks are made of: what the table of rows cannot say."""

import math

import numpy as np
import pytest

from contracts.attention_reference import attend
from contracts.checks import assert_close, wide
from contracts.draws import some
from cornu import engine


def test_conv_transpose_is_the_adjoint_of_conv():
    """<conv(x, k), y> = <x, conv_transpose(y, k)>, with the margins turned round."""
    x, kernel, y = some(2, 7, 6, 3), some(3, 2, 3, 4), some(2, 4, 5, 4)
    ahead = engine.conv(x, kernel, (2, 1), [(1, 1), (0, 0)], (1, 1), 1)
    assert ahead.shape == y.shape
    back = engine.conv_transpose(y, kernel, (2, 1), [(1, 1), (1, 1)], (1, 1))
    assert back.shape == x.shape
    assert np.vdot(ahead, y) == pytest.approx(np.vdot(x, back), rel=1e-4)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_attention(dtype: str, causal: bool):
    """A kernel of the device computes what the formula says; where there is none it is None."""
    q, k, v = (some(2, 4, 2, 16) for _ in range(3))
    found = engine.attention(*[engine.array(x, dtype) for x in (q, k, v)], None, 0.25, causal)
    if found is not None:
        assert found.dtype == dtype
        wanted = attend(*wide((q, k, v)), scale=0.25, is_causal=causal)
        assert_close(np.asarray(found, "float32"), wanted, rtol=0.05, atol=0.05)
    assert dtype == "bfloat16" or found is None
    odd = engine.attention(*[engine.array(x[:, :3], dtype) for x in (q, k, v)], None, 0.25, causal)
    assert odd is None


def test_recurrent():
    """A kernel computes what the formula of a GRU says; where there is none it is None."""
    x, h, kernel, inner = some(1, 2, 3), some(2, 4), some(3, 12), some(4, 12)
    found = engine.recurrent(
        lambda *_: pytest.fail("the plain form is for what a kernel cannot do"),
        engine.array(x),
        (engine.array(kernel), engine.array(inner), None),
        (engine.array(h),),
        None,
        every=True,
        reverse=False,
    )
    if found is None:
        return
    (z, r, new), heard = (np.split(v @ k, 3, axis=-1) for v, k in ((x[0], kernel), (h, inner)))
    z, r = (1 / (1 + np.exp(-v)) for v in (z + heard[0], r + heard[1]))
    wanted = z * h + (1 - z) * np.tanh(new + r * heard[2])
    assert_close(found, (wanted[None], (wanted,)), rtol=1e-5, atol=1e-6)


def test_adam():
    """A kernel computes what the paper says; where there is none it is None."""
    p, m, v, g = (some(1 << 15) for _ in range(4))
    rates = (0.01, 0.1, 0.001, 1e-7)
    found = engine.adam(
        *[engine.array(x) for x in (p, m, v * v, g)],
        tuple(engine.array(r, "float32") for r in rates),
    )
    if found is None:
        pytest.skip(f"no kernel: {engine.native_kernels()}")
    p, m, v, g = (np.asarray(x, "float64") for x in (p, m, v, g))
    m, v = 0.9 * m + 0.1 * g, 0.999 * v * v + 0.001 * g * g
    assert_close(found, (p - 0.01 * m / (np.sqrt(v) + 1e-7), m, v), rtol=1e-5, atol=1e-6)


def test_normalized():
    x, scale, offset = some(4, 3, 5), some(3), some(3)
    *found, _ = engine.normalized(*map(engine.array, (x, scale, offset)), 1, 0.01)
    wide = x.astype("float64")
    mean, variance = wide.mean((0, 2)), wide.var((0, 2))
    along = [v[:, None] for v in (mean, variance, scale, offset)]
    wanted = (wide - along[0]) / np.sqrt(along[1] + 0.01) * along[2] + along[3]
    assert_close(found, (wanted, mean, variance), rtol=1e-5, atol=1e-6)


def test_normalized_rows():
    x, gamma, beta = some(128, 64), some(64), some(64)
    found = engine.normalized_rows(*map(engine.array, (x, gamma, beta)), 0.01)
    if found is None:
        pytest.skip(f"no kernel: {engine.native_kernels()}")
    wide = x.astype("float64")
    apart = (wide - wide.mean(1, keepdims=True)) / np.sqrt(wide.var(1, keepdims=True) + 0.01)
    assert_close(found, apart * gamma + beta, rtol=1e-5, atol=2e-6)


def test_softmax_rows():
    x = some(128, 64)
    found = engine.softmax_rows(engine.array(x))
    if found is None:
        pytest.skip(f"no kernel: {engine.native_kernels()}")
    powers = np.exp(x.astype("float64"))
    assert_close(found, powers / powers.sum(1, keepdims=True), rtol=1e-5, atol=1e-7)


def test_binary_crossentropy():
    t = 1 / (1 + np.exp(-some(128, 64).astype("float64")))
    p = np.clip(t[::-1] ** 2, 0.01, 0.99)
    given = (engine.array(x, "float32") for x in (p, t))
    found = engine.binary_crossentropy(*given, 0.02)
    if found is None:
        pytest.skip(f"no kernel: {engine.native_kernels()}")
    p = np.clip(p, 0.02, 0.98)
    wanted = (-t * np.log(p) - (1 - t) * np.log(1 - p)).mean(1)
    assert_close(found, wanted, rtol=1e-5, atol=1e-6)


def test_dense():
    x, w, bias = some(4, 64, 128), some(128, 64), some(64)
    found = engine.dense(*map(engine.array, (x, w, bias)), "tanh")
    if found is None:
        pytest.skip(f"no kernel: {engine.native_kernels()}")
    wanted = np.tanh(x.astype("float64") @ w.astype("float64") + bias)
    assert_close(found, wanted, rtol=1e-5, atol=1e-5)


def test_gelu():
    x = some(128, 64)
    found = engine.gelu(engine.array(x))
    if found is None:
        pytest.skip(f"no kernel: {engine.native_kernels()}")
    below = [0.5 * math.erfc(-v / math.sqrt(2)) for v in x.ravel().tolist()]
    assert_close(found, x * np.reshape(below, x.shape), rtol=1e-5, atol=2e-7)


def test_gelu_matmul():
    x, w = some(128, 512), some(512, 256)
    found = engine.gelu_matmul(engine.array(x), engine.array(w))
    if found is None:
        pytest.skip(f"no kernel: {engine.native_kernels()}")
    below = [0.5 * math.erfc(-v / math.sqrt(2)) for v in x.ravel().tolist()]
    wanted = (x * np.reshape(below, x.shape)) @ w.astype("float64")
    assert_close(found, wanted, rtol=1e-5, atol=5e-5)


def test_pool_of_whole_numbers():
    x = np.array([[-5, -3, -9, -1]], "int32")[..., None]
    assert np.ravel(engine.pool(x, "max", (2,), (2,), "VALID")).tolist() == [-3, -1]
