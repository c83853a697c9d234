"""Attention by one native kernel each way, against NumPy in float64."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.test_util import check_grads

from cornu import engine, ops
from cornu.engine import native
from cornu.engine.native import attention

built = pytest.mark.skipif(
    not (native.available(attention.ATTENTION) and jax.default_backend() == "cpu"),
    reason="native kernels are not built here, or there is no AMX",
)
HIDDEN = -0.7 * float(np.finfo("float32").max)


@pytest.fixture(autouse=True)
def however_small(monkeypatch):
    monkeypatch.setattr(attention, "LEAST", 0)


def drawn(sizes, seed=0):
    """query, key, value and the slope of the result."""
    batch, time, size, heads, depth, value_depth = sizes
    rng = np.random.default_rng(seed)
    ends = [(time, depth), (size, depth), (size, value_depth), (time, value_depth)]
    return [rng.standard_normal((batch, n, heads, d), "float32") for n, d in ends]


def reference(query, key, value, dy, mask, scale, causal):
    """The result, and the slopes of query, key and value."""
    query, key, value, dy = (a.astype("float64") for a in (query, key, value, dy))
    scores = np.einsum("bthd,bshd->bhts", query, key) * scale
    seen = np.ones(scores.shape, bool) if mask is None else np.broadcast_to(mask, scores.shape)
    if causal:
        seen = seen & np.tri(*scores.shape[2:], dtype=bool)
    scores = np.where(seen, scores, HIDDEN)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    slopes = np.einsum("bthd,bshd->bhts", dy, value)
    slopes = weights * (slopes - (weights * slopes).sum(-1, keepdims=True)) * seen * scale
    return (
        np.einsum("bhts,bshd->bthd", weights, value),
        np.einsum("bhts,bshd->bthd", slopes, key),
        np.einsum("bhts,bthd->bshd", slopes, query),
        np.einsum("bhts,bthd->bshd", weights, dy),
    )


def ours(arrays, mask, scale, causal):
    def all_of_it(query, key, value, dy):
        fn = lambda *a: engine.attention(*a, mask, scale, causal)  # noqa: E731
        y, back = jax.vjp(fn, query, key, value)
        return (y, *back(dy))

    return jax.jit(all_of_it)(*arrays)


def check(sizes, mask=None, causal=False, seed=0):
    arrays, scale = drawn(sizes, seed), sizes[4] ** -0.5
    found = ours(arrays, mask, scale, causal)
    for one, other in zip(found, reference(*arrays, mask, scale, causal), strict=True):
        np.testing.assert_allclose(one, other, atol=2e-6 * max(1, abs(other).max()))


def truth(*shape):
    return np.random.default_rng(3).random(shape) < 0.5


MASKS = {
    "keys": truth(50),
    "keys of examples": truth(2, 1, 1, 50),
    "heads": truth(2, 3, 37, 50),
    "places": truth(1, 1, 37, 50),
    "queries": truth(37, 1),  # some may look nowhere
}


@built
@pytest.mark.parametrize("name", MASKS)
def test_masks(name):
    check((2, 37, 50, 3, 20, 7), MASKS[name])


@built
@pytest.mark.parametrize(
    ("sizes", "causal"),
    [
        ((2, 128, 128, 8, 32, 32), False),
        ((1, 300, 300, 2, 64, 64), True),  # queries in several turns
        ((1, 20, 35, 1, 5, 3), True),
        ((1, 35, 20, 1, 5, 3), True),
        ((3, 1, 1, 1, 1, 1), False),
    ],
    ids=str,
)
def test_known_sizes(sizes, causal):
    check(sizes, None, causal)


@built
@settings(max_examples=8, deadline=None, derandomize=True)
@given(st.tuples(*[st.integers(1, n) for n in (3, 70, 70, 3, 40, 40)]), st.booleans())
def test_any_sizes(sizes, causal):
    check(sizes, truth(sizes[0], 1, 1, sizes[2]), causal)


@built
@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf, 3.4e38])
@pytest.mark.parametrize("which", [0, 1, 2])
def test_what_is_no_number_comes_out_as_from_the_formula(odd, which):
    arrays = drawn((1, 5, 6, 2, 4, 4))
    arrays[which][0, 2, 0, 1] = odd
    found = engine.attention(*arrays[:3], None, 0.5, False)
    none = np.zeros((1, 1, 1, 0), bool)
    wanted = attention.plain(*arrays[:3], none, 0.5, False)
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


@built
def test_derivatives_of_any_order():
    given = drawn((1, 3, 4, 2, 3, 2))[:3]
    mask = truth(2, 3, 4)
    check_grads(lambda *a: engine.attention(*a, mask, 0.5, True), given, 2, rtol=3e-2, eps=1e-2)


@built
def test_vmap():
    query, key, value, _ = drawn((6, 5, 7, 2, 4, 3))
    split = [a.reshape(3, 2, *a.shape[1:]) for a in (query, key, value)]
    found = jax.vmap(lambda *a: engine.attention(*a, None, 0.5, False))(*split)
    whole = engine.attention(query, key, value, None, 0.5, False)
    np.testing.assert_allclose(found.reshape(whole.shape), whole, atol=1e-6)


@built
def test_the_op_asks_for_it_and_does_without(monkeypatch):
    query, key, value, _ = drawn((2, 16, 16, 2, 8, 8))

    def kernels(*arrays, platform="cpu", **how):
        traced = jax.jit(lambda *a: ops.dot_product_attention(*a, **how)).trace(*arrays)
        return "@cornu_attention" in traced.lower(lowering_platforms=(platform,)).as_text()

    assert kernels(query, key, value)
    assert kernels(query, key, value, is_causal=True, mask=truth(16, 16))
    assert kernels(query, key, value, flash_attention=True)
    assert not kernels(query, key, value, platform="cuda")
    assert not kernels(query, key, value, flash_attention=False)
    assert not kernels(query, key, value, bias=np.zeros((16, 16), "float32"))
    assert not kernels(query, key, value, attn_logits_soft_cap=5.0)
    assert not kernels(query, key[:, :, :1], value[:, :, :1])
    assert not kernels(*(a.astype("float16") for a in (query, key, value)))
    fused = ops.dot_product_attention(query, key, value)
    monkeypatch.setattr(native, "available", lambda name: False)
    assert not kernels(query, key, value)
    np.testing.assert_allclose(ops.dot_product_attention(query, key, value), fused, atol=1e-6)


def test_too_little_to_do(monkeypatch):
    monkeypatch.undo()
    assert engine.attention(*drawn((1, 4, 4, 1, 2, 2))[:3], None, 1.0, False) is None
